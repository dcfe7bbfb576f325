//! One YAML file: its text, its value, and the way from a value back to its line.

use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Fault, Faults};
use super::place::Places;

/// One YAML file. Values are addressed by JSON pointer (RFC 6901), such as `/rules/3/when`.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    text: String,
    /// Read when a place is first asked for.
    places: OnceLock<Places>,
    pub(super) value: Value,
    /// Pointers whose text came from the environment or a file: never shown in a fault.
    pub(super) hidden: Vec<String>,
    /// Pointers whose value came from an environment variable in place of the file, with its name.
    overrides: Vec<(String, String)>,
}

impl Document {
    /// Reads a file's text. An empty file is an empty mapping.
    pub fn parse(file: impl Into<String>, text: impl Into<String>) -> Result<Self, Faults> {
        let (file, text) = (file.into(), text.into());
        let parsed = serde_yaml::from_str::<serde_yaml::Value>(&text)
            .and_then(|mut value| value.apply_merge().map(|()| value))
            .map_err(|error| yaml_fault(&file, &text, &error))?;
        let value = match serde_json::to_value(parsed) {
            Ok(Value::Null) => Value::Object(serde_json::Map::new()),
            Ok(value) => value,
            Err(error) => return Err(whole(&file, format!("cannot be read as plain keys and values: {error}")).into()),
        };
        Ok(Self { file, text, places: OnceLock::new(), value, hidden: Vec::new(), overrides: Vec::new() })
    }

    /// Reads a file's text as JSON. Places are found as in YAML.
    pub fn parse_json(file: impl Into<String>, text: impl Into<String>) -> Result<Self, Faults> {
        let (file, text) = (file.into(), text.into());
        let value = serde_json::from_str(&text).map_err(|error| {
            let said = error.to_string();
            let message = format!("not JSON: {}", said.split(" at line ").next().unwrap_or(&said));
            Fault { file: file.clone(), line: error.line(), column: error.column().max(1), message }
        })?;
        Ok(Self { file, text, places: OnceLock::new(), value, hidden: Vec::new(), overrides: Vec::new() })
    }

    /// The file's name as the user gave it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Changes a value before it is read, as an environment override does.
    pub fn value_mut(&mut self) -> &mut Value {
        &mut self.value
    }

    /// Says that the value at `pointer` comes from an environment variable: faults name it, and do not show the value.
    pub fn came_from(&mut self, pointer: impl Into<String>, variable: impl Into<String>) {
        let pointer = pointer.into();
        self.hidden.push(pointer.clone());
        self.overrides.push((pointer, variable.into()));
    }

    /// Takes a value out, so that the rest can be judged without it. The text, and with it every place, stays.
    pub fn remove(&mut self, pointer: &str) {
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        if let Some(Value::Object(map)) = self.value.pointer_mut(parent) {
            map.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
        }
    }

    /// Whether the value at `pointer` may not be shown.
    pub fn is_hidden(&self, pointer: &str) -> bool {
        self.hidden.iter().any(|hidden| is_within(pointer, hidden))
    }

    /// A fault at `pointer`.
    pub fn fault(&self, pointer: &str, message: impl Into<String>) -> Fault {
        let message = self.without_value(pointer, message.into());
        if let Some((_, variable)) = self.overrides.iter().find(|(at, _)| is_within(pointer, at)) {
            return whole(&format!("environment variable {variable}"), message);
        }
        let (line, column) = self.marks().locate(pointer).unwrap_or((0, 0));
        Fault { file: self.file.clone(), line, column, message }
    }

    /// The message without a value that may not be shown.
    fn without_value(&self, pointer: &str, message: String) -> String {
        match self.value.pointer(pointer) {
            Some(Value::String(text)) if self.is_hidden(pointer) => message.replace(&format!("`{text}`"), "the value"),
            _ => message,
        }
    }

    /// A fault inside the text at `pointer`, of a template or a script: at its line and column, both from 1.
    pub fn fault_in_text(&self, pointer: &str, at: (usize, usize), message: impl Into<String>) -> Fault {
        match self.marks().locate_in_text(&self.text, pointer, at) {
            Some((line, column)) => Fault { file: self.file.clone(), line, column, message: message.into() },
            None => self.fault(pointer, message),
        }
    }

    /// The line of the value at `pointer`, from 1; of the nearest value around it where it is not in the text.
    pub fn line(&self, pointer: &str) -> Option<usize> {
        self.marks().locate(pointer).map(|(line, _)| line)
    }

    /// `file:line` for each pointer.
    pub fn places(&self, pointers: &[String]) -> Vec<String> {
        let place = |pointer: &String| match self.line(pointer) {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        };
        pointers.iter().map(place).collect()
    }

    fn marks(&self) -> &Places {
        self.places.get_or_init(|| Places::read(&self.text))
    }

    /// The value as a type. Call after a [`Structure`](super::Structure) has found nothing; what serde still refuses is
    /// reported at the place it names.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Faults> {
        serde_json::from_value(self.value.clone()).map_err(|error| whole(&self.file, error.to_string()).into())
    }
}

/// Whether a pointer leads to `outer` or into it.
fn is_within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn yaml_fault(file: &str, source: &str, error: &serde_yaml::Error) -> Faults {
    let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
    let text = error.to_string();
    let said = text.split(" at line ").next().unwrap_or(&text);
    let is_tab =
        line > 0 && source.lines().nth(line - 1).is_some_and(|line| line.trim_start_matches(' ').starts_with('\t'));
    let hint = if is_tab { "; the line begins with a tab, and YAML indents with blanks" } else { "" };
    Fault { file: file.to_owned(), line, column, message: format!("not valid YAML: {said}{hint}") }.into()
}

fn whole(file: &str, message: String) -> Fault {
    Fault { file: file.to_owned(), line: 0, column: 0, message }
}
