//! Events in SQL. The row number is the cursor: there is one writer at a time, so numbers grow in commit order.

use mfa_core::id::Pseudonym;
use mfa_core::time::UnixSeconds;
use mfa_storage::{Cursor, StoredEvent, Version, Write};
use rusqlite::{Connection, Row, params};

use crate::fault::{Fault, column, number};

/// Appends the events of `write`, which made `version`.
pub(crate) fn append(connection: &Connection, write: &Write, version: Version) -> Result<(), Fault> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO mfa_event (stream, version, idx, at, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (index, event) in (0_u32..).zip(&write.events) {
        let (stream, at) = (write.stream.as_bytes(), column(event.at.get()));
        insert.execute(params![stream, column(version.get()), index, at, event.payload])?;
    }
    Ok(())
}

pub(crate) fn feed(
    connection: &Connection,
    cursor: Cursor,
    limit: usize,
) -> Result<(Vec<StoredEvent>, Cursor), Fault> {
    let mut select = connection.prepare_cached(
        "SELECT seq, stream, version, idx, at, payload FROM mfa_event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = select.query([column(cursor.get()), i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let (mut events, mut next) = (Vec::new(), cursor);
    while let Some(row) = rows.next()? {
        next = Cursor::new(number(row.get(0)?, TABLE, "seq")?);
        events.push(stored(row)?);
    }
    Ok((events, next))
}

fn stored(row: &Row<'_>) -> Result<StoredEvent, Fault> {
    let unreadable = |column| Fault::Unreadable { table: TABLE, column };
    let number_at = |index: usize, column| row.get(index).map_err(|_| unreadable(column));
    Ok(StoredEvent {
        stream: Pseudonym::from_bytes(row.get(1).map_err(|_| unreadable("stream"))?),
        version: Version::new(number(number_at(2, "version")?, TABLE, "version")?),
        index: number(number_at(3, "idx")?, TABLE, "idx")?,
        at: UnixSeconds::new(number(number_at(4, "at")?, TABLE, "at")?),
        payload: row.get(5).map_err(|_| unreadable("payload"))?,
    })
}

const TABLE: &str = "mfa_event";
