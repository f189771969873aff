//! What clients know, and what they think of asking.

use crate::action::{Action, Blob, Holder, KeyName, Kind, Parameters, Proof, Signature, Tampering};
use crate::model::Model;
use crate::model::kms::{GRANTED, GRANTED_FOR_ENCRYPTION};
use crate::model::policy::{self, Document, Party, Statement, name_of, place, twin};
use crate::request::{element, json};
use crate::world::{AWAY, Credentials, REGION};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::Answer;

/// How long the sessions of roles last, in milliseconds.
const SESSION_MS: i64 = 3_600_000;

/// How long an import token is good for, in milliseconds.
const TOKEN_MS: i64 = 86_400_000;

/// For how long material is imported, in seconds.
const IMPORTED: [i64; 3] = [1200, 7200, 8 * 86_400];

/// How many different materials are imported.
const MATERIALS: usize = 3;

/// How many things of each kind have names.
const NAMES: usize = 3;

/// The newest things of a kind that clients still ask about.
const RECENT: usize = 6;

/// A number below a bound: the choices that a run is made of.
pub type Dice<'d> = dyn FnMut(usize) -> usize + 'd;

/// What the clients of a deployment know between them.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Signatures that may be good.
    pub signatures: Vec<(Signature, Credentials)>,
    /// Names of keys that were made.
    keys: Vec<(String, Kind)>,
    /// Grants: names of keys and ids of grants.
    grants: Vec<(String, String)>,
    /// Ciphertexts.
    pub blobs: Vec<Blob>,
    /// Signatures that keys have made.
    pub signed: Vec<Proof>,
    /// Codes that keys have made.
    pub coded: Vec<Proof>,
    /// What wraps material for import.
    parameters: Vec<Parameters>,
    /// Keys that were replicated.
    replicated: Vec<String>,
    /// Keys that were to be deleted.
    scheduled: Vec<String>,
}

impl Default for Clients {
    fn default() -> Self {
        let signatures = vec![(Signature::Root, Credentials::root())];
        Self {
            signatures,
            keys: Vec::new(),
            grants: Vec::new(),
            blobs: Vec::new(),
            signed: Vec::new(),
            coded: Vec::new(),
            parameters: Vec::new(),
            replicated: Vec::new(),
            scheduled: Vec::new(),
        }
    }
}

impl Clients {
    /// Somebody who might ask for it: every other time the root user, so that things get done.
    pub fn caller(&self, action: &Action, dice: &mut Dice<'_>) -> (Signature, Credentials) {
        let others = self.signatures.len() - 1;
        let never_root = matches!(action, Action::AssumeRole(_)) && dice(8) != 0;
        if others == 0 || (dice(2) == 0 && !never_root) {
            return self.signatures[0].clone();
        }
        let newest = others.min(RECENT);
        self.signatures[self.signatures.len() - 1 - dice(newest)].clone()
    }

    /// Something that might be asked at this time.
    pub fn action(&self, dice: &mut Dice<'_>, now: i64) -> Action {
        // Until there is a key and a user, little else makes sense.
        if self.keys.is_empty() && dice(2) == 0 {
            return Action::CreateKey(Kind::Symmetric, None, false);
        }
        match dice(89) {
            0..2 => {
                Action::CreateKey(kind(dice), (dice(2) == 0).then(|| self.key_policy(dice)), dice(2) == 0)
            }
            2..5 => Action::DescribeKey(self.key_name(dice)),
            5..8 => Action::EnableKey(self.key(dice)),
            8 => Action::DisableKey(self.key(dice)),
            9 => Action::ScheduleKeyDeletion(self.key(dice), [7, 8, 30, 6][dice(4)]),
            10..12 => Action::CancelKeyDeletion(self.key(dice)),
            12..14 => Action::CreateAlias(alias(dice), self.key_at_home(dice)),
            14 => Action::UpdateAlias(alias(dice), self.key_at_home(dice)),
            15 => Action::DeleteAlias(alias(dice)),
            16 => Action::TagResource(self.key(dice), name("t", dice), name("v", dice)),
            17 => Action::UntagResource(self.key(dice), name("t", dice)),
            18..20 => Action::PutKeyPolicy(self.key(dice), self.key_policy(dice), dice(3) == 0),
            20..23 => Action::CreateGrant {
                key: self.key(dice),
                grantee: granted_party(dice),
                retiring: (dice(2) == 0).then(|| granted_party(dice)),
                operations: operations(dice),
            },
            23 => self.grant(dice, Action::RevokeGrant),
            24..26 => self.grant(dice, Action::RetireGrant),
            26..30 => Action::Encrypt(self.key_name(dice), vec![b'p'; 1 + dice(40)], app(dice)),
            30 => Action::GenerateDataKey(self.key_name(dice), app(dice)),
            31..35 => self.decrypt(dice),
            35..37 => match self.blob(dice) {
                Some(blob) => {
                    let right = blob.app.clone();
                    let from = if dice(4) == 0 { app(dice) } else { right };
                    let to = self.name_beside(&blob.key, dice).unwrap_or(KeyName::Id(blob.key.clone()));
                    Action::ReEncrypt { blob, app: from, to, to_app: app(dice) }
                }
                None => Action::WhoAmI,
            },
            37 => Action::EnableKeyRotation(self.key(dice), [90, 365][dice(2)]),
            38 => Action::DisableKeyRotation(self.key(dice)),
            39..41 => Action::RotateKeyOnDemand(self.key(dice)),
            41..43 => Action::CreateUser(name("u", dice)),
            43 => Action::DeleteUser(name("u", dice)),
            44 => Action::CreateRole(name("r", dice), trusted_party(dice)),
            45 => Action::DeleteRole(name("r", dice)),
            46..48 => Action::CreatePolicy(name("p", dice), self.document(dice)),
            48 => Action::DeletePolicy(name("p", dice)),
            49..51 => Action::Attach(holder(dice), name("p", dice)),
            51 => Action::Detach(holder(dice), name("p", dice)),
            52..54 => Action::PutInline(holder(dice), name("i", dice), self.document(dice)),
            54 => Action::DeleteInline(holder(dice), name("i", dice)),
            55..57 => Action::CreateAccessKey(name("u", dice)),
            57 => Action::UpdateAccessKey(name("u", dice), self.access_key(dice), dice(3) != 0),
            58 => Action::DeleteAccessKey(name("u", dice), self.access_key(dice)),
            59..63 => Action::AssumeRole(name("r", dice)),
            63..65 => Action::CreateRole(name("r", dice), trusted_party(dice)),
            65 => Action::WhoAmI,
            66..68 => Action::CreateKey(kind(dice), None, false),
            68..70 => Action::Sign(self.name_of_kind(Kind::Signing, dice)),
            70 => proven(&self.signed, self.name_of_kind(Kind::Signing, dice), dice, Action::Verify),
            71..73 => Action::GenerateMac(self.name_of_kind(Kind::Mac, dice)),
            73 => proven(&self.coded, self.name_of_kind(Kind::Mac, dice), dice, Action::VerifyMac),
            74..76 => Action::GetParametersForImport(self.key_of(Kind::Imported, dice)),
            76..80 => self.import(dice, now),
            80 => Action::DeleteImportedKeyMaterial(self.key_of(Kind::Imported, dice)),
            81 => Action::RotateKeyOnDemand(self.key_of(Kind::Imported, dice)),
            82..84 => Action::ReplicateKey(self.key_of(Kind::MultiRegion, dice)),
            84..86 => {
                let key = self.one_of(&self.replicated, dice);
                let key = if dice(2) == 0 { twin(&key) } else { key };
                Action::UpdatePrimaryRegion(key, [REGION, AWAY][dice(2)])
            }
            86 => Action::ScheduleKeyDeletion(self.one_of(&self.replicated, dice), 7),
            _ => Action::CancelKeyDeletion(self.one_of(&self.scheduled, dice)),
        }
    }

    /// Learns from the answer to a successful call. `model` is the state right before it.
    pub fn learn(&mut self, action: &Action, model: &Model, now: i64, answer: &Answer) {
        let body = json(answer);
        let text = |member: &str| body[member].as_str().map(str::to_owned).unwrap();
        let bytes = |member: &str| STANDARD.decode(body[member].as_str().unwrap()).unwrap();
        let key_of = |name: &KeyName| match name {
            KeyName::Id(name) | KeyName::Arn(name) => name.clone(),
            KeyName::Alias(alias) => model.aliases[alias].clone(),
        };
        let sealed = |app: &Option<String>, plaintext: Vec<u8>| {
            let key = name_of(&text("KeyId"));
            let materials = model.keys[&key].imported.len();
            Blob { key, materials, app: app.clone(), plaintext, bytes: bytes("CiphertextBlob") }
        };
        match action {
            Action::CreateKey(kind, ..) => {
                self.keys.push((body["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned(), *kind));
            }
            Action::ReplicateKey(key) => {
                self.keys.push((twin(key), Kind::MultiRegion));
                self.replicated.push(key.clone());
            }
            Action::ScheduleKeyDeletion(key, _) => self.scheduled.push(key.clone()),
            Action::Sign(name) => self.signed.push(Proof { key: key_of(name), bytes: bytes("Signature") }),
            Action::GenerateMac(name) => self.coded.push(Proof { key: key_of(name), bytes: bytes("Mac") }),
            Action::GetParametersForImport(key) => self.parameters.push(Parameters {
                key: key.clone(),
                token: bytes("ImportToken"),
                public_key: bytes("PublicKey"),
                valid_to: now + TOKEN_MS,
            }),
            Action::CreateGrant { key, .. } => self.grants.push((key.clone(), text("GrantId"))),
            Action::Encrypt(_, plaintext, app) => self.blobs.push(sealed(app, plaintext.clone())),
            Action::GenerateDataKey(_, app) => self.blobs.push(sealed(app, bytes("Plaintext"))),
            Action::ReEncrypt { blob, to_app, .. } => self.blobs.push(sealed(to_app, blob.plaintext.clone())),
            Action::CreateAccessKey(_) => {
                let part = |name| element(answer, name).unwrap();
                let credentials =
                    Credentials { id: part("AccessKeyId"), secret: part("SecretAccessKey"), token: None };
                self.signatures.push((Signature::User { key: credentials.id.clone() }, credentials));
            }
            Action::AssumeRole(role) => {
                let part = |name| element(answer, name).unwrap();
                let credentials = Credentials {
                    id: part("AccessKeyId"),
                    secret: part("SecretAccessKey"),
                    token: Some(part("SessionToken")),
                };
                let serial = model.roles[role].serial;
                let signature = Signature::Session { role: role.clone(), serial, expires: now + SESSION_MS };
                self.signatures.push((signature, credentials));
            }
            _ => {}
        }
    }

    /// Requires that the answer to a successful call says what the model knows.
    pub fn check(&self, action: &Action, model: &Model, answer: &Answer) {
        let body = json(answer);
        match action {
            Action::Decrypt { blob, .. } => {
                assert_eq!(STANDARD.decode(body["Plaintext"].as_str().unwrap()).unwrap(), blob.plaintext);
            }
            Action::DescribeKey(name) => {
                let id = match name {
                    KeyName::Id(id) | KeyName::Arn(id) => id,
                    KeyName::Alias(alias) => &model.aliases[alias],
                };
                let metadata = &body["KeyMetadata"];
                assert_eq!(name_of(metadata["Arn"].as_str().unwrap()), *id);
                assert_eq!(metadata["KeyState"].as_str().unwrap(), model.keys[id].state.name());
            }
            _ => {}
        }
    }

    /// A key, mostly one that was made.
    fn key(&self, dice: &mut Dice<'_>) -> String {
        let recent = self.keys.len().min(RECENT);
        match dice(recent + 1) {
            // Of the right form, but nobody's.
            0 if recent == 0 || dice(8) == 7 => "00000000-0000-4000-8000-000000000000".to_owned(),
            0 => self.keys[self.keys.len() - 1].0.clone(),
            back => self.keys[self.keys.len() - back].0.clone(),
        }
    }

    /// A key, mostly one of a kind.
    fn key_of(&self, kind: Kind, dice: &mut Dice<'_>) -> String {
        let of_kind: Vec<_> = self.keys.iter().filter(|key| key.1 == kind).rev().take(RECENT).collect();
        if of_kind.is_empty() || dice(8) == 7 {
            self.key(dice)
        } else {
            of_kind[dice(of_kind.len())].0.clone()
        }
    }

    fn name_of_kind(&self, kind: Kind, dice: &mut Dice<'_>) -> KeyName {
        let key = self.key_of(kind, dice);
        if dice(2) == 0 { KeyName::Arn(key) } else { KeyName::Id(key) }
    }

    /// One of the newest of these keys, or any.
    fn one_of(&self, keys: &[String], dice: &mut Dice<'_>) -> String {
        let newest = keys.len().min(2);
        if newest == 0 || dice(8) == 7 { self.key(dice) } else { keys[keys.len() - 1 - dice(newest)].clone() }
    }

    fn key_at_home(&self, dice: &mut Dice<'_>) -> String {
        place(&self.key(dice)).0.to_owned()
    }

    /// A key in the region of another, if that is what comes to mind.
    fn name_beside(&self, key: &str, dice: &mut Dice<'_>) -> Option<KeyName> {
        Some(self.key_name(dice)).filter(|name| name.is_beside(key))
    }

    fn import(&self, dice: &mut Dice<'_>, now: i64) -> Action {
        let newest = self.parameters.len().min(RECENT);
        if newest == 0 {
            return Action::GetParametersForImport(self.key_of(Kind::Imported, dice));
        }
        let parameters = self.parameters[self.parameters.len() - 1 - dice(newest)].clone();
        let key = if dice(8) == 7 { self.key(dice) } else { parameters.key.clone() };
        let valid_to = (dice(3) == 0).then(|| now + IMPORTED[dice(IMPORTED.len())] * 1000);
        let material = u8::try_from(dice(MATERIALS)).unwrap();
        Action::ImportKeyMaterial {
            key,
            parameters,
            material,
            valid_to,
            new: [None, Some(true), Some(false)][dice(3)],
        }
    }

    fn key_name(&self, dice: &mut Dice<'_>) -> KeyName {
        match dice(4) {
            0 => KeyName::Alias(alias(dice)),
            1 => KeyName::Arn(self.key(dice)),
            _ => KeyName::Id(self.key(dice)),
        }
    }

    fn access_key(&self, dice: &mut Dice<'_>) -> String {
        let newest = self.signatures.len().min(RECENT);
        self.signatures[self.signatures.len() - 1 - dice(newest)].1.id.clone()
    }

    fn grant(&self, dice: &mut Dice<'_>, action: fn(String, String) -> Action) -> Action {
        let newest = self.grants.len().min(RECENT);
        if newest == 0 {
            return action(self.key(dice), "0".repeat(64));
        }
        let (key, grant) = self.grants[self.grants.len() - 1 - dice(newest)].clone();
        action(key, grant)
    }

    /// A ciphertext, to be opened where it was made or by a related key.
    fn blob(&self, dice: &mut Dice<'_>) -> Option<Blob> {
        let mut blob = (!self.blobs.is_empty()).then(|| self.blobs[dice(self.blobs.len())].clone())?;
        if blob.key.starts_with("mrk-") && dice(2) == 0 {
            blob.key = twin(&blob.key);
        }
        Some(blob)
    }

    fn decrypt(&self, dice: &mut Dice<'_>) -> Action {
        let Some(blob) = self.blob(dice) else { return Action::WhoAmI };
        let key = match dice(4) {
            0 => self.name_beside(&blob.key, dice),
            1 => Some(KeyName::Id(blob.key.clone())),
            _ => None,
        };
        let app = if dice(5) == 0 { app(dice) } else { blob.app.clone() };
        Action::Decrypt { blob, key, app, tampering: tampering(dice) }
    }

    fn document(&self, dice: &mut Dice<'_>) -> Document {
        (0..1 + dice(2)).map(|_| self.statement(dice, None)).collect()
    }

    fn key_policy(&self, dice: &mut Dice<'_>) -> Document {
        let mut policy: Document = (0..1 + dice(2))
            .map(|_| {
                let party = party(dice);
                self.statement(dice, Some(party))
            })
            .collect();
        if dice(4) != 0 {
            let account = Some(Party::Account);
            policy.push(Statement {
                allow: true,
                party: account,
                actions: 1,
                resource: "*".to_owned(),
                app: None,
            });
        }
        policy
    }

    fn statement(&self, dice: &mut Dice<'_>, party: Option<Party>) -> Statement {
        let resource = match dice(6) {
            _ if party.is_some() => "*".to_owned(),
            0 => policy::key_arn(&self.key(dice)),
            1 => policy::key_arn("*"),
            2 => policy::user_arn("u?"),
            3 => policy::alias_arn("alias/a*"),
            _ => "*".to_owned(),
        };
        let app = (dice(6) == 0).then(|| ["a", "b"][dice(2)].to_owned());
        Statement { allow: dice(5) != 4, party, actions: dice(13) % 10, resource, app }
    }
}

fn kind(dice: &mut Dice<'_>) -> Kind {
    match dice(8) {
        0..3 => Kind::Symmetric,
        3 => Kind::Signing,
        4 => Kind::Mac,
        5 => Kind::Imported,
        _ => Kind::MultiRegion,
    }
}

fn tampering(dice: &mut Dice<'_>) -> Tampering {
    match dice(10) {
        8 => Tampering::Header,
        9 => Tampering::Envelope,
        _ => Tampering::None,
    }
}

/// A proof is shown, mostly to the key that made it.
fn proven(
    proofs: &[Proof],
    other: KeyName,
    dice: &mut Dice<'_>,
    action: fn(Proof, KeyName, Tampering) -> Action,
) -> Action {
    if proofs.is_empty() {
        return Action::WhoAmI;
    }
    let proof = proofs[dice(proofs.len())].clone();
    let name = if dice(4) == 0 { other } else { KeyName::Id(proof.key.clone()) };
    action(proof, name, tampering(dice))
}

fn name(prefix: &str, dice: &mut Dice<'_>) -> String {
    format!("{prefix}{}", dice(NAMES))
}

fn alias(dice: &mut Dice<'_>) -> String {
    name("alias/a", dice)
}

fn app(dice: &mut Dice<'_>) -> Option<String> {
    [None, Some("a"), Some("b")][dice(3)].map(str::to_owned)
}

fn holder(dice: &mut Dice<'_>) -> Holder {
    if dice(3) == 0 { Holder::Role(name("r", dice)) } else { Holder::User(name("u", dice)) }
}

fn party(dice: &mut Dice<'_>) -> Party {
    match dice(8) {
        0..4 => Party::User(name("u", dice)),
        4..6 => Party::Role(name("r", dice)),
        6 => Party::Everyone,
        _ => Party::Account,
    }
}

fn granted_party(dice: &mut Dice<'_>) -> Party {
    match party(dice) {
        Party::Everyone => Party::Account,
        party => party,
    }
}

fn trusted_party(dice: &mut Dice<'_>) -> Party {
    match party(dice) {
        Party::Role(_) | Party::Everyone => Party::Account,
        party => party,
    }
}

fn operations(dice: &mut Dice<'_>) -> Vec<usize> {
    let all = if dice(4) == 0 { GRANTED.len() } else { GRANTED_FOR_ENCRYPTION };
    let mut operations: Vec<usize> = (0..1 + dice(4)).map(|_| dice(all)).collect();
    operations.sort_unstable();
    operations.dedup();
    operations
}
