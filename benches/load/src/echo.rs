//! The measure of all costs: a server that does nothing but HTTP.

use crate::Failure;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use tokio::net::TcpListener;

/// The limit under which bodies are collected, as in the server that is measured.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The bare server in a process of its own, so that its CPU time can be told.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
    child: Child,
}

impl Echo {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?).arg("echo").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { address: line.trim().parse()?, pid: child.id(), child })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Serves until killed; the first line of the output is the address.
pub(crate) async fn serve() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that is gone already is none of the others' business.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        tokio::spawn(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, Failure> {
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await?.to_bytes();
    let response = http::Response::builder()
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    Ok(response.body(Full::new(body))?)
}
