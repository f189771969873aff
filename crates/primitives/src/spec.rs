//! What kinds of keys there are.

/// What kind of key pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PairSpec {
    /// RSA with a modulus of 2048 bits (RFC 8017).
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// The curve P-256 (NIST SP 800-186), for ECDSA and ECDH.
    P256,
    /// The curve P-384.
    P384,
    /// The curve P-521.
    P521,
    /// The curve secp256k1 (SEC 2), for ECDSA.
    Secp256k1,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// The curve of SM2 (GB/T 32918).
    Sm2,
    /// ML-DSA-44 (FIPS 204).
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// ML-KEM-512 (FIPS 203).
    MlKem512,
    /// ML-KEM-768.
    MlKem768,
    /// ML-KEM-1024.
    MlKem1024,
}

impl PairSpec {
    /// All there are.
    pub const ALL: [Self; 15] = [
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Secp256k1,
        Self::Ed25519,
        Self::Sm2,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
        Self::MlKem512,
        Self::MlKem768,
        Self::MlKem1024,
    ];
}

/// What kind of key of HMAC (RFC 2104): each is used with the hash function of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacSpec {
    /// HMAC with SHA-224.
    Hmac224,
    /// HMAC with SHA-256.
    Hmac256,
    /// HMAC with SHA-384.
    Hmac384,
    /// HMAC with SHA-512.
    Hmac512,
}

impl MacSpec {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Hmac224, Self::Hmac256, Self::Hmac384, Self::Hmac512];

    /// How many bytes a key and a code have.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Hmac224 => 28,
            Self::Hmac256 => 32,
            Self::Hmac384 => 48,
            Self::Hmac512 => 64,
        }
    }
}
