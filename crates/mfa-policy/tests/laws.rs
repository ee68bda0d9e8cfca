//! Laws that hold for every policy and every subject.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may fail loudly"
)]

use std::time::Duration;

use mfa_core::time::UnixSeconds;
use mfa_policy::{
    Attributes, Decision, Obligation, OrganizationSettings, Policy, Purpose, ReauthenticateAfter, Region,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];
const ORGANIZATIONS: [&str; 5] = ["o0", "o1", "o2", "o3", "o4"];
const REGIONS: [&str; 4] = ["US", "CA", "GB", "SG"];
const PROVIDERS: [&str; 3] = ["free", "bound", "owner"];

/// What a condition asks for: a role or an organisation each of some, perhaps one of two alternatives.
fn condition(with_organizations: bool) -> impl Strategy<Value = Value> {
    let roles = || subsequence(ROLES.to_vec(), 1..=3);
    let alternatives = (roles(), roles()).prop_map(|(a, b)| json!({ "any": [{ "role": a }, { "role": b }] }));
    let role = roles().prop_map(|roles| json!({ "role": roles }));
    let organization = (roles(), subsequence(ORGANIZATIONS.to_vec(), 1..=3))
        .prop_map(|(roles, organizations)| json!({ "role": roles, "organization": organizations }));
    let without = prop_oneof![Just(json!({})), role.clone(), alternatives];
    if with_organizations { prop_oneof![without, organization].boxed() } else { without.boxed() }
}

/// The rules of a class, each field present or left out.
fn rules() -> impl Strategy<Value = Value> {
    let requirement = select(vec!["unavailable", "optional", "by-organization", "required"]);
    let regions = subsequence(REGIONS.to_vec(), 1..=4);
    let session = prop::option::of(select(vec!["1h", "12h", "7d"]));
    let remember = prop::option::of(select(vec!["off", "1d", "30d"]));
    let actors = subsequence(vec!["desk", "admin", "strict"], 0..=3);
    let providers = prop::option::of(subsequence(PROVIDERS.to_vec(), 0..=3));
    let numbers = prop::option::of((1_u64..=20, 0_u64..=2, 1_u64..=4, 1_u64..=3));
    let last = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (requirement, regions, session, remember, actors, providers, numbers, last).prop_map(
        |(requirement, regions, session, remember, actors, providers, numbers, last)| {
            let (sms, code, suspect, mobile_only) = last;
            let mut rules = json!({
                "requirement": requirement,
                "methods": if sms { json!(["app", "sms"]) } else { json!(["app"]) },
                "reset_by": actors,
                "sms_regions": regions,
                "after_reset": if code { "binding-code" } else { "first-factor" },
                "suspect_demands_password_change": suspect,
            });
            if let Some(session) = session {
                rules["freshness"] = json!({ "session": session, "manage": "2m" });
            }
            if let Some(remember) = remember {
                rules["remember_device"] = json!(remember);
            }
            if let Some(providers) = providers {
                rules["trust_sso"] = json!(providers);
            }
            if mobile_only {
                rules["number_types"] = json!(["mobile"]);
            }
            if let Some((cap, drift, codes, apps)) = numbers {
                rules["throttle_cap"] = json!(cap);
                rules["drift_memory"] = json!(drift);
                rules["recovery_codes"] = json!(codes);
                rules["apps_max"] = json!(apps);
            }
            rules
        },
    )
}

/// Classes named `c0`, `c1`, ...; the first half may make a subject known, so they ask for no organisation.
fn classes() -> impl Strategy<Value = Vec<Value>> {
    let known = prop::collection::vec((condition(false), rules()), 0..4);
    let others = prop::collection::vec((condition(true), rules()), 0..4);
    (known, others).prop_map(|(known, others)| {
        let mark = |known: bool| move |(when, rules)| (known, when, rules);
        let all = known.into_iter().map(mark(true)).chain(others.into_iter().map(mark(false)));
        let class = |(number, (known, when, mut rules)): (usize, (bool, Value, Value))| {
            rules["name"] = json!(format!("{}{number}", if known { "known" } else { "other" }));
            rules["when"] = when;
            rules
        };
        all.enumerate().map(class).collect()
    })
}

/// A policy file with these classes; those named `known...` make a subject known.
fn file(classes: &[Value], default: &Value, percentage: u64) -> Value {
    let names = classes.iter().filter_map(|class| class["name"].as_str());
    let known: Vec<&str> = names.filter(|name| name.starts_with("known")).collect();
    let mut default = default.clone();
    default["known"] = json!(known);
    json!({
        "format": 1, "name": "laws", "version": 1,
        "sms": { "regions": REGIONS },
        "roll_out": { "organizations": ["o0", "o1"], "percentage": percentage, "salt": "laws" },
        "freshness": { "session": "30d" },
        "limits": { "recovery_codes": 4, "apps_max": 3 },
        "actors": [
            { "name": "desk", "when": { "role": "r0" }, "same_organization": "not-needed" },
            { "name": "admin", "when": { "role": "r1" } },
            { "name": "strict", "when": { "role": "r2" }, "same_organization": "strictest" },
        ],
        "sso": [
            { "provider": "free", "accepted_amr": ["mfa", "hwk"] },
            { "provider": "bound", "accepted_amr": ["mfa"], "organizations": ["o0", "o1", "o2"] },
            { "provider": "owner", "accepted_amr": ["mfa"], "owns_mfa": true },
        ],
        "classes": classes, "default": default,
    })
}

fn load(file: &Value) -> Policy {
    Policy::from_json(&file.to_string()).unwrap_or_else(|error| panic!("{error}\n{file}"))
}

fn organization() -> impl Strategy<Value = OrganizationSettings> {
    let choice = prop::option::of(select(ReauthenticateAfter::ALL.to_vec()));
    let date = prop::option::of(0_u64..200);
    (select(ORGANIZATIONS.to_vec()), any::<bool>(), date, choice).prop_map(|(id, require, date, choice)| {
        let mut settings = OrganizationSettings::new(id);
        settings.require = require;
        settings.enforce_from = date.map(UnixSeconds::new);
        settings.reauthenticate_after = choice;
        settings
    })
}

fn subject() -> impl Strategy<Value = Attributes> {
    let roles = subsequence(ROLES.to_vec(), 0..=4);
    let organizations = prop::collection::vec(organization(), 0..4);
    let sso = prop::option::of(select(PROVIDERS.to_vec()));
    (roles, organizations, sso).prop_map(|(roles, organizations, sso)| {
        let subject = roles.into_iter().fold(Attributes::new(), |subject, role| subject.with("role", role));
        let subject = sso.into_iter().fold(subject, |subject, provider| subject.with("sso", provider));
        organizations.into_iter().fold(subject, Attributes::organization)
    })
}

fn moment() -> impl Strategy<Value = UnixSeconds> {
    (0_u64..200).prop_map(UnixSeconds::new)
}

/// How strict: unavailable, optional, optional from a date on (earlier is stricter), required.
fn rank(obligation: Obligation) -> (u8, u64) {
    match obligation {
        Obligation::Unavailable => (0, 0),
        Obligation::Optional { required_from: None } => (1, 0),
        Obligation::Optional { required_from: Some(date) } => (2, u64::MAX - date.get()),
        Obligation::Required => (3, 0),
    }
}

/// Asserts that `new` is in no field weaker than `old`. Who in particular may reset is asked of `actors`.
fn assert_not_weaker(
    old: &Decision<'_>,
    new: &Decision<'_>,
    actors: &[Attributes],
) -> Result<(), TestCaseError> {
    prop_assert!(rank(new.obligation()) >= rank(old.obligation()));
    prop_assert_eq!(new.methods().intersection(old.methods()), new.methods());
    prop_assert!(new.sms_regions().is_subset(old.sms_regions()));
    prop_assert!(new.number_types().is_subset(old.number_types()));
    for purpose in Purpose::ALL {
        prop_assert!(new.freshness(purpose) <= old.freshness(purpose));
    }
    let remembered = |decision: &Decision<'_>| decision.remember_device().unwrap_or(Duration::ZERO);
    prop_assert!(remembered(new) <= remembered(old));
    let resetters: Vec<&str> = old.reset_by().collect();
    prop_assert!(new.reset_by().all(|actor| resetters.contains(&actor)));
    prop_assert!(actors.iter().all(|actor| old.may_reset(actor) || !new.may_reset(actor)));
    prop_assert!(new.after_reset() >= old.after_reset());
    for provider in PROVIDERS {
        for amr in [&["mfa"][..], &["hwk"], &["pwd"], &[]] {
            prop_assert!(old.trusts_sso(provider, amr) || !new.trusts_sso(provider, amr));
        }
    }
    prop_assert!(new.throttle().cap() <= old.throttle().cap());
    prop_assert!(new.throttle().failures() <= old.throttle().failures());
    prop_assert!(new.throttle().window() >= old.throttle().window());
    prop_assert!(new.drift_memory() <= old.drift_memory());
    prop_assert!(new.recovery_codes() <= old.recovery_codes());
    prop_assert!(new.apps_max() <= old.apps_max());
    prop_assert!(new.suspect_demands_password_change() || !old.suspect_demands_password_change());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inv_9_adding_a_class_never_weakens_a_decision(
        classes in classes(), default in rules(), (when, added) in (condition(true), rules()),
        subject in subject(), actors in prop::collection::vec(subject(), 4), now in moment(), at in 0_usize..8,
    ) {
        let old = load(&file(&classes, &default, 50));
        let mut added = added;
        added["name"] = json!("added");
        added["when"] = when;
        let mut more = classes.clone();
        more.insert(at.min(classes.len()), added);
        let new = load(&file(&more, &default, 50));
        assert_not_weaker(&old.decide(&subject, now), &new.decide(&subject, now), &actors)?;
    }

    #[test]
    fn inv_9_adding_an_organization_never_weakens_a_decision(
        classes in classes(), default in rules(), subject in subject(), added in organization(), now in moment(),
    ) {
        let policy = load(&file(&classes, &default, 50));
        // A provider kept to its organisations is first trusted when a subject joins one: membership is what it is
        // trusted for. From then on, and for every other field, one more organisation only tightens.
        let joins_first = subject.organizations().is_empty();
        let subject = if joins_first { subject.organization(OrganizationSettings::new("elsewhere")) } else { subject };
        let more = subject.clone().organization(added);
        assert_not_weaker(&policy.decide(&subject, now), &policy.decide(&more, now), &[])?;
    }

    #[test]
    fn faulty_attributes_never_weaken_a_decision(
        classes in classes(), default in rules(), subject in subject(),
        actors in prop::collection::vec(subject(), 4), now in moment(),
    ) {
        let policy = load(&file(&classes, &default, 50));
        let faulty = subject.clone().with("role", "\n");
        prop_assert!(faulty.fault().is_some());
        assert_not_weaker(&policy.decide(&subject, now), &policy.decide(&faulty, now), &actors)?;
    }

    #[test]
    fn the_order_of_classes_does_not_matter(
        classes in classes(), default in rules(), subject in subject(),
        actors in prop::collection::vec(subject(), 4), now in moment(),
    ) {
        let (forth, back) = (load(&file(&classes, &default, 50)), {
            let reversed: Vec<Value> = classes.into_iter().rev().collect();
            load(&file(&reversed, &default, 50))
        });
        let (forth, back) = (forth.decide(&subject, now), back.decide(&subject, now));
        assert_not_weaker(&forth, &back, &actors)?;
        assert_not_weaker(&back, &forth, &actors)?;
    }

    #[test]
    fn the_app_is_always_allowed_and_sms_always_has_somewhere_to_go(
        classes in classes(), default in rules(), subject in subject(), now in moment(),
    ) {
        let policy = load(&file(&classes, &default, 50));
        let decision = policy.decide(&subject, now);
        prop_assert!(decision.methods().contains(mfa_policy::Method::App));
        let sms = decision.methods().contains(mfa_policy::Method::Sms);
        prop_assert_eq!(sms, !decision.sms_regions().is_empty() && !decision.number_types().is_empty());
        prop_assert!(REGIONS.iter().flat_map(|code| Region::new(code)).any(|region| decision.allows_sms_to(region)) == sms);
    }

    #[test]
    fn every_decision_names_its_rules_and_explains_itself(
        classes in classes(), default in rules(), subject in subject(), now in moment(),
    ) {
        let policy = load(&file(&classes, &default, 50));
        let decision = policy.decide(&subject, now);
        prop_assert!(decision.rules().next().is_some());
        let explained = decision.explain().to_string();
        for rule in decision.rules() {
            prop_assert!(explained.contains(rule));
        }
        for field in mfa_policy::Field::ALL {
            prop_assert!(decision.reasons().any(|reason| reason.field == field), "{} has no reason", field);
        }
    }

    #[test]
    fn time_only_takes_a_subject_towards_its_obligation(
        classes in classes(), default in rules(), subject in subject(), now in moment(), later in moment(),
    ) {
        let policy = load(&file(&classes, &default, 50));
        let (early, late) = (now.min(later), now.max(later));
        let (early, late) = (policy.decide(&subject, early), policy.decide(&subject, late));
        prop_assert!(rank(late.obligation()).0 >= rank(early.obligation()).0);
    }

    #[test]
    fn a_growing_roll_out_keeps_every_organization_in(id in "[a-z0-9.]{1,40}", small in 0_u64..=100, large in 0_u64..=100) {
        let default = json!({ "requirement": "by-organization", "methods": ["app"], "reset_by": [] });
        let (small, large) = (small.min(large), small.max(large));
        let (small, large) = (load(&file(&[], &default, small)), load(&file(&[], &default, large)));
        prop_assert!(large.is_rolled_out_to(&id) || !small.is_rolled_out_to(&id));
        prop_assert_eq!(small.is_rolled_out_to(&id), small.clone().is_rolled_out_to(&id));
    }

    #[test]
    fn reading_arbitrary_text_never_panics(text in any::<String>()) {
        let _ = Policy::from_toml(&text).map_err(|error| error.to_string());
        let _ = Policy::from_json(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn reading_a_damaged_file_never_panics(at in any::<prop::sample::Index>(), cut in 0_usize..40, put in "\\PC{0,8}") {
        let text = include_str!("../../../policies/construction-pay.toml");
        let letters: Vec<char> = text.chars().collect();
        let at = at.index(letters.len());
        let mut damaged: String = letters.iter().take(at).collect();
        damaged.push_str(&put);
        damaged.extend(letters.iter().skip(at + cut));
        let _ = Policy::from_toml(&damaged).map_err(|error| error.to_string());
    }

    #[test]
    fn deciding_about_arbitrary_attributes_never_panics(
        pairs in prop::collection::vec((any::<String>(), any::<String>()), 0..80), id in any::<String>(), now in any::<u64>(),
    ) {
        let policy = Policy::from_toml(include_str!("../../../policies/construction-pay.toml")).unwrap();
        let subject = pairs.iter().fold(Attributes::new(), |subject, (name, value)| subject.with(name, value));
        let subject = subject.organization(OrganizationSettings::new(id));
        let decision = policy.decide(&subject, UnixSeconds::new(now));
        prop_assert!(decision.obligation().is_required());
        prop_assert!(!decision.explain().to_string().is_empty());
    }
}
