//! `explain`: every rule, every condition: wanted, saw, verdict.

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use super::access::Access;
use super::output::{self, plain};
use super::test::normalise;
use super::{ConfigArguments, Ended, Format, story};
use crate::app;
use crate::clock::Clock;
use crate::config;
use crate::model::{ContactRecord, ConversationRecord, Event, Facts, SourceName};
use crate::rules::check::{EventDocument, build_event};
use crate::rules::{self, Depth};
use crate::store;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rejoinder explain evt_0123456789abcdef0123456789\n  rejoinder explain event.json\n  echo '{\"message\": {\"text\": \"refund\"}}' | rejoinder explain -\n  rejoinder explain payload.json --source inbox"
)]
pub(super) struct Arguments {
    /// A stored event's id, or a file with an event as in a rule test; `-` reads standard input.
    event: String,
    /// The file is a provider's own JSON, read as this source would.
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    let explained = match arguments.event.starts_with("evt_") {
        true => stored(&arguments).await?,
        false => given(&arguments)?,
    };
    match arguments.format {
        Format::Json => output::json(&explained),
        Format::Text => output::line(tree(&explained)),
    }
    Ok(Ended::Fine)
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
        None => read_event(&text, &book)?,
    };
    let facts = Facts {
        event: event.clone(),
        conversation: ConversationRecord::default(),
        contact: ContactRecord::default(),
        is_own: false,
        now: engine.clock.now(),
    };
    let decision = rules::decide(&book, &facts, Depth::Everything);
    // Nothing is sent, so there is nothing to say of sends.
    Ok(json!({ "event": event, "decision": decision, "sends": null }))
}

fn read_event(text: &str, book: &rules::Book) -> anyhow::Result<Event> {
    let value: Value = serde_json::from_str(text).context("the event is not JSON")?;
    if value.get("received_at").is_some() {
        return serde_json::from_value(value).context("not an event as the admin API gives it");
    }
    let written: EventDocument = serde_json::from_value(value)
        .context("not an event as in a rule test; with --source, a provider's own JSON is read")?;
    build_event(written, book.surroundings(), 0, Clock::system().now()).map_err(|why| anyhow!(why))
}

fn tree(explained: &Value) -> String {
    let trace = &explained["decision"]["trace"];
    let mut lines = vec![story::tell(explained), String::new(), "loop guard".to_owned()];
    for step in trace["guard"].as_array().into_iter().flatten() {
        let mark = match step["result"].as_str() {
            Some("pass") => "✓",
            Some("block") => "✗",
            _ => "–",
        };
        lines.push(format!("  {mark} {}: {}", plain(&step["code"]), plain(&step["saw"])));
    }
    let count = |key: &str| trace[key].as_array().map_or(0, Vec::len);
    lines.extend([String::new(), format!("rules that matched: {}", count("matched"))]);
    for rule in trace["matched"].as_array().into_iter().flatten() {
        lines.push(format!("  ✓ {} ({})", plain(&rule["rule"]), plain(&rule["place"])));
        lines.extend(findings(&rule["findings"], 3));
    }
    lines.extend([String::new(), format!("rules that did not: {}", count("unmatched"))]);
    for rule in trace["unmatched"].as_array().into_iter().flatten() {
        lines.push(format!("  ✗ {} ({}): {}", plain(&rule["rule"]), plain(&rule["place"]), plain(&rule["because"])));
        lines.extend(findings(&rule["findings"], 3));
    }
    lines.join("\n")
}

fn findings(findings: &Value, depth: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in findings.as_array().into_iter().flatten() {
        let mark = if finding["holds"] == true { "✓" } else { "✗" };
        let pad = "  ".repeat(depth);
        match finding["inner"].as_array() {
            Some(inner) if !inner.is_empty() => {
                lines.push(format!("{pad}{mark} {} ({})", plain(&finding["subject"]), plain(&finding["saw"])));
                lines.extend(self::findings(&finding["inner"], depth + 1));
            }
            _ => lines.push(format!(
                "{pad}{mark} {} {}; saw {}",
                plain(&finding["subject"]),
                plain(&finding["wanted"]),
                plain(&finding["saw"])
            )),
        }
    }
    lines
}
