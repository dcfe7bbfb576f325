//! How commands print: lines and tables for people, JSON for programs, errors with their causes.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::Format;

/// What is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// What is read last.
pub(super) const FAINT: Style = Style::new().dimmed();
/// What is read first.
pub(super) const HEAD: Style = Style::new().bold();

/// A text in a style; [`line`] leaves the style out where nobody can see it.
pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a line: in colours on a terminal that takes them, unless `NO_COLOR` is set. A reader that has gone away is no
/// error of ours.
pub(super) fn line(text: impl AsRef<str>) {
    let _ = writeln!(anstream::stdout(), "{}", text.as_ref());
}

/// Prints JSON, indented.
pub(super) fn json(value: &Value) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// From how many things on they are many: with a bar on a terminal, and a count at the end.
pub(super) const MANY: usize = 20;

/// A bar over so many things, where they are many and somebody watches.
pub(super) fn progress(doing: &str, count: usize) -> ProgressBar {
    if count < MANY || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}  {eta} left") {
        bar.set_style(style);
    }
    bar.with_message(doing.to_owned())
}

/// Prints the entries of an answer: as they are, or as rows under a head.
pub(super) fn list(
    format: Format,
    answer: &Value,
    entries: &str,
    head: &[&str],
    row: fn(&Value) -> Vec<String>,
    none: &str,
) {
    match format {
        Format::Json => json(answer),
        Format::Text => table(head, answer[entries].as_array().into_iter().flatten().map(row).collect(), none),
    }
}

/// Prints rows under a head, or says that there are none.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>, none: &str) {
    if rows.is_empty() {
        return line(none);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(head.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for row in table.trim_fmt().lines() {
        line(row.strip_prefix(' ').unwrap_or(row));
    }
}

/// An error with its causes, each once.
pub(super) fn error_text(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// The text of a JSON value: a string without its quotes, nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A count of things.
pub(super) fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A text of somebody else without what a terminal would obey.
pub(super) fn tame(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

/// The first `limit` characters, in one line.
pub(super) fn short(text: &str, limit: usize) -> String {
    let line = tame(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Reads a file, or standard input for `-`.
pub(super) fn read(path: &str) -> anyhow::Result<String> {
    use anyhow::Context;
    match path {
        "-" => std::io::read_to_string(std::io::stdin()).context("standard input cannot be read"),
        path => std::fs::read_to_string(path).with_context(|| format!("`{path}` cannot be read")),
    }
}
