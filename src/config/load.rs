//! What the configuration means: addresses, durations, accounts, sources. Reports everything that is wrong at once, and
//! reads no file but snippets.

mod accounts;
mod admission;
mod polling;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use url::Url;

use super::document::ConfigDocument;
use super::settings::{Settings, StoreSettings};
use super::surroundings;
use crate::engine::Patience;
use crate::model::{SHORTEST_RETENTION, duration};
use crate::rules::SnippetFile;
use crate::rules::schedule::{Schedule, Schedules};
use crate::server::Limits;
use crate::yaml::{Document, Faults};

/// The shortest and the longest time-out.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(120));

/// The longest `lane_patience` and the longest `reorder_window`.
const LONGEST_PATIENCE: SignedDuration = SignedDuration::from_hours(24);
const LONGEST_WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// What a document of the right shape means.
pub(super) fn settings(document: &Document, folder: &Path, written: ConfigDocument) -> Result<Settings, Faults> {
    Loading { document, folder, faults: Faults::default() }.settings(written)
}

struct Loading<'a> {
    document: &'a Document,
    folder: &'a Path,
    faults: Faults,
}

impl Loading<'_> {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        let fault = self.document.fault(pointer, message);
        self.faults.push(fault);
    }

    fn good<T>(&mut self, pointer: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.fault(pointer, message)).ok()
    }

    fn settings(mut self, written: ConfigDocument) -> Result<Settings, Faults> {
        let listen = self.address("/listen", &written.listen);
        let admin_listen = self.address("/admin/listen", &written.admin.listen);
        if admin_listen.is_some_and(|address| !address.ip().is_loopback()) && written.admin.token.is_none() {
            self.fault(
                "/admin/listen",
                "the admin listener is reachable from outside; set `admin.token`, or listen on 127.0.0.1",
            );
        }
        let store = self.store(&written.store);
        let retention = self.retention(&written.retention);
        let time_zone = self.good(
            "/time_zone",
            TimeZone::get(&written.time_zone).map_err(|_| {
                format!("`{}` is not a time zone of the IANA database, such as Europe/Berlin", written.time_zone)
            }),
        );
        let schedules = self.schedules(&written, time_zone.as_ref());
        let accounts = self.accounts(&written);
        let sources = self.sources(&written, &accounts);
        self.known_for(&sources, retention);
        let hooks = self.hooks(&written.hooks);
        let (snippets, snippets_folder) = self.snippets(written.snippets.as_deref());
        let limits = self.limits(&written);
        let admission = self.admission(&written);
        let provider_timeout = self.timeout("/limits/provider_timeout", &written.limits.provider_timeout);
        let patience = self.patience(&written).unwrap_or_default();
        let egress = self.egress(&written.egress.allow);
        let rules = written.rules.to_vec().iter().map(|path| self.path(path)).collect();
        let settings =
            listen.zip(admin_listen).zip(store).zip(retention).zip(limits).zip(provider_timeout).zip(time_zone).map(
                |((((((listen, admin_listen), store), retention), limits), provider_timeout), time_zone)| Settings {
                    listen,
                    admin_listen,
                    admin_token: written.admin.token,
                    store,
                    rules,
                    time_zone,
                    schedules,
                    retention,
                    accounts,
                    sources,
                    hooks,
                    members: written.members,
                    snippets,
                    snippets_folder,
                    guard: written.guard,
                    egress,
                    limits,
                    patience,
                    scripts: written.limits.script,
                    provider_timeout,
                    admission,
                    account_concurrency: written.limits.account_concurrency.max(1),
                    log: written.log,
                },
            );
        match settings {
            Some(settings) => self.faults.or(settings),
            None => self.faults.or(()).and_then(|()| Err(Faults::default())),
        }
    }

    /// A path as written, from the folder of the configuration, without detours through `..`, which would stand in the
    /// place of every fault.
    fn path(&self, written: &str) -> PathBuf {
        let mut path = PathBuf::new();
        for part in self.folder.join(written).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                    path.pop();
                }
                part => path.push(part),
            }
        }
        path
    }

    fn address(&mut self, pointer: &str, text: &str) -> Option<SocketAddr> {
        self.good(
            pointer,
            text.parse().map_err(|_| format!("`{text}` is not an address and port, such as 127.0.0.1:8080")),
        )
    }

    fn duration(&mut self, pointer: &str, text: &str) -> Option<SignedDuration> {
        self.good(pointer, duration::parse(text))
    }

    fn retention(&mut self, text: &str) -> Option<SignedDuration> {
        let retention = self.duration("/retention", text);
        if retention.is_some_and(|retention| retention < SHORTEST_RETENTION) {
            let why = "senders repeat a delivery for up to seven days, and a repeat is known by what is kept";
            self.fault("/retention", format!("`{text}` is shorter than 7d: {why}"));
        }
        retention
    }

    /// A time-out: neither so short that nothing can be done in it, nor so long that a lease runs out meanwhile.
    fn timeout(&mut self, pointer: &str, text: &str) -> Option<Duration> {
        let duration = Duration::try_from(self.duration(pointer, text)?).ok()?;
        if duration < TIMEOUTS.0 || duration > TIMEOUTS.1 {
            self.fault(pointer, format!("`{text}` is not a time-out between 100ms and 2m"));
        }
        Some(duration)
    }

    /// Neither wait may be so long that a conversation seems to be dead.
    fn patience(&mut self, written: &ConfigDocument) -> Option<Patience> {
        let mut read = |key: &str, text: &str, longest: SignedDuration| {
            let pointer = format!("/limits/{key}");
            let wait = self.duration(&pointer, text)?;
            if wait.is_negative() || wait > longest {
                self.fault(&pointer, format!("`{text}` is not between 0s and {}", duration::show(longest)));
            }
            Some(wait)
        };
        let lane = read("lane_patience", &written.limits.lane_patience, LONGEST_PATIENCE);
        let reorder = read("reorder_window", &written.limits.reorder_window, LONGEST_WINDOW);
        Some(Patience { lane: lane?, reorder: reorder? })
    }

    fn store(&mut self, text: &str) -> Option<StoreSettings> {
        let store = match text.split_once(':') {
            Some(("memory", "")) => Ok(StoreSettings::Memory),
            Some(("sled", path)) if !path.is_empty() => Ok(StoreSettings::Sled(self.path(path))),
            Some(("postgres" | "postgresql", _)) => {
                Err("Postgres is not in this version yet; write sled:FOLDER".to_owned())
            }
            _ => Err(format!("`{text}` is not a store; write sled:./data or memory:")),
        };
        self.good("/store", store)
    }

    fn limits(&mut self, written: &ConfigDocument) -> Option<Limits> {
        let limits = &written.limits;
        let header_timeout = self.timeout("/limits/header_timeout", &limits.header_timeout);
        let request_timeout = self.timeout("/limits/request_timeout", &limits.request_timeout);
        let max_body = self.good("/limits/max_body", limits.max_body.bytes());
        let max_headers = self.good("/limits/max_headers", limits.max_headers.bytes());
        let body_memory = self.good("/limits/body_memory", limits.body_memory.bytes());
        let min_free_disk = self.good("/limits/min_free_disk", limits.min_free_disk.bytes());
        if body_memory.zip(max_body).is_some_and(|(memory, body)| memory < body) {
            self.fault(
                "/limits/body_memory",
                "`body_memory` is less than `max_body`, so that no large body could ever be read",
            );
        }
        Some(Limits {
            max_body: max_body?,
            max_headers: max_headers?,
            connections: limits.connections.max(1),
            body_memory: body_memory?,
            backlog: limits.backlog.max(1),
            min_free_disk: min_free_disk? as u64,
            concurrency: limits.concurrency.max(1),
            header_timeout: header_timeout?,
            request_timeout: request_timeout?,
        })
    }

    fn egress(&mut self, allow: &[String]) -> Vec<Url> {
        let mut urls = Vec::new();
        for (index, text) in allow.iter().enumerate() {
            urls.extend(self.good(
                &format!("/egress/allow/{index}"),
                text.parse().map_err(|why| format!("`{text}` is not a URL: {why}")),
            ));
        }
        urls
    }

    fn snippets(&mut self, folder: Option<&str>) -> (BTreeMap<String, SnippetFile>, Option<PathBuf>) {
        let Some(folder) = folder.map(|folder| self.path(folder)) else { return (BTreeMap::new(), None) };
        match surroundings::read_snippets(&folder) {
            Ok(snippets) => (snippets, Some(folder)),
            Err(problems) => {
                for (file, why) in problems {
                    self.fault("/snippets", format!("{file}: {why}"));
                }
                (BTreeMap::new(), Some(folder))
            }
        }
    }

    fn schedules(&mut self, written: &ConfigDocument, zone: Option<&TimeZone>) -> Schedules {
        let mut schedules = BTreeMap::new();
        for (name, settings) in &written.schedules {
            match Schedule::compile(settings, zone.unwrap_or(&TimeZone::UTC)) {
                Ok(schedule) => drop(schedules.insert(name.clone(), schedule)),
                Err(faults) => {
                    let below = format!("/schedules/{}", escape(name));
                    faults.into_iter().for_each(|(at, why)| self.fault(&format!("{below}{at}"), why));
                }
            }
        }
        Arc::new(schedules)
    }
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use crate::provider::Quota;

    #[test]
    fn what_would_break_a_promise_is_refused() {
        let text = "retention: 1d\nlimits: { provider_timeout: 20m, request_timeout: 0s }\n\
            accounts: { desk: { provider: sandbox } }\n\
            sources: { inbox: { account: desk, verify: { scheme: highlevel } } }\n";
        let faults = load_text("r.yaml", text, Path::new("."), Vec::new()).err().unwrap().to_string();
        let said = |words: &str| assert!(faults.contains(words), "{words} is not in\n{faults}");
        said("shorter than 7d");
        said("`20m` is not a time-out between 100ms and 2m");
        said("`0s` is not a time-out");
        said("HighLevel signs for all its customers with one key");
    }

    #[test]
    fn an_account_may_have_a_concurrency_and_quotas_of_its_own() {
        let text = "limits: { account_concurrency: 3 }\naccounts:\n  desk: { provider: sandbox }\n  \
            big: { provider: sandbox, concurrency: 8, quota: [{ calls: 9, per: 1m, class: write }, { calls: 2, per: 1s }] }\n  \
            free: { provider: sandbox, quota: [] }\n";
        let settings =
            load_text("r.yaml", text, Path::new("."), Vec::new()).unwrap_or_else(|faults| panic!("{faults}"));
        let of = |name: &str| settings.accounts.iter().find(|account| account.name.as_str() == name).unwrap();
        assert_eq!((of("desk").concurrency, of("desk").quotas.as_ref()), (3, None));
        let told = |quota: &Quota| (quota.class.as_str(), quota.calls, quota.per.as_secs());
        let quotas = of("big").quotas.iter().flatten().map(told).collect::<Vec<_>>();
        assert_eq!((of("big").concurrency, quotas), (8, vec![("write", 9, 60), ("any", 2, 1)]));
        assert_eq!(of("free").quotas, Some(Vec::new()));

        let text = "accounts:\n  desk: { provider: sandbox, concurrency: 0, quota: [{ calls: 0, per: 1m }] }\n";
        let faults = load_text("r.yaml", text, Path::new("."), Vec::new()).err().unwrap().to_string();
        assert!(faults.contains("2:30: 0 is less") && faults.contains("2:56: 0 is less"), "{faults}");
        let text = "accounts:\n  desk: { provider: sandbox, quota: [{ calls: 1, per: 32d }, { calls: 1, per: 0s }, { calls: 1, per: soon }] }\n";
        let faults = load_text("r.yaml", text, Path::new("."), Vec::new()).err().unwrap().to_string();
        for said in ["`32d` is not a time between 1ms and 31d", "`0s` is not a time", "`soon` is not a duration"] {
            assert!(faults.contains(said), "{said} is not in\n{faults}");
        }
    }

    #[test]
    fn what_is_wrong_with_schedules_and_hooks_is_said_at_its_place() {
        let text = "schedules:\n  office:\n    weekly:\n      monday: [\"13:00-18:00\", \"09:00-13:30\"]\n  \
            closed: { holidays: { 2026-12-25: Christmas Day } }\n  \
            far: { time_zone: Europe/Berln, weekly: { monday: \"09:00-17:00\" } }\n\
            hooks:\n  crm: { url: \"crm.example\", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw }\n\
            accounts: { \"hook:crm\": { provider: sandbox } }\n";
        let faults = load_text("r.yaml", text, Path::new("."), Vec::new()).err().unwrap().to_string();
        let said = |words: &str| assert!(faults.contains(words), "{words} is not in\n{faults}");
        said("r.yaml:4:16: 13:00-18:00 overlaps with 09:00-13:30");
        said("r.yaml:5:3: it never opens");
        said("r.yaml:6:10: `Europe/Berln` is not a time zone");
        said("r.yaml:8:10: `url` is not an address");
        said("`hook:` begins the names of hooks");
    }
}
