//! Everything that a store holds at one moment, to be read at leisure while commits go on.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock};

use super::anchor::{ANCHOR_NAME, Known};
use super::disk::{Disk, DiskFile};
use super::logs::{Bounds, Index};
use super::overlay::Overlay;
use super::rows::{RowsPart, write_rows};
use super::segment::{
    Contents, Frames, SEGMENT_HEADER_BYTES, SegmentHeader, file_len, segment_id, segment_name,
};
use super::tables::{Base, Mark, TABLES_NAME, Tables};
use super::verify::{Finding, Inspector};
use crate::{Head, StoreError, Witness};

/// The name of the part of an image that has the rows as of the last checkpoint; the others are journal segments.
pub const ROWS_PART: &str = "rows";

/// A store at one version. Its journal segments are not removed while it is there; its rows can be read until the store
/// is closed.
pub struct Image {
    pub(super) disk: Arc<dyn Disk>,
    /// The last checkpoint that was finished, which the journal goes on from.
    pub(super) base: Option<Arc<Base>>,
    /// The same of an image that was copied.
    rows: Option<RowsPart>,
    /// The segments, in order.
    pub(super) segments: Vec<u64>,
    /// The segment that was being written, and where its frames ended.
    pub(super) cut: Option<(u64, u64)>,
    /// The place in the history after the last group; of a stopped store, the last that is known to have been durable.
    pub(super) head: Head,
    /// Of a stopped store, all places that are noted as durable.
    pub(super) noted: Vec<Head>,
    /// Whether it is known that nothing comes after the head, as of a running store.
    pub(super) ends_at_head: bool,
    /// Whether a file tells how far the journal has come; a copy has none.
    has_anchor: bool,
    pub(super) witness: Arc<dyn Witness>,
    _tables: Option<Tables>,
    _pin: Option<Pin>,
}

/// What of a segment there is to read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    /// Its index, if it has one that is whole.
    pub(super) contents: Option<Contents>,
    /// Where its frames end; without an index, at the latest.
    pub(super) frames_end: u64,
}

/// Keeps segments from being removed.
#[derive(Debug)]
pub(super) struct Pin {
    index: Arc<RwLock<Index>>,
    first: u64,
}

impl Image {
    /// An image of a running store.
    pub(super) fn running(
        disk: Arc<dyn Disk>,
        base: Option<Arc<Base>>,
        pin: Pin,
        place: (u64, u64),
        head: Head,
        witness: Arc<dyn Witness>,
    ) -> Image {
        let first = base.as_ref().map_or(Mark::START, |base| base.mark).oldest_segment;
        let (segment, offset) = place;
        let mut segments: Vec<u64> = (first..segment).collect();
        let cut = (offset > 0).then_some((segment, offset));
        segments.extend(cut.map(|(segment, _)| segment));
        let (noted, ends_at_head, pin) = (Vec::new(), true, Some(pin));
        Image {
            disk,
            base,
            rows: None,
            segments,
            cut,
            head,
            noted,
            ends_at_head,
            has_anchor: true,
            witness,
            _tables: None,
            _pin: pin,
        }
    }

    /// An image of a store that nobody has open, as its files are found, for [`verify`](Image::verify). Writes nothing.
    /// With it come the faults that were found already.
    pub fn stopped(
        disk: Arc<dyn Disk>,
        witness: Arc<dyn Witness>,
    ) -> Result<(Image, Vec<Finding>), StoreError> {
        let mut findings = Vec::new();
        let (tables, base) = match Tables::check(&Overlay::new(disk.clone()), witness.clone()) {
            Ok(checked) => checked,
            Err(error) => {
                findings.push(Finding::of(&error)?);
                (None, None)
            }
        };
        let segments = segments_of(&*disk)?;
        let mark = base.as_ref().map_or(Mark::START, |base| base.mark);
        let mut known = match Known::read(&*disk, &*witness, &mark.head) {
            Ok(known) => known,
            Err(error) => Known { faults: vec![Finding::of(&error)?], ..Known::default() },
        };
        findings.append(&mut known.faults);
        let head = known.newest().unwrap_or_default();
        let noted = known.heads().collect();
        let (cut, ends_at_head) = (None, false);
        let image = Image {
            disk,
            base,
            rows: None,
            segments,
            cut,
            head,
            noted,
            ends_at_head,
            has_anchor: true,
            witness,
            _tables: tables,
            _pin: None,
        };
        Ok((image, findings))
    }

    /// An image that was copied, from a disk that holds its parts as [`write_part`](Self::write_part) wrote them, for
    /// [`verify`](Image::verify). Whoever copied it said that it ends at `head`. With it come the faults that were found already.
    pub fn copied(
        disk: Arc<dyn Disk>,
        head: Head,
        witness: Arc<dyn Witness>,
    ) -> Result<(Image, Vec<Finding>), StoreError> {
        let mut findings = Vec::new();
        let rows =
            disk.open(ROWS_PART).map_err(|e| StoreError::io("opening the rows", e)).and_then(RowsPart::open);
        let rows = rows.or_else(|error| {
            Finding::of(&error).map(|finding| {
                findings.push(finding);
                None
            })
        })?;
        let segments = segments_of(&*disk)?;
        let mut image = Image {
            disk,
            base: None,
            rows,
            segments,
            cut: None,
            head,
            noted: Vec::new(),
            ends_at_head: true,
            has_anchor: false,
            witness,
            _tables: None,
            _pin: None,
        };
        // The segment that was being written has no index. One that does not open is found by whoever walks.
        if let Some(last) = image.segments.last().copied()
            && let Ok(Some(Opened { contents: None, frames_end, .. })) = image.open(last)
        {
            image.cut = Some((last, frames_end));
        }
        Ok((image, findings))
    }

    /// What is wrong with the file that tells how far the journal of a running store has come; that of a stopped one was read with
    /// the image.
    pub(super) fn anchor_faults(&self) -> Result<Vec<Finding>, StoreError> {
        if !self.ends_at_head || !self.has_anchor {
            return Ok(Vec::new());
        }
        let mut known = Known::read_running(&*self.disk, &*self.witness, &self.mark().head)?;
        if known.group().is_some_and(|group| group.version < self.head.version) {
            known.faults.push(Finding::new(ANCHOR_NAME, 0, "the file is older than the journal"));
        }
        Ok(known.faults)
    }

    /// The place in the history after the last group.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The names of the parts that [`write_part`](Self::write_part) writes, and [`Restoration`](crate::Restoration) reads.
    pub fn parts(&self) -> Vec<String> {
        std::iter::once(ROWS_PART.to_owned())
            .chain(self.segments.iter().map(|id| segment_name(*id)))
            .collect()
    }

    /// Writes a part, in the form of `FORMAT.md`, as long as it is what was stored: rows must open, and the journal be whole.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not, since nothing of use can be made of such a copy.
    pub fn write_part(
        &self,
        name: &str,
        inspector: &mut dyn Inspector,
        out: &mut dyn Write,
    ) -> Result<(), StoreError> {
        match segment_id(name) {
            _ if name == ROWS_PART => write_rows(self.base.as_deref(), inspector, out),
            Some(id) => self.write_segment(id, out),
            None => Err(StoreError::damaged(name, 0, "a store has no such part")),
        }
    }

    fn write_segment(&self, id: u64, out: &mut dyn Write) -> Result<(), StoreError> {
        let Some(Opened { name, file, header, contents, frames_end }) = self.open(id)? else { return Ok(()) };
        let damaged = |offset, what: &str| Err(StoreError::damaged(&name, offset, what));
        let mut copy =
            |bytes: &[u8]| out.write_all(bytes).map_err(|e| StoreError::io(format!("copying `{name}`"), e));
        let before = match id.checked_sub(1).filter(|before| self.segments.contains(before)) {
            Some(before) => self.open(before)?.and_then(|before| before.contents).map(|before| before.head),
            None => Some(header.previous),
        };
        if header.id != id || before != Some(header.previous) {
            return damaged(0, "the segment does not follow on the one before");
        }
        copy(&header.encode())?;
        let mut found = Contents::new(&header);
        let mut frames = Frames::new(&*file, &name, header.salt, SEGMENT_HEADER_BYTES, frames_end);
        while let Some(frame) = frames.next_sound()? {
            let head = frame.follow(found.head, &*self.witness, &name)?;
            if !found.add(head, frame.len(), &frame.ops(&name)?) {
                return damaged(frame.offset, "log positions do not follow each other");
            }
            copy(&frame.bytes)?;
        }
        if self.segments.last() == Some(&id) && found.head != self.head {
            return damaged(frames_end, "the journal does not end where it has come to");
        }
        match contents {
            _ if self.cut.is_some_and(|(segment, _)| segment == id) => Ok(()),
            Some(contents) if contents == found => copy(&contents.encode_seal(header.salt)),
            Some(_) => damaged(frames_end, "the index of the segment does not fit what is in it"),
            None => damaged(frames_end, "the segment's index is missing or damaged"),
        }
    }

    /// Where the tables end and the journal goes on.
    pub(super) fn mark(&self) -> Mark {
        let copied = self.rows.as_ref().map(|rows| rows.mark);
        self.base.as_ref().map(|base| base.mark).or(copied).unwrap_or(Mark::START)
    }

    /// The bounds of the logs there.
    pub(super) fn bounds(&self) -> &[Bounds] {
        let copied = self.rows.as_ref().map(|rows| rows.logs.as_slice());
        self.base.as_ref().map(|base| base.logs.as_slice()).or(copied).unwrap_or_default()
    }

    /// Shows every row of the last checkpoint; none, if there was none yet.
    pub(super) fn visit_rows(
        &self,
        show: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Option<Result<(), StoreError>> {
        match (&self.base, &self.rows) {
            (Some(base), _) => Some(base.visit(show)),
            (None, Some(rows)) => Some(rows.visit(show)),
            (None, None) => None,
        }
    }

    /// The name of what holds those rows.
    pub(super) fn rows_name(&self) -> &'static str {
        if self.rows.is_some() { ROWS_PART } else { TABLES_NAME }
    }

    /// Whether the journal goes back to the very beginning.
    pub(super) fn is_complete(&self) -> bool {
        self.segments.first().copied().unwrap_or(self.mark().oldest_segment) == Mark::START.segment
    }

    /// Opens a segment. None if it is the last one of a stopped store, and the system went down, or the disk was full, before it was
    /// begun: opening removes it.
    pub(super) fn open(&self, id: u64) -> Result<Option<Opened>, StoreError> {
        let name = segment_name(id);
        let file = self.disk.open(&name).map_err(|e| StoreError::io(format!("opening `{name}`"), e))?;
        let is_last = self.segments.last() == Some(&id);
        let may_be_torn = is_last && !self.ends_at_head && id >= self.mark().next_segment();
        let Some(header) = SegmentHeader::read(&*file, &name, may_be_torn)? else { return Ok(None) };
        let (contents, frames_end) = match self.cut {
            Some((segment, end)) if segment == id => (None, end),
            _ => {
                let contents = Contents::load(&*file, &name, header.salt)?;
                let end = contents.as_ref().map_or(file_len(&*file, &name)?, |contents| contents.frames_end);
                (contents, end)
            }
        };
        Ok(Some(Opened { name, file, header, contents, frames_end }))
    }
}

/// The segments on a disk, in order.
fn segments_of(disk: &dyn Disk) -> Result<Vec<u64>, StoreError> {
    let names = disk.list().map_err(|e| StoreError::io("listing the data directory", e))?;
    let mut segments: Vec<u64> = names.iter().filter_map(|name| segment_id(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

impl Opened {
    /// Its frames.
    pub(super) fn frames(&self) -> Frames<'_> {
        Frames::new(&*self.file, &self.name, self.header.salt, SEGMENT_HEADER_BYTES, self.frames_end)
    }
}

impl Pin {
    /// Keeps the segments from `first` on; false if some were removed already.
    pub(super) fn new(index: &Arc<RwLock<Index>>, first: u64) -> (Pin, bool) {
        let mut locked = index.write().unwrap_or_else(PoisonError::into_inner);
        locked.pin(first);
        let all = locked.first_segment().is_none_or(|oldest| oldest <= first);
        drop(locked);
        (Pin { index: index.clone(), first }, all)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.index.write().unwrap_or_else(PoisonError::into_inner).unpin(self.first);
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("head", &self.head)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}
