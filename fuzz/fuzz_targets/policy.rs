//! A policy file, as TOML and as JSON: never a panic; a refusal names at least one fault; an accepted policy decides
//! and explains for anybody at any time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Attributes, Method, OrganizationSettings, Policy, PolicyError, Purpose};

fuzz_target!(|text: &str| {
    for read in [Policy::from_toml(text), Policy::from_json(text)] {
        match read {
            Ok(policy) => decides(&policy, text),
            Err(error) => shows(&error),
        }
    }
});

fn shows(error: &PolicyError) {
    assert!(!error.faults().is_empty());
    assert!(!error.to_string().is_empty());
    for fault in error.faults() {
        let _ = (fault.kind(), fault.path(), fault.line(), fault.to_string());
    }
}

fn decides(policy: &Policy, text: &str) {
    let nobody = Attributes::new();
    let class_members = policy.classes().fold(Attributes::new(), |all, class| all.with("role", class));
    // Words of the file itself are likely to be the values it asks for.
    let words = text.split('"').filter(|word| !word.is_empty()).take(80);
    let everything = words.fold(Attributes::new(), |all, word| {
        all.with("role", word)
            .with("sso", word)
            .organization(OrganizationSettings::new(word).enforced_from(UnixSeconds::new(1_800_000_000)))
    });
    let required = nobody.clone().organization(OrganizationSettings::new("a.example").required());
    let faulty = nobody.clone().with("", "");
    for subject in [&nobody, &class_members, &everything, &required, &faulty] {
        for now in [UnixSeconds::EPOCH, UnixSeconds::new(1_800_000_000), UnixSeconds::MAX] {
            let decision = policy.decide(subject, now);
            assert!(decision.methods().contains(Method::App), "the app is always allowed");
            assert!(decision.rules().next().is_some(), "somebody is under no class");
            assert!(decision.sms_regions().is_subset(policy.sms().regions()));
            assert!((1..=100).contains(&decision.throttle().cap()));
            for purpose in Purpose::ALL {
                let _ = decision.freshness(purpose);
            }
            assert!(!decision.may_reset(&faulty));
            let _ = (decision.obligation(), decision.may_reset(&everything), decision.remember_device());
            let _ = (decision.trusted_sso().count(), decision.reset_by().count(), decision.reasons().count());
            assert!(!decision.explain().to_string().is_empty());
        }
    }
}
