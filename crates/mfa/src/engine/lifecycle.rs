//! What the host tells of a subject: another first factor, another identifier, the end; and an operator's unlocking.

use mfa_core::time::UnixSeconds;

use super::transact::Door;
use super::{Inner, Mfa};
use crate::context::Context;
use crate::decide::{self, Moment, Verdict};
use crate::error::{Error, Rejection};
use crate::random::RandomError;
use crate::record::{Record, Stored};

impl Mfa {
    /// Tells that the host changed the subject's first factor: a new password, another identity provider. Every ticket,
    /// assertion and remembered device from before is over; authenticators and recovery codes stay. Call it before the
    /// change is answered.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when it could not be committed: the old ones may then still stand.
    pub async fn first_factor_changed(&self, ctx: &Context) -> Result<(), Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        inner
            .transact(ctx, None, inner.moment(ctx, &decision, now), |record, moment| {
                Ok(decide::first_factor_changed(record, moment)?)
            })
            .await
    }

    /// Ends the subject's waits, at the word of an operator who has checked who asks. What was disabled after too many
    /// failures stays disabled, and the cap stays as near as it was.
    ///
    /// # Errors
    /// [`Rejection::NotAllowed`] for a subject without a record.
    pub async fn unlock(&self, ctx: &Context) -> Result<(), Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        inner
            .transact(ctx, None, inner.moment(ctx, &decision, now), |record, moment| {
                Ok(decide::unlock(record.ok_or(Rejection::NotAllowed)?, moment))
            })
            .await
    }

    /// Tells that the host erased the subject. What is left is a tombstone that keeps old tickets dead until the event
    /// retention is over, and events under a pseudonym that leads to nobody. A subject without a record is no error.
    ///
    /// The host also forgets that it knew the subject as enrolled.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when it could not be committed: call it again.
    pub async fn erase(&self, ctx: &Context) -> Result<(), Error> {
        let inner = &*self.inner;
        inner.erase_at(ctx, inner.now()?).await
    }

    /// Tells that the host knows the subject `old` by the identifier of `new` from now on: after a change of e-mail
    /// address, say, or a merge of accounts. Authenticators, recovery codes and counts go along; every ticket, assertion
    /// and remembered device of both is over.
    ///
    /// It takes three commits, of which no backend can make one; in between the subject is closed under both identifiers,
    /// never open under two. Cut short, it is finished by calling it again.
    ///
    /// # Errors
    /// [`Rejection::NotAllowed`] when `new` has authenticators of its own, or `old` is on its way to somebody else.
    pub async fn move_subject(&self, old: &Context, new: &Context) -> Result<(), Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        if old.key() == new.key() || old.key().tenant() != new.key().tenant() {
            return Err(Rejection::NotAllowed.into());
        }
        let policy = inner.policy();
        let decision = policy.decide(old.subject().attributes(), now);
        let here = inner.load_any(old, None, now).await?.record;
        let Some(here) = here.filter(decide::is_worth_moving) else { return Ok(()) };
        let there = inner.load(new, None, now).await?.record;
        if there.is_some_and(|there| there.is_enrolled() && !decide::is_moved(&here, &there)) {
            return Err(Rejection::NotAllowed.into());
        }
        let begun = inner
            .transact_on(old, None, Door::OfMoves, inner.moment(old, &decision, now), |record, moment| {
                Ok(decide::begin_move(record.ok_or(Rejection::Expired)?, new.key(), moment)?)
            })
            .await;
        match begun {
            Err(Error::Rejected(Rejection::AlreadyUsed)) => return Ok(()),
            begun => begun?,
        }
        match inner.move_here(old, new, now).await {
            // Somebody enrolled under the new identifier meanwhile.
            Err(Error::Rejected(Rejection::NotAllowed)) => {
                inner
                    .transact_on(
                        old,
                        None,
                        Door::OfMoves,
                        inner.moment(old, &decision, now),
                        |record, moment| Ok(decide::abandon_move(record.ok_or(Rejection::Expired)?, moment)),
                    )
                    .await?;
                Err(Rejection::NotAllowed.into())
            }
            // An earlier call came as far as this.
            Ok(()) | Err(Error::Rejected(Rejection::AlreadyUsed)) => {
                inner
                    .erase_with(old, now, |record, moment| decide::erase_moved(record, new.key(), moment))
                    .await
            }
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    /// Erases a record, one that is on its way to another subject too.
    async fn erase_at(&self, ctx: &Context, now: UnixSeconds) -> Result<(), Error> {
        self.erase_with(ctx, now, decide::erase).await
    }

    async fn erase_with(
        &self,
        ctx: &Context,
        now: UnixSeconds,
        erase: impl Fn(Record, &mut Moment<'_>) -> Result<Verdict<()>, RandomError>,
    ) -> Result<(), Error> {
        let policy = self.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let erased = self
            .transact_on(ctx, None, Door::OfMoves, self.moment(ctx, &decision, now), |record, moment| {
                // Nothing to erase: refused with a word that is turned into success below.
                Ok(erase(record.ok_or(Rejection::AlreadyUsed)?, moment)?)
            })
            .await;
        self.unfinished.ended(ctx);
        match erased {
            Err(Error::Rejected(Rejection::AlreadyUsed)) => Ok(()),
            other => other,
        }
    }

    async fn move_here(&self, old: &Context, new: &Context, now: UnixSeconds) -> Result<(), Error> {
        let policy = self.policy();
        let decision = policy.decide(new.subject().attributes(), now);
        let snapshot = self.storage.load(old.key()).await?;
        self.transact(new, None, self.moment(new, &decision, now), |there, moment| {
            // Opened anew for each try: a record that holds keys is moved and not copied.
            let moved = Stored::open(&self.sealer, old.key(), snapshot.clone())?.record;
            Ok(decide::move_here(there, moved.ok_or(Rejection::Expired)?, moment)?)
        })
        .await
    }
}
