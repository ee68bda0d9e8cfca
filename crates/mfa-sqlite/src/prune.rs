//! Removing what is old, a slice at a time.

use mfa_core::time::UnixSeconds;
use rusqlite::Connection;

use crate::fault::{Fault, column};

/// Removes some of what happened before `before`; whether there may be more.
///
/// Each slice is a transaction of its own among the others, so that sign-ins never wait for a large clean-up.
pub(crate) fn slice(connection: &Connection, before: UnixSeconds) -> Result<bool, Fault> {
    let seconds = column(before.get());
    let mut more = false;
    for (sql, before) in [
        (EVENTS, seconds),
        (TOMBSTONES, seconds),
        (RESERVATIONS, seconds),
        (BUDGETS, seconds.saturating_mul(1000)),
    ] {
        let removed = connection.prepare_cached(sql)?.execute([before, SLICE])?;
        more |= i64::try_from(removed).is_ok_and(|removed| removed >= SLICE);
    }
    Ok(more)
}

const SLICE: i64 = 500;

const EVENTS: &str = "DELETE FROM mfa_event WHERE seq IN (SELECT seq FROM mfa_event WHERE at < ?1 LIMIT ?2)";
const TOMBSTONES: &str = "DELETE FROM mfa_record WHERE rowid IN
    (SELECT rowid FROM mfa_record WHERE erased = 1 AND updated_at < ?1 LIMIT ?2)";
const RESERVATIONS: &str = "DELETE FROM mfa_reservation WHERE rowid IN
    (SELECT rowid FROM mfa_reservation WHERE lapses_at < ?1 LIMIT ?2)";
/// A budget whose arrival time has passed is full, as one that is not stored.
const BUDGETS: &str =
    "DELETE FROM mfa_budget WHERE key IN (SELECT key FROM mfa_budget WHERE arrival < ?1 LIMIT ?2)";
