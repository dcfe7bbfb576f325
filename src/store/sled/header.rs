//! What the store of a folder says of itself, read without opening it: who looks at a folder or mends it refuses what no start
//! would open.

use super::folder::Parts;
use super::journal::record;
use super::journal::segment;
use crate::store::StoreError;
use crate::store::local::{is_header, may_be_opened};

/// An error if this program does not open such a store.
pub(super) fn read(parts: &Parts) -> Result<(), StoreError> {
    for number in segment::numbers(&parts.journal)?.into_iter().rev() {
        let mut header = None;
        // What cannot be read is damage, of which somebody else tells.
        let _ = segment::walk(&segment::path(&parts.journal, number), |_, found| {
            for change in found.body.and_then(record::changes).unwrap_or_default() {
                if is_header(&change.key) {
                    header = change.value.map(|(value, _)| value);
                }
            }
            Ok(())
        });
        if let Some(header) = header {
            return may_be_opened(&header);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{Folder, journaled, tiny};
    use crate::store::Progress;
    use crate::store::kv::{Batch, Kv};
    use crate::store::sled::{check, salvage};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_that_no_start_opens_is_neither_called_sound_nor_mended() {
        for (header, why) in [
            (r#"{"layout":1,"opened":1}"#, "its layout is version 1"),
            (r#"{"layout":2,"opened":1,"is_importing":true}"#, "import again"),
        ] {
            let folder = Folder::new();
            let store = super::super::open(&folder.path()).unwrap();
            store.close().await.unwrap();
            let progress: Progress = Arc::new(|_| ());
            assert_eq!(check(&folder.path(), &progress).unwrap().damage, []);
            let opened = journaled(&folder.path(), &tiny()).unwrap();
            let put = |key: &str, value: &[u8]| {
                let mut batch = Batch::default();
                batch.put(key.into(), value.to_vec());
                opened.apply(batch).unwrap();
                opened.flush().unwrap();
            };
            put("V", format!("\x01{header}").as_bytes());
            // So much that it is not in the last file.
            (0..50).for_each(|_| put("book", &[b'm'; 2_000]));
            opened.close().unwrap();
            drop(opened);
            let started = super::super::open(&folder.path()).err().unwrap().to_string();
            assert!(started.contains(why), "{started}");
            assert_eq!(check(&folder.path(), &progress).unwrap_err().to_string(), started);
            assert_eq!(salvage(&folder.path()).unwrap_err().to_string(), started);
        }
    }
}
