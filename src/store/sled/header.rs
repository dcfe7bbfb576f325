//! What the store of a folder says of itself, read without opening it: who looks at a folder or mends it refuses what no start
//! would open.

use super::folder::Parts;
use super::journal::record;
use super::journal::segment::{self, End, Records};
use crate::store::StoreError;
use crate::store::local::{is_header, may_be_opened};

/// An error if this program does not open such a store. Judged by the last header that can be read, also behind damage.
pub(super) fn check(parts: &Parts) -> Result<(), StoreError> {
    for number in segment::numbers(&parts.journal)?.into_iter().rev() {
        let bytes = segment::read_from(&segment::path(&parts.journal, number), 0)?;
        if let Some(header) = last_in(&bytes) {
            return may_be_opened(&header);
        }
    }
    Ok(())
}

fn last_in(bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut last, mut from) = (None, segment::HEAD);
    loop {
        let mut records = Records::new(bytes, from, None);
        while let Some((_, found)) = records.next() {
            let changes = found.body.and_then(record::changes).unwrap_or_default();
            for change in changes.into_iter().filter(|change| is_header(&change.key)) {
                last = change.value.map(|(value, _)| value);
            }
        }
        let End::Bad(_, next) = records.end() else { return last };
        from = next;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{Folder, journaled, tiny};
    use super::{Parts, segment};
    use crate::store::Progress;
    use crate::store::kv::{Batch, Kv};
    use crate::store::sled::{Report, check, salvage};

    const GOOD: &str = r#"{"layout":2,"opened":1}"#;

    /// A new folder with these headers in its journal, and values that are as long as this between them.
    async fn with_headers(headers: &[&str], between: usize) -> Folder {
        let folder = Folder::new();
        super::super::open(&folder.path()).unwrap().close().await.unwrap();
        let opened = journaled(&folder.path(), &tiny()).unwrap();
        let put = |key: &str, value: Vec<u8>| {
            let mut batch = Batch::default();
            batch.put(key.into(), value);
            opened.apply(batch).unwrap();
            opened.flush().unwrap();
        };
        for header in headers {
            put("V", format!("\x01{header}").into_bytes());
            (0..20).for_each(|_| put("book", vec![b'm'; between]));
        }
        opened.close().unwrap();
        folder
    }

    fn checked(folder: &Folder) -> Result<Report, String> {
        let progress: Progress = Arc::new(|_| ());
        check(&folder.path(), &progress).map_err(|error| error.to_string())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_no_start_opens_is_neither_called_sound_nor_mended() {
        for (header, why) in [
            (r#"{"layout":1,"opened":1}"#, "its layout is version 1"),
            (r#"{"layout":2,"opened":1,"is_importing":true}"#, "import again"),
        ] {
            assert_eq!(checked(&with_headers(&[header, GOOD], 2_000).await).unwrap().damage, []);
            // The last file has no header.
            let folder = with_headers(&[GOOD, header], 2_000).await;
            let started = super::super::open(&folder.path()).err().unwrap().to_string();
            assert!(started.contains(why), "{started}");
            assert_eq!(checked(&folder).unwrap_err(), started);
            assert_eq!(salvage(&folder.path()).unwrap_err().to_string(), started);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_header_behind_damage_counts() {
        let folder = with_headers(&[r#"{"layout":2,"opened":1,"is_importing":true}"#, GOOD], 100).await;
        let path = segment::path(&Parts::of(&folder.path()).journal, 1);
        let mut bytes = std::fs::read(&path).unwrap();
        let place = bytes.windows(4).position(|four| four == b"mmmm").unwrap();
        bytes[place] = b'n';
        std::fs::write(&path, bytes).unwrap();
        assert!(checked(&folder).unwrap().is_lossy());
        salvage(&folder.path()).unwrap();
    }
}
