//! SSH public keys of users.

use crate::access::Ask;
use crate::credentials::{Dated, Kept, Owner, is_active, status};
use crate::entity::{self, Entity, seconds};
use crate::errors::{invalid_input, no_such_entity};
use crate::page::Pager;
use crate::ssh_public_key::SshPublicKey;
use crate::users::{User, subject};
use crate::{Iam, api, api::EncodingType, api::ops, limits};
use platform::{Cx, Fault, Handle};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wire::Unit;

pub(crate) const KEYS: Kept<Key> = Kept::new("iam/ssh-keys", limits::SSH_KEYS, "SSHPublicKeysPerUser");

/// An SSH public key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    /// In milliseconds since the epoch.
    created: i64,
    active: bool,
    /// A line of OpenSSH.
    line: String,
}

impl Dated for Key {
    fn created(&self) -> i64 {
        self.created
    }
}

impl Key {
    fn answer(&self, user: &User, id: &str, encoding: EncodingType) -> Result<api::SSHPublicKey, Fault> {
        let key = SshPublicKey::read(&self.line)?;
        Ok(api::SSHPublicKey {
            user_name: user.head().name.clone(),
            ssh_public_key_id: id.to_owned(),
            fingerprint: key.fingerprint(),
            ssh_public_key_body: match encoding {
                EncodingType::Ssh => key.line(),
                EncodingType::Pem => key.pem(),
            },
            status: status(self.active),
            upload_date: Some(seconds(self.created)),
        })
    }
}

/// A key of a user, for an action that the caller is allowed.
fn key(
    cx: &mut Cx<'_>,
    action: &'static str,
    user: &str,
    id: &str,
) -> Result<(Arc<User>, Owner, Key), Fault> {
    let user = entity::fetch::<User>(cx, Ask::to(action), user)?;
    let owner = Owner::user(&user);
    let missing = || no_such_entity(format!("The SSH Public Key with id {id} cannot be found."));
    let key = KEYS.get(&mut cx.tx, &owner, id)?.ok_or_else(missing)?;
    Ok((user, owner, key))
}

impl Handle<ops::UploadSSHPublicKey> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::UploadSSHPublicKeyRequest,
    ) -> Result<api::UploadSSHPublicKeyResponse, Fault> {
        let user = entity::fetch::<User>(cx, Ask::to("iam:UploadSSHPublicKey"), &input.user_name)?;
        let owner = Owner::user(&user);
        let line = SshPublicKey::read(&input.ssh_public_key_body)?.line();
        if KEYS.all(&mut cx.tx, &owner)?.iter().any(|(_, held)| held.line == line) {
            let message = "The SSH public key is already associated with the specified user.";
            return Err(Fault::new("DuplicateSSHPublicKeyException", message));
        }
        let id = platform::ids::unique("APKA", cx.random());
        let key = Key { created: cx.now().0, active: true, line };
        KEYS.add(&mut cx.tx, &owner, &id, &key)?;
        let answer = key.answer(&user, &id, EncodingType::Ssh)?;
        Ok(api::UploadSSHPublicKeyResponse { ssh_public_key: Some(answer) })
    }
}

impl Handle<ops::GetSSHPublicKey> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::GetSSHPublicKeyRequest,
    ) -> Result<api::GetSSHPublicKeyResponse, Fault> {
        let id = &input.ssh_public_key_id;
        let (user, _, key) = key(cx, "iam:GetSSHPublicKey", &input.user_name, id)?;
        Ok(api::GetSSHPublicKeyResponse { ssh_public_key: Some(key.answer(&user, id, input.encoding)?) })
    }
}

impl Handle<ops::ListSSHPublicKeys> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListSSHPublicKeysRequest,
    ) -> Result<api::ListSSHPublicKeysResponse, Fault> {
        let subject = subject(cx, Ask::to("iam:ListSSHPublicKeys"), input.user_name.as_deref())?;
        let owner = Owner::of(cx, &subject);
        let list = format!("ssh-keys/{}", owner.id);
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let keys = KEYS.all(&mut cx.tx, &owner)?.into_iter();
        pager.entries(
            0,
            keys.map(|(id, key)| api::SSHPublicKeyMetadata {
                user_name: subject.name(),
                ssh_public_key_id: id,
                status: status(key.active),
                upload_date: seconds(key.created),
            }),
        );
        let page = pager.end(cx)?;
        Ok(api::ListSSHPublicKeysResponse {
            ssh_public_keys: Some(page.items),
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateSSHPublicKey> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateSSHPublicKeyRequest) -> Result<Unit, Fault> {
        let id = &input.ssh_public_key_id;
        let (_, owner, mut key) = key(cx, "iam:UpdateSSHPublicKey", &input.user_name, id)?;
        let refused = || invalid_input("An SSH public key cannot be given the status Expired.");
        key.active = is_active(input.status).ok_or_else(refused)?;
        KEYS.put(&mut cx.tx, &owner, id, &key)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteSSHPublicKey> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteSSHPublicKeyRequest) -> Result<Unit, Fault> {
        let id = &input.ssh_public_key_id;
        let (_, owner, _) = key(cx, "iam:DeleteSSHPublicKey", &input.user_name, id)?;
        KEYS.delete(&mut cx.tx, &owner, id);
        Ok(Unit)
    }
}
