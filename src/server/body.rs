//! The body of a delivery, read as bytes within two bounds: its own, and that of all bodies together. Bytes count when they
//! have arrived, so that a slow sender takes no more room than what he has sent.

use axum::body::{Body, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many bytes of a body are made room for before any has arrived; what is announced costs a sender nothing.
const ROOM: usize = 16 << 10;

/// A body, and the room it takes.
pub(super) struct Whole<'r> {
    pub(super) bytes: Vec<u8>,
    _room: SemaphorePermit<'r>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than one may be.
    TooLarge,
    /// It did not arrive whole.
    CutOff,
    /// It did not arrive in time.
    TooSlow,
    /// All bodies together are larger than they may be.
    NoRoom,
}

/// Reads a body to its end.
pub(super) async fn read(body: Body, limit: usize, room: &Semaphore) -> Result<Whole<'_>, Unread> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(limit);
    let mut body = Limited::new(body, limit);
    let take = |bytes: usize| {
        let bytes = u32::try_from(bytes).map_err(|_| Unread::NoRoom)?;
        room.try_acquire_many(bytes).map_err(|_| Unread::NoRoom)
    };
    let (mut bytes, mut held) = (Vec::with_capacity(announced.min(limit).min(ROOM)), take(0)?);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => Unread::TooLarge,
            false => Unread::CutOff,
        })?;
        let Ok(data) = frame.into_data() else { continue };
        held.merge(take(data.len())?);
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes, _room: held })
}
