//! SHA-256 of what goes by.

use aws_lc_rs::digest::{Context, SHA256};

/// The digest of bytes that come in pieces.
pub(crate) struct Sha256(Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Sha256 {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.0.finish())
    }
}
