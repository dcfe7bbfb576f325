//! Faults on demand: what a provider may do to us on a bad day. It changes no state but its own list.

use super::desk::Speaks;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status, and `Retry-After` in seconds where given; nothing is done.
    Status(u16, Option<u32>),
    /// The connection is dropped; nothing is done.
    Reset,
    /// It is carried out, and then the connection is dropped. Applies to calls that change something.
    TakeThenReset,
    /// It is never answered; nothing is done.
    Hang,
    /// It is answered 200 with bytes that are no JSON; nothing is done.
    Garbage,
}

/// The faults to come, in the order they were asked for.
#[derive(Default)]
pub(super) struct Faults(Vec<(Speaks, Fault, u32)>);

impl Faults {
    pub(super) fn push(&mut self, provider: Speaks, fault: Fault, times: u32) {
        self.0.push((provider, fault, times));
    }

    /// The fault of a call, if one is due.
    pub(super) fn take(&mut self, provider: Speaks, is_read: bool) -> Option<Fault> {
        self.0.retain(|(_, _, left)| *left > 0);
        let applies = |fault: Fault| !is_read || fault != Fault::TakeThenReset;
        let (_, fault, left) = self.0.iter_mut().find(|(speaks, fault, _)| *speaks == provider && applies(*fault))?;
        *left -= 1;
        Some(*fault)
    }
}
