//! Drives the release binary over loopback, every request signed, and prints what it costs beside a bare server.
//!
//! `load FASTNESS [SECONDS] [CONNECTIONS]`: FASTNESS is the path of the binary to measure.

mod client;
mod echo;
mod process;
mod report;
mod server;

use client::{Credentials, Target};
use report::Row;
use std::path::PathBuf;
use std::time::Duration;

/// An error of any kind: the program tells it and ends.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is measured: the row's name, the service, and the request.
struct Case {
    name: &'static str,
    service: &'static str,
    target: Option<&'static str>,
    body: String,
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
    let credentials = server.credentials()?;
    let target = Target { address: server.address, credentials };
    let idle = process::memory(server.pid)?;

    let key = client::call(&target, "kms", "TrentService.CreateKey", "{}").await?;
    let key = key
        .pointer("/KeyMetadata/KeyId")
        .and_then(|id| id.as_str())
        .ok_or("CreateKey gave no key id")?
        .to_owned();
    let plaintext = "A".repeat(84) + "AA==";
    let encrypt = format!(r#"{{"KeyId":"{key}","Plaintext":"{plaintext}"}}"#);
    let sealed = client::call(&target, "kms", "TrentService.Encrypt", &encrypt).await?;
    let sealed =
        sealed.get("CiphertextBlob").and_then(|blob| blob.as_str()).ok_or("Encrypt gave no ciphertext")?;

    let kms = |name, target, body| Case { name, service: "kms", target: Some(target), body };
    let cases = [
        kms("Encrypt (64 B)", "TrentService.Encrypt", encrypt.clone()),
        kms("Decrypt", "TrentService.Decrypt", format!(r#"{{"CiphertextBlob":"{sealed}"}}"#)),
        kms(
            "GenerateDataKey",
            "TrentService.GenerateDataKey",
            format!(r#"{{"KeyId":"{key}","KeySpec":"AES_256"}}"#),
        ),
        Case {
            name: "GetCallerIdentity",
            service: "sts",
            target: None,
            body: "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
        },
        kms("CreateKey", "TrentService.CreateKey", "{}".to_owned()),
    ];

    let echo = echo::Echo::start().await?;
    let bare = Target { address: echo.address, credentials: Credentials::none() };
    let mut rows = vec![row("bare hyper echo", &bare, echo.pid, &cases[0], time, connections).await?];
    for case in &cases {
        rows.push(row(case.name, &target, server.pid, case, time, connections).await?);
    }
    report::print(&rows, connections, time, started, idle, process::memory(server.pid)?);
    Ok(())
}

async fn row(
    name: &'static str,
    target: &Target,
    pid: u32,
    case: &Case,
    time: Duration,
    connections: u32,
) -> Result<Row, Failure> {
    // Caches fill and the allocator settles before the count begins.
    client::load(target, case.service, case.target, &case.body, Duration::from_secs(1), connections).await?;
    let before = process::cpu(pid)?;
    let sample = client::load(target, case.service, case.target, &case.body, time, connections)
        .await
        .map_err(|error| format!("{name}: {error}"))?;
    let cpu = process::cpu(pid)?.saturating_sub(before);
    Ok(Row { name, sample, cpu })
}
