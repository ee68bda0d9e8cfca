//! Where a text may go, number by number, under `policies/construction-pay.toml`.
#![expect(clippy::unwrap_used, reason = "helpers of tests, which may fail loudly")]

use std::sync::LazyLock;

use mfa_core::phone::{InvalidPhoneNumber, PhoneNumber};
use mfa_core::time::UnixSeconds;
use mfa_policy::numbers::{
    Classified, Destination, InvalidNational, NumberKind, NumberPlan, NumberRefused, PlanError,
};
use mfa_policy::{Attributes, NumberType, OrganizationSettings, Policy, Region, Regions};

static POLICY: LazyLock<Policy> =
    LazyLock::new(|| Policy::from_toml(include_str!("../../../policies/construction-pay.toml")).unwrap());
static PLAN: LazyLock<NumberPlan> = LazyLock::new(|| NumberPlan::prepare(POLICY.sms().regions()).unwrap());

fn region(code: &str) -> Region {
    Region::new(code).unwrap()
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

fn verdict(subject: &Attributes, text: &str) -> Result<Destination, NumberRefused> {
    POLICY.decide(subject, UnixSeconds::new(1_800_000_000)).sms_to(&PLAN, &number(text))
}

/// Of somebody who may be texted in all thirteen regions.
fn commercial(text: &str) -> Result<Destination, NumberRefused> {
    let pilot = OrganizationSettings::new("pilot.example").required();
    verdict(&Attributes::new().with("role", "commercial").organization(pilot), text)
}

/// Of somebody who may be texted in the United States only.
fn payee(text: &str) -> Result<Destination, NumberRefused> {
    verdict(&Attributes::new().with("role", "payee"), text)
}

fn in_region(code: &str) -> NumberRefused {
    NumberRefused::RegionNotAllowed { region: Some(region(code)) }
}

fn in_territory(code: &str, of: &str) -> NumberRefused {
    NumberRefused::TerritoryNotAllowed { region: Some(region(code)), of: region(of) }
}

fn of_kind(kind: NumberKind) -> NumberRefused {
    NumberRefused::TypeNotAllowed { kind }
}

#[test]
fn a_mobile_number_of_each_region_is_allowed() {
    let numbers = [
        ("US", "+12015550123"),
        ("CA", "+15062345678"),
        ("MX", "+522221234567"),
        ("GB", "+447400123456"),
        ("IE", "+353850123456"),
        ("FR", "+33612345678"),
        ("DE", "+4915123456789"),
        ("ES", "+34612345678"),
        ("IT", "+393123456789"),
        ("AU", "+61412345678"),
        ("NZ", "+64211234567"),
        ("SG", "+6581234567"),
        ("HK", "+85251234567"),
    ];
    for (code, text) in numbers {
        let destination = commercial(text).unwrap();
        let is_unclear = ["US", "CA", "MX"].contains(&code);
        let number_type = if is_unclear { NumberType::FixedOrMobile } else { NumberType::Mobile };
        assert_eq!((destination.region(), destination.number_type()), (region(code), number_type), "{text}");
    }
}

#[test]
fn e2_plus_1_204_is_canada_and_not_the_united_states() {
    assert_eq!(commercial("+1 204 234 5678").unwrap().region(), region("CA"));
    assert_eq!(payee("+1 204 234 5678"), Err(in_region("CA")));
}

#[test]
fn e2_plus_1_876_is_jamaica() {
    assert_eq!(commercial("+1 876 210 1234"), Err(in_region("JM")));
    assert_eq!(payee("+1 876 210 1234"), Err(in_region("JM")));
}

#[test]
fn e2_territories_of_the_united_states_are_not_it() {
    let numbers = [
        ("PR", "+17872345678"),
        ("VI", "+13406421234"),
        ("GU", "+16713001234"),
        ("AS", "+16847331234"),
        ("MP", "+16702345678"),
    ];
    for (code, text) in numbers {
        assert_eq!(payee(text), Err(in_territory(code, "US")), "{text}");
    }
}

#[test]
fn e2_plus_44_7797_is_jersey() {
    assert_eq!(commercial("+44 7797 712345"), Err(in_territory("JE", "GB")));
    assert_eq!(commercial("+44 7911 123456"), Err(in_territory("GG", "GB")));
    assert_eq!(commercial("+44 7624 123456"), Err(in_territory("IM", "GB")));
}

#[test]
fn e2_plus_39_06_698_is_the_vatican() {
    assert_eq!(commercial("+39 06 698 12345"), Err(in_territory("VA", "IT")));
    assert_eq!(commercial("+39 06 1234 5678"), Err(of_kind(NumberKind::Fixed)));
}

#[test]
fn e2_overseas_france_has_calling_codes_of_its_own() {
    let unknown = NumberRefused::TerritoryNotAllowed { region: None, of: region("FR") };
    assert_eq!(commercial("+262 692 123456"), Err(unknown), "RE or YT");
    assert_eq!(commercial("+596 696 201234"), Err(in_territory("MQ", "FR")));
    assert_eq!(commercial("+61 8 9162 1234"), Err(in_territory("CC", "AU")));
}

#[test]
fn e2_what_is_nowhere_is_refused() {
    let nowhere = NumberRefused::RegionNotAllowed { region: None };
    for text in
        ["+80012345678", "+881612345678", "+870301234567", "+88213456789", "+9991234567", "+2101234567"]
    {
        assert_eq!(commercial(text), Err(nowhere), "{text}");
    }
    assert_eq!(commercial("+5511961234567"), Err(in_region("BR")));
    assert_eq!(
        payee("+447797712345"),
        Err(in_region("JE")),
        "GB is not allowed, so it is of no use as a reason"
    );
}

#[test]
fn e4_premium_numbers_are_refused() {
    for text in ["+19002345678", "+449012345678", "+499001234567", "+34803123456"] {
        assert_eq!(commercial(text), Err(of_kind(NumberKind::Premium)), "{text}");
    }
}

#[test]
fn e4_toll_free_numbers_are_refused() {
    for text in ["+18002345678", "+448001234567", "+33801234567", "+85280012345 6"] {
        assert_eq!(commercial(text), Err(of_kind(NumberKind::TollFree)), "{text}");
    }
}

#[test]
fn e4_personal_numbers_are_refused() {
    for text in ["+15002345678", "+447012345678", "+16222345678", "+34701234567"] {
        assert_eq!(commercial(text), Err(of_kind(NumberKind::Personal)), "{text}");
    }
}

#[test]
fn e4_voip_numbers_are_refused() {
    for text in ["+445612345678", "+16002012345", "+6531234567", "+353761234567", "+61147101234"] {
        assert_eq!(commercial(text), Err(of_kind(NumberKind::Voip)), "{text}");
    }
}

#[test]
fn e4_landlines_are_refused_where_the_plan_tells() {
    for text in ["+442079460958", "+33142685300", "+4930123456", "+61212345678", "+39 0323 468785"] {
        assert_eq!(commercial(text), Err(of_kind(NumberKind::Fixed)), "{text}");
    }
}

#[test]
fn e4_every_other_kind_is_refused() {
    let numbers = [
        ("+39848123456", NumberKind::SharedCost),
        ("+447640123456", NumberKind::Pager),
        ("+445512345678", NumberKind::Uan),
        ("+3538551234567", NumberKind::Voicemail),
    ];
    for (text, kind) in numbers {
        assert_eq!(commercial(text), Err(of_kind(kind)), "{text}");
    }
}

#[test]
fn too_long_too_short_and_unassigned_numbers_are_invalid() {
    for text in
        ["+642691984970123", "+1201555012", "+120155501234", "+447700900123", "+11112345678", "+33639123456"]
    {
        assert_eq!(commercial(text), Err(NumberRefused::Invalid), "{text}");
    }
}

#[test]
fn separators_are_no_part_of_a_number() {
    for text in
        ["+1\u{A0}201\u{A0}555\u{A0}0123", "+1-201-555-0123", "+1 (201) 555.0123", "+1\u{2011}2015550123"]
    {
        assert_eq!(payee(text).unwrap().region(), region("US"), "{text}");
    }
}

#[test]
fn a_trunk_zero_is_told_and_not_taken_off() {
    for text in ["+44 (0)7400 123456", "+49 0151 23456789", "+61 0412 345 678"] {
        assert_eq!(commercial(text), Err(NumberRefused::TrunkZero), "{text}");
    }
    assert_eq!(commercial("+39 0 312 345 6789"), Err(of_kind(NumberKind::Fixed)), "the zero of Como");
    assert_eq!(commercial("+44 00 7400 123456"), Err(NumberRefused::Invalid), "two zeros are no trunk zero");
    assert_eq!(commercial("+1 0 201 555 0123"), Err(NumberRefused::TrunkZero));
}

#[test]
fn an_old_mexican_mobile_is_told_and_not_shortened() {
    assert_eq!(commercial("+52 1 55 1234 5678"), Err(NumberRefused::OldMexicanMobile));
    assert_eq!(commercial("+52 1 55 1234 56789"), Err(NumberRefused::Invalid));
    assert_eq!(commercial("+52 55 1234 5678").unwrap().region(), region("MX"));
}

#[test]
fn nothing_is_texted_to_whom_sms_is_not_allowed() {
    let payor = Attributes::new().with("role", "payor");
    for text in ["+12015550123", "+18762101234", "+4407400123456"] {
        assert_eq!(verdict(&payor, text), Err(NumberRefused::MethodNotAllowed), "{text}");
    }
}

#[test]
fn a_plan_for_nothing_finds_nothing() {
    let plan = NumberPlan::prepare(Regions::NONE).unwrap();
    let elsewhere = plan.classify(&number("+12015550123"));
    assert!(matches!(elsewhere, Classified::Elsewhere { region: None, territory_of: None, .. }));
    assert_eq!(plan.calling_code(region("US")), None);
    assert_eq!(plan.countries(Regions::ALL).count(), 0);
    assert_eq!(plan.national(region("US"), "201 555 0123"), Err(InvalidNational::NotPrepared));
}

#[test]
fn a_plan_for_too_few_refuses() {
    let plan = NumberPlan::prepare([region("GB")].into_iter().collect()).unwrap();
    let pilot = OrganizationSettings::new("pilot.example").required();
    let subject = Attributes::new().with("role", "commercial").organization(pilot);
    let decision = POLICY.decide(&subject, UnixSeconds::new(1_800_000_000));
    assert_eq!(decision.sms_to(&plan, &number("+33612345678")), Err(in_region("FR")));
    assert!(decision.sms_to(&plan, &number("+447400123456")).is_ok());
}

#[test]
fn a_refusal_shows_no_digit() {
    let (one, other) = (Some(region("JE")), region("GB"));
    let all = [
        NumberRefused::MethodNotAllowed,
        NumberRefused::RegionNotAllowed { region: one },
        NumberRefused::TerritoryNotAllowed { region: one, of: other },
        NumberRefused::TypeNotAllowed { kind: NumberKind::Premium },
        NumberRefused::Invalid,
        NumberRefused::TrunkZero,
        NumberRefused::OldMexicanMobile,
    ];
    for refused in all {
        assert!(
            !refused.to_string().contains(|c: char| c.is_ascii_digit() && !"01".contains(c)),
            "{refused}"
        );
        assert!(!format!("{refused:?}").contains(|c: char| c.is_ascii_digit()));
    }
}

#[test]
fn a_national_number_is_put_together_by_the_plan_s_rule() {
    let numbers = [
        ("US", "(201) 555-0123", "+12015550123"),
        ("US", "1 201 555 0123", "+12015550123"),
        ("CA", "1-506-234-5678", "+15062345678"),
        ("GB", "07400 123456", "+447400123456"),
        ("GB", "(0)7400 123456", "+447400123456"),
        ("GB", "7400 123456", "+447400123456"),
        ("DE", "0151 23456789", "+4915123456789"),
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("AU", "0412 345 678", "+61412345678"),
        ("NZ", "021 123 4567", "+64211234567"),
        ("IE", "085 012 3456", "+353850123456"),
        ("IT", "312 345 6789", "+393123456789"),
        ("IT", "06 1234 5678", "+390612345678"),
        ("ES", "612 34 56 78", "+34612345678"),
        ("SG", "8123 4567", "+6581234567"),
        ("HK", "5123 4567", "+85251234567"),
        ("MX", "55 1234 5678", "+525512345678"),
    ];
    for (code, typed, expected) in numbers {
        assert_eq!(PLAN.national(region(code), typed), Ok(number(expected)), "{code} {typed}");
    }
}

#[test]
fn what_the_rule_does_not_know_stays_and_is_refused() {
    for (code, typed) in [
        ("MX", "01 55 1234 5678"),
        ("MX", "044 55 1234 5678"),
        ("GB", "0044 7400 123456"),
        ("GB", "44 7400 123456"),
        ("GB", "007400 123456"),
        ("US", "1 1 201 555 0123"),
        ("US", "555 0123"),
        ("US", "911 2345"),
    ] {
        let whole = PLAN.national(region(code), typed).unwrap();
        let refused = commercial(&whole.expose());
        assert!(
            matches!(refused, Err(NumberRefused::Invalid | NumberRefused::TrunkZero)),
            "{typed}: {refused:?}"
        );
    }
}

#[test]
fn a_national_number_holds_digits_only() {
    let cases = [
        ("0740O 123456", InvalidPhoneNumber::Character),
        ("07400 123456 x5", InvalidPhoneNumber::Character),
        ("0x7400 123456", InvalidPhoneNumber::Character),
        ("tel:07400123456", InvalidPhoneNumber::Character),
        ("074", InvalidPhoneNumber::Length),
        ("", InvalidPhoneNumber::Length),
        ("+44", InvalidPhoneNumber::Length),
        ("07400123456074001", InvalidPhoneNumber::Length),
    ];
    for (typed, expected) in cases {
        assert_eq!(PLAN.national(region("GB"), typed), Err(expected.into()), "{typed}");
    }
}

#[test]
fn a_plus_sign_says_which_country() {
    let typed = |text: &str| PLAN.national(region("GB"), text);
    assert_eq!(typed("+44 7400 123456"), Ok(number("+447400123456")));
    assert_eq!(typed("+44 7797 712345"), Err(InvalidNational::OtherRegion));
    assert_eq!(typed("+1 201 555 0123"), Err(InvalidNational::OtherRegion));
    assert_eq!(typed("+55 11 96123 4567"), Err(InvalidNational::OtherRegion));
    assert_eq!(typed("+1 111 555 0123"), Err(InvalidNational::OtherRegion));
    assert_eq!(typed("+44 07400 123456"), Err(InvalidNational::Refused(NumberRefused::TrunkZero)));
    assert_eq!(typed("+44 7400"), Err(InvalidPhoneNumber::Length.into()));
}

#[test]
fn a_prefix_that_numbers_begin_with_too_is_taken_off_only_where_that_is_needed() {
    let russia = region("RU");
    let plan = NumberPlan::prepare([russia].into_iter().collect()).unwrap();
    assert_eq!(plan.national(russia, "8 (912) 345-67-89"), Ok(number("+79123456789")));
    assert_eq!(plan.national(russia, "800 123 45 67"), Ok(number("+78001234567")));
}

#[test]
fn countries_are_listed_by_name() {
    let listed: Vec<_> = PLAN.countries(POLICY.sms().regions()).map(|country| country.name).collect();
    let expected = [
        "Australia",
        "Canada",
        "France",
        "Germany",
        "Hong Kong",
        "Ireland",
        "Italy",
        "Mexico",
        "New Zealand",
        "Singapore",
        "Spain",
        "United Kingdom",
        "United States",
    ];
    assert_eq!(listed, expected);
    assert_eq!(PLAN.calling_code(region("GG")), Some(44));
    assert_eq!(PLAN.calling_code(region("AQ")), None);
}

#[test]
fn every_region_can_be_prepared() {
    let plan = NumberPlan::prepare(Regions::ALL).unwrap();
    assert!(plan.countries(Regions::ALL).count() > 235);
    assert_eq!(plan.metadata_version(), "9.0.33");
    // Ascension and Kosovo are none of ISO 3166-1.
    assert!(matches!(plan.classify(&number("+24740123")), Classified::Elsewhere { .. }));
    assert!(matches!(plan.classify(&number("+38343201234")), Classified::Elsewhere { .. }));
    // Tristan da Cunha shares +290 with Saint Helena.
    let tristan = plan.classify(&number("+2908999"));
    assert!(matches!(tristan, Classified::Valid { region: None, .. }), "{tristan:?}");
}

const NEWER: &str = include_str!("data/PhoneNumberMetadata.xml");

#[test]
fn a_newer_file_is_believed() {
    let zealand = region("NZ");
    let plan = NumberPlan::load(NEWER, "9.9.9", [zealand].into_iter().collect()).unwrap();
    assert_eq!(plan.metadata_version(), "9.9.9");
    let kind = |text| match plan.classify(&number(text)) {
        Classified::Valid { region, kind, .. } => Some((region.unwrap().as_str(), kind)),
        _ => None,
    };
    assert_eq!(kind("+64211234567"), Some(("NZ", NumberKind::Mobile)));
    assert_eq!(kind("+6432345678"), Some(("NZ", NumberKind::Fixed)));
    assert_eq!(kind("+64800123456"), None, "the file has no toll-free numbers");
    assert!(matches!(plan.classify(&number("+390669812345")), Classified::Elsewhere { .. }));
    assert_eq!(plan.national(zealand, "021 123 4567"), Ok(number("+64211234567")));
}

#[test]
fn a_file_that_is_none_is_refused() {
    let load = |text: &str| NumberPlan::load(text, "9.9.9", Regions::ALL).unwrap_err();
    assert!(matches!(load(""), PlanError::NoRegions));
    assert!(matches!(load("<html></html>"), PlanError::NoRegions));
    assert!(matches!(load(&" ".repeat((8 << 20) + 1)), PlanError::FileTooLarge));
    let edited = |from: &str, to: &str| {
        assert!(NEWER.contains(from), "{from}");
        load(&NEWER.replace(from, to))
    };
    assert!(matches!(edited("</mobile>", ""), PlanError::File { at: 1.., .. }));
    let pattern = r"[3-9]\d{7}";
    assert!(matches!(edited(pattern, "[3-9"), PlanError::Pattern { calling_code: 64, source: Some(_), .. }));
    assert!(matches!(edited(pattern, "abc"), PlanError::Pattern { calling_code: 64, source: None, .. }));
    let large = "(?:(?:(?:[1-4]{0,9}[2-5]){0,9}[3-6]){0,9}[1-9]?){0,9}";
    assert!(matches!(edited(pattern, &large.repeat(40)), PlanError::TooLarge { calling_code: 64, .. }));
}
