//! Every fault of a load has a test with its exact words. What no other test plants is planted here, and the sources are
//! read for words of faults that no test has.

mod words;

use rejoinder::config::load;

use crate::stage::{Ran, command, finish, write};

/// What the other tests of the configuration do not get wrong.
const CONFIG: &str = r#"listen: eight
store: postgres://db/desk
retention: 1d
snippets: ./snippets
time_zone: ${}
limits: { max_body: 18446744073709551615KiB, provider_timeout: 20m }
accounts:
  desk: { provider: sandbox }
  "hook:crm": { provider: sandbox }
sources:
  crm: { account: desk, verify: { scheme: highlevel } }
  rsa: { account: desk, verify: { scheme: ed25519, header: X-Sig, keys: [RSA] } }
  ec: { account: desk, verify: { scheme: ed25519, header: X-Sig, keys: [P256] } }
  broken: { account: desk, verify: { scheme: highlevel, keys: [BROKEN] } }
  none: { account: desk, verify: { scheme: hmac, header: X-Sig, secrets: [planted], content: "v1" } }
  other: { account: desk, verify: { scheme: hmac, header: X-Sig, secrets: [planted], content: "{time}.{body}" } }
  open: { account: desk, verify: { scheme: hmac, header: X-Sig, secrets: [planted], content: "{body" } }
"#;

/// Public keys: of RSA, of a curve that nobody asks for, and of RSA without a key in it.
const KEYS: [(&str, &str); 3] = [
    (
        "RSA",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxNs+HF5DX1RLGFj0RE32iI7QxV/V2MojMRxtGj5X83qLfG1lZGj58ZnwaRiQOccuZCujTO44SsBN2KHPtvifzbzKMfPCW2c4CJyMnlwzoqrVauUhHGKx2ss53PWMTzZUBzKUv0mg6H125mDODFuKZGtpJbYRcmcBqjk4ItJMkk3LH3le2SXuGS2/JqJZ+C1JQoyG1qFhYJtjC40mIEzDPGWu7DhrVhAIvsEa0Dj8q9xI5ExmSXW1RXDtzMd0jnbs8AGk3zM9ZCdRNgbH9fLxR/rY/ZZF0H+/F5OwAKbwf6vY2L2bynLzAGcK1Kq+6iIKA9S+fpNxcQHGZsW2FVmi1QIDAQAB",
    ),
    (
        "P256",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcfs99eTh9lSY6KHeRt2nW0FvdXUZd5fem2JQmsKTgjLxM1NosdJxDUdoPfgDNOra1Kt6wGe3G0UWFPVIjr7dsQ==",
    ),
    ("BROKEN", "MBYwDQYJKoZIhvcNAQEBBQADBQBqdW5r"),
];

const RULES: &str = r#"version: 1
rules:
  - name: files
    do:
      - reply:
          text: Hello
          attachments:
            - { file: big.pdf }
            - { file: none.pdf }
            - { file: ../secret.pdf }
            - { url: "http://desk.example/hours.pdf" }
            - { file: a.pdf, id: "7" }
  - name: long
    do:
      - script: { file: long.rhai }
  - name: open
    do:
      - http: { hook: crm }
"#;

fn check(folder: &std::path::Path, config: &str) -> Ran {
    write(folder, "rejoinder.yaml", config);
    finish(&mut command(folder, &["check"]))
}

#[test]
fn a_configuration_with_what_is_seldom_wrong() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "snippets/long.md", &"x".repeat(64 * 1024 + 1));
    ["snippets/hours.md", "snippets/hours.txt"].iter().for_each(|name| write(folder.path(), name, "9 to 5"));
    let config = KEYS
        .iter()
        .fold(CONFIG.to_owned(), |config, (name, key)| config.replace(&format!("[{name}]"), &format!("[{key}]")));
    let ran = check(folder.path(), &config);
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @"
    rejoinder.yaml:1:1: `eight` is not an address and port, such as 127.0.0.1:8080
    rejoinder.yaml:2:1: Postgres is not in this version yet; write sled:FOLDER
    rejoinder.yaml:3:1: `1d` is shorter than 7d: senders repeat a delivery for up to seven days, and a repeat is known by what is kept
    rejoinder.yaml:4:1: snippets/hours.txt: there is a snippet `hours` already: snippets/hours.md; give one of them another name
    rejoinder.yaml:4:1: snippets/long.md: has 65537 bytes; a snippet has at most 65536
    rejoinder.yaml:5:1: `${` begins no reference; write `${NAME}`, `${NAME:-default}`, `${file:/path}`, or `$${` for the characters themselves
    rejoinder.yaml:6:11: `18446744073709551615KiB` is too large; write a size like 1MiB
    rejoinder.yaml:6:46: `20m` is not a time-out between 100ms and 2m
    rejoinder.yaml:9:3: `hook:` begins the names of hooks; call the account otherwise
    rejoinder.yaml:11:25: HighLevel signs for all its customers with one key, so the account must tell them apart; use an account with `provider: highlevel`, or give `keys` of your own
    rejoinder.yaml:12:74: the key is an RSA key; an Ed25519 key is wanted
    rejoinder.yaml:13:73: the key is a P-256 key; an Ed25519 key is wanted
    rejoinder.yaml:14:64: the key is not a usable RSA key
    rejoinder.yaml:15:85: `v1` has no {body}, so anybody could change the body
    rejoinder.yaml:16:86: `{time}` is not known; write {body}, {timestamp} or {id}
    rejoinder.yaml:17:85: `{body` has a `{` without a `}`
    ");
}

#[test]
fn a_book_with_what_is_seldom_wrong() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "rules/a.yaml", RULES);
    write(folder.path(), "rules/big.pdf", &"x".repeat(5 * 1024 * 1024 + 1));
    write(folder.path(), "rules/scripts/long.rhai", &"// x\n".repeat(64 * 1024 / 5 + 1));
    write(folder.path(), "rules/b.rhai", "fn decide(event, state) {\n  snippet(7);\n}\n");
    let config = "accounts: { shop: { provider: sequenzy, api_key: planted } }\n";
    let ran = check(folder.path(), config);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @"
    rules/a.yaml:8:15: `big.pdf` has 5242881 bytes; at most 5242880 can be sent along
    rules/a.yaml:9:15: cannot read `none.pdf`: No such file or directory (os error 2)
    rules/a.yaml:10:15: `../secret.pdf` leads out of the rules folder; name a file below it
    rules/a.yaml:11:15: `http://desk.example/hours.pdf` is not an https address; write it like https://desk.example/hours.pdf
    rules/a.yaml:12:15: give exactly one of `file`, `url` and `id`
    rules/a.yaml:18:17: there is no hook `crm` under `hooks:`
    rules/b.rhai:2:3: no account is able to `snippet`
    rules/scripts/long.rhai:1:1: the script does not compile: the script is longer than 65536 bytes
    8 faults
    ");
    write(folder.path(), "rules/a.yaml", "version: 1\n? [a, b]\n: c\n");
    std::fs::remove_file(folder.path().join("rules/b.rhai")).unwrap();
    insta::assert_snapshot!(check(folder.path(), config).stderr, @"
    rules/a.yaml: cannot be read as plain keys and values: key must be a string
    rules/scripts/long.rhai:1:1: the script does not compile: the script is longer than 65536 bytes
    2 faults
    ");
}

#[test]
fn a_configuration_that_is_not_there() {
    let faults = load(std::path::Path::new("nowhere/rejoinder.yaml")).err().unwrap();
    insta::assert_snapshot!(faults.to_string(), @"nowhere/rejoinder.yaml: cannot be read: No such file or directory (os error 2); `rejoinder init` writes one, --config names another");
}
