//! How to open the storage.

use mfa_storage::{Operation, StorageError};
use redis::aio::ConnectionManager;

use crate::RedisStorage;
use crate::fault::Fault;

/// Settings of a [`RedisStorage`]; the defaults are right for nearly everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisOptions {
    pub(crate) prefix: Prefix,
    pub(crate) trust: Trust,
}

/// How far the server's settings are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// All of them, and every one has to be right.
    Checked,
    /// Those that decide how much a crash takes may be wrong.
    MayForget,
    /// None: the host vouches for them.
    Unchecked,
}

/// What every key begins with: letters, digits, `-`, `_` and `.`, 1 to 32 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RedisOptions {
    /// Keys that begin with `{mfa}`, on a server all of whose settings are checked.
    pub fn new() -> Self {
        Self { prefix: Prefix("mfa".to_owned()), trust: Trust::Checked }
    }

    /// What every key begins with, in place of `mfa`: 1 to 32 ASCII letters, digits, `-`, `_` and `.`. Storages of
    /// different prefixes share nothing.
    ///
    /// # Errors
    /// [`StorageError`], permanent, when it is empty, longer, or holds anything else.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, StorageError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=32).contains(&prefix.len()) || !prefix.bytes().all(allowed) {
            return Err(Fault::Prefix.answer(Operation::Open));
        }
        self.prefix = Prefix(prefix.to_owned());
        Ok(self)
    }

    /// Opens on a server that does not write every commit to disk before it answers.
    ///
    /// # Danger
    /// A crash of the server takes the last acknowledged commits back: a used code, a spent recovery code and a counted
    /// guess all become as if they had never been. Without `appendonly` that is everything since the last snapshot.
    /// [`durability`](mfa_storage::Storage::durability) answers
    /// [`MayLoseLatest`](mfa_storage::Durability::MayLoseLatest). Eviction and replicas are refused all the same.
    #[must_use]
    pub fn danger_may_forget(mut self) -> Self {
        self.trust = Trust::MayForget;
        self
    }

    /// Does not look at the server's settings, for servers that do not permit `CONFIG GET` or `INFO`.
    ///
    /// # Danger
    /// The host vouches that `appendonly` is `yes`, `appendfsync` is `always`, `no-appendfsync-on-rewrite` is `no`,
    /// `maxmemory-policy` is `noeviction`, that the server is no replica, and that its version is 7.0 or later. Where
    /// one of them is not so, codes that were used work again after a crash, or enrolled subjects read as if they had
    /// never enrolled, and [`durability`](mfa_storage::Storage::durability) says `Durable` nevertheless.
    #[must_use]
    pub fn danger_settings_unchecked(mut self) -> Self {
        self.trust = Trust::Unchecked;
        self
    }

    /// Opens the storage on `connection`, as [`RedisStorage::open`].
    ///
    /// # Errors
    /// As [`RedisStorage::open`].
    pub async fn open(self, connection: ConnectionManager) -> Result<RedisStorage, StorageError> {
        RedisStorage::open(connection, self).await
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_short_and_plain() {
        for good in ["a", "mfa-2.test_A", &"x".repeat(32)] {
            assert!(RedisOptions::new().prefix(good).is_ok());
        }
        for bad in ["", "a:b", "{a}", "a}", "é", "a b", "a\n", &"x".repeat(33)] {
            assert!(RedisOptions::new().prefix(bad).is_err(), "{bad:?}");
        }
    }
}
