//! Drives the release binary over loopback, every request signed, and prints what it costs beside a bare server.
//!
//! `load FASTNESS [SECONDS] [CONNECTIONS] [RECORDS]`: FASTNESS is the path of the binary to measure. With RECORDS it measures one thing alone:
//! what Encrypt loses to LookupEvents in a trail of so many.
//!
//! What is compared is measured in turn, a second each, as often as there are SECONDS, and the medians are told: a machine that is
//! slower for a while is so for both sides.

mod beside;
mod client;
mod echo;
mod many;
mod pairs;
mod process;
mod report;
mod server;

use client::{Connection, Credentials, Target};
use report::{Round, Row, heads, line, mb, row, rows};
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
    rounds: u32,
    connections: u32,
}

/// How long a round of a case is.
const ROUND: Duration = Duration::from_secs(1);

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().ok_or("usage: load FASTNESS [SECONDS] [CONNECTIONS] [RECORDS]")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if first == "echo" {
        return runtime.block_on(echo::serve());
    }
    let mut number = || args.next().and_then(|text| text.to_str()?.parse::<u32>().ok());
    let (rounds, connections) = (number().unwrap_or(5), number().unwrap_or(64));
    let records = number();
    runtime.block_on(measure(PathBuf::from(first), rounds, connections, records))
}

async fn measure(
    binary: PathBuf,
    rounds: u32,
    connections: u32,
    records: Option<u32>,
) -> Result<(), Failure> {
    let (server, started) = server::Server::start(&binary).await?;
    let target = Target { address: server.address, credentials: server.credentials()?, region: REGION };
    let run = Run { target, pid: server.pid, rounds, connections };
    if let Some(records) = records {
        return beside::measure(&run, usize::try_from(records)?).await;
    }
    let idle = process::memory(run.pid)?;
    line(format_args!("start to first answer: {:.0} ms", started.as_secs_f64() * 1e3));
    line(format_args!("memory: {:.1} MB idle", mb(idle)));

    let echo = echo::Echo::start().await?;
    let target = Target { address: echo.address, credentials: Credentials::none(), region: REGION };
    let bare = Run { target, pid: echo.pid, ..run.clone() };

    line(format_args!("{connections} connections, {rounds} rounds of 1 s each, requests signed one by one"));
    heads();
    let cases = symmetric(&run.target).await?;
    let echoed = Case { name: "bare hyper echo".to_owned(), ..cases[0].clone() };
    let all: Vec<_> = [(&bare, &echoed)].into_iter().chain(cases.iter().map(|case| (&run, case))).collect();
    rows(&in_turn(&all).await?);
    // A Region's quota is 100,000 keys.
    let few = |run: &Run| Run { rounds: run.rounds.min(3), ..run.clone() };
    let create = Case::kms("CreateKey", "TrentService.CreateKey", "{}".to_owned());
    if let [echo, created] = &in_turn(&[(&few(&bare), &echoed), (&few(&run), &create)]).await?[..] {
        row(created, echo);
    }
    pairs::measure(&run, &bare, &cases[0]).await?;
    line(format_args!("memory: {:.1} MB after that", mb(process::memory(run.pid)?)));
    many::measure(&run, &bare).await
}

/// Measures cases in turn, as many rounds as they say.
async fn in_turn(cases: &[(&Run, &Case)]) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<_> = cases.iter().map(|(_, case)| Row::new(&case.name)).collect();
    for (run, case) in cases {
        // Caches fill and the allocator settles before the count begins.
        run.round(case).await?;
    }
    for _ in 0..cases.first().map_or(0, |(run, _)| run.rounds) {
        for ((run, case), row) in cases.iter().zip(&mut rows) {
            row.rounds.push(run.round(case).await?);
        }
    }
    Ok(rows)
}

/// The calls that use a symmetric key, and one that uses none. Encrypt comes first.
async fn symmetric(target: &Target) -> Result<[Case; 4], Failure> {
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
    /// Measures a case once.
    async fn round(&self, case: &Case) -> Result<Round, Failure> {
        let before = process::cpu(self.pid)?;
        let (target, bodies) = (&self.target, &case.bodies);
        let sample = client::load(target, case.service, case.target, bodies, ROUND, self.connections).await;
        let sample = sample.map_err(|error| format!("{}: {error}", case.name))?;
        Ok(Round::new(&sample, process::cpu(self.pid)?.since(before)))
    }
}
