//! From the tree to typed values, collecting faults on the way.

use std::time::Duration;

use super::tree::{Entry, Node, Value};
use crate::error::{Fault, FaultKind};
use crate::organization::ReauthenticateAfter;
use crate::region::Region;
use crate::word::{Word, closest};

/// Where something stands in a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) line: Option<usize>,
}

impl Place {
    fn field(&self, name: &str, line: Option<usize>) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, line }
    }

    fn item(&self, number: usize, line: Option<usize>) -> Self {
        Self { path: format!("{}[{number}]", self.path), line }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}

/// The faults found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, kind: FaultKind, at: &Place, text: impl Into<String>) {
        self.0.push(Fault { kind, path: at.path.clone(), line: at.line, text: text.into() });
    }

    /// Whether something within the field `path` is faulty already, so that what follows from it can be left out.
    pub(crate) fn has_within(&self, path: &str) -> bool {
        self.0.iter().any(|fault| fault.path.starts_with(path))
    }

    /// The faults in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Fault> {
        self.0.sort_by_key(|fault| fault.line);
        self.0
    }
}

/// A value that can be read from a node. `None` after a fault.
pub(crate) trait Read: Sized {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self>;

    /// The JSON schema of what [`Read::read`] takes.
    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema;
}

/// The fields of a table while they are being taken.
pub(crate) struct Fields<'n> {
    at: Place,
    left: Vec<&'n Entry>,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, if it is a table.
    pub(crate) fn of(node: &'n Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::Table(entries) => {
                Some(Self { at: at.clone(), left: entries.iter().collect(), asked: Vec::new() })
            }
            other => wrong_type("a table", other, at, faults),
        }
    }

    /// Takes a field that may be left out.
    pub(crate) fn optional<T: Read>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
    ) -> Option<Located<T>> {
        self.asked.push(name);
        let place = self.left.iter().position(|entry| entry.key == name)?;
        let entry = self.left.swap_remove(place);
        let at = self.at.field(name, entry.line);
        T::read(&entry.node, &at, faults).map(|value| Located { value, at })
    }

    /// Takes a field that must be there.
    pub(crate) fn required<T: Read>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
    ) -> Option<Located<T>> {
        if !self.left.iter().any(|entry| entry.key == name) {
            faults.add(FaultKind::Missing, &self.at, format!("`{name}` is missing"));
        }
        self.optional(name, faults)
    }

    /// Passes over a field that means nothing to us.
    pub(crate) fn pass_over(&mut self, name: &str) {
        self.left.retain(|entry| entry.key != name);
    }

    /// Ends the table: what is left are fields that do not exist.
    pub(crate) fn end(self, faults: &mut Faults) {
        let mut left = self.left;
        left.sort_by_key(|entry| entry.line);
        for entry in left {
            let at = self.at.field(&entry.key, entry.line);
            let known = self.asked.iter().copied();
            faults.add(
                FaultKind::UnknownField,
                &at,
                unknown("there is no such field here", &entry.key, known),
            );
        }
    }
}

/// A list of fields that reads itself; [`table!`](crate::file::layout) makes them.
pub(crate) trait Table: Sized {
    fn take(fields: &mut Fields<'_>, faults: &mut Faults) -> Self;

    #[cfg(feature = "schema")]
    fn properties(generator: &mut schemars::SchemaGenerator, into: &mut crate::schema::Properties);
}

impl<T: Table> Read for T {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let mut fields = Fields::of(node, at, faults)?;
        let table = T::take(&mut fields, faults);
        fields.end(faults);
        Some(table)
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::schema::table::<T>(generator)
    }
}

/// A list; a fault in one item leaves out that item.
impl<T: Read> Read for Vec<Located<T>> {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let Value::List(items) = &node.value else { return wrong_type("a list", &node.value, at, faults) };
        let read = items.iter().enumerate().filter_map(|(number, item)| {
            let at = at.item(number, item.line);
            T::read(item, &at, faults).map(|value| Located { value, at })
        });
        Some(read.collect())
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let items = T::schema(generator);
        schemars::json_schema!({ "type": "array", "items": items })
    }
}

/// A text of 1 to 256 bytes without control characters, which may be shown to an operator.
impl Read for String {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let Value::Text(text) = &node.value else { return wrong_type("a text", &node.value, at, faults) };
        let wrong = match &**text {
            text if text.trim().is_empty() => "the text is empty",
            text if text.len() > 256 => "the text is longer than 256 bytes",
            text if text.chars().any(char::is_control) => "the text holds a control character",
            text => return Some(text.to_owned()),
        };
        faults.add(FaultKind::Value, at, wrong);
        None
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": 256 })
    }
}

impl Read for bool {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        match node.value {
            Value::Boolean(boolean) => Some(boolean),
            ref other => wrong_type("true or false", other, at, faults),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "boolean" })
    }
}

/// A whole number, 0 and up.
impl Read for u64 {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let Value::Integer(number) = node.value else {
            return wrong_type("a whole number", &node.value, at, faults);
        };
        let read = Self::try_from(number).ok();
        if read.is_none() {
            faults.add(FaultKind::Value, at, "the number is below zero");
        }
        read
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 0 })
    }
}

/// A time longer than nothing, such as `5m`.
impl Read for Duration {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            return wrong_type("a time such as \"5m\"", &node.value, at, faults);
        };
        let read = crate::text::parse_duration(text).filter(|duration| !duration.is_zero());
        if read.is_none() {
            faults.add(
                FaultKind::Value,
                at,
                "a time is a whole number above zero and one of s, m, h, d, such as \"5m\" or \"12h\"",
            );
        }
        read
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^0*[1-9][0-9]{0,8}[smhd]$" })
    }
}

/// A time, or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OffOr(pub(crate) Option<Duration>);

impl Read for OffOr {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "off" => Some(Self(None)),
            _ => Duration::read(node, at, faults).map(|duration| Self(Some(duration))),
        }
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(off|0*[1-9][0-9]{0,8}[smhd])$" })
    }
}

impl Read for Region {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let Value::Text(code) = &node.value else {
            return wrong_type("a region such as \"US\"", &node.value, at, faults);
        };
        let read = Self::new(code).ok();
        if read.is_none() {
            let capitals = code.to_uppercase();
            let meant = match &*capitals {
                "UK" => Some("GB"),
                capitals => Self::new(capitals).ok().map(Self::as_str),
            };
            let hint = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
            let text = format!("`{}` is not an ISO 3166-1 alpha-2 code{hint}", shown(code));
            faults.add(FaultKind::Value, at, text);
        }
        read
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<&str> = crate::Regions::ALL.iter().map(Self::as_str).collect();
        schemars::json_schema!({ "type": "string", "enum": codes })
    }
}

impl Word for ReauthenticateAfter {
    const WHAT: &'static str = "a time to ask again";
    const WORDS: &'static [(&'static str, Self)] =
        &[("12h", Self::TwelveHours), ("7d", Self::SevenDays), ("30d", Self::ThirtyDays)];
}

/// One of a closed choice of words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<W>(pub(crate) W);

impl<W: Word> Read for Choice<W> {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        let Value::Text(text) = &node.value else { return wrong_type("a text", &node.value, at, faults) };
        let found = W::WORDS.iter().find(|(word, _)| word == text);
        if found.is_none() {
            let words = || W::WORDS.iter().map(|(word, _)| *word);
            let what = format!("`{}` is not {}", shown(text), W::WHAT);
            faults.add(FaultKind::Value, at, unknown(&what, text, words()));
        }
        found.map(|(_, value)| Self(*value))
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
        schemars::json_schema!({ "type": "string", "enum": words })
    }
}

/// `what`, with the word that was probably meant, or else all that there are.
pub(crate) fn unknown<'a>(what: &str, typed: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(meant) = closest(typed, known.clone()) {
        return format!("{what}; did you mean `{meant}`?");
    }
    let all: Vec<&str> = known.collect();
    match all.is_empty() {
        true => what.to_owned(),
        false => format!("{what}; there is {}", all.join(", ")),
    }
}

/// At most 64 characters of what somebody wrote, without control characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

pub(crate) fn wrong_type<T>(wanted: &str, found: &Value, at: &Place, faults: &mut Faults) -> Option<T> {
    faults.add(FaultKind::Type, at, format!("must be {wanted}, and is {}", found.kind()));
    None
}
