//! The rows as they were: what to change so that a store has the rows of an earlier moment.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::image::Image;
use crate::{Head, Op, StoreError};

/// A moment in the history of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the last group of at most this version.
    Version(u64),
    /// Before the first group that was committed after this time, in milliseconds since 1970.
    Time(u64),
}

/// What leads back to an earlier moment.
#[derive(Debug)]
pub struct Past {
    /// The place in the history that it is.
    pub head: Head,
    /// When the group there was committed, in milliseconds since 1970.
    pub time: u64,
    /// The rows that were written since, each as it was then; none where there was none.
    pub rows: Vec<(Bytes, Option<Bytes>)>,
}

impl Image {
    /// What leads back to a moment, from the first change that the journal tells of to the last: there was nothing before, and it is not
    /// known what comes after.
    ///
    /// # Errors
    /// [`StoreError::NoMoment`] if it is none of these, [`StoreError::Unreachable`] if rows of then were written before what the
    /// journal still tells.
    pub fn past(&self, moment: Moment) -> Result<Past, StoreError> {
        let mut reached = None;
        let mut first = None;
        let mut last_time = 0;
        let mut is_past = false;
        let mut since = HashSet::new();
        self.groups(&mut |after, at, ops| {
            first.get_or_insert((after.version, at));
            last_time = last_time.max(at);
            is_past |= match moment {
                Moment::Version(version) => after.version > version,
                Moment::Time(time) => at > time,
            };
            if is_past {
                let written = ops.into_iter().filter_map(|op| match op {
                    Op::Put(key, _) | Op::Delete(key) => Some(key),
                    Op::Append(..) | Op::Retain(..) => None,
                });
                since.extend(written.map(|key| Bytes::copy_from_slice(&key)));
            } else {
                reached = Some((after, at));
            }
        })?;
        let is_after = match moment {
            Moment::Version(version) => version > self.head.version,
            Moment::Time(time) => time > last_time,
        };
        let Some((head, time)) = reached.filter(|_| !is_after) else {
            let (version, time) = first.unwrap_or((self.head.version + 1, last_time));
            let (versions, times) = (version..=self.head.version, time..=last_time);
            return Err(StoreError::NoMoment { versions, times });
        };
        let mut then: HashMap<Bytes, Option<Bytes>> = HashMap::new();
        let mut take = |key: Bytes, value: Option<Bytes>| {
            if let Some(key) = since.get(&key) {
                then.insert(key.clone(), value.map(|value| Bytes::copy_from_slice(&value)));
            }
        };
        self.groups(&mut |after, _, ops| {
            for op in ops {
                match op {
                    _ if after.version > head.version => return,
                    Op::Put(key, value) => take(key, Some(value)),
                    Op::Delete(key) => take(key, None),
                    Op::Append(..) | Op::Retain(..) => {}
                }
            }
        })?;
        let mut rows = Vec::with_capacity(since.len());
        for key in since {
            let value = match then.remove(&key) {
                Some(value) => value,
                None if self.is_complete() => None,
                // Not written between the checkpoint and the moment, so as it was at the checkpoint.
                None if self.mark().head.version <= head.version => match &self.base {
                    Some(base) => base.get(&key)?,
                    None => None,
                },
                None => {
                    let why = "rows of that time were written before the journal begins";
                    return Err(StoreError::Unreachable(why.into()));
                }
            };
            rows.push((key, value));
        }
        rows.sort_unstable();
        Ok(Past { head, time, rows })
    }

    /// Goes through all groups, which must be whole.
    fn groups(&self, visit: &mut dyn FnMut(Head, u64, Vec<Op>)) -> Result<(), StoreError> {
        for id in &self.segments {
            let Some(segment) = self.open(*id)? else { continue };
            let mut frames = segment.frames();
            let mut head = segment.header.previous;
            while let Some(frame) = frames.next_sound()? {
                head = frame.follow(head, &*self.witness, &segment.name)?;
                visit(head, frame.header.time, frame.ops(&segment.name)?);
            }
        }
        Ok(())
    }
}
