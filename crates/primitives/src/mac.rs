//! HMAC.

use crate::{Error, MacSpec};
use aws_lc_rs::hmac;
use std::fmt;

/// A key of HMAC. AWS-LC wipes it when it is dropped.
pub struct MacKey(Box<hmac::Key>);

impl MacKey {
    /// A key from its bytes.
    ///
    /// # Errors
    /// [`Error::Key`], if they are not as many as keys of this spec have.
    pub fn read(spec: MacSpec, bytes: &[u8]) -> Result<Self, Error> {
        let algorithm = match spec {
            MacSpec::Hmac224 => hmac::HMAC_SHA224,
            MacSpec::Hmac256 => hmac::HMAC_SHA256,
            MacSpec::Hmac384 => hmac::HMAC_SHA384,
            MacSpec::Hmac512 => hmac::HMAC_SHA512,
        };
        if bytes.len() == spec.bytes() {
            Ok(Self(Box::new(hmac::Key::new(algorithm, bytes))))
        } else {
            Err(Error::Key)
        }
    }

    /// The code of a message.
    pub fn mac(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, message).as_ref().to_vec()
    }

    /// Whether it is the code of a message, in constant time.
    pub fn verify(&self, message: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.0, message, mac).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}
