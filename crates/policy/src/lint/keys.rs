//! The condition keys that are known, with their types.
//!
//! Sources: IAM User Guide, "AWS global condition context keys" and "IAM and AWS STS condition context keys"; Service
//! Authorization Reference, "Condition keys for" AWS Key Management Service, AWS Identity and Access Management and AWS Security Token
//! Service, as of October 2026. AWS CloudHSM and AWS CloudTrail have none of their own.

use super::names::{meant, nearest};
use crate::key;

/// What the values of a condition key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Arn,
    Bool,
    Date,
    Ip,
    Number,
    Text,
}

/// A condition key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// The name as AWS writes it. One that ends in `/` or `:` is the beginning of names.
    pub(super) name: &'static str,
    pub(super) kind: Type,
    /// Whether a request has several values of it.
    pub(super) many: bool,
}

const fn one(name: &'static str, kind: Type) -> Key {
    Key { name, kind, many: false }
}

const fn many(name: &'static str, kind: Type) -> Key {
    Key { name, kind, many: true }
}

use Type::{Arn, Bool, Date, Ip, Number, Text};

/// Every key that is known, by prefix in the order of names.
const KEYS: &[Key] = &[
    one("aws:AssumedRoot", Bool),
    many("aws:CalledVia", Text),
    one("aws:CalledViaAWSMCP", Text),
    one("aws:CalledViaFirst", Text),
    one("aws:CalledViaLast", Text),
    one("aws:ChatbotSourceArn", Arn),
    one("aws:CurrentTime", Date),
    one("aws:Ec2InstanceSourcePrivateIPv4", Ip),
    one("aws:Ec2InstanceSourceVpc", Text),
    one("aws:EpochTime", Date),
    one("aws:FederatedProvider", Text),
    one("aws:IsMcpServiceAction", Bool),
    one("aws:MultiFactorAuthAge", Number),
    one("aws:MultiFactorAuthPresent", Bool),
    one("aws:PrincipalAccount", Text),
    one("aws:PrincipalArn", Arn),
    one("aws:PrincipalIsAWSService", Bool),
    one("aws:PrincipalOrgID", Text),
    many("aws:PrincipalOrgPaths", Text),
    one("aws:PrincipalServiceName", Text),
    many("aws:PrincipalServiceNamesList", Text),
    one("aws:PrincipalTag/", Text),
    one("aws:PrincipalType", Text),
    one("aws:Referer", Text),
    one("aws:RequestTag/", Text),
    one("aws:RequestedRegion", Text),
    one("aws:ResourceAccount", Text),
    one("aws:ResourceOrgID", Text),
    many("aws:ResourceOrgPaths", Text),
    one("aws:ResourceTag/", Text),
    one("aws:SecureTransport", Bool),
    one("aws:SignInSessionArn", Arn),
    one("aws:SourceAccount", Text),
    one("aws:SourceArn", Arn),
    one("aws:SourceIdentity", Text),
    one("aws:SourceIp", Ip),
    one("aws:SourceOrgID", Text),
    many("aws:SourceOrgPaths", Text),
    one("aws:SourceOwner", Text),
    one("aws:SourceVpc", Text),
    one("aws:SourceVpcArn", Arn),
    one("aws:SourceVpce", Text),
    many("aws:TagKeys", Text),
    one("aws:TokenIssueTime", Date),
    one("aws:UserAgent", Text),
    one("aws:ViaAWSMCPService", Bool),
    one("aws:ViaAWSService", Bool),
    one("aws:VpceAccount", Text),
    one("aws:VpceOrgID", Text),
    many("aws:VpceOrgPaths", Text),
    one("aws:VpcSourceIp", Ip),
    one("aws:userid", Text),
    one("aws:username", Text),
    one("iam:AWSServiceName", Text),
    many("iam:AccountPropertyNamespaces", Text),
    one("iam:AssociatedResourceArn", Arn),
    one("iam:DelegationDuration", Text),
    one("iam:DelegationRequestOwner", Arn),
    one("iam:FIDO-FIPS-140-2-certification", Text),
    one("iam:FIDO-FIPS-140-3-certification", Text),
    one("iam:FIDO-certification", Text),
    one("iam:NotificationChannel", Text),
    one("iam:OrganizationsPolicyId", Text),
    one("iam:PassedToService", Text),
    one("iam:PermissionsBoundary", Arn),
    one("iam:PolicyARN", Arn),
    one("iam:RegisterSecurityKey", Text),
    one("iam:ResourceTag/", Text),
    one("iam:RoleTemplateARN", Arn),
    one("iam:ServiceSpecificCredentialAgeDays", Number),
    one("iam:ServiceSpecificCredentialServiceName", Text),
    one("iam:TemplateArn", Arn),
    one("kms:BypassPolicyLockoutSafetyCheck", Bool),
    one("kms:CallerAccount", Text),
    one("kms:CustomerMasterKeySpec", Text),
    one("kms:CustomerMasterKeyUsage", Text),
    one("kms:DataKeyPairSpec", Text),
    one("kms:EncapsulationAlgorithm", Text),
    one("kms:EncryptionAlgorithm", Text),
    one("kms:EncryptionContext:", Text),
    many("kms:EncryptionContextKeys", Text),
    one("kms:ExpirationModel", Text),
    one("kms:GrantConstraintSourceArn", Arn),
    one("kms:GrantConstraintType", Text),
    one("kms:GrantIsForAWSResource", Bool),
    many("kms:GrantOperations", Text),
    one("kms:GranteePrincipal", Text),
    one("kms:GranteeServicePrincipal", Text),
    one("kms:KeyAgreementAlgorithm", Text),
    one("kms:KeyOrigin", Text),
    one("kms:KeySpec", Text),
    one("kms:KeyUsage", Text),
    one("kms:MacAlgorithm", Text),
    one("kms:MessageType", Text),
    one("kms:MultiRegion", Bool),
    one("kms:MultiRegionKeyType", Text),
    one("kms:PrimaryRegion", Text),
    one("kms:ReEncryptOnSameKey", Bool),
    one("kms:RecipientAttestation:", Text),
    one("kms:ReplicaRegion", Text),
    one("kms:RequestAlias", Text),
    many("kms:ResourceAliases", Text),
    one("kms:RetiringPrincipal", Text),
    one("kms:RetiringServicePrincipal", Text),
    one("kms:RotationPeriodInDays", Number),
    one("kms:ScheduleKeyDeletionPendingWindowInDays", Number),
    one("kms:SigningAlgorithm", Text),
    one("kms:TrailingDaysWithoutKeyUsage", Number),
    one("kms:ValidTo", Date),
    one("kms:ViaService", Text),
    one("kms:WrappingAlgorithm", Text),
    one("kms:WrappingKeySpec", Text),
    one("sts:AWSServiceName", Text),
    one("sts:DurationSeconds", Number),
    one("sts:ExternalId", Text),
    many("sts:IdentityTokenAudience", Text),
    one("sts:RequestContext/", Text),
    many("sts:RequestContextProviders", Arn),
    one("sts:RoleAuthorizedByIdp", Bool),
    one("sts:RoleSessionName", Text),
    one("sts:SigningAlgorithm", Text),
    one("sts:SourceIdentity", Text),
    one("sts:TaskPolicyArn", Arn),
    many("sts:TransitiveTagKeys", Text),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    let lower = key::fold(name);
    KEYS.iter().find(|key| {
        let known = key.name.to_ascii_lowercase();
        if known.ends_with(['/', ':']) {
            lower.starts_with(known.as_str()) && lower.len() > known.len()
        } else {
            *lower == known
        }
    })
}

/// What a key belongs to: `aws` or a service, in lower case.
pub(super) fn prefix(name: &str) -> String {
    name.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// What is wrong with the name of a key, where there is none such among those of its prefix. Keys of prefixes that are not known here are
/// taken as they are.
#[must_use]
pub fn unknown(name: &str) -> Option<String> {
    let prefix = prefix(name);
    let names = KEYS.iter().map(|key| key.name).filter(|name| name.starts_with(&format!("{prefix}:")));
    if names.clone().next().is_none() || find(name).is_some() {
        return None;
    }
    let near = nearest(name, names.clone()).map(str::to_owned).or_else(|| {
        // The rest of a name that goes on after its known beginning is the author's.
        let end = name.rfind(['/', ':']).map(|at| at + 1)?;
        let (beginning, rest) = name.split_at_checked(end)?;
        let open = names.filter(|name| name.ends_with(['/', ':']));
        nearest(beginning, open).map(|near| format!("{near}{rest}"))
    });
    let whose = match prefix.as_str() {
        "aws" => "there is no condition key".to_owned(),
        prefix => format!("{prefix} has no condition key"),
    };
    Some(format!("{whose} {name}{}", meant(near)))
}
