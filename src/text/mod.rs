//! Text out of HTML, HTML out of text, and the allow-list every HTML passes before it is sent.
//! Knows nothing of messages, rules or providers.

mod flat;

use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Tag, TagEnd, html};

use flat::{Attributes, flatten};

/// Columns at which the text made from HTML is wrapped: none that a person would notice.
const WIDTH: usize = 10_000;

/// What a link may begin with. Anything else (`javascript:`, `data:`, a path of no site) loses its target.
pub const LINK_SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

static ALLOWED: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder.url_schemes(HashSet::from(LINK_SCHEMES)).url_relative(UrlRelative::Deny);
    builder
});

/// The readable text of an HTML body, whoever wrote it. Links keep their words, not their targets; the cells of a table,
/// which mails use for layout, follow one another; items stand behind `- ` or their number, quoted lines behind `> `.
pub fn text_of_html(html: &str) -> String {
    read(&flatten(html, Attributes::Ignored))
}

/// The same of HTML that has passed [`clean_html`], with the target of each link behind its words, in brackets, and the
/// description of each image.
pub fn text_of_html_with_links(clean: &str) -> String {
    read(&flatten(clean, Attributes::Shown))
}

fn read(flat: &str) -> String {
    let text = html2text::config::plain_no_decorate().allow_width_overflow().string_from_read(flat.as_bytes(), WIDTH);
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Plain text as HTML: a paragraph for each block of lines, `<br />` for each line end, everything else escaped.
pub fn html_of_text(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut events = Vec::new();
    for block in text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.trim().is_empty()) {
        events.push(Event::Start(Tag::Paragraph));
        for (index, line) in block.split('\n').enumerate() {
            if index > 0 {
                events.push(Event::HardBreak);
            }
            events.push(Event::Text(line.into()));
        }
        events.push(Event::End(TagEnd::Paragraph));
    }
    let mut out = String::new();
    html::push_html(&mut out, events.into_iter());
    out.trim_end().to_owned()
}

/// HTML without scripts, styles, event handlers, forms, frames, and links other than [`LINK_SCHEMES`].
pub fn clean_html(html: &str) -> String {
    ALLOWED.clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_becomes_escaped_paragraphs() {
        for (text, html) in [
            ("", ""),
            ("one", "<p>one</p>"),
            ("one\ntwo\r\n\r\nthree\n", "<p>one<br />\ntwo</p>\n<p>three</p>"),
            ("a < b & \"c\"", "<p>a &lt; b &amp; \"c\"</p>"),
            ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
            ("a\n\n\n\n\nb", "<p>a</p>\n<p>b</p>"),
        ] {
            assert_eq!(html_of_text(text), html, "{text:?}");
        }
    }

    #[test]
    fn html_becomes_text() {
        let html = "<h1>Hi</h1><p>Read <a href=\"https://a.example\">this</a>.<br>Bye</p><style>p{}</style>";
        assert_eq!(text_of_html(html), "Hi\n\nRead this.\nBye");
        assert_eq!(text_of_html_with_links(html), "Hi\n\nRead this (https://a.example).\nBye");
        let html = "<ul><li>a<li><b>b</b></ul><ol><li>x</ol><blockquote>q</blockquote><pre>  c</pre>";
        insta::assert_snapshot!(text_of_html(html), @r"
        - a
        - b
        1. x

        > q

          c
        ");
    }

    #[test]
    fn layout_tables_become_plain_lines() {
        let html = "<table><tr><td>Hello <b>Ann</b></td><td>Second</td></tr></table>\
            <p>See <a href='https://x.example'>this</a> &amp; that</p><blockquote>old words</blockquote>";
        insta::assert_snapshot!(text_of_html(html), @r"
        Hello Ann Second

        See this & that

        > old words
        ");
    }

    #[test]
    fn targets_and_descriptions_are_shown_once_and_as_they_are() {
        for (html, text) in [
            ("<a href=\"https://a.example\">https://a.example</a>", "https://a.example"),
            ("<ol><li><a href=\"tel:112\">tel:112</a></ol>", "1. tel:112"),
            ("<a href=\"https://a.example/?b=1&amp;c\">b</a>!", "b (https://a.example/?b=1&c)!"),
            ("<a href=\"javascript:x()\">b</a>", "b"),
            ("<a href=\"https://a.example/<i>\" title=\"href=1\">b</a>", "b (https://a.example/<i>)"),
            ("<p>see <img src=\"https://a.example/l.png\" alt=\"a &lt;logo&gt;\"></p>", "see a <logo>"),
        ] {
            assert_eq!(text_of_html_with_links(&clean_html(html)), text, "{html}");
            assert!(!text_of_html(html).contains("(https"), "{html}");
        }
    }

    #[test]
    fn hostile_html_takes_no_hostile_time() {
        let begun = Instant::now();
        let units = [
            "<div>",
            "<blockquote>",
            "<table><tr><td>",
            "<ul><li>",
            "<pre>",
            "&",
            "<b a",
            "<!--",
            "<script>",
            "</",
            "<a x=\"",
        ];
        for unit in units {
            text_of_html(&unit.repeat(100_000 / unit.len()));
        }
        for unit in ["<a href=\"x\">", "<a href=\"x\"><div>", "<img alt=\""] {
            text_of_html_with_links(&unit.repeat(100_000 / unit.len()));
        }
        let bold: String = (0..2_000).map(|n| format!("<b a={n}>")).collect();
        text_of_html(&format!("{bold}{}", "<p>x".repeat(20_000)));
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    #[test]
    fn the_allow_list_drops_what_runs_or_leads_astray() {
        for (html, clean) in [
            ("<p onclick=\"x()\">a</p>", "<p>a</p>"),
            ("<script>x()</script>b", "b"),
            ("<a href=\"javascript:x()\">c</a>", "<a rel=\"noopener noreferrer\">c</a>"),
            ("<a href=\"/path\">c</a>", "<a rel=\"noopener noreferrer\">c</a>"),
            ("<a href=\"tel:+491\">d</a>", "<a href=\"tel:+491\" rel=\"noopener noreferrer\">d</a>"),
            ("<form><input name=p></form><iframe src=x></iframe>e", "e"),
        ] {
            assert_eq!(clean_html(html), clean, "{html}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_reads_as_it_was(text in "[a-z<>&\"']{1,30}") {
            prop_assert_eq!(text_of_html(&html_of_text(&text)), text);
        }
    }
}
