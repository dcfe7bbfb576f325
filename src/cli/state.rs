//! `state`: what the store keeps on disk, whether it is sound, and how it is moved.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::access::ReadOnly;
use super::{ConfigArguments, Ended, Format, output};
use crate::app;
use crate::config::{self, StoreSettings};
use crate::store::{self, Exported, Progress, Store, StoreError};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  rejoinder state stats\n  rejoinder state export backup.jsonl.gz")]
pub(super) enum StateCommand {
    /// How much the store keeps, and where.
    #[command(after_help = "Example:\n  rejoinder state stats --format json")]
    Stats(StatsArguments),
    /// Reads the data folder through and says what is wrong with it. Mends nothing. The server must be stopped.
    #[command(after_help = "Example:\n  rejoinder state check")]
    Check(StatsArguments),
    /// Goes on without what is damaged: steps over it, makes the state anew and names what is lost. Only after `check`, and
    /// when there is no copy to put back. The server must be stopped.
    #[command(after_help = "Example:\n  rejoinder state salvage --yes")]
    Salvage(SalvageArguments),
    /// Writes everything as compressed lines of JSON: a backup, or the way to another store. The server must be stopped.
    /// Credentials that a provider replaced are in it: keep it like a password. What is damaged is left out and named; then
    /// it ends with 1, and no import takes the file.
    #[command(
        after_help = "Example:\n  rejoinder state export backup.jsonl.gz\n  rejoinder state export - | zcat | head"
    )]
    Export(FileArguments),
    /// Takes over an export into an empty store. The server must be stopped.
    #[command(after_help = "Example:\n  rejoinder state import backup.jsonl.gz --config other.yaml")]
    Import(FileArguments),
}

#[derive(Debug, Args)]
pub(super) struct StatsArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(super) struct FileArguments {
    /// The file; `-` for standard output or input.
    file: PathBuf,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(super) struct SalvageArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Yes, give up what cannot be read.
    #[arg(long)]
    yes: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs the command.
pub(super) async fn run(command: StateCommand) -> anyhow::Result<Ended> {
    match command {
        StateCommand::Stats(arguments) => stats(arguments).await,
        StateCommand::Check(arguments) => check(arguments).await,
        StateCommand::Salvage(arguments) => salvage(arguments).await,
        StateCommand::Export(arguments) => export(arguments).await,
        StateCommand::Import(arguments) => import(arguments).await,
    }
}

async fn stats(arguments: StatsArguments) -> anyhow::Result<Ended> {
    let access = ReadOnly::open_if(&arguments.config, must_be_kept).await?;
    let answer = access.get("/api/v1/state").await;
    access.close().await?;
    let answer = answer?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => output::table(&["what", "how much"], rows(&answer), "nothing is kept"),
    }
    Ok(Ended::Fine)
}

fn rows(answer: &Value) -> Vec<Vec<String>> {
    let (counts, usage) = (&answer["counts"], &answer["usage"]);
    let number = |value: &Value| value.as_u64().map(|number| number.to_string());
    let bytes = |value: &Value| value.as_u64().map(|bytes| HumanBytes(bytes).to_string());
    let rows = [
        ("events that wait", number(&counts["undecided"])),
        ("sends that wait", number(&counts["open_sends"])),
        ("sends that are held", number(&counts["held"])),
        ("dead letters", number(&counts["dead"])),
        ("records", number(&usage["records"])),
        ("journal", bytes(&usage["journal"])),
        ("  in files", number(&usage["journal_files"])),
        ("  found damaged", number(&usage["damaged_files"])),
        ("  still needed", bytes(&usage["needed"])),
        ("  not yet in the state", bytes(&usage["behind"])),
        ("state", bytes(&usage["state"])),
        ("snapshots", bytes(&usage["snapshots"])),
        ("free on the disk", bytes(&usage["free"])),
    ];
    rows.into_iter().filter_map(|(what, much)| Some(vec![what.to_owned(), much?])).collect()
}

/// The data folder of the configuration.
fn folder(arguments: &ConfigArguments) -> anyhow::Result<PathBuf> {
    match config::load(&arguments.config)?.store {
        StoreSettings::Sled(folder) => Ok(folder),
        StoreSettings::Memory => bail!("the configured store is `memory:`, which keeps nothing"),
    }
}

fn must_be_kept(store: &StoreSettings) -> anyhow::Result<()> {
    match store {
        StoreSettings::Sled(folder) => must_be_there(folder),
        StoreSettings::Memory => Ok(()),
    }
}

/// Opening would make an empty one, and a backup of nothing looks like a backup.
fn must_be_there(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        bail!("there is no data folder {}; `store:` in the configuration names it", folder.display());
    }
    Ok(())
}

async fn check(arguments: StatsArguments) -> anyhow::Result<Ended> {
    let folder = folder(&arguments.config)?;
    let bar = bar("checking", Some(length_of(&folder.join("journal"))));
    let told = progress(&bar);
    let report = tokio::task::spawn_blocking(move || store::sled::check(&folder, &told)).await??;
    bar.finish_and_clear();
    match arguments.format {
        Format::Json => output::json(&serde_json::to_value(&report)?),
        Format::Text => {
            output::line(format!(
                "{} records in {} files of the journal, {} keys in the state, {} snapshots",
                report.records, report.files, report.keys, report.snapshots
            ));
            for damage in &report.damage {
                let mark = if damage.mends_itself { "mends itself" } else { "DAMAGED" };
                output::line(format!("{mark}: {} at byte {}: {}", damage.file.display(), damage.offset, damage.what));
            }
            output::line(match (report.is_lossy(), report.damage.is_empty()) {
                (true, _) => {
                    "Put back a copy of the data folder, or go on without what is damaged: rejoinder state salvage --yes"
                }
                (false, false) => "Nothing is lost; the next start mends the rest.",
                (false, true) => "Everything is sound.",
            });
        }
    }
    Ok(if report.is_lossy() { Ended::Failed } else { Ended::Fine })
}

async fn salvage(arguments: SalvageArguments) -> anyhow::Result<Ended> {
    let folder = folder(&arguments.config)?;
    if !arguments.yes {
        bail!(
            "this gives up what cannot be read in {}; look with `rejoinder state check`, copy the folder, then say --yes",
            folder.display()
        );
    }
    let bar = bar("salvaging", None);
    let salvaged = tokio::task::spawn_blocking(move || store::sled::salvage(&folder)).await?;
    bar.finish_and_clear();
    let salvaged = salvaged?;
    match arguments.format {
        Format::Json => output::json(&serde_json::to_value(&salvaged)?),
        Format::Text => {
            salvaged.skipped.iter().for_each(|skipped| output::line(format!("stepped over: {skipped}")));
            salvaged.lost.iter().for_each(|lost| output::line(format!("lost: {lost}")));
            salvaged.copies.iter().for_each(|copy| output::line(format!("kept as it was: {}", copy.display())));
            output::line(format!("The store can be opened. {} things are lost.", salvaged.lost.len()));
        }
    }
    Ok(Ended::Fine)
}

fn length_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// The store, opened by this command alone.
async fn open(arguments: &ConfigArguments) -> anyhow::Result<Arc<dyn Store>> {
    let settings = config::load(&arguments.config)?;
    if matches!(settings.store, StoreSettings::Memory) {
        bail!("the configured store is `memory:`, which keeps nothing");
    }
    Ok(app::open_store(&settings.store).await?)
}

async fn export(arguments: FileArguments) -> anyhow::Result<Ended> {
    must_be_there(&folder(&arguments.config)?)?;
    let store = open(&arguments.config).await?;
    let total = store.usage().await?.map_or(0, |usage| usage.records);
    let bar = bar("exporting", Some(total));
    let exported = match arguments.file == Path::new("-") {
        true => store.export(Box::new(std::io::stdout()), progress(&bar)).await?,
        false => to_file(&*store, &arguments.file, &bar).await?,
    };
    store.close().await?;
    bar.finish_and_clear();
    eprintln!("{} records were exported", exported.lines);
    let missing = exported.unreadable.len();
    if missing == 0 {
        return Ok(Ended::Fine);
    }
    exported.unreadable.iter().for_each(|name| eprintln!("missing: {name}"));
    bail!(
        "{missing} records cannot be read and are missing in the export, which no import takes; look with `rejoinder state \
         check`, and put back a copy of the folder or go on without them: rejoinder state salvage --yes"
    )
}

/// Under another name first, so that a file of that name was written to its end.
async fn to_file(store: &dyn Store, file: &Path, bar: &ProgressBar) -> anyhow::Result<Exported> {
    if file.exists() {
        bail!("{} is there already; name another file", file.display());
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner alone, as tempfile makes it.
    let unfinished =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    let exported = store.export(Box::new(unfinished.reopen()?), progress(bar)).await?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(file).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(exported)
}

async fn import(arguments: FileArguments) -> anyhow::Result<Ended> {
    let from: Box<dyn Read + Send> = match arguments.file == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(
            File::open(&arguments.file).with_context(|| format!("{} cannot be read", arguments.file.display()))?,
        ),
    };
    let store = open(&arguments.config).await?;
    let bar = bar("importing", None);
    let imported = store.import(from, progress(&bar)).await;
    bar.finish_and_clear();
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => {
            // What is wrong with the file says more than how the store was closed after it.
            let _ = store.close().await;
            let has_begun = bar.position() > 0;
            return match has_begun {
                true => Err(error)
                    .with_context(|| format!("{} could not be imported", arguments.file.display()))
                    .context("half of it is in this store now, which can only be removed; import into a new one"),
                false if matches!(error, StoreError::Busy { .. }) => Err(error.into()),
                false => Err(error).with_context(|| format!("{} cannot be imported", arguments.file.display())),
            };
        }
    };
    store.close().await?;
    eprintln!("{imported} records were imported");
    Ok(Ended::Fine)
}

fn progress(bar: &ProgressBar) -> Progress {
    let bar = bar.clone();
    Arc::new(move |lines| bar.set_position(lines))
}

/// On a terminal only.
fn bar(doing: &str, total: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let form = match total {
        Some(_) => format!("{doing} {{wide_bar}} {{pos}} of {{len}}  {{eta}} left"),
        None => format!("{doing} {{spinner}} {{pos}} records"),
    };
    if let Ok(style) = ProgressStyle::with_template(&form) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
