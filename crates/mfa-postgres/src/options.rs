//! Settings of the storage.

use sqlx::PgPool;

use crate::PostgresStorage;
use crate::schema::{InvalidSchemaName, Schema};

/// Settings of a [`PostgresStorage`]; the defaults are right for nearly everybody.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), mfa_postgres::InvalidSchemaName> {
/// use mfa_postgres::PostgresOptions;
///
/// let options = PostgresOptions::new().schema("sign_in")?;
/// assert!(PostgresOptions::new().schema("Robert'); DROP TABLE").is_err());
/// # let _ = options;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    schema: Schema,
}

impl PostgresOptions {
    /// Tables in the schema `mfa`.
    pub fn new() -> Self {
        Self { schema: Schema::usual() }
    }

    /// Another schema: 1 to 63 of `a` to `z`, `0` to `9` and `_`, no digit first, none of PostgreSQL's own. It holds
    /// nothing but this library's tables.
    ///
    /// # Errors
    /// [`InvalidSchemaName`] for any other name.
    pub fn schema(mut self, name: &str) -> Result<Self, InvalidSchemaName> {
        self.schema = Schema::new(name)?;
        Ok(self)
    }

    /// The storage over `pool`; nothing is sent yet. Call [`PostgresStorage::migrate`] or
    /// [`PostgresStorage::verify_schema`] before anything else.
    pub fn build(self, pool: PgPool) -> PostgresStorage {
        PostgresStorage::with(pool, self.schema)
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self::new()
    }
}
