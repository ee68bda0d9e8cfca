//! The JSON schema of policy files, made from the list of fields that the reader uses.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::file::layout::PolicyFile;
use crate::file::read::Table;
use crate::policy::Policy;

impl Policy {
    /// The JSON schema (draft 2020-12) of policy files, as JSON text. It knows names, types and which fields must
    /// be there; floors and names that refer to each other are checked by [`Policy::from_json`] alone.
    ///
    /// # Examples
    /// ```
    /// assert!(mfa_policy::Policy::json_schema().contains("\"requirement\""));
    /// ```
    pub fn json_schema() -> String {
        let mut generator = SchemaGenerator::default();
        let mut schema = table::<PolicyFile>(&mut generator);
        schema.insert("$schema".to_owned(), Value::from("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), Value::from("Policy file of mfa"));
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert("$schema".to_owned(), serde_json::json!({ "type": "string" }));
        }
        format!("{:#}", schema.to_value())
    }
}

/// The properties of a table while they are being listed.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Properties {
    pub(crate) fn optional(&mut self, name: &str, text: &str, mut schema: Schema) {
        schema.insert("description".to_owned(), Value::from(text.trim()));
        self.properties.insert(name.to_owned(), schema.to_value());
    }

    pub(crate) fn required(&mut self, name: &str, text: &str, schema: Schema) {
        self.optional(name, text, schema);
        self.required.push(Value::from(name));
    }
}

/// The schema of a table: its properties and no others.
pub(crate) fn table<T: Table>(generator: &mut SchemaGenerator) -> Schema {
    let mut into = Properties::default();
    T::properties(generator, &mut into);
    json_schema!({
        "type": "object",
        "properties": into.properties,
        "required": into.required,
        "additionalProperties": false,
    })
}

/// The schema of a condition.
pub(crate) fn condition() -> Schema {
    let values = json_schema!({ "anyOf": [
        { "type": "string", "minLength": 1 },
        { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 },
    ]});
    let attributes = json_schema!({
        "type": "object",
        "properties": { "any": false, "not": false },
        "additionalProperties": values,
        "minProperties": 1,
    });
    json_schema!({
        "type": "object",
        "properties": { "any": { "type": "array", "items": attributes, "minItems": 1 }, "not": false },
        "additionalProperties": values,
    })
}
