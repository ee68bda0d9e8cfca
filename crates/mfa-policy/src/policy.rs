//! A policy, compiled: what decisions are made by.

use std::time::Duration;

use mfa_core::time::UnixSeconds;

use crate::actor::Actor;
use crate::attributes::Attributes;
use crate::condition::Terms;
use crate::decision::{Decision, Throttle};
use crate::deviation::Deviation;
use crate::error::PolicyError;
use crate::number_type::NumberTypes;
use crate::obligation::Obligation;
use crate::organization::{OrganizationSettings, ReauthenticateAfter};
use crate::region::Regions;
use crate::rollout::RollOut;
use crate::rule::{Limits, Numbers, Rule};
use crate::sso::Provider;

/// A policy: who must use MFA, who may, with what, where texts go, and how fresh a proof must be.
///
/// It has no clock and does no I/O; the host reads the file and swaps the policy when it changes.
///
/// # Examples
/// ```
/// use mfa_core::time::UnixSeconds;
/// use mfa_policy::{Attributes, Methods, Obligation, Policy};
///
/// let policy = Policy::from_toml(
///     r#"
///     format = 1
///     name = "shop"
///     version = 1
///
///     [[classes]]
///     name = "staff"
///     when = { role = "staff" }
///     requirement = "required"
///     methods = ["app"]
///     reset_by = []
///
///     [default]
///     known = ["staff"]
///     requirement = "required"
///     methods = ["app"]
///     reset_by = []
///     "#,
/// )?;
/// let staff = Attributes::new().with("role", "staff");
/// let decision = policy.decide(&staff, UnixSeconds::new(1_800_000_000));
/// assert_eq!(decision.obligation(), Obligation::Required);
/// assert_eq!(decision.methods(), Methods::APP);
/// println!("{}", decision.explain());
/// # Ok::<(), mfa_policy::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) name: Box<str>,
    pub(crate) version: u64,
    pub(crate) sms: SmsRules,
    pub(crate) base: Limits,
    pub(crate) throttle: Throttle,
    pub(crate) reauthenticate_after: ReauthenticateAfter,
    pub(crate) roll_out: RollOut,
    pub(crate) terms: Terms,
    pub(crate) actors: Vec<Actor>,
    pub(crate) providers: Vec<Provider>,
    /// The classes in the order of the file, the default class last.
    pub(crate) rules: Vec<Rule>,
    /// The classes whose subjects the default class leaves alone.
    pub(crate) known: Numbers,
    pub(crate) deviations: Vec<Deviation>,
}

impl Policy {
    /// Reads a policy file in TOML.
    ///
    /// # Errors
    /// [`PolicyError`] with every fault: syntax, unknown or missing fields, values that are not allowed, anything
    /// below a [`Floor`](crate::Floor) that is not listed as a deviation, and deviations that nothing needs.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        crate::compile::from_toml(text)
    }

    /// Reads a policy file in JSON, the same fields as in TOML; a `$schema` beside them is passed over.
    ///
    /// # Errors
    /// As for [`Policy::from_toml`]; faults name their path, without a line.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        crate::compile::from_json(text)
    }

    /// What a host without a policy file gets: MFA is optional for everyone, app only, with a proof 5 minutes
    /// fresh for changes and a session asked again after 12 hours; nobody may reset. The file is
    /// `policies/default.toml`, also [`Policy::RECOMMENDED_TOML`].
    pub fn recommended() -> Self {
        crate::compile::recommended()
    }

    /// The text of the policy that [`Policy::recommended`] is; a place to start one's own from.
    pub const RECOMMENDED_TOML: &'static str = include_str!("../../../policies/default.toml");

    /// Decides about a subject at a moment, which the strictest of all applicable classes do together.
    ///
    /// Allocates nothing. Costs a look-up for each attribute value and a few instructions for each class.
    ///
    /// A subject in none of the classes that the default class lists as known falls under the default class, and
    /// one whose attributes have a [`Attributes::fault`] under every class there is.
    pub fn decide<'a>(&'a self, subject: &'a Attributes, now: UnixSeconds) -> Decision<'a> {
        let applied = self.applied(subject);
        let mut obligation = Obligation::Unavailable;
        let mut limits = self.base;
        for (_, rule) in self.rules.iter().enumerate().filter(|(number, _)| applied.contains(*number)) {
            obligation = obligation.strictest(rule.requirement.resolve(&self.roll_out, subject, now));
            limits.tighten(&rule.limits);
        }
        for own in subject.organizations() {
            limits.freshness.session = limits.freshness.session.min(self.reauthenticate_after(own));
        }
        Decision { policy: self, subject, now, applied, obligation, limits }
    }

    /// The name the file gives itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version the file gives itself.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Where texts may go at all, whatever a class says.
    pub fn sms(&self) -> &SmsRules {
        &self.sms
    }

    /// Every place where the policy goes below the standards' floor, as it says itself.
    pub fn deviations(&self) -> impl Iterator<Item = &Deviation> {
        self.deviations.iter()
    }

    /// The names of all classes in the order of the file, `default` last.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &*rule.name)
    }

    /// Whether MFA is rolled out to the organisation `id`: whether its settings page should offer it.
    pub fn is_rolled_out_to(&self, id: &str) -> bool {
        self.roll_out.includes(id)
    }

    /// How old a session's second factor may get in an organisation.
    pub(crate) fn reauthenticate_after(&self, own: &OrganizationSettings) -> Duration {
        own.reauthenticate_after.unwrap_or(self.reauthenticate_after).duration()
    }

    /// The classes that apply. Whether the default class does depends on the classes it lists, not on which exist:
    /// a class that is added can therefore never take a subject out of it (INV-9).
    fn applied(&self, subject: &Attributes) -> Numbers {
        if subject.fault().is_some() {
            return Numbers::ALL;
        }
        let present = self.terms.of(subject);
        let mut applied = Numbers::NONE;
        let default = self.rules.len().saturating_sub(1);
        for (number, rule) in self.rules.iter().enumerate().take(default) {
            if rule.when.holds(&present) {
                applied.insert(number);
            }
        }
        if !applied.meets(self.known) {
            applied.insert(default);
        }
        applied
    }
}

/// Where texts may go at all, and how long a code in one lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmsRules {
    pub(crate) regions: Regions,
    pub(crate) number_types: NumberTypes,
    pub(crate) code_lifetime: Duration,
}

impl SmsRules {
    /// The regions that any class may allow.
    pub const fn regions(&self) -> Regions {
        self.regions
    }

    /// The number types that any class may allow.
    pub const fn number_types(&self) -> NumberTypes {
        self.number_types
    }

    /// How long a code sent by text lives; at most 10 minutes unless the policy lists the deviation.
    pub const fn code_lifetime(&self) -> Duration {
        self.code_lifetime
    }
}
