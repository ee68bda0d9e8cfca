//! Records in SQL: reading one, replacing one together with its events, listing many.

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;
use mfa_storage::{CommitOutcome, Expected, MethodSet, ScanFilter, Snapshot, Summary, Version, Write};
use sqlx::PgPool;
use sqlx::postgres::PgRow;

use crate::fault::{Fault, column, number, read};
use crate::schema::Schema;

pub(crate) async fn load(
    pool: &PgPool,
    schema: &Schema,
    subject: &SubjectKey,
) -> Result<Option<Snapshot>, Fault> {
    let select = sqlx::query(schema.sql(
        "SELECT version, enrolled, methods, throttled_until, key_id, updated_at, sealed
         FROM {schema}.record WHERE tenant = $1 AND subject = $2",
    ));
    let (tenant, subject) = names(subject);
    let row = select.bind(tenant).bind(subject).fetch_optional(pool).await?;
    row.map(|row| snapshot(&row, 0)).transpose()
}

/// Replaces the record if it is as expected and appends the events, in one statement; `erased` makes it a tombstone.
pub(crate) async fn replace(
    pool: &PgPool,
    schema: &Schema,
    subject: &SubjectKey,
    expected: Expected,
    write: &Write,
    erased: bool,
) -> Result<CommitOutcome, Fault> {
    let (version, template) = match expected {
        Expected::Absent => (0, INSERT),
        Expected::At(version) => (column(version.get()), UPDATE),
    };
    let (tenant, name) = names(subject);
    let summary = &write.summary;
    let at: Vec<i64> = write.events.iter().map(|event| column(event.at.get())).collect();
    let payloads: Vec<&[u8]> = write.events.iter().map(|event| event.payload.as_slice()).collect();
    let statement = sqlx::query(schema.sql(template))
        .bind(tenant)
        .bind(name)
        .bind(version)
        .bind(summary.enrolled)
        .bind(i16::from(summary.methods.bits()))
        .bind(summary.throttled_until.map(|until| column(until.get())))
        .bind(i64::from(summary.key_id))
        .bind(column(summary.updated_at.get()))
        .bind(erased)
        .bind(write.sealed.as_slice())
        .bind(write.stream.as_bytes().as_slice())
        .bind(at)
        .bind(payloads);
    // All of the answer is read, to its end: before that the server has not committed.
    let rows = statement.fetch_all(pool).await?;
    Ok(match rows.is_empty() {
        true => CommitOutcome::Conflict,
        false => CommitOutcome::Committed { version: expected.next() },
    })
}

pub(crate) async fn scan(
    pool: &PgPool,
    schema: &Schema,
    after: Option<&SubjectKey>,
    limit: usize,
    filter: ScanFilter,
) -> Result<Vec<(SubjectKey, Snapshot)>, Fault> {
    let mut found: Vec<(SubjectKey, Snapshot)> = Vec::new();
    let mut last = after.cloned();
    while found.len() < limit {
        let wanted = limit.saturating_sub(found.len());
        let page = page(pool, schema, last.as_ref(), wanted, filter).await?;
        let whole = page.len() == wanted;
        last = page.last().map(|(key, _)| key.clone());
        // The filter decides; that it also stands in SQL only saves reading what it leaves out.
        let admitted = |(key, snapshot): &(SubjectKey, Snapshot)| {
            filter.admits(key, &snapshot.summary, filter.tombstones)
        };
        found.extend(page.into_iter().filter(admitted));
        if !whole {
            break;
        }
    }
    Ok(found)
}

async fn page(
    pool: &PgPool,
    schema: &Schema,
    after: Option<&SubjectKey>,
    limit: usize,
    filter: ScanFilter,
) -> Result<Vec<(SubjectKey, Snapshot)>, Fault> {
    // No name is empty, so the empty pair comes before every other.
    let (tenant, subject) = after.map_or(("", ""), names);
    let select = sqlx::query(schema.sql(
        "SELECT version, enrolled, methods, throttled_until, key_id, updated_at, sealed, tenant, subject
         FROM {schema}.record
         WHERE (tenant, subject) > ($1, $2) AND erased = $3
           AND ($4::boolean IS NULL OR enrolled = $4) AND ($5::bigint IS NULL OR key_id <> $5)
         ORDER BY tenant, subject LIMIT $6",
    ));
    let rows = select
        .bind(tenant)
        .bind(subject)
        .bind(filter.tombstones)
        .bind(filter.enrolled)
        .bind(filter.not_sealed_by.map(i64::from))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok((key(row, 7)?, snapshot(row, 0)?))).collect()
}

/// The tenant's and the subject's own name.
pub(crate) fn names(subject: &SubjectKey) -> (&str, &str) {
    (subject.tenant().as_str(), subject.subject().as_str())
}

/// A key from two columns of `row`.
fn key(row: &PgRow, first: usize) -> Result<SubjectKey, Fault> {
    let tenant: &str = read(row, first, TABLE, "tenant")?;
    let subject: &str = read(row, first.saturating_add(1), TABLE, "subject")?;
    let unreadable = |_| Fault::Unreadable { table: TABLE, column: "subject" };
    SubjectKey::from_stored(tenant, subject).map_err(unreadable)
}

/// A record from seven columns of `row`, `first` and those after it.
pub(crate) fn snapshot(row: &PgRow, first: usize) -> Result<Snapshot, Fault> {
    let at = |offset: usize| first.saturating_add(offset);
    let unreadable = |column| Fault::Unreadable { table: TABLE, column };
    let version: u64 = number(row, at(0), TABLE, "version")?;
    if version == 0 {
        return Err(unreadable("version"));
    }
    let methods: i16 = read(row, at(2), TABLE, "methods")?;
    let until: Option<i64> = read(row, at(3), TABLE, "throttled_until")?;
    let until = until.map(|until| u64::try_from(until).map_err(|_| unreadable("throttled_until")));
    Ok(Snapshot {
        version: Version::new(version),
        summary: Summary {
            enrolled: read(row, at(1), TABLE, "enrolled")?,
            methods: MethodSet::from_bits(u8::try_from(methods).map_err(|_| unreadable("methods"))?),
            throttled_until: until.transpose()?.map(UnixSeconds::new),
            key_id: number(row, at(4), TABLE, "key_id")?,
            updated_at: UnixSeconds::new(number(row, at(5), TABLE, "updated_at")?),
        },
        sealed: read(row, at(6), TABLE, "sealed")?,
    })
}

const TABLE: &str = "record";

/// `$3` is the version that stands, 0 for none; both statements take the same parameters.
const INSERT: &str = r#"
WITH record AS (
    INSERT INTO {schema}.record (tenant, subject, version, enrolled, methods, throttled_until, key_id, updated_at,
                                 erased, sealed)
    VALUES ($1, $2, $3::bigint + 1, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (tenant, subject) DO NOTHING
    RETURNING version
), events AS (
    INSERT INTO {schema}.event (stream, version, idx, at, payload)
    SELECT $11, record.version, event.number - 1, event.at, event.payload
    FROM record, unnest($12::bigint[], $13::bytea[]) WITH ORDINALITY AS event (at, payload, number)
)
SELECT version FROM record"#;

const UPDATE: &str = r#"
WITH record AS (
    UPDATE {schema}.record AS record
    SET version = record.version + 1, enrolled = $4, methods = $5, throttled_until = $6, key_id = $7, updated_at = $8,
        erased = $9, sealed = $10
    WHERE tenant = $1 AND subject = $2 AND version = $3
    RETURNING version
), events AS (
    INSERT INTO {schema}.event (stream, version, idx, at, payload)
    SELECT $11, record.version, event.number - 1, event.at, event.payload
    FROM record, unnest($12::bigint[], $13::bytea[]) WITH ORDINALITY AS event (at, payload, number)
)
SELECT version FROM record"#;
