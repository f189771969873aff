//! `fastness root-access-key`: a new access key for the root user, for whoever can open the keyring. What AWS advises, to have none, must
//! not lock everybody out.

use crate::admin::{Command, ask_or_open, merge, words};
use crate::args::RootAccessKeyArgs;
use crate::credentials::RootKey;
use crate::opening::Opening;
use crate::{Failure, failure, output};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyring::{Keyring, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use server::{Clock as _, Deployment, SystemClock};
use std::io::Write as _;
use std::process::ExitCode;
use zeroize::Zeroizing;

/// What a sealed wish is for; nothing else that the keyring seals is taken for one.
const PURPOSE: &str = "fastness/new-root-access-key";

/// How old a wish may be, in milliseconds: one that was seen on its way must not make a key again after that was deleted.
const AGE_MS_MAX: i64 = 60_000;

/// The key that is wished for. Only who can open the keyring can seal it, and so nobody else gets one of a server that runs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    key: RootKey,
    /// When it was made, in milliseconds since the epoch.
    made: i64,
}

pub(crate) fn run(args: &RootAccessKeyArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let keyring = opening.keyring_or_by_shares(args.shares)?;
    let wish = Wish { key: RootKey::random(&SystemRandom), made: SystemClock.now().0 };
    let json = Zeroizing::new(serde_json::to_vec(&wish)?);
    let sealed = STANDARD.encode(keyring.token_seal(PURPOSE, &json)?);
    let command = Command::NewRootKey { sealed: sealed.clone(), replace: args.replace.clone() };
    let by = Value::Object(serde_json::Map::new());
    let open = || Ok(opening.opened_with(keyring)?);
    ask_or_open(&opening, open, &command, async |deployment| {
        make(deployment, &opening, &sealed, args.replace.as_deref(), by).await
    })?;
    let id = &wish.key.access_key_id;
    output::print(
        || json!({ "accessKeyId": id, "replaced": args.replace }),
        |out| Ok(writeln!(out, "Made the access key {id} of the root user. `fastness env` prints it.")?),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the key that is wished for, records it, and keeps it for `fastness env`.
pub(crate) async fn make(
    deployment: &Deployment,
    opening: &Opening,
    sealed: &str,
    replace: Option<&str>,
    by: Value,
) -> Result<Value, Failure> {
    let keyring = &deployment.env().keyring;
    let Wish { key, made } = open(keyring, sealed)?;
    if (SystemClock.now().0 - made).abs() > AGE_MS_MAX {
        return Err(Failure("that was asked for too long ago".to_owned()));
    }
    let id = key.access_key_id.as_str();
    deployment
        .operate("CreateRootAccessKey", |cx| {
            iam::add_root_key(cx, &opening.description.account, id, &key.secret_access_key, replace)?;
            let mut details = json!({ "accessKeyId": id, "replaced": replace });
            merge(&mut details, by.clone());
            Ok(((), details))
        })
        .await
        .map_err(words)?;
    tracing::warn!(access_key_id = id, "a new access key of the root user was made");
    key.write(&opening.data, keyring).map_err(|Failure { message: why, .. }| {
        failure(format!("the key {id} was made but could not be kept; make another with --replace {id}"), why)
    })?;
    Ok(json!({}))
}

fn open(keyring: &Keyring, sealed: &str) -> Result<Wish, Failure> {
    let refused = || Failure("that was not sealed by the keyring of this deployment".to_owned());
    let token = STANDARD.decode(sealed).map_err(|_| refused())?;
    let json = keyring.token_open(PURPOSE, &token).map_err(|_| refused())?;
    serde_json::from_slice(&json).map_err(|_| refused())
}

/// Requires that the access key that `fastness env` prints may still be used, as far as that can be found out: a server that is sealed does
/// not tell.
pub(crate) fn require_alive(opening: &Opening, keyring: &Keyring, id: &str) -> Result<(), Failure> {
    let state = match opening.data.claim_unless_served()? {
        None => match crate::admin::ask(&opening.data, &Command::AccessKeyState { id: id.to_owned() }) {
            Ok(state) => state,
            Err(_) => return Ok(()),
        },
        // Nothing is written, and nothing closed: whoever asks need not be the user whose files these are.
        Some(_claim) => match opening.opened_with(keyring.clone()) {
            Ok(deployment) => state(&deployment, id)?,
            Err(_) => return Ok(()),
        },
    };
    let what = match state.as_str() {
        Some("deleted") => "was deleted",
        Some("inactive") => "was made inactive",
        _ => return Ok(()),
    };
    Err(Failure(format!(
        "the access key {id} of the root user, which is kept for `fastness env`, {what}. Use credentials of a user or role, or make a new \
         key with `fastness root-access-key`"
    )))
}

/// Whether an access key may be used.
pub(crate) fn state(deployment: &Deployment, id: &str) -> Result<Value, Failure> {
    Ok(match deployment.access_key_is_active(id).map_err(words)? {
        None => "deleted",
        Some(false) => "inactive",
        Some(true) => "active",
    }
    .into())
}
