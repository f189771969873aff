//! What hot operations cost in the service itself: one transaction each, with its reads and its decision, but without wire,
//! signature, audit record and commit. Operations with key pairs stand beside what the primitive costs alone, measured in turns.

use keyring::{KeyFile, Keyring, SystemRandom};
use kms::Kms;
use kms::api::{
    CreateGrantRequest, CreateKeyRequest, DecryptRequest, DescribeKeyRequest, EncryptRequest,
    EncryptionAlgorithmSpec, GenerateDataKeyRequest, GrantConstraints, GrantOperation, KeySpec, KeyUsageType,
    SignRequest, SigningAlgorithmSpec, ops,
};
use platform::{
    AccessKey, Call, Caller, Cx, Directory, Env, Fault, Handle, Permissions, Principal, Role, Tx,
};
use primitives::{EncryptionAlgorithm, Hash, KeyPair, Message, PairSpec, SignatureAlgorithm};
use std::hint::black_box;
use std::sync::Arc;
use wire::{Operation, Timestamp};

/// Runs of each measurement.
const RUNS: u64 = 200_000;

struct Deployment {
    store: store::Store,
    env: Env,
    call: Call,
    caller: Caller,
}

impl Deployment {
    fn call<Op: Operation>(&self, input: &Op::Input, commit: bool) -> Result<Op::Output, Fault>
    where
        Kms: Handle<Op>,
    {
        self.call_of::<Op>(&self.caller, input, commit)
    }

    fn call_of<Op: Operation>(
        &self,
        caller: &Caller,
        input: &Op::Input,
        commit: bool,
    ) -> Result<Op::Output, Fault>
    where
        Kms: Handle<Op>,
    {
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let mut cx = Cx::new(tx, &self.env, &self.call, caller);
        let output = Kms::default().handle(&mut cx, input)?;
        let (_, _, _, tx) = cx.finish();
        if commit {
            self.store.commit_blocking(tx.into_txn()).map_err(|error| Fault::bug(error.to_string()))?;
        }
        Ok(output)
    }

    fn measure<Op: Operation>(&self, what: &str, input: &Op::Input) -> Result<(), Fault>
    where
        Kms: Handle<Op>,
    {
        let start = cpu_nanos();
        for _ in 0..RUNS {
            black_box(self.call::<Op>(black_box(input), false)?);
        }
        let each = (cpu_nanos() - start) / RUNS;
        eprintln!("{what:<40} {each:>7} ns of CPU");
        Ok(())
    }
}

/// Turns in which a primitive and the operation around it are measured; the best of each counts.
const TURNS: u64 = 10;

/// Nanoseconds that a run takes.
fn each(runs: u64, mut work: impl FnMut() -> Result<(), Fault>) -> Result<u64, Fault> {
    let start = cpu_nanos();
    for _ in 0..runs {
        work()?;
    }
    Ok((cpu_nanos() - start) / runs)
}

/// Prints what an operation costs beside its primitive.
fn compare(
    what: &str,
    runs: u64,
    mut primitive: impl FnMut() -> Result<(), Fault>,
    mut operation: impl FnMut() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (mut alone, mut within) = (u64::MAX, u64::MAX);
    for _ in 0..TURNS {
        alone = alone.min(each(runs, &mut primitive)?);
        within = within.min(each(runs, &mut operation)?);
    }
    let added = within.saturating_sub(alone);
    let percent = added as f64 * 100.0 / alone as f64;
    eprintln!(
        "{what:<40} {within:>7} ns of CPU, {alone:>7} of them the primitive: {added} more, {percent:.1} %"
    );
    Ok(())
}

/// What this thread has had of a CPU, which other work on the machine distorts less than time that passed.
fn cpu_nanos() -> u64 {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    statistics.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
}

/// Knows the root user alone.
struct RootOnly(Arc<Permissions>);

impl Directory for RootOnly {
    fn access_key(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<AccessKey>, Fault> {
        Ok(None)
    }

    fn permissions(&self, _: &mut Tx<'_>, _: &Caller) -> Result<Option<Arc<Permissions>>, Fault> {
        Ok(Some(Arc::clone(&self.0)))
    }

    fn role(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<Role>, Fault> {
        Ok(None)
    }

    fn managed_policy_id(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn unique_id(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn note_use(&self, _: &mut Tx<'_>, _: &str, _: &Call, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

fn root_of(account: &str) -> Caller {
    Caller { principal: Principal::Root { account: account.to_owned() }, access_key_id: None, session: None }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    std::fs::create_dir(&data)?;
    let random = Arc::new(SystemRandom);
    let seal = KeyFile::create(&directory.path().join("key"), &*random)?;
    let keyring = Keyring::create(&data.join("keyring"), &seal, Arc::clone(&random) as _)?;
    let deployment = Deployment {
        store: store::Store::open(store::Memory::new())?,
        env: Env::new(keyring, random, Arc::new(RootOnly(Arc::default()))),
        call: Call {
            request_id: "request".to_owned(),
            event_id: "event".to_owned(),
            now: Timestamp(0),
            region: "us-east-1".to_owned(),
            source_ip: "127.0.0.1".to_owned(),
            user_agent: None,
            referer: None,
            host: None,
            secure: false,
            tls: None,
            client: platform::Client::default(),
        },
        caller: root_of("111111111111"),
    };
    measure(&deployment).map_err(|fault| format!("{}: {}", fault.code(), fault.for_operator()))?;
    Ok(())
}

fn measure(deployment: &Deployment) -> Result<(), Fault> {
    let key = deployment.call::<ops::CreateKey>(&CreateKeyRequest::default(), true)?;
    let key_id = key.key_metadata.and_then(|key| key.arn).unwrap_or_default();
    let encryption_context = Some([("purpose".to_owned(), "benchmark".to_owned())].into());
    let encrypt = EncryptRequest {
        key_id: key_id.clone(),
        plaintext: vec![7; 64].into(),
        encryption_context: encryption_context.clone(),
        ..EncryptRequest::default()
    };
    let ciphertext_blob = deployment.call::<ops::Encrypt>(&encrypt, true)?.ciphertext_blob;
    let decrypt = DecryptRequest {
        ciphertext_blob,
        encryption_context: encryption_context.clone(),
        ..DecryptRequest::default()
    };
    let data_key = GenerateDataKeyRequest {
        key_id: key_id.clone(),
        number_of_bytes: Some(32),
        encryption_context,
        ..GenerateDataKeyRequest::default()
    };
    let describe = DescribeKeyRequest { key_id, ..DescribeKeyRequest::default() };
    for _ in 0..2 {
        deployment.measure::<ops::DescribeKey>("DescribeKey", &describe)?;
        deployment.measure::<ops::Encrypt>("Encrypt, 64 bytes", &encrypt)?;
        deployment.measure::<ops::Decrypt>("Decrypt, 64 bytes", &decrypt)?;
        deployment.measure::<ops::GenerateDataKey>("GenerateDataKey, 32 bytes", &data_key)?;
    }
    measure_pairs(deployment)?;
    measure_grants(deployment)
}

/// Grants that a key can have (KMS Developer Guide, "Quotas").
const GRANTS: u32 = 50_000;

/// Encrypt by a grant, on a key with one grant and with all that it can have: of as many grantees, and of one alone, whose grants have a
/// constraint each and where only the last made permits it.
fn measure_grants(deployment: &Deployment) -> Result<(), Fault> {
    let account = |number: u32| format!("{:012}", 200_000_000_000_u64 + u64::from(number));
    let pairs = |number: u32| [("number".to_owned(), number.to_string())].into();
    for (what, grants, of_one) in [
        ("Encrypt by the only grant", 1, false),
        ("Encrypt by one of 50,000 grants", GRANTS, false),
        ("Encrypt by the last of a grantee's 50,000", GRANTS, true),
    ] {
        let key = deployment.call::<ops::CreateKey>(&CreateKeyRequest::default(), true)?;
        let key_id = key.key_metadata.and_then(|key| key.arn).unwrap_or_default();
        let start = cpu_nanos();
        let grant = |number: u32| {
            let constraints = of_one.then(|| GrantConstraints {
                encryption_context_equals: Some(pairs(number)),
                ..GrantConstraints::default()
            });
            let input = CreateGrantRequest {
                key_id: key_id.clone(),
                grantee_principal: Some(account(if of_one { 0 } else { number })),
                operations: vec![GrantOperation::Encrypt],
                constraints,
                ..CreateGrantRequest::default()
            };
            deployment.call::<ops::CreateGrant>(&input, true)
        };
        for number in 0..grants {
            grant(number)?;
        }
        let made = (cpu_nanos() - start) / u64::from(grants);
        if grants == GRANTS && grant(grants).is_ok() {
            return Err(Fault::bug("a key has more grants than it can have"));
        }
        let last = grants - 1;
        let caller = root_of(&account(if of_one { 0 } else { last }));
        let input = EncryptRequest {
            key_id: key_id.clone(),
            plaintext: vec![7; 64].into(),
            encryption_context: Some(pairs(last)),
            ..EncryptRequest::default()
        };
        let runs = if of_one { 200 } else { 20_000 };
        let encrypt = || {
            deployment
                .call_of::<ops::Encrypt>(&caller, black_box(&input), false)
                .map(|made| drop(black_box(made)))
        };
        let each = each(runs, encrypt)?;
        eprintln!("{what:<45} {each:>9} ns of CPU; CreateGrant with its commit {made} ns");
    }
    Ok(())
}

fn measure_pairs(deployment: &Deployment) -> Result<(), Fault> {
    let failed = |error: primitives::Error| Fault::bug(error.to_string());
    let create = |spec, usage| {
        let input =
            CreateKeyRequest { key_spec: Some(spec), key_usage: Some(usage), ..CreateKeyRequest::default() };
        let made = deployment.call::<ops::CreateKey>(&input, true)?;
        Ok::<_, Fault>(made.key_metadata.and_then(|key| key.arn).unwrap_or_default())
    };
    let message = [7; 64];
    let rsa = SigningAlgorithmSpec::RsassaPssSha256;
    for (spec, pair, signing_algorithm, algorithm, runs) in [
        (KeySpec::Rsa2048, PairSpec::Rsa2048, rsa, SignatureAlgorithm::RsaPss(Hash::Sha256), 100),
        (KeySpec::Rsa4096, PairSpec::Rsa4096, rsa, SignatureAlgorithm::RsaPss(Hash::Sha256), 20),
        (
            KeySpec::EccNistP256,
            PairSpec::P256,
            SigningAlgorithmSpec::EcdsaSha256,
            SignatureAlgorithm::Ecdsa(Hash::Sha256),
            2000,
        ),
        (
            KeySpec::EccNistP384,
            PairSpec::P384,
            SigningAlgorithmSpec::EcdsaSha384,
            SignatureAlgorithm::Ecdsa(Hash::Sha384),
            500,
        ),
        (
            KeySpec::EccNistEdwards25519,
            PairSpec::Ed25519,
            SigningAlgorithmSpec::Ed25519Sha512,
            SignatureAlgorithm::Ed25519,
            2000,
        ),
        (
            KeySpec::MlDsa65,
            PairSpec::MlDsa65,
            SigningAlgorithmSpec::MlDsaShake256,
            SignatureAlgorithm::MlDsa,
            200,
        ),
    ] {
        let key_id = create(spec, KeyUsageType::SignVerify)?;
        let input =
            SignRequest { key_id, message: message[..].into(), signing_algorithm, ..SignRequest::default() };
        let pair = KeyPair::generate(pair).map_err(failed)?;
        let alone =
            || pair.sign(algorithm, Message::Raw(&message)).map(|made| drop(black_box(made))).map_err(failed);
        let within =
            || deployment.call::<ops::Sign>(black_box(&input), false).map(|made| drop(black_box(made)));
        compare(&format!("Sign, {spec}"), runs, alone, within)?;
    }
    let key_id = create(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt)?;
    let encrypt = EncryptRequest {
        key_id: key_id.clone(),
        plaintext: message[..].into(),
        encryption_algorithm: Some(EncryptionAlgorithmSpec::RsaesOaepSha256),
        ..EncryptRequest::default()
    };
    let decrypt = DecryptRequest {
        key_id: Some(key_id),
        ciphertext_blob: deployment.call::<ops::Encrypt>(&encrypt, false)?.ciphertext_blob,
        encryption_algorithm: Some(EncryptionAlgorithmSpec::RsaesOaepSha256),
        ..DecryptRequest::default()
    };
    let pair = KeyPair::generate(PairSpec::Rsa2048).map_err(failed)?;
    let blob = pair.public_key().encrypt(EncryptionAlgorithm::OaepSha256, &message).map_err(failed)?;
    let alone = || {
        pair.decrypt(EncryptionAlgorithm::OaepSha256, &blob).map(|made| drop(black_box(made))).map_err(failed)
    };
    let within =
        || deployment.call::<ops::Decrypt>(black_box(&decrypt), false).map(|made| drop(black_box(made)));
    compare("Decrypt, RSA_2048", 100, alone, within)
}
