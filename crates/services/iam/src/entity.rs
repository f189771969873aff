//! What users, groups, roles, managed policies, instance profiles and MFA devices have in common: a name that is unique in its account
//! without regard to case, a path, an ARN, a unique id that outlives renaming, a quota, and that they are fetched for an action.
//!
//! Entities lie under their unique id, managed policies under their ARN, so that what refers to them (memberships, attachments,
//! access keys, trust policies) is not touched by a rename and reaches them with one point read. `iam/names` leads from names
//! to those keys, in the order of lists.

use crate::access::Ask;
use crate::account::Account;
use crate::errors::{already_exists, invalid_input, no_such_entity, quota, validation};
use crate::limits;
use crate::page::{Page, Pager};
use crate::tags::Tags;
use platform::{Cx, Fault, Indexed, Table, Tx};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Timestamp;

/// From account, kind and lower-case name to the key of the entity's row.
pub(crate) const NAMES: Table<String> = Table::new("iam/names");

/// Paths that only AWS's own services put things under.
const RESERVED_PATHS: [&str; 2] = ["/aws-service-role/", "/aws-reserved/"];

/// The kinds of entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
    Policy,
    InstanceProfile,
    MfaDevice,
}

impl Kind {
    /// The kind as ARNs spell it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::InstanceProfile => "instance-profile",
            Self::MfaDevice => "mfa",
        }
    }

    /// An entity in the words of a denial, which tell neither its path nor whether it exists.
    pub(crate) fn called(self, name: &str) -> String {
        match self {
            Self::InstanceProfile => format!("instance profile {name}"),
            _ => format!("{} {name}", self.noun()),
        }
    }

    /// The kind as CloudFormation and audit records name it.
    pub(crate) fn resource_type(self) -> &'static str {
        match self {
            Self::User => "AWS::IAM::User",
            Self::Group => "AWS::IAM::Group",
            Self::Role => "AWS::IAM::Role",
            Self::Policy => "AWS::IAM::ManagedPolicy",
            Self::InstanceProfile => "AWS::IAM::InstanceProfile",
            Self::MfaDevice => "AWS::IAM::VirtualMFADevice",
        }
    }

    /// What unique ids of the kind begin with (IAM User Guide, "IAM identifiers").
    fn id_prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::Policy => "ANPA",
            Self::InstanceProfile => "AIPA",
            // Nobody is told it: devices have serial numbers.
            Self::MfaDevice => "AMFA",
        }
    }

    /// The quota on how many an account has: its name and value.
    pub(crate) fn quota(self) -> (&'static str, u32) {
        match self {
            Self::User => ("UsersPerAccount", limits::USERS_PER_ACCOUNT),
            Self::Group => ("GroupsPerAccount", limits::GROUPS_PER_ACCOUNT),
            Self::Role => ("RolesPerAccount", limits::ROLES_PER_ACCOUNT),
            Self::Policy => ("PoliciesPerAccount", limits::POLICIES_PER_ACCOUNT),
            Self::InstanceProfile => ("InstanceProfilesPerAccount", limits::INSTANCE_PROFILES_PER_ACCOUNT),
            Self::MfaDevice => ("VirtualMFADevicesPerAccount", limits::MFA_DEVICES_PER_ACCOUNT),
        }
    }

    /// The ARN; `path` begins and ends with a slash.
    pub(crate) fn arn(self, account: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{account}:{}{path}{name}", self.noun())
    }

    pub(crate) fn missing(self, name: &str) -> Fault {
        no_such_entity(match self {
            Self::User | Self::Group | Self::Role => {
                format!("The {} with name {name} cannot be found.", self.noun())
            }
            Self::Policy => format!("Policy {name} was not found."),
            Self::InstanceProfile => format!("Instance Profile {name} cannot be found."),
            Self::MfaDevice => format!("VirtualMFADevice with serial number {name} doesn't exist."),
        })
    }

    fn taken(self, name: &str) -> Fault {
        already_exists(match self {
            Self::User => format!("User with name {name} already exists."),
            Self::Group => format!("Group with name {name} already exists."),
            Self::Role => format!("Role with name {name} already exists."),
            Self::Policy => {
                format!("A policy called {name} already exists. Duplicate names are not allowed.")
            }
            Self::InstanceProfile => format!("Instance Profile {name} already exists."),
            Self::MfaDevice => "MFADevice entity at the same path and name already exists.".to_owned(),
        })
    }
}

/// What every entity has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The account's 12 digits, or `aws`.
    pub(crate) account: String,
    /// `/` or `/a/b/`.
    pub(crate) path: String,
    /// The name as it was written when it was given.
    pub(crate) name: String,
    /// The unique id.
    pub(crate) id: String,
    /// When it was created, in milliseconds since the epoch.
    pub(crate) created: i64,
    /// Its tags; groups have none.
    #[serde(default)]
    pub(crate) tags: Tags,
}

impl Head {
    /// Of an entity that is being created.
    pub(crate) fn new(
        cx: &Cx<'_>,
        kind: Kind,
        path: Option<&str>,
        name: &str,
        tags: Tags,
    ) -> Result<Self, Fault> {
        let path = path.unwrap_or("/");
        check_path(path)?;
        Ok(Self {
            account: cx.account().to_owned(),
            path: path.to_owned(),
            name: name.to_owned(),
            id: platform::ids::unique(kind.id_prefix(), cx.random()),
            created: cx.now().0,
            tags,
        })
    }

    /// When it was created, to the second as IAM tells it.
    pub(crate) fn create_date(&self) -> Timestamp {
        seconds(self.created)
    }
}

/// A time in milliseconds since the epoch, cut to the second.
pub(crate) fn seconds(milliseconds: i64) -> Timestamp {
    Timestamp(milliseconds - milliseconds.rem_euclid(1000))
}

/// Refuses paths that callers may not put anything under.
pub(crate) fn check_path(path: &str) -> Result<(), Fault> {
    if RESERVED_PATHS.iter().any(|reserved| path.starts_with(reserved)) {
        return Err(invalid_input(format!("The path {path} is reserved for use by AWS services.")));
    }
    Ok(())
}

/// A row that is an entity.
pub(crate) trait Entity: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const KIND: Kind;
    /// Where the rows are, by [`Entity::key`].
    const TABLE: Table<Self>;

    fn head(&self) -> &Head;
    fn head_mut(&mut self) -> &mut Head;

    /// The permissions boundary's ARN, if there is one.
    fn boundary(&self) -> Option<&str> {
        None
    }

    /// Name that no other of the kind in its account has.
    fn unique_name(&self) -> String {
        self.head().name.to_ascii_lowercase()
    }

    /// What the row lies under.
    fn key(&self) -> String {
        self.head().id.clone()
    }

    fn arn(&self) -> String {
        let Head { account, path, name, .. } = self.head();
        Self::KIND.arn(account, path, name)
    }

    /// Writes the row.
    fn save(&self, cx: &mut Cx<'_>) -> Result<(), Fault> {
        Self::TABLE.put(&mut cx.tx, &[&self.key()], self)?;
        let (arn, kind) = (self.arn(), Self::KIND.resource_type());
        cx.keep(&Indexed { arn: &arn, kind, tags: &self.head().tags })
    }
}

/// Finds an entity by its name.
pub(crate) fn find<T: Entity>(tx: &mut Tx<'_>, account: &str, name: &str) -> Result<Option<Arc<T>>, Fault> {
    let lower = name.to_ascii_lowercase();
    let Some(key) = NAMES.get(tx, &[account, T::KIND.noun(), &lower])? else { return Ok(None) };
    T::TABLE.get(tx, &[&key])
}

/// The row under a key that another row refers to.
pub(crate) fn referred<T: Entity>(tx: &mut Tx<'_>, key: &str) -> Result<Arc<T>, Fault> {
    T::TABLE.get(tx, &[key])?.ok_or_else(|| Fault::bug(format!("no {} under {key}", T::KIND.noun())))
}

/// The entity with this name, for an action that the caller is allowed.
pub(crate) fn fetch<T: Entity>(cx: &mut Cx<'_>, ask: Ask<'_>, name: &str) -> Result<Arc<T>, Fault> {
    let account = cx.account();
    let row = find::<T>(&mut cx.tx, account, name)?;
    match row {
        Some(row) => {
            authorize(cx, ask, &*row, name)?;
            Ok(row)
        }
        None => {
            let called = T::KIND.called(name);
            ask.called(&called).authorize(cx, &T::KIND.arn(account, "/", name), None)?;
            Err(T::KIND.missing(name))
        }
    }
}

/// Requires that the caller is allowed an action on this entity, which the caller has named so.
pub(crate) fn authorize<T: Entity>(cx: &mut Cx<'_>, ask: Ask<'_>, row: &T, name: &str) -> Result<(), Fault> {
    let (arn, called) = (row.arn(), T::KIND.called(name));
    let tags = (T::KIND != Kind::Group).then_some(&row.head().tags);
    ask.held_boundary(row.boundary()).called(&called).authorize(cx, &arn, tags)?;
    let account = cx.account();
    cx.touch(T::KIND.resource_type(), &arn, account);
    Ok(())
}

/// Requires that the caller is allowed to create an entity that is to have this ARN.
pub(crate) fn authorize_new<T: Entity>(
    cx: &mut Cx<'_>,
    ask: Ask<'_>,
    path: Option<&str>,
    name: &str,
) -> Result<(), Fault> {
    let account = cx.account();
    let arn = T::KIND.arn(account, path.unwrap_or("/"), name);
    // AWS names a policy that is to be made by its name, and all else by the ARN that it is to have.
    let called = if T::KIND == Kind::Policy { T::KIND.called(name) } else { arn.clone() };
    ask.called(&called).authorize(cx, &arn, None)?;
    cx.touch(T::KIND.resource_type(), &arn, account);
    Ok(())
}

/// A page of the entities of a kind whose path begins with `prefix`, in the order of their names.
pub(crate) fn list<T: Entity, A>(
    cx: &mut Cx<'_>,
    action: &'static str,
    prefix: Option<&str>,
    marker: Option<&String>,
    max_items: Option<i32>,
    answer: impl Fn(&T, &mut Tx<'_>) -> Result<A, Fault>,
) -> Result<Page<A>, Fault> {
    let account = cx.account();
    let prefix = prefix.unwrap_or("/");
    Ask::to(action).authorize(cx, &T::KIND.arn(account, prefix, ""), None)?;
    let mut pager = Pager::begin(cx, &format!("{action}/{prefix}"), marker, max_items)?;
    pager.rows(&mut cx.tx, 0, &NAMES, &[account, T::KIND.noun()], |tx, _, key| {
        let row = referred::<T>(tx, key)?;
        row.head().path.starts_with(prefix).then(|| answer(&row, tx)).transpose()
    })?;
    pager.end(cx)
}

/// Puts a new entity into the account.
pub(crate) fn create<T: Entity>(cx: &mut Cx<'_>, row: &T) -> Result<(), Fault> {
    let Head { account, name, .. } = row.head();
    take_name(&mut cx.tx, row)?;
    let (quota_name, most) = T::KIND.quota();
    if !Account::add(&mut cx.tx, account, T::KIND, &row.head().id)? {
        return Err(quota(quota_name, most).context(format!("creating {name}")));
    }
    row.save(cx)
}

/// Takes an entity out of the account; what refers to it has been dealt with before.
pub(crate) fn remove<T: Entity>(cx: &mut Cx<'_>, row: &T) -> Result<(), Fault> {
    cx.drop_resource(&row.arn())?;
    let (tx, account) = (&mut cx.tx, &row.head().account);
    NAMES.delete(tx, &[account, T::KIND.noun(), &row.unique_name()]);
    T::TABLE.delete(tx, &[&row.key()]);
    Account::take(tx, account, T::KIND, &row.head().id)
}

/// Gives an entity a new path, name or both. The caller has to be allowed the action on what it is and on what it becomes.
pub(crate) fn rename<T: Entity>(
    cx: &mut Cx<'_>,
    action: &'static str,
    row: &T,
    path: Option<&str>,
    name: Option<&str>,
) -> Result<(), Fault> {
    let mut renamed = row.clone();
    if let Some(path) = path {
        renamed.head_mut().path = path.to_owned();
    }
    if let Some(name) = name {
        renamed.head_mut().name = name.to_owned();
    }
    if path.is_some() || name.is_some() {
        authorize(cx, Ask::to(action), &renamed, &renamed.head().name)?;
    }
    check_path(&renamed.head().path)?;
    let old = row.head();
    if !old.name.eq_ignore_ascii_case(&renamed.head().name) {
        take_name(&mut cx.tx, &renamed)?;
        NAMES.delete(&mut cx.tx, &[&old.account, T::KIND.noun(), &old.name.to_ascii_lowercase()]);
    }
    if row.arn() != renamed.arn() {
        cx.drop_resource(&row.arn())?;
    }
    renamed.save(cx)
}

fn take_name<T: Entity>(tx: &mut Tx<'_>, row: &T) -> Result<(), Fault> {
    let Head { account, name, .. } = row.head();
    let unique = row.unique_name();
    let path = [account, T::KIND.noun(), unique.as_str()];
    if NAMES.get(tx, &path)?.is_some() {
        return Err(T::KIND.taken(name));
    }
    NAMES.put(tx, &path, &row.key())
}

/// The name that an operation needs when the caller is not a user whose own could be meant.
pub(crate) fn name_needed() -> Fault {
    validation("Must specify userName when calling with non-User credentials")
}
