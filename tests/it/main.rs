//! The integration tests: one binary, one module for each subject. Everything here talks to the real program over real
//! sockets, or reads the tree as it is. Nothing reaches beyond loopback.

// A test fails by panicking, and so do the functions it calls.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod architecture;
mod cli;
mod config;
mod delivery;
mod dependencies;
mod docs;
mod examples;
mod explain;
mod faults;
mod hold;
mod hooks;
mod kill;
mod lanes;
mod rig;
mod schemas;
mod server;
mod stage;
