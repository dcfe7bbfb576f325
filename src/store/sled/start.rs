//! Opening a store: what is in the folder, and what of it is in flight.

use std::path::Path;
use std::sync::Arc;

use super::folder::Parts;
use super::watch::{Watch, watched};
use super::{Options, open};
use crate::store::local::{Core, Local, failed};
use crate::store::{Store, StoreError};

/// Opens the store in a folder, which is made if it is not there.
pub(super) fn open_with(path: &Path, options: &Options) -> Result<Arc<dyn Store>, StoreError> {
    let watch = Arc::new(Watch::new(options.patience));
    let (path, options, signs) = (path.to_owned(), options.clone(), Arc::clone(&watch));
    let core = watched(&watch, move || load(&path, &options, &signs))?;
    Ok(Arc::new(Local::start(core)))
}

/// Damage of the state that is met on the way, while the journal is replayed into it or what is in flight is read, has been
/// noted by then: opening once more makes the state anew.
fn load(path: &Path, options: &Options, watch: &Arc<Watch>) -> Result<Core, StoreError> {
    let load = || {
        let mut core = Core::new(Arc::new(open::open(path, options, watch)?));
        core.load()?;
        Ok(core)
    };
    let mark = Parts::of(path).rebuild;
    let was_known = mark.exists();
    let mut loaded = load();
    if loaded.is_err() && !was_known && mark.exists() {
        loaded = load();
    }
    loaded.map_err(|error| match error {
        StoreError::Failed { .. } if mark.exists() => {
            let path = path.display();
            let helps = "see that its disk has room and is sound, and start again";
            failed(
                &format!("making the state in {path} anew; nothing is lost, because the journal holds it: {helps}"),
                error,
            )
        }
        other => other,
    })
}
