//! Who goes first, and that nobody waits for ever. Time stands still until a test says so.

use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;

use super::super::budget::CallClass;
use super::*;

#[derive(Clone, Default)]
struct Time(Arc<AtomicI64>);

impl Time {
    fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::from_fn(move || Timestamp::from_second(1_000_000 + time.0.load(Ordering::SeqCst)).unwrap())
    }

    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// One call in twenty seconds, and two.
const ONE: &[Quota] = &[Quota { class: CallClass::Write, calls: 1, per: SignedDuration::from_secs(20) }];
const TWO: &[Quota] = &[Quota { class: CallClass::Write, calls: 2, per: SignedDuration::from_secs(20) }];

fn served(mut turn: Turn) {
    turn.begin();
    assert_eq!(turn.end(Seen::Served, None, &[]), None);
}

fn failed(mut turn: Turn) -> Option<BreakerState> {
    turn.begin();
    turn.end(Seen::Failed("503".to_owned()), None, &[])
}

#[tokio::test]
async fn the_first_by_priority_goes_first_and_a_poll_starves_no_page() {
    let time = Time::default();
    let gate = Gate::new(ONE, time.clock());
    while let Some(turn) = gate.turn_now(Priority::Poll, false) {
        served(turn);
    }
    let (told, mut gone) = tokio::sync::mpsc::unbounded_channel();
    let wanted = [Priority::Page, Priority::Reply, Priority::Act, Priority::LookUp, Priority::Poll];
    // They come in the wrong order.
    for priority in wanted.into_iter().rev() {
        let (gate, told) = (Arc::clone(&gate), told.clone());
        tokio::spawn(async move {
            served(gate.turn(priority, false).await);
            told.send(priority).unwrap();
        });
    }
    while gate.status().waiting < wanted.len() {
        tokio::task::yield_now().await;
    }
    assert!(gate.turn_now(Priority::Page, false).is_none(), "nothing is left");
    for priority in wanted {
        time.pass(21);
        gate.moved.notify_waiters();
        assert_eq!(gone.recv().await, Some(priority));
    }
    assert_eq!(gate.status().waiting, 0);
}

#[test]
fn whoever_stops_waiting_leaves_no_trace() {
    let time = Time::default();
    let gate = Gate::new(TWO, time.clock());
    let both = [gate.turn_now(Priority::Act, false), gate.turn_now(Priority::Act, false)];
    assert!(both.iter().all(Option::is_some) && gate.turn_now(Priority::Page, false).is_none());
    drop(both);
    let again = [gate.turn_now(Priority::Page, false), gate.turn_now(Priority::Act, false)];
    assert!(again.iter().all(Option::is_some), "what was not used is there again");
    assert_eq!(gate.status().waiting, 0);
}

#[test]
fn a_wait_that_one_answer_asks_for_holds_for_the_account() {
    let time = Time::default();
    let gate = Gate::new(&[], time.clock());
    let mut turn = gate.turn_now(Priority::Act, false).unwrap();
    turn.begin();
    turn.end(Seen::Served, Some(SignedDuration::from_secs(30)), &[]);
    assert!(gate.turn_now(Priority::Page, false).is_none() && gate.turn_now(Priority::Page, true).is_none());
    assert_eq!(gate.rests(true), SignedDuration::from_secs(30));
    assert_eq!(gate.status().quiet_until, gate.now().checked_add(SignedDuration::from_secs(30)).ok());
    time.pass(30);
    assert!(gate.turn_now(Priority::Page, false).is_some());
}

#[test]
fn an_open_breaker_lets_one_call_try() {
    let time = Time::default();
    let gate = Gate::new(&[], time.clock());
    let changes: Vec<_> = (0..5).map(|_| failed(gate.turn_now(Priority::Act, false).unwrap())).collect();
    assert_eq!(changes, [None, None, None, None, Some(BreakerState::Open)]);
    assert!(gate.turn_now(Priority::Page, false).is_none());
    time.pass(60);
    let unused = gate.turn_now(Priority::Act, false).unwrap();
    assert!(gate.turn_now(Priority::Page, false).is_none(), "one at a time");
    drop(unused);
    let mut lost = gate.turn_now(Priority::Act, false).unwrap();
    lost.begin();
    drop(lost);
    let status = gate.status();
    assert_eq!((status.breaker, status.reason.as_deref()), (BreakerState::Open, Some("no answer in time")));
    time.pass(120);
    let mut last = gate.turn_now(Priority::Act, false).unwrap();
    last.begin();
    assert_eq!(last.end(Seen::Served, None, &[]), Some(BreakerState::Closed));
    assert!(gate.turn_now(Priority::Act, false).is_some());
}

#[test]
fn a_free_gate_stands_open() {
    let gate = Gate::free(Time::default().clock());
    let turns: Vec<Turn> = (0..100).map_while(|_| gate.turn_now(Priority::Poll, false)).collect();
    assert_eq!(turns.len(), 100);
    assert!(turns.into_iter().all(|turn| failed(turn).is_none()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// With whatever others come: no page is passed by more than one in eight, and whoever came first goes within eight.
    #[test]
    fn the_first_by_priority_goes_first_and_the_oldest_within_eight(others in prop::collection::vec(0_usize..5, 1..60)) {
        const ALL: [Priority; 5] = [Priority::Page, Priority::Reply, Priority::Act, Priority::LookUp, Priority::Poll];
        let gate = Gate::new(&[], Time::default().clock());
        let mut state = gate.state();
        let mut passed_by = 0;
        for (number, other) in (0_u64..).zip(others) {
            state.waiting.insert(2 * number, (ALL[other], false));
            state.waiting.insert(2 * number + 1, (ALL[other], true));
            let (first, oldest) = (state.first(false).unwrap(), *state.waiting.keys().next().unwrap());
            let best = state.waiting.values().map(|(priority, _)| *priority).min().unwrap();
            let (priority, _) = state.waiting.remove(&first).unwrap();
            prop_assert!(priority == best || (state.turns.is_by_age() && first == oldest));
            passed_by = if first == oldest { 0 } else { passed_by + 1 };
            prop_assert!(passed_by < Turns::BY_AGE);
            state.turns.pass();
        }
    }
}
