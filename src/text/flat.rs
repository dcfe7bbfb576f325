//! HTML of strangers, flattened before a tree is made of it. A tree of hostile HTML can be thousands of levels deep, or a
//! thousand times as large as its text (open formatting elements are repeated in every paragraph), and takes minutes;
//! this pass reads each byte once. It decodes nothing and wraps nothing: that is left to the library that reads its output.

/// Elements whose content is no text, skipped up to their end tag.
const SKIPPED: [&str; 5] = ["script", "style", "title", "template", "noscript"];

/// Elements that stand in a paragraph of their own, and those that begin and end a line.
const PARAGRAPHS: [&str; 7] = ["p", "h1", "h2", "h3", "h4", "h5", "h6"];
const BLOCKS: [&str; 20] = [
    "address", "article", "aside", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form",
    "header", "hr", "li", "pre", "section", "table", "tr",
];

/// Deeper quotations keep their text and lose their mark.
const DEEPEST_QUOTE: usize = 16;

/// Whether the targets of links and the descriptions of images are part of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attributes {
    Ignored,
    /// Read from attributes as the allow-list writes them: in double quotes.
    Shown,
}

/// The same text in paragraphs, lines, quotations and preformatted lines alone, at most a few levels deep.
pub(super) fn flatten(html: &str, attributes: Attributes) -> String {
    let out = String::with_capacity(html.len());
    let mut flat = Flat { out, attributes, open: "div", quotes: 0, lists: Vec::new(), mark: None, link: None };
    flat.out.push_str("<div>");
    let mut rest = html;
    while let Some((text, tag)) = rest.find('<').map(|at| rest.split_at(at)) {
        flat.words(text);
        rest = flat.markup(tag);
    }
    flat.words(rest);
    flat.finish()
}

struct Flat {
    out: String,
    attributes: Attributes,
    /// The element that the text stands in.
    open: &'static str,
    quotes: usize,
    /// The next number of each open list; nothing for a bulleted one.
    lists: Vec<Option<u64>>,
    /// What stands before the first words of an item, until they come.
    mark: Option<String>,
    /// Where the words of the open link begin, and its target.
    link: Option<(usize, String)>,
}

impl Flat {
    fn words(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.begin();
        }
        self.out.push_str(text);
    }

    fn begin(&mut self) {
        if let Some(mark) = self.mark.take() {
            self.out.push_str(&mark);
        }
    }

    /// Takes what begins with `<` and gives what follows it. Markup that never ends takes everything, as in a browser.
    fn markup<'a>(&mut self, tag: &'a str) -> &'a str {
        let inner = tag.get(1..).unwrap_or_default();
        if let Some(comment) = inner.strip_prefix("!--") {
            return comment.split_once("-->").map_or("", |(_, after)| after);
        }
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            self.words("&lt;");
            return inner;
        }
        let after = after_tag(inner);
        let (name, is_end) = match inner.strip_prefix('/') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let length = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = name.get(..length.min(16)).unwrap_or_default().to_ascii_lowercase();
        if SKIPPED.contains(&name.as_str()) && !is_end {
            return after_element(after, &name);
        }
        if self.attributes == Attributes::Shown {
            self.attribute(&name, is_end, inner.get(..inner.len() - after.len()).unwrap_or_default());
        }
        self.element(&name, is_end);
        after
    }

    fn element(&mut self, name: &str, is_end: bool) {
        match (name, is_end) {
            ("br", _) => self.out.push_str("<br>"),
            ("td" | "th", _) => self.out.push(' '),
            ("blockquote", false) => self.quote(),
            ("blockquote", true) => self.unquote(),
            ("ul" | "ol", false) => {
                self.turn_to("div");
                self.lists.push((name == "ol").then_some(1));
            }
            ("ul" | "ol", true) => {
                self.turn_to("div");
                self.lists.pop();
            }
            ("pre", false) => self.turn_to("pre"),
            (name, false) if PARAGRAPHS.contains(&name) => self.turn_to("p"),
            (name, _) if BLOCKS.contains(&name) || PARAGRAPHS.contains(&name) => {
                self.turn_to("div");
                if name == "li" {
                    self.mark = (!is_end).then(|| self.item());
                }
            }
            _ => {}
        }
    }

    /// What the next item of the innermost list begins with.
    fn item(&mut self) -> String {
        match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        }
    }

    fn attribute(&mut self, name: &str, is_end: bool, tag: &str) {
        match (name, is_end) {
            ("img", false) => self.words(&value(tag, "alt").unwrap_or_default()),
            ("a", false) => {
                self.begin();
                self.link = value(tag, "href").map(|target| (self.out.len(), target));
            }
            ("a", true) => {
                if let Some((start, target)) = self.link.take()
                    && self.out.get(start..).is_some_and(|words| words != target)
                {
                    self.words(&format!(" ({target})"));
                }
            }
            _ => {}
        }
    }

    fn turn_to(&mut self, next: &'static str) {
        self.out.push_str(&format!("</{}><{next}>", self.open));
        self.open = next;
    }

    fn quote(&mut self) {
        self.quotes += 1;
        self.turn_to("div");
        if self.quotes <= DEEPEST_QUOTE {
            self.out.push_str("</div><blockquote><div>");
        }
    }

    fn unquote(&mut self) {
        self.turn_to("div");
        if (1..=DEEPEST_QUOTE).contains(&self.quotes) {
            self.out.push_str("</div></blockquote><div>");
        }
        self.quotes = self.quotes.saturating_sub(1);
    }

    fn finish(mut self) -> String {
        while self.quotes > 0 {
            self.unquote();
        }
        self.out
    }
}

/// The value of an attribute in double quotes.
fn value(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = value.split_once('"')?;
    Some(value.replace('<', "&lt;"))
}

/// What follows the tag; a `>` inside a quoted attribute does not end it.
fn after_tag(tag: &str) -> &str {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return tag.get(at + 1..).unwrap_or_default(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    ""
}

/// What follows the end tag of an element.
fn after_element<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some((_, after)) = rest.split_once("</") {
        if after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return after_tag(after);
        }
        rest = after;
    }
    ""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::text_of_html;

    #[test]
    fn the_text_survives_and_the_depth_does_not() {
        let check = |html: &str, expect: &str| assert_eq!(text_of_html(html), expect, "{html}");
        check("a &amp; b &lt;c&gt; d < e <3", "a & b <c> d < e <3");
        check("<P>one</P><p class='x>y'>two<br/>lines", "one\n\ntwo\nlines");
        check("<ul><li>one<li>two</ul>three", "- one\n- two\nthree");
        check("<ul><li><div>one</div></li><li></li></ul>two", "- one\ntwo");
        check("<ol><li><p>one</p><ul><li>deep</ul><li> two", "1. one\n\n- deep\n2. two");
        check("<h2>Head</h2>see <a href='https://x.example'>there</a><img alt='logo'>", "Head\n\nsee there");
        check("<pre>if x:\n  y</pre>then", "if x:\n  y\n\nthen");
        check("<table><tr><td>Order</td><td>77</td></tr><tr><td>Next", "Order 77\nNext");
        check("a<style>p{}</style><SCRIPT>x</SCRIPT ><!-- <p>no</p> -->b", "ab");
        check("before<script>never ends <b>", "before");
        check("before<a href=\"never ends>after", "before");
        check("<<b>b>bold", "<b>bold");
        check(
            "<blockquote>one<blockquote>two</blockquote></blockquote></blockquote>three",
            "> one\n> \n> > two\n\nthree",
        );
    }

    proptest! {
        #[test]
        fn only_our_own_tags_come_out(
            html in "(<|>|</|b|p|div|blockquote|li|ol|pre|a href=\"|!--|-->|script|style|\"|'| |=|é|&){0,60}",
        ) {
            for attributes in [Attributes::Ignored, Attributes::Shown] {
                let flat = flatten(&html, attributes);
                let tags = ["div", "p", "pre", "blockquote"].map(|name| [format!("<{name}>"), format!("</{name}>")]);
                let left = tags.as_flattened().iter().fold(flat.clone(), |left, tag| left.replace(tag, ""));
                prop_assert!(!left.replace("<br>", "").contains('<'), "{flat}");
                prop_assert_eq!(flat.matches("<blockquote>").count(), flat.matches("</blockquote>").count());
            }
        }
    }
}
