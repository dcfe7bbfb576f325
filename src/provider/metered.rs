//! A connection within an account's rate budget.

use std::sync::Arc;

use async_trait::async_trait;

use super::Adapter;
use crate::http::{CallError, Http, Request, Response};
use crate::outbox::Budget;

/// Makes calls no faster than the provider allows.
pub struct Metered {
    inner: Arc<dyn Http>,
    budget: Budget,
}

impl Metered {
    /// The connection of one account, with the budget its adapter publishes.
    pub fn new(inner: Arc<dyn Http>, adapter: &dyn Adapter) -> Self {
        let limits =
            adapter.quotas().iter().filter_map(|quota| Some((quota.class, quota.calls, quota.per.try_into().ok()?)));
        Self { inner, budget: Budget::new(limits) }
    }
}

#[async_trait]
impl Http for Metered {
    async fn call(&self, request: Request) -> Result<Response, CallError> {
        self.budget.admit(request.is_read()).await;
        self.inner.call(request).await
    }
}
