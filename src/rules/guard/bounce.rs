//! Reports of mail systems on mail, and correspondents whom mail does not reach.

use super::headers::{NO_HEADERS, addresses, first_bad, has, judge, parts, values, without_comments};
use super::{Incoming, Said};
use crate::model::event::bare_address;
use crate::model::{DeliveryStatus, Event, Headers, duration};

pub(super) fn null_sender(incoming: &Incoming<'_>) -> Said {
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    let bare = |value: &str| without_comments(value).split_whitespace().collect::<String>();
    // Some providers hand on the path without its angle brackets.
    let is_null = |value: &str| matches!(bare(value).as_str(), "<>" | "");
    judge(
        first_bad(headers, &["return-path"], is_null),
        |_| "the Return-Path is empty: a bounce or a notice".to_owned(),
        "a Return-Path, or none shown",
    )
}

fn is_report(headers: &Headers, kind: &str) -> bool {
    values(headers, "content-type").any(|value| {
        let parts = parts(value);
        parts.first().is_some_and(|first| first == "multipart/report")
            && parts.iter().any(|part| *part == format!("report-type={kind}"))
    })
}

pub(super) fn dsn(incoming: &Incoming<'_>) -> Said {
    if incoming.senders().iter().any(|sender| sender.split('@').next() == Some("mailer-daemon")) {
        return Said::Block("the sender is a mail system's bounce address".to_owned());
    }
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    match is_report(headers, "delivery-status") || has(headers, "x-failed-recipients") {
        true => Said::Block("it is a delivery status notice".to_owned()),
        false => Said::Pass("no delivery status notice".into()),
    }
}

pub(super) fn mdn(incoming: &Incoming<'_>) -> Said {
    let Some(headers) = incoming.headers() else { return NO_HEADERS };
    match is_report(headers, "disposition-notification") {
        true => Said::Block("it is a read receipt".to_owned()),
        false => Said::Pass("no read receipt".into()),
    }
}

pub(super) fn bounced_recipient(incoming: &Incoming<'_>) -> Said {
    let Some(at) = incoming.facts.contact.bounced else {
        return Said::Pass("no message to this correspondent is known to have failed for good".into());
    };
    let back_off = incoming.settings.bounced;
    match incoming.facts.now.duration_since(at) < back_off {
        true => Said::Block(format!(
            "a message to this correspondent failed for good less than {} ago",
            duration::show(back_off)
        )),
        false => Said::Pass(format!("the last failure is more than {} ago", duration::show(back_off)).into()),
    }
}

/// What an event says of the correspondent's address: `Some(true)` where a message to it failed for good, `Some(false)`
/// where one arrived. Told by a provider's report, and by a mail system's notice in the conversation with the person whom
/// the message did not reach.
pub fn has_failed(event: &Event) -> Option<bool> {
    match event.delivery.as_ref().map(|report| (report.status, report.is_permanent)) {
        Some((DeliveryStatus::Bounced | DeliveryStatus::Failed, true)) => return Some(true),
        Some((DeliveryStatus::Delivered | DeliveryStatus::Opened, _)) => return Some(false),
        _ => {}
    }
    let contact = bare_address(event.contact.email.as_deref()?);
    let headers = event.message.as_ref()?.headers.as_ref()?;
    values(headers, "x-failed-recipients").flat_map(addresses).any(|failed| failed == contact).then_some(true)
}
