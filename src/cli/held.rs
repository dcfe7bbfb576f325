//! `held`: what waits for a person, and what the person says to it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::{Access, query};
use super::hands::By;
use super::output::{self, plain, short};
use super::sends::ListArguments;
use super::{ConfigArguments, Ended, Format, story};
use crate::model::HoldCause;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rejoinder held list\n  rejoinder held approve snd_0123456789abcdef0123456789\n  rejoinder held drop --all --rule refund-acknowledgement --why \"wrong amount\""
)]
pub(super) enum HeldCommand {
    /// Sends that wait for a person, newest first.
    #[command(after_help = "Example:\n  rejoinder held list --cause approval")]
    List(ListArguments<Filter>),
    /// One held send: what would be said, to what, and why it is held.
    #[command(after_help = "Example:\n  rejoinder held show snd_0123456789abcdef0123456789")]
    Show(ShowArguments),
    /// Says yes. Each is looked at again before it leaves: what a person answered meanwhile is called off.
    #[command(
        after_help = "Examples:\n  rejoinder held approve snd_0123456789abcdef0123456789\n  rejoinder held approve --all --rule greet --dry-run"
    )]
    Approve(ChangeArguments),
    /// Lets go what is held for another cause than approval, once that is over.
    #[command(after_help = "Example:\n  rejoinder held release --all --cause rule_error")]
    Release(ChangeArguments),
    /// Says of sends that may have arrived that they did; they are not sent again.
    #[command(
        after_help = "Example:\n  rejoinder held confirm snd_0123456789abcdef0123456789 --why \"it is in the conversation\""
    )]
    Confirm(ConfirmArguments),
    /// Drops held sends: they never leave.
    #[command(
        after_help = "Example:\n  rejoinder held drop snd_0123456789abcdef0123456789 --why \"answered by phone\""
    )]
    Drop(DropArguments),
}

#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only held for this cause.
    #[arg(long, value_parser = HoldCause::ALL.map(HoldCause::as_str))]
    cause: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The send.
    id: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct Which {
    /// The sends.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All, or all that --rule, --account and --cause name.
    #[arg(long)]
    all: bool,
    /// With --all: only of this rule.
    #[arg(long, requires = "all")]
    rule: Option<String>,
    /// With --all: only of this account.
    #[arg(long, requires = "all")]
    account: Option<String>,
    /// With --all: only held for this cause.
    #[arg(long, requires = "all", value_parser = HoldCause::ALL.map(HoldCause::as_str))]
    cause: Option<String>,
    /// With --all: only say which they are.
    #[arg(long, requires = "all")]
    dry_run: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(super) struct ChangeArguments {
    #[command(flatten)]
    which: Which,
    /// Why; kept with the send.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ConfirmArguments {
    /// The sends.
    #[arg(required = true)]
    ids: Vec<String>,
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
    #[command(flatten)]
    which: Which,
    /// Why; kept with the send.
    #[arg(long, value_name = "TEXT")]
    why: String,
}

pub(super) async fn run(command: HeldCommand) -> anyhow::Result<Ended> {
    match command {
        HeldCommand::List(arguments) => list(&arguments).await,
        HeldCommand::Show(arguments) => show(&arguments).await,
        HeldCommand::Approve(arguments) => change("approve", &arguments.which, arguments.why.as_deref()).await,
        HeldCommand::Release(arguments) => change("release", &arguments.which, arguments.why.as_deref()).await,
        HeldCommand::Confirm(arguments) => confirm(&arguments).await,
        HeldCommand::Drop(arguments) => change("drop", &arguments.which, Some(&arguments.why)).await,
    }
}

async fn list(arguments: &ListArguments<Filter>) -> anyhow::Result<Ended> {
    let filter = &arguments.filter;
    let query = query(&[
        ("cause", filter.cause.clone()),
        ("account", filter.account.clone()),
        ("rule", filter.rule.clone()),
        ("limit", Some(arguments.limit.to_string())),
    ]);
    let path = format!("/api/v1/held?{query}");
    let answer = Access::ask(&arguments.config, async |access| access.get(&path).await).await?;
    let head = ["SEND", "CAUSE", "ACTION", "RULE", "CONVERSATION", "DECIDED", "TEXT"];
    output::list(arguments.format, &answer, "sends", &head, row, "nothing is held");
    Ok(Ended::Fine)
}

fn row(send: &Value) -> Vec<String> {
    vec![
        plain(&send["id"]),
        plain(&send["cause"]),
        plain(&send["action"]["action"]),
        plain(&send["rule"]),
        plain(&send["lane"]),
        story::seconds(&send["created_at"]),
        short(&plain(&send["action"]["text"]), 60),
    ]
}

async fn show(arguments: &ShowArguments) -> anyhow::Result<Ended> {
    let (send, entry) = Access::ask(&arguments.config, async |access| look(access, &arguments.id).await).await?;
    match arguments.format {
        Format::Json => output::json(&send),
        Format::Text => {
            output::line(story::tell(&entry));
            output::line(format!("\n{} is held: {}", plain(&send["id"]), plain(&send["reason"])));
            let text = plain(&send["action"]["text"]);
            if !text.is_empty() {
                output::line(format!("\n{}", text.trim_end()));
            }
        }
    }
    Ok(Ended::Fine)
}

async fn look(access: &Access, id: &str) -> anyhow::Result<(Value, Value)> {
    let send = access.get(&format!("/api/v1/held/{id}")).await?;
    let entry = access.get(&format!("/api/v1/events/{}", plain(&send["event"]))).await?;
    Ok((send, entry))
}

async fn confirm(arguments: &ConfirmArguments) -> anyhow::Result<Ended> {
    let body = json!({ "by": arguments.by.name(), "why": arguments.why });
    Access::ask(&arguments.config, async |access| Ok(access.each(&arguments.ids, "held", "confirm", &body).await)).await
}

async fn change(verb: &str, which: &Which, why: Option<&str>) -> anyhow::Result<Ended> {
    let (by, why) = (which.by.name(), why.unwrap_or_default());
    Access::ask(&which.config, async |access| match which.all {
        true => change_all(access, verb, which, &by, why).await,
        false => Ok(access.each(&which.ids, "held", verb, &json!({ "by": by, "why": why })).await),
    })
    .await
}

async fn change_all(access: &Access, verb: &str, which: &Which, by: &str, why: &str) -> anyhow::Result<Ended> {
    let body = json!({
        "all": true, "rule": which.rule, "account": which.account, "cause": which.cause,
        "dry_run": which.dry_run, "by": by, "why": why,
    });
    let answer = access.post(&format!("/api/v1/held/{verb}"), &body).await?;
    let (done, left) = (answer["sends"].as_array(), answer["left"].as_array());
    let status = match which.dry_run {
        true => format!("would {verb}"),
        false => plain(&answer["status"]),
    };
    done.into_iter().flatten().for_each(|id| output::line(format!("{}: {status}", plain(id))));
    for one in left.into_iter().flatten() {
        eprintln!("{}: left as it is: {}", plain(&one["send"]), plain(&one["why"]));
    }
    if done.is_none_or(Vec::is_empty) {
        output::line("nothing that is held is meant by this");
    }
    if answer["more"] == true {
        output::line("there are more; run it again");
    }
    Ok(if left.is_none_or(Vec::is_empty) { Ended::Fine } else { Ended::Failed })
}
