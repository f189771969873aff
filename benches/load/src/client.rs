//! A client that signs every request and keeps its connections.

use crate::Failure;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wire::Timestamp;
use wire::sigv4::{Scope, Signer, SigningKey};

/// Room for the answers of the measured operations.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An access key.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

impl Credentials {
    /// For a server that does not look at signatures: requests are as large and as costly to make as the others.
    pub(crate) fn none() -> Self {
        Self { access_key_id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), secret_access_key: "A".repeat(40) }
    }
}

/// A server and how to sign for it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) credentials: Credentials,
    /// The region that requests are signed for.
    pub(crate) region: &'static str,
}

/// What a load found.
pub(crate) struct Sample {
    pub(crate) elapsed: Duration,
    /// The latency of each request, sorted.
    pub(crate) latencies: Vec<Duration>,
}

/// A connection for calls that are not measured.
pub(crate) struct Connection<'t> {
    target: &'t Target,
    service: &'static str,
    key: SigningKey,
    stream: TcpStream,
    answer: Vec<u8>,
}

impl<'t> Connection<'t> {
    pub(crate) async fn open(target: &'t Target, service: &'static str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let key = target.signing_key(service)?;
        Ok(Self { target, service, key, stream, answer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Makes a call and gives its answer as JSON.
    pub(crate) async fn call(&mut self, operation: &str, body: &str) -> Result<serde_json::Value, Failure> {
        let request = request(self.target, self.service, Some(operation), body, &self.key)?;
        let (status, body) = exchange(&mut self.stream, &request, &mut self.answer).await?;
        let text = self.answer.get(body).unwrap_or_default();
        if status != 200 {
            return Err(format!("{operation}: {status} {}", String::from_utf8_lossy(text)).into());
        }
        Ok(serde_json::from_slice(text)?)
    }
}

impl Target {
    fn signing_key(&self, service: &str) -> Result<SigningKey, Failure> {
        let scope = Scope::at(now()?, self.region, service);
        Ok(SigningKey::derive(self.credentials.secret_access_key.as_bytes(), &scope))
    }
}

/// Makes a call with each of the bodies in turn, newly signed each time, over a number of connections for a time.
pub(crate) async fn load(
    target: &Target,
    service: &'static str,
    operation: Option<&'static str>,
    bodies: &Arc<[String]>,
    time: Duration,
    connections: u32,
) -> Result<Sample, Failure> {
    let key = Arc::new(target.signing_key(service)?);
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..connections {
        let (target, key, bodies) = (target.clone(), Arc::clone(&key), Arc::clone(bodies));
        let (next, end) = (Arc::clone(&next), start + time);
        tasks.spawn(async move {
            let body = || bodies.get(next.fetch_add(1, Ordering::Relaxed) % bodies.len().max(1));
            one_connection(&target, service, operation, body, &key, end).await
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let elapsed = start.elapsed();
    latencies.sort_unstable();
    Ok(Sample { elapsed, latencies })
}

async fn one_connection<'b>(
    target: &Target,
    service: &str,
    operation: Option<&str>,
    body: impl Fn() -> Option<&'b String>,
    key: &SigningKey,
    end: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let body = body().ok_or("nothing to send")?;
        let request = request(target, service, operation, body, key)?;
        let sent = Instant::now();
        let (status, body) = exchange(&mut stream, &request, &mut answer).await?;
        latencies.push(sent.elapsed());
        if status != 200 {
            let text = String::from_utf8_lossy(answer.get(body).unwrap_or_default()).into_owned();
            return Err(format!("{status}: {text}").into());
        }
    }
    Ok(latencies)
}

fn request(
    target: &Target,
    service: &str,
    operation: Option<&str>,
    body: &str,
    key: &SigningKey,
) -> Result<Vec<u8>, Failure> {
    let now = now()?;
    let mut builder = http::Request::post("/").header("host", target.address.to_string());
    builder = match operation {
        Some(operation) => {
            builder.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", operation)
        }
        None => builder.header("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    };
    let (mut parts, ()) = builder.body(())?.into_parts();
    let scope = Scope::at(now, target.region, service);
    let signer =
        Signer { access_key_id: &target.credentials.access_key_id, session_token: None, scope: &scope, key };
    signer.sign(&mut parts, body.as_bytes(), now)?;
    let mut request = Vec::with_capacity(1024);
    request.extend_from_slice(b"POST / HTTP/1.1\r\n");
    for (name, value) in &parts.headers {
        request.extend_from_slice(name.as_str().as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    Ok(request)
}

/// Sends a request and reads its answer: the status, and where in the buffer the body lies.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    answer: &mut [u8],
) -> Result<(u16, std::ops::Range<usize>), Failure> {
    stream.write_all(request).await?;
    let mut filled = 0;
    loop {
        let room =
            answer.get_mut(filled..).filter(|room| !room.is_empty()).ok_or("the answer is too large")?;
        let read = stream.read(room).await?;
        if read == 0 {
            return Err("the server closed the connection".into());
        }
        filled += read;
        let text = answer.get(..filled).unwrap_or_default();
        let Some(head) = text.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
            continue;
        };
        let lines = std::str::from_utf8(text.get(..head).unwrap_or_default())?;
        let status = lines.split(' ').nth(1).ok_or("no status")?.parse()?;
        let length = lines.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then_some(value)
        });
        let end = head + length.ok_or("no content-length")?.parse::<usize>()?;
        if filled >= end {
            return Ok((status, head..end));
        }
    }
}

fn now() -> Result<Timestamp, Failure> {
    Ok(Timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().try_into()?))
}
