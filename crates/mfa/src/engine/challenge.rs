//! Fresh proof from somebody who is signed in: to manage, to step up, to confirm a transaction; and taking it once.

use mfa_core::time::UnixSeconds;
use mfa_policy::{Methods, Purpose};

use super::{Challenge, Mfa};
use crate::assertion::{Assertion, Proof};
use crate::context::{Context, FirstFactor};
use crate::decide::{self, Wanting};
use crate::error::{Error, Rejection};
use crate::ticket::{Claims, Question, kind};
use crate::transaction::Transaction;

/// What fresh proof is wanted for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Wanted<'a> {
    /// Changing authenticators, or resetting somebody else: both factors.
    Manage,
    /// A sensitive action of the host's own.
    StepUp,
    /// This transaction, and no other.
    Transaction(&'a Transaction),
}

impl Wanted<'_> {
    /// The purpose that policy sets a freshness for.
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::Manage => Purpose::Manage,
            Self::StepUp => Purpose::StepUp,
            Self::Transaction(_) => Purpose::Transaction,
        }
    }
}

/// What is still to be proved.
#[derive(Debug)]
#[must_use = "only Proved lets the request through"]
#[expect(clippy::exhaustive_enums, reason = "a host that forgot a step would let people through, or never")]
pub enum Asked {
    /// Nothing: the session has proved it lately enough.
    Proved(Assertion),
    /// The first factor, again. Call once more with it; `methods` will then be asked too, if there are any.
    FirstFactor {
        /// What the subject can answer with afterwards.
        methods: Methods,
    },
    /// An authenticator: [`Mfa::verify`] gives the assertion for this purpose.
    Challenge(Challenge),
    /// An authenticator, but nothing is compared until then.
    Throttled {
        /// When the next attempt is accepted.
        until: UnixSeconds,
    },
    /// An authenticator, but none is usable: the person signs in again and recovers.
    RecoverOnly,
}

impl Mfa {
    /// Asks somebody who is signed in for fresh proof. `session` is the assertion of the sign-in; `first` is the first
    /// factor where the host has just asked for it again.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when the session is over, [`Rejection::NotAllowed`] when the subject has no authenticator to
    /// prove it with, [`Rejection::Throttled`] when 16 transactions were redeemed in a day.
    ///
    /// # Examples
    /// ```
    /// # use mfa::{Asked, Assertion, Context, Error, FirstFactor, Mfa, Remember, Wanted};
    /// # async fn f(mfa: Mfa, ctx: Context, session: Assertion, password_was_right: Option<FirstFactor>) -> Result<(), Error> {
    /// match mfa.challenge(&ctx, &session, Wanted::Manage, password_was_right).await? {
    ///     Asked::Proved(assertion) => { /* go on with it */ }
    ///     Asked::FirstFactor { .. } => { /* ask for the password and call again */ }
    ///     Asked::Challenge(challenge) => {
    ///         let assertion = mfa.verify(&ctx, &challenge.ticket, "the code", Remember::No).await?;
    ///     }
    ///     Asked::Throttled { until } => { /* say until when */ }
    ///     Asked::RecoverOnly => { /* sign out, sign in, recover */ }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn challenge(
        &self,
        ctx: &Context,
        session: &Assertion,
        wanted: Wanted<'_>,
        first: Option<FirstFactor>,
    ) -> Result<Asked, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let moment = inner.moment(ctx, &decision, now);
        let record = inner.load(ctx, session.epoch(), now).await?.record;
        let purpose = wanted.purpose();
        let transaction = match wanted {
            Wanted::Transaction(transaction) => Some(transaction.clone()),
            _ => None,
        };
        if let (Some(record), Some(_)) = (&record, &transaction) {
            decide::has_room_to_redeem(record, now)?;
        }
        Ok(match decide::ask(record.as_ref(), session.proof(), first, purpose, &moment)? {
            Wanting::Nothing(proof) => Asked::Proved(inner.assertion(ctx, proof)?),
            Wanting::FirstFactor { methods } => Asked::FirstFactor { methods },
            Wanting::Challenge { first, methods } => {
                let claims = Claims::<kind::Challenge> {
                    issued_at: now,
                    expires_at: now.plus(inner.lifetimes.challenge),
                    epoch: session.epoch(),
                    generation: session.proof().generation,
                    first,
                    purpose,
                    body: Question { transaction, ..Question::default() },
                };
                Asked::Challenge(Challenge { ticket: inner.seal(ctx, &claims)?, methods })
            }
            Wanting::Throttled { until } => Asked::Throttled { until },
            Wanting::RecoverOnly => Asked::RecoverOnly,
        })
    }

    /// Takes a confirmed transaction, once (INV-2). Carry it out only when this answers `Ok`, and after it: a crash in
    /// between is found by `AlreadyRedeemed` at the next try.
    ///
    /// # Errors
    /// [`Rejection::AlreadyRedeemed`] for the same transaction again, [`Rejection::NotAllowed`] for another one than was
    /// confirmed, [`Rejection::FreshProofWanted`] when the proof is too old, [`Rejection::Throttled`] when 16 were redeemed
    /// in a day.
    pub async fn redeem(
        &self,
        ctx: &Context,
        assertion: &Assertion,
        transaction: &Transaction,
    ) -> Result<(), Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let proof: &Proof = assertion.proof();
        inner
            .transact(ctx, proof.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::redeem(record, proof, transaction, moment))
            })
            .await
    }
}
