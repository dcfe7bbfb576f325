//! The outbox's policy: when to try again, when to give up, how fast an account may be called. Pure: what happened goes
//! in, what is next comes out.

mod budget;
mod retry;
mod settle;

pub use budget::{Budget, CallClass};
pub use retry::RetryPolicy;
pub use settle::{Remedy, after_attempt, after_read_back, postponed, settled_at, wait_to_read_back, withheld};
