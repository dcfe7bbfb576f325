//! `reply`: a message to the contact.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::all;
use super::super::schedule::{find, named_in};
use super::super::site::Site;
use super::super::template::Form;
use super::super::view::View;
use super::attachment::{self, AttachmentArgument};
use super::words::{Words, choose};
use super::{ActionKind, Planned, Prepare, Prepared, schema_of};
use crate::model::{Action, CancelOn, OutgoingAttachment, Reply, ReplyFormat, ReplyKind, duration};
use crate::yaml::suggest;

pub(super) struct ReplyAction;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Argument {
    /// Plain text; a template.
    text: Option<String>,
    /// Markdown, from which both text and HTML are made; a template.
    markdown: Option<String>,
    /// HTML, from which the text is made; a template whose values are escaped.
    html: Option<String>,
    /// The name of a file in the snippets folder.
    snippet: Option<String>,
    /// Overrides the conversation's subject; a template.
    subject: Option<String>,
    /// Files to send along.
    #[serde(default)]
    attachments: Vec<AttachmentArgument>,
    /// How long to wait before it is sent, such as `2m`.
    #[schemars(with = "Option<duration::Written>")]
    delay: Option<String>,
    /// What calls it off while it waits.
    #[serde(default)]
    cancel_on: Vec<CancelOn>,
    /// The member it is sent as.
    #[serde(rename = "as")]
    sender: Option<String>,
    /// What it is, for the loop guard: answer (default), ack or away.
    #[serde(default)]
    kind: ReplyKind,
}

impl ActionKind for ReplyAction {
    fn name(&self) -> &'static str {
        "reply"
    }

    fn summary(&self) -> &'static str {
        "Answers the contact."
    }

    fn schema(&self) -> Value {
        schema_of::<Argument>()
    }

    fn example(&self) -> &'static str {
        r#"reply:
  markdown: |
    Hi {{ contact.first_name | default("there") }}, we look into it **today**.
  delay: 2m
  cancel_on: [human_reply]"#
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let argument: Argument = super::super::read_argument(argument, site)?;
        let words = words(&argument, site);
        let subject = argument.subject.as_ref().map(|text| Words::compile(text, Form::Text, &site.child("subject")));
        let delay = argument
            .delay
            .as_ref()
            .map(|text| duration::parse(text).map_err(|why| site.child("delay").fault(why)).ok());
        let sender = argument.sender.as_ref().map(|alias| member(alias, &site.child("as")));
        let files = argument.attachments.iter().enumerate();
        let attachments =
            all(files.map(|(index, one)| one.compile(&site.child("attachments").child(&index.to_string()))));
        Some(Box::new(CompiledReply {
            words: words?,
            subject: subject.map_or(Some(None), |subject| subject.map(Some))?,
            attachments: attachments?,
            delay: delay.map_or(Some(SignedDuration::ZERO), |delay| delay)?,
            cancel_on: argument.cancel_on,
            sender: sender.map_or(Some(None), |sender| sender.map(Some))?,
            kind: argument.kind,
        }))
    }
}

const TEXTS: &str = "text, markdown, html, snippet";

fn words(argument: &Argument, site: &Site<'_>) -> Option<Words> {
    let texts = [
        ("text", Form::Text, argument.text.as_ref()),
        ("markdown", Form::Markdown, argument.markdown.as_ref()),
        ("html", Form::Html, argument.html.as_ref()),
    ];
    match &argument.snippet {
        Some(name) if texts.iter().all(|(.., text)| text.is_none()) => snippet_words(name, &site.child("snippet")),
        Some(_) => {
            site.child("snippet").fault(format!("only one of {TEXTS} can be given"));
            None
        }
        None => choose(&texts, TEXTS, site),
    }
}

/// The text of a snippet file.
pub(super) fn snippet_words(name: &str, site: &Site<'_>) -> Option<Words> {
    let snippets = &site.surroundings().snippets;
    let Some(snippet) = snippets.get(name) else {
        site.fault(format!("there is no snippet `{name}`{}", suggest(name, snippets.keys().map(String::as_str))));
        return None;
    };
    for (line, name) in named_in(&snippet.source) {
        if let Err(why) = find(&site.surroundings().schedules, &name) {
            site.fault(format!("{}:{line}: {why}", snippet.file));
        }
    }
    match super::super::template::Template::compile(name, &snippet.source, snippet.form) {
        Ok(template) => Some(Words::Template(template, snippet.form, snippet.source.clone())),
        Err(faults) => {
            for fault in faults {
                let place = format!("{}:{}:{}", snippet.file, fault.line, fault.column);
                site.fault(format!("{place}: the template does not compile: {}", fault.message));
            }
            None
        }
    }
}

/// An alias that must stand under `members:`.
pub(super) fn member(alias: &str, site: &Site<'_>) -> Option<String> {
    let members = &site.surroundings().members;
    if members.contains_key(alias) {
        return Some(alias.to_owned());
    }
    site.fault(format!("there is no member `{alias}`{}", suggest(alias, members.keys().map(String::as_str))));
    None
}

pub(super) struct CompiledReply {
    pub(super) words: Words,
    pub(super) subject: Option<Words>,
    pub(super) attachments: Vec<OutgoingAttachment>,
    pub(super) delay: SignedDuration,
    pub(super) cancel_on: Vec<CancelOn>,
    pub(super) sender: Option<String>,
    pub(super) kind: ReplyKind,
}

impl Prepare for CompiledReply {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        let rendered = self.words.render(view)?;
        let reply = Reply {
            text: rendered.text,
            html: rendered.html,
            format: match self.words.form() {
                Form::Text | Form::Address => ReplyFormat::Text,
                Form::Markdown => ReplyFormat::Markdown,
                Form::Html => ReplyFormat::Html,
            },
            subject: self.subject.as_ref().map(|subject| subject.plain(view)).transpose()?.map(one_line),
            attachments: self.attachments.clone(),
            sender: self.sender.as_deref().map(|alias| view.member_id(alias)).transpose()?,
            kind: self.kind,
        };
        Ok(Prepared::Planned(Planned {
            action: Action::Reply(reply),
            delay: self.delay,
            cancel_on: self.cancel_on.clone(),
        }))
    }

    fn identity(&self) -> Option<String> {
        let subject = self.subject.as_ref().map_or(Some(""), Words::source)?;
        Some(format!("{subject}\0{}", self.words.source()?))
    }

    fn reply_kind(&self) -> Option<ReplyKind> {
        Some(self.kind)
    }

    fn needs(&self) -> Vec<&'static str> {
        let mut needs = vec!["reply"];
        needs.extend(self.subject.as_ref().map(|_| "reply.subject"));
        needs.extend(self.sender.as_ref().map(|_| "reply.as"));
        needs.extend(self.attachments.iter().map(attachment::need));
        needs
    }
}

/// A subject cannot hold a line break: it would become a header of its own somewhere down the line.
fn one_line(text: String) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
