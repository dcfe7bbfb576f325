//! The real program in a process of its own, over sled in a folder of its own: started, asked, killed, started again.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use http::{HeaderName, Method};
use jiff::Timestamp;
use rejoinder::config;
use rejoinder::http::{CallError, Client, Egress, Http, Request, Response};
use rejoinder::provider::sandbox::Speaks;
use rejoinder::secret::Secret;
use rejoinder::signature::{Signing, Verifier, generate_ed25519};
use rejoinder::store::{self, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::{ALL, configuration};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program.
pub(crate) struct Program {
    child: Option<Child>,
    folder: TempDir,
    admin: Url,
    public: Url,
    client: Client,
    /// HighLevel's private key.
    key: Secret,
    /// What is mounted where in the data folder, for this program alone, and how large it is.
    disks: Vec<(PathBuf, String)>,
}

/// Mounts what it is given in pairs of folder and size, then becomes the program.
const WITH_DISKS: &str = r#"
while [ "$1" != -- ]; do
    mkdir -p "$1" && mount -t tmpfs -o size="$2" none "$1" || exit 77
    shift 2
done
shift
exec "$@"
"#;

impl Program {
    /// Writes configuration and rules into a folder. Nothing runs yet.
    pub(crate) fn prepare(sandbox: SocketAddr, rules: &str, change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        std::fs::write(folder.path().join("rules/rules.yaml"), rules).unwrap();
        let (public, admin) = (port(), port());
        let (key, public_key) = generate_ed25519().unwrap();
        let mut config = configuration(sandbox, &public_key);
        config["listen"] = json!(public.to_string());
        config["admin"]["listen"] = json!(admin.to_string());
        // Only what is delivered comes in: a back-fill would find it at a moment of its own.
        for speaks in ALL {
            config["sources"][speaks.as_str()]["backfill"] = json!("off");
        }
        change(&mut config);
        std::fs::write(folder.path().join("rejoinder.yaml"), config.to_string()).unwrap();
        let base = |address: SocketAddr| format!("http://{address}").parse::<Url>().unwrap();
        let (public, admin) = (base(public), base(admin));
        let mut egress = Egress::default();
        egress.allow(&public);
        egress.allow(&admin);
        let client = Client::new(egress, Duration::from_secs(10)).unwrap();
        Self { child: None, folder, admin, public, client, key, disks: Vec::new() }
    }

    /// Starts it without waiting for anything.
    pub(crate) fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let program = env!("CARGO_BIN_EXE_rejoinder");
        let mut command = Command::new(if self.disks.is_empty() { program } else { "unshare" });
        if !self.disks.is_empty() {
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", WITH_DISKS, "sh"]);
            for (folder, size) in &self.disks {
                command.arg(folder).arg(size);
            }
            command.args(["--", program]);
        }
        let child = command
            .args(["serve", "--config"])
            .arg(self.folder.path().join("rejoinder.yaml"))
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        self.launch();
        let ready = async {
            loop {
                if let Some(ended) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                    if ended.code() == Some(77) || self.log().contains("unshare:") {
                        panic!(
                            "no disk could be mounted; run as root, or allow it with `sysctl kernel.unprivileged_userns_clone=1 \
                                kernel.apparmor_restrict_unprivileged_userns=0`: {}",
                            self.log()
                        );
                    }
                    panic!("{ended}: {}", self.log());
                }
                if self.get("/readyz").await.is_ok_and(|response| response.is_success()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("it is not ready in time");
    }

    /// Gives it disks of its own at places in its data folder, which go with the process.
    pub(crate) fn on_disks(&mut self, disks: &[(&str, &str)]) {
        self.disks = disks.iter().map(|(below, size)| (self.data().join(below), (*size).to_owned())).collect();
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// SIGTERM; it ends well.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let term = format!("kill -TERM {}", child.id());
        assert!(Command::new("sh").args(["-c", &term]).status().unwrap().success());
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// Waits until a counter is above zero.
    pub(crate) async fn counts(&self, name: &str) {
        let counted = async {
            loop {
                let metrics =
                    self.get("/metrics").await.map(|answer| String::from_utf8_lossy(&answer.body).into_owned());
                let mut lines = metrics.iter().flat_map(|text| text.lines());
                if lines.any(|line| line.starts_with(name) && !line.ends_with(" 0")) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, counted)
            .await
            .unwrap_or_else(|_| panic!("{name} stays at zero: {}", self.log()));
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    async fn get(&self, path: &str) -> Result<Response, CallError> {
        self.client.call(Request::new(Method::GET, self.admin.join(path).unwrap())).await
    }

    /// An answer of the admin API.
    pub(crate) async fn ask(&self, path: &str) -> Value {
        let response = self.get(path).await.unwrap();
        assert!(response.is_success(), "{path}: {response:?}");
        response.json()
    }

    /// Waits until nothing is left to decide or to send.
    pub(crate) async fn settle(&self, patience: Duration) {
        let settled = async {
            loop {
                let counts = self.ask("/api/v1/status").await["counts"].take();
                if counts["undecided"] == 0 && counts["open_sends"] == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(patience, settled).await.is_err() {
            panic!("not settled: {}\n{}", self.ask("/api/v1/status").await, self.log());
        }
    }

    /// The store, opened here. The program must not run.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        assert!(self.child.is_none(), "the program has the folder open");
        store::sled::open(&self.folder.path().join("data")).unwrap()
    }

    /// Somebody who posts signed webhooks to a source.
    pub(crate) fn sender(&self, speaks: Speaks) -> Arc<Sender> {
        let file: PathBuf = self.folder.path().join("rejoinder.yaml");
        let sources = config::load(&file).unwrap_or_else(|faults| panic!("{faults}")).sources;
        let source = sources.into_iter().find(|source| source.name.as_str() == speaks.as_str()).unwrap();
        let url = self.public.join(&format!("/webhooks/{}", speaks.as_str())).unwrap();
        Arc::new(Sender { verifier: source.verifier, url, client: self.client.clone(), key: self.key.clone() })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Somebody who posts signed webhooks.
pub(crate) struct Sender {
    verifier: Box<dyn Verifier>,
    url: Url,
    client: Client,
    key: Secret,
}

impl Sender {
    /// Posts once; the id of the event, where it was acknowledged.
    pub(crate) async fn post(&self, payload: &Value) -> Option<String> {
        let response = self.say(payload).await.ok()?;
        assert!(response.is_success() || response.status >= 429, "{response:?}");
        let id = response.json()["event"].as_str().map(str::to_owned);
        id.filter(|_| response.is_success())
    }

    /// Posts once; the answer.
    pub(crate) async fn say(&self, payload: &Value) -> Result<Response, CallError> {
        let body = payload.to_string();
        let signing =
            Signing { body: body.as_bytes(), id: "msg_1", now: Timestamp::now(), private_key: Some(&self.key) };
        let mut request = Request::json(Method::POST, self.url.clone(), payload);
        for (name, value) in self.verifier.sign(&signing).unwrap() {
            request = request.header(HeaderName::try_from(name).unwrap(), &value);
        }
        self.client.call(request).await
    }

    /// Posts until it is acknowledged, as a provider does.
    pub(crate) async fn insist(&self, payload: &Value) -> String {
        loop {
            match self.post(payload).await {
                Some(id) => return id,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// A port below the ones that outgoing connections are given, so that nobody takes it while the program is down.
fn port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 500) as u16 * 20;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
