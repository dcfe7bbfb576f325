//! Under which signs a rule is filed: of those that its conditions give, the ones that wake the fewest rules.

use std::collections::{HashMap, HashSet};

use super::super::compile::{Body, Rule};
use super::super::condition::{Condition, Sign, likelihood};
use super::super::fields::Path;

/// Signs of which an event must show at least one, each with its field.
pub(super) type Signs<'a> = Vec<(&'a Path, Sign)>;

/// Knows what all rules ask for, and so what tells them apart.
pub(super) struct Chooser<'a> {
    /// How often each sign is asked for.
    rules: HashMap<(&'a str, Sign), usize>,
    /// How many different values of each field are asked for.
    values: HashMap<&'a str, usize>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(rules: &'a [Rule]) -> Self {
        let mut chooser = Self { rules: HashMap::new(), values: HashMap::new() };
        for rule in rules {
            if let Body::Yaml { when, .. } = &rule.body {
                chooser.count(when);
            }
        }
        let values: HashSet<(&str, &Sign)> = chooser.rules.keys().map(|(path, sign)| (*path, sign)).collect();
        for (path, _) in values.into_iter().filter(|(_, sign)| matches!(sign, Sign::Value(_))) {
            *chooser.values.entry(path).or_default() += 1;
        }
        chooser
    }

    fn count(&mut self, condition: &'a Condition) {
        match condition {
            Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|one| self.count(one)),
            Condition::Field(test) => {
                for (path, sign) in test.signs().into_iter().flatten() {
                    *self.rules.entry((path.as_str(), sign)).or_default() += 1;
                }
            }
            Condition::Not(_) | Condition::Script(..) | Condition::Within(_) => {}
        }
    }

    /// Signs without which a rule cannot match; none where nothing can be said.
    pub(super) fn choose(&self, rule: &'a Rule) -> Option<Signs<'a>> {
        match &rule.body {
            Body::Yaml { when, .. } => self.cheapest(when).map(|(_, signs)| signs),
            Body::Script(_) => None,
        }
    }

    /// The signs that wake the fewest rules, with how many that is on average.
    fn cheapest(&self, condition: &'a Condition) -> Option<(f64, Signs<'a>)> {
        match condition {
            Condition::All(inner) => {
                // What stands behind a script is not looked at when the script fails, and a failure must be seen.
                let first_script = inner.iter().position(can_fail).map_or(inner.len(), |place| place + 1);
                let found = inner[..first_script].iter().filter_map(|one| self.cheapest(one));
                found.min_by(|(one, _), (other, _)| one.total_cmp(other))
            }
            Condition::Any(inner) => inner.iter().try_fold((0.0, Vec::new()), |(sum, mut all), one| {
                let (cost, signs) = self.cheapest(one)?;
                all.extend(signs);
                Some((sum + cost, all))
            }),
            Condition::Field(test) => {
                let signs = test.signs()?;
                Some((signs.iter().map(|(path, sign)| self.cost(path, sign)).sum(), signs))
            }
            Condition::Not(_) | Condition::Script(..) | Condition::Within(_) => None,
        }
    }

    /// How many rules a sign wakes on average: as many as ask for it, each time that an event shows it. A field of which
    /// many values are asked for seldom has a given one.
    fn cost(&self, path: &'a Path, sign: &Sign) -> f64 {
        let rules = self.rules.get(&(path.as_str(), sign.clone())).copied().unwrap_or(1);
        let chance = match sign {
            Sign::Text(text) => likelihood(text),
            Sign::Value(_) => 1.0 / as_float(self.values.get(path.as_str()).copied().unwrap_or(1)),
        };
        as_float(rules) * chance
    }
}

fn as_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Whether a condition can fail instead of not holding.
fn can_fail(condition: &Condition) -> bool {
    match condition {
        Condition::All(inner) | Condition::Any(inner) => inner.iter().any(can_fail),
        Condition::Not(inner) => can_fail(inner),
        Condition::Field(_) | Condition::Within(_) => false,
        Condition::Script(..) => true,
    }
}
