//! Bodies of `multipart/form-data` (RFC 7578) as fields. They are read from memory, so nothing is ever waited for.

use std::convert::Infallible;

use futures_util::{FutureExt, stream};
use multer::Multipart;

/// The fields, in order; of a file its name, because what is in it is no text. Nothing where the body is not whole, a field
/// has no name, or there are more than `most`.
pub(super) fn fields(content_type: &str, body: &[u8], most: usize) -> Option<Vec<(String, String)>> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let body = body.to_vec();
    let read = async move {
        let mut parts = Multipart::new(stream::once(async { Ok::<_, Infallible>(body) }), boundary);
        let mut fields = Vec::new();
        while let Some(field) = parts.next_field().await.ok()? {
            let (name, file) = (field.name()?.to_owned(), field.file_name().map(str::to_owned));
            let value = match file {
                Some(file) => file,
                None => field.text().await.ok()?,
            };
            fields.push((name, value));
            if fields.len() > most {
                return None;
            }
        }
        Some(fields)
    };
    read.now_or_never().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x1";

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        fields(KIND, body.replace('\n', "\r\n").as_bytes(), 3)
    }

    fn part(head: &str, content: &str) -> String {
        format!("------x1\nContent-Disposition: form-data; {head}\n\n{content}\n")
    }

    #[test]
    fn fields_are_read_in_order_and_files_by_their_names() {
        let body = [
            part("name=\"subject\"", "Grüße = &c\nsecond line"),
            part("name=\"attachment-1\"; filename=\"a.pdf\"\nContent-Type: application/pdf", "%PDF"),
            part("name=\"subject\"", ""),
        ];
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let want = [pair("subject", "Grüße = &c\r\nsecond line"), pair("attachment-1", "a.pdf"), pair("subject", "")];
        assert_eq!(read(&format!("{}------x1--\n", body.concat())), Some(want.to_vec()));
    }

    #[test]
    fn what_is_not_whole_or_too_much_is_nothing() {
        let one = part("name=\"a\"", "b");
        assert!(read(&format!("{}------x1--\n", one.repeat(3))).is_some());
        assert_eq!(read(&format!("{}------x1--\n", one.repeat(4))), None);
        assert_eq!(read(&one), None);
        assert_eq!(read(&format!("{}------x1--\n", part("filename=\"a\"", "b"))), None);
        assert_eq!(read(""), None);
        assert_eq!(fields("multipart/form-data", b"", 3), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not_and_never_more(bytes in prop::collection::vec(any::<u8>(), 0..256), cut in 0..200usize) {
            let whole = format!("{}------x1--\n", part("name=\"a\"", "b").repeat(2)).replace('\n', "\r\n").into_bytes();
            let mut body = whole[..cut.min(whole.len())].to_vec();
            body.extend(bytes);
            prop_assert!(fields(KIND, &body, 3).is_none_or(|fields| fields.len() <= 3));
        }
    }
}
