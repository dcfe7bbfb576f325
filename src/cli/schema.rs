//! `schema`: the JSON Schema of configuration, rules or rule tests.

use clap::ValueEnum;

use super::{Ended, output};
use crate::{config, rules};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rejoinder schema rules > rules.schema.json\n\nIn an editor with the YAML language server, the first line of a rule file may read\n  # yaml-language-server: $schema=rules.schema.json"
)]
pub(super) struct Arguments {
    /// Of which kind of file.
    #[arg(value_enum, default_value_t)]
    of: Kind,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Kind {
    /// rejoinder.yaml.
    #[default]
    Config,
    /// rules/*.yaml.
    Rules,
    /// rules/*.test.yaml.
    Tests,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    output::json(&match arguments.of {
        Kind::Config => config::schema(),
        Kind::Rules => rules::document::schema(),
        Kind::Tests => rules::check::schema(),
    });
    Ok(Ended::Fine)
}
