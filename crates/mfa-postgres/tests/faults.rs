//! Servers that are killed, connections that are cut, a primary that is lost: what was acknowledged stays, and what was
//! not has happened in full or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests, and helpers outside of any test function"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mfa_postgres::PostgresStorage;
use mfa_storage::{
    BatchStorage, Commit, CommitOutcome, Cursor, Durability, Expected, Operation, Storage, StoredEvent,
    Version,
};
use mfa_test_servers::{PostgresServer, Proxy, wait_for};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use common::{RUNTIME, block_on, chain, everything, pool, subject, write};

mod common;

/// What was acknowledged, by thread.
type Acknowledged = Vec<u64>;

/// Commits and commits, from what is there, until told to stop or, where `stubborn` is not set, until an error.
fn keep_committing(storage: &PostgresStorage, thread: usize, stop: &AtomicBool, stubborn: bool) -> u64 {
    let name = subject(&thread.to_string());
    let mut acknowledged = 0;
    'reading: while !stop.load(Ordering::SeqCst) {
        let mut at = match block_on(storage.load(&name)) {
            Ok(found) => found.map_or(Expected::Absent, |found| Expected::At(found.version)),
            Err(_) if stubborn => continue,
            Err(_) => break,
        };
        while !stop.load(Ordering::SeqCst) {
            let content = format!("{thread}: {}!", at.next().get());
            match block_on(storage.commit(&name, at, write(thread as u64, &content))) {
                Ok(CommitOutcome::Committed { version }) => acknowledged = version.get(),
                // An earlier try that was thought lost has arrived after all.
                Ok(CommitOutcome::Conflict) => continue 'reading,
                Err(error) if stubborn => {
                    assert!(error.is_transient(), "{}", chain(&error));
                    continue 'reading;
                }
                Err(_) => break 'reading,
            }
            at = Expected::At(at.next());
        }
    }
    acknowledged
}

fn verify(storage: &PostgresStorage, acknowledged: &[u64]) {
    let events = everything(storage);
    for (thread, acknowledged) in acknowledged.iter().enumerate() {
        let found = block_on(storage.load(&subject(&thread.to_string()))).unwrap();
        let version = found.as_ref().map_or(0, |found| found.version.get());
        assert!(
            version >= *acknowledged,
            "thread {thread}: {acknowledged} was acknowledged, {version} is there"
        );
        let stream = write(thread as u64, "").stream;
        let of_stream: Vec<&StoredEvent> = events.iter().filter(|event| event.stream == stream).collect();
        let places = of_stream.iter().map(|event| (event.version, event.index));
        let wanted = (1..=version).map(|version| (Version::new(version), 0));
        assert!(places.eq(wanted), "thread {thread}: events are not gap-free");
        if let (Some(found), Some(event)) = (found, of_stream.last()) {
            assert!(found.sealed.starts_with(&event.payload), "thread {thread}: record and event differ");
        }
    }
}

/// Waits until the record of thread 0 has grown by some versions: the work is in full swing.
fn work_goes_on(storage: &PostgresStorage, versions: u64) {
    let version = || {
        let found = block_on(storage.load(&subject("0"))).ok()?;
        Some(found.map_or(0, |found| found.version.get()))
    };
    let before = wait_for("the server answers", version);
    wait_for("commits go on", || (version()? >= before + versions).then_some(()));
}

#[test]
fn a_server_killed_while_sixteen_threads_commit_loses_nothing_acknowledged() {
    const THREADS: usize = 16;
    let Some(server) = PostgresServer::start() else { return };
    let mut acknowledged: Acknowledged = vec![0; THREADS];
    let url = server.new_database();
    for round in 0..5 {
        let storage = PostgresStorage::new(impatient(&url, 16));
        block_on(storage.migrate()).unwrap();
        assert_eq!(storage.durability(), Durability::Durable);
        verify(&storage, &acknowledged);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let work = |thread| {
                let (storage, stop) = (&storage, &stop);
                scope.spawn(move || keep_committing(storage, thread, stop, false))
            };
            let threads: Vec<_> = (0..THREADS).map(work).collect();
            let reader = PostgresStorage::new(pool(&url, 1, &[]));
            work_goes_on(&reader, 3 + 5 * round);
            // Places in the feed are being given as well when it dies.
            let _read = block_on(reader.feed(Cursor::START, 100)).unwrap();
            server.kill();
            stop.store(true, Ordering::SeqCst);
            for (known, thread) in acknowledged.iter_mut().zip(threads) {
                *known = thread.join().unwrap().max(*known);
            }
        });
        server.restart();
    }
    let storage = PostgresStorage::new(pool(&url, 4, &[]));
    verify(&storage, &acknowledged);
    assert!(acknowledged.iter().all(|version| *version > 0), "a thread never committed: {acknowledged:?}");
}

/// A pool that does not wait long for a server that is gone.
fn impatient(url: &str, size: u32) -> sqlx::PgPool {
    let _runtime = RUNTIME.enter();
    let pool = PgPoolOptions::new().max_connections(size).acquire_timeout(Duration::from_secs(1));
    pool.connect_lazy(url).unwrap()
}

/// A pool of one connection that is used as it is, so that the proxy's next request is the commit itself.
fn pool_of_one(port: u16, database: &str) -> sqlx::PgPool {
    let options =
        PgConnectOptions::new().host("127.0.0.1").port(port).username("postgres").database(database);
    let _runtime = RUNTIME.enter();
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(10));
    pool.test_before_acquire(false).connect_lazy_with(options)
}

#[test]
fn a_connection_cut_in_mid_commit_leaves_all_or_nothing() {
    const ROUNDS: usize = 40;
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let database = url.rsplit('/').next().unwrap();
    let direct = PostgresStorage::new(pool(&url, 2, &[]));
    block_on(direct.migrate()).unwrap();
    let proxy = Proxy::start(server.port());
    let storage = PostgresStorage::new(pool_of_one(proxy.port(), database));
    let arms: [fn(&Proxy); 2] = [Proxy::cut_after_next_request, Proxy::cut_before_next_answer];
    let mut done_without_an_answer = 0;
    let mut batches = 0;
    for round in 0..ROUNDS {
        let name = subject("0");
        let load = || block_on(direct.load(&name)).unwrap().map_or(0, |found| found.version.get());
        // Prepares the statement, and leaves a connection that nothing is under way on.
        let _ = wait_for("the proxy lets through", || block_on(storage.load(&name)).ok());
        let at = |version| match version {
            0 => Expected::Absent,
            version => Expected::At(Version::new(version)),
        };
        let commit = |version: u64| {
            let content = format!("0: {}!", version + 1);
            let item = Commit { subject: name.clone(), expected: at(version), write: write(0, &content) };
            match round % 4 {
                0 => block_on(storage.commit_many(vec![item])).pop().unwrap(),
                _ => block_on(storage.commit(&item.subject, item.expected, item.write)),
            }
        };
        let _ = commit(load()).unwrap();
        let before = load();
        arms[round % 2](&proxy);
        match commit(before) {
            Ok(outcome) => {
                assert_eq!(outcome, CommitOutcome::Committed { version: Version::new(before + 1) })
            }
            Err(error) => {
                assert_eq!(
                    (error.operation, error.transient),
                    (Operation::Commit, true),
                    "{}",
                    chain(&error)
                );
                batches += usize::from(round % 4 == 0);
            }
        }
        // The server may still be at it.
        let settled =
            block_on(direct.commit(&name, at(before), write(0, &format!("0: {}!", before + 1)))).unwrap();
        done_without_an_answer += usize::from(settled == CommitOutcome::Conflict);
        verify(&direct, &[before + 1]);
    }
    assert!(done_without_an_answer > ROUNDS / 4, "{done_without_an_answer} were done without an answer");
    assert!(batches > 0, "no batch was cut");
}

#[test]
fn a_primary_that_is_lost_loses_nothing_acknowledged() {
    const THREADS: usize = 8;
    let Some(primary) = PostgresServer::start() else { return };
    let url = primary.new_database();
    let database = url.rsplit('/').next().unwrap();
    let proxy = Proxy::start(primary.port());
    let through = format!("postgres://postgres@127.0.0.1:{}/{database}", proxy.port());
    let storage = PostgresStorage::new(impatient(&through, 9));
    block_on(storage.migrate()).unwrap();
    let standby = primary.synchronous_standby();
    let replica = PostgresStorage::new(pool(
        &url.replace(&primary.port().to_string(), &standby.server().port().to_string()),
        1,
        &[],
    ));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let work = |thread| {
            let (storage, stop) = (&storage, &stop);
            scope.spawn(move || keep_committing(storage, thread, stop, true))
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        work_goes_on(&storage, 20);
        let (seen, cursor) = block_on(storage.feed(Cursor::START, 50)).unwrap();
        let refused = chain(&block_on(replica.verify_schema()).unwrap_err());
        assert!(refused.contains("replica"), "{refused}");
        primary.kill();
        // Before it is promoted: a host that fails over too early is refused and not misled.
        proxy.point_to(standby.server().port());
        proxy.cut();
        standby.promote();
        work_goes_on(&storage, 20);
        stop.store(true, Ordering::SeqCst);
        let acknowledged: Acknowledged = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(acknowledged.iter().all(|version| *version > 20), "{acknowledged:?}");
        verify(&storage, &acknowledged);
        // Places that were given before are the same after.
        let (again, same) = block_on(storage.feed(Cursor::START, 50)).unwrap();
        assert!(again == seen && same == cursor, "a place in the feed went to another event");
    });
    block_on(storage.verify_schema()).unwrap();
}
