//! Whether a server and a schema will do, and what they promise.

use mfa_storage::Durability;
use sqlx::{PgConnection, PgPool, Row};

use crate::fault::{Fault, Unfit, read};
use crate::migrate;
use crate::schema::Schema;

/// Checks everything; what an acknowledged commit survives here.
pub(crate) async fn verify(pool: &PgPool, schema: &Schema) -> Result<Durability, Fault> {
    let mut connection = pool.acquire().await?;
    server(&mut connection).await?;
    version(&mut connection, schema).await?;
    tables(&mut connection, schema).await?;
    columns(&mut connection, schema).await?;
    indexes(&mut connection, schema).await?;
    durability(&mut connection).await
}

/// PostgreSQL 15 or later, not a replica, with names that can hold every character.
pub(crate) async fn server(connection: &mut PgConnection) -> Result<(), Fault> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::integer, pg_is_in_recovery(),
                current_setting('server_encoding')",
    );
    let row = row.fetch_one(connection).await?;
    let (number, replica, encoding): (i32, bool, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if number < OLDEST_SERVER {
        return Err(Unfit::OldServer(number).into());
    }
    if replica {
        return Err(Unfit::Replica.into());
    }
    if encoding != "UTF8" {
        return Err(Unfit::Encoding(encoding).into());
    }
    Ok(())
}

async fn version(connection: &mut PgConnection, schema: &Schema) -> Result<(), Fault> {
    let known = migrate::newest();
    match migrate::version(connection, schema).await? {
        None => Err(Unfit::NoSchema(schema.as_str().to_owned()).into()),
        Some(found) if found < known => Err(Unfit::SchemaTooOld { found, known }.into()),
        Some(found) if found > known => Err(Unfit::SchemaTooNew { found, known }.into()),
        Some(_) => Ok(()),
    }
}

/// Every table is there and survives a crash.
async fn tables(connection: &mut PgConnection, schema: &Schema) -> Result<(), Fault> {
    let select = "SELECT c.relname::text, c.relpersistence = 'p' FROM pg_catalog.pg_class c
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1";
    let rows = sqlx::query(select).bind(schema.as_str()).fetch_all(connection).await?;
    for name in TABLES {
        let row = rows.iter().find(|row| row.try_get::<&str, _>(0).is_ok_and(|found| found == *name));
        let row = row.ok_or_else(|| Unfit::Missing(format!("table {name}")))?;
        if !read::<bool>(row, 1, "pg_class", "relpersistence")? {
            return Err(Unfit::NotLogged((*name).to_owned()).into());
        }
    }
    Ok(())
}

async fn columns(connection: &mut PgConnection, schema: &Schema) -> Result<(), Fault> {
    let select = sqlx::query(
        "SELECT c.relname || '.' || a.attname,
                format_type(a.atttypid, a.atttypmod)
                || CASE WHEN l.collname IS NULL OR l.collname = 'default' THEN '' ELSE ' COLLATE ' || l.collname END
                || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
    );
    let rows = select.bind(schema.as_str()).fetch_all(connection).await?;
    for (name, wanted) in COLUMNS {
        let row = rows.iter().find(|row| row.try_get::<&str, _>(0).is_ok_and(|found| found == *name));
        let row = row.ok_or_else(|| Unfit::Missing(format!("column {name}")))?;
        let found: &str = read(row, 1, "pg_attribute", "atttypid")?;
        if found != *wanted {
            let (name, found) = ((*name).to_owned(), found.to_owned());
            return Err(Unfit::Column { name, found, wanted: (*wanted).to_owned() }.into());
        }
    }
    Ok(())
}

/// The indexes without which a promise would not hold: what must be unique is.
async fn indexes(connection: &mut PgConnection, schema: &Schema) -> Result<(), Fault> {
    let select = sqlx::query(
        "SELECT c.relname || ' (' || string_agg(a.attname, ', ' ORDER BY k.place) || ')'
         FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
         WHERE n.nspname = $1 AND i.indisunique AND i.indisvalid
         GROUP BY i.indexrelid, c.relname",
    );
    let rows = select.bind(schema.as_str()).fetch_all(connection).await?;
    for wanted in UNIQUE {
        if !rows.iter().any(|row| row.try_get::<&str, _>(0).is_ok_and(|found| found == *wanted)) {
            return Err(Unfit::Missing(format!("a unique index on {wanted}")).into());
        }
    }
    Ok(())
}

async fn durability(connection: &mut PgConnection) -> Result<Durability, Fault> {
    let row = sqlx::query(
        "SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
                AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply')",
    );
    let durable: bool = row.fetch_one(connection).await?.try_get(0)?;
    Ok(if durable { Durability::Durable } else { Durability::MayLoseLatest })
}

const OLDEST_SERVER: i32 = 150_000;

const TABLES: &[&str] = &["record", "event", "event_position", "budget", "reservation"];

const COLUMNS: &[(&str, &str)] = &[
    ("record.version", "bigint NOT NULL"),
    ("record.updated_at", "bigint NOT NULL"),
    ("record.key_id", "bigint NOT NULL"),
    ("record.throttled_until", "bigint"),
    ("record.methods", "smallint NOT NULL"),
    ("record.enrolled", "boolean NOT NULL"),
    ("record.erased", "boolean NOT NULL"),
    ("record.tenant", "text COLLATE C NOT NULL"),
    ("record.subject", "text COLLATE C NOT NULL"),
    ("record.sealed", "bytea NOT NULL"),
    ("event.position", "bigint"),
    ("event.version", "bigint NOT NULL"),
    ("event.idx", "bigint NOT NULL"),
    ("event.at", "bigint NOT NULL"),
    ("event.stream", "bytea NOT NULL"),
    ("event.payload", "bytea NOT NULL"),
    ("budget.arrival", "bigint NOT NULL"),
    ("budget.key", "bytea NOT NULL"),
    ("reservation.spent_at", "bigint NOT NULL"),
    ("reservation.lapses_at", "bigint NOT NULL"),
    ("reservation.refunded", "boolean NOT NULL"),
    ("reservation.id", "bytea NOT NULL"),
    ("reservation.spent", "bytea NOT NULL"),
];

const UNIQUE: &[&str] = &[
    "record (tenant, subject)",
    "event (stream, version, idx)",
    "event (position)",
    "budget (key)",
    "reservation (id)",
];
