//! What stands at a field of an event, as tests see it: the values, and their texts as they are compared, made once for
//! all rules that ask.

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::Value;

use super::text::read;
use super::{Case, as_text};

/// The values of one field.
pub struct Seen<'a> {
    values: Vec<&'a Value>,
    folded: Rc<Folded>,
}

/// The texts of one field as they are compared, made when first asked for.
#[derive(Default)]
pub(in crate::rules) struct Folded {
    ignored: OnceCell<Vec<String>>,
    sensitive: OnceCell<Vec<String>>,
}

impl<'a> Seen<'a> {
    /// These values, of no event in particular.
    pub fn of(values: Vec<&'a Value>) -> Self {
        Self { values, folded: Rc::default() }
    }

    /// These values, whose texts may have been made already.
    pub(in crate::rules) fn remembered(values: Vec<&'a Value>, folded: Rc<Folded>) -> Self {
        Self { values, folded }
    }

    /// The texts among the values as text operators see them, in order: [folded](Case::fold), with every run of white space
    /// as one blank.
    pub fn texts(&self, case: Case) -> &[String] {
        let cell = match case {
            Case::Ignored => &self.folded.ignored,
            Case::Sensitive => &self.folded.sensitive,
        };
        cell.get_or_init(|| self.iter().filter_map(|value| as_text(value)).map(|text| read(&text, case)).collect())
    }
}

impl<'a> std::ops::Deref for Seen<'a> {
    type Target = [&'a Value];

    fn deref(&self) -> &Self::Target {
        &self.values
    }
}
