//! Soft signs of a program. None of them stops a reply: RFC 3834 §3.1.5 does not want conclusions from a subject alone.
//! They lower the caps of the conversation.

use super::headers::has;
use super::subjects::SUBJECTS;
use super::{Incoming, Said};
use crate::model::{Message, duration};

pub(super) fn subject(incoming: &Incoming<'_>) -> Said {
    let event = &incoming.facts.event;
    let written = event.message.as_ref().and_then(|message: &Message| message.subject.as_deref());
    let Some(subject) = written.or(event.conversation.subject.as_deref()).filter(|_| incoming.is_inbound()) else {
        return Said::NotApplicable("no subject");
    };
    // An answer to an absence notice begins with `Re:`, and is a person's.
    let subject = subject.trim_start_matches(['[', '"', '*', ' ', '\u{feff}']).to_lowercase();
    match SUBJECTS.iter().flat_map(|(_, starts)| *starts).find(|start| subject.starts_with(**start)) {
        Some(start) => Said::Suspect(format!("the subject begins like an automatic reply: {start}")),
        None => Said::Pass("no subject of an automatic reply".into()),
    }
}

pub(super) fn speed(incoming: &Incoming<'_>) -> Said {
    if !incoming.is_inbound() || incoming.facts.event.message.is_none() {
        return Said::NotApplicable("no message of the contact");
    }
    let Some(last) = incoming.facts.conversation.last_automatic else {
        return Said::Pass("no automatic reply went to this conversation before".into());
    };
    let (after, limit) = (incoming.facts.event.received_at.duration_since(last), incoming.settings.suspect_speed);
    // The same instant is that of a test whose clock stands still; what came before the reply was due does not answer it.
    match after.is_positive() && after < limit {
        true => Said::Suspect(format!("it came less than {} after our automatic reply", duration::show(limit))),
        false => Said::Pass(format!("not within {} of our automatic reply", duration::show(limit)).into()),
    }
}

pub(super) fn headers(incoming: &Incoming<'_>) -> Said {
    match incoming.headers() {
        // Every mail names its author; where that is left out, a sign of a program may be left out as well.
        Some(headers) if has(headers, "from") => Said::Pass(format!("{} headers are shown", headers.len()).into()),
        _ if incoming.facts.event.message.is_none() => Said::NotApplicable("no message"),
        _ if !incoming.is_mail() => Said::NotApplicable("this channel has no headers"),
        Some(_) => Said::Suspect("headers: unavailable but for a selection without From".to_owned()),
        None => Said::Suspect("headers: unavailable, so a program cannot be told by them".to_owned()),
    }
}
