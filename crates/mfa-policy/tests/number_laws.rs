//! Laws of where a text may go, for every policy, subject and number.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

use std::sync::LazyLock;

use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_policy::numbers::NumberPlan;
use mfa_policy::{Attributes, Policy, Region, Regions};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const REGIONS: [&str; 10] = ["US", "CA", "PR", "JM", "GB", "JE", "IT", "VA", "FR", "RE"];
const TYPES: [&str; 5] = ["mobile", "fixed-or-mobile", "fixed", "voip", "personal"];
const ROLES: [&str; 3] = ["r0", "r1", "r2"];

static EVERYWHERE: LazyLock<NumberPlan> = LazyLock::new(|| NumberPlan::prepare(Regions::ALL).unwrap());

/// A class for a role: whether it has SMS, and where to and of what type.
fn class() -> impl Strategy<Value = Value> {
    let regions = subsequence(REGIONS.to_vec(), 1..=REGIONS.len());
    let types = subsequence(TYPES.to_vec(), 1..=TYPES.len());
    (select(ROLES.to_vec()), 0_u8..5, regions, types).prop_map(|(role, sms, regions, types)| {
        json!({
            "when": { "role": role },
            "requirement": "required",
            "methods": if sms == 0 { json!(["app"]) } else { json!(["app", "sms"]) },
            "reset_by": [],
            "sms_regions": regions,
            "number_types": types,
        })
    })
}

fn policy(classes: &[Value]) -> Policy {
    let named = classes.iter().enumerate().map(|(number, class)| {
        let mut class = class.clone();
        class["name"] = json!(format!("c{number}"));
        class
    });
    let text = json!({
        "format": 1, "name": "numbers", "version": 1,
        "sms": { "regions": REGIONS, "number_types": TYPES },
        "classes": named.collect::<Vec<_>>(),
        "default": { "requirement": "required", "methods": ["app", "sms"], "reset_by": [], "known": [] },
        "deviations": [{ "rule": "sms-to-non-mobile", "reason": "to be tested" }],
    });
    Policy::from_json(&text.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn subject() -> impl Strategy<Value = Attributes> {
    let roles = subsequence(ROLES.to_vec(), 0..=ROLES.len());
    roles.prop_map(|roles| {
        roles.into_iter().fold(Attributes::new(), |subject, role| subject.with("role", role))
    })
}

/// A number, mostly of a range that is somebody's.
fn number() -> impl Strategy<Value = PhoneNumber> {
    let beginnings = vec![
        "1201", "1204", "1787", "1876", "1500", "1800", "1900", "447400", "447797", "4470", "4456", "4420",
        "39312", "3906698", "3906", "336", "331", "262692", "26269", "262639", "8", "7", "",
    ];
    (select(beginnings), "[0-9]{4,10}").prop_filter_map("a number", |(beginning, rest)| {
        PhoneNumber::parse(&format!("+{beginning}{rest}")).ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inv_7_a_text_goes_only_to_regions_and_types_that_are_allowed(
        classes in prop::collection::vec(class(), 0..4), subject in subject(),
        numbers in prop::collection::vec(number(), 32),
    ) {
        let policy = policy(&classes);
        let decision = policy.decide(&subject, UnixSeconds::EPOCH);
        for destination in numbers.iter().flat_map(|number| decision.sms_to(&EVERYWHERE, number)) {
            prop_assert!(decision.allows_sms_to(destination.region()));
            prop_assert!(decision.number_types().contains(destination.number_type()));
        }
    }

    #[test]
    fn inv_9_a_class_more_lets_no_text_go_further(
        classes in prop::collection::vec(class(), 0..4), added in class(), subject in subject(),
        numbers in prop::collection::vec(number(), 32),
    ) {
        let old = policy(&classes);
        let mut more = classes;
        more.push(added);
        let new = policy(&more);
        let (old, new) = (old.decide(&subject, UnixSeconds::EPOCH), new.decide(&subject, UnixSeconds::EPOCH));
        for number in &numbers {
            match (old.sms_to(&EVERYWHERE, number), new.sms_to(&EVERYWHERE, number)) {
                (Ok(old), Ok(new)) => prop_assert_eq!(old, new),
                (Err(_), Ok(_)) => prop_assert!(false, "a class more allows {:?}", number),
                (_, Err(_)) => {}
            }
        }
    }

    #[test]
    fn whatever_is_typed_becomes_a_number_of_the_country_or_an_error(
        code in select(vec!["US", "GB", "IT", "FR", "MX", "RU", "SM"]), typed in "\\PC{0,20}|\\+?[0-9 ()-]{0,18}",
    ) {
        let region = Region::new(code).unwrap();
        if let Ok(number) = EVERYWHERE.national(region, &typed) {
            let typed: String = typed.chars().filter(char::is_ascii_digit).collect();
            let code = EVERYWHERE.calling_code(region).unwrap().to_string();
            let national = number.digits().strip_prefix(&*code);
            prop_assert!(national.is_some_and(|national| typed.ends_with(national)));
        }
    }
}

proptest! {
    // Few, since each prepares a plan.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inv_7_a_plan_for_fewer_regions_never_allows_more(
        regions in subsequence(REGIONS.to_vec(), 0..=REGIONS.len()), numbers in prop::collection::vec(number(), 128),
    ) {
        let regions: Regions = regions.into_iter().flat_map(Region::new).collect();
        let plan = NumberPlan::prepare(regions).unwrap();
        let policy = policy(&[]);
        let subject = Attributes::new();
        let decision = policy.decide(&subject, UnixSeconds::EPOCH);
        for number in &numbers {
            if let Ok(found) = decision.sms_to(&plan, number) {
                prop_assert_eq!(Ok(found), decision.sms_to(&EVERYWHERE, number));
            }
        }
    }
}
