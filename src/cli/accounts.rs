//! `accounts`: what is left of their rate budgets, where their breakers stand, how much waits.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::access::ReadOnly;
use super::output::{self, plain};
use super::{ConfigArguments, Ended, Format, story};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rejoinder accounts list")]
pub(super) enum AccountsCommand {
    /// Every account and hook. Budgets and breakers are those of the running server.
    #[command(after_help = "Example:\n  rejoinder accounts list --format json")]
    List(ListArguments),
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(command: AccountsCommand) -> anyhow::Result<Ended> {
    let AccountsCommand::List(arguments) = command;
    let access = ReadOnly::open(&arguments.config).await?;
    let answer = access.get("/api/v1/accounts").await;
    access.close().await?;
    let answer = answer?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => {
            let rows = answer["accounts"].as_array().into_iter().flatten().map(row).collect();
            let head = ["ACCOUNT", "PROVIDER", "BREAKER", "SINCE", "REASON", "BUDGET LEFT", "WAITING", "OPEN SENDS"];
            output::table(&head, rows, "there are no accounts");
        }
    }
    Ok(Ended::Fine)
}

fn row(account: &Value) -> Vec<String> {
    let breaker = &account["breaker"];
    vec![
        plain(&account["account"]),
        plain(&account["provider"]),
        plain(&breaker["state"]),
        story::seconds(&breaker["since"]),
        plain(&breaker["reason"]),
        budget(account),
        plain(&account["waiting"]),
        plain(&account["open_sends"]),
    ]
}

/// Such as `read 9 of 20/60s, write 2 of 5/60s`.
fn budget(account: &Value) -> String {
    if let Some(until) = account["quiet_until"].as_str() {
        return format!("quiet until {}", story::seconds(&until.into()));
    }
    let limits = account["budget"].as_array().into_iter().flatten().map(|limit| {
        let (class, left) = (plain(&limit["class"]), plain(&limit["left"]));
        match limit["calls"].as_u64() {
            Some(calls) => format!("{class} {left} of {calls}/{}s", plain(&limit["per"])),
            None => format!("{class} {left} by its answers"),
        }
    });
    limits.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_account_is_one_row() {
        let mut account = json!({
            "account": "desk", "provider": "fernand", "waiting": 2, "open_sends": 7, "quiet_until": null,
            "budget": [
                { "class": "read", "calls": 20, "per": 60, "left": 9 },
                { "class": "any", "calls": null, "per": null, "left": 1 },
            ],
            "breaker": { "state": "open", "since": "2026-03-02T10:00:00.5Z", "reason": "503", "until": null },
        });
        let wanted =
            "desk | fernand | open | 2026-03-02T10:00:00Z | 503 | read 9 of 20/60s, any 1 by its answers | 2 | 7";
        assert_eq!(row(&account).join(" | "), wanted);
        account["quiet_until"] = json!("2026-03-02T10:00:00.5Z");
        assert_eq!(budget(&account), "quiet until 2026-03-02T10:00:00Z");
    }
}
