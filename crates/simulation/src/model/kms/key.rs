//! What a key is, and what it can do.

use crate::action::{Blob, Kind, Tampering};
use crate::model::policy::{Statement, place};
use crate::model::{Pinned, Refused};
use crate::world::REGION;
use std::collections::BTreeMap;

/// The operations that grants here give.
pub const GRANTED: [&str; 12] = [
    "Encrypt",
    "Decrypt",
    "GenerateDataKey",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
];

/// How many of them are for keys that encrypt; those behind are for others.
pub const GRANTED_FOR_ENCRYPTION: usize = 8;

/// A KMS key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What kind of key it is.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// The region of the primary key, of a multi-Region key.
    pub(super) primary: Option<String>,
    /// What was imported into it, the current material last.
    pub imported: Vec<Imported>,
    /// What was imported for the next rotation.
    pub(super) pending: Option<Imported>,
    pub(super) policy: Vec<(Statement, Pinned)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its grants by id.
    pub grants: BTreeMap<String, Grant>,
    /// Period in days and time of the next automatic rotation.
    pub rotation: Option<(i64, i64)>,
    pub(super) on_demand: usize,
}

/// Material that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its id.
    pub(super) id: String,
    /// The byte that it is made of.
    pub(super) byte: u8,
    /// Whether it is there still, and until when that is, if not for good.
    pub(super) here: Option<Option<i64>>,
}

/// What state a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Enabled,
    /// It cannot.
    Disabled,
    /// It lacks material.
    PendingImport,
    /// It will be gone at this time.
    PendingDeletion(i64),
    /// It will be gone so many days after its replica.
    PendingReplicaDeletion(i64),
}

impl State {
    /// The state as `DescribeKey` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingImport => "PendingImport",
            Self::PendingDeletion(_) => "PendingDeletion",
            Self::PendingReplicaDeletion(_) => "PendingReplicaDeletion",
        }
    }
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(super) grantee: Pinned,
    pub(super) retiring: Option<Pinned>,
    /// Indices in [`GRANTED`].
    pub(super) operations: Vec<usize>,
}

impl Key {
    /// Whether it decides of its rotation itself.
    pub(super) fn leads(&self, name: &str) -> bool {
        self.primary.as_deref().is_none_or(|primary| primary == place(name).1)
    }

    pub(super) fn materials(&self) -> impl Iterator<Item = &Imported> {
        self.imported.iter().chain(&self.pending)
    }

    pub(super) fn lacks_material(&self) -> bool {
        let gone = |material: &Imported| material.here.is_none();
        self.kind == Kind::Imported && (self.imported.is_empty() || self.imported.iter().any(gone))
    }

    /// Material that has expired is not used, even if it has not been taken away yet.
    pub(super) fn has_material_at(&self, now: i64) -> Result<(), Refused> {
        self.imported.last().map_or(Ok(()), |material| material.is_here_at(now))
    }

    pub(super) fn take_away(&mut self, id: &str) {
        self.pending.take_if(|pending| pending.id == id);
        if let Some(material) = self.imported.iter_mut().find(|material| material.id == id) {
            material.here = None;
            if matches!(self.state, State::Enabled | State::Disabled) {
                self.state = State::PendingImport;
            }
        }
    }
}

impl Imported {
    pub(super) fn is_here_at(&self, now: i64) -> Result<(), Refused> {
        match self.here {
            Some(valid_to) if valid_to.is_none_or(|at| at > now) => Ok(()),
            _ => Err("KMSInvalidState"),
        }
    }
}

pub(super) fn unborn(kind: Kind) -> Key {
    let account = Statement { allow: true, party: None, actions: 1, resource: "*".to_owned(), app: None };
    Key {
        kind,
        state: if kind == Kind::Imported { State::PendingImport } else { State::Enabled },
        primary: (kind == Kind::MultiRegion).then(|| REGION.to_owned()),
        imported: Vec::new(),
        pending: None,
        policy: vec![(account, Pinned::Account)],
        tags: BTreeMap::new(),
        grants: BTreeMap::new(),
        rotation: None,
        on_demand: 0,
    }
}

pub(super) fn usable(key: &Key) -> Result<(), Refused> {
    match key.state {
        State::Enabled => Ok(()),
        State::Disabled => Err("Disabled"),
        _ => Err("KMSInvalidState"),
    }
}

pub(super) fn not_going(key: &Key) -> Result<(), Refused> {
    let goes = matches!(key.state, State::PendingDeletion(_) | State::PendingReplicaDeletion(_));
    if goes { Err("KMSInvalidState") } else { Ok(()) }
}

pub(super) fn has_material(key: &Key) -> Result<(), Refused> {
    if key.state == State::PendingImport { Err("KMSInvalidState") } else { Ok(()) }
}

pub(super) fn takes_material(key: &Key) -> Result<(), Refused> {
    if key.kind == Kind::Imported { Ok(()) } else { Err("UnsupportedOperation") }
}

pub(super) fn encrypts(key: &Key) -> Result<(), Refused> {
    usable(key)?;
    if key.kind.encrypts() { Ok(()) } else { Err("InvalidKeyUsage") }
}

/// Whether the key opens a ciphertext of its own.
pub(super) fn opens(
    key: &Key,
    blob: &Blob,
    tampering: Tampering,
    app: &Option<String>,
    now: i64,
) -> Result<(), Refused> {
    encrypts(key)?;
    if let Some(last) = blob.materials.checked_sub(1) {
        key.imported[last].is_here_at(now)?;
    }
    let whole = tampering == Tampering::None && blob.app == *app;
    if whole { Ok(()) } else { Err("InvalidCiphertext") }
}

pub(super) fn is_primary(name: &str, key: &Key) -> Result<(), Refused> {
    if key.primary.is_some() && key.leads(name) { Ok(()) } else { Err("UnsupportedOperation") }
}

/// Whether the key is one that is rotated, and decides of that itself.
pub(super) fn rotates(name: &str, key: &Key) -> Result<(), Refused> {
    usable(key)?;
    if key.kind.encrypts() && key.leads(name) { Ok(()) } else { Err("UnsupportedOperation") }
}

pub(super) fn supports(kind: Kind, operation: &str) -> bool {
    match operation {
        "CreateGrant" | "RetireGrant" | "DescribeKey" => true,
        "Sign" | "Verify" => kind == Kind::Signing,
        "GenerateMac" | "VerifyMac" => kind == Kind::Mac,
        _ => kind.encrypts(),
    }
}
