//! `fastness serve`: the server.

use crate::admin::{Commanded, merge};
use crate::args::ServeArgs;
use crate::config::Config;
use crate::deployment::{Data, Serving};
use crate::exit::Exit;
use crate::front::Front;
use crate::opening::{Opening, Unopened};
use crate::tls::{Keeper, Setup};
use crate::watched::Watched;
use crate::{Failure, failure, init, log, operators, output, ownership, process};
use assembly::{Parts, services};
use iam::Iam;
use keyring::SystemRandom;
use platform::ids;
use serde_json::json;
use server::{Gate, SealError, bind_admin, listen, run_tasks, serve_admin, store_failed};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

/// What the process ends with when a write to the disk failed, so that its supervisor starts it again (`EX_IOERR` of sysexits.h).
const STORE_FAILED: u8 = 74;

/// The next step where something of a deployment is not what was written.
const RESTORE: &str =
    "`fastness verify` tells what is damaged, and `fastness restore` makes another directory of a backup";

/// The next step where nothing at hand opens a deployment.
const OPEN: &str =
    "give what opens it with --key-file, --passphrase-file or [seal]; `fastness slots list` tells what does";

/// The signal of a write beyond the limit of a file's size, on all architectures of Linux but MIPS.
const SIGXFSZ: i32 = 25;

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    run_to_end(args).map_err(|failure| match failure.exit {
        Exit::Damaged => failure.before(RESTORE),
        Exit::Locked => failure.before(OPEN),
        _ => failure,
    })
}

fn run_to_end(args: &ServeArgs) -> Result<ExitCode, Failure> {
    survive_limits()?;
    if let Some(parent) = args.parent {
        confine::end_with_parent(parent)?;
    }
    let config = Config::read(&args.place)?;
    log::start(&config.log);
    let data = Data::locate(&args.place, &config)?;
    let front = Front::bind(args, &config, &data)?;
    let watched = Watched::new(args, &config)?;
    let roots = config.attestation.read()?;
    let description = match data.describe()? {
        Some(description) => description,
        None => {
            let made_by_root = init::require_place(&args.place, &config, &data)?;
            let account = std::env::var("FASTNESS_ACCOUNT_ID").ok();
            init::create(
                &args.place,
                &config,
                &data,
                None,
                init::Wanted { account, ..init::Wanted::default() },
                args.tls,
            )?;
            ownership::hand_over(&config, &data, &made_by_root)?;
            data.describe()?.ok_or_else(|| failure(data.path().display(), "the new deployment is gone"))?
        }
    };
    ownership::hand_over(&config, &data, &[])?;
    process::give_up_root(&config.process)?;
    let _claim = data.claim()?;
    let tls = Setup::choose(args.tls, &config, &data, &description.id, front.address()?)?;
    // Where users are listed is soon out of reach.
    operators::look_up();
    let mut ports = front.numbers()?;
    ports.extend(watched.port());
    process::restrict(
        &args.place,
        &config,
        &data,
        &description.seal,
        ports,
        watched.collector_port(),
        tls.as_ref(),
    )?;
    let iam = Arc::new(Iam::default());
    let telemetry = Arc::clone(&watched.telemetry);
    let gate = Gate::sealed(&services(Parts { iam, ..Parts::default() }), || ids::uuid(&SystemRandom))
        .with_telemetry(telemetry);
    let gate = Arc::new(gate.with_healthz(config.monitor.healthz_on_listen));
    let opening = Opening {
        place: args.place.clone(),
        config,
        data,
        description,
        roots,
        beyond: front.beyond_loopback()?,
    };
    if args.sealed || args.resealed {
        tracing::warn!("sealed: waiting for `fastness unseal`");
    } else {
        match opening.configured() {
            Ok(deployment) => drop(gate.open(deployment)),
            Err(Unopened::Waits(why)) => tracing::warn!("sealed: {why}"),
            Err(unopened) => {
                let failure = Failure::from(unopened);
                return Err(match failure.exit {
                    // A file that belongs to it.
                    Exit::Absent => failure.before(RESTORE),
                    _ => failure,
                });
            }
        }
    }
    let keeper =
        tls.map(|setup| Keeper::start(setup, opening.data.clone(), Arc::clone(&gate))).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(gate, opening, &front, keeper, watched, !args.resealed));
    // What reaches outside may still run on a thread; its task is given back, and nobody waits for it.
    runtime.shutdown_timeout(JOBS_END);
    match served? {
        End::Stopped => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        End::Failed => {
            tracing::error!("ended, as a write to the disk failed: start it again");
            Ok(ExitCode::from(STORE_FAILED))
        }
        End::Sealed => Err(process::start_anew_sealed(front.into_listener())),
    }
}

/// Has a write beyond a limit of the system (`ulimit -f`, `LimitFSIZE=`) fail, as on a full disk, where else the process would end at once.
fn survive_limits() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _within = runtime.enter();
    // Whoever heard it once hears it for good; what it tells, the write tells too.
    let _heard = signal(SignalKind::from_raw(SIGXFSZ))?;
    Ok(())
}

/// How long jobs may take to end once nothing is served any more.
const JOBS_END: Duration = Duration::from_secs(1);

/// How serving came to its end.
enum End {
    /// The process was told to stop.
    Stopped,
    /// The deployment was sealed, and the process must become a fresh one.
    Sealed,
    /// A write to the disk failed, and what is on it is not known until it is opened anew.
    Failed,
}

async fn serve(
    gate: Arc<Gate>,
    opening: Opening,
    front: &Front,
    keeper: Option<Keeper>,
    watched: Watched,
    first: bool,
) -> Result<End, Failure> {
    // Before anybody is told that the server is there: whoever is may stop it at once.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    let data = opening.data.clone();
    let ports = front.ports(keeper.as_ref())?;
    let (stop, stopping) = watch::channel(false);
    let watching = watched.start(Arc::clone(&gate), &opening.description.id, stopping.clone())?;
    let socket = data.admin_socket();
    let (channel, owner) = bind_admin(&socket).map_err(|error| failure(socket.display(), error))?;
    let monitor = watching.address.map(|address| format!("http://{address}"));
    let serving = Serving { monitor, ..front.serving(keeper.as_ref(), &data)? };
    data.write_serving(&serving)?;
    let endpoint = &serving.endpoint;
    tracing::info!(endpoint, account = opening.description.account, data = %data.path().display(), "serving");
    if first {
        greet(&serving, &opening, gate.deployment().is_none());
    }

    let tasks = tokio::spawn(run_tasks(Arc::clone(&gate), stopping.clone()));
    let (limits, proxies) = (front.limits.clone(), front.proxies.clone());
    let listening = tokio::spawn(listen(Arc::clone(&gate), ports, limits, proxies, stopping.clone()));
    let hurry = Arc::new(Notify::new());
    let keeping = keeper.map(|keeper| tokio::spawn(keeper.run(Arc::clone(&hurry), stopping.clone())));
    let commanded = Arc::new(Commanded::new(Arc::clone(&gate), opening));
    let commands = tokio::spawn(serve_admin(Arc::clone(&commanded), channel, owner, stopping));
    let mut failed = std::pin::pin!(store_failed(Arc::clone(&gate)));
    let end = loop {
        tokio::select! {
            _ = interrupt.recv() => break End::Stopped,
            _ = terminate.recv() => break End::Stopped,
            () = commanded.sealed.notified() => break End::Sealed,
            () = &mut failed => break End::Failed,
            // Certificates are read again, and nothing else.
            _ = hangup.recv() => hurry.notify_one(),
        }
    };
    if let End::Stopped = end {
        tracing::info!("stopping: open requests may end");
    }
    stop.send_replace(true);
    listening.await?;
    tasks.await?;
    if let Some(keeping) = keeping {
        keeping.await?;
    }
    commands.await?;
    let sealed = gate.seal().await;
    watching.end().await?;
    match sealed {
        Ok(()) | Err(SealError::Sealed) => {}
        // It has failed already.
        Err(error) if matches!(end, End::Failed) => {
            tracing::error!(%error, "the store was not closed in order")
        }
        Err(error) => return Err(error.into()),
    }
    if let End::Stopped | End::Failed = end {
        data.clear_serving();
    }
    Ok(end)
}

/// Tells whoever started it where the server is and how to use it: a person in words, a program in one line of JSON. Whether anybody reads it makes
/// no difference.
fn greet(serving: &Serving, opening: &Opening, sealed: bool) {
    let hint = opening.place.hint("env");
    let text = if output::wants_json() {
        let (description, data) = (&opening.description, opening.data.path());
        let mut facts = json!({
            "data": data, "account": description.account, "region": description.region, "scratch": description.scratch, "sealed": sealed,
        });
        merge(&mut facts, json!(serving));
        format!("{facts}\n")
    } else {
        format!("Fastness serves {}\nUse it with: eval \"$({hint})\"\n", serving.endpoint)
    };
    let mut out = std::io::stdout();
    let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
