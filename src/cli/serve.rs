//! `serve`: runs until it is told to end.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::sync::watch as watch_channel;
use tracing_subscriber::EnvFilter;

use super::signals::{Signals, Told};
use super::{ConfigArguments, Ended};
use crate::app::{self, Reloader};
use crate::clock::Clock;
use crate::config::{self, LogForm, Settings};
use crate::provider::sandbox::Sandbox;
use crate::server::{self, Listening, Reload};
use crate::store::Store;
use crate::watch;

pub(super) async fn run(arguments: ConfigArguments) -> anyhow::Result<Ended> {
    run_with(config::load(&arguments.config)?).await
}

/// Runs with these settings.
pub(super) async fn run_with(settings: Settings) -> anyhow::Result<Ended> {
    log_to_stderr(settings.log);
    let mut signals = Signals::listen()?;
    host_sandbox(&settings).await;
    let running = app::start(settings, record_metrics()).await?;
    tracing::info!(public = %running.public, admin = %running.admin, rules = running.engine.book.load().rules().len(), "ready");
    // A watcher that cannot be had is no reason not to serve: SIGHUP is still there.
    let watching = watch::rules(Arc::clone(&running.reloader))
        .map_err(|error| tracing::warn!(error = %error, "rule files are not watched"));
    end_with(&running.engine.store)?;
    let reloader = Arc::clone(&running.reloader);
    let is_broken = tokio::select! {
        () = until_told(&mut signals, &reloader) => false,
        () = running.store_broken() => true,
    };
    if is_broken {
        tracing::error!("the store has failed and keeps nothing any more; ending, so that a new start opens it again");
    }
    drop(watching);
    tracing::info!("draining");
    tokio::select! {
        // A store that has failed has nothing more to say at its end.
        stopped = running.stop() => if !is_broken { stopped? },
        // What was under way is found in the store at the next start.
        () = until_told(&mut signals, &reloader) => {
            tracing::warn!("ended before everything under way was finished");
        }
    }
    Ok(if is_broken { Ended::Failed } else { Ended::Fine })
}

/// How often it is looked whether the store has failed, and how long the program may take to end in order then.
const LOOK: Duration = Duration::from_secs(1);
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Ends the program where the store has failed and whoever was asking it hangs with it, so that nothing else can.
fn end_with(store: &Arc<dyn Store>) -> std::io::Result<()> {
    let store = Arc::downgrade(store);
    let watch = move || {
        while let Some(store) = store.upgrade() {
            if store.is_broken() {
                std::thread::sleep(LAST_WORDS);
                tracing::error!("the store has failed, and the program does not come to its end; it is ended");
                std::process::exit(1);
            }
            drop(store);
            std::thread::sleep(LOOK);
        }
    };
    std::thread::Builder::new().name("store-watch".to_owned()).spawn(watch).map(drop)
}

/// Where an account is at the sandbox, the sandbox is served as well, so that rules can be tried without any other program.
async fn host_sandbox(settings: &Settings) {
    let at_sandbox = settings.accounts.iter().filter(|account| account.provider == "sandbox");
    let addresses: BTreeSet<SocketAddr> =
        at_sandbox.flat_map(|account| account.adapter.base_urls()).filter_map(|url| loopback(&url)).collect();
    let clock = Clock::system();
    for address in addresses {
        match Listening::bind(address).await {
            Ok(listening) => {
                tracing::info!(address = %address, "serving the sandbox provider; `GET /` shows its conversations");
                let router = server::sandbox_router(Sandbox::default().counting_from(clock.now()), clock.clone());
                let (limits, (keep, stop)) = (settings.limits, watch_channel::channel(false));
                tokio::spawn(async move {
                    server::serve(listening, router, limits, stop).await;
                    drop(keep);
                });
            }
            Err(error) => tracing::warn!(address = %address, error = %error, "the sandbox provider is not served here"),
        }
    }
}

fn loopback(url: &url::Url) -> Option<SocketAddr> {
    let address = SocketAddr::new(url.host_str()?.parse().ok()?, url.port_or_known_default()?);
    address.ip().is_loopback().then_some(address)
}

async fn until_told(signals: &mut Signals, reloader: &Arc<Reloader>) {
    while signals.next().await == Told::Reload {
        // What is wrong with the files has been logged.
        let _ = reloader.reload().await;
    }
}

/// Log lines on standard error; `RUST_LOG` chooses, `info` by default.
pub(super) fn log_to_stderr(form: LogForm) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let has_colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(has_colour)
        .with_target(false);
    // A second subscriber is refused: a test, or the demo, has set one up.
    let _ = match form {
        LogForm::Pretty => builder.try_init(),
        LogForm::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// How often what was measured is summed up. Until then each measurement takes memory, also where nobody asks for metrics.
const UPKEEP: Duration = Duration::from_secs(5);

/// Records metrics from now on; nothing where another recorder is set already.
pub(super) fn record_metrics() -> Option<PrometheusHandle> {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    let recorder = PrometheusBuilder::new().set_buckets(&buckets).ok()?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Some(handle)
}
