//! What the changes come to in all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::change::{Change, What};

/// How many events come out differently in one kind of action. Each event counts once in each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// It is done where it was not.
    pub gained: usize,
    /// It goes to a person where it did not.
    pub to_person: usize,
    /// It is neither done nor goes to a person where it was or did.
    pub lost: usize,
    /// It stands as it stood, with another text.
    pub changed_text: usize,
    /// It stands as it stood, with the same text and something else changed, such as its delay.
    pub changed_otherwise: usize,
}

/// What the changes come to in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Events that were decided again.
    pub events: usize,
    /// Those among them that come out differently.
    pub changed: usize,
    /// Events that were decided again only to be remembered: from before, or of another source.
    pub remembered: usize,
    /// Events that wait for their first decision, and were left out.
    pub undecided: usize,
    /// By kind of action. A snippet counts as a reply.
    pub actions: BTreeMap<String, Tally>,
    /// Events in which an action does not come as far as before, or is newly asked for and stopped: by the code of the loop
    /// guard, or `held`, `drafted`, `vetoed`, `shadowed`, `failed`.
    pub held_back: BTreeMap<String, usize>,
}

impl Summary {
    /// Counts one event.
    pub(super) fn count(&mut self, changes: &[Change]) {
        self.events += 1;
        self.changed += usize::from(!changes.is_empty());
        let kinds: BTreeSet<&str> = changes.iter().filter(|it| is_about_doing(it)).map(Change::kind).collect();
        for kind in kinds {
            let any = |wanted: &dyn Fn(&Change) -> bool| {
                usize::from(changes.iter().any(|change| change.kind() == kind && wanted(change)))
            };
            let tally = self.actions.entry(kind.to_owned()).or_default();
            tally.gained += any(&|change| change.what == What::Gained);
            tally.to_person += any(&|change| change.what == What::ToPerson);
            tally.lost += any(&|change| change.what == What::Lost);
            tally.changed_text += any(&Change::is_of_text);
            tally.changed_otherwise += any(&|change| change.what == What::Changed && !change.is_of_text());
        }
        let against: BTreeSet<String> = changes.iter().filter_map(Change::held_back).collect();
        for code in against {
            *self.held_back.entry(code).or_default() += 1;
        }
    }

    /// The replies.
    pub fn replies(&self) -> Tally {
        self.actions.get("reply").copied().unwrap_or_default()
    }
}

fn is_about_doing(change: &Change) -> bool {
    !matches!(change.what, What::HeldBack | What::Dropped)
}
