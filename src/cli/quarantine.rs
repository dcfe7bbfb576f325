//! `quarantine`: who gets no automatic reply because a cap was reached, and lifting that.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::hands::By;
use super::output::{self, plain};
use super::{ConfigArguments, Ended, Format, story};

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rejoinder quarantine list\n  rejoinder quarantine release qua_0123456789abcdef0123456789 --why \"it was a person\""
)]
pub(super) enum QuarantineCommand {
    /// Who gets no automatic reply, newest first.
    #[command(after_help = "Example:\n  rejoinder quarantine list --all")]
    List(ListArguments),
    /// One quarantine with its evidence.
    #[command(after_help = "Example:\n  rejoinder quarantine show qua_0123456789abcdef0123456789")]
    Show(ShowArguments),
    /// Lifts quarantines; counting begins anew.
    #[command(after_help = "Example:\n  rejoinder quarantine release qua_0123456789abcdef0123456789")]
    Release(ReleaseArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Also those that are over.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The quarantine.
    id: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ReleaseArguments {
    /// The quarantines.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// Every one that holds.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    by: By,
    /// Why; kept with the quarantine.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) async fn run(command: QuarantineCommand) -> anyhow::Result<Ended> {
    match command {
        QuarantineCommand::List(arguments) => list(&arguments).await,
        QuarantineCommand::Show(arguments) => show(&arguments).await,
        QuarantineCommand::Release(arguments) => release(&arguments).await,
    }
}

async fn list(arguments: &ListArguments) -> anyhow::Result<Ended> {
    let path = format!("/api/v1/quarantine?all={}", arguments.all);
    let answer = Access::ask(&arguments.config, async |access| access.get(&path).await).await?;
    let head = ["QUARANTINE", "STATE", "COUNTED BY", "CAP", "WHO", "CONVERSATION", "RULE", "SINCE", "UNTIL"];
    output::list(arguments.format, &answer, "quarantines", &head, row, "nobody is in quarantine");
    Ok(Ended::Fine)
}

fn row(quarantine: &Value) -> Vec<String> {
    let mut cells = vec![plain(&quarantine["id"]), state(quarantine).to_owned()];
    cells.extend(["scope", "cap", "who", "conversation", "rule"].map(|key| plain(&quarantine[key])));
    cells.extend(["since", "until"].map(|key| story::seconds(&quarantine[key])));
    cells
}

fn state(quarantine: &Value) -> &'static str {
    match (quarantine["active"] == true, quarantine["released"].is_null()) {
        (true, _) => "active",
        (false, true) => "over",
        (false, false) => "released",
    }
}

async fn show(arguments: &ShowArguments) -> anyhow::Result<Ended> {
    let path = format!("/api/v1/quarantine/{}", arguments.id);
    let answer = Access::ask(&arguments.config, async |access| access.get(&path).await).await?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => output::line(told(&answer)),
    }
    Ok(Ended::Fine)
}

/// A quarantine in words.
pub(super) fn told(quarantine: &Value) -> String {
    let evidence = quarantine["evidence"].as_array().into_iter().flatten().map(story::seconds);
    let (id, who) = (plain(&quarantine["id"]), plain(&quarantine["who"]));
    let whose = if who.is_empty() { String::new() } else { format!(" of {who}") };
    let end = match quarantine["released"].as_object() {
        Some(hand) => format!(
            "released by {} at {}: {}",
            plain(&hand["by"]),
            story::seconds(&hand["at"]),
            plain(hand.get("why").unwrap_or(&Value::Null))
        ),
        None if quarantine["active"] == true => format!(
            "no automatic reply until {}; `rejoinder quarantine release {id}` ends it now",
            story::seconds(&quarantine["until"])
        ),
        None => format!("it ended at {}", story::seconds(&quarantine["until"])),
    };
    [
        format!("{id}: {}, since {}", state(quarantine), story::seconds(&quarantine["since"])),
        format!(
            "  the cap {} by {} was reached in {}{whose}",
            plain(&quarantine["cap"]),
            plain(&quarantine["scope"]),
            plain(&quarantine["conversation"])
        ),
        format!("  when the rule {} wanted to answer {}", plain(&quarantine["rule"]), plain(&quarantine["event"])),
        format!("  after automatic replies at {}", evidence.collect::<Vec<_>>().join(", ")),
        format!("  {}", end.trim_end_matches([':', ' '])),
    ]
    .join("\n")
}

async fn release(arguments: &ReleaseArguments) -> anyhow::Result<Ended> {
    Access::ask(&arguments.config, async |access| lift(access, arguments).await).await
}

async fn lift(access: &Access, arguments: &ReleaseArguments) -> anyhow::Result<Ended> {
    let mut ids = arguments.ids.clone();
    if arguments.all {
        let answer = access.get("/api/v1/quarantine").await?;
        ids.extend(answer["quarantines"].as_array().into_iter().flatten().map(|one| plain(&one["id"])));
        if ids.is_empty() {
            output::line("nobody is in quarantine");
        }
    }
    let body = json!({ "by": arguments.by.name(), "why": arguments.why });
    Ok(access.each(&ids, "quarantine", "release", &body).await)
}
