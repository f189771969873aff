//! What a request presents as its authentication, read but not yet believed.

use std::fmt;

use http::{HeaderMap, HeaderName, header, request::Parts};

use super::{
    ACCESS_KEY_ID_BYTES_MAX, ALGORITHM, AUTHORIZATION_BYTES_MAX, EXPIRES_SECONDS_DEFAULT,
    EXPIRES_SECONDS_MAX, SESSION_TOKEN_BYTES_MAX, SIGNED_HEADERS_MAX, Scope, SigError, TERMINATOR,
    canonical::host,
    encoding::{self, BASIC_BYTES},
    is_s3,
};
use crate::Timestamp;

/// An access key named by a request, and the signature to check with that key's secret.
#[derive(Clone)]
pub struct Presented {
    /// Id of the access key.
    pub access_key_id: String,
    /// Day, region and service of the signature. Whether they are this server's is for [`Self::check_scope`].
    pub scope: Scope,
    /// When the request was signed, by the caller's clock.
    pub timestamp: Timestamp,
    /// Session token that came along; the signature covers it.
    pub session_token: Option<String>,
    /// Where the authentication was found.
    pub form: Form,
    /// Covered headers, as signed: lower case, strictly ascending, joined by `;`.
    pub(super) signed_headers: String,
    pub(super) signature: [u8; 32],
    /// `timestamp` as the string to sign has it.
    pub(super) date_time: [u8; BASIC_BYTES],
}

/// Leaves out the token and the signature.
impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("timestamp", &self.timestamp)
            .field("form", &self.form)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

/// The two ways to present a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header; good for as long as clocks may differ.
    Header,
    /// In the query string; good for a time that the signer chose.
    Presigned {
        /// That time, from [`Presented::timestamp`] on; 1 to [`EXPIRES_SECONDS_MAX`].
        expires_seconds: u32,
    },
}

/// Reads the authentication of a request; `None` if it has none, that is, if the caller is anonymous.
///
/// # Errors
/// [`SigError::Incomplete`] if elements are absent, malformed, contradictory or present twice;
/// [`SigError::Unsigned`] if the signature leaves out a header it must cover; [`SigError::Misplaced`] if the
/// scope is of another day than the request; [`SigError::Mismatch`] if the signature can be none.
pub fn parse(parts: &Parts) -> Result<Option<Presented>, SigError> {
    let query = QueryElements::read(parts.uri.query().unwrap_or_default())?;
    let presented = match (single(&parts.headers, &header::AUTHORIZATION)?, query) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(incomplete(
                "Only one form of authentication is allowed: the Authorization header or the query string",
            ));
        }
        (Some(authorization), None) => from_header(&parts.headers, authorization)?,
        (None, Some(elements)) => from_query(&parts.headers, elements)?,
    };
    if host(parts).is_none() {
        return Err(incomplete("The request must name exactly one host in 'Host' or ':authority'"));
    }
    check_coverage(&parts.headers, &presented.signed_headers)?;
    Ok(Some(presented))
}

fn from_header(headers: &HeaderMap, authorization: &str) -> Result<Presented, SigError> {
    if authorization.len() > AUTHORIZATION_BYTES_MAX {
        return Err(incomplete("The Authorization header is too long"));
    }
    let (scheme, elements) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let ([mut credential, mut signed_headers, mut signature], known) = ([None; 3], scheme == ALGORITHM);
    for element in elements.split(',').filter(|_| known).map(str::trim).filter(|element| !element.is_empty())
    {
        let (name, value) = element.split_once('=').ok_or_else(|| {
            incomplete("Not a valid key=value pair (missing equal-sign) in Authorization header")
        })?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("The Authorization header has an unknown parameter")),
        };
        if slot.replace(value).is_some() {
            return Err(incomplete(&format!("Authorization header has more than one '{name}' parameter")));
        }
    }
    let date = signing_date(headers)?;
    if let (Some(credential), Some(signed_headers), Some(signature), Some(timestamp)) =
        (credential, signed_headers, signature, date)
    {
        let session_token = single(headers, &X_AMZ_SECURITY_TOKEN)?.map(str::to_owned);
        return build(Elements {
            credential,
            signed_headers,
            signature,
            timestamp,
            session_token,
            form: Form::Header,
        });
    }
    // AWS lists everything that is absent, then the header itself, of which the algorithm is enough.
    let mut text = String::new();
    for (name, value) in
        [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)]
    {
        if value.is_none() {
            text.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if date.is_none() {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    text.push_str(if known { "Authorization=AWS4-HMAC-SHA256" } else { "Unsupported AWS 'algorithm'" });
    Err(SigError::Incomplete(text))
}

/// Time of a request with header authentication: `X-Amz-Date`, else `Date`.
fn signing_date(headers: &HeaderMap) -> Result<Option<Timestamp>, SigError> {
    let (text, date) = match single(headers, &X_AMZ_DATE)? {
        Some(text) => (text, encoding::parse_basic(text)),
        None => match single(headers, &header::DATE)? {
            Some(text) => (text, encoding::parse_date_header(text)),
            None => return Ok(None),
        },
    };
    date.map(Some).ok_or_else(|| malformed_date(text))
}

fn from_query(headers: &HeaderMap, elements: QueryElements) -> Result<Presented, SigError> {
    let QueryElements { algorithm, credential, date, expires, signed_headers, signature, token } = elements;
    let (Some(algorithm), Some(credential), Some(date), Some(signed_headers), Some(signature)) =
        (algorithm, credential, date, signed_headers, signature)
    else {
        return Err(incomplete(
            "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', \
             'X-Amz-SignedHeaders' and 'X-Amz-Signature'",
        ));
    };
    if algorithm != ALGORITHM {
        return Err(incomplete("Unsupported AWS 'algorithm'"));
    }
    let timestamp = encoding::parse_basic(&date).ok_or_else(|| malformed_date(&date))?;
    let needs_expires = credential.split('/').nth(3).is_some_and(is_s3);
    let expires_seconds = match expires.as_deref() {
        None if !needs_expires => Some(EXPIRES_SECONDS_DEFAULT),
        expires => expires
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds)),
    };
    let expires_seconds = expires_seconds.ok_or_else(|| {
        SigError::Incomplete(format!("X-Amz-Expires must be a number from 1 to {EXPIRES_SECONDS_MAX}"))
    })?;
    if headers.contains_key(&X_AMZ_SECURITY_TOKEN) {
        return Err(incomplete("X-Amz-Security-Token belongs with the other elements in the query string"));
    }
    build(Elements {
        credential: &credential,
        signed_headers: &signed_headers,
        signature: &signature,
        timestamp,
        session_token: token,
        form: Form::Presigned { expires_seconds },
    })
}

struct Elements<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    timestamp: Timestamp,
    session_token: Option<String>,
    form: Form,
}

fn build(elements: Elements<'_>) -> Result<Presented, SigError> {
    let Elements { credential, signed_headers, signature, timestamp, session_token, form } = elements;
    let (access_key_id, scope) = parse_credential(credential)?;
    let date_time = encoding::basic(timestamp).ok_or_else(|| malformed_date(""))?;
    if date_time.get(..8) != Some(scope.date.as_bytes()) {
        let date_time = String::from_utf8_lossy(&date_time);
        return Err(SigError::Misplaced(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
             '{}', from '{date_time}'.",
            scope.date,
            date_time.get(..8).unwrap_or_default(),
        )));
    }
    if session_token.as_ref().is_some_and(|token| token.is_empty() || token.len() > SESSION_TOKEN_BYTES_MAX) {
        return Err(SigError::UnknownKey);
    }
    check_signed_headers(signed_headers)?;
    let mut bytes = [0; 32];
    // Only lower case is a signature: it is compared as text at AWS.
    if signature.bytes().any(|byte| byte.is_ascii_uppercase())
        || hex::decode_to_slice(signature, &mut bytes).is_err()
    {
        return Err(SigError::Mismatch);
    }
    Ok(Presented {
        access_key_id,
        scope,
        timestamp,
        session_token,
        form,
        signed_headers: signed_headers.to_owned(),
        signature: bytes,
        date_time,
    })
}

fn parse_credential(credential: &str) -> Result<(String, Scope), SigError> {
    let mut pieces = credential.split('/');
    let (Some(id), Some(date), Some(region), Some(service), Some(terminator), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
        ));
    };
    if terminator != TERMINATOR {
        return Err(SigError::Misplaced(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}'."
        )));
    }
    let scope = Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() };
    if !scope.is_well_formed() {
        return Err(incomplete("Credential has a malformed date, region or service"));
    }
    let is_id = (1..=ACCESS_KEY_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_id {
        return Err(SigError::UnknownKey);
    }
    Ok((id.to_owned(), scope))
}

/// Requires lower-case names in strictly ascending order, so that a set of headers has one list.
fn check_signed_headers(list: &str) -> Result<(), SigError> {
    let mut previous = "";
    for (index, name) in list.split(';').enumerate() {
        let is_token = name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
        if index >= SIGNED_HEADERS_MAX || !is_token || name <= previous {
            return Err(incomplete("SignedHeaders must be lower-case header names in ascending order"));
        }
        previous = name;
    }
    Ok(())
}

/// Refuses signatures that leave out `host` or an `x-amz-*` header.
fn check_coverage(headers: &HeaderMap, signed: &str) -> Result<(), SigError> {
    if signed.split(';').all(|name| name != "host") {
        return Err(SigError::Unsigned("'Host' or ':authority'".to_owned()));
    }
    for name in headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-")) {
        if signed.split(';').all(|covered| covered != name) {
            return Err(SigError::Unsigned(format!("'{name}'")));
        }
    }
    Ok(())
}

/// The elements of query authentication, decoded. `None` in one: absent.
#[derive(Default)]
struct QueryElements {
    algorithm: Option<String>,
    credential: Option<String>,
    date: Option<String>,
    expires: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    token: Option<String>,
}

impl QueryElements {
    /// `None` if the query string has no element at all.
    fn read(query: &str) -> Result<Option<Self>, SigError> {
        let mut elements = QueryElements::default();
        let mut found = false;
        for (name, value) in encoding::query_pairs(query) {
            // Names that are not UTF-8 are none of these.
            let Some(name) = encoding::decode_query(name) else { continue };
            let slot = match name.as_ref() {
                "X-Amz-Algorithm" => &mut elements.algorithm,
                "X-Amz-Credential" => &mut elements.credential,
                "X-Amz-Date" => &mut elements.date,
                "X-Amz-Expires" => &mut elements.expires,
                "X-Amz-SignedHeaders" => &mut elements.signed_headers,
                "X-Amz-Signature" => &mut elements.signature,
                "X-Amz-Security-Token" => &mut elements.token,
                _ => continue,
            };
            let value = encoding::decode_query(value)
                .ok_or_else(|| SigError::Incomplete(format!("The value of '{name}' is not UTF-8")))?;
            if slot.replace(value.into_owned()).is_some() {
                return Err(SigError::Incomplete(format!("The query string has more than one '{name}'")));
            }
            found = true;
        }
        Ok(found.then_some(elements))
    }
}

/// Names of headers that each request is asked for, made once.
pub(super) static X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
static X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The value of a header that may be present once.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, SigError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(SigError::Incomplete(format!("The request has more than one '{name}' header")));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| SigError::Incomplete(format!("The '{name}' header is not ASCII text")))
}

fn incomplete(text: &str) -> SigError {
    SigError::Incomplete(text.to_owned())
}

fn malformed_date(text: &str) -> SigError {
    let text: String = text.chars().take(64).collect();
    SigError::Incomplete(format!(
        "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
    ))
}
