//! The program soaked for a few seconds, so that what `scripts/soak` does for half an hour by hand goes on to work.

use std::process::Command;

use serde_json::Value;

#[test]
fn half_of_the_highest_throughput_is_kept_up() {
    let ran =
        Command::new(env!("CARGO_BIN_EXE_rejoinder")).args(["bench", "--soak", "6s", "--format", "json"]).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let soaked: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let rows = soaked["rows"].as_array().unwrap();
    let events = |row: &Value| row["events"].as_u64().unwrap();
    assert_eq!(rows.len(), 30);
    assert!(rows.is_sorted_by(|before, after| events(before) < events(after)), "{soaked}");
    assert!(rows.iter().all(|row| row["disk"].as_u64() > Some(0) && row["latency"]["p50"].as_f64() > Some(0.0)));
}
