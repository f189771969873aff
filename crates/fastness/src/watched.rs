//! What can be seen of a server from outside: sets up counts, traces and the monitoring listener.

use crate::Failure;
use crate::args::ServeArgs;
use crate::config::Config;
use crate::front::unbound;
use server::{Gate, monitor};
use std::net::SocketAddr;
use std::sync::Arc;
use telemetry::{Exporter, Exposition, State, Telemetry, Traces};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is counted, and what is to be started with the server.
pub(crate) struct Watched {
    pub(crate) telemetry: Arc<Telemetry>,
    listener: Option<std::net::TcpListener>,
    exporter: Option<Exporter>,
    port: Option<u16>,
    collector_port: Option<u16>,
}

/// What was started.
pub(crate) struct Watching {
    /// Where the monitoring listener is, if there is one.
    pub(crate) address: Option<SocketAddr>,
    /// Ends both tasks.
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Watched {
    /// As configuration and flags say.
    pub(crate) fn new(args: &ServeArgs, config: &Config) -> Result<Self, Failure> {
        let address = args.monitor.or(config.monitor.listen);
        let beyond = args.monitor_beyond_loopback || config.monitor.beyond_loopback;
        if let Some(address) = address.filter(|address| !address.ip().is_loopback() && !beyond) {
            return Err(Failure(format!(
                "{address}, which monitor.listen (--monitor) names, is not a loopback address, and the monitoring listener lets everybody read who reaches it; to do it all \
                 the same, add --monitor-beyond-loopback"
            )));
        }
        let settings = &config.telemetry;
        let endpoint = settings.otlp_endpoint.as_ref().map(|collector| &collector.0);
        if endpoint.is_some_and(|endpoint| !endpoint.is_loopback()) && !settings.plain_http_beyond_loopback {
            return Err(Failure(
                "telemetry.otlp-endpoint is not on loopback, and over plain HTTP spans can be read on the way: name a collector on this host, or else set \
                 telemetry.plain-http-beyond-loopback"
                    .to_owned(),
            ));
        }
        let listener = match address.map(|address| {
            listener(address).map_err(|error| unbound("monitor.listen (--monitor)", address, &error))
        }) {
            // A server that was sealed must come back to wait for its operator, watched or not.
            Some(Err(Failure { message: error, .. })) if args.resealed => {
                tracing::error!(error, "no monitoring: the address could not be had back");
                None
            }
            bound => bound.transpose()?,
        };
        let collector_port = endpoint.map(|endpoint| endpoint.port());
        let (traces, exporter) =
            endpoint.map(|endpoint| Traces::new(endpoint.clone(), settings.sampling_ratio.0)).unzip();
        let models: Vec<_> = assembly::models();
        let telemetry = Arc::new(Telemetry::new(&models, traces));
        Ok(Self {
            telemetry,
            listener,
            exporter,
            port: address.map(|address| address.port()),
            collector_port,
        })
    }

    /// The port to listen on, which is bound anew after sealing.
    pub(crate) fn port(&self) -> Option<u16> {
        self.port
    }

    /// The collector's port.
    pub(crate) fn collector_port(&self) -> Option<u16> {
        self.collector_port
    }

    /// Starts the listener and the sending of spans, which come from the deployment called `id`. `stopping` tells whether the process
    /// has been told to stop.
    pub(crate) fn start(
        self,
        gate: Arc<Gate>,
        id: &str,
        stopping: watch::Receiver<bool>,
    ) -> Result<Watching, Failure> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut address = None;
        if let Some(listener) = self.listener {
            let listener = TcpListener::from_std(listener)?;
            let bound = listener.local_addr()?;
            if !bound.ip().is_loopback() {
                tracing::warn!(address = %bound, "monitoring beyond loopback: whoever reaches this address can read the metrics");
            }
            tracing::info!(address = %bound, "monitoring");
            address = Some(bound);
            let state = move || State { stopping: *stopping.borrow(), ..gate.state() };
            let exposition = Exposition::new(self.telemetry, state, env!("CARGO_PKG_VERSION"));
            tasks.push(tokio::spawn(monitor(Arc::new(exposition), listener, stopped.clone())));
        }
        if let Some(exporter) = self.exporter {
            let resource = vec![
                ("service.name", "fastness".to_owned()),
                ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
                ("service.instance.id", id.to_owned()),
            ];
            tasks.push(tokio::spawn(exporter.run(resource, stopped)));
        }
        Ok(Watching { address, stop, tasks })
    }
}

impl Watching {
    /// Sends the last spans and ends the listener, which goes last: so it can tell that the server is stopping.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

fn listener(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
