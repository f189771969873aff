//! Signing requests, for the server's own calls and for tests.

use http::{HeaderName, HeaderValue, Uri, header, request::Parts};

use aws_lc_rs::digest;

use super::{
    ALGORITHM, EXPIRES_SECONDS_MAX, Scope, SigError, SigningKey,
    canonical::{PathRule, Request, canonical_request},
    encoding::{self, BASIC_BYTES},
    is_s3,
    verify::{UNSIGNED_PAYLOAD, body_digest},
};
use crate::Timestamp;

/// Headers that belong to one hop, or that intermediaries rewrite: never signed.
const UNSIGNED_HEADERS: [&str; 13] = [
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];

/// Signs requests with one access key within one scope.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Signer<'a> {
    /// Id of the access key.
    pub access_key_id: &'a str,
    /// Session token, if the access key is a temporary one.
    pub session_token: Option<&'a str>,
    /// Day, region and service of the signature.
    pub scope: &'a Scope,
    /// Key of that scope.
    pub key: &'a SigningKey,
}

impl Signer<'_> {
    /// Signs in the `Authorization` header, and sets `X-Amz-Date`, `X-Amz-Security-Token` and, for S3,
    /// `X-Amz-Content-Sha256`. Covers every header present but those of one hop.
    ///
    /// # Errors
    /// [`SigError::Misplaced`] if `now` is not in the scope's day; [`SigError::Incomplete`] if the request
    /// names no host, or the token or key id cannot stand in a header.
    pub fn sign(&self, parts: &mut Parts, body: &[u8], now: Timestamp) -> Result<(), SigError> {
        let date_time = self.date_time(now)?;
        parts.headers.insert("x-amz-date", value(&date_time)?);
        if let Some(token) = self.session_token {
            parts.headers.insert("x-amz-security-token", value(token.as_bytes())?);
        }
        let payload = body_digest(body);
        if is_s3(&self.scope.service) {
            parts.headers.insert("x-amz-content-sha256", value(&payload)?);
        }
        let signed_headers = signed_headers(parts)?;
        let signature = self.signature(parts, &signed_headers, &payload, &date_time)?;
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={signed_headers}, Signature={signature}",
            self.access_key_id, self.scope,
        );
        parts.headers.insert(header::AUTHORIZATION, value(authorization.as_bytes())?);
        Ok(())
    }

    /// Signs in the query string, for use within `expires_seconds` from `now`. The body, which S3 alone leaves
    /// uncovered, and the headers that are present now must be sent along unchanged.
    ///
    /// # Errors
    /// As [`Self::sign`]; also [`SigError::Incomplete`] for a life outside 1 to [`EXPIRES_SECONDS_MAX`].
    pub fn presign(
        &self,
        parts: &mut Parts,
        body: &[u8],
        now: Timestamp,
        expires_seconds: u32,
    ) -> Result<(), SigError> {
        let date_time = self.date_time(now)?;
        if !(1..=EXPIRES_SECONDS_MAX).contains(&expires_seconds) {
            return Err(SigError::Incomplete(format!(
                "X-Amz-Expires must be from 1 to {EXPIRES_SECONDS_MAX}"
            )));
        }
        let signed_headers = signed_headers(parts)?;
        let credential = format!("{}/{}", self.access_key_id, self.scope);
        let expires = expires_seconds.to_string();
        let mut elements: Vec<(&str, &[u8])> = vec![
            ("X-Amz-Algorithm", ALGORITHM.as_bytes()),
            ("X-Amz-Credential", credential.as_bytes()),
            ("X-Amz-Date", &date_time),
            ("X-Amz-Expires", expires.as_bytes()),
            ("X-Amz-SignedHeaders", signed_headers.as_bytes()),
        ];
        elements.extend(self.session_token.map(|token| ("X-Amz-Security-Token", token.as_bytes())));
        append_to_query(parts, &elements)?;
        let payload =
            if is_s3(&self.scope.service) { UNSIGNED_PAYLOAD.as_bytes().to_vec() } else { body_digest(body) };
        let signature = self.signature(parts, &signed_headers, &payload, &date_time)?;
        append_to_query(parts, &[("X-Amz-Signature", signature.as_bytes())])
    }

    fn date_time(&self, now: Timestamp) -> Result<[u8; BASIC_BYTES], SigError> {
        encoding::basic(now).filter(|text| text.get(..8) == Some(self.scope.date.as_bytes())).ok_or_else(
            || SigError::Misplaced(format!("The scope is of day {}, the request is not.", self.scope.date)),
        )
    }

    fn signature(
        &self,
        parts: &Parts,
        signed_headers: &str,
        payload: &[u8],
        date_time: &[u8; BASIC_BYTES],
    ) -> Result<String, SigError> {
        let rule = PathRule::of_service(&self.scope.service);
        let mut buffer = canonical_request(&Request::of(parts), rule, signed_headers, payload)?;
        let digest = digest::digest(&digest::SHA256, &buffer);
        Ok(hex::encode(self.key.sign(date_time, self.scope, digest.as_ref(), &mut buffer)))
    }
}

fn signed_headers(parts: &Parts) -> Result<String, SigError> {
    if super::host(parts).is_none() {
        return Err(SigError::Incomplete("The request names no host".to_owned()));
    }
    let mut names: Vec<&str> = parts
        .headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| *name != "host" && !UNSIGNED_HEADERS.contains(name))
        .collect();
    names.push("host");
    names.sort_unstable();
    Ok(names.join(";"))
}

fn append_to_query(parts: &mut Parts, elements: &[(&str, &[u8])]) -> Result<(), SigError> {
    let mut text = parts.uri.path().as_bytes().to_vec();
    text.push(b'?');
    let query = parts.uri.query().unwrap_or_default();
    text.extend_from_slice(query.as_bytes());
    for (index, (name, value)) in elements.iter().enumerate() {
        if index > 0 || !query.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        encoding::push_all_encoded(&mut text, value);
    }
    let malformed =
        |_| SigError::Incomplete("The request cannot be presigned: its URI is too long".to_owned());
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(http::uri::PathAndQuery::try_from(text).map_err(malformed)?);
    parts.uri = Uri::from_parts(uri).map_err(|_| {
        SigError::Incomplete("The request cannot be presigned: its URI is malformed".to_owned())
    })?;
    Ok(())
}

fn value(text: &[u8]) -> Result<HeaderValue, SigError> {
    HeaderValue::from_bytes(text)
        .map_err(|_| SigError::Incomplete("An element of the signature cannot stand in a header".to_owned()))
}
