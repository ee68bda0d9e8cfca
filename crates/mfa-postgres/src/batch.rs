//! Many reads or many writes, each kind in one statement.

use std::collections::BTreeSet;

use mfa_core::id::SubjectKey;
use mfa_storage::{Commit, CommitOutcome, Expected, Snapshot};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::fault::{Fault, column, retry};
use crate::record::{names, replace, snapshot};
use crate::schema::Schema;

pub(crate) async fn load_many(
    pool: &PgPool,
    schema: &Schema,
    subjects: &[SubjectKey],
) -> Vec<Result<Option<Snapshot>, Fault>> {
    let rows = match read_all(pool, schema, subjects).await {
        Ok(rows) => rows,
        Err(fault) => return subjects.iter().map(|_| Err(fault.clone())).collect(),
    };
    let mut answers: Vec<_> = subjects.iter().map(|_| Ok(None)).collect();
    for row in &rows {
        if let Some(answer) = place(row).and_then(|place| answers.get_mut(place)) {
            *answer = snapshot(row, 1).map(Some);
        }
    }
    answers
}

async fn read_all(pool: &PgPool, schema: &Schema, subjects: &[SubjectKey]) -> Result<Vec<PgRow>, Fault> {
    let (tenants, subjects): (Vec<&str>, Vec<&str>) = subjects.iter().map(names).unzip();
    let select = sqlx::query(schema.sql(LOAD));
    Ok(select.bind(tenants).bind(subjects).fetch_all(pool).await?)
}

/// All of `commits` in one statement. If the server refuses that, each gets one of its own, so that a bad one fails
/// alone; if its answer is lost, none of them is known.
pub(crate) async fn commit_many(
    pool: &PgPool,
    schema: &Schema,
    commits: &[Commit],
) -> Vec<Result<CommitOutcome, Fault>> {
    let mut seen = BTreeSet::new();
    let fresh: Vec<bool> = commits.iter().map(|commit| seen.insert(&commit.subject)).collect();
    let once: Vec<&Commit> =
        commits.iter().zip(&fresh).filter(|(_, fresh)| **fresh).map(|(commit, _)| commit).collect();
    let mut outcomes = commit_all(pool, schema, &once).await.into_iter();
    let answer = |fresh: bool| match fresh {
        true => outcomes.next().unwrap_or(Err(Fault::NamedTwice)),
        false => Err(Fault::NamedTwice),
    };
    fresh.into_iter().map(answer).collect()
}

async fn commit_all(
    pool: &PgPool,
    schema: &Schema,
    commits: &[&Commit],
) -> Vec<Result<CommitOutcome, Fault>> {
    if commits.is_empty() {
        return Vec::new();
    }
    match retry(|| write_all(pool, schema, commits)).await {
        Ok(committed) => {
            let outcome = |(commit, committed): (&&Commit, bool)| match committed {
                true => Ok(CommitOutcome::Committed { version: commit.expected.next() }),
                false => Ok(CommitOutcome::Conflict),
            };
            commits.iter().zip(committed).map(outcome).collect()
        }
        Err(fault) if fault.is_of_the_statement() && commits.len() > 1 => {
            let mut answers = Vec::with_capacity(commits.len());
            for Commit { subject, expected, write } in commits.iter().copied() {
                answers.push(retry(|| replace(pool, schema, subject, *expected, write, false)).await);
            }
            answers
        }
        Err(fault) => commits.iter().map(|_| Err(fault.clone())).collect(),
    }
}

/// Which of `commits` were committed.
async fn write_all(pool: &PgPool, schema: &Schema, commits: &[&Commit]) -> Result<Vec<bool>, Fault> {
    let each = || commits.iter().map(|commit| &commit.write);
    let (tenants, subjects): (Vec<&str>, Vec<&str>) =
        commits.iter().map(|commit| names(&commit.subject)).unzip();
    let versions: Vec<i64> = commits.iter().map(|commit| standing(commit.expected)).collect();
    let until = each().map(|write| write.summary.throttled_until.map(|until| column(until.get())));
    let events: Vec<_> = (1_i64..)
        .zip(each())
        .flat_map(|(item, write)| {
            (0_i64..).zip(&write.events).map(move |(index, event)| (item, index, event))
        })
        .collect();
    let rows = sqlx::query(schema.sql(COMMIT))
        .bind(tenants)
        .bind(subjects)
        .bind(versions)
        .bind(each().map(|write| write.summary.enrolled).collect::<Vec<_>>())
        .bind(each().map(|write| i16::from(write.summary.methods.bits())).collect::<Vec<_>>())
        .bind(until.collect::<Vec<_>>())
        .bind(each().map(|write| i64::from(write.summary.key_id)).collect::<Vec<_>>())
        .bind(each().map(|write| column(write.summary.updated_at.get())).collect::<Vec<_>>())
        .bind(each().map(|write| write.sealed.as_slice()).collect::<Vec<_>>())
        .bind(each().map(|write| write.stream.as_bytes().as_slice()).collect::<Vec<_>>())
        .bind(events.iter().map(|(item, ..)| *item).collect::<Vec<_>>())
        .bind(events.iter().map(|(_, index, _)| *index).collect::<Vec<_>>())
        .bind(events.iter().map(|(.., event)| column(event.at.get())).collect::<Vec<_>>())
        .bind(events.iter().map(|(.., event)| event.payload.as_slice()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    let mut committed = vec![false; commits.len()];
    for row in &rows {
        if let Some(done) = place(row).and_then(|place| committed.get_mut(place)) {
            *done = true;
        }
    }
    Ok(committed)
}

/// The version that has to stand, 0 for none.
fn standing(expected: Expected) -> i64 {
    match expected {
        Expected::Absent => 0,
        Expected::At(version) => column(version.get()),
    }
}

/// The item that a row answers: its first column counts from 1.
fn place(row: &PgRow) -> Option<usize> {
    let number: i64 = row.try_get(0).ok()?;
    usize::try_from(number).ok()?.checked_sub(1)
}

const LOAD: &str = "
SELECT wanted.number, record.version, record.enrolled, record.methods, record.throttled_until, record.key_id,
       record.updated_at, record.sealed
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (tenant, subject, number)
JOIN {schema}.record AS record ON record.tenant = wanted.tenant AND record.subject = wanted.subject";

/// Rows that stand are locked before any is written, in the order of their keys; then those that do not stand yet are
/// inserted in that order. So two batches never wait for each other in a circle, whatever order they were given in.
/// (`held` is counted so that it is done before `made` begins.)
const COMMIT: &str = "
WITH item AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::smallint[], $6::bigint[],
                         $7::bigint[], $8::bigint[], $9::bytea[], $10::bytea[])
        WITH ORDINALITY AS item (tenant, subject, version, enrolled, methods, throttled_until, key_id, updated_at,
                                 sealed, stream, number)
), held AS MATERIALIZED (
    SELECT item.number FROM item
    JOIN {schema}.record AS record ON record.tenant = item.tenant AND record.subject = item.subject
    WHERE item.version > 0 AND record.version = item.version
    ORDER BY record.tenant, record.subject FOR UPDATE OF record
), changed AS (
    UPDATE {schema}.record AS record
    SET version = record.version + 1, enrolled = item.enrolled, methods = item.methods,
        throttled_until = item.throttled_until, key_id = item.key_id, updated_at = item.updated_at, erased = false,
        sealed = item.sealed
    FROM held JOIN item ON item.number = held.number
    WHERE record.tenant = item.tenant AND record.subject = item.subject AND record.version = item.version
    RETURNING item.number
), made AS (
    INSERT INTO {schema}.record (tenant, subject, version, enrolled, methods, throttled_until, key_id, updated_at,
                                 erased, sealed)
    SELECT tenant, subject, 1, enrolled, methods, throttled_until, key_id, updated_at, false, sealed
    FROM item WHERE version = 0 AND (SELECT count(*) FROM held) >= 0
    ORDER BY tenant COLLATE \"C\", subject COLLATE \"C\"
    ON CONFLICT (tenant, subject) DO NOTHING
    RETURNING tenant, subject
), done AS (
    SELECT number FROM changed
    UNION ALL
    SELECT item.number FROM made
    JOIN item ON item.tenant = made.tenant AND item.subject = made.subject AND item.version = 0
), events AS (
    INSERT INTO {schema}.event (stream, version, idx, at, payload)
    SELECT item.stream, item.version + 1, event.idx, event.at, event.payload
    FROM unnest($11::bigint[], $12::bigint[], $13::bigint[], $14::bytea[]) AS event (item, idx, at, payload)
    JOIN item ON item.number = event.item
    JOIN done ON done.number = item.number
)
SELECT number FROM done";
