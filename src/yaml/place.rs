//! Where in a file a value stands. Built when a place is first asked for; what is read, is read by serde_yaml.

use saphyr::{LoadableYamlNode, MarkedYamlOwned, YamlDataOwned};

/// Where the values of one text stand.
#[derive(Clone, Debug)]
pub(super) struct Places(Option<MarkedYamlOwned>);

impl Places {
    /// Reads a text. One that is not YAML has no places.
    pub(super) fn read(text: &str) -> Self {
        let documents = MarkedYamlOwned::load_from_str(text).unwrap_or_default();
        Self(documents.into_iter().next())
    }

    /// Line and column of the key (or list item) that a JSON pointer leads to, both from 1; the nearest ancestor's where
    /// the pointer leads beyond the file.
    pub(super) fn locate(&self, pointer: &str) -> Option<(usize, usize)> {
        self.0.as_ref().map(|root| find(root, pointer).0)
    }

    /// Where line and column of the text that a JSON pointer leads to, all from 1, stand in the file. A literal block (`|`)
    /// keeps the lines of its text, and a text in one line keeps its columns; in all other forms, and where it has been
    /// escaped, the place is where the text begins.
    pub(super) fn locate_in_text(
        &self,
        text: &str,
        pointer: &str,
        (line, column): (usize, usize),
    ) -> Option<(usize, usize)> {
        let (_, node) = find(self.0.as_ref()?, pointer);
        let begin = start(node);
        let lines: Vec<&str> = text.lines().collect();
        let Some(header) = literal_header(&lines, begin) else {
            return Some(in_one_line(&lines, node, begin, (line, column)).unwrap_or(begin));
        };
        let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let of_block = has_indicator(&lines, header).then(|| blanks(lines.get(header + line - 1).unwrap_or(&"")));
        Some(match of_block {
            Some(own) => (header + line, own + 1),
            None => (header + line, begin.1 - 1 + column),
        })
    }
}

/// Whether the block says itself how far it is indented, so that its first line does not.
fn has_indicator(lines: &[&str], header: usize) -> bool {
    let code = lines.get(header - 1).and_then(|line| line.split(" #").next()).unwrap_or_default();
    code.rsplit('|').next().is_some_and(|indicators| indicators.contains(|c: char| c.is_ascii_digit()))
}

/// The place inside a text of one line, where the file has the same characters before it.
fn in_one_line(
    lines: &[&str],
    node: &MarkedYamlOwned,
    (row, begin): (usize, usize),
    (line, column): (usize, usize),
) -> Option<(usize, usize)> {
    let text = match &node.data {
        YamlDataOwned::Value(saphyr::ScalarOwned::String(text)) => text.as_str(),
        YamlDataOwned::Representation(text, ..) => text.as_str(),
        _ => return None,
    };
    let before: String = text.chars().take(column - 1).collect();
    let written: String = lines.get(row - 1)?.chars().skip(begin - 1).collect();
    let quote = usize::from(written.starts_with(['"', '\'']));
    let same = written.get(quote..).is_some_and(|written| written.starts_with(&before));
    (line == 1 && same).then_some((row, begin + quote + column - 1))
}

/// The line, from 1, of the `|` that opens the block whose words begin at a place. The parser marks the words alone.
fn literal_header(lines: &[&str], (line, column): (usize, usize)) -> Option<usize> {
    let is_alone = lines.get(line - 1)?.chars().take(column - 1).all(char::is_whitespace);
    let header = lines.get(..line - 1)?.iter().rposition(|line| !line.trim().is_empty()).filter(|_| is_alone)?;
    let code = lines.get(header)?.split(" #").next()?.trim_end();
    code.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')).ends_with('|').then_some(header + 1)
}

/// The place of the key or item, and what stands there.
fn find<'a>(root: &'a MarkedYamlOwned, pointer: &str) -> ((usize, usize), &'a MarkedYamlOwned) {
    let mut node = root;
    let mut place = start(node);
    for segment in pointer.split('/').skip(1).map(unescape) {
        let next = match &node.data {
            YamlDataOwned::Mapping(map) => map
                .iter()
                .find(|(key, _)| key_text(key).as_deref() == Some(segment.as_str()))
                .map(|(key, value)| (start(key), value)),
            YamlDataOwned::Sequence(items) => {
                segment.parse::<usize>().ok().and_then(|index| items.get(index)).map(|item| (start(item), item))
            }
            _ => None,
        };
        let Some((at, value)) = next else { break };
        (place, node) = (at, value);
    }
    (place, node)
}

fn start(node: &MarkedYamlOwned) -> (usize, usize) {
    (node.span.start.line(), node.span.start.col() + 1)
}

fn key_text(key: &MarkedYamlOwned) -> Option<String> {
    match &key.data {
        YamlDataOwned::Value(scalar) => match scalar {
            saphyr::ScalarOwned::String(text) => Some(text.to_string()),
            saphyr::ScalarOwned::Integer(number) => Some(number.to_string()),
            saphyr::ScalarOwned::Boolean(yes) => Some(yes.to_string()),
            _ => None,
        },
        YamlDataOwned::Representation(text, ..) => Some(text.to_string()),
        _ => None,
    }
}

fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
