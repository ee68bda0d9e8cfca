//! From the tables of a file to a policy, with everything checked that one table alone cannot know.

mod classes;
mod conditions;
mod floors;
mod settings;

use crate::error::{Fault, FaultKind, PolicyError};
use crate::file::layout::PolicyFile;
use crate::file::read::{Faults, Fields, Place, Table};
use crate::file::tree::{self, Node};
use crate::policy::Policy;
use floors::Breaches;

/// Reads a policy from TOML.
pub(crate) fn from_toml(text: &str) -> Result<Policy, PolicyError> {
    from_tree(tree::from_toml(text))
}

/// Reads a policy from JSON.
pub(crate) fn from_json(text: &str) -> Result<Policy, PolicyError> {
    from_tree(tree::from_json(text))
}

/// Reads the built-in policy.
#[expect(clippy::expect_used, reason = "the text is part of this crate, and a test reads it")]
pub(crate) fn recommended() -> Policy {
    from_toml(Policy::RECOMMENDED_TOML).expect("policies/default.toml is a sound policy")
}

fn from_tree(node: Result<Node, Vec<Fault>>) -> Result<Policy, PolicyError> {
    let mut faults = Faults::default();
    let policy = node.map(|node| read(&node, &mut faults).and_then(|file| policy(&file, &mut faults)));
    match (policy.map_err(PolicyError::new)?, faults.into_sorted()) {
        (Some(policy), faults) if faults.is_empty() => Ok(policy),
        (_, faults) => Err(PolicyError::new(faults)),
    }
}

fn read(node: &Node, faults: &mut Faults) -> Option<PolicyFile> {
    let mut fields = Fields::of(node, &Place::default(), faults)?;
    fields.pass_over("$schema"); // editors find the schema by it
    let file = PolicyFile::take(&mut fields, faults);
    fields.end(faults);
    Some(file)
}

/// Compiles a file. Goes through all of it whatever the faults; what comes out counts only if there are none.
fn policy(file: &PolicyFile, faults: &mut Faults) -> Option<Policy> {
    if let Some(format) = file.format.as_ref().filter(|format| format.value != 1) {
        faults.add(FaultKind::Value, &format.at, "this version reads format 1 only");
    }
    let mut breaches = Breaches::default();
    let sms = settings::sms(file, &mut breaches);
    let throttle = settings::throttle(file, faults, &mut breaches);
    let base = settings::base(file, &sms, faults, &mut breaches);
    let roll_out = settings::roll_out(file, faults);
    let mut terms = crate::condition::Terms::default();
    let actors = settings::actors(file, &mut terms, faults);
    let providers = settings::providers(file, faults);
    let has_roll_out = file.roll_out.is_some();
    let around = classes::Around { actors: &actors, providers: &providers, base: &base, has_roll_out };
    let (rules, known) = classes::rules(file, &around, &mut terms, faults, &mut breaches);
    let deviations = floors::settle(file, breaches, faults);
    let organizations = file.organizations.as_ref();
    let reauthenticate_after = organizations.and_then(|table| table.value.reauthenticate_after.as_ref());
    Some(Policy {
        name: Box::from(&*file.name.as_ref()?.value),
        version: file.version.as_ref()?.value,
        sms,
        base,
        throttle,
        reauthenticate_after: reauthenticate_after
            .map_or(crate::ReauthenticateAfter::TwelveHours, |choice| choice.value.0),
        roll_out,
        terms,
        actors,
        providers,
        rules,
        known,
        deviations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attributes, Methods, Obligation, OrganizationSettings};
    use mfa_core::time::UnixSeconds;

    #[test]
    fn the_built_in_policy_offers_the_app_to_everybody_and_demands_nothing() {
        let policy = recommended();
        let subject = Attributes::new()
            .with("role", "anything")
            .organization(OrganizationSettings::new("any.example").required());
        let decision = policy.decide(&subject, UnixSeconds::EPOCH);
        assert_eq!(decision.obligation(), Obligation::Optional { required_from: None });
        assert_eq!(decision.methods(), Methods::APP);
        assert!(!decision.may_reset(&subject) && !decision.trusts_sso("", &["mfa"]));
        assert_eq!(policy.deviations().count(), 0);
    }

    #[test]
    fn a_policy_can_be_shared_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Policy>();
    }
}
