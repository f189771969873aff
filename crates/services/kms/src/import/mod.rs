//! Imported key material (KMS Developer Guide, "Importing key material for AWS KMS keys").
//!
//! A caller is given a public key and a token (`token.rs`), wraps material under the key and sends both. The material then lies in the key's
//! row as KMS's own does. It can be deleted and can expire (`expiry.rs`), and of what is gone its id and a sealed fingerprint stay, by which
//! the same material is known again.

mod expiry;
mod token;
mod wrapping;

pub(crate) use expiry::{TASK, due, stop};

use crate::Kms;
use crate::api::{
    DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, ExpirationModelType,
    GetParametersForImportRequest, GetParametersForImportResponse, ImportKeyMaterialRequest,
    ImportKeyMaterialResponse, ImportState, ImportType, KeyMaterialState, KeySpec, MultiRegionKeyType,
    OriginType, RotationType, RotationsListEntry, ops,
};
use crate::errors::{unsupported, validation, wrong_origin};
use crate::key::{Key, State};
use crate::keys::manage;
use crate::limits::{DAY_MILLIS, EXPIRATION_DAYS};
use crate::material::{Imported, Material, MaterialId};
use crate::text::Text;
use crate::{kinds, regions, shreds, state};
use keyring::KeyringError;
use platform::{Cx, Fault, Handle};
use token::Token;
use wire::{Blob, Timestamp};
use wrapping::Wrapping;

impl Handle<ops::GetParametersForImport> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &GetParametersForImportRequest,
    ) -> Result<GetParametersForImportResponse, Fault> {
        let (spec, algorithm) = (input.wrapping_key_spec, input.wrapping_algorithm);
        let action = "kms:GetParametersForImport";
        let key = manage(cx, action, &input.key_id, &state::PREPARE_IMPORT, |asks| {
            asks.with("kms:WrappingKeySpec", spec.as_str()).with("kms:WrappingAlgorithm", algorithm.as_str())
        })?;
        require_external(&key)?;
        let wrapping = Wrapping::new(key.spec.0, spec, algorithm)?;
        let (token, public_key) = Token::make(cx, &key, (spec, algorithm), wrapping)?;
        Ok(GetParametersForImportResponse {
            import_token: Some(Blob(token.seal(cx)?)),
            public_key: Some(Blob(public_key)),
            parameters_valid_to: Some(Timestamp(token.valid_to)),
            key_id: Some(key.arn),
        })
    }
}

impl Handle<ops::ImportKeyMaterial> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &ImportKeyMaterialRequest,
    ) -> Result<ImportKeyMaterialResponse, Fault> {
        let model = input.expiration_model.unwrap_or(ExpirationModelType::KeyMaterialExpires);
        let mut key = manage(cx, "kms:ImportKeyMaterial", &input.key_id, &state::IMPORT, |asks| {
            let asks = asks.with("kms:ExpirationModel", model.as_str());
            match input.valid_to {
                Some(valid_to) => asks.with("kms:ValidTo", valid_to.rfc3339()),
                None => asks,
            }
        })?;
        require_external(&key)?;
        let valid_to = expiration(cx, model, input.valid_to)?;
        require_symmetric(&key, input)?;
        let token = Token::open(cx, &input.import_token.0, &key)?;
        let arrived = Arrived::unwrap(cx, &key, &token, &input.encrypted_key_material.0)?;
        let before = expiry::first(&key);
        let id = arrived.take(cx, &mut key, input, valid_to)?;
        if key.state == State::PendingImport && !key.lacks_material() {
            key.state = State::Enabled;
        }
        expiry::reset(cx, &key, before)?;
        regions::put(cx, &key)?;
        Ok(ImportKeyMaterialResponse { key_material_id: shown(&key, id), key_id: Some(key.arn) })
    }
}

impl Handle<ops::DeleteImportedKeyMaterial> for Kms {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &DeleteImportedKeyMaterialRequest,
    ) -> Result<DeleteImportedKeyMaterialResponse, Fault> {
        let action = "kms:DeleteImportedKeyMaterial";
        let mut key = manage(cx, action, &input.key_id, &state::DELETE_MATERIAL, |asks| asks)?;
        require_external(&key)?;
        let known = key.materials.iter().chain(&key.pending).map(|material| material.id);
        let id = match &input.key_material_id {
            Some(text) => Some(known.into_iter().find(|id| id.to_string() == *text).ok_or_else(|| {
                Fault::new("NotFoundException", format!("Key material '{text}' does not exist"))
            })?),
            // Of a key that never had any there is nothing to delete.
            None => key.materials.last().map(|material| material.id),
        };
        if let Some(id) = id {
            let before = expiry::first(&key);
            remove(cx, &mut key, id);
            expiry::reset(cx, &key, before)?;
            regions::put(cx, &key)?;
        }
        let key_material_id = id.and_then(|id| shown(&key, id));
        Ok(DeleteImportedKeyMaterialResponse { key_id: Some(key.arn), key_material_id })
    }
}

/// Takes material away. What was to be rotated to is forgotten, if the key decides that for itself.
fn remove(cx: &Cx<'_>, key: &mut Key, id: MaterialId) {
    let arn = key.arn.clone();
    let is_replica = key.multi_region_type() == Some(MultiRegionKeyType::Replica);
    if let Some(pending) = key.pending.as_mut().filter(|pending| pending.id == id) {
        pending.take_away(cx, &arn);
        if !is_replica {
            key.pending = None;
        }
    }
    if let Some(material) = key.materials.iter_mut().find(|material| material.id == id) {
        material.take_away(cx, &arn);
        if matches!(key.state, State::Enabled | State::Disabled) {
            key.state = State::PendingImport;
        }
    }
}

/// Material that has come, sealed at a place that it does not stay at.
struct Arrived {
    id: MaterialId,
    sealed: Vec<u8>,
}

impl Arrived {
    fn unwrap(cx: &Cx<'_>, key: &Key, token: &Token, wrapped: &[u8]) -> Result<Self, Fault> {
        let wrapping = token.wrapping(key)?;
        wrapping.require_length(wrapped)?;
        let private = token.private_key(cx)?;
        let pair = private.pair()?;
        let id = MaterialId::draw(cx);
        let (place, spec) = (landing(key, id), kinds::material(key.spec.0));
        let keyring = cx.keyring();
        let sealed =
            cx.aside(|| keyring.import_wrapped_material(&place, spec, pair, wrapping.how, wrapped))?;
        match sealed {
            Ok(sealed) => Ok(Self { id, sealed: sealed.0 }),
            Err(KeyringError::NotUnwrapped) => Err(Fault::new("InvalidCiphertextException", "")),
            Err(KeyringError::NotMaterial) => Err(incorrect(format!(
                "The key material is not valid for a key of the key spec {}.",
                key.spec.0
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts it into the key, and tells what names it there.
    fn take(
        self,
        cx: &mut Cx<'_>,
        key: &mut Key,
        input: &ImportKeyMaterialRequest,
        valid_to: Option<i64>,
    ) -> Result<MaterialId, Fault> {
        let known = self.known(cx, key)?;
        let first = key.materials.is_empty();
        let wanted = input.import_type.unwrap_or(if first {
            ImportType::NewKeyMaterial
        } else {
            ImportType::ExistingKeyMaterial
        });
        match (wanted, known) {
            (ImportType::NewKeyMaterial, Some(_)) => {
                return Err(incorrect("The key material is already associated with the KMS key."));
            }
            (ImportType::NewKeyMaterial, None) => require_room(key, self.id)?,
            (ImportType::ExistingKeyMaterial, None) => {
                return Err(incorrect("The key material is not the same as any that was imported before."));
            }
            (ImportType::ExistingKeyMaterial, Some(_)) => {}
        }
        let id = known.unwrap_or(self.id);
        if input.key_material_id.as_ref().is_some_and(|wanted| *wanted != id.to_string()) {
            return Err(incorrect("The key material does not have the KeyMaterialId of the request."));
        }
        let from = landing(key, self.id);
        let to = id.place(&key.arn);
        let sealed = cx.keyring().reseal_material(&from, &self.sealed, &to)?.0;
        shreds::note(cx, &key.arn, &sealed)?;
        let description = input.key_material_description.clone();
        let existing = key.materials.iter_mut().chain(&mut key.pending).find(|material| material.id == id);
        if let Some((material, imported)) =
            existing.and_then(|Material { sealed, imported, .. }| Some((sealed, imported.as_mut()?)))
        {
            *material = sealed;
            imported.valid_to = valid_to;
            imported.description = description.or_else(|| imported.description.take());
            return Ok(id);
        }
        let fingerprint = cx.keyring().material_fingerprint(&from, &self.sealed)?;
        let imported = Some(Imported { description, valid_to, fingerprint });
        let material = Material { id, created: cx.now().0, rotation: None, sealed, imported };
        if first {
            key.materials.push(material);
        } else {
            key.pending = Some(material);
        }
        Ok(id)
    }

    /// The id of the same material, if the key knows it.
    fn known(&self, cx: &Cx<'_>, key: &Key) -> Result<Option<MaterialId>, Fault> {
        let place = landing(key, self.id);
        for material in key.materials.iter().chain(&key.pending) {
            let Some(imported) = &material.imported else { continue };
            let of = landing(key, material.id);
            if cx.keyring().is_material_of(&place, &self.sealed, &of, &imported.fingerprint)? {
                return Ok(Some(material.id));
            }
        }
        Ok(None)
    }
}

/// Where material is sealed between its arrival and its place: the same for all related keys, so that they know each other's.
fn landing(key: &Key, id: MaterialId) -> Vec<u8> {
    let owner = format!("{}/{}", key.account, key.id);
    [&b"kms/imported\0"[..], owner.as_bytes(), b"\0", &id.0].concat()
}

/// Requires that material which the key does not know can be imported.
fn require_room(key: &Key, id: MaterialId) -> Result<(), Fault> {
    if key.materials.is_empty() {
        return Ok(());
    }
    if key.multi_region_type() == Some(MultiRegionKeyType::Replica) {
        return Err(unsupported(format!(
            "New key material cannot be imported into {}. Import it into the primary key first.",
            key.arn
        )));
    }
    match &key.pending {
        None => Ok(()),
        Some(pending) => Err(Fault::new(
            "KMSInvalidStateException",
            format!(
                "New key material (id: {id}) cannot be imported into KMS key {}, because another key material (id: {}) is \
                 pending rotation.",
                key.arn, pending.id
            ),
        )),
    }
}

/// Symmetric keys alone have several materials and names for them.
fn require_symmetric(key: &Key, input: &ImportKeyMaterialRequest) -> Result<(), Fault> {
    let named = [
        ("ImportType", input.import_type.is_some()),
        ("KeyMaterialDescription", input.key_material_description.is_some()),
        ("KeyMaterialId", input.key_material_id.is_some()),
    ];
    let given = named.iter().find(|(_, given)| *given).map(|(name, _)| *name);
    match given {
        Some(name) if key.spec.0 != KeySpec::SymmetricDefault => {
            Err(unsupported(format!("{name} is not supported for the key spec {}.", key.spec.0)))
        }
        _ if input.import_type == Some(ImportType::NewKeyMaterial) && input.key_material_id.is_some() => {
            Err(validation("KeyMaterialId cannot be specified when ImportType is NEW_KEY_MATERIAL."))
        }
        _ => Ok(()),
    }
}

/// When the material expires.
fn expiration(
    cx: &Cx<'_>,
    model: ExpirationModelType,
    valid_to: Option<Timestamp>,
) -> Result<Option<i64>, Fault> {
    let now = cx.now().0;
    match (model, valid_to) {
        (ExpirationModelType::KeyMaterialDoesNotExpire, None) => Ok(None),
        (ExpirationModelType::KeyMaterialDoesNotExpire, Some(_)) => Err(validation(
            "The parameter ValidTo cannot be specified for a key with an expiration model of KEY_MATERIAL_DOES_NOT_EXPIRE",
        )),
        (ExpirationModelType::KeyMaterialExpires, None) => {
            Err(validation("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"))
        }
        (ExpirationModelType::KeyMaterialExpires, Some(Timestamp(at))) if at <= now => {
            Err(validation("ValidTo must be in the future"))
        }
        (ExpirationModelType::KeyMaterialExpires, Some(Timestamp(at))) => {
            if at > now.saturating_add(EXPIRATION_DAYS * DAY_MILLIS) {
                return Err(validation(format!("ValidTo must be within {EXPIRATION_DAYS} days")));
            }
            Ok(Some(at))
        }
    }
}

fn require_external(key: &Key) -> Result<(), Fault> {
    if key.origin.0 == OriginType::External { Ok(()) } else { Err(wrong_origin(key)) }
}

/// Materials have names for callers in symmetric keys only.
fn shown(key: &Key, id: MaterialId) -> Option<String> {
    (key.spec.0 == KeySpec::SymmetricDefault).then(|| id.to_string())
}

fn incorrect(message: impl Into<String>) -> Fault {
    Fault::new("IncorrectKeyMaterialException", message)
}

/// What ListKeyRotations tells of material because it was imported.
pub(crate) fn listed(material: &Material) -> RotationsListEntry {
    let Some(imported) = &material.imported else { return RotationsListEntry::default() };
    let here = material.is_here();
    RotationsListEntry {
        key_material_description: imported.description.clone(),
        import_state: Some(if here { ImportState::Imported } else { ImportState::PendingImport }),
        expiration_model: here.then_some(match imported.valid_to {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        }),
        valid_to: material.valid_to().map(Timestamp),
        ..RotationsListEntry::default()
    }
}

/// The state of the material that is imported for the next rotation.
pub(crate) fn pending_state(cx: &mut Cx<'_>, key: &Key) -> Result<KeyMaterialState, Fault> {
    Ok(if key.multi_region.is_some() && !regions::all_have_pending(cx, key)? {
        KeyMaterialState::PendingMultiRegionImportAndRotation
    } else {
        KeyMaterialState::PendingRotation
    })
}

/// The material to rotate to.
pub(crate) fn next(cx: &mut Cx<'_>, key: &mut Key, kind: RotationType) -> Result<Material, Fault> {
    if !regions::all_have_pending(cx, key)? {
        return Err(Fault::new(
            "KMSInvalidStateException",
            format!("No available key material pending rotation for the key: {}.", key.arn),
        ));
    }
    let pending = key.pending.take();
    let pending = pending.ok_or_else(|| Fault::bug(format!("{} has nothing to rotate to", key.arn)))?;
    Ok(Material { created: cx.now().0, rotation: Some(Text(kind)), ..pending })
}
