//! The listener over real sockets, before a gate that is sealed, with a TLS client that speaks what OpenSSL's of today does not.

#[cfg(test)]
mod tests;
