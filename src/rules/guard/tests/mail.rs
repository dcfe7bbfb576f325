//! Real-shaped mail with the wanted verdict of each, from `mail.yaml`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::verdict_of;
use crate::rules::GuardSettings;
use crate::rules::testing::facts;
use crate::yaml::Document;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mail {
    name: String,
    #[serde(default = "ann")]
    from: String,
    #[serde(default = "us")]
    to: String,
    #[serde(default)]
    subject: Option<String>,
    headers: Map<String, Value>,
    #[serde(default)]
    blocks: Vec<String>,
    #[serde(default)]
    suspects: Vec<String>,
}

fn ann() -> String {
    "Ann Smith <ann@example.org>".to_owned()
}

fn us() -> String {
    "Support <support@desk.example>".to_owned()
}

fn all() -> Vec<Mail> {
    let document = Document::parse("mail.yaml", include_str!("mail.yaml")).unwrap();
    serde_json::from_value(document.value().clone()).unwrap()
}

/// What the guard says otherwise than wanted.
fn mistakes(all: &[Mail]) -> Vec<String> {
    let judged = all.iter().filter_map(|mail| {
        let mut headers = mail.headers.clone();
        headers.insert("From".to_owned(), mail.from.as_str().into());
        headers.insert("To".to_owned(), mail.to.as_str().into());
        let facts = facts(json!({
            "conversation": { "channel": "email" },
            "contact": { "email": "ann@example.org" },
            "message": { "from": mail.from, "subject": mail.subject, "text": "hi", "headers": headers },
        }));
        let verdict = verdict_of(&facts, &GuardSettings::default());
        let codes = |result: &str| -> Vec<String> {
            verdict.steps.iter().filter(|step| step.result == result).map(|step| step.code.to_string()).collect()
        };
        let (blocks, suspects) = (codes("block"), codes("suspect"));
        let is_right =
            blocks == mail.blocks && suspects == mail.suspects && verdict.is_suspect() != suspects.is_empty();
        (!is_right).then(|| format!("{}: blocks {blocks:?}, suspects {suspects:?}", mail.name))
    });
    judged.collect()
}

#[test]
fn real_mail_is_judged_as_wanted() {
    let all = all();
    assert!(all.len() >= 60, "{}", all.len());
    assert!(all.iter().filter(|mail| mail.blocks.is_empty()).count() >= 15);
    assert_eq!(mistakes(&all), Vec::<String>::new());
}

#[test]
fn a_planted_wrong_expectation_is_found() {
    let mut all = all();
    let planted = all.iter_mut().find(|mail| mail.name == "Auto-Submitted says no").unwrap();
    planted.blocks.push("auto_submitted".to_owned());
    assert_eq!(mistakes(&all), ["Auto-Submitted says no: blocks [], suspects []"]);
    let mut all = self::all();
    all.iter_mut().for_each(|mail| mail.headers.clear());
    assert!(mistakes(&all).len() > 40, "headers are not looked at");
}
