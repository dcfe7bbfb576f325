//! The integration tests: one binary, one module for each subject. Everything here talks to the real program over real
//! sockets, or reads the tree as it is. Nothing reaches beyond loopback.

// A test fails by panicking, and so do the functions it calls.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod accounts;
mod architecture;
#[cfg(target_os = "linux")]
mod broken;
mod cli;
mod config;
mod delivery;
mod dependencies;
mod docs;
mod doubt;
mod examples;
mod explain;
mod faults;
#[cfg(target_os = "linux")]
mod full;
mod hold;
mod hooks;
mod kill;
mod lanes;
mod load;
mod order;
mod peers;
mod polling;
mod reports;
mod rig;
mod schemas;
mod server;
#[cfg(target_os = "linux")]
mod soak;
mod stage;
