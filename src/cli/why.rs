//! `why`: what was received, decided and sent in a conversation.

use serde_json::{Value, json};

use super::access::{Access, query};
use super::{ConfigArguments, Ended, Format, output, story};

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
    access.close().await?;
    let found = found?;
    match arguments.format {
        Format::Json => output::json(&json!({ "events": found })),
        Format::Text if found.is_empty() => {
            output::line(format!(
                "nothing was received in `{}`; is it the provider's id of the conversation?",
                arguments.conversation
            ));
        }
        Format::Text => found.iter().for_each(|entry| output::line(story::tell(entry))),
    }
    Ok(if found.is_empty() { Ended::Failed } else { Ended::Fine })
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
