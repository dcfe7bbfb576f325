//! The doctor: why is a delivery refused? A hypothesis changes one thing (a setting, the body, a header, the time) and asks
//! the scheme itself whether the signature fits then. Each has a file, and a line in `HYPOTHESES`.
//!
//! What it says is made of fixed words, names of headers, sources and settings, and numbers: never a value of the request, a
//! secret, or what a signature should have been. It is for operators; what a sender is answered does not depend on it.

mod address;
mod bodies;
mod body;
mod case;
mod clock;
mod content;
mod encoding;
mod headers;
mod key_form;
mod neighbour;
mod prefix;
mod scheme;
mod secret_text;
#[cfg(test)]
mod tests;
mod unexplained;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use case::Arrival;

use self::case::Case;
use super::{Rejection, VerifySettings, scheme as find_scheme};
use crate::model::{Delivery, SourceName};

/// One thing that may be wrong with a delivery, or with what a source is told about its sender.
struct Hypothesis {
    /// The word for it, in findings.
    name: &'static str,
    /// What was found, and what to do.
    look: fn(&Case<'_>) -> Option<Told>,
}

/// What a hypothesis found, and what to do.
struct Told {
    says: String,
    advice: String,
}

impl Told {
    fn new(says: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { says: says.into(), advice: advice.into() }
    }
}

/// Every hypothesis; what is certain comes before what only looks so.
static HYPOTHESES: &[Hypothesis] = &[
    neighbour::HYPOTHESIS,
    headers::HYPOTHESIS,
    clock::HYPOTHESIS,
    secret_text::HYPOTHESIS,
    key_form::HYPOTHESIS,
    encoding::HYPOTHESIS,
    prefix::HYPOTHESIS,
    body::HYPOTHESIS,
    address::HYPOTHESIS,
    content::HYPOTHESIS,
    scheme::HYPOTHESIS,
    unexplained::HYPOTHESIS,
];

/// What was found. Holds nothing of the request but the names of its headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The word for it, such as `clock` or `body`.
    pub finding: String,
    /// What is wrong.
    pub says: String,
    /// What to do.
    pub advice: String,
}

/// What the doctor says of one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// Whether the source would take it.
    pub verified: bool,
    /// Why not, by the word of logs and metrics.
    pub reason: Option<String>,
    /// Which of the source's secrets or keys fits, counted from 1, where it has several.
    pub fits: Option<usize>,
    /// Which headers of signatures it has, by name.
    pub headers: Vec<String>,
    /// What is wrong, the most certain first.
    pub findings: Vec<Finding>,
}

/// What is known of every source: the doctor must compare with all of them.
#[derive(Default)]
pub struct Doctor {
    sources: Vec<(SourceName, VerifySettings)>,
}

impl Doctor {
    /// For the configured sources, whose settings have been checked.
    pub fn new(sources: impl IntoIterator<Item = (SourceName, VerifySettings)>) -> Self {
        Self { sources: sources.into_iter().collect() }
    }

    /// Why a source refuses a delivery, at a time; nothing for a source that is not known.
    pub fn diagnose(
        &self,
        source: &SourceName,
        delivery: &Delivery,
        arrival: &Arrival<'_>,
        now: Timestamp,
    ) -> Option<Diagnosis> {
        let (_, settings) = self.sources.iter().find(|(name, _)| name == source)?;
        let verifier = find_scheme(&settings.scheme)?.build(settings).ok()?;
        let Err(rejection) = verifier.verify(delivery, now) else {
            let fits = case::number(settings, |one| case::fits(one, delivery, now));
            let headers = scheme::headers(settings, delivery);
            return Some(Diagnosis { verified: true, reason: None, fits, headers, findings: Vec::new() });
        };
        let others: Vec<_> = self.sources.iter().filter(|(name, _)| name != source).collect();
        let case = Case { settings, others: &others, delivery, arrival, now, rejection };
        let mut findings: Vec<Finding> = Vec::new();
        for hypothesis in HYPOTHESES {
            let is_last_resort = hypothesis.name == unexplained::HYPOTHESIS.name;
            let told = (findings.is_empty() || !is_last_resort).then(|| (hypothesis.look)(&case)).flatten();
            findings.extend(told.map(|told| Finding::new(hypothesis.name, told)));
        }
        let (reason, headers) = (Some(rejection.code().to_owned()), scheme::headers(settings, delivery));
        Some(Diagnosis { verified: false, reason, fits: None, headers, findings })
    }
}

impl Diagnosis {
    /// A delivery that was refused for something that needs no look at it.
    pub fn of(reason: &str, finding: Finding) -> Self {
        let reason = Some(reason.to_owned());
        Self { verified: false, reason, fits: None, headers: Vec::new(), findings: vec![finding] }
    }
}

impl Finding {
    fn new(name: &str, told: Told) -> Self {
        Self { finding: name.to_owned(), says: told.says, advice: told.advice }
    }

    /// What stands against a delivery whose signature is right.
    pub fn beyond_signature(rejection: Rejection) -> Option<Self> {
        let (name, says, advice) = match rejection {
            Rejection::Replayed => (
                "replayed",
                "the signature is right and was used for another event before",
                "a signature of this scheme is good for one event; let `map` say where `event.id` is, so that a repeat is known as one",
            ),
            Rejection::ForeignTenant => (
                "tenant",
                "the signature is right, and the delivery is meant for another tenant of the provider",
                "compare the account's tenant, such as `location_id`, with the one that the webhook was set up for",
            ),
            _ => return None,
        };
        Some(Self::new(name, Told::new(says, advice)))
    }

    /// What stands against a delivery that came from an address that the source does not allow.
    pub fn not_allowed() -> Self {
        Self::new(
            "not_allowed",
            Told::new(
                "the address it came from is not in `allow_from`, or cannot be told",
                "add the sender's addresses; behind a proxy, name the proxy in `trusted_proxies`",
            ),
        )
    }
}
