//! The backend is held to every promise, before and after it is opened again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use custom_backend::JournalStorage;
use mfa_core::id::{Pseudonym, ReservationId, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;
use mfa_storage::conformance::{Report, Stores, block_on, run_all};
use mfa_storage::{
    CommitOutcome, Cursor, Durability, EventBody, Expected, MethodSet, ScanFilter, Snapshot, Spend,
    SpendOutcome, Storage, StorageError, StoredEvent, Summary, Version, Write,
};

#[test]
fn the_implementation_is_under_eighty_lines() {
    let lines = include_str!("../src/storage.rs").lines();
    assert!(lines.clone().any(|line| line.starts_with("impl Storage for JournalStorage")));
    assert!(lines.clone().all(|line| line.chars().count() <= 110));
    assert!(lines.count() < 80);
}

#[test]
fn it_keeps_every_promise() {
    let folder = Folder::new();
    all_kept(block_on(run_all(&async || Ok(JournalStorage::open(folder.file()).unwrap()))));
}

#[test]
fn it_keeps_every_promise_while_it_is_closed_and_opened_again() {
    let report = block_on(run_all(&Folder::new()));
    assert!(report.skipped().is_empty(), "it can be crashed: {:?}", report.skipped());
    all_kept(report);
}

fn all_kept(report: Report) {
    assert!(report.passed().len() >= 34, "only {} checks were run", report.passed().len());
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn what_was_acknowledged_is_there_after_a_line_was_cut_off() {
    let folder = Folder::new();
    let file = folder.file();
    commit(&file, Expected::Absent, "first");
    let whole = std::fs::read(&file).unwrap();

    // The machine stopped in the middle of the next line, wherever that is.
    let second = Expected::At(Version::FIRST);
    commit(&file, second, "second");
    let both = std::fs::read(&file).unwrap();
    for cut in whole.len()..both.len() {
        std::fs::write(&file, both.get(..cut).unwrap()).unwrap();
        assert_eq!(loaded(&JournalStorage::open(&file).unwrap()), (1, b"first".to_vec()), "cut at {cut}");
        assert_eq!(std::fs::read(&file).unwrap(), whole, "cut at {cut}");
    }
    std::fs::write(&file, &both).unwrap();
    assert_eq!(loaded(&JournalStorage::open(&file).unwrap()), (2, b"second".to_vec()));
}

#[test]
fn a_line_that_does_not_read_back_is_an_error_and_nothing_is_touched() {
    let folder = Folder::new();
    let file = folder.file();
    commit(&file, Expected::Absent, "first");
    let good = std::fs::read_to_string(&file).unwrap();
    for bad in [
        format!("{good}not a call\n{good}"),
        good.replace("\"tenant\":\"t\"", "\"tenant\":\"\""),
        good.replace("Commit", "Comit"),
    ] {
        assert_ne!(bad, good);
        std::fs::write(&file, &bad).unwrap();
        assert!(JournalStorage::open(&file).is_err(), "{bad}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), bad);
    }
}

#[test]
fn one_process_has_the_file_at_a_time() {
    let folder = Folder::new();
    let file = folder.file();
    let one = JournalStorage::open(&file).unwrap();
    assert!(JournalStorage::open(&file).is_err());
    drop(one);
    assert!(JournalStorage::open(&file).is_ok());
}

fn key() -> SubjectKey {
    SubjectKey::new(TenantId::new("t").unwrap(), SubjectId::new("s").unwrap())
}

fn commit(file: &PathBuf, expected: Expected, content: &str) {
    let at = UnixSeconds::new(1_800_000_000);
    let summary =
        Summary { enrolled: true, methods: MethodSet::APP, throttled_until: None, key_id: 1, updated_at: at };
    let events = vec![EventBody { at, payload: content.into() }];
    let write = Write { sealed: content.into(), summary, stream: Pseudonym::from_bytes([1; 16]), events };
    let store = JournalStorage::open(file).unwrap();
    let outcome = block_on(store.commit(&key(), expected, write)).unwrap();
    assert_eq!(outcome, CommitOutcome::Committed { version: expected.next() });
}

/// The version and content of the record, with which its event has to be there, and no other.
fn loaded(store: &JournalStorage) -> (u64, Vec<u8>) {
    let record = block_on(store.load(&key())).unwrap().unwrap();
    let (events, _) = block_on(store.feed(Cursor::START, 10)).unwrap();
    assert_eq!(events.last().unwrap().payload, record.sealed);
    assert_eq!(events.len(), usize::try_from(record.version.get()).unwrap());
    (record.version.get(), record.sealed)
}

/// Closes its file and opens it again before every thirtieth call; the calls take turns.
struct Forgetful {
    file: PathBuf,
    open: Mutex<(usize, Option<JournalStorage>)>,
}

impl Forgetful {
    fn new(file: PathBuf) -> Self {
        Self { file, open: Mutex::new((0, None)) }
    }

    fn opened<T>(&self, call: impl FnOnce(&JournalStorage) -> T) -> T {
        let mut open = self.open.lock().unwrap();
        let (calls, store) = &mut *open;
        if calls.is_multiple_of(30) {
            *store = None;
        }
        *calls = calls.wrapping_add(1);
        call(store.get_or_insert_with(|| JournalStorage::open(&self.file).unwrap()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Forgetful {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.opened(|store| block_on(store.load(subject)))
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.opened(|store| block_on(store.commit(subject, expected, write)))
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.opened(|store| block_on(store.spend(spend, now)))
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        self.opened(|store| block_on(store.refund(reservation, now)))
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.opened(|store| block_on(store.feed(cursor, limit)))
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        self.opened(|store| block_on(store.scan(after, limit, filter)))
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.opened(|store| block_on(store.erase(subject, expected, write)))
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        self.opened(|store| block_on(store.prune(before)))
    }

    fn durability(&self) -> Durability {
        self.opened(|store| store.durability())
    }
}

/// A folder of files that goes when the test does.
struct Folder {
    path: PathBuf,
    files: AtomicUsize,
}

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mfa-custom-backend-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self { path, files: AtomicUsize::new(0) }
    }

    /// Another file, that is not there yet.
    fn file(&self) -> PathBuf {
        self.path.join(format!("{}.journal", self.files.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Stores for Folder {
    type Store = Forgetful;

    async fn empty(&self) -> Result<Forgetful, StorageError> {
        Ok(Forgetful::new(self.file()))
    }

    /// What lies in the file while it is written to, perhaps with half a line at its end.
    async fn crash(&self, store: &Forgetful) -> Result<Option<Forgetful>, StorageError> {
        let found = self.file();
        std::fs::copy(&store.file, &found).unwrap();
        Ok(Some(Forgetful::new(found)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).ok();
    }
}
