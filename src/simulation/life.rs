//! One seed: what can happen next is listed, the seed chooses, it happens. First a storm, in which everything may fail;
//! then a calm, in which nothing fails and all that was begun must come to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use fastrand::Rng;
use jiff::SignedDuration;

use super::forgotten::Forgotten;
use super::planted::Planted;
use super::stock::{Stock, account};
use super::task::{End, Letter, Task, Worker, connection};
use super::time::Time;
use super::weather::{ALL, Weather, conversations};
use super::wire::Wire;
use super::witness::{Seen, Watched};
use crate::engine::{Account, Bells, Engine, Patience, Polling, Source, Watch};
use crate::model::{EventId, SourceName};
use crate::outbox::{OnUnknown, RetryPolicy};
use crate::pipeline::Received;
use crate::provider::sandbox::{Limits, Sandbox, Speaks};
use crate::provider::testing::Anybody;
use crate::provider::{Adapter, Metered};
use crate::rules::Tally;
use crate::store::testing::{Disk, Stepped};
use crate::store::{Store, StoreError};

/// So many steps no seed needs.
const MOST_STEPS: u32 = 50_000;
const MOST_WAITS: u32 = 600;

/// What somebody wrote, and how it is told from all else.
pub(super) struct Written {
    pub(super) speaks: Speaks,
    pub(super) conversation: String,
    pub(super) mark: String,
}

/// The world of one seed.
pub(super) struct Life<'a> {
    pub(super) stock: &'a Stock,
    pub(super) rng: Rng,
    pub(super) weather: Weather,
    planted: Option<Planted>,
    pub(super) time: Time,
    pub(super) disk: Disk,
    pub(super) sandbox: Sandbox,
    pub(super) wire: Arc<Wire>,
    pub(super) seen: Seen,
    pub(super) engine: Arc<Engine>,
    pub(super) thread: Stepped,
    pub(super) tasks: BTreeMap<u64, Task>,
    begun: u64,
    pub(super) letters: Vec<Letter>,
    pub(super) conversations: Vec<(Speaks, String)>,
    /// How many messages customers are going to write.
    pub(super) unwritten: u32,
    pub(super) written: Vec<Written>,
    pub(super) acknowledged: BTreeMap<EventId, String>,
    pub(super) forgotten: Forgotten,
    /// How often it is looked for what may be forgotten.
    pub(super) unpruned: u32,
    /// Loops that found nothing to do, until something happens.
    pub(super) resting: BTreeSet<Worker>,
    /// Somebody has paused everything, perhaps in vain.
    pub(super) is_paused: bool,
    /// The store has failed; somebody has to start the program anew.
    pub(super) is_sick: bool,
    pub(super) is_calm: bool,
    storm: u32,
    steps: u32,
    waits: u32,
    pub(super) faults: Vec<String>,
    story: Option<Vec<String>>,
}

impl<'a> Life<'a> {
    pub(super) fn new(stock: &'a Stock, seed: u64, planted: Option<Planted>, is_told: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (time, sandbox, disk, seen) =
            (Time::default(), Sandbox::new(Limits::Off), Disk::default(), Seen::default());
        let wire = Wire::new(sandbox.clone(), time.clone());
        if let Some(planted) = planted {
            planted.spoil(&disk);
        }
        let (store, thread) = disk.open().unwrap();
        let watched = |speaks: Speaks| Watched {
            inner: Arc::clone(&stock.adapters[&speaks]),
            speaks,
            seen: seen.clone(),
            sandbox: sandbox.clone(),
            time: time.clone(),
            planted,
        };
        // Some give up soon, so that giving up is seen as well.
        let retry = RetryPolicy { attempts: if rng.u8(0..4) == 0 { 3 } else { 16 }, ..RetryPolicy::default() };
        let weather = Weather::of(&mut rng);
        let retention = Planted::retention(planted, weather.retention);
        let engine = Engine { retention, ..engine(stock, store, &time, &wire, planted, retry, watched) };
        let engine = Arc::new(engine);
        let conversations = conversations(&mut rng);
        let (unwritten, storm) = (rng.u32(2..9), rng.u32(100..400));
        Self {
            stock,
            weather,
            planted,
            time,
            disk,
            sandbox,
            wire,
            seen,
            engine,
            thread,
            tasks: BTreeMap::new(),
            begun: 0,
            letters: Vec::new(),
            conversations,
            unwritten,
            written: Vec::new(),
            acknowledged: BTreeMap::new(),
            forgotten: Forgotten::default(),
            unpruned: 0,
            resting: BTreeSet::new(),
            is_paused: false,
            is_sick: false,
            is_calm: false,
            storm,
            steps: 0,
            waits: 0,
            faults: Vec::new(),
            story: is_told.then(Vec::new),
            rng,
        }
    }

    /// Lives it to its end; what was wrong until then.
    pub(super) fn run(&mut self) {
        let inside = self.stock.runtime.enter();
        self.tell(|life| format!("the weather is {:?}", life.weather));
        while self.steps < MOST_STEPS && self.waits < MOST_WAITS {
            self.steps += 1;
            if !self.is_calm && self.unwritten == 0 && self.steps > self.storm {
                self.calm_down();
            }
            match self.choose() {
                Some(next) => self.make(next),
                None if self.is_calm && self.is_done() => break,
                None => self.wait(),
            }
        }
        if !self.is_done() {
            let counts = self.thread.counts();
            self.faults.push(format!("comes to rest: it never does; {counts:?}"));
        }
        drop(inside);
        self.faults.extend(self.seen.faults());
        self.faults.append(&mut self.forgotten.faults);
    }

    /// What happened, line by line.
    pub(super) fn story(self) -> Vec<String> {
        self.story.unwrap_or_default()
    }

    /// Writes a line of the story, if it is told.
    pub(super) fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.story.is_some() {
            let (line, at) = (line(self), self.time.machine());
            self.story.iter_mut().for_each(|story| story.push(format!("{at} {line}")));
        }
    }

    fn calm_down(&mut self) {
        self.tell(|_| "the storm is over".to_owned());
        self.is_calm = true;
        self.disk.fail(None);
        if self.is_sick {
            self.restart(false);
        }
    }

    /// Whether something is being forgotten.
    pub(super) fn is_pruning(&self) -> bool {
        self.tasks.values().any(|task| task.worker == Some(Worker::Prune))
    }

    fn is_done(&self) -> bool {
        let counts = self.thread.counts();
        let is_idle = self.tasks.is_empty() && self.letters.is_empty() && self.wire.calls().is_empty();
        // What is held for good is looked at when the seed is over.
        is_idle && !self.is_paused && (counts.undecided, counts.open_sends) == (0, 0)
    }

    /// Nothing can happen now: time passes until something can.
    fn wait(&mut self) {
        self.waits += 1;
        let now = self.time.machine();
        let minute = now.saturating_add(SignedDuration::from_mins(1)).unwrap();
        let due = ALL.into_iter().filter_map(|speaks| self.thread.next_due(&account(speaks)));
        let next = due.chain([minute]).filter(|due| *due > now).min().unwrap_or(minute);
        self.time.reach(next);
        self.resting.clear();
    }

    /// Starts a step.
    pub(super) fn begin(&mut self, task: Task) {
        self.begun += 1;
        self.tasks.insert(self.begun, task);
    }

    /// Lets a step go on.
    pub(super) fn go_on(&mut self, number: u64) {
        let Some(mut task) = self.tasks.remove(&number) else { return };
        let since = *task.since.get_or_insert(self.time.machine());
        self.wire.made_by(number);
        self.seen.done_by(number, since);
        let (thread, wire) = (&mut self.thread, &self.wire);
        let end = task.go_on(|| thread.gather(number) | thread.owes(number) | wire.gather());
        match end {
            None => drop(self.tasks.insert(number, task)),
            Some(End::Accepted(letter, received)) => self.accepted(letter, received),
            Some(End::Stepped(worker, done)) => self.stepped(worker, done),
        }
    }

    fn accepted(&mut self, letter: Letter, received: Result<Received, crate::pipeline::Refusal>) {
        self.tell(|_| format!("{}: {received:?}", letter.what));
        match received {
            Ok(Received::Event(id, _)) => {
                self.resting.clear();
                self.acknowledged.insert(id, letter.what.clone());
                if self.weather.repeats && !self.is_calm && self.rng.u8(0..3) == 0 {
                    self.letters.push(letter);
                }
            }
            Ok(Received::Handshake(_)) => {}
            Err(crate::pipeline::Refusal::Store(error)) => {
                // A full disk mends itself; whatever else happens to it needs a new start.
                self.is_sick |= !matches!(error, StoreError::Full { .. });
                self.letters.push(letter);
            }
            Err(error) => self.faults.push(format!("a genuine webhook was refused: {error}")),
        }
    }

    fn stepped(&mut self, worker: Worker, done: Result<Option<String>, crate::store::StoreError>) {
        match done {
            Ok(Some(id)) => {
                self.tell(|_| format!("{worker:?} did {id}"));
                self.is_paused &= worker != Worker::Resume;
                self.resting.clear();
            }
            Ok(None) => drop(self.resting.insert(worker)),
            Err(error) => {
                self.tell(|_| format!("{worker:?} failed: {error:?}"));
                match error {
                    StoreError::Full { .. } => self.resting.clear(),
                    _ => {
                        self.is_sick = true;
                        self.resting.insert(worker);
                    }
                }
            }
        }
    }

    /// The program ends in the middle of everything, with the power or without it, and is started again.
    pub(super) fn restart(&mut self, with_power: bool) {
        if self.is_pruning() {
            self.tell(|_| "something was being forgotten".to_owned());
        }
        for task in std::mem::take(&mut self.tasks).into_values() {
            // Whoever got no answer sends it again.
            self.letters.extend(task.letter);
        }
        let rng = &mut self.rng;
        self.wire.orphan(|| rng.bool());
        self.seen.forget();
        self.disk.fail(None);
        self.disk.lose_power(|unflushed| if with_power { unflushed } else { rng.usize(0..=unflushed) });
        let (store, thread) = self.disk.open().unwrap();
        let old = &self.engine;
        let accounts = old.accounts.iter().map(|(name, account)| {
            (name.clone(), built(account.provider.clone(), Arc::clone(&account.adapter), &self.wire, &self.time))
        });
        let accounts = accounts.collect();
        let engine = around(self.stock, store, &self.time, self.planted, old.retry, accounts);
        self.engine = Arc::new(Engine { retention: old.retention, ..engine });
        self.thread = thread;
        self.is_sick = false;
        self.resting.clear();
        self.tell(|life| format!("the program is started again: {:?}", life.thread.counts()));
    }
}

fn engine(
    stock: &Stock,
    store: Arc<dyn Store>,
    time: &Time,
    wire: &Arc<Wire>,
    planted: Option<Planted>,
    retry: RetryPolicy,
    watched: impl Fn(Speaks) -> Watched,
) -> Engine {
    let open =
        |speaks: Speaks| (account(speaks), built(speaks.as_str().to_owned(), Arc::new(watched(speaks)), wire, time));
    around(stock, store, time, planted, retry, ALL.map(open).into())
}

/// An account without a rate budget or a breaker, whose timers nobody would turn.
fn built(provider: String, adapter: Arc<dyn Adapter>, wire: &Arc<Wire>, time: &Time) -> Account {
    Account {
        provider,
        adapter,
        http: Metered::free(connection(wire), time.clock()),
        concurrency: 2,
        on_unknown: OnUnknown::default(),
        bell: tokio::sync::Notify::default(),
    }
}

fn around(
    stock: &Stock,
    store: Arc<dyn Store>,
    time: &Time,
    planted: Option<Planted>,
    retry: RetryPolicy,
    accounts: BTreeMap<crate::model::AccountName, Account>,
) -> Engine {
    let source = |speaks: Speaks| {
        let name = SourceName::from(speaks.as_str());
        let scheme = "none".to_owned();
        let built = Source {
            name: name.clone(),
            account: account(speaks),
            verifier: Box::new(Anybody),
            mapping: None,
            scheme,
            polling: Polling::default(),
            watch: Watch::default(),
        };
        (name, built)
    };
    Engine {
        store,
        sources: ALL.map(source).into(),
        accounts,
        book: ArcSwap::from(Arc::clone(&stock.book)),
        failures: Tally::default(),
        clock: time.clock(),
        retry,
        lease: Planted::lease(planted),
        // By the order of acceptance, which is what the seed's story tells.
        patience: Patience { reorder: SignedDuration::ZERO, ..Patience::default() },
        bells: Bells::default(),
        alarm: None,
        retention: SignedDuration::from_hours(30 * 24),
        pressure: crate::engine::Pressure::default(),
    }
}
