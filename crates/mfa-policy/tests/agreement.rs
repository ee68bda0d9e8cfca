//! The classifier against an independent one: `rlibphonenumber`, a port of libphonenumber with metadata of its own.
//!
//! 200 000 numbers of the calling codes of the thirteen regions in `policies/construction-pay.toml`: one half uniformly
//! random digits, the other examples of each region and type with digits changed, dropped or added. Ours has to say
//! the same region and kind of each, unless the difference is one of [`DIFFERENCES`], which the age of the metadata
//! explains; of another calling code, that it is elsewhere. None is allowed by ours and not by the other.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic is how a test fails"
)]

use std::collections::BTreeMap;

use mfa_core::phone::PhoneNumber;
use mfa_policy::numbers::{Classified, NumberPlan};
use mfa_policy::{NumberTypes, Policy, Region, Regions};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType as Type};

const NUMBERS: usize = 200_000;

/// Beginnings of numbers that metadata 9.0.42, the other's, knows otherwise than 9.0.33, ours.
const DIFFERENCES: [(&str, &str); 8] = [
    ("1273", "an area code of Canada since"),
    ("1274", "an area code of the United States since"),
    ("1472", "more exchanges of the United States since"),
    ("1983", "an area code of the United States since"),
    ("34400", "fixed lines of Spain since"),
    ("61496", "more mobile numbers of Australia since"),
    ("85240", "more mobile numbers of Hong Kong since"),
    ("852710", "pagers of Hong Kong then, mobile numbers since"),
];

#[test]
fn regions_and_kinds_are_those_of_another_implementation() {
    let policy = Policy::from_toml(include_str!("../../../policies/construction-pay.toml"))
        .expect("the policy can be used");
    let regions = policy.sms().regions();
    let plan = NumberPlan::prepare(regions).expect("its regions have plans");
    let codes: Vec<u16> = regions.iter().filter_map(|region| plan.calling_code(region)).collect();
    let seeds = examples(&codes);
    let mut random = Random(0x006d_6661);

    let (mut valid, mut allowed, mut explained, mut unexplained) = (0, 0, BTreeMap::new(), BTreeMap::new());
    for number in 0..NUMBERS {
        let digits = if number % 2 == 0 { random.number(&codes) } else { random.like(&seeds) };
        let Ok(number) = PhoneNumber::parse(&format!("+{digits}")) else { continue };
        let theirs = theirs(&number);
        let ours = match ours(&plan, &number) {
            Some(ours) => ours,
            None if is_of(&theirs, regions) => None,
            None => theirs.clone(),
        };
        valid += usize::from(theirs.is_some());
        allowed += usize::from(is_allowed(&ours, regions));
        if ours == theirs {
            continue;
        }
        let known = DIFFERENCES.iter().find(|(beginning, _)| digits.starts_with(beginning));
        let wrongly_allowed = is_allowed(&ours, regions) && !is_allowed(&theirs, regions);
        match known.filter(|_| !wrongly_allowed) {
            Some(known) => *explained.entry(*known).or_insert(0) += 1,
            None => drop(unexplained.insert(digits, (ours, theirs))),
        }
    }
    println!("{NUMBERS} numbers, {valid} of them valid, {allowed} allowed");
    for ((beginning, why), count) in explained {
        println!("  +{beginning}: {count} differ: {why}");
    }
    assert!(valid > NUMBERS / 5 && allowed > NUMBERS / 20, "the numbers test too little");
    assert!(unexplained.is_empty(), "{} numbers differ\n{unexplained:#?}", unexplained.len());
}

/// A region and a kind, as the metadata writes a region and we write a kind. `None` of what is no number.
type Class = Option<(String, &'static str)>;

/// What ours says; `None` of a number elsewhere, into which it does not look.
fn ours(plan: &NumberPlan, number: &PhoneNumber) -> Option<Class> {
    match plan.classify(number) {
        Classified::Valid { region, kind, .. } => {
            Some(Some((region.map_or("none".to_owned(), |region| region.to_string()), kind.as_str())))
        }
        Classified::Invalid => Some(None),
        _ => None,
    }
}

fn is_of(class: &Class, regions: Regions) -> bool {
    let region = class.as_ref().and_then(|(region, _)| Region::new(region).ok());
    region.is_some_and(|region| regions.contains(region))
}

fn is_allowed(class: &Class, regions: Regions) -> bool {
    let is_mobile = |name: &str| NumberTypes::MOBILE.iter().any(|known| known.as_str() == name);
    is_of(class, regions) && class.as_ref().is_some_and(|(_, kind)| is_mobile(kind))
}

/// What the other says, where it leaves the digits as they are.
fn theirs(number: &PhoneNumber) -> Class {
    let whole = number.expose();
    let parsed: rlibphonenumber::PhoneNumber = whole.parse().ok()?;
    let is_same = parsed.format_as(PhoneNumberFormat::E164) == *whole;
    if !is_same || !parsed.is_valid() {
        return None;
    }
    let kind = match parsed.get_type() {
        Type::FixedLine => "fixed",
        Type::Mobile => "mobile",
        Type::FixedLineOrMobile => "fixed-or-mobile",
        Type::TollFree => "toll-free",
        Type::PremiumRate => "premium",
        Type::SharedCost => "shared-cost",
        Type::VoIP => "voip",
        Type::PersonalNumber => "personal",
        Type::Pager => "pager",
        Type::UAN => "uan",
        Type::VoiceMail => "voicemail",
        Type::Unknown => return None,
    };
    Some((parsed.get_region_code()?.as_region_str().to_string(), kind))
}

/// An example of each type of each region that has one of the calling codes.
fn examples(codes: &[u16]) -> Vec<String> {
    const TYPES: [Type; 11] = [
        Type::FixedLine,
        Type::Mobile,
        Type::FixedLineOrMobile,
        Type::TollFree,
        Type::PremiumRate,
        Type::SharedCost,
        Type::VoIP,
        Type::PersonalNumber,
        Type::Pager,
        Type::UAN,
        Type::VoiceMail,
    ];
    let known = PHONE_NUMBER_UTIL.get_supported_regions();
    let examples = known.flat_map(|region| {
        TYPES.into_iter().filter_map(move |kind| {
            PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok()
        })
    });
    let ours = examples.filter(|number| codes.iter().any(|code| i32::from(*code) == number.country_code));
    let mut seeds: Vec<String> = ours
        .map(|number| number.format_as(PhoneNumberFormat::E164).trim_start_matches('+').to_owned())
        .collect();
    seeds.sort_unstable();
    seeds
}

/// splitmix64, so that every run asks the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("it is below a usize")
    }

    fn digit(&mut self) -> char {
        char::from(b"0123456789"[self.below(10)])
    }

    fn number(&mut self, codes: &[u16]) -> String {
        let code = codes[self.below(codes.len())];
        let length = if code == 1 { 10 } else { 7 + self.below(5) };
        let mut digits = code.to_string();
        digits.extend((0..length).map(|_| self.digit()));
        digits
    }

    fn like(&mut self, seeds: &[String]) -> String {
        let mut digits: Vec<char> = seeds[self.below(seeds.len())].chars().collect();
        for _ in 0..self.below(5) {
            let place = 1 + self.below(digits.len() - 1);
            match self.below(12) {
                0 => drop(digits.pop()),
                1 => digits.push(self.digit()),
                2 => digits.insert(place, '0'),
                _ => digits[place] = self.digit(),
            }
        }
        digits.into_iter().collect()
    }
}
