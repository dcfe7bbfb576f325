//! The loop guard: whether an automatic reply may be sent at all (RFC 3834). Its steps stand in tables, each with the text
//! it rests on. Every step is asked and kept in the trace, not only the first that blocks.

mod addressing;
mod automated;
mod bounce;
pub mod caps;
mod caps_settings;
mod chain;
pub mod freshness;
mod headers;
mod list;
mod overrides;
mod provenance;
mod public_domains;
pub mod response;
mod settings;
mod standing;
mod subjects;
mod suspect;
#[cfg(test)]
mod tests;

pub use bounce::has_failed;
pub use caps_settings::{Cap, Caps, CapsSettings, LONGEST, Preset};
pub use chain::chain_depth;
pub use overrides::{Overrides, wrong};
pub use settings::{AlertSettings, GuardSettings, RequireAddressed};

use std::borrow::Cow;

use super::document::Allowed;
use super::site::{AccountFacts, Surroundings};
use crate::model::event::bare_address;
use crate::model::{Direction, Event, EventKind, Facts, GuardStep, Headers, Message, ReplyKind};

/// Who acts where a cap was reached: pauses, and sends alerts. No rule can have this name.
pub const GUARD: &str = "loop guard";

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

    /// Every bare address, in lower case, or number that the message may have come from: of the message, of the contact
    /// and, where headers are shown, as they say.
    fn senders(&self) -> Vec<String> {
        let mut senders = told(&self.facts.event);
        senders.extend(self.shown("from"));
        senders
    }

    /// Who wrote the message: the contact may be known by another address than the one it was written from.
    fn authors(&self) -> Vec<String> {
        let mut authors: Vec<String> = told(&self.facts.event).into_iter().take(1).collect();
        authors.extend(self.shown("from"));
        authors
    }

    /// Where the mail wants its answers.
    fn reply_to(&self) -> Vec<String> {
        self.shown("reply-to").collect()
    }

    /// The bare addresses in a header, where headers are shown.
    fn shown(&self, name: &'static str) -> impl Iterator<Item = String> {
        let values = self.headers().into_iter().flat_map(move |headers| headers::values(headers, name));
        values.flat_map(headers::addresses)
    }

    fn own_addresses(&self) -> &[String] {
        self.account.map(|account| account.own_addresses.as_slice()).unwrap_or_default()
    }

    /// Whether it came by mail: by the channel, else by the look of the sender.
    fn is_mail(&self) -> bool {
        match self.facts.event.conversation.channel.as_deref() {
            Some(channel) => channel.to_lowercase().contains("mail"),
            None => told(&self.facts.event).first().is_some_and(|sender| sender.contains('@')),
        }
    }

    /// Whether a contact may have sent the message; where there is none, the event.
    fn is_inbound(&self) -> bool {
        let is_inbound = |message: &Message| message.direction == Direction::Inbound;
        self.facts.event.kind != EventKind::MessageSent && self.facts.event.message.as_ref().is_none_or(is_inbound)
    }
}

/// The sender's bare addresses, in lower case, and numbers, as the provider tells: of the message first, then of the
/// contact. Some providers write a mere name as the sender of a message; it counts where nothing else is told.
fn told(event: &Event) -> Vec<String> {
    let from = event.message.as_ref().and_then(|message| message.from.as_deref()).map(bare_sender);
    let contact = [&event.contact.email, &event.contact.phone].into_iter().flatten();
    let contact: Vec<String> = contact.map(|of_contact| bare_sender(of_contact)).collect();
    let is_name = |from: &String| from.contains(char::is_alphabetic) && !from.contains('@');
    let mut told: Vec<String> = from.filter(|from| contact.is_empty() || !is_name(from)).into_iter().collect();
    told.extend(contact);
    told
}

fn bare_sender(written: &str) -> String {
    let bare = bare_address(written);
    // `ann@example.org (Ann)` is the form of RFC 822; in a number the brackets are part of it.
    match bare.contains(char::is_alphabetic) {
        true => headers::without_comments(&bare).trim().to_owned(),
        false => bare,
    }
}

/// What a step says.
pub enum Said {
    /// Nothing against it; with what was seen.
    Pass(Cow<'static, str>),
    /// Stops what the step stops; with the reason.
    Block(String),
    /// Stops less than the step might.
    BlockIn(Reach, String),
    /// Looks like a program, which stops nothing and lowers the caps.
    Suspect(String),
    /// The step has nothing to look at.
    NotApplicable(&'static str),
}

/// What a step stops. Where a message comes from concerns every action: a note on our own message is the beginning of a loop
/// as well. What a colleague or another program wrote may still be tagged and noted, and a mail from a robot too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing; the caps of a suspect conversation hold.
    Caps,
    /// Absence notices.
    Absences,
    /// Replies and snippets.
    Replies,
    /// Notes, tags and the rest as well.
    Everything,
}

impl Reach {
    /// Whether an action is stopped: a reply of that kind, or none.
    fn includes(self, reply: Option<ReplyKind>) -> bool {
        match self {
            Self::Caps => false,
            Self::Absences => reply == Some(ReplyKind::Away),
            Self::Replies => reply.is_some(),
            Self::Everything => true,
        }
    }
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
    let tables = [provenance::STEPS, automated::STEPS, addressing::STEPS, standing::STEPS, chain::STEPS];
    tables.into_iter().flatten()
}

/// What the guard says of one event.
pub struct Verdict {
    /// Every step.
    pub steps: Vec<GuardStep>,
    blocks: Vec<(&'static str, Reach, String)>,
    is_suspect: bool,
}

/// Asks every step about an event, with the settings in force for its account and sender, and for `rule` where one is given.
pub fn examine(facts: &Facts, surroundings: &Surroundings, rule: Option<&str>) -> Verdict {
    let event = &facts.event;
    let settings = surroundings.guard.for_event(event, rule);
    let incoming = Incoming { facts, account: surroundings.account(&event.account), settings: &settings };
    let mut verdict = Verdict { steps: Vec::new(), blocks: Vec::new(), is_suspect: false };
    for step in steps() {
        let (result, saw) = match (step.look)(&incoming) {
            Said::Pass(saw) => ("pass", saw),
            Said::NotApplicable(why) => ("not_applicable", Cow::Borrowed(why)),
            Said::Suspect(saw) => {
                verdict.is_suspect = true;
                ("suspect", saw.into())
            }
            Said::Block(reason) => {
                verdict.blocks.push((step.code, step.reach, reason.clone()));
                ("block", reason.into())
            }
            Said::BlockIn(reach, reason) => {
                verdict.blocks.push((step.code, reach, reason.clone()));
                ("block", reason.into())
            }
        };
        verdict.steps.push(GuardStep { code: step.code.into(), result: result.into(), saw });
    }
    verdict
}

impl Verdict {
    /// The first step that stops an action, after what the rule may overrule. `reply` is the kind of reply that the action
    /// is; none for notes, tags and the rest.
    pub fn against(&self, reply: Option<ReplyKind>, allow: &[Allowed]) -> Option<(&'static str, &str)> {
        let is_allowed = |code: &str| allow.iter().any(|allowed| allowed.code() == code);
        let stops = |(code, reach, _): &&(&'static str, Reach, String)| reach.includes(reply) && !is_allowed(code);
        self.blocks.iter().find(stops).map(|(code, _, reason)| (*code, reason.as_str()))
    }

    /// Whether a soft sign says that a program may be at the other end, or nothing could be told: the caps under
    /// `guard.caps.suspect` hold for the conversation.
    pub fn is_suspect(&self) -> bool {
        self.is_suspect
    }
}
