//! What a running script has used up: time, memory, calls. Rhai itself counts operations, depth and single values.
//! Never lets a script go on after a bound is broken, not even inside `try`.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, FnPtr, Position, Scope};

use super::calls::ScriptCall;
use super::errors;
use super::limits::Limits;
use crate::model::duration;
use crate::rules::schedule::Present;

/// An error of Rhai; boxed because Rhai boxes it.
pub(super) type Broken = Box<EvalAltResult>;

/// How deep lists and maps may be nested: deeper ones would exhaust the machine's stack when they are dropped.
const MAX_NESTING: usize = 64;
/// The size of one value without what it points to, in bytes.
const SLOT: usize = 16;
/// The size of a map entry without key and value, in bytes.
const ENTRY: usize = 48;
/// Operations between two looks at the clock: few enough that the slowest native functions cannot add up.
const CLOCK_EVERY: u64 = 8;

thread_local! {
    /// The run on this thread. Rhai's progress callback is told nothing but a count, so its context lives here.
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

struct Run {
    limits: Limits,
    // A real stop-watch and not `Clock`: the time bound protects the machine, and is no fact that a rule may see.
    deadline: Option<Instant>,
    operations: u64,
    levels: Vec<Level>,
    /// Bytes that no scope shows: recorded calls, lists that a native function is still making.
    unseen: usize,
    /// Nothing where calls are refused.
    calls: Option<Vec<ScriptCall>>,
    /// What `within` asks.
    present: Present,
    /// The bound that was broken. Kept, because some native functions (`sort`) swallow what their callback says.
    broken: Option<String>,
}

/// What the scope of one function level holds.
struct Level {
    /// Bytes at the last measure.
    held: usize,
    /// Bytes of its largest variable at the last measure.
    largest: usize,
    /// At most what can have been added since.
    since: usize,
}

/// Whether the actions can be called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    /// They are recorded.
    Recorded,
    /// The script is a condition.
    Refused,
}

/// An error that a script cannot catch.
pub(super) fn stop(message: impl Into<String>) -> Broken {
    Box::new(EvalAltResult::ErrorTerminated(message.into().into(), Position::NONE))
}

/// Runs `body` inside the bounds. A panic inside Rhai counts as an error of the script, as it would otherwise take the
/// engine down for all rules.
pub(super) fn run(
    limits: Limits,
    calls: Calls,
    present: &Present,
    body: impl FnOnce() -> Result<Dynamic, Broken>,
) -> Result<(Dynamic, Vec<ScriptCall>), String> {
    let wall_time = Duration::try_from(limits.wall_time).unwrap_or_default();
    let calls = (calls == Calls::Recorded).then(Vec::new);
    let deadline = Instant::now().checked_add(wall_time);
    RUN.replace(Some(Run {
        limits,
        deadline,
        operations: 0,
        levels: Vec::new(),
        unseen: 0,
        calls,
        broken: None,
        present: present.clone(),
    }));
    let result = catch_unwind(AssertUnwindSafe(body));
    let (calls, broken) = RUN.take().map(|run| (run.calls, run.broken)).unwrap_or_default();
    match (result, broken) {
        (Ok(Ok(_)), Some(broken)) => Err(broken),
        (Ok(Ok(value)), None) => Ok((value, calls.unwrap_or_default())),
        (Ok(Err(error)), _) => Err(errors::describe(&error, &limits)),
        (Err(_), _) => Err("the script made its interpreter fail".to_owned()),
    }
}

/// Whether the schedule of that name is open, for the run on this thread.
pub(super) fn is_open(name: &str) -> Result<bool, Broken> {
    let asked = RUN.with_borrow(|run| run.as_ref().map(|run| run.present.within(name)));
    asked.unwrap_or_else(|| Err("`within` is asked while a rule is decided".to_owned())).map_err(stop)
}

/// Called by Rhai for each operation: an answer ends the script. Rhai's own count starts over in each function that a
/// native function calls back, as `list.filter(|item| …)` does; this one does not.
pub(super) fn progress(_: u64) -> Option<Dynamic> {
    RUN.with_borrow_mut(|run| {
        let run = run.as_mut()?;
        run.operations += 1;
        let is_late = || run.deadline.is_some_and(|deadline| Instant::now() > deadline);
        let broken = if run.operations > run.limits.max_operations {
            format!("the script ran more than {} operations", run.limits.max_operations)
        } else if run.operations.is_multiple_of(CLOCK_EVERY) && is_late() {
            format!("the script ran longer than {}", duration::show(run.limits.wall_time))
        } else {
            return None;
        };
        run.broken = Some(broken.clone());
        Some(broken.into())
    })
}

/// Called by Rhai before each use of a variable. Growth has to be stored in a variable, and the variable has to be used to
/// grow further, so that counting uses bounds growth: one use copies at most the largest variable, or adds the most that
/// one native function makes. As soon as that is worth it the scope is measured.
pub(super) fn visit(level: usize, scope: &Scope<'_>) -> Result<(), Broken> {
    with(|run| {
        let limits = run.limits;
        while run.levels.len() > level + 1 {
            let ended = run.levels.pop().map_or(0, |ended| ended.held + ended.since);
            if let Some(caller) = run.levels.last_mut() {
                caller.since += ended;
            }
        }
        // A new level is measured at once.
        run.levels.resize_with(level + 1, || Level { held: 0, largest: 0, since: limits.max_memory });
        let Some(here) = run.levels.last_mut() else { return Ok(()) };
        here.since += here.largest + limits.max_memory / 64;
        if here.since <= limits.max_memory / 16 {
            return Ok(());
        }
        *here = Level { held: 0, largest: 0, since: 0 };
        for (_, _, value) in scope.iter_raw() {
            let size = size_of(value, &limits)?;
            here.held += size;
            here.largest = here.largest.max(size);
        }
        let held: usize = run.levels.iter().map(|level| level.held).sum();
        within(held + run.unseen, &limits).map(drop)
    })
}

/// Counts bytes that no scope shows yet.
pub(super) fn hide(bytes: usize) -> Result<(), Broken> {
    with(|run| {
        run.unseen += bytes;
        if run.unseen > run.limits.max_memory { Err(too_much(&run.limits)) } else { Ok(()) }
    })
}

/// Takes back what [`hide`] counted, because a scope is about to show it.
pub(super) fn show(bytes: usize) {
    let _ = with(|run| {
        run.unseen = run.unseen.saturating_sub(bytes);
        Ok(())
    });
}

/// Records a call.
pub(super) fn record(name: &str, call: ScriptCall, bytes: usize) -> Result<(), Broken> {
    hide(bytes)?;
    with(|run| {
        let allowed = run.limits.max_calls;
        match &mut run.calls {
            None => Err(stop(format!("`{name}` cannot be used in a condition"))),
            Some(calls) if calls.len() >= allowed => Err(stop(format!("the script made more than {allowed} calls"))),
            Some(calls) => {
                calls.push(call);
                Ok(())
            }
        }
    })
}

/// The bytes a value holds. Texts that are shared count each time, which is on the safe side. Too deep nesting, and maps
/// grown by `map[key] = value`, which Rhai does not count, are errors.
pub(super) fn size_of(value: &Dynamic, limits: &Limits) -> Result<usize, Broken> {
    measure(value, limits, 0)
}

fn measure(value: &Dynamic, limits: &Limits, depth: usize) -> Result<usize, Broken> {
    if depth > MAX_NESTING {
        return Err(stop(format!("the script nested lists or maps more than {MAX_NESTING} deep")));
    }
    let mut sum = SLOT;
    if let Ok(text) = value.as_immutable_string_ref() {
        sum += text.len();
    } else if let Ok(items) = value.as_array_ref() {
        sum += SLOT * (items.capacity() - items.len());
        for item in items.iter() {
            sum = within(sum + measure(item, limits, depth + 1)?, limits)?;
        }
    } else if let Ok(map) = value.as_map_ref() {
        if map.len() > limits.max_map {
            return Err(stop(format!("the script made a map of more than {} entries", limits.max_map)));
        }
        for (key, item) in map.iter() {
            sum = within(sum + ENTRY + key.len() + measure(item, limits, depth + 1)?, limits)?;
        }
    } else if let Some(function) = value.read_lock::<FnPtr>() {
        for item in function.iter_curry() {
            sum = within(sum + measure(item, limits, depth + 1)?, limits)?;
        }
    }
    Ok(sum)
}

fn within(bytes: usize, limits: &Limits) -> Result<usize, Broken> {
    if bytes > limits.max_memory { Err(too_much(limits)) } else { Ok(bytes) }
}

fn too_much(limits: &Limits) -> Broken {
    stop(format!("the script held more than {} bytes", limits.max_memory))
}

fn with<T>(body: impl FnOnce(&mut Run) -> Result<T, Broken>) -> Result<T, Broken> {
    RUN.with_borrow_mut(|run| {
        let run = run.as_mut().ok_or_else(|| stop("the script runs outside of its bounds"))?;
        body(run).inspect_err(|error| {
            if let EvalAltResult::ErrorTerminated(message, _) = &**error {
                run.broken = Some(message.to_string());
            }
        })
    })
}
