//! The main job with the AWS SDK for Rust. Endpoint and credentials come from the environment; what was seen goes to standard output,
//! a line each, for test_rust.py to judge. With arguments it signs a request instead: see [`signer`].

mod signer;

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kms::operation::RequestId;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, GrantOperation, Tag};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(way) = arguments.next() {
        if let Err(error) = signer::sign(&way, &arguments.collect::<Vec<_>>()) {
            eprintln!("{error}");
            std::process::exit(1);
        }
        return;
    }
    if let Err(error) = job().await {
        eprintln!("{}", DisplayErrorContext(&*error));
        std::process::exit(1);
    }
}

fn seen(name: &str, value: impl std::fmt::Display) {
    println!("{name}={value}");
}

async fn job() -> Result<(), Box<dyn Error>> {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let kms = Client::new(&aws_config::from_env().http_client(http).load().await);

    let tag = Tag::builder().tag_key("a").tag_value("b").build()?;
    let key = kms.create_key().description("from Rust").tags(tag).send().await?;
    let key = key.key_metadata().ok_or("no metadata")?.clone();
    let arn = key.arn().ok_or("no ARN")?;
    seen("key", arn);
    seen("state", key.key_state().ok_or("no state")?);
    seen("created", key.creation_date().ok_or("no date")?.secs() > 1_700_000_000);

    let sealed = kms
        .encrypt()
        .key_id(arn)
        .plaintext(Blob::new("attack at dawn"))
        .encryption_context("purpose", "test")
        .send()
        .await?;
    let sealed = sealed.ciphertext_blob().ok_or("no ciphertext")?.clone();
    let opened =
        kms.decrypt().ciphertext_blob(sealed.clone()).encryption_context("purpose", "test").send().await?;
    seen("opened", String::from_utf8_lossy(opened.plaintext().ok_or("no plaintext")?.as_ref()));
    let error = kms.decrypt().ciphertext_blob(sealed).send().await.err().ok_or("it opens without context")?;
    seen("request", error.request_id().is_some());
    let error = error.into_service_error();
    seen("without-context", error.is_invalid_ciphertext_exception());

    let made = kms.generate_data_key().key_id(arn).key_spec(DataKeySpec::Aes256).send().await?;
    let again =
        kms.decrypt().ciphertext_blob(made.ciphertext_blob().ok_or("no ciphertext")?.clone()).send().await?;
    seen("data-key", made.plaintext() == again.plaintext());

    for n in 0..3 {
        kms.create_alias().alias_name(format!("alias/rust-{n}")).target_key_id(arn).send().await?;
    }
    let mut pages = kms.list_aliases().key_id(arn).limit(2).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page: Vec<_> =
            page?.aliases().iter().filter_map(|alias| alias.alias_name().map(str::to_owned)).collect();
        names.push(page.join(","));
    }
    seen("aliases", names.join(" "));

    let grantee = format!("arn:aws:iam::{}:root", key.aws_account_id().ok_or("no account")?);
    let grant = kms
        .create_grant()
        .key_id(arn)
        .grantee_principal(grantee)
        .operations(GrantOperation::Decrypt)
        .send()
        .await?;
    seen("grant", grant.grant_id().ok_or("no grant")?.len());

    kms.disable_key().key_id(arn).send().await?;
    let error = kms.encrypt().key_id(arn).plaintext(Blob::new("x")).send().await.err();
    let error = error.ok_or("a disabled key encrypts")?.into_service_error();
    seen("disabled", error.is_disabled_exception());
    seen("message", error.message().unwrap_or_default());
    let error = kms.describe_key().key_id("alias/absent").send().await.err().ok_or("it is there")?;
    seen("absent", error.into_service_error().is_not_found_exception());
    Ok(())
}
