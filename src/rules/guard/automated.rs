//! Classes of mail that a program must not answer, told by their headers and their sender.

use super::headers::{has, keyword, values, without_comments, words};
use super::{Incoming, Reach, Said, Step};
use crate::model::Headers;

pub(super) const STEPS: &[Step] = &[
    Step { code: "null_sender", basis: "RFC 3834 §2", reach: Reach::Replies, look: null_sender },
    Step { code: "dsn", basis: "RFC 3464; FreeScout, osTicket", reach: Reach::Replies, look: dsn },
    Step { code: "mdn", basis: "RFC 3834 §3.2.1, RFC 8098", reach: Reach::Replies, look: mdn },
    Step {
        code: "auto_submitted",
        basis: "RFC 3834 §2 and §5, RFC 5230 §4.6",
        reach: Reach::Replies,
        look: auto_submitted,
    },
    Step { code: "list", basis: "RFC 5230 §4.6, RFC 2369, RFC 2919", reach: Reach::Replies, look: list },
    Step {
        code: "precedence",
        basis: "RFC 3834 §2; Zammad, Pigeonhole, osTicket",
        reach: Reach::Replies,
        look: precedence,
    },
    Step {
        code: "suppress_requested",
        basis: "MS-OXCMAIL X-Auto-Response-Suppress",
        reach: Reach::Replies,
        look: suppress_requested,
    },
    Step {
        code: "auto_header",
        basis: "FreeScout, osTicket, Zammad, Chatwoot",
        reach: Reach::Replies,
        look: auto_header,
    },
    Step { code: "system_address", basis: "RFC 5230 §4.6", reach: Reach::Replies, look: system_address },
];

const NO_HEADERS: Said = Said::NotApplicable("headers: unavailable");

/// The first value of the named headers for which `is_bad` holds.
fn first_bad<'a>(headers: &'a Headers, names: &[&'a str], is_bad: impl Fn(&str) -> bool) -> Option<&'a str> {
    names.iter().flat_map(|name| values(headers, name)).find(|value| is_bad(value))
}

fn judge(bad: Option<&str>, reason: impl FnOnce(&str) -> String, pass: &str) -> Said {
    match bad {
        Some(value) => Said::Block(reason(value)),
        None => Said::Pass(pass.to_owned()),
    }
}

fn null_sender(incoming: &Incoming<'_>) -> Said {
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let is_null = |value: &str| without_comments(value).split_whitespace().collect::<String>() == "<>";
    judge(
        first_bad(headers, &["return-path"], is_null),
        |_| "the Return-Path is empty: a bounce or a notice".to_owned(),
        "a Return-Path, or none shown",
    )
}

fn report(headers: &Headers, kind: &str) -> bool {
    values(headers, "content-type").any(|value| {
        let value = without_comments(value).to_lowercase().replace([' ', '"', '\t', '\r', '\n'], "");
        let mut parts = value.split(';');
        parts.next() == Some("multipart/report") && parts.any(|part| part == format!("report-type={kind}"))
    })
}

fn dsn(incoming: &Incoming<'_>) -> Said {
    if incoming.sender().is_some_and(|sender| sender.split('@').next() == Some("mailer-daemon")) {
        return Said::Block("the sender is a mail system's bounce address".to_owned());
    }
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    match report(headers, "delivery-status") || has(headers, "x-failed-recipients") {
        true => Said::Block("it is a delivery status notice".to_owned()),
        false => Said::Pass("no delivery status notice".to_owned()),
    }
}

fn mdn(incoming: &Incoming<'_>) -> Said {
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    match report(headers, "disposition-notification") {
        true => Said::Block("it is a read receipt".to_owned()),
        false => Said::Pass("no read receipt".to_owned()),
    }
}

fn auto_submitted(incoming: &Incoming<'_>) -> Said {
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let bad = first_bad(headers, &["auto-submitted"], |value| keyword(value) != "no");
    judge(
        bad,
        |value| format!("Auto-Submitted says {}: a program wrote it", keyword(value)),
        "no Auto-Submitted but `no`",
    )
}

fn list(incoming: &Incoming<'_>) -> Said {
    const NAMES: [&str; 7] =
        ["list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-post", "list-owner", "list-archive"];
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    match NAMES.iter().find(|name| has(headers, name)) {
        Some(name) => Said::Block(format!("it has a {name} header: a mailing list or newsletter")),
        None => Said::Pass("no List-* header".to_owned()),
    }
}

fn precedence(incoming: &Incoming<'_>) -> Said {
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let is_bulk = |value: &str| matches!(keyword(value).as_str(), "bulk" | "list" | "junk" | "auto_reply");
    let bad = first_bad(headers, &["precedence", "x-precedence"], is_bulk);
    judge(bad, |value| format!("Precedence says {}", keyword(value)), "no Precedence of bulk mail")
}

fn suppress_requested(incoming: &Incoming<'_>) -> Said {
    if !incoming.settings.suppress_requested {
        return Said::NotApplicable("switched off under guard.suppress_requested");
    }
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let asks = |value: &str| words(value).iter().any(|word| matches!(word.as_str(), "all" | "oof" | "autoreply"));
    let bad = first_bad(headers, &["x-auto-response-suppress"], asks);
    judge(
        bad,
        |_| "the sender asks for no automatic reply (X-Auto-Response-Suppress)".to_owned(),
        "no request to be left alone",
    )
}

fn auto_header(incoming: &Incoming<'_>) -> Said {
    const PRESENT: [&str; 5] =
        ["x-autorespond", "x-autoresponder", "x-autoresponse", "x-autoreply-from", "x-mail-autoreply"];
    const WITH_VALUE: [(&str, &[&str]); 4] = [
        ("x-autoreply", &["yes", "true", "1"]),
        ("x-autogenerated", &["reply"]),
        ("x-loop", &["yes", "true"]),
        ("delivered-to", &["autoresponder"]),
    ];
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let present = PRESENT.iter().copied().find(|name| has(headers, name));
    let valued = || {
        let holds = |(name, wanted): &&(&str, &[&str])| {
            values(headers, name).any(|value| wanted.contains(&keyword(value).as_str()))
        };
        WITH_VALUE.iter().find(holds).map(|(name, _)| *name)
    };
    match present.or_else(valued) {
        Some(name) => Said::Block(format!("it has the header {name} of an autoresponder")),
        None => Said::Pass("no header of an autoresponder".to_owned()),
    }
}

fn system_address(incoming: &Incoming<'_>) -> Said {
    match incoming.sender() {
        Some(sender) if incoming.settings.is_system_address(&sender) => {
            Said::Block("the sender is a system address that nobody reads".to_owned())
        }
        Some(_) => Said::Pass("not a system address".to_owned()),
        None => Said::NotApplicable("no sender address"),
    }
}
