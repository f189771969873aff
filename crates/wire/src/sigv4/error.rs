//! Why a signature was refused, in the words of each family of services.

use std::{borrow::Cow, fmt};

use super::{SKEW_MS, encoding::basic_text};
use crate::{Timestamp, model::Protocol};

/// Why the caller of a request is not known.
///
/// Texts never repeat what the caller sent as credential or signature: people swap key ids and secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigError {
    /// The body is not the one whose digest `x-amz-content-sha256` gives.
    ContentDigest,
    /// The signature is older than the allowed clock skew.
    Expired {
        /// When it was made.
        signed: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// The session token has expired.
    ExpiredToken,
    /// A presigned request was used after its life.
    ExpiredRequest,
    /// Elements of the authentication are absent, malformed or present twice; says which.
    Incomplete(String),
    /// The signature may be right, but not for this day, region or service; says which.
    Misplaced(String),
    /// The signature is not that of the request.
    Mismatch,
    /// The operation needs a caller, and none was named.
    Missing,
    /// The signature is from further in the future than the allowed clock skew.
    NotYetCurrent {
        /// When it was made.
        signed: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// No active access key has this id, or the session token is not one of this server's.
    UnknownKey,
    /// A header that must be covered by the signature is not.
    Unsigned(String),
}

impl SigError {
    /// Error code, HTTP status and message with which a service that speaks `protocol` refuses the request.
    ///
    /// Sources: the "Common Errors" pages of the API references (IAM, STS, KMS, EC2), the IAM User Guide
    /// ("Troubleshoot Signature Version 4 signing"), the S3 API reference ("Error responses") and answers of
    /// AWS quoted in public issue trackers. Where the pages and the answers differ on a status (KMS documents
    /// 403, answers 400), the answers are followed, as SDKs meet those.
    pub fn answer(&self, protocol: Protocol) -> (&'static str, u16, Cow<'static, str>) {
        use SigError::*;
        let (code, status) = match (Family::of(protocol), self) {
            // Answers of KMS, DynamoDB, Kinesis and Cognito: always 400, names end in "Exception".
            (Family::Json, Missing) => ("MissingAuthenticationTokenException", 400),
            (Family::Json, Incomplete(_)) => ("IncompleteSignatureException", 400),
            (Family::Json, UnknownKey) => ("UnrecognizedClientException", 400),
            (Family::Json, ExpiredToken) => ("ExpiredTokenException", 400),
            (Family::Json, _) => ("InvalidSignatureException", 400),
            // Answers of Lambda and EKS: the same names, always 403.
            (Family::RestJson, Missing) => ("MissingAuthenticationTokenException", 403),
            (Family::RestJson, Incomplete(_)) => ("IncompleteSignatureException", 403),
            (Family::RestJson, UnknownKey) => ("UnrecognizedClientException", 403),
            (Family::RestJson, ExpiredToken) => ("ExpiredTokenException", 403),
            (Family::RestJson, _) => ("InvalidSignatureException", 403),
            // S3 API reference, error codes.
            (Family::Xml, ContentDigest) => ("XAmzContentSHA256Mismatch", 400),
            // IAM and STS API references, common errors, and answers of both; a stale request with header
            // authentication is answered SignatureDoesNotMatch, RequestExpired is for presigned ones.
            (Family::Xml | Family::Query, Missing) => ("MissingAuthenticationToken", 403),
            (Family::Xml | Family::Query, Incomplete(_)) => ("IncompleteSignature", 400),
            (Family::Xml | Family::Query, UnknownKey) => ("InvalidClientTokenId", 403),
            (Family::Xml | Family::Query, ExpiredToken) => ("ExpiredToken", 403),
            (Family::Xml | Family::Query, ExpiredRequest) => ("RequestExpired", 400),
            (Family::Xml | Family::Query, _) => ("SignatureDoesNotMatch", 403),
            // EC2 API reference, error codes.
            (Family::Ec2, Missing) => ("MissingAuthenticationToken", 403),
            (Family::Ec2, Incomplete(_)) => ("IncompleteSignature", 400),
            (Family::Ec2, ExpiredToken | ExpiredRequest | Expired { .. } | NotYetCurrent { .. }) => {
                ("RequestExpired", 400)
            }
            (Family::Ec2, _) => ("AuthFailure", 401),
            // XKS Proxy API Specification, "Error codes".
            (Family::Xks, _) => ("AuthenticationFailedException", 401),
        };
        (code, status, self.message(protocol))
    }

    fn message(&self, protocol: Protocol) -> Cow<'static, str> {
        match (self, Family::of(protocol)) {
            (SigError::Expired { .. } | SigError::NotYetCurrent { .. }, Family::Xks) => {
                "The request was signed too long ago, or by a clock that is ahead.".into()
            }
            // EC2 API reference, error codes AuthFailure and RequestExpired.
            (SigError::Mismatch | SigError::UnknownKey | SigError::ContentDigest, Family::Ec2) => {
                "AWS was not able to validate the provided access credentials".into()
            }
            (SigError::ContentDigest, Family::Xml) => {
                "The provided 'x-amz-content-sha256' header does not match what was computed.".into()
            }
            (SigError::Missing, Family::RestJson) => "Missing Authentication Token".into(),
            (SigError::Missing, _) => "Request is missing Authentication Token".into(),
            (SigError::Incomplete(detail) | SigError::Misplaced(detail), _) => detail.clone().into(),
            (SigError::UnknownKey, _) => "The security token included in the request is invalid.".into(),
            (SigError::ExpiredToken, Family::Ec2) | (SigError::ExpiredRequest, _) => {
                "Request has expired.".into()
            }
            (SigError::ExpiredToken, _) => "The security token included in the request is expired".into(),
            (SigError::Mismatch | SigError::ContentDigest, _) => {
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details."
                    .into()
            }
            (SigError::Unsigned(header), _) => {
                format!("{header} must be a 'SignedHeader' in the AWS Authorization.").into()
            }
            (&SigError::Expired { signed, now }, _) => format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                basic_text(signed),
                basic_text(Timestamp(now.0.saturating_sub(SKEW_MS))),
                basic_text(now),
                SKEW_MS / 60_000,
            )
            .into(),
            (&SigError::NotYetCurrent { signed, now }, _) => format!(
                "Signature not yet current: {} is still later than {} ({} + {} min.)",
                basic_text(signed),
                basic_text(Timestamp(now.0.saturating_add(SKEW_MS))),
                basic_text(now),
                SKEW_MS / 60_000,
            )
            .into(),
        }
    }
}

/// The message, as JSON services word it.
impl fmt::Display for SigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Protocol::Json11))
    }
}

impl std::error::Error for SigError {}

/// Services that name these errors alike.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Ec2,
    Json,
    Query,
    RestJson,
    Xks,
    Xml,
}

impl Family {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            // AWS's CBOR services are JSON services that learned another encoding.
            Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => Family::Json,
            Protocol::Ec2Query => Family::Ec2,
            Protocol::Query | Protocol::QueryJson => Family::Query,
            Protocol::RestJson => Family::RestJson,
            Protocol::RestXml => Family::Xml,
            Protocol::Xks => Family::Xks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::encoding::parse_basic, *};

    #[test]
    fn wording_and_codes_by_family() {
        let now = parse_basic("20261121T233500Z").unwrap();
        let stale = SigError::Expired { signed: parse_basic("20261121T231800Z").unwrap(), now };
        let early = SigError::NotYetCurrent { signed: parse_basic("20261122T000000Z").unwrap(), now };
        let cases = [
            (
                &stale,
                Protocol::Query,
                "SignatureDoesNotMatch 403 Signature expired: 20261121T231800Z is now earlier than \
                 20261121T232000Z (20261121T233500Z - 15 min.)",
            ),
            (
                &early,
                Protocol::Json11,
                "InvalidSignatureException 400 Signature not yet current: 20261122T000000Z is still later than \
                 20261121T235000Z (20261121T233500Z + 15 min.)",
            ),
            (
                &SigError::Missing,
                Protocol::Query,
                "MissingAuthenticationToken 403 Request is missing Authentication Token",
            ),
            (
                &SigError::Missing,
                Protocol::RestJson,
                "MissingAuthenticationTokenException 403 Missing Authentication Token",
            ),
            (
                &SigError::UnknownKey,
                Protocol::Json10,
                "UnrecognizedClientException 400 The security token included in the request is invalid.",
            ),
            (
                &SigError::UnknownKey,
                Protocol::Query,
                "InvalidClientTokenId 403 The security token included in the request is invalid.",
            ),
            (
                &SigError::ExpiredToken,
                Protocol::Cbor,
                "ExpiredTokenException 400 The security token included in the request is expired",
            ),
            (
                &SigError::Unsigned("'Host' or ':authority'".to_owned()),
                Protocol::Json11,
                "InvalidSignatureException 400 'Host' or ':authority' must be a 'SignedHeader' in the AWS \
                 Authorization.",
            ),
            (&SigError::ExpiredRequest, Protocol::Query, "RequestExpired 400 Request has expired."),
            (
                &SigError::Mismatch,
                Protocol::Ec2Query,
                "AuthFailure 401 AWS was not able to validate the provided access credentials",
            ),
        ];
        for (error, protocol, expected) in cases {
            let (code, status, message) = error.answer(protocol);
            assert_eq!(format!("{code} {status} {message}"), expected);
        }
    }
}
