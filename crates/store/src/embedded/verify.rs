//! Walking a whole store, to prove it whole or to name what is not.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bytes::Bytes;

use super::anchor::ANCHOR_NAME;
use super::image::{Image, Opened};
use super::segment::{Contents, Frame, segment_name};
use super::tables::{Mark, TABLES_NAME};
use crate::witness::{LINK_BYTES, sha256_of};
use crate::{Head, LogId, Op, StoreError};

/// Most findings that are kept; more are counted.
pub const FINDINGS_MAX: usize = 100;

/// Opens what a store holds: to the store, rows and records are only bytes.
pub trait Inspector {
    /// Whether a row's value is one that was stored at its key; if not, why.
    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), String>;
    /// What a log record is called by, if it is one that was stored in its log; if not, why.
    fn record(&mut self, log: LogId, record: &[u8]) -> Result<String, String>;
    /// Whether to give up; asked again and again.
    fn stop(&self) -> bool {
        false
    }
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// Whether a place in the history that was kept elsewhere is one of this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containment {
    /// It is: the store continues what was known then.
    Contained,
    /// There is another history, without it.
    Missing,
    /// The journal no longer goes back so far, so this cannot be told.
    TooOld,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Journal segments.
    pub segments: u64,
    /// Groups of transactions.
    pub groups: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Rows, as of now.
    pub rows: u64,
    /// Log records.
    pub records: u64,
    /// Where the journal begins; version 0 when nothing was ever let go of.
    pub first: Head,
    /// Where it ends.
    pub last: Head,
    /// When the first group was committed and when the last, in milliseconds since 1970.
    pub times: Option<(u64, u64)>,
    /// What is wrong, [`FINDINGS_MAX`] at most.
    pub findings: Vec<Finding>,
    /// How many findings there were besides.
    pub findings_left_out: u64,
    /// For each place that was asked for, whether it is one of this store.
    pub contained: Vec<(Head, Containment)>,
}

impl Finding {
    pub(super) fn new(file: &str, offset: u64, what: impl Into<String>) -> Finding {
        Finding { file: file.to_owned(), offset, what: what.into() }
    }

    /// What an error says of stored bytes; other errors are not findings.
    pub(super) fn of(error: &StoreError) -> Result<Finding, StoreError> {
        match error {
            StoreError::Damaged { file, offset, what } => Ok(Finding::new(file, *offset, &**what)),
            StoreError::Format { file, .. } => Ok(Finding::new(file, 0, error.to_string())),
            other => Err(other.clone()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}: {}", self.file, self.offset, self.what)
    }
}

impl Image {
    /// Goes through every segment, group, row and record, and tells what is not as it was written. `contains` are places
    /// in the history that were kept elsewhere.
    ///
    /// # Errors
    /// Those of the file system, and [`StoreError::Closed`] if the inspector said to stop. Damage is not an error, but a
    /// finding.
    pub fn verify(
        &self,
        inspector: &mut dyn Inspector,
        contains: &[Head],
        found_before: Vec<Finding>,
    ) -> Result<Report, StoreError> {
        let mut walk = Walk::new(self, inspector, contains);
        found_before.into_iter().chain(self.anchor_faults()?).for_each(|finding| walk.report(finding));
        walk.run()?;
        Ok(walk.report)
    }
}

/// A key as it can be printed.
pub(super) fn key_text(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    text.chars().map(|c| if c == '\0' { '/' } else { c }).flat_map(char::escape_debug).collect()
}

/// What was last written to a row before the checkpoint; none if it was deleted.
type LastWritten = Option<[u8; LINK_BYTES]>;

struct Walk<'a> {
    image: &'a Image,
    inspector: &'a mut dyn Inspector,
    mark: Mark,
    report: Report,
    /// The place that the next group follows on; none after a gap that was reported.
    expected: Option<Head>,
    /// By log, the position of the next record, and what the last is called.
    next: BTreeMap<LogId, (u64, Option<String>)>,
    /// By row, what was last written to it before the checkpoint.
    written: HashMap<Bytes, LastWritten>,
    /// Rows changed after the checkpoint, and whether each is there.
    changed: HashMap<Bytes, bool>,
    /// Places to be passed, and whether they were.
    places: HashMap<Head, bool>,
    contains: &'a [Head],
}

impl<'a> Walk<'a> {
    fn new(image: &'a Image, inspector: &'a mut dyn Inspector, contains: &'a [Head]) -> Walk<'a> {
        let mark = image.mark();
        let places = contains.iter().chain(&image.noted).chain([&mark.head, &image.head]);
        let places = places.map(|head| (*head, false)).collect();
        let (report, next) = (Report::default(), BTreeMap::new());
        let (written, changed) = (HashMap::new(), HashMap::new());
        Walk { image, inspector, mark, report, expected: None, next, written, changed, places, contains }
    }

    fn report(&mut self, finding: Finding) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        } else {
            self.report.findings_left_out += 1;
        }
    }

    fn find(&mut self, file: &str, offset: u64, what: impl Into<String>) {
        self.report(Finding::new(file, offset, what));
    }

    fn run(&mut self) -> Result<(), StoreError> {
        let (segments, oldest) = (&self.image.segments, self.mark.oldest_segment);
        let last = segments.last().copied();
        let first = segments.first().copied().unwrap_or(oldest);
        if first > oldest {
            self.find(&segment_name(oldest), 0, format!("segments {oldest} to {} are missing", first - 1));
        }
        let mut before = None;
        for id in segments.iter().copied().filter(|id| *id >= oldest) {
            let missing = before.map_or(id, |before| before + 1)..id;
            if !missing.is_empty() {
                let what = format!("segments {} to {} are missing", missing.start, missing.end - 1);
                self.find(&segment_name(missing.start), 0, what);
            }
            match self.image.open(id) {
                Ok(Some(segment)) => self.segment(&segment, before.is_none(), last == Some(id))?,
                Ok(None) => break,
                Err(error) => {
                    self.report(Finding::of(&error)?);
                    self.expected = None;
                }
            }
            before = Some(id);
        }
        let (next, needed) = (before.map_or(oldest, |before| before + 1), self.mark.next_segment());
        if next < needed {
            self.find(&segment_name(next), 0, format!("segments {next} to {} are missing", needed - 1));
        } else if before.is_none() {
            (self.report.first, self.report.last) = (self.mark.head, self.mark.head);
            self.pass(self.mark.head);
        }
        self.end();
        self.rows()
    }

    fn segment(&mut self, segment: &Opened, is_first: bool, is_last: bool) -> Result<(), StoreError> {
        let name = &segment.name;
        self.report.segments += 1;
        self.report.journal_bytes += segment.frames_end;
        if is_first {
            self.report.first = segment.header.previous;
            self.report.last = segment.header.previous;
            self.expected = Some(segment.header.previous);
            if segment.header.id == Mark::START.segment && segment.header.previous != Mark::START.head {
                self.find(name, 0, "the first segment does not begin at version 0");
            }
            self.pass(segment.header.previous);
        } else if segment_name(segment.header.id) != *name {
            self.find(name, 0, format!("the file holds segment {}", segment.header.id));
        }
        // A checkpoint behind a segment shows that the segment was complete.
        let may_be_torn = is_last && self.mark.segment <= segment.header.id;
        let mut found = Contents::new(&segment.header);
        let mut frames = segment.frames();
        loop {
            if self.inspector.stop() {
                return Err(StoreError::Closed);
            }
            let offset = frames.offset;
            match frames.next()? {
                Some(frame) => {
                    self.frame(name, &frame)?;
                    if let Ok(ops) = frame.ops(name) {
                        let head = frame.head();
                        let _positions_are_checked_apart = found.add(head, frame.len(), &ops);
                    }
                }
                None if frames.is_at_end() => break,
                None => {
                    if frames.skip_to_whole()? {
                        self.find(name, offset, "there is no whole group, or its checksum is wrong");
                        self.expected = None;
                        found.frames_end = frames.offset;
                    } else if segment.contents.is_some() || self.image.cut.is_some() || !may_be_torn {
                        self.find(name, offset, "there is no whole group, or its checksum is wrong");
                        self.expected = None;
                        break;
                    } else {
                        break; // the group that was being written when the system went down, or zeros
                    }
                }
            }
        }
        match &segment.contents {
            Some(contents) if *contents != found => {
                self.find(name, contents.frames_end, "the index of the segment does not fit what is in it");
            }
            None if !may_be_torn => {
                self.find(name, segment.frames_end, "the segment's index is missing or damaged")
            }
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self, name: &str, frame: &Frame) -> Result<(), StoreError> {
        let (previous, version, offset) = (frame.header.previous, frame.header.version, frame.offset);
        self.report.groups += 1;
        let since = self.report.times.map_or(frame.header.time, |(since, _)| since);
        self.report.times = Some((since, frame.header.time));
        let ops = match frame.ops(name) {
            Ok(ops) => ops,
            Err(error) => {
                self.report(Finding::of(&error)?);
                Vec::new()
            }
        };
        let proven = frame.proven(&*self.image.witness);
        let versions = format!("versions {} to {version}", previous.version + 1);
        let before = self.report.findings.len() as u64 + self.report.findings_left_out;
        if let Some(expected) = self.expected.filter(|expected| *expected != previous) {
            let (stands, follows) = (expected.version, previous.version);
            self.find(name, offset, if follows > stands {
                format!("groups are missing: versions {} to {follows}", stands + 1)
            } else if follows < stands {
                format!("the group of {versions} is out of order, or stands twice: it comes after version {stands}")
            } else {
                format!("the group of {versions} follows on another version {follows} than stands before it")
            });
        }
        self.ops(name, offset, version, &ops);
        match proven {
            Some(head) => {
                self.expected = Some(head);
                self.report.last = head;
                self.pass(head);
                self.check_bounds(name, offset, &head);
            }
            None => {
                // What it was before, only the next group tells.
                self.expected = None;
                let records = record_range(&ops);
                let anything_else =
                    self.report.findings.len() as u64 + self.report.findings_left_out > before;
                let hint = if anything_else {
                    ""
                } else {
                    "; what is in it can be opened, so something was taken out or moved"
                };
                let what =
                    format!("the group of {versions} was altered: its proof does not fit ({records}{hint})");
                self.find(name, offset, what);
            }
        }
        Ok(())
    }

    fn ops(&mut self, name: &str, offset: u64, version: u64, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Append(log, position, record) => self.record(name, offset, *log, *position, record),
                Op::Retain(..) => {}
                Op::Put(key, value) if version > self.mark.head.version => {
                    self.changed.insert(Bytes::copy_from_slice(key), true);
                    if let Err(why) = self.inspector.row(key, value) {
                        self.find(name, offset, format!("the row {} does not open: {why}", key_text(key)));
                    }
                }
                Op::Delete(key) if version > self.mark.head.version => {
                    self.changed.insert(Bytes::copy_from_slice(key), false);
                }
                Op::Put(key, value) => {
                    self.written.insert(Bytes::copy_from_slice(key), Some(sha256_of(value)));
                }
                Op::Delete(key) => {
                    self.written.insert(Bytes::copy_from_slice(key), None);
                }
            }
        }
    }

    fn record(&mut self, name: &str, offset: u64, log: LogId, position: u64, record: &[u8]) {
        self.report.records += 1;
        let called = self.inspector.record(log, record);
        let first_wanted = self.image.bounds().iter();
        let first_wanted = first_wanted.filter(|bounds| bounds.log == log).map(|bounds| bounds.first).next();
        let begins =
            if self.image.is_complete() { 0 } else { first_wanted.unwrap_or(position).min(position) };
        let (expected, last) = self.next.remove(&log).unwrap_or((begins, None));
        let this = called.as_deref().unwrap_or("one that does not open");
        if position > expected {
            let (missing, after) = match position - expected {
                1 => (format!("record {expected} of log {} is missing", log.0), "it"),
                _ => (format!("records {expected} to {} of log {} are missing", position - 1, log.0), "them"),
            };
            let before = last.as_deref().unwrap_or("nothing");
            self.find(
                name,
                offset,
                format!("{missing}: before {after} stands {before}, after {after} {this}"),
            );
        } else if position < expected {
            let what = format!("record {position} of log {} is out of order, or stands twice: {this}", log.0);
            self.find(name, offset, what);
        }
        if let Err(why) = &called {
            let before = last.as_deref().unwrap_or("nothing");
            let what =
                format!("record {position} of log {} does not open: {why}; before it stands {before}", log.0);
            self.find(name, offset, what);
        }
        // One that is out of order says nothing of where the log goes on.
        let next = if position < expected {
            (expected, last)
        } else {
            (position.saturating_add(1), called.ok().or(last))
        };
        self.next.insert(log, next);
    }

    fn pass(&mut self, head: Head) {
        if let Some(passed) = self.places.get_mut(&head) {
            *passed = true;
        }
    }

    /// At the checkpoint, the logs must have come as far as it says.
    fn check_bounds(&mut self, name: &str, offset: u64, head: &Head) {
        if self.mark.head != *head {
            return;
        }
        for bounds in self.image.bounds() {
            let next = self.next.get(&bounds.log).map_or(bounds.first, |(next, _)| *next);
            if next != bounds.next {
                let (log, known) = (bounds.log.0, bounds.next);
                let what = format!(
                    "log {log} ends before record {next} here, the checkpoint knew it to end before {known}"
                );
                self.find(name, offset, what);
            }
        }
    }

    /// What must have been passed once everything was walked.
    fn end(&mut self) {
        let last = self.report.last;
        let (head, mark) = (self.image.head, self.mark.head);
        let file = self.image.segments.last().map_or_else(|| segment_name(1), |id| segment_name(*id));
        let passed = |head: &Head| self.places.get(head) == Some(&true) || *head == Mark::START.head;
        let (has_head, has_mark) = (passed(&head), passed(&mark));
        let since = self.report.first.version;
        let other = self.image.noted.iter().filter(|noted| **noted != head && noted.version >= since);
        let others: Vec<_> = other.filter(|noted| !passed(noted)).map(|noted| noted.version).collect();
        if last.version < head.version {
            let missing = format!(
                "the end of the journal is missing: it ends at version {}, but version {} was durable",
                last.version, head.version
            );
            self.find(&file, 0, missing);
        } else if let Some(version) = (!has_head).then_some(head.version).or(others.first().copied()) {
            let what =
                format!("the journal has another history than {ANCHOR_NAME} tells of at version {version}");
            self.find(&file, 0, what);
        } else if self.image.ends_at_head && last != head {
            self.find(&file, 0, "the journal goes on after its end");
        }
        if !has_mark && !self.image.segments.is_empty() {
            let what =
                format!("the checkpoint at version {} is none of this journal's history", mark.version);
            self.find(TABLES_NAME, 0, what);
        }
        for head in self.contains {
            let containment = match self.places.get(head) {
                Some(true) => Containment::Contained,
                _ if *head == self.report.first => Containment::Contained,
                _ if head.version < self.report.first.version => Containment::TooOld,
                _ => Containment::Missing,
            };
            self.report.contained.push((*head, containment));
        }
    }

    /// Every row of the tables opens, and is the one last written.
    fn rows(&mut self) -> Result<(), StoreError> {
        let image = self.image;
        let walked = image.visit_rows(|key, value| {
            if self.inspector.stop() {
                return Err(StoreError::Closed);
            }
            self.row(key, value);
            Ok(())
        });
        let Some(walked) = walked else {
            self.report.rows = self.changed.values().filter(|is_there| **is_there).count() as u64;
            return Ok(());
        };
        if let Err(error) = walked {
            self.report(Finding::of(&error)?);
            return Ok(());
        }
        let mut missing: Vec<_> =
            self.written.iter().filter(|(_, last)| last.is_some()).map(|(key, _)| key.clone()).collect();
        missing.sort_unstable();
        for key in missing {
            self.find(self.image.rows_name(), 0, format!("the row {} is missing", key_text(&key)));
        }
        self.report.rows += self.changed.values().filter(|is_there| **is_there).count() as u64;
        Ok(())
    }

    fn row(&mut self, key: &[u8], value: &[u8]) {
        if !self.changed.contains_key(key) {
            self.report.rows += 1;
        }
        if let Err(why) = self.inspector.row(key, value) {
            self.find(self.image.rows_name(), 0, format!("the row {} does not open: {why}", key_text(key)));
        }
        match self.written.remove(key) {
            Some(Some(digest)) if digest == sha256_of(value) => {}
            Some(Some(_)) => {
                let what = "is not what was last written to it: an older value was put in its place";
                self.find(self.image.rows_name(), 0, format!("the row {} {what}", key_text(key)));
            }
            Some(None) => self.find(
                self.image.rows_name(),
                0,
                format!("the row {} was deleted, but is there", key_text(key)),
            ),
            None if self.image.is_complete() => {
                self.find(self.image.rows_name(), 0, format!("the row {} was never written", key_text(key)));
            }
            None => {} // last written before the journal begins
        }
    }
}

/// Which records of which logs a group has.
fn record_range(ops: &[Op]) -> String {
    let mut logs: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for op in ops {
        if let Op::Append(log, position, _) = op {
            let range = logs.entry(log.0).or_insert((*position, *position));
            *range = (range.0.min(*position), range.1.max(*position));
        }
    }
    let ranges = logs.iter().map(|(log, (first, last))| match first == last {
        true => format!("record {first} of log {log}"),
        false => format!("records {first} to {last} of log {log}"),
    });
    let ranges: Vec<_> = ranges.collect();
    if ranges.is_empty() {
        "it has no log records".to_owned()
    } else {
        format!("it has {}", ranges.join(", "))
    }
}
