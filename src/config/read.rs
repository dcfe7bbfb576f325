//! Reads the configuration: file, references, environment, shape. What is wrong is taken out and the rest is judged on, so
//! that one run reports everything. Uses no network.

use std::path::Path;

use serde_json::{Value, json};

use super::document::ConfigDocument;
use super::load::{self};
use super::settings::Settings;
use super::{environment, schema::schema};
use crate::model::duration;
use crate::rules::guard;
use crate::yaml::{Document, Fault, Faults, Interpolation, Structure, Wrong, suggest};

/// Durations that are read with the document; all others are judged by `load`.
const DURATIONS: [&str; 1] = ["/limits/script/wall_time"];

/// The name of the hook that is told what the guard did.
const ALERT: &str = "/guard/alert/hook";

/// What is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Everything.
    Whole,
    /// What the sources verify with is set aside.
    BeforeSecrets,
}

/// Loads a file, with the environment and the files of this machine.
pub fn load(path: &Path) -> Result<Settings, Faults> {
    load_file(path, Extent::Whole)
}

/// The same for what needs no deliveries: the secrets that sources verify with may not exist yet, so every source of the
/// result verifies nothing.
pub fn load_before_secrets(path: &Path) -> Result<Settings, Faults> {
    load_file(path, Extent::BeforeSecrets)
}

fn load_file(path: &Path, extent: Extent) -> Result<Settings, Faults> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|why| Fault {
        file: file.clone(),
        line: 0,
        column: 0,
        message: format!("cannot be read: {why}; `rejoinder init` writes one, --config names another"),
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    // A variable that is not UTF-8 is not for us.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_extent(&file, &text, &folder, variables.collect(), extent)
}

/// Loads a text. Relative paths are taken from `folder`.
pub fn load_text(file: &str, text: &str, folder: &Path, variables: Vec<(String, String)>) -> Result<Settings, Faults> {
    load_extent(file, text, folder, variables, Extent::Whole)
}

fn load_extent(
    file: &str,
    text: &str,
    folder: &Path,
    variables: Vec<(String, String)>,
    extent: Extent,
) -> Result<Settings, Faults> {
    let mut document = Document::parse(file, text)?;
    // Not kept: a configuration is read once, and what is compiled takes a megabyte and a half.
    let structure =
        Structure::new(schema()).map_err(|why| document.fault("", format!("the schema is broken: {why}")))?;
    let mut wrong = Interpolation {
        variable: &|name| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
        file: &|path| std::fs::read_to_string(folder.join(path)).map_err(|why| why.to_string()),
    }
    .apply(&mut document);
    let overridden = environment::apply(&mut document, variables, |document, pointer| {
        structure.wrong(document).iter().all(|(at, _)| !at.starts_with(pointer))
    });
    wrong.retain(|(pointer, _)| !overridden.contains(pointer));
    if extent == Extent::BeforeSecrets {
        let aside = set_aside(&mut document);
        wrong.retain(|(pointer, _)| !aside.iter().any(|verify| pointer.starts_with(verify)));
    }
    for (pointer, message) in structure.wrong(&document).into_iter().chain(durations(&document)) {
        // An unset variable leaves an empty text behind; that is one fault, not two.
        if wrong.iter().all(|(at, _)| *at != pointer) {
            wrong.push((pointer, message));
        }
    }
    let mut faults = Faults::default();
    faults.extend(wrong.iter().chain(&dangling(&document)).map(|(pointer, message)| document.fault(pointer, message)));
    wrong.iter().for_each(|(pointer, _)| document.remove(&block(document.value(), pointer)));
    match document.read().and_then(|written: ConfigDocument| load::settings(&document, folder, written)) {
        Ok(settings) => faults.or(settings),
        Err(more) => {
            faults.extend(more);
            faults.or(()).and_then(|()| Err(Faults::default()))
        }
    }
}

/// Lets every source that verifies verify nothing. Answers the pointers.
fn set_aside(document: &mut Document) -> Vec<String> {
    let sources = document.value_mut().get_mut("sources").and_then(Value::as_object_mut);
    let verified = sources.into_iter().flatten().filter_map(|(name, source)| Some((name, source.get_mut("verify")?)));
    let aside = verified.map(|(name, verify)| {
        *verify = json!({ "scheme": "none" });
        format!("/sources/{}/verify", load::escape(name))
    });
    aside.collect()
}

fn durations(document: &Document) -> Vec<Wrong> {
    let wrong = |pointer: &str| duration::parse(document.value().pointer(pointer)?.as_str()?).err();
    let guard = guard::wrong(&document.value()["guard"]).into_iter().map(|(at, why)| (format!("/guard{at}"), why));
    DURATIONS.iter().filter_map(|pointer| Some(((*pointer).to_owned(), wrong(pointer)?))).chain(guard).collect()
}

/// What names an account or a hook that is not there, whatever else is wrong with either.
fn dangling(document: &Document) -> Vec<Wrong> {
    let entries = |key: &str| document.value().pointer(key).and_then(Value::as_object).into_iter().flatten();
    let names = |key: &str| entries(key).map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    let (accounts, hooks) = (names("/accounts"), names("/hooks"));
    let sources = entries("/sources").filter_map(|(source, entry)| {
        Some((format!("/sources/{}/account", load::escape(source)), entry["account"].as_str()?))
    });
    let scopes = entries("/guard/accounts")
        .map(|(account, _)| (format!("/guard/accounts/{}", load::escape(account)), account.as_str()));
    let alert = document.value().pointer(ALERT).and_then(Value::as_str).map(|hook| (ALERT.to_owned(), hook));
    let said = |kind: &str, known: &[&str], (at, name): (String, &str)| {
        let is_there = known.contains(&name);
        let message = || format!("there is no {kind} `{name}`{}", suggest(name, known.iter().copied()));
        (!is_there).then(|| (at, message()))
    };
    let accounts = sources.chain(scopes).filter_map(|named| said("account", &accounts, named));
    accounts.chain(alert.and_then(|named| said("hook", &hooks, named))).collect()
}

/// What has to go for the rest to be judged: the account, source, limit or top-level key that a pointer leads into.
fn block(value: &Value, pointer: &str) -> String {
    let mut segments = pointer.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    match segments.next() {
        Some(second) if value[first].is_object() => format!("/{first}/{second}"),
        _ => format!("/{first}"),
    }
}
