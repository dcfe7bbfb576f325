//! Where an account's API is, and requests below it. Ids come from strangers: each one stays a single segment of the
//! path. It makes no calls.

use http::Method;
use serde_json::Value;
use url::Url;

use super::outcome::refused;
use crate::http::Request;
use crate::model::Outcome;
use crate::signature::SettingFault;

/// The longest id of a stranger that becomes part of an address, in bytes.
const LONGEST_SEGMENT: usize = 256;

/// The root of an account's API.
#[derive(Clone, Debug)]
pub struct Endpoint(Url);

impl Endpoint {
    /// The configured `base_url`, else the provider's own.
    pub fn parse(configured: Option<&str>, own: &str) -> Result<Self, SettingFault> {
        let wrong = || SettingFault::new("base_url", format!("is not an http or https address; write it like {own}"));
        let url: Url = configured.unwrap_or(own).parse().map_err(|_| wrong())?;
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        match matches!(url.scheme(), "http" | "https") && is_anonymous && url.query().or(url.fragment()).is_none() {
            true => Ok(Self(url)),
            false => Err(wrong()),
        }
    }

    /// The root itself.
    pub fn base(&self) -> &Url {
        &self.0
    }

    /// The address below the root. Every segment is percent-encoded; one that would change the path is refused.
    pub fn at(&self, segments: &[&str]) -> Result<Url, Outcome> {
        let is_usable = |segment: &&str| {
            let is_path_word = matches!(*segment, "" | "." | "..");
            !is_path_word && segment.len() <= LONGEST_SEGMENT && !segment.chars().any(char::is_control)
        };
        let mut url = self.0.clone();
        match url.path_segments_mut() {
            Ok(mut path) if segments.iter().all(is_usable) => path.pop_if_empty().extend(segments),
            _ => return Err(refused("an id or name cannot stand in an address")),
        };
        Ok(url)
    }

    /// A request to the address below the root, without credentials.
    pub fn request(&self, method: Method, segments: &[&str], body: Option<&Value>) -> Result<Request, Outcome> {
        let url = self.at(segments)?;
        Ok(match body {
            Some(body) => Request::json(method, url, body),
            None => Request::new(method, url),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_id_stays_one_segment() {
        let long = "x".repeat(300);
        for (id, path) in [
            ("t_29PN-1.2~3", Some("/v1/c/t_29PN-1.2~3/m")),
            ("a/../b?c#d%2e\\e é", Some("/v1/c/a%2F..%2Fb%3Fc%23d%252e%5Ce%20%C3%A9/m")),
            ("...", Some("/v1/c/.../m")),
            ("", None),
            (".", None),
            ("..", None),
            ("a\nb", None),
            (&long, None),
        ] {
            for base in ["https://api.example/v1", "https://api.example/v1/"] {
                let endpoint = Endpoint::parse(Some(base), "").unwrap();
                assert_eq!(endpoint.at(&["c", id, "m"]).ok().as_ref().map(Url::path), path, "{id:?}");
            }
        }
    }

    #[test]
    fn a_base_url_is_a_plain_web_address() {
        for wrong in [
            "",
            "api.example",
            "ftp://x.example",
            "https://u:p@x.example",
            "https://x.example/?a=b",
            "https://x.example/#a",
            "data:x",
        ] {
            assert_eq!(Endpoint::parse(Some(wrong), "https://own.example").unwrap_err().key, "base_url", "{wrong}");
        }
        assert_eq!(Endpoint::parse(None, "https://own.example").unwrap().base().as_str(), "https://own.example/");
    }
}
