//! Whom a mail was sent to: an absence notice answers only what was meant for us, and a reply reaches one person.

use std::collections::BTreeSet;

use super::headers::{addresses, has, values};
use super::provenance::is_same;
use super::{Incoming, Reach, RequireAddressed, Said, Step};

pub(super) const STEPS: &[Step] = &[
    Step { code: "not_addressed", basis: "RFC 5230 §4.5, RFC 3834 §2", reach: Reach::Replies, look: not_addressed },
    Step { code: "many_recipients", basis: "RFC 3834 §3.1.3", reach: Reach::Replies, look: many_recipients },
];

const RECIPIENTS: [&str; 6] = ["to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"];

/// Stops absence notices; other replies as `guard.require_addressed` says.
fn not_addressed(incoming: &Incoming<'_>) -> Said {
    let Some(recipients) = recipients(incoming) else { return Said::NotApplicable("no recipients are shown") };
    if !incoming.own_addresses().iter().any(|own| own.contains('@')) {
        return Said::NotApplicable("no own mail addresses are configured");
    }
    if recipients.iter().any(|address| is_own(incoming, address)) {
        return Said::Pass("one of our addresses is a recipient".into());
    }
    let reach = match incoming.settings.require_addressed {
        RequireAddressed::Always => Reach::Replies,
        RequireAddressed::Auto if incoming.headers().is_some() => Reach::Replies,
        RequireAddressed::Auto | RequireAddressed::Never => Reach::Absences,
    };
    let only = if reach == Reach::Absences { "; this stops absence notices only" } else { "" };
    Said::BlockIn(reach, format!("none of our addresses is a recipient: a blind copy or a list{only}"))
}

fn many_recipients(incoming: &Incoming<'_>) -> Said {
    if !incoming.account.is_some_and(|account| account.answers_everybody) {
        return Said::NotApplicable("the provider answers the sender alone");
    }
    let Some(mut outside) = recipients(incoming) else { return Said::NotApplicable("no recipients are shown") };
    outside.extend(incoming.authors());
    outside.retain(|address| !is_own(incoming, address));
    // Where nobody said which addresses are ours, one of them must be.
    let unknown = usize::from(incoming.own_addresses().is_empty());
    let (count, limit) = (outside.len().saturating_sub(unknown), incoming.settings.max_recipients);
    match count > limit {
        true => Said::Block(format!("the reply would go to {count} people outside, and may go to {limit}")),
        false => Said::Pass(format!("{count} outside, at most {limit}").into()),
    }
}

/// Everybody a mail names as a recipient, in its headers and as the provider tells; nothing where neither is shown.
fn recipients(incoming: &Incoming<'_>) -> Option<BTreeSet<String>> {
    if !incoming.is_mail() || !incoming.is_inbound() {
        return None;
    }
    let message = incoming.facts.event.message.as_ref()?;
    let told: Vec<&String> = message.to.iter().chain(&message.cc).collect();
    let mut found: BTreeSet<String> = told.iter().flat_map(|text| addresses(text)).collect();
    let mut is_shown = !told.is_empty();
    if let Some(headers) = incoming.headers() {
        found.extend(RECIPIENTS.iter().flat_map(|name| values(headers, name)).flat_map(addresses));
        // A mail may name no recipient at all; where even its author is left out, the headers are a selection.
        is_shown |= has(headers, "from") || RECIPIENTS.iter().any(|name| has(headers, name));
    }
    is_shown.then_some(found)
}

fn is_own(incoming: &Incoming<'_>, address: &str) -> bool {
    incoming.own_addresses().iter().any(|own| is_same(own, address))
}
