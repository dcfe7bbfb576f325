//! A round of reading that a person asks for: started, watched, told of.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::super::access::Access;
use super::super::output::{self, plain};
use super::super::{Ended, Format, story};
use super::{BackfillArguments, PollArguments};

/// How often it is looked how far it has come.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn poll(arguments: &PollArguments) -> anyhow::Result<Ended> {
    let access = Access::open(&arguments.config).await?;
    let read = read(&access, &arguments.source, "poll", &json!({})).await;
    access.close().await?;
    tell(&read?, arguments.format)
}

pub(super) async fn backfill(arguments: &BackfillArguments) -> anyhow::Result<Ended> {
    let access = Access::open(&arguments.config).await?;
    let body = json!({ "since": arguments.since, "dry_run": arguments.dry_run });
    let read = read(&access, &arguments.source, "backfill", &body).await;
    access.close().await?;
    tell(&read?, arguments.format)
}

/// Starts it and waits for its end.
async fn read(access: &Access, source: &str, what: &str, body: &Value) -> anyhow::Result<Value> {
    let place = format!("/api/v1/sources/{source}");
    let started = access.post(&format!("{place}/{what}"), body).await?;
    let bar = bar();
    loop {
        let asked = access.get(&place).await?["asked"].take();
        if asked["number"] != started["number"] {
            bail!("the source is read for somebody else now; `rejoinder sources show {source}` says how it stands");
        }
        if asked["done"] == true {
            bar.finish_and_clear();
            return Ok(asked);
        }
        if let Some(conversations) = asked["conversations"].as_u64() {
            bar.set_length(conversations);
            bar.set_position(asked["read"].as_u64().unwrap_or_default());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("reading {wide_bar} {pos}/{len} conversations  {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(LOOK);
    bar
}

fn tell(asked: &Value, format: Format) -> anyhow::Result<Ended> {
    match format {
        Format::Json => output::json(asked),
        Format::Text => {
            for item in asked["items"].as_array().into_iter().flatten() {
                output::line(line(item));
            }
            output::line(told(asked));
        }
    }
    Ok(if asked["error"].is_null() { Ended::Fine } else { Ended::Failed })
}

fn line(item: &Value) -> String {
    let word = if item["new"] == true { "new  " } else { "known" };
    let [kind, conversation, event] = ["kind", "conversation", "event"].map(|key| output::tame(&plain(&item[key])));
    format!("{word}  {}  {kind}  {conversation}  {event}", story::seconds(&item["at"]))
}

/// What came of it, in words.
fn told(asked: &Value) -> String {
    let [conversations, messages, new] = ["read", "messages", "new"].map(|key| asked[key].as_u64().unwrap_or_default());
    let verb = if asked["dry_run"] == true { "would be kept" } else { "kept" };
    let events = match asked["events"].as_u64() {
        Some(events @ 1..) => format!("{events} kept events, "),
        _ => String::new(),
    };
    let mut told = format!("{events}{conversations} conversations, {messages} messages, {new} of them new and {verb}");
    if let Some(skipped) = asked["skipped"].as_u64().filter(|skipped| *skipped > 0) {
        told.push_str(&format!("; the provider did not show {skipped} conversations"));
    }
    if let Some(error) = asked["error"].as_str() {
        told.push_str(&format!("\nit ended early: {error}"));
        if asked["dry_run"] != true {
            told.push_str("; the same command goes on where it was");
        }
    }
    told
}
