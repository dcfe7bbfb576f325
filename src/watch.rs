//! Loads the rules anew when their files change. Watches folders, so that a file replaced by renaming (an editor, a
//! Kubernetes ConfigMap) is seen as well.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::app::Reloader;
use crate::server::Reload;

/// Files change in bursts; this long a silence ends one.
const SETTLE: Duration = Duration::from_millis(300);

/// Watches until the answer is dropped.
pub(crate) fn rules(reloader: Arc<Reloader>) -> notify::Result<RecommendedWatcher> {
    let (sender, mut changes) = mpsc::channel::<()>(1);
    let mut watcher = notify::recommended_watcher(move |change: notify::Result<notify::Event>| {
        if change.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel means that a reload is due anyway.
            let _ = sender.try_send(());
        }
    })?;
    for path in reloader.paths.iter().chain(&reloader.snippets) {
        let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new(".")) };
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    tokio::spawn(async move {
        while changes.recv().await.is_some() {
            while tokio::time::timeout(SETTLE, changes.recv()).await.is_ok_and(|change| change.is_some()) {}
            // What is wrong with the files has been logged.
            let _ = reloader.reload().await;
        }
    });
    Ok(watcher)
}
