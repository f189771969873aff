//! Where random bytes come from.

/// A source of random bytes fit for keys, nonces and identifiers. Simulations give a seeded one: they must never share a
/// keyring file with anything else, as what is drawn here keeps nonces apart.
pub trait Random: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

/// AWS-LC's random generator: a CTR_DRBG (NIST SP 800-90A) seeded by CPU and operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        if aws_lc_rs::rand::fill(out).is_err() {
            // AWS-LC itself aborts where the system gives no entropy: there is nothing safe to go on with.
            std::process::abort();
        }
    }
}
