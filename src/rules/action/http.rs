//! `http`: a signed call of a hook, an address under `hooks:` in the configuration, which also keeps its secret.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::super::all;
use super::super::site::Site;
use super::super::template::Form;
use super::super::view::View;
use super::words::Words;
use super::{ActionKind, Planned, Prepare, Prepared, schema_of};
use crate::http::address;
use crate::model::{Action, HttpCall, HttpMethod};
use crate::yaml::suggest;

/// The largest body, in bytes.
const MAX_BODY: usize = 256 * 1024;

pub(super) struct HttpAction;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Argument {
    /// The name of the hook, under `hooks:` in the configuration. Either this or `url` is given.
    hook: Option<String>,
    /// Put behind the hook's address, such as `/refunds/{{ state.order }}`; a template whose values are percent-encoded.
    path: Option<String>,
    /// The whole address, below that of a configured hook, whose secret and headers are used; a template like `path`.
    url: Option<String>,
    /// `POST` by default.
    #[serde(default)]
    method: HttpMethod,
    /// Headers beside those of the hook and of the signature; templates.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Sent as JSON. Every text in it is a template; what renders to a text stays one.
    #[serde(default)]
    body: Value,
}

impl ActionKind for HttpAction {
    fn name(&self) -> &'static str {
        "http"
    }

    fn summary(&self) -> &'static str {
        "Calls a hook, an address under `hooks:` in the configuration, with a body in JSON, signed with Standard Webhooks."
    }

    fn schema(&self) -> Value {
        schema_of::<Argument>()
    }

    fn example(&self) -> &'static str {
        "http: { hook: crm, body: { event: \"{{ event.id }}\" } }"
    }

    fn compile(&self, argument: &Value, site: &Site<'_>) -> Option<Box<dyn Prepare>> {
        let argument: Argument = super::super::read_argument(argument, site)?;
        let target = target(&argument, site);
        let headers = all(argument.headers.iter().map(|(name, text)| {
            let site = site.child("headers").child(name);
            address::header_name(name).map_err(|why| site.fault(why)).ok()?;
            Some((name.clone(), Words::compile(text, Form::Text, &site)?))
        }));
        let body = Part::compile(&argument.body, &site.child("body"));
        Some(Box::new(CompiledHttp { target: target?, method: argument.method, headers: headers?, body: body? }))
    }
}

/// Where a call goes.
enum Target {
    /// To a hook, with a path behind it.
    Hook(String, Option<Words>),
    /// To an address below one of the hooks.
    Url(Words, BTreeMap<String, Url>),
}

fn target(argument: &Argument, site: &Site<'_>) -> Option<Target> {
    let hooks = &site.surroundings().hooks;
    match (&argument.hook, &argument.url) {
        (Some(hook), None) if hooks.contains_key(hook) => {
            let path = argument.path.as_ref().map(|path| Words::compile(path, Form::Address, &site.child("path")));
            Some(Target::Hook(hook.clone(), path.map_or(Some(None), |path| path.map(Some))?))
        }
        (Some(hook), None) => {
            let hint = suggest(hook, hooks.keys().map(String::as_str));
            site.child("hook").fault(format!("there is no hook `{hook}` under `hooks:`{hint}"));
            None
        }
        (None, Some(_)) if argument.path.is_some() => {
            site.child("path").fault("`path` belongs to `hook`; write it into the `url`");
            None
        }
        (None, Some(url)) => {
            let site = site.child("url");
            let words = Words::compile(url, Form::Address, &site)?;
            let is_constant = site.is_literal() || !(url.contains("{{") || url.contains("{%"));
            if is_constant && let Err(why) = covering(hooks, url) {
                site.fault(why);
                return None;
            }
            Some(Target::Url(words, hooks.clone()))
        }
        _ => {
            site.fault("give either `hook` or `url`, to say where the call goes");
            None
        }
    }
}

/// The hook that an address lies below, and the path behind it: of several hooks the one that says most of it.
fn covering(hooks: &BTreeMap<String, Url>, text: &str) -> Result<(String, String), String> {
    let url: Url = text.parse().map_err(|why| format!("`{text}` is not an address: {why}"))?;
    let rest = |base: &Url| {
        let path = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
        let is_below = base.origin() == url.origin() && (path.is_empty() || path.starts_with('/'));
        is_below.then(|| url.query().map_or(path.to_owned(), |query| format!("{path}?{query}")))
    };
    let found = hooks.iter().filter_map(|(name, base)| Some((name.clone(), rest(base)?)));
    found.min_by_key(|(_, rest)| rest.len()).ok_or_else(|| {
        let origin = url.origin().ascii_serialization();
        format!("no hook covers this address at {origin}; configure one under `hooks:`, with its secret")
    })
}

/// A body in the making.
enum Part {
    Words(Words),
    Plain(Value),
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
}

impl Part {
    fn compile(value: &Value, site: &Site<'_>) -> Option<Self> {
        Some(match value {
            Value::String(text) => Self::Words(Words::compile(text, Form::Text, site)?),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Self::List(all(items.map(|(index, item)| Self::compile(item, &site.child(&index.to_string()))))?)
            }
            Value::Object(map) => Self::Map(all(map
                .iter()
                .map(|(key, value)| Some((key.clone(), Self::compile(value, &site.child(key))?))))?),
            plain => Self::Plain(plain.clone()),
        })
    }

    fn fill(&self, view: &View<'_>) -> Result<Value, String> {
        Ok(match self {
            Self::Words(words) => words.plain(view)?.into(),
            Self::Plain(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.fill(view)).collect::<Result<Value, _>>()?,
            Self::Map(map) => {
                let entries = map.iter().map(|(key, value)| Ok((key.clone(), value.fill(view)?)));
                Value::Object(entries.collect::<Result<Map<_, _>, String>>()?)
            }
        })
    }
}

struct CompiledHttp {
    target: Target,
    method: HttpMethod,
    headers: Vec<(String, Words)>,
    body: Part,
}

impl Prepare for CompiledHttp {
    fn prepare(&self, view: &mut View<'_>) -> Result<Prepared, String> {
        let (hook, path) = match &self.target {
            Target::Hook(hook, None) => (hook.clone(), String::new()),
            Target::Hook(hook, Some(path)) => (hook.clone(), path.plain(view)?),
            Target::Url(url, hooks) => covering(hooks, &url.plain(view)?)?,
        };
        let header = |(name, words): &(String, Words)| match words.plain(view)? {
            value if address::is_header_value(&value) => Ok((name.clone(), value)),
            _ => Err(format!("the header `{name}` would hold characters that cannot stand in one")),
        };
        let headers = self.headers.iter().map(header).collect::<Result<_, String>>()?;
        let body = self.body.fill(view)?;
        let bytes = body.to_string().len();
        if bytes > MAX_BODY {
            return Err(format!("the body would have {bytes} bytes; at most {MAX_BODY} are sent"));
        }
        let call = HttpCall { hook, method: self.method, path, headers, body };
        Ok(Prepared::Planned(Planned::now(Action::Http(call))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::Book;
    use crate::rules::testing::{Play, rules, story, surroundings};

    fn doing(argument: &str) -> Play {
        Play::new(&format!("  - name: a\n    do:\n      - http: {argument}"))
    }

    fn faults(argument: &str) -> String {
        let text = rules(&format!("  - name: a\n    do:\n      - http: {argument}"));
        Book::compile(vec![("r.yaml".to_owned(), text)], surroundings()).err().unwrap().to_string()
    }

    #[test]
    fn a_call_is_made_for_its_event_and_waits_in_a_lane_of_its_own() {
        let mut play = doing(
            "{ hook: crm, path: '/orders/{{ message.subject }}?q={{ message.text }}', method: PUT,
            headers: { X-From: '{{ contact.email }}' },
            body: { text: '{{ message.text }}', count: 2, list: ['{{ contact.name }}', true, null] } }",
        );
        let written = json!({ "message": { "text": "a/../b & c", "subject": "7?x=1" }, "contact": { "name": "Ann", "email": "ann@example.org" } });
        let decision = play.decide(written);
        let send = &decision.sends[0];
        assert_eq!(send.account.as_str(), "hook:crm");
        assert!(send.lane.as_str().ends_with("/hook:crm"), "{}", send.lane);
        assert!(!send.action.reaches_contact() && send.action.is_idempotent());
        insta::assert_json_snapshot!(send.action, @r#"
        {
          "action": "http",
          "hook": "crm",
          "method": "PUT",
          "path": "/orders/7%3Fx%3D1?q=a%2F..%2Fb%20%26%20c",
          "headers": {
            "X-From": "ann@example.org"
          },
          "body": {
            "text": "a/../b & c",
            "count": 2,
            "list": [
              "Ann",
              true,
              null
            ]
          }
        }
        "#);
    }

    #[test]
    fn an_address_is_called_through_the_hook_that_covers_it_best() {
        for (url, hook, path) in [
            ("https://crm.example/hooks", "crm", ""),
            ("https://crm.example/hooks/orders?x={{ message.text }}", "crm", "/orders?x=a%20b"),
            ("https://crm.example/hooks/refunds/{{ message.text }}", "crm-refunds", "/a%20b"),
        ] {
            let decision = doing(&format!("{{ url: '{url}' }}")).decide(json!({ "message": { "text": "a b" } }));
            let Action::Http(call) = &decision.sends[0].action else { panic!("{url}") };
            assert_eq!((call.hook.as_str(), call.path.as_str()), (hook, path), "{url}");
        }
        let told = doing("{ url: 'https://{{ message.text }}.example/hooks' }").hear("evil");
        assert_eq!(
            told,
            "a http: failed: no hook covers this address at https://evil.example; configure one under `hooks:`, with its secret"
        );
    }

    #[test]
    fn what_cannot_be_called_is_a_fault_with_its_place() {
        let told = [
            "{ hook: crmm }",
            "{ body: { a: 1 } }",
            "{ hook: crm, url: 'https://crm.example/hooks' }",
            "{ url: 'https://crm.example/hooks', path: /a }",
            "{ url: 'https://crm.example/other' }",
            "{ url: 'http://crm.example/hooks' }",
            "{ url: 'https://crm.example/hooks2' }",
            "{ url: nonsense }",
            "{ hook: crm, method: GET }",
            "{ hook: crm, headers: { Webhook-Id: x } }",
            "{ hook: crm, secret: whsec_x }",
            "{ hook: crm, body: { a: ['{{ contct.name }}'] } }",
        ];
        insta::assert_snapshot!(told.map(faults).join("\n"), @"
        r.yaml:5:17: there is no hook `crmm` under `hooks:`; did you mean `crm`? (known: crm, crm-refunds)
        r.yaml:5:9: give either `hook` or `url`, to say where the call goes
        r.yaml:5:9: give either `hook` or `url`, to say where the call goes
        r.yaml:5:51: `path` belongs to `hook`; write it into the `url`
        r.yaml:5:17: no hook covers this address at https://crm.example; configure one under `hooks:`, with its secret
        r.yaml:5:17: no hook covers this address at http://crm.example; configure one under `hooks:`, with its secret
        r.yaml:5:17: no hook covers this address at https://crm.example; configure one under `hooks:`, with its secret
        r.yaml:5:17: `nonsense` is not an address: relative URL without a base
        r.yaml:5:28: `GET` is not known here (known: POST, PUT, PATCH, DELETE)
        r.yaml:5:39: `Webhook-Id` is set by the program; leave it out
        r.yaml:5:28: unknown key `secret` (known: hook, path, url, method, headers, body)
        r.yaml:5:44: the template does not compile: unknown variable `contct`; did you mean `contact`? (known: event, source, provider, account, conversation, contact, message, delivery, state, contact_state, captures, raw)
        ");
    }

    #[test]
    fn a_value_that_cannot_stand_in_a_header_refuses_the_call_alone() {
        let mut play = doing("{ hook: crm, headers: { X-Text: '{{ message.text }}' } }");
        assert_eq!(
            play.hear("two\nlines"),
            "a http: failed: the header `X-Text` would hold characters that cannot stand in one"
        );
        let mut play = doing("{ hook: crm, body: '{{ message.text }}' }");
        assert_eq!(play.hear(&"x".repeat(300_000)), "a http: failed: the template made more than 262144 bytes");
    }

    #[test]
    fn a_script_calls_hooks_and_a_veto_of_all_stops_them() {
        let mut play =
            Play::new("  - name: a\n    do:\n      - script: 'http(#{ hook: \"crm\", body: #{ order: 7 } })'");
        let decision = play.decide(json!({}));
        assert_eq!(decision.sends[0].action, Action::Http(HttpCall::new("crm", json!({ "order": 7 }))));
        let mut play = Play::new("  - name: v\n    veto: all\n  - name: a\n    do: [{ http: { hook: crm } }]");
        assert!(story(&play.decide(json!({}))).contains("a http: vetoed by v"));
    }
}
