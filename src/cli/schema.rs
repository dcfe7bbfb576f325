//! `schema`: the JSON Schema of configuration, rules or rule tests.

use clap::ValueEnum;
use serde_json::Value;

use super::{Ended, output};
use crate::{config, rules};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  rejoinder schema rules > schema/rules.json\n\nThe first line of a file names its schema, by a path from the file:\n  # yaml-language-server: $schema=../schema/rules.json\nVisual Studio Code (with the extension YAML), Neovim, Helix, Zed, Emacs and\nevery other editor with the YAML language server then complete and check the\nfile; IntelliJ reads the same line. Nothing is fetched. `rejoinder init` writes\nall three schemas; write them again after an update."
)]
pub(super) struct Arguments {
    /// Of which kind of file.
    #[arg(value_enum, default_value_t)]
    of: Kind,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum Kind {
    /// rejoinder.yaml.
    #[default]
    Config,
    /// rules/*.yaml.
    Rules,
    /// rules/*.test.yaml.
    Tests,
}

impl Kind {
    /// The schema, as it is printed and written.
    pub(super) fn text(self) -> String {
        let mut schema = match self {
            Self::Config => config::schema(),
            Self::Rules => rules::document::schema(),
            Self::Tests => rules::check::schema(),
        };
        drop_null_defaults(&mut schema);
        serde_json::to_string_pretty(&schema).unwrap_or_default()
    }
}

/// Where nothing is the default, an editor would offer `null`, which nobody means to write.
fn drop_null_defaults(node: &mut Value) {
    match node {
        Value::Object(map) => {
            map.retain(|key, value| key != "default" || !value.is_null());
            map.values_mut().for_each(drop_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_null_defaults),
        _ => {}
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    output::line(arguments.of.text());
    Ok(Ended::Fine)
}
