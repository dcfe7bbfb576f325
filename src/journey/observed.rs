//! A connection that remembers what was last answered on it, so that an attempt can be kept with what the provider said,
//! whichever adapter made it and in however many calls.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::http::{CallError, Http, Request, Response};
use crate::model::Answered;
use crate::provider::excerpt;

/// The connection of one attempt.
pub(super) struct Observed<'a> {
    inner: &'a dyn Http,
    last: Mutex<Option<Answered>>,
}

impl<'a> Observed<'a> {
    /// Nothing has been answered yet.
    pub(super) fn new(inner: &'a dyn Http) -> Self {
        Self { inner, last: Mutex::default() }
    }

    fn remember(&self, answer: Option<Answered>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// What was answered to the last call: adapters end at the call that decides. None where it was not answered.
    pub(super) fn last(self) -> Option<Answered> {
        self.last.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Http for Observed<'_> {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        // Before the call as well: one that is given up half-way has no answer.
        self.remember(None);
        let answered = self.inner.call(request).await;
        self.remember(answered.as_ref().ok().map(excerpt::of));
        answered
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;
    use crate::provider::testing::{Stage, answer};

    #[tokio::test]
    async fn the_last_answer_counts_also_where_there_was_none() {
        let ask = |stage: Stage, calls: usize| async move {
            let observed = Observed::new(&stage);
            for _ in 0..calls {
                let _ = observed.call(Request::new(Method::GET, "https://desk.example/".parse().unwrap())).await;
            }
            observed.last()
        };
        assert_eq!(ask(Stage::default(), 0).await, None);
        let fine = || answer(200, json!({}));
        let refused = answer(422, json!({ "code": "too_long" }));
        let last = ask(Stage::answering([fine(), refused]), 2).await.unwrap();
        assert_eq!((last.status, last.body.as_str()), (422, "{\"code\":\"too_long\"}"));
        let lost = Err(CallError::Unanswered("reset".to_owned()));
        assert_eq!(ask(Stage::answering([fine(), lost]), 2).await, None);
    }
}
