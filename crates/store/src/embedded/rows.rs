//! The rows of a checkpoint as one stream, and back.

use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::{Buf, BufMut};

use super::disk::DiskFile;
use super::logs::Bounds;
use super::tables::{Base, Mark, Rows, TABLES_NAME};
use super::verify::{Inspector, key_text};
use crate::witness::LINK_BYTES;
use crate::{Head, KEY_BYTES_MAX, LogId, StoreError, VALUE_BYTES_MAX};

const NAME: &str = super::image::ROWS_PART;

/// Most logs that a stream may tell of.
const LOGS_MAX: u32 = 1 << 16;

/// How much of a stream is read at once.
const READ_BYTES: usize = 256 << 10;

/// A checkpoint that is there as a stream alone.
#[derive(Debug)]
pub(super) struct RowsPart {
    pub(super) mark: Mark,
    pub(super) logs: Vec<Bounds>,
    file: Arc<dyn DiskFile>,
    /// Where the rows begin.
    rows_at: u64,
}

/// Writes a checkpoint: where it stands, the bounds of the logs, and every row, each of which must open.
pub(super) fn write_rows(
    base: Option<&Base>,
    inspector: &mut dyn Inspector,
    out: &mut dyn Write,
) -> Result<(), StoreError> {
    let failed = |e| StoreError::io("copying the rows", e);
    let mark = base.map_or(Mark::START, |base| base.mark);
    let logs = base.map(|base| base.logs.as_slice()).unwrap_or_default();
    let mut buffer = Vec::new();
    buffer.put_u64_le(mark.head.version);
    buffer.put_slice(&mark.head.link);
    buffer.put_u64_le(mark.segment);
    buffer.put_u64_le(mark.offset);
    buffer.put_u64_le(mark.oldest_segment);
    buffer.put_u32_le(u32::try_from(logs.len()).unwrap_or(u32::MAX));
    for log in logs {
        buffer.put_u32_le(log.log.0);
        buffer.put_u64_le(log.first);
        buffer.put_u64_le(log.next);
    }
    out.write_all(&buffer).map_err(failed)?;
    let Some(base) = base else { return Ok(()) };
    base.visit(|key, value| {
        inspector.row(key, value).map_err(|why| {
            StoreError::damaged(TABLES_NAME, 0, format!("the row {} does not open: {why}", key_text(key)))
        })?;
        buffer.clear();
        for bytes in [key, value] {
            buffer.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            buffer.put_slice(bytes);
        }
        out.write_all(&buffer).map_err(failed)
    })
}

/// Reads where a checkpoint stands; the rows follow.
pub(super) fn read_mark(from: &mut dyn Read) -> Result<(Mark, Vec<Bounds>), StoreError> {
    let mut fixed = [0; 8 + LINK_BYTES + 3 * 8 + 4];
    from.read_exact(&mut fixed).map_err(ends_early)?;
    let mut fields = &fixed[..];
    let mut head = Head { version: fields.get_u64_le(), link: [0; LINK_BYTES] };
    fields.copy_to_slice(&mut head.link);
    let (segment, offset, oldest_segment) = (fields.get_u64_le(), fields.get_u64_le(), fields.get_u64_le());
    let count = fields.get_u32_le();
    if count > LOGS_MAX {
        return Err(StoreError::damaged(NAME, 0, format!("{count} logs are not possible")));
    }
    let mut logs = Vec::new();
    for _ in 0..count {
        let mut log = [0; 4 + 2 * 8];
        from.read_exact(&mut log).map_err(ends_early)?;
        let mut fields = &log[..];
        let log = LogId(fields.get_u32_le());
        logs.push(Bounds { log, first: fields.get_u64_le(), next: fields.get_u64_le() });
    }
    Ok((Mark { head, segment, offset, oldest_segment }, logs))
}

/// Puts all rows that follow into a table.
pub(super) fn read_rows(from: &mut dyn Read, rows: &mut Rows<'_>) -> Result<(), redb::Error> {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    while read_row(from, &mut key, &mut value)?.is_continue() {
        rows.insert(&key[..], &value[..])?;
    }
    Ok(())
}

impl RowsPart {
    /// The checkpoint in a file; none, if there was none yet when it was written.
    pub(super) fn open(file: Arc<dyn DiskFile>) -> Result<Option<RowsPart>, StoreError> {
        let mut from = Reading { file: &*file, at: 0 };
        let (mark, logs) = read_mark(&mut from)?;
        let rows_at = from.at;
        Ok((mark != Mark::START).then_some(RowsPart { mark, logs, file, rows_at }))
    }

    /// Shows every row, in the order in which they are there.
    pub(super) fn visit(
        &self,
        mut show: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut from = BufReader::with_capacity(READ_BYTES, Reading { file: &*self.file, at: self.rows_at });
        let (mut key, mut value) = (Vec::new(), Vec::new());
        while read_row(&mut from, &mut key, &mut value).map_err(unreadable)?.is_continue() {
            show(&key, &value)?;
        }
        Ok(())
    }
}

/// A file, read from its beginning on.
struct Reading<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.len()?.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = out.len().min(left);
        self.file.read_at(self.at, out.get_mut(..count).unwrap_or_default())?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Reads a row; breaks at the end of the stream.
fn read_row(from: &mut dyn Read, key: &mut Vec<u8>, value: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
    if read_bytes(from, key, KEY_BYTES_MAX)?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    if read_bytes(from, value, VALUE_BYTES_MAX)?.is_break() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(ControlFlow::Continue(()))
}

/// Reads a length and so many bytes; breaks at the end of the stream.
fn read_bytes(from: &mut dyn Read, bytes: &mut Vec<u8>, max: usize) -> io::Result<ControlFlow<()>> {
    let mut len = [0; 4];
    let read = from.read(&mut len)?;
    if read == 0 {
        return Ok(ControlFlow::Break(()));
    }
    from.read_exact(len.get_mut(read..).unwrap_or_default())?;
    let len = u32::from_le_bytes(len) as usize;
    if len > max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a row of {len} bytes is not possible"),
        ));
    }
    bytes.resize(len, 0);
    from.read_exact(bytes)?;
    Ok(ControlFlow::Continue(()))
}

/// An error of a stream, whose damage is told apart.
fn unreadable(e: io::Error) -> StoreError {
    match e.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            StoreError::damaged(NAME, 0, e.to_string())
        }
        _ => StoreError::io("reading the rows", e),
    }
}

fn ends_early(e: io::Error) -> StoreError {
    StoreError::io("reading the rows", e)
}
