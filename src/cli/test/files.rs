//! Which tests are run, and with which configuration.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::config::{self, Settings};
use crate::yaml::{Fault, Faults};

/// The configuration, or without one just the rules of the path.
pub(super) fn settings(path: Option<&Path>, config: &Path) -> anyhow::Result<Settings> {
    match (path, config.exists()) {
        (Some(path), false) => {
            let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
            let mut settings = config::load_text("(no configuration)", "", Path::new("."), Vec::new())?;
            settings.rules = vec![folder.to_owned()];
            Ok(settings)
        }
        _ => Ok(config::load(config)?),
    }
}

/// The test files of a path, by default those of the rules, in order.
pub(super) fn find(path: Option<&Path>, rules: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let places = path.map_or_else(|| rules.to_vec(), |path| vec![path.to_owned()]);
    let mut files = Vec::new();
    for place in places {
        if !place.exists() {
            return Err(whole(&place, "there is no such file or folder".to_owned()).into());
        }
        let folder = if place.is_dir() { place.clone() } else { place.parent().unwrap_or(Path::new(".")).to_owned() };
        match place.is_file() && is_test_file(&place) {
            true => files.push(place),
            false => {
                let entries =
                    std::fs::read_dir(&folder).map_err(|why| whole(&folder, format!("cannot be read: {why}")))?;
                files
                    .extend(entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| is_test_file(path)));
            }
        }
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Err(anyhow!("there are no rule tests; they stand beside the rules and end in .test.yaml"));
    }
    Ok(files)
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, Faults> {
    std::fs::read_to_string(path).map_err(|why| whole(path, format!("cannot be read: {why}")))
}

fn whole(path: &Path, message: String) -> Faults {
    Fault { file: path.display().to_string(), line: 0, column: 0, message }.into()
}

fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}
