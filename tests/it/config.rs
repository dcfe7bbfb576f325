//! The configuration: what is refused, in which words, and where values come from.

use std::path::Path;

use rejoinder::config::load_text;
use serde_json::Value;

use crate::stage::{Ran, Stage, command, finish, run_in, write};

/// Everything a hurried person can get wrong, at once.
const WRONG: &str = r#"listne: 127.0.0.1:8080
admin:
  listen: 0.0.0.0:8081
store: mysql:./data
time_zone: Europe/Berlim
retention: 30 fortnights
log: prety
snippets: ./nowhere
accounts:
  shop:
    provider: sequenzi
    api_key: planted-1
  desk:
    provider: fernand
    api_key: planted-2
    agent_email: lee
    delay: 48h
    base_url: getfernand.com
  crm:
    provider: highlevel
    token: ${UNSET_TOKEN}
    location: abc
  clinic:
    provider: spruce
    token: ${file:missing.txt}
sources:
  inbox:
    account: shp
    verify: { scheme: sequency, secrets: [planted-3] }
  open:
    account: desk
  hook:
    account: desk
    verify: { scheme: hmac, secrets: ["planted-4"], key: hex, header: "X Sig", hader: x }
  desk:
    account: desk
    verify: { scheme: token, secrets: [planted-5] }
    map: { message.txt: /data/body, contact.email: data.mail }
members:
  dr-lee: { spruce: 17 }
guard:
  answer: soon
  own_host: [mx.example]
egress: { allow: [nowhere] }
limits:
  max_body: lots
  concurrency: many
  header_timeout: -1s
  script: { wall_time: 1x, max_call: 3 }
"#;

fn check(folder: &Path, text: &str, variables: &[(&str, &str)]) -> Ran {
    write(folder, "rejoinder.yaml", text);
    finish(command(folder, &["check"]).envs(variables.iter().copied()))
}

/// The guard's numbers in every scope, with what a hurried person gets wrong in them.
const GUARD: &str = r#"accounts:
  desk: { provider: sandbox }
guard:
  caps: { preset: zamad, conversation: [2/10m, 4 per hour], rule: [0/1h] }
  require_addressed: sometimes
  accounts:
    dsk: { away: 3d }
    desk: { quarantine: long, answr: 1m }
  addresses:
    "*@partner.example": { caps: { domain: [9/soon] } }
  alert: { hook: alrms }
hooks:
  alarms: { url: "https://desk.example/alarms" }
"#;

#[test]
fn a_wait_that_would_look_like_a_dead_conversation_is_refused() {
    let text = "limits: { lane_patience: 25h, reorder_window: 2m }";
    let faults = load_text("rejoinder.yaml", text, Path::new("."), Vec::new()).err().unwrap().to_string();
    for told in ["`25h` is not between 0s and 1d", "`2m` is not between 0s and 1m"] {
        assert!(faults.contains(told), "{faults}");
    }
}

#[test]
fn the_numbers_of_the_guard_are_judged_in_every_scope() {
    let faults = load_text("r.yaml", GUARD, Path::new("."), Vec::new()).err().unwrap();
    insta::assert_snapshot!(faults.to_string(), @"
    r.yaml:4:11: `zamad` is not known here; did you mean `zammad`? (known: default, zammad, strict)
    r.yaml:4:48: `4 per hour` is not a cap; write it as count and time, like 2/10m or 10/24h
    r.yaml:4:68: `0/1h` is no cap: count and time must be more than nothing, like 1/24h
    r.yaml:5:3: `sometimes` is not known here (known: auto, always, never)
    r.yaml:7:5: there is no account `dsk`; did you mean `desk`? (known: desk)
    r.yaml:8:13: `long` is not a duration; write it like 30s, 15m, 24h or 7d
    r.yaml:8:31: unknown key `answr`; did you mean `answer`? (known: allow_multiple, answer, ack, away, suppress_requested, require_addressed, max_recipients, bounced, suspect_speed, chain_depth, caps, quarantine, takeover, due_window, answer_max_age)
    r.yaml:10:45: `9/soon` is not a cap; write it as count and time, like 2/10m or 10/24h
    r.yaml:11:12: there is no hook `alrms`; did you mean `alarms`? (known: alarms)
    r.yaml:13:3: missing key `secret`
    ");
}

#[test]
fn a_rule_with_numbers_of_its_own_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rules/a.yaml", "version: 1\nrules:\n  - { name: hello, do: [{ tag: { add: [x] } }] }\n");
    let text = |name: &str| {
        format!("accounts: {{ desk: {{ provider: sandbox }} }}\nguard: {{ rules: {{ {name}: {{ answer: 1m }} }} }}\n")
    };
    let ran = check(folder.path(), &text("helo"), &[]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (1, "guard.rules: there is no rule `helo`; did you mean `hello`? (known: hello)\n1 fault\n")
    );
    assert_eq!(check(folder.path(), &text("hello"), &[]).code, 0);
}

#[test]
fn every_fault_is_said_at_once_with_its_place_and_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let ran = check(folder.path(), WRONG, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(ran.stderr, @"
    rejoinder.yaml:1:1: unknown key `listne`; did you mean `listen`? (known: listen, admin, store, rules, time_zone, schedules, retention, accounts, sources, hooks, members, snippets, guard, egress, limits, trusted_proxies, log)
    rejoinder.yaml:3:3: the admin listener is reachable from outside; set `admin.token`, or listen on 127.0.0.1
    rejoinder.yaml:4:1: `mysql:./data` is not a store; write sled:./data or memory:
    rejoinder.yaml:5:1: `Europe/Berlim` is not a time zone of the IANA database, such as Europe/Berlin
    rejoinder.yaml:6:1: `30 fortnights` is not a duration; write it like 30s, 15m, 24h or 7d
    rejoinder.yaml:7:1: `prety` is not known here; did you mean `pretty`? (known: pretty, json)
    rejoinder.yaml:8:1: nowhere: cannot be read: No such file or directory (os error 2)
    rejoinder.yaml:11:5: `sequenzi` is not known here; did you mean `sequenzy`? (known: sequenzy, fernand, highlevel, spruce, http, sandbox)
    rejoinder.yaml:16:5: `agent_email` is not an e-mail address
    rejoinder.yaml:17:5: `delay` is longer than Fernand takes; write at most 24h, or use the delay of a rule
    rejoinder.yaml:18:5: `base_url` is not an http or https address; write it like https://api.getfernand.com
    rejoinder.yaml:19:3: missing key `location_id`
    rejoinder.yaml:21:5: the environment variable `UNSET_TOKEN` is not set; set it, or write `${UNSET_TOKEN:-default}`
    rejoinder.yaml:22:5: unknown key `location`; did you mean `location_id`? (known: provider, own_addresses, on_unknown, concurrency, quota, token, oauth, location_id, app_id, api_version, internal_comment, from_number, conversation_provider_id, base_url)
    rejoinder.yaml:25:5: cannot read `missing.txt`: No such file or directory (os error 2)
    rejoinder.yaml:28:5: there is no account `shp`; did you mean `shop`? (known: shop, desk, crm, clinic)
    rejoinder.yaml:29:15: `sequency` is not known here; did you mean `sequenzy`?
    rejoinder.yaml:30:3: the source has no `verify` and no `poll`; say how its sender proves who it is (or write `verify: { scheme: none }`), or how often to look (`poll: { every: 60s }`)
    rejoinder.yaml:34:80: unknown key `hader`; did you mean `header`? (known: scheme, secrets, keys, header, hash, encoding, prefix, list, timestamp_header, content, id_header, tolerance, key, url)
    rejoinder.yaml:38:12: unknown key `message.txt`; did you mean `message.text`?
    rejoinder.yaml:38:37: `data.mail` is not of the form wanted here; write it like /data/body
    rejoinder.yaml:40:13: `17` is not a text
    rejoinder.yaml:42:3: `soon` is not a duration; write it like 30s, 15m, 24h or 7d
    rejoinder.yaml:43:3: unknown key `own_host`; did you mean `own_hosts`? (known: allow_multiple, answer, ack, away, suppress_requested, system_addresses, own_hosts, require_addressed, max_recipients, bounced, suspect_speed, chain_depth, caps, quarantine, takeover, due_window, answer_max_age, public_domains, alert, accounts, rules, addresses)
    rejoinder.yaml:44:19: `nowhere` is not a URL: relative URL without a base
    rejoinder.yaml:46:3: `lots` is not a size; write it like 65536, 64KiB or 1MiB
    rejoinder.yaml:47:3: `many` is not a whole number
    rejoinder.yaml:48:3: `-1s` is negative
    rejoinder.yaml:49:13: `1x` is not a duration; write it like 30s, 15m, 24h or 7d
    rejoinder.yaml:49:28: unknown key `max_call`; did you mean `max_calls`? (known: max_operations, max_call_levels, max_expression_depth, max_string, max_array, max_map, max_memory, max_calls, wall_time)
    ");
}

#[test]
fn no_secret_appears_in_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "secret.txt", "planted-file\n");
    // Each a plausible way to put a secret where it does not belong.
    for text in [
        WRONG,
        "admin: { token: 4711000815 }",
        "admin: planted-6",
        "accounts: planted-7",
        "accounts: { shop: planted-8 }",
        "accounts: { shop: { provider: sequenzy, api_key: [planted-9] } }",
        "accounts: { shop: { provider: sequenzy, api_key: { key: planted-10 } } }",
        "accounts: { shop: { provider: highlevel, location_id: x, oauth: planted-11 } }",
        "accounts: { shop: { provider: highlevel, location_id: x, token: planted-12, oauth: { client_id: x, client_secret: 4711000815, refresh_token: [planted-13] } } }",
        "sources: { a: { account: a, verify: planted-14 } }",
        "sources: { a: { account: a, verify: { scheme: sequenzy, secrets: planted-15 } } }",
        "sources: { a: { account: a, verify: { scheme: sequenzy, secrets: [4711000815, [planted-16]] } } }",
        "sources: { a: { account: a, verify: { scheme: sequenzy, secrets: { old: planted-17 } } } }",
        "sources: { a: { account: a, verify: { scheme: svix, secrets: [planted-18] } } }",
        "sources: { a: { account: a, verify: { scheme: basic, secrets: [planted-19] } } }",
        "listen: ${PLANTED}\nstore: ${PLANTED}\ntime_zone: ${PLANTED}\nretention: ${PLANTED}\nlog: ${PLANTED}",
        "listen: ${file:secret.txt}\nlimits: { max_body: '${file:secret.txt}' }\negress: { allow: ['${PLANTED}'] }",
        "accounts: { shop: { provider: '${PLANTED}', api_key: x } }\nsources: { a: { account: '${PLANTED}', verify: { scheme: '${PLANTED}' } } }",
        "accounts: { shop: { provider: fernand, api_key: \"planted\\n20\", agent_email: '${PLANTED}', base_url: '${PLANTED}' } }",
    ] {
        for pairs in [&[("PLANTED", "planted-env")][..], &OVERRIDES] {
            let faults = load_text("r.yaml", text, folder.path(), variables(pairs)).err().unwrap();
            for said in [faults.to_string(), format!("{faults:?}"), serde_json::to_string(&faults).unwrap()] {
                for planted in ["planted", "4711000815"] {
                    assert!(!said.contains(planted), "{text}: {said}");
                }
            }
        }
    }
}

const OVERRIDES: [(&str, &str); 3] = [
    ("PLANTED", "planted-env"),
    ("REJOINDER_STORE", "planted-override"),
    ("REJOINDER_ADMIN__TOKEN__X", "planted-deep"),
];

/// A configuration in which everything that may come from outside does.
const REFERRING: &str = r#"
listen: ${LISTEN:-127.0.0.1:7777}
admin:
  token: ${REJOINDER_ADMIN_TOKEN}
accounts:
  shop: { provider: sequenzy, api_key: "${file:secrets/key}", base_url: "https://${HOST:-api.example}/v${VERSION}" }
sources:
  in-box: { account: shop, verify: { scheme: token, header: X-Key, secrets: ["$${literal}", "${FIRST}-${SECOND}"] } }
"#;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const ENVIRONMENT: [(&str, &str); 4] =
    [("REJOINDER_ADMIN_TOKEN", "from-environment"), ("VERSION", "2"), ("FIRST", "a"), ("SECOND", "b")];

#[test]
fn values_come_from_the_environment_from_defaults_and_from_files() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "secrets/key", "from-file\n");
    let settings = load_text("r.yaml", REFERRING, folder.path(), variables(&ENVIRONMENT)).ok().unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7777");
    // A variable that the file refers to has its place there; it is no override of a key `admin_token`.
    assert_eq!(settings.admin_token.unwrap().expose(), "from-environment");
    assert_eq!(settings.accounts[0].adapter.base_urls()[0].as_str(), "https://api.example/v2");
    for secret in ["${literal}", "a-b"] {
        let headers = [(http::HeaderName::from_static("x-key"), secret.parse().unwrap())].into_iter().collect();
        let delivery =
            rejoinder::model::Delivery { headers, body: Vec::new(), received_at: jiff::Timestamp::UNIX_EPOCH };
        assert!(settings.sources[0].verifier.verify(&delivery, jiff::Timestamp::UNIX_EPOCH).is_ok(), "{secret}");
    }
}

#[test]
fn variables_override_the_file_and_secrets_of_digits_stay_secrets() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "secrets/key", "from-file");
    let overrides = [
        ("REJOINDER_LISTEN", "127.0.0.1:7001"),
        ("REJOINDER_ADMIN__LISTEN", "0.0.0.0:7002"),
        ("REJOINDER_ADMIN__TOKEN", "1234567890"),
        ("REJOINDER_LIMITS__CONCURRENCY", "7"),
        ("REJOINDER_LIMITS__MAX_BODY", "2048"),
        ("REJOINDER_GUARD__ALLOW_MULTIPLE", "true"),
        ("REJOINDER_RULES", "[\"./a\", \"./b\"]"),
        ("REJOINDER_SOURCES__IN_BOX__VERIFY__HEADER", "X-Other"),
        ("REJOINDER_CONFIG", "is no key"),
    ];
    // A fault of an override does not depend on what else is in the file, such as the first line.
    let pairs = [&ENVIRONMENT[1..], &overrides[..]].concat();
    let settings = load_text("r.yaml", REFERRING, folder.path(), variables(&pairs));
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7001");
    assert_eq!(settings.admin_listen.to_string(), "0.0.0.0:7002");
    assert_eq!(settings.admin_token.unwrap().expose(), "1234567890");
    assert_eq!((settings.limits.concurrency, settings.limits.max_body), (7, 2048));
    assert!(settings.guard.allow_multiple);
    assert_eq!(settings.sources.len(), 1);
}

#[test]
fn a_wrong_override_is_named_by_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [
        ("REJOINDER_LISTNE", "127.0.0.1:1"),
        ("REJOINDER_LIMITS__CONCURRENCY", "many"),
        ("REJOINDER_LIMITS__MAX_BODY", "planted"),
        ("REJOINDER_LOG", "loud"),
        ("REJOINDER_RETENTION", "forever"),
    ];
    let ran = check(folder.path(), "listen: 127.0.0.1:0\n", &wrong);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @"
    environment variable REJOINDER_LIMITS__CONCURRENCY: `concurrency`: the value is not a whole number
    environment variable REJOINDER_LIMITS__MAX_BODY: the value is not a size; write it like 65536, 64KiB or 1MiB
    environment variable REJOINDER_LISTNE: unknown key `listne`; did you mean `listen`? (known: listen, admin, store, rules, time_zone, schedules, retention, accounts, sources, hooks, members, snippets, guard, egress, limits, trusted_proxies, log)
    environment variable REJOINDER_LOG: `log`: the value is not known here (known: pretty, json)
    environment variable REJOINDER_RETENTION: the value is not a duration; write it like 30s, 15m, 24h or 7d
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_verified_or_says_that_it_is_not() {
    let stage = Stage::with("").await;
    let config = std::fs::read_to_string(stage.path("rejoinder.yaml")).unwrap();
    let with = |verify: &str| {
        let line =
            "shop: { account: shop, verify: { scheme: sequenzy, secrets: [planted-shop-secret] }, backfill: off }";
        assert!(config.contains(line));
        stage.write(
            "rejoinder.yaml",
            &config.replace(line, &format!("shop: {{ account: shop{verify}, backfill: off }}")),
        );
    };
    with("");
    let refused = stage.run(&["serve"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("the source has no `verify`"), "{}", refused.stderr);
    with(", verify: { scheme: none }");
    let server = stage.serve().await;
    server.logs("deliveries are NOT verified: anybody can send them source=shop").await;
    assert!(!server.log().contains("verified: anybody can send them source=clinic"));
    let body = stage.arrive(crate::stage::SOURCES[0].1, "conv_1", "hi").to_string();
    assert_eq!(server.post("shop", &[], &body).await.status, 200);
    assert_eq!(server.post("clinic", &[], &body).await.status, 401);
    let sources = server.get("/api/v1/status").await.json()["sources"].clone();
    let schemes: Vec<&Value> = sources.as_array().unwrap().iter().map(|source| &source["scheme"]).collect();
    assert_eq!(schemes, ["spruce", "highlevel", "token", "none"]);
}

#[test]
fn paths_are_taken_from_the_folder_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["init", "deep/desk"]).fine();
    write(folder.path(), "deep/secrets/hook", "whsec_from_file\n");
    let config = std::fs::read_to_string(folder.path().join("deep/desk/rejoinder.yaml")).unwrap();
    let config = config.replace("${WEBHOOK_SECRET:-whsec_change_me}", "${file:../secrets/hook}");
    write(folder.path(), "deep/desk/rejoinder.yaml", &config);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/desk/rejoinder.yaml");
    let path = path.to_str().unwrap();
    let fine = "fine: 1 rule, 1 source, 1 account, 1 snippet\n";
    assert_eq!(run_in(elsewhere.path(), &["check", "--config", path]).fine().stdout, fine);
    assert_eq!(
        run_in(elsewhere.path(), &["test", "--config", path]).fine().stdout.lines().next(),
        Some("4 passed, 0 failed")
    );
    assert_eq!(run_in(folder.path(), &["check", "-c", "deep/desk/rejoinder.yaml"]).fine().stdout, fine);
    let named = finish(
        command(elsewhere.path(), &["outbox", "list"])
            .env("REJOINDER_CONFIG", path)
            .env("REJOINDER_ADMIN__LISTEN", "127.0.0.1:0"),
    );
    named.fine();
    assert!(folder.path().join("deep/desk/data").is_dir());
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    write(folder.path(), "deep/desk/rules/20.yaml", "version: 2\n");
    let wrong = run_in(folder.path(), &["check", "-c", "deep/desk/rejoinder.yaml"]);
    assert!(wrong.stderr.starts_with("deep/desk/rules/20.yaml:1:1: "), "{}", wrong.stderr);
}
