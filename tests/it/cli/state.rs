//! `state`: looking, checking, salvaging, and moving everything to another store.

use rejoinder::provider::sandbox::Speaks;
use serde_json::Value;

use crate::stage::{Ran, SOURCES, Stage};

const SHOP: Speaks = SOURCES[0].1;

/// A stage whose store holds what three conversations have come to.
async fn with_three() -> Stage {
    let stage = Stage::set().await;
    let server = stage.serve().await;
    for conversation in ["one", "two", "three"] {
        let body = stage.arrive(SHOP, conversation, "hi").to_string();
        let event = server.deliver(&stage, "shop", &body).await;
        server.settled(&event).await;
    }
    server.stop().await;
    stage
}

/// The same configuration with another store.
fn with_store(stage: &Stage, store: &str, arguments: &[&str]) -> Ran {
    stage.run_with(arguments, &[("REJOINDER_STORE", store)])
}

fn assert_mistake(ran: &Ran, words: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(ran.stderr.contains(words), "{words}: {ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_to_another_store_and_goes_on_there() {
    let stage = with_three().await;
    // And an answer that has not left.
    let server = stage.serve().await;
    assert_eq!(server.run(&stage, &["pause", "--all", "--why", "moving"]).code, 0);
    let body = stage.arrive(SHOP, "four", "hi").to_string();
    let headers = stage.sign("shop", &body);
    let held = server.deliver(&stage, "shop", &body).await;
    let waiting = server.settled(&held).await;
    server.stop().await;
    assert_eq!(stage.said(SHOP, "four"), [""; 0]);
    let said = || ["one", "two", "three", "four"].map(|conversation| stage.said(SHOP, conversation));
    let before = said();
    assert_eq!(before[0].len(), 1);
    let exported = stage.run(&["state", "export", "all.jsonl.gz"]).fine();
    let count = exported.stderr.split(' ').next().unwrap().to_owned();
    assert!(exported.stderr.ends_with(" records were exported\n"), "{exported:?}");
    let imported = with_store(&stage, "sled:./other", &["state", "import", "all.jsonl.gz"]).fine();
    assert_eq!(imported.stderr, format!("{count} records were imported\n"));
    // The same from there, but for nothing: it is the same state.
    with_store(&stage, "sled:./other", &["state", "export", "again.jsonl.gz"]).fine();
    let third = with_store(&stage, "sled:./third", &["state", "import", "again.jsonl.gz"]).fine();
    assert_eq!(third.stderr, imported.stderr);
    let server = stage.serve_with(&[("REJOINDER_STORE", "sled:./other")]).await;
    // The sender repeats what it had delivered before the move.
    let again = server.post("shop", &headers, &body).await;
    assert_eq!(again.json(), serde_json::json!({ "status": "duplicate", "event": held }));
    // What was answered is not answered again, and what waited waits.
    assert_eq!(server.get(&format!("/api/v1/events/{held}")).await.json(), waiting);
    let body = stage.arrive(SHOP, "five", "hi").to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.settled(&event).await;
    assert_eq!(said(), before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_say_what_is_kept_whether_the_engine_runs_or_not() {
    let stage = with_three().await;
    let stopped = stage.run(&["state", "stats", "--format", "json"]).fine().json();
    let server = stage.serve().await;
    let running = server.run(&stage, &["state", "stats", "--format", "json"]).fine().json();
    for said in [&stopped, &running] {
        let records = said["usage"]["records"].as_u64().unwrap();
        assert!(records > 10, "{said}");
        assert_eq!(said["counts"]["undecided"], 0);
        assert_eq!(said["usage"]["journal_files"], 1);
    }
    let text = server.run(&stage, &["state", "stats"]).fine().stdout;
    for line in ["events that wait", "journal", "free on the disk"] {
        assert!(text.contains(line), "{text}");
    }
    let metrics = server.get("/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("rejoinder_store_journal_bytes"), "{metrics}");
    let memory = with_store(&stage, "memory:", &["state", "stats", "--format", "json"]);
    assert_eq!(memory.json()["usage"], Value::Null, "{memory:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_named_and_stepped_over_only_on_demand() {
    let stage = with_three().await;
    let sound = stage.run(&["state", "check"]).fine();
    assert!(sound.stdout.ends_with("Everything is sound.\n"), "{sound:?}");
    let journal = stage.path("data/journal/0000000000000001.log");
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&journal, bytes).unwrap();
    let found = stage.run(&["state", "check", "--format", "json"]);
    assert_eq!(found.code, 1, "{found:?}");
    let damage = &found.json()["damage"];
    assert!(damage[0]["file"].as_str().unwrap().ends_with("0000000000000001.log"), "{damage}");
    assert_eq!(damage[0]["mends_itself"], false);
    assert_mistake(&stage.run(&["state", "salvage"]), "then say --yes");
    let salvaged = stage.run(&["state", "salvage", "--yes"]).fine();
    assert!(salvaged.stdout.contains("stepped over: ") && salvaged.stdout.contains("kept as it was: "), "{salvaged:?}");
    stage.run(&["state", "check"]).fine();
    let server = stage.serve().await;
    let body = stage.arrive(SHOP, "five", "hi").to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.settled(&event).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_what_cannot_be_read_says_so_and_is_not_imported() {
    // Without a repetition, so that it stands there as it is.
    const WORD: &[u8] = b"QJXZVKWP";
    let stage = with_three().await;
    let server = stage.serve().await;
    let text = format!("{} is the parcel", String::from_utf8_lossy(WORD));
    let body = stage.arrive(SHOP, "four", &text).to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.settled(&event).await;
    server.stop().await;
    let journal = stage.path("data/journal/0000000000000001.log");
    let mut bytes = std::fs::read(&journal).unwrap();
    let place = bytes.windows(WORD.len()).position(|part| part == WORD).expect("the event holds its text");
    bytes[place] ^= 0x10;
    std::fs::write(&journal, bytes).unwrap();
    let torn = stage.run(&["state", "export", "torn.gz"]);
    assert_eq!((torn.code, torn.stdout.as_str()), (1, ""), "{torn:?}");
    assert!(torn.stderr.contains(&format!("\nmissing: event {event}\n1 records cannot be read")), "{torn:?}");
    assert!(torn.stderr.contains("rejoinder state check") && torn.stderr.contains("state salvage --yes"), "{torn:?}");
    let refused = with_store(&stage, "sled:./other", &["state", "import", "torn.gz"]);
    assert_mistake(&refused, "it is not whole: 1 records could not be read when it was written");
    stage.run(&["state", "salvage", "--yes"]).fine();
    stage.run(&["state", "export", "all.gz"]).fine();
    with_store(&stage, "sled:./other", &["state", "import", "all.gz"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_with_the_state_are_told() {
    let stage = with_three().await;
    let nowhere = |arguments: &[&str]| with_store(&stage, "sled:./nowhere", arguments);
    let nothing = |arguments: &[&str]| with_store(&stage, "memory:", arguments);
    let stats = nowhere(&["state", "stats"]);
    assert_mistake(&stats, "nowhere; `store:` in the configuration names it");
    for arguments in [&["state", "check"][..], &["state", "salvage", "--yes"], &["state", "export", "x.gz"]] {
        assert_mistake(&nowhere(arguments), "there is no data folder");
        assert_mistake(&nothing(arguments), "the configured store is `memory:`, which keeps nothing");
        assert!(!stage.path("nowhere").exists() && !stage.path("x.gz").exists(), "{arguments:?}");
    }
    stage.run(&["state", "export", "all.gz"]).fine();
    assert_mistake(&stage.run(&["state", "export", "all.gz"]), "all.gz is there already; name another file");
    assert_mistake(&stage.run(&["state", "export", "no/such/all.gz"]), "no/such cannot be written");
    let import = |file: &str| with_store(&stage, "sled:./fresh", &["state", "import", file]);
    assert_mistake(&stage.run(&["state", "import", "all.gz"]), "the store is not empty");
    assert_mistake(&nothing(&["state", "import", "all.gz"]), "the configured store is `memory:`");
    assert_mistake(&import("none.gz"), "none.gz cannot be read: No such file");
    let foreign = import("rejoinder.yaml");
    assert_mistake(&foreign, "rejoinder.yaml cannot be imported: line 1 of the import: this is not an export");
    assert!(!foreign.stderr.contains("unreadable") && !foreign.stderr.contains("half of it"), "{foreign:?}");
    stage.write("snapshot.jsonl", "{\"snapshot\":1,\"position\":{\"segment\":1,\"offset\":48,\"sequence\":1}}\n");
    assert_mistake(&import("snapshot.jsonl"), "this is not an export of `rejoinder state export`");
    // None of them spoilt the store that was named.
    import("all.gz").fine();
    let whole = std::fs::read(stage.path("all.gz")).unwrap();
    std::fs::write(stage.path("half.gz"), &whole[..whole.len() / 2]).unwrap();
    let half = with_store(&stage, "sled:./half", &["state", "import", "half.gz"]);
    assert_eq!(half.code, 1, "{half:?}");
    assert!(half.stderr.contains("half.gz"), "{half:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_folder_are_told() {
    let stage = with_three().await;
    let server = stage.serve().await;
    let words = "another process has the data folder";
    let second = [("REJOINDER_LISTEN", "127.0.0.1:0"), ("REJOINDER_ADMIN__LISTEN", "127.0.0.1:0")];
    for arguments in [
        &["serve"][..],
        &["state", "check"],
        &["state", "salvage", "--yes"],
        &["state", "export", "all.gz"],
        &["state", "import", "rejoinder.yaml"],
    ] {
        let ran = stage.run_with(arguments, &second);
        assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(words), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("is `rejoinder serve` running there?"), "{ran:?}");
    }
    // The first one does not mind.
    let body = stage.arrive(SHOP, "six", "hi").to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.settled(&event).await;
    server.stop().await;
}
