//! Runs the tests of a file and reports what differed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Serialize;

use super::super::book::Book;
use super::super::decide::{Depth, decide};
use super::compare::compare;
use super::document::{Given, StepDocument, TestCase, TestDocument, schema};
use super::event;
use crate::model::{ContactRecord, ConversationRecord, Event, Facts, LaneKey, SourceName, duration};
use crate::yaml::{Document, Faults, Structure};

/// A Monday morning.
const NOW: &str = "2026-01-05T10:00:00Z";

static STRUCTURE: LazyLock<Result<Structure, String>> = LazyLock::new(|| Structure::new(schema()));

/// Reads a provider's own JSON, given by file name, through the adapter of a source.
pub type PayloadReader<'a> = dyn Fn(&SourceName, &str) -> Result<Event, String> + 'a;

/// How one test came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// `file:line`.
    pub place: String,
    /// What differed; empty when it passed.
    pub differences: Vec<String>,
}

/// How the tests of a file came out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every test, in order.
    pub cases: Vec<CaseReport>,
    /// The rules that matched in at least one of them.
    pub reached: BTreeSet<String>,
}

/// Runs the tests of one file.
pub fn run(book: &Book, file: &str, text: &str, payload: &PayloadReader<'_>) -> Result<Report, Faults> {
    let document = Document::parse(file, text)?;
    match STRUCTURE.as_ref() {
        Ok(structure) => structure.check(&document).or(())?,
        Err(why) => return Err(document.fault("", format!("the schema of tests is broken: {why}")).into()),
    }
    let tests: TestDocument = document.read()?;
    let pointers: Vec<String> = (0..tests.tests.len()).map(|index| format!("/tests/{index}")).collect();
    let mut report = Report::default();
    for (mut case, place) in tests.tests.into_iter().zip(document.places(&pointers)) {
        let name = case.name.clone();
        let differences = match Running::new(book, &mut case) {
            Ok(mut running) => {
                let differences = running.case(case, payload);
                report.reached.append(&mut running.reached);
                differences
            }
            Err(why) => vec![why],
        };
        report.cases.push(CaseReport { name, place, differences });
    }
    Ok(report)
}

/// One test while it runs, with a memory like the store's.
struct Running<'a> {
    book: &'a Book,
    now: Timestamp,
    /// What the first event finds remembered.
    given: Option<Given>,
    conversations: BTreeMap<LaneKey, ConversationRecord>,
    contacts: BTreeMap<String, ContactRecord>,
    reached: BTreeSet<String>,
}

impl<'a> Running<'a> {
    fn new(book: &'a Book, case: &mut TestCase) -> Result<Self, String> {
        let now = case.now.as_deref().unwrap_or(NOW);
        let now = now.parse().map_err(|_| format!("now: `{now}` is not a time stamp, such as {NOW}"))?;
        Ok(Self {
            book,
            now,
            given: Some(std::mem::take(&mut case.given)),
            conversations: BTreeMap::new(),
            contacts: BTreeMap::new(),
            reached: BTreeSet::new(),
        })
    }

    fn case(&mut self, case: TestCase, payload: &PayloadReader<'_>) -> Vec<String> {
        let is_single = case.steps.is_empty();
        if !is_single && !case.step.is_empty() {
            return vec![
                "a test has either `steps` or one event of its own; move `event`, `expect` and the like into a step"
                    .to_owned(),
            ];
        }
        let steps = if is_single { vec![case.step] } else { case.steps };
        let mut differences = Vec::new();
        for (index, step) in steps.into_iter().enumerate() {
            let label = if is_single { String::new() } else { format!("step {}: ", index + 1) };
            let found = self.step(step, index, payload).unwrap_or_else(|why| vec![why]);
            differences.extend(found.into_iter().map(|one| format!("{label}{one}")));
        }
        differences
    }

    fn step(&mut self, step: StepDocument, index: usize, payload: &PayloadReader<'_>) -> Result<Vec<String>, String> {
        if step.expect.is_none() && step.blocked.is_none() && step.rules.is_none() {
            return Err("nothing is expected; write `expect:`, `blocked:` or `rules:` (`expect: []` means that nothing may be done)".to_owned());
        }
        if let Some(after) = &step.after {
            let passed = duration::parse(after).map_err(|why| format!("after: {why}"))?;
            self.now = self.now.checked_add(passed).map_err(|why| format!("after: {why}"))?;
        }
        let facts = self.facts(self.event(&step, index, payload)?);
        let (lane, correspondent) = (facts.event.lane(), facts.event.correspondent());
        let decision = decide(self.book, &facts, Depth::Matched);
        self.reached.extend(decision.trace.matched.iter().map(|rule| rule.rule.clone()));
        let differences = compare(&step, &decision.trace, self.now);
        self.conversations.insert(lane, decision.conversation);
        self.contacts.extend(correspondent.map(|who| (who, decision.contact)));
        Ok(differences)
    }

    fn facts(&mut self, event: Event) -> Facts {
        let (lane, correspondent) = (event.lane(), event.correspondent());
        let mut conversation = self.conversations.get(&lane).cloned().unwrap_or_default();
        let mut contact = correspondent.and_then(|who| self.contacts.get(&who)).cloned().unwrap_or_default();
        if let Some(given) = self.given.take() {
            (conversation.state, contact.state) = (given.state, given.contact_state);
        }
        Facts { event, conversation, contact, is_own: false, now: self.now }
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
