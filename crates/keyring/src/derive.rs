//! Key derivation: the counter mode KDF of NIST SP 800-108r1 (section 4.1) with HMAC-SHA-256.

use crate::KeyringError;
use crate::secret::KEY_BYTES;
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use std::io::Write as _;

/// The longest label, separator, context and length together, in bytes.
const FIXED_INFO_BYTES_MAX: usize = 128;

/// Bits derived, as the KDF's fixed info ends with it.
const DERIVED_BITS: u32 = 256;

/// Derives a key for one use. The fixed info is `label ‖ 0x00 ‖ context ‖ bits`, as section 4 of SP 800-108r1 suggests.
///
/// Contexts under one label must be told apart by their parts' fixed lengths.
///
/// # Errors
/// The label and context are too long.
pub(crate) fn derive(
    key: &[u8; KEY_BYTES],
    label: &str,
    context: &[&[u8]],
    out: &mut [u8; KEY_BYTES],
) -> Result<(), KeyringError> {
    let mut info = [0; FIXED_INFO_BYTES_MAX];
    let mut rest = info.as_mut_slice();
    let written = rest
        .write_all(label.as_bytes())
        .and_then(|()| rest.write_all(&[0]))
        .and_then(|()| context.iter().try_for_each(|part| rest.write_all(part)))
        .and_then(|()| rest.write_all(&DERIVED_BITS.to_be_bytes()));
    let length = FIXED_INFO_BYTES_MAX - rest.len();
    let info = info.get(..length).filter(|_| written.is_ok()).ok_or(KeyringError::Cryptography)?;
    let algorithm =
        get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).ok_or(KeyringError::Cryptography)?;
    kbkdf_ctr_hmac(algorithm, key, info, out).map_err(|_| KeyringError::Cryptography)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8) -> [u8; 32] {
        std::array::from_fn(|i| first + u8::try_from(i).unwrap())
    }

    /// Expected values are those of another implementation: pyca/cryptography 48's KBKDFHMAC with SHA-256, counter before the
    /// fixed info, `rlen` and `llen` of 4.
    #[test]
    fn agrees_with_another_implementation() {
        let number: [u8; 16] = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
        let id: [u8; 16] = std::array::from_fn(|i| 0x10 + u8::try_from(i).unwrap());
        let cases: [(u8, &str, &[&[u8]], &str); 3] = [
            (
                0,
                "fastness backing key message",
                &[&number],
                "edbc3948a19de25fdc774833f9a2bf5fc1fe0e52f5d72f36cce0036e4999268f",
            ),
            (
                0,
                "fastness barrier writer",
                &[],
                "3554ab50d88f2e350a501a1cb1958de45cde1f15c956e5da834c1b3e55fb509e",
            ),
            (
                0x80,
                "fastness domain key",
                &[&id, &1_u32.to_be_bytes()],
                "ee03d3503609d924e5b8aa75fe44e45637198c91a0f807b4a60831f473a89459",
            ),
        ];
        for (first, label, context, expected) in cases {
            let mut out = [0; 32];
            derive(&key(first), label, context, &mut out).unwrap();
            assert_eq!(hex::encode(out), expected, "{label}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let mut out = [0; 32];
        assert!(derive(&key(0), "label", &[&[0; FIXED_INFO_BYTES_MAX]], &mut out).is_err());
        assert!(derive(&key(0), "", &[&[0; FIXED_INFO_BYTES_MAX - 5]], &mut out).is_ok());
    }
}
