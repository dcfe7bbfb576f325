//! The admin API, wherever it is: of the running server, or without one over the store itself. Commands see no difference.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use serde_json::Value;
use url::Url;

use super::{ConfigArguments, Ended, output};
use crate::app;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::http::{CallError, Client, Egress, Http, Request};
use crate::secret::Secret;
use crate::server::{self, Shared};

/// Where questions go.
pub(super) enum Access {
    /// A running server.
    Running { base: Url, token: Option<Secret>, client: Client },
    /// The store, opened by this command.
    Stopped(Arc<Shared>),
}

impl Access {
    /// Asks the server if it runs, else opens the store.
    pub(super) async fn open(arguments: &ConfigArguments) -> anyhow::Result<Self> {
        let settings = config::load(&arguments.config)?;
        let base: Url = format!("http://{}", settings.admin_listen).parse().context("the admin address")?;
        let mut egress = Egress::default();
        egress.allow(&base);
        let client = Client::new(egress, Duration::from_secs(30))?;
        let probe = client.call(Request::new(Method::GET, base.join("/healthz")?)).await;
        match probe {
            Ok(_) => Ok(Self::Running { base, token: settings.admin_token, client }),
            Err(CallError::NotSent(_)) => Self::stopped(settings).await,
            Err(error) => Err(error).context("something listens on the admin address, but does not answer"),
        }
    }

    async fn stopped(settings: Settings) -> anyhow::Result<Self> {
        let book = app::load_book(&settings)?;
        let store = app::open_store(&settings.store).await?;
        let (limits, token) = (settings.limits, settings.admin_token.clone());
        let engine = app::build(settings, book, store, Clock::system())?;
        Ok(Self::Stopped(Arc::new(Shared::new(Arc::new(engine), limits, token))))
    }

    /// GET.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    /// POST.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, answer) = match self {
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
                (response.status, response.json())
            }
            Self::Stopped(shared) => {
                server::ask(Arc::clone(shared), method, path, body).await.map_err(anyhow::Error::msg)?
            }
        };
        if !(200..300).contains(&status) {
            let detail = answer["detail"].as_str().unwrap_or("no reason given");
            bail!("{detail} ({status})");
        }
        Ok(answer)
    }

    /// Does the same to several things, one after the other, and says of each what came of it.
    pub(super) async fn each(&self, ids: &[String], what: &str, verb: &str, body: &Value) -> Ended {
        let mut ended = Ended::Fine;
        for id in ids {
            match self.post(&format!("/api/v1/{what}/{id}/{verb}"), body).await {
                Ok(answer) => output::line(format!("{id}: {}", output::plain(&answer["status"]))),
                Err(error) => {
                    eprintln!("{id}: {error}");
                    ended = Ended::Failed;
                }
            }
        }
        ended
    }

    /// Closes the store, where this command opened it.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Self::Stopped(shared) = self {
            shared.engine.store.close().await?;
        }
        Ok(())
    }
}

/// The same for a command that changes nothing: it can ask, and has no way to tell.
pub(super) struct ReadOnly(Access);

impl ReadOnly {
    /// Asks the server if it runs, else opens the store.
    pub(super) async fn open(arguments: &ConfigArguments) -> anyhow::Result<Self> {
        Access::open(arguments).await.map(Self)
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
