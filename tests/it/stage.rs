//! The stage that tests play on: the real program in a folder of its own, a sandbox provider on its own port, and the
//! senders' side of the webhooks. It waits for what it can see, never for a while.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderName, Method};
use rejoinder::clock::Clock;
use rejoinder::config::{self, Settings};
use rejoinder::http::{Client, Egress, Http, Request, Response};
use rejoinder::provider::sandbox::{Incoming, Limits as SandboxLimits, Sandbox, Speaks};
use rejoinder::secret::Secret;
use rejoinder::server::{self, Limits, Listening};
use rejoinder::signature::{Signing, generate_ed25519};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How long anything may take before a test gives up. Far beyond what it takes, because machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(30);

/// The operator's token.
pub(crate) const TOKEN: &str = "planted-admin-token";

/// One source and one account at each of the four providers; `{…}` is filled in by the stage. Only what is delivered comes
/// in: a back-fill would find it at a moment of its own.
const CONFIG: &str = r#"
listen: 127.0.0.1:0
admin:
  listen: 127.0.0.1:0
  token: planted-admin-token
store: sled:./data
rules: ./rules
accounts:
  shop:
    provider: sequenzy
    api_key: sandbox-key
    base_url: {sandbox}/sequenzy/api/v1
    own_addresses: [support@example.com]
  desk:
    provider: fernand
    api_key: sandbox-key
    agent_email: dr.lee@sandbox.example
    delay: 0s
    base_url: {sandbox}/fernand
  crm:
    provider: highlevel
    token: sandbox-key
    location_id: sandboxLocation
    base_url: {sandbox}/highlevel
  clinic:
    provider: spruce
    token: sandbox-key
    base_url: {sandbox}/spruce/v1
sources:
  shop: { account: shop, verify: { scheme: sequenzy, secrets: [planted-shop-secret] }, backfill: off }
  desk: { account: desk, verify: { scheme: token, header: X-Desk-Key, secrets: [planted-desk-secret] }, backfill: off }
  crm: { account: crm, verify: { scheme: highlevel, keys: ["{key}"] }, backfill: off }
  clinic: { account: clinic, verify: { scheme: spruce, secrets: [planted-clinic-secret] }, backfill: off }
members:
  dr-lee: { spruce: entity_0D4QABCC06000, fernand: "42", highlevel: GK56r6wdJDrkUPd0xsmx }
"#;

/// One rule that answers everybody, by name.
pub(crate) const RULES: &str = r#"version: 1
rules:
  - name: hello
    do:
      - reply: { text: "Hello {{ contact.first_name | default('you') }}" }
"#;

/// The sources, with whose webhook each takes.
pub(crate) const SOURCES: [(&str, Speaks); 4] =
    [("shop", Speaks::Sequenzy), ("desk", Speaks::Fernand), ("crm", Speaks::HighLevel), ("clinic", Speaks::Spruce)];

/// A folder with configuration and rules, and the sandbox they lead to.
pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) sandbox: Sandbox,
    /// HighLevel's private key.
    pub(crate) key: Secret,
    _stop: watch::Sender<bool>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// The same, after it ended well.
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

impl Stage {
    /// All four providers, and one rule that answers everybody.
    pub(crate) async fn set() -> Self {
        Self::with("").await
    }

    /// The same, with more lines of configuration.
    pub(crate) async fn with(more: &str) -> Self {
        let sandbox = Sandbox::new(SandboxLimits::Off);
        let listening = Listening::bind(any()).await.unwrap();
        let address = listening.address;
        let (stop, stopped) = watch::channel(false);
        let router = server::sandbox_router(sandbox.clone(), Clock::system());
        tokio::spawn(server::serve(listening, router, limits(), stopped));
        let (key, public_key) = generate_ed25519().unwrap();
        let stage = Self { folder: tempfile::tempdir().unwrap(), sandbox, key, _stop: stop };
        let config = CONFIG.replace("{sandbox}", &format!("http://{address}")).replace("{key}", &public_key);
        stage.write("rejoinder.yaml", &format!("{config}{more}"));
        stage.write("rules/10-hello.yaml", RULES);
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(self.folder.path(), name, text);
    }

    /// What the configuration means.
    pub(crate) fn settings(&self) -> Settings {
        let text = std::fs::read_to_string(self.path("rejoinder.yaml")).unwrap();
        let mut settings = config::load_text("rejoinder.yaml", &text, self.folder.path(), Vec::new()).unwrap();
        // Nothing here happens out of order.
        settings.patience.reorder = jiff::SignedDuration::ZERO;
        settings
    }

    /// Runs a command in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same, with variables of the environment.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        finish(command(self.folder.path(), arguments).envs(variables.iter().copied()))
    }

    /// A message that arrives at a provider, as its webhook tells it.
    pub(crate) fn arrive(&self, speaks: Speaks, conversation: &str, text: &str) -> Value {
        let is_mail = speaks != Speaks::Spruce;
        let incoming = Incoming {
            conversation_id: conversation.to_owned(),
            name: Some("Ann Smith".to_owned()),
            email: is_mail.then(|| "planted.ann@example.org".to_owned()),
            phone: (!is_mail).then(|| "+15550100".to_owned()),
            subject: is_mail.then(|| "planted subject".to_owned()),
            text: text.to_owned(),
            ..Incoming::default()
        };
        self.sandbox.arrive(speaks, incoming, Clock::system().now())
    }

    /// The headers that a genuine sender would add.
    pub(crate) fn sign(&self, source: &str, body: &str) -> Vec<(String, String)> {
        self.sign_at(source, body, Clock::system().now())
    }

    /// The same, signed at another time.
    pub(crate) fn sign_at(&self, source: &str, body: &str, now: jiff::Timestamp) -> Vec<(String, String)> {
        let settings = self.settings();
        let found = settings.sources.iter().find(|one| one.name.as_str() == source).unwrap();
        let signing = Signing { body: body.as_bytes(), id: "msg_1", now, private_key: Some(&self.key) };
        found.verifier.sign(&signing).unwrap()
    }

    /// A body with its signature in it, for schemes that put it there.
    pub(crate) fn seal(&self, source: &str, body: &str) -> String {
        let settings = self.settings();
        let found = settings.sources.iter().find(|one| one.name.as_str() == source).unwrap();
        let signing =
            Signing { body: body.as_bytes(), id: "msg_1", now: Clock::system().now(), private_key: Some(&self.key) };
        String::from_utf8(found.verifier.seal(&signing).unwrap()).unwrap()
    }

    /// What we said in a conversation, as the provider has it.
    pub(crate) fn said(&self, speaks: Speaks, conversation: &str) -> Vec<String> {
        let threads = self.sandbox.conversations();
        let thread = threads.iter().find(|thread| thread.provider == speaks && thread.id == conversation);
        let messages = thread.into_iter().flat_map(|thread| &thread.messages).skip(1);
        messages.map(|entry| entry.text.clone()).collect()
    }

    /// Starts the real program.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_with(&[]).await
    }

    /// The same, with variables of the environment.
    pub(crate) async fn serve_with(&self, variables: &[(&str, &str)]) -> Server {
        serve_in(self.folder.path(), variables).await
    }
}

/// Starts the real program in a folder and waits until it is ready.
pub(crate) async fn serve_in(folder: &Path, variables: &[(&str, &str)]) -> Server {
    let mut command = command(folder, &["serve"]);
    command.envs(variables.iter().copied());
    started(command).await
}

/// Starts a command that serves and waits until it is ready.
pub(crate) async fn started(mut command: Command) -> Server {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let log = Arc::new(Mutex::new(String::new()));
    let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            kept.lock().unwrap().push_str(&format!("{line}\n"));
        }
    });
    let mut program = Program { child, log };
    let ready = until("the program is ready", async || {
        let ended = program.child.try_wait().unwrap();
        assert_eq!(ended, None, "{}", program.log());
        program.log().lines().find(|line| line.contains("ready") && line.contains("public")).map(str::to_owned)
    })
    .await;
    // `public=127.0.0.1:8080` or `"public":"127.0.0.1:8080"`.
    let address = |name: &str| {
        let rest = ready.split(name).nth(1).unwrap().trim_start_matches(['"', ':', '=']);
        rest.split([' ', '"']).next().unwrap().parse().unwrap()
    };
    let server = Server { public: address("public"), admin: address("admin"), program };
    // A port that another server had before comes with no connections of that time.
    for address in [server.public, server.admin] {
        CLIENTS.lock().unwrap().remove(&address.to_string());
    }
    server
}

/// A started program, killed when it goes out of sight.
struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Program {
    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The real program, serving.
pub(crate) struct Server {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    program: Program,
}

impl Server {
    /// Everything that was logged until now.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Waits until a log line holds the words.
    pub(crate) async fn logs(&self, words: &str) {
        until(words, async || self.log().contains(words).then_some(())).await;
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.program.child.id()
    }

    /// Sends a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.program.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until the program has ended; its exit code.
    pub(crate) async fn ended(&mut self) -> i32 {
        let child = &mut self.program.child;
        let status = until("the program ends", async || child.try_wait().unwrap()).await;
        status.code().unwrap_or(-1)
    }

    /// Drains the program, which ends well.
    pub(crate) async fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.ended().await, 0);
    }

    /// Posts a delivery with these headers.
    pub(crate) async fn post(&self, source: &str, headers: &[(String, String)], body: &str) -> Response {
        post(self.public, source, headers, body).await
    }

    /// Posts a correctly signed delivery; the event's id.
    pub(crate) async fn deliver(&self, stage: &Stage, source: &str, body: &str) -> String {
        let response = self.post(source, &stage.sign(source, body), body).await;
        assert_eq!(response.status, 200, "{}", text(&response));
        response.json()["event"].as_str().unwrap().to_owned()
    }

    /// Asks the operator's side.
    pub(crate) async fn get(&self, path: &str) -> Response {
        ask(self.admin, Method::GET, path, None).await
    }

    /// Tells the operator's side.
    pub(crate) async fn tell(&self, path: &str, body: Option<&Value>) -> Response {
        ask(self.admin, Method::POST, path, body).await
    }

    /// Waits until an event is decided and all its sends are settled; the answer of the admin API.
    pub(crate) async fn settled(&self, event: &str) -> Value {
        until("the event is settled", async || {
            let entry = self.get(&format!("/api/v1/events/{event}")).await.json();
            let is_open = |send: &Value| ["pending", "unknown"].contains(&send["state"].as_str().unwrap_or("pending"));
            let is_settled =
                !entry["decision"].is_null() && !entry["sends"].as_array().into_iter().flatten().any(is_open);
            is_settled.then_some(entry)
        })
        .await
    }

    /// Runs a command in the stage's folder, which finds this server.
    pub(crate) fn run(&self, stage: &Stage, arguments: &[&str]) -> Ran {
        let mut command = command(stage.folder.path(), arguments);
        finish(
            command
                .env("REJOINDER_LISTEN", self.public.to_string())
                .env("REJOINDER_ADMIN__LISTEN", self.admin.to_string()),
        )
    }
}

/// Asks again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Posts to a source at an address.
pub(crate) async fn post(to: SocketAddr, source: &str, headers: &[(String, String)], body: &str) -> Response {
    let url = format!("http://{to}/webhooks/{source}").parse().unwrap();
    let mut request = Request::new(Method::POST, url);
    request.body = body.as_bytes().to_vec();
    for (name, value) in headers {
        request = request.header(HeaderName::try_from(name.as_str()).unwrap(), value);
    }
    call(request).await
}

/// Asks the operator's side at an address, with the token.
pub(crate) async fn ask(to: SocketAddr, method: Method, path: &str, body: Option<&Value>) -> Response {
    let url = format!("http://{to}{path}").parse().unwrap();
    let request = match body {
        Some(body) => Request::json(method, url, body),
        None => Request::new(method, url),
    };
    call(request.bearer(&Secret::from(TOKEN))).await
}

/// A client for each address: making one costs more than all calls of a test, and every server has a port of its own.
static CLIENTS: Mutex<BTreeMap<String, Client>> = Mutex::new(BTreeMap::new());

/// Makes one call.
pub(crate) async fn call(request: Request) -> Response {
    let address = request.url.authority().to_owned();
    let known = CLIENTS.lock().unwrap().get(&address).cloned();
    let client = known.unwrap_or_else(|| {
        let mut egress = Egress::default();
        egress.allow(&request.url);
        let client = Client::new(egress, PATIENCE).unwrap();
        CLIENTS.lock().unwrap().insert(address, client.clone());
        client
    });
    client.call(request).await.unwrap()
}

/// A connection on which nothing has been said.
pub(crate) async fn connect(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).await.unwrap()
}

/// The body of an answer as text.
pub(crate) fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

/// Writes a file below a folder.
pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The program, in a folder, with nothing of this process's environment that could change what it does.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("REJOINDER_")
            || name.starts_with("RUST_")
            || ["NO_COLOR", "CLICOLOR_FORCE"].contains(&&*name)
        {
            command.env_remove(name.as_ref());
        }
    }
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command in a folder.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    finish(&mut command(folder, arguments))
}

/// Runs a command with something on its standard input.
pub(crate) fn run_with_input(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = command(folder, arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ran(child.wait_with_output().unwrap())
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Ran {
    ran(command.output().unwrap())
}

fn ran(output: std::process::Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Any port of this machine.
pub(crate) fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Limits that no test runs into by accident.
pub(crate) fn limits() -> Limits {
    Limits { concurrency: 64, ..Limits::default() }
}
