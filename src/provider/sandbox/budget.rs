//! Rate limits as sliding windows over the calls that came. It answers nobody.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::desk::Speaks;
use crate::provider::{CallClass, Quota};

/// Which limits the sandbox keeps.
#[derive(Clone, Debug, Default)]
pub enum Limits {
    /// Those that each provider publishes.
    #[default]
    Published,
    /// None.
    Off,
    /// These, in place of the published ones.
    Own(Vec<(Speaks, Quota)>),
}

/// The longest window that is kept.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// What a call found of the limit nearest to its end.
pub(super) struct Spent {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) per: SignedDuration,
    /// When the next call is free.
    pub(super) reset: Timestamp,
    pub(super) is_exceeded: bool,
}

/// The calls that were admitted, oldest first.
pub(super) struct Budgets {
    limits: Limits,
    log: VecDeque<(Timestamp, Speaks, CallClass)>,
}

impl Budgets {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, log: VecDeque::new() }
    }

    /// Counts a call; nothing where no limit covers it. A refused call is not counted.
    pub(super) fn spend(&mut self, who: Speaks, published: &[Quota], is_read: bool, now: Timestamp) -> Option<Spent> {
        let class = if is_read { CallClass::Read } else { CallClass::Write };
        let quotas: Vec<Quota> = match &self.limits {
            Limits::Published => published.to_vec(),
            Limits::Off => Vec::new(),
            Limits::Own(own) => own.iter().filter(|(speaks, _)| *speaks == who).map(|(_, quota)| *quota).collect(),
        };
        while self.log.front().is_some_and(|(at, ..)| now.duration_since(*at) > LONGEST) {
            self.log.pop_front();
        }
        let covering = quotas.iter().filter(|quota| quota.class == CallClass::Any || quota.class == class);
        let spent = covering
            .map(|quota| self.look(who, quota, now))
            .min_by_key(|spent| (!spent.is_exceeded, spent.remaining))?;
        if !spent.is_exceeded {
            self.log.push_back((now, who, class));
        }
        Some(spent)
    }

    fn look(&self, who: Speaks, quota: &Quota, now: Timestamp) -> Spent {
        let counts = |class: CallClass| quota.class == CallClass::Any || quota.class == class;
        let is_inside = |at: Timestamp| now.duration_since(at) < quota.per;
        let inside = self.log.iter().filter(|(at, speaks, class)| *speaks == who && counts(*class) && is_inside(*at));
        let times: Vec<Timestamp> = inside.map(|(at, ..)| *at).collect();
        let used = u32::try_from(times.len()).unwrap_or(u32::MAX);
        Spent {
            limit: quota.calls,
            remaining: quota.calls.saturating_sub(used.saturating_add(1)),
            per: quota.per,
            reset: times.first().copied().unwrap_or(now) + quota.per,
            is_exceeded: used >= quota.calls,
        }
    }
}
