//! Files that a reply takes along. They are read when the rule book is loaded, never when an event is decided.

use std::path::{Component, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::site::{Attachments, Site};
use crate::model::OutgoingAttachment;
use crate::model::ids::digest_of;

/// The largest file, in bytes: the send is kept with its content until it is settled.
const MAX_FILE: usize = 5 * 1024 * 1024;

/// One entry of `attachments`: a `file` beside the rules, a `url`, or the `id` of a file that the provider has.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachmentArgument {
    /// A file, by its path from the rules folder.
    file: Option<String>,
    /// An https address that the provider fetches.
    url: Option<String>,
    /// The provider's id of a file.
    id: Option<String>,
    /// The name that the contact sees.
    name: Option<String>,
}

impl AttachmentArgument {
    pub(super) fn compile(&self, site: &Site<'_>) -> Option<OutgoingAttachment> {
        let made = match (&self.file, &self.url, &self.id) {
            (Some(file), None, None) => self.inline(file, site),
            (None, Some(url), None) => remote(url),
            (None, None, Some(id)) => {
                Ok(OutgoingAttachment::Stored { id: id.clone(), name: self.name.clone().unwrap_or_else(|| id.clone()) })
            }
            _ => Err("give exactly one of `file`, `url` and `id`".to_owned()),
        };
        made.map_err(|why| site.fault(why)).ok()
    }

    fn inline(&self, file: &str, site: &Site<'_>) -> Result<OutgoingAttachment, String> {
        if site.is_literal() {
            return Err("a script cannot read a file; give a url or an id, or write `attachments` in YAML".to_owned());
        }
        let path = Path::new(file);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(format!("`{file}` leads out of the rules folder; name a file below it"));
        }
        let (content, digest) = match &site.surroundings().attachments {
            Attachments::Folder(folder) => {
                let content = std::fs::read(folder.join(path)).map_err(|why| format!("cannot read `{file}`: {why}"))?;
                if content.len() > MAX_FILE {
                    return Err(format!("`{file}` has {} bytes; at most {MAX_FILE} can be sent along", content.len()));
                }
                let digest = digest_of(&content);
                (content, digest)
            }
            Attachments::Kept(digests) => {
                (Vec::new(), digests.get(file).cloned().ok_or_else(|| format!("`{file}` was not kept"))?)
            }
        };
        site.note_attached(file, digest);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(OutgoingAttachment::Inline {
            name: self.name.clone().unwrap_or(name),
            content_type: mime_guess::from_path(path).first_or_octet_stream().essence_str().to_owned(),
            content: STANDARD.encode(content),
        })
    }
}

fn remote(url: &str) -> Result<OutgoingAttachment, String> {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.scheme() == "https" => Ok(OutgoingAttachment::Url { url: parsed.to_string() }),
        _ => Err(format!("`{url}` is not an https address; write it like https://desk.example/hours.pdf")),
    }
}

/// The capability that an attachment needs.
pub(super) fn need(attachment: &OutgoingAttachment) -> &'static str {
    match attachment {
        OutgoingAttachment::Inline { .. } => "reply.attachments.inline",
        OutgoingAttachment::Url { .. } => "reply.attachments.url",
        OutgoingAttachment::Stored { .. } => "reply.attachments.stored",
    }
}
