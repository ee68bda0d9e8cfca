//! What is stored and for how long: sizes, pruning, damage, and calls that are given up half way.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests, and helpers outside of any test function"
)]

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_postgres::PostgresStorage;
use mfa_storage::{
    BatchStorage, Bucket, BucketKey, Commit, CommitOutcome, Cursor, Expected, Operation, ScanFilter, Spend,
    Storage, Version,
};
use mfa_test_servers::{PostgresServer, wait_for};
use sqlx::{AssertSqlSafe, PgPool};

use common::{NOW, block_on, chain, everything, new_database, sql, storage, subject, write};

mod common;

fn number(pool: &PgPool, statement: &str) -> i64 {
    block_on(sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(pool)).unwrap()
}

#[test]
fn an_enrolled_subject_takes_at_most_800_bytes_and_a_sign_in_touches_no_index() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let pool = common::pool(&url, 1, &[]);
    let (storage, schema) = storage(&pool);
    let subjects: u64 =
        std::env::var("MFA_POSTGRES_SUBJECTS").map_or(20_000, |subjects| subjects.parse().unwrap());
    let name = |number: u64| {
        let number = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        subject(&format!("{number:032x}"))
    };
    let versions = |expected: Expected| expected.next().get();
    let item = |number: u64, expected| {
        let mut write = write(number, "sealed");
        write.sealed.resize(300, b'.');
        write.summary.updated_at = NOW.plus(Duration::from_secs(versions(expected)));
        write.events.clear();
        Commit { subject: name(number), expected, write }
    };
    let size = |what: &str| number(&pool, &format!("SELECT {what}('{schema}.record')")) as u64 / subjects;
    // People sign in as they please, and not in the order in which they enrolled: 7919 is prime.
    let commit_all = |expected: Expected| {
        for first in (0..subjects).step_by(500) {
            let scattered = (first..subjects.min(first + 500)).map(|number| number * 7_919 % subjects);
            let batch = scattered.map(|number| item(number, expected));
            for outcome in block_on(storage.commit_many(batch.collect())) {
                assert_ne!(outcome.unwrap(), CommitOutcome::Conflict);
            }
        }
    };
    let report = |when: &str| {
        let (table, indexes, all) =
            (size("pg_table_size"), size("pg_indexes_size"), size("pg_total_relation_size"));
        println!("{subjects} subjects, {when}: {table} bytes each in the table, {indexes} in indexes");
        assert!(all <= 800, "{when}: {all} bytes");
    };
    for first in (0..subjects).step_by(500) {
        let batch = (first..subjects.min(first + 500)).map(|number| item(number, Expected::Absent));
        drop(block_on(storage.commit_many(batch.collect())));
    }
    report("new");
    for version in 1..6 {
        commit_all(Expected::At(Version::new(version)));
    }
    report("after five sign-ins each");
    // A server's counts are complete once the session that they are about has ended.
    block_on(pool.close());
    let database = url.rsplit('/').next().unwrap();
    let count = |column: &str| {
        let select = format!("SELECT {column} FROM pg_stat_user_tables WHERE relname = 'record'");
        server.psql(database, &select).parse::<u64>().unwrap()
    };
    wait_for("the counts are complete", || (count("n_tup_upd") == 5 * subjects).then_some(()));
    let percent = count("n_tup_hot_upd") * 100 / count("n_tup_upd");
    println!("{percent} in 100 sign-ins stayed on their page");
    assert!(percent >= 90, "{percent} in 100");
}

#[test]
fn pruning_goes_on_until_nothing_old_is_left() {
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    let mut many = write(1, "many");
    many.events = many.events.into_iter().cycle().take(2_700).collect();
    let _ = block_on(storage.commit(&subject("a"), Expected::Absent, many)).unwrap();
    let fill = "INSERT INTO s.record (tenant, subject, version, enrolled, methods, key_id, updated_at, erased, sealed)
                SELECT 't', n::text, 2, false, 0, 1, 1, true, '' FROM generate_series(1, 1300) n;
                INSERT INTO s.budget (key, arrival) SELECT sha256(n::text::bytea), n FROM generate_series(1, 1300) n;
                INSERT INTO s.budget (key, arrival)
                SELECT sha256(n::text::bytea), 9000000000000 FROM generate_series(2001, 2700) n;
                INSERT INTO s.reservation (id, spent_at, lapses_at, refunded, spent)
                SELECT substr(sha256(n::text::bytea), 1, 16), 1, 2, false, '' FROM generate_series(1, 1300) n";
    sql(&pool, &fill.replace("s.", &format!("{schema}.")));
    block_on(storage.prune(NOW.plus(Duration::from_secs(1)))).unwrap();
    let left = ["event", "record", "budget", "reservation"]
        .map(|table| number(&pool, &format!("SELECT count(*) FROM {schema}.{table}")));
    assert_eq!(left, [0, 1, 700, 0]);
}

#[test]
fn a_value_we_did_not_write_is_an_error_and_never_no_record() {
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    let _ = block_on(storage.commit(&subject("a"), Expected::Absent, write(1, "a"))).unwrap();
    let drop_checks = "DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT conname, conrelid::regclass AS t FROM pg_constraint
                 WHERE contype = 'c' AND connamespace = 's'::regnamespace
        LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP; END $$";
    sql(&pool, &drop_checks.replace("'s'", &format!("'{schema}'")));
    let damage = |statement: &str| sql(&pool, &statement.replace("s.", &format!("{schema}.")));
    for (change, mend) in [
        ("version = -1", "version = 1"),
        ("version = 0", "version = 1"),
        ("methods = 256", "methods = 1"),
        ("throttled_until = -5", "throttled_until = NULL"),
        ("key_id = 4294967296", "key_id = 1"),
        ("updated_at = -1", "updated_at = 1800000000"),
    ] {
        damage(&format!("UPDATE s.record SET {change}"));
        let error = block_on(storage.load(&subject("a"))).unwrap_err();
        assert_eq!((error.operation, error.transient), (Operation::Load, false), "{change}");
        let error = block_on(storage.scan(None, 9, ScanFilter::default())).unwrap_err();
        assert_eq!((error.operation, error.transient), (Operation::Scan, false), "{change}");
        damage(&format!("UPDATE s.record SET {mend}"));
        assert!(block_on(storage.load(&subject("a"))).unwrap().is_some(), "{mend}");
    }
    damage("UPDATE s.event SET stream = '\\x00'");
    let error = block_on(storage.feed(Cursor::START, 9)).unwrap_err();
    assert_eq!((error.operation, error.transient), (Operation::Feed, false));
    damage("DROP TABLE s.record");
    let error = block_on(storage.load(&subject("a"))).unwrap_err();
    assert!(!error.is_transient() && chain(&error).contains("42P01"), "{}", chain(&error));
}

#[test]
fn a_lock_or_a_time_limit_of_the_host_is_a_transient_error() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let owner = common::pool(&url, 2, &[]);
    let (_, schema) = storage(&owner);
    let mut holder = block_on(owner.begin()).unwrap();
    let hold = AssertSqlSafe(format!("LOCK TABLE {schema}.record"));
    block_on(sqlx::raw_sql(hold).execute(&mut *holder)).unwrap();
    for setting in [("lock_timeout", "50ms"), ("statement_timeout", "50ms")] {
        let options = mfa_postgres::PostgresOptions::new().schema(&schema).unwrap();
        let limited = options.build(common::pool(&url, 1, &[setting]));
        let error = block_on(limited.commit(&subject("a"), Expected::Absent, write(1, "a"))).unwrap_err();
        assert!(error.is_transient(), "{setting:?}: {}", chain(&error));
    }
    block_on(holder.rollback()).unwrap();
}

/// Polls `future` as often as `polls` says, while the runtime works in between, and drops it.
async fn give_up<F: Future>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        Poll::Pending
    })
    .await
}

#[test]
fn whatever_is_given_up_half_way_has_happened_in_full_or_not_at_all() {
    const ROUNDS: u64 = 60;
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    let interval = Duration::from_secs(60);
    let bucket = |number| Bucket { key: BucketKey::new([number; 32]), burst: 10_000, interval };
    let spend = |number: u64| Spend {
        reservation: ReservationId::from_bytes(u128::from(number).to_be_bytes()),
        buckets: vec![bucket(2), bucket(1)],
        lapses_after: interval,
    };
    let mut finished = [0; 3];
    for round in 0..ROUNDS {
        let polls = usize::try_from(round % 12).unwrap();
        let name = subject(&round.to_string());
        block_on(async {
            let refunded = spend(1_000 + round);
            let _ = storage.spend(&refunded, NOW).await.unwrap();
            let all: [bool; 3] = [
                give_up(storage.commit(&name, Expected::Absent, write(round, "dropped")), polls).await,
                give_up(storage.spend(&spend(round), NOW), polls).await,
                give_up(storage.refund(&refunded.reservation, NOW), polls).await,
            ];
            settle(&storage).await;
            for (finished, done) in finished.iter_mut().zip(all) {
                *finished += u64::from(done);
            }
        });
    }
    assert!(finished.iter().all(|finished| (1..ROUNDS).contains(finished)), "not half way: {finished:?}");
    for round in 0..ROUNDS {
        // Settles it: once this has won, the dropped one no longer can.
        let name = subject(&round.to_string());
        let _ = block_on(storage.commit(&name, Expected::Absent, write(round, "second"))).unwrap();
    }
    let events = everything(&storage);
    assert_eq!(events.len() as u64, ROUNDS);
    for round in 0..ROUNDS {
        let found = block_on(storage.load(&subject(&round.to_string()))).unwrap().unwrap();
        let event = events.iter().find(|event| event.stream == write(round, "").stream).unwrap();
        assert!(found.sealed.starts_with(&event.payload), "record and event differ");
    }
    // Both budgets hold one unit for each reservation that is noted and was not given back.
    let standing = number(&pool, &format!("SELECT count(*) FROM {schema}.reservation WHERE NOT refunded"));
    let spent = |pick: &str| {
        number(
            &pool,
            &format!("SELECT ({pick}(arrival) - {}) / 60000 FROM {schema}.budget", NOW.get() * 1000),
        )
    };
    assert_eq!((spent("min"), spent("max")), (standing, standing));
}

/// Lets what a dropped call left on its connection be cleared away.
async fn settle(storage: &PostgresStorage) {
    for _ in 0..8 {
        let _answered = storage.load(&subject("nobody")).await.unwrap();
    }
}
