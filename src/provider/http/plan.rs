//! One described call, compiled: every template parsed and every name checked before anything is sent.
//! It makes no calls.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, Method};
use serde_json::Value;

use super::config::{ActionSettings, Method as Written, ReadBackSettings, SuccessSettings, escape, header_name};
use super::template::{self, Expression, Form, Template};
use crate::provider::map::is_pointer;
use crate::signature::SettingFault;

/// What the templates of every call may use.
const COMMON: [&str; 5] = ["conversation", "contact", "message", "event", "idempotency_key"];

/// What the templates of one action may use beside that.
const OWN: [(&str, &[&str]); 5] = [
    ("reply", &["text", "html", "subject", "sender", "attachments"]),
    ("note", &["text", "html", "page", "mentions"]),
    ("snippet", &["snippet"]),
    ("tag", &["tags"]),
    ("assign", &["member"]),
];

/// What means success.
pub(super) enum Success {
    /// Any 2xx.
    Any,
    /// One of these status codes.
    Statuses(Vec<u16>),
    /// A 2xx whose JSON has these values at these pointers.
    Values(BTreeMap<String, Value>),
}

/// The call for one action.
pub(super) struct Plan {
    pub(super) method: Method,
    pub(super) path: Template,
    pub(super) query: Vec<(String, Template)>,
    pub(super) body: Option<Form>,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) id: Option<String>,
    pub(super) success: Success,
    pub(super) key_header: Option<HeaderName>,
    /// The variables that the templates use.
    pub(super) variables: BTreeSet<String>,
    /// The variables that are handed to them.
    pub(super) mentioned: BTreeSet<&'static str>,
}

impl Plan {
    /// Compiles a call; what is wrong is added to `faults`.
    pub(super) fn compile(action: &'static str, written: ActionSettings, faults: &mut Vec<SettingFault>) -> Self {
        let mut check = Check::new(format!("actions/{action}"), action, faults);
        let path = check.path(written.path);
        let query = written.query.into_iter().map(|(name, text)| {
            let template = check.template(&format!("query/{}", escape(&name)), text);
            (name, template)
        });
        let query = query.collect();
        let body = written.body.map(|body| check.form("body", body));
        let mut headers = Vec::new();
        for (name, text) in written.headers {
            let key = format!("headers/{}", escape(&name));
            let template = check.template(&key, text);
            headers.extend(check.header(&key, &name).map(|name| (name, template)));
        }
        if let Some(pointer) = &written.id {
            check.pointer("id", pointer);
        }
        let key_header = written.idempotency_header.and_then(|name| check.header("idempotency_header", &name));
        let success = check.success(written.success);
        let method = match written.method {
            Written::Post => Method::POST,
            Written::Put => Method::PUT,
            Written::Patch => Method::PATCH,
            Written::Delete => Method::DELETE,
        };
        let Check { variables, mentioned, .. } = check;
        Self { method, path, query, body, headers, id: written.id, success, key_header, variables, mentioned }
    }
}

/// The call that lists a conversation.
pub(super) struct ReadBackPlan {
    pub(super) path: Template,
    pub(super) items: String,
    pub(super) text: String,
    pub(super) at: String,
    pub(super) id: Option<String>,
    /// The variables that are handed to the template.
    pub(super) mentioned: BTreeSet<&'static str>,
}

impl ReadBackPlan {
    /// Compiles it; what is wrong is added to `faults`.
    pub(super) fn compile(written: ReadBackSettings, faults: &mut Vec<SettingFault>) -> Self {
        let mut check = Check::new("read_back".to_owned(), "read_back", faults);
        let path = check.path(written.path);
        let pointers = [("items", Some(&written.items)), ("text", Some(&written.text)), ("at", Some(&written.at))];
        for (key, pointer) in pointers.into_iter().chain([("id", written.id.as_ref())]) {
            if let Some(pointer) = pointer {
                check.pointer(key, pointer);
            }
        }
        let mentioned = check.mentioned;
        Self { path, items: written.items, text: written.text, at: written.at, id: written.id, mentioned }
    }
}

/// Collects faults and variables while one call is compiled.
struct Check<'a> {
    at: String,
    known: Vec<&'static str>,
    variables: BTreeSet<String>,
    /// Those whose names occur in the text of a template: MiniJinja does not look for variables inside a slice such as
    /// `message.text[:9]`.
    mentioned: BTreeSet<&'static str>,
    faults: &'a mut Vec<SettingFault>,
}

impl<'a> Check<'a> {
    fn new(at: String, action: &str, faults: &'a mut Vec<SettingFault>) -> Self {
        let own = OWN.iter().find(|(name, _)| *name == action).map_or(&[][..], |(_, own)| own);
        let known = COMMON.iter().chain(own).copied().collect();
        Self { at, known, variables: BTreeSet::new(), mentioned: BTreeSet::new(), faults }
    }

    /// How errors call what stands at a key.
    fn name(&self, key: &str) -> String {
        format!("{}/{key}", self.at).replace('/', ".")
    }

    fn fault(&mut self, key: &str, message: String) {
        self.faults.push(SettingFault::new(format!("{}/{key}", self.at), message));
    }

    fn path(&mut self, text: String) -> Template {
        if !text.starts_with('/') || text.starts_with("//") || text.starts_with("/{%") {
            self.fault("path", "must begin with one `/`; it is put behind `base_url`".to_owned());
        }
        self.mention(&text);
        let template = Template::path(self.name("path"), text);
        self.take("path", template.check(&self.known));
        template
    }

    fn template(&mut self, key: &str, text: String) -> Template {
        self.mention(&text);
        let template = Template::new(self.name(key), text);
        self.take(key, template.check(&self.known));
        template
    }

    fn mention(&mut self, text: &str) {
        self.mentioned.extend(self.known.iter().filter(|name| text.contains(**name)));
    }

    fn take(&mut self, key: &str, checked: Result<BTreeSet<String>, String>) {
        match checked {
            Ok(variables) => self.variables.extend(variables),
            Err(message) => self.fault(key, message),
        }
    }

    fn form(&mut self, key: &str, body: Value) -> Form {
        match body {
            Value::String(text) => match template::single_expression(&text) {
                Some(expression) => {
                    self.mention(expression);
                    let expression = Expression::new(self.name(key), expression.to_owned());
                    self.take(key, expression.check(&self.known));
                    Form::Whole(expression)
                }
                None => Form::Text(self.template(key, text)),
            },
            Value::Array(items) => Form::List(
                items.into_iter().enumerate().map(|(at, item)| self.form(&format!("{key}/{at}"), item)).collect(),
            ),
            Value::Object(map) => Form::Map(
                map.into_iter()
                    .map(|(name, item)| {
                        let form = self.form(&format!("{key}/{}", escape(&name)), item);
                        (name, form)
                    })
                    .collect(),
            ),
            fixed => Form::Fixed(fixed),
        }
    }

    fn header(&mut self, key: &str, name: &str) -> Option<HeaderName> {
        header_name(name).map_err(|message| self.fault(key, message)).ok()
    }

    fn pointer(&mut self, key: &str, pointer: &str) {
        if !is_pointer(pointer) {
            self.fault(key, format!("`{pointer}` is not a JSON pointer; write it like /reply/id"));
        }
    }

    fn success(&mut self, written: Option<SuccessSettings>) -> Success {
        match written {
            None => Success::Any,
            Some(SuccessSettings::Statuses(statuses)) => {
                if statuses.is_empty() || statuses.iter().any(|status| !(200..600).contains(status)) {
                    self.fault("success", "is not a list of status codes, such as [200, 201]".to_owned());
                }
                Success::Statuses(statuses)
            }
            Some(SuccessSettings::Values(values)) => {
                for pointer in values.keys() {
                    self.pointer("success", pointer);
                }
                Success::Values(values)
            }
        }
    }
}
