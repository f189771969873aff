//! What a call with a key pair costs beyond the primitive, which is measured in this process in the same run.

use crate::client::Connection;
use crate::report::{line, row};
use crate::{Case, Failure, Run, in_turn, key_id, process};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PSS_SHA256};
use std::time::{Duration, Instant};

/// The message that is signed, and the plaintext: 32 bytes, here and in base64.
const MESSAGE: [u8; 32] = [0; 32];
const MESSAGE_TEXT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// How much a call may take over the primitive, beside what a call takes without one.
const ADDED_MAX: f64 = 0.1;

/// Measures a primitive: the CPU time of one run, in microseconds.
type Primitive = fn() -> Result<f64, Failure>;

/// Measures Sign and Decrypt with key pairs, and tells how they compare to the primitive and a symmetric call (`encrypt`).
pub(crate) async fn measure(run: &Run, bare: &Run, encrypt: &Case) -> Result<(), Failure> {
    let mut kms = Connection::open(&run.target, "kms").await?;
    let cases: [(Case, Primitive); 3] = [
        (signing(&mut kms, "RSA_2048", "RSASSA_PSS_SHA_256").await?, rsa_signature),
        (signing(&mut kms, "ECC_NIST_P256", "ECDSA_SHA_256").await?, ecdsa_signature),
        (decryption(&mut kms).await?, rsa_decryption),
    ];
    for (case, primitive) in cases {
        let before = on_all_cores(primitive)?;
        let measured = in_turn(&[(bare, encrypt), (run, encrypt), (run, &case)]).await?;
        let primitive = f64::midpoint(before, on_all_cores(primitive)?);
        let [bare, encrypt, with] = &measured[..] else { continue };
        row(with, bare);
        let added = with.beside(encrypt, |with, encrypt| with.cpu_us() - encrypt.cpu_us()) / primitive - 1.0;
        line(format_args!(
            "    the primitive takes {primitive:.1} µs; the call without that of an Encrypt {:+.0} % of it (aimed at: {:.0} %)",
            added * 100.0,
            ADDED_MAX * 100.0
        ));
    }
    Ok(())
}

/// Measures a primitive on all cores at once, as the server is when 64 callers use it: the mean CPU time, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "counts of cores are small")]
fn on_all_cores(primitive: Primitive) -> Result<f64, Failure> {
    let cores = std::thread::available_parallelism()?.get();
    let threads: Vec<_> = (0..cores).map(|_| std::thread::spawn(primitive)).collect();
    let mut total = 0.0;
    for thread in threads {
        total += thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(total / cores as f64)
}

async fn create(kms: &mut Connection<'_>, spec: &str, usage: &str) -> Result<String, Failure> {
    let body = format!(r#"{{"KeySpec":"{spec}","KeyUsage":"{usage}"}}"#);
    key_id(&kms.call("TrentService.CreateKey", &body).await?)
}

async fn signing(kms: &mut Connection<'_>, spec: &str, algorithm: &str) -> Result<Case, Failure> {
    let key = create(kms, spec, "SIGN_VERIFY").await?;
    let body = format!(
        r#"{{"KeyId":"{key}","Message":"{MESSAGE_TEXT}","MessageType":"RAW","SigningAlgorithm":"{algorithm}"}}"#
    );
    Ok(Case::kms(&format!("Sign, {spec}"), "TrentService.Sign", body))
}

async fn decryption(kms: &mut Connection<'_>) -> Result<Case, Failure> {
    let key = create(kms, "RSA_2048", "ENCRYPT_DECRYPT").await?;
    let with = |name, text: &str| {
        format!(r#"{{"KeyId":"{key}","EncryptionAlgorithm":"RSAES_OAEP_SHA_256","{name}":"{text}"}}"#)
    };
    let sealed = kms.call("TrentService.Encrypt", &with("Plaintext", MESSAGE_TEXT)).await?;
    let sealed = sealed.get("CiphertextBlob").and_then(|blob| blob.as_str()).ok_or("no ciphertext")?;
    Ok(Case::kms("Decrypt, RSA_2048", "TrentService.Decrypt", with("CiphertextBlob", sealed)))
}

fn rsa_signature() -> Result<f64, Failure> {
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let mut signature = vec![0; pair.public_modulus_len()];
    primitive(|| Ok(pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), &MESSAGE, &mut signature)?))
}

fn ecdsa_signature() -> Result<f64, Failure> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    primitive(|| Ok(pair.sign(&SystemRandom::new(), &MESSAGE).map(|_| ())?))
}

fn rsa_decryption() -> Result<f64, Failure> {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
    let public = OaepPublicEncryptingKey::new(key.public_key())?;
    let private = OaepPrivateDecryptingKey::new(key)?;
    let (mut sealed, mut opened) = (vec![0; public.ciphertext_size()], vec![0; private.min_output_size()]);
    let sealed = public.encrypt(&OAEP_SHA256_MGF1SHA256, &MESSAGE, &mut sealed, None)?;
    primitive(|| {
        let opened = private.decrypt(&OAEP_SHA256_MGF1SHA256, sealed, &mut opened, None);
        Ok(opened.map(|_| ())?)
    })
}

/// The CPU time of one run of a primitive, in microseconds, over about a second.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn primitive(mut run: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let (began, before) = (Instant::now(), process::own_cpu()?);
    let mut count = 0_u64;
    while began.elapsed() < Duration::from_secs(1) {
        run()?;
        count += 1;
    }
    let used = process::own_cpu()?.saturating_sub(before);
    Ok(used.as_secs_f64() * 1e6 / count as f64)
}
