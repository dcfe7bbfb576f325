//! Which sends a command means: named one by one, or all that a filter names.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::access::Access;
use super::hands::By;
use super::output::{self, plain};
use super::{ConfigArguments, Ended};
use crate::clock::Clock;
use crate::model::duration;

/// A part of a query; left out where there is no value.
pub(super) type Pair = (&'static str, Option<String>);

/// What narrows a list of sends.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// Only of this conversation.
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// Only what was decided in this time, or since this moment (RFC 3339).
    #[arg(long, value_name = "DURATION", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only with these words in the reason.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A moment, or a time before now.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let ago: SignedDuration = duration::parse(text).map_err(|error| error.to_string())?;
    Clock::system().now().checked_sub(ago).map_err(|error| error.to_string())
}

impl Filter {
    /// As parts of a query.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        vec![
            ("account", self.account.clone()),
            ("rule", self.rule.clone()),
            ("conversation", self.conversation.clone()),
            ("since", self.since.map(|since| since.to_string())),
            ("reason", self.reason.clone()),
        ]
    }
}

/// Which dead letters, and who says so.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The sends.
    #[arg(
        required_unless_present_any = ["all", "account", "rule", "conversation", "since", "reason"],
        conflicts_with_all = ["all", "account", "rule", "conversation", "since", "reason"]
    )]
    ids: Vec<String>,
    /// Every one.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Only say which they are.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Does it to the dead letters that are meant, oldest first.
pub(super) async fn change(which: &Which, verb: &str, signed: &Value) -> anyhow::Result<Ended> {
    Access::ask(&which.config, async |access| {
        let ids = match which.ids.is_empty() {
            true => access.pages("dead", &which.filter.pairs()).await?.iter().map(|send| plain(&send["id"])).collect(),
            false => which.ids.clone(),
        };
        if ids.is_empty() {
            output::line("no dead letter is meant by this");
        }
        if !which.dry_run {
            return Ok(access.each(&ids, "dead", verb, signed).await);
        }
        ids.iter().for_each(|id| output::line(format!("{id}: would {verb}")));
        output::line(format!("{} in all; nothing was changed", ids.len()));
        Ok(Ended::Fine)
    })
    .await
}
