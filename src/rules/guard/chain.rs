//! How far from a send of ours an event stands. What we cause must not cause the next thing without end, whatever channel
//! it takes: an event that our own action caused has depth 1, one that the answer to that caused has depth 2.

use super::{GuardSettings, Incoming, Reach, Said, Step};

pub(super) const STEPS: &[Step] = &[Step {
    code: "chain_depth",
    basis: "Zammad ticket_trigger_recursive; Discourse#26814; chatwoot#4071, chatwoot#6618",
    reach: Reach::Everything,
    look,
}];

fn look(incoming: &Incoming<'_>) -> Said {
    chain_depth(incoming.facts.depth, incoming.settings)
}

/// Replies answer only what we did not cause; notes, tags and the rest go as deep as `guard.chain_depth`.
pub fn chain_depth(depth: u8, settings: &GuardSettings) -> Said {
    match depth {
        0 => Said::Pass("not caused by us".into()),
        depth if depth <= settings.chain_depth => {
            Said::BlockIn(Reach::Replies, format!("an action of ours caused it, at depth {depth}: no reply"))
        }
        depth => Said::Block(format!(
            "actions of ours caused it, at depth {depth}; nothing acts deeper than {}",
            settings.chain_depth
        )),
    }
}
