//! Records in SQL.

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;
use mfa_storage::{CommitOutcome, Expected, MethodSet, ScanFilter, Snapshot, Summary, Version, Write};
use rusqlite::{Connection, Row, params};

use crate::event;
use crate::fault::{Fault, column, number};

pub(crate) fn load(connection: &Connection, subject: &SubjectKey) -> Result<Option<Snapshot>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT version, enrolled, methods, throttled_until, key_id, updated_at, sealed
         FROM mfa_record WHERE tenant = ?1 AND subject = ?2",
    )?;
    let mut rows = select.query(names(subject))?;
    rows.next()?.map(|row| snapshot(row, 0)).transpose()
}

/// Replaces the record if it is as expected, and appends the events; `erased` makes it a tombstone.
pub(crate) fn replace(
    connection: &Connection,
    subject: &SubjectKey,
    expected: Expected,
    write: &Write,
    erased: bool,
) -> Result<CommitOutcome, Fault> {
    let version = expected.next();
    let sql = match expected {
        Expected::Absent => {
            "INSERT INTO mfa_record (tenant, subject, version, enrolled, methods, throttled_until, key_id,
                                     updated_at, erased, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (tenant, subject) DO NOTHING"
        }
        Expected::At(_) => {
            "UPDATE mfa_record
             SET version = ?3, enrolled = ?4, methods = ?5, throttled_until = ?6, key_id = ?7, updated_at = ?8,
                 erased = ?9, sealed = ?10
             WHERE tenant = ?1 AND subject = ?2 AND version = ?3 - 1"
        }
    };
    let summary = &write.summary;
    let changed = connection.prepare_cached(sql)?.execute(params![
        subject.tenant().as_str(),
        subject.subject().as_str(),
        column(version.get()),
        summary.enrolled,
        summary.methods.bits(),
        summary.throttled_until.map(|until| column(until.get())),
        summary.key_id,
        column(summary.updated_at.get()),
        erased,
        write.sealed,
    ])?;
    if changed == 0 {
        return Ok(CommitOutcome::Conflict);
    }
    event::append(connection, write, version)?;
    Ok(CommitOutcome::Committed { version })
}

pub(crate) fn scan(
    connection: &Connection,
    after: Option<&SubjectKey>,
    limit: usize,
    filter: ScanFilter,
) -> Result<Vec<(SubjectKey, Snapshot)>, Fault> {
    // The filter stands in SQL as well, so that what it leaves out is not read in full.
    let mut select = connection.prepare_cached(
        "SELECT tenant, subject, version, enrolled, methods, throttled_until, key_id, updated_at, sealed
         FROM mfa_record
         WHERE (tenant, subject) > (?1, ?2) AND erased = ?5
           AND (?3 IS NULL OR enrolled = ?3) AND (?4 IS NULL OR key_id <> ?4)
         ORDER BY tenant, subject",
    )?;
    // No name is empty, so the empty pair comes before every other.
    let (tenant, subject) = after.map_or(("", ""), names);
    let mut rows =
        select.query(params![tenant, subject, filter.enrolled, filter.not_sealed_by, filter.tombstones])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let (tenant, subject) = (row.get_ref(0)?, row.get_ref(1)?);
        let key =
            SubjectKey::from_stored(text(tenant.as_str(), "tenant")?, text(subject.as_str(), "subject")?)
                .map_err(|_| Fault::Unreadable { table: TABLE, column: "subject" })?;
        let snapshot = snapshot(row, 2)?;
        if filter.admits(&key, &snapshot.summary, filter.tombstones) {
            found.push((key, snapshot));
        }
    }
    Ok(found)
}

fn text<'a, E>(value: Result<&'a str, E>, column: &'static str) -> Result<&'a str, Fault> {
    value.map_err(|_| Fault::Unreadable { table: TABLE, column })
}

fn names(subject: &SubjectKey) -> (&str, &str) {
    (subject.tenant().as_str(), subject.subject().as_str())
}

/// A record from seven columns of `row`, `first` and those after it.
fn snapshot(row: &Row<'_>, first: usize) -> Result<Snapshot, Fault> {
    let at = |offset: usize| first.saturating_add(offset);
    let unreadable = |column| Fault::Unreadable { table: TABLE, column };
    let number_at = |offset, column| row.get(at(offset)).map_err(|_| unreadable(column));
    let version: u64 = number(number_at(0, "version")?, TABLE, "version")?;
    if version == 0 {
        return Err(unreadable("version"));
    }
    let enrolled = match number_at(1, "enrolled")? {
        0 => false,
        1 => true,
        _ => return Err(unreadable("enrolled")),
    };
    let throttled_until: Option<i64> = row.get(at(3)).map_err(|_| unreadable("throttled_until"))?;
    let throttled_until = throttled_until.map(|until| number(until, TABLE, "throttled_until")).transpose()?;
    Ok(Snapshot {
        version: Version::new(version),
        summary: Summary {
            enrolled,
            methods: MethodSet::from_bits(number(number_at(2, "methods")?, TABLE, "methods")?),
            throttled_until: throttled_until.map(UnixSeconds::new),
            key_id: number(number_at(4, "key_id")?, TABLE, "key_id")?,
            updated_at: UnixSeconds::new(number(number_at(5, "updated_at")?, TABLE, "updated_at")?),
        },
        sealed: row.get(at(6)).map_err(|_| unreadable("sealed"))?,
    })
}

const TABLE: &str = "mfa_record";
