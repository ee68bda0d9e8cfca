//! The floor: each way to go below it is refused with its line and reason, and accepted only when listed.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests, which may fail loudly"
)]

use mfa_policy::{Fault, FaultKind, Floor, Policy};

/// A sound policy with a place for a line in each table; floors are tried on top of it.
fn file(edits: &[(&str, &str)]) -> String {
    let mut text = String::from(BASE);
    for (place, line) in edits {
        let marker = format!("# {place}\n");
        assert!(text.contains(&marker), "no place {place}");
        text = text.replace(&marker, &format!("{line}\n{marker}"));
    }
    text
}

const BASE: &str = r#"format = 1
name = "floors"
version = 1
[sms]
regions = ["US", "CA"]
# sms
[freshness]
# freshness
[limits]
# limits
[throttle]
# throttle
[[classes]]
name = "payor"
when = { role = "payor" }
payments = "payor"
reset_by = []
# payor
[[classes]]
name = "staff"
when = { role = "staff" }
reset_by = []
requirement = "optional"
methods = ["app", "sms"]
# staff
[default]
requirement = "required"
methods = ["app"]
reset_by = []
# default
# end
"#;

const PAYOR: [(&str, &str); 2] = [("payor", "requirement = \"required\""), ("payor", "methods = [\"app\"]")];

/// Every floor with an edit that goes below it.
fn cases() -> Vec<(Floor, &'static str, &'static str)> {
    vec![
        (Floor::SmsLifetime, "sms", r#"code_lifetime = "601s""#),
        (Floor::SmsToNonMobile, "sms", r#"number_types = ["mobile", "voip"]"#),
        (Floor::SessionFreshness, "freshness", r#"session = "31d""#),
        (Floor::ManageFreshness, "freshness", r#"manage = "16m""#),
        (Floor::StepUpFreshness, "freshness", r#"step_up = "1h""#),
        (Floor::TransactionFreshness, "freshness", r#"transaction = "301s""#),
        (Floor::NoWaiting, "throttle", "waits = false"),
        (Floor::Throttle, "throttle", "failures = 6"),
        (Floor::Throttle, "throttle", r#"window = "14m""#),
        (Floor::DriftMemoryForPayments, "payor", "drift_memory = 1"),
        (Floor::RememberedDeviceForPayments, "payor", r#"remember_device = "1d""#),
        (Floor::RememberedDevice, "staff", r#"remember_device = "31d""#),
    ]
}

fn faults(text: &str) -> Vec<Fault> {
    match Policy::from_toml(text) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults().to_vec(),
    }
}

fn deviation(floor: Floor) -> String {
    format!("[[deviations]]\nrule = \"{floor}\"\nreason = \"risk accepted by the board\"")
}

/// Asserts that `edits` break exactly `floor`, that the fault names line and reason, and that listing it helps.
fn refused_unless_listed(floor: Floor, edits: &[(&str, &str)], broken: &str) {
    let text = file(edits);
    let found = faults(&text);
    assert_eq!(found.len(), 1, "{floor}: {found:?}");
    assert_eq!(found[0].kind(), FaultKind::BelowFloor(floor));
    let line = text.lines().position(|line| line == broken).unwrap() + 1;
    assert_eq!(found[0].line(), Some(line), "{floor}");
    let shown = found[0].to_string();
    assert!(shown.contains(&format!("line {line}")) && shown.contains(floor.why()), "{shown}");

    let listed = deviation(floor);
    let policy = Policy::from_toml(&file(&[edits, &[("end", &listed)]].concat())).unwrap();
    let reported: Vec<_> = policy.deviations().collect();
    assert_eq!(reported.len(), 1);
    assert_eq!((reported[0].floor(), reported[0].reason()), (floor, "risk accepted by the board"));
    assert_eq!(reported[0].line(), Some(line));
    let subject = mfa_policy::Attributes::new();
    let explained = policy.decide(&subject, mfa_core::time::UnixSeconds::EPOCH).explain().to_string();
    assert!(explained.contains(&reported[0].to_string()), "{explained}");
}

#[test]
fn the_file_that_floors_are_tried_on_is_sound() {
    assert_eq!(faults(&file(&PAYOR)), []);
}

#[test]
fn below_a_floor_is_refused_unless_listed() {
    for (floor, place, line) in cases() {
        refused_unless_listed(floor, &[&PAYOR[..], &[(place, line)]].concat(), line);
    }
}

#[test]
fn sms_for_a_payor_is_refused_unless_listed() {
    let methods = r#"methods = ["app", "sms"]  # below"#;
    refused_unless_listed(Floor::SmsForPayor, &[PAYOR[0], ("payor", methods)], methods);
}

#[test]
fn a_payments_class_that_does_not_require_is_refused_unless_listed() {
    for requirement in ["unavailable", "optional"] {
        let line = format!("requirement = \"{requirement}\"  # below");
        refused_unless_listed(Floor::PaymentsNotRequired, &[("payor", &line), PAYOR[1]], &line);
    }
}

#[test]
fn exactly_at_the_floor_is_accepted() {
    let edits = [
        ("sms", r#"code_lifetime = "10m""#),
        ("freshness", "session = \"30d\"\nmanage = \"15m\"\nstep_up = \"15m\"\ntransaction = \"5m\""),
        ("limits", "throttle_cap = 100"),
        ("throttle", "failures = 5\nwindow = \"15m\"\nwaits = true"),
        ("staff", "remember_device = \"30d\"\ndrift_memory = 2"),
    ];
    assert_eq!(faults(&file(&[&PAYOR[..], &edits].concat())), []);
}

#[test]
fn a_cap_above_a_hundred_is_refused_even_when_listed() {
    for (place, line) in [("limits", "throttle_cap = 101"), ("staff", "throttle_cap = 101")] {
        let found = faults(&file(&[&PAYOR[..], &[(place, line)]].concat()));
        assert_eq!(found.iter().map(Fault::kind).collect::<Vec<_>>(), [FaultKind::Fixed], "{found:?}");
    }
}

#[test]
fn what_cannot_be_deviated_from_cannot_be_listed() {
    for word in ["cap-above-100", "single-use", "code-length"] {
        let entry = format!("[[deviations]]\nrule = \"{word}\"\nreason = \"please\"");
        let found = faults(&file(&[&PAYOR[..], &[("end", &entry)]].concat()));
        assert_eq!(found.iter().map(Fault::kind).collect::<Vec<_>>(), [FaultKind::Fixed]);
        assert!(found[0].to_string().contains("cannot be deviated from"));
    }
}

#[test]
fn a_deviation_that_nothing_needs_is_refused() {
    let entry = deviation(Floor::NoWaiting);
    let found = faults(&file(&[&PAYOR[..], &[("end", &entry)]].concat()));
    assert_eq!(found.iter().map(Fault::kind).collect::<Vec<_>>(), [FaultKind::Unused]);
}

#[test]
fn a_deviation_listed_for_one_class_does_not_cover_another() {
    let drift = ("payor", "drift_memory = 1");
    let for_class =
        |class: &str| format!("{}\nclass = \"{class}\"", deviation(Floor::DriftMemoryForPayments));
    let with = |entry: &str| file(&[&PAYOR[..], &[drift, ("end", entry)]].concat());
    assert!(Policy::from_toml(&with(&for_class("payor"))).is_ok());
    let kinds: Vec<_> = faults(&with(&for_class("staff"))).iter().map(Fault::kind).collect();
    assert!(kinds.contains(&FaultKind::Unused));
    assert!(kinds.contains(&FaultKind::BelowFloor(Floor::DriftMemoryForPayments)));
    let kinds: Vec<_> = faults(&with(&for_class("payors"))).iter().map(Fault::kind).collect();
    assert!(kinds.contains(&FaultKind::UnknownName));
}

#[test]
fn a_deviation_without_a_reason_is_refused() {
    for reason in ["", "reason = \"\"", "reason = \"  \""] {
        let entry = format!("[[deviations]]\nrule = \"no-waiting\"\n{reason}");
        let found = faults(&file(&[&PAYOR[..], &[("throttle", "waits = false"), ("end", &entry)]].concat()));
        assert!(!found.is_empty(), "{reason:?}");
    }
}
