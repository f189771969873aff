//! Where an export goes.

use super::syslog::{datagram, framed, message};
use crate::{Failure, failure};
use outbound::Collector;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// How long a connection, and each write, may take.
const TIME: Duration = Duration::from_secs(30);

/// A target, as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Output,
    File(PathBuf),
    Udp(String),
    Tcp(String),
    Unix(PathBuf),
    Https(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = |rest: &str| match rest.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(rest.to_owned()),
            _ => Err(format!("`{text}` has no host and port, such as udp://logs.example.com:514")),
        };
        match text.split_once(':') {
            _ if text == "-" => Ok(Self::Output),
            _ if text.is_empty() => Err("an empty name is no target".to_owned()),
            Some(("udp", rest)) if rest.starts_with("//") => {
                port(rest.trim_start_matches('/')).map(Self::Udp)
            }
            Some(("tcp", rest)) if rest.starts_with("//") => {
                port(rest.trim_start_matches('/')).map(Self::Tcp)
            }
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("https", _)) => Ok(Self::Https(text.to_owned())),
            Some((scheme, rest)) if rest.starts_with("//") => {
                Err(format!("{scheme}:// is no target: udp://, tcp://, unix:, https:// or a file are"))
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

/// As the record of the export names it.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output => f.write_str("-"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Udp(at) => write!(f, "udp://{at}"),
            Self::Tcp(at) => write!(f, "tcp://{at}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Https(url) => f.write_str(url),
        }
    }
}

/// A target that lines are sent to. What holds a connection makes it anew after a failure.
pub(super) enum Sink {
    Output,
    File(File, PathBuf),
    Udp(UdpSocket, String),
    Tcp(Option<TcpStream>, String),
    Unix(Option<Unix>, PathBuf),
    Https(Collector),
}

/// Either kind of socket that syslog daemons have.
pub(super) enum Unix {
    Datagram(UnixDatagram),
    Stream(UnixStream),
}

impl Sink {
    pub(super) fn open(
        target: &Target,
        ca_file: Option<&Path>,
        authorization: Option<&str>,
    ) -> Result<Self, Failure> {
        Ok(match target {
            Target::Output => Self::Output,
            Target::File(path) => {
                let open = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
                let opened = open.and_then(|mut file| end_line(&mut file, path).map(|()| file));
                Self::File(opened.map_err(|error| failure(path.display(), error))?, path.clone())
            }
            Target::Udp(at) => {
                let found = at.to_socket_addrs().map_err(|error| failure(at, error))?.next();
                let address = found.ok_or_else(|| failure(at, "it has no address"))?;
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address).map_err(|error| failure(at, error))?;
                Self::Udp(socket, at.clone())
            }
            Target::Tcp(at) => Self::Tcp(None, at.clone()),
            Target::Unix(path) => Self::Unix(None, path.clone()),
            Target::Https(url) => Self::Https(Collector::new(url, ca_file, authorization)?),
        })
    }

    /// Sends lines, and returns once the target has them as far as it can tell: a file has them on disk, a collector answered 2xx, a
    /// socket took them. Syslog has no acknowledgement.
    pub(super) fn send(&mut self, lines: &[String]) -> Result<(), Failure> {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        match self {
            Self::Output => {
                let mut out = crate::output::output();
                out.write_all(joined(lines).as_bytes())?;
                Ok(out.flush()?)
            }
            Self::File(file, path) => {
                let synchronized = |file: &File| match file.sync_data() {
                    // Pipes and devices cannot be.
                    Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
                    done => done,
                };
                let written = file.write_all(joined(lines).as_bytes()).and_then(|()| synchronized(file));
                written.map_err(|error| failure(path.display(), error))
            }
            Self::Udp(socket, at) => lines.iter().try_for_each(|line| {
                let sent = socket.send(datagram(&host, line).as_bytes());
                sent.map(drop).map_err(|error| failure(&*at, error))
            }),
            Self::Tcp(stream, at) => {
                let sent = connected(stream, || {
                    let stream = TcpStream::connect(at.as_str())?;
                    stream.set_write_timeout(Some(TIME))?;
                    Ok(stream)
                })
                .and_then(|stream| {
                    lines
                        .iter()
                        .try_for_each(|line| stream.write_all(framed(&message(&host, line)).as_bytes()))
                });
                forgetting(stream, sent).map_err(|error| failure(&*at, error))
            }
            Self::Unix(socket, path) => {
                let sent = connected(socket, || Unix::connect(path))
                    .and_then(|socket| lines.iter().try_for_each(|line| socket.send(&host, line)));
                forgetting(socket, sent).map_err(|error| failure(path.display(), error))
            }
            Self::Https(collector) => Ok(collector.post("application/x-ndjson", joined(lines).into_bytes())?),
        }
    }
}

impl Unix {
    fn connect(path: &Path) -> std::io::Result<Self> {
        let datagram = UnixDatagram::unbound()?;
        if datagram.connect(path).is_ok() {
            datagram.set_write_timeout(Some(TIME))?;
            return Ok(Self::Datagram(datagram));
        }
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(TIME))?;
        Ok(Self::Stream(stream))
    }

    fn send(&mut self, host: &str, line: &str) -> std::io::Result<()> {
        match self {
            Self::Datagram(socket) => socket.send(datagram(host, line).as_bytes()).map(drop),
            Self::Stream(stream) => stream.write_all(framed(&message(host, line)).as_bytes()),
        }
    }
}

/// The connection there is, or a new one.
fn connected<T>(
    held: &mut Option<T>,
    connect: impl FnOnce() -> std::io::Result<T>,
) -> std::io::Result<&mut T> {
    match held {
        Some(connection) => Ok(connection),
        None => Ok(held.insert(connect()?)),
    }
}

/// Lets go of a connection that failed.
fn forgetting<T>(held: &mut Option<T>, sent: std::io::Result<()>) -> std::io::Result<()> {
    if sent.is_err() {
        *held = None;
    }
    sent
}

/// Ends a line that a crash cut off: what follows it has lines of its own.
fn end_line(file: &mut File, path: &Path) -> std::io::Result<()> {
    let found = file.metadata()?;
    let Some(last) = found.len().checked_sub(1).filter(|_| found.is_file()) else { return Ok(()) };
    let mut byte = [0];
    // Who may append may not be allowed to read; then nothing is known of the line.
    match File::open(path).and_then(|opened| opened.read_exact_at(&mut byte, last)) {
        Ok(()) if byte != *b"\n" => file.write_all(b"\n"),
        _ => Ok(()),
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for text in [
            "-",
            "trail.jsonl",
            "/var/log/a:b",
            "udp://h:514",
            "tcp://[::1]:6514",
            "unix:/dev/log",
            "https://c.example/in?x=1",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in ["", "http://h/x", "udp://h", "tcp://:514", "syslog://h:1"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
