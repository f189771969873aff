//! KMS's side of external key stores: calls to the proxies of external key managers ("External Key Store Proxy API Specification" of AWS
//! KMS, version 1). The other side, Fastness as a proxy, is a service of `kms`.
//!
//! A call is signed (SigV4, service `kms-xks-proxy`), goes over TLS to the host that the store's endpoint names, and has a quarter of a
//! second from the name's resolution to the last byte. Connections are kept for the next call.

mod call;
mod connect;
mod device;
mod message;
mod pool;
mod sealed;
mod settings;

pub use connect::Unusable;
pub use device::External;
pub use settings::{Route, Settings};

/// Reads what a proxy may answer, for fuzzing: whatever it is, it is taken or refused.
#[doc(hidden)]
pub fn read_answers(body: &[u8]) {
    let _health = message::health(body);
    let _metadata = message::fit(body);
    let _decrypted = message::decrypted(body, body.len());
    let _encrypted = message::encrypted(body, body, &[0; 16]);
    let _refusal = message::refusal(500, body);
    let _parts = sealed::Parts::read(body);
}
