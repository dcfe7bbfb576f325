//! Reading mail headers as the guard must: every occurrence counts, and neither comments nor parameters may hide a word
//! (RFC 3834 §5.1).

use super::Said;
use crate::model::Headers;
use crate::model::event::bare_address;

pub(super) const NO_HEADERS: Said = Said::NotApplicable("headers: unavailable");

/// The first value of the named headers for which `is_bad` holds.
pub(super) fn first_bad<'a>(headers: &'a Headers, names: &[&'a str], is_bad: impl Fn(&str) -> bool) -> Option<&'a str> {
    names.iter().flat_map(|name| values(headers, name)).find(|value| is_bad(value))
}

pub(super) fn judge(bad: Option<&str>, reason: impl FnOnce(&str) -> String, pass: &'static str) -> Said {
    match bad {
        Some(value) => Said::Block(reason(value)),
        None => Said::Pass(pass.into()),
    }
}

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

/// The words of a list, parted by commas or, by careless programs, semicolons.
pub(super) fn words(value: &str) -> Vec<String> {
    let plain = without_comments(value).to_lowercase();
    plain.split([',', ';']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A value and its parameters, without comments, quotes and white space, in lower case.
pub(super) fn parts(value: &str) -> Vec<String> {
    let plain = without_comments(value).to_lowercase();
    plain.split(';').map(|part| part.replace([' ', '"', '\t', '\r', '\n'], "")).collect()
}

/// The bare addresses of a list of mailboxes and groups (RFC 5322 §3.4), in lower case.
pub(super) fn addresses(value: &str) -> Vec<String> {
    let plain = without_comments(value);
    let mut is_quoted = false;
    let mailboxes = plain.split(|c| {
        is_quoted ^= c == '"';
        !is_quoted && matches!(c, ',' | ';')
    });
    // What stands before a colon is the name of a group.
    let bare = mailboxes.map(bare_address).map(|address| match address.rsplit_once(':') {
        Some((_, inside)) => inside.trim().to_owned(),
        None => address,
    });
    bare.filter(|address| address.contains('@') && !address.contains(char::is_whitespace)).collect()
}

/// A value without its comments, which nest (RFC 5322 §3.2.2) and do not stand inside quotes, and with what a backslash
/// marks as plain characters.
pub(super) fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let (mut is_escaped, mut is_quoted) = (false, false);
    let mut plain = String::with_capacity(value.len());
    for c in value.chars() {
        let is_outside = depth == 0;
        match c {
            _ if is_escaped => {
                is_escaped = false;
                if is_outside {
                    plain.push(c);
                }
            }
            '\\' => is_escaped = true,
            '"' if is_outside => {
                is_quoted = !is_quoted;
                plain.push(c);
            }
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth = depth.saturating_sub(1),
            _ if is_outside => plain.push(c),
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
            ("no; x=\"(\"", "no"),
            ("", ""),
        ] {
            assert_eq!(keyword(value), word, "{value:?}");
        }
    }

    #[test]
    fn addresses_are_found_in_every_form() {
        for (value, found) in [
            ("Ann <ANN@example.org>", "ann@example.org"),
            ("ann@example.org (Ann), \"Doe, Bob\" <bob@example.org>", "ann@example.org bob@example.org"),
            ("undisclosed-recipients:;", ""),
            ("Team: ann@example.org, Bob <bob@example.org>;", "ann@example.org bob@example.org"),
            ("<a@b>,\r\n\t<c@d>", "a@b c@d"),
            ("Ann", ""),
        ] {
            assert_eq!(addresses(value).join(" "), found, "{value:?}");
        }
    }
}
