//! Seed files: what a scratch deployment is to hold. Each entry becomes the calls that any client would make.

use super::client::Client;
use super::material;
use crate::{Failure, failure, yaml};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest seed file, in bytes.
const SEED_BYTES_MAX: u64 = 4 << 20;

/// A seed file. Entries are made in the order of the members here.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Seed {
    /// The file, to be named in errors.
    #[serde(skip)]
    path: PathBuf,
    /// The account's id, where the command line names none: ARNs in policies need it.
    pub(super) account: Option<String>,
    /// Managed policies by name.
    #[serde(default)]
    policies: BTreeMap<String, Value>,
    #[serde(default)]
    groups: BTreeMap<String, Identity>,
    /// Users by name; each gets an access key.
    #[serde(default)]
    users: BTreeMap<String, User>,
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    /// KMS keys by alias, without `alias/`.
    #[serde(default)]
    keys: BTreeMap<String, Key>,
    /// Calls to make last, in this order.
    #[serde(default)]
    calls: Vec<Call>,
}

/// The permissions of a user, group or role.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Identity {
    /// Managed policies to attach: names of this file, or ARNs.
    #[serde(default)]
    policies: Vec<String>,
    /// Inline policies by name.
    #[serde(default)]
    inline: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct User {
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    inline: BTreeMap<String, Value>,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Role {
    /// The trust policy.
    trust: Value,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    inline: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Key {
    spec: Option<String>,
    usage: Option<String>,
    description: Option<String>,
    region: Option<String>,
    /// The key policy; KMS's default if there is none.
    policy: Option<Value>,
    /// Material to import, in base64: 32 bytes for symmetric keys, PKCS #8 for key pairs.
    material: Option<Zeroizing<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Call {
    /// As the AWS CLI has it, such as `kms`.
    service: String,
    /// As the API has it, such as `CreateGrant`.
    operation: String,
    region: Option<String>,
    #[serde(default = "nothing")]
    input: Value,
}

fn nothing() -> Value {
    json!({})
}

/// What was made.
#[derive(Default)]
pub(super) struct Planted {
    pub(super) users: Vec<SeededUser>,
    /// ARNs of keys by the alias's name in the seed.
    pub(super) keys: BTreeMap<String, String>,
}

/// A user with an access key.
pub(super) struct SeededUser {
    pub(super) name: String,
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Zeroizing<String>,
}

impl Seed {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&yaml::read(path, SEED_BYTES_MAX)?, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        Ok(Self { path: path.to_owned(), ..yaml::parse(text, path)? })
    }

    /// Makes all of it, as the root user of the account.
    pub(super) fn plant(&self, client: &Client<'_>, account: &str) -> Result<Planted, Failure> {
        let planter = Planter { client, account };
        let mut planted = Planted::default();
        let at =
            |place: String| move |error: Failure| error.during(format!("{}: {place}", self.path.display()));
        for (name, document) in &self.policies {
            let input = json!({ "PolicyName": name, "PolicyDocument": document.to_string() });
            planter.iam("CreatePolicy", &input).map_err(at(format!("policies.{name}")))?;
        }
        for (name, group) in &self.groups {
            planter
                .identity("Group", name, &json!({}), &group.policies, &group.inline)
                .map_err(at(format!("groups.{name}")))?;
        }
        for (name, user) in &self.users {
            planted.users.push(planter.user(name, user).map_err(at(format!("users.{name}")))?);
        }
        for (name, role) in &self.roles {
            let trust = json!({ "AssumeRolePolicyDocument": role.trust.to_string() });
            planter
                .identity("Role", name, &trust, &role.policies, &role.inline)
                .map_err(at(format!("roles.{name}")))?;
        }
        for (alias, key) in &self.keys {
            let arn = planter.key(alias, key).map_err(at(format!("keys.{alias}")))?;
            planted.keys.insert(alias.clone(), arn);
        }
        for (index, Call { service, operation, region, input }) in self.calls.iter().enumerate() {
            let done = client.call(service, operation, region.as_deref(), input);
            done.map_err(at(format!("calls[{index}]")))?;
        }
        Ok(planted)
    }
}

struct Planter<'a> {
    client: &'a Client<'a>,
    account: &'a str,
}

impl Planter<'_> {
    fn iam(&self, operation: &str, input: &Value) -> Result<super::client::Answer, Failure> {
        self.client.call("iam", operation, None, input)
    }

    /// Makes a `User`, `Group` or `Role` with its policies.
    fn identity(
        &self,
        kind: &str,
        name: &str,
        more: &Value,
        policies: &[String],
        inline: &BTreeMap<String, Value>,
    ) -> Result<(), Failure> {
        let named = |more: Value| {
            let mut input = more;
            crate::admin::merge(&mut input, json!({ format!("{kind}Name"): name }));
            input
        };
        self.iam(&format!("Create{kind}"), &named(more.clone()))?;
        for policy in policies {
            let own = || format!("arn:aws:iam::{}:policy/{policy}", self.account);
            let arn = if policy.starts_with("arn:") { policy.clone() } else { own() };
            self.iam(&format!("Attach{kind}Policy"), &named(json!({ "PolicyArn": arn })))?;
        }
        for (policy, document) in inline {
            let input = json!({ "PolicyName": policy, "PolicyDocument": document.to_string() });
            self.iam(&format!("Put{kind}Policy"), &named(input))?;
        }
        Ok(())
    }

    fn user(&self, name: &str, user: &User) -> Result<SeededUser, Failure> {
        self.identity("User", name, &json!({}), &user.policies, &user.inline)?;
        for group in &user.groups {
            self.iam("AddUserToGroup", &json!({ "GroupName": group, "UserName": name }))?;
        }
        let key = self.iam("CreateAccessKey", &json!({ "UserName": name }))?;
        Ok(SeededUser {
            name: name.to_owned(),
            access_key_id: key.element("AccessKeyId")?,
            secret_access_key: key.element("SecretAccessKey")?.into(),
        })
    }

    fn key(&self, alias: &str, key: &Key) -> Result<String, Failure> {
        let call =
            |operation: &str, input: Value| self.client.call("kms", operation, key.region.as_deref(), &input);
        let mut input = serde_json::Map::new();
        let mut give = |name: &str, value: Option<String>| {
            input.extend(value.map(|value| (name.to_owned(), value.into())));
        };
        give("KeySpec", key.spec.clone());
        give("KeyUsage", key.usage.clone());
        give("Description", key.description.clone());
        give("Policy", key.policy.as_ref().map(Value::to_string));
        give("Origin", key.material.as_ref().map(|_| "EXTERNAL".to_owned()));
        let made = call("CreateKey", input.into())?;
        let (id, arn) = (made.json(&["KeyMetadata", "KeyId"])?, made.json(&["KeyMetadata", "Arn"])?);
        if let Some(text) = &key.material {
            let bytes = BASE64.decode(text.as_bytes()).map_err(|error| failure("material", error))?;
            let bytes = Zeroizing::new(bytes);
            let wanted = json!({
                "KeyId": id,
                "WrappingAlgorithm": material::algorithm(&bytes),
                "WrappingKeySpec": material::WRAPPING_KEY_SPEC,
            });
            let wrapping = call("GetParametersForImport", wanted)?;
            let public_key = BASE64.decode(wrapping.json(&["PublicKey"])?)?;
            let wrapped = material::wrap(&bytes, &public_key)?;
            call(
                "ImportKeyMaterial",
                json!({
                    "KeyId": id,
                    "ImportToken": wrapping.json(&["ImportToken"])?,
                    "EncryptedKeyMaterial": BASE64.encode(wrapped),
                    "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
                }),
            )?;
        }
        call("CreateAlias", json!({ "AliasName": format!("alias/{alias}"), "TargetKeyId": id }))?;
        Ok(arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        let cases = [
            ("usres:\n  a: {}\n", "f.yaml:1:1: unknown field `usres`"),
            ("users:\n  a:\n    policy: x\n", "f.yaml:3:5: unknown field `policy`"),
            ("roles:\n  a: {}\n", "f.yaml:2:6: missing field `trust`"),
            ("keys: 3\n", "f.yaml:1:7: "),
        ];
        for (text, expected) in cases {
            let message = format!("{:?}", Seed::parse(text, Path::new("f.yaml")).unwrap_err());
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn an_empty_seed_is_one() {
        assert!(Seed::parse("{}", Path::new("f.json")).unwrap().users.is_empty());
    }
}
