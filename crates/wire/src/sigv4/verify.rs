//! Checking a presented signature against the request it came with.

use aws_lc_rs::{constant_time, digest};
use http::request::Parts;

use super::{
    Form, Presented, SKEW_MS, SigError, SigningKey,
    canonical::{PathRule, Request, canonical_request},
    encoding, is_s3,
    parse::{X_AMZ_CONTENT_SHA256, single},
};
use crate::{Timestamp, xks};

/// What stands for the digest of a body that is not signed.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

impl Presented {
    /// Succeeds if the holder of `key`'s secret signed this request for this moment. `parts` must be the ones
    /// this was read from, `body` the whole body, `key` the one for [`Self::scope`].
    ///
    /// # Errors
    /// Those of [`Self::check_time`]; [`SigError::ContentDigest`] if the body is not the announced one;
    /// [`SigError::Mismatch`] for all other differences.
    pub fn verify(
        &self,
        parts: &Parts,
        body: &[u8],
        key: &SigningKey,
        now: Timestamp,
    ) -> Result<(), SigError> {
        self.check_time(now)?;
        let payload = self.payload(parts, body)?;
        let rule = PathRule::of_service(&self.scope.service);
        let mut buffer = canonical_request(&Request::of(parts), rule, &self.signed_headers, &payload)?;
        let digest = digest::digest(&digest::SHA256, &buffer);
        let expected = key.sign(&self.date_time, &self.scope, digest.as_ref(), &mut buffer);
        constant_time::verify_slices_are_equal(&expected, &self.signature).map_err(|_| SigError::Mismatch)
    }

    /// Succeeds if the request was signed within 15 minutes (5 where it is for an external key store proxy) of `now` or, presigned,
    /// at most as long from now and not longer ago than it lives.
    ///
    /// # Errors
    /// [`SigError::Expired`], [`SigError::NotYetCurrent`] or [`SigError::ExpiredRequest`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), SigError> {
        let signed = self.timestamp;
        let age_ms = now.0.saturating_sub(signed.0);
        let skew_ms = if self.scope.service == xks::SIGNING_NAME { xks::SKEW_MS } else { SKEW_MS };
        if age_ms < -skew_ms {
            return Err(SigError::NotYetCurrent { signed, now });
        }
        match self.form {
            Form::Header if age_ms > skew_ms => Err(SigError::Expired { signed, now }),
            Form::Presigned { expires_seconds } if age_ms > i64::from(expires_seconds) * 1000 => {
                Err(SigError::ExpiredRequest)
            }
            Form::Header | Form::Presigned { .. } => Ok(()),
        }
    }

    /// Succeeds if the signature is for the service whose signing name is `service`, in a region that `is_served`
    /// says is one of this server's.
    ///
    /// # Errors
    /// [`SigError::Misplaced`].
    pub fn check_scope(&self, service: &str, is_served: impl FnOnce(&str) -> bool) -> Result<(), SigError> {
        if !is_served(&self.scope.region) {
            let region = &self.scope.region;
            return Err(SigError::Misplaced(format!(
                "Credential should be scoped to a valid region, not '{region}'."
            )));
        }
        if self.scope.service != service {
            return Err(SigError::Misplaced(format!(
                "Credential should be scoped to correct service: '{service}'."
            )));
        }
        Ok(())
    }

    /// Last line of the canonical request.
    fn payload(&self, parts: &Parts, body: &[u8]) -> Result<Vec<u8>, SigError> {
        let announced = single(&parts.headers, &X_AMZ_CONTENT_SHA256)?;
        if is_s3(&self.scope.service) {
            let unsigned = match (announced, self.form) {
                (Some(announced), _) => announced == UNSIGNED_PAYLOAD,
                (None, Form::Presigned { .. }) => true,
                (None, Form::Header) => false,
            };
            if unsigned {
                return Ok(UNSIGNED_PAYLOAD.as_bytes().to_vec());
            }
        }
        let digest = body_digest(body);
        match announced {
            Some(announced) if announced.as_bytes() != digest => Err(SigError::ContentDigest),
            _ => Ok(digest),
        }
    }
}

/// SHA-256 of `body` in lower-case hexadecimal digits.
pub(super) fn body_digest(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    encoding::push_hex(&mut out, digest::digest(&digest::SHA256, body).as_ref());
    out
}
