//! The delivery was meant for another source, or this source holds another one's secret.

use super::{Case, Hypothesis, Told};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "other_source", look };

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() {
        return None;
    }
    let verifies = |scheme: &str| !["none", "token", "basic"].contains(&scheme);
    for (name, settings) in case.others.iter().map(|other| (&other.0, &other.1)) {
        if verifies(&settings.scheme) && case.fits(settings) {
            return Some(Told::new(
                format!("the delivery fits the source `{name}`"),
                format!("let its sender post to `/webhooks/{name}`, or give this source the settings of that one"),
            ));
        }
        let fits = case.fits_with(|own| {
            (own.secrets, own.keys) = (settings.secrets.clone(), settings.keys.clone());
        });
        if fits && !(settings.secrets.is_empty() && settings.keys.is_empty()) {
            return Some(Told::new(
                format!("the signature fits a secret or key of the source `{name}`"),
                "the two may have been mixed up; compare both with what their senders show",
            ));
        }
    }
    None
}
