//! The pages of `docs/reference`, each made whole from a table of the library. A new page is a function and a line in
//! [`PAGES`]. Nothing here reads or writes a file.

use rejoinder::model::capability::CAPABILITIES;
use rejoinder::model::{Support, duration};
use rejoinder::provider::{PROVIDERS, Provider};
use rejoinder::rules::action::ACTIONS;
use rejoinder::rules::condition::{self, CONDITIONS};
use rejoinder::rules::fields::{FIELDS, OPEN_GROUPS};
use rejoinder::rules::filters::FILTERS;
use rejoinder::rules::lint::{LINTS, Lint};
use rejoinder::rules::{document, script};
use rejoinder::signature::{SCHEMES, Scheme, VerifySettings};
use serde_json::{Value, json};

use super::tables::{self, COLUMNS, lines};

/// One page.
pub(crate) struct Page {
    /// The file below `docs/reference`.
    pub(crate) file: &'static str,
    /// The heading.
    title: &'static str,
    /// What stands on it, for the list of pages.
    about: &'static str,
    /// Everything below the heading.
    body: fn() -> String,
}

/// Every page, in the order in which a newcomer meets the words.
pub(crate) const PAGES: &[Page] = &[
    Page { file: "kinds.md", title: "Kinds of event", about: "what a rule can look at, under `on`", body: kinds },
    Page { file: "fields.md", title: "Fields", about: "what conditions, templates and scripts can name", body: fields },
    Page { file: "conditions.md", title: "Conditions", about: "what can stand under `when`", body: conditions },
    Page { file: "operators.md", title: "Operators", about: "how a field is compared", body: operators },
    Page { file: "actions.md", title: "Actions", about: "what a rule can have done, under `do`", body: actions },
    Page { file: "templates.md", title: "Templates", about: "how values stand in a text", body: templates },
    Page { file: "scripts.md", title: "Scripts", about: "the functions that Rhai can call", body: scripts },
    Page { file: "lints.md", title: "Lints", about: "what `rejoinder check` warns of", body: lints },
    Page { file: "capabilities.md", title: "Capabilities", about: "which provider can do what", body: capabilities },
    Page { file: "schemes.md", title: "Signature schemes", about: "how senders prove who they are", body: schemes },
];

/// The page as its file has it.
pub(crate) fn written(page: &Page) -> String {
    format!("{MADE}\n\n# {}\n\n{}\n", page.title, (page.body)().trim_end())
}

/// The list of pages, `README.md`.
pub(crate) fn index() -> String {
    let rows = PAGES.iter().map(|page| vec![format!("[{}]({})", page.title, page.file), page.about.to_owned()]);
    let beside = [
        ("[Loop guard](../loop-guard.md)", "the steps before an automatic reply, and their codes"),
        ("[Configuration](../configuration.md)", "every key of `rejoinder.yaml`"),
        ("[Rules](../rules.md)", "every key of a rule and of a rule test"),
        ("[HTTP](../http-api.md)", "every address"),
    ];
    let rows = rows.chain(beside.map(|(page, about)| vec![page.to_owned(), about.to_owned()]));
    format!(
        "{MADE}\n\n# Reference\n\n{}\n\nThe same words as JSON Schema, for editors: [configuration](../schema/config.json), \
         [rules](../schema/rules.json), [rule tests](../schema/tests.json).\n",
        lines(&["Page", "What stands there"], rows)
    )
}

const MADE: &str =
    "<!-- Made from the tables of the program by the documentation tests. Changes here are overwritten. -->";

/// What a schema lets stand, in words.
fn takes(root: &Value, schema: &Value) -> String {
    if schema["pattern"] == duration::PATTERN {
        return "a duration".to_owned();
    }
    if let Some(target) = schema["$ref"].as_str() {
        return takes(root, root.pointer(target.trim_start_matches('#')).unwrap_or(&Value::Null));
    }
    let forms = ["anyOf", "oneOf"].into_iter().flat_map(|key| schema[key].as_array().into_iter().flatten());
    let mut words: Vec<String> = forms.filter(|form| form["type"] != "null").map(|form| takes(root, form)).collect();
    words.extend(
        schema["enum"].as_array().into_iter().flatten().filter_map(|word| Some(format!("`{}`", word.as_str()?))),
    );
    words.extend(schema.get("const").map(|word| format!("`{}`", word.to_string().trim_matches('"'))));
    if words.is_empty() {
        let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
        words.extend(types.iter().filter_map(Value::as_str).map(|name| match name {
            "string" => "a text".to_owned(),
            "number" | "integer" => "a number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" if schema["items"].is_object() => format!("a list of: {}", takes(root, &schema["items"])),
            "array" => "a list".to_owned(),
            "object" => "a mapping".to_owned(),
            _ => String::new(),
        }));
    }
    let mut seen = Vec::new();
    words.into_iter().filter(|word| !word.is_empty()).for_each(|word| {
        if !seen.contains(&word) {
            seen.push(word);
        }
    });
    if seen.is_empty() { "anything".to_owned() } else { seen.join(" or ") }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn fenced(yaml: &str) -> String {
    format!("```yaml\n{}\n```", yaml.trim_end())
}

/// The entry of a list.
fn entry(yaml: &str) -> String {
    let mut rows = yaml.lines().enumerate().map(|(row, line)| match row {
        0 => format!("- {line}"),
        _ => format!("  {line}").trim_end().to_owned(),
    });
    rows.by_ref().collect::<Vec<_>>().join("\n")
}

fn kinds() -> String {
    let schema = document::schema();
    let words = schema["$defs"]["EventKind"]["oneOf"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = words.iter().map(|word| vec![code(&text(&word["const"])), text(&word["description"])]);
    format!(
        "`on: KIND`, or a list of kinds; `message.received` where a rule has no `on`. In conditions the field is \
         `event.kind`.\n\n{}",
        lines(&["Kind", "What happened"], rows)
    )
}

fn fields() -> String {
    let rows = FIELDS.iter().map(|field| {
        let words: Vec<String> = field.words.iter().map(|word| code(word)).collect();
        let words = match (words.is_empty(), field.is_closed) {
            (true, _) => String::new(),
            (false, true) => format!("one of {}", words.join(", ")),
            (false, false) => format!("such as {}", words.join(", ")),
        };
        vec![code(field.path), field.holds.as_str().to_owned(), field.summary.to_owned(), words]
    });
    let open = OPEN_GROUPS.map(|group| code(&format!("{group}.*"))).join(", ");
    format!(
        "Conditions name a field by its path, templates and scripts as a variable of the same path. What a provider does \
         not say is missing. Any name can stand below {open}, and its value has whatever form it was given. A path leads \
         through lists: `raw.items.0.id` is the first one's, `raw.items.id` that of any.\n\n{}",
        lines(&["Field", "Form", "What it holds", "Words"], rows)
    )
}

fn conditions() -> String {
    let schema = condition::schema();
    let properties = schema["Conditions"]["properties"].as_object().cloned().unwrap_or_default();
    let is_field = |name: &str| FIELDS.iter().any(|field| field.path == name);
    let groups = properties.iter().filter(|(name, _)| !is_field(name)).map(|(name, schema)| {
        let example = schema["examples"].get(0).map(|example| {
            let yaml = serde_yaml::to_string(&json!({ "when": { (name): example } })).unwrap_or_default();
            format!("\n\n{}", fenced(&yaml))
        });
        let about = schema["description"].as_str().unwrap_or_default();
        format!("## `{name}`\n\n{about}{}", example.unwrap_or_default())
    });
    let groups = groups.collect::<Vec<_>>().join("\n\n");
    format!(
        "A mapping means *all of*: every entry must hold. Its keys are [field paths](fields.md), whose values are compared \
         by [operators](operators.md), and the words below.\n\n{groups}"
    )
}

fn operators() -> String {
    let rows = CONDITIONS.iter().map(|operator| {
        let schema = operator.schema();
        let (name, summary) = (operator.name(), operator.summary().to_owned());
        vec![code(name), code(&format!("not_{name}")), summary, takes(&schema, &schema), code(operator.example())]
    });
    format!(
        "`FIELD: {{ OPERATOR: WANTED }}`; of several operators in one mapping all must hold. The `not_` form holds exactly \
         when the operator does not, also where the field is missing. A field with several values passes when one of them \
         does. Text operators ignore case, unless `case: sensitive` stands beside them.\n\n{}",
        lines(&["Operator", "Not", "What it is", "Takes", "Example"], rows)
    )
}

/// A row for every key of a mapping, and for every key of the mappings in a list.
fn keys(root: &Value, schema: &Value, prefix: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let about = value["description"].as_str().unwrap_or_default();
        rows.push(vec![code(&format!("{prefix}{key}")), takes(root, value), about.to_owned()]);
        rows.extend(keys(root, &value["items"], &format!("{prefix}{key}.")));
    }
    rows
}

fn actions() -> String {
    let sections = ACTIONS.iter().map(|action| {
        let schema = action.schema();
        let keys = keys(&schema, &schema, "");
        let argument = match keys.is_empty() {
            true => format!("Takes {}.", takes(&schema, &schema)),
            false => lines(&["Key", "Takes", "What it is"], keys),
        };
        let needs = CAPABILITIES.into_iter().filter(|name| name.split('.').next() == Some(action.name()));
        let needs: Vec<String> = needs.map(|name| format!("[`{name}`](capabilities.md#{})", anchor(name))).collect();
        let needs = match needs.is_empty() {
            true => "Done by rejoinder itself, whatever the provider.".to_owned(),
            false => format!("What the provider must be able to do: {}.", needs.join(", ")),
        };
        let summary = action.summary();
        format!("## `{}`\n\n{summary}\n\n{}\n\n{argument}\n\n{needs}", action.name(), fenced(&entry(action.example())))
    });
    format!(
        "Each entry of `do` has one action. Texts are [templates](templates.md).\n\n{}",
        sections.collect::<Vec<_>>().join("\n\n")
    )
}

/// The anchor of a heading, as the usual renderers make it.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

fn templates() -> String {
    let rows = FILTERS.iter().map(|filter| {
        [code(filter.name), filter.summary.to_owned(), code(filter.example), code(&filter.gives.replace('\n', "⏎"))]
    });
    format!(
        "Texts are [MiniJinja](https://docs.rs/minijinja/latest/minijinja/syntax/index.html): `{{{{ … }}}}` puts in the \
         value of a [field](fields.md), `{{% if … %}}…{{% endif %}}` and `{{% for x in … %}}…{{% endfor %}}` choose and \
         repeat, `| filter` changes a value. A value that is missing and has no `default` refuses the action by name. The \
         examples are for Ann Smith, who is tagged `vip` and `new`, asked for two refunds, and wrote about order 77.\n\n{}",
        lines(&["Filter", "What it gives", "Example", "Gives"], rows.map(Vec::from))
    )
}

fn scripts() -> String {
    let rows = script::CALLS.iter().map(|call| {
        let is = match ACTIONS.iter().find(|action| action.name() == call.action) {
            Some(action) => format!("[`{}`](actions.md#{})", action.name(), action.name()),
            None => format!("`{}` of a rule", call.action),
        };
        vec![code(call.name), call.usage.to_owned(), is, code(call.example)]
    });
    format!(
        "`do: - script: …` runs statements, a `.rhai` file its `fn decide(event, state)`; both call these functions, each of \
         which is the same thing in YAML. A map has the keys of the YAML action. Texts are final, not templates. Nothing is \
         done by the call itself: it goes the way of the same action in YAML. `veto` can be called in a `.rhai` file \
         only.\n\n{}",
        lines(&["Function", "Forms", "Is", "Example"], rows)
    )
}

/// What is asked for, from the schema of the action.
fn meaning(capability: &str) -> String {
    let mut parts = capability.split('.');
    let Some(action) = parts.next().and_then(|name| ACTIONS.iter().find(|action| action.name() == name)) else {
        return String::new();
    };
    let (schema, mut about) = (action.schema(), action.summary().to_owned());
    let mut node = &schema;
    for part in parts {
        // Attachments are told apart by how the file is named.
        let key = match part {
            "inline" => "file",
            "stored" => "id",
            other => other,
        };
        let inner = if node["items"].is_object() { &node["items"] } else { node };
        node = &inner["properties"][key];
        about = node["description"].as_str().unwrap_or_default().to_owned();
    }
    about
}

fn capabilities() -> String {
    let columns: Vec<&dyn Provider> = PROVIDERS.iter().copied().filter(|one| COLUMNS.contains(&one.name())).collect();
    let sections = CAPABILITIES.into_iter().map(|name| {
        let rows = columns.iter().map(|provider| {
            let support = provider.capabilities().iter().find(|row| row.name == name).map(|row| row.support);
            let (word, why) = match support {
                Some(_) if provider.name() == "http" => ("as described", "by the call that the account describes"),
                Some(Support::Native) => ("yes", ""),
                Some(Support::Fallback(why)) => ("fallback", why),
                Some(Support::Missing(why)) => ("no", why),
                None => ("?", ""),
            };
            let page = format!("[{}](../providers/{}.md)", provider.title(), provider.name());
            vec![page, word.to_owned(), why.to_owned()]
        });
        format!("## `{name}`\n\n{}\n\n{}", meaning(name), lines(&["Provider", "There", "How, or why not"], rows))
    });
    format!(
        "*yes*: by the provider's own means. *fallback*: by the detour named, which the trace names too. *no*: `check` \
         refuses a rule whose events can reach no account that is able. The sandbox does what the provider does that it \
         speaks as.\n\n{}",
        sections.collect::<Vec<_>>().join("\n\n")
    )
}

/// The least that a scheme can be written with: the first of these with which it builds.
pub(crate) fn least(scheme: &dyn Scheme) -> Option<String> {
    const KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEssYpndr5yCNlUngpqI2PX3NiQnf2XORjq/F/HgrTQKF4J3vnepBRVJM/6RTfrl80+zT+\
                        E2XqmOJ3p61+LNrulw==";
    const RSA: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqVNgCUXCdronCXzC1dq1WGVX7qFNfSH4azS42dMHYI9BkYy/m9yX0Ptu\
                       bKEVmTvM4m6louBFevzJfBaVV/XAf4K0kZUPmRvXNyNANANJkG3Y+SUa4NvqZHa1j+xzLiiM0uYiDKTCmg/T7zoZZEcPYP/EzkGI\
                       DR0+W2an/6VrEdRIc2M9/9yyacqVLUVD6rLmiPuVCnSoADucNVjPkanHTisxhapnrtcqo6KnNEG9ylwM5DUCk1fyfXYSWtcRUvbz\
                       qKZkjMc8YAHrpWlHOs+fXYTQDpc+OWCJ4fPBsxzgmlxQxTMfECMMDssddYa2RdHM1uTV5MtnwBlZRTp41B7pqQIDAQAB";
    const URL: &str = "https://bot.example.com/webhooks/NAME";
    let public = ", keys: [\"${PUBLIC_KEY}\"]".to_owned();
    let candidates = [
        (String::new(), json!({})),
        (", secrets: [\"${SECRET}\"]".to_owned(), json!({ "secrets": ["whsec_NDI0Mg=="] })),
        (", secrets: [\"${USER_AND_PASSWORD}\"]".to_owned(), json!({ "secrets": ["user:password"] })),
        (", header: X-Token, secrets: [\"${SECRET}\"]".to_owned(), json!({ "header": "X-Token", "secrets": ["4242"] })),
        (format!(", keys: [\"{KEY}\"]"), json!({ "keys": [KEY] })),
        (format!(", header: X-Signature, keys: [\"{KEY}\"]"), json!({ "header": "X-Signature", "keys": [KEY] })),
        (public.clone(), json!({ "keys": [P256] })),
        (format!(", header: X-Signature{public}"), json!({ "header": "X-Signature", "keys": [P256] })),
        (format!(", header: X-Signature{public}"), json!({ "header": "X-Signature", "keys": [RSA] })),
        (format!(", url: {URL}, secrets: [\"${{SECRET}}\"]"), json!({ "url": URL, "secrets": ["4242"] })),
    ];
    let builds = |settings: &Value| {
        let mut settings = settings.clone();
        settings["scheme"] = scheme.name().into();
        serde_json::from_value::<VerifySettings>(settings).is_ok_and(|settings| scheme.build(&settings).is_ok())
    };
    let found = candidates.into_iter().find(|(_, settings)| builds(settings));
    found.map(|(written, _)| format!("verify: {{ scheme: {}{written} }}", scheme.name()))
}

fn schemes() -> String {
    let rows = SCHEMES.iter().map(|scheme| {
        let takes = scheme.takes().into_iter().map(code).collect::<Vec<_>>().join(", ");
        let takes = if takes.is_empty() { "–".to_owned() } else { takes };
        vec![code(scheme.name()), scheme.summary().to_owned(), takes, code(&least(*scheme).unwrap_or_default())]
    });
    format!(
        "What can stand under `sources.NAME.verify`. A setting that a scheme does not take is a fault. All secrets and keys \
         are tried, so that a rotation never drops an event.\n\n{}\n\n## Settings\n\n{}",
        lines(&["Scheme", "What it is", "Takes", "The least"], rows),
        tables::table("verify-keys").unwrap_or_default()
    )
}

fn lints() -> String {
    let row = |lint: &&Lint| {
        [format!("`{}`", lint.name), lint.summary.to_owned(), lint.why.to_owned(), lint.help.to_owned()].to_vec()
    };
    let rows = lines(&["Lint", "What it finds", "Why it matters", "What would be right"], LINTS.iter().map(row));
    format!(
        "What `rejoinder check` warns of: allowed in a rule book, and hardly ever meant. A book with warnings is in force, and \
         `check`\nends with 0 unless `--deny-warnings`, or `--deny LINT` for one of them, says otherwise. A rule silences a \
         lint with\n`allow_lints: [two-replies]`, a `.rhai` rule with `const ALLOW_LINTS = [\"two-replies\"];`.\n\n{rows}\n"
    )
}
