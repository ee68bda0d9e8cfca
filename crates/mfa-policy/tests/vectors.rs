//! Published phone numbers, judged by the policy of `policies/construction-pay.toml`.
//!
//! `tests/vectors/phone.json` at the root of the repository holds numbers with what libphonenumber says of them and the
//! verdict of a policy of thirteen regions (`sms`) and of the United States alone (`sms_us_payee`). The environment
//! variable `MFA_VECTORS` names another directory with such a file, absolute or from the root of the repository; where
//! it has none, nothing is judged. One line is printed: `phone: N passed`.
//!
//! Whether a verdict is `ok` is judged; the reasons of a refusal are named differently here. An entry with
//! `expected_9_0_33` is younger than the metadata of this release and may be refused. An entry without `policy` is
//! about hints of a region, which we do not take.
#![expect(clippy::expect_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::{env, fs};

use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_policy::numbers::NumberPlan;
use mfa_policy::{Attributes, Decision, OrganizationSettings, Policy};
use serde_json::Value;

#[test]
fn published_numbers() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (directory, must_be_there) = match env::var_os("MFA_VECTORS") {
        Some(directory) => (repository.join(directory), false),
        None => (repository.join("tests/vectors"), true),
    };
    let file = directory.join("phone.json");
    if !must_be_there && !file.exists() {
        println!("phone: no file");
        return;
    }
    let text = fs::read_to_string(file).expect("the file of numbers can be read");
    let file: Value = serde_json::from_str(&text).expect("the file of numbers is JSON");
    let entries = file["numbers"].as_array().expect("the file has numbers");

    let judge = Judge::new();
    let (mut passed, mut younger, mut unjudged, mut failures) = (0, 0, 0, Vec::new());
    for entry in entries {
        match judge.judge(entry) {
            Ok(Verdict::Passed) => passed += 1,
            Ok(Verdict::Younger) => (passed, younger) = (passed + 1, younger + 1),
            Ok(Verdict::NoPolicy) => unjudged += 1,
            Err(fault) => failures.push(format!("{}: {fault}", entry["input"])),
        }
    }
    println!("phone: {passed} passed");
    println!("  {younger} of them refused, as younger than the metadata {}", judge.plan.metadata_version());
    println!("  {unjudged} not counted: without a policy");
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

enum Verdict {
    Passed,
    /// Refused for being younger than the metadata.
    Younger,
    NoPolicy,
}

struct Judge {
    policy: Policy,
    plan: NumberPlan,
    commercial: Attributes,
    payee: Attributes,
}

impl Judge {
    fn new() -> Self {
        let policy = Policy::from_toml(include_str!("../../../policies/construction-pay.toml"))
            .expect("the policy can be used");
        let plan = NumberPlan::prepare(policy.sms().regions()).expect("its regions have plans");
        let pilot = OrganizationSettings::new("pilot.example").required();
        let commercial = Attributes::new().with("role", "commercial").organization(pilot);
        let payee = Attributes::new().with("role", "payee");
        Self { policy, plan, commercial, payee }
    }

    fn judge(&self, entry: &Value) -> Result<Verdict, String> {
        let Some(verdicts) = entry.get("policy").filter(|verdicts| !verdicts.is_null()) else {
            return Ok(Verdict::NoPolicy);
        };
        let input = entry["input"].as_str().ok_or("no input")?;
        let number = PhoneNumber::parse(input).ok();
        if let Some(canonical) = verdicts["canonical"].as_str() {
            let found = number.as_ref().map(PhoneNumber::expose);
            if found.as_deref() != Some(canonical) {
                return Err(format!("read as {found:?}, not {canonical}"));
            }
        } else if let Some(number) = &number {
            return Err(format!("read as {}, not refused", number.expose()));
        }
        let now = UnixSeconds::new(1_800_000_000);
        let sms = self.policy.decide(&self.commercial, now);
        let payee = self.policy.decide(&self.payee, now);
        let is_younger = entry.get("expected_9_0_33").is_some();
        let mut verdict = Verdict::Passed;
        for (decision, name) in [(sms, "sms"), (payee, "sms_us_payee")] {
            match (self.answer(&decision, number.as_ref()), verdicts[name].as_str().ok_or("no verdict")?) {
                (Ok(()), "ok") | (Err(_), "not_e164") => {}
                (Err(_), "ok") if is_younger => verdict = Verdict::Younger,
                (Ok(()), expected) => return Err(format!("{name} is allowed, not {expected}")),
                (Err(reason), "ok") => return Err(format!("{name} is refused: {reason}")),
                (Err(_), _) => {}
            }
        }
        Ok(verdict)
    }

    fn answer(&self, decision: &Decision<'_>, number: Option<&PhoneNumber>) -> Result<(), String> {
        let number = number.ok_or("not a number")?;
        decision.sms_to(&self.plan, number).map(drop).map_err(|refused| refused.to_string())
    }
}
