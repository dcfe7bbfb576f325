//! What rules can refer to, taken from the configuration: snippets from their folder.

use std::collections::BTreeMap;
use std::path::Path;

use crate::rules::SnippetFile;
use crate::rules::template::Form;

/// The largest snippet, in bytes.
const MAX_SNIPPET: u64 = 64 * 1_024;

/// Reads `name.md`, `name.html` and `name.txt` of a folder. Problems are told as file and words.
pub fn read_snippets(folder: &Path) -> Result<BTreeMap<String, SnippetFile>, Vec<(String, String)>> {
    let mut problems = Vec::new();
    let mut snippets = BTreeMap::new();
    let entries = std::fs::read_dir(folder)
        .map_err(|why| vec![(folder.display().to_string(), format!("cannot be read: {why}"))])?;
    let mut paths: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    for path in paths {
        let (name, file) = (stem(&path), path.display().to_string());
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("md") => Form::Markdown,
            Some("html") => Form::Html,
            Some("txt") => Form::Text,
            _ => continue,
        };
        match read(&path) {
            Ok(source) => {
                let snippet = SnippetFile { file: file.clone(), form, source };
                if let Some(first) = snippets.insert(name.clone(), snippet) {
                    problems.push((
                        file,
                        format!("there is a snippet `{name}` already: {}; give one of them another name", first.file),
                    ));
                }
            }
            Err(why) => problems.push((file, why)),
        }
    }
    if problems.is_empty() { Ok(snippets) } else { Err(problems) }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path) -> Result<String, String> {
    let size = path.metadata().map_err(|why| format!("cannot be read: {why}"))?.len();
    if size > MAX_SNIPPET {
        return Err(format!("has {size} bytes; a snippet has at most {MAX_SNIPPET}"));
    }
    std::fs::read_to_string(path).map_err(|why| format!("cannot be read: {why}"))
}
