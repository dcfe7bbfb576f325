//! What would be right: the words that a schema has for it.

use serde_json::Value;

use super::fault::{closest, suggest};

/// The keyword of a schema that lists the names below which any name can stand, as `state` in `state.refunds`.
const OPEN: &str = "x-open-groups";

/// The longest example that is shown.
const LONG: usize = 100;

/// The value at a pointer, by name: `` `any` ``, `` an entry of `any` ``; nothing for the file as a whole.
pub(super) fn named(pointer: &str) -> Option<String> {
    let (parent, last) = pointer.rsplit_once('/')?;
    let plain = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    match (last.parse::<usize>(), parent.rsplit_once('/')) {
        (Ok(_), Some((_, list))) => Some(format!("an entry of `{}`", plain(list))),
        _ => Some(format!("`{}`", plain(last))),
    }
}

/// What is said in front of a value that is not shown.
pub(super) fn of(pointer: &str) -> String {
    named(pointer).map(|name| format!("{name}: ")).unwrap_or_default()
}

/// What is said of something empty that must not be.
pub(super) fn empty(pointer: &str, value: &Value, node: Option<&Value>) -> String {
    let what = match value {
        Value::Array(_) => "at least one entry",
        Value::Object(_) => "at least one key",
        _ => "a text",
    };
    let write = example(node).map_or_else(|| what.to_owned(), |example| format!("it like {example}"));
    let about = node.and_then(|node| node["description"].as_str()).map(|about| about.trim_end_matches('.'));
    // "A list" tells nothing.
    let about = about.filter(|about| about.split(' ').count() > 2);
    let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
    format!("{} must not be empty; write {write}{about}", named(pointer).unwrap_or_else(|| "the file".to_owned()))
}

/// What belongs where a mapping or a list is wanted: its keys, and an example.
pub(super) fn form(pointer: &str, wanted: &str, node: Option<&Value>) -> String {
    let closed = node.filter(|node| wanted.contains("a mapping") && node["additionalProperties"] == false);
    let keys = closed.and_then(|node| node["properties"].as_object());
    let keys: Vec<String> = keys.into_iter().flatten().map(|(key, _)| format!("`{key}`")).collect();
    let keys = if matches!(keys.len(), 1..=12) { format!(" with {}", keys.join(", ")) } else { String::new() };
    let key = pointer.rsplit('/').next().filter(|key| key.parse::<usize>().is_err() && !key.is_empty());
    let write = match (example(node), key) {
        (Some(example), _) => format!("; write it like {example}"),
        (None, Some(key)) if wanted == "a list" => format!("; write `{key}: [ … ]`"),
        _ => String::new(),
    };
    format!("{keys}{write}")
}

/// The only value that may stand at a key.
pub(super) fn constant(pointer: &str, wanted: &Value) -> String {
    match pointer.rsplit('/').next().filter(|key| key.parse::<usize>().is_err() && !key.is_empty()) {
        Some(key) => format!("; write `{key}: {}`", flow(wanted)),
        None => String::new(),
    }
}

/// What is said of an unknown key: the name or the group that was probably meant.
pub(super) fn unknown_key(key: &str, node: Option<&Value>) -> String {
    let known = node.and_then(|node| node["properties"].as_object()).into_iter().flatten();
    let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
    let open = node.and_then(|node| node[OPEN].as_array()).into_iter().flatten();
    let open: Vec<&str> = open.filter_map(Value::as_str).collect();
    if let Some(group) =
        open.iter().find(|group| key.strip_prefix(**group).is_some_and(|rest| matches!(rest, "" | ".")))
    {
        return format!("; any name can stand below `{group}`: write `{group}.NAME`");
    }
    let below: Vec<String> = open.iter().filter_map(|group| in_group(key, group)).collect();
    let groups = known.iter().filter_map(|name| Some(name.rsplit_once('.')?.0));
    let below_open = below.iter().map(String::as_str).chain(open.iter().copied());
    let near = closest(key, known.iter().copied().chain(groups).chain(below_open));
    let group = near.or_else(|| Some(key.split_once('.')?.0)).filter(|group| !known.contains(group));
    let members: Vec<&str> =
        known.iter().copied().filter(|name| name.rsplit_once('.').map(|(of, _)| of) == group).collect();
    match (near, members.is_empty()) {
        (_, false) if group.is_some() => format!("; did you mean one of {}?", members.join(", ")),
        (Some(near), true) if open.contains(&near) && !known.contains(&near) => {
            format!("; did you mean `{near}.NAME`?")
        }
        (Some(near), true) if below.iter().any(|name| name == near) => format!("; did you mean `{near}`?"),
        _ => suggest(key, known),
    }
}

/// The key as if it began with the name of an open group.
fn in_group(key: &str, group: &str) -> Option<String> {
    let depth = group.split('.').count();
    key.splitn(depth + 1, '.').nth(depth).map(|rest| format!("{group}.{rest}"))
}

/// The example of a schema, as it is written in one line; nothing where that is long.
fn example(node: Option<&Value>) -> Option<String> {
    let example = node?["examples"].get(0).map(flow)?;
    (example.chars().count() <= LONG).then(|| format!("`{example}`"))
}

/// A value as YAML in one line.
fn flow(value: &Value) -> String {
    let is_plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || "._-/ ".contains(c)) && text.trim() == text;
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_plain(text) && !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}
