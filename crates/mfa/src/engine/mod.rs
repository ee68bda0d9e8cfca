//! Load, decide, commit; again on conflict. The outcome leaves only after its commit succeeded.

mod challenge;
#[cfg(feature = "sms")]
mod deliver;
mod enrollment;
mod lifecycle;
mod manage;
mod operate;
mod reset;
mod sign_in;
#[cfg(feature = "sms")]
mod texts;
mod transact;
mod upkeep;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use mfa_core::throttle::ThrottleSettings;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Decision, Policy};
use mfa_storage::DynStorage;

pub use challenge::{Asked, Wanted};
pub use enrollment::{Acknowledged, ConfirmedEnrollment, PendingEnrollment};
pub use manage::{AuthenticatorStatus, AuthenticatorView, NewRecoveryCode, Overview};
pub use reset::{Attested, ResetDone};
pub use sign_in::{Challenge, ChallengeStatus, Menu, Next, Remember};
#[cfg(feature = "sms")]
pub use texts::{CodeSent, Consent, PendingPhone};
pub use upkeep::{Maintained, Rewrapped};

use crate::clock::Clock;
use crate::context::{Context, Lifetimes};
use crate::decide::Moment;
use crate::error::Error;
use crate::keyring::Sealer;
use crate::random::{Draw, RandomSource};
use crate::refusals::{Incidents, Refusals, Unfinished};
use crate::texting::Texting;

/// Multi-factor authentication for a service: cheap to clone, made by [`Mfa::builder`].
///
/// Every method is cancel-safe: dropping its future leaves the record as it was or fully updated. Engine commits
/// never join a host's transaction, whose rollback would uncount guesses.
#[derive(Clone)]
pub struct Mfa {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) storage: Box<dyn DynStorage>,
    pub(crate) sealer: Sealer,
    pub(crate) policy: RwLock<Arc<Policy>>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) random: Box<dyn RandomSource>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) recovery_throttle: ThrottleSettings,
    pub(crate) refusals: Refusals,
    pub(crate) incidents: Incidents,
    pub(crate) unfinished: Unfinished,
    /// How texts are sent, where any are.
    pub(crate) texting: Option<Texting>,
    pub(crate) event_retention: Duration,
}

impl Inner {
    /// The policy in force; a call keeps the one it began with.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn now(&self) -> Result<UnixSeconds, Error> {
        Ok(self.clock.now()?)
    }

    pub(crate) fn moment<'a>(
        &'a self,
        ctx: &'a Context,
        decision: &'a Decision<'a>,
        now: UnixSeconds,
    ) -> Moment<'a> {
        Moment {
            ctx,
            decision,
            plan: self.texting.as_ref().map(Texting::plan),
            #[cfg(feature = "sms")]
            sealer: &self.sealer,
            throttle: throttle_settings(decision),
            recovery_throttle: self.recovery_throttle,
            now,
            draw: Draw(&*self.random),
        }
    }
}

#[cfg(not(feature = "sms"))]
impl Inner {
    /// Without texts there is nobody to tell.
    #[expect(clippy::unused_async, reason = "as it is with the feature")]
    async fn tell_removed(
        &self,
        _: &Context,
        _: &Decision<'_>,
        _: Option<mfa_core::phone::PhoneNumber>,
        _: UnixSeconds,
    ) {
    }
}

/// What the strictest rule says of throttling, field by field. Where it is weaker than the floor, the floor holds.
fn throttle_settings(decision: &Decision<'_>) -> ThrottleSettings {
    let (wanted, floor) = (decision.throttle(), ThrottleSettings::DEFAULT);
    let cap = u8::try_from(wanted.cap()).map_or(ThrottleSettings::HARD_CAP, |cap| cap.max(1));
    let failures = u8::try_from(wanted.failures()).unwrap_or(u8::MAX).clamp(1, floor.failures_per_window());
    let window = wanted.window().clamp(floor.window(), LONGEST_WINDOW);
    let capped = floor.with_cap(cap).unwrap_or(floor);
    capped.with_window(window, failures).unwrap_or(capped)
}

/// The longest window that failures are kept for.
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

impl std::fmt::Debug for Mfa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mfa").field("key", &self.inner.sealer.current_id()).finish_non_exhaustive()
    }
}
