//! Who may send to which source: address ranges, as people write them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::super::document::ConfigDocument;
use super::{Loading, escape};
use crate::model::SourceName;
use crate::server::Admission;

impl Loading<'_> {
    pub(super) fn admission(&mut self, written: &ConfigDocument) -> Admission {
        let mut admission = Admission::trusting(self.ranges("/trusted_proxies", &written.trusted_proxies));
        for (name, source) in &written.sources {
            let Some(ranges) = &source.allow_from else { continue };
            let pointer = format!("/sources/{}/allow_from", escape(name));
            if ranges.is_empty() {
                self.fault(
                    &pointer,
                    "`allow_from` is empty, so that nobody could send; leave it out to let everybody send",
                );
            }
            admission.allow(SourceName::from(name.as_str()), self.ranges(&pointer, ranges));
        }
        admission
    }

    fn ranges(&mut self, pointer: &str, written: &[String]) -> Vec<IpNet> {
        let mut ranges = Vec::new();
        for (index, text) in written.iter().enumerate() {
            ranges.extend(self.good(&format!("{pointer}/{index}"), range(text)));
        }
        ranges
    }
}

/// A range such as `10.0.0.0/8`, or one address.
fn range(text: &str) -> Result<IpNet, String> {
    let wrong = || format!("`{text}` is not an address or a range, such as 203.0.113.7 or 10.0.0.0/8");
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| wrong())
}
