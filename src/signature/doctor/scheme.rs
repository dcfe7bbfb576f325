//! The headers are those of another scheme.

use super::{Case, Hypothesis, Told};
use crate::model::Delivery;
use crate::signature::{SCHEMES, VerifySettings, scheme};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "scheme", look };

fn look(case: &Case<'_>) -> Option<Told> {
    if case.is_genuine() {
        return None;
    }
    let own = &case.settings.scheme;
    let mut fitting = Vec::new();
    let mut alike: Vec<(usize, &str)> = Vec::new();
    for other in SCHEMES.iter().filter(|scheme| scheme.name() != own) {
        let bare = VerifySettings::of(other.name());
        // The generic schemes have no headers of their own.
        let sets = other.headers(&bare).into_iter().map(|names| names.all().collect::<Vec<_>>());
        let sent =
            |names: &Vec<&str>| !names.is_empty() && names.iter().all(|name| case.delivery.header(name).is_some());
        let Some(names) = sets.filter(sent).max_by_key(Vec::len) else { continue };
        alike.push((names.len(), other.name()));
        let (secrets, keys) = (case.settings.secrets.clone(), case.settings.keys.clone());
        if case.fits(&VerifySettings { secrets, keys, ..VerifySettings::of(other.name()) }) {
            fitting.push(other.name());
        }
    }
    if let Some(name) = fitting.first() {
        let says = format!("the delivery is signed by the scheme `{name}`, with this source's secret or key");
        return Some(Told::new(says, format!("write `scheme: {name}` under `verify`")));
    }
    // Headers of the configured scheme that are all there say that it is this one.
    let is_own = case.names().iter().any(|names| names.all().all(|name| case.delivery.header(name).is_some()));
    let most = alike.iter().map(|(headers, _)| *headers).max().filter(|_| !is_own)?;
    let names: Vec<String> =
        alike.iter().filter(|(headers, _)| *headers == most).map(|(_, name)| format!("`{name}`")).collect();
    Some(Told::new(
        format!("this looks like {}, by its headers", names.join(" or ")),
        format!("write the sender's own scheme under `verify` instead of `{own}`, with its secret or key"),
    ))
}

/// The names of a delivery's headers that some scheme writes its signatures into, or that the source is set to.
pub(super) fn headers(settings: &VerifySettings, delivery: &Delivery) -> Vec<String> {
    let bare: Vec<VerifySettings> = SCHEMES.iter().map(|scheme| VerifySettings::of(scheme.name())).collect();
    let all = bare.iter().chain([settings]).filter_map(|settings| Some(scheme(&settings.scheme)?.headers(settings)));
    let names = all.flatten().flat_map(|names| names.all().collect::<Vec<_>>());
    let mut sent: Vec<String> =
        names.filter(|name| delivery.headers.contains_key(*name)).map(str::to_ascii_lowercase).collect();
    sent.sort();
    sent.dedup();
    sent
}
