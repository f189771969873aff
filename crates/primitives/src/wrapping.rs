//! How key material is wrapped on its way here.

use crate::rsa::modulus_bytes;
use crate::{EncryptionAlgorithm, Error, KeyPair};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use zeroize::Zeroizing;

/// How key material is wrapped under a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyWrapping {
    /// Encrypted to it.
    Direct(EncryptionAlgorithm),
    /// Encrypted under an AES-256 key by AES key wrap with padding (RFC 5649), behind that key encrypted to the public key
    /// (`CKM_RSA_AES_KEY_WRAP` of PKCS#11).
    AesKeyWrap(EncryptionAlgorithm),
}

/// Unwraps key material.
///
/// # Errors
/// [`Error::Algorithm`], if the pair has another; else [`Error::Ciphertext`], whatever is wrong.
pub fn unwrap(pair: &KeyPair, wrapping: KeyWrapping, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    match wrapping {
        KeyWrapping::Direct(algorithm) => pair.decrypt(algorithm, wrapped),
        KeyWrapping::AesKeyWrap(algorithm) => {
            let spec = pair.public_key().spec();
            let (key, material) = wrapped.split_at_checked(modulus_bytes(spec)).ok_or(Error::Ciphertext)?;
            let key = pair.decrypt(algorithm, key)?;
            let key = AesKek::new(&AES_256, &key).map_err(|_| Error::Ciphertext)?;
            let mut out = Zeroizing::new(vec![0; material.len()]);
            let length = key.unwrap_with_padding(material, &mut out).map_err(|_| Error::Ciphertext)?.len();
            out.truncate(length);
            Ok(out)
        }
    }
}
