//! Whether a text may go to a number of each of thirteen regions, asked of us and of `rlibphonenumber`.

use std::time::Instant;

use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_policy::numbers::{Destination, NumberPlan};
use mfa_policy::{Attributes, Decision, OrganizationSettings, Policy};
use rlibphonenumber::{PhoneNumberType, Region};

/// A mobile number of each region.
pub const NUMBERS: [&str; 13] = [
    "+12015550123",
    "+15062345678",
    "+522221234567",
    "+447400123456",
    "+353850123456",
    "+33612345678",
    "+4915123456789",
    "+34612345678",
    "+393123456789",
    "+61412345678",
    "+64211234567",
    "+6581234567",
    "+85251234567",
];

/// The policy, its plan, and somebody who may be texted in all of its regions.
#[derive(Debug)]
pub struct Texted {
    policy: Policy,
    plan: NumberPlan,
    subject: Attributes,
}

impl Texted {
    /// Prepares the plan.
    pub fn new() -> Self {
        let policy = policy();
        let plan = NumberPlan::prepare(policy.sms().regions()).unwrap();
        let pilot = OrganizationSettings::new("pilot.example").required();
        let subject = Attributes::new().with("role", "commercial").organization(pilot);
        Self { policy, plan, subject }
    }

    /// What the policy says of the subject.
    pub fn decide(&self) -> Decision<'_> {
        self.policy.decide(&self.subject, UnixSeconds::new(1_800_000_000))
    }

    /// From the text of a number to the verdict on it.
    pub fn ours(&self, decision: &Decision<'_>, text: &str) -> Destination {
        let number = PhoneNumber::parse(text).unwrap();
        decision.sms_to(&self.plan, &number).unwrap()
    }
}

impl Default for Texted {
    fn default() -> Self {
        Self::new()
    }
}

/// The full check of `rlibphonenumber`: read, valid, region, type.
pub fn theirs(text: &str) -> (Region, PhoneNumberType) {
    let number: rlibphonenumber::PhoneNumber = text.parse().unwrap();
    assert!(number.is_valid());
    (number.get_region_code().unwrap(), number.get_type())
}

/// How long it takes until the plan of thirteen regions is there, in nanoseconds. Once a process, since the metadata
/// stays.
pub fn prepare() -> u128 {
    let regions = policy().sms().regions();
    nanoseconds(|| NumberPlan::prepare(regions).unwrap())
}

/// How long `phonenumber` takes until its own metadata is there, in nanoseconds. Once a process likewise.
pub fn load_metadata() -> u128 {
    nanoseconds(|| phonenumber::metadata::DATABASE.by_id("US").unwrap().country_code())
}

fn policy() -> Policy {
    Policy::from_toml(include_str!("../../policies/construction-pay.toml")).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "to measure time is what this is for")]
fn nanoseconds<T>(once: impl FnOnce() -> T) -> u128 {
    let start = Instant::now();
    let made = std::hint::black_box(once());
    let passed = start.elapsed().as_nanos();
    drop(made);
    passed
}
