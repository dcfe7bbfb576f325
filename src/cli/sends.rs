//! `outbox` and `dead`: what waits, what went out, what was given up.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Access, query};
use super::hands::By;
use super::output::{self, plain};
use super::{ConfigArguments, Ended, Format, story};
use crate::model::SendState;

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
    List(ListArguments),
    /// One dead letter with every attempt.
    #[command(after_help = "Example:\n  rejoinder dead show snd_0123456789abcdef0123456789")]
    Show(ShowArguments),
    /// Puts dead letters back into the outbox.
    #[command(after_help = "Example:\n  rejoinder dead redrive snd_0123456789abcdef0123456789")]
    Redrive(RedriveArguments),
    /// Drops dead letters.
    #[command(
        after_help = "Example:\n  rejoinder dead drop snd_0123456789abcdef0123456789 --why \"answered by phone\""
    )]
    Drop(DropArguments),
}

#[derive(Debug, Args)]
pub(super) struct OutboxListArguments {
    #[command(flatten)]
    list: ListArguments,
    /// Only in this state.
    #[arg(long, value_parser = SendState::NAMES)]
    state: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
    /// The sends.
    #[arg(required = true)]
    ids: Vec<String>,
    /// Show the provider a new send on purpose: a provider that has carried out the old one will carry out this one too.
    #[arg(long)]
    renew_key: bool,
    /// Why; kept with the send.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    why: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(super) struct DropArguments {
    /// The sends.
    #[arg(required = true)]
    ids: Vec<String>,
    /// Why; kept with the send.
    #[arg(long, value_name = "TEXT", alias = "reason")]
    why: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) async fn outbox(command: OutboxCommand) -> anyhow::Result<Ended> {
    match command {
        OutboxCommand::List(arguments) => {
            list("outbox", &arguments.list, arguments.state, "nothing is in the outbox").await
        }
        OutboxCommand::Show(arguments) => show(&arguments).await,
    }
}

pub(super) async fn dead(command: DeadCommand) -> anyhow::Result<Ended> {
    match command {
        DeadCommand::List(arguments) => list("dead", &arguments, None, "there are no dead letters").await,
        DeadCommand::Show(arguments) => show(&arguments).await,
        DeadCommand::Redrive(arguments) => {
            let body = json!({ "renew_key": arguments.renew_key, "by": arguments.by.name(), "why": arguments.why });
            change(&arguments.config, &arguments.ids, "redrive", &body).await
        }
        DeadCommand::Drop(arguments) => {
            let body = json!({ "by": arguments.by.name(), "why": arguments.why });
            change(&arguments.config, &arguments.ids, "drop", &body).await
        }
    }
}

async fn list(what: &str, arguments: &ListArguments, state: Option<String>, none: &str) -> anyhow::Result<Ended> {
    let query = query(&[
        ("state", state),
        ("account", arguments.account.clone()),
        ("rule", arguments.rule.clone()),
        ("limit", Some(arguments.limit.to_string())),
    ]);
    let access = Access::open(&arguments.config).await?;
    let answer = access.get(&format!("/api/v1/{what}?{query}")).await;
    access.close().await?;
    let answer = answer?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => {
            let rows = answer["sends"].as_array().into_iter().flatten().map(row).collect();
            output::table(&["SEND", "STATE", "ACTION", "RULE", "ACCOUNT", "DUE", "TRIES", "WHY"], rows, none);
        }
    }
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
    let access = Access::open(&arguments.config).await?;
    let answer = access.get(&format!("/api/v1/outbox/{}", arguments.id)).await;
    access.close().await?;
    output::json(&answer?);
    Ok(Ended::Fine)
}

async fn change(config: &ConfigArguments, ids: &[String], verb: &str, body: &Value) -> anyhow::Result<Ended> {
    let access = Access::open(config).await?;
    let ended = access.each(ids, "dead", verb, body).await;
    access.close().await?;
    Ok(ended)
}
