//! The tables of the documentation, made from the tables of the library, so that neither can change alone.
//! They stand between `<!-- table: NAME -->` and `<!-- end -->`. What commands print is made in `outputs`.

use rejoinder::model::capability::CAPABILITIES;
use rejoinder::model::{EventKind, Support};
use rejoinder::provider::sandbox::{self, Speaks};
use rejoinder::provider::{Provider, Registration, provider};
use rejoinder::rules::guard::{self, Reach};
use rejoinder::rules::{check, document};
use rejoinder::{config, yaml};
use serde_json::Value;

/// The providers that have a column of their own; the sandbox speaks as one of them.
pub(crate) const COLUMNS: [&str; 5] = ["sequenzy", "fernand", "highlevel", "spruce", "http"];

/// Who shows something.
const ALL: [Speaks; 4] = [Speaks::Sequenzy, Speaks::Fernand, Speaks::HighLevel, Speaks::Spruce];

/// Keys of the configuration that are one row each: they have a table of their own, or repeat others.
const WHOLE: [&str; 5] = ["verify", "map", "guard.accounts", "guard.rules", "guard.addresses"];

/// The table of that name.
pub(crate) fn table(name: &str) -> Result<String, String> {
    match name.split_once(' ') {
        Some(("capabilities", of)) => named(of).map(capabilities),
        Some(("settings", of)) => named(of).map(settings),
        Some(("call", of)) => named(of).map(call),
        Some(("output", of)) => super::outputs::output(of),
        None => match name {
            "providers" => Ok(providers()),
            "lists" => Ok(lists()),
            "registration" => Ok(registration()),
            "kinds" => Ok(EventKind::ALL.map(|kind| format!("`{kind}`")).join(", ")),
            "guard" => Ok(steps()),
            "calls" => Ok(calls()),
            "rule-keys" => Ok(keys(&document::schema(), "/$defs/RuleDocument", &["when", "do"])),
            "test-keys" => Ok(keys(&check::schema(), "/$defs/TestCase", &["event", "steps"])),
            "config-keys" => Ok(keys(&config::schema(), "", &WHOLE)),
            "verify-keys" => Ok(keys(&config::schema(), "/$defs/Verify", &[])),
            "map-keys" => Ok(keys(&config::schema(), "/$defs/Map", &[])),
            _ => Err(unknown(name)),
        },
        Some(_) => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> String {
    format!("there is no table `{name}`")
}

fn named(name: &str) -> Result<&'static dyn Provider, String> {
    provider(name).ok_or_else(|| format!("there is no provider `{name}`{}", yaml::suggest(name, COLUMNS)))
}

/// One row in one line, with what would end a cell escaped.
fn row(cells: &[String]) -> String {
    let cell = |cell: &String| cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', r"\|");
    format!("| {} |", cells.iter().map(cell).collect::<Vec<_>>().join(" | "))
}

pub(crate) fn lines(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = format!("|{}", "---|".repeat(head.len()));
    let rows = rows.into_iter().map(|cells| row(&cells));
    [row(&head), rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// README: who can do what, in one word each.
fn providers() -> String {
    let columns: Vec<&dyn Provider> = COLUMNS.into_iter().filter_map(provider).collect();
    let head: Vec<&str> = std::iter::once("").chain(columns.iter().map(|provider| provider.title())).collect();
    let word = |provider: &dyn Provider, name: &str| match provider.capabilities().iter().find(|row| row.name == name) {
        Some(_) if provider.name() == "http" => "as described",
        Some(row) => match row.support {
            Support::Native => "yes",
            Support::Fallback(_) => "fallback",
            Support::Missing(_) => "–",
        },
        None => "?",
    };
    let rows = CAPABILITIES.into_iter().map(|name| {
        let words = columns.iter().map(|provider| word(*provider, name).to_owned());
        std::iter::once(format!("`{name}`")).chain(words).collect()
    });
    lines(&head, rows)
}

/// What each provider shows unasked. The sandbox's settings open every one of them.
fn lists() -> String {
    let rows = ALL.into_iter().filter_map(|speaks| {
        let provider = provider(speaks.as_str())?;
        let adapter = provider.open(&"docs".into(), &sandbox::settings(speaks, sandbox::BASE_URL)).ok()?;
        let (lists, word) = (adapter.lists(), |has| if has { "yes" } else { "–" }.to_owned());
        let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let filters = lists.conversations.map_or_else(|| "–".to_owned(), |found| names(found.filters));
        let statuses = lists.conversations.map_or_else(String::new, |found| names(found.statuses));
        Some(vec![provider.title().to_owned(), filters, statuses, word(lists.members), word(lists.snippets)])
    });
    lines(&["", "Conversations, by", "Statuses", "Members", "Snippets"], rows)
}

/// How each provider comes to deliver.
fn registration() -> String {
    let rows = ALL.into_iter().filter_map(|speaks| {
        let provider = provider(speaks.as_str())?;
        let adapter = provider.open(&"docs".into(), &sandbox::settings(speaks, sandbox::BASE_URL)).ok()?;
        let word = |has: bool, yes: &str, no: &str| if has { yes } else { no }.to_owned();
        let cells = match adapter.registration() {
            Registration::Api(endpoints) => {
                let events: Vec<String> = endpoints.events().iter().map(|event| format!("`{event}`")).collect();
                let can = endpoints.abilities();
                vec![
                    "by its API".to_owned(),
                    if events.is_empty() { "all; there is no choice".to_owned() } else { events.join(", ") },
                    word(can.test, "yes", "–"),
                    word(can.secrets, "a second secret", "a second endpoint"),
                    word(can.stored, "yes", "–"),
                ]
            }
            Registration::ByHand(_) => {
                ["by a person; the steps are printed", "", "–", "–", "–"].map(str::to_owned).to_vec()
            }
        };
        Some(std::iter::once(provider.title().to_owned()).chain(cells).collect())
    });
    lines(&["", "Registered", "Events", "`test`", "`rotate` makes", "Keeps its events"], rows)
}

/// A provider's page: the same with reasons.
fn capabilities(provider: &dyn Provider) -> String {
    let rows = provider.capabilities().iter().map(|row| {
        let (word, why) = match row.support {
            Support::Native => ("yes", ""),
            Support::Fallback(why) => ("fallback", why),
            Support::Missing(why) => ("no", why),
        };
        vec![format!("`{}`", row.name), word.to_owned(), why.to_owned()]
    });
    lines(&["What", "There", "How, or why not"], rows)
}

/// The calls of a described desk are alike: each is one row here, and what can be written in it has a table of its own.
const CALLS: [&str; 6] = ["reply", "note", "snippet", "tag", "assign", "close"];

fn settings(provider: &dyn Provider) -> String {
    keys(&provider.schema(), "", &CALLS)
}

fn call(provider: &dyn Provider) -> String {
    let schema = provider.schema();
    let one = resolved(&schema, &schema["properties"]["actions"]);
    keys(resolved(&schema, &one["properties"]["reply"]), "", &[])
}

fn steps() -> String {
    let rows = guard::steps().map(|step| {
        let reach = match step.reach {
            Reach::Caps => "nothing; lowers the caps",
            Reach::Absences => "absence notices",
            Reach::Replies => "replies, snippets",
            Reach::Everything => "every action",
        };
        vec![format!("`{}`", step.code), reach.to_owned(), step.basis.to_owned()]
    });
    lines(&["Code", "Stops", "Rests on"], rows)
}

/// The calls of the admin API, with what their bodies may hold.
fn calls() -> String {
    let document = rejoinder::server::openapi();
    let mut rows = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["properties"];
            let body: Vec<String> =
                body.as_object().into_iter().flatten().map(|(name, _)| format!("`{name}`")).collect();
            let summary = operation["summary"].as_str().unwrap_or_default().to_owned();
            rows.push(vec![format!("`{} {path}`", method.to_uppercase()), summary, body.join(", ")]);
        }
    }
    lines(&["Call", "What it does", "Body"], rows)
}

/// Every key of an object schema with its description, nested objects in dotted form; those of `whole` stay one row.
fn keys(root: &Value, at: &str, whole: &[&str]) -> String {
    let schema = root.pointer(at).unwrap_or(&Value::Null);
    lines(&["Key", "What it is"], flat(root, schema, "", whole).into_iter().map(|(key, about)| vec![key, about]))
}

fn flat(root: &Value, schema: &Value, prefix: &str, whole: &[&str]) -> Vec<(String, String)> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows = Vec::new();
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let path = [prefix, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        let target = resolved(root, child);
        let entries = resolved(root, &target["additionalProperties"]);
        let about = [child, target].into_iter().find_map(|schema| schema["description"].as_str()).unwrap_or_default();
        let is_whole = whole.contains(&name.as_str()) || whole.contains(&path.as_str());
        if target["properties"].is_object() && !is_whole {
            rows.extend(flat(root, target, &path, whole));
        } else if entries["properties"].is_object() && !is_whole {
            rows.extend(flat(root, entries, &format!("{path}.NAME"), whole));
        } else {
            let must = if required.contains(&name.as_str()) { "Required. " } else { "" };
            rows.push((format!("`{path}`"), format!("{must}{about}")));
        }
    }
    rows
}

/// The schema behind a reference; of a value that may be null, the other form.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let other = schema["anyOf"].as_array().and_then(|forms| forms.iter().find(|form| form["type"] != "null"));
    let reference = schema["$ref"].as_str().and_then(|path| root.pointer(path.strip_prefix('#')?));
    match (reference, other) {
        (Some(target), _) => resolved(root, target),
        (None, Some(form)) if form["$ref"].is_string() || form["properties"].is_object() => resolved(root, form),
        _ => schema,
    }
}
