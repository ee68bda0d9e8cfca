//! The schema that stands beside the policy files, for editors and reviewers, is the one that the reader follows.
#![cfg(feature = "schema")]

use mfa_policy::Policy;

#[test]
fn the_schema_file_is_what_the_reader_follows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/policy.schema.json");
    let wanted = Policy::json_schema();
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if kept.trim_end() != wanted.trim_end() && std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, format!("{}\n", wanted.trim_end())).unwrap();
        return;
    }
    assert_eq!(
        kept.trim_end(),
        wanted.trim_end(),
        "run this test once with UPDATE_SCHEMA=1 and look at the change"
    );
}
