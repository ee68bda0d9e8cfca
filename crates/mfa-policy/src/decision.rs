//! What policy says of one subject at one moment.

use std::fmt;
use std::time::Duration;

use mfa_core::time::UnixSeconds;

use crate::attributes::{Attributes, SSO};
use crate::explain::Explain;
use crate::method::{Method, Methods};
use crate::number_type::NumberTypes;
use crate::obligation::{AfterReset, Obligation};
use crate::policy::Policy;
use crate::purpose::Purpose;
use crate::reason::{Field, Reason};
use crate::region::{Region, Regions};
use crate::rule::{Limits, Numbers, Rule};

/// What a [`Policy`] says of one subject at one moment.
///
/// Made of two references and plain values: deciding, copying and asking allocate nothing. A decision is for the
/// request in hand; keep none, since attributes, the policy and the time go on.
#[derive(Clone, Copy)]
#[must_use]
pub struct Decision<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) subject: &'a Attributes,
    pub(crate) now: UnixSeconds,
    pub(crate) applied: Numbers,
    pub(crate) obligation: Obligation,
    pub(crate) limits: Limits,
}

impl<'a> Decision<'a> {
    /// Whether the subject may or must use MFA. A subject that is enrolled is asked whatever this says.
    pub fn obligation(&self) -> Obligation {
        self.obligation
    }

    /// The methods the subject may use; always holds [`Method::App`]. Without a region or number type to send to,
    /// [`Method::Sms`] is not among them.
    pub fn methods(&self) -> Methods {
        let nowhere = self.limits.sms_regions.is_empty() || self.limits.number_types.is_empty();
        if nowhere { self.limits.methods.intersection(Methods::APP) } else { self.limits.methods }
    }

    /// The regions a text may go to; none where SMS is not allowed.
    pub fn sms_regions(&self) -> Regions {
        if self.methods().contains(Method::Sms) { self.limits.sms_regions } else { Regions::NONE }
    }

    /// The number types a text may go to; none where SMS is not allowed.
    pub fn number_types(&self) -> NumberTypes {
        if self.methods().contains(Method::Sms) { self.limits.number_types } else { NumberTypes::NONE }
    }

    /// Whether a text may go to `region` at all. Ask before every send, never only at enrollment (INV-7).
    pub fn allows_sms_to(&self, region: Region) -> bool {
        self.sms_regions().contains(region)
    }

    /// The oldest proof of the second factor that still counts for `purpose`.
    pub fn freshness(&self, purpose: Purpose) -> Duration {
        self.limits.freshness.of(purpose)
    }

    /// How long a device may be remembered so that its next login is not challenged; `None` is not at all.
    ///
    /// A remembered device is no factor: what is signed in through one is below AAL2 (NIST SP 800-63B-4 5.1).
    pub fn remember_device(&self) -> Option<Duration> {
        Some(self.limits.remember_device).filter(|lifetime| !lifetime.is_zero())
    }

    /// Whether a person with the attributes `actor` may reset this subject's authenticators: one of the actors that
    /// **every** applicable class names, as the policy defines that actor.
    ///
    /// Never for a subject whose identity provider owns its MFA, and never where either side's attributes have a
    /// [`Attributes::fault`]. **It cannot tell whether actor and subject are one person**: nobody may reset
    /// themselves, and the caller, who knows both ids, refuses that first.
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::time::UnixSeconds;
    /// # use mfa_policy::{Attributes, OrganizationSettings, Policy};
    /// # let policy = Policy::from_toml(include_str!("../../../policies/construction-pay.toml"))?;
    /// let now = UnixSeconds::new(1_800_000_000);
    /// let own = || OrganizationSettings::new("enforced.example").required();
    /// let ada = Attributes::new().with("role", "administrator").organization(own());
    /// let marcus = Attributes::new().with("role", "commercial").organization(own());
    /// let payor = Attributes::new().with("role", "payor").organization(own());
    /// assert!(policy.decide(&marcus, now).may_reset(&ada));
    /// assert!(!policy.decide(&payor, now).may_reset(&ada));
    /// # Ok::<(), mfa_policy::PolicyError>(())
    /// ```
    pub fn may_reset(&self, actor: &Attributes) -> bool {
        let Policy { actors, terms, roll_out, .. } = self.policy;
        let sound = actor.fault().is_none() && self.subject.fault().is_none();
        sound
            && !self.is_owned_by_sso()
            && actors.iter().enumerate().any(|(number, kind)| {
                self.limits.reset_by.contains(number)
                    && kind.is(actor, self.subject, terms, roll_out, self.now)
            })
    }

    /// The names of the actors that every applicable class lets reset this subject. Whether a given person is one
    /// of them is [`Decision::may_reset`].
    pub fn reset_by(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let allowed = self.limits.reset_by;
        let actors = self.policy.actors.iter().enumerate();
        actors.filter(move |(number, _)| allowed.contains(*number)).map(|(_, actor)| &*actor.name)
    }

    /// What an enrollment after a reset needs.
    pub fn after_reset(&self) -> AfterReset {
        self.limits.after_reset
    }

    /// Whether a sign-in through `provider` that reported the method references `amr` (RFC 8176) counts as MFA.
    ///
    /// Only where **every** applicable class trusts the provider, the provider may speak for every organisation of
    /// the subject, and one of `amr` is accepted. A provider that reports nothing is not believed.
    pub fn trusts_sso(&self, provider: &str, amr: &[&str]) -> bool {
        self.trusted(provider).is_some_and(|trusted| trusted.accepts(amr))
    }

    /// The identity providers whose MFA counts for this subject, if they report an accepted method reference.
    pub fn trusted_sso(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let decision = *self;
        let known = self.policy.providers.iter();
        known.filter(move |known| decision.trusted(&known.name).is_some()).map(|known| &*known.name)
    }

    /// Whether `provider` alone keeps the authenticators of whoever signs in through it, so that nobody may reset
    /// them here, whatever a class or organisation says.
    pub fn sso_owns_mfa(&self, provider: &str) -> bool {
        self.policy.providers.iter().any(|known| known.owns_mfa && *known.name == *provider)
    }

    /// How guesses at an app or SMS code are throttled.
    pub fn throttle(&self) -> Throttle {
        Throttle { cap: self.limits.throttle_cap, ..self.policy.throttle }
    }

    /// How many time steps of learned drift are kept per authenticator, 0 to 2; 0 is off.
    pub fn drift_memory(&self) -> u8 {
        self.limits.drift_memory
    }

    /// How many recovery codes a subject holds, 1 to 16.
    pub fn recovery_codes(&self) -> u8 {
        self.limits.recovery_codes
    }

    /// How many authenticator apps a subject may have, 1 to 16.
    pub fn apps_max(&self) -> u8 {
        self.limits.apps_max
    }

    /// Whether `first_factor_suspect` (many wrong codes behind a right password) demands a new password.
    pub fn suspect_demands_password_change(&self) -> bool {
        self.limits.suspect_demands_password_change
    }

    /// How long a code sent by text lives.
    pub fn sms_code_lifetime(&self) -> Duration {
        self.policy.sms().code_lifetime()
    }

    /// The names of the classes that apply, in the order of the file.
    pub fn rules(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.applied_rules().map(|rule| &*rule.name)
    }

    /// For each field of the decision, which class, organisation or setting made it.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'a>> + use<'a> {
        let decision = *self;
        Field::ALL.into_iter().flat_map(move |field| crate::reason::of(decision, field))
    }

    /// The chain of rules in clear text: every deviation, every class that applies with its effect, and what each
    /// field came to and why. For operators; it names organisations, never secrets.
    pub fn explain(&self) -> impl fmt::Display + use<'a> {
        Explain(*self)
    }

    pub(crate) fn applied_rules(&self) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let applied = self.applied;
        let rules = self.policy.rules.iter().enumerate();
        rules.filter(move |(number, _)| applied.contains(*number)).map(|(_, rule)| rule)
    }

    fn trusted(&self, provider: &str) -> Option<&'a crate::sso::Provider> {
        let (number, known) = self.policy.providers.iter().enumerate().find(|(_, p)| *p.name == *provider)?;
        let sound = self.subject.fault().is_none() && self.limits.trusted_sso.contains(number);
        Some(known).filter(|known| sound && known.speaks_for(self.subject))
    }

    fn is_owned_by_sso(&self) -> bool {
        self.subject.iter().any(|(name, value)| name == SSO && self.sso_owns_mfa(value))
    }
}

/// Shows the outcome in short; [`Decision::explain`] tells the whole of it.
impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("policy", &self.policy.name())
            .field("obligation", &self.obligation)
            .field("methods", &self.methods())
            .finish_non_exhaustive()
    }
}

/// How guesses are throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    pub(crate) cap: u32,
    pub(crate) failures: u32,
    pub(crate) window: Duration,
    pub(crate) waits: bool,
}

impl Throttle {
    /// 5 failures in 15 minutes, waits in between, disabled after 20 in a row.
    pub const RECOMMENDED: Self =
        Self { cap: 20, failures: 5, window: Duration::from_secs(15 * 60), waits: true };

    /// After how many consecutive failures an authenticator is disabled until bound anew, 1 to 100.
    ///
    /// # Source
    /// NIST SP 800-63B-4 3.2.2.
    pub const fn cap(&self) -> u32 {
        self.cap
    }

    /// How many failures are allowed within [`Throttle::window`].
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The length of the window.
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// Whether consecutive failures also cost a growing wait.
    pub const fn waits(&self) -> bool {
        self.waits
    }
}
