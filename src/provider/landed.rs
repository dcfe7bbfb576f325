//! Whether what a conversation shows is a send whose outcome is unknown. Compares text and time; never calls anybody.
//! In doubt it says so: a message too few can be sent by a person, a message too many cannot be taken back.

use jiff::{SignedDuration, Timestamp};

use super::{Call, ReadBack};
use crate::text::text_of_html;

/// How far the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// How long a provider may take to show what it has taken: until then an absence means nothing.
const SETTLING: SignedDuration = SignedDuration::from_secs(10);

/// A message or note that the provider shows, written by our side.
#[derive(Clone, Debug)]
pub struct Found {
    /// The provider's id.
    pub id: Option<String>,
    /// When it was made there.
    pub at: Option<Timestamp>,
    /// Its text; of several forms all, one after the other.
    pub text: String,
}

/// A send as it is looked for among messages. The error says why looking would be in vain.
#[derive(Clone, Debug)]
pub struct Sought {
    /// When the first try began: any try may be the one that landed.
    earliest: Timestamp,
    forms: Vec<String>,
    /// Messages that are other sends.
    taken: Vec<String>,
}

impl Sought {
    /// A message with this text, in one of the forms in which the provider may show it. White space and
    /// punctuation are not compared, and more may stand around it: providers set quotes, and add signatures and opt-out
    /// lines.
    pub fn text(call: &Call<'_>, forms: &[&str]) -> Result<Self, String> {
        let forms: Vec<String> = forms.iter().map(|form| squash(form)).filter(|form| !form.is_empty()).collect();
        match forms.is_empty() {
            true => Err("the send has no text to recognise it by".to_owned()),
            false => Self::new(call, forms),
        }
    }

    /// Any message at all, where its text is not known here.
    pub fn anything(call: &Call<'_>) -> Result<Self, String> {
        Self::new(call, vec![String::new()])
    }

    fn new(call: &Call<'_>, forms: Vec<String>) -> Result<Self, String> {
        let attempts = &call.send.attempts;
        let first = attempts.first().map_or(call.send.created_at, |attempt| attempt.started_at);
        let last = attempts.last().map_or(first, |attempt| attempt.started_at);
        match call.now.duration_since(last) >= SETTLING {
            true => {
                let earliest = first.checked_sub(SKEW).unwrap_or(first);
                Ok(Self { earliest, forms, taken: call.taken.to_vec() })
            }
            false => Err("it is too early to tell".to_owned()),
        }
    }

    /// Looks among what the provider shows.
    pub fn among(&self, shown: impl IntoIterator<Item = Found>) -> ReadBack {
        let mut answer = ReadBack::Absent;
        let is_another = |message: &Found| message.id.as_ref().is_some_and(|id| self.taken.contains(id));
        for message in shown.into_iter().filter(|message| !is_another(message)) {
            // As it stands, and as it reads where the provider shows it as HTML.
            let texts = [squash(&message.text), squash(&text_of_html(&message.text))];
            if !self.forms.iter().any(|form| texts.iter().any(|text| text.contains(form))) {
                continue;
            }
            match message.at {
                Some(_) if self.is_recent(message.at) => return ReadBack::Landed { provider_id: message.id },
                Some(_) => {}
                None => answer = ReadBack::Unclear("such a message is there, without a time".to_owned()),
            }
        }
        answer
    }

    /// Whether something made at this time can come of a try.
    pub fn is_recent(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| at >= self.earliest)
    }

    /// Whether something made at this time was there before the first try.
    pub fn is_old(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| at < self.earliest)
    }
}

/// The text without what providers change: white space, punctuation, the marks of a quotation, invisible characters.
fn squash(text: &str) -> String {
    let is_invisible = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let is_typography = |c: char| matches!(c, '‘' | '’' | '‚' | '“' | '”' | '„' | '«' | '»' | '–' | '—' | '…');
    text.chars()
        .filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation() && !is_invisible(*c) && !is_typography(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Action;
    use crate::provider::testing::{self, Stage};

    /// The test's send was begun at 09:59:00, a minute ago.
    fn sought<T>(look: impl FnOnce(&Call<'_>) -> T) -> T {
        let (stage, send, event) = (Stage::default(), testing::send(Action::Close), testing::blank_event());
        look(&stage.call(&send, &event, 1))
    }

    fn message(text: &str, at: Option<&str>) -> Found {
        let at = at.map(|at| format!("2026-03-02T{at}Z").parse().unwrap());
        Found { id: Some("m1".to_owned()), at, text: text.to_owned() }
    }

    #[test]
    fn a_message_is_known_by_text_and_time() {
        let landed = ReadBack::Landed { provider_id: Some("m1".to_owned()) };
        let unclear = ReadBack::Unclear("such a message is there, without a time".to_owned());
        let sought = sought(|call| Sought::text(call, &["On its way", "", "Unterwegs"])).unwrap();
        for (text, at, expect) in [
            ("On its way", Some("09:59:01"), &landed),
            ("Shop:\nOn  its\r\nway\n-- \nLee", Some("09:59:01"), &landed),
            ("Unterwegs", Some("09:59:01"), &landed),
            ("On its way", Some("09:58:00"), &landed),
            ("On its way", Some("09:57:59"), &ReadBack::Absent),
            ("On the way", Some("09:59:01"), &ReadBack::Absent),
            ("", Some("09:59:01"), &ReadBack::Absent),
            ("On its way", None, &unclear),
            ("On the way", None, &ReadBack::Absent),
        ] {
            assert_eq!(sought.among([message(text, at)]), *expect, "{text:?} {at:?}");
        }
        let twice = [message("On its way", None), message("On its way", Some("09:59:01"))];
        assert_eq!(sought.among(twice), landed);
        assert_eq!(sought.among([]), ReadBack::Absent);
    }

    #[test]
    fn a_message_is_known_in_whatever_dress_the_provider_shows_it() {
        let ours = "It's on its way – order \"A & B\", 5 > 4.\nThanks 👍";
        let sought = sought(|call| Sought::text(call, &[ours])).unwrap();
        let landed = ReadBack::Landed { provider_id: Some("m1".to_owned()) };
        for shown in [
            "It’s on its way — order “A & B”, 5 > 4. Thanks 👍",
            "<p>It&#39;s on its way &ndash; order &quot;A &amp; B&quot;, 5 &gt; 4.</p><p>Thanks 👍</p>",
            "It&#39;s on its way – order &quot;A &amp; B&quot;, 5 &gt; 4. Thanks 👍",
            "> It's on its way – order \"A & B\", 5 > 4.\n> Thanks 👍\n",
            "Shop:\u{a0}It's on\u{200b} its way – order \"A & B\", 5 > 4.\r\nThanks 👍\r\n-- \r\nLee",
        ] {
            assert_eq!(sought.among([message(shown, Some("09:59:01"))]), landed, "{shown}");
            assert_eq!(sought.among([message(shown, Some("09:57:00"))]), ReadBack::Absent, "before the first try");
        }
        for other in ["It's on its way – order \"A & C\", 5 > 4. Thanks 👍", "It's on its way"] {
            assert_eq!(sought.among([message(other, Some("09:59:01"))]), ReadBack::Absent, "{other}");
        }
    }

    #[test]
    fn one_message_is_not_two_sends() {
        let (stage, send, event) = (Stage::default(), testing::send(Action::Close), testing::blank_event());
        let taken = ["m1".to_owned()];
        let call = Call { taken: &taken, ..stage.call(&send, &event, 1) };
        let sought = Sought::text(&call, &["On its way"]).unwrap();
        let same = || message("On its way", Some("09:59:01"));
        assert_eq!(sought.among([same()]), ReadBack::Absent);
        let own = Found { id: Some("m2".to_owned()), ..same() };
        assert_eq!(sought.among([same(), own]), ReadBack::Landed { provider_id: Some("m2".to_owned()) });
    }

    #[test]
    fn what_cannot_be_found_is_not_looked_for() {
        assert!(sought(|call| Sought::text(call, &["", " \n"])).is_err());
        let any = sought(Sought::anything).unwrap();
        assert_ne!(any.among([message("", Some("09:59:01"))]), ReadBack::Absent);
        for (attempt, is_settled) in [("09:59:50", true), ("09:59:51", false), ("10:00:01", false)] {
            let (stage, mut send, event) = (Stage::default(), testing::send(Action::Close), testing::blank_event());
            let mut again = send.attempts[0].clone();
            again.started_at = format!("2026-03-02T{attempt}Z").parse().unwrap();
            send.attempts.push(again);
            assert_eq!(Sought::anything(&stage.call(&send, &event, 2)).is_ok(), is_settled, "{attempt}");
        }
    }
}
