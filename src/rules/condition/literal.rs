//! What can be told of a regular expression from its text, without compiling it: the words that it cannot match without,
//! and how large it can become.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::Case;
use super::sign::likelihood;

/// Bytes at the most that a compiled expression takes for one byte of text, and for one range of a class of letters, which
/// is spelt out in UTF-8: one of few letters, and one of many.
const BYTE: usize = 64;
const NARROW: usize = 512;
const WIDE: usize = 4_096;

/// Copies of a repeated part that are written out.
const REPEATED: u32 = 8;
/// Alternatives beyond which an expression is said to need nothing in particular.
const ALTERNATIVES: usize = 64;

/// A regular expression as it is understood; none where it cannot be.
pub(super) fn parse(pattern: &str, case: Case) -> Option<Hir> {
    ParserBuilder::new().case_insensitive(case == Case::Ignored).build().parse(pattern).ok()
}

/// Texts of which each match contains at least one, all folded with [`Case::Ignored`]; none where nothing can be said. Of
/// several such sets it is the one that is least likely to be met by chance.
pub(super) fn required(hir: &Hir) -> Option<Vec<String>> {
    read_apart(hir).1
}

/// Bytes that the compiled expression does not exceed.
pub(super) fn most_bytes(hir: &Hir) -> usize {
    let inner: usize = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(BYTE),
        HirKind::Class(Class::Unicode(class)) => {
            class.iter().map(|range| if range.len() <= 64 { NARROW } else { WIDE }).sum()
        }
        HirKind::Class(Class::Bytes(class)) => class.ranges().len().saturating_mul(NARROW),
        HirKind::Capture(capture) => most_bytes(&capture.sub).saturating_add(BYTE),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            most_bytes(&repetition.sub).saturating_mul(copies as usize)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(0, |sum, part| sum.saturating_add(most_bytes(part)))
        }
    };
    inner.saturating_add(BYTE)
}

/// An expression while it is read from left to right.
struct Reading {
    /// The text that certainly stands here, as far as it is known.
    run: String,
    /// The best set of alternatives so far.
    best: Option<Vec<String>>,
    /// Whether the run is all there is.
    is_whole: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self { run: String::new(), best: None, is_whole: true }
    }
}

impl Reading {
    fn read(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => text.chars().for_each(|letter| self.letter(letter)),
                Err(_) => self.interrupt(None),
            },
            HirKind::Class(class) => match one_letter(class) {
                Some(letter) => self.letter(letter),
                None => self.interrupt(None),
            },
            HirKind::Capture(capture) => self.read(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.read(part)),
            HirKind::Repetition(repetition) => self.repeat(repetition),
            HirKind::Alternation(branches) => {
                let found: Option<Vec<_>> = branches.iter().map(|branch| read_apart(branch).1).collect();
                self.interrupt(found.map(|sets| sets.concat()).filter(|texts| texts.len() <= ALTERNATIVES));
            }
        }
    }

    /// White space is compared as one blank in some texts and as it is in others, so no run leads over it.
    fn letter(&mut self, letter: char) {
        match letter.is_whitespace() {
            true => self.interrupt(None),
            false => self.run.push_str(&Case::Ignored.fold(letter.encode_utf8(&mut [0; 4]))),
        }
    }

    fn repeat(&mut self, repetition: &Repetition) {
        if repetition.min == 0 {
            return self.interrupt(None);
        }
        match read_apart(&repetition.sub) {
            (Some(text), _) => {
                let copies = repetition.min.min(REPEATED);
                self.run.push_str(&text.repeat(copies as usize));
                if repetition.max != Some(copies) {
                    self.interrupt(None);
                }
            }
            (None, found) => self.interrupt(found),
        }
    }

    /// Ends the run, since what follows is not one certain text.
    fn interrupt(&mut self, found: Option<Vec<String>>) {
        let run = std::mem::take(&mut self.run);
        self.offer((!run.is_empty()).then(|| vec![run]));
        self.offer(found);
        self.is_whole = false;
    }

    fn offer(&mut self, found: Option<Vec<String>>) {
        let chance = |texts: &Vec<String>| texts.iter().map(|text| likelihood(text)).sum::<f64>();
        if let Some(texts) = found
            && self.best.as_ref().is_none_or(|best| chance(&texts) < chance(best))
        {
            self.best = Some(texts);
        }
    }

    /// The text that every match is, if it is one, and the best set of alternatives.
    fn finish(mut self) -> (Option<String>, Option<Vec<String>>) {
        let run = std::mem::take(&mut self.run);
        self.offer((!run.is_empty()).then(|| vec![run.clone()]));
        (self.is_whole.then_some(run), self.best)
    }
}

fn read_apart(hir: &Hir) -> (Option<String>, Option<Vec<String>>) {
    let mut reading = Reading::default();
    reading.read(hir);
    reading.finish()
}

/// The letter of a class whose letters are all the same one when folded, such as `[Rr]`.
fn one_letter(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let mut letters = class.iter().flat_map(|range| range.start()..=range.end());
    let first = letters.next()?;
    let fold = |letter: char| Case::Ignored.fold(letter.encode_utf8(&mut [0; 4]));
    let folded = fold(first);
    letters.all(|letter| fold(letter) == folded).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_words_of_an_expression_are_found() {
        let none: &[&str] = &[];
        for (pattern, wanted) in [
            (r"\border[- ]?\d{4,}", &["order"][..]),
            ("(?<a>Re)fund", &["refund"]),
            ("^(refund|money|return)$", &["refund", "money", "return"]),
            ("STRASSE", &["strasse"]),
            ("straße", &["strasse"]),
            ("a (parcel)+ is lost", &["parcel"]),
            ("(ab){2}c", &["ababc"]),
            ("(ab){2,}c", &["abab"]),
            ("(ab){20}", &["abababababababab"]),
            ("x?y*z", &["z"]),
            ("[ab]c", &["c"]),
            ("money\u{a0}back", &["money"]),
            ("stra[ßx]e", &["stra"]),
            ("a|b|", none),
            (r"\d+", none),
            (".*", none),
            ("(refund)?", none),
        ] {
            let found = required(&parse(pattern, Case::Ignored).unwrap()).unwrap_or_default();
            assert_eq!(found, wanted, "{pattern}");
        }
        let sensitive = parse("(?i)Refund", Case::Sensitive).unwrap();
        assert_eq!(required(&sensitive), Some(vec!["refund".to_owned()]));
        assert!(parse("(", Case::Ignored).is_none());
    }

    #[test]
    fn no_expression_becomes_larger_than_was_told() {
        for unit in [
            "a",
            "ab[cd]",
            r"\w",
            r"\d",
            r"(?:\pL|\b\d)",
            "(x)",
            "(?-u:[a-z])",
            ".",
            "ß",
            "(?s:.)",
            r"[^\s]",
            "(a|bc|)",
        ] {
            for count in [1, 3, 10, 40, 160, 640] {
                let pattern = format!("(?:{unit}){{{count}}}");
                let told = most_bytes(&parse(&pattern, Case::Ignored).unwrap());
                let built = regex::RegexBuilder::new(&pattern).case_insensitive(true).size_limit(told).build();
                assert!(built.is_ok(), "{pattern}: more than {told} bytes");
            }
        }
    }
}
