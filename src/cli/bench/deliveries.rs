//! What arrives while something is measured: messages of about 1.5 KB, each in a conversation of its own, signed beforehand.

use anyhow::anyhow;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::clock::Clock;
use crate::secret::Secret;
use crate::signature::{Signing, Verifier, standard_webhooks};

/// What both the floor and the engine are told to verify by.
pub(super) const SECRET: &str = "whsec_bG9vcGJhY2sgb25seSwgdGhlcmVmb3JlIG5vIHNlY3JldA==";

/// The word that a rule answers to.
pub(super) const ASKED: &str = "invoice";

/// What messages are made of: no two are alike, so that they can be compressed about as well as what people write.
const WORDS: &str = "the parcel came on Monday and everything in it was as we had hoped only colour of lamp is another one \
    than picture which fine with us please tell me when missing part will be sent because my sister would like to have it \
    before her birthday next week I tried calling this morning but nobody answered so am writing instead order number \
    should still match what you confirmed last month although address changed since then thank for looking into";

/// How many words a message has.
const LENGTH: u64 = 215;

fn prose(number: u64) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let pick = |index: u64| xxh3_64_with_seed(&index.to_le_bytes(), number) as usize % words.len();
    (0..LENGTH).map(|index| words[pick(index)]).collect::<Vec<_>>().join(" ")
}

/// Which messages a rule answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// None.
    Nothing,
    /// One in ten.
    Tenth,
    /// All.
    Everything,
}

impl Answered {
    /// How many of the first `count` messages are answered.
    pub(super) fn of(self, count: u64) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Tenth => count.div_ceil(10),
            Self::Everything => count,
        }
    }

    fn is(self, index: u64) -> bool {
        self.of(index + 1) > self.of(index)
    }
}

/// One delivery, ready to be posted.
pub(super) struct Delivery {
    /// Which one it is; its conversation is named after it.
    pub(super) number: u64,
    /// The headers, with the signature.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
}

/// Makes deliveries, no two alike.
pub(super) struct Mill {
    verifier: Box<dyn Verifier>,
    clock: Clock,
    next: u64,
}

impl Mill {
    pub(super) fn new() -> anyhow::Result<Self> {
        let verifier = standard_webhooks(Secret::from(SECRET)).map_err(|faults| anyhow!("{faults:?}"))?;
        Ok(Self { verifier, clock: Clock::system(), next: 1 })
    }

    /// The next `count` deliveries.
    pub(super) fn make(&mut self, count: u64, answered: Answered) -> anyhow::Result<Vec<Delivery>> {
        (0..count).map(|index| self.one(answered.is(index))).collect()
    }

    fn one(&mut self, is_answered: bool) -> anyhow::Result<Delivery> {
        let number = self.next;
        self.next += 1;
        let about = if is_answered { ASKED } else { "delivery" };
        let body = json!({
            "id": format!("n{number}"), "type": "ticket.message", "created_at": self.clock.now(),
            "ticket": { "id": format!("c{number}"), "subject": format!("Order {number}"), "status": "open" },
            "customer": { "id": format!("u{number}"), "name": "Ann Smith" },
            "message": { "id": format!("m{number}"), "text": format!("About the {about}. {}", prose(number)) },
        });
        let body = body.to_string().into_bytes();
        let id = format!("msg_{number}");
        let signing = Signing { body: &body, id: &id, now: self.clock.now(), private_key: None };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in
            self.verifier.sign(&signing).map_err(|why| anyhow!("a delivery cannot be signed: {why}"))?
        {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(Delivery { number, headers, body: body.into() })
    }
}
