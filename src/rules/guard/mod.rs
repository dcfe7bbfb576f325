//! The loop guard: whether an automatic reply may be sent at all (RFC 3834). Its steps stand in tables, each with the text
//! it rests on. Every step is asked and kept in the trace, not only the first that blocks.

mod automated;
mod headers;
mod provenance;
pub mod response;
mod settings;
#[cfg(test)]
mod tests;

pub use settings::GuardSettings;

use super::document::Allowed;
use super::site::AccountFacts;
use crate::model::event::bare_address;
use crate::model::{Direction, EventKind, Facts, GuardStep, Headers, Message};

/// What a step looks at.
pub struct Incoming<'a> {
    /// The event and what is remembered.
    pub facts: &'a Facts,
    /// Our side.
    pub account: Option<&'a AccountFacts>,
    /// The numbers and lists in force.
    pub settings: &'a GuardSettings,
}

impl Incoming<'_> {
    /// The mail headers, where the provider shows them.
    fn headers(&self) -> Option<&Headers> {
        self.facts.event.message.as_ref().and_then(|message| message.headers.as_ref())
    }

    /// The sender's bare address, in lower case, or number.
    fn sender(&self) -> Option<String> {
        let event = &self.facts.event;
        let from = event.message.as_ref().and_then(|message| message.from.as_deref());
        let from = from.or(event.contact.email.as_deref()).or(event.contact.phone.as_deref())?;
        let bare = bare_address(from);
        // `ann@example.org (Ann)` is the form of RFC 822; in a number the brackets are part of it.
        match bare.contains(char::is_alphabetic) {
            true => Some(headers::without_comments(&bare).trim().to_owned()),
            false => Some(bare),
        }
    }

    /// Whether a contact may have sent the message; where there is none, the event.
    fn is_inbound(&self) -> bool {
        let is_inbound = |message: &Message| message.direction == Direction::Inbound;
        self.facts.event.kind != EventKind::MessageSent && self.facts.event.message.as_ref().is_none_or(is_inbound)
    }
}

/// What a step says.
pub enum Said {
    /// Nothing against it; with what was seen.
    Pass(String),
    /// No automatic reply; with the reason.
    Block(String),
    /// The step has nothing to look at.
    NotApplicable(&'static str),
}

/// What a step stops. Where a message comes from concerns every action: a note on our own message is the beginning of a loop
/// as well. What a colleague or another program wrote may still be tagged and noted, and a mail from a robot too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Replies and snippets.
    Replies,
    /// Notes, tags and the rest as well.
    Everything,
}

/// One step of the guard.
pub struct Step {
    /// The code in traces, tests and metrics.
    pub code: &'static str,
    /// What it rests on.
    pub basis: &'static str,
    /// What it stops.
    pub reach: Reach,
    /// Looks.
    pub look: fn(&Incoming<'_>) -> Said,
}

/// Every step, in order.
pub fn steps() -> impl Iterator<Item = &'static Step> {
    provenance::STEPS.iter().chain(automated::STEPS)
}

/// What the guard says of one event.
pub struct Verdict {
    /// Every step.
    pub steps: Vec<GuardStep>,
    blocks: Vec<(&'static Step, String)>,
}

/// Asks every step.
pub fn examine(incoming: &Incoming<'_>) -> Verdict {
    let mut verdict = Verdict { steps: Vec::new(), blocks: Vec::new() };
    for step in steps() {
        let (result, saw) = match (step.look)(incoming) {
            Said::Pass(saw) => ("pass", saw),
            Said::NotApplicable(why) => ("not_applicable", why.to_owned()),
            Said::Block(reason) => {
                verdict.blocks.push((step, reason.clone()));
                ("block", reason)
            }
        };
        verdict.steps.push(GuardStep { code: step.code.to_owned(), result: result.to_owned(), saw });
    }
    verdict
}

impl Verdict {
    /// The first step that stops an action, after what the rule may overrule.
    pub fn against(&self, reaches_contact: bool, allow: &[Allowed]) -> Option<(&'static str, &str)> {
        self.blocks
            .iter()
            .filter(|(step, _)| reaches_contact || step.reach == Reach::Everything)
            .find(|(step, _)| !allow.iter().any(|allowed| allowed.code() == step.code))
            .map(|(step, reason)| (step.code, reason.as_str()))
    }
}
