//! The host's own small database: sessions, organisation settings, wishes, payments, events. The same file as MFA's
//! records, other tables.

mod events;
mod payments;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mfa::policy::{OrganizationSettings, ReauthenticateAfter};
use mfa::{SessionBinding, UnixSeconds};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(crate) use payments::Payment;

/// A handle to the host's tables.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

/// A session as it is kept. Its id is kept as a hash: whoever reads the database cannot take a session over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) email: String,
    pub(crate) binding: [u8; 16],
    pub(crate) first_factor: FirstFactorNote,
    pub(crate) flow: String,
    pub(crate) csrf: String,
    pub(crate) created_at: UnixSeconds,
}

/// How and when the person was recognised first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstFactorNote {
    pub(crate) at: UnixSeconds,
    /// For single sign-on, the `amr` of the provider's answer.
    pub(crate) sso_amr: Option<String>,
}

/// The hash of a session id.
pub(crate) type SessionHash = [u8; 32];

/// A session lives this long, whatever happens: the longest time that an organisation can choose to be asked again after.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Store {
    /// Opens the host's tables in a file, or in memory without one.
    pub(crate) fn open(file: Option<&Path>) -> rusqlite::Result<Self> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(TABLES)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Keeps an organisation's settings, unless it has some and `replace` is false.
    pub(crate) fn keep_organization(
        &self,
        settings: &OrganizationSettings,
        replace: bool,
    ) -> rusqlite::Result<()> {
        let conflict = if replace { "REPLACE" } else { "IGNORE" };
        let sql = format!(
            "INSERT OR {conflict} INTO site_organization_settings (id, require, enforce_from, reauthenticate_after) \
             VALUES (?1, ?2, ?3, ?4)"
        );
        let enforce_from = settings.enforce_from.map(|from| from.get().cast_signed());
        let after = settings.reauthenticate_after.map(ReauthenticateAfter::as_str);
        self.with(|db| db.execute(&sql, params![settings.id, settings.require, enforce_from, after]))
            .map(|_| ())
    }

    /// An organisation's settings of this moment.
    pub(crate) fn organization(&self, id: &str) -> rusqlite::Result<OrganizationSettings> {
        let kept = self.with(|db| {
            db.query_row(
                "SELECT require, enforce_from, reauthenticate_after FROM site_organization_settings WHERE id = ?1",
                [id],
                |row| {
                    let after: Option<String> = row.get(2)?;
                    Ok((row.get::<_, bool>(0)?, row.get::<_, Option<i64>>(1)?, after))
                },
            )
            .optional()
        })?;
        let mut settings = OrganizationSettings::new(id);
        if let Some((require, from, after)) = kept {
            settings.require = require;
            settings.enforce_from = from.map(|from| UnixSeconds::new(from.cast_unsigned()));
            settings.reauthenticate_after = after.and_then(|after| after.parse().ok());
        }
        Ok(settings)
    }

    /// Whether this person wishes that a second factor is always required.
    pub(crate) fn always_requires(&self, email: &str) -> rusqlite::Result<bool> {
        let row = self.with(|db| {
            db.query_row("SELECT 1 FROM site_always_require WHERE email = ?1", [email], |_| Ok(())).optional()
        })?;
        Ok(row.is_some())
    }

    /// Keeps the wish, or that it is no more.
    pub(crate) fn keep_always_require(&self, email: &str, on: bool) -> rusqlite::Result<()> {
        let sql = match on {
            true => "INSERT OR IGNORE INTO site_always_require (email) VALUES (?1)",
            false => "DELETE FROM site_always_require WHERE email = ?1",
        };
        self.with(|db| db.execute(sql, [email])).map(|_| ())
    }

    /// Whether the site remembers this person as enrolled.
    pub(crate) fn is_enrolled(&self, email: &str) -> rusqlite::Result<bool> {
        let row = self.with(|db| {
            db.query_row("SELECT 1 FROM site_enrolled WHERE email = ?1", [email], |_| Ok(())).optional()
        })?;
        Ok(row.is_some())
    }

    /// Remembers a person as enrolled, for good: a record that was reset is still a record.
    ///
    /// A host whose users live in another database than MFA's records does better: somebody who can write this file can
    /// delete both the record and the memory of it.
    pub(crate) fn remember_enrolled(&self, email: &str) -> rusqlite::Result<()> {
        self.with(|db| db.execute("INSERT OR IGNORE INTO site_enrolled (email) VALUES (?1)", [email]))
            .map(|_| ())
    }

    /// Begins a session.
    pub(crate) fn begin_session(&self, id: &SessionHash, session: &Session) -> rusqlite::Result<()> {
        self.with(|db| {
            let oldest = session.created_at.minus(SESSION_LIFETIME).get().cast_signed();
            db.execute("DELETE FROM site_sessions WHERE created_at < ?1", [oldest])?;
            db.execute("DELETE FROM site_notices WHERE session NOT IN (SELECT id FROM site_sessions)", [])?;
            insert(db, id, session)
        })
    }

    /// The session with this id, if it lives at `now`.
    pub(crate) fn session(&self, id: &SessionHash, now: UnixSeconds) -> rusqlite::Result<Option<Session>> {
        let session = self.with(|db| {
            db.prepare_cached(
                "SELECT email, binding, first_at, sso_amr, flow, csrf, created_at FROM site_sessions WHERE id = ?1",
            )?
            .query_row([id], read)
            .optional()
        })?;
        Ok(session.filter(|session| now < session.created_at.plus(SESSION_LIFETIME)))
    }

    /// Keeps how far a session has come. A session that is gone stays gone.
    pub(crate) fn keep_flow(&self, id: &SessionHash, flow: &str) -> rusqlite::Result<bool> {
        self.with(|db| db.execute("UPDATE site_sessions SET flow = ?2 WHERE id = ?1", params![id, flow]))
            .map(|changed| changed == 1)
    }

    /// Lets a session go on under a new id, with the old one dead, in one transaction. Answers false when the old
    /// session is gone already.
    pub(crate) fn renew_session(
        &self,
        old: &SessionHash,
        new: &SessionHash,
        session: &Session,
    ) -> rusqlite::Result<bool> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        let lives = transaction.execute("DELETE FROM site_sessions WHERE id = ?1", [old])? == 1;
        if lives {
            insert(&transaction, new, session)?;
            transaction
                .execute("UPDATE site_notices SET session = ?2 WHERE session = ?1", params![old, new])?;
        }
        transaction.commit()?;
        Ok(lives)
    }

    /// Ends a session.
    pub(crate) fn end_session(&self, id: &SessionHash) -> rusqlite::Result<()> {
        self.with(|db| {
            db.execute("DELETE FROM site_sessions WHERE id = ?1", [id])?;
            db.execute("DELETE FROM site_notices WHERE session = ?1", [id]).map(|_| ())
        })
    }

    /// Leaves word of what was done, for the next page of a session.
    pub(crate) fn leave_notice(&self, id: &SessionHash, notice: &str) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO site_notices (session, notice) VALUES (?1, ?2)";
        self.with(|db| db.execute(sql, params![id, notice])).map(|_| ())
    }

    /// The word that was left, once.
    pub(crate) fn take_notice(&self, id: &SessionHash) -> rusqlite::Result<Option<String>> {
        let sql = "DELETE FROM site_notices WHERE session = ?1 RETURNING notice";
        self.with(|db| db.query_row(sql, [id], |row| row.get(0)).optional())
    }

    fn with<T>(&self, call: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        call(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn insert(db: &Connection, id: &SessionHash, session: &Session) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO site_sessions (id, email, binding, first_at, sso_amr, flow, csrf, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            id,
            session.email,
            session.binding,
            session.first_factor.at.get().cast_signed(),
            session.first_factor.sso_amr,
            session.flow,
            session.csrf,
            session.created_at.get().cast_signed(),
        ],
    )
    .map(|_| ())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    let time = |column| row.get::<_, i64>(column).map(|time| UnixSeconds::new(time.cast_unsigned()));
    Ok(Session {
        email: row.get(0)?,
        binding: row.get(1)?,
        first_factor: FirstFactorNote { at: time(2)?, sso_amr: row.get(3)? },
        flow: row.get(4)?,
        csrf: row.get(5)?,
        created_at: time(6)?,
    })
}

impl Session {
    /// The binding that ties ceremonies to this sign-in.
    pub(crate) fn binding(&self) -> SessionBinding {
        SessionBinding::from_bytes(self.binding)
    }
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS site_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS site_organization_settings (
        id TEXT PRIMARY KEY, require INTEGER NOT NULL, enforce_from INTEGER, reauthenticate_after TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS site_enrolled (email TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS site_always_require (email TEXT PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS site_payments (
        id TEXT PRIMARY KEY, email TEXT NOT NULL, amount TEXT NOT NULL, payee TEXT NOT NULL, paid_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS site_events (
        stream BLOB NOT NULL, version INTEGER NOT NULL, place INTEGER NOT NULL, event BLOB NOT NULL,
        PRIMARY KEY (stream, version, place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS site_sessions (
        id BLOB PRIMARY KEY,
        email TEXT NOT NULL,
        binding BLOB NOT NULL,
        first_at INTEGER NOT NULL,
        sso_amr TEXT,
        flow TEXT NOT NULL,
        csrf TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS site_notices (session BLOB PRIMARY KEY, notice TEXT NOT NULL) STRICT;
";

#[cfg(test)]
mod tests {
    use super::*;

    fn session(csrf: &str) -> Session {
        Session {
            email: "ada@enforced.example".into(),
            binding: [1; 16],
            first_factor: FirstFactorNote { at: UnixSeconds::new(1_800_000_000), sso_amr: None },
            flow: "none".into(),
            csrf: csrf.into(),
            created_at: UnixSeconds::new(1_800_000_000),
        }
    }

    #[test]
    fn a_renewed_session_lives_under_its_new_id_only() {
        let (store, now) = (Store::open(None).unwrap(), UnixSeconds::new(1_800_000_000));
        store.begin_session(&[1; 32], &session("a")).unwrap();
        assert!(store.renew_session(&[1; 32], &[2; 32], &session("b")).unwrap());
        assert_eq!(store.session(&[1; 32], now).unwrap(), None);
        assert_eq!(store.session(&[2; 32], now).unwrap(), Some(session("b")));
        store.remember_enrolled("ada@enforced.example").unwrap();
        assert!(store.is_enrolled("ada@enforced.example").unwrap());
        // Signed out in between: nothing comes back to life.
        store.end_session(&[2; 32]).unwrap();
        assert!(!store.renew_session(&[2; 32], &[3; 32], &session("c")).unwrap());
        assert_eq!(store.session(&[3; 32], now).unwrap(), None);
    }

    #[test]
    fn a_notice_is_told_once_and_outlives_a_change_of_id() {
        let store = Store::open(None).unwrap();
        store.begin_session(&[1; 32], &session("a")).unwrap();
        store.leave_notice(&[1; 32], "done").unwrap();
        assert!(store.renew_session(&[1; 32], &[2; 32], &session("b")).unwrap());
        assert_eq!(store.take_notice(&[1; 32]).unwrap(), None);
        assert_eq!(store.take_notice(&[2; 32]).unwrap().as_deref(), Some("done"));
        assert_eq!(store.take_notice(&[2; 32]).unwrap(), None);
    }

    #[test]
    fn a_session_ends_after_its_lifetime() {
        let store = Store::open(None).unwrap();
        store.begin_session(&[1; 32], &session("a")).unwrap();
        let end = session("a").created_at.plus(SESSION_LIFETIME);
        assert!(store.session(&[1; 32], end.minus(Duration::from_secs(1))).unwrap().is_some());
        assert!(store.session(&[1; 32], end).unwrap().is_none());
    }
}
