//! A decision in clear text.

use std::fmt;

use crate::decision::Decision;
use crate::purpose::Purpose;
use crate::reason::Field;
use crate::rule::{Limits, Requirement, Rule};
use crate::text;

/// The chain of a decision: deviations, classes with their effect, fields with their causes; one line each.
pub(crate) struct Explain<'a>(pub(crate) Decision<'a>);

impl fmt::Display for Explain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.0;
        let policy = decision.policy;
        writeln!(
            f,
            "policy {}, version {}, at {}",
            policy.name(),
            policy.version(),
            text::moment(decision.now)
        )?;
        for deviation in policy.deviations() {
            writeln!(f, "{deviation}")?;
        }
        if let Some(fault) = decision.subject.fault() {
            writeln!(f, "every rule applies, since the attributes are faulty: {fault}")?;
        }
        for rule in decision.applied_rules() {
            write!(f, "rule {}: ", rule.name)?;
            requirement(f, decision, rule)?;
            limits(f, decision, &rule.limits)?;
            writeln!(f)?;
        }
        for field in Field::ALL {
            write!(f, "{field}: ")?;
            value(f, decision, field)?;
            f.write_str(" (")?;
            crate::word::list(f, crate::reason::of(*decision, field).map(|reason| reason.source), ", ")?;
            writeln!(f, ")")?;
        }
        Ok(())
    }
}

/// What a class wants, with what each organisation makes of `by-organization`.
fn requirement(f: &mut fmt::Formatter<'_>, decision: &Decision<'_>, rule: &Rule) -> fmt::Result {
    f.write_str(rule.requirement.as_str())?;
    if rule.requirement != Requirement::ByOrganization {
        return Ok(());
    }
    let (roll_out, now) = (&decision.policy.roll_out, decision.now);
    let each = decision.subject.organizations().iter();
    let each = each.map(|own| format!("{}: {}", own.id, roll_out.obligation(own, now)));
    f.write_str(" (")?;
    crate::word::list(f, each, "; ")?;
    f.write_str(")")
}

/// What a class restricts; what it leaves alone is not mentioned.
fn limits(f: &mut fmt::Formatter<'_>, decision: &Decision<'_>, said: &Limits) -> fmt::Result {
    let free = &Limits::UNLIMITED;
    write!(f, "; methods {}", said.methods)?;
    if said.sms_regions != free.sms_regions {
        write!(f, "; sms regions {}", said.sms_regions)?;
    }
    if said.number_types != free.number_types {
        write!(f, "; number types {}", said.number_types)?;
    }
    for purpose in Purpose::ALL {
        if said.freshness.of(purpose) != free.freshness.of(purpose) {
            write!(f, "; freshness for {purpose} {}", text::duration(said.freshness.of(purpose)))?;
        }
    }
    if !said.remember_device.is_zero() {
        write!(f, "; remembered device {}", text::duration(said.remember_device))?;
    }
    f.write_str("; reset by ")?;
    let actors = decision.policy.actors.iter().enumerate();
    let actors = actors.filter(|(number, _)| said.reset_by.contains(*number)).map(|(_, actor)| &actor.name);
    crate::word::list(f, actors, " or ")?;
    if said.after_reset != free.after_reset {
        write!(f, "; after a reset {}", said.after_reset)?;
    }
    if said.trusted_sso != crate::rule::Numbers::NONE {
        let known = decision.policy.providers.iter().enumerate();
        let trusted = known.filter(|(number, _)| said.trusted_sso.contains(*number));
        f.write_str("; trusts ")?;
        crate::word::list(f, trusted.map(|(_, provider)| &provider.name), " or ")?;
    }
    if said.throttle_cap != free.throttle_cap {
        write!(f, "; throttle cap {}", said.throttle_cap)?;
    }
    if said.drift_memory != 0 {
        write!(f, "; drift memory {}", said.drift_memory)?;
    }
    if said.recovery_codes != free.recovery_codes {
        write!(f, "; recovery codes {}", said.recovery_codes)?;
    }
    if said.apps_max != free.apps_max {
        write!(f, "; apps at most {}", said.apps_max)?;
    }
    if said.suspect_demands_password_change {
        f.write_str("; suspect demands password change")?;
    }
    Ok(())
}

/// What a field came to.
fn value(f: &mut fmt::Formatter<'_>, decision: &Decision<'_>, field: Field) -> fmt::Result {
    match field {
        Field::Obligation => write!(f, "{}", decision.obligation()),
        Field::Methods => write!(f, "{}", decision.methods()),
        Field::SmsRegions => write!(f, "{}", decision.sms_regions()),
        Field::NumberTypes => write!(f, "{}", decision.number_types()),
        Field::Freshness(purpose) => write!(f, "{}", text::duration(decision.freshness(purpose))),
        Field::RememberDevice => match decision.remember_device() {
            Some(lifetime) => write!(f, "{}", text::duration(lifetime)),
            None => f.write_str("off"),
        },
        Field::ResetBy => crate::word::list(f, decision.reset_by(), " or "),
        Field::AfterReset => write!(f, "{}", decision.after_reset()),
        Field::SsoTrust => crate::word::list(f, decision.trusted_sso(), " or "),
        Field::ThrottleCap => write!(f, "{}", decision.throttle().cap()),
        Field::DriftMemory => write!(f, "{}", decision.drift_memory()),
        Field::RecoveryCodes => write!(f, "{}", decision.recovery_codes()),
        Field::AppsMax => write!(f, "{}", decision.apps_max()),
        Field::SuspectDemandsPasswordChange => {
            f.write_str(if decision.suspect_demands_password_change() { "yes" } else { "no" })
        }
    }
}
