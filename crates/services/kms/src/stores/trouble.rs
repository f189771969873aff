//! What KMS answers where a device or a proxy does not do what it is asked (KMS Developer Guide, "Troubleshooting a custom key store" and
//! "Troubleshooting external key stores").

use crate::api::{ConnectionErrorCodeType as Code, CustomKeyStoreType};
use crate::errors::{invalid_ciphertext, unsupported};
use platform::{DeviceError, Fault, Trouble};

/// Why a store could not be connected.
pub(super) fn of_connection(error: &DeviceError, kind: CustomKeyStoreType) -> Code {
    match (error.trouble, kind) {
        (Trouble::InvalidCredentials, _) => Code::InvalidCredentials,
        (trouble, CustomKeyStoreType::AwsCloudhsm) => match trouble {
            Trouble::ClusterNotFound => Code::ClusterNotFound,
            Trouble::NoHsms => Code::InsufficientCloudhsmHsms,
            Trouble::NotReachable | Trouble::TimedOut => Code::NetworkErrors,
            Trouble::UserLockedOut => Code::UserLockedOut,
            Trouble::UserLoggedIn => Code::UserLoggedIn,
            Trouble::UserNotFound => Code::UserNotFound,
            _ => Code::InternalError,
        },
        (trouble, CustomKeyStoreType::ExternalKeyStore) => match trouble {
            Trouble::AccessDenied => Code::XksProxyAccessDenied,
            Trouble::InvalidConfiguration => Code::XksProxyInvalidConfiguration,
            Trouble::InvalidResponse | Trouble::Unsupported => Code::XksProxyInvalidResponse,
            Trouble::InvalidTls => Code::XksProxyInvalidTlsConfiguration,
            Trouble::NotReachable | Trouble::Unavailable => Code::XksProxyNotReachable,
            Trouble::TimedOut | Trouble::DependencyTimedOut => Code::XksProxyTimedOut,
            _ => Code::InternalError,
        },
    }
}

/// Why an external key store can't be made or changed: its proxy does not answer as it should.
pub(super) fn of_proxy(error: &DeviceError) -> Fault {
    let code = match error.trouble {
        Trouble::InvalidCredentials => "XksProxyIncorrectAuthenticationCredentialException",
        Trouble::AccessDenied | Trouble::InvalidConfiguration | Trouble::InvalidTls => {
            "XksProxyInvalidConfigurationException"
        }
        Trouble::InvalidResponse | Trouble::Unsupported => "XksProxyInvalidResponseException",
        Trouble::NotReachable
        | Trouble::Unavailable
        | Trouble::TimedOut
        | Trouble::DependencyTimedOut
        | Trouble::Throttled => "XksProxyUriUnreachableException",
        _ => return internal(error),
    };
    Fault::new(code, sentence(error.trouble)).context(error.context.clone())
}

/// Why no key could be made in a store.
pub(super) fn of_creation(error: &DeviceError) -> Fault {
    let code = match error.trouble {
        Trouble::KeyNotFound => "XksKeyNotFoundException",
        Trouble::KeyUnfit | Trouble::KeyState => "XksKeyInvalidConfigurationException",
        Trouble::TimedOut | Trouble::DependencyTimedOut => return timed_out(error),
        Trouble::Internal | Trouble::InvalidCiphertext => return internal(error),
        _ => "CustomKeyStoreInvalidStateException",
    };
    Fault::new(code, sentence(error.trouble)).context(error.context.clone())
}

/// Why a device gave no random bytes.
pub(super) fn of_random(error: &DeviceError) -> Fault {
    match error.trouble {
        Trouble::TimedOut | Trouble::DependencyTimedOut => timed_out(error),
        Trouble::Unsupported => unsupported(sentence(error.trouble)).context(error.context.clone()),
        Trouble::Internal => internal(error),
        trouble => Fault::new("CustomKeyStoreInvalidStateException", sentence(trouble))
            .context(error.context.clone()),
    }
}

/// Why a key could not be used: one exception for everything that is outside of KMS, told apart by its message.
pub(super) fn of_use(error: &DeviceError) -> Fault {
    match error.trouble {
        Trouble::InvalidCiphertext => invalid_ciphertext(),
        trouble => Fault::new("KMSInvalidStateException", sentence(trouble)).context(error.context.clone()),
    }
}

fn timed_out(error: &DeviceError) -> Fault {
    Fault::new("DependencyTimeoutException", sentence(error.trouble)).context(error.context.clone())
}

fn internal(error: &DeviceError) -> Fault {
    Fault::new("KMSInternalException", sentence(Trouble::Internal)).context(error.context.clone())
}

/// In our own words, but where AWS documents its own.
fn sentence(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::AccessDenied => "The external key store proxy denied access to the operation.",
        // KMS Developer Guide, "How to respond to a cryptographic operation failure".
        Trouble::ClusterNotFound | Trouble::NoHsms => "KMS cannot communicate with your CloudHSM cluster",
        Trouble::DependencyTimedOut => {
            "The external key store proxy reports that its external key manager did not respond in time."
        }
        Trouble::Internal => "An internal error occurred in the key store. The request can be retried.",
        Trouble::InvalidCiphertext => "The key store cannot decrypt the ciphertext.",
        Trouble::InvalidConfiguration => "The external key store proxy is not configured correctly.",
        Trouble::InvalidCredentials => "The credentials of the key store are not valid.",
        Trouble::InvalidResponse => "KMS cannot interpret the response of the external key store proxy.",
        Trouble::InvalidTls => "KMS cannot make a TLS connection to the external key store proxy.",
        Trouble::KeyNotFound => "The key store does not have the key.",
        Trouble::KeyState => "The key is not in a state in which the key store can use it.",
        Trouble::KeyUnfit => "The external key is not an AES-256 key that is enabled, encrypts and decrypts.",
        Trouble::NotReachable => "KMS cannot communicate with your key store.",
        Trouble::Throttled => "The external key store proxy is handling too many requests.",
        Trouble::TimedOut => {
            "The key store did not respond to the request in the time allotted. Retry the request."
        }
        Trouble::Unavailable => {
            "The external key store proxy reports that its external key managers are unavailable."
        }
        Trouble::Unsupported => "The key store does not support the operation.",
        Trouble::UserLockedOut => "The kmsuser account is locked out of the CloudHSM cluster.",
        Trouble::UserLoggedIn => "The kmsuser account is logged in to the CloudHSM cluster.",
        Trouble::UserNotFound => "The CloudHSM cluster has no kmsuser account.",
    }
}
