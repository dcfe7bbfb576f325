//! `why`: what was received, decided and sent in a conversation.

use serde_json::{Value, json};

use super::access::{Access, query};
use super::{ConfigArguments, Ended, Format, output, quarantine, story};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rejoinder why conv_abc123")]
pub(super) struct Arguments {
    /// The provider's id of the conversation.
    conversation: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// At most so many events, the newest.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    let access = Access::open(&arguments.config).await?;
    let found = gather(&access, &arguments).await;
    let standing = match &found {
        Ok(found) if !found.is_empty() => standing(&access, found).await,
        _ => Ok((Vec::new(), Vec::new())),
    };
    access.close().await?;
    let (found, (controls, quarantines)) = (found?, standing?);
    match arguments.format {
        Format::Json => {
            output::json(&json!({ "events": found, "controls": controls, "quarantines": quarantines }));
        }
        Format::Text if found.is_empty() => {
            output::line(format!(
                "nothing was received in `{}`; is it the provider's id of the conversation?",
                arguments.conversation
            ));
        }
        Format::Text => {
            found.iter().for_each(|entry| output::line(story::tell(entry)));
            controls.iter().flat_map(story::orders).for_each(output::line);
            quarantines.iter().for_each(|one| output::line(quarantine::told(one)));
        }
    }
    Ok(if found.is_empty() { Ended::Failed } else { Ended::Fine })
}

/// What is ordered for these events' conversation, account and rules, and the quarantines that hold there.
async fn standing(access: &Access, entries: &[Value]) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let text = |value: &Value| output::plain(value);
    let mut scopes = vec!["all".to_owned()];
    for entry in entries {
        let (account, id) = (text(&entry["event"]["account"]), text(&entry["event"]["conversation"]["id"]));
        scopes.push(format!("conversation:{account}/conversation:{id}"));
        scopes.push(format!("account:{account}"));
        let matched = entry["decision"]["trace"]["matched"].as_array().into_iter().flatten();
        scopes.extend(matched.map(|rule| format!("rule:{}", text(&rule["rule"]))));
    }
    let is_meant = |scope: &str| scopes.iter().any(|known| known == scope);
    let mut orders = access.get("/api/v1/controls").await?;
    let mut curbs = access.get("/api/v1/quarantine").await?;
    let list = |value: &mut Value, key: &str| match value[key].take() {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    let (mut controls, mut quarantines) = (list(&mut orders, "controls"), list(&mut curbs, "quarantines"));
    controls.retain(|control| is_meant(&text(&control["scope"])));
    quarantines.retain(|one| is_meant(&format!("conversation:{}", text(&one["conversation"]))));
    Ok((controls, quarantines))
}

/// The events, oldest first, each with its decision and sends.
async fn gather(access: &Access, arguments: &Arguments) -> anyhow::Result<Vec<Value>> {
    let query =
        query(&[("conversation", Some(arguments.conversation.clone())), ("limit", Some(arguments.limit.to_string()))]);
    let answer = access.get(&format!("/api/v1/events?{query}")).await?;
    let mut entries = Vec::new();
    for stored in answer["events"].as_array().into_iter().flatten().rev() {
        let id = output::plain(&stored["event"]["id"]);
        entries.push(access.get(&format!("/api/v1/events/{id}")).await?);
    }
    Ok(entries)
}
