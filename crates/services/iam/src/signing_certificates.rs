//! X.509 signing certificates of users and of the root user.

use crate::access::Ask;
use crate::credentials::{Dated, Kept, Owner, is_active, status};
use crate::entity::seconds;
use crate::errors::{invalid_input, no_such_entity};
use crate::page::Pager;
use crate::users::{Subject, subject};
use crate::{Iam, api, api::ops, limits};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform::{Cx, Fault, Handle, Table};
use primitives::Hash;
use serde::{Deserialize, Serialize};
use wire::{Timestamp, Unit};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

pub(crate) const CERTIFICATES: Kept<Certificate> =
    Kept::new("iam/signing-certificates", limits::SIGNING_CERTIFICATES, "SigningCertificatesPerUser");

/// The id of a certificate, by account and digest: an account has each once.
const BY_DIGEST: Table<String> = Table::new("iam/signing-certificate-digests");

/// A signing certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Certificate {
    /// In milliseconds since the epoch.
    created: i64,
    pub(crate) active: bool,
    /// As it was given.
    body: String,
    /// The digest of its DER.
    digest: String,
}

impl Dated for Certificate {
    fn created(&self) -> i64 {
        self.created
    }
}

impl Certificate {
    fn answer(&self, holder: &Subject, id: &str) -> api::SigningCertificate {
        api::SigningCertificate {
            user_name: holder.name(),
            certificate_id: id.to_owned(),
            certificate_body: self.body.clone(),
            status: status(self.active),
            upload_date: Some(seconds(self.created)),
        }
    }
}

/// The digest of the one certificate in a text, if it is good now.
fn check(body: &str, now: Timestamp) -> Result<String, Fault> {
    let malformed = |message| Fault::new("MalformedCertificateException", message);
    let unparsed = || malformed("Invalid Certificate");
    let (rest, pem) = parse_x509_pem(body.as_bytes()).map_err(|_| unparsed())?;
    if pem.label != "CERTIFICATE" || !rest.trim_ascii().is_empty() {
        return Err(unparsed());
    }
    let (rest, certificate) = X509Certificate::from_der(&pem.contents).map_err(|_| unparsed())?;
    if !rest.is_empty() {
        return Err(unparsed());
    }
    let validity = certificate.validity();
    let now =
        ASN1Time::from_timestamp(now.epoch_seconds()).map_err(|_| Fault::bug("a time without a date"))?;
    if now > validity.not_after {
        return Err(malformed("The certificate has expired."));
    }
    let invalid = |message| Fault::new("InvalidCertificateException", message);
    if now < validity.not_before {
        return Err(invalid("The certificate is not valid yet."));
    }
    if certificate.public_key().parsed().is_err() {
        return Err(invalid("The key of the certificate is not of a known kind."));
    }
    let own = certificate.subject().as_raw() == certificate.issuer().as_raw();
    if own && certificate.verify_signature(None).is_err() {
        return Err(invalid("The signature of the certificate is not its own."));
    }
    Ok(URL_SAFE_NO_PAD.encode(Hash::Sha256.digest(&pem.contents)))
}

/// A certificate of whom an operation concerns.
fn certificate(
    cx: &mut Cx<'_>,
    action: &'static str,
    user: Option<&String>,
    id: &str,
) -> Result<(Owner, Certificate), Fault> {
    let holder = subject(cx, Ask::to(action), user.map(String::as_str))?;
    let owner = Owner::of(cx, &holder);
    let missing = || no_such_entity(format!("The Certificate with id {id} cannot be found."));
    let found = CERTIFICATES.get(&mut cx.tx, &owner, id)?.ok_or_else(missing)?;
    Ok((owner, found))
}

impl Handle<ops::UploadSigningCertificate> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::UploadSigningCertificateRequest,
    ) -> Result<api::UploadSigningCertificateResponse, Fault> {
        let holder = subject(cx, Ask::to("iam:UploadSigningCertificate"), input.user_name.as_deref())?;
        let owner = Owner::of(cx, &holder);
        let digest = check(&input.certificate_body, cx.now())?;
        if BY_DIGEST.get(&mut cx.tx, &[&owner.account, &digest])?.is_some() {
            let message = "The certificate is associated with a user of the account already.";
            return Err(Fault::new("DuplicateCertificateException", message));
        }
        let id = platform::ids::certificate(cx.random());
        let body = input.certificate_body.clone();
        let certificate = Certificate { created: cx.now().0, active: true, body, digest };
        CERTIFICATES.add(&mut cx.tx, &owner, &id, &certificate)?;
        BY_DIGEST.put(&mut cx.tx, &[&owner.account, &certificate.digest], &id)?;
        Ok(api::UploadSigningCertificateResponse { certificate: certificate.answer(&holder, &id) })
    }
}

impl Handle<ops::ListSigningCertificates> for Iam {
    fn handle(
        &self,
        cx: &mut Cx<'_>,
        input: &api::ListSigningCertificatesRequest,
    ) -> Result<api::ListSigningCertificatesResponse, Fault> {
        let holder = subject(cx, Ask::to("iam:ListSigningCertificates"), input.user_name.as_deref())?;
        let owner = Owner::of(cx, &holder);
        let list = format!("signing-certificates/{}", owner.id);
        let mut pager = Pager::begin(cx, &list, input.marker.as_ref(), input.max_items)?;
        let rows = CERTIFICATES.all(&mut cx.tx, &owner)?.into_iter();
        pager.entries(0, rows.map(|(id, certificate)| certificate.answer(&holder, &id)));
        let page = pager.end(cx)?;
        Ok(api::ListSigningCertificatesResponse {
            certificates: page.items,
            is_truncated: Some(page.is_truncated),
            marker: page.marker,
        })
    }
}

impl Handle<ops::UpdateSigningCertificate> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::UpdateSigningCertificateRequest) -> Result<Unit, Fault> {
        let id = &input.certificate_id;
        let action = "iam:UpdateSigningCertificate";
        let (owner, mut found) = certificate(cx, action, input.user_name.as_ref(), id)?;
        let refused = || invalid_input("A signing certificate cannot be given the status Expired.");
        found.active = is_active(input.status).ok_or_else(refused)?;
        CERTIFICATES.put(&mut cx.tx, &owner, id, &found)?;
        Ok(Unit)
    }
}

impl Handle<ops::DeleteSigningCertificate> for Iam {
    fn handle(&self, cx: &mut Cx<'_>, input: &api::DeleteSigningCertificateRequest) -> Result<Unit, Fault> {
        let id = &input.certificate_id;
        let action = "iam:DeleteSigningCertificate";
        let (owner, found) = certificate(cx, action, input.user_name.as_ref(), id)?;
        BY_DIGEST.delete(&mut cx.tx, &[&owner.account, &found.digest]);
        CERTIFICATES.delete(&mut cx.tx, &owner, id);
        Ok(Unit)
    }
}
