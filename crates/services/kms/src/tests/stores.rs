//! Custom key stores, on clusters and proxies that are told what to do.

use super::{denied, refused};
use crate::api::{self, ops};
use crate::testing::{DAY, OTHER, World, allow};
use crate::text::WireEnum as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use platform::{
    Cluster, Clusters, Cx, DeviceError, Fault, Home, KeyDevice, KeyStores, KeyUse, Proxies, Proxy,
    SealedSecret, Trouble,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

const CLUSTER: &str = "cluster-abcdefg2345";
const RELATED: &str = "cluster-bbcdefg2345";
const ANCHOR: &str = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n";

/// What is behind the stores of a test.
#[derive(Debug, Default)]
struct Behind {
    clusters: Mutex<BTreeMap<String, Cluster>>,
    trouble: Mutex<Option<Trouble>>,
    keys: Mutex<BTreeSet<String>>,
    /// By ciphertext.
    sealed: Mutex<BTreeMap<Vec<u8>, Sealed>>,
    uses: Mutex<Vec<String>>,
    passwords: Mutex<Vec<String>>,
    /// Keys are made, but not in time.
    slow: AtomicBool,
}

/// Key, additional data and plaintext.
type Sealed = (String, Vec<u8>, Vec<u8>);

#[derive(Debug)]
struct Device(Arc<Behind>);

struct Way(Arc<Behind>);

impl Clusters for Way {
    fn find(&self, _: &mut Cx<'_>, home: Home<'_>, id: &str) -> Result<Option<Cluster>, Fault> {
        assert_eq!(home.region, "eu-central-1");
        Ok(self.0.clusters.lock().unwrap().get(id).cloned())
    }

    fn open(
        &self,
        _: &mut Cx<'_>,
        _: Home<'_>,
        _: &str,
        password: SealedSecret,
    ) -> Result<Arc<dyn KeyDevice>, Fault> {
        let password = String::from_utf8(password.open()?.to_vec()).unwrap();
        self.0.passwords.lock().unwrap().push(password);
        Ok(Arc::new(Device(Arc::clone(&self.0))))
    }
}

impl Proxies for Way {
    fn open(&self, proxy: Proxy) -> Arc<dyn KeyDevice> {
        let password = String::from_utf8(proxy.secret.open().unwrap().to_vec()).unwrap();
        self.0.passwords.lock().unwrap().push(password);
        Arc::new(Device(Arc::clone(&self.0)))
    }

    fn has_vpc_service(&self, _: &str, _: &str) -> bool {
        true
    }
}

impl Device {
    fn ask(&self, of: &KeyUse<'_>) -> Result<(), DeviceError> {
        assert!(of.principal.starts_with("arn:aws:iam::") || of.principal.contains("amazonaws"));
        self.0.uses.lock().unwrap().push(of.operation.to_owned());
        match *self.0.trouble.lock().unwrap() {
            Some(trouble) => Err(DeviceError::new(trouble, "as the test says")),
            None => Ok(()),
        }
    }
}

impl KeyDevice for Device {
    fn connect(&self, of: &KeyUse<'_>) -> Result<(), DeviceError> {
        self.ask(of)
    }

    fn disconnect(&self) {}

    fn add_key(&self, of: &KeyUse<'_>, key: &str) -> Result<(), DeviceError> {
        self.ask(of)?;
        self.0.keys.lock().unwrap().insert(key.to_owned());
        match self.0.slow.load(Ordering::Relaxed) {
            true => Err(DeviceError::new(Trouble::TimedOut, "as the test says")),
            false => Ok(()),
        }
    }

    fn remove_key(&self, of: &KeyUse<'_>, key: &str) -> Result<(), DeviceError> {
        self.ask(of)?;
        self.0.keys.lock().unwrap().remove(key);
        Ok(())
    }

    fn encrypt(
        &self,
        of: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, DeviceError> {
        self.ask(of)?;
        assert!(self.0.keys.lock().unwrap().contains(key));
        let mut sealed = self.0.sealed.lock().unwrap();
        let name = format!("sealed-{}", sealed.len()).into_bytes();
        sealed.insert(name.clone(), (key.to_owned(), aad.to_vec(), plaintext.to_vec()));
        Ok(name)
    }

    fn decrypt(
        &self,
        of: &KeyUse<'_>,
        key: &str,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DeviceError> {
        self.ask(of)?;
        match self.0.sealed.lock().unwrap().get(ciphertext) {
            Some((with, data, plaintext)) if with == key && data == aad => {
                Ok(Zeroizing::new(plaintext.clone()))
            }
            _ => Err(DeviceError::new(Trouble::InvalidCiphertext, "")),
        }
    }

    fn random(&self, of: &KeyUse<'_>, out: &mut [u8]) -> Result<(), DeviceError> {
        self.ask(of)?;
        out.fill(7);
        Ok(())
    }
}

fn cluster(certificate: &str) -> Cluster {
    Cluster {
        active: true,
        zones: vec!["eu-central-1a".to_owned(), "eu-central-1b".to_owned()],
        trust_anchor: ANCHOR.to_owned(),
        certificate: certificate.to_owned(),
    }
}

fn world() -> (World, Arc<Behind>) {
    let behind = Arc::new(Behind::default());
    let way = Arc::new(Way(Arc::clone(&behind)));
    let mut world = World::new();
    world.env.key_stores = KeyStores { clusters: Arc::clone(&way) as _, proxies: way };
    let mut clusters = behind.clusters.lock().unwrap();
    clusters.insert(CLUSTER.to_owned(), cluster("one"));
    clusters.insert(RELATED.to_owned(), cluster("one"));
    clusters.insert("cluster-ccccccc2345".to_owned(), cluster("two"));
    drop(clusters);
    (world, behind)
}

fn cloudhsm() -> api::CreateCustomKeyStoreRequest {
    api::CreateCustomKeyStoreRequest {
        custom_key_store_name: "hsm".to_owned(),
        cloud_hsm_cluster_id: Some(CLUSTER.to_owned()),
        trust_anchor_certificate: Some(ANCHOR.to_owned()),
        key_store_password: Some("kmsPswd".to_owned()),
        ..Default::default()
    }
}

fn external() -> api::CreateCustomKeyStoreRequest {
    api::CreateCustomKeyStoreRequest {
        custom_key_store_name: "xks".to_owned(),
        custom_key_store_type: Some(api::CustomKeyStoreType::ExternalKeyStore),
        xks_proxy_uri_endpoint: Some("https://xks.example.com".to_owned()),
        xks_proxy_uri_path: Some("/kms/xks/v1".to_owned()),
        xks_proxy_authentication_credential: Some(credential("ABCDE12345670EXAMPLE")),
        xks_proxy_connectivity: Some(api::XksProxyConnectivityType::PublicEndpoint),
        ..Default::default()
    }
}

fn credential(id: &str) -> api::XksProxyAuthenticationCredentialType {
    api::XksProxyAuthenticationCredentialType {
        access_key_id: id.to_owned(),
        raw_secret_access_key: "DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo=".to_owned(),
    }
}

impl World {
    fn store(&self, input: api::CreateCustomKeyStoreRequest) -> Result<String, Fault> {
        let made = self.call::<ops::CreateCustomKeyStore>(&self.root(), input)?;
        Ok(made.custom_key_store_id.unwrap())
    }

    fn connect(&self, id: &str) -> Result<(), Fault> {
        let input = api::ConnectCustomKeyStoreRequest { custom_key_store_id: id.to_owned() };
        self.call::<ops::ConnectCustomKeyStore>(&self.root(), input).map(drop)
    }

    fn disconnect(&self, id: &str) -> Result<(), Fault> {
        let input = api::DisconnectCustomKeyStoreRequest { custom_key_store_id: id.to_owned() };
        self.call::<ops::DisconnectCustomKeyStore>(&self.root(), input).map(drop)
    }

    fn delete(&self, id: &str) -> Result<(), Fault> {
        let input = api::DeleteCustomKeyStoreRequest { custom_key_store_id: id.to_owned() };
        self.call::<ops::DeleteCustomKeyStore>(&self.root(), input).map(drop)
    }

    fn update(&self, input: api::UpdateCustomKeyStoreRequest) -> Result<(), Fault> {
        self.call::<ops::UpdateCustomKeyStore>(&self.root(), input).map(drop)
    }

    fn described(&self, id: &str) -> api::CustomKeyStoresListEntry {
        let input = api::DescribeCustomKeyStoresRequest {
            custom_key_store_id: Some(id.to_owned()),
            ..Default::default()
        };
        let found = self.call::<ops::DescribeCustomKeyStores>(&self.root(), input).unwrap();
        found.custom_key_stores.unwrap().pop().unwrap()
    }

    fn connection(&self, id: &str) -> (&'static str, Option<&'static str>) {
        let entry = self.described(id);
        (entry.connection_state.unwrap().as_str(), entry.connection_error_code.map(|code| code.text()))
    }

    fn connected(&self, input: api::CreateCustomKeyStoreRequest) -> String {
        let id = self.store(input).unwrap();
        self.connect(&id).unwrap();
        self.run_timers();
        assert_eq!(self.connection(&id), ("CONNECTED", None));
        id
    }

    fn key_in(&self, store: &str, xks: Option<&str>) -> Result<api::KeyMetadata, Fault> {
        let origin = match xks {
            Some(_) => api::OriginType::ExternalKeyStore,
            None => api::OriginType::AwsCloudhsm,
        };
        let input = api::CreateKeyRequest {
            origin: Some(origin),
            custom_key_store_id: Some(store.to_owned()),
            xks_key_id: xks.map(str::to_owned),
            ..Default::default()
        };
        Ok(self.call::<ops::CreateKey>(&self.root(), input)?.key_metadata.unwrap())
    }

    fn encrypt(&self, key: &str) -> Result<Vec<u8>, Fault> {
        let input = api::EncryptRequest {
            key_id: key.to_owned(),
            plaintext: b"text"[..].into(),
            ..Default::default()
        };
        Ok(self.call::<ops::Encrypt>(&self.root(), input)?.ciphertext_blob.unwrap().into_vec())
    }

    fn decrypt(&self, blob: &[u8]) -> Result<api::DecryptResponse, Fault> {
        let input = api::DecryptRequest { ciphertext_blob: Some(blob.into()), ..Default::default() };
        self.call::<ops::Decrypt>(&self.root(), input)
    }

    fn key_state(&self, key: &str) -> (&'static str, bool) {
        let input = api::DescribeKeyRequest { key_id: key.to_owned(), ..Default::default() };
        let key = self.call::<ops::DescribeKey>(&self.root(), input).unwrap().key_metadata.unwrap();
        (key.key_state.unwrap().as_str(), key.enabled.unwrap())
    }
}

#[test]
fn a_store_from_beginning_to_end() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    assert!(id.len() == 21 && id.starts_with("cks-"), "{id}");
    assert_eq!(world.connection(&id), ("DISCONNECTED", None));
    world.connect(&id).unwrap();
    assert_eq!(world.connection(&id), ("CONNECTING", None));
    world.run_timers();
    assert_eq!(world.connection(&id), ("CONNECTED", None));
    world.connect(&id).unwrap();
    let entry = world.described(&id);
    assert_eq!(entry.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    assert_eq!(entry.trust_anchor_certificate.as_deref(), Some(ANCHOR));
    assert_eq!(behind.passwords.lock().unwrap().as_slice(), ["kmsPswd"]);
    let states = "is CONNECTED, which is not valid for this operation.";
    refused(
        world.delete(&id),
        "CustomKeyStoreInvalidStateException",
        &format!("The connection state of the custom key store {id} {states}"),
    );
    world.disconnect(&id).unwrap();
    assert_eq!(world.connection(&id), ("DISCONNECTING", None));
    assert_eq!(world.disconnect(&id).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    assert_eq!(world.connect(&id).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.run_timers();
    assert_eq!(world.connection(&id), ("DISCONNECTED", None));
    let told: Vec<_> = world.events().iter().map(|event| event.details["connectionState"].clone()).collect();
    assert_eq!(told, ["CONNECTED", "DISCONNECTED"]);
    world.delete(&id).unwrap();
    refused(
        world.connect(&id),
        "CustomKeyStoreNotFoundException",
        &format!("Custom key store with ID {id} is not found."),
    );
    assert!(world.rows().iter().all(|row| !row.starts_with("kms/stor")), "{:?}", world.rows());
}

#[test]
fn what_a_cluster_has_to_be() {
    let (world, behind) = world();
    let anchored = |anchor: &str| api::CreateCustomKeyStoreRequest {
        trust_anchor_certificate: Some(anchor.to_owned()),
        ..cloudhsm()
    };
    let on = |id: &str| api::CreateCustomKeyStoreRequest {
        cloud_hsm_cluster_id: Some(id.to_owned()),
        ..cloudhsm()
    };
    let code = |result: Result<String, Fault>| result.unwrap_err().code().to_owned();
    assert_eq!(code(world.store(on("cluster-zzzzzzz2345"))), "CloudHsmClusterNotFoundException");
    assert_eq!(code(world.store(anchored("other"))), "IncorrectTrustAnchorException");
    let change = |zones: &[&str], active| {
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        behind
            .clusters
            .lock()
            .unwrap()
            .insert(CLUSTER.to_owned(), Cluster { zones, active, ..cluster("one") });
    };
    change(&["eu-central-1a", "eu-central-1a"], true);
    assert_eq!(code(world.store(cloudhsm())), "CloudHsmClusterInvalidConfigurationException");
    change(&[], false);
    assert_eq!(code(world.store(cloudhsm())), "CloudHsmClusterNotActiveException");
    change(&["eu-central-1a", "eu-central-1b"], true);
    // White space in PEM means nothing.
    let id = world.store(anchored(&ANCHOR.replace('\n', "\r\n"))).unwrap();
    refused(
        world.store(cloudhsm()),
        "CustomKeyStoreNameInUseException",
        "The custom key store name hsm is already in use in this account and Region.",
    );
    for cluster in [CLUSTER, RELATED] {
        let input = api::CreateCustomKeyStoreRequest { custom_key_store_name: "b".to_owned(), ..on(cluster) };
        assert_eq!(code(world.store(input)), "CloudHsmClusterInUseException");
    }
    change(&[], true);
    assert_eq!(world.connect(&id).unwrap_err().code(), "CloudHsmClusterInvalidConfigurationException");
    change(&[], false);
    assert_eq!(world.connect(&id).unwrap_err().code(), "CloudHsmClusterNotActiveException");
}

#[test]
fn which_settings_go_together() {
    let (world, _) = world();
    for broken in [
        api::CreateCustomKeyStoreRequest { key_store_password: None, ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { cloud_hsm_cluster_id: None, ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { trust_anchor_certificate: None, ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { xks_proxy_uri_path: Some("/kms/xks/v1".to_owned()), ..cloudhsm() },
        api::CreateCustomKeyStoreRequest { key_store_password: Some("kmsPswd".to_owned()), ..external() },
        api::CreateCustomKeyStoreRequest { xks_proxy_uri_endpoint: None, ..external() },
        api::CreateCustomKeyStoreRequest { xks_proxy_authentication_credential: None, ..external() },
        api::CreateCustomKeyStoreRequest { xks_proxy_connectivity: None, ..external() },
        api::CreateCustomKeyStoreRequest {
            xks_proxy_connectivity: Some(api::XksProxyConnectivityType::VpcEndpointService),
            ..external()
        },
        api::CreateCustomKeyStoreRequest {
            xks_proxy_vpc_endpoint_service_name: Some(
                "com.amazonaws.vpce.eu-central-1.vpce-svc-1".to_owned(),
            ),
            ..external()
        },
    ] {
        assert_eq!(world.store(broken).unwrap_err().code(), "ValidationException");
    }
}

#[test]
fn no_more_than_ten() {
    let (world, _) = world();
    for number in 0..10 {
        let input = api::CreateCustomKeyStoreRequest {
            custom_key_store_name: format!("store {number}"),
            xks_proxy_uri_path: Some(format!("/{number}/kms/xks/v1")),
            ..external()
        };
        world.store(input).unwrap();
    }
    refused(
        world.store(cloudhsm()),
        "LimitExceededException",
        "You have reached the maximum number of custom key stores of this account and Region: 10.",
    );
    let page = |marker| {
        let input = api::DescribeCustomKeyStoresRequest { limit: Some(6), marker, ..Default::default() };
        world.call::<ops::DescribeCustomKeyStores>(&world.root(), input).unwrap()
    };
    let first = page(None);
    assert_eq!((first.custom_key_stores.unwrap().len(), first.truncated), (6, Some(true)));
    let second = page(first.next_marker);
    assert_eq!((second.custom_key_stores.unwrap().len(), second.truncated), (4, Some(false)));
}

#[test]
fn why_it_does_not_connect() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    for (trouble, code) in [
        (Trouble::InvalidCredentials, "INVALID_CREDENTIALS"),
        (Trouble::ClusterNotFound, "CLUSTER_NOT_FOUND"),
        (Trouble::NoHsms, "INSUFFICIENT_CLOUDHSM_HSMS"),
        (Trouble::NotReachable, "NETWORK_ERRORS"),
        (Trouble::UserLockedOut, "USER_LOCKED_OUT"),
        (Trouble::UserLoggedIn, "USER_LOGGED_IN"),
        (Trouble::UserNotFound, "USER_NOT_FOUND"),
        (Trouble::Internal, "INTERNAL_ERROR"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        world.connect(&id).unwrap();
        world.run_timers();
        assert_eq!(world.connection(&id), ("FAILED", Some(code)));
        assert_eq!(world.connect(&id).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
        world.disconnect(&id).unwrap();
        world.run_timers();
    }
}

#[test]
fn keys_of_a_cluster() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    assert_eq!(world.key_in(&id, None).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.connect(&id).unwrap();
    world.run_timers();
    let made = world.key_in(&id, None).unwrap();
    assert_eq!(made.custom_key_store_id.as_deref(), Some(id.as_str()));
    assert_eq!(made.cloud_hsm_cluster_id.as_deref(), Some(CLUSTER));
    assert_eq!((made.origin.unwrap().as_str(), made.current_key_material_id), ("AWS_CLOUDHSM", None));
    let key = made.arn.unwrap();
    assert!(behind.keys.lock().unwrap().contains(&key), "its label is its ARN");

    behind.uses.lock().unwrap().clear();
    let blob = world.encrypt(&key).unwrap();
    let opened = world.decrypt(&blob).unwrap();
    assert_eq!((opened.plaintext.unwrap().0.as_slice(), opened.key_material_id), (&b"text"[..], None));
    let input =
        api::GenerateDataKeyRequest { key_id: key.clone(), number_of_bytes: Some(16), ..Default::default() };
    let data_key = world.call::<ops::GenerateDataKey>(&world.root(), input).unwrap();
    assert_eq!(data_key.plaintext.unwrap().0, [7; 16], "random bytes of the device");
    let own = world.key();
    let input = api::ReEncryptRequest {
        ciphertext_blob: Some(blob.as_slice().into()),
        destination_key_id: own,
        ..Default::default()
    };
    let moved = world.call::<ops::ReEncrypt>(&world.root(), input).unwrap();
    assert!(moved.source_key_material_id.is_none() && moved.destination_key_material_id.is_some());
    let used = behind.uses.lock().unwrap().clone();
    assert_eq!(used, ["Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKey", "ReEncryptFrom"]);

    let mut altered = blob.clone();
    *altered.last_mut().unwrap() ^= 0x40;
    refused(world.decrypt(&altered), "InvalidCiphertextException", "");
    let random = api::GenerateRandomRequest {
        number_of_bytes: Some(4),
        custom_key_store_id: Some(id.clone()),
        ..Default::default()
    };
    let random = world.call::<ops::GenerateRandom>(&world.root(), random).unwrap();
    assert_eq!(random.plaintext.unwrap().0, [7; 4]);

    *behind.trouble.lock().unwrap() = Some(Trouble::NoHsms);
    refused(
        world.encrypt(&key),
        "KMSInvalidStateException",
        "KMS cannot communicate with your CloudHSM cluster",
    );
    *behind.trouble.lock().unwrap() = None;

    let only = format!("{key} origin is AWS_CLOUDHSM which is not valid for this operation.");
    let input = api::EnableKeyRotationRequest { key_id: key.clone(), ..Default::default() };
    refused(
        world.call::<ops::EnableKeyRotation>(&world.root(), input),
        "UnsupportedOperationException",
        &only,
    );
    let input = api::GetKeyRotationStatusRequest { key_id: key.clone() };
    refused(
        world.call::<ops::GetKeyRotationStatus>(&world.root(), input),
        "UnsupportedOperationException",
        &only,
    );

    // Out of reach while the store is not connected; what it was before shows again after.
    let input = api::DisableKeyRequest { key_id: key.clone() };
    world.call::<ops::DisableKey>(&world.root(), input).unwrap();
    assert_eq!(world.key_state(&key), ("Disabled", false));
    world.disconnect(&id).unwrap();
    assert_eq!(world.key_state(&key), ("Unavailable", false));
    refused(world.encrypt(&key), "KMSInvalidStateException", &format!("{key} is unavailable."));
    let input = api::EnableKeyRequest { key_id: key.clone() };
    world.call::<ops::EnableKey>(&world.root(), input).unwrap();
    assert_eq!(world.key_state(&key), ("Unavailable", false));
    world.run_timers();
    assert_eq!(world.delete(&id).unwrap_err().code(), "CustomKeyStoreHasCMKsException");
    world.connect(&id).unwrap();
    world.run_timers();
    assert_eq!(world.key_state(&key), ("Enabled", true));
    assert_eq!(world.decrypt(&blob).unwrap().plaintext.unwrap().0, b"text");

    let input = api::ScheduleKeyDeletionRequest { key_id: key.clone(), ..Default::default() };
    world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    world.disconnect(&id).unwrap();
    world.run_timers();
    assert_eq!(world.key_state(&key), ("PendingDeletion", false));
    world.connect(&id).unwrap();
    world.run_timers();
    world.wait(30 * DAY);
    world.run_timers();
    assert!(behind.keys.lock().unwrap().is_empty(), "the key is gone from the device too");
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.delete(&id).unwrap();
}

#[test]
fn keys_of_an_external_manager() {
    let (world, behind) = world();
    let id = world.connected(external());
    let made = world.key_in(&id, Some("their-key")).unwrap();
    assert_eq!(made.xks_key_configuration.unwrap().id.as_deref(), Some("their-key"));
    assert_eq!((made.cloud_hsm_cluster_id, made.current_key_material_id), (None, None));
    let key = made.arn.unwrap();
    refused(
        world.key_in(&id, Some("their-key")),
        "XksKeyAlreadyInUseException",
        &format!(
            "The external key their-key is already associated with another KMS key in the external key store {id}."
        ),
    );
    let blob = world.encrypt(&key).unwrap();
    let (_, _, inner) = behind.sealed.lock().unwrap().values().next().unwrap().clone();
    assert!(inner.len() > 4 && !inner.windows(4).any(|part| part == b"text"), "encrypted by KMS before");
    assert_eq!(world.decrypt(&blob).unwrap().plaintext.unwrap().0, b"text");
    for (trouble, code) in [
        (Trouble::KeyNotFound, "XksKeyNotFoundException"),
        (Trouble::KeyUnfit, "XksKeyInvalidConfigurationException"),
        (Trouble::InvalidCredentials, "CustomKeyStoreInvalidStateException"),
        (Trouble::DependencyTimedOut, "CustomKeyStoreInvalidStateException"),
        (Trouble::Internal, "CustomKeyStoreInvalidStateException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.key_in(&id, Some("another")).unwrap_err().code(), code);
        assert_eq!(world.encrypt(&key).unwrap_err().code(), "KMSInvalidStateException");
    }
    let random = api::GenerateRandomRequest {
        number_of_bytes: Some(4),
        custom_key_store_id: Some(id),
        ..Default::default()
    };
    let random = world.call::<ops::GenerateRandom>(&world.root(), random);
    assert_eq!(random.unwrap_err().code(), "UnsupportedOperationException");
}

#[test]
fn external_stores_and_their_neighbours() {
    let (world, behind) = world();
    for (trouble, code) in [
        (Trouble::InvalidCredentials, "XksProxyIncorrectAuthenticationCredentialException"),
        (Trouble::NotReachable, "XksProxyUriUnreachableException"),
        (Trouble::InvalidResponse, "XksProxyInvalidResponseException"),
        (Trouble::InvalidTls, "XksProxyUriUnreachableException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.store(external()).unwrap_err().code(), code);
    }
    *behind.trouble.lock().unwrap() = None;
    let id = world.store(external()).unwrap();
    let vpc = |name: &str, endpoint: &str, service: &str| api::CreateCustomKeyStoreRequest {
        custom_key_store_name: name.to_owned(),
        xks_proxy_uri_endpoint: Some(endpoint.to_owned()),
        xks_proxy_connectivity: Some(api::XksProxyConnectivityType::VpcEndpointService),
        xks_proxy_vpc_endpoint_service_name: Some(format!(
            "com.amazonaws.vpce.eu-central-1.vpce-svc-{service}"
        )),
        xks_proxy_uri_path: Some(format!("/{name}/kms/xks/v1")),
        ..external()
    };
    let named = api::CreateCustomKeyStoreRequest { custom_key_store_name: "b".to_owned(), ..external() };
    assert_eq!(world.store(named).unwrap_err().code(), "XksProxyUriInUseException");
    let on_public = vpc("b", "https://xks.example.com", "1");
    assert_eq!(world.store(on_public).unwrap_err().code(), "XksProxyUriEndpointInUseException");
    let private = world.store(vpc("b", "https://private.example.com", "1")).unwrap();
    let same_service = vpc("c", "https://other.example.com", "1");
    assert_eq!(world.store(same_service).unwrap_err().code(), "XksProxyVpcEndpointServiceInUseException");
    let shown = world.described(&private).xks_proxy_configuration.unwrap();
    assert_eq!(shown.vpc_endpoint_service_owner.as_deref(), Some(crate::testing::ACCOUNT));

    // Path and credential may change while it is connected; where it is may not.
    world.connect(&id).unwrap();
    world.run_timers();
    let change = |id: &str| api::UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.to_owned(),
        ..Default::default()
    };
    world
        .update(api::UpdateCustomKeyStoreRequest {
            xks_proxy_authentication_credential: Some(credential("ABCDE12345670ANOTHER")),
            ..change(&id)
        })
        .unwrap();
    let moved = api::UpdateCustomKeyStoreRequest {
        xks_proxy_uri_endpoint: Some("https://moved.example.com".to_owned()),
        ..change(&id)
    };
    assert_eq!(world.update(moved.clone()).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.update(moved).unwrap();
    let shown = world.described(&id).xks_proxy_configuration.unwrap();
    assert_eq!(shown.uri_endpoint.as_deref(), Some("https://moved.example.com"));
    assert_eq!(shown.access_key_id.as_deref(), Some("ABCDE12345670ANOTHER"));
}

#[test]
fn updates_of_a_clusters_store() {
    let (world, _) = world();
    let id = world.connected(cloudhsm());
    let change =
        || api::UpdateCustomKeyStoreRequest { custom_key_store_id: id.clone(), ..Default::default() };
    assert_eq!(world.update(change()).unwrap_err().code(), "ValidationException");
    let renamed =
        api::UpdateCustomKeyStoreRequest { new_custom_key_store_name: Some("new".to_owned()), ..change() };
    world.update(renamed).unwrap();
    let password =
        api::UpdateCustomKeyStoreRequest { key_store_password: Some("another".to_owned()), ..change() };
    assert_eq!(world.update(password.clone()).unwrap_err().code(), "CustomKeyStoreInvalidStateException");
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.update(password).unwrap();
    let to = |cluster: &str| api::UpdateCustomKeyStoreRequest {
        cloud_hsm_cluster_id: Some(cluster.to_owned()),
        ..change()
    };
    let code = |result: Result<(), Fault>| result.unwrap_err().code().to_owned();
    assert_eq!(code(world.update(to("cluster-ccccccc2345"))), "CloudHsmClusterNotRelatedException");
    assert_eq!(code(world.update(to("cluster-zzzzzzz2345"))), "CloudHsmClusterNotFoundException");
    world.update(to(RELATED)).unwrap();
    let shown = world.described(&id);
    assert_eq!(shown.cloud_hsm_cluster_id.as_deref(), Some(RELATED));
    assert_eq!(shown.custom_key_store_name.as_deref(), Some("new"));
    let misfit =
        api::UpdateCustomKeyStoreRequest { xks_proxy_uri_path: Some("/kms/xks/v1".to_owned()), ..change() };
    assert_eq!(code(world.update(misfit)), "ValidationException");
}

#[test]
fn keys_that_no_store_takes() {
    let (world, _) = world();
    let id = world.connected(cloudhsm());
    let code = |input| world.call::<ops::CreateKey>(&world.root(), input).unwrap_err().code().to_owned();
    let input = || api::CreateKeyRequest {
        origin: Some(api::OriginType::AwsCloudhsm),
        custom_key_store_id: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(code(api::CreateKeyRequest { origin: None, ..input() }), "ValidationException");
    assert_eq!(code(api::CreateKeyRequest { custom_key_store_id: None, ..input() }), "ValidationException");
    assert_eq!(
        code(api::CreateKeyRequest { xks_key_id: Some("a".to_owned()), ..input() }),
        "ValidationException"
    );
    let multi = api::CreateKeyRequest { multi_region: Some(true), ..input() };
    assert_eq!(code(multi), "UnsupportedOperationException");
    let rsa = api::CreateKeyRequest {
        key_spec: Some(api::KeySpec::Rsa2048),
        key_usage: Some(api::KeyUsageType::EncryptDecrypt),
        ..input()
    };
    assert_eq!(code(rsa), "UnsupportedOperationException");
    let nowhere = api::CreateKeyRequest { custom_key_store_id: Some("cks-1".to_owned()), ..input() };
    assert_eq!(code(nowhere), "CustomKeyStoreNotFoundException");
}

#[test]
fn stores_are_for_callers_with_permission_and_of_the_account() {
    let (world, _) = world();
    let id = world.store(cloudhsm()).unwrap();
    let nobody = world.user(crate::testing::ACCOUNT, "nobody", "");
    let input = api::ConnectCustomKeyStoreRequest { custom_key_store_id: id.clone() };
    denied(world.call::<ops::ConnectCustomKeyStore>(&nobody, input.clone()), "kms:ConnectCustomKeyStore");
    let stranger = world.root_of(OTHER);
    let result = world.call::<ops::ConnectCustomKeyStore>(&stranger, input);
    assert_eq!(result.unwrap_err().code(), "CustomKeyStoreNotFoundException");
    // Clusters are looked up in the caller's name.
    let half = world.user(crate::testing::ACCOUNT, "half", &allow("kms:CreateCustomKeyStore"));
    let input = api::CreateCustomKeyStoreRequest { custom_key_store_name: "b".to_owned(), ..cloudhsm() };
    denied(world.call::<ops::CreateCustomKeyStore>(&half, input), "cloudhsm:DescribeClusters");
}

/// What a cluster does not do in time, or cannot do, when something new is asked of it.
#[test]
fn clusters_in_trouble() {
    let (world, behind) = world();
    let id = world.store(cloudhsm()).unwrap();
    let random = || {
        let input = api::GenerateRandomRequest {
            number_of_bytes: Some(4),
            custom_key_store_id: Some(id.clone()),
            ..Default::default()
        };
        world.call::<ops::GenerateRandom>(&world.root(), input).unwrap_err().code().to_owned()
    };
    assert_eq!(random(), "CustomKeyStoreInvalidStateException");
    world.connect(&id).unwrap();
    world.run_timers();
    for (trouble, code) in [
        (Trouble::TimedOut, "DependencyTimeoutException"),
        (Trouble::DependencyTimedOut, "DependencyTimeoutException"),
        (Trouble::Internal, "KMSInternalException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.key_in(&id, None).unwrap_err().code(), code);
        assert_eq!(random(), code);
    }
    *behind.trouble.lock().unwrap() = None;
    let change = |cluster: &str, zones: usize, active| {
        let mut clusters = behind.clusters.lock().unwrap();
        let cluster = clusters.get_mut(cluster).unwrap();
        cluster.zones.truncate(zones);
        cluster.active = active;
    };
    change(CLUSTER, 1, true);
    assert_eq!(world.key_in(&id, None).unwrap_err().code(), "CloudHsmClusterInvalidConfigurationException");
    world.disconnect(&id).unwrap();
    world.run_timers();
    let moved = || {
        let input = api::UpdateCustomKeyStoreRequest {
            custom_key_store_id: id.clone(),
            cloud_hsm_cluster_id: Some(RELATED.to_owned()),
            ..Default::default()
        };
        world.update(input).unwrap_err().code().to_owned()
    };
    change(RELATED, 1, true);
    assert_eq!(moved(), "CloudHsmClusterInvalidConfigurationException");
    change(RELATED, 1, false);
    assert_eq!(moved(), "CloudHsmClusterNotActiveException");
}

/// A cluster that does not answer in time is not one that is away: whoever calls may try again.
#[test]
fn uses_of_a_cluster_that_does_not_answer_time_out() {
    let (world, behind) = world();
    let id = world.connected(cloudhsm());
    let key = world.key_in(&id, None).unwrap().key_id;
    let blob = BASE64_STANDARD.encode(world.encrypt(&key).unwrap());
    *behind.trouble.lock().unwrap() = Some(Trouble::TimedOut);
    for (operation, input) in [
        ("Encrypt", json!({ "KeyId": key, "Plaintext": "eA==" })),
        ("Decrypt", json!({ "CiphertextBlob": blob })),
        ("ReEncrypt", json!({ "CiphertextBlob": blob, "DestinationKeyId": key })),
        ("GenerateDataKey", json!({ "KeyId": key, "KeySpec": "AES_256" })),
        ("GenerateDataKeyWithoutPlaintext", json!({ "KeyId": key, "KeySpec": "AES_256" })),
    ] {
        let message = "The key store did not respond to the request in the time allotted. Retry the request.";
        refused(world.ask(&world.root(), operation, &input), "DependencyTimeoutException", message);
    }
    assert_eq!(world.connection(&id), ("CONNECTED", None), "what it was when it was last asked");
    assert_eq!(world.key_state(&key), ("Enabled", true));
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.connect(&id).unwrap();
    world.run_timers();
    assert_eq!(world.connection(&id), ("FAILED", Some("NETWORK_ERRORS")));
    world.disconnect(&id).unwrap();
    world.run_timers();
    *behind.trouble.lock().unwrap() = None;
    world.connect(&id).unwrap();
    world.run_timers();
    assert!(world.encrypt(&key).is_ok());
}

/// What a store cannot become: its proxy does not answer there as it should, or another store is there already.
#[test]
fn updates_that_a_proxy_or_a_neighbour_refuses() {
    let (world, behind) = world();
    let id = world.store(external()).unwrap();
    let private = |name: &str, number: u32| api::CreateCustomKeyStoreRequest {
        custom_key_store_name: name.to_owned(),
        xks_proxy_uri_endpoint: Some(format!("https://{name}.example.com")),
        xks_proxy_connectivity: Some(api::XksProxyConnectivityType::VpcEndpointService),
        xks_proxy_vpc_endpoint_service_name: Some(vpc_service(number)),
        xks_proxy_uri_path: Some(format!("/{name}/kms/xks/v1")),
        ..external()
    };
    world.store(private("other", 1)).unwrap();
    let mine = world.store(private("mine", 2)).unwrap();
    let public = api::CreateCustomKeyStoreRequest {
        custom_key_store_name: "public".to_owned(),
        xks_proxy_uri_path: Some("/second/kms/xks/v1".to_owned()),
        ..external()
    };
    world.store(public).unwrap();
    let change = |id: &str| api::UpdateCustomKeyStoreRequest {
        custom_key_store_id: id.to_owned(),
        ..Default::default()
    };
    let at = |path: &str| api::UpdateCustomKeyStoreRequest {
        xks_proxy_uri_path: Some(format!("/{path}/kms/xks/v1")),
        ..change(&id)
    };
    for (trouble, code) in [
        (Trouble::InvalidCredentials, "XksProxyIncorrectAuthenticationCredentialException"),
        (Trouble::InvalidConfiguration, "XksProxyInvalidConfigurationException"),
        (Trouble::NotReachable, "XksProxyUriUnreachableException"),
        (Trouble::InvalidResponse, "XksProxyInvalidResponseException"),
        (Trouble::VpcServiceNotFound, "XksProxyVpcEndpointServiceNotFoundException"),
    ] {
        *behind.trouble.lock().unwrap() = Some(trouble);
        assert_eq!(world.update(at("new")).unwrap_err().code(), code);
        let created = api::CreateCustomKeyStoreRequest {
            custom_key_store_name: "new".to_owned(),
            xks_proxy_uri_path: Some("/new/kms/xks/v1".to_owned()),
            ..external()
        };
        assert_eq!(world.store(created).unwrap_err().code(), code);
    }
    *behind.trouble.lock().unwrap() = None;
    let code = |input| world.update(input).unwrap_err().code().to_owned();
    assert_eq!(code(at("second")), "XksProxyUriInUseException");
    let endpoint = api::UpdateCustomKeyStoreRequest {
        xks_proxy_uri_endpoint: Some("https://xks.example.com".to_owned()),
        ..change(&mine)
    };
    assert_eq!(code(endpoint), "XksProxyUriEndpointInUseException");
    let service = api::UpdateCustomKeyStoreRequest {
        xks_proxy_vpc_endpoint_service_name: Some(vpc_service(1)),
        ..change(&mine)
    };
    assert_eq!(code(service), "XksProxyVpcEndpointServiceInUseException");
    let name = api::UpdateCustomKeyStoreRequest {
        new_custom_key_store_name: Some("other".to_owned()),
        ..change(&mine)
    };
    assert_eq!(code(name), "CustomKeyStoreNameInUseException");
}

fn vpc_service(number: u32) -> String {
    format!("com.amazonaws.vpce.eu-central-1.vpce-svc-{number}")
}

#[test]
fn uses_of_a_store_count_against_its_own_quota_too() {
    let (world, _) = world();
    let (hsm, xks) = (world.connected(cloudhsm()), world.connected(external()));
    let one = world.key_in(&hsm, None).unwrap().key_id;
    let other = world.key_in(&xks, Some("key")).unwrap().key_id;
    world.counted();
    let blob = world.encrypt(&one).unwrap();
    assert_eq!(world.counted(), ["symmetric 1".to_owned(), format!("custom-key-store of {hsm} 1")]);
    let input = api::ReEncryptRequest {
        ciphertext_blob: Some(blob[..].into()),
        destination_key_id: other.clone(),
        ..Default::default()
    };
    world.call::<ops::ReEncrypt>(&world.root(), input).unwrap();
    assert_eq!(
        world.counted(),
        [
            "symmetric 1".to_owned(),
            format!("custom-key-store of {xks} 1"),
            format!("custom-key-store of {hsm} 1")
        ]
    );
    let random = |store: &str| {
        let input = api::GenerateRandomRequest {
            number_of_bytes: Some(1),
            custom_key_store_id: Some(store.to_owned()),
            ..Default::default()
        };
        world.call::<ops::GenerateRandom>(&world.root(), input)
    };
    random(&hsm).unwrap();
    assert_eq!(world.counted(), ["symmetric 1".to_owned(), format!("custom-key-store of {hsm} 1")]);
    random("cks-00000000000000000").unwrap_err();
    assert_eq!(world.counted(), ["symmetric 1"], "a store that is not there has no quota");
    *world.tally.used_up.lock().unwrap() = "custom-key-store";
    assert_eq!(world.encrypt(&one).unwrap_err().code(), "ThrottlingException");
    world.described(&hsm);
}

const MINUTE: i64 = 60_000;

fn orphans(world: &World) -> usize {
    world.rows().iter().filter(|row| row.starts_with("kms/orphans ")).count()
}

fn keys(behind: &Behind) -> usize {
    behind.keys.lock().unwrap().len()
}

#[test]
fn a_key_that_was_made_for_a_call_that_failed_is_removed() {
    let (world, behind) = world();
    let id = world.connected(cloudhsm());
    world.key_in(&id, None).unwrap();
    assert_eq!((keys(&behind), orphans(&world)), (1, 0));
    behind.slow.store(true, Ordering::Relaxed);
    assert_eq!(world.key_in(&id, None).unwrap_err().code(), "DependencyTimeoutException");
    behind.slow.store(false, Ordering::Relaxed);
    assert_eq!((keys(&behind), orphans(&world)), (2, 1));
    // While the call could be under way still, it is not touched.
    world.wait(14 * MINUTE);
    let kept = world.key_in(&id, None).unwrap().key_id;
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (3, 1));
    world.events();
    world.wait(2 * MINUTE);
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (2, 0));
    let [event] = <[_; 1]>::try_from(world.events()).unwrap();
    assert_eq!(event.name, "RemoveOrphanedKey");
    assert!(world.encrypt(&kept).is_ok());
    world.wait(DAY);
    world.run_timers();
    assert_eq!(keys(&behind), 2, "keys that are in use stay");
    assert!(world.encrypt(&kept).is_ok());
}

#[test]
fn a_deleted_key_is_removed_when_its_store_is_connected_again() {
    let (world, behind) = world();
    let id = world.connected(cloudhsm());
    let delete = || {
        let input = api::ScheduleKeyDeletionRequest {
            key_id: world.key_in(&id, None).unwrap().key_id,
            pending_window_in_days: Some(7),
        };
        world.call::<ops::ScheduleKeyDeletion>(&world.root(), input).unwrap();
    };
    for _ in 0..12 {
        delete();
    }
    world.disconnect(&id).unwrap();
    world.run_timers();
    world.wait(8 * DAY);
    world.run_timers();
    assert!(world.key_arns().is_empty());
    assert_eq!((keys(&behind), orphans(&world)), (12, 12));
    world.connect(&id).unwrap();
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (0, 0));
    // A device that does not do it is asked again later.
    delete();
    world.wait(8 * DAY);
    *behind.trouble.lock().unwrap() = Some(Trouble::TimedOut);
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (1, 1));
    *behind.trouble.lock().unwrap() = None;
    world.run_timers();
    assert_eq!(keys(&behind), 1);
    world.wait(MINUTE);
    world.run_timers();
    assert_eq!((keys(&behind), orphans(&world)), (0, 0));
    // What lies in a store that is deleted is out of reach.
    delete();
    world.disconnect(&id).unwrap();
    world.wait(8 * DAY);
    world.run_timers();
    world.delete(&id).unwrap();
    assert_eq!((keys(&behind), orphans(&world)), (1, 0));
    world.run_timers();
}
