//! What nobody signed, in front of every scheme.
//! The verdict matters less than that there is one: a request must not bring the program down.

use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::entries::{Carrier, Held, entries};
use super::{Trial, delivery, genuine};

proptest! {
    #[test]
    fn hostile_requests_are_rejected_without_a_panic(
        values in prop::collection::vec(header_value(), 3),
        body in prop::collection::vec(any::<u8>(), 0..200),
        now in -377_705_023_201_i64..=253_402_207_200,
    ) {
        let now = Timestamp::from_second(now).unwrap();
        for entry in entries().iter().filter(|entry| entry.held != Held::Nothing) {
            let trial = Trial { entry, build: &genuine, broken: Vec::new() };
            let carried = trial.signed(0, SignedDuration::ZERO);
            let hostile = match entry.carrier {
                Carrier::Headers => {
                    let mut hostile = delivery(&carried, &body);
                    let names: Vec<HeaderName> = hostile.headers.keys().cloned().collect();
                    for (name, value) in names.into_iter().zip(&values) {
                        hostile.headers.insert(name, value.clone());
                    }
                    vec![hostile]
                }
                _ => {
                    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
                    let carried = carried.into_iter().zip(&values).map(|((name, _), value)| (name, text(value))).collect();
                    let typed = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
                    vec![trial.delivery(&carried, &body), delivery(&Vec::new(), &body), delivery(&typed, &body)]
                }
            };
            let verifier = genuine(&trial.settings(&[0, 1]));
            for hostile in hostile {
                prop_assert!(verifier.verify(&hostile, now).is_err(), "{}", entry.scheme);
            }
        }
    }
}

/// Any bytes that HTTP lets through, and texts that look like signatures.
fn header_value() -> impl Strategy<Value = HeaderValue> {
    let likely =
        "(v1=|v0=|v1,|v1a,|s=|sha256=|sha1=|Bearer |Basic |t=[0-9]{1,20},v1=|[0-9]{1,20})?[0-9a-fA-F+/=,; ]{0,140}";
    let bytes = prop_oneof![prop::collection::vec(any::<u8>(), 0..300), likely.prop_map(String::into_bytes)];
    bytes.prop_filter_map("not a header", |bytes| HeaderValue::from_bytes(&bytes).ok())
}
