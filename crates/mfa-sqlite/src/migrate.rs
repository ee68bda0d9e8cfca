//! The schema and how it grows.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::fault::{Fault, number};

/// Every step of the schema with its number, in order; what [`SqliteStorage::open`](crate::SqliteStorage::open) runs.
///
/// For hosts whose own migration tool has to run it: apply the missing steps, and note each number in
/// `mfa_schema (version INTEGER PRIMARY KEY)`.
pub const MIGRATIONS: &[(u32, &str)] = &[(1, include_str!("../migrations/0001_init.sql"))];

/// Applies the steps that are missing, all in one transaction; whoever comes second finds nothing to do.
pub(crate) fn migrate(connection: &Connection) -> Result<(), Fault> {
    if current(connection)? == newest() {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS mfa_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT",
    )?;
    let found = current(&transaction)?;
    if found > newest() {
        return Err(Fault::SchemaTooNew { found, known: newest() });
    }
    for (version, sql) in MIGRATIONS.iter().filter(|(version, _)| *version > found) {
        transaction.execute_batch(sql)?;
        transaction.execute("INSERT INTO mfa_schema (version) VALUES (?1)", [version])?;
    }
    transaction.commit()?;
    Ok(())
}

fn current(connection: &Connection) -> Result<u32, Fault> {
    let table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'mfa_schema'";
    if connection.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    let version = "SELECT coalesce(max(version), 0) FROM mfa_schema";
    number(connection.query_row(version, [], |row| row.get(0))?, "mfa_schema", "version")
}

fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}
