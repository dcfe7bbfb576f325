//! `explain`: every rule, every condition: wanted, saw, verdict.

mod tree;

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::Access;
use super::output::{self, plain};
use super::test::normalise;
use super::{ConfigArguments, Ended, Format, story};
use crate::app;
use crate::clock::Clock;
use crate::config;
use crate::model::{Event, Facts, SourceName};
use crate::rules::check::read_event;
use crate::rules::{self, Book, Depth};
use crate::store;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rejoinder explain evt_0123456789abcdef0123456789\n  rejoinder explain event.json\n  echo '{\"message\": {\"text\": \"refund\"}}' | rejoinder explain -\n  rejoinder explain payload.json --source inbox\n  rejoinder explain event.json --rule refunds"
)]
pub(super) struct Arguments {
    /// A stored event's id, or a file with an event as in a rule test; `-` reads standard input.
    event: String,
    /// The file is a provider's own JSON, read as this source would.
    #[arg(long)]
    source: Option<String>,
    /// Only this rule.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// Only what did not pass: of a rule that did not match, the conditions against it.
    #[arg(long)]
    brief: bool,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    let mut explained = match arguments.event.starts_with("evt_") {
        true => stored(&arguments).await?,
        false => given(&arguments)?,
    };
    let head = tree::head(&explained);
    if let Some(rule) = &arguments.rule {
        keep(&mut explained, rule)?;
    }
    match arguments.format {
        Format::Json => output::json(&explained),
        Format::Text => {
            let rules = tree::body(&explained, arguments.brief);
            head.iter().chain(&rules).for_each(output::line);
        }
    }
    Ok(Ended::Fine)
}

/// Leaves out every rule but one.
fn keep(explained: &mut Value, rule: &str) -> anyhow::Result<()> {
    let mut known = Vec::new();
    for side in ["matched", "unmatched"] {
        let Some(side) = explained["decision"]["trace"][side].as_array_mut() else { continue };
        known.extend(side.iter().map(|one| plain(&one["rule"])));
        side.retain(|one| one["rule"] == rule);
    }
    // Where deciding itself failed, no rule is named, and the head says why.
    if known.iter().any(|name| name == rule) || story::is_undecided(&explained["decision"]["trace"]) {
        return Ok(());
    }
    Err(anyhow!("there is no rule `{rule}`{}", crate::yaml::suggest(rule, known.iter().map(String::as_str))))
}

async fn stored(arguments: &Arguments) -> anyhow::Result<Value> {
    let access = Access::open(&arguments.config).await?;
    let answer = access.get(&format!("/api/v1/events/{}/explain", arguments.event)).await;
    access.close().await?;
    answer
}

fn given(arguments: &Arguments) -> anyhow::Result<Value> {
    let text = output::read(&arguments.event)?;
    let settings = config::load(&arguments.config.config)?;
    let book = app::load_book(&settings)?;
    let engine = app::build(settings, book, store::memory::open(), Clock::system())?;
    let book = engine.book.load();
    let event = match &arguments.source {
        Some(source) => {
            normalise(&engine, &SourceName::from(source.as_str()), text.into_bytes()).map_err(anyhow::Error::msg)?
        }
        None => {
            let file = if arguments.event == "-" { "standard input" } else { &arguments.event };
            // Faults as they are would tell the caller that the configuration is wrong.
            read_event(file, &text, book.surroundings(), engine.clock.now()).map_err(|faults| anyhow!("{faults}"))?
        }
    };
    Ok(explained(&book, event, engine.clock.now()))
}

fn explained(book: &Book, event: Event, now: Timestamp) -> Value {
    let facts = Facts::fresh(event.clone(), now);
    let decision = rules::decide(book, &facts, Depth::Everything);
    // Nothing is sent, so there is nothing to say of sends.
    json!({ "event": event, "decision": decision, "sends": null })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    #[test]
    fn where_deciding_itself_fails_that_is_what_is_said() {
        let book = testing::broken_book("- { name: greet, do: [{ reply: { text: x } }] }", testing::surroundings());
        let event = testing::event(json!({ "message": { "text": "hello" } }), book.surroundings(), 0, testing::now());
        let mut explained = explained(&book, event, testing::now());
        let head = tree::head(&explained).join("\n");
        assert!(
            head.contains("every rule failed: deciding failed by a fault in the program, and nothing was sent"),
            "{head}"
        );
        keep(&mut explained, "greet").unwrap();
    }
}
