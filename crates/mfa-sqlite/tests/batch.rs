//! Group commit under many threads.

use mfa_sqlite::SqliteStorage;
use mfa_storage::conformance::block_on;
use mfa_storage::{CommitOutcome, Cursor, Expected, Storage};

use common::{Directory, subject, write};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

#[test]
fn sixty_four_threads_commit_and_one_of_them_wrongly() {
    const THREADS: u64 = 64;
    const COMMITS: u64 = 20;
    let directory = Directory::new();
    let storage = SqliteStorage::open(directory.database()).unwrap();
    let taken = write(1_000, "first of its stream");
    let _ = block_on(storage.commit(&subject("owner"), Expected::Absent, taken.clone())).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (storage, taken) = (&storage, &taken);
            scope.spawn(move || {
                let (good, wrong) = (subject(&thread.to_string()), subject(&format!("wrong {thread}")));
                let mut at = Expected::Absent;
                for _ in 0..COMMITS {
                    // Another subject's stream: the schema refuses the event, and the record must not stand without.
                    if thread == 0 {
                        let outcome = block_on(storage.commit(&wrong, Expected::Absent, taken.clone()));
                        assert!(!outcome.unwrap_err().is_transient());
                        assert_eq!(block_on(storage.load(&wrong)).unwrap(), None);
                    }
                    let outcome = block_on(storage.commit(&good, at, write(thread, "right"))).unwrap();
                    assert_eq!(outcome, CommitOutcome::Committed { version: at.next() });
                    at = Expected::At(at.next());
                    let found = block_on(storage.load(&good)).unwrap().unwrap();
                    assert_eq!(Expected::At(found.version), at);
                }
            });
        }
    });
    let (events, _) = block_on(storage.feed(Cursor::START, usize::MAX)).unwrap();
    assert_eq!(events.len() as u64, THREADS * COMMITS + 1);
}
