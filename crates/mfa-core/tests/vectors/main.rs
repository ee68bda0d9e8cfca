//! Published test vectors, judged by this crate's rules.
//!
//! `tests/vectors/otp/<kind>.json` at the root of the repository holds entries from RFC 4226, RFC 6238 and the test
//! suites of some forty projects. The environment variable `MFA_VECTORS` names another directory of the same layout,
//! absolute or from the root of the repository; kinds may be missing there. One line is printed per kind: `kind: N passed`.
//!
//! An entry passes when this crate gives its answer, or refuses by name what is outside its limits: other hashes,
//! other code lengths, Steam, time before `T0`. Entries about which peers disagree are decided by the documented
//! reading rules; those that only state another project's policy are decided by a rule of ours, and listed with it.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a panic is how a test fails"
)]

mod codes;
mod text;
mod uris;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// What became of one entry.
enum Verdict {
    Passed,
    /// Another project's policy, decided here by a documented rule of ours: counted, and listed with the rule.
    ByRule(String),
    /// Beyond a bound of ours, so that it cannot be asked: listed, not counted.
    Inapplicable(String),
}

type Judgement = Result<Verdict, String>;
type Judge = fn(&Value) -> Judgement;

const KINDS: [(&str, Judge); 14] = [
    ("base32_decode", text::base32_decode),
    ("base32_reject", text::base32_reject),
    ("code_reject", text::code_reject),
    ("hotp", codes::hotp),
    ("hotp_window", codes::hotp_window),
    ("step_collision", codes::step_collision),
    ("step_range", codes::step_range),
    ("time_arithmetic", codes::time_arithmetic),
    ("totp", codes::totp),
    ("totp_window", codes::totp_window),
    ("truncation", codes::truncation),
    ("uri_build", uris::uri_build),
    ("uri_parse", uris::uri_parse),
    ("uri_reject", uris::uri_reject),
];

const ELSEWHERE: [&str; 6] =
    ["migration", "migration_reject", "import_entry", "legacy_key_stretch", "steam", "nonstandard"];

#[test]
fn published_vectors() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (root, all_must_be_there) = match env::var_os("MFA_VECTORS") {
        Some(directory) => (repository.join(directory), false),
        None => (repository.join("tests/vectors"), true),
    };
    let present = kinds_in(&root.join("otp"));
    let mut failures = Vec::new();

    for kind in &present {
        if ELSEWHERE.contains(&kind.as_str()) {
            println!("{kind} is read by another crate");
        } else if !KINDS.iter().any(|(name, _)| name == kind) {
            failures.push(format!("{kind}: nobody judges this kind"));
        }
    }
    for (kind, judge) in KINDS {
        if present.contains(kind) {
            run(&root, kind, judge, &mut failures);
        } else if all_must_be_there {
            failures.push(format!("{kind}: the file is missing"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

fn kinds_in(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("the directory of vectors can be read");
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    paths.filter(is_json).filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn run(root: &Path, kind: &str, judge: Judge, failures: &mut Vec<String>) {
    let file = root.join("otp").join(kind).with_extension("json");
    let text = fs::read_to_string(file).expect("a file of vectors can be read");
    let file: Value = serde_json::from_str(&text).expect("a file of vectors is JSON");
    let vectors = file["vectors"].as_array().expect("a file has vectors");
    let (mut passed, mut listed) = (0, Vec::new());
    for vector in vectors {
        let id = vector["id"].as_str().unwrap_or("an entry without id");
        match judge(vector) {
            Ok(Verdict::Passed) => passed += 1,
            Ok(Verdict::ByRule(reason)) => {
                passed += 1;
                listed.push(format!("  {id} by our rule: {reason}"));
            }
            Ok(Verdict::Inapplicable(reason)) => listed.push(format!("  {id} not counted: {reason}")),
            Err(fault) => failures.push(format!("{id}: {fault}")),
        }
    }
    println!("{kind}: {passed} passed");
    for line in listed {
        println!("{line}");
    }
}

/// Passes when `is_right`; otherwise fails with what was found.
fn expect(is_right: bool, found: impl std::fmt::Debug) -> Judgement {
    if is_right { Ok(Verdict::Passed) } else { Err(format!("got {found:?}")) }
}

fn text<'a>(vector: &'a Value, field: &str) -> Result<&'a str, String> {
    vector[field].as_str().ok_or_else(|| format!("{field} is not a text"))
}

/// An unsigned number; `None` when it is absent, null or negative.
fn number(vector: &Value, field: &str) -> Option<u64> {
    vector[field].as_u64()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    text.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or_else(|| "not hexadecimal".to_owned())
}
