//! What stands against a reply whatever the message says: a quarantine after a loop, and a person who has taken over.

use jiff::SignedDuration;

use super::{Incoming, Reach, Said, Step};
use crate::model::{Scope, duration};

/// The steps of this file.
pub(super) const STEPS: &[Step] = &[
    Step {
        code: "quarantined",
        basis: "a cap was reached: Zammad #4885, FreeScout #688",
        reach: Reach::Replies,
        look: quarantined,
    },
    Step {
        code: "human_takeover",
        basis: "a person who has answered is not interrupted: Chatwoot #6945",
        reach: Reach::Replies,
        look: human_takeover,
    },
    Step {
        code: "too_old",
        basis: "what was found late is not answered as if it had just come",
        reach: Reach::Everything,
        look: too_old,
    },
];

fn quarantined(incoming: &Incoming<'_>) -> Said {
    let now = incoming.facts.now;
    match incoming.facts.curbs.quarantines.iter().find(|quarantine| quarantine.is_active(now)) {
        Some(quarantine) => Said::Block(format!(
            "the cap {} for {} was reached at {}; no automatic reply until {}, unless `rejoinder quarantine release {}`",
            quarantine.cap, quarantine.scope, quarantine.since, quarantine.until, quarantine.id
        )),
        None => Said::Pass("no quarantine".into()),
    }
}

fn human_takeover(incoming: &Incoming<'_>) -> Said {
    let (facts, takeover) = (incoming.facts, incoming.settings.takeover);
    if takeover == SignedDuration::ZERO {
        return Said::NotApplicable("guard.takeover is 0s");
    }
    let Some(wrote) = facts.conversation.last_human else {
        return Said::Pass("no person has written in this conversation".into());
    };
    let resumed = facts.curbs.controls.of(&Scope::Conversation(facts.event.lane())).and_then(|own| own.resumed_at);
    if resumed.is_some_and(|resumed| resumed >= wrote) {
        return Said::Pass("the conversation was resumed since a person wrote".into());
    }
    match facts.now.duration_since(wrote) < takeover {
        true => Said::Block(format!(
            "a person wrote at {wrote}; automatic replies rest for {}, unless the conversation is resumed",
            duration::show(takeover)
        )),
        false => Said::Pass(format!("a person last wrote at {wrote}").into()),
    }
}

fn too_old(incoming: &Incoming<'_>) -> Said {
    let (facts, longest) = (incoming.facts, incoming.settings.answer_max_age);
    if longest == SignedDuration::ZERO {
        return Said::NotApplicable("guard.answer_max_age is 0s");
    }
    match facts.now.duration_since(facts.event.at) > longest {
        true => Said::Block(format!("it happened at {}, more than {} ago", facts.event.at, duration::show(longest))),
        false => Said::Pass(format!("it happened less than {} ago", duration::show(longest)).into()),
    }
}
