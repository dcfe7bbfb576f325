//! Mailing lists, newsletters, and addresses that nobody reads.

use super::headers::{NO_HEADERS, first_bad, has, judge, words};
use super::{Incoming, Said};

pub(super) fn list(incoming: &Incoming<'_>) -> Said {
    const NAMES: [&str; 7] =
        ["list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-post", "list-owner", "list-archive"];
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    match NAMES.iter().find(|name| has(headers, name)) {
        Some(name) => Said::Block(format!("it has a {name} header: a mailing list or newsletter")),
        None => Said::Pass("no List-* header".into()),
    }
}

pub(super) fn precedence(incoming: &Incoming<'_>) -> Said {
    const BULK: [&str; 4] = ["bulk", "list", "junk", "auto_reply"];
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let found = |value: &str| words(value).into_iter().find(|word| BULK.contains(&word.as_str()));
    let bad = first_bad(headers, &["precedence", "x-precedence"], |value| found(value).is_some());
    judge(bad, |value| format!("Precedence says {}", found(value).unwrap_or_default()), "no Precedence of bulk mail")
}

/// The sender, and whom the mail names for answers: the provider picks the target, and may pick either.
pub(super) fn system_address(incoming: &Incoming<'_>) -> Said {
    let is_system = |address: &String| incoming.settings.is_system_address(address);
    let senders = incoming.senders();
    match (senders.iter().any(is_system), incoming.reply_to().iter().any(is_system)) {
        (true, _) => Said::Block("the sender is a system address that nobody reads".to_owned()),
        (_, true) => Said::Block("Reply-To is a system address that nobody reads".to_owned()),
        _ if senders.is_empty() => Said::NotApplicable("no sender address"),
        _ => Said::Pass("not a system address".into()),
    }
}
