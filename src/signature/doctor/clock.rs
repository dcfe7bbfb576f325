//! The signature is right and was made too long ago, or in the future.

use super::{Case, Hypothesis, Told};
use crate::signature::{Rejection, scheme};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "clock", look };

fn look(case: &Case<'_>) -> Option<Told> {
    let verifier = scheme(&case.settings.scheme)?.build(case.settings).ok()?;
    let seconds = case.now.duration_since(verifier.signed_at(case.delivery)?).as_secs();
    match case.rejection {
        Rejection::Stale => Some(Told::new(
            format!("the signature is right, and was made {seconds} s ago, which is more than the tolerance"),
            "compare the clocks of both machines (NTP); where deliveries come late, raise `tolerance`. A captured request is judged at the time of its capture with `--at`",
        )),
        Rejection::Future => Some(Told::new(
            format!(
                "the signature is right, and was made {} s in the future, which is more than the tolerance",
                -seconds
            ),
            "compare the clocks of both machines (NTP)",
        )),
        _ => None,
    }
}
