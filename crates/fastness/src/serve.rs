//! `fastness serve`: the server.

use crate::admin::Commanded;
use crate::args::ServeArgs;
use crate::config::{Config, LISTEN_DEFAULT, Log, LogFormat, LogLevel};
use crate::deployment::{Data, Serving};
use crate::opening::{Opening, Unopened, services};
use crate::{Failure, failure, init};
use iam::Iam;
use keyring::SystemRandom;
use platform::ids;
use server::{Gate, SealError, bind_admin, listen, run_timers, serve_admin};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, watch};
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
    let data = Data::locate(&args.place, &config)?;
    let description = match data.describe()? {
        Some(description) => description,
        None => {
            init::create(&args.place, &config, &data, std::env::var("FASTNESS_ACCOUNT_ID").ok(), None)?;
            data.describe()?.ok_or_else(|| failure(data.path().display(), "the new deployment is gone"))?
        }
    };
    let _claim = data.claim()?;
    let iam = Arc::new(Iam::default());
    let gate = Arc::new(Gate::sealed(&services(iam), || ids::uuid(&SystemRandom)));
    let opening = Opening { place: args.place.clone(), config, data, description };
    match opening.configured() {
        Ok(deployment) => drop(gate.open(deployment)),
        Err(Unopened::Waits(why)) => tracing::warn!("sealed: {why}"),
        Err(unopened) => return Err(unopened.into()),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(gate, opening, address));
    drop(runtime);
    result?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn serve(gate: Arc<Gate>, opening: Opening, address: SocketAddr) -> Result<(), Failure> {
    // Before anybody is told that the server is there: whoever is may stop it at once.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let data = opening.data.clone();
    let listener = TcpListener::bind(address).await.map_err(|error| failure(address, error))?;
    let address = listener.local_addr()?;
    let socket = data.admin_socket();
    let (channel, owner) = bind_admin(&socket).map_err(|error| failure(socket.display(), error))?;
    let endpoint = format!("http://{address}");
    data.write_serving(&Serving { pid: std::process::id(), endpoint: endpoint.clone() })?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "serving plain HTTP beyond loopback: everything that is said can be read on the way");
    }
    tracing::info!(endpoint, account = opening.description.account, data = %data.path().display(), "serving");
    greet(&endpoint, &data);

    let (stop, stopping) = watch::channel(false);
    let timers = tokio::spawn(run_timers(Arc::clone(&gate), stopping.clone()));
    let listening = tokio::spawn(listen(Arc::clone(&gate), listener, stopping.clone()));
    let commanded = Commanded { gate: Arc::clone(&gate), opening, sealing: Mutex::default() };
    let commands = tokio::spawn(serve_admin(Arc::new(commanded), channel, owner, stopping));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: open requests may end");
    stop.send_replace(true);
    listening.await?;
    timers.await?;
    commands.await?;
    match gate.seal().await {
        Ok(()) | Err(SealError::Sealed) => {}
        Err(error) => return Err(error.into()),
    }
    data.clear_serving();
    Ok(())
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
