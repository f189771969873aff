//! AWS managed keys: keys that AWS's services keep in an account for their own use there (KMS Developer Guide, "AWS KMS keys").
//!
//! Each has a predefined alias and is made when that is first needed: by DescribeKey, or by a use that a service makes. Nobody manages it
//! but AWS, since its key policy allows nobody to; it does not count as one of the account's keys.

use crate::aliases::{ALIASES, Alias};
use crate::api::{KeySpec, KeyUsageType, OriginType};
use crate::key::{Key, State};
use crate::limits::ROTATION_PERIOD_DEFAULT_DAYS;
use crate::material::Material;
use crate::names::key_arn;
use crate::policies::KeyPolicy;
use crate::text::Text;
use crate::{regions, rotation};
use keyring::MaterialSpec;
use platform::{Cx, Fault, ids};
use std::collections::BTreeMap;

/// The beginning of the names of predefined aliases, which are AWS's alone.
pub(crate) const PREFIX: &str = "alias/aws/";

/// A predefined alias.
struct Predefined {
    /// Without the prefix.
    alias: &'static str,
    /// What the key policy calls the service.
    title: &'static str,
    /// What `kms:ViaService` calls it.
    via: &'static str,
    /// Whether the service also uses the key for itself: AWS has functions of the account do that work, as principals of the account.
    itself: bool,
}

impl Predefined {
    const fn new(alias: &'static str, title: &'static str, via: &'static str) -> Self {
        Self { alias, title, via, itself: false }
    }

    const fn for_itself(mut self) -> Self {
        self.itself = true;
        self
    }
}

/// From the services' chapters on encryption at rest, and "kms:ViaService" in the KMS Developer Guide.
static PREDEFINED: [Predefined; 28] = [
    Predefined::new("acm", "ACM", "acm"),
    Predefined::new("backup", "Backup", "backup"),
    Predefined::new("codeartifact", "CodeArtifact", "codeartifact"),
    Predefined::new("codecommit", "CodeCommit", "codecommit"),
    Predefined::new("dms", "DMS", "dms"),
    Predefined::new("dynamodb", "DynamoDB", "dynamodb"),
    Predefined::new("ebs", "EBS", "ec2"),
    Predefined::new("elasticfilesystem", "EFS", "elasticfilesystem"),
    Predefined::new("es", "Elasticsearch", "es"),
    Predefined::new("fsx", "FSx", "fsx"),
    Predefined::new("glue", "Glue", "glue"),
    Predefined::new("kafka", "MSK", "kafka"),
    Predefined::new("kinesis", "Kinesis", "kinesis"),
    Predefined::new("kinesisvideo", "Kinesis Video Streams", "kinesisvideo"),
    Predefined::new("lambda", "Lambda", "lambda"),
    Predefined::new("lightsail", "Lightsail", "lightsail"),
    Predefined::new("rds", "RDS", "rds"),
    Predefined::new("redshift", "Redshift", "redshift"),
    Predefined::new("s3", "S3", "s3"),
    Predefined::new("secretsmanager", "AWS Secrets Manager", "secretsmanager").for_itself(),
    Predefined::new("ses", "SES", "ses"),
    Predefined::new("sns", "SNS", "sns"),
    Predefined::new("sqs", "SQS", "sqs"),
    Predefined::new("ssm", "SSM", "ssm"),
    Predefined::new("timestream", "Timestream", "timestream"),
    Predefined::new("workmail", "WorkMail", "workmail"),
    Predefined::new("workspaces", "WorkSpaces", "workspaces"),
    Predefined::new("xray", "X-Ray", "xray"),
];

/// The names of the predefined aliases.
pub(crate) fn aliases() -> impl Iterator<Item = String> {
    PREDEFINED.iter().map(|predefined| format!("{PREFIX}{}", predefined.alias))
}

/// Makes the key that an alias without one stands for, if `action` does that and the alias is a predefined one of the caller's account.
pub(crate) fn make(cx: &mut Cx<'_>, action: &str, account: &str, alias: &str) -> Result<Option<Key>, Fault> {
    let makes = action == "kms:DescribeKey" || cx.via().is_some();
    if !makes || account != cx.account() {
        return Ok(None);
    }
    let name = alias.strip_prefix(PREFIX);
    let Some(service) = PREDEFINED.iter().find(|predefined| Some(predefined.alias) == name) else {
        return Ok(None);
    };
    let (region, now) = (cx.region(), cx.now().0);
    let id = ids::uuid(cx.random());
    let arn = key_arn(region, account, &id);
    let material = Material::generate(cx, &arn, MaterialSpec::Symmetric, None)?;
    let mut key = Key {
        account: account.to_owned(),
        region: region.to_owned(),
        created: now,
        description: format!(
            "Default key that protects my {} data when no other key is defined",
            service.title
        ),
        spec: Text(KeySpec::SymmetricDefault),
        usage: Text(KeyUsageType::EncryptDecrypt),
        origin: Text(OriginType::AwsKms),
        state: State::Enabled,
        policy: policy(service, account, region),
        tags: BTreeMap::new(),
        aliases: vec![alias.to_owned()],
        materials: vec![material],
        pending: None,
        rotation: None,
        multi_region: None,
        placed: None,
        managed: true,
        outside: None,
        id,
        arn,
    };
    rotation::begin(cx, &mut key, ROTATION_PERIOD_DEFAULT_DAYS)?;
    key.put(cx)?;
    let row = Alias { key: key.id.clone(), created: now, updated: now };
    ALIASES.put(&mut cx.tx, &[account, region, alias], &row)?;
    regions::emit(cx, "CreateKey", &key);
    Ok(Some(key))
}

/// Whom the service may serve, it may use the key for; the account may look at it (AWS Secrets Manager User Guide, "Key policy of the
/// AWS managed key").
fn policy(service: &Predefined, account: &str, region: &str) -> KeyPolicy {
    let Predefined { alias, title, via, itself } = service;
    let itself = if *itself { for_itself(title, via, account) } else { String::new() };
    KeyPolicy::fixed(&format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-{alias}-1",
  "Statement" : [ {{
    "Sid" : "Allow access through {title} for all principals in the account that are authorized to use {title}",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:ViaService" : "{via}.{region}.amazonaws.com",
        "kms:CallerAccount" : "{account}"
      }}
    }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }}{itself} ]
}}"#
    ))
}

/// The statement for what a service does with the key on behalf of a resource of the account, such as the rotation of a secret.
fn for_itself(title: &str, via: &str, account: &str) -> String {
    format!(
        r#", {{
    "Sid" : "Allow {title} to use the key on behalf of resources of the account",
    "Effect" : "Allow",
    "Principal" : {{
      "Service" : "{via}.amazonaws.com"
    }},
    "Action" : [ "kms:Decrypt", "kms:GenerateDataKey*" ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "aws:SourceAccount" : "{account}"
      }}
    }}
  }}"#
    )
}
