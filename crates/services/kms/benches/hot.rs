//! What hot operations cost in the service itself: one transaction each, with its reads and its decision, but without wire,
//! signature, audit record and commit.

use keyring::{KeyFile, Keyring, SystemRandom};
use kms::Kms;
use kms::api::{
    CreateKeyRequest, DecryptRequest, DescribeKeyRequest, EncryptRequest, GenerateDataKeyRequest, ops,
};
use platform::{
    AccessKey, Call, Caller, Cx, Directory, Env, Fault, Handle, Permissions, Principal, Role, Tx,
};
use policy::Policy;
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
        let tx = Tx::begin(&self.store, &self.env.keyring);
        let mut cx = Cx::new(tx, &self.env, &self.call, &self.caller);
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

    fn managed_policy(&self, _: &mut Tx<'_>, _: &str, _: &str) -> Result<Option<Arc<Policy>>, Fault> {
        Ok(None)
    }

    fn unique_id(&self, _: &mut Tx<'_>, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    fn note_use(&self, _: &mut Tx<'_>, _: &str, _: &Call, _: &str) -> Result<(), Fault> {
        Ok(())
    }
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
        env: Env {
            keyring,
            random,
            directory: Arc::new(RootOnly(Arc::default())),
            key_stores: platform::KeyStores::none(),
            aside: |work| work(),
        },
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
        },
        caller: Caller {
            principal: Principal::Root { account: "111111111111".to_owned() },
            access_key_id: None,
            session: None,
        },
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
    Ok(())
}
