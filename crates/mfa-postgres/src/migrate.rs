//! The schema and how it grows.

use sqlx::{PgConnection, PgPool};

use crate::fault::{Fault, Unfit, read};
use crate::schema::{InvalidSchemaName, Schema};
use crate::transaction::Transaction;
use crate::verify;

/// Every step of the schema with its number, in order, for tables in `schema`.
///
/// For hosts whose own migration tool has to run them instead of
/// [`PostgresStorage::migrate`](crate::PostgresStorage::migrate): make the schema, then run the texts in order, each
/// once or more. Each notes its own number in the table `schema_version`.
///
/// # Errors
/// [`InvalidSchemaName`] for anything but 1 to 63 lower-case letters, digits and underscores.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), mfa_postgres::InvalidSchemaName> {
/// for (number, sql) in mfa_postgres::migrations("mfa")? {
///     println!("-- {number}\n{sql}");
/// }
/// # Ok(())
/// # }
/// ```
pub fn migrations(schema: &str) -> Result<Vec<(u32, String)>, InvalidSchemaName> {
    let schema = Schema::new(schema)?;
    Ok(STEPS.iter().map(|(version, template)| (*version, schema.text(template))).collect())
}

/// Applies the steps that are missing, all in one transaction, one node at a time; whoever comes second finds nothing
/// to do.
pub(crate) async fn migrate(pool: &PgPool, schema: &Schema) -> Result<(), Fault> {
    let mut connection = pool.acquire().await?;
    verify::server(&mut connection).await?;
    if version(&mut connection, schema).await? == Some(newest()) {
        return Ok(());
    }
    drop(connection);
    let mut transaction = Transaction::begin(pool).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(schema.lock("migrate"))
        .execute(&mut *transaction)
        .await?;
    // Asked for first: whoever may not make schemas is refused even where this one is there.
    if !exists(&mut transaction, schema).await? {
        sqlx::raw_sql(schema.sql("CREATE SCHEMA {schema}")).execute(&mut *transaction).await?;
    }
    let found = version(&mut transaction, schema).await?.unwrap_or(0);
    if found > newest() {
        return Err(Unfit::SchemaTooNew { found, known: newest() }.into());
    }
    for (_, template) in STEPS.iter().filter(|(version, _)| *version > found) {
        sqlx::raw_sql(schema.sql(template)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// The number of the newest step that was applied; `None` before the first.
pub(crate) async fn version(connection: &mut PgConnection, schema: &Schema) -> Result<Option<u32>, Fault> {
    let table = "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = 'schema_version'";
    if sqlx::query(table).bind(schema.as_str()).fetch_all(&mut *connection).await?.is_empty() {
        return Ok(None);
    }
    let newest =
        sqlx::query(schema.sql("SELECT version FROM {schema}.schema_version ORDER BY 1 DESC LIMIT 1"));
    let rows = newest.fetch_all(connection).await?;
    let unreadable = || Fault::Unreadable { table: "schema_version", column: "version" };
    let read =
        |row| u32::try_from(read::<i32>(row, 0, "schema_version", "version")?).map_err(|_| unreadable());
    rows.first().map(read).transpose()
}

async fn exists(connection: &mut PgConnection, schema: &Schema) -> Result<bool, Fault> {
    let select = sqlx::query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1");
    Ok(!select.bind(schema.as_str()).fetch_all(connection).await?.is_empty())
}

/// The number of the last step.
pub(crate) fn newest() -> u32 {
    STEPS.last().map_or(0, |(version, _)| *version)
}

const STEPS: &[(u32, &str)] = &[(1, include_str!("../migrations/0001_init.sql"))];
