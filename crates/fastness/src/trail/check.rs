//! `fastness trail check`: exported lines against receipts that were kept elsewhere, without a deployment.

use super::CheckArgs;
use super::chain::Chain;
use crate::exit::Exit;
use crate::progress::Progress;
use crate::{Failure, failure, output};
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// How many lines are remembered: more than a page has, which goes out again when its acknowledgement was lost.
const RECENT_MAX: usize = 1 << 16;

/// A line of receipts.
#[derive(Deserialize)]
struct Line {
    receipt: Receipt,
}

#[derive(Deserialize)]
struct Receipt {
    deployment: String,
    head: String,
    chain: Chain,
}

/// What of a record is looked at.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventID")]
    event_id: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Found {
    deployment: String,
    receipts: usize,
    /// Lines, each counted once.
    records: u64,
    /// Lines that went out again.
    repeated: u64,
    /// Lines that are no records, as a write that was cut off leaves them.
    torn: u64,
    /// Lines that came after the last receipt.
    beyond: u64,
    /// The head of the last receipt.
    head: String,
    findings: Vec<String>,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let receipts = read_receipts(&args.receipts)?;
    let mut walk = Walk::new(&receipts).map_err(|error| error.during(args.receipts.display()))?;
    let bytes = args.files.iter().filter_map(|path| path.metadata().ok()).map(|found| found.len()).sum();
    let progress = Progress::begin("checking", bytes);
    for path in &args.files {
        if path == Path::new("-") {
            walk.lines(&mut io::stdin().lock()).map_err(|error| failure("standard input", error))?;
        } else {
            let file = File::open(path).map_err(|error| Failure::from(error).during(path.display()))?;
            let mut from = BufReader::new(progress.reading(file));
            walk.lines(&mut from).map_err(|error| failure(path.display(), error))?;
        }
    }
    progress.end();
    let found = walk.end();
    let whole = found.findings.is_empty();
    let facts = || {
        let mut facts = serde_json::to_value(&found).unwrap_or_default();
        crate::admin::merge(&mut facts, serde_json::json!({ "whole": whole }));
        facts
    };
    output::print(facts, |out| {
        writeln!(out, "deployment {}", found.deployment)?;
        writeln!(out, "receipts   {}", found.receipts)?;
        writeln!(out, "records    {}, {} that no receipt covers yet", found.records, found.beyond)?;
        if found.repeated + found.torn > 0 {
            writeln!(
                out,
                "left out   {} lines that went out again, {} that were cut off",
                found.repeated, found.torn
            )?;
        }
        writeln!(out, "head       {}", found.head)?;
        for finding in &found.findings {
            writeln!(out, "DAMAGED    {finding}")?;
        }
        let text = if whole {
            "These are the lines that the receipts tell of. That the deployment continues them, `fastness verify --contains` with this head tells."
        } else {
            "These are NOT the lines that the receipts tell of."
        };
        Ok(writeln!(out, "{text}")?)
    })?;
    Ok(if whole { ExitCode::SUCCESS } else { Exit::Damaged.into() })
}

/// Reads receipts, one a line.
fn read_receipts(path: &Path) -> Result<Vec<Receipt>, Failure> {
    let file = File::open(path).map_err(|error| Failure::from(error).during(path.display()))?;
    let mut receipts = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| failure(path.display(), error))?;
        let Line { receipt } = serde_json::from_str(&line).map_err(|error| {
            failure(format_args!("{}:{}", path.display(), index + 1), format!("it is no receipt: {error}"))
                .with(Exit::Damaged)
        })?;
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// Lines, compared with the receipts that are still to come.
struct Walk<'a> {
    receipts: std::iter::Peekable<std::slice::Iter<'a, Receipt>>,
    chain: Chain,
    /// The ids of the lines before, and their order.
    recent: (HashSet<String>, VecDeque<String>),
    /// Up to where the receipts covered the lines.
    covered: u64,
    found: Found,
}

impl<'a> Walk<'a> {
    fn new(receipts: &'a [Receipt]) -> Result<Self, Failure> {
        let (Some(first), Some(last)) = (receipts.first(), receipts.last()) else {
            return Err(Failure("there are no receipts in it".to_owned()).with(Exit::Absent));
        };
        let other = |receipt: &&Receipt| {
            receipt.deployment != first.deployment || receipt.chain.from != first.chain.from
        };
        if receipts.iter().any(|receipt| other(&receipt)) {
            return Err(Failure(
                "its receipts are of several exports: each has its own `--position`, and its own receipts"
                    .to_owned(),
            ));
        }
        let (deployment, head) = (last.deployment.clone(), last.head.clone());
        let found = Found { deployment, head, receipts: receipts.len(), ..Found::default() };
        let (receipts, chain) = (receipts.iter().peekable(), Chain::begin(first.chain.from));
        let mut walk = Self { receipts, chain, recent: Default::default(), covered: 0, found };
        walk.compare();
        Ok(walk)
    }

    fn lines(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if (&mut *from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            match str::from_utf8(line.strip_suffix(b"\n").unwrap_or(&line)) {
                Ok(line) => self.line(line),
                Err(_) => self.found.torn += 1,
            }
        }
    }

    fn line(&mut self, line: &str) {
        let Ok(Record { event_id }) = serde_json::from_str(line) else {
            self.found.torn += 1;
            return;
        };
        let (known, order) = &mut self.recent;
        if !known.insert(event_id.clone()) {
            self.found.repeated += 1;
            return;
        }
        order.push_back(event_id);
        if order.len() > RECENT_MAX
            && let Some(oldest) = order.pop_front()
        {
            known.remove(&oldest);
        }
        self.chain.add(line);
        self.compare();
    }

    /// Compares with the receipts that end here.
    fn compare(&mut self) {
        while let Some(receipt) = self.receipts.next_if(|next| next.chain.records <= self.chain.records) {
            if receipt.chain != self.chain && self.found.findings.is_empty() {
                // From here on nothing fits.
                let (first, last) = (self.covered + 1, receipt.chain.records);
                let what = format!(
                    "records {first} to {last} are not those of the receipt with head {}",
                    receipt.head
                );
                self.found.findings.push(what);
            }
            self.covered = receipt.chain.records;
        }
    }

    fn end(mut self) -> Found {
        self.found.records = self.chain.records;
        if let Some(receipt) = self.receipts.next() {
            let (there, last) = (self.chain.records, receipt.chain.records);
            let what = format!(
                "records {} to {last} of the receipt with head {} are missing",
                there + 1,
                receipt.head
            );
            self.found.findings.push(what);
        }
        self.found.beyond = self.chain.records.saturating_sub(self.covered);
        self.found
    }
}
