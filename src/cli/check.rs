//! `check`: everything that is wrong with configuration and rules.

use serde_json::json;

use super::{ConfigArguments, Ended, Format, output};
use crate::app;
use crate::config;
use crate::yaml::Faults;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rejoinder check --config rejoinder.yaml --format json\n\nExit code 2 for the configuration, 1 for rules."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
        Ok(book) => {
            let (sources, accounts) = (settings.sources.len(), settings.accounts.len());
            match arguments.format {
                Format::Json => output::json(
                    &json!({ "faults": [], "rules": book.rules().len(), "sources": sources, "accounts": accounts }),
                ),
                Format::Text => output::line(format!(
                    "fine: {} rules, {sources} sources, {accounts} accounts, {} snippets",
                    book.rules().len(),
                    settings.snippets.len()
                )),
            }
            Ok(Ended::Fine)
        }
        Err(faults) => {
            report(&faults, arguments.format);
            Ok(Ended::Failed)
        }
    }
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
