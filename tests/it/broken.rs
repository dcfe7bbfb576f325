//! A disk that fails, not for want of room. The real program ends by itself, so that whoever watches it starts it again, and
//! goes on from there.

use std::process::Command;

use rejoinder::provider::sandbox::Speaks;

use crate::stage::{SOURCES, Stage, started};

const SHOP: Speaks = SOURCES[0].1;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_has_failed_ends_the_program() {
    let stage = Stage::set().await;
    // Without the trap the signal for a file that is too long would end it first.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; exec \"$0\" serve", env!("CARGO_BIN_EXE_rejoinder")])
        .current_dir(stage.path(""));
    let mut server = started(limited).await;
    let body = stage.arrive(SHOP, "one", "hi").to_string();
    let event = server.deliver(&stage, "shop", &body).await;
    server.settled(&event).await;
    let length = std::fs::metadata(stage.path("data/journal/0000000000000001.log")).unwrap().len();
    // From now on no file becomes longer than the journal is: an error, and none of a full disk.
    let limit = ["--pid", &server.id().to_string(), &format!("--fsize={length}:{length}")];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    let body = stage.arrive(SHOP, "two", "hi").to_string();
    let headers = stage.sign("shop", &body);
    assert_eq!(server.post("shop", &headers, &body).await.status, 503);
    assert_eq!(server.ended().await, 1);
    assert_eq!(server.log().matches("the store has failed and keeps nothing any more").count(), 1, "{}", server.log());
    // What the system refuses is no damage: the state is gone on with.
    assert!(!stage.path("data/rebuild").exists());
    let server = stage.serve().await;
    server.post("shop", &headers, &body).await;
    server.settled(&event).await;
    server.stop().await;
}
