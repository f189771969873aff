//! What only the environment can open: CMS EnvelopedData (RFC 5652, section 6) in the form that KMS answers.
//!
//! Two things in it are AWS's choice. The recipient is named by the SHA-256 digest of its key; and the outer structures are BER with
//! indefinite lengths, which the AWS Nitro Enclaves SDK for C relies on when it reads them (source/cms.c).

use crate::Refused;
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use zeroize::Zeroizing;

/// The public key of an attested environment.
pub struct RecipientKey {
    spki: Vec<u8>,
    key: OaepPublicEncryptingKey,
}

impl std::fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecipientKey").field("bits", &self.key.key_size_bits()).finish_non_exhaustive()
    }
}

/// Nothing could be encrypted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("encryption to the key of an attested environment failed")]
pub struct NotSealed;

impl From<Unspecified> for NotSealed {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// A block of AES, by which padding makes the content longer.
const BLOCK: usize = 16;

impl RecipientKey {
    /// Reads a SubjectPublicKeyInfo.
    pub(crate) fn read(spki: Vec<u8>) -> Result<Self, Refused> {
        let key = PublicEncryptingKey::from_der(&spki).map_err(|_| Refused::Key)?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| Refused::Key)?;
        Ok(Self { spki, key })
    }

    /// Encrypts: the content with a fresh key by AES-256-CBC, that key by RSAES-OAEP with SHA-256.
    ///
    /// # Errors
    /// If a primitive fails.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let mut content_key = Zeroizing::new([0; 32]);
        rand::fill(&mut *content_key)?;
        let mut wrapped = vec![0; self.key.ciphertext_size()];
        let wrapped = self.key.encrypt(&OAEP_SHA256_MGF1SHA256, &*content_key, &mut wrapped, None)?.to_vec();
        let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &*content_key)?)?;
        // It must not grow: what is left behind would be the plaintext.
        let mut content = Vec::with_capacity(plaintext.len().saturating_add(BLOCK));
        content.extend_from_slice(plaintext);
        let DecryptionContext::Iv128(iv) = cipher.encrypt(&mut content)? else { return Err(NotSealed) };
        Ok(message(digest(&SHA256, &self.spki).as_ref(), &wrapped, iv.as_ref(), &content))
    }
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTET_STRING: u8 = 0x04;
/// `[0]`, by turns primitive and constructed.
const CONTEXT_0: u8 = 0x80;
const CONTEXT_0_CONSTRUCTED: u8 = 0xA0;
const CONTEXT_1_CONSTRUCTED: u8 = 0xA1;
const INDEFINITE: u8 = 0x80;
const END_OF_CONTENTS: [u8; 2] = [0, 0];

const VERSION_2: [u8; 3] = [0x02, 1, 2];
const NULL: [u8; 2] = [0x05, 0];
// Object identifiers with tag and length: RFC 5652, section 14; RFC 8017, appendix C; RFC 5754, section 2.2; RFC 3565, section 4.1.
const ENVELOPED_DATA: [u8; 11] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 3];
const DATA: [u8; 11] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1];
const RSAES_OAEP: [u8; 11] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 7];
const MGF1: [u8; 11] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 8];
const SHA_256: [u8; 11] = [0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const AES_256_CBC: [u8; 11] = [0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];

fn message(recipient: &[u8], wrapped: &[u8], iv: &[u8], content: &[u8]) -> Vec<u8> {
    let sha256 = tlv(SEQUENCE, &[&SHA_256, &NULL]);
    let oaep = tlv(
        SEQUENCE,
        &[
            &tlv(CONTEXT_0_CONSTRUCTED, &[&sha256]),
            &tlv(CONTEXT_1_CONSTRUCTED, &[&tlv(SEQUENCE, &[&MGF1, &sha256])]),
        ],
    );
    let transport = tlv(
        SEQUENCE,
        &[
            &VERSION_2,
            &tlv(CONTEXT_0, &[recipient]),
            &tlv(SEQUENCE, &[&RSAES_OAEP, &oaep]),
            &tlv(OCTET_STRING, &[wrapped]),
        ],
    );
    let cipher = tlv(SEQUENCE, &[&AES_256_CBC, &tlv(OCTET_STRING, &[iv])]);
    let encrypted = indefinite(CONTEXT_0_CONSTRUCTED, &[&tlv(OCTET_STRING, &[content])]);
    let content_info = indefinite(SEQUENCE, &[&DATA, &cipher, &encrypted]);
    let enveloped = indefinite(SEQUENCE, &[&VERSION_2, &tlv(SET, &[&transport]), &content_info]);
    indefinite(SEQUENCE, &[&ENVELOPED_DATA, &indefinite(CONTEXT_0_CONSTRUCTED, &[&enveloped])])
}

/// A value with its length (X.690, section 8.1.3), in the shortest form.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = contents.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match digits.as_slice() {
        [] => out.push(0),
        [short @ ..=0x7F] => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(&contents);
    out
}

/// A value that goes on until its end is marked.
fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, INDEFINITE], parts.concat().as_slice(), &END_OF_CONTENTS].concat()
}
