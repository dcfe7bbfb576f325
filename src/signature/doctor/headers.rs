//! A header that the sender should have written is not there, is there twice, or says nothing.

use super::{Case, Hypothesis, Told};
use crate::signature::Rejection;

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "headers", look };

fn look(case: &Case<'_>) -> Option<Told> {
    if case.rejection != Rejection::Missing {
        return None;
    }
    let sets = case.names();
    let headers = &case.delivery.headers;
    let Some(names) = sets.iter().find(|names| headers.contains_key(names.signature)).or(sets.first()) else {
        let says = "the body has no signature where the scheme wants it";
        return Some(Told::new(says, "compare what the sender posts with what the scheme signs"));
    };
    let wrong: Vec<String> =
        names.all().filter_map(|name| Some(format!("`{name}` {}", trouble(case, name)?))).collect();
    let advice = match wrong.iter().all(|what| what.ends_with("missing")) {
        true => "let the sender sign its deliveries, and every proxy pass these headers on",
        false => "find out who between the sender and rejoinder writes them a second time, or empties them",
    };
    (!wrong.is_empty()).then(|| Told::new(wrong.join(", "), advice))
}

/// What is wrong with one header.
fn trouble(case: &Case<'_>, name: &str) -> Option<&'static str> {
    let values: Vec<_> = case.delivery.headers.get_all(name).iter().collect();
    match values.as_slice() {
        [] => Some("is missing"),
        [value] => match value.to_str().map(str::trim) {
            Err(_) => Some("is not text"),
            Ok("") => Some("is empty"),
            Ok(text) if text.eq_ignore_ascii_case("n/a") => Some("says that there is none"),
            Ok(_) => None,
        },
        _ => Some("is there twice"),
    }
}
