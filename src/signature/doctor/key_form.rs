//! The secret is right and is made into a key another way: decoded or not, with its `whsec_` or without.

use super::{Case, Hypothesis, Told};
use crate::secret::Secret;
use crate::signature::KeyForm;

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "key", look };

const FORMS: [(KeyForm, &str, &str); 4] = [
    (KeyForm::Utf8, "utf8", "as it is, not decoded"),
    (KeyForm::Base64, "base64", "decoded from base64"),
    (KeyForm::Hex, "hex", "decoded from hexadecimal"),
    (KeyForm::Whsec, "whsec", "without `whsec_` and decoded from base64"),
];

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() || !case.takes("key") || case.settings.secrets.is_empty() {
        return None;
    }
    for (form, name, how) in FORMS {
        // Of several secrets only some may have the form.
        let fits = case.settings.secrets.iter().any(|secret| {
            case.fits_with(|settings| {
                (settings.key, settings.keys) = (Some(form), Vec::new());
                settings.secrets = vec![secret.clone()];
            })
        });
        if fits {
            let says = format!("the signature fits the secret {how}");
            return Some(Told::new(says, format!("write `key: {name}` under `verify`")));
        }
    }
    let bare = |secret: &Secret| secret.expose().strip_prefix("whsec_").map(Secret::from);
    let changed: Vec<Secret> = case.settings.secrets.iter().filter_map(bare).collect();
    let fits = !changed.is_empty()
        && case.fits_with(|settings| {
            (settings.key, settings.keys, settings.secrets) = (Some(KeyForm::Utf8), Vec::new(), changed);
        });
    let says = "the signature fits the secret without its `whsec_`, not decoded";
    fits.then(|| Told::new(says, "take `whsec_` off the configured secret, and write `key: utf8` under `verify`"))
}
