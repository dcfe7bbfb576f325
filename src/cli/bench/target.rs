//! What is measured: the floor or the engine, each as a process of its own over a folder of its own.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::deliveries::{ASKED, SECRET};
use super::machine::{self, Cores};
use crate::clock;
use crate::http::{Client, Egress, Http, Request};

/// How long a target may take to start, to end, or to finish what it has begun.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// How often something is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(2);

/// Subjects that a rule of their own waits for; of these only one ever comes.
const TOPICS: [&str; 10] =
    [ASKED, "refund", "password", "warranty", "voucher", "newsletter", "callback", "pharmacy", "passport", "visa"];

/// A process that takes deliveries.
pub(super) struct Target {
    child: Child,
    /// Where webhooks come in.
    pub(super) address: SocketAddr,
    /// From the start of the process until it was ready.
    pub(super) started_in: Duration,
}

/// A folder with the configuration of an engine and everything it keeps.
pub(super) struct Home {
    folder: TempDir,
    client: Client,
    address: SocketAddr,
    admin: Url,
}

impl Target {
    /// Starts the floor.
    pub(super) async fn floor(cores: Cores, folder: &TempDir) -> anyhow::Result<Self> {
        let (address, file) = (free()?, folder.path().join("floor"));
        let mut command = cores.first(&std::env::current_exe()?);
        command.args(["bench", "--be-floor"]).arg(file).arg("--listen").arg(address.to_string());
        Self::start(command, address, async || tokio::net::TcpStream::connect(address).await.is_ok()).await
    }

    /// Starts the engine.
    pub(super) async fn engine(cores: Cores, home: &Home) -> anyhow::Result<Self> {
        let mut command = cores.first(&std::env::current_exe()?);
        command.args(["serve", "--config"]).arg(home.folder.path().join("rejoinder.yaml"));
        Self::logging(command, home).await
    }

    /// Starts the engine with a retention of its own.
    pub(super) async fn forgetting(cores: Cores, home: &Home, retention: SignedDuration) -> anyhow::Result<Self> {
        let mut command = cores.first(&std::env::current_exe()?);
        command.args(["bench", "--be-engine"]).arg(home.folder.path().join("rejoinder.yaml"));
        command.args(["--retention", &retention.as_secs_f64().to_string()]);
        Self::logging(command, home).await
    }

    async fn logging(mut command: Command, home: &Home) -> anyhow::Result<Self> {
        command.stderr(File::options().create(true).append(true).open(home.folder.path().join("log"))?);
        Self::start(command, home.address, async || home.get("/readyz").await.is_ok()).await
    }

    async fn start(
        mut command: Command,
        address: SocketAddr,
        is_ready: impl AsyncFn() -> bool,
    ) -> anyhow::Result<Self> {
        let start = clock::instant();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("it cannot be started")?;
        let mut target = Self { child, address, started_in: Duration::ZERO };
        while !is_ready().await {
            if let Some(status) = target.child.try_wait()? {
                bail!("it ended before it was ready: {status}");
            }
            if start.elapsed() > PATIENCE {
                bail!("it was not ready in {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        target.started_in = start.elapsed();
        Ok(target)
    }

    /// The time for which it has been on a core.
    pub(super) fn cpu(&self) -> Option<Duration> {
        machine::cpu(self.child.id())
    }

    /// The memory that it has, and the most that it had, in bytes.
    pub(super) fn memory(&self) -> Option<(u64, u64)> {
        machine::memory(self.child.id())
    }

    /// Lets it finish what it has begun.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        asked.context("`kill` cannot be run")?;
        let start = clock::instant();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                bail!("it did not end in {PATIENCE:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// SIGKILL, whatever it does at that moment.
impl Drop for Target {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Home {
    /// Writes configuration and rules below `place`. Replies go to `sink`.
    pub(super) fn prepare(place: &Path, sink: SocketAddr) -> anyhow::Result<Self> {
        let folder = folder(place)?;
        let (address, admin) = (free()?, free()?);
        let rules = TOPICS.map(|topic| {
            json!({
                "name": topic, "when": { "message.text": { "contains_word": topic } },
                "do": [{ "reply": { "text": format!("Thank you, {{{{ contact.name }}}}. We look into the {topic}.") } }],
            })
        });
        let config = json!({
            "listen": address.to_string(), "admin": { "listen": admin.to_string() },
            "store": "sled:./data", "rules": "./rules", "limits": {
                "account_concurrency": 32,
                // What is waited for on purpose would hide what the engine takes.
                "reorder_window": "0s",
            },
            "accounts": { "bench": {
                "provider": "http", "base_url": format!("http://{sink}"),
                "actions": { "reply": {
                    "path": "/replies/{{ conversation.id }}", "body": { "text": "{{ text }}" }, "id": "/id",
                    "idempotency_header": "Idempotency-Key",
                } },
            } },
            "sources": { "bench": {
                "account": "bench", "verify": { "scheme": "standard-webhooks", "secrets": [SECRET] },
                "map": {
                    "event.id": "/id", "event.kind": "/type", "kinds": { "ticket.message": "message.received" },
                    "event.at": "/created_at", "conversation.id": "/ticket/id",
                    "conversation.subject": "/ticket/subject", "conversation.status": "/ticket/status",
                    "contact.id": "/customer/id", "contact.name": "/customer/name",
                    "message.id": "/message/id", "message.text": "/message/text",
                },
            } },
        });
        std::fs::create_dir(folder.path().join("rules"))?;
        // JSON is YAML.
        let rules = json!({ "version": 1, "rules": rules }).to_string();
        std::fs::write(folder.path().join("rules/rules.yaml"), rules)?;
        std::fs::write(folder.path().join("rejoinder.yaml"), config.to_string())?;
        let admin: Url = format!("http://{admin}").parse()?;
        let mut egress = Egress::default();
        egress.allow(&admin);
        Ok(Self { folder, client: Client::new(egress, PATIENCE)?, address, admin })
    }

    /// What the engine keeps takes so much on the disk, in bytes.
    pub(super) fn size(&self) -> anyhow::Result<u64> {
        let data = self.folder.path().join("data");
        // A store in memory has no folder.
        Ok(if data.is_dir() { machine::size(&data)? } else { 0 })
    }

    /// Waits until nothing is left to decide or to send.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        let start = clock::instant();
        loop {
            let counts = self.get("/api/v1/status").await?["counts"].take();
            if counts["undecided"] == 0 && counts["open_sends"] == 0 {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("not settled in {PATIENCE:?}: {counts}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How many records are stored.
    pub(super) async fn records(&self) -> anyhow::Result<u64> {
        Ok(self.get("/api/v1/state").await?["usage"]["records"].as_u64().unwrap_or_default())
    }

    /// Whether no event is stored.
    pub(super) async fn is_empty(&self) -> anyhow::Result<bool> {
        Ok(self.get("/api/v1/events?limit=1").await?["events"].as_array().is_some_and(Vec::is_empty))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let response = self.client.call(Request::new(Method::GET, self.admin.join(path)?)).await?;
        if response.is_success() { Ok(response.json()) } else { bail!("{path} answered {}", response.status) }
    }
}

/// A folder that goes when it is dropped.
pub(super) fn folder(place: &Path) -> anyhow::Result<TempDir> {
    let made = tempfile::Builder::new().prefix("rejoinder-bench-").tempdir_in(place);
    made.with_context(|| format!("a folder cannot be made in `{}`", place.display()))
}

fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
