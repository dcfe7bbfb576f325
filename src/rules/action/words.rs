//! The text of a reply or note: a template, or the final text of a script.

use super::super::markdown::{self, Rendered};
use super::super::site::Site;
use super::super::template::{Form, Template};
use super::super::view::View;

/// A text that is made ready for each event.
pub(super) enum Words {
    /// Rendered with the fields of the event.
    Template(Template, Form, String),
    /// Sent as it is.
    Literal(String, Form),
}

impl Words {
    /// Compiles the text at `site`; a fault of a template is reported at its own line.
    pub(super) fn compile(source: &str, form: Form, site: &Site<'_>) -> Option<Self> {
        if site.is_literal() {
            return Some(Self::Literal(source.to_owned(), form));
        }
        site.refuse_unknown_schedules(source);
        match Template::compile(site.pointer(), source, form) {
            Ok(template) => {
                let wrong = |path: &String| Some((template.place_of(path), site.uncaptured(path)?));
                let wrong: Vec<_> = template.variables().iter().filter_map(wrong).collect();
                wrong.iter().for_each(|(at, why)| site.fault_in_text(*at, why.as_str()));
                wrong.is_empty().then(|| Self::Template(template, form, source.to_owned()))
            }
            Err(faults) => {
                for fault in faults {
                    let said = format!("the template does not compile: {}", fault.message);
                    site.fault_in_text((fault.line, fault.column), said);
                }
                None
            }
        }
    }

    /// The text and the HTML for one event; an error where nothing would be left to read.
    pub(super) fn render(&self, view: &View<'_>) -> Result<Rendered, String> {
        let source = self.plain(view)?;
        let rendered = match self.form() {
            Form::Text | Form::Address => markdown::from_text(&source),
            Form::Markdown => markdown::from_markdown(&source),
            Form::Html => markdown::from_html(&source),
        };
        match rendered.text.trim().is_empty() {
            true => Err("it renders to an empty text".to_owned()),
            false => Ok(rendered),
        }
    }

    /// The text alone, without the making of a second form; for subjects and values.
    pub(super) fn plain(&self, view: &View<'_>) -> Result<String, String> {
        match self {
            Self::Template(template, ..) => template.render_with(|root| Some(view.group(root)), view.present()),
            Self::Literal(text, _) => Ok(text.clone()),
        }
    }

    /// The unexpanded text; none where it comes from a script, which has filled in what it wanted.
    pub(super) fn source(&self) -> Option<&str> {
        match self {
            Self::Template(_, _, source) => Some(source),
            Self::Literal(..) => None,
        }
    }

    /// The form it was written in.
    pub(super) fn form(&self) -> Form {
        match self {
            Self::Template(_, form, _) | Self::Literal(_, form) => *form,
        }
    }
}

/// The texts an author may choose from; exactly one must be given. `names` tells of all, with what the caller adds.
pub(super) fn choose(choices: &[(&str, Form, Option<&String>)], names: &str, site: &Site<'_>) -> Option<Words> {
    let given: Vec<_> = choices.iter().filter_map(|(key, form, text)| text.map(|text| (*key, *form, text))).collect();
    match given.as_slice() {
        [(key, _, text)] if text.trim().is_empty() => {
            site.child(key).fault("there is nothing to say; write the words, or leave the action out");
            None
        }
        [(key, form, text)] => Words::compile(text, *form, &site.child(key)),
        [] => {
            site.fault(format!("there is nothing to say; give one of {names}"));
            None
        }
        [_, (key, ..), ..] => {
            site.child(key).fault(format!("only one of {names} can be given"));
            None
        }
    }
}
