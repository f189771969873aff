//! The files of the store.

use crate::Choices;
use simdisk::SimDisk;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use store::{Disk as _, Embedded, KeyRange, LogId, LogRead, Order, Sizes, Store, StoreError, Witness};

const LOG: LogId = LogId(1);
const COMMITS: usize = 24;

/// Takes a statement as its own proof, which a fuzzer can forge: more of the store is reached so.
#[derive(Debug)]
struct Echo;

impl Witness for Echo {
    fn attest(&self, statement: &[u8]) -> Result<Vec<u8>, String> {
        Ok(statement.to_vec())
    }

    fn confirms(&self, statement: &[u8], proof: &[u8]) -> bool {
        statement == proof
    }
}

/// Nothing but one segment of the journal, or several with checkpoints.
const SIZES: [Sizes; 2] = [
    Sizes { segment_bytes: 1 << 20, changed_bytes: 1 << 20, table_cache_bytes: 1 << 20, reserve_bytes: 0 },
    Sizes { segment_bytes: 2048, changed_bytes: 1024, table_cache_bytes: 1 << 20, reserve_bytes: 0 },
];

/// Rows and records.
type State = (Vec<(Vec<u8>, Vec<u8>)>, Vec<Vec<u8>>);

/// The files of a store, and all states that it was in.
struct Image {
    sizes: Sizes,
    files: BTreeMap<String, Vec<u8>>,
    states: Vec<State>,
}

static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    let image = |sizes: Sizes| {
        let disk = SimDisk::new(1);
        let store =
            Store::open(Embedded::open_on(Arc::new(disk.clone()), sizes, Arc::new(Echo)).unwrap()).unwrap();
        let mut states = vec![state(&store).unwrap()];
        for number in 0..COMMITS {
            let mut txn = store.begin();
            txn.put(&[u8::try_from(number % 7).unwrap()], vec![u8::try_from(number).unwrap(); 40]);
            if number % 5 == 4 {
                txn.delete(&[2]);
            }
            txn.append(LOG, vec![u8::try_from(number).unwrap(); 60]);
            store.commit_blocking(txn).unwrap();
            states.push(state(&store).unwrap());
        }
        if sizes.segment_bytes < 4096 {
            store.close_blocking().unwrap();
        } else {
            drop(store);
        }
        // Of the journal without checkpoints the end is zeros; a little of it is enough.
        let kept = |name: &String| {
            let mut bytes = disk.contents(name);
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if name.ends_with(".journal") && bytes.len() > used + 256 {
                bytes.truncate(used + 256);
            }
            bytes
        };
        let files = disk.names().iter().map(|name| (name.clone(), kept(name))).collect();
        Image { sizes, files, states }
    };
    SIZES.map(image).into()
});

fn state(store: &Store) -> Result<State, StoreError> {
    let rows = store.begin().scan(&KeyRange::all(), Order::Forward, 1000)?;
    let records = store.log().read(LOG, LogRead::forward(0, 1000))?;
    let rows = rows.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    Ok((rows, records.into_iter().map(|(_, record)| record.to_vec()).collect()))
}

pub(crate) fn journal(data: &[u8]) {
    let mut choices = Choices(data);
    let image = &IMAGES[choices.below(IMAGES.len())];
    let made_up = choices.below(4) == 3;
    let mut files = image.files.clone();
    // redb trusts its own file: what is in it is checked when it is opened, but not all of it.
    let names: Vec<String> = files.keys().filter(|name| name.ends_with(".journal")).cloned().collect();
    if made_up {
        let name = &names[choices.below(names.len())];
        files.insert(name.clone(), choices.0.to_vec());
    } else {
        for _ in 0..4 {
            if choices.0.is_empty() {
                break;
            }
            alter(&mut files, &names[choices.below(names.len())], &mut choices);
        }
    }
    let disk = SimDisk::new(1);
    for (name, bytes) in &files {
        let file = disk.create(name).unwrap();
        file.write_at(0, bytes).unwrap();
    }
    let opened = Embedded::open_on(Arc::new(disk), image.sizes, Arc::new(Echo)).and_then(Store::open);
    let Ok(found) = opened.and_then(|store| state(&store)) else { return };
    if !made_up {
        assert!(image.states.contains(&found), "the store was never in this state");
    }
}

fn alter(files: &mut BTreeMap<String, Vec<u8>>, name: &str, choices: &mut Choices<'_>) {
    let how = choices.below(6);
    let Some(bytes) = files.get_mut(name) else { return };
    let at = choices.word() % (bytes.len() + 1);
    match how {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= u8::try_from(choices.byte()).unwrap();
            }
        }
        2 => bytes.truncate(at),
        3 => {
            let end = (at + choices.byte()).min(bytes.len());
            bytes[at..end].fill(0);
        }
        4 => {
            let from = choices.word() % (bytes.len() + 1);
            let part = bytes[from..(from + choices.byte()).min(bytes.len())].to_vec();
            let end = (at + part.len()).min(bytes.len());
            bytes.splice(at..end, part);
        }
        _ => drop(files.remove(name)),
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let edits: [&[u8]; 7] = [
        b"",
        b"\0\0\0\0\0\x20\x01",
        b"\0\0\0\x02\x01\0",
        b"\x01\0\x01\x03\x02\0\x40",
        b"\x01\0\0\x04\x01\0\x02\0\x80",
        b"\x01\0\x02\x05",
        b"\x01\0\0\0\0\x08\x02\x01\0\0\x30\x10",
    ];
    let mut seeds: Vec<Vec<u8>> = edits.iter().map(|edit| edit.to_vec()).collect();
    for (number, image) in IMAGES.iter().enumerate() {
        let first = image.files.iter().find(|(name, _)| name.ends_with(".journal")).unwrap().1;
        let most = first.len().min(600);
        seeds.push([&[u8::try_from(number).unwrap(), 3, 0], &first[..most]].concat());
    }
    seeds
}
