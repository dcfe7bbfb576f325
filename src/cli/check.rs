//! `check`: everything that is wrong with configuration and rules, and what is hardly ever meant.

use clap::builder::{PossibleValue, PossibleValuesParser};
use serde_json::json;

use super::{ConfigArguments, Ended, Format, output};
use crate::app;
use crate::config::{self, Settings};
use crate::rules::Book;
use crate::rules::lint::{self, LINTS, Warning};
use crate::yaml::Faults;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rejoinder check --config rejoinder.yaml --deny two-replies\n\nExit code 2 for the configuration, 1 for rules and for denied warnings."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fails on any warning.
    #[arg(long)]
    deny_warnings: bool,
    /// Fails on warnings of this lint. Can be given several times.
    #[arg(long, value_name = "LINT", value_parser = lints(), hide_possible_values = true)]
    deny: Vec<String>,
}

fn lints() -> PossibleValuesParser {
    PossibleValuesParser::new(LINTS.iter().map(|lint| PossibleValue::new(lint.name).help(lint.summary)))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    let settings = match config::load(&arguments.config.config) {
        Ok(settings) => settings,
        Err(faults) if arguments.format == Format::Json => {
            report(&faults, arguments.format);
            return Err(faults.into());
        }
        Err(faults) => return Err(faults.into()),
    };
    match app::load_book(&settings) {
        Ok(book) => Ok(warn(arguments, &settings, &book)),
        Err(faults) => {
            report(&faults, arguments.format);
            Ok(Ended::Failed)
        }
    }
}

/// Says what the lints find in a book that is right; a denied one fails the check.
fn warn(arguments: &Arguments, settings: &Settings, book: &Book) -> Ended {
    let warnings = lint::examine(book);
    let (sources, accounts) = (settings.sources.len(), settings.accounts.len());
    let rules = book.rules().len();
    match arguments.format {
        Format::Json => output::json(&json!({
            "faults": [], "warnings": warnings, "rules": rules, "sources": sources, "accounts": accounts
        })),
        Format::Text => {
            warnings.iter().for_each(|warning| eprintln!("{warning}"));
            let found = match warnings.len() {
                0 => "fine".to_owned(),
                some => output::many(some, "warning"),
            };
            let snippets = settings.snippets.len();
            let held = [(rules, "rule"), (sources, "source"), (accounts, "account"), (snippets, "snippet")];
            output::line(format!("{found}: {}", held.map(|(count, what)| output::many(count, what)).join(", ")));
        }
    }
    let is_denied =
        |warning: &Warning| arguments.deny_warnings || arguments.deny.iter().any(|lint| lint == warning.name);
    if warnings.iter().any(is_denied) { Ended::Failed } else { Ended::Fine }
}

fn report(faults: &Faults, format: Format) {
    match format {
        Format::Json => output::json(&json!({ "faults": faults })),
        Format::Text => {
            eprintln!("{faults}");
            let many = if faults.len() == 1 { "" } else { "s" };
            eprintln!("{} fault{many}", faults.len());
        }
    }
}
