//! What two decisions on one event do differently. They are compared by what is done, not by which rule does it: a rule that
//! was only renamed changes nothing for anybody.

use serde::Serialize;
use serde_json::Value;

use super::super::script;
use crate::model::decision::ActionTrace;
use crate::model::{Trace, Verdict};

/// The word under which a rule that fails stands among the actions.
const RULE: &str = "rule";

/// How an action comes out differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is done, and was not.
    Gained,
    /// It goes to a person, for approval or as a draft, and did not.
    ToPerson,
    /// It was done or went to a person, and neither is so now.
    Lost,
    /// It stands as it stood, in another way: another text, another delay, something else against it.
    Changed,
    /// It is asked for and stopped; nothing asked for it before.
    HeldBack,
    /// It was asked for and held back; now nothing asks for it.
    Dropped,
}

/// How far an action came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing comes of it.
    Stopped,
    /// It waits for approval, or is left as a draft.
    ToPerson,
    /// It goes to the outbox, or changes the state.
    Done,
}

/// What an action came to, and the rule that asked for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The rule.
    pub rule: String,
    /// What came of it.
    #[serde(flatten)]
    pub trace: ActionTrace,
}

/// One action that comes out differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// How.
    pub what: What,
    /// The action: `reply`, `note`, …; `rule` for a rule that fails as a whole.
    pub action: String,
    /// As it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Outcome>,
    /// As it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Outcome>,
}

impl Outcome {
    /// How far it came.
    pub fn standing(&self) -> Standing {
        match self.trace.verdict {
            Verdict::Chosen => Standing::Done,
            Verdict::Held { .. } | Verdict::Drafted => Standing::ToPerson,
            Verdict::Shadowed | Verdict::Blocked { .. } | Verdict::Vetoed { .. } | Verdict::Failed { .. } => {
                Standing::Stopped
            }
        }
    }

    /// What stands against it, in one word: the code of the loop guard, or the verdict.
    pub fn against(&self) -> Option<String> {
        match &self.trace.verdict {
            Verdict::Chosen => None,
            Verdict::Blocked { code, .. } => Some(code.clone()),
            other => Some(other.as_str().to_owned()),
        }
    }

    /// What it is counted as. A snippet is a reply that the provider writes.
    fn kind(&self) -> &str {
        match self.trace.action.as_str() {
            "snippet" => "reply",
            other => other,
        }
    }

    /// Whether nobody would see a difference. The reason of a block is prose, and may tell a time; which bound of a script
    /// breaks first is up to the machine.
    fn is_same(&self, other: &Self) -> bool {
        let essence = |verdict: &Verdict| match verdict {
            Verdict::Blocked { code, .. } => Verdict::Blocked { code: code.clone(), reason: String::new() },
            Verdict::Failed { reason } if script::is_of_bounds(reason) => Verdict::Failed { reason: String::new() },
            other => other.clone(),
        };
        self.trace.action == other.trace.action
            && self.trace.rendered == other.trace.rendered
            && essence(&self.trace.verdict) == essence(&other.trace.verdict)
    }
}

impl Change {
    fn new(before: Option<Outcome>, after: Option<Outcome>) -> Self {
        let standing = |outcome: &Option<Outcome>| outcome.as_ref().map(Outcome::standing);
        let what = match (standing(&before), standing(&after)) {
            (before, after) if before == after => What::Changed,
            (_, Some(Standing::Done)) => What::Gained,
            (_, Some(Standing::ToPerson)) => What::ToPerson,
            (Some(Standing::Done | Standing::ToPerson), _) => What::Lost,
            (_, Some(Standing::Stopped)) => What::HeldBack,
            (_, None) => What::Dropped,
        };
        let action = after.as_ref().or(before.as_ref()).map(|it| it.trace.action.clone()).unwrap_or_default();
        Self { what, action, before, after }
    }

    /// What it is counted as.
    pub fn kind(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", Outcome::kind)
    }

    /// Whether what people read, or would read but for what stands against it, is another text.
    pub fn is_of_text(&self) -> bool {
        let rendered = |outcome: &Option<Outcome>| {
            outcome.as_ref().map(|it| it.trace.rendered.clone()).filter(|rendered| !rendered.is_null())
        };
        let Some((before, after)) = rendered(&self.before).zip(rendered(&self.after)) else { return false };
        self.what == What::Changed && ["text", "html", "subject"].iter().any(|key| before[*key] != after[*key])
    }

    /// What newly stands against it, in one word: where it came further before, or nothing asked for it.
    pub fn held_back(&self) -> Option<String> {
        let before = self.before.as_ref().map(Outcome::standing);
        let after = self.after.as_ref()?;
        let is_worse = match before {
            Some(before) => after.standing() < before,
            None => after.standing() == Standing::Stopped,
        };
        after.against().filter(|_| is_worse)
    }
}

/// Everything that comes out differently, paired: first what the same rule asked for, then what comes of the same kind.
pub(super) fn compare(before: &Trace, after: &Trace) -> Vec<Change> {
    let (mut before, mut after) = (outcomes(before), outcomes(after));
    pairs(&mut before, &mut after, Outcome::is_same);
    let is_like = |one: &Outcome, other: &Outcome| one.kind() == other.kind();
    let mut changed = pairs(&mut before, &mut after, |one, other| one.rule == other.rule && is_like(one, other));
    let is_stopped = |outcome: &Outcome| outcome.standing() == Standing::Stopped;
    changed.extend(pairs(&mut before, &mut after, |one, other| {
        !is_stopped(one) && !is_stopped(other) && is_like(one, other)
    }));
    let paired = changed.into_iter().map(|(before, after)| Change::new(Some(before), Some(after)));
    let gone = before.into_iter().map(|before| Change::new(Some(before), None));
    let new = after.into_iter().map(|after| Change::new(None, Some(after)));
    paired.chain(gone).chain(new).collect()
}

/// Takes out the pairs that fit, each with the first that does.
fn pairs(
    before: &mut Vec<Outcome>,
    after: &mut Vec<Outcome>,
    fit: impl Fn(&Outcome, &Outcome) -> bool,
) -> Vec<(Outcome, Outcome)> {
    let mut found = Vec::new();
    for one in std::mem::take(before) {
        match after.iter().position(|other| fit(&one, other)) {
            Some(at) => found.push((one, after.remove(at))),
            None => before.push(one),
        }
    }
    found
}

fn outcomes(trace: &Trace) -> Vec<Outcome> {
    let actions = trace
        .matched
        .iter()
        .flat_map(|rule| rule.actions.iter().map(|action| Outcome { rule: rule.rule.clone(), trace: action.clone() }));
    let errors = trace.errors.iter().map(|failed| Outcome {
        rule: failed.rule.clone(),
        trace: ActionTrace {
            index: 0,
            entry: 0,
            action: RULE.to_owned(),
            verdict: Verdict::Failed { reason: failed.error.clone() },
            rendered: Value::Null,
            fallback: None,
        },
    });
    actions.chain(errors).collect()
}
