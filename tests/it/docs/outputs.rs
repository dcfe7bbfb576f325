//! What commands print, as the pages show it: run with the rule book of the demo, so that no page shows what is not so.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;

/// A test of the demo's rules that is wrong three times.
const WRONG: &str = r#"tests:
  - name: a refund without a number
    event: { message: { text: "I want a refund" }, contact: { first_name: Ann, email: ann@example.org } }
    expect:
      - reply:
          text: |
            Hi Ann,

            happy to help. Please send us the order number: it stands in the subject of our
            confirmation mail.
    rules: [refund-with-order]

  - name: an outage pages
    event: { message: { text: "Nothing works any more" } }
    expect:
      - note: { page: [dr-lee] }
"#;

const EVENT: &str =
    r#"{ "message": { "text": "A refund for my last order, please" }, "contact": { "name": "Ann Smith" } }"#;

/// The output of that name, as a block of a page.
pub(crate) fn output(name: &str) -> Result<String, String> {
    let (shown, arguments): (&str, &[&str]) = match name {
        "test" => ("rejoinder test wrong.test.yaml", &["test", "wrong.test.yaml"]),
        "coverage" => (
            "rejoinder test wrong.test.yaml --only outage --coverage-min 90",
            &["test", "wrong.test.yaml", "--only", "outage", "--coverage-min", "90"],
        ),
        "explain" => ("rejoinder explain event.json --brief", &["explain", "event.json", "--brief"]),
        "explain-rule" => (
            "rejoinder explain event.json --brief --rule refund-with-order",
            &["explain", "event.json", "--brief", "--rule", "refund-with-order"],
        ),
        _ => return Err(format!("there is no output `{name}`")),
    };
    Ok(format!("```text\n$ {shown}\n{}```", shorten(name, &run(arguments))))
}

fn run(arguments: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wrong.test.yaml"), WRONG).unwrap();
    fs::write(folder.path().join("event.json"), EVENT).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rejoinder"));
    command.args(arguments).arg("--config").arg(root.join("examples/demo.yaml")).current_dir(folder.path()).env_clear();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().flush().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let said = [format!("{}/examples/../", root.display()), format!("{}/", root.display())]
        .iter()
        .fold(said, |said, here| said.replace(here, ""));
    // The time of an event that says none is that of the machine.
    let time = Regex::new(r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").unwrap();
    time.replace_all(&said, "2026-03-02T10:00:00Z").into_owned()
}

/// The coverage of one test names the whole book; a page shows how it begins.
fn shorten(name: &str, said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let shown = if name == "coverage" { 12 } else { lines.len() };
    let rest = if shown < lines.len() { "    …\n" } else { "" };
    format!("{}\n{rest}", lines[..shown.min(lines.len())].join("\n"))
}
