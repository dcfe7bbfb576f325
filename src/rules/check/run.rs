//! Runs the tests of a file and reports what differed.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::book::Book;
use super::super::decide::{Depth, decide};
use super::super::world::World;
use super::compare::compare;
use super::coverage::Seen;
use super::document::{Given, StepDocument, TestCase, TestDocument, schema};
use super::report::{CaseReport, Difference, Report};
use super::{event, hint};
use crate::model::{Decision, Event, Facts, SourceName, duration};
use crate::yaml::{Document, Faults, Structure, Wrong};

/// A Monday morning.
const NOW: &str = "2026-01-05T10:00:00Z";

static STRUCTURE: LazyLock<Result<Structure, String>> = LazyLock::new(|| Structure::new(schema()));

/// Reads a provider's own JSON, given by file name, through the adapter of a source.
pub type PayloadReader<'a> = dyn Fn(&SourceName, &str) -> Result<Event, String> + 'a;

/// How tests are run.
pub struct Options<'a> {
    /// Only the tests whose name contains this, ignoring case.
    pub only: Option<&'a str>,
    /// [`Depth::Everything`] also notes what conditions saw, for [`Coverage`](super::Coverage).
    pub depth: Depth,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { only: None, depth: Depth::Matched }
    }
}

impl Options<'_> {
    fn wants(&self, case: &TestCase) -> bool {
        self.only.is_none_or(|words| case.name.to_lowercase().contains(&words.to_lowercase()))
    }
}

/// Runs the tests of one file.
pub fn run(
    book: &Book,
    file: &str,
    text: &str,
    payload: &PayloadReader<'_>,
    options: &Options<'_>,
) -> Result<Report, Faults> {
    let document = Document::parse(file, text)?;
    let wrong = match STRUCTURE.as_ref() {
        Ok(structure) => structure.wrong(&document),
        Err(why) => return Err(document.fault("", format!("the schema of tests is broken: {why}")).into()),
    };
    if !wrong.is_empty() {
        return Err(all_faults(book, &document, &wrong, payload));
    }
    let tests: TestDocument = document.read()?;
    let pointers: Vec<String> = (0..tests.tests.len()).map(|index| format!("/tests/{index}")).collect();
    let mut report = Report::default();
    for (mut case, place) in tests.tests.into_iter().zip(document.places(&pointers)) {
        if !options.wants(&case) {
            continue;
        }
        let name = case.name.clone();
        let (differences, why) = match Running::new(book, options.depth, &mut case) {
            Ok(mut running) => {
                let differences = running.case(case, payload);
                report.seen.extend(running.seen);
                (differences, running.why)
            }
            Err(why) => (vec![Difference::said(why)], Vec::new()),
        };
        report.cases.push(CaseReport { name, place, differences, why });
    }
    Ok(report)
}

/// What is wrong with a file of which a part is not of the right shape: that, and which of the other tests could not be run.
fn all_faults(book: &Book, document: &Document, wrong: &[Wrong], payload: &PayloadReader<'_>) -> Faults {
    let mut faults = Faults::default();
    faults.extend(wrong.iter().map(|(pointer, message)| document.fault(pointer, message)));
    for (index, value) in document.value()["tests"].as_array().into_iter().flatten().enumerate() {
        let pointer = format!("/tests/{index}");
        let is_wrong =
            |(at, _): &Wrong| at.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let Ok(mut case) = TestCase::deserialize(value) else { continue };
        if wrong.iter().any(is_wrong) {
            continue;
        }
        let refused = match Running::new(book, Depth::Matched, &mut case) {
            Ok(mut running) => {
                running.case(case, payload);
                running.refused
            }
            Err(why) => vec![why],
        };
        faults.extend(refused.into_iter().map(|why| document.fault(&pointer, why)));
    }
    faults.or(()).err().unwrap_or_default()
}

/// What differs, and why.
type Found = (Vec<Difference>, Vec<String>);

/// One test while it runs, with a memory like the store's.
struct Running<'a> {
    book: &'a Book,
    now: Timestamp,
    /// What the first event finds remembered.
    given: Option<Given>,
    world: World,
    depth: Depth,
    seen: Seen,
    /// Why the rules did otherwise than expected.
    why: Vec<String>,
    /// What could not be run at all.
    refused: Vec<String>,
}

impl<'a> Running<'a> {
    fn new(book: &'a Book, depth: Depth, case: &mut TestCase) -> Result<Self, String> {
        let now = case.now.as_deref().unwrap_or(NOW);
        let now = now.parse().map_err(|_| format!("now: `{now}` is not a time stamp, such as {NOW}"))?;
        Ok(Self {
            book,
            now,
            given: Some(std::mem::take(&mut case.given)),
            world: World::default(),
            depth,
            seen: Seen::default(),
            why: Vec::new(),
            refused: Vec::new(),
        })
    }

    fn case(&mut self, case: TestCase, payload: &PayloadReader<'_>) -> Vec<Difference> {
        let is_single = case.steps.is_empty();
        if !is_single && !case.step.is_empty() {
            return vec![self.refuse("a test has either `steps` or one event of its own; move `event`, `expect` and the like into a step".to_owned())];
        }
        let steps = if is_single { vec![case.step] } else { case.steps };
        let mut differences = Vec::new();
        for (index, step) in steps.into_iter().enumerate() {
            let label = if is_single { String::new() } else { format!("step {}: ", index + 1) };
            let (found, why) = match self.step(step, index, payload) {
                Ok((found, why)) => (found.into_iter().map(|one| one.in_step(&label)).collect(), why),
                Err(why) => (vec![self.refuse(format!("{label}{why}"))], Vec::new()),
            };
            differences.extend(found);
            self.why.extend(why.into_iter().map(|one| format!("{label}{one}")));
        }
        differences
    }

    /// What is said of a test that cannot be run.
    fn refuse(&mut self, why: String) -> Difference {
        self.refused.push(why.clone());
        Difference::said(why)
    }

    /// What differs in one step, and why.
    fn step(&mut self, step: StepDocument, index: usize, payload: &PayloadReader<'_>) -> Result<Found, String> {
        if !step.expects_something() {
            return Err("nothing is expected; write `expect:`, `blocked:` or `rules:` (`expect: []` means that nothing may be done)".to_owned());
        }
        if let Some(after) = &step.after {
            let passed = duration::parse(after).map_err(|why| format!("after: {why}"))?;
            self.now = self.now.checked_add(passed).map_err(|why| format!("after: {why}"))?;
        }
        let facts = self.facts(self.event(&step, index, payload)?);
        let (facts, decision) = self.world.decide(self.book, facts, self.depth);
        self.seen.note(&decision.trace);
        let mut differences = compare(&step, &decision.trace, self.now);
        differences.extend(superseded(&step, &decision));
        let why = match differences.is_empty() {
            true => Vec::new(),
            false => hint::why(&step, self.book, &decide(self.book, &facts, Depth::Everything).trace),
        };
        self.world.keep(&facts.event, &decision);
        Ok((differences, why))
    }

    fn facts(&mut self, event: Event) -> Facts {
        let mut facts = self.world.facts(self.book, event, self.now);
        if let Some(given) = self.given.take() {
            (facts.conversation.state, facts.contact.state) = (given.state, given.contact_state);
        }
        facts
    }

    fn event(&self, step: &StepDocument, index: usize, payload: &PayloadReader<'_>) -> Result<Event, String> {
        match (&step.payload, &step.event, &step.source) {
            (Some(_), Some(_), _) => Err("give either `event` or `payload`".to_owned()),
            (Some(_), None, None) => Err("a `payload` needs the `source` it comes in by".to_owned()),
            (Some(file), None, Some(source)) => {
                let mut event = payload(&SourceName::from(source.as_str()), file)?;
                // A payload without a time of its own happens at the test's time, not at that of the machine.
                if event.at == event.received_at {
                    event.at = self.now;
                }
                event.received_at = self.now;
                Ok(event)
            }
            (None, _, Some(_)) => {
                Err("`source` goes with `payload`; beside `event` write `event: { source: … }`".to_owned())
            }
            (None, event, None) => {
                event::build(event.clone().unwrap_or_default(), self.book.surroundings(), index, self.now)
            }
        }
    }
}

/// Whether other replies are superseded than expected.
fn superseded(step: &StepDocument, decision: &Decision) -> Option<Difference> {
    let wanted = step.supersedes.as_ref()?;
    let saw: Vec<&String> = decision.supersedes.iter().map(|superseded| &superseded.rule).collect();
    let differs = wanted.iter().ne(saw.iter().copied());
    differs.then(|| Difference::said(format!("supersedes: expected {wanted:?}, and it is {saw:?}")))
}
