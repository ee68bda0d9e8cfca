//! The file: opened by many, reopened, migrated, damaged, refused.
#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "helpers of tests, small numbers")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use mfa_sqlite::{MIGRATIONS, SqliteOptions, SqliteStorage};
use mfa_storage::conformance::block_on;
use mfa_storage::{
    CommitOutcome, Cursor, Durability, Expected, Operation, ScanFilter, Snapshot, Storage, StorageError,
    Version,
};
use rusqlite::Connection;

use common::{Directory, NOW, subject, write};

mod common;

fn commit(storage: &SqliteStorage, name: &str, expected: Expected) -> CommitOutcome {
    let stream = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(256) | u64::from(byte));
    block_on(storage.commit(&subject(name), expected, write(stream, name))).unwrap()
}

fn load(storage: &SqliteStorage, name: &str) -> Result<Option<Snapshot>, StorageError> {
    block_on(storage.load(&subject(name)))
}

/// The error with its causes, as a log shows it.
fn chain(error: &StorageError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn reopening_keeps_everything_and_leaves_no_log_behind() {
    let directory = Directory::new();
    let first = {
        let storage = SqliteStorage::open(directory.database()).unwrap();
        let clone = storage.clone();
        drop(storage);
        assert_eq!(
            commit(&clone, "a", Expected::Absent),
            CommitOutcome::Committed { version: Version::FIRST }
        );
        (load(&clone, "a").unwrap(), block_on(clone.feed(Cursor::START, 9)).unwrap())
    };
    let files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["mfa.db"]);
    let storage = SqliteStorage::open(directory.database()).unwrap();
    assert_eq!((load(&storage, "a").unwrap(), block_on(storage.feed(Cursor::START, 9)).unwrap()), first);
    assert_eq!(commit(&storage, "a", Expected::Absent), CommitOutcome::Conflict);
}

#[test]
fn ten_openers_at_once_migrate_once() {
    for _ in 0..10 {
        let directory = Directory::new();
        let barrier = Barrier::new(10);
        std::thread::scope(|scope| {
            for thread in 0..10 {
                let (directory, barrier) = (&directory, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let storage = SqliteStorage::open(directory.database()).unwrap();
                    let _ = commit(&storage, &format!("s{thread}"), Expected::Absent);
                });
            }
        });
        let storage = SqliteStorage::open(directory.database()).unwrap();
        assert_eq!(block_on(storage.scan(None, 99, ScanFilter::default())).unwrap().len(), 10);
        let database = Connection::open(directory.database()).unwrap();
        let applied = database.query_row("SELECT count(*) FROM mfa_schema", [], |row| {
            row.get::<_, i64>(0).map(i64::unsigned_abs)
        });
        assert_eq!(applied, Ok(MIGRATIONS.len() as u64));
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = Directory::new();
    drop(SqliteStorage::open(directory.database()).unwrap());
    let database = Connection::open(directory.database()).unwrap();
    database.execute("INSERT INTO mfa_schema VALUES (9999)", []).unwrap();
    let error = SqliteStorage::open(directory.database()).unwrap_err();
    assert_eq!((error.operation, error.transient), (Operation::Open, false));
    assert!(chain(&error).contains("schema 9999"), "{}", chain(&error));
}

#[test]
fn a_value_we_did_not_write_is_an_error_and_never_no_record() {
    let directory = Directory::new();
    let storage = SqliteStorage::open(directory.database()).unwrap();
    let _ = commit(&storage, "a", Expected::Absent);
    let database = Connection::open(directory.database()).unwrap();
    let damage =
        |sql: &str| database.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}")).unwrap();
    for (sql, mend) in [
        ("version = -1", "version = 1"),
        ("version = 0", "version = 1"),
        ("enrolled = 7", "enrolled = 1"),
        ("methods = 256", "methods = 1"),
        ("throttled_until = -5", "throttled_until = NULL"),
        ("key_id = 4294967296", "key_id = 1"),
        ("updated_at = -1", "updated_at = 1800000000"),
    ] {
        damage(&format!("UPDATE mfa_record SET {sql}"));
        let error = load(&storage, "a").unwrap_err();
        assert_eq!((error.operation, error.transient), (Operation::Load, false), "{sql}");
        let error = block_on(storage.scan(None, 9, ScanFilter::default())).unwrap_err();
        assert_eq!((error.operation, error.transient), (Operation::Scan, false), "{sql}");
        damage(&format!("UPDATE mfa_record SET {mend}"));
        assert!(load(&storage, "a").unwrap().is_some(), "{mend}");
    }
    damage("UPDATE mfa_event SET stream = x'00'");
    let error = block_on(storage.feed(Cursor::START, 9)).unwrap_err();
    assert_eq!((error.operation, error.transient), (Operation::Feed, false));
    damage("DROP TABLE mfa_record");
    assert!(!load(&storage, "a").unwrap_err().is_transient());
    assert!(block_on(storage.commit(&subject("a"), Expected::Absent, write(1, "a"))).is_err());
}

#[test]
fn what_cannot_be_opened_says_why() {
    let directory = Directory::new();
    let refuse = |path: &Path| {
        let error = SqliteStorage::open(path).unwrap_err();
        assert_eq!((error.operation, error.transient), (Operation::Open, false), "{}", path.display());
        chain(&error)
    };
    let missing = refuse(&directory.path().join("missing/mfa.db"));
    assert!(
        missing.starts_with("storage failed to open: the file system refused: No such file"),
        "{missing}"
    );
    refuse(directory.path());
    let text = directory.path().join("text");
    std::fs::write(&text, "not a database, ".repeat(500)).unwrap();
    let text = refuse(&text);
    assert!(text.contains("not a database"), "{text}");
    #[cfg(target_os = "linux")]
    refuse(Path::new("/sys/mfa.db"));
}

#[test]
fn a_name_that_means_something_to_sqlite_is_a_file_like_any_other() {
    let directory = Directory::new();
    for name in [":memory:", "file:x?mode=memory"] {
        let path = directory.path().join(name);
        drop(SqliteStorage::open(&path).unwrap());
        assert!(path.is_file(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let storage = SqliteStorage::open(directory.database()).unwrap();
    let _ = commit(&storage, "a", Expected::Absent);
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[test]
fn a_file_kept_busy_is_a_transient_error() {
    let directory = Directory::new();
    let short = SqliteOptions::new().busy_timeout(std::time::Duration::from_millis(20));
    let storage = short.open(directory.database()).unwrap();
    let other = Connection::open(directory.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = block_on(storage.commit(&subject("a"), Expected::Absent, write(1, "a"))).unwrap_err();
    assert!(error.is_transient(), "{}", chain(&error));
    assert_eq!(load(&storage, "a").unwrap(), None);
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(commit(&storage, "a", Expected::Absent), CommitOutcome::Committed { .. }));
}

#[test]
fn pruning_goes_on_until_nothing_old_is_left() {
    let directory = Directory::new();
    let storage = SqliteStorage::open(directory.database()).unwrap();
    let mut many = write(1, "many");
    many.events = many.events.into_iter().cycle().take(1_700).collect();
    let _ = block_on(storage.commit(&subject("a"), Expected::Absent, many)).unwrap();
    let later = NOW.plus(std::time::Duration::from_secs(1));
    let mut new = write(1, "new");
    new.events[0].at = later;
    let _ = block_on(storage.commit(&subject("a"), Expected::At(Version::FIRST), new)).unwrap();
    block_on(storage.prune(later)).unwrap();
    assert_eq!(block_on(storage.feed(Cursor::START, 9_999)).unwrap().0.len(), 1);
}

#[test]
fn less_than_full_says_so() {
    let directory = Directory::new();
    let storage = SqliteOptions::new().danger_synchronous_normal().open(directory.database()).unwrap();
    assert_eq!(storage.durability(), Durability::MayLoseLatest);
    let storage = SqliteOptions::default().open(directory.database()).unwrap();
    assert_eq!(storage.durability(), Durability::Durable);
}

/// Not a test of its own: what [`two_processes_share_one_file`] starts as another process.
#[test]
fn the_other_process() {
    let Some(path) = std::env::var_os("MFA_SQLITE_TEST_DATABASE") else { return };
    count_to(&SqliteStorage::open(path).unwrap(), 100);
}

#[test]
fn two_processes_share_one_file() {
    let directory = Directory::new();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["the_other_process", "--exact"])
        .env("MFA_SQLITE_TEST_DATABASE", directory.database())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let storage = SqliteStorage::open(directory.database()).unwrap();
    count_to(&storage, 100);
    assert!(other.wait().unwrap().success());
    assert_eq!(load(&storage, "counter").unwrap().unwrap().version, Version::new(200));
    let (events, _) = block_on(storage.feed(Cursor::START, 999)).unwrap();
    let versions: Vec<_> = events.iter().map(|event| event.version.get()).collect();
    assert_eq!(versions, (1..=200).collect::<Vec<_>>());
}

/// Wins `wins` commits of one subject against whoever else tries.
fn count_to(storage: &SqliteStorage, wins: usize) {
    let mut won = 0;
    while won < wins {
        let found = load(storage, "counter").unwrap();
        let expected = found.map_or(Expected::Absent, |snapshot| Expected::At(snapshot.version));
        won += usize::from(commit(storage, "counter", expected) != CommitOutcome::Conflict);
    }
}

#[test]
fn an_enrolled_subject_takes_at_most_600_bytes() {
    const SUBJECTS: u64 = 5_000;
    let directory = Directory::new();
    let storage = SqliteStorage::open(directory.database()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let storage = &storage;
            scope.spawn(move || {
                for number in (thread..SUBJECTS).step_by(8) {
                    let name = format!(
                        "{:032x}",
                        u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
                    );
                    let write = mfa_storage::Write { events: Vec::new(), ..write(number, "sealed") };
                    let outcome = block_on(storage.commit(&subject(&name), Expected::Absent, write)).unwrap();
                    assert_ne!(outcome, CommitOutcome::Conflict);
                }
            });
        }
    });
    drop(storage);
    let each = std::fs::metadata(directory.database()).unwrap().len() / SUBJECTS;
    assert!(each <= 600, "{each} bytes");
}
