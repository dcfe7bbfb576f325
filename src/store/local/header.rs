//! What the store says of itself, and whether this program may open it.

use serde::{Deserialize, Serialize};

use super::{keys, record};
use crate::store::StoreError;

/// The version of the layout of keys.
const LAYOUT: u32 = 2;

/// The record of the store itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the layout of keys.
    layout: u32,
    /// How often the store was opened; makes fences unique over restarts.
    pub(super) opened: u32,
    /// Whether an import has begun and not ended.
    #[serde(default)]
    is_importing: bool,
}

impl Header {
    /// That of a store as this program writes it.
    pub(super) fn new(opened: u32, is_importing: bool) -> Self {
        Self { layout: LAYOUT, opened, is_importing }
    }

    fn check(&self) -> Result<(), StoreError> {
        let what = if self.layout != LAYOUT {
            format!(
                "its layout is version {}, and this program knows version {LAYOUT}; let the program that wrote it export it, \
                 and import that here",
                self.layout
            )
        } else if self.is_importing {
            "an import into it did not come to its end; remove it and import again".to_owned()
        } else {
            return Ok(());
        };
        Err(StoreError::Corrupt { what })
    }
}

/// Whether this is the key of the header.
pub(in crate::store) fn is_header(key: &[u8]) -> bool {
    key == [keys::HEADER]
}

/// An error if this program does not open a store with this header.
pub(in crate::store) fn may_be_opened(value: &[u8]) -> Result<(), StoreError> {
    read(value).map(drop)
}

/// The header, if this program opens a store with it.
pub(super) fn read(value: &[u8]) -> Result<Header, StoreError> {
    let header: Header = record::read(value, || "the header".to_owned())?;
    header.check().map(|()| header)
}
