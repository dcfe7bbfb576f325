//! The house rules of the source tree: who may use whom, who may name which library, how long a file may be.
//! Reads the sources as text; each rule is shown a fault that it must find.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules of the crate from the bottom up; a module uses only those of the lines above its own.
const LAYERS: &[&[&str]] = &[
    &["model", "clock", "secret", "text", "yaml"],
    &["signature", "outbox", "http"],
    &["rules"],
    &["store", "provider"],
    &["engine"],
    &["journey"],
    &["pipeline"],
    &["poll"],
    &["server", "worker", "simulation"],
    &["config"],
    &["app"],
    &["watch"],
    &["cli"],
];

/// Libraries that only one place may name.
const FENCES: &[(&str, &[&str])] = &[
    ("axum", &["src/server/"]),
    ("hyper", &["src/server/", "src/cli/bench/"]),
    ("hyper_util", &["src/server/", "src/cli/bench/"]),
    ("reqwest", &["src/http.rs"]),
    ("rhai", &["src/rules/script/"]),
    ("sled", &["src/store/sled/"]),
    ("serde_yaml", &["src/yaml/"]),
    ("saphyr", &["src/yaml/"]),
    ("jsonschema", &["src/yaml/"]),
    ("minijinja", &["src/rules/template", "src/provider/http/", "src/text"]),
    ("pulldown_cmark", &["src/rules/markdown.rs", "src/text"]),
    ("ammonia", &["src/text"]),
    ("html2text", &["src/text"]),
    ("multer", &["src/model/multipart.rs"]),
    ("notify", &["src/watch.rs", "src/cli/demo/"]),
    ("backon", &["src/outbox/"]),
    ("ring", &["src/signature/"]),
    ("clap", &["src/cli/"]),
    ("comfy_table", &["src/cli/"]),
    ("indicatif", &["src/cli/"]),
    ("anyhow", &["src/cli/"]),
    ("anstream", &["src/cli/"]),
    ("quick_xml", &["src/cli/"]),
    ("similar", &["src/rules/check/", "src/cli/"]),
];

/// The longest file, in lines of code before its tests.
const LONGEST: usize = 400;

/// Providers: none names another one. The sandbox speaks the APIs of four, and names them as data.
const PROVIDERS: [&str; 6] = ["sequenzy", "fernand", "highlevel", "spruce", "http", "sandbox"];

#[derive(Clone)]
struct Source {
    /// `src/…`, with `/`.
    path: String,
    /// The lines before `#[cfg(test)]`, without comments.
    code: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let before_tests = text.lines().take_while(|line| line.trim() != "#[cfg(test)]" || !text_has_test_module(text));
        let code = before_tests.filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect();
        Self { path: path.to_owned(), code }
    }

    /// The first folder or file below `src`, as a module name; `None` for lib.rs and main.rs.
    fn module(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        let name = below.split('/').next()?.trim_end_matches(".rs");
        (name != "lib" && name != "main").then_some(name)
    }

    fn lines_of_code(&self) -> usize {
        self.code.iter().filter(|line| !line.trim().is_empty()).count()
    }
}

fn text_has_test_module(text: &str) -> bool {
    text.contains("mod tests {")
}

fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "tests.rs" | "vectors.rs" | "testing.rs" | "crash.rs" | "samples.rs")
        || path.contains("/conformance")
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                if !is_test_file(&name) {
                    found.push(Source::new(&name, &std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    assert!(found.len() > 100, "only {} sources were found", found.len());
    found
}

/// The modules of the crate that a line names by `crate::…`, also inside braces.
fn named_modules(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let group = rest.strip_prefix('{').map(|inner| inner.split('}').next().unwrap_or(inner));
        let parts: Vec<&str> = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        for part in parts {
            let name: String = part.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.push(name);
        }
    }
    names
}

fn layers(sources: &[Source]) -> Vec<String> {
    let level: BTreeMap<&str, usize> =
        LAYERS.iter().enumerate().flat_map(|(level, names)| names.iter().map(move |name| (*name, level))).collect();
    let mut faults = Vec::new();
    for source in sources {
        let Some(module) = source.module() else { continue };
        let Some(own) = level.get(module) else {
            faults.push(format!("{}: the module `{module}` stands in no layer", source.path));
            continue;
        };
        for line in &source.code {
            for name in named_modules(line) {
                let used = level.get(name.as_str());
                if name != module && used.is_some_and(|used| used >= own) {
                    faults.push(format!("{}: `{module}` must not use `{name}`: {}", source.path, line.trim()));
                }
            }
        }
    }
    faults
}

fn fences(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        for (library, places) in FENCES {
            let is_home = places.iter().any(|place| source.path.starts_with(place));
            let names = |line: &String| {
                let line = line.trim();
                line.starts_with(&format!("use {library}::"))
                    || line.starts_with(&format!("use {library};"))
                    || line.match_indices(&format!("{library}::")).any(|(at, _)| {
                        let before = line[..at].chars().next_back();
                        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                    })
            };
            if let Some(line) = source.code.iter().find(|line| !is_home && names(line)) {
                faults.push(format!("{}: only {} may name {library}: {}", source.path, places.join(", "), line.trim()));
            }
        }
    }
    faults
}

fn lengths(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines_of_code() > LONGEST);
    long.map(|source| format!("{}: {} lines of code; {LONGEST} at the most", source.path, source.lines_of_code()))
        .collect()
}

fn neighbours(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let Some(own) = PROVIDERS.iter().find(|name| source.path.starts_with(&format!("src/provider/{name}/"))) else {
            continue;
        };
        for other in PROVIDERS.iter().filter(|name| *name != own && **name != "http") {
            let named = |line: &&String| {
                line.contains(&format!("provider::{other}")) || line.contains(&format!("super::super::{other}"))
            };
            if let Some(line) = source.code.iter().find(named) {
                faults.push(format!("{}: a provider must not name {other}: {}", source.path, line.trim()));
            }
        }
    }
    faults
}

fn first_lines(sources: &[Source], texts: &BTreeMap<String, String>) -> Vec<String> {
    let silent = |source: &&Source| texts.get(&source.path).is_some_and(|text| !text.starts_with("//!"));
    sources
        .iter()
        .filter(silent)
        .map(|source| format!("{}: the first line does not say what the file is", source.path))
        .collect()
}

fn texts() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    sources()
        .into_iter()
        .map(|source| (source.path.clone(), std::fs::read_to_string(root.join(&source.path)).unwrap()))
        .collect()
}

#[track_caller]
fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_module_uses_only_those_above_it() {
    none(layers(&sources()));
    let planted =
        Source::new("src/rules/planted.rs", "use crate::{model::Event, store::Store};\nuse crate::server::Shared;\n");
    assert_eq!(layers(&[planted]).len(), 2);
    assert_eq!(layers(&[Source::new("src/newcomer/mod.rs", "")]).len(), 1);
}

#[test]
fn a_fenced_library_is_named_at_home_only() {
    none(fences(&sources()));
    let planted = Source::new("src/journey.rs", "use axum::Router;\nlet x = rhai::Engine::new();\nfn sledge() {}\n");
    assert_eq!(fences(&[planted]).len(), 2);
}

#[test]
fn no_file_is_longer_than_a_person_can_hold() {
    none(lengths(&sources()));
    assert_eq!(lengths(&[Source::new("src/long.rs", &"let x = 1;\n".repeat(LONGEST + 1))]).len(), 1);
}

#[test]
fn no_provider_names_another_one() {
    none(neighbours(&sources()));
    let planted = Source::new("src/provider/spruce/outbound.rs", "use crate::provider::fernand::Fernand;\n");
    assert_eq!(neighbours(&[planted]).len(), 1);
}

#[test]
fn every_file_says_first_what_it_is() {
    none(first_lines(&sources(), &texts()));
    let planted = ("src/a.rs".to_owned(), "use std::fs;\n".to_owned());
    assert_eq!(first_lines(&[Source::new(&planted.0, &planted.1)], &[planted].into_iter().collect()).len(), 1);
}

#[test]
fn every_provider_folder_has_the_same_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider");
    for name in PROVIDERS.iter().filter(|name| **name != "sandbox") {
        for file in ["mod.rs", "config.rs", "inbound.rs", "outbound.rs", "tests.rs", "fixtures"] {
            assert!(root.join(name).join(file).exists(), "src/provider/{name}/{file} is missing");
        }
    }
}

#[test]
fn time_is_read_in_one_place() {
    let reads = |source: &&Source| {
        let allowed = ["src/clock.rs", "src/rules/script/bounds.rs", "src/rules/script/memory.rs"];
        !allowed.contains(&source.path.as_str())
            && source.code.iter().any(|line| {
                ["Timestamp::now(", "Instant::now(", "SystemTime::now(", "Zoned::now("]
                    .iter()
                    .any(|call| line.contains(call))
            })
    };
    let faults =
        sources().iter().filter(reads).map(|source| format!("{} reads a clock of its own", source.path)).collect();
    none(faults);
    assert!(reads(&&Source::new("src/rules/planted.rs", "let now = Timestamp::now();")));
}
