//! Events in SQL, and the places they get in the feed.
//!
//! # Why places are given when the feed is read
//! A number drawn while a commit runs becomes visible only when that commit ends, and commits end in another order
//! than they drew. A reader that has seen 7 would pass by a 6 that appears later. The usual remedy is to hold back
//! everything younger than the oldest running transaction (its `xid` horizon); then any foreign transaction that stays
//! open for an hour stops the feed of everybody for an hour, and a dump that is restored elsewhere starts with other
//! transaction numbers, so that kept cursors mean nothing there.
//!
//! Here an event is committed without a place. Whoever reads the feed first gives what is committed by then the next
//! places, one reader at a time, each in a transaction of its own. So places become visible in their order; whatever
//! was acknowledged before a read began is in it; a commit that still runs gets a later place and is not missed. Within
//! a stream version follows version, since a commit can only expect what is committed already.

use mfa_core::id::Pseudonym;
use mfa_core::time::UnixSeconds;
use mfa_storage::{Cursor, StoredEvent, Version};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::fault::{Fault, column, number, read, retry};
use crate::schema::Schema;
use crate::transaction::Transaction;

pub(crate) async fn feed(
    pool: &PgPool,
    schema: &Schema,
    cursor: Cursor,
    limit: usize,
) -> Result<(Vec<StoredEvent>, Cursor), Fault> {
    if limit == 0 {
        return Ok((Vec::new(), cursor));
    }
    if any_unplaced(pool, schema).await? {
        // A slice that is not full was the last: everything committed before it has its place. Nor does anybody
        // place a large backlog in one call, once the page that is asked for can be filled.
        while retry(|| place_some(pool, schema)).await? && !is_full(pool, schema, cursor, limit).await? {}
    }
    let rows = sqlx::query(schema.sql(PAGE))
        .bind(column(cursor.get()))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    let mut next = cursor;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        next = Cursor::new(number(row, 0, TABLE, "position")?);
        events.push(stored(row)?);
    }
    Ok((events, next))
}

async fn any_unplaced(pool: &PgPool, schema: &Schema) -> Result<bool, Fault> {
    let select = sqlx::query(schema.sql(UNPLACED));
    Ok(!select.fetch_all(pool).await?.is_empty())
}

async fn is_full(pool: &PgPool, schema: &Schema, cursor: Cursor, limit: usize) -> Result<bool, Fault> {
    let rows = sqlx::query(schema.sql("SELECT 1 FROM {schema}.event WHERE position > $1 OFFSET $2 LIMIT 1"))
        .bind(column(cursor.get()))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_sub(1))
        .fetch_all(pool)
        .await?;
    Ok(!rows.is_empty())
}

/// Gives a slice of what has none its place; whether the slice was full.
async fn place_some(pool: &PgPool, schema: &Schema) -> Result<bool, Fault> {
    let mut transaction = Transaction::begin(pool).await?;
    sqlx::query(LOCK_FEED).bind(schema.lock(FEED)).execute(&mut *transaction).await?;
    let placed = sqlx::query(schema.sql(PLACE)).bind(SLICE).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(i64::try_from(placed.rows_affected()).is_ok_and(|placed| placed >= SLICE))
}

/// A slice of the events that happened before `before` is removed; whether there was one.
///
/// Under the lock of whoever gives places, so that the two never wait for each other's rows.
pub(crate) async fn prune_some(pool: &PgPool, schema: &Schema, before: UnixSeconds) -> Result<bool, Fault> {
    let mut transaction = Transaction::begin(pool).await?;
    sqlx::query(LOCK_FEED).bind(schema.lock(FEED)).execute(&mut *transaction).await?;
    let removed = sqlx::query(schema.sql(PRUNE))
        .bind(column(before.get()))
        .bind(SLICE)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(removed.rows_affected() > 0)
}

fn stored(row: &PgRow) -> Result<StoredEvent, Fault> {
    let unreadable = |column| Fault::Unreadable { table: TABLE, column };
    let stream: &[u8] = row.try_get(1).map_err(|_| unreadable("stream"))?;
    Ok(StoredEvent {
        stream: Pseudonym::from_bytes(stream.try_into().map_err(|_| unreadable("stream"))?),
        version: Version::new(number(row, 2, TABLE, "version")?),
        index: number(row, 3, TABLE, "idx")?,
        at: UnixSeconds::new(number(row, 4, TABLE, "at")?),
        payload: read(row, 5, TABLE, "payload")?,
    })
}

const TABLE: &str = "event";
const FEED: &str = "feed";
/// Long enough to be worth its flush, short enough that nobody waits for it long.
const SLICE: i64 = 1_000;

/// A place that was handed out must not be given to another event after a crash, even where the host's sessions do
/// not wait for the disk.
const LOCK_FEED: &str = "
SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                                        ELSE current_setting('synchronous_commit') END, true),
       pg_advisory_xact_lock($1)";

/// Ordered so that it is the index that is asked, whatever the server believes about the column.
const UNPLACED: &str = "
SELECT 1 FROM {schema}.event WHERE position IS NULL ORDER BY stream, version, idx LIMIT 1";

/// The sequence is drawn from in the order of the inner query, and never turned back: no place is used again.
const PLACE: &str = "
WITH slice AS MATERIALIZED (
    SELECT stream, version, idx, nextval('{schema}.event_position') AS position
    FROM (SELECT stream, version, idx FROM {schema}.event WHERE position IS NULL
          ORDER BY stream, version, idx LIMIT $1) AS unplaced
)
UPDATE {schema}.event AS event SET position = slice.position FROM slice
WHERE event.stream = slice.stream AND event.version = slice.version AND event.idx = slice.idx";

const PAGE: &str = "
SELECT position, stream, version, idx, at, payload FROM {schema}.event
WHERE position > $1 ORDER BY position LIMIT $2";

const PRUNE: &str = "
DELETE FROM {schema}.event AS event
USING (SELECT stream, version, idx FROM {schema}.event WHERE at < $1 LIMIT $2) AS old
WHERE event.stream = old.stream AND event.version = old.version AND event.idx = old.idx";
