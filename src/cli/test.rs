//! `test`: rule tests, with a difference a person can read, and the rules that no test reaches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::json;

use super::{ConfigArguments, Ended, Format, output};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::engine::Engine;
use crate::journey;
use crate::model::{Delivery, Event, SourceName};
use crate::rules::Book;
use crate::rules::check::{self, CaseReport};
use crate::signature::{self, VerifySettings};
use crate::store;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  rejoinder test\n  rejoinder test rules/refunds.test.yaml --coverage")]
pub(super) struct Arguments {
    /// A test file or a folder; the configured rules by default.
    path: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArguments,
    /// Name the rules that no test reaches, and fail when there are any.
    #[arg(long)]
    coverage: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    let settings = settings(arguments)?;
    let files = test_files(arguments.path.as_deref(), &settings.rules)?;
    let book = app::load_book(&settings)?;
    let engine = app::build(settings, book, store::memory::open(), Clock::system())?;
    let book = engine.book.load();
    let (mut cases, mut reached) = (Vec::new(), BTreeSet::new());
    for file in &files {
        let text = output::read(&file.display().to_string())?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let report = check::run(&book, &file.display().to_string(), &text, &|source, payload| {
            read_payload(&engine, source, &folder.join(payload))
        })?;
        cases.extend(report.cases);
        reached.extend(report.reached);
    }
    let unreached: Vec<String> = unreached(&book, &reached);
    match arguments.format {
        Format::Json => output::json(&json!({ "tests": cases, "unreached": unreached })),
        Format::Text => print(&cases, &unreached, book.rules().len(), arguments.coverage),
    }
    let has_failed =
        cases.iter().any(|case| !case.differences.is_empty()) || (arguments.coverage && !unreached.is_empty());
    Ok(if has_failed { Ended::Failed } else { Ended::Fine })
}

/// The configuration, or without one just the rules of the path.
fn settings(arguments: &Arguments) -> anyhow::Result<Settings> {
    match (&arguments.path, arguments.config.config.exists()) {
        (Some(path), false) => {
            let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new(".")) };
            let mut settings = config::load_text("(no configuration)", "", Path::new("."), Vec::new())?;
            settings.rules = vec![folder.to_owned()];
            Ok(settings)
        }
        _ => Ok(config::load(&arguments.config.config)?),
    }
}

fn test_files(path: Option<&Path>, rules: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let places = path.map_or_else(|| rules.to_vec(), |path| vec![path.to_owned()]);
    let mut files = Vec::new();
    for place in places {
        let folder = if place.is_dir() { place.clone() } else { place.parent().unwrap_or(Path::new(".")).to_owned() };
        match place.is_file() && is_test_file(&place) {
            true => files.push(place),
            false => {
                let entries = std::fs::read_dir(&folder)
                    .map_err(|why| anyhow!("`{}` cannot be read: {why}", folder.display()))?;
                files
                    .extend(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_test_file(path)));
            }
        }
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(anyhow!("there are no rule tests; they stand beside the rules and end in .test.yaml"));
    }
    Ok(files)
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Reads a provider's own JSON through the adapter of a source. The signature is not the matter here.
pub(super) fn read_payload(engine: &Engine, source: &SourceName, path: &Path) -> Result<Event, String> {
    let body = std::fs::read(path).map_err(|why| format!("`{}` cannot be read: {why}", path.display()))?;
    normalise(engine, source, body)
}

/// The event of a source's payload.
pub(super) fn normalise(engine: &Engine, source: &SourceName, body: Vec<u8>) -> Result<Event, String> {
    let names = || engine.sources.keys().map(SourceName::as_str).collect::<Vec<_>>();
    let source = engine
        .sources
        .get(source)
        .ok_or_else(|| format!("there is no source `{source}`{}", crate::yaml::suggest(source.as_str(), names())))?;
    let settings: VerifySettings =
        serde_json::from_value(json!({ "scheme": "none" })).map_err(|error| error.to_string())?;
    let verifier =
        signature::scheme("none").and_then(|scheme| scheme.build(&settings).ok()).ok_or("the scheme `none` is gone")?;
    let delivery = Delivery { headers: http::HeaderMap::new(), body, received_at: engine.clock.now() };
    let verified =
        signature::verify(verifier.as_ref(), delivery, Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())?;
    journey::normalise(engine, source, &verified).map_err(|error| error.to_string())
}

fn unreached(book: &Book, reached: &BTreeSet<String>) -> Vec<String> {
    book.rules()
        .iter()
        .filter(|rule| !reached.contains(&rule.name))
        .map(|rule| format!("{} ({})", rule.name, rule.place))
        .collect()
}

fn print(cases: &[CaseReport], unreached: &[String], rules: usize, with_coverage: bool) {
    let failed: Vec<&CaseReport> = cases.iter().filter(|case| !case.differences.is_empty()).collect();
    for case in &failed {
        output::line(format!("✗ {}: {}", case.place, case.name));
        for difference in &case.differences {
            output::line(format!("    {difference}"));
        }
    }
    output::line(format!("{} passed, {} failed", cases.len() - failed.len(), failed.len()));
    if !unreached.is_empty() || with_coverage {
        output::line(format!("{} of {rules} rules are reached by a test", rules - unreached.len()));
        for rule in unreached {
            output::line(format!("  no test reaches {rule}"));
        }
    }
}
