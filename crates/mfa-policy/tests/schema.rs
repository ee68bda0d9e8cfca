//! The JSON schema knows the fields that the reader knows.
#![cfg(feature = "schema")]

use mfa_policy::Policy;
use serde_json::Value;

#[test]
fn the_schema_lists_every_field_of_the_reference_policy() {
    let schema: Value = serde_json::from_str(&Policy::json_schema()).unwrap();
    for path in [
        "/properties/sms/properties/code_lifetime",
        "/properties/classes/items/properties/when",
        "/properties/classes/items/properties/requirement",
        "/properties/default/properties/known",
        "/properties/deviations/items/properties/rule",
        "/properties/roll_out/properties/salt",
        "/properties/$schema",
    ] {
        assert!(schema.pointer(path).is_some(), "{path}");
    }
    assert_eq!(schema["required"], serde_json::json!(["format", "name", "version", "default"]));
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
    assert_eq!(
        schema["properties"]["classes"]["items"]["properties"]["requirement"]["enum"][0],
        "unavailable"
    );
    assert!(
        schema["properties"]["name"]["description"].as_str().unwrap().starts_with("What the policy calls")
    );
}
