//! The list of services: the one place where a new service is named.

mod databases;

use attestation::Roots;
use cloudhsmv2::CloudHsm;
use cloudtrail::CloudTrail;
use databases::Templates;
use iam::Iam;
use kms::{Kms, XksProxy};
use platform::Service;
use resourcegroupstaggingapi::Tagging;
use secretsmanager::SecretsManager;
use ssm::SystemsManager;
use std::sync::Arc;
use sts::Sts;
use wire::ServiceModel;

/// What services are made from.
#[derive(Debug, Default)]
pub struct Parts {
    /// IAM, which also tells the platform of credentials and permissions.
    pub iam: Arc<Iam>,
    /// CloudHSM, which also keeps keys outside of KMS.
    pub cloudhsm: Arc<CloudHsm>,
    /// Who vouches for the environments that KMS may give keys to.
    pub roots: Roots,
    /// What the rotation of databases' passwords may call; without it, none is rotated.
    pub databases: Option<rotation::Databases>,
}

/// Every service, in the order of their names.
pub fn services(parts: Parts) -> Vec<Arc<dyn Service>> {
    let Parts { iam, cloudhsm, roots, databases } = parts;
    let databases = databases.map(|databases| SecretsManager::new(Arc::new(Templates(databases))));
    vec![
        cloudhsm,
        Arc::new(CloudTrail),
        iam,
        Arc::new(Kms::new(roots)),
        Arc::new(XksProxy),
        Arc::new(Tagging),
        Arc::new(databases.unwrap_or_default()),
        Arc::new(SystemsManager),
        Arc::new(Sts),
    ]
}

/// The models of every service.
pub fn models() -> Vec<&'static ServiceModel> {
    services(Parts::default()).iter().map(|service| service.model()).collect()
}
