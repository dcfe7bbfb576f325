//! Nothing else explains it: another secret, another key, or a signature that is none.

use super::{Case, Hypothesis, Told};
use crate::signature::Rejection;

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "unexplained", look };

fn look(case: &Case<'_>) -> Option<Told> {
    match case.rejection {
        Rejection::Mismatch => Some(Told::new(
            "no configured secret or key gives this signature, in any way that is known",
            "copy the secret or key anew from the sender; if it is the same, the body was changed on the way, or the sender signs in a way of its own (compare with `rejoinder send SOURCE FILE --print`)",
        )),
        Rejection::Malformed => Some(Told::new(
            "the signature or its time stamp is not of the form that the scheme writes",
            "compare the headers with what `rejoinder send SOURCE FILE --print` writes",
        )),
        _ => None,
    }
}
