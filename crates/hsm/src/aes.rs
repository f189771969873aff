//! AES-256 keys of a token, in a session.

use crate::HsmError;
use cryptoki::context::Function;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

/// Whether a device says that a tag is wrong. The standard has codes for it; some devices, SoftHSM among them, say that something in
/// general is wrong.
pub fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange | RvError::GeneralError,
            Function::Decrypt
        )
    )
}

/// The AES key of this label, if the token has one.
///
/// # Errors
/// It has several, or the device refuses.
pub fn find(session: &Session, label: &str) -> Result<Option<ObjectHandle>, HsmError> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    match session.find_objects(&template)?.as_slice() {
        [] => Ok(None),
        [key] => Ok(Some(*key)),
        _ => Err(HsmError::SeveralKeys(label.to_owned())),
    }
}

/// Makes an AES-256 key in the token that stays there.
///
/// # Errors
/// The device refuses.
pub fn make(session: &Session, label: &str) -> Result<ObjectHandle, HsmError> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(32.into()),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
    ];
    Ok(session.generate_key(&Mechanism::AesKeyGen, &template)?)
}

/// Refuses a key that can leave the token, or is not an AES-256 key.
///
/// # Errors
/// It is such a key, or the device refuses.
pub fn require_inside(session: &Session, key: ObjectHandle, label: &str) -> Result<(), HsmError> {
    let wanted = [
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::NeverExtractable(true),
        Attribute::ValueLen(32.into()),
    ];
    let types = [
        AttributeType::Sensitive,
        AttributeType::Extractable,
        AttributeType::NeverExtractable,
        AttributeType::ValueLen,
    ];
    let found = session.get_attributes(key, &types)?;
    if wanted.iter().all(|attribute| found.contains(attribute)) {
        return Ok(());
    }
    Err(HsmError::ExposedKey(label.to_owned()))
}
