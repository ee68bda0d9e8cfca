//! What is wrong with a file, all of it at once, each with its place.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests, which may fail loudly")]

use mfa_policy::{FaultKind, Policy};

const SOUND: &str = r#"
format = 1
name = "faults"
version = 1
[sms]
regions = ["US"]
[[actors]]
name = "desk"
when = { role = "desk" }
[[sso]]
provider = "idp"
accepted_amr = ["mfa"]
[[classes]]
name = "staff"
when = { role = "staff" }
requirement = "required"
methods = ["app", "sms"]
reset_by = ["desk"]
trust_sso = ["idp"]
[default]
known = ["staff"]
requirement = "required"
methods = ["app"]
reset_by = []
"#;

/// The faults after replacing `from` by `to`: kind, path, and the whole text.
fn faults(from: &str, to: &str) -> Vec<(FaultKind, String, String)> {
    assert!(SOUND.contains(from), "{from}");
    let error = Policy::from_toml(&SOUND.replacen(from, to, 1)).expect_err(to);
    error.faults().iter().map(|fault| (fault.kind(), fault.path().to_owned(), fault.to_string())).collect()
}

/// Asserts that the edit makes exactly one fault of that kind and path, whose text holds `text`.
fn one(from: &str, to: &str, kind: FaultKind, path: &str, text: &str) {
    let found = faults(from, to);
    assert_eq!(found.len(), 1, "{to}: {found:?}");
    assert_eq!((found[0].0, &*found[0].1), (kind, path), "{found:?}");
    assert!(found[0].2.contains(text), "{found:?}");
}

#[test]
fn the_file_that_faults_are_tried_on_is_sound() {
    assert!(Policy::from_toml(SOUND).is_ok());
}

#[test]
fn an_unknown_field_names_the_one_that_was_meant() {
    one(
        "trust_sso =",
        "trust_ss0 =",
        FaultKind::UnknownField,
        "classes[0].trust_ss0",
        "did you mean `trust_sso`?",
    );
    one("format = 1", "format = 1\nbanana = 1", FaultKind::UnknownField, "banana", "no such field");
    let moved = ("[default]\n", "[default]\nname = \"everybody\"\n");
    one(moved.0, moved.1, FaultKind::UnknownField, "default.name", "no such field");
}

#[test]
fn a_missing_field_names_its_table() {
    one("version = 1\n", "", FaultKind::Missing, "", "`version` is missing");
    one("reset_by = [\"desk\"]\n", "", FaultKind::Missing, "classes[0]", "`reset_by` is missing");
    one("accepted_amr = [\"mfa\"]\n", "", FaultKind::Missing, "sso[0]", "`accepted_amr` is missing");
    let without_default = SOUND.split("[default]").next().unwrap();
    let error = Policy::from_toml(without_default).unwrap_err();
    assert!(error.to_string().contains("`default` is missing"), "{error}");
}

#[test]
fn a_wrong_type_says_what_it_must_be() {
    one(
        "version = 1",
        "version = \"1\"",
        FaultKind::Type,
        "version",
        "must be a whole number, and is a text",
    );
    one("version = 1", "version = 1.0", FaultKind::Type, "version", "a number with a fraction");
    one("version = 1", "version = -1", FaultKind::Value, "version", "below zero");
    one("methods = [\"app\"]", "methods = \"app\"", FaultKind::Type, "default.methods", "must be a list");
    one("when = { role = \"staff\" }", "when = \"staff\"", FaultKind::Type, "classes[0].when", "a table");
}

#[test]
fn values_that_are_not_allowed_are_refused() {
    one("format = 1", "format = 2", FaultKind::Value, "format", "format 1");
    one("\"US\"", "\"UK\"", FaultKind::Value, "sms.regions[0]", "did you mean `GB`?");
    one("\"US\"", "\"us\"", FaultKind::Value, "sms.regions[0]", "did you mean `US`?");
    one(
        "= \"required\"",
        "= \"requird\"",
        FaultKind::Value,
        "classes[0].requirement",
        "did you mean `required`?",
    );
    one("[\"app\", \"sms\"]", "[\"sms\"]", FaultKind::Value, "classes[0].methods", "`app` must be among");
    one(
        "[\"app\", \"sms\"]",
        "[\"app\", \"email\"]",
        FaultKind::Value,
        "classes[0].methods[1]",
        "there is app, sms",
    );
    one("[default]", "[default]\ndrift_memory = 3", FaultKind::Value, "default.drift_memory", "0 to 2");
    one(
        "[default]",
        "[default]\nremember_device = \"0d\"",
        FaultKind::Value,
        "default.remember_device",
        "above zero",
    );
    one("[\"mfa\"]", "[]", FaultKind::Value, "sso[0].accepted_amr", "never trusted");
    one("regions = [\"US\"]", "regions = []", FaultKind::Value, "classes[0].methods", "no region");
}

#[test]
fn a_class_that_is_looser_than_the_policy_is_refused() {
    let with = |line: &str| format!("[default]\n{line}");
    one(
        "[default]",
        &with("recovery_codes = 2"),
        FaultKind::Value,
        "default.recovery_codes",
        "without effect",
    );
    one("[default]", &with("apps_max = 2"), FaultKind::Value, "default.apps_max", "without effect");
    one("[default]", &with("throttle_cap = 21"), FaultKind::Value, "default.throttle_cap", "without effect");
    let session = with("freshness = { session = \"13h\" }");
    one("[default]", &session, FaultKind::Value, "default.freshness.session", "12h");
    one(
        "[default]",
        &with("sms_regions = [\"CA\"]"),
        FaultKind::Value,
        "default.sms_regions[0]",
        "sms.regions",
    );
    one(
        "[default]",
        &with("number_types = [\"fixed\"]"),
        FaultKind::Value,
        "default.number_types[0]",
        "fixed",
    );
}

#[test]
fn names_must_be_defined_once() {
    one(
        "reset_by = [\"desk\"]",
        "reset_by = [\"dsk\"]",
        FaultKind::UnknownName,
        "classes[0].reset_by[0]",
        "`desk`",
    );
    one("[\"idp\"]", "[\"idq\"]", FaultKind::UnknownName, "classes[0].trust_sso[0]", "did you mean `idp`?");
    one("known = [\"staff\"]", "known = [\"stuff\"]", FaultKind::UnknownName, "default.known[0]", "`staff`");
    let twice = "[[actors]]\nname = \"desk\"\nwhen = { role = \"x\" }\n[[sso]]";
    one("[[sso]]", twice, FaultKind::Duplicate, "actors[1].name", "already");
    let class = |name: &str| {
        let rules = "requirement = \"optional\"\nmethods = [\"app\"]\nreset_by = []";
        format!("[[classes]]\nname = \"{name}\"\n{rules}\n[default]")
    };
    one("[default]", &class("staff"), FaultKind::Duplicate, "classes[1].name", "already");
    one("[default]", &class("default"), FaultKind::Duplicate, "classes[1].name", "own table");
}

#[test]
fn a_condition_cannot_ask_for_what_is_missing() {
    one(
        "{ role = \"staff\" }",
        "{ not = { role = \"x\" } }",
        FaultKind::UnknownField,
        "classes[0].when.not",
        "weaken",
    );
    one("{ role = \"staff\" }", "{ role = [] }", FaultKind::Value, "classes[0].when.role", "match nobody");
    one("{ role = \"staff\" }", "{ any = [] }", FaultKind::Value, "classes[0].when.any", "match nobody");
    one(
        "{ role = \"staff\" }",
        "{ any = [{}] }",
        FaultKind::Value,
        "classes[0].when.any[0]",
        "match everybody",
    );
    let nested = "{ any = [{ any = [{ role = \"x\" }], role = \"y\" }] }";
    one("{ role = \"staff\" }", nested, FaultKind::Value, "classes[0].when.any[0].any", "within an `any`");
    one("{ role = \"desk\" }", "{}", FaultKind::Value, "actors[0].when", "let everybody reset");
}

#[test]
fn a_known_class_cannot_ask_for_an_organization() {
    let condition = "{ organization = \"a.example\" }";
    one("{ role = \"staff\" }", condition, FaultKind::Value, "default.known[0]", "free a subject");
}

#[test]
fn by_organization_needs_a_roll_out_and_a_percentage_a_salt() {
    let by = "requirement = \"by-organization\"";
    one("requirement = \"required\"", by, FaultKind::Missing, "classes[0].requirement", "roll_out");
    let percentage = "[roll_out]\npercentage = 5\n[default]";
    one("[default]", percentage, FaultKind::Missing, "roll_out", "`salt` is missing");
    let percentage = "[roll_out]\npercentage = 101\nsalt = \"s\"\n[default]";
    one("[default]", percentage, FaultKind::Value, "roll_out.percentage", "0 to 100");
}

#[test]
fn too_many_classes_or_values_are_refused() {
    let class = |n: usize| {
        let rules = "requirement = \"required\"\nmethods = [\"app\"]\nreset_by = []";
        format!("[[classes]]\nname = \"c{n}\"\nwhen = {{ role = \"r{n}\" }}\n{rules}\n")
    };
    let classes = |count: usize| SOUND.to_owned() + &(0..count).map(class).collect::<String>();
    assert!(Policy::from_toml(&classes(62)).is_ok());
    assert_eq!(Policy::from_toml(&classes(63)).unwrap_err().faults()[0].kind(), FaultKind::TooMany);
    let values: Vec<String> = (0..300).map(|n| format!("\"v{n}\"")).collect();
    let when = format!("{{ role = [{}] }}", values.join(", "));
    assert!(faults("{ role = \"staff\" }", &when).iter().all(|(kind, ..)| *kind == FaultKind::TooMany));
}

#[test]
fn every_fault_is_reported_at_once_in_the_order_of_the_file() {
    let text = SOUND
        .replace("version = 1", "version = true")
        .replace("\"US\"", "\"UK\"")
        .replace("\"required\"", "\"requird\"")
        .replace("[\"idp\"]", "[\"idq\"]");
    let error = Policy::from_toml(&text).unwrap_err();
    let lines: Vec<_> = error.faults().iter().map(|fault| fault.line().unwrap()).collect();
    assert_eq!(lines.len(), 5, "{error}");
    assert!(lines.is_sorted());
    let shown = error.to_string();
    assert!(shown.starts_with("the policy file cannot be used\n  line 4, version: must be"), "{shown}");
    assert_eq!(shown.lines().count(), 6);
}

#[test]
fn a_syntax_error_has_its_line() {
    let error = Policy::from_toml("format = 1\nname = \n").unwrap_err();
    assert_eq!((error.faults()[0].kind(), error.faults()[0].line()), (FaultKind::Syntax, Some(2)));
    let error = Policy::from_json("{\n\"format\": }").unwrap_err();
    assert_eq!((error.faults()[0].kind(), error.faults()[0].line()), (FaultKind::Syntax, Some(2)));
}

#[test]
fn json_says_the_same_and_names_the_path() {
    let sound = r#"{
        "$schema": "policy.schema.json", "format": 1, "name": "json", "version": 7,
        "classes": [{ "name": "all", "requirement": "optional", "methods": ["app"], "reset_by": [] }],
        "default": { "known": ["all"], "requirement": "required", "methods": ["app"], "reset_by": [] }
    }"#;
    let policy = Policy::from_json(sound).unwrap();
    assert_eq!((policy.name(), policy.version()), ("json", 7));
    let error = Policy::from_json(&sound.replace("\"optional\"", "\"optionl\"")).unwrap_err();
    let fault = &error.faults()[0];
    assert_eq!((fault.line(), fault.path()), (None, "classes[0].requirement"));
    assert!(
        fault.to_string().starts_with("classes[0].requirement: `optionl` is not a requirement"),
        "{fault}"
    );
}
