//! The engines, each with one thread that makes groups durable, and reads from any thread.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
pub type Pair = (Vec<u8>, Vec<u8>);

/// What every engine can do. `commit` makes all pairs durable in one synchronization.
pub trait Engine: Send + 'static {
    fn commit(&mut self, pairs: &[Pair]) -> Result<()>;
    fn reader(&self) -> Result<Reader>;
}

/// Gets one row, and gives its length.
pub type Reader = Box<dyn FnMut(&[u8]) -> Result<Option<usize>> + Send>;

pub struct Redb(Arc<redb::Database>);

const ROWS: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("rows");

fn redb_put(db: &redb::Database, pairs: &[Pair], durability: redb::Durability) -> Result<()> {
    let mut txn = db.begin_write()?;
    txn.set_durability(durability)?;
    txn.set_quick_repair(matches!(durability, redb::Durability::Immediate));
    let mut table = txn.open_table(ROWS)?;
    for (key, value) in pairs {
        table.insert(&key[..], &value[..])?;
    }
    drop(table);
    Ok(txn.commit()?)
}

fn redb_reader(db: Arc<redb::Database>) -> Result<Reader> {
    use redb::ReadableDatabase;
    let table = db.begin_read()?.open_table(ROWS)?;
    Ok(Box::new(move |key| {
        let _alive = &db;
        Ok(table.get(key)?.map(|value| value.value().to_vec().len()))
    }))
}

impl Redb {
    pub fn open(path: &Path) -> Result<Redb> {
        std::fs::create_dir_all(path)?;
        Ok(Redb(Arc::new(redb::Database::create(path.join("redb"))?)))
    }
}

impl Engine for Redb {
    fn commit(&mut self, pairs: &[Pair]) -> Result<()> {
        redb_put(&self.0, pairs, redb::Durability::Immediate)
    }
    fn reader(&self) -> Result<Reader> {
        redb_reader(self.0.clone())
    }
}

/// A journal in front of redb, whose commits are not durable but for one in every 16 MiB of journal. No recovery.
pub struct JournalRedb {
    db: Arc<redb::Database>,
    journal: File,
    end: u64,
    since_checkpoint: u64,
}

impl JournalRedb {
    pub fn open(path: &Path) -> Result<JournalRedb> {
        std::fs::create_dir_all(path)?;
        let db = Arc::new(redb::Database::create(path.join("redb"))?);
        Ok(JournalRedb { db, journal: File::create(path.join("journal"))?, end: 0, since_checkpoint: 0 })
    }
}

impl Engine for JournalRedb {
    fn commit(&mut self, pairs: &[Pair]) -> Result<()> {
        let frame: Vec<u8> = pairs.iter().flat_map(|(k, v)| k.iter().chain(v)).copied().collect();
        self.journal.write_all_at(&frame, self.end)?;
        self.journal.sync_data()?;
        self.end += frame.len() as u64;
        self.since_checkpoint += frame.len() as u64;
        let durability = if self.since_checkpoint > 16 << 20 {
            self.since_checkpoint = 0;
            redb::Durability::Immediate
        } else {
            redb::Durability::None
        };
        redb_put(&self.db, pairs, durability)
    }
    fn reader(&self) -> Result<Reader> {
        redb_reader(self.db.clone())
    }
}

pub struct Fjall {
    db: fjall::Database,
    rows: fjall::Keyspace,
}

impl Fjall {
    pub fn open(path: &Path) -> Result<Fjall> {
        let db = fjall::Database::builder(path).open()?;
        let rows = db.keyspace("rows", fjall::KeyspaceCreateOptions::default)?;
        Ok(Fjall { db, rows })
    }
}

impl Engine for Fjall {
    fn commit(&mut self, pairs: &[Pair]) -> Result<()> {
        let mut batch = self.db.batch().durability(Some(fjall::PersistMode::SyncData));
        for (key, value) in pairs {
            batch.insert(&self.rows, &key[..], &value[..]);
        }
        Ok(batch.commit()?)
    }
    fn reader(&self) -> Result<Reader> {
        let rows = self.rows.clone();
        Ok(Box::new(move |key| Ok(rows.get(key)?.map(|value| value.to_vec().len()))))
    }
}

pub struct Heed {
    env: &'static heed::Env,
    rows: heed::Database<'static, heed::types::Bytes, heed::types::Bytes>,
}

impl Heed {
    pub fn open(path: &Path) -> Result<Heed> {
        std::fs::create_dir_all(path)?;
        // SAFETY: nothing else touches the file while it is mapped. Never unmapped: this is a short-lived program.
        let env = unsafe { heed::EnvOpenOptions::new().map_size(4 << 30).open(path)? };
        let env: &'static heed::Env = Box::leak(Box::new(env));
        let txn = env.write_txn()?;
        let rows = env
            .create_databases_and_commit(txn, |open, txn| {
                open.create_database(txn, None).map(heed::CommitOrAbort::<_, ()>::Commit)
            })?
            .unwrap_commit();
        Ok(Heed { env, rows })
    }
}

impl Engine for Heed {
    fn commit(&mut self, pairs: &[Pair]) -> Result<()> {
        let mut txn = self.env.write_txn()?;
        for (key, value) in pairs {
            self.rows.put(&mut txn, key, value)?;
        }
        Ok(txn.commit()?)
    }
    fn reader(&self) -> Result<Reader> {
        let (env, rows) = (self.env, self.rows.clone());
        Ok(Box::new(move |key| {
            let txn = env.read_txn()?;
            Ok(rows.get(&txn, key)?.map(|value| value.to_vec().len()))
        }))
    }
}

pub struct Sqlite {
    path: std::path::PathBuf,
    db: Mutex<rusqlite::Connection>,
}

impl Sqlite {
    pub fn open(path: &Path) -> Result<Sqlite> {
        std::fs::create_dir_all(path)?;
        let path = path.join("sqlite");
        let db = rusqlite::Connection::open(&path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.execute("create table if not exists rows (k blob primary key, v blob) without rowid", [])?;
        Ok(Sqlite { path, db: Mutex::new(db) })
    }
}

impl Engine for Sqlite {
    fn commit(&mut self, pairs: &[Pair]) -> Result<()> {
        let db = self.db.get_mut().map_err(|_| "poisoned")?;
        let txn = db.transaction()?;
        let mut put = txn.prepare_cached("insert or replace into rows values (?, ?)")?;
        for (key, value) in pairs {
            put.execute((key, value))?;
        }
        drop(put);
        Ok(txn.commit()?)
    }
    fn reader(&self) -> Result<Reader> {
        let db = rusqlite::Connection::open(&self.path)?;
        Ok(Box::new(move |key| {
            let mut get = db.prepare_cached("select v from rows where k = ?")?;
            let mut rows = get.query([key])?;
            Ok(rows.next()?.map(|row| row.get::<_, Vec<u8>>(0)).transpose()?.map(|value| value.len()))
        }))
    }
}
