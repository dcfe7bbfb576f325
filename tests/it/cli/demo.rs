//! The demo: everything on this machine, from any folder, whatever else listens there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{command, finish, run_in};

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[key].as_array().into_iter().flatten()
}

#[test]
fn the_demo_answers_on_all_four_providers_pages_calls_a_snippet_and_blocks_a_robot() {
    // Somebody else has its ports; if they are taken already, that is as good.
    let _busy: Vec<_> = [8080, 8081, 8082].map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).into();
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), &["demo", "--once", "--format", "json"]).fine();
    assert_eq!(ran.stderr, "");
    let story = ran.json();
    let entries: Vec<&Value> = items(&story, "events").collect();
    assert_eq!(entries.len(), 7);
    for entry in &entries {
        assert_eq!(entry["event"]["kind"], "message.received");
        assert!(items(&entry["decision"]["trace"], "matched").next().is_some(), "{entry}");
        let done = |send: &Value| ["delivered", "confirmed"].contains(&send["state"].as_str().unwrap());
        assert!(items(entry, "sends").all(done), "{entry}");
    }
    let messages: Vec<(&Value, &Value)> = items(&story, "conversations")
        .flat_map(|thread| items(thread, "messages").map(move |message| (&thread["provider"], message)))
        .collect();
    let replied: BTreeSet<&str> = messages
        .iter()
        .filter(|(_, message)| message["kind"] == "reply")
        .filter_map(|(provider, _)| provider.as_str())
        .collect();
    assert_eq!(replied, BTreeSet::from(["fernand", "highlevel", "sequenzy", "spruce"]));
    let has = |provider: &str, wanted: fn(&Value) -> bool| {
        messages.iter().any(|(at, message)| *at == provider && wanted(message))
    };
    assert!(has("spruce", |note| note["kind"] == "note" && note["page"] == json!(["entity_0D4QABCC06000"])));
    assert!(has("fernand", |reply| items(reply, "actions").any(|action| action["snippet_id"] == 123)));
    let verdicts: Vec<&Value> = entries
        .iter()
        .flat_map(|entry| items(&entry["decision"]["trace"], "matched"))
        .flat_map(|rule| items(rule, "actions"))
        .map(|action| &action["verdict"])
        .collect();
    assert!(verdicts.iter().any(|verdict| verdict["code"] == "system_address"), "the robot was answered");
    assert!(verdicts.iter().any(|verdict| verdict["by"] == "never-answer-lawyers"), "the lawyer was answered");
    let robot = items(&story, "conversations").find(|thread| thread["id"] == "conv_robot").unwrap();
    assert_eq!(items(robot, "messages").count(), 1, "{robot}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn the_demo_tells_a_story_serves_on_and_ends_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &["demo"]);
    let mut child = command.env("TMPDIR", folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut story = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        story.push(line.unwrap());
        if story.last().is_some_and(|line| line.starts_with("Serving on.")) {
            let kill = format!("kill -INT {}", child.id());
            finish(Command::new("sh").args(["-c", &kill])).fine();
        }
    }
    assert!(child.wait().unwrap().success());
    let story = story.join("\n");
    for words in [
        "✓ urgent-page",
        "pages dr-lee",
        "reply blocked by system_address",
        "vetoed by the rule",
        "Messages received: 7.",
    ] {
        assert!(story.contains(words), "{words} is not in\n{story}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the temporary folder is gone");
}
