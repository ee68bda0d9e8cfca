//! Killed without warning, again and again: no acknowledged commit is lost, no event without its record.
//!
//! The binary starts itself as a child that commits from several threads and says on its standard output what was
//! acknowledged. The parent reads a number of those lines that differs by round, kills the child in the middle of its
//! work, reads what had still been said, opens the file again and compares. All rounds share one file, so each also
//! starts from what a kill left behind. What a power cut leaves is not shown here: the file system outlives the kill.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test without test functions: it fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use mfa_sqlite::SqliteStorage;
use mfa_storage::conformance::block_on;
use mfa_storage::{CommitOutcome, Cursor, Expected, Storage, StoredEvent, Version};

use common::{Directory, subject, write};

#[expect(dead_code, reason = "shared by several test binaries")]
mod common;

fn main() {
    match std::env::var_os(CHILD) {
        Some(path) => commit_until_killed(Path::new(&path)),
        None => rounds(),
    }
}

fn rounds() {
    let directory = Directory::new();
    let mut acknowledged = [0; THREADS];
    for round in 0..ROUNDS {
        kill_one(&directory.database(), 1 + round * round * 7, &mut acknowledged);
        verify(&directory.database(), acknowledged);
    }
    assert!(acknowledged.iter().all(|version| *version > 0), "a thread never committed: {acknowledged:?}");
    println!("kill9: {ROUNDS} kills, nothing of {acknowledged:?} acknowledged commits lost");
}

fn kill_one(database: &Path, lines: usize, acknowledged: &mut [u64; THREADS]) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(CHILD, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut note = |line: String| {
        // The last line may have been cut short by the kill; a whole one ends in a full stop.
        let Some(line) = line.strip_suffix('.') else { return };
        let (thread, version) = line.split_once(' ').unwrap();
        acknowledged[thread.parse::<usize>().unwrap()] = version.parse().unwrap();
    };
    for line in said.by_ref().take(lines) {
        note(line.unwrap());
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the child ended by itself");
    // What was acknowledged before the kill and not yet read counts as well.
    said.map_while(Result::ok).for_each(note);
}

fn verify(database: &Path, acknowledged: [u64; THREADS]) {
    let storage = SqliteStorage::open(database).unwrap();
    let mut streams = BTreeMap::<_, Vec<StoredEvent>>::new();
    for event in block_on(storage.feed(Cursor::START, usize::MAX)).unwrap().0 {
        streams.entry(*event.stream.as_bytes()).or_default().push(event);
    }
    for (thread, acknowledged) in acknowledged.into_iter().enumerate() {
        let found = block_on(storage.load(&subject(&thread.to_string()))).unwrap();
        let version = found.as_ref().map_or(0, |snapshot| snapshot.version.get());
        assert!(
            version >= acknowledged,
            "thread {thread}: {acknowledged} was acknowledged, {version} is there"
        );
        let stream = u128::try_from(thread).unwrap().to_be_bytes();
        let events = streams.remove(&stream).unwrap_or_default();
        let places = events.iter().map(|event| (event.version.get(), event.index));
        assert!(
            places.eq((1..=version).map(|version| (version, 0))),
            "thread {thread}: events are not gap-free"
        );
        if let (Some(snapshot), Some(event)) = (found, events.last()) {
            assert!(snapshot.sealed.starts_with(&event.payload), "thread {thread}: record and event differ");
        }
    }
    assert!(streams.is_empty(), "events of nobody");
}

fn commit_until_killed(database: &Path) {
    let storage = SqliteStorage::open(database).unwrap();
    for thread in 0..THREADS {
        let storage = storage.clone();
        thread::spawn(move || {
            let (subject, stream) = (subject(&thread.to_string()), u64::try_from(thread).unwrap());
            let found = block_on(storage.load(&subject)).unwrap();
            let mut at = found.map_or(Expected::Absent, |snapshot| Expected::At(snapshot.version));
            loop {
                let write = write(stream, &format!("{thread}: {}!", at.next().get()));
                let outcome = block_on(storage.commit(&subject, at, write)).unwrap();
                let CommitOutcome::Committed { version } = outcome else { panic!("nobody else writes here") };
                at = Expected::At(version);
                say(thread, version);
            }
        });
    }
    loop {
        thread::park();
    }
}

/// One write of a whole line, so that lines of several threads do not mix.
fn say(thread: usize, version: Version) {
    let line = format!("{thread} {}.\n", version.get());
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

const CHILD: &str = "MFA_SQLITE_KILL9_DATABASE";
const THREADS: usize = 6;
const ROUNDS: usize = 15;
