//! `backtest`: stored events, decided again by another rule book, and what would change.

mod print;
mod reading;

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::access::ReadOnly;
use super::{ConfigArguments, Ended, Format, output};
use crate::app;
use crate::clock::Clock;
use crate::config;
use crate::model::{SourceName, duration};
use crate::rules::Book;
use crate::rules::backtest::{Backtest, Changed, Summary};
use crate::yaml::suggest;
use reading::Pages;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rejoinder backtest --rules rules.new\n  rejoinder backtest --since 30d --source inbox --verbose\n  rejoinder backtest --rules rules.new --show evt_0123456789abcdef0123456789\n\nDecides with the configured rules as they are on disk, or with --rules. Sends nothing and writes nothing."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Events that arrived in this time.
    #[arg(long, default_value = "7d", value_parser = duration::parse, value_name = "DURATION")]
    since: SignedDuration,
    /// Decide with these rules, a folder or a file, in place of the configured ones.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Only events of this source.
    #[arg(long)]
    source: Option<String>,
    /// At most so many events, the newest.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// The time before, of which events are decided as well, to know what would be remembered.
    #[arg(long, default_value = "7d", value_parser = duration::parse, value_name = "DURATION")]
    warm_up: SignedDuration,
    /// Show the difference of every event that changes.
    #[arg(long, short)]
    verbose: bool,
    /// Show the difference of this event alone.
    #[arg(long, value_name = "EVENT", conflicts_with = "verbose")]
    show: Option<String>,
    /// Print the events that change, without the summary.
    #[arg(long)]
    only_changes: bool,
    /// End with 1 when anything changes.
    #[arg(long)]
    fail_on_change: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What came of it.
struct Found {
    since: Timestamp,
    changed: Vec<Changed>,
    summary: Summary,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    let book = book(&arguments)?;
    let access = ReadOnly::open(&arguments.config).await?;
    let found = replay(&access, &arguments, &book).await;
    access.close().await?;
    let mut found = found?;
    let is_changed = !found.changed.is_empty();
    if let Some(id) = &arguments.show {
        found.changed.retain(|changed| changed.event.as_str() == id);
    }
    match arguments.format {
        Format::Json if arguments.only_changes => output::json(&json!({ "changes": found.changed })),
        Format::Json => output::json(&json!({
            "book": book.hash(), "rules": book.rules().len(), "since": found.since, "summary": found.summary,
            "changes": found.changed,
        })),
        Format::Text => tell(&arguments, &book, &found),
    }
    Ok(if arguments.fail_on_change && is_changed { Ended::Failed } else { Ended::Fine })
}

fn tell(arguments: &Arguments, book: &Book, found: &Found) {
    if let Some(id) = &arguments.show {
        return match found.changed.first() {
            Some(changed) => output::line(print::difference(changed)),
            None => output::line(format!("nothing changes for {id}, or it is not among the events of this time")),
        };
    }
    if !arguments.only_changes {
        output::line(print::summary(&found.summary, book, found.since));
    }
    for changed in &found.changed {
        output::line(if arguments.verbose { print::difference(changed) } else { print::row(changed) });
    }
}

/// The book to decide with, and a source that exists.
fn book(arguments: &Arguments) -> anyhow::Result<Book> {
    let mut settings = config::load(&arguments.config.config)?;
    if let Some(name) = &arguments.source {
        let names = || settings.sources.iter().map(|source| source.name.as_str());
        if !names().any(|known| known == name) {
            return Err(anyhow!("there is no source `{name}`{}", suggest(name, names())));
        }
    }
    if let Some(rules) = &arguments.rules {
        settings = app::with_rules(settings, rules.clone())?;
    }
    Ok(app::load_book(&settings)?)
}

async fn replay(access: &ReadOnly, arguments: &Arguments, book: &Book) -> anyhow::Result<Found> {
    let now = Clock::system().now();
    let source = arguments.source.as_deref().map(SourceName::from);
    let mut since = now.saturating_sub(arguments.since)?;
    if let Some(limit) = arguments.limit {
        since = reading::newest(access, source.clone(), since, limit).await?;
    }
    let from = since.saturating_sub(arguments.warm_up)?;
    let bar = progress(from, now);
    let mut backtest = Backtest::new(book, since, source);
    let (mut changed, mut pages) = (Vec::new(), Pages::oldest(from));
    while let Some(page) = pages.next(access).await? {
        for stored in page {
            bar.set_position(seconds(from, stored.event.received_at));
            changed.extend(backtest.take(stored.event, stored.decision));
        }
    }
    let (rest, summary) = backtest.finish();
    bar.finish_and_clear();
    changed.extend(rest);
    Ok(Found { since, changed, summary })
}

/// Over the time of the events, because nobody knows how many there are.
fn progress(from: Timestamp, now: Timestamp) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(seconds(from, now));
    if let Ok(style) = ProgressStyle::with_template("deciding again {wide_bar} {percent}%  {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or_default()
}
