//! From a rule as written to a rule that can be asked. Everything that can be refused is refused here, with its place.

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::action::{self, Prepare};
use super::condition::{self, Condition};
use super::document::{Allowed, Mode, OnceDocument, OneOrMany, Per, RuleDocument, Veto};
use super::script::ScriptRule;
use super::site::{AccountFacts, Site, Surroundings};
use super::{all, captures};
use crate::model::{EventKind, OnError, Support, duration};

/// A rule that can be asked.
pub struct Rule {
    /// Its name.
    pub name: String,
    /// `file:line`.
    pub place: String,
    /// A digest of the rule as written; it changes with everything that could change what the rule does.
    pub hash: String,
    /// The kinds of event it looks at.
    pub on: Vec<EventKind>,
    /// How far it goes.
    pub mode: Mode,
    /// What it asks for.
    pub(super) body: Body,
    /// What it forbids.
    pub(super) vetoes: Vec<Veto>,
    /// How often it may act, where it says.
    pub(super) once: Option<Once>,
    /// How long its reply waits for the end of a burst of messages.
    pub(super) settle: Option<SignedDuration>,
    /// The name of its response.
    pub(super) handle: Option<String>,
    /// What it may overrule.
    pub(super) allow: Vec<Allowed>,
    /// Whether later rules are left out once it has matched.
    pub(super) stop: bool,
    /// What becomes of an event on which it fails.
    pub on_error: OnError,
}

impl Rule {
    /// `file:line` of something in it; its own place where the line is not known (0).
    pub fn place_of(&self, line: usize) -> String {
        match self.place.rsplit_once(':') {
            Some((file, _)) if line > 0 => format!("{file}:{line}"),
            _ => self.place.clone(),
        }
    }

    /// Whether its `do` has an action of that name.
    pub(super) fn may_do(&self, name: &str) -> bool {
        matches!(&self.body, Body::Yaml { actions, .. } if actions.iter().any(|action| action.name == name))
    }

    /// Whether it is a script, or has one among its conditions or actions.
    pub(super) fn runs_a_script(&self) -> bool {
        match &self.body {
            Body::Yaml { when, .. } => {
                self.may_do("script") || when.leaves().iter().any(|leaf| leaf.subject == "script")
            }
            Body::Script(_) => true,
        }
    }

    /// Whether it may forbid something.
    pub(super) fn may_veto(&self) -> bool {
        match &self.body {
            Body::Yaml { .. } => !self.vetoes.is_empty(),
            Body::Script(script) => script.may_veto,
        }
    }
}

/// How a rule says what it wants.
pub(super) enum Body {
    /// `when` and `do`.
    Yaml {
        /// What must hold.
        when: Condition,
        /// What is done.
        actions: Vec<CompiledAction>,
    },
    /// A `.rhai` file.
    Script(ScriptRule),
}

/// One entry of `do`.
pub(super) struct CompiledAction {
    /// The word.
    pub name: &'static str,
    /// Its line in the rule's file, from 1.
    pub line: usize,
    /// What it does.
    pub prepare: Box<dyn Prepare>,
}

/// How often a rule may act.
#[derive(Clone, Copy, Debug)]
pub(super) struct Once {
    pub per: Per,
    pub every: Option<SignedDuration>,
    pub quiet: Option<SignedDuration>,
}

/// Compiles one rule of a file; `None` when faults were reported.
pub(super) fn compile(rule: RuleDocument, place: String, hash: String, site: &Site<'_>) -> Option<Rule> {
    let captured = captures::groups(&rule.when);
    let site = &site.capturing(&captured);
    let (when, actions) = compile_parts(&rule, site);
    if rule.actions.is_empty() && rule.veto.is_none() && !rule.stop {
        site.fault(format!("the rule `{}` does nothing; give it `do`, `veto` or `stop: true`", rule.name));
    }
    let settle = rule.settle.as_deref().and_then(|text| compile_settle(text, actions.as_deref(), site));
    let once = rule.once.map(|once| compile_once(&once, &site.child("once")));
    Some(Rule {
        name: rule.name,
        place,
        hash,
        on: rule.on.map_or_else(|| vec![EventKind::MessageReceived], OneOrMany::into_vec),
        mode: rule.mode,
        body: Body::Yaml { when, actions: actions? },
        vetoes: rule.veto.map(OneOrMany::into_vec).unwrap_or_default(),
        once,
        settle,
        handle: rule.handle,
        allow: rule.allow,
        stop: rule.stop,
        on_error: rule.on_error,
    })
}

/// Reports what is wrong in what is left of a rule. Its captures are known where its conditions are whole.
pub(super) fn judge(rule: &RuleDocument, has_whole_when: bool, site: &Site<'_>) {
    let captured = captures::groups(&rule.when);
    match has_whole_when {
        true => drop(compile_parts(rule, &site.capturing(&captured))),
        false => drop(compile_parts(rule, site)),
    }
    if let Some(once) = &rule.once {
        compile_once(once, &site.child("once"));
    }
    if let Some(text) = &rule.settle {
        compile_settle(text, None, site);
    }
}

fn compile_parts(rule: &RuleDocument, site: &Site<'_>) -> (Condition, Option<Vec<CompiledAction>>) {
    let when = condition::compile(&rule.when, &site.child("when"));
    let reach = reachable(&rule.when, site.surroundings());
    let actions = all(rule.actions.iter().enumerate().map(|(index, entry)| {
        let site = site.child("do").child(&index.to_string());
        let action = compile_action(entry, &site)?;
        refuse_what_nobody_can(&action, &reach, &site);
        Some(action)
    }));
    (when, actions)
}

/// Compiles one entry of `do`, or one call of a script, which has the same shape.
pub(super) fn compile_action(entry: &Map<String, Value>, site: &Site<'_>) -> Option<CompiledAction> {
    let (name, argument) = entry.iter().next()?;
    let Some(kind) = action::action(name) else {
        site.fault(format!("there is no action `{name}`"));
        return None;
    };
    let prepare = kind.compile(argument, &site.child(name))?;
    Some(CompiledAction { name: kind.name(), line: site.line(), prepare })
}

fn compile_once(once: &OnceDocument, site: &Site<'_>) -> Once {
    let read = |key: &str, text: &Option<String>| {
        text.as_ref().and_then(|text| duration::parse(text).map_err(|why| site.child(key).fault(why)).ok())
    };
    let (every, quiet) = (read("every", &once.every), read("quiet", &once.quiet));
    let per = match once.per {
        Some(Per::Event) if once.every.is_some() => {
            site.child("every").fault("`per: event` lifts every limit, so there is nothing to count for `every`");
            Per::Event
        }
        Some(per) => per,
        // The throttle by silence alone, as Spruce has it, may act any number of times.
        None if once.quiet.is_some() && once.every.is_none() => Per::Event,
        None => Per::default(),
    };
    Once { per, every, quiet }
}

/// The longest wait for the end of a burst: whoever writes for longer than that waits for an answer.
const LONGEST_SETTLE: SignedDuration = SignedDuration::from_hours(1);

/// `actions` are those of the rule, where they are known.
fn compile_settle(text: &str, actions: Option<&[CompiledAction]>, site: &Site<'_>) -> Option<SignedDuration> {
    let site = site.child("settle");
    let settle = duration::parse(text).map_err(|why| site.fault(why)).ok()?;
    if !settle.is_positive() || settle > LONGEST_SETTLE {
        site.fault(format!("`{text}` is not a wait between 1s and 1h"));
    }
    let may_answer = |action: &CompiledAction| action.prepare.reply_kind().is_some() || action.name == "script";
    if actions.is_some_and(|actions| !actions.iter().any(may_answer)) {
        site.fault("the rule has no reply that could wait for the end of a burst; other actions are taken at once");
    }
    Some(settle)
}

/// The accounts that a rule's events can belong to, as far as its outermost conditions tell.
fn reachable<'a>(when: &Map<String, Value>, surroundings: &'a Surroundings) -> Vec<&'a AccountFacts> {
    let allowed = |key: &str, saw: &str| match when.get(key) {
        Some(Value::String(wanted)) => wanted.eq_ignore_ascii_case(saw),
        Some(Value::Array(wanted)) => wanted.iter().filter_map(Value::as_str).any(|one| one.eq_ignore_ascii_case(saw)),
        _ => true,
    };
    let through_source = |account: &AccountFacts| {
        !when.contains_key("source")
            || surroundings.sources.iter().any(|(source, of)| *of == account.name && allowed("source", source.as_str()))
    };
    let reachable = |account: &&AccountFacts| {
        allowed("provider", &account.provider) && allowed("account", account.name.as_str()) && through_source(account)
    };
    surroundings.accounts.iter().filter(reachable).collect()
}

/// An action that no reachable account can carry out is a fault of the rule; one that only some can is refused for the
/// others when it comes to it, visibly.
fn refuse_what_nobody_can(action: &CompiledAction, reach: &[&AccountFacts], site: &Site<'_>) {
    for need in action.prepare.needs() {
        let missing = |account: &&AccountFacts| match account.support(need) {
            Support::Missing(why) => Some(format!("{} ({}): {why}", account.name, account.provider)),
            _ => None,
        };
        let reasons: Vec<String> = reach.iter().filter_map(missing).collect();
        if !reach.is_empty() && reasons.len() == reach.len() {
            site.fault(format!("no account that this rule can reach is able to `{need}`: {}", reasons.join("; ")));
        }
    }
}
