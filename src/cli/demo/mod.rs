//! `demo`: everything on this machine, over real sockets: the engine with sled, the sandbox provider, signed events, and
//! the story of what became of them. Needs no account, no file and no network beyond loopback.

mod events;
mod stage;

use serde_json::json;

use super::signals::Signals;
use super::{Ended, Format, output, story};
use crate::config::LogForm;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  rejoinder demo\n  rejoinder demo --once --format json")]
pub(super) struct Arguments {
    /// End when the story is told instead of serving on.
    #[arg(long)]
    once: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    if std::env::var_os("RUST_LOG").is_some() {
        super::serve::log_to_stderr(LogForm::Pretty);
    }
    let mut stage = stage::Stage::set().await?;
    if arguments.format == Format::Text {
        output::line(format!(
            "rejoinder {}: webhooks at http://{}, admin API at http://{}, sandbox provider at http://{}",
            env!("CARGO_PKG_VERSION"),
            stage.public(),
            stage.admin(),
            stage.sandbox_address()
        ));
        output::line(format!("The rules are in {}; change them, and they are loaded anew.\n", stage.rules().display()));
    }
    for event in events::EVENTS {
        stage.arrive(event).await?;
    }
    stage.settle().await?;
    let entries = stage.entries().await?;
    match arguments.format {
        Format::Json => output::json(&json!({ "events": entries, "conversations": stage.conversations() })),
        Format::Text => {
            for entry in &entries {
                output::line(format!("{}\n", story::tell(entry)));
            }
            output::line(summary(&entries));
        }
    }
    if !arguments.once {
        let signals = Signals::listen()?;
        if arguments.format == Format::Text {
            output::line(format!(
                "\nServing on. What the contacts see: http://{}/   Events: http://{}/api/v1/events   Ctrl-C ends.",
                stage.sandbox_address(),
                stage.admin()
            ));
        }
        stage.serve_on(signals).await?;
    }
    stage.end().await?;
    Ok(Ended::Fine)
}

fn summary(entries: &[serde_json::Value]) -> String {
    let count = |verdict: &str, wanted: &[&str]| {
        let rules =
            entries.iter().flat_map(|entry| entry["decision"]["trace"]["matched"].as_array().into_iter().flatten());
        let actions = rules.flat_map(|rule| rule["actions"].as_array().into_iter().flatten());
        actions
            .filter(|action| action["verdict"]["verdict"] == verdict)
            .filter(|action| wanted.iter().any(|name| action["action"] == *name))
            .count()
    };
    format!(
        "Messages received: {}. Sent: replies {}, notes {}, snippets {}. Replies stopped: by the loop guard {}, by a veto {}.",
        entries.len(),
        count("chosen", &["reply"]),
        count("chosen", &["note"]),
        count("chosen", &["snippet"]),
        count("blocked", &["reply", "snippet"]),
        count("vetoed", &["reply", "snippet"]),
    )
}
