//! What KMS answers where a device or a proxy does not do what it is asked (KMS Developer Guide, "Troubleshooting a custom key store" and
//! "Troubleshooting external key stores").

use crate::api::{ConnectionErrorCodeType as Code, CustomKeyStoreType};
use crate::errors::invalid_ciphertext;
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
            Trouble::VpcServiceNotFound => Code::XksVpcEndpointServiceNotFound,
            _ => Code::InternalError,
        },
    }
}

/// Why an external key store can't be made or changed: its proxy does not answer as it should (XKS Proxy API Specification, "Error codes",
/// as what follows).
pub(super) fn of_proxy(error: &DeviceError) -> Fault {
    let code = match error.trouble {
        Trouble::InvalidCredentials => "XksProxyIncorrectAuthenticationCredentialException",
        Trouble::AccessDenied | Trouble::InvalidConfiguration => "XksProxyInvalidConfigurationException",
        Trouble::NotReachable
        | Trouble::InvalidTls
        | Trouble::Unavailable
        | Trouble::TimedOut
        | Trouble::DependencyTimedOut
        | Trouble::Throttled => "XksProxyUriUnreachableException",
        Trouble::VpcServiceNotFound => "XksProxyVpcEndpointServiceNotFoundException",
        _ => "XksProxyInvalidResponseException",
    };
    told(code, error, CustomKeyStoreType::ExternalKeyStore)
}

/// Why no key could be made in a store.
pub(super) fn of_creation(error: &DeviceError, kind: CustomKeyStoreType) -> Fault {
    let code = match (error.trouble, kind) {
        (Trouble::KeyNotFound, _) => "XksKeyNotFoundException",
        (Trouble::KeyUnfit | Trouble::KeyState, _) => "XksKeyInvalidConfigurationException",
        (Trouble::AccessDenied, CustomKeyStoreType::ExternalKeyStore) => "KMSInvalidStateException",
        (Trouble::TimedOut | Trouble::DependencyTimedOut, CustomKeyStoreType::AwsCloudhsm) => {
            "DependencyTimeoutException"
        }
        (Trouble::Internal | Trouble::InvalidCiphertext, CustomKeyStoreType::AwsCloudhsm) => {
            "KMSInternalException"
        }
        _ => "CustomKeyStoreInvalidStateException",
    };
    told(code, error, kind)
}

/// Why a device gave no random bytes.
pub(super) fn of_random(error: &DeviceError) -> Fault {
    let code = match error.trouble {
        Trouble::TimedOut | Trouble::DependencyTimedOut => "DependencyTimeoutException",
        Trouble::Unsupported => "UnsupportedOperationException",
        Trouble::Internal => "KMSInternalException",
        _ => "CustomKeyStoreInvalidStateException",
    };
    told(code, error, CustomKeyStoreType::AwsCloudhsm)
}

/// Why a key could not be used: one exception for everything that is outside of KMS, told apart by its message. What a cluster cannot
/// decrypt is a ciphertext that KMS gave nobody; what an external key manager cannot, it may have forgotten.
pub(super) fn of_use(error: &DeviceError, kind: CustomKeyStoreType) -> Fault {
    match (error.trouble, kind) {
        (Trouble::InvalidCiphertext, CustomKeyStoreType::AwsCloudhsm) => invalid_ciphertext(),
        (Trouble::TimedOut, CustomKeyStoreType::AwsCloudhsm) => {
            told("DependencyTimeoutException", error, kind)
        }
        _ => told("KMSInvalidStateException", error, kind),
    }
}

fn told(code: &'static str, error: &DeviceError, kind: CustomKeyStoreType) -> Fault {
    let sentence = match kind {
        CustomKeyStoreType::AwsCloudhsm => of_cluster(error.trouble),
        CustomKeyStoreType::ExternalKeyStore => of_manager(error.trouble),
    };
    Fault::new(code, sentence).context(error.context.clone())
}

/// What is said of clusters: in our own words, but where AWS documents its own.
fn of_cluster(trouble: Trouble) -> &'static str {
    match trouble {
        // KMS Developer Guide, "How to respond to a cryptographic operation failure".
        Trouble::ClusterNotFound | Trouble::NoHsms => "KMS cannot communicate with your CloudHSM cluster",
        Trouble::InvalidCredentials => "The credentials of the key store are not valid.",
        Trouble::KeyNotFound => "The key store does not have the key.",
        Trouble::KeyState => "The key is not in a state in which the key store can use it.",
        Trouble::NotReachable | Trouble::Unavailable => "KMS cannot communicate with your key store.",
        Trouble::TimedOut | Trouble::DependencyTimedOut => {
            "The key store did not respond to the request in the time allotted. Retry the request."
        }
        Trouble::Unsupported => "The key store does not support the operation.",
        Trouble::UserLockedOut => "The kmsuser account is locked out of the CloudHSM cluster.",
        Trouble::UserLoggedIn => "The kmsuser account is logged in to the CloudHSM cluster.",
        Trouble::UserNotFound => "The CloudHSM cluster has no kmsuser account.",
        _ => "An internal error occurred in the key store. The request can be retried.",
    }
}

/// What is said of external key managers: the specification has the words ("Error codes", "KMS Considerations").
fn of_manager(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::AccessDenied => {
            "The external key store proxy denied access to the operation. Verify that the user and the external key are both authorized for this operation, and try the request again."
        }
        Trouble::DependencyTimedOut => {
            "The external key store proxy did not respond to the request in the time allotted. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        Trouble::Internal => {
            "The external key store proxy rejected the request because it cannot communicate with the external key manager. Verify that the external key store proxy configuration is correct and that the external key manager is available."
        }
        Trouble::InvalidCiphertext => {
            "The external key store proxy rejected the request because the specified ciphertext or encryption context is corrupted, missing, or otherwise invalid."
        }
        Trouble::InvalidConfiguration => {
            "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path for your external key store and update if necessary."
        }
        Trouble::InvalidCredentials => {
            "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the XKS proxy authentication credentials for your external key store and update if necessary."
        }
        Trouble::InvalidTls => {
            "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, including its certificate."
        }
        Trouble::KeyNotFound => {
            "The external key associated with this KMS key in an external key store was not found in its external key manager. If the external key ID associated with this KMS key is incorrect, create a new KMS key with the correct external key ID."
        }
        Trouble::KeyState => {
            "The external key associated with this KMS key in an external key store is not enabled in the external key manager. Enable the external key in the external key manager and retry the request."
        }
        Trouble::KeyUnfit => {
            "The external key associated with this KMS key in an external key store does not support the requested operation. Enable the operation on the key in your external key manager, and try the request again."
        }
        Trouble::NotReachable => {
            "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see this error repeatedly, verify that your external key store proxy is active and is connected to the network, and that its endpoint URI is correct in your external keystore."
        }
        Trouble::Throttled => {
            "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of your calls using KMS keys in this external key store."
        }
        Trouble::TimedOut => {
            "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        Trouble::Unsupported => {
            "The external key store proxy rejected the request because it does not support the requested operation. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        // In our own words.
        Trouble::Unavailable => {
            "The external key store proxy reports that all of its external key managers are unavailable."
        }
        Trouble::VpcServiceNotFound => "AWS KMS cannot find the VPC endpoint service.",
        _ => {
            "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
    }
}
