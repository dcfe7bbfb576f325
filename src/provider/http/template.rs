//! Templates of calls: MiniJinja with strict undefined values. Compiled and checked when an account is opened, filled in for
//! each call.
//! What is said of a failure names the template and the variable, never a value.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::yaml::suggest;

/// What may stand in a path segment as it is: the unreserved characters (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest id of a stranger that becomes part of an address, in bytes.
const LONGEST_SEGMENT: usize = 256;

static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(environment);

static PATH: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    environment.set_formatter(percent_encoded);
    environment
});

/// Templates make JSON, headers and addresses: nothing is escaped for HTML.
fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment
}

/// Writes a value as part of a path segment. One that would climb out of the path, or vanish from it, is refused.
fn percent_encoded(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return escape_formatter(out, state, value);
    }
    let is_text = value.as_str().is_some() || value.is_number();
    let text = value.to_string();
    if !is_text || matches!(text.as_str(), "" | "." | "..") || text.len() > LONGEST_SEGMENT {
        return Err(Error::new(ErrorKind::InvalidOperation, UNUSABLE));
    }
    out.write_fmt(format_args!("{}", utf8_percent_encode(&text, SEGMENT))).map_err(Error::from)
}

const UNUSABLE: &str = "a value cannot stand in an address";

/// A template with a name to speak of it, compiled once.
pub(super) struct Template {
    name: String,
    /// An environment with this template alone, which shares everything else with the others; or what is wrong.
    compiled: Result<Environment<'static>, String>,
}

impl Template {
    /// One that makes text.
    pub(super) fn new(name: String, source: String) -> Self {
        Self::within(&PLAIN, name, source)
    }

    /// One that makes a path: every value is percent-encoded.
    pub(super) fn path(name: String, source: String) -> Self {
        Self::within(&PATH, name, source)
    }

    fn within(environment: &Environment<'static>, name: String, source: String) -> Self {
        let mut environment = environment.clone();
        let added = environment.add_template_owned(name.clone(), source);
        Self { name, compiled: added.map(|()| environment).map_err(|error| syntax(&error)) }
    }

    /// The variables it uses, or what is wrong with it.
    pub(super) fn check(&self, known: &[&'static str]) -> Result<BTreeSet<String>, String> {
        let environment = self.compiled.as_ref().map_err(Clone::clone)?;
        let template = environment.get_template(&self.name).map_err(|error| syntax(&error))?;
        judge(environment, template.undeclared_variables(false).into_iter().collect(), known)
    }

    /// Fills it in.
    pub(super) fn render(&self, context: &Value) -> Result<String, String> {
        let environment = self.compiled.as_ref().map_err(Clone::clone)?;
        let rendered = environment.get_template(&self.name).and_then(|template| template.render(context));
        rendered.map_err(|error| unfilled(&self.name, &error))
    }
}

/// A single expression with a name to speak of it, compiled once.
pub(super) struct Expression {
    name: String,
    source: String,
    compiled: Result<minijinja::Expression<'static, 'static>, String>,
}

impl Expression {
    pub(super) fn new(name: String, source: String) -> Self {
        let compiled = PLAIN.compile_expression_owned(source.clone()).map_err(|error| syntax(&error));
        Self { name, source, compiled }
    }

    /// The variables it uses, or what is wrong with it.
    pub(super) fn check(&self, known: &[&'static str]) -> Result<BTreeSet<String>, String> {
        let expression = self.compiled.as_ref().map_err(Clone::clone)?;
        judge(&PLAIN, expression.undeclared_variables(false).into_iter().collect(), known)
    }

    /// Its value, with its type.
    fn evaluate(&self, context: &Value) -> Result<serde_json::Value, String> {
        let expression = self.compiled.as_ref().map_err(Clone::clone)?;
        let value = expression.eval(context).map_err(|error| unfilled(&self.name, &error))?;
        if value.is_undefined() {
            return Err(format!("`{}` is undefined in {}", self.source, self.name));
        }
        serde_json::to_value(value).map_err(|_| format!("the value in {} cannot be written as JSON", self.name))
    }
}

/// Details are shown for undefined values only: those of other errors may quote what was filled in.
fn unfilled(name: &str, error: &Error) -> String {
    let why = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, Some(detail)) => detail.to_owned(),
        (_, Some(UNUSABLE)) => UNUSABLE.to_owned(),
        (kind, _) => kind.to_string(),
    };
    format!("{name} cannot be filled in: {why}")
}

fn syntax(error: &Error) -> String {
    format!("is not a template: {}", error.detail().unwrap_or("syntax error"))
}

fn judge(
    environment: &Environment<'_>,
    used: BTreeSet<String>,
    known: &[&'static str],
) -> Result<BTreeSet<String>, String> {
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    match used.iter().find(|name| !known.contains(&name.as_str()) && !is_global(name)) {
        Some(wrong) => Err(format!("there is no variable `{wrong}` here{}", suggest(wrong, known.iter().copied()))),
        None => Ok(used),
    }
}

/// The expression of a text that is `{{ … }}` and nothing else.
pub(super) fn single_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let is_one = !["{{", "}}", "{%", "{#"].iter().any(|mark| inner.contains(mark));
    let trims = inner.starts_with(['-', '+']) || inner.ends_with(['-', '+']);
    (is_one && !trims).then(|| inner.trim())
}

/// A JSON value with templates for its texts.
pub(super) enum Form {
    /// Not a text.
    Fixed(serde_json::Value),
    /// A text with something filled in.
    Text(Template),
    /// An expression, whose value keeps its type.
    Whole(Expression),
    /// A list.
    List(Vec<Form>),
    /// A mapping.
    Map(Vec<(String, Form)>),
}

impl Form {
    /// Fills everything in.
    pub(super) fn fill(&self, context: &Value) -> Result<serde_json::Value, String> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(template) => template.render(context)?.into(),
            Self::Whole(expression) => expression.evaluate(context)?,
            Self::List(items) => items.iter().map(|item| item.fill(context)).collect::<Result<_, _>>()?,
            Self::Map(fields) => {
                let fill = |(name, form): &(String, Self)| Ok((name.clone(), form.fill(context)?));
                serde_json::Value::Object(fields.iter().map(fill).collect::<Result<_, String>>()?)
            }
        })
    }
}
