//! Key material: what a KMS key encrypts with, sealed by the keyring.

use crate::api::RotationType;
use crate::errors::key_not_found;
use crate::key::Key;
use crate::shreds;
use crate::state;
use crate::text::{Text, hexadecimal};
use keyring::{KeyringError, MaterialSpec};
use platform::{Cx, Fault};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One version of a key's material.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Material {
    pub(crate) id: MaterialId,
    /// When it became the current one, in milliseconds since the epoch.
    pub(crate) created: i64,
    /// The rotation that made it; none for the first one.
    pub(crate) rotation: Option<Text<RotationType>>,
    /// As the keyring sealed it: of use at its place only ([`MaterialId::place`]), and until the key's shred is destroyed. Empty where
    /// imported material is not here.
    #[serde(with = "hexadecimal")]
    pub(crate) sealed: Vec<u8>,
    /// What is known of it if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) imported: Option<Imported>,
}

/// What is known of imported material, whether it is here or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Imported {
    pub(crate) description: Option<String>,
    /// When it expires, in milliseconds since the epoch.
    pub(crate) valid_to: Option<i64>,
    /// Tells whether other material is the same.
    #[serde(with = "hexadecimal")]
    pub(crate) fingerprint: Vec<u8>,
}

/// What names a material, in ciphertexts and in `KeyMaterialId`: random, so that it tells nothing of the material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaterialId(pub(crate) [u8; 32]);

impl Material {
    /// Makes new material for a key.
    pub(crate) fn generate(
        cx: &mut Cx<'_>,
        key_arn: &str,
        spec: MaterialSpec,
        rotation: Option<RotationType>,
    ) -> Result<Self, Fault> {
        let id = MaterialId::draw(cx);
        let place = id.place(key_arn);
        let make = || cx.keyring().generate_material(&place, spec, cx.random());
        let sealed = if let MaterialSpec::Pair(_) = spec { cx.aside(make)? } else { make() }?;
        shreds::note(cx, key_arn, &sealed.0)?;
        Ok(Self { id, created: cx.now().0, rotation: rotation.map(Text), sealed: sealed.0, imported: None })
    }

    /// The same material for a related key in another Region, where imported material has to be imported as well.
    pub(crate) fn copied(&self, cx: &mut Cx<'_>, from: &Key, to: &Key) -> Result<Self, Fault> {
        if let Some(Imported { fingerprint, .. }) = &self.imported {
            let imported = Imported { description: None, valid_to: None, fingerprint: fingerprint.clone() };
            return Ok(Self { sealed: Vec::new(), imported: Some(imported), ..self.clone() });
        }
        let (from, to_place) = (self.id.place(&from.arn), self.id.place(&to.arn));
        let sealed = cx.keyring().reseal_material(&from, &self.sealed, &to_place)?;
        shreds::note(cx, &to.arn, &sealed.0)?;
        Ok(Self { sealed: sealed.0, ..self.clone() })
    }

    /// Whether it is here.
    pub(crate) fn is_here(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// When it expires, if it is here and does.
    pub(crate) fn valid_to(&self) -> Option<i64> {
        self.imported.as_ref()?.valid_to.filter(|_| self.is_here())
    }

    /// Opens it for use. Material that has expired is not opened, even if it has not been taken away yet; material that was destroyed is
    /// in restored backups, and the key is as good as deleted.
    pub(crate) fn open(&self, cx: &Cx<'_>, key: &Key) -> Result<Arc<keyring::Material>, Fault> {
        if !self.is_here() || self.valid_to().is_some_and(|valid_to| valid_to <= cx.now().0) {
            return Err(state::imports_pending(key));
        }
        cx.keyring().material(&self.id.place(&key.arn), &self.sealed).map_err(|error| match error {
            KeyringError::Shredded => key_not_found(&key.arn),
            other => other.into(),
        })
    }

    /// Takes it away from the key of this ARN; what is known of it stays.
    pub(crate) fn take_away(&mut self, cx: &Cx<'_>, key_arn: &str) {
        cx.keyring().forget_material(&self.id.place(key_arn), &std::mem::take(&mut self.sealed));
        if let Some(imported) = &mut self.imported {
            imported.valid_to = None;
        }
    }
}

impl MaterialId {
    pub(crate) fn draw(cx: &Cx<'_>) -> Self {
        let mut id = [0; 32];
        cx.random().fill(&mut id);
        Self(id)
    }

    /// The only place at which the material of this id opens: that of its key.
    pub(crate) fn place(self, key_arn: &str) -> Vec<u8> {
        const KIND: &[u8] = b"kms/material\0";
        let mut place = Vec::with_capacity(KIND.len() + key_arn.len() + 1 + self.0.len());
        place.extend_from_slice(KIND);
        place.extend_from_slice(key_arn.as_bytes());
        place.push(0);
        place.extend_from_slice(&self.0);
        place
    }
}

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for MaterialId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hexadecimal::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for MaterialId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = hexadecimal::deserialize(deserializer)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::custom("a material id has 32 bytes"))
    }
}
