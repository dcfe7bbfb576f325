//! How tests and coverage are told to a person.

use super::super::output::{BAD, FAINT, GOOD, line, paint};
use super::Tested;
use crate::rules::Rule;
use crate::rules::check::{CaseReport, Coverage, Share};

/// Every test that failed, and how many there were.
pub(super) fn cases(tested: &[Tested]) {
    let all = || tested.iter().flat_map(|one| &one.cases);
    let failed: Vec<&CaseReport> = all().filter(|case| !case.differences.is_empty()).collect();
    for case in &failed {
        line(format!("{} {}: {}", paint(BAD, "✗"), case.place, case.name));
        for difference in &case.differences {
            line(format!("    {}", difference.message));
            difference.lines.iter().for_each(|text| line(format!("      {}", unified(text)).trim_end()));
        }
        if !case.why.is_empty() {
            line(paint(FAINT, "    why"));
        }
        for why in &case.why {
            why.lines().for_each(|text| line(format!("      {}", text.replacen('✗', &paint(BAD, "✗"), 1))));
        }
    }
    let (passed, failed) = (all().count() - failed.len(), failed.len());
    let failed = format!("{failed} failed");
    let is_fine = failed.starts_with("0 ");
    line(format!("{passed} passed, {}", if is_fine { failed } else { paint(BAD, &failed) }));
}

/// A line of a unified difference in its colour.
fn unified(text: &str) -> String {
    match text.chars().next() {
        Some('-') => paint(BAD, text),
        Some('+') => paint(GOOD, text),
        Some('@') => paint(FAINT, text),
        _ => text.to_owned(),
    }
}

/// The rules that no test reaches, if there are any.
pub(super) fn unreached(rules: Vec<&Rule>, of: usize) {
    if !rules.is_empty() {
        line(format!("{} of {of} rules are reached by a test", of - rules.len()));
    }
    rules.iter().for_each(|rule| line(format!("  no test reaches {} ({})", rule.name, rule.place)));
}

/// What is covered, and each thing that is not, with its place.
pub(super) fn coverage(coverage: &Coverage) {
    let shares = [("rules", coverage.rules), ("conditions", coverage.conditions), ("actions", coverage.actions)];
    let told = shares.map(|(name, share)| share_of(name, share));
    line(format!("covered: {}", told.join(", ")));
    let mut rule = "";
    for missing in &coverage.uncovered {
        if missing.rule != rule {
            rule = &missing.rule;
            line(format!("  {rule}"));
        }
        line(format!("    {} {}: {}", paint(BAD, "✗"), missing.place, missing.what));
    }
}

fn share_of(name: &str, share: Share) -> String {
    let style = if share.covered == share.of { GOOD } else { BAD };
    format!("{} of {} {name} {}", share.covered, share.of, paint(style, &format!("({} %)", share.percent())))
}
