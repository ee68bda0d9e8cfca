//! What is done each minute or so, and what a change of keys takes.

use mfa_core::id::SubjectKey;
use mfa_storage::{CommitOutcome, ScanFilter, Snapshot};

use super::{Inner, Mfa};
use crate::decide;
use crate::error::{Error, Rejection};
use crate::event::{Event, EventKind};
use crate::record::Stored;
use crate::setup::canary_key;

/// What [`Mfa::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintained {
    /// Sign-ins that were told of because they were never finished.
    pub unfinished: usize,
}

/// How far [`Mfa::rewrap`] has come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Records that are now sealed under the current key, by this call.
    pub records: usize,
    /// Where to go on; `None` when every record has been seen.
    pub next: Option<SubjectKey>,
}

impl Mfa {
    /// Call it every minute or so, on every node: tells of sign-ins whose second factor never came (as an event of the
    /// subject, ten minutes after a right first factor), sweeps what is past its retention, and tells the providers of texts
    /// which codes came back to this node (`SmsSender::feedback`).
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when storage does not answer; nothing is lost, the next call goes on.
    pub async fn maintain(&self) -> Result<Maintained, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let (mut unfinished, mut failed) = (0_usize, None);
        for mark in inner.unfinished.due(now) {
            let ctx = &mark.ctx;
            let decision = policy.decide(ctx.subject().attributes(), now);
            let event = Event::of(ctx, EventKind::SignInUnfinished, now);
            let told = inner
                .transact(ctx, None, inner.moment(ctx, &decision, now), |record, _| {
                    let record = record.ok_or(Rejection::NotAllowed)?;
                    Ok(decide::unfinished(record, event.clone(), mark.since))
                })
                .await;
            match told {
                Ok(()) => unfinished = unfinished.saturating_add(1),
                // Finished on another node, or no longer enrolled.
                Err(Error::Rejected(_)) => {}
                // Storage is down: the marks stay for the next call.
                Err(Error::Unavailable(cause)) if cause.is_transient() => return Err(cause.into()),
                // A record that cannot be told keeps nobody else's from being looked at.
                Err(unavailable) => _ = failed.get_or_insert(unavailable),
            }
            inner.unfinished.ended(ctx);
        }
        inner.storage.prune(now.minus(inner.event_retention)).await?;
        #[cfg(feature = "sms")]
        inner.give_feedback(now).await;
        match failed {
            Some(unavailable) => Err(unavailable),
            None => Ok(Maintained { unfinished }),
        }
    }

    /// Seals up to `limit` records after `after` under the current key, those that are not yet. Go on from what comes back
    /// until it is `None`; then no record needs an older key. Safe to run beside everything else, and to begin again.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable): the record's key is missing, or storage does not answer.
    pub async fn rewrap(&self, after: Option<&SubjectKey>, limit: usize) -> Result<Rewrapped, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let mut filter = ScanFilter::default();
        filter.not_sealed_by = Some(inner.sealer.current_id());
        let found = inner.storage.scan(after, limit.max(1), filter).await?;
        let mut records = 0_usize;
        for (key, snapshot) in &found {
            records = records.saturating_add(usize::from(inner.rewrap(key, snapshot, false).await?));
        }
        if let Some((last, _)) = found.last() {
            return Ok(Rewrapped { records, next: Some(last.clone()) });
        }
        inner.rewrap_the_rest(filter).await?;
        inner.system_event(Event::system(EventKind::KeysRewrapped, now), now).await?;
        Ok(Rewrapped { records, next: None })
    }
}

impl Inner {
    /// What no scan of records lists: tombstones, which are few and go after their retention, and the canary.
    async fn rewrap_the_rest(&self, mut filter: ScanFilter) -> Result<(), Error> {
        filter.tombstones = true;
        let mut after = None;
        loop {
            let found = self.storage.scan(after.as_ref(), TOMBSTONES_AT_ONCE, filter).await?;
            for (key, snapshot) in &found {
                self.rewrap(key, snapshot, true).await?;
            }
            match found.last() {
                Some((last, _)) => after = Some(last.clone()),
                None => break,
            }
        }
        let canary = canary_key();
        match self.storage.load(&canary).await? {
            Some(snapshot) => self.rewrap(&canary, &snapshot, false).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Answers whether this call did it: a conflict is somebody else's commit, which was sealed under the current key.
    async fn rewrap(&self, key: &SubjectKey, snapshot: &Snapshot, is_tombstone: bool) -> Result<bool, Error> {
        let summary = snapshot.summary.clone();
        let loaded = Stored::open(&self.sealer, key, Some(snapshot.clone()))?;
        let (Some(record), expected) = (loaded.record, loaded.expected) else { return Ok(false) };
        let write = Stored::rewrap(&self.sealer, &*self.random, key, expected, &record, summary)?;
        let outcome = match is_tombstone {
            true => self.storage.erase(key, expected, write).await?,
            false => self.storage.commit(key, expected, write).await?,
        };
        Ok(matches!(outcome, CommitOutcome::Committed { .. }))
    }
}

const TOMBSTONES_AT_ONCE: usize = 100;
