//! Budgets and reservations in SQL; the arithmetic is that of [`mfa_storage::gcra`].
//!
//! Every transaction here locks its one reservation first, then budgets in the order of their keys, so that no two
//! wait for each other in a circle.

use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_core::time::UnixSeconds;
use mfa_storage::gcra::{self, ArrivalTime, Decision};
use mfa_storage::{Bucket, BucketKey, ReservationRefunded, Spend, SpendOutcome};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::fault::{Fault, column, number, read};
use crate::schema::Schema;
use crate::transaction::Transaction;

pub(crate) async fn spend(
    pool: &PgPool,
    schema: &Schema,
    spend: &Spend,
    now: UnixSeconds,
) -> Result<SpendOutcome, Fault> {
    let mut transaction = Transaction::begin(pool).await?;
    let Some(stored) = reserve(&mut transaction, schema, spend, now).await? else {
        return granted_before(transaction, schema, &spend.reservation).await;
    };
    let find = |key: &BucketKey| Ok::<_, Fault>(arrival_of(&stored, key));
    match gcra::decide(&spend.buckets, now, find)? {
        Decision::Granted(granted) => {
            store(&mut transaction, schema, &granted).await?;
            transaction.commit().await?;
            Ok(SpendOutcome::Granted)
        }
        Decision::Exhausted { index, until, brought_back: None } => {
            transaction.rollback().await?;
            Ok(SpendOutcome::Exhausted { index, until })
        }
        Decision::Exhausted { index, until, brought_back: Some(back) } => {
            store(&mut transaction, schema, &[back]).await?;
            // A refusal is not remembered.
            sqlx::query(schema.sql("DELETE FROM {schema}.reservation WHERE id = $1"))
                .bind(spend.reservation.as_bytes().as_slice())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(SpendOutcome::Exhausted { index, until })
        }
    }
}

pub(crate) async fn refund(
    pool: &PgPool,
    schema: &Schema,
    reservation: &ReservationId,
    now: UnixSeconds,
) -> Result<(), Fault> {
    let mut transaction = Transaction::begin(pool).await?;
    let known = find(&mut transaction, schema, reservation).await?;
    let Some(known) = known.filter(|known| !known.refunded && now < known.lapses_at) else {
        return transaction.rollback().await;
    };
    let spent = decode(&known.spent)?;
    let mut stored = lock(&mut transaction, schema, &spent).await?;
    for (key, interval) in &spent {
        if let Some((_, arrival)) = stored.iter_mut().find(|(stored, _)| stored == key) {
            *arrival = gcra::give_back(*arrival, *interval, known.spent_at, now);
        }
    }
    store(&mut transaction, schema, &stored).await?;
    sqlx::query(schema.sql("UPDATE {schema}.reservation SET refunded = true WHERE id = $1"))
        .bind(reservation.as_bytes().as_slice())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Notes the reservation and locks its budgets, in one statement; `None` if it was noted before. Whoever else is just
/// noting it is waited for.
async fn reserve(
    transaction: &mut Transaction,
    schema: &Schema,
    spend: &Spend,
    now: UnixSeconds,
) -> Result<Option<Stored>, Fault> {
    let rows = sqlx::query(schema.sql(RESERVE))
        .bind(spend.reservation.as_bytes().as_slice())
        .bind(column(now.get()))
        .bind(column(now.plus(spend.lapses_after).get()))
        .bind(encode(&spend.buckets))
        .bind(keys(spend.buckets.iter().map(|bucket| &bucket.key)))
        .fetch_all(&mut **transaction)
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    // With no buckets there is one row without a key.
    if first.try_get::<Option<&[u8]>, _>(0).is_ok_and(|key| key.is_none()) {
        return Ok(Some(Vec::new()));
    }
    rows.iter().map(stored).collect::<Result<_, _>>().map(Some)
}

async fn granted_before(
    mut transaction: Transaction,
    schema: &Schema,
    reservation: &ReservationId,
) -> Result<SpendOutcome, Fault> {
    let known = find(&mut transaction, schema, reservation).await?;
    transaction.rollback().await?;
    match known {
        Some(known) if known.refunded => Err(ReservationRefunded.into()),
        Some(_) => Ok(SpendOutcome::Granted),
        None => Err(Fault::Vanished),
    }
}

struct Reservation {
    spent_at: UnixSeconds,
    lapses_at: UnixSeconds,
    refunded: bool,
    spent: Vec<u8>,
}

async fn find(
    transaction: &mut Transaction,
    schema: &Schema,
    reservation: &ReservationId,
) -> Result<Option<Reservation>, Fault> {
    let select = sqlx::query(schema.sql(
        "SELECT spent_at, lapses_at, refunded, spent FROM {schema}.reservation WHERE id = $1 FOR UPDATE",
    ));
    let row = select.bind(reservation.as_bytes().as_slice()).fetch_optional(&mut **transaction).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Reservation {
        spent_at: UnixSeconds::new(number(&row, 0, RESERVATIONS, "spent_at")?),
        lapses_at: UnixSeconds::new(number(&row, 1, RESERVATIONS, "lapses_at")?),
        refunded: read(&row, 2, RESERVATIONS, "refunded")?,
        spent: read(&row, 3, RESERVATIONS, "spent")?,
    }))
}

/// Budgets and what is stored of them, while their rows are locked.
type Stored = Vec<(BucketKey, ArrivalTime)>;

fn arrival_of(stored: &Stored, key: &BucketKey) -> Option<ArrivalTime> {
    stored.iter().find(|(stored, _)| stored == key).map(|(_, arrival)| *arrival)
}

async fn lock(
    transaction: &mut Transaction,
    schema: &Schema,
    spent: &[(BucketKey, Duration)],
) -> Result<Stored, Fault> {
    let select = sqlx::query(schema.sql(
        "SELECT key, arrival FROM {schema}.budget WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE",
    ));
    let keys = keys(spent.iter().map(|(key, _)| key));
    let rows = select.bind(keys).fetch_all(&mut **transaction).await?;
    rows.iter().map(stored).collect()
}

/// Stores new arrival times of budgets whose rows are there and locked.
async fn store(
    transaction: &mut Transaction,
    schema: &Schema,
    arrivals: &[(BucketKey, ArrivalTime)],
) -> Result<(), Fault> {
    let keys: Vec<&[u8]> = arrivals.iter().map(|(key, _)| key.as_bytes().as_slice()).collect();
    let times: Vec<i64> = arrivals.iter().map(|(_, arrival)| column(arrival.as_millis())).collect();
    let update = sqlx::query(schema.sql(
        "UPDATE {schema}.budget AS budget SET arrival = new.arrival
         FROM unnest($1::bytea[], $2::bigint[]) AS new (key, arrival) WHERE budget.key = new.key",
    ));
    update.bind(keys).bind(times).execute(&mut **transaction).await?;
    Ok(())
}

/// A bucket may be named twice; its row can be locked once.
fn keys<'a>(buckets: impl Iterator<Item = &'a BucketKey>) -> Vec<&'a [u8]> {
    let mut keys: Vec<_> = buckets.map(|key| key.as_bytes().as_slice()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn stored(row: &PgRow) -> Result<(BucketKey, ArrivalTime), Fault> {
    let unreadable = || Fault::Unreadable { table: "budget", column: "key" };
    let key: &[u8] = row.try_get(0).map_err(|_| unreadable())?;
    let key = BucketKey::new(key.try_into().map_err(|_| unreadable())?);
    Ok((key, ArrivalTime::from_millis(number(row, 1, "budget", "arrival")?)))
}

/// For each bucket its key, 32 bytes, and its interval in milliseconds, 8 bytes big endian.
fn encode(buckets: &[Bucket]) -> Vec<u8> {
    let entry = |bucket: &Bucket| {
        let millis = gcra::interval_millis(bucket.interval).to_be_bytes();
        bucket.key.as_bytes().iter().copied().chain(millis).collect::<Vec<_>>()
    };
    buckets.iter().flat_map(entry).collect()
}

fn decode(spent: &[u8]) -> Result<Vec<(BucketKey, Duration)>, Fault> {
    let (entries, rest) = spent.as_chunks::<40>();
    let entry = |entry: &[u8; 40]| {
        let (key, millis) = entry.split_first_chunk::<32>()?;
        let millis = u64::from_be_bytes(*millis.first_chunk::<8>()?);
        Some((BucketKey::new(*key), Duration::from_millis(millis)))
    };
    match entries.iter().map(entry).collect::<Option<Vec<_>>>() {
        Some(decoded) if rest.is_empty() => Ok(decoded),
        _ => Err(Fault::Unreadable { table: RESERVATIONS, column: "spent" }),
    }
}

const RESERVATIONS: &str = "reservation";

/// A budget that is not stored is stored as full, with an arrival time long past; one that is, is locked as it is.
const RESERVE: &str = "
WITH fresh AS (
    INSERT INTO {schema}.reservation (id, spent_at, lapses_at, refunded, spent) VALUES ($1, $2, $3, false, $4)
    ON CONFLICT (id) DO NOTHING
    RETURNING id
), locked AS (
    INSERT INTO {schema}.budget AS budget (key, arrival)
    SELECT wanted.key, 0 FROM fresh, unnest($5::bytea[]) AS wanted (key) ORDER BY wanted.key
    ON CONFLICT (key) DO UPDATE SET arrival = budget.arrival
    RETURNING key, arrival
)
SELECT locked.key, locked.arrival FROM fresh LEFT JOIN locked ON true";
