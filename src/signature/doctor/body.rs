//! The body was changed on the way: read and written anew by a proxy, other line ends, something around it.

use super::bodies::variants;
use super::{Case, Hypothesis, Told};
use crate::signature::Rejection;

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "body", look };

fn look(case: &Case<'_>) -> Option<Told> {
    if case.rejection != Rejection::Mismatch {
        return None;
    }
    let (how, _) = variants(&case.delivery.body).find(|(_, body)| case.fits_body(body.clone()))?;
    Some(Told::new(
        format!("the signature fits the body {how}: it was changed after it was signed"),
        "let every proxy, gateway and function between the sender and rejoinder pass the body on byte for byte",
    ))
}
