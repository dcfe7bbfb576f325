//! `outbox` and `dead`: what waits, what went out, what was given up.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Access, query};
use super::output::{self, plain};
use super::which::{self, Filter, Pair, Which};
use super::{ConfigArguments, Ended, Format, story};
use crate::model::{DeliveryStatus, SendState};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rejoinder outbox list --state pending --account support")]
pub(super) enum OutboxCommand {
    /// Sends, newest first.
    #[command(after_help = "Example:\n  rejoinder outbox list --state pending --account support")]
    List(OutboxListArguments),
    /// One send with every attempt.
    #[command(after_help = "Example:\n  rejoinder outbox show snd_0123456789abcdef0123456789")]
    Show(ShowArguments),
}

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example:\n  rejoinder dead list\n  rejoinder dead redrive snd_0123456789abcdef0123456789\n  rejoinder dead drop snd_0123456789abcdef0123456789 --why \"answered by phone\""
)]
pub(super) enum DeadCommand {
    /// Dead letters, newest first.
    #[command(after_help = "Example:\n  rejoinder dead list --format json")]
    List(ListArguments<Filter>),
    /// One dead letter with every attempt.
    #[command(after_help = "Example:\n  rejoinder dead show snd_0123456789abcdef0123456789")]
    Show(ShowArguments),
    /// Puts dead letters back into the outbox.
    #[command(
        after_help = "Examples:\n  rejoinder dead redrive snd_0123456789abcdef0123456789\n  rejoinder dead redrive --account support --reason \"given up\" --dry-run"
    )]
    Redrive(RedriveArguments),
    /// Drops dead letters.
    #[command(
        after_help = "Examples:\n  rejoinder dead drop snd_0123456789abcdef0123456789 --why \"answered by phone\"\n  rejoinder dead drop --rule greet --why \"too late\""
    )]
    Drop(DropArguments),
}

#[derive(Debug, Args)]
pub(super) struct OutboxListArguments {
    #[command(flatten)]
    list: ListArguments<Filter>,
    /// Only in this state.
    #[arg(long, value_parser = SendState::NAMES)]
    state: Option<String>,
    /// Only what the provider last reported as this.
    #[arg(long, value_parser = DeliveryStatus::ALL.map(DeliveryStatus::as_str))]
    reported: Option<String>,
}

/// A list of sends, narrowed by `F`.
#[derive(Debug, Args)]
pub(super) struct ListArguments<F: Args> {
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    #[command(flatten)]
    pub(super) filter: F,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    pub(super) limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The send.
    id: String,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(super) struct RedriveArguments {
    #[command(flatten)]
    which: Which,
    /// Show the provider a new send on purpose: a provider that has carried out the old one will carry out this one too.
    #[arg(long)]
    renew_key: bool,
    /// Why; kept with the send.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
}

#[derive(Debug, Args)]
pub(super) struct DropArguments {
    #[command(flatten)]
    which: Which,
    /// Why; kept with the send.
    #[arg(long, value_name = "TEXT")]
    why: String,
}

pub(super) async fn outbox(command: OutboxCommand) -> anyhow::Result<Ended> {
    match command {
        OutboxCommand::List(arguments) => {
            let more = vec![("state", arguments.state), ("reported", arguments.reported)];
            list("outbox", &arguments.list, more, "nothing is in the outbox").await
        }
        OutboxCommand::Show(arguments) => show(&arguments).await,
    }
}

pub(super) async fn dead(command: DeadCommand) -> anyhow::Result<Ended> {
    match command {
        DeadCommand::List(arguments) => list("dead", &arguments, Vec::new(), "there are no dead letters").await,
        DeadCommand::Show(arguments) => show(&arguments).await,
        DeadCommand::Redrive(arguments) => {
            let signed =
                json!({ "renew_key": arguments.renew_key, "by": arguments.which.by.name(), "why": arguments.why });
            which::change(&arguments.which, "redrive", &signed).await
        }
        DeadCommand::Drop(arguments) => {
            let signed = json!({ "by": arguments.which.by.name(), "why": arguments.why });
            which::change(&arguments.which, "drop", &signed).await
        }
    }
}

async fn list(what: &str, arguments: &ListArguments<Filter>, more: Vec<Pair>, none: &str) -> anyhow::Result<Ended> {
    let mut pairs = arguments.filter.pairs();
    pairs.extend(more);
    pairs.push(("limit", Some(arguments.limit.to_string())));
    let path = format!("/api/v1/{what}?{}", query(&pairs));
    let answer = Access::ask(&arguments.config, async |access| access.get(&path).await).await?;
    let head = ["SEND", "STATE", "ACTION", "RULE", "ACCOUNT", "DUE", "TRIES", "WHY"];
    output::list(arguments.format, &answer, "sends", &head, row, none);
    Ok(Ended::Fine)
}

fn row(send: &Value) -> Vec<String> {
    let tries = send["attempts"].as_array().map_or(0, Vec::len);
    let last = send["attempts"].as_array().and_then(|attempts| attempts.last());
    let why = [&send["reason"], last.map_or(&Value::Null, |attempt| &attempt["outcome"]["reason"])];
    vec![
        plain(&send["id"]),
        plain(&send["state"]),
        plain(&send["action"]["action"]),
        plain(&send["rule"]),
        plain(&send["account"]),
        story::seconds(&send["due"]),
        tries.to_string(),
        why.iter().map(|value| plain(value)).find(|text| !text.is_empty()).unwrap_or_default(),
    ]
}

async fn show(arguments: &ShowArguments) -> anyhow::Result<Ended> {
    let path = format!("/api/v1/outbox/{}", arguments.id);
    output::json(&Access::ask(&arguments.config, async |access| access.get(&path).await).await?);
    Ok(Ended::Fine)
}
