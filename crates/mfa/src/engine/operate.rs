//! What operators do and must hear of: events, policy, records that are gone or do not open.

use std::sync::{Arc, PoisonError};

use mfa_core::id::SubjectKey;
use mfa_core::throttle::ThrottleSettings;
use mfa_core::time::UnixSeconds;
use mfa_policy::Policy;
use mfa_storage::{CommitOutcome, Cursor};

use super::{Inner, Mfa};
use crate::context::Context;
use crate::error::{Error, Unavailable};
use crate::event::{Event, EventKind, EventPage, RecordedEvent};
use crate::random::Draw;
use crate::record::{Record, Stored};

impl Mfa {
    /// Up to `limit` events after `cursor`; go on from the returned one. Every committed event is seen at least once,
    /// each subject's in order.
    ///
    /// # Errors
    /// [`Unavailable`] when storage does not answer.
    pub async fn events(&self, cursor: Cursor, limit: usize) -> Result<EventPage, Error> {
        let (stored, next) = self.inner.storage.feed(cursor, limit).await?;
        Ok(EventPage { events: stored.iter().filter_map(RecordedEvent::read).collect(), next })
    }

    /// Puts another policy in force for every call that begins from now on, with an event.
    ///
    /// # Errors
    /// [`Unavailable`] when the event could not be committed; the old policy then stays.
    pub async fn replace_policy(&self, policy: Policy) -> Result<(), Error> {
        let now = self.inner.now()?;
        self.inner.system_event(Event::system(EventKind::PolicyReplaced, now), now).await?;
        *self.inner.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
        Ok(())
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.inner.policy()
    }
}

impl Inner {
    /// Tells of a record that is gone or does not open. The call fails anyway; if even the event cannot be stored,
    /// there is nobody left to tell.
    pub(super) async fn incident(&self, ctx: &Context, kind: EventKind, now: UnixSeconds) {
        if !self.incidents.is_news(ctx.key(), now) {
            return;
        }
        let told = self.system_event(Event::of(ctx, kind, now).about(ctx), now).await;
        drop(told);
    }

    /// Commits an event of the library itself, filed under a row of its own.
    pub(super) async fn system_event(&self, event: Event, now: UnixSeconds) -> Result<(), Error> {
        let key = SubjectKey::system("operator").map_err(|_| Unavailable::RecordUnreadable)?;
        self.system_change(&key, event, now, |_| {}).await
    }

    /// Changes a row of the library itself, with its event.
    pub(super) async fn system_change(
        &self,
        key: &SubjectKey,
        event: Event,
        now: UnixSeconds,
        mut change: impl FnMut(&mut Record),
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let loaded = Stored::open(&self.sealer, key, self.storage.load(key).await?)?;
            let mut record = match loaded.record {
                Some(record) => record,
                None => Record::new(now, &mut Draw(&*self.random))?,
            };
            change(&mut record);
            let write = Stored::seal(
                &self.sealer,
                &*self.random,
                key,
                loaded.expected,
                &record,
                &ThrottleSettings::DEFAULT,
                now,
                vec![event.encode()],
            )?;
            if let CommitOutcome::Committed { .. } = self.storage.commit(key, loaded.expected, write).await? {
                return Ok(());
            }
        }
        Err(Unavailable::Busy.into())
    }
}

const ATTEMPTS: u8 = 16;
