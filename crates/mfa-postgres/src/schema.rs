//! The name of the schema that holds our tables, and SQL that names it.

use sqlx::AssertSqlSafe;
use thiserror::Error;

/// A valid schema name: the only text that ever becomes part of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Schema(Box<str>);

impl Schema {
    pub(crate) fn new(name: &str) -> Result<Self, InvalidSchemaName> {
        let starts = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let reserved = name.starts_with("pg_") || name == "information_schema";
        if !starts || !name.bytes().all(letters) || name.len() > LONGEST || reserved {
            return Err(InvalidSchemaName);
        }
        Ok(Self(Box::from(name)))
    }

    pub(crate) fn usual() -> Self {
        Self(Box::from("mfa"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `template` with this schema in place of `{schema}`, quoted: a name may be a word of SQL's own.
    pub(crate) fn text(&self, template: &'static str) -> String {
        template.replace("{schema}", &format!("\"{}\"", self.0))
    }

    /// [`Schema::text`] for the driver. Safe: a valid name holds no quote, and nothing else is put in.
    pub(crate) fn sql(&self, template: &'static str) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.text(template))
    }

    /// The advisory lock for `purpose` in this schema: 64-bit FNV-1a of both, the same on every node.
    pub(crate) fn lock(&self, purpose: &str) -> i64 {
        let bytes = "mfa ".bytes().chain(purpose.bytes()).chain([0]).chain(self.0.bytes());
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        bytes.fold(0xcbf2_9ce4_8422_2325, step).cast_signed()
    }
}

/// Not a schema name that this library takes: 1 to 63 of `a` to `z`, `0` to `9` and `_`, no digit first, and none
/// of PostgreSQL's own (`pg_…`, `information_schema`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the schema name is not 1 to 63 lower-case letters, digits and underscores, or is PostgreSQL's own")]
#[non_exhaustive]
pub struct InvalidSchemaName;

/// What PostgreSQL keeps of a name.
const LONGEST: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_small_letters_digits_and_underscores() {
        for good in ["mfa", "_", "a1", "user", "x".repeat(63).as_str()] {
            assert!(Schema::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(64);
        let bad = [
            "",
            "1a",
            "Mfa",
            "a b",
            "a\"b",
            "a.b",
            "a;",
            "a-b",
            "é",
            "pg_x",
            "information_schema",
            "a\0",
            "a\n",
            long.as_str(),
        ];
        for bad in bad {
            assert_eq!(Schema::new(bad).map(|_| ()), Err(InvalidSchemaName), "{bad}");
        }
    }

    #[test]
    fn locks_differ_by_schema_and_purpose() {
        let (one, other) = (Schema::new("a").unwrap(), Schema::new("b").unwrap());
        assert_ne!(one.lock("feed"), one.lock("migrate"));
        assert_ne!(one.lock("feed"), other.lock("feed"));
        assert_eq!(one.text("x {schema}.y {schema}.z"), "x \"a\".y \"a\".z");
    }
}
