//! The demo's stage: a running engine, the sandbox, and the senders' side of the webhooks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use include_dir::{Dir, include_dir};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use url::Url;

use super::super::signals::{Signals, Told};
use super::events::DemoEvent;
use crate::app::{self, Running};
use crate::clock::Clock;
use crate::config;
use crate::http::{Client, Egress, Http, Request};
use crate::model::SourceName;
use crate::provider::sandbox::{Incoming, Limits as SandboxLimits, Sandbox, Speaks};
use crate::secret::Secret;
use crate::server::{self, Limits, Listening};
use crate::signature::{Signing, generate_ed25519};
use crate::watch as files;

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");
const CONFIG: &str = include_str!("../../../examples/demo.yaml");

/// How long the demo waits for everything to be sent.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running demo.
pub(super) struct Stage {
    running: Running,
    sandbox: Sandbox,
    sandbox_address: SocketAddr,
    key: Secret,
    client: Client,
    folder: TempDir,
    stop: watch::Sender<bool>,
    _watching: Option<notify::RecommendedWatcher>,
}

impl Stage {
    /// Writes the rules into a temporary folder and starts everything.
    pub(super) async fn set() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("rejoinder-demo-")
            .tempdir()
            .context("a temporary folder cannot be made")?;
        RULES.extract(prepared(&folder.path().join("rules"))?).context("the rules cannot be written")?;
        let clock = Clock::system();
        let sandbox = Sandbox::new(SandboxLimits::Published);
        let listening = Listening::bind(free(8082)).await?;
        let sandbox_address = listening.address;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(server::serve(listening, server::sandbox_router(sandbox.clone(), clock), limits(), stopped));
        let (key, public_key) = generate_ed25519().map_err(anyhow::Error::msg)?;
        let variables = [
            ("DEMO_DATA", folder.path().join("data").display().to_string()),
            ("DEMO_SANDBOX", format!("http://{sandbox_address}")),
            ("DEMO_HIGHLEVEL_KEY", public_key),
            ("REJOINDER_LISTEN", free(8080).to_string()),
            ("REJOINDER_ADMIN__LISTEN", free(8081).to_string()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let home = prepared(&folder.path().join("examples"))?;
        let settings = config::load_text("demo.yaml", CONFIG, &home, variables)?;
        let running = app::start(settings, super::super::serve::record_metrics()).await?;
        let mut egress = Egress::default();
        for address in [running.public, running.admin] {
            egress.allow(&base(address)?);
        }
        let watching = files::rules(std::sync::Arc::clone(&running.reloader)).ok();
        let client = Client::new(egress, Duration::from_secs(30))?;
        Ok(Self { running, sandbox, sandbox_address, key, client, folder, stop, _watching: watching })
    }

    pub(super) fn public(&self) -> SocketAddr {
        self.running.public
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.running.admin
    }

    pub(super) fn sandbox_address(&self) -> SocketAddr {
        self.sandbox_address
    }

    pub(super) fn rules(&self) -> PathBuf {
        self.folder.path().join("rules")
    }

    pub(super) fn conversations(&self) -> Value {
        serde_json::to_value(self.sandbox.conversations()).unwrap_or_default()
    }

    /// Lets a message arrive at the provider, and its webhook at the engine.
    pub(super) async fn arrive(&mut self, event: &DemoEvent) -> anyhow::Result<()> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let incoming = Incoming {
            conversation_id: event.conversation.to_owned(),
            name: given(event.name),
            email: given(event.email),
            phone: given(event.phone),
            subject: given(event.subject),
            text: event.text.to_owned(),
            headers: None,
        };
        let payload = self.sandbox.arrive(event.speaks, incoming, self.running.engine.clock.now());
        self.post(event.source, &payload).await
    }

    /// Signs as the provider would, and posts.
    async fn post(&self, source: &str, payload: &Value) -> anyhow::Result<()> {
        let body = payload.to_string();
        let found =
            self.running.engine.sources.get(&SourceName::from(source)).ok_or_else(|| anyhow!("no source {source}"))?;
        let signing = Signing {
            body: body.as_bytes(),
            id: "demo",
            now: self.running.engine.clock.now(),
            private_key: Some(&self.key),
        };
        let headers = found.verifier.sign(&signing).map_err(|why| anyhow!("{source}: {why}"))?;
        let url = base(self.running.public)?.join(&format!("/webhooks/{source}"))?;
        let mut request = Request::new(Method::POST, url).header(CONTENT_TYPE, "application/json");
        request.body = body.into_bytes();
        for (name, value) in headers {
            request = request.header(HeaderName::try_from(name)?, &value);
        }
        let response = self.client.call(request).await?;
        if !response.is_success() {
            bail!("{source} answered {}", response.status);
        }
        Ok(())
    }

    /// Waits until everything is decided and sent, and passes on the webhooks that the sending caused.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let settled = async {
            loop {
                self.pass_on().await?;
                let counts = self.running.engine.store.counts().await?;
                if counts.undecided == 0 && counts.open_sends == 0 && !self.pass_on().await? {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.context("not everything was sent in time")?
    }

    /// The webhooks of the providers' own doing, such as Spruce's confirmation of our post.
    async fn pass_on(&self) -> anyhow::Result<bool> {
        let webhooks = self.sandbox.take_webhooks();
        for webhook in &webhooks {
            let source = match webhook.provider {
                Speaks::Sequenzy => "shop",
                Speaks::Fernand => "desk",
                Speaks::HighLevel => "crm",
                Speaks::Spruce => "clinic",
            };
            self.post(source, &webhook.payload).await?;
        }
        Ok(!webhooks.is_empty())
    }

    /// Every message that arrived, oldest first, with decision and sends, from the admin API.
    pub(super) async fn entries(&self) -> anyhow::Result<Vec<Value>> {
        let listed = self.get("/api/v1/events?kind=message.received&limit=1000").await?;
        let mut entries = Vec::new();
        for stored in listed["events"].as_array().into_iter().flatten().rev() {
            let id = stored["event"]["id"].as_str().unwrap_or_default();
            entries.push(self.get(&format!("/api/v1/events/{id}")).await?);
        }
        Ok(entries)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.client.call(Request::new(Method::GET, base(self.running.admin)?.join(path)?)).await?;
        if response.is_success() { Ok(response.json()) } else { bail!("{path} answered {}", response.status) }
    }

    /// Serves until Ctrl-C. The rules are watched, so a reload need not be asked for.
    pub(super) async fn serve_on(&self, mut signals: Signals) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                told = signals.next() => if told == Told::End { return Ok(()) },
                () = tokio::time::sleep(Duration::from_millis(200)) => { self.pass_on().await?; }
            }
        }
    }

    /// Ends everything; the temporary folder goes with it.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        let _ = self.stop.send(true);
        self.running.stop().await?;
        Ok(())
    }
}

fn prepared(folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    Ok(folder.to_owned())
}

fn base(address: SocketAddr) -> anyhow::Result<Url> {
    Ok(format!("http://{address}").parse()?)
}

/// The port if it is free, else any.
fn free(port: u16) -> SocketAddr {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    match std::net::TcpListener::bind(loopback(port)) {
        Ok(_) => loopback(port),
        Err(_) => loopback(0),
    }
}

fn limits() -> Limits {
    Limits { concurrency: 64, ..Limits::default() }
}
