//! Who may send to which source, by address. A client behind trusted proxies is the right-most hop that is none of them;
//! what anybody else says about who he is counts for nothing. Whatever cannot be told for certain is refused.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::FORWARDED;
use ipnet::IpNet;
use rfc7239::NodeName;

use crate::model::SourceName;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The address at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Which proxies are believed, and which addresses a source takes deliveries from.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    trusted: Vec<IpNet>,
    allowed: BTreeMap<SourceName, Vec<IpNet>>,
}

impl Admission {
    /// Everybody may send to every source; these proxies are believed.
    pub fn trusting(proxies: Vec<IpNet>) -> Self {
        Self { trusted: proxies, allowed: BTreeMap::new() }
    }

    /// From now on only these addresses may send to the source.
    pub fn allow(&mut self, source: SourceName, ranges: Vec<IpNet>) {
        self.allowed.insert(source, ranges);
    }

    /// Whether it is one of the proxies.
    pub(super) fn trusts(&self, peer: IpAddr) -> bool {
        holds(&self.trusted, peer)
    }

    /// Whether a request to the source may be looked into.
    pub(super) fn admits(&self, source: &SourceName, peer: Option<Peer>, headers: &HeaderMap) -> bool {
        let Some(ranges) = self.allowed.get(source) else { return true };
        let client = peer.and_then(|Peer(peer)| self.client(peer, headers));
        client.is_some_and(|client| holds(ranges, client))
    }

    /// Who sent a request; nothing where that cannot be told. A trusted proxy writes one of the two headers and may pass on
    /// the other one as its client wrote it, so where both are there they must say the same.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let (listed, forwarded) = (values(headers, X_FORWARDED_FOR), values(headers, FORWARDED.as_str()));
        let listed = listed.map(|text| self.nearest(text.rsplit(',').map(hop)));
        let forwarded = forwarded.map(|text| {
            self.nearest(rfc7239::parse(&text).rev().map(|node| match node.ok()?.forwarded_for?.name {
                NodeName::Ip(address) => Some(address),
                _ => None,
            }))
        });
        match (listed, forwarded) {
            (None, None) => Some(peer),
            (Some(client), None) | (None, Some(client)) => client,
            (Some(one), Some(other)) => one.filter(|_| one == other),
        }
    }

    /// Of hops from the nearest to the farthest: the first that is no trusted proxy, else the farthest.
    fn nearest(&self, hops: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut last = None;
        for hop in hops {
            let hop = hop?.to_canonical();
            if !holds(&self.trusted, hop) {
                return Some(hop);
            }
            last = Some(hop);
        }
        last
    }
}

fn holds(ranges: &[IpNet], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(&address))
}

/// All lines of a header as one; what is no text cannot name an address either, and becomes a hop that nobody can read.
fn values(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// An address, with or without a port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> Option<String> {
        let trusted = ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"].map(|range| range.parse().unwrap()).to_vec();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        Admission::trusting(trusted).client(peer.parse().unwrap(), &map).map(|address| address.to_string())
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_no_trusted_proxy() {
        let (listed, forwarded) = ("x-forwarded-for", "forwarded");
        for (peer, headers, want) in [
            ("198.51.100.1", vec![], Some("198.51.100.1")),
            ("198.51.100.1", vec![(listed, "203.0.113.7")], Some("198.51.100.1")),
            ("::ffff:198.51.100.1", vec![(forwarded, "for=203.0.113.7")], Some("198.51.100.1")),
            ("10.0.0.1", vec![], Some("10.0.0.1")),
            ("10.0.0.1", vec![(listed, "203.0.113.7")], Some("203.0.113.7")),
            ("::ffff:10.0.0.1", vec![(listed, "203.0.113.7")], Some("203.0.113.7")),
            // What stands further to the left was said by the client himself.
            ("10.0.0.1", vec![(listed, "192.0.2.1, 203.0.113.7")], Some("203.0.113.7")),
            ("10.0.0.1", vec![(listed, "192.0.2.1, 203.0.113.7, 10.9.9.9")], Some("203.0.113.7")),
            ("10.0.0.1", vec![(listed, "192.0.2.1"), (listed, "203.0.113.7")], Some("203.0.113.7")),
            ("10.0.0.1", vec![(listed, "10.2.2.2, 10.9.9.9")], Some("10.2.2.2")),
            ("10.0.0.1", vec![(listed, "203.0.113.7:4711")], Some("203.0.113.7")),
            ("10.0.0.1", vec![(listed, "[2001:db8::1]:4711")], Some("2001:db8::1")),
            ("10.0.0.1", vec![(listed, "[2001:db8::1]")], Some("2001:db8::1")),
            ("fd00::1", vec![(listed, "2001:db8::1")], Some("2001:db8::1")),
            ("10.0.0.1", vec![(listed, "203.0.113.7, unknown")], None),
            ("10.0.0.1", vec![(listed, "203.0.113.7,")], None),
            ("10.0.0.1", vec![(listed, "")], None),
            ("10.0.0.1", vec![(forwarded, "for=192.0.2.60;proto=http;by=203.0.113.43")], Some("192.0.2.60")),
            ("10.0.0.1", vec![(forwarded, "For=\"[2001:db8:cafe::17]:4711\"")], Some("2001:db8:cafe::17")),
            ("10.0.0.1", vec![(forwarded, "for=192.0.2.1, for=192.0.2.60, for=10.1.1.1")], Some("192.0.2.60")),
            ("10.0.0.1", vec![(forwarded, "for=192.0.2.1, for=_hidden")], None),
            ("10.0.0.1", vec![(forwarded, "for=\"192.0.2.1, for=192.0.2.60")], Some("192.0.2.60")),
            ("10.0.0.1", vec![(forwarded, "proto=https")], None),
            // One of the two may be the client's own words.
            ("10.0.0.1", vec![(listed, "203.0.113.7"), (forwarded, "for=203.0.113.7")], Some("203.0.113.7")),
            ("10.0.0.1", vec![(listed, "203.0.113.7"), (forwarded, "for=192.0.2.1")], None),
        ] {
            assert_eq!(client(peer, &headers).as_deref(), want, "{peer} {headers:?}");
        }
    }

    #[test]
    fn who_cannot_be_told_is_refused_where_there_is_a_list_and_only_there() {
        let mut admission = Admission::trusting(vec!["10.0.0.1/32".parse().unwrap()]);
        admission.allow("listed".into(), vec!["203.0.113.0/24".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        let mut admits = |source: &str, peer: Option<&str>, listed: &str| {
            headers.insert("x-forwarded-for", listed.parse().unwrap());
            let peer = peer.map(|peer| Peer(peer.parse().unwrap()));
            admission.admits(&source.into(), peer, &headers)
        };
        assert!(admits("open", None, "?") && admits("open", Some("192.0.2.1"), "?"));
        assert!(admits("listed", Some("203.0.113.9"), "192.0.2.1"));
        assert!(admits("listed", Some("10.0.0.1"), "203.0.113.9"));
        assert!(!admits("listed", Some("10.0.0.1"), "203.0.113.9, 192.0.2.1"));
        assert!(!admits("listed", Some("192.0.2.1"), "203.0.113.9"));
        assert!(!admits("listed", Some("10.0.0.1"), "?"));
        assert!(!admits("listed", None, "203.0.113.9"));
    }
}
