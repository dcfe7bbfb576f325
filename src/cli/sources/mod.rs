//! `sources`: where events come in, how each stands, reading one at its provider now, and registering it there.

mod endpoints;
mod provider;
mod register;
mod round;
mod secret;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::access::Access;
use super::output::{self, plain};
use super::{ConfigArguments, Ended, Format, story, which};

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  rejoinder sources list\n  rejoinder sources backfill inbox --since 2h --dry-run")]
pub(super) enum SourcesCommand {
    /// Every source: how it is verified, how often it is polled, what came last.
    #[command(after_help = "Example:\n  rejoinder sources list")]
    List(ListArguments),
    /// One source: how far it has been read, and what went wrong.
    #[command(after_help = "Example:\n  rejoinder sources show inbox")]
    Show(ShowArguments),
    /// Registers a source at its provider, so that deliveries come, or says how a person does it. Repeated, it changes what
    /// is not as it should be, and makes nothing twice.
    #[command(
        after_help = "Examples:\n  rejoinder sources register inbox --url https://rejoinder.example.com/webhooks/inbox --secret-file inbox.secret\n  rejoinder sources register inbox --url https://rejoinder.example.com/webhooks/inbox --dry-run"
    )]
    Register(register::Arguments),
    /// What is registered at the provider of a source: list, test, pause, resume, rotate, delete.
    #[command(subcommand)]
    Endpoints(endpoints::EndpointsCommand),
    /// Reads now what came since the last time, as far as it is not known.
    #[command(after_help = "Example:\n  rejoinder sources poll inbox")]
    Poll(PollArguments),
    /// Reads at the provider what came in a time and is not known. Repeated after it was cut short, it goes on.
    #[command(
        after_help = "Examples:\n  rejoinder sources backfill inbox --since 2h --dry-run\n  rejoinder sources backfill inbox --since 2026-03-02T08:00:00Z"
    )]
    Backfill(BackfillArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The source.
    source: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct PollArguments {
    /// The source.
    source: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Checked here and passed on as it was written: a back-fill that goes on is known by it.
fn since(text: &str) -> Result<String, String> {
    which::moment(text).map(|_| text.to_owned())
}

#[derive(Debug, Args)]
pub(super) struct BackfillArguments {
    /// The source.
    source: String,
    /// Since when (RFC 3339), or for how long.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: String,
    /// Say what would be read and what of it is new; keep nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(command: SourcesCommand) -> anyhow::Result<Ended> {
    match command {
        SourcesCommand::List(arguments) => list(&arguments).await,
        SourcesCommand::Show(arguments) => show(&arguments).await,
        SourcesCommand::Register(arguments) => register::run(&arguments).await,
        SourcesCommand::Endpoints(command) => endpoints::run(command).await,
        SourcesCommand::Poll(arguments) => round::poll(&arguments).await,
        SourcesCommand::Backfill(arguments) => round::backfill(&arguments).await,
    }
}

async fn list(arguments: &ListArguments) -> anyhow::Result<Ended> {
    let access = Access::open(&arguments.config).await?;
    let answer = access.get("/api/v1/sources").await;
    access.close().await?;
    let answer = answer?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => {
            let rows = answer["sources"].as_array().into_iter().flatten().map(row).collect();
            let head = ["SOURCE", "ACCOUNT", "VERIFY", "POLL", "LAST EVENT", "LAST POLL", "TROUBLE"];
            output::table(&head, rows, "there are no sources");
        }
    }
    Ok(Ended::Fine)
}

fn row(source: &Value) -> Vec<String> {
    let mut cells: Vec<String> = ["name", "account", "verify", "poll"].map(|key| plain(&source[key])).to_vec();
    cells.extend(["last_event", "last_poll"].map(|key| story::seconds(&source[key])));
    cells.push(plain(&source["error"]));
    cells
}

async fn show(arguments: &ShowArguments) -> anyhow::Result<Ended> {
    let access = Access::open(&arguments.config).await?;
    let answer = access.get(&format!("/api/v1/sources/{}", arguments.source)).await;
    access.close().await?;
    let answer = answer?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(told(&answer)),
    }
    Ok(Ended::Fine)
}

/// A source in words.
fn told(source: &Value) -> String {
    let said = |key: &str| Some(plain(&source[key])).filter(|text| !text.is_empty());
    let at = |key: &str| Some(story::seconds(&source[key])).filter(|text| !text.is_empty());
    let mut lines = vec![format!("{}: account {}", plain(&source["name"]), plain(&source["account"]))];
    lines.push(match said("verify") {
        Some(scheme) => format!("  deliveries   verified by {scheme}"),
        None => "  deliveries   none are taken".to_owned(),
    });
    lines.push(format!("  polled       {}", said("poll").map_or("no".to_owned(), |every| format!("every {every}"))));
    lines.push(format!("  last event   {}", at("last_event").unwrap_or_else(|| "none".to_owned())));
    lines.push(format!("  read up to   {}", at("position").unwrap_or_else(|| "nothing was read yet".to_owned())));
    lines.extend(at("last_poll").map(|at| format!("  last poll    {at}")));
    lines.extend(at("next_poll").map(|at| format!("  next poll    {at}")));
    if let Some(error) = said("error") {
        lines.push(format!("  trouble      {} in a row, the last: {error}", plain(&source["errors"])));
    }
    if let Some(from) = at("unfinished") {
        lines.push(format!("  unfinished   a back-fill since {from}; the same command goes on with it"));
    }
    lines.join("\n")
}
