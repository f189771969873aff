//! What clients know, and what they think of asking.

use crate::action::{Action, Blob, Holder, KeyName, Signature, Tampering};
use crate::model::Model;
use crate::model::kms::GRANTED;
use crate::model::policy::{self, Document, Party, Statement};
use crate::request::{element, json};
use crate::world::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::Answer;

/// How long the sessions of roles last, in milliseconds.
const SESSION_MS: i64 = 3_600_000;

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
    /// Ids of keys that were made.
    keys: Vec<String>,
    /// Grants: ids of key and grant.
    grants: Vec<(String, String)>,
    /// Ciphertexts.
    pub blobs: Vec<Blob>,
}

impl Default for Clients {
    fn default() -> Self {
        let signatures = vec![(Signature::Root, Credentials::root())];
        Self { signatures, keys: Vec::new(), grants: Vec::new(), blobs: Vec::new() }
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

    /// Something that might be asked.
    pub fn action(&self, dice: &mut Dice<'_>) -> Action {
        // Until there is a key and a user, little else makes sense.
        if self.keys.is_empty() && dice(2) == 0 {
            return Action::CreateKey(None, false);
        }
        match dice(66) {
            0..2 => Action::CreateKey((dice(2) == 0).then(|| self.key_policy(dice)), dice(2) == 0),
            2..5 => Action::DescribeKey(self.key_name(dice)),
            5..8 => Action::EnableKey(self.key(dice)),
            8 => Action::DisableKey(self.key(dice)),
            9 => Action::ScheduleKeyDeletion(self.key(dice), [7, 8, 30, 6][dice(4)]),
            10..12 => Action::CancelKeyDeletion(self.key(dice)),
            12..14 => Action::CreateAlias(alias(dice), self.key(dice)),
            14 => Action::UpdateAlias(alias(dice), self.key(dice)),
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
                    Action::ReEncrypt { blob, app: from, to: self.key_name(dice), to_app: app(dice) }
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
            _ => Action::WhoAmI,
        }
    }

    /// Learns from the answer to a successful call. `model` is the state right before it.
    pub fn learn(&mut self, action: &Action, model: &Model, now: i64, answer: &Answer) {
        let body = json(answer);
        let text = |member: &str| body[member].as_str().map(str::to_owned).unwrap();
        let bytes = |member: &str| STANDARD.decode(body[member].as_str().unwrap()).unwrap();
        let of_arn = |arn: String| arn.rsplit('/').next().unwrap().to_owned();
        match action {
            Action::CreateKey(..) => {
                self.keys.push(body["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned());
            }
            Action::CreateGrant { key, .. } => self.grants.push((key.clone(), text("GrantId"))),
            Action::Encrypt(_, plaintext, app) => self.blobs.push(Blob {
                key: of_arn(text("KeyId")),
                app: app.clone(),
                plaintext: plaintext.clone(),
                bytes: bytes("CiphertextBlob"),
            }),
            Action::GenerateDataKey(_, app) => self.blobs.push(Blob {
                key: of_arn(text("KeyId")),
                app: app.clone(),
                plaintext: bytes("Plaintext"),
                bytes: bytes("CiphertextBlob"),
            }),
            Action::ReEncrypt { blob, to_app, .. } => self.blobs.push(Blob {
                key: of_arn(text("KeyId")),
                app: to_app.clone(),
                plaintext: blob.plaintext.clone(),
                bytes: bytes("CiphertextBlob"),
            }),
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
                assert_eq!(metadata["KeyId"].as_str().unwrap(), id);
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
            0 => self.keys[self.keys.len() - 1].clone(),
            back => self.keys[self.keys.len() - back].clone(),
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

    fn blob(&self, dice: &mut Dice<'_>) -> Option<Blob> {
        (!self.blobs.is_empty()).then(|| self.blobs[dice(self.blobs.len())].clone())
    }

    fn decrypt(&self, dice: &mut Dice<'_>) -> Action {
        let Some(blob) = self.blob(dice) else { return Action::WhoAmI };
        let key = match dice(4) {
            0 => Some(self.key_name(dice)),
            1 => Some(KeyName::Id(blob.key.clone())),
            _ => None,
        };
        let app = if dice(5) == 0 { app(dice) } else { blob.app.clone() };
        let tampering = match dice(10) {
            8 => Tampering::Header,
            9 => Tampering::Envelope,
            _ => Tampering::None,
        };
        Action::Decrypt { blob, key, app, tampering }
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
    let mut operations: Vec<usize> = (0..1 + dice(4)).map(|_| dice(GRANTED.len())).collect();
    operations.sort_unstable();
    operations.dedup();
    operations
}
