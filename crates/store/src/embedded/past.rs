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
    /// When the group there was committed, in milliseconds since 1970; none at the very beginning.
    pub time: Option<u64>,
    /// The rows that were written since, each as it was then; none where there was none.
    pub rows: Vec<(Bytes, Option<Bytes>)>,
}

impl Image {
    /// What leads back to a moment.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] if the moment is after the image, or before what the journal still tells.
    pub fn past(&self, moment: Moment) -> Result<Past, StoreError> {
        let mut head = Head::default();
        let mut time = None;
        let mut oldest = None;
        let mut is_past = false;
        let mut since = HashSet::new();
        self.groups(&mut |after, at, ops| {
            oldest.get_or_insert(at);
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
                (head, time) = (after, Some(at));
            }
        })?;
        if let Moment::Version(version) = moment
            && version > self.head.version
        {
            return Err(unreachable(format!("the last version is {}", self.head.version)));
        }
        if time.is_none() && !self.is_complete() {
            return Err(unreachable("the journal does not go back so far".into()));
        }
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
                    return Err(unreachable(
                        "rows of that time were written before the journal begins".into(),
                    ));
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

fn unreachable(why: String) -> StoreError {
    StoreError::Unreachable(why.into())
}
