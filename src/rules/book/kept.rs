//! What is kept of a book beside its rule files: the surroundings it was compiled in, as one more file. Without them a
//! decision would be explained by the members, snippets and numbers of today.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::super::site::{Attachments, Surroundings};
use super::Book;
use crate::model::ids::digest_of;
use crate::yaml::{Fault, Faults};

/// The name of the file. No rule file can have it, because those end in `.yaml`, `.yml` or `.rhai`.
const NAME: &str = "surroundings.json";

/// The file: the surroundings, and the files that rules attach, by path and digest.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    surroundings: S,
    attachments: BTreeMap<String, String>,
}

/// The name of a file without its folders.
pub(in crate::rules) fn base_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// Writes addresses without user, path and query; a digest of the whole address stands in, so that another address is
/// another book.
pub(in crate::rules) fn without_paths<S: Serializer>(
    hooks: &BTreeMap<String, Url>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(hooks.iter().map(|(name, url)| {
        let origin = url.origin().ascii_serialization();
        let is_kept = url.fragment().is_some();
        (name, if is_kept { url.to_string() } else { format!("{origin}/#{}", digest_of(url.as_str().as_bytes())) })
    }))
}

/// Writes the file.
pub(super) fn file(
    surroundings: &Surroundings,
    attachments: BTreeMap<String, String>,
) -> Result<(String, String), Fault> {
    let kept = Kept { surroundings, attachments };
    let text = serde_json::to_string_pretty(&kept);
    text.map(|text| (NAME.to_owned(), text)).map_err(|error| fault(0, 0, format!("cannot be written: {error}")))
}

fn read(text: &str) -> Result<Surroundings, Faults> {
    let kept: Kept<Surroundings> = serde_json::from_str(text)
        .map_err(|error| fault(error.line(), error.column(), format!("cannot be read: {error}")))?;
    Ok(Surroundings { attachments: Attachments::Kept(kept.attachments), ..kept.surroundings })
}

fn fault(line: usize, column: usize, message: String) -> Fault {
    Fault { file: NAME.to_owned(), line, column, message }
}

impl Book {
    /// The book of which [`Book::kept`] gave these files, without looking at the configuration of today. The content of
    /// attached files is gone; their names are there. One that was kept without its surroundings gets those of `today`.
    pub fn revive(mut kept: Vec<(String, String)>, today: &Surroundings) -> Result<Self, Faults> {
        let surroundings = match kept.pop_if(|(name, _)| name == NAME) {
            Some((_, text)) => read(&text)?,
            None => today.clone(),
        };
        Self::compile(kept, surroundings)
    }
}

/// For `#[serde(with = …)]` on the schedules, which are shared.
pub(in crate::rules) mod schedules {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::rules::schedule::Schedules;

    /// Reads schedules.
    pub(in crate::rules) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Schedules, D::Error> {
        Deserialize::deserialize(deserializer).map(Arc::new)
    }

    /// Writes schedules.
    pub(in crate::rules) fn serialize<S: Serializer>(schedules: &Schedules, serializer: S) -> Result<S::Ok, S::Error> {
        schedules.as_ref().serialize(serializer)
    }
}

/// For `#[serde(with = …)]` on the script engine: its limits are what there is to keep of it.
pub(in crate::rules) mod engine {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::rules::script::{Engine, Limits};

    /// Builds an engine with the limits.
    pub(in crate::rules) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Engine>, D::Error> {
        Ok(Arc::new(Engine::new(Limits::deserialize(deserializer)?)))
    }

    /// Writes the limits.
    pub(in crate::rules) fn serialize<S: Serializer>(engine: &Arc<Engine>, serializer: S) -> Result<S::Ok, S::Error> {
        engine.limits().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::model::{Capability, SourceName, Support};
    use crate::rules::guard::{Caps, Preset};
    use crate::rules::script::{Engine, Limits};
    use crate::rules::testing::{Play, rules, surroundings};
    use crate::rules::{AccountFacts, SnippetFile, template::Form};

    fn compile(list: &str, surroundings: Surroundings) -> Book {
        Book::compile(vec![("rules/r.yaml".to_owned(), rules(list))], surroundings).unwrap_or_else(|it| panic!("{it}"))
    }

    const HOURS: &str =
        "  - name: hours\n    do: [{ reply: { snippet: hours } }, { note: { text: n, page: [dr-lee] } }]";

    /// Names every field, so that one that is added later and not kept does not go unnoticed.
    #[test]
    fn every_part_of_the_surroundings_is_kept() {
        let mut written = surroundings();
        written.time_zone = TimeZone::get("Europe/Berlin").unwrap();
        written.guard.answer = SignedDuration::from_millis(1_500);
        written.guard.own_hosts = vec!["mail.example.com".to_owned()];
        let over =
            json!({ "answer": "90s", "caps": { "preset": "strict", "rule": ["9/1h"] }, "require_addressed": "never" });
        written.guard.rules.insert("hours".to_owned(), serde_json::from_value(over).unwrap());
        written.guard.caps = Caps::of(Preset::Zammad);
        written.scripts = std::sync::Arc::new(Engine::new(Limits { max_calls: 3, ..Limits::default() }));
        let revived = Book::revive(compile(HOURS, written.clone()).kept().to_vec(), &surroundings()).ok().unwrap();
        let Surroundings {
            members,
            snippets,
            hooks,
            accounts,
            sources,
            schedules,
            time_zone,
            guard,
            scripts,
            attachments,
        } = revived.surroundings();
        let snippet = |it: &SnippetFile| (it.form, it.source.clone());
        let texts = |it: &BTreeMap<String, SnippetFile>| it.values().map(snippet).collect::<Vec<_>>();
        assert_eq!(*members, written.members);
        assert!(snippets.keys().eq(written.snippets.keys()));
        assert_eq!(texts(snippets), texts(&written.snippets));
        assert!(hooks.keys().eq(written.hooks.keys()));
        assert_eq!(*accounts, written.accounts);
        assert_eq!(*sources, written.sources);
        assert_eq!(*schedules, written.schedules);
        assert_eq!(*time_zone, written.time_zone);
        assert_eq!(*guard, written.guard);
        assert_eq!(scripts.limits(), written.scripts.limits());
        assert_eq!(*attachments, Attachments::Kept(BTreeMap::new()));
    }

    #[test]
    fn another_configuration_is_another_book_and_another_folder_is_not() {
        let hash = |change: fn(&mut Surroundings)| {
            let mut changed = surroundings();
            change(&mut changed);
            compile(HOURS, changed).hash().clone()
        };
        let same = hash(|_| ());
        let changes: [fn(&mut Surroundings); 13] = [
            |it| it.schedules = std::sync::Arc::default(),
            |it| drop(it.members.remove("kim")),
            |it| it.snippets.get_mut("hours").unwrap().source.push('!'),
            |it| it.snippets.get_mut("hours").unwrap().form = Form::Text,
            |it| it.accounts.truncate(1),
            |it| it.accounts[1].capabilities = vec![Capability { name: "note.page", support: Support::Missing("x") }],
            |it| drop(it.sources.remove(&SourceName::from("calls"))),
            |it| it.time_zone = TimeZone::get("Asia/Tokyo").unwrap(),
            |it| it.guard.ack = SignedDuration::from_hours(1),
            |it| it.guard.caps.subject.clear(),
            |it| drop(it.hooks.remove("crm")),
            |it| it.hooks.get_mut("crm").unwrap().set_path("/elsewhere"),
            |it| it.scripts = std::sync::Arc::new(Engine::new(Limits { max_calls: 3, ..Limits::default() })),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_ne!(hash(change), same, "change {index} goes unnoticed");
        }
        assert_eq!(hash(|it| it.snippets.get_mut("hours").unwrap().file = "/elsewhere/hours.md".to_owned()), same);
        assert_eq!(hash(|it| it.attachments = Attachments::Folder("/elsewhere".into())), same);
    }

    #[test]
    fn a_revived_book_decides_as_it_did_whatever_the_configuration_says_today() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("prices.pdf"), "%PDF").unwrap();
        let list = "  - name: hours\n    do:\n      - reply: { snippet: hours, attachments: [{ file: prices.pdf, name: Prices.pdf }] }\n      - note: { text: '{{ event.hour }}', page: [dr-lee] }";
        let written = Surroundings {
            attachments: Attachments::Folder(folder.path().to_owned()),
            time_zone: TimeZone::get("Asia/Tokyo").unwrap(),
            ..surroundings()
        };
        let book = compile(list, written);
        std::fs::write(folder.path().join("prices.pdf"), "%PDF 2").unwrap();
        let today = Surroundings {
            members: BTreeMap::new(),
            snippets: BTreeMap::new(),
            accounts: Vec::new(),
            ..surroundings()
        };
        let revived = Book::revive(book.kept().to_vec(), &today).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!((revived.hash(), revived.kept()), (book.hash(), book.kept()));
        let of = |book: Book| Play::of(book).decide(json!({ "message": { "text": "x" }, "source": "letters" })).trace;
        let trace = of(revived);
        assert_eq!(trace.matched[0].actions[0].rendered["attachments"][0]["name"], "Prices.pdf");
        assert_eq!(trace.matched[0].actions[1].fallback.as_deref(), Some("a note that names the member"));
        assert_eq!(trace, of(book));
    }

    #[test]
    fn a_changed_attachment_is_another_book() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |content: &str| {
            std::fs::write(folder.path().join("a.txt"), content).unwrap();
            let attachments = Attachments::Folder(folder.path().to_owned());
            let list = "  - name: a\n    do: [{ reply: { text: x, attachments: [{ file: a.txt }] } }]";
            compile(list, Surroundings { attachments, ..surroundings() }).hash().clone()
        };
        assert_eq!(hash("1"), hash("1"));
        assert_ne!(hash("1"), hash("2"));
    }

    #[test]
    fn a_book_kept_without_its_surroundings_gets_those_of_today() {
        let book = compile(HOURS, surroundings());
        let files = book.kept()[..1].to_vec();
        assert_eq!(Book::revive(files.clone(), &surroundings()).ok().unwrap().hash(), book.hash());
        let today = Surroundings { snippets: BTreeMap::new(), ..surroundings() };
        let faults = Book::revive(files, &today).err().unwrap().to_string();
        assert_eq!(faults, "rules/r.yaml:4:21: there is no snippet `hours`");
    }

    #[test]
    fn surroundings_that_cannot_be_read_are_a_fault() {
        let mut kept = compile(HOURS, surroundings()).kept().to_vec();
        kept[1].1 = "{\n}".to_owned();
        let faults = Book::revive(kept, &surroundings()).err().unwrap().to_string();
        assert_eq!(faults, "surroundings.json:2:1: cannot be read: missing field `surroundings` at line 2 column 1");
    }

    #[test]
    fn the_path_of_a_hook_is_not_kept_and_rules_that_call_it_are_revived() {
        let mut written = surroundings();
        let address = "https://user:planted@crm.example/planted?key=planted".parse().unwrap();
        written.hooks.insert("crm".to_owned(), address);
        let list =
            "  - name: a\n    do: [{ http: { hook: crm } }, { http: { url: 'https://crm.example/hooks/refunds/7' } }]";
        let book = compile(list, written);
        assert!(!book.kept()[1].1.contains("planted"), "{}", book.kept()[1].1);
        let revived = Book::revive(book.kept().to_vec(), &surroundings()).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(revived.hash(), book.hash());
    }

    #[test]
    fn what_a_provider_can_do_is_kept_word_for_word() {
        let facts = &surroundings().accounts[1];
        let text = serde_json::to_string(facts).unwrap();
        assert_eq!(serde_json::from_str::<AccountFacts>(&text).unwrap(), *facts);
        assert!(text.contains(r#"{"fallback":"a note that names the member"}"#), "{text}");
    }
}
