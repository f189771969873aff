//! `fastness serve`: the server.

use crate::admin::Commanded;
use crate::args::ServeArgs;
use crate::config::{Config, LISTEN_DEFAULT, Log, LogFormat, LogLevel};
use crate::deployment::{Data, Serving};
use crate::opening::{Opening, Unopened, services};
use crate::{Failure, failure, init, process};
use iam::Iam;
use keyring::SystemRandom;
use platform::ids;
use server::{Gate, SealError, bind_admin, listen, run_timers, serve_admin};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, Notify, watch};
use tracing_subscriber::filter::LevelFilter;

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let config = Config::read(&args.place)?;
    log(&config.log);
    let address = args.listen.or(config.listen).unwrap_or(LISTEN_DEFAULT);
    let plain_beyond = args.plain_http_beyond_loopback || config.plain_http_beyond_loopback;
    if !address.ip().is_loopback() && !plain_beyond {
        return Err(Failure(format!(
            "{address} is not a loopback address, and over plain HTTP everything can be read on the way; to do it all the same, \
             add --plain-http-beyond-loopback"
        )));
    }
    let listener = listener(args, address)?;
    let address = listener.local_addr()?;
    process::give_up_root(&config.process)?;
    let data = Data::locate(&args.place, &config)?;
    let description = match data.describe()? {
        Some(description) => description,
        None => {
            init::create(&args.place, &config, &data, None, std::env::var("FASTNESS_ACCOUNT_ID").ok(), None)?;
            data.describe()?.ok_or_else(|| failure(data.path().display(), "the new deployment is gone"))?
        }
    };
    let _claim = data.claim()?;
    process::restrict(&args.place, &config, &data, &description.seal, address.port())?;
    let iam = Arc::new(Iam::default());
    let gate = Arc::new(Gate::sealed(&services(iam), || ids::uuid(&SystemRandom)));
    let opening = Opening { place: args.place.clone(), config, data, description };
    if args.sealed || args.resealed {
        tracing::warn!("sealed: waiting for `fastness unseal`");
    } else {
        match opening.configured() {
            Ok(deployment) => drop(gate.open(deployment)),
            Err(Unopened::Waits(why)) => tracing::warn!("sealed: {why}"),
            Err(unopened) => return Err(unopened.into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(gate, opening, listener.try_clone()?, !args.resealed));
    drop(runtime);
    match served? {
        End::Stopped => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        End::Sealed => Err(process::start_anew_sealed(listener)),
    }
}

/// The listener: bound before root is given up, as low ports are root's.
fn listener(args: &ServeArgs, address: SocketAddr) -> Result<std::net::TcpListener, Failure> {
    if args.resealed {
        return process::inherited_listener();
    }
    let listener = std::net::TcpListener::bind(address).map_err(|error| failure(address, error))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// How serving came to its end.
enum End {
    /// The process was told to stop.
    Stopped,
    /// The deployment was sealed, and the process must become a fresh one.
    Sealed,
}

async fn serve(
    gate: Arc<Gate>,
    opening: Opening,
    listener: std::net::TcpListener,
    first: bool,
) -> Result<End, Failure> {
    // Before anybody is told that the server is there: whoever is may stop it at once.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let data = opening.data.clone();
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    let socket = data.admin_socket();
    let (channel, owner) = bind_admin(&socket).map_err(|error| failure(socket.display(), error))?;
    let endpoint = format!("http://{address}");
    data.write_serving(&Serving { pid: std::process::id(), endpoint: endpoint.clone() })?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "serving plain HTTP beyond loopback: everything that is said can be read on the way");
    }
    tracing::info!(endpoint, account = opening.description.account, data = %data.path().display(), "serving");
    if first {
        greet(&endpoint, &data);
    }

    let (stop, stopping) = watch::channel(false);
    let timers = tokio::spawn(run_timers(Arc::clone(&gate), stopping.clone()));
    let listening = tokio::spawn(listen(Arc::clone(&gate), listener, stopping.clone()));
    let commanded = Arc::new(Commanded {
        gate: Arc::clone(&gate),
        opening,
        sealing: Mutex::default(),
        sealed: Notify::new(),
        ending: AtomicBool::new(false),
    });
    let commands = tokio::spawn(serve_admin(Arc::clone(&commanded), channel, owner, stopping));
    let end = tokio::select! {
        _ = interrupt.recv() => End::Stopped,
        _ = terminate.recv() => End::Stopped,
        () = commanded.sealed.notified() => End::Sealed,
    };
    if let End::Stopped = end {
        tracing::info!("stopping: open requests may end");
    }
    stop.send_replace(true);
    listening.await?;
    timers.await?;
    commands.await?;
    match gate.seal().await {
        Ok(()) | Err(SealError::Sealed) => {}
        Err(error) => return Err(error.into()),
    }
    if let End::Stopped = end {
        data.clear_serving();
    }
    Ok(end)
}

/// Tells a person where the server is and how to use it. Whether anybody reads it makes no difference.
fn greet(endpoint: &str, data: &Data) {
    let text = format!(
        "Fastness serves {endpoint}\nUse it with: eval \"$(fastness env --data {})\"\n",
        data.path().display()
    );
    let mut out = std::io::stdout();
    let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn log(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let json = match log.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    if json { builder.json().flatten_event(true).init() } else { builder.init() }
}
