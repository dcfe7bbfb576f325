//! `init`: a commented configuration and a first rule with its test. Overwrites nothing.

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::schema::Kind;
use super::{Ended, output};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rejoinder init mydesk && cd mydesk && rejoinder check && rejoinder test")]
pub(super) struct Arguments {
    /// The folder; this one by default.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What is written as it stands here, by path.
const FILES: [(&str, &str); 4] = [
    ("rejoinder.yaml", include_str!("init/rejoinder.yaml")),
    ("rules/10-first.yaml", include_str!("init/first.yaml")),
    ("rules/10-first.test.yaml", include_str!("init/first.test.yaml")),
    ("rules/snippets/hours.md", include_str!("init/hours.md")),
];

/// The schemas that the first lines of these files name, so that an editor completes and checks them without a network.
const SCHEMAS: [(&str, Kind); 3] =
    [("schema/config.json", Kind::Config), ("schema/rules.json", Kind::Rules), ("schema/tests.json", Kind::Tests)];

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    let files = FILES.iter().map(|(name, text)| (*name, (*text).to_owned()));
    let schemas = SCHEMAS.iter().map(|(name, kind)| (*name, format!("{}\n", kind.text())));
    let files: Vec<(&str, String)> = files.chain(schemas).collect();
    let taken: Vec<String> = files
        .iter()
        .map(|(name, _)| arguments.folder.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !taken.is_empty() {
        bail!("there is already {}; nothing was written", taken.join(", "));
    }
    for (name, text) in files {
        let path = arguments.folder.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
        output::line(format!("wrote {}", path.display()));
    }
    output::line(
        "\nnow: rejoinder test     the rule's own tests\n     rejoinder check    everything that is wrong\n     rejoinder serve    once the account is filled in",
    );
    Ok(Ended::Fine)
}
