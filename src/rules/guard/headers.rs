//! Reading mail headers as the guard must: every occurrence counts, and neither comments nor parameters may hide a word
//! (RFC 3834 §5.1).

use crate::model::Headers;

/// Every value of a header, whatever the case of its name: the adapters write names in lower case, and the guard does not
/// depend on it.
pub(super) fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a str> {
    let of_name = headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
    of_name.flat_map(|(_, values)| values).map(String::as_str)
}

/// Whether a header is there.
pub(super) fn has(headers: &Headers, name: &str) -> bool {
    headers.keys().any(|known| known.eq_ignore_ascii_case(name))
}

/// The keyword of a value: without comments, parameters and folding, in lower case.
pub(super) fn keyword(value: &str) -> String {
    let plain = without_comments(value);
    plain.split(';').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The words of a comma-separated value.
pub(super) fn words(value: &str) -> Vec<String> {
    without_comments(value).split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty()).collect()
}

/// A value without its comments, which nest (RFC 5322 §3.2.2), and with what a backslash marks as plain characters.
pub(super) fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let mut escaped = false;
    let mut plain = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                if depth == 0 {
                    plain.push(c);
                }
            }
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_parameters_and_folding_do_not_hide_a_keyword() {
        for (value, word) in [
            ("auto-replied", "auto-replied"),
            (" Auto-Replied (vacation)", "auto-replied"),
            ("auto-replied; owner-email=\"a@b\"", "auto-replied"),
            ("(a (nested) comment) no", "no"),
            ("auto-\r\n generated", "auto- generated"),
            ("no ; x=y", "no"),
            ("", ""),
        ] {
            assert_eq!(keyword(value), word, "{value:?}");
        }
    }
}
