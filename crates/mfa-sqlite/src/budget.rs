//! Budgets and reservations in SQL; the arithmetic is that of [`mfa_storage::gcra`].

use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_core::time::UnixSeconds;
use mfa_storage::gcra::{self, ArrivalTime, Decision};
use mfa_storage::{Bucket, BucketKey, ReservationRefunded, Spend, SpendOutcome};
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::{Fault, column, number};

pub(crate) fn spend(connection: &Connection, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, Fault> {
    match find(connection, &spend.reservation)? {
        Some(known) if known.refunded => return Err(ReservationRefunded.into()),
        Some(_) => return Ok(SpendOutcome::Granted),
        None => {}
    }
    let granted = match gcra::decide(&spend.buckets, now, |key| arrival(connection, key))? {
        Decision::Exhausted { index, until, brought_back } => {
            brought_back.iter().try_for_each(|(key, arrival)| store(connection, key, *arrival))?;
            return Ok(SpendOutcome::Exhausted { index, until });
        }
        Decision::Granted(granted) => granted,
    };
    for (key, after) in granted {
        store(connection, &key, after)?;
    }
    let insert =
        "INSERT INTO mfa_reservation (id, spent_at, lapses_at, refunded, spent) VALUES (?1, ?2, ?3, 0, ?4)";
    connection.prepare_cached(insert)?.execute(params![
        spend.reservation.as_bytes(),
        column(now.get()),
        column(now.plus(spend.lapses_after).get()),
        encode(&spend.buckets),
    ])?;
    Ok(SpendOutcome::Granted)
}

pub(crate) fn refund(
    connection: &Connection,
    reservation: &ReservationId,
    now: UnixSeconds,
) -> Result<(), Fault> {
    let Some(known) = find(connection, reservation)? else { return Ok(()) };
    if known.refunded || now >= known.lapses_at {
        return Ok(());
    }
    for (key, interval) in decode(&known.spent)? {
        if let Some(before) = arrival(connection, &key)? {
            store(connection, &key, gcra::give_back(before, interval, known.spent_at, now))?;
        }
    }
    let update = "UPDATE mfa_reservation SET refunded = 1 WHERE id = ?1";
    connection.prepare_cached(update)?.execute([reservation.as_bytes()])?;
    Ok(())
}

struct Reservation {
    spent_at: UnixSeconds,
    lapses_at: UnixSeconds,
    refunded: bool,
    spent: Vec<u8>,
}

fn find(connection: &Connection, reservation: &ReservationId) -> Result<Option<Reservation>, Fault> {
    let mut select = connection
        .prepare_cached("SELECT spent_at, lapses_at, refunded, spent FROM mfa_reservation WHERE id = ?1")?;
    let mut rows = select.query([reservation.as_bytes()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Reservation {
        spent_at: UnixSeconds::new(number(row.get(0)?, RESERVATIONS, "spent_at")?),
        lapses_at: UnixSeconds::new(number(row.get(1)?, RESERVATIONS, "lapses_at")?),
        refunded: row.get(2)?,
        spent: row.get(3)?,
    }))
}

fn arrival(connection: &Connection, key: &BucketKey) -> Result<Option<ArrivalTime>, Fault> {
    let mut select = connection.prepare_cached("SELECT arrival FROM mfa_budget WHERE key = ?1")?;
    let found: Option<i64> = select.query_row([key.as_bytes()], |row| row.get(0)).optional()?;
    found.map(|millis| number(millis, "mfa_budget", "arrival").map(ArrivalTime::from_millis)).transpose()
}

fn store(connection: &Connection, key: &BucketKey, arrival: ArrivalTime) -> Result<(), Fault> {
    let upsert = "INSERT INTO mfa_budget (key, arrival) VALUES (?1, ?2)
                  ON CONFLICT (key) DO UPDATE SET arrival = excluded.arrival";
    connection.prepare_cached(upsert)?.execute(params![key.as_bytes(), column(arrival.as_millis())])?;
    Ok(())
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

const RESERVATIONS: &str = "mfa_reservation";
