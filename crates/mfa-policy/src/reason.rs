//! Which class, organisation or setting made each field of a decision.

use std::fmt;

use crate::decision::Decision;
use crate::method::Method;
use crate::purpose::Purpose;
use crate::rule::{Limits, Requirement, Rule};

/// A field of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Field {
    /// Whether MFA is wanted.
    Obligation,
    /// The methods allowed.
    Methods,
    /// The regions a text may go to.
    SmsRegions,
    /// The number types a text may go to.
    NumberTypes,
    /// How old a proof may be for a purpose.
    Freshness(Purpose),
    /// How long a device may be remembered.
    RememberDevice,
    /// Who may reset.
    ResetBy,
    /// What an enrollment after a reset needs.
    AfterReset,
    /// Which identity providers are trusted.
    SsoTrust,
    /// The cap on consecutive failures.
    ThrottleCap,
    /// How much learned drift is kept.
    DriftMemory,
    /// How many recovery codes.
    RecoveryCodes,
    /// How many authenticator apps.
    AppsMax,
    /// Whether a suspect first factor demands a new password.
    SuspectDemandsPasswordChange,
}

impl Field {
    /// Every field, in the order explanations list them.
    pub const ALL: [Self; 17] = [
        Self::Obligation,
        Self::Methods,
        Self::SmsRegions,
        Self::NumberTypes,
        Self::Freshness(Purpose::Session),
        Self::Freshness(Purpose::Manage),
        Self::Freshness(Purpose::StepUp),
        Self::Freshness(Purpose::Transaction),
        Self::RememberDevice,
        Self::ResetBy,
        Self::AfterReset,
        Self::SsoTrust,
        Self::ThrottleCap,
        Self::DriftMemory,
        Self::RecoveryCodes,
        Self::AppsMax,
        Self::SuspectDemandsPasswordChange,
    ];
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Obligation => "obligation",
            Self::Methods => "methods",
            Self::SmsRegions => "sms regions",
            Self::NumberTypes => "number types",
            Self::Freshness(purpose) => return write!(f, "freshness for {purpose}"),
            Self::RememberDevice => "remembered device",
            Self::ResetBy => "reset by",
            Self::AfterReset => "after a reset",
            Self::SsoTrust => "trusted sso",
            Self::ThrottleCap => "throttle cap",
            Self::DriftMemory => "drift memory",
            Self::RecoveryCodes => "recovery codes",
            Self::AppsMax => "apps at most",
            Self::SuspectDemandsPasswordChange => "suspect demands password change",
        })
    }
}

/// What made a field of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source<'a> {
    /// A setting of the policy for everyone, or its built-in value.
    Policy,
    /// The class of this name.
    Rule(&'a str),
    /// The organisation of this id, by its own settings.
    Organization(&'a str),
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("policy"),
            Self::Rule(name) => write!(f, "rule {name}"),
            Self::Organization(id) => write!(f, "organisation {id}"),
        }
    }
}

/// One cause of one field. A field has several when several classes say the same, or each takes something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Reason<'a> {
    /// The field.
    pub field: Field,
    /// What made it what it is.
    pub source: Source<'a>,
}

/// The causes of `field`: the classes, then the organisations, or the policy itself where neither had a say.
pub(crate) fn of(decision: Decision<'_>, field: Field) -> impl Iterator<Item = Reason<'_>> {
    let rules = decision.applied_rules().filter(move |rule| rule_binds(&decision, rule, field));
    let rules = rules.map(|rule| Source::Rule(&rule.name));
    let organizations = decision.subject.organizations().iter();
    let organizations = organizations.filter(move |own| {
        let policy = decision.policy;
        match field {
            Field::Obligation => {
                let asked = |rule: &Rule| rule.requirement == Requirement::ByOrganization;
                let resolved = policy.roll_out.obligation(own, decision.now);
                resolved == decision.obligation && decision.applied_rules().any(asked)
            }
            Field::Freshness(Purpose::Session) => {
                policy.reauthenticate_after(own) == decision.freshness(Purpose::Session)
            }
            // A provider that every class trusts, and that has nothing to say for this organisation.
            Field::SsoTrust => policy.providers.iter().enumerate().any(|(number, provider)| {
                decision.limits.trusted_sso.contains(number) && !provider.signs_in(&own.id)
            }),
            _ => false,
        }
    });
    let organizations = organizations.map(|own| Source::Organization(&own.id));
    let mut causes = rules.chain(organizations).peekable();
    let policy = if causes.peek().is_none() { Some(Source::Policy) } else { None };
    causes.chain(policy).map(move |source| Reason { field, source })
}

/// Whether `rule` says exactly what was decided, or, for a set, takes something away that the policy allows.
fn rule_binds(decision: &Decision<'_>, rule: &Rule, field: Field) -> bool {
    let (said, decided) = (&rule.limits, &decision.limits);
    let base = &decision.policy.base;
    let unlimited = &Limits::UNLIMITED;
    match field {
        Field::Obligation => {
            let resolved =
                rule.requirement.resolve(&decision.policy.roll_out, decision.subject, decision.now);
            resolved == decision.obligation
        }
        Field::Methods => said.methods != unlimited.methods,
        Field::SmsRegions => {
            !base.sms_regions.is_subset(said.sms_regions) || !said.methods.contains(Method::Sms)
        }
        Field::NumberTypes => {
            !base.number_types.is_subset(said.number_types) || !said.methods.contains(Method::Sms)
        }
        Field::Freshness(purpose) => said.freshness.of(purpose) == decided.freshness.of(purpose),
        Field::RememberDevice => said.remember_device == decided.remember_device,
        Field::ResetBy => said.reset_by != unlimited.reset_by,
        Field::AfterReset => said.after_reset == decided.after_reset,
        Field::SsoTrust => said.trusted_sso != unlimited.trusted_sso,
        Field::ThrottleCap => said.throttle_cap == decided.throttle_cap,
        Field::DriftMemory => said.drift_memory == decided.drift_memory,
        Field::RecoveryCodes => said.recovery_codes == decided.recovery_codes,
        Field::AppsMax => said.apps_max == decided.apps_max,
        Field::SuspectDemandsPasswordChange => {
            said.suspect_demands_password_change == decided.suspect_demands_password_change
        }
    }
}
