//! The row of a cluster, and CreateCluster and DeleteCluster.

use crate::CloudHsm;
use crate::access::{self, Asked, cluster_arn};
use crate::api::{
    self, BackupPolicy, BackupRetentionPolicy, BackupRetentionType, Certificates, ClusterMode, ClusterState,
    CreateClusterRequest, CreateClusterResponse, DeleteClusterRequest, DeleteClusterResponse, HsmState,
    NetworkType, ops,
};
use crate::backups::{self, Backup};
use crate::devices::Device;
use crate::errors::{invalid, not_found};
use crate::{settle, tags};
use platform::{Access, Cx, Fault, Handle, Home, Indexed, Table};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::Timestamp;

/// `[account, region, cluster id]`
pub(crate) const CLUSTERS: Table<Cluster> = Table::new("cloudhsmv2/clusters");

/// Clusters of an account in a Region (AWS CloudHSM User Guide, "AWS CloudHSM quotas").
const CLUSTERS_MAX: usize = 4;

/// Days that a backup is kept, at least, at most and where nothing is said (AWS CloudHSM User Guide, "Configure backup retention").
const RETENTION_DAYS: std::ops::RangeInclusive<i32> = 7..=379;
const RETENTION_DEFAULT_DAYS: i32 = 90;

/// The types of HSMs there are (CreateCluster, `HsmType`).
pub(crate) const HSM_TYPES: [&str; 2] = ["hsm1.medium", "hsm2m.medium"];

/// A cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cluster {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) id: String,
    /// In milliseconds since the epoch.
    created: i64,
    #[serde(with = "text")]
    pub(crate) state: ClusterState,
    pub(crate) hsm_type: String,
    #[serde(with = "text")]
    pub(crate) mode: ClusterMode,
    #[serde(with = "text")]
    network: NetworkType,
    pub(crate) retention_days: i32,
    /// By Availability Zone.
    pub(crate) subnets: BTreeMap<String, String>,
    pub(crate) hsms: Vec<Hsm>,
    pub(crate) tags: BTreeMap<String, String>,
    source_backup: Option<String>,
    /// The PIN that its token's security officer gets, sealed; drawn when the first HSM is asked for.
    pub(crate) officer: Option<Arc<str>>,
    /// Its token, from the first HSM on.
    pub(crate) device: Option<Device>,
    /// Whose it is, once it is initialized.
    pub(crate) claim: Option<Claim>,
}

/// A place in a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hsm {
    pub(crate) id: String,
    pub(crate) zone: String,
    pub(crate) subnet: String,
    pub(crate) ip: Option<String>,
    #[serde(with = "text")]
    pub(crate) state: HsmState,
    pub(crate) message: Option<String>,
}

/// What a cluster was initialized with, as PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) certificate: String,
    pub(crate) trust_anchor: String,
}

impl Cluster {
    pub(crate) fn path(&self) -> [&str; 3] {
        [&self.account, &self.region, &self.id]
    }

    pub(crate) fn put(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        CLUSTERS.put(&mut cx.tx, &self.path(), self)?;
        cx.keep(&Indexed { arn: &self.arn(), kind: "AWS::CloudHSM::Cluster", tags: &self.tags })
    }

    pub(crate) fn arn(&self) -> String {
        cluster_arn(&self.region, &self.account, &self.id)
    }

    /// Zones of its active HSMs.
    pub(crate) fn active_zones(&self) -> Vec<String> {
        let active = self.hsms.iter().filter(|hsm| hsm.state == HsmState::Active);
        active.map(|hsm| hsm.zone.clone()).collect()
    }

    /// As callers see it. The security officer's PIN is told until the cluster is active, as long as `officer` gives it: in answers
    /// that are not recorded.
    pub(crate) fn on_the_wire(&self, officer: Option<String>) -> api::Cluster {
        let device = self.device.as_ref();
        let unclaimed = self.state == ClusterState::Uninitialized;
        let certificates = device.map(|device| Certificates {
            cluster_csr: Some(device.csr.clone()).filter(|_| unclaimed),
            hsm_certificate: Some(device.certificate.clone()),
            cluster_certificate: self.claim.as_ref().map(|claim| claim.certificate.clone()),
            ..Certificates::default()
        });
        api::Cluster {
            backup_policy: Some(BackupPolicy::Default),
            backup_retention_policy: Some(BackupRetentionPolicy {
                r#type: Some(BackupRetentionType::Days),
                value: Some(self.retention_days.to_string()),
            }),
            cluster_id: Some(self.id.clone()),
            create_timestamp: Some(Timestamp(self.created)),
            hsms: Some(self.hsms.iter().map(|hsm| hsm.on_the_wire(self)).collect()),
            hsm_type: Some(self.hsm_type.clone()),
            pre_co_password: officer,
            source_backup_id: self.source_backup.clone(),
            state: Some(self.state),
            subnet_mapping: Some(self.subnets.clone()),
            network_type: Some(self.network),
            certificates: Some(certificates.unwrap_or_default()),
            tag_list: Some(tags::list(&self.tags)),
            mode: Some(self.mode),
            ..api::Cluster::default()
        }
    }
}

impl Hsm {
    /// The id of its network interface: that of the HSM in other digits, as there are no interfaces. Terraform tells HSMs apart by it.
    pub(crate) fn eni(&self) -> String {
        let digits = self.id.bytes().rev().map_while(|byte| match byte {
            b'a'..=b'z' => Some(u64::from(byte - b'a')),
            b'2'..=b'7' => Some(u64::from(byte - b'2') + 26),
            _ => None,
        });
        let number = digits.take(11).enumerate().map(|(place, digit)| digit << (5 * place)).sum::<u64>();
        format!("eni-{number:017x}")
    }

    pub(crate) fn on_the_wire(&self, cluster: &Cluster) -> api::Hsm {
        api::Hsm {
            availability_zone: Some(self.zone.clone()),
            cluster_id: Some(cluster.id.clone()),
            subnet_id: Some(self.subnet.clone()),
            eni_id: Some(self.eni()),
            eni_ip: self.ip.clone(),
            hsm_id: self.id.clone(),
            hsm_type: Some(cluster.hsm_type.clone()),
            state: Some(self.state),
            state_message: self.message.clone(),
            ..api::Hsm::default()
        }
    }
}

/// A cluster of the caller's account. Whether there is one is told to those who may do to it what they ask.
pub(crate) fn find(cx: &mut Cx<'_>, asked: Asked<'_>, id: &str) -> Result<Cluster, Fault> {
    let home = Home { account: cx.account(), region: cx.region() };
    let arn = cluster_arn(home.region, home.account, id);
    let found = get(cx, home, id)?;
    let none = BTreeMap::new();
    let tags = found.as_ref().map_or(&none, |cluster| &cluster.tags);
    asked.require(cx, &arn, tags)?;
    match found {
        Some(cluster) => {
            cx.touch("AWS::CloudHSM::Cluster", &arn, home.account);
            Ok((*cluster).clone())
        }
        None => Err(not_found("cluster", id)),
    }
}

/// A cluster that is not deleted.
pub(crate) fn get(cx: &mut Cx<'_>, home: Home<'_>, id: &str) -> Result<Option<Arc<Cluster>>, Fault> {
    let found = CLUSTERS.get(&mut cx.tx, &[home.account, home.region, id])?;
    Ok(found.filter(|cluster| cluster.state != ClusterState::Deleted))
}

impl Handle<ops::CreateCluster> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &CreateClusterRequest) -> Result<CreateClusterResponse, Fault> {
        let (account, region) = (cx.account(), cx.region());
        let requested = input.tag_list.as_deref().unwrap_or_default();
        let id = access::new_id(cx, "cluster");
        let arn = cluster_arn(region, account, &id);
        let named = cluster_arn(region, account, "*");
        let mut access = Access::to("cloudhsm:CreateCluster", "*").requesting_tags(tags::pairs(requested));
        if !requested.is_empty() {
            access = access.before("cloudhsm:TagResource", named.as_str());
        }
        if let Some(backup) = &input.source_backup_id {
            access = access.before("cloudhsm:CreateCluster", backup.as_str());
        }
        cx.authorize(&access)?;
        Asked::require_tagging(cx, (&arn, &named), requested)?;
        let mut tags = BTreeMap::new();
        tags::add(&mut tags, requested)?;
        let hsm_type = known_type(&input.hsm_type)?;
        let mode = input.mode.unwrap_or(ClusterMode::Fips);
        if mode == ClusterMode::NonFips && hsm_type == "hsm1.medium" {
            return Err(invalid("HSMs of type hsm1.medium are in FIPS mode only."));
        }
        let backup = match &input.source_backup_id {
            Some(name) => Some(backups::to_restore(cx, name)?),
            None => None,
        };
        if let Some(backup) = &backup
            && (backup.mode != mode || backup.hsm_type != hsm_type)
        {
            return Err(invalid(
                "A cluster has the mode and the type of HSM of the backup that it is made from.",
            ));
        }
        let retention_days = match &input.backup_retention_policy {
            Some(policy) => retention(policy)?,
            None => RETENTION_DEFAULT_DAYS,
        };
        let existing = CLUSTERS.scan(&mut cx.tx, &[account, region], None, usize::MAX)?;
        let living = existing.iter().filter(|(_, cluster)| cluster.state != ClusterState::Deleted);
        if living.count() >= CLUSTERS_MAX {
            return Err(invalid(format!("An account has no more than {CLUSTERS_MAX} clusters in a Region.")));
        }
        let cluster = Cluster {
            account: account.to_owned(),
            region: region.to_owned(),
            id,
            created: cx.now().0,
            state: ClusterState::CreateInProgress,
            hsm_type: hsm_type.to_owned(),
            mode,
            network: input.network_type.unwrap_or(NetworkType::Ipv4),
            retention_days,
            subnets: zones(region, &input.subnet_ids)?,
            hsms: Vec::new(),
            tags,
            source_backup: backup.as_ref().map(|backup| backup.id.clone()),
            officer: None,
            device: backup.as_ref().map(|backup| backup.device.clone()),
            claim: backup.as_ref().map(|backup: &Arc<Backup>| backup.claim.clone()),
        };
        cx.touch("AWS::CloudHSM::Cluster", &arn, account);
        settle::soon(cx, &cluster)?;
        cluster.put(cx)?;
        Ok(CreateClusterResponse { cluster: Some(cluster.on_the_wire(None)) })
    }
}

/// Subnets are in Availability Zones, of which nothing is known here but their names: they get one each, in their order.
fn zones(region: &str, subnets: &[String]) -> Result<BTreeMap<String, String>, Fault> {
    let mut zones = BTreeMap::new();
    for (letter, subnet) in ('a'..='z').zip(subnets) {
        if zones.values().any(|other| other == subnet) {
            return Err(invalid(format!("The subnet {subnet} is named twice.")));
        }
        zones.insert(format!("{region}{letter}"), subnet.clone());
    }
    Ok(zones)
}

pub(crate) fn known_type(name: &str) -> Result<&'static str, Fault> {
    let known = HSM_TYPES.iter().find(|known| **known == name);
    known.copied().ok_or_else(|| invalid(format!("{name} is not a type of HSM: {}.", HSM_TYPES.join(", "))))
}

pub(crate) fn retention(policy: &BackupRetentionPolicy) -> Result<i32, Fault> {
    let days = policy.value.as_deref().and_then(|value| value.parse().ok());
    days.filter(|days| policy.r#type.is_some() && RETENTION_DAYS.contains(days)).ok_or_else(|| {
        let (least, most) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
        invalid(format!("A backup retention policy has the type DAYS and a value from {least} to {most}."))
    })
}

impl Handle<ops::DeleteCluster> for CloudHsm {
    fn handle(&self, cx: &mut Cx<'_>, input: &DeleteClusterRequest) -> Result<DeleteClusterResponse, Fault> {
        let mut cluster = find(cx, Asked::to("cloudhsm:DeleteCluster"), &input.cluster_id)?;
        if !cluster.hsms.is_empty() {
            return Err(invalid(format!(
                "The cluster {} has HSMs, which must be deleted first.",
                cluster.id
            )));
        }
        let deletable = [
            ClusterState::Uninitialized,
            ClusterState::Initialized,
            ClusterState::Active,
            ClusterState::Degraded,
        ];
        if !deletable.contains(&cluster.state) {
            return Err(wrong_state(&cluster));
        }
        cluster.state = ClusterState::DeleteInProgress;
        settle::soon(cx, &cluster)?;
        cluster.put(cx)?;
        Ok(DeleteClusterResponse { cluster: Some(cluster.on_the_wire(None)) })
    }
}

pub(crate) fn wrong_state(cluster: &Cluster) -> Fault {
    invalid(format!(
        "The cluster {} is in state {}, in which this is not possible.",
        cluster.id, cluster.state
    ))
}

/// Values of the model's enums as their text on the wire.
pub(crate) mod text {
    use super::{Deserialize, Deserializer, Error, Serializer};
    use crate::api::{BackupState, ClusterMode, ClusterState, HsmState, NetworkType};

    pub(crate) trait WireEnum: Copy {
        fn text(self) -> &'static str;
        fn of(text: &str) -> Option<Self>;
    }

    macro_rules! wire_enums {
        ($($type:ty),+) => { $(
            impl WireEnum for $type {
                fn text(self) -> &'static str {
                    self.as_str()
                }

                fn of(text: &str) -> Option<Self> {
                    Self::from_wire(text)
                }
            }
        )+ };
    }

    wire_enums!(BackupState, ClusterMode, ClusterState, HsmState, NetworkType);

    pub(crate) fn serialize<T: WireEnum, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.text())
    }

    pub(crate) fn deserialize<'de, T: WireEnum, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::of(&text).ok_or_else(|| D::Error::custom(format!("no such value: `{text}`")))
    }
}
