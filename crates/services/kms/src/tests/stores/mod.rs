//! Custom key stores, on clusters and proxies that are told what to do.

mod keys;
mod lifecycle;
mod orphans;

use crate::api::{self, ops};
use crate::testing::World;
use crate::text::WireEnum as _;
use platform::{
    Cluster, Clusters, Cx, DeviceError, Fault, Home, KeyDevice, KeyStores, KeyUse, Proxies, Proxy,
    SealedSecret, Trouble,
};
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
