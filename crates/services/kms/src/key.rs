//! The row of a KMS key.

use crate::api::{
    CustomerMasterKeySpec, ExpirationModelType, KeyManagerType, KeyMetadata, KeySpec, KeyState, KeyUsageType,
    OriginType, XksKeyConfigurationType,
};
use crate::material::Material;
use crate::policies::KeyPolicy;
use crate::regions::MultiRegion;
use crate::rotation::Rotation;
use crate::stores;
use crate::stores::{Outside, Placed};
use crate::text::Text;
use platform::{Cx, Fault, Indexed, Table, Tally, Timer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::Timestamp;

/// `[account, region, key id]`
pub(crate) const KEYS: Table<Key> = Table::new("kms/keys");

/// How many keys an account has in a region.
pub(crate) const KEY_COUNTS: Tally = Tally::new("kms/key-counts");

/// A KMS key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) id: String,
    pub(crate) arn: String,
    /// In milliseconds since the epoch.
    pub(crate) created: i64,
    pub(crate) description: String,
    pub(crate) spec: Text<KeySpec>,
    pub(crate) usage: Text<KeyUsageType>,
    pub(crate) origin: Text<OriginType>,
    pub(crate) state: State,
    pub(crate) policy: KeyPolicy,
    pub(crate) tags: BTreeMap<String, String>,
    /// Names of its aliases, `alias/…`, sorted.
    pub(crate) aliases: Vec<String>,
    /// Oldest first; the last is the current one.
    pub(crate) materials: Vec<Material>,
    /// Imported for the next rotation on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<Material>,
    /// None while automatic rotation is not enabled. A replica has its primary's.
    pub(crate) rotation: Option<Rotation>,
    /// None for a key of one Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) multi_region: Option<MultiRegion>,
    /// Where it lies, if that is a custom key store.
    #[serde(default)]
    pub(crate) placed: Option<Placed>,
    /// It is an AWS managed key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) managed: bool,
    /// The way there, as it was found for this call.
    #[serde(skip)]
    pub(crate) outside: Option<Outside>,
}

/// The state of a key (KMS Developer Guide, "Key states of AWS KMS keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Enabled,
    Disabled,
    /// Not all of its material has been imported, or is there still.
    PendingImport,
    /// Its key store is not connected.
    Unavailable,
    /// A replica that does not have the primary's material yet.
    Creating,
    /// Its primary Region is changing.
    Updating,
    /// Deleted at this time, in milliseconds since the epoch.
    PendingDeletion {
        at: i64,
    },
    /// A primary that waits for its last replica to be deleted, and then these days more.
    PendingReplicaDeletion {
        days: i32,
    },
}

impl State {
    pub(crate) fn on_the_wire(self) -> KeyState {
        match self {
            Self::Enabled => KeyState::Enabled,
            Self::Disabled => KeyState::Disabled,
            Self::PendingImport => KeyState::PendingImport,
            Self::Unavailable => KeyState::Unavailable,
            Self::Creating => KeyState::Creating,
            Self::Updating => KeyState::Updating,
            Self::PendingReplicaDeletion { .. } => KeyState::PendingReplicaDeletion,
            Self::PendingDeletion { .. } => KeyState::PendingDeletion,
        }
    }
}

impl Key {
    /// The key at a path, with the way to where it lies, for `action`.
    pub(crate) fn load(cx: &mut Cx<'_>, path: &[&str; 3], action: &str) -> Result<Option<Arc<Self>>, Fault> {
        match KEYS.get(&mut cx.tx, path)? {
            Some(key) => stores::reach(cx, key, action).map(Some),
            None => Ok(None),
        }
    }

    /// Its state, which is that of its store while that is not connected (KMS Developer Guide, "How to fix unavailable KMS keys").
    pub(crate) fn state_now(&self) -> State {
        let away = self.outside.as_ref().is_some_and(|outside| !outside.is_connected());
        match self.state {
            State::Enabled | State::Disabled if away => State::Unavailable,
            state => state,
        }
    }

    pub(crate) fn put(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        KEYS.put(&mut cx.tx, &self.path(), self)?;
        cx.keep(&Indexed { arn: &self.arn, kind: "AWS::KMS::Key", tags: &self.tags })
    }

    /// A timer for one of the tasks of KMS with this key.
    pub(crate) fn timer(&self, task: &str, at: i64) -> Timer {
        Timer {
            at,
            service: crate::api::MODEL.name.to_owned(),
            account: self.account.clone(),
            region: self.region.clone(),
            task: task.to_owned(),
            subject: self.id.clone(),
        }
    }

    pub(crate) fn path(&self) -> [&str; 3] {
        [&self.account, &self.region, &self.id]
    }

    /// Whether any of the material that it has to have is not here.
    pub(crate) fn lacks_material(&self) -> bool {
        self.origin.0 == OriginType::External
            && (self.materials.is_empty() || !self.materials.iter().all(Material::is_here))
    }

    /// When the first of the imported material expires that the key keeps for good.
    fn valid_to(&self) -> Option<i64> {
        self.materials.iter().filter_map(Material::valid_to).min()
    }

    fn expiration_model(&self) -> Option<ExpirationModelType> {
        let has_any = self.origin.0 == OriginType::External && self.materials.iter().any(Material::is_here);
        has_any.then(|| match self.valid_to() {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        })
    }

    /// The material that encrypts.
    pub(crate) fn current(&self) -> Result<&Material, Fault> {
        self.materials.last().ok_or_else(|| Fault::bug(format!("{} has no material", self.arn)))
    }

    /// What names the current material for callers, if it is symmetric. Keys in custom key stores have nothing that is so named.
    pub(crate) fn current_name(&self) -> Option<String> {
        match (self.spec.0, &self.placed) {
            (KeySpec::SymmetricDefault, None) => {
                self.materials.last().map(|material| material.id.to_string())
            }
            _ => None,
        }
    }

    pub(crate) fn metadata(&self) -> Result<KeyMetadata, Fault> {
        let deletion_date = match self.state {
            State::PendingDeletion { at } => Some(Timestamp(at)),
            _ => None,
        };
        Ok(KeyMetadata {
            aws_account_id: Some(self.account.clone()),
            key_id: self.id.clone(),
            arn: Some(self.arn.clone()),
            creation_date: Some(Timestamp(self.created)),
            enabled: Some(self.state_now() == State::Enabled),
            description: Some(self.description.clone()),
            key_usage: Some(self.usage.0),
            key_state: Some(self.state_now().on_the_wire()),
            deletion_date,
            origin: Some(self.origin.0),
            key_manager: Some(if self.managed { KeyManagerType::Aws } else { KeyManagerType::Customer }),
            customer_master_key_spec: CustomerMasterKeySpec::from_wire(self.spec.0.as_str()),
            key_spec: Some(self.spec.0),
            encryption_algorithms: self.algorithms().map(<[_]>::to_vec),
            signing_algorithms: self.algorithms().map(<[_]>::to_vec),
            mac_algorithms: self.algorithms().map(<[_]>::to_vec),
            key_agreement_algorithms: self.algorithms().map(<[_]>::to_vec),
            encapsulation_algorithms: self.algorithms().map(<[_]>::to_vec),
            multi_region: Some(self.multi_region.is_some()),
            multi_region_configuration: self.multi_region.as_ref().map(|regions| regions.configuration(self)),
            pending_deletion_window_in_days: match self.state {
                State::PendingReplicaDeletion { days } => Some(days),
                _ => None,
            },
            current_key_material_id: self.current_name(),
            expiration_model: self.expiration_model(),
            valid_to: self.valid_to().map(Timestamp),
            custom_key_store_id: self.placed.as_ref().map(|placed| placed.store.clone()),
            cloud_hsm_cluster_id: self.outside.as_ref().and_then(|outside| outside.cluster.clone()),
            xks_key_configuration: self
                .placed
                .as_ref()
                .filter(|_| self.origin.0 == OriginType::ExternalKeyStore)
                .map(|placed| XksKeyConfigurationType { id: Some(placed.name.clone()) }),
        })
    }
}
