//! The rule books that are measured, and the event they decide: rules of three conditions each (the channel, any of three
//! words in the body, a regular expression for the subject) and a message of 1.5 KB.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rejoinder::model::{AccountName, Facts, SourceName};
use rejoinder::rules::check::{EventDocument, build_event};
use rejoinder::rules::script::{Engine, Limits};
use rejoinder::rules::{AccountFacts, Attachments, Book, GuardSettings, Surroundings};

/// The length of the message, in bytes.
const BODY: usize = 1_500;

/// What people write, whatever the rules look for.
const PROSE: &str = "Hello, I hope you can help me. I placed an order with you two weeks ago, and the tracking page has \
    said the same thing since last Friday. I have tried the link in your mail and also called the carrier, but nobody \
    there could tell me where the parcel is. Could you please look into it and let me know what happens next? ";

/// How many rules have one of their words in the message. One of them matches its subject as well.
const NEAR: usize = 5;

/// The text of a book with that many rules.
pub(crate) fn files(size: usize) -> Vec<(String, String)> {
    let mut text = "version: 1\nrules:\n".to_owned();
    for rule in 0..size {
        let [first, second, third] = [0, 1, 2].map(|which| word(3 * rule + which));
        let _ = write!(
            text,
            "  - name: rule-{rule}\n    when:\n      conversation.channel: email\n      message.text: {{ contains_any: \
             [{first}, {second}, {third}] }}\n      message.subject: {{ matches: '\\b{first}[- ]?\\d{{4,}}' }}\n    do:\n      \
             - reply: {{ text: 'Hello {{{{ contact.first_name }}}}, about {first}: we look into it.' }}\n",
        );
    }
    vec![("10-rules.yaml".to_owned(), text)]
}

/// A word that a person could say, another one for each number below a million.
fn word(number: usize) -> String {
    const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxz";
    const VOWELS: &[u8] = b"aeiou";
    // Spread, so that neighbours do not share their first letters.
    let mut rest = number * 7_919 % 1_000_000;
    let mut word = String::new();
    for _ in 0..3 {
        word.push(char::from(CONSONANTS[rest % 20]));
        word.push(char::from(VOWELS[rest / 20 % 5]));
        rest /= 100;
    }
    word
}

/// A message to a book of that many rules.
pub(crate) fn facts(size: usize) -> Facts {
    let near: Vec<String> = (0..NEAR).map(|which| word(3 * (which * size / NEAR))).collect();
    let mut body = PROSE.repeat(BODY / PROSE.len() + 1);
    body.truncate(BODY - 8 * NEAR);
    near.iter().for_each(|word| body.extend([" ", word, "."]));
    let subject = format!("Re: {} 20817", near[NEAR / 2]);
    let written: EventDocument = serde_json::from_value(serde_json::json!({
        "source": "inbox",
        "conversation": { "id": "c1", "channel": "email" },
        "contact": { "email": "ann@example.org", "name": "Ann Smith" },
        "message": { "subject": subject, "text": body }
    }))
    .expect("the event is well formed");
    let now = Timestamp::UNIX_EPOCH;
    Facts::fresh(build_event(written, &surroundings(), 0, now).expect("the event can be built"), now)
}

pub(crate) fn compile(files: Vec<(String, String)>, surroundings: Surroundings) -> Book {
    Book::compile(files, surroundings).expect("the book has no fault")
}

/// One account that can do everything.
pub(crate) fn surroundings() -> Surroundings {
    let account = AccountName::from("shop");
    Surroundings {
        members: BTreeMap::new(),
        snippets: BTreeMap::new(),
        hooks: BTreeMap::new(),
        schedules: Arc::default(),
        accounts: vec![AccountFacts {
            name: account.clone(),
            provider: "sandbox".to_owned(),
            capabilities: Vec::new(),
            own_addresses: Vec::new(),
            answers_everybody: false,
        }],
        sources: BTreeMap::from([(SourceName::from("inbox"), account)]),
        time_zone: TimeZone::UTC,
        guard: GuardSettings::default(),
        scripts: Arc::new(Engine::new(Limits::default())),
        attachments: Attachments::Folder("/nowhere".into()),
    }
}
