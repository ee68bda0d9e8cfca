//! The events of the library, read from its feed into a table of the host's own: for "recent events", and for audit.

use std::sync::PoisonError;

use mfa::storage::Cursor;
use mfa::{Event, EventPage, Pseudonym};
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::Store;

impl Store {
    /// How far the feed has been read.
    pub(crate) fn events_read(&self) -> rusqlite::Result<Cursor> {
        let kept: Option<String> = self.with(|db| {
            db.query_row("SELECT value FROM site_settings WHERE name = ?1", [CURSOR], |row| row.get(0))
                .optional()
        })?;
        Ok(kept.and_then(|kept| kept.parse().ok()).map_or(Cursor::START, Cursor::new))
    }

    /// Keeps a page of the feed with the place it ends at. Two processes may keep the same page: each event has its place,
    /// so it is kept once, and the cursor never goes back.
    pub(crate) fn keep_events(&self, page: &EventPage) -> rusqlite::Result<()> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for told in &page.events {
            transaction.execute(
                "INSERT OR IGNORE INTO site_events (stream, version, place, event) VALUES (?1, ?2, ?3, ?4)",
                params![
                    told.subject.as_bytes(),
                    told.version.get().cast_signed(),
                    told.index,
                    told.event.to_bytes()
                ],
            )?;
        }
        transaction.execute(
            "INSERT INTO site_settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE \
             SET value = excluded.value WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)",
            params![CURSOR, page.next.get().to_string()],
        )?;
        transaction.commit()
    }

    /// The latest events of a subject, the newest first.
    pub(crate) fn recent_events(&self, subject: Pseudonym) -> rusqlite::Result<Vec<Event>> {
        self.with(|db| {
            let mut select = db.prepare_cached(
                "SELECT event FROM site_events WHERE stream = ?1 ORDER BY version DESC, place DESC LIMIT 10",
            )?;
            let rows = select.query_map([subject.as_bytes()], |row| row.get::<_, Vec<u8>>(0))?;
            let bytes: Vec<_> = rows.collect::<Result<_, _>>()?;
            // One that a newer version wrote, and this one cannot read, is left out.
            Ok(bytes.iter().filter_map(|bytes| Event::from_bytes(bytes).ok()).collect())
        })
    }
}

const CURSOR: &str = "events-read";
