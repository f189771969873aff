//! KMS keys in custom key stores.

use super::{Connection, STORES, Store, find, orphans, trouble, use_of};
use crate::api::{CreateKeyRequest, CustomKeyStoreType, KeySpec, OriginType};
use crate::errors::{unsupported, validation};
use crate::key::Key;
use crate::material::MaterialId;
use platform::{Cx, Fault, KeyDevice, KeyUse, Table};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

/// `[account, region, store id, name in the store]`: which KMS key it is.
pub(super) const STORED: Table<String> = Table::new("kms/stored-keys");

/// Where a key lies outside of KMS.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Placed {
    /// The store.
    pub(crate) store: String,
    /// What the key is called there: in a cluster its label, in an external key manager the external key's id.
    pub(crate) name: String,
    /// Names the key in ciphertexts, where there is no material of KMS's own beneath.
    pub(crate) material: MaterialId,
}

/// The way to a key outside of KMS, as it was found for one call.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    /// The store's cluster, if it has one.
    pub(crate) cluster: Option<String>,
    /// None while the store is not connected.
    device: Option<Arc<dyn KeyDevice>>,
    /// For which operation.
    operation: String,
}

impl Outside {
    pub(crate) fn is_connected(&self) -> bool {
        self.device.is_some()
    }
}

/// The key with the way to where it lies, for `action` (`kms:Encrypt`).
pub(crate) fn reach(cx: &mut Cx<'_>, key: Arc<Key>, action: &str) -> Result<Arc<Key>, Fault> {
    let Some(placed) = &key.placed else { return Ok(key) };
    let store = store_of(cx, &key, placed)?;
    let device = match store.state {
        Connection::Connected => Some(store.device(cx)?),
        _ => None,
    };
    let operation = action.strip_prefix("kms:").unwrap_or(action).to_owned();
    let outside = Outside { cluster: store.cluster().map(str::to_owned), device, operation };
    Ok(Arc::new(Key { outside: Some(outside), ..(*key).clone() }))
}

/// Which store a new key goes to, and what it is called there; none for a key of KMS's own. Refuses what such keys cannot be.
pub(crate) fn place(
    cx: &mut Cx<'_>,
    input: &CreateKeyRequest,
    spec: KeySpec,
    origin: OriginType,
    arn: &str,
) -> Result<Option<Placed>, Fault> {
    let kind = match origin {
        OriginType::AwsCloudhsm => CustomKeyStoreType::AwsCloudhsm,
        OriginType::ExternalKeyStore => CustomKeyStoreType::ExternalKeyStore,
        _ if input.custom_key_store_id.is_some() => {
            return Err(validation(format!("Origin {origin} is not valid for a key in a custom key store.")));
        }
        _ if input.xks_key_id.is_some() => {
            return Err(validation("XksKeyId is valid only for a key in an external key store."));
        }
        _ => return Ok(None),
    };
    let id = input.custom_key_store_id.as_deref();
    let id =
        id.ok_or_else(|| validation(format!("CustomKeyStoreId is required for a key of origin {origin}.")))?;
    if spec != KeySpec::SymmetricDefault {
        return Err(unsupported(format!("KeySpec {spec} is not supported in custom key stores.")));
    }
    if input.multi_region == Some(true) {
        return Err(unsupported("Multi-Region keys are not supported in custom key stores."));
    }
    let name = match (kind, &input.xks_key_id) {
        (CustomKeyStoreType::AwsCloudhsm, None) => arn.to_owned(),
        (CustomKeyStoreType::AwsCloudhsm, Some(_)) => {
            return Err(validation("XksKeyId is valid only for a key in an external key store."));
        }
        (CustomKeyStoreType::ExternalKeyStore, Some(name)) => name.clone(),
        (CustomKeyStoreType::ExternalKeyStore, None) => {
            return Err(validation("XksKeyId is required for a key in an external key store."));
        }
    };
    let store = find(cx, id)?;
    if store.kind() != kind {
        return Err(validation(format!(
            "Origin {origin} is not valid for a custom key store of type {}.",
            store.kind()
        )));
    }
    if STORED.get(&mut cx.tx, &[&store.account, &store.region, &store.id, &name])?.is_some() {
        let message = format!(
            "The external key {name} is already associated with another KMS key in the external key store {id}."
        );
        return Err(Fault::new("XksKeyAlreadyInUseException", message));
    }
    let mut material = [0; 32];
    cx.random().fill(&mut material);
    Ok(Some(Placed { store: id.to_owned(), name, material: MaterialId(material) }))
}

/// Has a new key made where it belongs, and gives the key the way to it. This is the last that CreateKey does, as a device does not take it
/// back; run again, it finds the key that it made. If the call fails for good, the key is an orphan.
pub(crate) fn take_place(cx: &mut Cx<'_>, key: Key) -> Result<Key, Fault> {
    let Some(placed) = &key.placed else { return Ok(key) };
    let store = store_of(cx, &key, placed)?;
    let device = store.connected(cx)?;
    if let Some(id) = store.cluster() {
        let cluster = cx.key_stores().clusters.find(cx, store.home(), id)?;
        super::create::require_zones(&cluster.map_or_else(Vec::new, |cluster| cluster.zones), id, 2)?;
    }
    let path = [key.account.as_str(), &key.region, &placed.store, &placed.name];
    STORED.put(&mut cx.tx, &path, &key.id)?;
    if store.cluster().is_some() {
        orphans::expect(cx, &store, &placed.name)?;
        orphans::adopt(cx, &store, &placed.name);
    }
    let principal = cx.caller().principal.arn();
    let of = use_of(cx, "CreateKey", &principal, Some(&key.arn));
    cx.aside(|| device.add_key(&of, &placed.name))?
        .map_err(|error| trouble::of_creation(&error, store.kind()))?;
    Ok(Key {
        outside: Some(Outside {
            cluster: store.cluster().map(str::to_owned),
            device: Some(device),
            operation: "CreateKey".to_owned(),
        }),
        ..key
    })
}

/// Takes a key that is deleted out of its store. What a device keeps is removed when it can be.
pub(crate) fn remove(cx: &mut Cx<'_>, key: &Key) -> Result<(), Fault> {
    let Some(placed) = &key.placed else { return Ok(()) };
    STORED.delete(&mut cx.tx, &[&key.account, &key.region, &placed.store, &placed.name]);
    let store = store_of(cx, key, placed)?;
    match store.cluster() {
        Some(_) => orphans::leave(cx, &store, &placed.name),
        None => Ok(()),
    }
}

pub(super) fn has_keys(cx: &mut Cx<'_>, store: &Store) -> Result<bool, Fault> {
    STORED.any(&mut cx.tx, &[&store.account, &store.region, &store.id])
}

fn store_of(cx: &mut Cx<'_>, key: &Key, placed: &Placed) -> Result<Arc<Store>, Fault> {
    let found = STORES.get(&mut cx.tx, &[&key.account, &key.region, &placed.store])?;
    found.ok_or_else(|| Fault::bug(format!("{} lies in a store that is gone", key.arn)))
}

impl Key {
    /// Encrypts where the key lies, if that is outside of KMS; else gives back what it was given.
    pub(crate) fn encrypt_outside(
        &self,
        cx: &Cx<'_>,
        aad: &[u8],
        plaintext: Vec<u8>,
    ) -> Result<Vec<u8>, Fault> {
        let Some((placed, outside)) = self.placed.as_ref().zip(self.outside.as_ref()) else {
            return Ok(plaintext);
        };
        let plaintext = Zeroizing::new(plaintext);
        outside.with(cx, self, |device, of| device.encrypt(of, &placed.name, aad, &plaintext))
    }

    /// Takes off what [`encrypt_outside`](Self::encrypt_outside) put around it.
    pub(crate) fn decrypt_outside(
        &self,
        cx: &Cx<'_>,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let Some((placed, outside)) = self.placed.as_ref().zip(self.outside.as_ref()) else {
            return Ok(None);
        };
        outside.with(cx, self, |device, of| device.decrypt(of, &placed.name, aad, ciphertext)).map(Some)
    }

    /// Random bytes for a data key: of the device that the key lies in, if it has any to give.
    pub(crate) fn fill_random(&self, cx: &Cx<'_>, out: &mut [u8]) -> Result<(), Fault> {
        match &self.outside {
            Some(outside) if outside.cluster.is_some() => {
                outside.with(cx, self, |device, of| device.random(of, out))
            }
            _ => {
                cx.random().fill(out);
                Ok(())
            }
        }
    }
}

impl Outside {
    fn with<T>(
        &self,
        cx: &Cx<'_>,
        key: &Key,
        work: impl FnOnce(&dyn KeyDevice, &KeyUse<'_>) -> Result<T, platform::DeviceError>,
    ) -> Result<T, Fault> {
        let Some(device) = &self.device else {
            return Err(Fault::bug(format!("{} was used while its store is not connected", key.arn)));
        };
        let principal = cx.caller().principal.arn();
        let of = use_of(cx, &self.operation, &principal, Some(&key.arn));
        let kind = match self.cluster {
            Some(_) => CustomKeyStoreType::AwsCloudhsm,
            None => CustomKeyStoreType::ExternalKeyStore,
        };
        cx.aside(|| work(&**device, &of))?.map_err(|error| trouble::of_use(&error, kind))
    }
}
