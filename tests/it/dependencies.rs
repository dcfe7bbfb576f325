//! The dependencies: each is explained, none brings a second of what there should be one of, every licence is known.
//! Asks cargo, which answers from the lock file and the registry's local copies.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Of each line there is one: TLS stack, async runtime, date-time crate, JSON crate, regular expressions.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "the TLS stack is rustls"),
    ("native-tls", "the TLS stack is rustls"),
    ("aws-lc-rs", "the provider of rustls is ring"),
    ("async-std", "the runtime is tokio"),
    ("smol", "the runtime is tokio"),
    ("chrono", "the date-time crate is jiff"),
    ("time", "the date-time crate is jiff"),
    ("simd-json", "the JSON crate is serde_json"),
    ("serde_yml", "RUSTSEC-2025-0068; serde_yaml is yaml_serde here"),
    ("rsa", "RUSTSEC-2023-0071; ring verifies RSA"),
];

/// Unmaintained crates that are here for a reason.
const UNMAINTAINED: &[(&str, &str)] = &[
    ("fxhash", "RUSTSEC-2025-0057, through sled 0.34, which has no successor yet that is as fast"),
    ("instant", "RUSTSEC-2024-0384, through sled 0.34 and its parking_lot 0.11"),
];

/// Licences under which a binary may be given away beside its own.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "MPL-2.0",
    "MPL-2.0+",
    "CC0-1.0",
    "Unlicense",
    "0BSD",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "MIT-0",
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packages that the program is built from, without what only tests use.
fn shipped(metadata: &Value) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let mut open = vec![metadata["resolve"]["root"].as_str().unwrap()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let is_shipped = dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev");
            if is_shipped {
                open.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    seen.into_iter().map(str::to_owned).collect()
}

fn packages(metadata: &Value) -> Vec<(String, String)> {
    let shipped = shipped(metadata);
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| shipped.contains(package["id"].as_str().unwrap()))
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                package["license"].as_str().unwrap_or("none given").to_owned(),
            )
        })
        .collect()
}

fn banned(packages: &[(String, String)]) -> Vec<String> {
    let find = |(name, _): &(String, String)| {
        BANNED.iter().find(|(banned, _)| banned == name).map(|(name, why)| format!("{name}: {why}"))
    };
    packages.iter().filter_map(find).collect()
}

/// Whether one of the alternatives of an SPDX expression is wholly known.
fn is_known(licence: &str) -> bool {
    let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" OR ").any(|choice| choice.split(" AND ").all(|part| LICENCES.contains(&part.trim())))
}

#[test]
fn there_is_one_of_each() {
    let packages = packages(&metadata());
    assert!(packages.len() > 100, "only {} packages were found", packages.len());
    assert_eq!(banned(&packages), Vec::<String>::new());
    assert_eq!(banned(&[("openssl".to_owned(), "MIT".to_owned())]).len(), 1);
}

#[test]
fn every_licence_is_known() {
    let unknown: Vec<_> = packages(&metadata()).into_iter().filter(|(_, licence)| !is_known(licence)).collect();
    assert_eq!(unknown, Vec::new());
    assert!(!is_known("AGPL-3.0") && is_known("MIT OR AGPL-3.0") && !is_known("MIT AND AGPL-3.0"));
}

#[test]
fn an_unmaintained_crate_is_here_for_a_reason_or_its_exception_is_taken_out() {
    let packages = packages(&metadata());
    for (name, why) in UNMAINTAINED {
        assert!(packages.iter().any(|(package, _)| package == name), "{name} is gone; take out its exception: {why}");
    }
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let manifest = include_str!("../../Cargo.toml");
    let unexplained = unexplained(manifest);
    assert_eq!(unexplained, Vec::<String>::new(), "each needs a comment above it in Cargo.toml");
    assert_eq!(self::unexplained("[dependencies]\nplanted = \"1\"\n"), ["planted"]);
}

/// Dependencies above which, up to the dependency before, no comment names them.
fn unexplained(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_inside = false;
    let mut comment = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_inside = line == "[dependencies]" || line == "[dev-dependencies]";
            comment.clear();
        } else if let Some(text) = line.strip_prefix('#') {
            comment.push_str(text);
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| is_inside) {
            if !comment.to_lowercase().contains(name) {
                found.push(name.to_owned());
            }
        } else {
            comment.clear();
        }
        if is_inside && line.is_empty() {
            comment.clear();
        }
    }
    found
}
