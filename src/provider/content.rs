//! The text of a message without the history it quotes.
//! Never judges what is said; what it cannot take apart safely it leaves whole.

use std::sync::LazyLock;

use regex::Regex;

/// The new part of a mail's text: cut where a quoted history begins that reaches to the end.
///
/// Known beginnings, each on a line of its own:
/// - `On … wrote:` with a date, over at most three lines, and the same in German (`Am … schrieb …:`), French
///   (`Le … a écrit :`), Spanish (`El … escribió:`), Italian (`Il … ha scritto:`), Portuguese (`Em … escreveu:`) and
///   Dutch (`Op … schreef …:`);
/// - `-----Original Message-----` and its translations;
/// - Outlook's block of `From:` and `Sent:` or `Date:` lines, in the same languages, with the rule of `____` above it;
/// - a run of lines led by `>`.
///
/// Answers between or below quoted lines survive, because then nothing is cut. A forwarded message survives: it is what
/// the sender wanted to show. A signature above the history stays, since `-- ` also occurs in lists. Where a cut would
/// leave nothing, the whole text is returned.
pub fn without_quote(text: &str) -> String {
    let lines = Lines::of(text);
    let cut = (0..lines.all.len()).find(|&at| lines.history_begins(at)).or_else(|| lines.quoted_tail());
    let kept = match cut.and_then(|at| lines.all.get(at)) {
        Some(line) => text.get(..line.start).unwrap_or(text).trim_end(),
        None => text,
    };
    if kept.trim().is_empty() { text.to_owned() } else { kept.to_owned() }
}

/// The first and the last words of the line above a quotation; between them stands a date.
const ATTRIBUTIONS: [(&str, &str); 7] = [
    ("On", r"wrote"),
    ("Am", r"schrieb\b.*"),
    ("Le", r"a écrit"),
    ("El", r"escribió"),
    ("Il", r"ha scritto"),
    ("Em", r"escreveu"),
    ("Op", r"schreef\b.*"),
];

/// What stands between the dashes above a history.
const SEPARATORS: [&str; 6] = [
    "Original Message",
    "Original[- ]Nachricht",
    "Ursprüngliche Nachricht",
    "Message d.origine",
    "Mensaje original",
    "Oorspronkelijk bericht",
];

/// The names of the first and of the second line of Outlook's block.
const FROM: &str = "From|Von|De|Da|Van";
const SENT: &str = "Sent|Date|Gesendet|Datum|Envoyé|Enviado(?: el)?|Fecha|Inviato|Data|Verzonden";

struct Openers {
    attribution: Regex,
    separator: Regex,
    from: Regex,
    sent: Regex,
}

static OPENERS: LazyLock<Option<Openers>> = LazyLock::new(|| {
    let attributions: Vec<String> =
        ATTRIBUTIONS.iter().map(|(first, last)| format!(r"{first}\b.*\d.*\b{last}")).collect();
    Some(Openers {
        attribution: Regex::new(&format!(r"^(?:{})\s*:$", attributions.join("|"))).ok()?,
        separator: Regex::new(&format!(r"(?i)^-{{2,}}\s*(?:{})\s*-{{2,}}$", SEPARATORS.join("|"))).ok()?,
        from: Regex::new(&format!(r"^\*?(?:{FROM})\s?:\*?\s+\S")).ok()?,
        sent: Regex::new(&format!(r"^\*?(?:{SENT})\s?:\*?\s+\S.*\d")).ok()?,
    })
});

/// The longest line above a quotation, in bytes, once its parts are joined.
const LONGEST_ATTRIBUTION: usize = 400;

struct Line<'a> {
    /// Where it begins in the text.
    start: usize,
    text: &'a str,
}

impl Line<'_> {
    fn is_quoted(&self) -> bool {
        self.text.starts_with('>')
    }
}

struct Lines<'a> {
    all: Vec<Line<'a>>,
    last_quoted: Option<usize>,
    last_plain: Option<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut start = 0;
        let mut all = Vec::new();
        for line in text.split_inclusive('\n') {
            all.push(Line { start, text: line.trim() });
            start += line.len();
        }
        let last_quoted = all.iter().rposition(Line::is_quoted);
        let last_plain = all.iter().rposition(|line| !line.text.is_empty() && !line.is_quoted());
        Self { all, last_quoted, last_plain }
    }

    fn text(&self, at: usize) -> &'a str {
        self.all.get(at).map_or("", |line| line.text)
    }

    /// Whether everything from this line on is history.
    fn history_begins(&self, at: usize) -> bool {
        let Some(openers) = OPENERS.as_ref() else { return false };
        let text = self.text(at);
        openers.separator.is_match(text) || self.is_outlook(openers, at) || self.is_attribution(openers, at)
    }

    fn is_outlook(&self, openers: &Openers, at: usize) -> bool {
        let is_rule = |text: &str| text.len() >= 10 && text.chars().all(|c| c == '_');
        let from = if is_rule(self.text(at)) { at + 1 } else { at };
        openers.from.is_match(self.text(from)) && (1..=3).any(|next| openers.sent.is_match(self.text(from + next)))
    }

    /// A line above a quotation, unless something was written below or between the lines it introduces.
    fn is_attribution(&self, openers: &Openers, at: usize) -> bool {
        if !ATTRIBUTIONS.iter().any(|(first, _)| self.text(at).starts_with(first)) {
            return false;
        }
        let mut joined = String::new();
        for last in at..at + 3 {
            joined = format!("{joined} {}", self.text(last));
            if joined.len() > LONGEST_ATTRIBUTION {
                return false;
            }
            if openers.attribution.is_match(joined.trim()) {
                let is_marked = self.last_quoted.is_some_and(|quoted| quoted > last);
                return !is_marked || self.last_plain.is_none_or(|plain| plain <= last);
            }
        }
        false
    }

    /// Where the run of `>` lines begins that the text ends in.
    fn quoted_tail(&self) -> Option<usize> {
        let first = self.last_plain.map_or(0, |plain| plain + 1);
        self.last_quoted.filter(|quoted| *quoted >= first).map(|_| first)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_history_is_cut_and_nothing_else() {
        let check = |text: &str, expect: &str| assert_eq!(without_quote(text), expect, "{text:?}");
        check("Thanks!\n\nOn Mon, 2 Mar 2026 at 10:00, Ann <a@x.org> wrote:\n> Hello\n>\n> Bye\n", "Thanks!");
        check("Thanks!\r\n\r\nOn Mon, 2 Mar 2026, Ann\r\n<a@x.org> wrote:\r\n\r\n> Hello\r\n", "Thanks!");
        check("Thanks!\n\nOn 2 Mar 2026 Ann wrote:\n\nHello, unmarked history", "Thanks!");
        check("Danke!\n\nAm 02.03.2026 um 10:00 schrieb Ann <a@x.org>:\n> Hallo", "Danke!");
        check("Merci\n\nLe lun. 2 mars 2026 à 10:00, Ann a écrit\u{a0}:\n> Bonjour", "Merci");
        check("Gracias\n\nEl lun, 2 mar 2026 a las 10:00, Ann (<a@x.org>) escribió:\n> Hola", "Gracias");
        check("Ok\n\nIl giorno lun 2 mar 2026 alle ore 10:00 Ann ha scritto:\n> Ciao", "Ok");
        check("Ok\n\n-----Original Message-----\nFrom: Ann\nHello", "Ok");
        check("Ok\n\n-----Ursprüngliche Nachricht-----\nVon: Ann\nHallo", "Ok");
        check("Ok\n\nFrom: Ann <a@x.org>\nSent: Monday, March 2, 2026 10:00\nTo: Bob\nSubject: Hi\n\nHello", "Ok");
        check("Ok\n\n________________________________\nVon: Ann\nGesendet: 2. März 2026\nAn: Bob\n\nHallo", "Ok");
        check("Ok\n\n> Hello\n> Bye\n\n", "Ok");
        check("Ok\n-- \nAnn, Sales\n\nOn 2 Mar 2026 Bob wrote:\n> x", "Ok\n-- \nAnn, Sales");
    }

    #[test]
    fn what_may_be_an_answer_survives() {
        for text in [
            "",
            "no quotation at all",
            "On 2 Mar 2026 Ann wrote:\n> When?\n\nTomorrow.\n\n> Where?\n\nHere.",
            "> When?\nTomorrow.",
            "On 2 Mar 2026 Ann wrote:\n> nothing but history",
            "> only\n> quoted",
            "On the phone she wrote:\nplease call",
            "From: the bottom of my heart\nthank you",
            "Look:\n---------- Forwarded message ---------\nthe thing itself",
        ] {
            assert_eq!(without_quote(text), text);
        }
    }

    #[test]
    fn hostile_sizes_take_no_hostile_time() {
        let begun = Instant::now();
        for unit in ["On 1 wrote:\n", "On 1\n", "> \n", "From: a\n", "\n", "-"] {
            without_quote(&format!("{}\n> x\nend", unit.repeat(100_000 / unit.len())));
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn what_is_kept_is_the_beginning(text in "(?s)(> |On 1 |wrote:|From: a|Sent: 1|-----|\n|\r\n|.){0,40}") {
            prop_assert!(text.starts_with(&without_quote(&text)));
        }
    }
}
