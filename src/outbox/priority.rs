//! Who goes first where an account may not do everything at once.

use crate::model::Action;

/// Who goes first: pages before replies before other actions, sends before look-ups before polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A member is called.
    Page,
    /// A contact is answered.
    Reply,
    /// Something is changed that nobody waits for: tags, notes, assignment, closing, calls of hooks.
    Act,
    /// Something is read: a conversation after an unclear outcome, a list that an operator wants to see.
    LookUp,
    /// Something is asked for in case there is something new.
    Poll,
}

impl Priority {
    /// Those that a send can have, the first first.
    pub const SENDS: [Self; 3] = [Self::Page, Self::Reply, Self::Act];

    /// That of a send, by what it does.
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Note(note) if !note.page.is_empty() => Self::Page,
            Action::Reply(_) | Action::Snippet(_) => Self::Reply,
            Action::Note(_) | Action::Tag(_) | Action::Assign(_) | Action::Close | Action::Http(_) => Self::Act,
        }
    }

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Reply => "reply",
            Self::Act => "act",
            Self::LookUp => "look_up",
            Self::Poll => "poll",
        }
    }
}

/// Counts turns. Now and then one goes to whoever waits longest, so that nobody waits for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns(u32);

impl Turns {
    /// One turn in so many goes by age alone.
    pub const BY_AGE: u32 = 8;

    /// Whether the coming turn goes to whoever waits longest.
    pub fn is_by_age(self) -> bool {
        self.0 + 1 == Self::BY_AGE
    }

    /// A turn was taken.
    pub fn pass(&mut self) {
        self.0 = (self.0 + 1) % Self::BY_AGE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Note, Paged, Reply};

    #[test]
    fn pages_come_before_replies_before_everything_else() {
        let paged = || vec![Paged { alias: "lee".to_owned(), id: "42".to_owned() }];
        for (action, wanted) in [
            (Action::Note(Note { page: paged(), ..Note::default() }), Priority::Page),
            (Action::Reply(Reply::default()), Priority::Reply),
            (Action::Note(Note::default()), Priority::Act),
            (Action::Close, Priority::Act),
        ] {
            assert_eq!(Priority::of(&action), wanted, "{}", action.name());
        }
        assert!(Priority::SENDS.is_sorted() && Priority::Act < Priority::LookUp && Priority::LookUp < Priority::Poll);
    }
}
