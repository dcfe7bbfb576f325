//! `test`: rule tests, what differed and why, and what no test has seen of the rules.

mod files;
mod junit;
mod payload;
mod print;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde_json::json;

use super::{ConfigArguments, Ended, Format, output};
use crate::app;
use crate::clock::Clock;
use crate::rules::Depth;
use crate::rules::check::{self, CaseReport, Coverage, Options, Seen};
use crate::store;
use crate::yaml::Faults;
pub(super) use payload::normalise;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rejoinder test\n  rejoinder test rules/refunds.test.yaml --only \"once a day\"\n  rejoinder test --coverage-min 90 --junit report.xml\n\nExit code 1 when a test fails or too little is covered, 2 when a file cannot be read."
)]
pub(super) struct Arguments {
    /// A test file or a folder; the configured rules by default.
    path: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArguments,
    /// Only the tests whose name contains this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Name the rules, conditions and actions that no test covers, and fail when there are any.
    #[arg(long)]
    coverage: bool,
    /// The same, and fail below so many per cent of rules, of conditions or of actions; 0 only tells.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
    /// Also write a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Arguments {
    /// Whether some of the tests beside the rules are left out.
    fn is_part(&self) -> bool {
        self.only.is_some() || self.path.as_ref().is_some_and(|path| path.is_file())
    }

    /// How much must be covered, where that is asked.
    fn least(&self) -> Option<usize> {
        self.coverage_min.map(usize::from).or(self.coverage.then_some(100))
    }
}

/// A test file with how its tests came out.
struct Tested {
    file: String,
    cases: Vec<CaseReport>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    let settings = files::settings(arguments.path.as_deref(), &arguments.config.config)?;
    let files = files::find(arguments.path.as_deref(), &settings.rules)?;
    let book = app::load_book(&settings)?;
    let engine = app::build(settings, book, store::memory::open(), Clock::system())?;
    let book = engine.book.load();
    let depth = if arguments.least().is_some() { Depth::Everything } else { Depth::Matched };
    let options = Options { only: arguments.only.as_deref(), depth };
    let (mut tested, mut seen, mut faults) = (Vec::new(), Seen::default(), Faults::default());
    for path in &files {
        let file = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new("."));
        let read = |source: &_, name: &str| payload::read(&engine, source, &folder.join(name));
        let report = files::read(path).and_then(|text| check::run(&book, &file, &text, &read, &options));
        match report {
            Ok(report) => {
                seen.extend(report.seen);
                tested.push(Tested { file, cases: report.cases });
            }
            Err(found) => faults.extend(found),
        }
    }
    faults.or(())?;
    if let Some(only) = arguments.only.as_ref().filter(|_| tested.iter().all(|one| one.cases.is_empty())) {
        return Err(anyhow!("no test's name contains `{only}`"));
    }
    if let Some(path) = &arguments.junit {
        let report = junit::report(&tested)?;
        std::fs::write(path, report).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    let coverage = arguments.least().map(|_| Coverage::of(&book, &seen));
    let unreached = || book.rules().iter().filter(|rule| !seen.has_matched(&rule.name));
    match arguments.format {
        Format::Json => {
            let tests: Vec<&CaseReport> = tested.iter().flat_map(|one| &one.cases).collect();
            let unreached: Vec<String> = unreached().map(|rule| format!("{} ({})", rule.name, rule.place)).collect();
            output::json(&json!({ "tests": tests, "unreached": unreached, "coverage": coverage }));
        }
        Format::Text => {
            print::cases(&tested);
            match &coverage {
                Some(coverage) => print::coverage(coverage),
                // Of a part of the tests it says nothing.
                None if !arguments.is_part() => print::unreached(unreached().collect(), book.rules().len()),
                None => {}
            }
        }
    }
    let has_failed = tested.iter().flat_map(|one| &one.cases).any(|case| !case.differences.is_empty());
    let is_covered = arguments.least().zip(coverage).is_none_or(|(least, coverage)| coverage.reaches(least));
    Ok(if has_failed || !is_covered { Ended::Failed } else { Ended::Fine })
}
