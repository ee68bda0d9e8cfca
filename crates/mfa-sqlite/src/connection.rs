//! Opening connections: the file itself, its journal, and what every connection is set to.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mfa_storage::Durability;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::SqliteOptions;
use crate::fault::Fault;

/// The path that every connection opens: absolute, so that SQLite reads no meaning into names like `:memory:`, and
/// existing, so that it was made with our permissions and not SQLite's.
pub(crate) fn prepare_file(path: &Path) -> Result<PathBuf, Fault> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(Fault::OldSqlite(rusqlite::version()));
    }
    let path = std::path::absolute(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Closing a file drops the locks this process holds on it (POSIX). Whoever finds it made waits here until its
    // maker has closed it, so that no lock of SQLite's is ever lost that way.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match options.open(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(path),
    }
}

/// The connection that writes.
pub(crate) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection, Fault> {
    let connection = open(path, options)?;
    if connection.is_readonly("main")? {
        return Err(Fault::ReadOnly);
    }
    connection.execute_batch("PRAGMA page_size = 1024")?;
    use_write_ahead_log(&connection)?;
    connection.execute_batch(match options.durability {
        Durability::Durable => "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON",
        _ => "PRAGMA synchronous = NORMAL",
    })?;
    connection.execute_batch(
        "PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 40000;    -- 40 MiB of log: a checkpoint is a pause, so not too often
         PRAGMA journal_size_limit = 67108864; -- a log that a slow reader made longer shrinks again
         PRAGMA cache_size = -16384",
    )?;
    Ok(connection)
}

/// A connection that reads.
pub(crate) fn open_reader(path: &Path, options: &SqliteOptions) -> Result<Connection, Fault> {
    let connection = open(path, options)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn open(path: &Path, options: &SqliteOptions) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch("PRAGMA trusted_schema = OFF")?;
    Ok(connection)
}

/// Switching the journal is the one step for which SQLite does not wait: when several processes meet here it answers
/// busy at once. Taking the lock does wait, and whoever had it has by then made the switch for all.
fn use_write_ahead_log(connection: &Connection) -> Result<(), Fault> {
    for _ in 0..MAX_SWITCHES {
        let switched = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(Fault::from);
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(Fault::NoWriteAheadLog(mode)),
            Err(fault) if fault.is_transient() => {
                rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Exclusive)?.commit()?;
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::NoWriteAheadLog("busy".to_owned()))
}

const OLDEST_SQLITE: i32 = 3_037_000;
const MAX_SWITCHES: u32 = 64;
