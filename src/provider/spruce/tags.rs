//! Tags of a conversation. Spruce replaces the whole list, so it is read, changed and written; what another one changes
//! between the two calls is lost, and Spruce offers no way to see that.

use http::Method;
use serde_json::{Value, json};

use super::config::Config;
use super::outbound::{conversation_id, patch};
use crate::model::{Outcome, TagChange};
use crate::provider::outcome::{answered, refused};
use crate::provider::{Call, read};

/// Puts tags on and takes tags off, and writes only where that changes something.
pub(super) async fn change(config: &Config, call: &Call<'_>, change: &TagChange) -> Result<Outcome, Outcome> {
    let path = ["conversations", conversation_id(call.event)?];
    let answer = config.api.get(call, &path, &[]).await?;
    let conversation = answer.get("conversation").filter(|conversation| conversation.is_object());
    let conversation = conversation.ok_or_else(|| refused("the conversation was not understood"))?;
    let before: Vec<Tag> = tags(conversation);
    let mut after: Vec<String> =
        before.iter().filter(|tag| !tag.is_in(&change.remove)).map(|tag| tag.id.clone()).collect();
    for wanted in change.add.iter().filter(|wanted| !before.iter().any(|tag| tag.is(wanted))) {
        let id = create(config, call, wanted).await?;
        if !after.contains(&id) {
            after.push(id);
        }
    }
    match before.iter().map(|tag| &tag.id).eq(after.iter()) {
        true => Ok(Outcome::done()),
        false => patch(config, call, &json!({ "tagIds": after })).await,
    }
}

/// The id of a tag by its value. Spruce answers the existing one where there is one already.
async fn create(config: &Config, call: &Call<'_>, value: &str) -> Result<String, Outcome> {
    let body = json!({ "value": value });
    let request = config.api.request(Method::POST, &["conversations", "tags"], Some(&body))?;
    let answer = answered(call.http.call(request).await, call.now)?;
    read::first_text(&answer, &["/id", "/tag/id"]).ok_or_else(|| refused("the created tag was not understood"))
}

struct Tag {
    id: String,
    value: String,
}

impl Tag {
    fn is(&self, value: &str) -> bool {
        self.value.to_lowercase() == value.to_lowercase()
    }

    fn is_in(&self, values: &[String]) -> bool {
        values.iter().any(|value| self.is(value))
    }
}

fn tags(conversation: &Value) -> Vec<Tag> {
    let tag =
        |tag: &Value| Some(Tag { id: read::text(tag, "/id")?, value: read::text(tag, "/value").unwrap_or_default() });
    read::items(conversation, "/tags").filter_map(tag).collect()
}
