//! The composition root: settings in, a running program out. The only place that knows every part.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::SignedDuration;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::{AccountSettings, Settings, StoreSettings, read_snippets};
use crate::engine::{Account, Alarm, Bells, Engine, Pressure, Source, Watch, Watermarks};
use crate::http::{CallError, Client, Egress, Http};
use crate::model::{AccountName, HttpCall, SourceName};
use crate::outbox::{OnUnknown, RetryPolicy};
use crate::provider::{Adapter, Metered};
use crate::rules::{self, AccountFacts, Attachments, Book, Surroundings, Tally, script};
use crate::server::{self, Limits, Listening, Reload, Shared};
use crate::signature::Doctor;
use crate::store::{self, Store, StoreError};
use crate::worker;
use crate::yaml::{self, Fault, Faults};

/// How often somebody looks whether the store still works.
const LOOK: Duration = Duration::from_secs(1);

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Configuration or rules are wrong.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client could not be made.
    #[error(transparent)]
    Client(#[from] CallError),
    /// An address could not be bound.
    #[error("cannot listen on {address}: {source}; is something else using the port?")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
}

/// Opens the store that the settings name.
pub async fn open_store(settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    match settings {
        StoreSettings::Memory => Ok(store::memory::open()),
        StoreSettings::Sled(path) => {
            let path = path.clone();
            let opened = tokio::task::spawn_blocking(move || store::sled::open(&path)).await;
            opened
                .map_err(|error| StoreError::Failed { what: "opening the store".to_owned(), source: Box::new(error) })?
        }
    }
}

/// What rules can refer to.
pub fn surroundings(settings: &Settings) -> Surroundings {
    let accounts = settings.accounts.iter().map(|account| AccountFacts {
        name: account.name.clone(),
        provider: account.provider.clone(),
        capabilities: account.capabilities.clone(),
        own_addresses: account.own_addresses.clone(),
        answers_everybody: account.adapter.answers_everybody(),
    });
    let root = settings.rules.iter().find(|path| path.is_dir()).or(settings.rules.first()).cloned();
    Surroundings {
        members: settings.members.clone(),
        snippets: settings.snippets.clone(),
        hooks: settings.hooks.iter().map(|(name, hook)| (name.clone(), hook.url().clone())).collect(),
        accounts: accounts.collect(),
        sources: settings.sources.iter().map(|source| (source.name.clone(), source.account.clone())).collect(),
        schedules: Arc::clone(&settings.schedules),
        time_zone: settings.time_zone.clone(),
        guard: settings.guard.clone(),
        scripts: Arc::new(script::Engine::new(settings.scripts)),
        attachments: Attachments::Folder(root.unwrap_or_default()),
    }
}

/// Reads and compiles the rule book.
pub fn load_book(settings: &Settings) -> Result<Book, Faults> {
    read_book(&settings.rules, surroundings(settings))
}

/// A book from its files; the guard's settings for a rule that is not there are a fault of the configuration.
fn read_book(paths: &[PathBuf], surroundings: Surroundings) -> Result<Book, Faults> {
    let book = Book::compile(rules::read_files(paths)?, surroundings)?;
    let mut faults = Faults::default();
    let known = || book.rules().iter().map(|rule| rule.name.as_str());
    for name in book.surroundings().guard.rules.keys().filter(|name| known().all(|known| known != *name)) {
        let message = format!("there is no rule `{name}`{}", yaml::suggest(name, known()));
        faults.push(Fault { file: "guard.rules".to_owned(), line: 0, column: 0, message });
    }
    faults.or(book)
}

/// Points the settings at other rules. A folder of snippets inside the configured rules is looked for at the same place
/// inside the others.
pub fn with_rules(mut settings: Settings, rules: PathBuf) -> Result<Settings, Faults> {
    let inside = |folder: &PathBuf| {
        let below = settings.rules.iter().find_map(|configured| folder.strip_prefix(configured).ok())?;
        Some(rules.join(below)).filter(|folder| folder.is_dir())
    };
    if let Some(folder) = settings.snippets_folder.as_ref().and_then(inside) {
        settings.snippets = read_snippets(&folder).map_err(snippet_faults)?;
        settings.snippets_folder = Some(folder);
    }
    settings.rules = vec![rules];
    Ok(settings)
}

/// What calls the configured addresses, within the egress policy.
pub fn client(settings: &Settings) -> Result<Client, CallError> {
    let mut egress = Egress::default();
    settings.egress.iter().for_each(|url| egress.allow(url));
    settings.accounts.iter().flat_map(|account| account.adapter.base_urls()).for_each(|url| egress.allow(&url));
    settings.hooks.values().flat_map(|hook| hook.base_urls()).for_each(|url| egress.allow(&url));
    Client::new(egress, settings.provider_timeout)
}

/// Puts the parts together.
pub fn build(settings: Settings, book: Book, store: Arc<dyn Store>, clock: Clock) -> Result<Engine, StartError> {
    let client: Arc<dyn Http> = Arc::new(client(&settings)?);
    let metered = |name: &AccountName, adapter: &dyn Adapter| {
        Metered::new(name.clone(), Arc::clone(&client), adapter, clock.clone())
    };
    let accounts = settings.accounts.into_iter().map(|account| {
        let AccountSettings { name, provider, adapter, concurrency, quotas, on_unknown, .. } = account;
        let http = match quotas {
            Some(quotas) => metered(&name, adapter.as_ref()).within(&quotas, clock.clone()),
            None => metered(&name, adapter.as_ref()),
        };
        (name, Account { provider, adapter, http, concurrency, on_unknown, bell: Notify::default() })
    });
    let concurrency = settings.account_concurrency;
    let alarm_hook = settings.guard.alert.hook.as_ref();
    let alarm = alarm_hook
        .and_then(|name| Some(Alarm { account: HttpCall::account(name), hook: Arc::clone(settings.hooks.get(name)?) }));
    let hooks = settings.hooks.into_iter().map(|(name, hook)| {
        let name = HttpCall::account(&name);
        let (http, provider) = (metered(&name, hook.as_ref()), "hook".to_owned());
        let (adapter, on_unknown): (Arc<dyn Adapter>, _) = (hook, OnUnknown::default());
        (name, Account { provider, adapter, http, concurrency, on_unknown, bell: Notify::default() })
    });
    let sources = settings.sources.into_iter().map(|source| {
        let (name, account) = (source.name.clone(), source.account);
        let built = Source {
            name,
            account,
            verifier: source.verifier,
            mapping: source.mapping,
            scheme: source.scheme,
            polling: source.polling,
            watch: Watch::default(),
        };
        (source.name, built)
    });
    let folder = match settings.store {
        StoreSettings::Sled(path) => Some(path),
        StoreSettings::Memory => None,
    };
    let Limits { backlog, min_free_disk, .. } = settings.limits;
    // A call with its look-ups and the waits of a rate budget must end well inside the lease.
    let lease = SignedDuration::from_mins(5);
    Ok(Engine {
        store,
        sources: sources.collect(),
        accounts: accounts.chain(hooks).collect(),
        alarm,
        book: ArcSwap::from_pointee(book),
        failures: Tally::default(),
        clock: clock.clone(),
        retry: RetryPolicy::default(),
        patience: settings.patience,
        retention: settings.retention,
        pressure: Pressure::within(Watermarks { backlog, min_free_disk, folder }),
        lease,
        bells: Bells::default(),
    })
}

/// A running program.
pub struct Running {
    /// Its parts.
    pub engine: Arc<Engine>,
    /// Where webhooks come in.
    pub public: std::net::SocketAddr,
    /// Where the operator asks.
    pub admin: std::net::SocketAddr,
    /// Loads the rules anew.
    pub reloader: Arc<Reloader>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    stop_admin: watch::Sender<bool>,
    admin_task: JoinHandle<()>,
}

/// Starts everything that the settings ask for.
pub async fn start(settings: Settings, metrics: Option<PrometheusHandle>) -> Result<Running, StartError> {
    let book = load_book(&settings)?;
    let public = bind(settings.listen).await?.behind(settings.admission.clone());
    let admin = bind(settings.admin_listen).await?.behind(settings.admission.clone());
    let store = open_store(&settings.store).await?;
    store.keep_book(book.hash(), book.kept()).await?;
    announce(&settings);
    let (limits, token) = (settings.limits, settings.admin_token.clone());
    let (paths, snippets) = (settings.rules.clone(), settings.snippets_folder.clone());
    let (admission, doctor) = (settings.admission.clone(), Arc::new(doctor(&settings)));
    let place = settings.store.place();
    let engine = Arc::new(build(settings, book, store, Clock::system())?);
    let reloader = Arc::new(Reloader { engine: Arc::clone(&engine), paths, snippets });
    let mut shared = Shared::new(Arc::clone(&engine), limits, token);
    shared.metrics = metrics;
    shared.admission = admission;
    shared.place = place;
    shared.doctor = doctor;
    shared.reload = Some(Arc::clone(&reloader) as Arc<dyn Reload>);
    let shared = Arc::new(shared);
    let (stop, stopped) = watch::channel(false);
    let (stop_admin, admin_stopped) = watch::channel(false);
    let addresses = (public.address, admin.address);
    let tasks = vec![
        tokio::spawn(server::serve(public, server::public_router(Arc::clone(&shared)), limits, stopped.clone())),
        tokio::spawn(worker::run(Arc::clone(&engine), stopped)),
    ];
    let admin_task =
        tokio::spawn(server::serve(admin, server::admin_router(Arc::clone(&shared)), limits, admin_stopped));
    let (public, admin) = addresses;
    Ok(Running { engine, public, admin, reloader, shared, stop, tasks, stop_admin, admin_task })
}

async fn bind(address: std::net::SocketAddr) -> Result<Listening, StartError> {
    Listening::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn announce(settings: &Settings) {
    for source in &settings.sources {
        match source.scheme.as_str() {
            "none" => tracing::warn!(source = %source.name, "deliveries are NOT verified: anybody can send them"),
            scheme => tracing::info!(source = %source.name, account = %source.account, scheme, "source"),
        }
    }
}

impl Running {
    /// Returns when the store has failed for good. Another start may find it sound, this one will not.
    pub async fn store_broken(&self) {
        while !self.engine.store.is_broken() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Takes nothing new, finishes what has begun, closes the store. The operator's side answers until then, so that
    /// `readyz` can say that we are draining.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.shared.drain();
        // A receiver that is gone has ended already.
        let _ = self.stop.send(true);
        for task in self.tasks {
            ended(task).await;
        }
        let _ = self.stop_admin.send(true);
        ended(self.admin_task).await;
        self.engine.store.close().await
    }
}

async fn ended(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(error = %error, "a part ended by a panic");
    }
}

/// Loads the rules anew; the last good book stays in force when it cannot.
pub struct Reloader {
    engine: Arc<Engine>,
    /// What to watch: rule files and folders.
    pub paths: Vec<PathBuf>,
    /// What to watch: the folder of snippets.
    pub snippets: Option<PathBuf>,
}

impl Reloader {
    fn compile(&self) -> Result<Book, Faults> {
        let mut surroundings = self.engine.book.load().surroundings().clone();
        if let Some(folder) = &self.snippets {
            surroundings.snippets = read_snippets(folder).map_err(snippet_faults)?;
        }
        read_book(&self.paths, surroundings)
    }

    async fn replace(&self, book: Book) -> Result<String, String> {
        let hash = book.hash().clone();
        // Kept before it decides anything, so that every decision can be explained by its own book.
        self.engine.store.keep_book(&hash, book.kept()).await.map_err(|error| error.to_string())?;
        tracing::info!(book = %hash, rules = book.rules().len(), "the rules were loaded anew");
        self.engine.book.store(Arc::new(book));
        Ok(hash.to_string())
    }
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self) -> Result<String, String> {
        match self.compile() {
            Ok(book) if book.hash() == self.engine.book.load().hash() => {
                tracing::info!(book = %book.hash(), "the rules are as they were");
                Ok(book.hash().to_string())
            }
            Ok(book) => self.replace(book).await,
            Err(faults) => {
                tracing::error!(
                    faults = faults.len(),
                    "the rules could not be loaded; the last good ones stay in force\n{faults}"
                );
                Err(faults.to_string())
            }
        }
    }
}

fn snippet_faults(problems: Vec<(String, String)>) -> Faults {
    let mut faults = Faults::default();
    faults.extend(problems.into_iter().map(|(file, message)| Fault { file, line: 0, column: 0, message }));
    faults
}

/// What diagnoses deliveries to the configured sources.
pub fn doctor(settings: &Settings) -> Doctor {
    let verified = settings.sources.iter().filter_map(|source| Some((source.name.clone(), source.verify.clone()?)));
    Doctor::new(verified)
}

/// The source of that name, for commands.
pub fn source<'a>(engine: &'a Engine, name: &str) -> Option<&'a Source> {
    engine.sources.get(&SourceName::from(name))
}
