//! Grant tokens: names of grants that only their creator is told. They are no secrets and give nothing by themselves.

use crate::key::Key;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::{Cx, Fault};
use serde::{Deserialize, Serialize};

const PURPOSE: &str = "kms/grant-token";

/// What a token stands for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) key: String,
    pub(super) grant: String,
}

/// Makes a token, unlike all before.
pub(super) fn make(cx: &Cx<'_>, key: &Key, grant: &str) -> Result<String, Fault> {
    let token = Token {
        account: key.account.clone(),
        region: key.region.clone(),
        key: key.id.clone(),
        grant: grant.to_owned(),
    };
    let json = serde_json::to_vec(&token).map_err(|error| Fault::bug(format!("grant token: {error}")))?;
    Ok(STANDARD.encode(cx.keyring().token_seal(PURPOSE, &json)?))
}

pub(super) fn open(cx: &Cx<'_>, token: &str) -> Result<Token, Fault> {
    let opened =
        STANDARD.decode(token).ok().and_then(|sealed| cx.keyring().token_open(PURPOSE, &sealed).ok());
    let token: Option<Token> = opened.and_then(|json| serde_json::from_slice(&json).ok());
    token
        .filter(|token| token.region == cx.region())
        .ok_or_else(|| Fault::new("InvalidGrantTokenException", "Invalid grant token."))
}

/// Requires that tokens that go with a request were made here. Their grants are found without them.
pub(crate) fn check(cx: &Cx<'_>, tokens: Option<&[String]>) -> Result<(), Fault> {
    tokens.unwrap_or_default().iter().try_for_each(|token| open(cx, token).map(drop))
}
