//! A provider that answers from a script and notes, in one list, every call it sees and every credential that is kept.
//! It opens no connection.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::{Answer, answer, now};
use crate::http::{CallError, Http, Request, Response};
use crate::model::{Event, Send as OutgoingSend};
use crate::provider::{Call, Reading, Vault};
use crate::secret::Secret;

/// A scripted provider and a vault.
#[derive(Default)]
pub(crate) struct Stage {
    script: Mutex<Vec<(String, Answer)>>,
    log: Mutex<Vec<Entry>>,
    kept: Mutex<BTreeMap<String, String>>,
    is_vault_broken: Mutex<bool>,
}

struct Entry {
    /// Method, path and query.
    line: String,
    /// Method and whole address, headers, body.
    whole: String,
}

impl Stage {
    /// Answers whatever is called, in this order.
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        answers.into_iter().fold(Self::default(), |stage, answer| stage.add("", answer))
    }

    /// Answers the next call that begins with `line`, such as `POST /conversations/messages`.
    pub(crate) fn on(self, line: &str, status: u16, body: Value) -> Self {
        self.add(line, answer(status, body))
    }

    /// Lets the next call that begins with `line` come to nothing.
    pub(crate) fn fail(self, line: &str, error: CallError) -> Self {
        self.add(line, Err(error))
    }

    fn add(self, line: &str, answer: Answer) -> Self {
        self.script.lock().unwrap().push((line.to_owned(), answer));
        self
    }

    /// Makes the vault refuse or take.
    pub(crate) fn break_vault(&self, broken: bool) {
        *self.is_vault_broken.lock().unwrap() = broken;
    }

    /// Everything that happened, in order.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().unwrap();
        log.iter().map(|entry| entry.whole.as_str()).collect::<Vec<_>>().join("\n\n")
    }

    /// The first line of everything that happened, in order, without the host.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|entry| entry.line.clone()).collect()
    }

    /// A call on this stage.
    pub(crate) fn call<'a>(&'a self, send: &'a OutgoingSend, event: &'a Event, attempt: u32) -> Call<'a> {
        Call { send, event, may_have_landed: attempt > 1, taken: &[], now: now(), http: self, vault: self }
    }

    /// A reading on this stage.
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading { http: self, vault: self, now: now() }
    }
}

/// Headers in the order of their names, without the content type of JSON, which every JSON body must have.
fn whole(request: Request) -> String {
    let content_type = request.headers.get(CONTENT_TYPE);
    assert_eq!(content_type.is_some(), !request.body.is_empty(), "a body has a type, and only a body");
    let is_json = content_type.is_some_and(|value| value == "application/json");
    let headers = request.headers.iter().filter(|(name, _)| !is_json || *name != CONTENT_TYPE);
    let mut lines: Vec<String> = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.insert(0, format!("{} {}", request.method, request.url));
    lines.push(String::from_utf8(request.body).unwrap());
    lines.join("\n").trim_end().to_owned()
}

#[async_trait]
impl Http for Stage {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let line = format!("{} {}{query}", request.method, request.url.path());
        self.log.lock().unwrap().push(Entry { line: line.clone(), whole: whole(request) });
        tokio::task::yield_now().await;
        let mut script = self.script.lock().unwrap();
        match script.iter().position(|(expected, _)| line.starts_with(expected.as_str())) {
            Some(found) => script.remove(found).1,
            None => panic!("no answer for {line}"),
        }
    }
}

#[async_trait]
impl Vault for Stage {
    async fn load(&self, name: &str) -> Result<Option<Secret>, String> {
        Ok(self.kept.lock().unwrap().get(name).map(|value| Secret::from(value.as_str())))
    }

    async fn keep(&self, name: &str, value: &Secret) -> Result<(), String> {
        if *self.is_vault_broken.lock().unwrap() {
            return Err("the disk is full".to_owned());
        }
        let line = format!("KEEP {}", value.expose());
        self.log.lock().unwrap().push(Entry { whole: line.clone(), line });
        self.kept.lock().unwrap().insert(name.to_owned(), value.expose().to_owned());
        Ok(())
    }
}
