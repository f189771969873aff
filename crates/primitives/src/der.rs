//! PKCS#8 (RFC 5958) and `SubjectPublicKeyInfo` (RFC 5280) of keys whose algorithm is told by an identifier alone.

use crate::Error;
use pkcs8::der::asn1::{BitStringRef, OctetStringRef};
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::spki::{AlgorithmIdentifier, SubjectPublicKeyInfoRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// id-Ed25519 (RFC 8410).
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// id-ml-dsa-44, -65 and -87 (RFC 9881).
pub(crate) const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
pub(crate) const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
pub(crate) const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");
/// id-alg-ml-kem-512, -768 and -1024 (RFC 9935).
pub(crate) const ML_KEM_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.1");
pub(crate) const ML_KEM_768: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.2");
pub(crate) const ML_KEM_1024: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.3");

/// The public key within.
pub(crate) fn public_key(oid: ObjectIdentifier, spki: &[u8]) -> Result<&[u8], Error> {
    let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| Error::PublicKey)?;
    let fits = info.algorithm.oid == oid && info.algorithm.parameters.is_none();
    info.subject_public_key.as_bytes().filter(|_| fits).ok_or(Error::PublicKey)
}

/// The private key within, as its algorithm writes it.
pub(crate) fn private_key(oid: ObjectIdentifier, pkcs8: &[u8]) -> Result<&[u8], Error> {
    let info = PrivateKeyInfoRef::try_from(pkcs8).map_err(|_| Error::Key)?;
    let fits = info.algorithm.oid == oid && info.algorithm.parameters.is_none();
    if fits { Ok(info.private_key.as_bytes()) } else { Err(Error::Key) }
}

/// Writes a public key.
pub(crate) fn spki(oid: ObjectIdentifier, public_key: &[u8]) -> Result<Vec<u8>, Error> {
    let subject_public_key = BitStringRef::from_bytes(public_key).map_err(|_| Error::Library)?;
    let info = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifier { oid, parameters: None },
        subject_public_key,
    };
    info.to_der().map_err(|_| Error::Library)
}

/// Writes a private key.
pub(crate) fn pkcs8(oid: ObjectIdentifier, private_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let private_key = OctetStringRef::new(private_key).map_err(|_| Error::Library)?;
    let info = PrivateKeyInfoRef::new(AlgorithmIdentifier { oid, parameters: None }, private_key);
    info.to_der().map(Zeroizing::new).map_err(|_| Error::Library)
}
