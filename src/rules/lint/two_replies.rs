//! `two-replies`: two rules that can both answer one event.

use super::written::{Written, WrittenRule};
use super::{At, Hit, Lint, hit, possible};
use crate::model::Mode;

pub(super) const LINT: Lint = Lint {
    name: "two-replies",
    summary: "Two rules that can both reply to one event, or one rule that replies twice.",
    why: "An event gets one reply: the later one is recorded as `already_answered` and not sent. With `guard.allow_multiple` the contact gets both.",
    help: "give the earlier rule `stop: true`, or let their conditions exclude each other; `allow_lints: [two-replies]` says that the first one shall win",
    find,
};

/// How many replying rules before it are looked at for each rule.
const BEFORE: usize = 500;

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let all_leave = written.book.surroundings().guard.allow_multiple;
    let end = |first: Mode| match first {
        _ if all_leave => "and `guard.allow_multiple` lets both leave",
        Mode::Draft => "and only the first reply is drafted",
        Mode::Approve => "and only the first reply is held for approval",
        _ => "and only the first reply is sent",
    };
    let replying: Vec<(usize, Vec<At>)> = written
        .rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| rule.acts())
        .map(|(index, rule)| (index, rule.replies()))
        .filter(|(_, replies)| !replies.is_empty())
        .collect();
    let mut hits = Vec::new();
    for (position, (index, replies)) in replying.iter().enumerate() {
        let rule = &written.rules[*index];
        // A script decides by itself which of its replies it calls.
        if rule.document.is_some() && replies.len() > 1 && rule.surveys().all(|survey| survey.asked.is_empty()) {
            let at = replies.last().map_or(At::Below(String::new()), At::same);
            hits.push(hit(
                *index,
                at,
                format!("it replies {} times to one event, {}", replies.len(), end(rule.rule.mode)),
            ));
        }
        let before = replying[..position].iter().rev().take(BEFORE).map(|(earlier, _)| &written.rules[*earlier]);
        let other =
            before.filter(|earlier| !excludes(earlier, rule)).find(|earlier| possible::both(written, earlier, rule));
        if let (Some(other), Some(at)) = (other, replies.first()) {
            let message = format!(
                "it and `{}` ({}) can both reply to one event, {}",
                other.name(),
                other.rule.place,
                end(other.rule.mode)
            );
            hits.push(hit(*index, at.same(), message));
        }
    }
    hits
}

/// Whether the earlier rule keeps the later one from replying: by a stop, or because both are one response that may be
/// given once.
fn excludes(earlier: &WrittenRule<'_>, later: &WrittenRule<'_>) -> bool {
    let is_one = earlier.rule.handle.is_some() && earlier.rule.handle == later.rule.handle;
    earlier.may_stop() || (is_one && later.rule.once.is_some())
}
