//! The feed: nothing is passed by however commits interleave, and nobody else's transaction holds it up.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests, and helpers outside of any test function"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_postgres::{PostgresOptions, PostgresStorage};
use mfa_storage::{Cursor, Expected, Storage, StoredEvent};
use mfa_test_servers::PostgresServer;
use sqlx::{PgPool, Postgres, Transaction};

use common::{NOW, block_on, everything, new_database, pool, sql, storage, subject, write};

mod common;

fn commit(storage: &PostgresStorage, name: &str, expected: Expected, stream: u64) {
    let outcome = block_on(storage.commit(&subject(name), expected, write(stream, name))).unwrap();
    assert_ne!(outcome, mfa_storage::CommitOutcome::Conflict);
}

/// Everything after `cursor`, which moves, `limit` at a time.
fn follow(storage: &PostgresStorage, cursor: &mut Cursor, limit: usize) -> Vec<StoredEvent> {
    let mut all = Vec::new();
    loop {
        let (events, next) = block_on(storage.feed(*cursor, limit)).unwrap();
        if events.is_empty() {
            return all;
        }
        *cursor = next;
        all.extend(events);
    }
}

/// A transaction that has begun a commit and not ended it: what a commit of the library is while it runs.
fn begin_commit(pool: &PgPool, schema: &str, stream: u8) -> Transaction<'static, Postgres> {
    let insert = format!(
        "INSERT INTO {schema}.event (stream, version, idx, at, payload)
         VALUES (decode(repeat('{stream:02x}', 16), 'hex'), 1, 0, 1, '')"
    );
    block_on(async {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(insert)).execute(&mut *transaction).await.unwrap();
        transaction
    })
}

#[test]
fn commits_that_end_in_another_order_than_they_began_are_all_seen() {
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    // Each order in which six commits can end that differs from the order in which they began at both ends.
    for (round, order) in [[5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2], [1, 0, 3, 2, 5, 4]].into_iter().enumerate()
    {
        let name = |each: usize| u8::try_from(round * 10 + each).unwrap();
        let mut open: Vec<_> = (0..6).map(|each| Some(begin_commit(&pool, &schema, name(each)))).collect();
        let mut cursor = block_on(storage.feed(Cursor::START, usize::MAX)).unwrap().1;
        for each in order {
            block_on(open[each].take().unwrap().commit()).unwrap();
            let seen = follow(&storage, &mut cursor, 1);
            let streams: Vec<_> = seen.iter().map(|event| event.stream.as_bytes()[0]).collect();
            assert_eq!(streams, [name(each)], "after the commit of {each} in {order:?}");
        }
    }
}

#[test]
fn a_foreign_transaction_that_stays_open_delays_nothing() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let (storage, schema) = storage(&pool(&url, 4, &[]));
    sql(&pool(&url, 1, &[]), "CREATE TABLE foreign_work (number integer)");
    let other = pool(&url, 2, &[]);
    let mut foreign = block_on(other.begin()).unwrap();
    block_on(sqlx::query("INSERT INTO foreign_work VALUES (1)").execute(&mut *foreign)).unwrap();
    let unfinished = begin_commit(&other, &schema, 99);
    let mut cursor = Cursor::START;
    for round in 0..50 {
        commit(&storage, &round.to_string(), Expected::Absent, round);
        assert_eq!(follow(&storage, &mut cursor, 10).len(), 1);
    }
    block_on(unfinished.commit()).unwrap();
    assert_eq!(follow(&storage, &mut cursor, 10).len(), 1);
    block_on(foreign.rollback()).unwrap();
}

#[test]
fn several_readers_at_once_see_everything_in_one_order() {
    const WRITERS: usize = 4;
    const READERS: usize = 4;
    const COMMITS: u64 = 150;
    let Some(pool) = new_database() else { return };
    let (storage, _) = storage(&pool);
    let writing = AtomicUsize::new(WRITERS);
    let seen: Vec<Vec<StoredEvent>> = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (storage, writing) = (&storage, &writing);
            scope.spawn(move || {
                let mut at = Expected::Absent;
                for _ in 0..COMMITS {
                    commit(storage, &writer.to_string(), at, writer as u64);
                    at = Expected::At(at.next());
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let read = |reader: usize| {
            let (storage, writing) = (&storage, &writing);
            scope.spawn(move || {
                let (mut seen, mut cursor) = (Vec::new(), Cursor::START);
                loop {
                    let last_look = writing.load(Ordering::SeqCst) == 0;
                    seen.extend(follow(storage, &mut cursor, [1, 3, 50, usize::MAX][reader]));
                    if last_look {
                        return seen;
                    }
                }
            })
        };
        let readers: Vec<_> = (0..READERS).map(read).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    assert_eq!(seen[0].len() as u64, WRITERS as u64 * COMMITS);
    for others in &seen[1..] {
        assert!(others == &seen[0], "two readers saw another order");
    }
    for writer in 0..WRITERS as u64 {
        let of_stream = seen[0].iter().filter(|event| event.stream == write(writer, "").stream);
        assert!(of_stream.map(|event| event.version.get()).eq(1..=COMMITS));
    }
}

#[test]
fn a_large_backlog_is_given_its_places_a_part_at_a_time() {
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    let mut many = write(1, "many");
    many.events = many.events.into_iter().cycle().take(3_500).collect();
    let _ = block_on(storage.commit(&subject("a"), Expected::Absent, many)).unwrap();
    let placed = || -> i64 {
        let count = format!("SELECT count(position) FROM {schema}.event");
        block_on(sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&pool)).unwrap()
    };
    let (first, mut cursor) = block_on(storage.feed(Cursor::START, 10)).unwrap();
    assert_eq!((first.len(), placed()), (10, 1_000));
    let rest = follow(&storage, &mut cursor, 700);
    assert!(first.iter().chain(&rest).map(|event| event.index).eq(0..3_500));
    block_on(storage.prune(NOW.plus(std::time::Duration::from_secs(1)))).unwrap();
    assert_eq!((everything(&storage).len(), placed()), (0, 0));
    commit(&storage, "b", Expected::Absent, 2);
    assert_eq!(follow(&storage, &mut cursor, 9).len(), 1);
}

#[test]
fn a_cursor_is_good_after_a_dump_and_restore() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let (before, schema) = storage(&pool(&url, 2, &[]));
    for stream in 0..5 {
        commit(&before, &stream.to_string(), Expected::Absent, stream);
    }
    let (_, mut cursor) = block_on(before.feed(Cursor::START, 3)).unwrap();
    block_on(before.prune(NOW.plus(std::time::Duration::from_secs(1)))).unwrap();
    for stream in 5..8 {
        commit(&before, &stream.to_string(), Expected::Absent, stream);
    }
    let copy = server.new_database();
    server.copy_database(url.rsplit('/').next().unwrap(), copy.rsplit('/').next().unwrap());
    let after = PostgresOptions::new().schema(&schema).unwrap().build(pool(&copy, 2, &[]));
    block_on(after.verify_schema()).unwrap();
    commit(&after, "8", Expected::Absent, 8);
    let seen = follow(&after, &mut cursor, 2);
    assert_eq!(seen.len(), 4);
}
