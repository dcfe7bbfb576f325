//! What answers say of rate limits: headers that count down. Read by one table for each provider.

use jiff::{SignedDuration, Timestamp};

use super::CallClass;
use crate::http::Response;
use crate::outbox::Remaining;

/// A header that says how many calls are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// The header's name, in lower case.
    pub header: &'static str,
    /// Whether it speaks of all calls, or only of those that read or write as the call did that it answers.
    pub is_shared: bool,
    /// When there are more.
    pub until: Until,
}

/// When there are more calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After this time at the latest, counted from the answer.
    In(SignedDuration),
    /// At the Unix time, in seconds, in this header.
    At(&'static str),
    /// After the milliseconds in this header.
    After(&'static str),
}

impl Meter {
    /// What an answer says; nothing where it does not, or not in a way that can be read.
    pub fn read(&self, response: &Response, is_read: bool, now: Timestamp) -> Option<Remaining> {
        let number = |name: &str| response.header(name)?.trim().parse::<i64>().ok();
        let left = u32::try_from(number(self.header)?).ok()?;
        let until = match self.until {
            Until::In(time) => now.checked_add(time),
            Until::At(name) => Timestamp::from_second(number(name)?),
            Until::After(name) => now.checked_add(SignedDuration::from_millis(number(name)?)),
        };
        let class = if self.is_shared { CallClass::Any } else { CallClass::of(is_read) };
        Some(Remaining { meter: self.header, class, left, until: until.ok()? })
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_header_that_counts_down_is_read_and_nothing_is_guessed() {
        let now = Timestamp::from_second(1_000).unwrap();
        let answer = |pairs: &[(&'static str, &'static str)]| {
            let header = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            Response { status: 200, headers: pairs.iter().map(header).collect::<HeaderMap>(), body: Vec::new() }
        };
        let meter = |is_shared, until| Meter { header: "x-left", is_shared, until };
        let minute = Until::In(SignedDuration::from_secs(60));
        let read = |meter: Meter, pairs: &[(&'static str, &'static str)]| {
            let said = meter.read(&answer(pairs), true, now)?;
            Some((said.class, said.left, said.until.as_second()))
        };
        assert_eq!(read(meter(true, minute), &[("x-left", "7")]), Some((CallClass::Any, 7, 1_060)));
        assert_eq!(
            read(meter(false, Until::At("x-reset")), &[("x-left", "0"), ("x-reset", "1010")]),
            Some((CallClass::Read, 0, 1_010))
        );
        assert_eq!(
            read(meter(true, Until::After("x-ms")), &[("x-left", " 2 "), ("x-ms", "10000")]),
            Some((CallClass::Any, 2, 1_010))
        );
        for pairs in [&[][..], &[("x-left", "many")], &[("x-left", "-1")], &[("x-left", "99999999999")]] {
            assert_eq!(read(meter(true, minute), pairs), None, "{pairs:?}");
        }
        assert_eq!(read(meter(true, Until::At("x-reset")), &[("x-left", "7")]), None);
    }
}
