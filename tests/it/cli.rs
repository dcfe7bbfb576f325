//! The commands, as a person at a terminal and a program reading JSON see them.

mod backtest;
mod demo;
mod doctor;
mod engine;
mod files;
mod lists;
mod mistakes;
mod orders;
mod register;
mod state;

use std::path::Path;

use crate::stage::run_in;

/// The names under `Commands:` of a help text.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A longer indent continues the line before.
    let entries = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = entries.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every way to the end of the tree of commands.
fn leaves(before: &[String]) -> Vec<Vec<String>> {
    let arguments: Vec<&str> = before.iter().map(String::as_str).chain(["--help"]).collect();
    let below = commands(&run_in(Path::new("."), &arguments).fine().stdout);
    let mut found = vec![before.to_vec()];
    for name in below {
        found.extend(leaves(&[before, &[name]].concat()));
    }
    found
}

#[test]
fn every_command_has_help_with_an_example_that_names_it() {
    let all = leaves(&[]);
    for wanted in [
        "demo",
        "serve",
        "init",
        "check",
        "test",
        "explain",
        "backtest",
        "send",
        "why",
        "outbox",
        "dead",
        "held",
        "quarantine",
        "pause",
        "resume",
        "mode",
        "conversations",
        "members",
        "snippets",
        "state",
        "schema",
        "completions",
        "version",
    ] {
        assert!(all.contains(&vec![wanted.to_owned()]), "{wanted} is not in {all:?}");
    }
    for command in &all {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run_in(Path::new("."), &arguments).fine().stdout;
        let name = format!("rejoinder {}", command.join(" "));
        let after = help.split("Example").nth(1).or(help.split("Start here").nth(1));
        assert!(after.is_some_and(|examples| examples.contains(name.trim())), "{name}: {help}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = concat!("rejoinder ", env!("CARGO_PKG_VERSION"), "\n");
    for arguments in [["--version"], ["-V"], ["version"]] {
        assert_eq!(run_in(Path::new("."), &arguments).fine().stdout, version, "{arguments:?}");
    }
}

#[test]
fn usage_that_is_wrong_ends_with_2_and_says_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&[][..], "Usage: rejoinder <COMMAND>"),
        (&["chekc"], "similar subcommands exist: 'schema', 'check'"),
        (&["check", "--fromat", "json"], "a similar argument exists: '--format'"),
        (&["check", "--format", "yaml"], "[possible values: text, json]"),
        (&["outbox", "list", "--state", "deda"], "a similar value exists: 'dead'"),
        (&["dead", "drop", "snd_1"], "--why <TEXT>"),
        (&["sources", "backfill", "inbox", "--since", "2x"], "invalid value '2x'"),
        (&["check"], "rejoinder.yaml: cannot be read: No such file or directory"),
        (&["serve"], "`rejoinder init` writes one, --config names another"),
    ] {
        let ran = run_in(folder.path(), arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn work_that_cannot_be_done_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init"]).fine();
    std::fs::write(folder.path().join("event.json"), "{\n  \"mesage\": {}\n}").unwrap();
    for (arguments, words) in [
        (&["explain", "event.json"][..], "event.json:2:3: unknown key `mesage`; did you mean `message`?"),
        (&["explain", "nowhere.json"], "`nowhere.json` cannot be read: No such file or directory"),
        (&["explain", "rejoinder.yaml"], "rejoinder.yaml:1:1: not JSON: expected value"),
        (&["explain", "evt_none"], "there is no event `evt_none`"),
        (&["outbox", "show", "snd_none"], "there is no send `snd_none`"),
        (&["dead", "redrive", "snd_none"], "snd_none: there is no send `snd_none`"),
        (&["send", "inbx", "rejoinder.yaml"], "there is no source `inbx`; did you mean `inbox`?"),
        (&["send", "inbox", "rejoinder.yaml", "--url", "http://127.0.0.1:9/"], "is the server running?"),
        (&["test", "rules/snippets"], "there are no rule tests"),
    ] {
        let ran = run_in(folder.path(), arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    let nothing = run_in(folder.path(), &["why", "conv_none"]);
    assert_eq!((nothing.code, nothing.stdout.starts_with("nothing was received in `conv_none`")), (1, true));
}
