//! Removing what is old, a slice at a time.
//!
//! Rows that somebody is changing are left for the next time, so that nobody waits for a clean-up in a circle.

use mfa_core::time::UnixSeconds;
use sqlx::{PgPool, Row};

use crate::event;
use crate::fault::{Fault, column, retry};
use crate::schema::Schema;

/// Removes everything that happened before `before`. Each slice is a transaction of its own, so that sign-ins never
/// wait for a large clean-up.
pub(crate) async fn prune(pool: &PgPool, schema: &Schema, before: UnixSeconds) -> Result<(), Fault> {
    while retry(|| event::prune_some(pool, schema, before)).await? {}
    for template in [TOMBSTONES, RESERVATIONS] {
        while retry(|| slice(pool, schema, template, before)).await? {}
    }
    let mut after = Some(Vec::new());
    while let Some(last) = after {
        after = retry(|| budgets(pool, schema, &last, before)).await?;
    }
    Ok(())
}

async fn slice(
    pool: &PgPool,
    schema: &Schema,
    template: &'static str,
    before: UnixSeconds,
) -> Result<bool, Fault> {
    let delete = sqlx::query(schema.sql(template)).bind(column(before.get())).bind(SLICE);
    Ok(delete.execute(pool).await?.rows_affected() > 0)
}

/// Looks at the budgets after `last` and removes those that were whole again by then; where to go on.
async fn budgets(
    pool: &PgPool,
    schema: &Schema,
    last: &[u8],
    before: UnixSeconds,
) -> Result<Option<Vec<u8>>, Fault> {
    let delete = sqlx::query(schema.sql(BUDGETS));
    let rows =
        delete.bind(last).bind(SLICE).bind(column(before.get()).saturating_mul(1000)).fetch_all(pool).await?;
    let unreadable = |_| Fault::Unreadable { table: "budget", column: "key" };
    rows.first().map(|row| row.try_get(0).map_err(unreadable)).transpose()
}

const SLICE: i64 = 500;

const TOMBSTONES: &str = "
WITH old AS MATERIALIZED (
    SELECT tenant, subject FROM {schema}.record WHERE erased AND updated_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM {schema}.record AS record USING old
WHERE record.tenant = old.tenant AND record.subject = old.subject";

const RESERVATIONS: &str = "
WITH old AS MATERIALIZED (
    SELECT id FROM {schema}.reservation WHERE lapses_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM {schema}.reservation AS reservation USING old WHERE reservation.id = old.id";

/// A budget whose arrival time has passed is full, as one that is not stored.
const BUDGETS: &str = "
WITH page AS MATERIALIZED (
    SELECT key FROM {schema}.budget WHERE key > $1 ORDER BY key LIMIT $2
), old AS MATERIALIZED (
    SELECT key FROM {schema}.budget AS budget WHERE key IN (SELECT key FROM page) AND arrival < $3
    FOR UPDATE OF budget SKIP LOCKED
), gone AS (
    DELETE FROM {schema}.budget AS budget USING old WHERE budget.key = old.key
)
SELECT key FROM page ORDER BY key DESC LIMIT 1";
