//! The engine under load beside the floor, as `rejoinder bench` measures it. Prints the tables of docs/performance.md:
//!
//!     cargo bench --bench load -- --settled 1000000

// What cannot be run cannot be measured.
#![allow(clippy::expect_used)]

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    command.arg("bench");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs it without `--bench`: once with next to nothing, to see that it runs.
    match arguments.iter().any(|argument| argument == "--bench") {
        true => command.args(arguments.iter().filter(|argument| *argument != "--bench")),
        false => command.args("--connections 2 --events 20 --seconds 1 --rate 20 --settled 20".split(' ')),
    };
    let status = command.status().expect("the program can be started");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
