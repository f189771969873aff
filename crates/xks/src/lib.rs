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

pub use device::{External, Unusable};
pub use settings::{Route, Settings};

/// Reads bytes as every answer that a proxy may give to a call with this additional data and plaintext, and as what is kept of one.
/// Tells whether all that is taken is sound: for fuzzing.
#[doc(hidden)]
pub fn is_sound(body: &[u8], aad: &[u8], plaintext: &[u8]) -> bool {
    let named = !message::refusal(500, body).context.chars().any(char::is_control);
    // These are taken or refused, and nothing is kept of them.
    let _health = message::health(body);
    let _metadata = message::fit(body);
    let sealed = message::encrypted(body, aad, plaintext).is_ok_and(|parts| {
        parts.ciphertext.len() != plaintext.len() || sealed::Parts::read(&parts.write()) != Some(parts)
    });
    let opened =
        message::decrypted(body, plaintext.len()).is_ok_and(|opened| opened.len() != plaintext.len());
    let kept = sealed::Parts::read(body).is_some_and(|parts| parts.write() != body);
    named && !sealed && !opened && !kept
}
