//! Drives the release binary over loopback, every request signed, and prints what it costs beside a bare server.
//!
//! `load FASTNESS [SECONDS] [CONNECTIONS]`: FASTNESS is the path of the binary to measure.

mod client;
mod echo;
mod many;
mod pairs;
mod process;
mod report;
mod server;

use client::{Connection, Credentials, Target};
use report::{Row, heads, line, mb, row};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An error of any kind: the program tells it and ends.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The region of what is measured.
const REGION: &str = "us-east-1";

/// What is measured: the row's name, the service, and the requests, made in turn.
#[derive(Clone)]
struct Case {
    name: String,
    service: &'static str,
    target: Option<&'static str>,
    bodies: Arc<[String]>,
}

impl Case {
    fn kms(name: &str, target: &'static str, body: String) -> Self {
        Self { name: name.to_owned(), service: "kms", target: Some(target), bodies: [body].into() }
    }
}

/// A process that is measured, and how.
#[derive(Clone)]
struct Run {
    target: Target,
    pid: u32,
    time: Duration,
    connections: u32,
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().ok_or("usage: load FASTNESS [SECONDS] [CONNECTIONS]")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if first == "echo" {
        return runtime.block_on(echo::serve());
    }
    let mut number = || args.next().and_then(|text| text.to_str()?.parse::<u32>().ok());
    let seconds = Duration::from_secs(number().unwrap_or(5).into());
    let connections = number().unwrap_or(64);
    runtime.block_on(measure(PathBuf::from(first), seconds, connections))
}

async fn measure(binary: PathBuf, time: Duration, connections: u32) -> Result<(), Failure> {
    let (server, started) = server::Server::start(&binary).await?;
    let target = Target { address: server.address, credentials: server.credentials()?, region: REGION };
    let run = Run { target, pid: server.pid, time, connections };
    let idle = process::memory(run.pid)?;
    line(format_args!("start to first answer: {:.0} ms", started.as_secs_f64() * 1e3));
    line(format_args!("memory: {:.1} MB idle", mb(idle)));

    let echo = echo::Echo::start().await?;
    let target = Target { address: echo.address, credentials: Credentials::none(), region: REGION };
    let bare = Run { target, pid: echo.pid, ..run.clone() };

    line(format_args!("{connections} connections, {} s each, requests signed one by one", time.as_secs()));
    heads();
    let [encrypt, others @ ..] = symmetric(&run.target).await?;
    let first = bare.row(&Case { name: "bare hyper echo".to_owned(), ..encrypt.clone() }).await?;
    row(&first, &first);
    let encrypted = run.row(&encrypt).await?;
    row(&encrypted, &first);
    for case in &others {
        row(&run.row(case).await?, &first);
    }
    pairs::measure(&run, &first, &encrypted).await?;
    line(format_args!("memory: {:.1} MB after that", mb(process::memory(run.pid)?)));
    many::measure(&run, &bare).await
}

/// The calls that use a symmetric key, and two that use none. Encrypt comes first.
async fn symmetric(target: &Target) -> Result<[Case; 5], Failure> {
    let mut kms = Connection::open(target, "kms").await?;
    let key = key_id(&kms.call("TrentService.CreateKey", "{}").await?)?;
    let encrypt = encrypt(&key);
    let sealed = kms.call("TrentService.Encrypt", &encrypt).await?;
    let sealed =
        sealed.get("CiphertextBlob").and_then(|blob| blob.as_str()).ok_or("Encrypt gave no ciphertext")?;
    Ok([
        Case::kms("Encrypt (64 B)", "TrentService.Encrypt", encrypt),
        Case::kms("Decrypt", "TrentService.Decrypt", format!(r#"{{"CiphertextBlob":"{sealed}"}}"#)),
        Case::kms(
            "GenerateDataKey",
            "TrentService.GenerateDataKey",
            format!(r#"{{"KeyId":"{key}","KeySpec":"AES_256"}}"#),
        ),
        Case {
            name: "GetCallerIdentity".to_owned(),
            service: "sts",
            target: None,
            bodies: ["Action=GetCallerIdentity&Version=2011-06-15".to_owned()].into(),
        },
        Case::kms("CreateKey", "TrentService.CreateKey", "{}".to_owned()),
    ])
}

/// The body of an Encrypt of 64 bytes.
fn encrypt(key: &str) -> String {
    let plaintext = "A".repeat(86) + "==";
    format!(r#"{{"KeyId":"{key}","Plaintext":"{plaintext}"}}"#)
}

/// The id in an answer of CreateKey.
fn key_id(created: &serde_json::Value) -> Result<String, Failure> {
    let id = created.pointer("/KeyMetadata/KeyId").and_then(|id| id.as_str());
    Ok(id.ok_or("CreateKey gave no key id")?.to_owned())
}

impl Run {
    /// Measures a case.
    async fn row(&self, case: &Case) -> Result<Row, Failure> {
        let load = |time| {
            client::load(&self.target, case.service, case.target, &case.bodies, time, self.connections)
        };
        // Caches fill and the allocator settles before the count begins.
        load(Duration::from_secs(1)).await?;
        let before = process::cpu(self.pid)?;
        let sample = load(self.time).await.map_err(|error| format!("{}: {error}", case.name))?;
        let cpu = process::cpu(self.pid)?.since(before);
        Ok(Row { name: case.name.clone(), sample, cpu })
    }
}
