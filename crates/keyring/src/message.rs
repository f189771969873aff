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

/// A sealed message whose parts stand apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// N: which key the message has.
    pub number: [u8; NUMBER_BYTES],
    /// The nonce.
    pub nonce: [u8; NONCE_BYTES],
    /// As long as the plaintext.
    pub ciphertext: Vec<u8>,
    /// The tag.
    pub tag: [u8; TAG_BYTES],
}

/// Seals a message into parts. What it is bound to may depend on its number.
pub(crate) fn seal_apart(
    key: &[u8; KEY_BYTES],
    label: &str,
    random: &dyn Random,
    additional: impl FnOnce(&[u8; NUMBER_BYTES]) -> Vec<u8>,
    plaintext: &[u8],
) -> Result<Apart, KeyringError> {
    let (mut number, mut nonce, mut ciphertext) = ([0; NUMBER_BYTES], [0; NONCE_BYTES], Vec::new());
    random.fill(&mut number);
    random.fill(&mut nonce);
    message_key(key, label, &number)?.seal(nonce, &additional(&number), plaintext, &mut ciphertext)?;
    let tag = *ciphertext.last_chunk().ok_or(KeyringError::Cryptography)?;
    ciphertext.truncate(plaintext.len());
    Ok(Apart { number, nonce, ciphertext, tag })
}

/// Opens what [`seal_apart`] sealed.
pub(crate) fn open_apart(
    key: &[u8; KEY_BYTES],
    label: &str,
    additional: &[u8],
    sealed: &Apart,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let together = [sealed.ciphertext.as_slice(), &sealed.tag].concat();
    let key = message_key(key, label, &sealed.number).map_err(|_| Refused)?;
    key.open(sealed.nonce, additional, &together)
}

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
