//! What strangers and rules may add to a configured address: a path below it, and headers that are not ours to set.

use http::{HeaderName, HeaderValue};
use url::Url;

/// The address of a path below a hook. One that leads elsewhere, with `..` for instance, is refused.
pub fn below(base: &Url, path: &str) -> Result<Url, String> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut url = base.clone();
    if !path.is_empty() {
        url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/')));
    }
    if let Some(query) = query {
        let own = base.query().map(|own| format!("{own}&")).unwrap_or_default();
        url.set_query(Some(&format!("{own}{query}")));
    }
    let inside = format!("{}/", base.path().trim_end_matches('/'));
    match path.is_empty() || url.path().starts_with(&inside) {
        true => Ok(url),
        false => Err("the path leads out of the hook's address".to_owned()),
    }
}

/// The name of a header that may be set: not one of the signature's, nor one that the connection makes itself.
pub fn header_name(name: &str) -> Result<HeaderName, String> {
    const TAKEN: [&str; 7] = [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "content-type",
        "content-length",
        "transfer-encoding",
        "host",
    ];
    let found = HeaderName::try_from(name).map_err(|_| format!("`{name}` is not the name of a header"))?;
    match TAKEN.contains(&found.as_str()) {
        true => Err(format!("`{name}` is set by the program; leave it out")),
        false => Ok(found),
    }
}

/// Whether a text can be the value of a header.
pub fn is_header_value(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_address_of_its_hook() {
        let base: Url = "https://crm.example/hooks?v=1".parse().unwrap();
        for (path, url) in [
            ("", "https://crm.example/hooks?v=1"),
            ("/a/b", "https://crm.example/hooks/a/b?v=1"),
            ("a?x=y", "https://crm.example/hooks/a?v=1&x=y"),
            ("?x=y", "https://crm.example/hooks?v=1&x=y"),
        ] {
            assert_eq!(below(&base, path).unwrap().as_str(), url, "{path}");
        }
        for path in ["/../admin", "../../admin", "/a/../../hooks2", "/%2e%2e/admin", "/.."] {
            assert!(below(&base, path).is_err(), "{path}");
        }
    }

    #[test]
    fn headers_that_the_program_sets_are_not_for_rules() {
        assert_eq!(header_name("X-Team").unwrap(), "x-team");
        assert_eq!(header_name("Webhook-ID").unwrap_err(), "`Webhook-ID` is set by the program; leave it out");
        assert_eq!(header_name("not a name").unwrap_err(), "`not a name` is not the name of a header");
        assert!(is_header_value("one line") && !is_header_value("two\nlines"));
    }
}
