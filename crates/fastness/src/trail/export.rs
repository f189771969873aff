//! The exporter: asks for page after page, sends each, and notes how far it came once the target has it. So every record goes out at
//! least once, and in order; after a crash the last page may go out again, which its event ids tell.

use super::ExportArgs;
use super::chain::Chain;
use super::position::Position;
use super::sink::Sink;
use crate::admin::{Command, ask};
use crate::backup::Sha256;
use crate::changes::Here;
use crate::exit::Exit;
use crate::opening::Opening;
use crate::progress::Progress;
use crate::{Failure, failure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long to wait for new records, or for a server or target that is gone.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between attempts at a target that is gone.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A page, as the server answers it.
#[derive(Deserialize)]
struct Page {
    records: Vec<String>,
    first: u64,
    next: u64,
    end: u64,
    head: String,
}

pub(super) fn run(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let opening = Opening::locate(&args.place)?;
    let authorization = match &args.authorization_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| failure(path.display(), error))?;
            Some(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        None => None,
    };
    let open = |target| Sink::open(target, args.ca_file.as_deref(), authorization.as_deref());
    let receipts = match &args.receipts {
        Some(target) => Some(open(target)?),
        None => None,
    };
    let position = Position::read(args.position.clone(), &opening.description.id, args.from.unwrap_or(0))?;
    let from = position.next;
    let mut exporter = Exporter {
        args,
        deployment: opening.description.id.clone(),
        sink: open(&args.to)?,
        position,
        session: None,
        receipts: Receipts {
            sink: receipts,
            from,
            records: 0,
            hash: Sha256::default(),
            told: Instant::now(),
        },
        progress: None,
    };
    let claim = if args.follow { None } else { opening.data.claim_unless_served()? };
    match claim {
        None => exporter.run(&mut |command| ask(&opening.data, command))?,
        Some(claim) => {
            let here = Here::open(opening, &[], claim)?;
            let exported = exporter.run(&mut |command| here.obey(command, None));
            here.close()?;
            exported?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Exporter<'a> {
    args: &'a ExportArgs,
    deployment: String,
    sink: Sink,
    position: Position,
    /// The export that the server knows.
    session: Option<String>,
    receipts: Receipts,
    progress: Option<Progress>,
}

/// What was exported since the last receipt.
struct Receipts {
    sink: Option<Sink>,
    from: u64,
    records: u64,
    hash: Sha256,
    told: Instant,
}

type Ask<'s> = &'s mut dyn FnMut(&Command) -> Result<Value, Failure>;

impl Exporter<'_> {
    fn run(&mut self, ask: Ask<'_>) -> Result<(), Failure> {
        let follow = self.args.follow;
        let mut silent = true;
        loop {
            let page = match self.fetch(ask) {
                Ok(page) => page,
                // A server that is not there, sealed or being started comes back.
                Err(failure) if follow && failure.exit != Exit::OtherHistory => {
                    if std::mem::take(&mut silent) {
                        writeln!(std::io::stderr(), "fastness: waiting for the server: {}", failure.message)?;
                    }
                    self.session = None;
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            silent = true;
            if page.first > self.position.next && self.position.next > 0 {
                let (next, first) = (self.position.next, page.first);
                writeln!(
                    std::io::stderr(),
                    "fastness: records {next} to {first} are no longer kept, and are left out"
                )?;
            }
            if !page.records.is_empty() {
                self.send(&page.records)?;
                self.receipts.note(&page.records);
                self.position.advance(&page.records, page.next, &page.head)?;
            }
            let total = page.end.saturating_sub(page.first);
            let progress = self.progress.get_or_insert_with(|| Progress::begin("exporting", total));
            progress.add(page.records.len() as u64);
            let done = page.next >= page.end;
            let due = self.receipts.told.elapsed() >= Duration::from_secs(self.args.receipt_every);
            if (done && !follow) || (due && self.receipts.records > 0 && self.receipts.sink.is_some()) {
                let next = self.position.next.max(page.next);
                self.receipts.publish(&self.deployment, next, &page.head, &self.position.chain)?;
            }
            if done && !follow {
                return Ok(());
            }
            if done {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// The next page; begins the export where the server does not know it.
    fn fetch(&mut self, ask: Ask<'_>) -> Result<Page, Failure> {
        let from = self.position.next;
        for _ in 0..2 {
            let session = match &self.session {
                Some(session) => session.clone(),
                None => {
                    let begun = ask(&Command::ExportTrail { from, to: self.args.to.to_string() })?;
                    let session = begun.get("session").and_then(Value::as_str).unwrap_or_default().to_owned();
                    self.session.insert(session).clone()
                }
            };
            let page = ask(&Command::TrailPage { session, from })?;
            if !page.is_null() {
                return Ok(Page::deserialize(page)?);
            }
            self.session = None;
        }
        Err(Failure("the server forgets the export at once".to_owned()))
    }

    /// Sends records; with --follow, until the target has them.
    fn send(&mut self, records: &[String]) -> Result<(), Failure> {
        let mut pause = PAUSE;
        loop {
            let failure = match self.sink.send(records) {
                Ok(()) => return Ok(()),
                Err(failure) if !self.args.follow => return Err(failure),
                Err(failure) => failure,
            };
            writeln!(
                std::io::stderr(),
                "fastness: trying again in {} s: {}",
                pause.as_secs(),
                failure.message
            )?;
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }
}

impl Receipts {
    fn note(&mut self, records: &[String]) {
        self.records += records.len() as u64;
        for record in records {
            self.hash.update(record.as_bytes());
            self.hash.update(b"\n");
        }
    }

    /// A receipt: these records, with this hash over their lines, and all that went out before them, with the digest of the chain, are in the history
    /// that ends with this head.
    fn publish(&mut self, deployment: &str, to: u64, head: &str, chain: &Chain) -> Result<(), Failure> {
        let hash = std::mem::take(&mut self.hash).finish();
        let receipt = json!({
            "receipt": { "deployment": deployment, "from": self.from, "to": to, "records": self.records, "sha256": hash, "head": head, "chain": chain },
        });
        match &mut self.sink {
            Some(sink) => sink.send(&[receipt.to_string()])?,
            None => writeln!(std::io::stderr(), "{receipt}")?,
        }
        (self.from, self.records, self.told) = (to, 0, Instant::now());
        Ok(())
    }
}
