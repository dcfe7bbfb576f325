//! The codes of decisions and sends in the words of the person who is asked why nothing was sent: what it means, and what
//! to do about it. A test sees to it that every code that can be stored has its words.

/// A code in words.
pub(super) struct Words {
    /// As it is stored.
    pub(super) code: &'static str,
    /// What it means.
    pub(super) says: &'static str,
    /// What to do about it; empty where there is nothing to do.
    pub(super) advice: &'static str,
}

const fn words(code: &'static str, says: &'static str, advice: &'static str) -> Words {
    Words { code, says, advice }
}

/// The words of a code.
pub(super) fn of(code: &str) -> Option<&'static Words> {
    [GUARD, LIMITS, SENDS].into_iter().flatten().find(|words| words.code == code)
}

/// The whole of it, in one line.
pub(super) fn line(code: &str) -> Option<String> {
    of(code).map(|words| format!("{} {}", words.says, words.advice).trim_end().to_owned())
}

/// Steps of the loop guard.
const GUARD: &[Words] = &[
    words("own_message", "This is our own message coming back from the provider.", ""),
    words("outbound", "Our side wrote this message, not the contact.", ""),
    words(
        "own_address",
        "The sender is one of our own addresses.",
        "If it is not, take it out of `own_addresses` of the account.",
    ),
    words("own_origin", "The message was made by one of our own mail servers.", "If not, look at `guard.own_hosts`."),
    words("internal_author", "A teammate wrote this message.", ""),
    words("provider_automated", "The provider says that a program wrote this message.", ""),
    words("spam", "The provider takes this message for spam.", "If it is not, say so at the provider."),
    words("null_sender", "The message is a bounce: nobody can be answered.", ""),
    words("dsn", "The message is a delivery report from a mail server.", "Is the contact's address right?"),
    words("mdn", "The message is a read receipt.", ""),
    words("auto_submitted", "The message says of itself that a program sent it, such as an absence notice.", ""),
    words(
        "list",
        "The message came over a mailing list, and an answer might go to everybody on it.",
        "If a rule shall answer it all the same, write `allow: [list]` there.",
    ),
    words(
        "precedence",
        "The message is marked as bulk mail.",
        "If a rule shall answer it all the same, write `allow: [precedence]` there.",
    ),
    words(
        "suppress_requested",
        "The sender's mail program asks for no automatic answer.",
        "If a rule shall answer it all the same, write `allow: [suppress_requested]` there.",
    ),
    words("auto_header", "The message carries the mark of an autoresponder.", ""),
    words(
        "system_address",
        "The sender's address is one that nobody reads, such as noreply.",
        "If a person reads it, look at `guard.system_addresses`.",
    ),
    words("bounced_recipient", "Mail to this address came back as undeliverable.", "Ask for another address."),
    words("suspect_subject", "The subject reads like that of an absence notice.", ""),
    words("suspect_speed", "The message came sooner after ours than a person writes.", ""),
    words("headers", "The provider does not show the mail headers that would tell a program from a person.", ""),
    words(
        "not_addressed",
        "None of our addresses is among the recipients: the message was not meant for us alone.",
        "If it was, is the address in `own_addresses` of the account?",
    ),
    words("many_recipients", "An answer would go to several people outside.", "Answer it by hand."),
    words("chain_depth", "A message or change of our own led to this, and a chain of those ends here.", ""),
    words(
        "quarantined",
        "Too many automatic replies went there, which is what a loop looks like; it rests for a while.",
        "`rejoinder quarantine list` shows the evidence, `rejoinder quarantine release` ends it.",
    ),
    words(
        "human_takeover",
        "A person has taken over this conversation.",
        "`rejoinder resume --conversation ID` lets the rules answer again.",
    ),
    words(
        "too_old",
        "It was found too late to act on it as if it had just come.",
        "See to it by hand; `guard.answer_max_age` says how old a message may be.",
    ),
];

/// What is looked at beside the message.
const LIMITS: &[Words] = &[
    words("once", "The same answer went out not long ago.", "The rule's `once` or the guard's periods say how often."),
    words("already_answered", "Another rule answers this message already.", "`guard.allow_multiple` would allow both."),
    words(
        "loop_cap",
        "One more would be too many automatic replies in a short time.",
        "`rejoinder quarantine list` and `rejoinder pause list` show what follows from it.",
    ),
    words(
        "suspect_cap",
        "It may be a program that writes there, and it had the few replies that such a conversation gets.",
        "Answer it by hand if it is a person.",
    ),
    words("vetoed", "Another rule forbids it.", ""),
    words("shadowed", "The rule is in mode `shadow`: it only shows what it would do.", ""),
    words("drafted", "The rule is in mode `draft`: its reply is an internal note.", "Send what is right from there."),
    words("failed", "It could not be made.", "Mend the rule."),
];

/// Why a send was held or called off.
const SENDS: &[Words] = &[
    words("approval", "It waits for somebody's yes.", "`rejoinder held approve ID`, or `rejoinder held drop ID`."),
    words("paused", "It is held by a pause.", "`rejoinder pause list` shows which, `rejoinder resume` ends it."),
    words(
        "rule_error",
        "It is held because a rule failed on the same message.",
        "Look at the message, then `rejoinder held release ID` or `rejoinder held drop ID`.",
    ),
    words(
        "unknown",
        "It may have arrived, and no program can tell.",
        "Look into the conversation, then `rejoinder held confirm ID`, `rejoinder held release ID` to send it again, or `rejoinder held drop ID`.",
    ),
    words("answered_by_human", "A person had answered before it left.", ""),
    words("human_reply", "A person had answered before it left, and its rule says that this calls it off.", ""),
    words(
        "contact_message",
        "The contact had written again before it left, and its rule says that this calls it off.",
        "",
    ),
    words("closed", "The conversation was closed before it left.", ""),
    words(
        "mode_changed",
        "Another mode was ordered for the conversation before it left.",
        "`rejoinder why CONVERSATION` shows who ordered it; `rejoinder mode CONVERSATION default` ends it.",
    ),
    words("rule_changed", "Its rule was changed or removed before it left.", ""),
    words(
        "superseded",
        "A newer answer took its place, so that a burst of messages, or the end of a pause, brings one.",
        "",
    ),
    words(
        "expired",
        "It was too late to be of use when it could have left.",
        "`guard.due_window` says how late is too late.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CancelOn, HoldCause, SUPERSEDED};
    use crate::rules::guard::{self, freshness};

    #[test]
    fn every_code_that_can_be_stored_has_words() {
        let steps: Vec<&str> = guard::steps().map(|step| step.code).collect();
        assert!(steps.len() > 10 && steps.contains(&"quarantined"));
        let beside = ["once", "already_answered", "loop_cap", "suspect_cap", "vetoed", "shadowed", "drafted", "failed"];
        let holds = HoldCause::ALL.map(HoldCause::as_str);
        let cancels = [CancelOn::HumanReply, CancelOn::ContactMessage, CancelOn::Closed].map(CancelOn::as_str);
        for code in
            steps.into_iter().chain(beside).chain(holds).chain(cancels).chain(freshness::REASONS).chain([SUPERSEDED])
        {
            assert!(of(code).is_some(), "src/cli/words.rs says nothing of `{code}`");
        }
        assert!(of("nonsense").is_none());
    }

    #[test]
    fn words_are_sentences() {
        for words in [GUARD, LIMITS, SENDS].into_iter().flatten() {
            assert!(words.says.starts_with(char::is_uppercase) && words.says.ends_with('.'), "{}", words.code);
            assert!(words.advice.is_empty() || words.advice.ends_with(['.', '?']), "{}", words.code);
        }
    }
}
