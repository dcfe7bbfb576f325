//! rejoinder: a signed webhook comes in, YAML and Rhai rules decide, the right reply goes out.
//!
//! The modules stand in the order of the journey, and a module uses only those above it:
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | plain values: event, conversation, action, send, attempt, decision |
//! | [`clock`], [`secret`], [`text`], [`yaml`] | the only clock; strings that cannot be printed; text and HTML; YAML files with places |
//! | [`signature`] | verify: is the delivery from who it says? The table [`signature::SCHEMES`] |
//! | [`http`] | outgoing calls: time-outs, caps, egress policy |
//! | [`rules`] | decide: the tables [`rules::condition::CONDITIONS`] and [`rules::action::ACTIONS`], the loop guard |
//! | [`outbox`] | when a send is tried again, and how fast an account may be called |
//! | [`provider`] | normalise and send: the table [`provider::PROVIDERS`] |
//! | [`store`] | what must survive: the trait, its promises, memory and sled |
//! | [`engine`], [`journey`], [`pipeline`] | the parts, and the three steps: accept, decide, deliver |
//! | [`poll`] | what was not delivered is looked for at the provider |
//! | [`server`], [`worker`] | sockets and loops |
//! | [`config`] | `rejoinder.yaml` and the environment |
//! | [`app`], `watch`, [`cli`] | everything put together; reloading when files change; the commands |
//!
//! To follow one event from the first byte to the last, read [`pipeline`].

pub mod clock;
pub mod model;
pub mod secret;
pub mod text;
pub mod yaml;

pub mod signature;

pub mod http;
pub mod outbox;

pub mod rules;

pub mod provider;
pub mod store;

pub mod engine;
pub mod journey;
pub mod pipeline;

pub mod poll;
#[cfg(test)]
mod simulation;

pub mod server;
pub mod worker;

pub mod config;

pub mod app;
mod watch;

pub mod cli;
