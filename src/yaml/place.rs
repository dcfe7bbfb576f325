//! Where in a file a value stands. Built only when a place is asked for; what is read, is read by serde_yaml.

use saphyr::{LoadableYamlNode, MarkedYamlOwned, YamlDataOwned};

/// Line and column of the key (or list item) that a JSON pointer leads to, both from 1; the nearest ancestor's where the
/// pointer leads beyond the file.
pub(super) fn locate(text: &str, pointer: &str) -> Option<(usize, usize)> {
    let documents = MarkedYamlOwned::load_from_str(text).ok()?;
    let root = documents.first()?;
    Some(Places(root).of(pointer))
}

/// The places of many pointers, with one reading of the text.
pub(super) fn locate_all(text: &str, pointers: &[String]) -> Vec<Option<(usize, usize)>> {
    match MarkedYamlOwned::load_from_str(text).ok().as_ref().and_then(|documents| documents.first()) {
        Some(root) => pointers.iter().map(|pointer| Some(Places(root).of(pointer))).collect(),
        None => vec![None; pointers.len()],
    }
}

/// Line and column of line `line`, from 1, of the text that a JSON pointer leads to. Only a literal block (`|`) keeps the
/// lines of its text; in all other forms the place is where the text begins.
pub(super) fn locate_in_text(text: &str, pointer: &str, line: usize) -> Option<(usize, usize)> {
    let documents = MarkedYamlOwned::load_from_str(text).ok()?;
    let (_, node) = Places(documents.first()?).find(pointer);
    let begin = start(node);
    let lines: Vec<&str> = text.lines().collect();
    let Some(header) = literal_header(&lines, begin) else { return Some(begin) };
    let indent = lines.get(header + line - 1).map_or(0, |line| line.len() - line.trim_start().len());
    Some((header + line, indent + 1))
}

/// The line, from 1, of the `|` that opens the block whose words begin at a place. The parser marks the words alone.
fn literal_header(lines: &[&str], (line, column): (usize, usize)) -> Option<usize> {
    let is_alone = lines.get(line - 1)?.chars().take(column - 1).all(char::is_whitespace);
    let header = lines.get(..line - 1)?.iter().rposition(|line| !line.trim().is_empty()).filter(|_| is_alone)?;
    let code = lines.get(header)?.split(" #").next()?.trim_end();
    code.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')).ends_with('|').then_some(header + 1)
}

struct Places<'a>(&'a MarkedYamlOwned);

impl<'a> Places<'a> {
    fn of(&self, pointer: &str) -> (usize, usize) {
        self.find(pointer).0
    }

    /// The place of the key or item, and what stands there.
    fn find(&self, pointer: &str) -> ((usize, usize), &'a MarkedYamlOwned) {
        let mut node = self.0;
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
