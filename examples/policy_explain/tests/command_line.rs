//! The program as it is run: what it prints, and what it says of input it cannot use.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::process::{Command, Output};

const AT: [&str; 2] = ["--at", "2026-06-01T00:00:00Z"];

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_policy_explain")).args(arguments).args(AT).output().unwrap()
}

/// What it prints, when it is content.
fn explained(arguments: &[&str]) -> String {
    let output = run(arguments);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), complaint.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it complains of, with the exit code of bad input and nothing on the standard output.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found.trim() == *line), "no line {line:?} in:\n{text}");
    }
}

#[test]
fn a_payor_has_to_whatever_the_organization_says() {
    let organization = ["--organization", "pilot.example", "--enforce-from", "2027-01-01T00:00:00Z"];
    let text = explained(&[&["--role", "payor"], &organization[..]].concat());
    holds(
        &text,
        &[
            "policy construction-pay, version 1, at 2026-06-01T00:00:00Z",
            "obligation: required (rule payments-payor)",
            "methods: app (rule payments-payor)",
            "without an authenticator: has to set one up now",
            "with one: asked for it",
        ],
    );
}

#[test]
fn a_date_ahead_leaves_the_choice_and_names_itself() {
    let person = ["--role", "commercial", "--organization", "pilot.example", "--enforce-from"];
    let ahead = explained(&[&person[..], &["2026-06-01T02:00:01+02:00"]].concat());
    holds(&ahead, &["without an authenticator: may set one up, or skip until 2026-06-01T00:00:01Z"]);
    let passed = explained(&[&person[..], &["2026-06-01T02:00:00+02:00"]].concat());
    holds(&passed, &["without an authenticator: has to set one up now"]);
}

#[test]
fn a_setting_is_that_of_the_organization_before_it() {
    let text = explained(&[
        "--role",
        "commercial",
        "--organization",
        "pilot.example",
        "--reauthenticate-after",
        "30d",
        "--organization",
        "enforced.example",
        "--enforce-from",
        "at-once",
        "--reauthenticate-after",
        "7d",
    ]);
    holds(
        &text,
        &[
            "obligation: required (rule commercial, organisation enforced.example)",
            "freshness for session: 7d (organisation enforced.example)",
        ],
    );
    holds(
        &explained(&["--role", "commercial", "--organization", "pilot.example"]),
        &["without an authenticator: may set one up, or skip"],
    );
    holds(
        &explained(&["--role", "commercial", "--organization", "commercial.example"]),
        &["without an authenticator: signed in, none on offer"],
    );
}

#[test]
fn a_provider_is_believed_when_it_reported_enough() {
    let sam = ["--role", "commercial", "--organization", "sso.example", "--enforce-from", "at-once"];
    let sam = [&sam[..], &["--sso", "https://idp.sso.example"]].concat();
    let trusted = explained(&[&sam[..], &["--amr", "pwd", "--amr", "mfa"]].concat());
    holds(&trusted, &["signed in, since https://idp.sso.example is trusted and reported pwd and mfa"]);
    let untrusted = explained(&sam);
    holds(
        &untrusted,
        &[
            "https://idp.sso.example reported nothing, which is not enough",
            "without an authenticator: has to set one up now",
        ],
    );
}

#[test]
fn another_file_can_be_named_in_either_format() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/default.toml");
    let text = explained(&[default]);
    holds(&text, &["without an authenticator: may set one up, or skip"]);

    let file = std::env::temp_dir().join(format!("policy-explain-{}.json", std::process::id()));
    std::fs::write(&file, JSON).unwrap();
    let text = explained(&[file.to_str().unwrap(), "--role", "guest"]);
    std::fs::remove_file(&file).unwrap();
    holds(
        &text,
        &["obligation: unavailable (rule guests)", "without an authenticator: signed in, none on offer"],
    );
}

const JSON: &str = r#"{
    "format": 1,
    "name": "shop",
    "version": 1,
    "classes": [{
        "name": "guests",
        "when": { "role": "guest" },
        "requirement": "unavailable",
        "methods": ["app"],
        "reset_by": []
    }],
    "default": { "known": ["guests"], "requirement": "required", "methods": ["app"], "reset_by": [] }
}"#;

#[test]
fn without_a_moment_it_is_now() {
    let output = Command::new(env!("CARGO_BIN_EXE_policy_explain")).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    // The machine's clock is past 2000 and short of 3000.
    assert!(text.starts_with("policy construction-pay, version 1, at 2"), "{text}");
}

#[test]
fn whoever_is_in_no_class_falls_under_the_default() {
    holds(&explained(&["--attribute", "department=roofing"]), &["obligation: required (rule default)"]);
}

#[test]
fn bad_input_is_refused_with_what_is_wrong() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (arguments, complaint) in [
        (&["no-such-file.toml"][..], "error: no-such-file.toml: "),
        (&[manifest], "line 1, package: there is no such field here"),
        (&["--role", ""], "error: the attributes cannot be used: "),
        (&["--organization", "a", "--enforce-from", "tomorrow"], "a date looks like 2027-01-01T00:00:00Z"),
        (&["--organization", "a", "--enforce-from", "1969-12-31T23:59:59Z"], "a date before 1970"),
        (
            &["--organization", "a", "--reauthenticate-after", "1h"],
            "the time to ask again must be 12h, 7d or 30d",
        ),
        (&["--enforce-from", "at-once"], "--enforce-from belongs behind the --organization"),
        (
            &["--reauthenticate-after", "7d", "--organization", "a"],
            "--reauthenticate-after belongs behind the --organization",
        ),
        (&["--attribute", "role"], "an attribute looks like NAME=VALUE"),
        (&["--amr", "mfa"], "--sso"),
        (&["--rule", "payor"], "unexpected argument '--rule'"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(complaint), "{arguments:?} is refused with:\n{said}");
    }
}
