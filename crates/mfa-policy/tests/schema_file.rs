//! The schema that stands beside the policy files, for editors and reviewers, is the one that the reader follows.
#![cfg(feature = "schema")]

use mfa_policy::Policy;

/// Compared as values: in which order a map is written depends on what else is built with it.
#[test]
fn the_schema_file_is_what_the_reader_follows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/policy.schema.json");
    let (text, wanted) = (std::fs::read_to_string(path).unwrap_or_default(), Policy::json_schema());
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let is_kept = value(&text).is_some() && value(&text) == value(&wanted);
    if !is_kept && std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, format!("{}\n", wanted.trim_end())).unwrap();
        return;
    }
    assert!(is_kept, "run this test once with UPDATE_SCHEMA=1 and look at the change");
}
