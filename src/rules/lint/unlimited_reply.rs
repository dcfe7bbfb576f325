//! `unlimited-reply`: a rule that answers every message, however many there are.

use super::super::document::Per;
use super::written::{Written, WrittenRule};
use super::{At, Hit, Lint, hit};

pub(super) const LINT: Lint = Lint {
    name: "unlimited-reply",
    summary: "A rule that replies with `once: { per: event }` and no `quiet`, so that only the caps limit how often it does.",
    why: "`per: event` lifts the limit on how often the same response goes out. A correspondent whose program answers ours gets a message for each message, and so do we, until a cap is reached and the correspondent is in quarantine, where no rule answers.",
    help: "count `per: conversation` or `per: contact` with `every`, or add `quiet`; `allow_lints: [unlimited-reply]` keeps it as it is",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let rules = written.rules.iter().enumerate().filter(|(_, rule)| is_unlimited(rule) && !rule.replies().is_empty());
    let message = "it replies to every event that it matches: with `per: event` nothing but the caps limits it";
    rules.map(|(index, _)| hit(index, At::Below("/once/per".to_owned()), message.to_owned())).collect()
}

fn is_unlimited(rule: &WrittenRule<'_>) -> bool {
    let once = rule.document.as_ref().and_then(|document| document.once.as_ref());
    once.is_some_and(|once| once.per == Some(Per::Event) && once.quiet.is_none())
}
