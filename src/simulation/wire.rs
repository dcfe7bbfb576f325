//! Between the engine and the sandbox: a call is made, is carried out or not, and is answered or not, each when the
//! seed says so. A call whose maker is dead may still be carried out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
use tokio::sync::oneshot;

use super::time::Time;
use crate::http::{CallError, Http, Request, Response};
use crate::provider::sandbox::{Sandbox, SandboxRequest, SandboxResponse};

type Answer = Result<Response, CallError>;

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is carried out and answered.
    Fine,
    /// It is answered with this status and wait, and nothing is done.
    Refused(u16, Option<u32>),
    /// It is carried out and answered with this status.
    TakenThen(u16),
    /// The connection cannot be made.
    NotSent,
    /// The connection is dropped, and nothing is done.
    Reset,
    /// It is carried out, and the connection is dropped.
    TakenThenReset,
    /// It is carried out, and the answer is a page for people.
    TakenThenGarbage,
    /// Nobody waits any longer, and it is carried out later.
    TimedOut,
}

impl Fate {
    /// Every way in which a call goes wrong.
    pub(super) const FAULTS: [Self; 10] = [
        Self::Refused(429, Some(7)),
        Self::Refused(503, None),
        Self::Refused(500, None),
        Self::TakenThen(500),
        Self::TakenThen(502),
        Self::NotSent,
        Self::Reset,
        Self::TakenThenReset,
        Self::TakenThenGarbage,
        Self::TimedOut,
    ];
}

/// All calls under way.
pub(super) struct Wire {
    sandbox: Sandbox,
    time: Time,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: BTreeMap<u64, Call>,
    made: u64,
    gathered: u64,
    maker: u64,
}

struct Call {
    maker: u64,
    request: SandboxRequest,
    stage: Stage,
    answer: Option<oneshot::Sender<Answer>>,
}

enum Stage {
    /// It is on its way, and how it goes is not known yet.
    Leaving,
    /// It is on its way, and nobody waits for it.
    Late,
    /// It is answered so.
    Answered(Answer),
}

/// What came of a step of a call.
pub(super) struct Moved {
    /// What happened, for the story.
    pub(super) what: String,
    /// Who has an answer now.
    pub(super) answered: Option<u64>,
}

impl Wire {
    /// A wire without calls.
    pub(super) fn new(sandbox: Sandbox, time: Time) -> Arc<Self> {
        Arc::new(Self { sandbox, time, state: Mutex::default() })
    }

    /// Calls that are made from now on are made by this task.
    pub(super) fn made_by(&self, task: u64) {
        self.state().maker = task;
    }

    /// Whether calls were made since this was last asked.
    pub(super) fn gather(&self) -> bool {
        let mut state = self.state();
        let made = state.made;
        std::mem::replace(&mut state.gathered, made) < made
    }

    /// The calls under way.
    pub(super) fn calls(&self) -> Vec<u64> {
        self.state().calls.keys().copied().collect()
    }

    /// The engine is gone: each call is lost, or goes on alone.
    pub(super) fn orphan(&self, mut is_lost: impl FnMut() -> bool) {
        self.state().calls.retain(|_, call| {
            call.answer = None;
            let is_answered = matches!(call.stage, Stage::Answered(_));
            if !is_answered {
                call.stage = Stage::Late;
            }
            !is_answered && !is_lost()
        });
    }

    /// Takes a call one step on.
    pub(super) fn step(&self, number: u64, fate: impl FnOnce(bool) -> Fate) -> Option<Moved> {
        let call = self.state().calls.remove(&number)?;
        let line = format!("{} {}", call.request.method, call.request.path);
        match call.stage {
            Stage::Answered(answer) => {
                let what = format!("call {number} is answered: {}", shown(&answer));
                if let Some(to) = call.answer {
                    // Nobody may be there to hear it.
                    let _ = to.send(answer);
                }
                Some(Moved { what, answered: Some(call.maker) })
            }
            Stage::Late => {
                let answer = self.carry_out(&call.request);
                Some(Moved { what: format!("call {number} ({line}) arrives late: {}", shown(&answer)), answered: None })
            }
            Stage::Leaving => {
                let fate = fate(call.request.method == http::Method::GET);
                let answer = self.meet(fate, &call.request);
                if fate == Fate::TimedOut {
                    let late = Call { maker: 0, request: call.request.clone(), stage: Stage::Late, answer: None };
                    let mut state = self.state();
                    state.made += 1;
                    state.gathered += 1;
                    let next = state.made;
                    state.calls.insert(next, late);
                }
                let what = format!("call {number} ({line}) meets {fate:?}: {}", shown(&answer));
                self.state().calls.insert(number, Call { stage: Stage::Answered(answer), ..call });
                Some(Moved { what, answered: None })
            }
        }
    }

    fn meet(&self, fate: Fate, request: &SandboxRequest) -> Answer {
        let unanswered = |why: &str| Err(CallError::Unanswered(why.to_owned()));
        let status = |status: u16, wait: Option<u32>| {
            let headers = wait.map(|seconds| (http::header::RETRY_AFTER, seconds.into()));
            let headers: HeaderMap = headers.into_iter().collect();
            Ok(Response { status, headers, body: b"{}".to_vec() })
        };
        match fate {
            Fate::Fine => self.carry_out(request),
            Fate::Refused(code, wait) => status(code, wait),
            Fate::NotSent => Err(CallError::NotSent("connection refused".to_owned())),
            Fate::Reset => unanswered("reset"),
            Fate::TimedOut => unanswered("timed out"),
            Fate::TakenThen(code) => self.carry_out(request).and(status(code, None)),
            Fate::TakenThenReset => self.carry_out(request).and(unanswered("reset")),
            Fate::TakenThenGarbage => {
                let page = Response { status: 200, headers: HeaderMap::new(), body: b"<html>".to_vec() };
                self.carry_out(request).and(Ok(page))
            }
        }
    }

    fn carry_out(&self, request: &SandboxRequest) -> Answer {
        match self.sandbox.handle(request, self.time.world()) {
            SandboxResponse::Answer { status, headers, body } => {
                let header =
                    |(name, value): (String, String)| (HeaderName::try_from(name).unwrap(), value.parse().unwrap());
                Ok(Response { status, headers: headers.into_iter().map(header).collect(), body })
            }
            other => Err(CallError::Unanswered(format!("{other:?}"))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn shown(answer: &Answer) -> String {
    match answer {
        Ok(response) => response.status.to_string(),
        Err(error) => error.to_string(),
    }
}

#[async_trait]
impl Http for Wire {
    async fn call(&self, request: Request) -> Answer {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            state.made += 1;
            let (number, maker) = (state.made, state.maker);
            let request = SandboxRequest {
                method: request.method,
                path: request.url.path().to_owned(),
                query: request.url.query().unwrap_or_default().to_owned(),
                headers: request.headers,
                body: request.body,
            };
            state.calls.insert(number, Call { maker, request, stage: Stage::Leaving, answer: Some(sender) });
        }
        receiver.await.unwrap_or_else(|_| Err(CallError::Unanswered("the machine is gone".to_owned())))
    }
}
