//! The index of a rule book: which rules can match an event at all. Each rule is filed under the signs that an event must
//! show before it can match, the rarest that its conditions give; the texts of all rules are looked for in one pass over
//! each field. An event then costs what the few rules cost whose signs it shows, however many there are.
//!
//! The index only leaves out. A rule that it names is asked as if there were no index, and one about which it knows
//! nothing (scripts, negations, numbers, time) is named for every event of its kinds.

mod choose;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use aho_corasick::AhoCorasick;

use self::choose::Chooser;
use super::compile::Rule;
use super::condition::{Case, Sign, Token};
use super::fields::Path;
use super::view::View;
use crate::model::EventKind;

/// The numbers of rules in their book, from 0.
type Numbers = Vec<usize>;

/// Finds the rules that can match an event.
#[derive(Default)]
pub(super) struct Index {
    /// Rules without a sign, by the kinds of event they look at.
    kinds: HashMap<EventKind, Numbers>,
    fields: Vec<Field>,
}

/// What rules want of one field.
struct Field {
    path: Path,
    values: HashMap<Token, Numbers>,
    texts: Option<Texts>,
}

/// The texts of all rules that look for one in a field.
struct Texts {
    automaton: AhoCorasick,
    /// By the number of the pattern.
    rules: Vec<Numbers>,
}

impl Index {
    /// Files every rule.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let chooser = Chooser::new(rules);
        let mut index = Self::default();
        let mut fields: BTreeMap<&str, (&Path, BTreeMap<Sign, Numbers>)> = BTreeMap::new();
        for (number, rule) in rules.iter().enumerate() {
            match chooser.choose(rule) {
                Some(signs) => {
                    for (path, sign) in signs {
                        let (_, wanted) = fields.entry(path.as_str()).or_insert((path, BTreeMap::new()));
                        wanted.entry(sign).or_default().push(number);
                    }
                }
                None => index.file_by_kind(number, rule),
            }
        }
        for (path, wanted) in fields.into_values() {
            index.file_by_field(rules, path, wanted);
        }
        index
    }

    fn file_by_kind(&mut self, number: usize, rule: &Rule) {
        for kind in &rule.on {
            self.kinds.entry(*kind).or_default().push(number);
        }
    }

    fn file_by_field(&mut self, rules: &[Rule], path: &Path, wanted: BTreeMap<Sign, Numbers>) {
        let mut field = Field { path: path.clone(), values: HashMap::new(), texts: None };
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for (sign, of) in wanted {
            match sign {
                Sign::Value(token) => {
                    field.values.insert(token, of);
                }
                Sign::Text(text) => {
                    texts.push(text);
                    numbers.push(of);
                }
            }
        }
        match AhoCorasick::new(&texts) {
            Ok(_) if texts.is_empty() => {}
            Ok(automaton) => field.texts = Some(Texts { automaton, rules: numbers }),
            // More texts than one automaton can hold.
            Err(_) => numbers.concat().into_iter().for_each(|number| self.file_by_kind(number, &rules[number])),
        }
        self.fields.push(field);
    }

    /// The rules that can match, in order. Those that are left out cannot.
    pub(super) fn candidates(&self, kind: EventKind, view: &View<'_>) -> Numbers {
        let mut found = self.kinds.get(&kind).cloned().unwrap_or_default();
        for field in &self.fields {
            field.collect(view, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Field {
    fn collect(&self, view: &View<'_>, found: &mut Numbers) {
        let seen = view.seen(&self.path);
        if !self.values.is_empty() {
            let tokens = seen.iter().filter_map(|value| Token::of(value));
            tokens.filter_map(|token| self.values.get(&token)).for_each(|numbers| found.extend(numbers));
        }
        let Some(texts) = &self.texts else { return };
        let mut met = HashSet::new();
        for text in seen.texts(Case::Ignored) {
            for hit in texts.automaton.find_overlapping_iter(text) {
                if met.insert(hit.pattern()) {
                    found.extend(&texts.rules[hit.pattern().as_usize()]);
                }
            }
        }
    }
}
