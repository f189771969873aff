//! A key for each message: what AWS KMS does below a symmetric key, and what tokens here are made with.
//!
//! A fresh 128-bit number N gives the message its own key by derivation, under which one value is sealed with a random
//! 96-bit nonce. Thus the number of messages under the long-lived key is not bounded by the 2^32 of random nonces
//! (SP 800-38D section 8.3).
//!
//! ```text
//! N (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//! ```

use crate::aead::{Aead, NONCE_BYTES, Refused, TAG_BYTES};
use crate::derive::derive;
use crate::secret::KEY_BYTES;
use crate::{KeyringError, Random};
use zeroize::Zeroizing;

const NUMBER_BYTES: usize = 16;

/// Bytes that a sealed message has over its plaintext.
pub(crate) const MESSAGE_OVERHEAD_BYTES: usize = NUMBER_BYTES + NONCE_BYTES + TAG_BYTES;

/// Appends the sealed message to `out`. The label keeps uses of one key apart.
pub(crate) fn seal_message(
    key: &[u8; KEY_BYTES],
    label: &str,
    random: &dyn Random,
    additional: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), KeyringError> {
    let mut drawn = [0; NUMBER_BYTES + NONCE_BYTES];
    random.fill(&mut drawn);
    let (number, nonce) = drawn.split_first_chunk::<NUMBER_BYTES>().ok_or(KeyringError::Cryptography)?;
    let nonce = *nonce.first_chunk().ok_or(KeyringError::Cryptography)?;
    let aead = message_key(key, label, number)?;
    out.extend_from_slice(&drawn);
    aead.seal(nonce, additional, plaintext, out)
}

/// Opens what [`seal_message`] appended.
pub(crate) fn open_message(
    key: &[u8; KEY_BYTES],
    label: &str,
    additional: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let (number, rest) = sealed.split_first_chunk::<NUMBER_BYTES>().ok_or(Refused)?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Refused)?;
    message_key(key, label, number).map_err(|_| Refused)?.open(*nonce, additional, rest)
}

fn message_key(
    key: &[u8; KEY_BYTES],
    label: &str,
    number: &[u8; NUMBER_BYTES],
) -> Result<Aead, KeyringError> {
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    derive(key, label, &[number], &mut derived)?;
    Aead::new(&derived)
}
