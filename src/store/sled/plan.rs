//! What a number of changes comes to in sled, worked out before anything is changed.

use super::base::answered;
use super::meta::Meta;
use super::packed::{self, Pack};
use super::stored::Stored;
use crate::store::StoreError;
use ::sled::{Db, IVec};

/// So many keys are looked up, or changed, before the thread lets others work.
const STEP: usize = 16;

/// A key of ours, what will be stored under it, and whether it is known not to be there.
pub(super) struct Wanted<'a> {
    /// The key.
    pub(super) key: &'a [u8],
    /// What will be stored; none where it goes.
    pub(super) stored: Option<Stored>,
    /// Whether nothing is there.
    pub(super) is_new: bool,
}

/// A key of sled's and what will be under it; nothing where it goes.
pub(super) type Planned = (IVec, Option<IVec>);

/// What becomes of sled's keys. Counts it in `meta`, where there is one: then sled is known to be as it was counted so far.
pub(super) fn plan<'a>(
    db: &Db,
    changes: impl Iterator<Item = Wanted<'a>>,
    mut meta: Option<&mut Meta>,
    pause: &dyn Fn(),
) -> Result<Vec<Planned>, StoreError> {
    let mut changes = changes.peekable();
    let mut planned = Vec::new();
    while let Some(Wanted { key, stored, is_new }) = changes.next() {
        let home = packed::home(key);
        let at = home.as_ref().map_or(key, |home| home.as_slice());
        let is_asked = home.is_some() || (meta.is_some() && !is_new);
        let old =
            is_asked.then(|| db.get(at)).transpose().map_err(|error| answered("reading the state", error))?.flatten();
        let new = match home {
            None => stored.map(|stored| stored.write()),
            Some(_) => {
                let mut pack = old.as_deref().map(Pack::read).transpose()?.unwrap_or_default();
                pack.set(key, stored);
                while let Some(next) = changes.next_if(|next| packed::home(next.key) == home) {
                    pack.set(next.key, next.stored);
                }
                pack.write()
            }
        };
        if let Some(meta) = &mut meta {
            old.iter().for_each(|old| meta.count(at, old, false));
            new.iter().for_each(|new| meta.count(at, new, true));
        }
        planned.push((IVec::from(at), new.map(IVec::from)));
        pause_after(planned.len(), pause);
    }
    Ok(planned)
}

/// Lets others work after each step.
pub(super) fn pause_after(number: usize, pause: &dyn Fn()) {
    if number.is_multiple_of(STEP) {
        pause();
    }
}
