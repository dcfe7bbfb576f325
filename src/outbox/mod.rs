//! The outbox's policy: when to try again, when to give up, how fast an account may be called and who goes first. Pure,
//! but for the gate where calls wait: what happened goes in, what is next comes out.

mod breaker;
mod budget;
mod gate;
mod lane;
mod priority;
mod retry;
mod settle;

pub use breaker::{Breaker, BreakerState, Seen};
pub use budget::{Budget, CallClass, Counted, Left, Quota, Remaining};
pub use gate::{Gate, GateStatus, Turn};
pub use lane::{LANE_PATIENCE, hold_up};
pub use priority::{Priority, Turns};
pub use retry::RetryPolicy;
pub use settle::{
    OnUnknown, Remedy, Tried, after_attempt, after_read_back, held_in_doubt, postponed, put_back, settled_at,
    wait_to_read_back, withheld,
};
