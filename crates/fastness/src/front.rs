//! What the network sees of a server: where it listens, what it speaks there, whom it believes, and what connections may take.

use crate::args::ServeArgs;
use crate::config::{self, Config, LISTEN_DEFAULT};
use crate::deployment::{Data, Serving};
use crate::tls::{self, Keeper};
use crate::{Failure, process};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::{Limits, Port, Proxies};
use std::net::{SocketAddr, TcpListener};

/// Files that are not connections: the store's, the listeners, the runtime's, with room to spare.
const FILES_RESERVED: usize = 256;

/// The listeners, bound, and how connections are treated.
pub(crate) struct Front {
    listener: TcpListener,
    secure: bool,
    /// Where plain HTTP is spoken beside TLS.
    plain: Option<TcpListener>,
    pub(crate) limits: Limits,
    pub(crate) proxies: Proxies,
}

impl Front {
    /// Binds what is configured, before root is given up, as low ports are root's.
    pub(crate) fn bind(args: &ServeArgs, config: &Config, data: &Data) -> Result<Self, Failure> {
        require_apart(args, config)?;
        let address = args.listen.or(config.listen).unwrap_or(LISTEN_DEFAULT);
        let secure = tls::is_wanted(args.tls, config, data);
        if !secure && config.listen_plain.is_some() {
            return Err(Failure(
                "listen-plain is for plain HTTP beside TLS: without [tls], set listen alone".to_owned(),
            ));
        }
        let beyond = args.plain_http_beyond_loopback || config.plain_http_beyond_loopback;
        let spoken = if secure { config.listen_plain } else { Some(address) };
        if let Some(address) = spoken.filter(|address| !address.ip().is_loopback()) {
            if !beyond {
                return Err(Failure(format!(
                    "{address}, which listen (--listen) or listen-plain names, is not a loopback address, and over plain HTTP everything can be read on the way: speak TLS (--tls), \
                     or else add --plain-http-beyond-loopback"
                )));
            }
            tracing::warn!(%address, "serving plain HTTP beyond loopback: everything that is said can be read on the way");
        }
        let limits = fitting(&config.limits)?;
        let proxies = Proxies::new(config.trusted_proxies.iter().map(|proxy| proxy.0).collect());
        let listener = if args.resealed { process::inherited_listener()? } else { bind(address)? };
        let plain = match config.listen_plain.map(bind).transpose() {
            // The listener for others than this host is there: better than no server.
            Err(Failure { message: why, .. }) if args.resealed => {
                tracing::error!("no plain HTTP beside TLS until the server is started again: {why}");
                None
            }
            bound => bound?,
        };
        Ok(Self { listener, secure, plain, limits, proxies })
    }

    /// The address that is listened on.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.listener.local_addr()?)
    }

    /// An address that others than this host reach, if there is one.
    pub(crate) fn beyond_loopback(&self) -> Result<Option<SocketAddr>, Failure> {
        for listener in [Some(&self.listener), self.plain.as_ref()].into_iter().flatten() {
            let address = listener.local_addr()?;
            if !address.ip().is_loopback() {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// The numbers of all ports.
    pub(crate) fn numbers(&self) -> Result<Vec<u16>, Failure> {
        let all = [Some(&self.listener), self.plain.as_ref()];
        all.into_iter().flatten().map(|listener| Ok(listener.local_addr()?.port())).collect()
    }

    /// The ports with what is spoken on them, for the runtime that this is called in.
    pub(crate) fn ports(&self, keeper: Option<&Keeper>) -> Result<Vec<Port>, Failure> {
        let asynchronous = |listener: &TcpListener| tokio::net::TcpListener::from_std(listener.try_clone()?);
        if self.secure != keeper.is_some() {
            // Whoever made or took away the authority meanwhile: nothing is served in another way than was checked.
            return Err(Failure(
                "the deployment's certificate authority changed during the start".to_owned(),
            ));
        }
        let mut ports = vec![Port { listener: asynchronous(&self.listener)?, tls: keeper.map(Keeper::tls) }];
        if let Some(plain) = &self.plain {
            tracing::info!(address = %plain.local_addr()?, "serving plain HTTP too");
            ports.push(Port { listener: asynchronous(plain)?, tls: None });
        }
        Ok(ports)
    }

    /// What others are told of where it serves.
    pub(crate) fn serving(&self, keeper: Option<&Keeper>, data: &Data) -> Result<Serving, Failure> {
        let listens = self.address()?;
        let endpoint =
            keeper.map_or_else(|| format!("http://{listens}"), |keeper| keeper.setup().endpoint(listens));
        let ca_bundle = keeper.and_then(|keeper| keeper.setup().ca_bundle(data));
        Ok(Serving { pid: std::process::id(), endpoint, listens, ca_bundle, monitor: None })
    }

    /// The first listener, to be handed on.
    pub(crate) fn into_listener(self) -> TcpListener {
        self.listener
    }
}

/// Refuses two listeners on one address, which the system would do without naming the settings.
fn require_apart(args: &ServeArgs, config: &Config) -> Result<(), Failure> {
    let listen = args.listen.or(config.listen).unwrap_or(LISTEN_DEFAULT);
    let all = [
        ("listen", Some(listen)),
        ("listen-plain", config.listen_plain),
        ("monitor.listen", args.monitor.or(config.monitor.listen)),
    ];
    let all: Vec<_> = all.iter().filter_map(|(name, address)| Some((name, (*address)?))).collect();
    for (index, (name, address)) in all.iter().enumerate() {
        // Port 0 is a free one each time.
        let other = all.iter().skip(index + 1).find(|(_, other)| other == address && address.port() != 0);
        if let Some((other, _)) = other {
            return Err(Failure(format!(
                "`{name}` and `{other}` are both {address}: give one of them another port"
            )));
        }
    }
    Ok(())
}

/// What keeps an address from being listened on, with the setting that names it and the next step.
pub(crate) fn unbound(setting: &str, address: SocketAddr, error: &std::io::Error) -> Failure {
    let step = match error.kind() {
        std::io::ErrorKind::AddrInUse => ": stop what listens there, or name another port",
        std::io::ErrorKind::AddrNotAvailable => ": name an address of this host",
        std::io::ErrorKind::PermissionDenied => ": ports below 1024 take root, or CAP_NET_BIND_SERVICE",
        _ => "",
    };
    Failure(format!("{address}, which {setting} names: {error}{step}"))
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address)
        .map_err(|error| unbound("listen (--listen), or listen-plain", address, &error))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Raises the limit of open files as far as it can be, and fits the limit of connections into it.
fn fitting(configured: &config::Limits) -> Result<Limits, Failure> {
    let mut limits = configured.complete()?;
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "could not raise the limit of open files");
    }
    let number = |files: u64| usize::try_from(files).unwrap_or(usize::MAX);
    let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, number);
    let room = files.saturating_sub(FILES_RESERVED);
    if room == 0 {
        return Err(Failure(format!(
            "at most {files} files may be open, and {FILES_RESERVED} are needed beside connections (ulimit -n)"
        )));
    }
    if limits.connections > room {
        if configured.connections.is_some() {
            let message = "the limit of open files leaves room for fewer connections than configured";
            tracing::warn!(files, connections = room, message);
        }
        limits.connections = room;
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;
    use std::path::Path;

    #[test]
    fn the_example_configuration_has_no_settings_that_collide() {
        let page = include_str!("../../../docs/configuration.md");
        let Command::Serve(args) = Args::parse_from(["fastness", "serve"]).command else {
            panic!("not serve")
        };
        let examples: Vec<&str> =
            page.split("```toml\n").skip(1).filter_map(|block| block.split("```").next()).collect();
        assert_eq!(examples.len(), 2);
        for example in examples {
            let config = Config::parse(example, Path::new("configuration.md")).unwrap();
            require_apart(&args, &config).unwrap();
            let nowhere = Data::at("/nonexistent".into());
            tls::Setup::choose(false, &config, &nowhere, "id", LISTEN_DEFAULT).unwrap();
        }
    }

    #[test]
    fn listeners_on_one_address_are_refused_by_their_settings() {
        let Command::Serve(args) =
            Args::parse_from(["fastness", "serve", "--monitor", "localhost:4566"]).command
        else {
            panic!("not serve")
        };
        let Failure { message, .. } = require_apart(&args, &Config::default()).unwrap_err();
        assert!(message.starts_with("`listen` and `monitor.listen` are both 127.0.0.1:4566"), "{message}");
    }
}
