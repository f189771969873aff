//! The signer of the AWS SDK for Rust, which signs in headers and in the query string.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign as signed,
};
use aws_sigv4::sign::v4::SigningParams;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// Signs in `header` or `query` as credentials of the environment. Takes service, region, method, URL, body, and then names and values of
/// headers by turns; prints what is to be added, a name and a value a line.
pub fn sign(way: &str, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [service, region, method, url, body, headers @ ..] = arguments else {
        return Err("too few arguments".into());
    };
    let (pairs, []) = headers.as_chunks::<2>() else { return Err("a header without a value".into()) };
    let of = std::env::var;
    let token = of("AWS_SESSION_TOKEN").ok();
    let credentials =
        Credentials::new(of("AWS_ACCESS_KEY_ID")?, of("AWS_SECRET_ACCESS_KEY")?, token, None, "environment");
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    if way == "query" {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(300));
    }
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let headers = pairs.iter().map(|[name, value]| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(method, url, headers, SignableBody::Bytes(body.as_bytes()))?;
    let (added, asked) = signed(request, &parameters)?.into_parts().0.into_parts();
    for header in &added {
        println!("{} {}", header.name(), header.value());
    }
    for (name, value) in &asked {
        println!("{name} {value}");
    }
    Ok(())
}
