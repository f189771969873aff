//! AWS-LC's random generator, for everything here.

use aws_lc_rs::error::Unspecified;
use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

/// New random bytes.
pub(crate) fn random(bytes: usize) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let mut out = Zeroizing::new(vec![0; bytes]);
    aws_lc_rs::rand::fill(&mut out)?;
    Ok(out)
}

/// The generator as RustCrypto takes it.
pub(crate) struct AwsLc;

impl TryRng for AwsLc {
    type Error = Unspecified;

    fn try_next_u32(&mut self) -> Result<u32, Unspecified> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Unspecified> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Unspecified> {
        aws_lc_rs::rand::fill(out)
    }
}

impl TryCryptoRng for AwsLc {}
