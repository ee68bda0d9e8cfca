//! A reset by somebody whom policy allows it, on their word that the identity was checked.

use std::fmt;

use mfa_core::recovery::RecoveryCode;
use mfa_policy::AfterReset;
use zeroize::Zeroizing;

use super::Mfa;
use crate::assertion::Assertion;
use crate::context::Context;
use crate::decide;
use crate::error::{Error, Rejection};
use crate::random::Draw;

/// That the actor said "I have verified the user's request". Make it only from their own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "hosts write it as a literal, which reads as what it means")]
pub struct Attested;

/// A subject that was reset.
#[non_exhaustive]
pub struct ResetDone {
    binding_code: Option<Zeroizing<String>>,
}

impl ResetDone {
    /// The code to hand over out of band, where policy asks for one at the enrollment that follows. It lives for a day, is
    /// spent by that enrollment, and is never shown again.
    pub fn expose_binding_code(&self) -> Option<&str> {
        self.binding_code.as_ref().map(|code| code.as_str())
    }
}

impl fmt::Debug for ResetDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_code = self.binding_code.is_some();
        f.debug_struct("ResetDone").field("has_binding_code", &has_code).finish_non_exhaustive()
    }
}

impl Mfa {
    /// Resets `subject`: every authenticator, recovery code, remembered device, ticket and assertion of it is over, in one
    /// commit, and the next sign-in enrolls. `subject` is [`Context::about`] whom it concerns, with their current attributes.
    ///
    /// # Errors
    /// [`Rejection::NotAllowed`] unless policy lets this actor reset this subject, for the actor's own account, and where
    /// there is nothing to reset; [`Rejection::FreshProofWanted`] unless the actor's assertion proves both factors freshly,
    /// the second one by an authenticator of theirs; [`Rejection::Expired`] when the actor's session is over.
    pub async fn reset(
        &self,
        actor: &Context,
        assertion: &Assertion,
        subject: &Context,
        _attested: Attested,
    ) -> Result<ResetDone, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let theirs = policy.decide(actor.subject().attributes(), now);
        let record = inner.load(actor, assertion.epoch(), now).await?.record;
        decide::may_manage(record.as_ref(), assertion.proof(), &inner.moment(actor, &theirs, now))?;
        let record = match (record, assertion.second_factor()) {
            (Some(record), Some(_)) => record,
            _ => return Err(Rejection::FreshProofWanted.into()),
        };
        let decision = policy.decide(subject.subject().attributes(), now);
        // Never their own, and never across tenants, whatever policy says.
        let is_other = actor.key() != subject.key() && actor.key().tenant() == subject.key().tenant();
        if !is_other || !decision.may_reset(actor.subject().attributes()) {
            return Err(Rejection::NotAllowed.into());
        }
        let binding_code = match decision.after_reset() {
            AfterReset::FirstFactor => None,
            _ => Some(RecoveryCode::generate(&mut Draw(&*inner.random))?),
        };
        inner
            .transact(subject, None, inner.moment(subject, &decision, now), |target, moment| {
                Ok(decide::reset(target, record.pseudonym, binding_code.as_ref(), moment)?)
            })
            .await?;
        Ok(ResetDone { binding_code: binding_code.map(|code| code.to_text()) })
    }
}
