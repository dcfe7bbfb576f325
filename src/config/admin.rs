//! Where the operator's side listens, and its token, whatever else is wrong with the configuration: who has to stop a server
//! that is well must not first mend a file.

use std::net::SocketAddr;
use std::path::Path;

use super::document::AdminDocument;
use super::environment;
use crate::secret::Secret;
use crate::yaml::{Document, Interpolation};

/// The address and the token as a file and the environment have them; nothing where the file or just these two cannot be
/// read.
pub fn admin(path: &Path) -> Option<(SocketAddr, Option<Secret>)> {
    let text = std::fs::read_to_string(path).ok()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    read(&text, folder, variables.collect())
}

fn read(text: &str, folder: &Path, variables: Vec<(String, String)>) -> Option<(SocketAddr, Option<Secret>)> {
    let mut document = Document::parse("admin", block(text)).ok()?;
    let unset = Interpolation {
        variable: &|name| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
        file: &|path| std::fs::read_to_string(folder.join(path)).map_err(|why| why.to_string()),
    }
    .apply(&mut document);
    let overridden = environment::apply(&mut document, variables, |_, _| true);
    if unset.iter().any(|(pointer, _)| !overridden.contains(pointer)) {
        return None;
    }
    let written = |key: &str| document.value()["admin"][key].as_str().map(str::to_owned);
    let listen = written("listen").unwrap_or(AdminDocument::default().listen);
    Some((listen.parse().ok()?, written("token").map(Secret::from)))
}

/// The lines of the block alone: what stands elsewhere need not even be YAML.
fn block(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("admin:"));
    let first = lines.next();
    let below = lines.take_while(|line| line.trim().is_empty() || line.starts_with([' ', '#', '}']));
    first.into_iter().chain(below).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, variables: &[(&str, &str)]) -> Option<(String, Option<String>)> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (listen, token) = read(text, Path::new("."), variables)?;
        Some((listen.to_string(), token.map(|token| token.expose().to_owned())))
    }

    #[test]
    fn faults_elsewhere_do_not_matter_and_faults_here_do() {
        let some = |listen: &str, token: Option<&str>| Some((listen.to_owned(), token.map(str::to_owned)));
        let broken = "accounts: [\nadmin:\n  # ours\n  listen: 127.0.0.1:9\n\n  token: ${T}\nsources:\n\tx: {{{\n";
        assert_eq!(of(broken, &[("T", "s")]), some("127.0.0.1:9", Some("s")));
        assert_eq!(of(broken, &[]), None);
        assert_eq!(of(broken, &[("REJOINDER_ADMIN__TOKEN", "o")]), some("127.0.0.1:9", Some("o")));
        assert_eq!(of("rules: 3\n", &[]), some("127.0.0.1:8081", None));
        assert_eq!(of("x: ]\n", &[("REJOINDER_ADMIN__LISTEN", "[::1]:7")]), some("[::1]:7", None));
        assert_eq!(of("admin: { listen: here }\n", &[]), None);
        assert_eq!(of("admin: { listen: [ }\n", &[]), None);
    }
}
