//! `fastness verify`: proves a deployment's data and trail whole, or names what is not.

use crate::admin::{Command, ask_with};
use crate::args::VerifyArgs;
use crate::deployment::Data;
use crate::exit::Exit;
use crate::opening::Opening;
use crate::progress::{Progress, Watching, store_bytes};
use crate::{Failure, beside, failure, output, shares};
use keyring::{Keyring, Seal};
use platform::{Opener, Vouching};
use serde::{Deserialize, Serialize};
use server::Deployment;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Containment, Directory, Head, Image, Report};
use wire::Timestamp;

/// The word for a head that this history continues.
const CONTAINED: &str = "contained";

/// What was found, as it goes over the operator's channel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verified {
    segments: u64,
    groups: u64,
    journal_bytes: u64,
    rows: u64,
    records: u64,
    first: String,
    head: String,
    since: Option<u64>,
    until: Option<u64>,
    findings: Vec<String>,
    findings_left_out: u64,
    contained: Vec<(String, String)>,
}

pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    if let Some(file) = &args.backup {
        return crate::backup::verify(args, file);
    }
    let opening = Opening::locate(&args.place)?;
    let data = &opening.data;
    let command = Command::Verify { contains: args.contains.iter().map(ToString::to_string).collect() };
    let verified: Verified = match data.claim_unless_served()? {
        None => {
            let (_watching, pipe) = Watching::pipe("verifying")?;
            serde_json::from_value(ask_with(data, &command, Some(&pipe))?)?
        }
        Some(_claim) => {
            // The keyring's own checksum and authentication code are checked as it is opened, and then the description's proof.
            let given: Vec<Box<dyn Seal>> = if args.shares {
                shares::combine(&shares::read()?)?.into_iter().collect()
            } else {
                Vec::new()
            };
            let given: Vec<&dyn Seal> = given.iter().map(|seal| &**seal).collect();
            let keyring = opening.keyring(&given)?;
            let report = verify_stopped(data, &keyring, &args.contains)?;
            Verified::from(report).with(beside::check(data, &keyring)?)
        }
    };
    print(&verified)
}

/// Verifies the store of a deployment that is not served.
pub(crate) fn verify_stopped(data: &Data, keyring: &Keyring, contains: &[Head]) -> Result<Report, Failure> {
    if !data.store().is_dir() {
        return Err(failure(data.store().display(), "the store is missing"));
    }
    let disk = Arc::new(Directory::open(&data.store())?);
    let (image, found) = Image::stopped(disk, Arc::new(Vouching::new(keyring)))?;
    let progress = Progress::begin("verifying", store_bytes(&data.store()));
    let mut opener = progress.inspecting(Opener::new(keyring, &|| false));
    let report = image.verify(&mut opener, contains, found);
    progress.end();
    Ok(report?)
}

/// Verifies the store of a running deployment, as it is now.
pub(crate) async fn verify_running(
    deployment: &Deployment,
    data: &Data,
    contains: &[String],
    progress: &Progress,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Verified, Failure> {
    let contains = contains.iter().map(|head| head.parse()).collect::<Result<Vec<Head>, _>>()?;
    let image = deployment.image().await?;
    let mut opener = progress.inspecting(Opener::new(&deployment.env().keyring, stop));
    let verify = || image.verify(&mut opener, &contains, Vec::new());
    let report = tokio::task::block_in_place(verify).map_err(|error| match stop() {
        true => Failure("the deployment was sealed meanwhile".into()),
        false => error.into(),
    })?;
    Ok(Verified::from(report).with(beside::check(data, &deployment.env().keyring)?))
}

/// The findings of a report, a line each.
pub(crate) fn findings_text(report: &Report) -> String {
    report.findings.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}

impl Verified {
    /// With what was found in the files beside the store.
    pub(crate) fn with(mut self, beside: Vec<String>) -> Self {
        self.findings.extend(beside);
        self
    }

    fn is_undamaged(&self) -> bool {
        self.findings.is_empty()
    }

    fn is_contained(&self) -> bool {
        self.contained.iter().all(|(_, found)| found == CONTAINED)
    }

    /// Everything is as it was written, and continues what was known.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_undamaged() && self.is_contained()
    }

    /// The code that it is told with.
    pub(crate) fn code(&self) -> ExitCode {
        match (self.is_undamaged(), self.is_contained()) {
            (true, true) => ExitCode::SUCCESS,
            (false, _) => Exit::Damaged.into(),
            (true, false) => Exit::OtherHistory.into(),
        }
    }

    /// Its facts, for programs.
    pub(crate) fn facts(&self) -> serde_json::Value {
        let mut facts = serde_json::to_value(self).unwrap_or_default();
        crate::admin::merge(&mut facts, serde_json::json!({ "whole": self.is_whole() }));
        facts
    }

    /// Its facts, a line each.
    pub(crate) fn tell(&self, out: &mut output::Output) -> Result<(), Failure> {
        let time = |time: Option<u64>| {
            let time = time.and_then(|time| i64::try_from(time).ok());
            time.map_or_else(|| "-".to_owned(), |time| Timestamp(time).rfc3339())
        };
        let (bytes, segments, groups) = (self.journal_bytes, self.segments, self.groups);
        writeln!(out, "journal   {bytes} bytes in {segments} segments, {groups} groups")?;
        writeln!(out, "from      {} to {}", time(self.since), time(self.until))?;
        writeln!(out, "records   {}", self.records)?;
        writeln!(out, "rows      {}", self.rows)?;
        if !self.first.starts_with("0:") {
            writeln!(out, "begins    {}", self.first)?;
        }
        writeln!(out, "head      {}", self.head)?;
        for (head, found) in &self.contained {
            writeln!(out, "contains  {head}: {found}")?;
        }
        for finding in &self.findings {
            writeln!(out, "DAMAGED   {finding}")?;
        }
        if self.findings_left_out > 0 {
            writeln!(out, "DAMAGED   and {} more", self.findings_left_out)?;
        }
        Ok(())
    }
}

impl From<Report> for Verified {
    fn from(report: Report) -> Self {
        let word = |containment| match containment {
            Containment::Contained => CONTAINED,
            Containment::Missing => "MISSING: this store has another history",
            Containment::TooOld => "UNKNOWN: the journal no longer goes back so far",
        };
        Self {
            segments: report.segments,
            groups: report.groups,
            journal_bytes: report.journal_bytes,
            rows: report.rows,
            records: report.records,
            first: report.first.to_string(),
            head: report.last.to_string(),
            since: report.times.map(|(since, _)| since),
            until: report.times.map(|(_, until)| until),
            findings: report.findings.iter().map(ToString::to_string).collect(),
            findings_left_out: report.findings_left_out,
            contained: report
                .contained
                .iter()
                .map(|(head, found)| (head.to_string(), word(*found).to_owned()))
                .collect(),
        }
    }
}

fn print(verified: &Verified) -> Result<ExitCode, Failure> {
    output::print(
        || verified.facts(),
        |out| {
            verified.tell(out)?;
            let whole = verified.is_whole();
            let found = if whole { "Everything is whole." } else { "NOT everything is as it was written." };
            Ok(writeln!(out, "{found}")?)
        },
    )?;
    Ok(verified.code())
}
