//! `members sync`: who is who at every provider, by e-mail address, as the `members:` block of the configuration. It only
//! proposes: a person looks at it and puts it where it belongs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::access::Access;
use super::lists::Lists;
use super::output::{self, plain, short};
use super::{ConfigArguments, Ended, Format};
use crate::config;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    let known = config::load(&arguments.config.config)?.members;
    let access = Access::open(&arguments.config).await?;
    let found = listed(&access).await;
    access.close().await?;
    let (found, ended) = found?;
    let proposal = propose(&known, &found);
    match arguments.format {
        Format::Json => output::json(&json!(proposal)),
        Format::Text => output::line(proposal.to_string().trim_end()),
    }
    Ok(ended)
}

async fn listed(access: &Access) -> anyhow::Result<(Vec<Found>, Ended)> {
    let status = access.get("/api/v1/status").await?;
    let accounts = status["accounts"].as_array().into_iter().flatten();
    let providers: BTreeMap<String, String> =
        accounts.map(|account| (plain(&account["name"]), plain(&account["provider"]))).collect();
    let (rows, ended) = Lists { access, what: "members", filters: &[], limit: None }.all().await?;
    let found = |row: &Value| {
        let account = plain(&row["account"]);
        let provider = providers.get(&account).cloned().unwrap_or_default();
        let email = row["email"].as_str().map(|email| email.trim().to_lowercase());
        Found { provider, account, id: plain(&row["id"]), name: short(&plain(&row["name"]), 80), email }
    };
    Ok((rows.iter().map(found).collect(), ended))
}

/// A member of one account.
#[derive(Clone, Debug)]
struct Found {
    provider: String,
    account: String,
    id: String,
    name: String,
    /// In lower case.
    email: Option<String>,
}

/// Ids by provider.
type Ids = BTreeMap<String, String>;

/// A member as it would be written.
#[derive(Debug, Serialize)]
struct Entry {
    alias: String,
    name: String,
    ids: Ids,
    /// What a person should look at.
    notes: Vec<String>,
}

/// What would be written.
#[derive(Debug, Serialize)]
struct Proposal {
    members: Vec<Entry>,
    /// Who has no e-mail address to be matched by, such as teams.
    unmatched: Vec<Entry>,
}

/// Matches what was found, and keeps what is known.
fn propose(known: &BTreeMap<String, Ids>, found: &[Found]) -> Proposal {
    let mut people: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for one in found {
        if let Some(email) = one.email.as_deref().filter(|email| email.contains('@')) {
            people.entry(email).or_default().push(one);
        }
    }
    let providers: BTreeSet<&str> = found.iter().map(|one| one.provider.as_str()).collect();
    let mut taken: BTreeSet<String> = known.keys().cloned().collect();
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut members = Vec::new();
    for (email, same) in &people {
        let mut entry = person(email, same, providers.len());
        let old = known.iter().find(|(alias, ids)| {
            !used.contains(*alias) && same.iter().any(|one| ids.get(&one.provider) == Some(&one.id))
        });
        match old {
            Some((alias, ids)) => keep(&mut entry, alias, ids),
            None => entry.alias = alias_of(&entry.name, email, &taken, &mut entry.notes),
        }
        taken.insert(entry.alias.clone());
        used.insert(entry.alias.clone());
        members.push(entry);
    }
    for (alias, ids) in known.iter().filter(|(alias, _)| !used.contains(*alias)) {
        let notes = vec!["kept as it is; nobody with these ids and an e-mail address was found".to_owned()];
        members.push(Entry { alias: alias.clone(), name: String::new(), ids: ids.clone(), notes });
    }
    members.sort_by(|a, b| a.alias.cmp(&b.alias));
    let is_known = |one: &Found| known.values().any(|ids| ids.get(&one.provider) == Some(&one.id));
    let nameless = found.iter().filter(|one| !one.email.as_deref().is_some_and(|email| email.contains('@')));
    let unmatched = nameless.filter(|one| !is_known(one)).map(|one| {
        let alias = alias_of(&one.name, &one.id, &taken, &mut Vec::new());
        taken.insert(alias.clone());
        let ids = Ids::from([(one.provider.clone(), one.id.clone())]);
        Entry { alias, name: one.name.clone(), ids, notes: Vec::new() }
    });
    Proposal { unmatched: unmatched.collect(), members }
}

/// One person, from all who have the address.
fn person(email: &str, same: &[&Found], providers: usize) -> Entry {
    let (mut ids, mut notes) = (Ids::new(), Vec::new());
    for one in same {
        match ids.get(&one.provider) {
            Some(id) if *id != one.id => {
                let Found { provider, account, id, .. } = one;
                notes
                    .push(format!("also {id} at {provider} (account {account}); an alias has one id at each provider"));
            }
            Some(_) => {}
            None => {
                ids.insert(one.provider.clone(), one.id.clone());
            }
        }
    }
    if ids.len() == 1 && providers > 1 {
        notes.push(format!("found at {} alone", same[0].provider));
    }
    let name = same.iter().map(|one| one.name.as_str()).find(|name| !name.is_empty()).unwrap_or(email);
    Entry { alias: String::new(), name: name.to_owned(), ids, notes }
}

/// Takes over what the configuration says of somebody already. Where it names another id it is left to a person.
fn keep(entry: &mut Entry, alias: &str, ids: &Ids) {
    alias.clone_into(&mut entry.alias);
    for (provider, id) in ids {
        match entry.ids.insert(provider.clone(), id.clone()) {
            Some(other) if other != *id => {
                entry.notes.push(format!("{provider} knows this address as {other}; the configuration says {id}"));
            }
            _ => {}
        }
    }
}

/// `dr-lee` for `Dr. Lee`, of those that are not taken.
fn alias_of(name: &str, otherwise: &str, taken: &BTreeSet<String>, notes: &mut Vec<String>) -> String {
    let slug = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
    };
    let wanted = Some(slug(name)).filter(|alias| !alias.is_empty()).unwrap_or_else(|| slug(otherwise));
    if !taken.contains(&wanted) {
        return wanted;
    }
    notes.push(format!("`{wanted}` is somebody else already"));
    let free = (2..).map(|number| format!("{wanted}-{number}")).find(|alias| !taken.contains(alias));
    free.unwrap_or(wanted)
}

impl std::fmt::Display for Proposal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.members.is_empty() {
            true => writeln!(f, "members: {{}}  # nobody with an e-mail address was found")?,
            false => writeln!(f, "members:")?,
        }
        for entry in &self.members {
            if !entry.name.is_empty() {
                writeln!(f, "  # {}", entry.name)?;
            }
            entry.notes.iter().try_for_each(|note| writeln!(f, "  # {note}"))?;
            writeln!(f, "  {entry}")?;
        }
        if !self.unmatched.is_empty() {
            writeln!(f, "  # without an e-mail address to be matched by:")?;
        }
        self.unmatched.iter().try_for_each(|entry| writeln!(f, "  # {entry}  # {}", entry.name))
    }
}

/// What YAML may take for something else than a text.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A text of JSON is one of YAML too, whatever is in it.
        let ids: Vec<String> = self.ids.iter().map(|(provider, id)| format!("{provider}: {}", json!(id))).collect();
        let is_plain = self.alias.starts_with(|c: char| c.is_ascii_lowercase())
            && self.alias.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !WORDS.contains(&self.alias.as_str());
        match is_plain {
            true => write!(f, "{}: {{ {} }}", self.alias, ids.join(", ")),
            false => write!(f, "{}: {{ {} }}", json!(self.alias), ids.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(provider: &str, account: &str, id: &str, name: &str, email: &str) -> Found {
        let email = Some(email.to_lowercase()).filter(|email| !email.is_empty());
        Found { provider: provider.into(), account: account.into(), id: id.into(), name: name.into(), email }
    }

    #[test]
    fn people_are_matched_by_address_and_what_a_person_must_look_at_is_said() {
        let known = BTreeMap::from([
            ("lee".to_owned(), Ids::from([("fernand".to_owned(), "42".to_owned())])),
            (
                "sam".to_owned(),
                Ids::from([("fernand".to_owned(), "1".to_owned()), ("http".to_owned(), "s".to_owned())]),
            ),
            ("gone".to_owned(), Ids::from([("spruce".to_owned(), "entity_0".to_owned())])),
        ]);
        let all = [
            found("fernand", "desk", "42", "Dr Lee", "Dr.Lee@example.com"),
            found("spruce", "clinic", "entity_1", "Dr. Lee", "dr.lee@example.com"),
            found("spruce", "branch", "entity_9", "Dr. Lee", "dr.lee@example.com"),
            found("spruce", "clinic", "entity_2", "Zoë O'Neil", "zoe@example.com"),
            found("fernand", "desk", "7", "Zoë O'Neil", "other.zoe@example.com"),
            found("fernand", "desk", "1", "Sam", "sam@example.com"),
            found("highlevel", "crm", "u1", "", "sam@example.com"),
            found("highlevel", "crm", "u2", "yes", "yes@example.com"),
            found("spruce", "clinic", "entity_3", "Front desk", ""),
            found("spruce", "clinic", "entity_4", "Front desk", ""),
        ];
        insta::assert_snapshot!(propose(&known, &all), @r#"
        members:
          # kept as it is; nobody with these ids and an e-mail address was found
          gone: { spruce: "entity_0" }
          # Dr Lee
          # also entity_9 at spruce (account branch); an alias has one id at each provider
          lee: { fernand: "42", spruce: "entity_1" }
          # Sam
          sam: { fernand: "1", highlevel: "u1", http: "s" }
          # yes
          # found at highlevel alone
          "yes": { highlevel: "u2" }
          # Zoë O'Neil
          # found at fernand alone
          "zoë-o-neil": { fernand: "7" }
          # Zoë O'Neil
          # found at spruce alone
          # `zoë-o-neil` is somebody else already
          "zoë-o-neil-2": { spruce: "entity_2" }
          # without an e-mail address to be matched by:
          # front-desk: { spruce: "entity_3" }  # Front desk
          # front-desk-2: { spruce: "entity_4" }  # Front desk
        "#);
    }

    #[test]
    fn what_is_proposed_is_read_as_it_was_meant() {
        let all = [
            found("fernand", "desk", "0123", "No", "no@example.com"),
            found("fernand", "desk", "4\"2: #", "A: b # c", "a@example.com"),
        ];
        let proposal = propose(&BTreeMap::new(), &all);
        let folder = tempfile::tempdir().unwrap();
        let settings = config::load_text("rejoinder.yaml", &proposal.to_string(), folder.path(), Vec::new()).unwrap();
        let ids = |id: &str| Ids::from([("fernand".to_owned(), id.to_owned())]);
        let expected = [("a-b-c".to_owned(), ids("4\"2: #")), ("no".to_owned(), ids("0123"))];
        assert_eq!(settings.members, BTreeMap::from(expected));
        for nobody in [vec![], vec![found("spruce", "clinic", "entity_3", "Front desk", "")]] {
            let proposed = propose(&BTreeMap::new(), &nobody).to_string();
            assert!(proposed.starts_with("members: {}  # nobody with an e-mail address was found\n"), "{proposed}");
            let settings = config::load_text("rejoinder.yaml", &proposed, folder.path(), Vec::new()).unwrap();
            assert_eq!(settings.members, BTreeMap::new());
        }
    }
}
