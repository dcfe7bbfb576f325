//! `unused-hook`: a hook of the configuration that nothing calls.

use super::used;
use super::written::Written;
use super::{Hit, Lint};

pub(super) const LINT: Lint = Lint {
    name: "unused-hook",
    summary: "A hook under `hooks:` that no rule calls and `guard.alert` does not name.",
    why: "Its secret is kept and its address may be called for nothing, and whoever waits behind it is told nothing.",
    help: "call it in a rule, name it in `guard.alert`, or take it out of `hooks:`",
    find,
};

fn find(written: &Written<'_>, _: &[Hit]) -> Vec<Hit> {
    let surroundings = written.book.surroundings();
    let named = used::by_actions(written, &[("http", "hook")]);
    let Some((mut used, urls)) = named.zip(used::by_actions(written, &[("http", "url")])) else { return Vec::new() };
    used.extend(surroundings.guard.alert.hook.clone());
    let reached = surroundings.hooks.iter().filter(|(_, base)| urls.iter().any(|url| may_reach(url, base.as_str())));
    used.extend(reached.map(|(name, _)| name.clone()));
    used::unused("hooks", surroundings.hooks.keys(), &used, |name| format!("no rule calls the hook `{name}`"))
}

/// Whether an address, which may be a template, can lie below that of a hook.
fn may_reach(url: &str, base: &str) -> bool {
    let fixed = url.split_once('{').map_or(url, |(fixed, _)| fixed);
    let base = base.trim_end_matches('/');
    let is_below = |rest: &str| rest.is_empty() || rest.starts_with(['/', '?']);
    fixed.strip_prefix(base).is_some_and(is_below) || (fixed.len() < url.len() && base.starts_with(fixed))
}
