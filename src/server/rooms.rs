//! Room for connections: so many at once, and of one address at most half of them, so that no single client takes the places
//! of all others. Proxies that are believed and loopback speak for many, and are not counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::admission::Admission;
use super::answer;

/// How many connections beyond the limit are answered 429 at the same time, and how many beyond the share of an address.
const TURNED_AWAY: usize = 64;

/// The first 64 bits of an address, the prefix that a site is given at least (RFC 6177): whoever has one address of it has all.
const SITE: u128 = u128::MAX << 64;

/// Room for connections.
pub(super) struct Rooms {
    served: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    told_of_share: Arc<Semaphore>,
    admission: Admission,
    /// The most connections of one address.
    share: usize,
    taken: Arc<Taken>,
}

/// How many connections each address has.
#[derive(Default)]
struct Taken(Mutex<HashMap<IpAddr, Count>>);

#[derive(Default)]
struct Count {
    connections: usize,
    /// Whether the log has it that there were too many.
    is_logged: bool,
}

/// A place for a connection, until it is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// The place as one of those of an address.
struct Share(IpAddr, Arc<Taken>);

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.1.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.0) {
            count.connections -= 1;
            if count.connections == 0 {
                taken.remove(&self.0);
            }
        }
    }
}

impl Rooms {
    /// For so many connections.
    pub(super) fn new(connections: usize, admission: Admission) -> Self {
        Self {
            served: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
            told_of_share: Arc::new(Semaphore::new(TURNED_AWAY)),
            admission,
            share: connections.div_ceil(2).max(1),
            taken: Arc::default(),
        }
    }

    /// A place for a connection from there, and who speaks on it: one beyond the limit is told so. To cut it off would lose
    /// the event of a sender that tries again only when it is told to. Where nobody is free to say so, it waits until
    /// somebody is, or until there is a place; one of an address that has its share is cut off, because everybody else would
    /// wait behind it.
    pub(super) async fn enter(&self, peer: IpAddr, router: &Router) -> Option<(Place, Router)> {
        let Ok(share) = self.share_of(peer) else {
            counter!("rejoinder_connections_refused_total", "reason" => "address").increment(1);
            let permit = Arc::clone(&self.told_of_share).try_acquire_owned().ok()?;
            return Some(turned_away(permit));
        };
        let served = |permit, share| (Place { _permit: permit, _share: share }, router.clone());
        if let Ok(permit) = Arc::clone(&self.served).try_acquire_owned() {
            return Some(served(permit, share));
        }
        tokio::select! {
            biased;
            permit = Arc::clone(&self.turned_away).acquire_owned() => {
                counter!("rejoinder_connections_refused_total", "reason" => "all").increment(1);
                Some(turned_away(permit.ok()?))
            }
            permit = Arc::clone(&self.served).acquire_owned() => Some(served(permit.ok()?, share)),
        }
    }

    /// One more of the share of an address, or none where it is not counted; an error where it has no more.
    fn share_of(&self, peer: IpAddr) -> Result<Option<Share>, ()> {
        let peer = peer.to_canonical();
        if peer.is_loopback() || self.admission.trusts(peer) {
            return Ok(None);
        }
        let whose = match peer {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & SITE).into(),
            IpAddr::V4(_) => peer,
        };
        let mut taken = self.taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(whose).or_default();
        if count.connections >= self.share {
            if !std::mem::replace(&mut count.is_logged, true) {
                tracing::warn!(
                    share = self.share,
                    "an address has its half of `limits.connections`, and more are refused; if it is a proxy, name it in \
                     `trusted_proxies`"
                );
            }
            return Err(());
        }
        count.connections += 1;
        Ok(Some(Share(whose, Arc::clone(&self.taken))))
    }
}

fn turned_away(permit: OwnedSemaphorePermit) -> (Place, Router) {
    (Place { _permit: permit, _share: None }, Router::new().fallback(answer::too_many_connections))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use futures_util::FutureExt;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;

    /// Room behind the proxy `10.0.0.1`.
    fn rooms(connections: usize) -> Rooms {
        Rooms::new(connections, Admission::trusting(vec!["10.0.0.1/32".parse().unwrap()]))
    }

    /// A connection from there, and what is answered on it; nothing where it is cut off.
    async fn enter(rooms: &Rooms, peer: &str) -> Option<(Place, StatusCode)> {
        let router = Router::new().route("/", get(|| async {}));
        let (place, router) = rooms.enter(peer.parse().unwrap(), &router).await?;
        Some((place, router.oneshot(Request::new(Body::empty())).await.unwrap().status()))
    }

    #[tokio::test]
    async fn one_address_gets_half_of_the_places_and_the_others_get_in() {
        let rooms = rooms(4);
        let mut places = Vec::new();
        for (peer, status) in [
            ("203.0.113.7", 200),
            ("::ffff:203.0.113.7", 200),
            ("203.0.113.7", 429),
            ("2001:db8::1", 200),
            ("198.51.100.1", 200),
            // Now there is no place for anybody.
            ("192.0.2.1", 429),
        ] {
            let (place, told) = enter(&rooms, peer).await.unwrap();
            assert_eq!(told, status, "{peer}");
            places.push(place);
        }
        places.drain(..2);
        assert_eq!(enter(&rooms, "203.0.113.7").await.unwrap().1, 200, "what was given back can be taken again");
        places.clear();
        assert!(rooms.taken.0.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn that_an_address_has_its_share_is_logged_once_while_it_lasts() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let lines = tracing_subscriber::fmt().with_writer(Mutex::new(log.reopen().unwrap())).finish();
        let _logging = tracing::subscriber::set_default(lines);
        let logged = || std::fs::read_to_string(log.path()).unwrap();
        let rooms = rooms(2);
        for times in 1..=2 {
            let (_place, _) = enter(&rooms, "203.0.113.7").await.unwrap();
            assert_eq!(logged().lines().count(), times - 1);
            for _ in 0..3 {
                assert_eq!(enter(&rooms, "203.0.113.7").await.unwrap().1, 429);
            }
            assert_eq!(logged().lines().count(), times, "{}", logged());
        }
        assert!(logged().contains("`trusted_proxies`") && !logged().contains("203.0.113.7"), "{}", logged());
    }

    #[tokio::test]
    async fn an_ipv6_network_counts_as_one_address() {
        let rooms = rooms(2);
        let (_place, first) = enter(&rooms, "2001:db8::1").await.unwrap();
        let (_other, second) = enter(&rooms, "2001:db8::2:0:0:1").await.unwrap();
        let (_third, third) = enter(&rooms, "2001:db8:0:1::1").await.unwrap();
        assert_eq!([first, second, third], [200, 429, 200]);
    }

    #[tokio::test]
    async fn whoever_speaks_for_many_may_take_all_places() {
        for peer in ["10.0.0.1", "127.0.0.1", "::1"] {
            let rooms = rooms(2);
            let (_first, first) = enter(&rooms, peer).await.unwrap();
            let (_second, second) = enter(&rooms, peer).await.unwrap();
            let (_third, third) = enter(&rooms, peer).await.unwrap();
            assert_eq!([first, second, third], [200, 200, 429], "{peer}");
        }
    }

    #[tokio::test]
    async fn whoever_finds_nobody_to_tell_them_gets_the_next_place() {
        let rooms = rooms(2);
        let mut places = Vec::new();
        for number in 0..2 + TURNED_AWAY {
            places.push(enter(&rooms, &format!("198.51.100.{number}")).await.unwrap());
        }
        let waiting = enter(&rooms, "192.0.2.1");
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        places.swap_remove(0);
        assert_eq!(waiting.await.unwrap().1, 200);
    }

    #[tokio::test]
    async fn an_address_that_has_its_share_keeps_nobody_waiting() {
        let rooms = rooms(2);
        let mut places = Vec::new();
        for _ in 0..=TURNED_AWAY {
            places.push(enter(&rooms, "203.0.113.7").await.unwrap());
        }
        assert!(enter(&rooms, "203.0.113.7").await.is_none(), "it is cut off");
        places.push(enter(&rooms, "198.51.100.1").await.unwrap());
        assert_eq!(places.last().unwrap().1, 200);
        assert_eq!(enter(&rooms, "192.0.2.1").await.unwrap().1, 429, "it is told at once that all places are taken");
    }
}
