//! Signature bytes as text, and back.
//! Never lenient: what a sender would not write is not a signature.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::Encoding;

impl Encoding {
    /// Every reading of the text as signature bytes; none where it has no such form. Digits of a hexadecimal signature are
    /// also base64, which is why `auto` may give two: only one has the length of a signature, so only one can be genuine.
    pub(super) fn read(self, text: &str) -> Vec<Vec<u8>> {
        let hex = matches!(self, Self::Hex | Self::Auto).then(|| hex::decode(text).ok());
        let base64 = matches!(self, Self::Base64 | Self::Auto).then(|| BASE64_STANDARD.decode(text).ok());
        [hex, base64].into_iter().flatten().flatten().filter(|bytes| !bytes.is_empty()).collect()
    }

    /// Writes signature bytes; `auto` writes hexadecimal.
    pub(super) fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex | Self::Auto => hex::encode(bytes),
            Self::Base64 => BASE64_STANDARD.encode(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_wanted_form_only() {
        let none: Vec<Vec<u8>> = Vec::new();
        assert_eq!(Encoding::Hex.read("00fF"), [[0, 255]]);
        assert_eq!(Encoding::Base64.read("AP8="), [[0, 255]]);
        assert_eq!(Encoding::Auto.read("AP8="), [[0, 255]]);
        assert_eq!(Encoding::Auto.read("00ff"), [vec![0, 255], vec![211, 71, 223]]);
        for wrong in ["", "AP8", "AP9=", "A P8=", "AP8_", "é"] {
            assert_eq!(Encoding::Auto.read(wrong), none, "{wrong}");
        }
        assert_eq!(Encoding::Hex.read("AP8="), none);
        assert_eq!(Encoding::Base64.read("00f"), none);
    }
}
