//! The policy of the reference product, as its demo accounts meet it.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

use std::time::Duration;

use mfa_core::time::UnixSeconds;
use mfa_policy::{
    AfterReset, Attributes, Decision, Field, Methods, NumberTypes, Obligation, OrganizationSettings, Policy,
    Purpose, ReauthenticateAfter, Region, Regions, Source,
};

const TEXT: &str = include_str!("../../../policies/construction-pay.toml");
const NOW: UnixSeconds = UnixSeconds::new(1_790_000_000);
const DATE: UnixSeconds = UnixSeconds::new(1_792_592_000);
const IDP: &str = "https://idp.sso.example";

fn policy() -> Policy {
    Policy::from_toml(TEXT).unwrap_or_else(|error| panic!("{error}"))
}

fn commercial() -> OrganizationSettings {
    OrganizationSettings::new("commercial.example")
}

fn pilot() -> OrganizationSettings {
    OrganizationSettings::new("pilot.example").enforced_from(DATE)
}

fn enforced() -> OrganizationSettings {
    OrganizationSettings::new("enforced.example").required()
}

fn person(name: &str) -> Attributes {
    let member =
        |role: &str, own: OrganizationSettings| Attributes::new().with("role", role).organization(own);
    let own = OrganizationSettings::new;
    match name {
        "casey" => member("commercial", commercial()),
        "olivia" => member("commercial", pilot()),
        "marcus" => member("commercial", enforced()),
        "ada" | "abel" => member("commercial", enforced()).with("role", "administrator"),
        "pat" => member("payor", own("payor.example")),
        "peyton" => member("payee", own("payee.example")),
        "support" => member("payments-support", own("payments.example")),
        "sam" => member("commercial", own("sso.example").required()).with("sso", IDP),
        "multi" => member("commercial", commercial()).organization(pilot()).organization(enforced()),
        _ => Attributes::new(),
    }
}

fn regions(codes: &[&str]) -> Regions {
    codes.iter().map(|code| Region::new(code).unwrap()).collect()
}

#[test]
fn every_demo_account_comes_out_as_the_site_says() {
    let policy = policy();
    let everywhere = regions(&["US", "CA", "MX", "GB", "IE", "FR", "DE", "ES", "IT", "AU", "NZ", "SG", "HK"]);
    let dated = Obligation::Optional { required_from: Some(DATE) };
    for (name, obligation, methods, sms_regions, rules) in [
        ("casey", Obligation::Unavailable, Methods::ALL, everywhere, "commercial"),
        ("olivia", dated, Methods::ALL, everywhere, "commercial"),
        ("marcus", Obligation::Required, Methods::ALL, everywhere, "commercial"),
        ("ada", Obligation::Required, Methods::ALL, everywhere, "commercial"),
        ("abel", Obligation::Required, Methods::ALL, everywhere, "commercial"),
        ("pat", Obligation::Required, Methods::APP, Regions::NONE, "payments-payor"),
        ("peyton", Obligation::Required, Methods::ALL, regions(&["US"]), "payments-payee"),
        ("support", Obligation::Required, Methods::APP, Regions::NONE, "payments-support"),
        ("sam", Obligation::Required, Methods::ALL, everywhere, "commercial"),
        ("multi", Obligation::Required, Methods::ALL, everywhere, "commercial"),
        ("a stranger", Obligation::Required, Methods::APP, Regions::NONE, "default"),
    ] {
        let subject = person(name);
        let decision = policy.decide(&subject, NOW);
        assert_eq!(decision.obligation(), obligation, "{name}");
        assert_eq!(decision.methods(), methods, "{name}");
        assert_eq!(decision.sms_regions(), sms_regions, "{name}");
        assert_eq!(decision.rules().collect::<Vec<_>>().join(" "), rules, "{name}");
        assert_eq!(decision.remember_device(), None, "{name}");
        assert_eq!(decision.after_reset(), AfterReset::FirstFactor, "{name}");
        assert_eq!((decision.apps_max(), decision.recovery_codes(), decision.drift_memory()), (1, 1, 0));
        assert_eq!(decision.throttle().cap(), 20, "{name}");
    }
}

#[test]
fn the_enforcement_date_ends_the_choice_by_itself() {
    let (policy, olivia) = (policy(), person("olivia"));
    let before = DATE.minus(Duration::from_secs(1));
    assert!(!policy.decide(&olivia, before).obligation().is_required());
    assert_eq!(policy.decide(&olivia, DATE).obligation(), Obligation::Required);
}

#[test]
fn an_organization_chooses_how_often_and_twelve_hours_until_it_has() {
    let policy = policy();
    let session = |subject: &Attributes| policy.decide(subject, NOW).freshness(Purpose::Session);
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    assert_eq!(session(&person("marcus")), hours(12));
    let monthly = enforced().reauthenticated_after(ReauthenticateAfter::ThirtyDays);
    let marcus = Attributes::new().with("role", "commercial").organization(monthly.clone());
    assert_eq!(session(&marcus), hours(30 * 24));
    let weekly = pilot().reauthenticated_after(ReauthenticateAfter::SevenDays);
    assert_eq!(session(&marcus.organization(weekly)), hours(7 * 24));
    let payor = Attributes::new().with("role", "payor").organization(monthly);
    assert_eq!(session(&payor), hours(12));
}

#[test]
fn changes_and_transactions_need_a_proof_five_minutes_old_at_most() {
    let (policy, pat) = (policy(), person("pat"));
    let decision = policy.decide(&pat, NOW);
    for purpose in [Purpose::Manage, Purpose::StepUp, Purpose::Transaction] {
        assert_eq!(decision.freshness(purpose), Duration::from_secs(300));
    }
}

#[test]
fn payors_never_get_sms_and_payees_only_in_the_united_states() {
    let policy = policy();
    let both = Attributes::new().with("role", "payor").with("role", "payee");
    assert_eq!(policy.decide(&both, NOW).methods(), Methods::APP);
    let peyton = person("peyton").with("role", "commercial");
    let decision = policy.decide(&peyton, NOW);
    assert_eq!(decision.number_types(), NumberTypes::MOBILE);
    assert!(decision.allows_sms_to(Region::new("US").unwrap()));
    assert!(!decision.allows_sms_to(Region::new("PR").unwrap()));
    assert!(!decision.allows_sms_to(Region::new("CA").unwrap()));
}

#[test]
fn only_the_provider_of_the_organization_is_trusted_and_only_when_it_reports_mfa() {
    let (policy, sam) = (policy(), person("sam"));
    let decision = policy.decide(&sam, NOW);
    assert!(decision.trusts_sso(IDP, &["pwd", "mfa"]));
    assert!(!decision.trusts_sso(IDP, &["pwd"]));
    assert!(!decision.trusts_sso(IDP, &[]));
    assert!(!decision.trusts_sso("https://idp.evil.example", &["mfa"]));
    for other in [sam.clone().organization(enforced()), sam.clone().with("role", "payor"), person("marcus")] {
        assert!(!policy.decide(&other, NOW).trusts_sso(IDP, &["mfa"]), "{other:?}");
    }
}

#[test]
fn who_may_reset_whom() {
    let policy = policy();
    let pilot_administrator =
        Attributes::new().with("role", "commercial").with("role", "administrator").organization(pilot());
    let payor_at_enforced = person("marcus").with("role", "payor");
    let people = |name: &str| match name {
        "pilot-administrator" => pilot_administrator.clone(),
        "marcus-payor" => payor_at_enforced.clone(),
        name => person(name),
    };
    for (actor, subject, may) in [
        ("ada", "marcus", true),
        ("ada", "abel", true),
        ("ada", "multi", true),
        ("pilot-administrator", "olivia", true),
        ("pilot-administrator", "multi", false),
        ("pilot-administrator", "marcus", false),
        ("marcus", "ada", false),
        ("ada", "olivia", false),
        ("ada", "pat", false),
        ("ada", "marcus-payor", false),
        ("support", "pat", true),
        ("support", "peyton", true),
        ("support", "marcus-payor", true),
        ("support", "marcus", false),
        ("support", "ada", false),
        ("support", "a stranger", false),
        ("ada", "sam", false),
        ("support", "sam", false),
        ("a stranger", "marcus", false),
    ] {
        let (actor_attributes, subject_attributes) = (people(actor), people(subject));
        let decision = policy.decide(&subject_attributes, NOW);
        assert_eq!(decision.may_reset(&actor_attributes), may, "{actor} resets {subject}");
    }
}

#[test]
fn faulty_attributes_fall_under_every_class_and_reset_nobody() {
    let policy = policy();
    let faulty = person("casey").with("role", "");
    let decision = policy.decide(&faulty, NOW);
    assert_eq!(decision.rules().count(), policy.classes().count());
    assert_eq!((decision.obligation(), decision.methods()), (Obligation::Required, Methods::APP));
    let marcus = person("marcus");
    assert!(policy.decide(&marcus, NOW).may_reset(&person("ada")));
    assert!(!policy.decide(&marcus, NOW).may_reset(&person("ada").with("role", "")));
}

#[test]
fn each_field_names_what_made_it() {
    let (policy, multi) = (policy(), person("multi").with("role", "payee"));
    let decision = policy.decide(&multi, NOW);
    let sources = |field: Field| {
        let reasons = decision.reasons().filter(|reason| reason.field == field);
        reasons.map(|reason| reason.source).collect::<Vec<_>>()
    };
    assert_eq!(
        sources(Field::Obligation),
        [
            Source::Rule("commercial"),
            Source::Rule("payments-payee"),
            Source::Organization("enforced.example")
        ]
    );
    assert_eq!(sources(Field::SmsRegions), [Source::Rule("payments-payee")]);
    assert_eq!(sources(Field::Freshness(Purpose::Manage)), [Source::Policy]);
    assert!(Field::ALL.into_iter().all(|field| !sources(field).is_empty()));
}

#[test]
fn explanations_read_as_recorded() {
    let policy = policy();
    let explain = |subject: &Attributes| {
        let decision: Decision<'_> = policy.decide(subject, NOW);
        decision.explain().to_string()
    };
    let multi = person("multi").with("role", "payee");
    assert_eq!(explain(&multi), include_str!("data/explain-multi-payee.txt"));
    assert_eq!(explain(&person("sam")), include_str!("data/explain-sam.txt"));
    assert_eq!(explain(&person("a stranger")), include_str!("data/explain-stranger.txt"));
}

#[test]
fn the_reference_product_deviates_from_nothing() {
    let policy = policy();
    assert_eq!((policy.name(), policy.version(), policy.deviations().count()), ("construction-pay", 1, 0));
    assert_eq!(policy.sms().regions().len(), 13);
    assert_eq!(policy.sms().number_types(), NumberTypes::MOBILE);
    assert_eq!(policy.sms().code_lifetime(), Duration::from_secs(600));
    assert!(policy.is_rolled_out_to("pilot.example") && !policy.is_rolled_out_to("commercial.example"));
}
