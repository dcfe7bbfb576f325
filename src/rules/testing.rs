//! What the tests of rules share: accounts and members to refer to, a rule book from its text, and a conversation that is
//! played with a virtual clock. Compiled for tests only.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::check::{EventDocument, build_event};
use super::decide::EVERY_RULE;
use super::guard::Overrides;
use super::schedule::{Schedule, ScheduleSettings, Schedules};
use super::script::{Engine, Limits};
use super::template::Form;
use super::{AccountFacts, Attachments, Book, Depth, GuardSettings, SnippetFile, Surroundings, World};
use crate::model::capability::CAPABILITIES;
use crate::model::{AccountName, Capability, Decision, Event, Facts, SourceName, Support, Verdict, duration};

/// A Monday morning.
pub(crate) const NOW: &str = "2026-01-05T10:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn account(name: &str, provider: &str, special: &[(&str, Support)]) -> AccountFacts {
    let support = |name: &str| special.iter().find(|(of, _)| *of == name).map_or(Support::Native, |(_, it)| *it);
    AccountFacts {
        name: AccountName::from(name),
        provider: provider.to_owned(),
        capabilities: CAPABILITIES.map(|name| Capability { name, support: support(name) }).to_vec(),
        own_addresses: vec![format!("{name}@desk.example"), "+1 555 0100".to_owned()],
        answers_everybody: false,
    }
}

/// An account that can do everything (`support`), one that names members in a note instead of paging them (`mail`), one
/// without snippets (`phone`).
pub(crate) fn surroundings() -> Surroundings {
    let ids = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let snippet = |name: &str, form: Form, source: &str| {
        (name.to_owned(), SnippetFile { file: format!("snippets/{name}.md"), form, source: source.to_owned() })
    };
    let no_snippets = ("snippet", Support::Missing("it keeps no snippets"));
    let names = ("note.page", Support::Fallback("a note that names the member"));
    Surroundings {
        members: BTreeMap::from([
            ("dr-lee".to_owned(), ids(&[("sandbox", "m1"), ("spruce", "e1")])),
            ("kim".to_owned(), ids(&[("spruce", "e2")])),
        ]),
        snippets: BTreeMap::from([
            snippet("hours", Form::Markdown, "Hi {{ contact.first_name | default('there') }}, **9 to 5**."),
            snippet("broken", Form::Markdown, "Hi,\n{{ contct.name }}"),
        ]),
        hooks: BTreeMap::from([
            ("crm".to_owned(), "https://crm.example/hooks".parse().unwrap()),
            ("crm-refunds".to_owned(), "https://crm.example/hooks/refunds".parse().unwrap()),
        ]),
        accounts: vec![
            account("support", "sandbox", &[]),
            account("mail", "sequenzy", &[no_snippets, names]),
            account("phone", "spruce", &[no_snippets]),
        ],
        sources: [("inbox", "support"), ("letters", "mail"), ("calls", "phone")]
            .map(|(source, account)| (SourceName::from(source), AccountName::from(account)))
            .into(),
        schedules: Arc::clone(&SCHEDULES),
        time_zone: TimeZone::UTC,
        guard: GuardSettings::default(),
        scripts: Arc::clone(&SCRIPTS),
        attachments: Attachments::Folder("/nowhere".into()),
    }
}

/// The same without caps and without rest after a person's message, for what is about the rules alone.
pub(crate) fn unguarded() -> Surroundings {
    let mut surroundings = surroundings();
    let none = Overrides { takeover: Some(SignedDuration::ZERO), ..Overrides::default() };
    surroundings.guard.accounts.insert("support".to_owned(), none);
    let caps = &mut surroundings.guard.caps;
    for list in [&mut caps.conversation, &mut caps.correspondent, &mut caps.subject, &mut caps.suspect] {
        list.clear();
    }
    surroundings
}

/// Open from nine to five on weekdays in Berlin, and at night everywhere.
static SCHEDULES: LazyLock<Schedules> = LazyLock::new(|| {
    let schedule = |name: &str, written: Value| {
        let settings: ScheduleSettings = serde_json::from_value(written).unwrap();
        (name.to_owned(), Schedule::compile(&settings, &TimeZone::UTC).unwrap())
    };
    let office = json!({ "time_zone": "Europe/Berlin", "weekly": { "monday-friday": "09:00-17:00" } });
    let night = json!({ "weekly": { "monday-sunday": "22:00-06:00" } });
    Arc::new(BTreeMap::from([schedule("office", office), schedule("night", night)]))
});

/// Bounds as they are, but without the clock, which would make a verdict depend on the machine.
static SCRIPTS: LazyLock<Arc<Engine>> =
    LazyLock::new(|| Arc::new(Engine::new(Limits { wall_time: SignedDuration::from_mins(5), ..Limits::default() })));

/// A book of several files.
pub(crate) fn book(files: &[(&str, &str)], surroundings: Surroundings) -> Book {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Book::compile(files, surroundings).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A book of one file on which the program itself fails: its index names rules that are not there.
pub(crate) fn broken_book(list: &str, surroundings: Surroundings) -> Book {
    let mut book = book(&[("rules.yaml", &rules(list))], surroundings);
    book.rules.clear();
    book
}

/// A file of rules, given as the list below `rules:`.
pub(crate) fn rules(list: &str) -> String {
    format!("version: 1\nrules:\n{list}\n")
}

/// An event written as in a rule test.
pub(crate) fn event(written: Value, surroundings: &Surroundings, number: usize, now: Timestamp) -> Event {
    let written: EventDocument = serde_json::from_value(written).unwrap();
    build_event(written, surroundings, number, now).unwrap()
}

/// The facts of an event about which nothing is remembered.
pub(crate) fn facts(written: Value) -> Facts {
    Facts::fresh(event(written, &surroundings(), 0, now()), now())
}

/// A rule book with a clock and a memory.
pub(crate) struct Play {
    pub(crate) book: Book,
    pub(crate) now: Timestamp,
    pub(crate) is_own: bool,
    pub(crate) world: World,
    played: usize,
}

impl Play {
    /// With the rules of one file, given as the list below `rules:`.
    pub(crate) fn new(list: &str) -> Self {
        Self::of(book(&[("rules.yaml", &rules(list))], surroundings()))
    }

    pub(crate) fn of(book: Book) -> Self {
        Self { book, now: now(), is_own: false, world: World::default(), played: 0 }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: &str) -> &mut Self {
        self.now = self.now.checked_add(duration::parse(time).unwrap()).unwrap();
        self
    }

    /// Decides an event, and remembers what came of it.
    pub(crate) fn decide(&mut self, written: Value) -> Decision {
        let event = event(written, self.book.surroundings(), self.played, self.now);
        self.played += 1;
        let facts = self.world.facts(&self.book, event, self.now);
        let facts = Facts { is_own: self.is_own, depth: u8::from(self.is_own), ..facts };
        let (facts, decision) = self.world.decide(&self.book, facts, Depth::Matched);
        assert!(decision.trace.errors.iter().all(|it| it.rule != EVERY_RULE), "deciding panicked");
        self.world.keep(&facts.event, &decision);
        decision
    }

    /// Decides an event, and tells what came of it.
    pub(crate) fn tell(&mut self, written: Value) -> String {
        story(&self.decide(written))
    }

    /// Decides a message of someone.
    pub(crate) fn hear(&mut self, text: &str) -> String {
        self.tell(json!({ "message": { "text": text } }))
    }
}

/// What came of the actions, one line each, and which rules failed.
pub(crate) fn story(decision: &Decision) -> String {
    let actions = decision.trace.matched.iter().flat_map(|rule| {
        rule.actions.iter().map(|action| {
            let verdict = match &action.verdict {
                Verdict::Chosen => "chosen".to_owned(),
                Verdict::Shadowed => "shadowed".to_owned(),
                Verdict::Drafted => "drafted".to_owned(),
                Verdict::Held { cause } => format!("held: {}", cause.as_str()),
                Verdict::Blocked { code, .. } => format!("blocked: {code}"),
                Verdict::Vetoed { by } => format!("vetoed by {by}"),
                Verdict::Failed { reason } => format!("failed: {reason}"),
            };
            format!("{} {}: {verdict}", rule.rule, action.action)
        })
    });
    let errors = decision.trace.errors.iter().map(|error| format!("{} failed: {}", error.rule, error.error));
    actions.chain(errors).collect::<Vec<_>>().join("\n")
}
