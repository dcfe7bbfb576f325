//! The admin API, wherever it is: of the running server, or without one over the store itself. Commands see no difference.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use indicatif::ProgressBar;
use serde_json::Value;
use url::Url;

use super::{ConfigArguments, Ended, output};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Settings, StoreSettings};
use crate::http::{CallError, Client, Egress, Http, Request};
use crate::secret::Secret;
use crate::server::{self, Shared};

/// How long a command waits for providers in all.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where questions go.
pub(super) enum Access {
    /// A running server.
    Running { base: Url, token: Option<Secret>, client: Client },
    /// The store, opened by this command.
    Stopped(Arc<Shared>),
}

impl Access {
    /// Asks the server if it runs, else opens the store. For a server that runs, no more of the configuration needs to be
    /// right than where it is.
    pub(super) async fn open(arguments: &ConfigArguments) -> anyhow::Result<Self> {
        Self::open_if(arguments, |_| Ok(())).await
    }

    /// The same, where `may` has nothing against opening the store.
    async fn open_if(
        arguments: &ConfigArguments,
        may: impl FnOnce(&StoreSettings) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let settings = config::load(&arguments.config);
        let known = match &settings {
            Ok(settings) => Some((settings.admin_listen, settings.admin_token.clone())),
            Err(_) => config::admin(&arguments.config),
        };
        let Some((listen, token)) = known else { return Self::stopped(settings?).await };
        let base: Url = format!("http://{listen}").parse().context("the admin address")?;
        let mut egress = Egress::default();
        egress.allow(&base);
        let client = Client::new(egress, Duration::from_secs(30))?;
        let running = Self::Running { base, token, client };
        match running.exchange(Method::GET, "/api/v1/status", None).await {
            Ok((status, answer)) => {
                is_ours(listen, status, &answer, settings.as_ref().ok())?;
                if settings.is_err() {
                    eprintln!(
                        "the configuration has faults, which `rejoinder check` tells; asking the server at {listen}"
                    );
                }
                Ok(running)
            }
            Err(error) if matches!(error.downcast_ref(), Some(CallError::NotSent(_))) => {
                let settings = settings?;
                may(&settings.store)?;
                Self::stopped(settings).await
            }
            Err(error) => Err(error).context("something listens on the admin address, but does not answer"),
        }
    }

    async fn stopped(settings: Settings) -> anyhow::Result<Self> {
        let book = app::load_book(&settings)?;
        let store = app::open_store(&settings.store).await?;
        let (limits, token, place) = (settings.limits, settings.admin_token.clone(), settings.store.place());
        let engine = app::build(settings, book, store, Clock::system())?;
        let mut shared = Shared::new(Arc::new(engine), limits, token);
        shared.place = place;
        Ok(Self::Stopped(Arc::new(shared)))
    }

    /// Opens, asks, and closes, whatever came of it.
    pub(super) async fn ask<T>(
        arguments: &ConfigArguments,
        questions: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let access = Self::open(arguments).await?;
        let answer = questions(&access).await;
        access.close().await?;
        answer
    }

    /// GET.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// GET of what may have to wait for a provider: comes again when the answer says when, for ten minutes.
    pub(super) async fn get_patiently(&self, path: &str, bar: &ProgressBar) -> anyhow::Result<Value> {
        let mut left = PATIENCE;
        loop {
            let (status, answer) = self.exchange(Method::GET, path, None).await?;
            let wait = answer["retry_after"].as_u64().map(Duration::from_secs);
            match wait.and_then(|wait| left.checked_sub(wait)).filter(|_| status == 503) {
                Some(rest) => {
                    bar.set_message(output::plain(&answer["detail"]));
                    tokio::time::sleep(left - rest).await;
                    bar.set_message("");
                    left = rest;
                }
                None => return good(status, answer),
            }
        }
    }

    /// POST.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.exchange(method, path, body).await?;
        good(status, answer)
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        match self {
            Self::Running { base, token, client } => {
                let url = base.join(path)?;
                let mut request = match body {
                    Some(body) => Request::json(method, url, body),
                    None => Request::new(method, url),
                };
                if let Some(token) = token {
                    request = request.bearer(token);
                }
                let response = client.call(request).await?;
                Ok((response.status, response.json()))
            }
            Self::Stopped(shared) => {
                server::ask(Arc::clone(shared), method, path, body).await.map_err(anyhow::Error::msg)
            }
        }
    }

    /// Does the same to several things, one after the other, and says of each what came of it; where they are many, with a
    /// bar that shows how far it is, and how many there were.
    pub(super) async fn each(&self, ids: &[String], what: &str, verb: &str, body: &Value) -> Ended {
        let bar = output::progress(verb, ids.len());
        let mut failed = 0;
        for id in ids {
            let said = self.post(&format!("/api/v1/{what}/{id}/{verb}"), body).await;
            bar.suspend(|| match said {
                Ok(answer) => output::line(format!("{id}: {}", output::plain(&answer["status"]))),
                Err(error) => {
                    eprintln!("{id}: {error}");
                    failed += 1;
                }
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
        if ids.len() >= output::MANY {
            output::line(format!("{} of {} done, {failed} left as they were", ids.len() - failed, ids.len()));
        }
        if failed == 0 { Ended::Fine } else { Ended::Failed }
    }

    /// The sends of a list, all pages of it, oldest first.
    pub(super) async fn pages(&self, list: &str, filter: &[(&str, Option<String>)]) -> anyhow::Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let before = all.last().map(|send| output::plain(&send["id"]));
            let page = [("before", before), ("limit", Some("1000".to_owned()))];
            let query = query(&[filter, page.as_slice()].concat());
            match self.get(&format!("/api/v1/{list}?{query}")).await?["sends"].take() {
                Value::Array(sends) if !sends.is_empty() => all.extend(sends),
                _ => break,
            }
        }
        all.reverse();
        Ok(all)
    }

    /// Closes the store, where this command opened it.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Self::Stopped(shared) = self {
            shared.engine.store.close().await?;
        }
        Ok(())
    }
}

/// Whether what answers is the server of this configuration. What it refuses to tell, it will refuse to do as well.
fn is_ours(listen: SocketAddr, status: u16, answer: &Value, settings: Option<&Settings>) -> anyhow::Result<()> {
    if (200..300).contains(&status) {
        let Some(theirs) = answer["store"].as_str() else { bail!("what answers at {listen} is no rejoinder") };
        let ours = settings.map(|settings| settings.store.place());
        if let Some(ours) = ours.filter(|ours| ours != theirs) {
            bail!(
                "the server at {listen} is another installation: its store is `{theirs}`, and `{ours}` in this \
                 configuration; give each an `admin.listen` of its own, and ask a server in a container inside of it"
            );
        }
    } else if answer["detail"].is_null() {
        bail!("what answers at {listen} is no rejoinder ({status})");
    }
    Ok(())
}

/// What the admin API refuses.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Declined {
    pub(super) status: u16,
    detail: String,
}

/// The answer of a success; else its reason as an error. The status is not shown: there may have been no HTTP.
fn good(status: u16, answer: Value) -> anyhow::Result<Value> {
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let detail = answer["detail"].as_str().map_or_else(|| format!("refused with {status}"), str::to_owned);
    Err(Declined { status, detail }.into())
}

/// The same for a command that changes nothing: it can ask, and has no way to tell.
pub(super) struct ReadOnly(Access);

impl From<Access> for ReadOnly {
    fn from(access: Access) -> Self {
        Self(access)
    }
}

impl ReadOnly {
    /// Asks the server if it runs, else opens the store.
    pub(super) async fn open(arguments: &ConfigArguments) -> anyhow::Result<Self> {
        Access::open(arguments).await.map(Self)
    }

    /// The same, where `may` has nothing against opening the store.
    pub(super) async fn open_if(
        arguments: &ConfigArguments,
        may: impl FnOnce(&StoreSettings) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        Access::open_if(arguments, may).await.map(Self)
    }

    /// GET.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.0.get(path).await
    }

    /// Closes the store, where this command opened it.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.0.close().await
    }
}

/// The query part of a path, from what was given.
pub(super) fn query(pairs: &[(&str, Option<String>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs {
        if let Some(value) = value {
            query.append_pair(key, value);
        }
    }
    query.finish()
}
