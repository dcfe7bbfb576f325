//! Where a message comes from: never answer ourselves, a colleague, or another program of ours.

use super::headers::{values, without_comments};
use super::{Incoming, Reach, Said, Step};
use crate::model::event::untagged;
use crate::model::{Author, Direction, EventKind};

pub(super) const STEPS: &[Step] = &[
    Step {
        code: "own_message",
        basis: "the ledger of our sends; Spruce requestId; zammad#2923",
        reach: Reach::Replies,
        look: own_message,
    },
    Step { code: "outbound", basis: "chatwoot#4504", reach: Reach::Replies, look: outbound },
    Step { code: "own_address", basis: "Pigeonhole, Zammad, FreeScout", reach: Reach::Everything, look: own_address },
    Step {
        code: "own_origin",
        basis: "Zammad: the host of the Message-ID is ours",
        reach: Reach::Everything,
        look: own_origin,
    },
    Step { code: "internal_author", basis: "freescout#4035", reach: Reach::Replies, look: internal_author },
    Step { code: "provider_automated", basis: "Fernand is_automated", reach: Reach::Replies, look: provider_automated },
    Step { code: "spam", basis: "the provider's own flag", reach: Reach::Everything, look: spam },
];

fn own_message(incoming: &Incoming<'_>) -> Said {
    match incoming.facts.is_own {
        true => Said::Block("we sent this message ourselves".to_owned()),
        false => Said::Pass("not in the ledger of our sends".into()),
    }
}

fn outbound(incoming: &Incoming<'_>) -> Said {
    let event = &incoming.facts.event;
    match (&event.message, event.kind) {
        (Some(message), EventKind::MessageReceived) if message.direction == Direction::Inbound => {
            Said::Pass("from the contact".into())
        }
        (Some(_), _) => Said::Block("the message goes out or is internal; there is nothing to answer".to_owned()),
        (None, _) => Said::NotApplicable("no message"),
    }
}

const NOT_INBOUND: Said = Said::NotApplicable("the message is from our side in any case");

fn own_address(incoming: &Incoming<'_>) -> Said {
    if !incoming.is_inbound() {
        return NOT_INBOUND;
    }
    let own = incoming.own_addresses();
    let is_own = |address: &String| own.iter().any(|own| is_same(own, address));
    let senders = incoming.senders();
    match (senders.iter().any(is_own), incoming.reply_to().iter().any(is_own)) {
        (true, _) => Said::Block("the sender is one of our own addresses".to_owned()),
        // The provider picks the target of a reply, and may pick this one.
        (_, true) => Said::BlockIn(Reach::Replies, "Reply-To is one of our own addresses".to_owned()),
        _ if senders.is_empty() => Said::NotApplicable("no sender address"),
        _ => Said::Pass(format!("none of {} own addresses", own.len()).into()),
    }
}

/// Addresses are the same without their `+tag`, numbers without their spaces and dashes.
pub(super) fn is_same(own: &str, sender: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    match (own.contains('@'), sender.contains('@')) {
        (true, true) => own.eq_ignore_ascii_case(sender) || own.eq_ignore_ascii_case(&untagged(sender)),
        (false, false) => own.eq_ignore_ascii_case(sender) || (digits(own).len() > 4 && digits(own) == digits(sender)),
        _ => false,
    }
}

fn own_origin(incoming: &Incoming<'_>) -> Said {
    if !incoming.is_inbound() {
        return NOT_INBOUND;
    }
    let hosts = &incoming.settings.own_hosts;
    let Some(headers) = incoming.headers().filter(|_| !hosts.is_empty()) else {
        return Said::NotApplicable("no headers, or no own hosts configured");
    };
    let origin = |id: &str| {
        let plain = without_comments(id);
        plain.trim().trim_end_matches('>').trim_end().rsplit('@').next().map(str::to_lowercase)
    };
    match values(headers, "message-id")
        .filter_map(origin)
        .any(|host| hosts.iter().any(|own| own.to_lowercase() == host))
    {
        true => Said::Block("the Message-ID was given out by a host of ours".to_owned()),
        false => Said::Pass("from another host".into()),
    }
}

fn internal_author(incoming: &Incoming<'_>) -> Said {
    match &incoming.facts.event.message {
        Some(message) if message.author == Author::Member => Said::Block("a teammate wrote it".to_owned()),
        Some(_) => Said::Pass("not by a teammate".into()),
        None => Said::NotApplicable("no message"),
    }
}

fn provider_automated(incoming: &Incoming<'_>) -> Said {
    match &incoming.facts.event.message {
        Some(message) if message.is_automated || message.author == Author::System => {
            Said::Block("the provider says that a program wrote it".to_owned())
        }
        Some(_) => Said::Pass("the provider does not say that a program wrote it".into()),
        None => Said::NotApplicable("no message"),
    }
}

fn spam(incoming: &Incoming<'_>) -> Said {
    match incoming.facts.event.conversation.status.as_deref() {
        Some(status) if status.eq_ignore_ascii_case("spam") => Said::Block("the provider holds it for spam".to_owned()),
        Some(_) => Said::Pass("not marked as spam".into()),
        None => Said::NotApplicable("the provider shows no status"),
    }
}
