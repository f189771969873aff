//! `fastness serve`: the server.

use crate::args::ServeArgs;
use crate::config::{Config, LISTEN_DEFAULT, Log, LogFormat, LogLevel};
use crate::deployment::{Data, Description, Serving};
use crate::{Failure, failure, init, seal};
use cloudtrail::CloudTrail;
use iam::Iam;
use keyring::{Keyring, SystemRandom};
use kms::Kms;
use platform::{Directory, Env, Service};
use server::{Deployment, SystemClock, listen, run_timers};
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Embedded, Store};
use sts::Sts;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::filter::LevelFilter;

/// Every service there is, by name.
pub(crate) fn services(iam: Arc<Iam>) -> Vec<Arc<dyn Service>> {
    vec![Arc::new(CloudTrail), iam, Arc::new(Kms), Arc::new(Sts)]
}

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
    let seal = seal::existing(&args.place, &config, &description)?;
    let keyring = Keyring::open(&data.keyring(), &[&*seal], Arc::new(SystemRandom))?;
    drop(seal);
    let store = Store::open(Embedded::open(&data.store())?)?;
    let iam = Arc::new(Iam::default());
    let env =
        Env { keyring, random: Arc::new(SystemRandom), directory: Arc::clone(&iam) as Arc<dyn Directory> };
    let Description { account, region, .. } = &description;
    let deployment =
        Deployment::new(store.clone(), env, Arc::new(SystemClock), account, region, services(iam));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(Arc::new(deployment), address, &data, &description))?;
    drop(runtime);
    store.close_blocking()?;
    data.clear_serving();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    deployment: Arc<Deployment>,
    address: SocketAddr,
    data: &Data,
    description: &Description,
) -> Result<(), Failure> {
    // Before anybody is told that the server is there: whoever is may stop it at once.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = TcpListener::bind(address).await.map_err(|error| failure(address, error))?;
    let address = listener.local_addr()?;
    let endpoint = format!("http://{address}");
    data.write_serving(&Serving { pid: std::process::id(), endpoint: endpoint.clone() })?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "serving plain HTTP beyond loopback: everything that is said can be read on the way");
    }
    tracing::info!(endpoint, account = description.account, data = %data.path().display(), "serving");
    greet(&endpoint, data);

    let (stop, stopping) = watch::channel(false);
    let timers = tokio::spawn(run_timers(Arc::clone(&deployment), stopping.clone()));
    let listening = tokio::spawn(listen(deployment, listener, stopping));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: open requests may end");
    stop.send_replace(true);
    listening.await?;
    timers.await?;
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
