//! The policy of the reference product, class by organisation setting by date by enrollment by first factor
//! by method, against an oracle that was written from the prose alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod combinations;
#[path = "../common/mod.rs"]
mod common;
mod oracle;
mod product;

use combinations::people;
use product::{Findings, Product};

const TEXT: &str = include_str!("../../../../policies/construction-pay.toml");

/// How many combinations there are; it may only grow.
const COMBINATIONS: usize = 76_800;

#[test]
fn every_combination_is_decided_as_the_prose_says() {
    let product = Product::new(TEXT);
    let mut findings = Findings::default();
    people().for_each(|person| product.compare(&person, &mut findings));
    let Findings { combinations, mismatches } = findings;
    println!("{combinations} combinations");
    let shown: Vec<_> = mismatches.iter().take(5).collect();
    assert!(mismatches.is_empty(), "{} mismatches, such as {shown:#?}", mismatches.len());
    assert!(combinations >= COMBINATIONS, "{combinations} combinations are fewer than there were");
}

/// The oracle is no echo: each of these makes the policy wrong in one place, and is noticed.
#[test]
fn a_wrong_policy_is_noticed() {
    for (what, there, instead) in WRONG {
        assert_eq!(TEXT.matches(there).count(), 1, "{what}: the policy file no longer reads {there:?}");
        let product = Product::new(&TEXT.replace(there, instead));
        let noticed = people().any(|person| {
            let mut findings = Findings::default();
            product.compare(&person, &mut findings);
            !findings.mismatches.is_empty()
        });
        assert!(noticed, "nobody noticed: {what}");
    }
}

/// What is wrong, the text that is in the policy file, and what stands there instead.
const WRONG: [(&str, &str, &str); 18] = [
    ("payors may", "payments = \"payor\"\nrequirement = \"required\"", "requirement = \"optional\""),
    (
        "payees are bound by their organisation only",
        "payments = \"payee\"\nrequirement = \"required\"",
        "requirement = \"by-organization\"",
    ),
    (
        "payors get texts",
        "payments = \"payor\"\nrequirement = \"required\"\nmethods = [\"app\"]",
        "requirement = \"required\"\nmethods = [\"app\", \"sms\"]",
    ),
    ("payees get texts in Canada", "sms_regions = [\"US\"]", "sms_regions = [\"US\", \"CA\"]"),
    ("texts go to Japan", "\"SG\", \"HK\"]", "\"SG\", \"HK\", \"JP\"]"),
    ("no texts to Hong Kong", "\"SG\", \"HK\"]", "\"SG\"]"),
    (
        "payors are trusted to the provider",
        "payments = \"payor\"\n",
        "payments = \"payor\"\ntrust_sso = [\"https://idp.sso.example\"]\n",
    ),
    (
        "the provider speaks for another organisation",
        "organizations = [\"sso.example\"]",
        "organizations = [\"sso.example\", \"pilot.example\"]",
    ),
    ("a password at the provider is enough", "accepted_amr = [\"mfa\"]", "accepted_amr = [\"mfa\", \"pwd\"]"),
    ("the provider owns nothing", "owns_mfa = true", "owns_mfa = false"),
    (
        "everybody got the roll-out",
        "organizations = [\"pilot.example\",",
        "organizations = [\"commercial.example\", \"pilot.example\",",
    ),
    ("an organisation lost the roll-out", "\"enforced.example\", \"sso.example\"]", "\"sso.example\"]"),
    ("who has not chosen is asked weekly", "reauthenticate_after = \"12h\"", "reauthenticate_after = \"7d\""),
    ("nobody is asked monthly", "session = \"30d\"", "session = \"7d\""),
    (
        "any administrator resets anybody",
        "same_organization = \"strictest\"",
        "same_organization = \"not-needed\"",
    ),
    (
        "an administrator of every organisation is wanted",
        "same_organization = \"strictest\"",
        "same_organization = \"all\"",
    ),
    ("support resets everybody", "subjects = { role = [\"payor\", \"payee\", \"payments-support\"] }\n", ""),
    (
        "who was forgotten is let in",
        "\"payments-payee\", \"payments-support\"]\nrequirement = \"required\"",
        "\"payments-payee\", \"payments-support\"]\nrequirement = \"optional\"",
    ),
];
