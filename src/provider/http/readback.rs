//! Whether a send of unknown outcome has landed, told from the described list of messages. It only reads, and in doubt it
//! says so: a message too few can be sent by a person, a message too many cannot be taken back.

use jiff::SignedDuration;
use serde_json::Value;

use super::config::Account;
use super::outbound::reading;
use super::plan::ReadBackPlan;
use crate::model::Action;
use crate::provider::landed::{Found, Sought};
use crate::provider::outcome::reason;
use crate::provider::{Call, ReadBack, read};
use crate::text::text_of_html;

/// How far the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Reads back.
pub(super) async fn read_back(account: &Account, call: &Call<'_>) -> ReadBack {
    let text = match &call.send.action {
        Action::Reply(reply) => &reply.text,
        Action::Note(note) => &note.text,
        Action::Snippet(_) => return ReadBack::Unclear("the text of a snippet is not known here".to_owned()),
        // Done again, these do no harm.
        Action::Tag(_) | Action::Assign(_) | Action::Close | Action::Http(_) => return ReadBack::Absent,
    };
    let Some(plan) = &account.read_back else {
        return ReadBack::Unclear("the account has no `read_back`".to_owned());
    };
    match items(account, plan, call).await {
        Ok(items) => look(plan, call, text, &items),
        Err(reason) => ReadBack::Unclear(reason),
    }
}

async fn items(account: &Account, plan: &ReadBackPlan, call: &Call<'_>) -> Result<Vec<Value>, String> {
    let request = reading(account, plan, call)?;
    let response = call.http.call(request).await.map_err(|error| error.to_string())?;
    if !response.is_success() {
        return Err(format!("reading back was answered {}", reason(&response)));
    }
    let json = response.json();
    let items = json.pointer(&plan.items).and_then(Value::as_array);
    items.cloned().ok_or_else(|| "there is no list at `read_back.items`".to_owned())
}

/// Looks for our text. It is missing only from a list that is known to show the newest messages: one that holds the
/// message answered, or a later one.
fn look(plan: &ReadBackPlan, call: &Call<'_>, ours: &str, items: &[Value]) -> ReadBack {
    let sought = match Sought::text(call, &[ours]) {
        Ok(sought) => sought,
        Err(reason) => return ReadBack::Unclear(reason),
    };
    let found = items.iter().map(|item| Found {
        id: plan.id.as_ref().and_then(|pointer| read::text(item, pointer)),
        at: read::time(item, &plan.at),
        text: text(item, &plan.text),
    });
    let newest = items.iter().filter_map(|item| read::time(item, &plan.at)).max();
    match sought.among(found) {
        ReadBack::Absent if newest.is_none_or(|newest| newest < call.event.at - SKEW) => {
            ReadBack::Unclear("the list does not show the newest messages".to_owned())
        }
        told => told,
    }
}

/// The text in both forms it may be compared in: as shown, and without its HTML.
fn text(item: &Value, pointer: &str) -> String {
    let text = read::text(item, pointer).unwrap_or_default();
    if text.contains('<') { format!("{text} {}", text_of_html(&text)) } else { text }
}
