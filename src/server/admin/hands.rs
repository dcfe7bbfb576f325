//! What a person signs for: who does something, and why.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use http::StatusCode;
use serde::Deserialize;

use super::super::answer::Problem;
use super::super::state::Shared;
use crate::model::Hand;

/// Who, and why.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Signed {
    /// Who, as they say.
    by: String,
    /// Why.
    why: String,
}

impl Signed {
    pub(super) fn new(by: String, why: String) -> Self {
        Self { by, why }
    }

    /// What they did, now.
    pub(super) fn hand(&self, shared: &Shared, did: &str) -> Hand {
        Hand { at: shared.engine.clock.now(), by: self.by(), did: did.to_owned(), why: self.why.trim().to_owned() }
    }

    /// The same, for what is never done without a reason.
    pub(super) fn reasoned(&self, shared: &Shared, did: &str) -> Result<Hand, Problem> {
        match self.why.trim().is_empty() {
            true => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "`why` is missing; it is kept for whoever asks later",
            )),
            false => Ok(self.hand(shared, did)),
        }
    }

    fn by(&self) -> String {
        match self.by.trim() {
            "" => "unknown".to_owned(),
            by => by.to_owned(),
        }
    }
}

/// The body of a call, or what is wrong with it.
pub(super) fn body<T>(given: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    given.map(|Json(body)| body).map_err(|error| bad(&error))
}

/// The body of a call that needs none.
pub(super) fn any_body<T: Default>(given: Result<Option<Json<T>>, JsonRejection>) -> Result<T, Problem> {
    given.map(|body| body.map(|Json(body)| body).unwrap_or_default()).map_err(|error| bad(&error))
}

fn bad(error: &JsonRejection) -> Problem {
    Problem::new(error.status(), error.body_text())
}
