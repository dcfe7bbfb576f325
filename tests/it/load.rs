//! `rejoinder bench` with next to nothing: that it measures what it says, not how fast anything is.

use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

fn bench(arguments: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    command.arg("bench").args(arguments.split_whitespace()).arg("--folder").arg(folder.path());
    let output = command.env("RUST_LOG", "warn").output().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves something behind");
    output
}

#[test]
fn the_engine_is_measured_beside_the_floor() {
    let output = bench("--connections 3 --events 40 --seconds 1 --rate 20 --settled 60 --format json");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pairs = report["pairs"].as_array().unwrap();
    assert_eq!(pairs.iter().map(|pair| pair["load"].as_str().unwrap()).collect::<Vec<_>>(), ["none", "tenth", "every"]);
    for pair in pairs {
        assert_eq!(pair["connections"], 3);
        for program in ["floor", "engine"] {
            let measured = &pair[program];
            assert!(measured["accepted"].as_f64().unwrap() >= measured["finished"].as_f64().unwrap(), "{pair}");
            assert!(measured["finished"].as_f64().unwrap() > 0.0, "{pair}");
            assert!(measured["disk"].as_f64().unwrap() > 0.0, "{pair}");
        }
        let ratio = pair["engine"]["accepted"].as_f64().unwrap() / pair["floor"]["accepted"].as_f64().unwrap();
        assert_eq!(pair["accepted_ratio"].as_f64().unwrap(), ratio);
    }
    assert_eq!(report["end_to_end"]["events"], 20);
    assert_eq!(report["starts"]["settled"], 60);
    assert_eq!(report["targets"].as_array().unwrap().len(), 13);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let output = bench("--connections 0");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("more than nothing"));
}

#[test]
fn what_was_begun_goes_when_the_measuring_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    command.args("bench --connections 2 --events 50 --seconds 1 --rate 10 --settled 1000000 --folder".split(' '));
    let mut child = command.arg(folder.path()).stderr(std::process::Stdio::null()).spawn().unwrap();
    // The folder of the run, and one of what is measured at the moment.
    while left() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(left(), 0);
}
