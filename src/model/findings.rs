//! Ways through findings, shared by all who show them.

use std::fmt;

use super::decision::Finding;

/// A condition without others inside it, as far as it counts for or against a rule.
pub struct Reason<'a> {
    /// What it wanted and saw.
    pub finding: &'a Finding,
    /// It stands inside a `not`: it counts by not being so.
    pub is_negated: bool,
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.is_negated { "not " } else { "" };
        write!(f, "{not}{} {}", self.finding.subject, self.finding.wanted)
    }
}

/// The conditions by which findings hold, or by which they do not.
pub fn reasons(findings: &[Finding], hold: bool) -> Vec<Reason<'_>> {
    let mut found = Vec::new();
    for finding in findings.iter().filter(|finding| finding.holds == hold) {
        match (finding.subject.as_str(), finding.inner.is_empty()) {
            (_, true) => found.push(Reason { finding, is_negated: false }),
            ("not", false) => found.extend(
                reasons(&finding.inner, !hold).into_iter().map(|one| Reason { is_negated: !one.is_negated, ..one }),
            ),
            _ => found.extend(reasons(&finding.inner, hold)),
        }
    }
    found
}

/// The findings in the order of lines, each with how deep it stands. `only_against` leaves out what held; what stands
/// inside `not` is against it by holding, and stays.
pub fn outline(findings: &[Finding], only_against: bool) -> Vec<(usize, &Finding)> {
    let mut rows = Vec::new();
    for finding in findings.iter().filter(|finding| !only_against || !finding.holds) {
        rows.push((0, finding));
        let inner = outline(&finding.inner, only_against && finding.subject != "not");
        rows.extend(inner.into_iter().map(|(depth, finding)| (depth + 1, finding)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(subject: &str, holds: bool, inner: Vec<Finding>) -> Finding {
        Finding { subject: subject.to_owned(), wanted: "is so".to_owned(), saw: String::new(), holds, line: 0, inner }
    }

    #[test]
    fn what_stands_inside_not_counts_the_other_way_round() {
        let findings = [
            finding("a", true, Vec::new()),
            finding("not", true, vec![finding("any", false, vec![finding("b", false, Vec::new())])]),
            finding("not", false, vec![finding("all", true, vec![finding("c", true, Vec::new())])]),
            finding("not", true, vec![finding("not", false, vec![finding("d", true, Vec::new())])]),
            finding("any", true, vec![finding("e", false, Vec::new()), finding("f", true, Vec::new())]),
        ];
        let said = |hold| reasons(&findings, hold).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        assert_eq!(said(true), "a is so, not b is so, d is so, f is so");
        assert_eq!(said(false), "not c is so");
        let rows = |only| {
            outline(&findings, only)
                .iter()
                .map(|(depth, one)| format!("{depth}{}", one.subject))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(rows(false), "0a 0not 1any 2b 0not 1all 2c 0not 1not 2d 0any 1e 1f");
        assert_eq!(rows(true), "0not 1all 2c");
    }
}
