//! `conversations`, `members` and `snippets`: what the providers show, all pages, of one account or of all.

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::access::{Access, Declined, query};
use super::output::{self, plain, short};
use super::{ConfigArguments, Ended, Format, members_sync, story};
use crate::clock::Clock;
use crate::model::duration;

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rejoinder conversations list --account support --status open --unread --since 2d")]
pub(super) enum ConversationsCommand {
    /// Conversations at the providers, in their order. Asks the providers, within their rate budgets.
    #[command(
        after_help = "Examples:\n  rejoinder conversations list --account support --status open --unread\n  rejoinder conversations list --search \"order 7\" --since 2d --limit 20 --format json"
    )]
    List(ConversationsArguments),
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rejoinder members list --account clinic\n  rejoinder members sync")]
pub(super) enum MembersCommand {
    /// Teammates at the providers, with the ids that `members:` wants.
    #[command(after_help = "Example:\n  rejoinder members list --account clinic")]
    List(ListArguments),
    /// Proposes the `members:` block of rejoinder.yaml: who is who at every provider, by e-mail address. Prints it and
    /// writes nothing.
    #[command(after_help = "Example:\n  rejoinder members sync >> rejoinder.yaml")]
    Sync(members_sync::Arguments),
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rejoinder snippets list --account desk")]
pub(super) enum SnippetsCommand {
    /// Snippets and saved messages at the providers, with the ids that rules name.
    #[command(after_help = "Example:\n  rejoinder snippets list --account desk")]
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(super) struct ConversationsArguments {
    #[command(flatten)]
    list: ListArguments,
    /// Only in this status: open, closed, or another word of the provider.
    #[arg(long)]
    status: Option<String>,
    /// Only with unread messages; with `=false` only without.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    unread: Option<bool>,
    /// Only with these words in subject, name or address.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Only with a message in the last so much time, such as 2h or 7d.
    #[arg(long, value_parser = duration::parse, value_name = "DURATION")]
    since: Option<SignedDuration>,
    /// Only in the hands of this teammate, by the provider's id.
    #[arg(long, value_name = "ID")]
    assignee: Option<String>,
    /// Only through this channel: email, sms, …
    #[arg(long)]
    channel: Option<String>,
    /// Only with this tag.
    #[arg(long)]
    tag: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Only at this account; by default at every one that has such a list.
    #[arg(long)]
    account: Option<String>,
    /// At most so many of each account; by default all.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn conversations(command: ConversationsCommand) -> anyhow::Result<Ended> {
    let ConversationsCommand::List(arguments) = command;
    let since = arguments.since.map(|since| Clock::system().now().saturating_sub(since)).transpose()?;
    let filters = [
        ("status", arguments.status),
        ("unread", arguments.unread.map(|unread| unread.to_string())),
        ("search", arguments.search),
        ("since", since.map(|since| since.to_string())),
        ("assignee", arguments.assignee),
        ("channel", arguments.channel),
        ("tag", arguments.tag),
    ];
    let columns: &[Column] = &[
        ("ID", |row| plain(&row["id"])),
        ("STATUS", |row| plain(&row["status"])),
        ("UNREAD", |row| if row["unread"] == true { "yes".to_owned() } else { String::new() }),
        ("LAST MESSAGE", |row| story::seconds(&row["updated_at"])),
        ("CHANNEL", |row| plain(&row["channel"])),
        ("WHO", |row| short(&named(row), 40)),
        ("SUBJECT", |row| short(&plain(&row["subject"]), 50)),
    ];
    list("conversations", &arguments.list, &filters, columns).await
}

/// The name with the address, as far as there are such.
fn named(row: &Value) -> String {
    match (plain(&row["name"]), plain(&row["address"])) {
        (name, address) if name.is_empty() || address.is_empty() => format!("{name}{address}"),
        (name, address) => format!("{name} <{address}>"),
    }
}

pub(super) async fn members(command: MembersCommand) -> anyhow::Result<Ended> {
    let columns: &[Column] = &[
        ("ID", |row| plain(&row["id"])),
        ("NAME", |row| short(&plain(&row["name"]), 50)),
        ("E-MAIL", |row| short(&plain(&row["email"]), 50)),
        ("KIND", |row| plain(&row["kind"])),
    ];
    match command {
        MembersCommand::List(arguments) => list("members", &arguments, &[], columns).await,
        MembersCommand::Sync(arguments) => members_sync::run(arguments).await,
    }
}

pub(super) async fn snippets(command: SnippetsCommand) -> anyhow::Result<Ended> {
    let SnippetsCommand::List(arguments) = command;
    let columns: &[Column] = &[
        ("ID", |row| plain(&row["id"])),
        ("TITLE", |row| short(&plain(&row["title"]), 60)),
        ("DETAIL", |row| short(&plain(&row["detail"]), 30)),
    ];
    list("snippets", &arguments, &[], columns).await
}

/// The head of a column, and its cell of a row.
type Column = (&'static str, fn(&Value) -> String);

async fn list(
    what: &str,
    arguments: &ListArguments,
    filters: &[(&str, Option<String>)],
    columns: &[Column],
) -> anyhow::Result<Ended> {
    let access = Access::open(&arguments.config).await?;
    let read = Lists { access: &access, what, filters, limit: arguments.limit };
    let found = match &arguments.account {
        Some(account) => read.account(account).await.map(|rows| (rows, Ended::Fine)),
        None => read.all().await,
    };
    access.close().await?;
    let (rows, ended) = found?;
    match arguments.format {
        Format::Json => output::json(&json!({ what: rows })),
        Format::Text => {
            let head: Vec<&str> = std::iter::once("ACCOUNT").chain(columns.iter().map(|(head, _)| *head)).collect();
            let cells = |row: &Value| {
                let own = columns.iter().map(|(_, cell)| output::tame(&cell(row)));
                std::iter::once(plain(&row["account"])).chain(own).collect()
            };
            let none = match ended {
                Ended::Fine => format!("there are no such {what}"),
                _ => format!("whoever answered has no such {what}"),
            };
            output::table(&head, rows.iter().map(cells).collect(), &none);
        }
    }
    Ok(ended)
}

/// One kind of list, wherever it is asked for.
pub(super) struct Lists<'a> {
    pub(super) access: &'a Access,
    /// `conversations`, `members` or `snippets`.
    pub(super) what: &'a str,
    pub(super) filters: &'a [(&'a str, Option<String>)],
    /// At most so many of each account.
    pub(super) limit: Option<usize>,
}

impl Lists<'_> {
    /// The rows of every account that has such a list, and whether all of them answered. Who did not is told apart from who
    /// has no list, and both are named.
    pub(super) async fn all(&self) -> anyhow::Result<(Vec<Value>, Ended)> {
        let status = self.access.get("/api/v1/status").await?;
        let (mut rows, mut ended) = (Vec::new(), Ended::Fine);
        let accounts = status["accounts"].as_array().into_iter().flatten();
        for account in accounts.filter(|account| account["provider"] != "hook") {
            let name = plain(&account["name"]);
            match self.account(&name).await {
                Ok(found) => rows.extend(found),
                Err(error) => {
                    eprintln!("{name}: {error:#}");
                    if error.downcast_ref().is_none_or(|declined: &Declined| declined.status != NO_LIST) {
                        ended = Ended::Failed;
                    }
                }
            }
        }
        Ok((rows, ended))
    }

    /// The rows of one account, from all pages, each with the account's name.
    pub(super) async fn account(&self, account: &str) -> anyhow::Result<Vec<Value>> {
        let bar = progress(&format!("{account}: reading {}", self.what));
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let asked: Vec<(&str, Option<String>)> = self.filters.iter().cloned().chain([("cursor", cursor)]).collect();
            let account: String = url::form_urlencoded::byte_serialize(account.as_bytes()).collect();
            let path = format!("/api/v1/accounts/{account}/{}?{}", self.what, query(&asked));
            let page = self.access.get_patiently(&path, &bar).await?;
            rows.extend(page[self.what].as_array().into_iter().flatten().cloned());
            bar.set_position(rows.len() as u64);
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() || self.limit.is_some_and(|limit| rows.len() >= limit) {
                break;
            }
        }
        bar.finish_and_clear();
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows.iter_mut().for_each(|row| row["account"] = json!(account));
        Ok(rows)
    }
}

/// How an account without such a list answers.
const NO_LIST: u16 = 422;

fn progress(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {prefix} {pos} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
