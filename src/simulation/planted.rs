//! Faults that the simulation must find. None changes the engine: each makes one of the things it relies on unreliable.

use jiff::SignedDuration;

use super::LEASE;
use crate::store::testing::Disk;

/// What is made unreliable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planted {
    /// The disk says that it has flushed and has not.
    LyingFlush,
    /// A start does not find the events that wait.
    LostQueue,
    /// A start does not find the sends that are open.
    LostOutbox,
    /// What was counted towards caps is not found.
    ForgottenCounts,
    /// What a conversation remembers is not found.
    ForgottenState,
    /// A webhook that comes again is taken for a new one.
    ForgottenRepeats,
    /// An outcome that is not known is cleared up by doing it again, wherever it is.
    BlindRepeats,
    /// One message with the same words is taken for two sends.
    OneForTwo,
    /// Every attempt has a key of its own.
    FreshKeys,
    /// Leases end as soon as they are given.
    ShortLeases,
    /// What is settled is forgotten at once.
    ShortRetention,
    /// Whoever forgets an event forgets as well which sends are open.
    PrunedOutbox,
    /// Whoever forgets an event forgets all correspondents.
    PrunedContacts,
    /// Whoever forgets an event forgets all that was counted towards caps.
    PrunedCounts,
}

impl Planted {
    /// Each with a word of what must be said to be wrong, and within how many seeds.
    pub(super) const ALL: [(Self, &str, u64); 14] = [
        (Self::LyingFlush, "accepted", 60),
        (Self::LostQueue, "accepted", 60),
        (Self::LostOutbox, "accounted for", 60),
        (Self::ForgottenCounts, "caps", 60),
        (Self::ForgottenState, "lane order", 60),
        (Self::ForgottenRepeats, "decided once", 60),
        (Self::BlindRepeats, "no double", 60),
        (Self::OneForTwo, "accounted for", 400),
        (Self::FreshKeys, "no double", 200),
        (Self::ShortLeases, "lane order", 60),
        (Self::ShortRetention, "is kept", 60),
        (Self::PrunedOutbox, "accounted for", 400),
        (Self::PrunedContacts, "never again", 400),
        (Self::PrunedCounts, "caps", 400),
    ];

    /// Prepares the disk.
    pub(super) fn spoil(self, disk: &Disk) {
        match self {
            Self::LyingFlush => disk.lie(),
            Self::LostQueue => disk.hide(b'q'),
            Self::LostOutbox => disk.hide(b'o'),
            Self::ForgottenCounts => disk.hide(b'w'),
            Self::ForgottenState => disk.hide(b'c'),
            Self::PrunedOutbox => disk.take_along(b'o'),
            Self::PrunedContacts => disk.take_along(b'p'),
            Self::PrunedCounts => disk.take_along(b'w'),
            Self::ForgottenRepeats | Self::BlindRepeats | Self::OneForTwo | Self::FreshKeys => {}
            Self::ShortLeases | Self::ShortRetention => {}
        }
    }

    /// How long the engine's leases are.
    pub(super) fn lease(planted: Option<Self>) -> SignedDuration {
        if planted == Some(Self::ShortLeases) { SignedDuration::from_millis(1) } else { LEASE }
    }

    /// How long the engine keeps what should be kept for so long.
    pub(super) fn retention(planted: Option<Self>, retention: SignedDuration) -> SignedDuration {
        if planted == Some(Self::ShortRetention) { SignedDuration::ZERO } else { retention }
    }
}
