//! Templates of replies and notes: MiniJinja, strict, with values escaped for the form they stand in.
//! Never reads a file, never includes another template, and never lets a contact's words become markup.

mod moments;
mod names;

use std::io;
use std::sync::{Arc, LazyLock, OnceLock};

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::fields::Path;
use super::roots::{ROOTS, is_plain};
use super::schedule::Present;
use crate::yaml::suggest;

/// The longest template, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;
/// The longest text a template may make, in bytes.
pub const MAX_OUTPUT: usize = 256 * 1024;
/// The most instructions a template may run.
pub const MAX_STEPS: u64 = 50_000;

/// What the template's text is, which decides how values are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Plain text: values as they are.
    Text,
    /// Markdown: punctuation of values is escaped with backslashes and their line breaks become spaces, so that a name
    /// cannot become a link, a heading or HTML.
    Markdown,
    /// HTML: values are escaped as HTML.
    Html,
    /// Part of an address: values are percent-encoded, so that they add neither a path segment nor a parameter.
    Address,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateFault {
    /// From 1, inside the template.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A compiled template. Cloning shares it.
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

/// An environment takes many times the memory of a text, and of thousands of templates few are ever rendered: it is made
/// to judge the template, and again when it is first rendered.
struct Compiled {
    environment: OnceLock<Environment<'static>>,
    name: String,
    source: String,
    form: Form,
    /// The top-level facts it uses; only these are handed in.
    roots: Vec<&'static str>,
    /// The paths it reads.
    used: Vec<String>,
}

static TEXT: LazyLock<Environment<'static>> = LazyLock::new(|| base(AutoEscape::None));
static ADDRESS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = base(AutoEscape::Custom("address".into()));
    environment.set_formatter(write_address);
    environment.remove_filter("tojson");
    environment.remove_filter("safe");
    environment
});
static HTML: LazyLock<Environment<'static>> = LazyLock::new(|| base(AutoEscape::Html));
static MARKDOWN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = base(AutoEscape::Custom("markdown".into()));
    environment.set_formatter(write_markdown);
    // Its result counts as safe, which is true of HTML only.
    environment.remove_filter("tojson");
    environment
});

fn base(escape: AutoEscape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(MAX_STEPS));
    environment.set_auto_escape_callback(move |_| escape.clone());
    // Names the path that is undefined. What it keeps beside that is never shown; `debug()` would show all facts.
    environment.set_debug(true);
    environment.remove_global("debug");
    moments::register(&mut environment);
    environment
}

impl Template {
    /// Compiles a template, or says everything that is wrong with it. `name` is how errors call it.
    pub fn compile(name: &str, source: &str, form: Form) -> Result<Self, Vec<TemplateFault>> {
        if source.len() > MAX_SOURCE {
            let message = format!("the template is longer than {MAX_SOURCE} bytes");
            return Err(vec![TemplateFault { line: 1, column: 1, message }]);
        }
        let wrong = |error: &Error| vec![fault(error, source)];
        let environment = environment(name, source, form).map_err(|error| wrong(&error))?;
        let used = environment.get_template(name).map_err(|error| wrong(&error))?.undeclared_variables(true);
        let mut faults = names::unknown(&environment, source);
        let is_global = |path: &str| environment.globals().any(|(global, _)| global == root(path));
        faults.extend(used.iter().filter(|path| !is_global(path)).filter_map(|path| {
            let (line, column) = names::place_of(source, path);
            Some(TemplateFault { line, column, message: misnomer(path)? })
        }));
        if faults.is_empty() {
            faults.extend(dry_run(&environment, name).err().map(|error| fault(&error, source)));
        }
        if !faults.is_empty() {
            faults.sort();
            return Err(faults);
        }
        // By the text, not by `used`: MiniJinja does not look for variables inside a slice such as `message.text[:9]`.
        let roots = ROOTS.into_iter().filter(|root| source.contains(*root)).collect();
        let mut used: Vec<String> = used.into_iter().collect();
        used.sort();
        let (name, source) = (name.to_owned(), source.to_owned());
        Ok(Self(Arc::new(Compiled { environment: OnceLock::new(), name, source, form, roots, used })))
    }

    /// Line and column, both from 1, of the first use of a path.
    pub fn place_of(&self, path: &str) -> (usize, usize) {
        names::place_of(&self.0.source, path)
    }

    /// The paths it reads, such as `contact.first_name`.
    pub fn variables(&self) -> &[String] {
        &self.0.used
    }

    /// The text made from an event's facts (a JSON object with the names in [`ROOTS`]). The error says what is missing,
    /// without quoting any fact.
    pub fn render(&self, facts: &Json, present: &Present) -> Result<String, String> {
        self.render_with(|root| facts.get(root), present)
    }

    /// The same, of facts that are only looked up where the template names them.
    pub fn render_with<'f>(
        &self,
        facts: impl Fn(&str) -> Option<&'f Json>,
        present: &Present,
    ) -> Result<String, String> {
        let facts = self.0.roots.iter().map(|root| (*root, Value::from(Serde(&fact(facts(root), root)))));
        let given = Value::from_pairs(facts.chain([moments::given(present)]));
        let mut out = Capped(Vec::new());
        self.environment()
            .and_then(|environment| environment.get_template(&self.0.name))
            .and_then(|template| template.render_captured_to(given, &mut out).map(drop))
            .map_err(|error| describe(&error))?;
        String::from_utf8(out.0).map_err(|_| "the template made something that is not text".to_owned())
    }
}

impl Template {
    fn environment(&self) -> Result<&Environment<'static>, Error> {
        let Compiled { environment: made, name, source, form, .. } = &*self.0;
        match made.get() {
            Some(environment) => Ok(environment),
            None => environment(name, source, *form).map(|environment| made.get_or_init(|| environment)),
        }
    }
}

fn environment(name: &str, source: &str, form: Form) -> Result<Environment<'static>, Error> {
    let mut environment = match form {
        Form::Text => TEXT.clone(),
        Form::Markdown => MARKDOWN.clone(),
        Form::Html => HTML.clone(),
        Form::Address => ADDRESS.clone(),
    };
    environment.add_template_owned(name.to_owned(), source.to_owned())?;
    Ok(environment)
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.0.name).finish()
    }
}

/// One top-level fact. A JSON null counts as missing, because `null` is no word to send to anybody.
fn fact(fact: Option<&Json>, root: &str) -> Json {
    match fact {
        None | Some(Json::Null) if is_plain(root) => Json::String(String::new()),
        None | Some(Json::Null) => Json::Object(Map::new()),
        Some(value) => without_nulls(value),
    }
}

fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Json::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Json::Array(items) => items.iter().filter(|item| !item.is_null()).map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn write_markdown(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_safe() {
        return out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from);
    }
    if matches!(value.kind(), ValueKind::Undefined) {
        return Ok(());
    }
    out.write_str(&escape_markdown(&value.to_string())).map_err(Error::from)
}

/// What may stand in a path segment or a parameter as it is: the unreserved characters (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn write_address(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    out.write_fmt(format_args!("{}", utf8_percent_encode(&value.to_string(), UNRESERVED))).map_err(Error::from)
}

/// The words as Markdown that shows exactly them, in one line: CommonMark lets every ASCII punctuation character be
/// escaped (CommonMark 0.31 §2.4). White space is joined, because four blanks at a line's begin make code.
fn escape_markdown(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 8);
    for character in words.chars() {
        if character.is_whitespace() || character.is_control() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        if character.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Runs the template once with nothing in it: what still calls an unknown filter, test or function is found here.
fn dry_run(environment: &Environment<'static>, name: &str) -> Result<(), Error> {
    let mut lenient = environment.clone();
    lenient.set_undefined_behavior(UndefinedBehavior::Chainable);
    let unknown = [ErrorKind::UnknownFilter, ErrorKind::UnknownTest, ErrorKind::UnknownFunction];
    match lenient.get_template(name).and_then(|template| template.render(())) {
        Err(error) if moments::is_fault(&error) || unknown.contains(&error.kind()) => Err(error),
        _ => Ok(()),
    }
}

fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// What is wrong with the name of a fact, such as `contact.fist_name`: the group, or the field of it.
fn misnomer(path: &str) -> Option<String> {
    if !ROOTS.contains(&root(path)) {
        return Some(format!("unknown variable `{}`{}", root(path), suggest(root(path), ROOTS)));
    }
    let mut segments = path.splitn(3, '.');
    let (group, field) = (segments.next()?, segments.next()?);
    Path::compile(&format!("{group}.{field}")).err()
}

fn fault(error: &Error, source: &str) -> TemplateFault {
    let (line, column) = match error.range() {
        Some(range) => names::place(source, range.start),
        None => (error.line().unwrap_or(1), 1),
    };
    TemplateFault { line, column, message: in_words(error) }
}

fn in_words(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// An error of a run in words that hold names of the template only: MiniJinja's own details can quote values.
fn describe(error: &Error) -> String {
    if let Some(path) = undefined_path(error) {
        return format!("`{path}` is undefined; give it a default: {{{{ {path} | default(\"there\") }}}}");
    }
    let line = error.line().unwrap_or(1);
    match error.kind() {
        ErrorKind::OutOfFuel => format!("the template ran more than {MAX_STEPS} steps"),
        ErrorKind::WriteFailure => format!("the template made more than {MAX_OUTPUT} bytes"),
        ErrorKind::UndefinedError => format!("a value in line {line} of the template is undefined; give it a default"),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
            format!("line {line} of the template: {}", in_words(error))
        }
        _ if moments::is_fault(error) => format!("line {line} of the template: {}", in_words(error)),
        kind => format!("line {line} of the template cannot be computed: {kind}"),
    }
}

/// MiniJinja writes "`contact.first_name` is undefined" into the detail.
fn undefined_path(error: &Error) -> Option<&str> {
    let (before, _) = error.detail()?.split_once("` is undefined")?;
    before.rsplit('`').next()
}

/// Takes up to [`MAX_OUTPUT`] bytes.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_OUTPUT {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rules::markdown::from_markdown;

    fn facts() -> Json {
        json!({
            "event": { "id": "e1", "kind": "message.received" },
            "source": "inbox",
            "contact": { "email": "ann@example.org", "name": null, "tags": ["vip", "new"] },
            "message": { "text": "a < b & c", "attachments": [] },
            "state": { "refunds": 2 },
            "captures": { "order": "77" },
            "raw": { "secret": "hunter2" },
        })
    }

    fn render(source: &str, form: Form) -> Result<String, String> {
        Template::compile("t", source, form).unwrap().render(&facts(), &Present::default())
    }

    #[test]
    fn a_variable_inside_a_slice_is_there() {
        assert_eq!(render("{{ message.text[:3] }}", Form::Text).unwrap(), "a <");
    }

    #[test]
    fn templates_make_what_they_say() {
        for (source, made) in [
            ("Hi {{ contact.first_name | default(\"there\") }}", "Hi there"),
            ("Hi {{ contact.name | default(\"null is nobody\") }}", "Hi null is nobody"),
            ("{% if captures.order %}order {{ captures.order }}{% endif %}", "order 77"),
            ("{% if captures.none %}x{% else %}y{% endif %}", "y"),
            ("{{ (state.refunds | default(0)) + 1 }}", "3"),
            ("{{ contact.tags | join(\", \") }}", "vip, new"),
            ("{% for tag in contact.tags %}{{ loop.index }}{{ tag }}{% endfor %}", "1vip2new"),
            ("{{ contact_state.x | default(5) }}{{ provider }}", "5"),
            ("{% set x = message.text %}{{ x }}", "a < b & c"),
            ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ] {
            assert_eq!(render(source, Form::Text).as_deref(), Ok(made), "{source}");
        }
        assert_eq!(render("<b>{{ message.text }}</b>", Form::Html).unwrap(), "<b>a &lt; b &amp; c</b>");
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_quoted() {
        let long = format!("{{% for i in range(9000) %}}{}{{% endfor %}}", "x".repeat(60));
        for (source, error) in [
            (
                "{{ contact.first_name }}",
                "`contact.first_name` is undefined; give it a default: {{ contact.first_name | default(\"there\") }}",
            ),
            (
                "{{ captures.x.y }}",
                "`captures.x` is undefined; give it a default: {{ captures.x | default(\"there\") }}",
            ),
            (
                "{{ contact.name | upper }}",
                "`contact.name` is undefined; give it a default: {{ contact.name | default(\"there\") }}",
            ),
            ("a\n{{ raw.secret | int }}", "line 2 of the template cannot be computed: invalid operation"),
            ("{{ raw.secret * raw.secret }}", "line 1 of the template cannot be computed: invalid operation"),
            (
                "{% for i in range(99999) %}{% for j in range(99999) %}{% set x = i %}{% endfor %}{% endfor %}",
                "the template ran more than 50000 steps",
            ),
            (long.as_str(), "the template made more than 262144 bytes"),
        ] {
            assert_eq!(render(source, Form::Text).unwrap_err(), error, "{}", &source[..source.len().min(60)]);
        }
    }

    #[test]
    fn what_can_be_refused_at_load_is() {
        let long = "x".repeat(MAX_SOURCE + 1);
        for (source, line, start) in [
            ("a\n{{ contct.name }}", 2, "unknown variable `contct`; did you mean `contact`?"),
            ("a\nb\n{{ contact.name", 3, "syntax error: "),
            ("{{ contact.name | defualt(\"x\") }}", 1, "unknown filter `defualt`; did you mean `default`?"),
            ("{% include \"/etc/passwd\" %}", 1, "syntax error: "),
            ("{% import \"x\" as y %}", 1, "syntax error: "),
            ("{{ debug() }}", 1, "unknown variable `debug`"),
            (long.as_str(), 1, "the template is longer than 65536 bytes"),
        ] {
            let faults = Template::compile("t", source, Form::Text).unwrap_err();
            let [fault] = faults.as_slice() else { panic!("{faults:?}") };
            assert_eq!(fault.line, line, "{}", fault.message);
            assert!(fault.message.starts_with(start), "{}", fault.message);
        }
    }

    #[test]
    fn a_hostile_name_stays_words_in_markdown() {
        for name in [
            "[x](http://evil)",
            "![x](http://evil/p.png)",
            "<script>alert(1)</script>",
            "<http://evil>",
            "<b>x</b>",
            "# h",
            "1. x",
            "- x",
            "* x",
            "> q",
            "===",
            "---",
            "`code`",
            "**b** __b__ ~~s~~",
            "&lt;b&gt;",
            "a\\",
            "[x]: http://evil",
            "| a | b |",
            "\\[x](http://evil)",
            "```",
        ] {
            for place in
                ["{{ contact.name }}", "Hi {{ contact.name }}!", "a\n{{ contact.name }}", "- {{ contact.name }}"]
            {
                let made = Template::compile("t", place, Form::Markdown).unwrap();
                let made =
                    from_markdown(&made.render(&json!({ "contact": { "name": name } }), &Present::default()).unwrap());
                let shown = place.replace("{{ contact.name }}", name).replace('\n', " ");
                assert_eq!(made.text, shown, "{name} in {place}");
                let tags: Vec<&str> = made.html.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()).collect();
                let allowed = ["p", "/p", "ul", "/ul", "li", "/li"];
                assert!(tags.iter().all(|tag| allowed.contains(tag)), "{name} in {place}: {}", made.html);
            }
        }
    }

    #[test]
    fn line_breaks_and_blanks_in_a_value_make_no_block() {
        let made = Template::compile("t", "{{ contact.name }}", Form::Markdown).unwrap();
        for name in ["    code", "a\n\n# h", "a\r\n- b", "\tx", "a\u{2028}b"] {
            let made =
                from_markdown(&made.render(&json!({ "contact": { "name": name } }), &Present::default()).unwrap());
            assert!(made.html.starts_with("<p>") && made.html.matches('<').count() == 2, "{name:?}: {}", made.html);
        }
    }

    #[test]
    fn captured_and_filtered_values_are_escaped_once_and_never_zero_times() {
        let facts = json!({ "contact": { "name": "[x](y)", "tags": ["*a*", "_b_"] } });
        for (source, text) in [
            ("{% set n %}**{{ contact.name }}**{% endset %}{{ n }}", "[x](y)"),
            ("{{ contact.name | upper }}", "[X](Y)"),
            ("{{ contact.name | replace(\"x\", \"z\") }}", "[z](y)"),
            ("{{ contact.tags | join(\", \") }}", "*a*, _b_"),
            ("{{ \"%s\" | format(contact.name) }}", "[x](y)"),
            ("{{ contact.tags }}", "['*a*', '_b_']"),
        ] {
            let made =
                Template::compile("t", source, Form::Markdown).unwrap().render(&facts, &Present::default()).unwrap();
            let made = from_markdown(&made);
            assert_eq!(made.text, text, "{source}");
            assert!(!made.html.contains("<a") && !made.html.contains("<em"), "{source}: {}", made.html);
        }
        assert!(Template::compile("t", "{{ contact.name | tojson }}", Form::Markdown).is_err());
    }

    #[test]
    fn a_value_cannot_leave_html() {
        let facts = json!({ "contact": { "name": "<script>\"'&" } });
        let made = Template::compile("t", "<p>{{ contact.name }}</p>", Form::Html)
            .unwrap()
            .render(&facts, &Present::default())
            .unwrap();
        assert!(!made.contains("<script") && !made.contains('"'), "{made}");
    }
}
