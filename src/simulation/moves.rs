//! What can happen next, how likely it is, and how it is done.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::life::{Life, Written};
use super::stock::account;
use super::task::{Letter, Task, Worker};
use super::weather::{ALL, WORDS};
use super::wire::Fate;
use crate::provider::sandbox::{Incoming, Speaks};
use crate::store::testing::DiskFault;

/// How many steps of a kind are under way at once.
const ABREAST: usize = 3;

/// One thing that can happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// A step of the pipeline goes on.
    GoOn(u64),
    /// The store does the next job.
    Work,
    /// The store makes durable what it did, and answers.
    Settle,
    /// A call to a provider goes on.
    Call(u64),
    /// A webhook is posted.
    Post,
    /// A loop takes a step.
    Begin(Worker),
    /// A customer writes.
    Write,
    /// Somebody of ours writes.
    Colleague,
    /// A moment passes.
    Tick,
    /// Hours pass.
    Outage,
    /// Days pass in which nobody writes.
    Lull,
    /// Somebody sets the clock.
    Jump,
    /// The program is killed, or the power goes.
    Crash,
    /// The disk is about to fail.
    Disk(DiskFault),
}

impl Life<'_> {
    /// What happens next; nothing where nothing can.
    pub(super) fn choose(&mut self) -> Option<Move> {
        let mut moves = Vec::new();
        self.within(&mut moves);
        if !self.is_calm {
            self.outside(&mut moves);
        }
        let all: u32 = moves.iter().map(|(weight, _)| weight).sum();
        if all == 0 {
            return None;
        }
        let mut left = self.rng.u32(0..all);
        moves.into_iter().find_map(|(weight, next)| match left.checked_sub(weight) {
            Some(rest) => {
                left = rest;
                None
            }
            None => Some(next),
        })
    }

    /// What follows from what has begun.
    fn within(&self, moves: &mut Vec<(u32, Move)>) {
        moves.extend(self.tasks.iter().filter(|(_, task)| task.is_ready).map(|(number, _)| (8, Move::GoOn(*number))));
        moves.extend((self.thread.waiting() > 0).then_some((12, Move::Work)));
        moves.extend((self.thread.unanswered() > 0).then_some((8, Move::Settle)));
        moves.extend(self.wire.calls().into_iter().map(|number| (5, Move::Call(number))));
        let accepting = self.tasks.values().filter(|task| task.letter.is_some()).count();
        if accepting < ABREAST && !self.letters.is_empty() {
            moves.push((6, Move::Post));
        }
        if self.unpruned > 0 && !self.is_pruning() {
            moves.push((2, Move::Begin(Worker::Prune)));
        }
        let counts = self.thread.counts();
        let now = self.time.machine();
        let is_due = |speaks| self.thread.next_due(&account(speaks)).is_some_and(|due| due <= now);
        let deliver = ALL.into_iter().filter(|speaks| is_due(*speaks)).map(Worker::Deliver);
        let decide = (counts.undecided > 0).then_some(Worker::Decide);
        let resume = (self.can_resume() && self.is_calm).then_some(Worker::Resume);
        let release = (counts.held > 0).then_some(Worker::Release);
        for worker in decide.into_iter().chain(deliver).chain(resume).chain(release) {
            let abreast = self.tasks.values().filter(|task| task.worker == Some(worker)).count();
            let most = if matches!(worker, Worker::Decide | Worker::Deliver(_)) { ABREAST } else { 1 };
            if abreast < most && !self.resting.contains(&worker) {
                moves.push((6, Move::Begin(worker)));
            }
        }
    }

    /// What comes over it.
    fn outside(&self, moves: &mut Vec<(u32, Move)>) {
        let weather = &self.weather;
        let some = |left: u32, weight: u32| if left > 0 { weight } else { 0 };
        moves.push((2, Move::Tick));
        // For each lull something is left to be written.
        let writes = self.written.is_empty() || self.unwritten > weather.lulls;
        moves.push((some(self.unwritten * u32::from(writes), 3), Move::Write));
        moves.push((some(weather.colleagues, 1), Move::Colleague));
        moves.push((some(weather.pauses, 1), Move::Begin(Worker::Pause)));
        moves.push((some(u32::from(self.can_resume()), 1), Move::Begin(Worker::Resume)));
        moves.push((some(weather.crashes, 1), Move::Crash));
        moves.push((some(u32::from(self.is_sick), 5), Move::Crash));
        moves.push((some(weather.disk, 1), Move::Disk(DiskFault::Full)));
        moves.push((some(weather.disk, 1), Move::Disk(DiskFault::FlushFails)));
        moves.push((some(weather.jumps, 1), Move::Jump));
        // A call that nobody waits for is not hours on its way.
        let is_quiet = self.wire.calls().is_empty();
        moves.push((some(weather.outages * u32::from(is_quiet), 1), Move::Outage));
        moves.push((some(weather.lulls * u32::from(is_quiet && self.is_told_all()), 1), Move::Lull));
    }

    /// Whether something was written, something is to come, and nothing is on its way to us: nobody repeats what they sent for
    /// as long as it is kept.
    fn is_told_all(&self) -> bool {
        !self.written.is_empty()
            && self.unwritten > 0
            && self.letters.is_empty()
            && self.tasks.values().all(|task| task.letter.is_none())
    }

    /// Whether there is a pause to be ended, and not one on its way.
    fn can_resume(&self) -> bool {
        self.is_paused && self.tasks.values().all(|task| task.worker != Some(Worker::Pause))
    }

    /// Lets it happen.
    pub(super) fn make(&mut self, next: Move) {
        match next {
            Move::GoOn(number) => self.go_on(number),
            Move::Work => self.work(),
            Move::Settle => {
                for owner in self.thread.settle() {
                    self.tasks.entry(owner).and_modify(|task| task.is_ready = true);
                }
            }
            Move::Call(number) => self.call(number),
            Move::Post => self.post(),
            Move::Begin(worker) => {
                if worker == Worker::Pause {
                    (self.weather.pauses, self.is_paused) = (0, true);
                }
                if worker == Worker::Prune {
                    self.unpruned -= 1;
                }
                self.begin(Task::work(Arc::clone(&self.engine), worker));
            }
            Move::Write => self.write(),
            Move::Colleague => self.colleague(),
            Move::Tick => {
                let moment = SignedDuration::from_millis(self.rng.i64(1..3_000));
                self.pass(moment);
            }
            Move::Outage => {
                self.weather.outages -= 1;
                let hours = SignedDuration::from_hours(self.rng.i64(1..30));
                self.tell(|_| format!("the power is gone for {} hours", hours.as_hours()));
                self.pass(hours);
                self.restart(false);
            }
            Move::Lull => self.lull(),
            Move::Jump => {
                self.weather.jumps -= 1;
                let by = SignedDuration::from_secs(self.rng.i64(-900..900));
                self.tell(|_| format!("the clock is set by {} seconds", by.as_secs()));
                self.time.jump(by);
                self.resting.clear();
            }
            Move::Crash => {
                self.weather.crashes = self.weather.crashes.saturating_sub(1);
                let with_power = self.rng.bool();
                self.tell(|_| format!("the program is killed{}", if with_power { "" } else { " with the power" }));
                self.restart(with_power);
            }
            Move::Disk(fault) => {
                self.weather.disk -= 1;
                self.tell(|_| format!("the disk is about to fail: {fault:?}"));
                self.disk.fail(Some(fault));
            }
        }
    }

    /// The store does its next job; where it forgets something, that is noted.
    fn work(&mut self) {
        let owner = self.thread.next().and_then(|owner| self.tasks.get(&owner));
        if owner.is_none_or(|task| task.worker != Some(Worker::Prune)) {
            return self.thread.work();
        }
        let before = self.time.machine().saturating_sub(self.weather.retention).unwrap();
        for lane in self.forgotten.watch(&mut self.thread, &self.disk, before) {
            self.tell(|_| format!("nothing is remembered of {lane} any more"));
        }
    }

    fn lull(&mut self) {
        self.weather.lulls -= 1;
        self.unpruned += 2;
        let hours = SignedDuration::from_hours(self.rng.i64(24..400));
        self.tell(|_| format!("nobody writes for {} hours", hours.as_hours()));
        self.pass(hours);
        // What was under way is not the same days later.
        if !self.tasks.is_empty() {
            self.restart(false);
        }
    }

    fn pass(&mut self, time: SignedDuration) {
        self.time.pass(time);
        self.resting.clear();
    }

    fn call(&mut self, number: u64) {
        let (rng, weather, is_calm) = (&mut self.rng, &self.weather, self.is_calm);
        let moved = self.wire.step(number, |_| if is_calm { Fate::Fine } else { weather.fate(rng) });
        let Some(moved) = moved else { return };
        self.tell(|_| moved.what);
        if let Some(task) = moved.answered.and_then(|maker| self.tasks.get_mut(&maker)) {
            task.is_ready = true;
        }
        for webhook in self.sandbox.take_webhooks() {
            let body = webhook.payload.to_string().into_bytes();
            let what = format!("the webhook of call {number}");
            let letter = Letter { speaks: webhook.provider, body, what };
            if self.weather.repeats && !self.is_calm && self.rng.bool() {
                self.letters.push(letter.clone());
            }
            self.letters.push(letter);
        }
    }

    fn post(&mut self) {
        let place = if self.weather.disorder { self.rng.usize(0..self.letters.len()) } else { 0 };
        let letter = self.letters.remove(place);
        self.begin(Task::accept(Arc::clone(&self.engine), letter, self.time.machine()));
    }

    fn write(&mut self) {
        self.unwritten -= 1;
        let (speaks, conversation) = self.conversations[self.rng.usize(0..self.conversations.len())].clone();
        let mark = format!("m{:03}", self.written.len());
        let text = format!("{} {mark}", WORDS[self.rng.usize(0..WORDS.len())]);
        let payload = self.sandbox.arrive(speaks, message(speaks, &conversation, &text), self.time.world());
        let what = format!("the webhook of `{text}` in {} {conversation}", speaks.as_str());
        self.tell(|_| format!("a customer writes `{text}` in {} {conversation}", speaks.as_str()));
        self.written.push(Written { speaks, conversation, mark });
        self.letters.push(Letter { speaks, body: payload.to_string().into_bytes(), what });
    }

    /// Only Spruce shows us its people's messages in a form that is known for sure.
    fn colleague(&mut self) {
        self.weather.colleagues -= 1;
        let own = self.written.iter().find(|one| one.speaks == Speaks::Spruce);
        let Some(conversation) = own.map(|one| one.conversation.clone()) else { return };
        let incoming = message(Speaks::Spruce, &conversation, "I take this one");
        let mut payload = self.sandbox.arrive(Speaks::Spruce, incoming, self.time.world());
        let object = &mut payload["data"]["object"];
        object["direction"] = json!("outbound");
        object["author"] = json!({ "id": "entity_0D4QABCC06001", "displayName": "Nurse Joy" });
        let what = format!("the webhook of a colleague's message in {conversation}");
        self.letters.push(Letter { speaks: Speaks::Spruce, body: payload.to_string().into_bytes(), what });
    }
}

/// A message of somebody who writes in this conversation only.
fn message(speaks: Speaks, conversation: &str, text: &str) -> Incoming {
    let is_mail = matches!(speaks, Speaks::Sequenzy | Speaks::Fernand);
    Incoming {
        conversation_id: conversation.to_owned(),
        name: Some("Ann Smith".to_owned()),
        email: is_mail.then(|| format!("c{conversation}@example.org")),
        phone: (!is_mail).then(|| format!("+1555{conversation:0>7}")),
        text: text.to_owned(),
        ..Incoming::default()
    }
}
