//! The schema: many nodes at once, what is refused and why, and what a host's own tool may run instead.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests, and helpers outside of any test function"
)]

use std::sync::Barrier;

use mfa_postgres::{PostgresOptions, PostgresStorage, migrations};
use mfa_storage::{Durability, Expected, Operation, Storage, StorageError};
use mfa_test_servers::PostgresServer;
use sqlx::PgPool;

use common::{block_on, chain, new_database, new_schema, pool, sql, storage, subject, write};

mod common;

#[test]
fn ten_nodes_at_once_migrate_once() {
    const NODES: usize = 10;
    let Some(server) = PostgresServer::shared() else { return };
    for _ in 0..5 {
        let url = server.new_database();
        let barrier = Barrier::new(NODES);
        std::thread::scope(|scope| {
            for node in 0..NODES {
                let (url, barrier) = (&url, &barrier);
                scope.spawn(move || {
                    let storage = PostgresStorage::new(pool(url, 2, &[]));
                    barrier.wait();
                    block_on(storage.migrate()).unwrap();
                    let first = write(node as u64, "first");
                    let subject = subject(&node.to_string());
                    let _ = block_on(storage.commit(&subject, Expected::Absent, first)).unwrap();
                });
            }
        });
        let database = url.rsplit('/').next().unwrap();
        let count = |table: &str| server.psql(database, &format!("SELECT count(*) FROM mfa.{table}"));
        assert_eq!((count("record"), count("schema_version")), ("10".to_owned(), "1".to_owned()));
    }
}

/// What `verify_schema` says after `sql`, in which `s` stands for the schema.
fn refusal(pool: &PgPool, statements: &str) -> String {
    let (storage, schema) = storage(pool);
    sql(pool, &statements.replace("s.", &format!("{schema}.")));
    let error = block_on(storage.verify_schema()).unwrap_err();
    assert_eq!((error.operation, error.transient), (Operation::Open, false), "{statements}");
    chain(&error)
}

#[test]
fn what_is_wrong_with_a_schema_is_named() {
    let Some(pool) = new_database() else { return };
    for (statements, wanted) in [
        ("DROP TABLE s.event", "lacks table event"),
        ("DROP TABLE s.budget", "lacks table budget"),
        (
            "ALTER TABLE s.event ALTER position DROP DEFAULT; DROP SEQUENCE s.event_position",
            "lacks table event_position",
        ),
        ("ALTER TABLE s.record DROP COLUMN key_id", "lacks column record.key_id"),
        (
            "ALTER TABLE s.record ALTER COLUMN key_id TYPE integer",
            "column record.key_id is integer NOT NULL, and bigint NOT NULL is needed",
        ),
        (
            "ALTER TABLE s.record ALTER COLUMN tenant TYPE text COLLATE \"en-x-icu\"",
            "column record.tenant is text COLLATE en-x-icu NOT NULL",
        ),
        ("ALTER TABLE s.event DROP CONSTRAINT event_pkey", "a unique index on event (stream, version, idx)"),
        ("DROP INDEX s.event_placed", "a unique index on event (position)"),
        ("ALTER TABLE s.reservation SET UNLOGGED", "table reservation is not logged"),
        ("INSERT INTO s.schema_version VALUES (9999)", "has version 9999"),
        ("DELETE FROM s.schema_version; INSERT INTO s.schema_version VALUES (0)", "has version 0"),
        ("DROP TABLE s.schema_version", "has no table of this library"),
    ] {
        let said = refusal(&pool, statements);
        assert!(said.contains(wanted), "{statements}: {said}");
    }
    let nowhere = PostgresOptions::new().schema("nowhere").unwrap().build(pool);
    let said = chain(&block_on(nowhere.verify_schema()).unwrap_err());
    assert!(said.contains("schema nowhere does not exist"), "{said}");
    assert!(!block_on(nowhere.load(&subject("a"))).unwrap_err().is_transient());
}

#[test]
fn a_newer_schema_is_not_migrated() {
    let Some(pool) = new_database() else { return };
    let (storage, schema) = storage(&pool);
    sql(&pool, &format!("INSERT INTO {schema}.schema_version VALUES (9999)"));
    let said = chain(&block_on(storage.migrate()).unwrap_err());
    assert!(said.contains("version 9999"), "{said}");
}

#[test]
fn names_that_are_no_plain_names_are_refused() {
    for name in ["", "Mfa", "a b", "1a", "a\"; DROP SCHEMA public; --", "pg_mfa", "information_schema"] {
        assert!(migrations(name).is_err() && PostgresOptions::new().schema(name).is_err(), "{name}");
    }
}

#[test]
fn a_name_that_is_a_word_of_sql_works() {
    let Some(pool) = new_database() else { return };
    let storage = PostgresOptions::new().schema("select").unwrap().build(pool);
    block_on(storage.migrate()).unwrap();
    let _ = block_on(storage.commit(&subject("a"), Expected::Absent, write(1, "a"))).unwrap();
    assert!(block_on(storage.load(&subject("a"))).unwrap().is_some());
}

#[test]
fn a_host_may_run_the_texts_itself_and_twice() {
    let Some(pool) = new_database() else { return };
    let name = new_schema();
    sql(&pool, &format!("CREATE SCHEMA {name}"));
    for _ in 0..2 {
        for (_, text) in migrations(&name).unwrap() {
            sql(&pool, &text);
        }
    }
    let storage = PostgresOptions::new().schema(&name).unwrap().build(pool);
    block_on(storage.verify_schema()).unwrap();
}

#[test]
fn a_role_that_may_only_use_the_tables_verifies_and_works() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let (_, schema) = storage(&pool(&url, 1, &[]));
    let grants = "DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN;
                  GRANT USAGE ON SCHEMA s TO app;
                  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA s TO app;
                  GRANT USAGE ON ALL SEQUENCES IN SCHEMA s TO app";
    sql(&pool(&url, 1, &[]), &grants.replace("SCHEMA s ", &format!("SCHEMA {schema} ")));
    let app = pool(&url.replace("//postgres@", "//app@"), 2, &[]);
    let allowed = PostgresOptions::new().schema(&schema).unwrap().build(app.clone());
    block_on(allowed.migrate()).unwrap();
    let _ = block_on(allowed.commit(&subject("a"), Expected::Absent, write(1, "a"))).unwrap();
    assert_eq!(common::everything(&allowed).len(), 1);
    block_on(allowed.prune(common::NOW)).unwrap();
    let refused = PostgresOptions::new().schema("elsewhere").unwrap().build(app);
    let said = chain(&block_on(refused.migrate()).unwrap_err());
    assert!(said.contains("42501"), "{said}");
}

#[test]
fn what_a_commit_survives_is_learned_from_the_session() {
    let Some(server) = PostgresServer::shared() else { return };
    let url = server.new_database();
    let opened = |settings: &[(&str, &str)]| -> Result<Durability, StorageError> {
        let storage = PostgresStorage::new(pool(&url, 1, settings));
        assert_eq!(storage.durability(), Durability::MayLoseLatest);
        block_on(storage.migrate())?;
        Ok(storage.durability())
    };
    assert_eq!(opened(&[]).unwrap(), Durability::Durable);
    for (setting, durability) in [
        ("off", Durability::MayLoseLatest),
        ("local", Durability::MayLoseLatest),
        ("remote_write", Durability::Durable),
        ("remote_apply", Durability::Durable),
    ] {
        assert_eq!(opened(&[("synchronous_commit", setting)]).unwrap(), durability, "{setting}");
    }
}

#[test]
fn a_database_that_cannot_hold_every_name_is_refused() {
    let Some(server) = PostgresServer::shared() else { return };
    server.psql(
        "postgres",
        "CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'",
    );
    let url = server.url();
    let narrow = format!("{}/narrow", url.rsplit_once('/').unwrap().0);
    let storage = PostgresStorage::new(pool(&narrow, 1, &[]));
    let said = chain(&block_on(storage.migrate()).unwrap_err());
    assert!(said.contains("LATIN1"), "{said}");
}

#[test]
fn a_server_that_is_not_there_is_a_transient_error() {
    let nowhere = format!("postgres://postgres@127.0.0.1:{}/postgres", mfa_test_servers::free_port());
    let storage = PostgresStorage::new(pool(&nowhere, 1, &[]));
    let error = block_on(storage.migrate()).unwrap_err();
    assert_eq!((error.operation, error.transient), (Operation::Open, true), "{}", chain(&error));
}
