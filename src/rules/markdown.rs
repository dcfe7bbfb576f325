//! One source, two forms: what an author wrote as Markdown, HTML or plain text, as the text and the HTML of a message.
//! Never lets HTML through that has not passed the allow-list.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd, html};

use crate::text;

/// The two forms of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Plain text.
    pub text: String,
    /// HTML, passed through the allow-list.
    pub html: String,
}

/// From Markdown (CommonMark with strike-through). HTML inside the Markdown is dropped.
pub fn from_markdown(source: &str) -> Rendered {
    let events: Vec<Event<'_>> = Parser::new_ext(source, Options::ENABLE_STRIKETHROUGH)
        .filter(|event| {
            let is_html = matches!(event, Event::Html(_) | Event::InlineHtml(_));
            !is_html && !matches!(event, Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock))
        })
        .collect();
    let mut plain = Plain::default();
    events.iter().for_each(|event| plain.read(event));
    let mut out = String::new();
    html::push_html(&mut out, events.iter().cloned());
    Rendered { text: plain.out.trim_end().to_owned(), html: text::clean_html(&out).trim_end().to_owned() }
}

/// From HTML.
pub fn from_html(source: &str) -> Rendered {
    let html = text::clean_html(source).trim().to_owned();
    Rendered { text: text::text_of_html_with_links(&html), html }
}

/// From plain text.
pub fn from_text(source: &str) -> Rendered {
    Rendered { text: source.trim_end().to_owned(), html: text::html_of_text(source) }
}

/// What begins the lines of an open quote or list item.
struct Prefix {
    /// For its first line, until that is written.
    first: Option<String>,
    rest: String,
}

/// Writes Markdown events as plain text.
#[derive(Default)]
struct Plain<'a> {
    out: String,
    prefixes: Vec<Prefix>,
    /// The next number of each open list; nothing for a bulleted one.
    lists: Vec<Option<u64>>,
    /// Where the words of each open link begin, and its target.
    links: Vec<(usize, Option<&'a str>)>,
    /// Line ends to write before the next words.
    owed: usize,
}

impl<'a> Plain<'a> {
    fn read(&mut self, event: &'a Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(*tag),
            Event::Text(words) | Event::Code(words) => self.words(words),
            Event::SoftBreak => self.words(" "),
            Event::HardBreak => self.owe(1),
            Event::Rule => {
                self.block();
                self.words("---");
                self.owe(2);
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &'a Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } | Tag::CodeBlock(_) => self.block(),
            Tag::BlockQuote(_) => {
                self.block();
                self.prefixes.push(Prefix { first: None, rest: "> ".to_owned() });
            }
            Tag::List(number) => {
                if self.lists.is_empty() {
                    self.block();
                }
                self.lists.push(*number);
            }
            Tag::Item => {
                self.owe(1);
                let first = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.prefixes.push(Prefix { rest: " ".repeat(first.len()), first: Some(first) });
            }
            Tag::Link { link_type, dest_url, .. } => {
                self.open_line();
                self.links.push((self.out.len(), shown_target(*link_type, dest_url)));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock => self.owe(2),
            TagEnd::BlockQuote(_) => {
                self.prefixes.pop();
                self.owe(2);
            }
            TagEnd::Item => {
                self.prefixes.pop();
                self.owe(1);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.owe(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Link => {
                let Some((start, Some(target))) = self.links.pop() else { return };
                if self.out.get(start..).is_some_and(|words| words != target) {
                    self.out.push_str(&format!(" ({target})"));
                }
            }
            _ => {}
        }
    }

    fn owe(&mut self, lines: usize) {
        self.owed = self.owed.max(lines);
    }

    /// A new block stands apart, except right behind the bullet of its item.
    fn block(&mut self) {
        if self.prefixes.last().is_none_or(|prefix| prefix.first.is_none()) {
            self.owe(2);
        }
    }

    fn words(&mut self, words: &str) {
        for (index, line) in words.split('\n').enumerate() {
            if index > 0 {
                self.owed += 1;
            }
            if !line.is_empty() {
                self.open_line();
                self.out.push_str(line);
            }
        }
    }

    fn open_line(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        if self.out.is_empty() || owed > 0 {
            let lines = if self.out.is_empty() { 0 } else { owed };
            self.out.extend(std::iter::repeat_n('\n', lines));
            for prefix in &mut self.prefixes {
                let first = prefix.first.take();
                self.out.push_str(first.as_deref().unwrap_or(&prefix.rest));
            }
        }
    }
}

/// The target as a person wants to read it; nothing for one that the allow-list drops.
fn shown_target(kind: LinkType, target: &str) -> Option<&str> {
    if kind == LinkType::Email {
        return Some(target);
    }
    let (scheme, rest) = target.split_once(':')?;
    let scheme = text::LINK_SCHEMES.into_iter().find(|known| known.eq_ignore_ascii_case(scheme))?;
    Some(if matches!(scheme, "mailto" | "tel") { rest } else { target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_text_a_person_can_read() {
        for (source, text) in [
            ("Hi *Ann*,\nthank **you**.\n\nBye", "Hi Ann, thank you.\n\nBye"),
            ("# Head\nbody  \nline", "Head\n\nbody\nline"),
            ("- a\n- b\n  - c\n- d\n\nend", "- a\n- b\n  - c\n- d\n\nend"),
            ("- a\n\n- b\n\n  more", "- a\n\n- b\n\n  more"),
            ("3. x\n4. y", "3. x\n4. y"),
            ("[shop](https://a.example/x)", "shop (https://a.example/x)"),
            ("<https://a.example>", "https://a.example"),
            ("<ann@a.example> [mail](mailto:b@a.example)", "ann@a.example mail (b@a.example)"),
            ("[bad](javascript:alert(1)) [rel](/x)", "bad rel"),
            ("`a_b` and\n\n```\nx = 1\n\n  y\n```\nz", "a_b and\n\nx = 1\n\n  y\n\nz"),
            ("> q\n> r\n\ns", "> q r\n\ns"),
            ("a\n\n---\n\nb", "a\n\n---\n\nb"),
            ("~~old~~ <b>new</b> &amp; ![logo](https://a.example/l.png)", "old new & logo"),
            ("<div>\nblock\n</div>\n\nafter", "after"),
            ("", ""),
        ] {
            assert_eq!(from_markdown(source).text, text, "{source:?}");
        }
    }

    #[test]
    fn markdown_becomes_html_without_raw_html_or_odd_links() {
        for (source, html) in [
            ("Hi *Ann*", "<p>Hi <em>Ann</em></p>"),
            ("~~x~~", "<p><del>x</del></p>"),
            ("<script>alert(1)</script>", ""),
            ("a <img src=x onerror=y> b", "<p>a  b</p>"),
            ("[x](javascript:alert)", "<p><a rel=\"noopener noreferrer\">x</a></p>"),
            ("[x](https://a.example)", "<p><a href=\"https://a.example\" rel=\"noopener noreferrer\">x</a></p>"),
        ] {
            assert_eq!(from_markdown(source).html, html, "{source:?}");
        }
    }

    #[test]
    fn html_and_text_have_both_forms_too() {
        let rendered = from_html("<p>Hi <a href='https://a.example'>you</a></p><script>x</script>");
        assert_eq!(rendered.html, "<p>Hi <a href=\"https://a.example\" rel=\"noopener noreferrer\">you</a></p>");
        assert_eq!(rendered.text, "Hi you (https://a.example)");
        assert_eq!(
            from_text("Hi <you>\nthere\n"),
            Rendered { text: "Hi <you>\nthere".to_owned(), html: "<p>Hi &lt;you&gt;<br />\nthere</p>".to_owned() }
        );
    }
}
