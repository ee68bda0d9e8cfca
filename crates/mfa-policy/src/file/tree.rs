//! One tree for TOML and JSON, so that both are read by the same code and every fault can say where it is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::de::{DeTable, DeValue};

use crate::error::{Fault, FaultKind};

/// A value and, in TOML, the line it begins on.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) line: Option<usize>,
}

/// A value of a policy file.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// Something that no field takes: what it is, with its article.
    Other(&'static str),
}

/// A key of a table with its value and, in TOML, the key's line.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: Option<usize>,
    pub(crate) node: Node,
}

impl Value {
    /// What it is, with its article, for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Parses TOML; every syntax error is a fault.
pub(crate) fn from_toml(text: &str) -> Result<Node, Vec<Fault>> {
    bounded(text)?;
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { value: lines.table(table.into_inner()), line: Some(1) });
    }
    let faults = errors.iter().map(|error| {
        let line = error.span().map(|span| lines.at(span.start));
        Fault { kind: FaultKind::Syntax, path: String::new(), line, text: error.message().to_owned() }
    });
    Err(faults.collect())
}

/// Parses JSON; the first syntax error is the fault. A key that stands twice in an object is one.
pub(crate) fn from_json(text: &str) -> Result<Node, Vec<Fault>> {
    bounded(text)?;
    serde_json::from_str(text).map_err(|error| {
        let line = Some(error.line()).filter(|line| *line > 0);
        vec![Fault { kind: FaultKind::Syntax, path: String::new(), line, text: error.to_string() }]
    })
}

/// Refuses a text too large to be a policy before any parser sees it.
fn bounded(text: &str) -> Result<(), Vec<Fault>> {
    if text.len() <= MAXIMUM_BYTES {
        return Ok(());
    }
    let text = format!("a policy file has at most {MAXIMUM_BYTES} bytes");
    Err(vec![Fault { kind: FaultKind::Syntax, path: String::new(), line: None, text }])
}

const MAXIMUM_BYTES: usize = 1 << 20;

/// Where each line of a text begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The line of a byte, counted from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }

    fn table(&self, table: DeTable<'_>) -> Value {
        let entries = table.into_iter().map(|(key, value)| {
            let line = self.at(key.span().start);
            // A value written as a header (`[a.b]`) spans its header; a dotted one may span nothing of its own.
            let at = self.at(value.span().start).max(line);
            Entry {
                key: key.into_inner().into_owned(),
                line: Some(line),
                node: self.node(value.into_inner(), at),
            }
        });
        let mut entries: Vec<Entry> = entries.collect();
        entries.sort_by_key(|entry| entry.line);
        Value::Table(entries)
    }

    fn node(&self, value: DeValue<'_>, line: usize) -> Node {
        let value = match value {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Boolean(boolean) => Value::Boolean(boolean),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or(Value::Other("a number too large"), Value::Integer),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(_) => Value::Other("a date or time"),
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| {
                        let line = self.at(item.span().start);
                        self.node(item.into_inner(), line)
                    })
                    .collect(),
            ),
            DeValue::Table(table) => self.table(table),
        };
        Node { value, line: Some(line) }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NodeVisitor).map(|value| Self { value, line: None })
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Other("a number too large"), Value::Integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a number with a fraction"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut table: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, node)) = items.next_entry::<String, Node>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("`{key}` stands twice in one object")));
            }
            table.push(Entry { key, line: None, node });
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let lines = Lines::of("a\nbc\n\nd");
        assert_eq!([0, 1, 2, 4, 5, 6].map(|byte| lines.at(byte)), [1, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn every_toml_syntax_error_has_its_line() {
        let faults = from_toml("a = \nb = 1\nc = = 2\n").unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
        assert!(lines.contains(&Some(1)) && lines.contains(&Some(3)), "{faults:?}");
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_in_json_too() {
        let faults = from_json(r#"{"a": 1, "a": 2}"#).unwrap_err();
        assert!(faults[0].text.contains("twice"), "{faults:?}");
        assert!(from_toml("a = 1\na = 2").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        assert!(from_json(&"[".repeat(100_000)).is_err());
        assert!(from_toml(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
