//! Names of keys. Every family of keys has a hash tag, so that whatever one script touches lies in one slot.
//!
//! | key | holds |
//! | --- | --- |
//! | `{tag}:r:<name>` | a record, one string per subject |
//! | `{tag}:i` | every name, in the order of the subjects' keys |
//! | `{tag}:t` | tombstones, in the order of their time: eight bytes of time, then the name |
//! | `{tag}:e` | events, a stream with ids `0-1`, `0-2` and so on |
//! | `{tag}:s` | of each event stream its highest version and how many of its events are stored |
//! | `{tag}:b`, `{tag}:v` | budgets and reservations |
//! | `{tag}:h` | how far the feed has read each shard (clusters only) |
//! | `{prefix}:layout` | the layout and how many shards there are |

use mfa_core::id::{InvalidId, SubjectKey};

use crate::options::Prefix;

/// Where what is stored lies.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: Prefix,
    shards: Shards,
}

/// How records are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shards {
    /// One server: everything under one tag.
    One,
    /// A cluster: so many families of records and events, one of budgets, one of the feed.
    #[cfg(feature = "danger-async-replication")]
    Many(u16),
}

/// A family of keys: all of them in one slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Family(String);

impl Layout {
    pub(crate) fn new(prefix: Prefix, shards: Shards) -> Self {
        Self { prefix, shards }
    }

    /// The families that hold records and events.
    pub(crate) fn shards(&self) -> Vec<Family> {
        match self.shards {
            Shards::One => vec![self.family("")],
            #[cfg(feature = "danger-async-replication")]
            Shards::Many(count) => (0..count).map(|shard| self.shard(shard)).collect(),
        }
    }

    /// The family of a subject's record.
    #[cfg_attr(
        not(feature = "danger-async-replication"),
        expect(unused_variables, reason = "one server has one family")
    )]
    pub(crate) fn home(&self, name: &[u8]) -> Family {
        match self.shards {
            Shards::One => self.family(""),
            #[cfg(feature = "danger-async-replication")]
            Shards::Many(count) => {
                let shard = hash(name).checked_rem(u64::from(count)).unwrap_or_default();
                self.shard(u16::try_from(shard).unwrap_or_default())
            }
        }
    }

    /// The family of all budgets and reservations: a spending touches several of them.
    pub(crate) fn budgets(&self) -> Family {
        match self.shards {
            Shards::One => self.family(""),
            #[cfg(feature = "danger-async-replication")]
            Shards::Many(_) => self.family(":budgets"),
        }
    }

    /// The family whose events are the feed.
    pub(crate) fn feed(&self) -> Family {
        match self.shards {
            Shards::One => self.family(""),
            #[cfg(feature = "danger-async-replication")]
            Shards::Many(_) => self.family(":feed"),
        }
    }

    /// Where it is written how all this lies, and what is written there.
    pub(crate) fn mark(&self) -> (Family, String) {
        let shards = match self.shards {
            Shards::One => "one".to_owned(),
            #[cfg(feature = "danger-async-replication")]
            Shards::Many(count) => count.to_string(),
        };
        (self.family(""), format!("{VERSION} {shards}"))
    }

    #[cfg(feature = "danger-async-replication")]
    fn shard(&self, number: u16) -> Family {
        self.family(&format!(":{number}"))
    }

    fn family(&self, part: &str) -> Family {
        Family(format!("{}{part}", self.prefix.as_str()))
    }
}

impl Family {
    /// A key of this family.
    pub(crate) fn key(&self, kind: &str) -> Vec<u8> {
        format!("{{{}}}:{kind}", self.0).into_bytes()
    }

    /// The key of a record.
    pub(crate) fn record(&self, name: &[u8]) -> Vec<u8> {
        let mut key = self.key("r:");
        key.extend_from_slice(name);
        key
    }

    /// The slot that its keys lie in: what a cluster makes of a hash tag.
    #[cfg(feature = "danger-async-replication")]
    pub(crate) fn slot(&self) -> u16 {
        crc16(self.0.as_bytes()) & 0x3fff
    }

    /// The family's own name, under which the feed notes how far it was read.
    #[cfg(feature = "danger-async-replication")]
    pub(crate) fn as_bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }
}

/// A subject's name in keys and indexes: tenant and subject with a NUL between. Identifiers hold no control characters,
/// so nothing sorts before the NUL, and the names sort as the keys do.
pub(crate) fn name(subject: &SubjectKey) -> Vec<u8> {
    [subject.tenant().as_str(), "\0", subject.subject().as_str()].concat().into_bytes()
}

/// The subject of a name; nothing when this library did not write it.
pub(crate) fn subject(name: &[u8]) -> Option<SubjectKey> {
    let (tenant, subject) = std::str::from_utf8(name).ok()?.split_once('\0')?;
    let parsed: Result<SubjectKey, InvalidId> = SubjectKey::from_stored(tenant, subject);
    parsed.ok()
}

/// FNV-1a, 64 bits: where a subject lies is stored, so it must never come out differently.
#[cfg(feature = "danger-async-replication")]
fn hash(name: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    name.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// CRC-16/XMODEM, as the Redis cluster specification has it.
#[cfg(feature = "danger-async-replication")]
fn crc16(bytes: &[u8]) -> u16 {
    let shift = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ (u16::from(*byte) << 8), shift))
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use mfa_core::id::{SubjectId, TenantId};
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = SubjectKey> {
        let id = "[a-c \u{80}-\u{ff}é\u{10FFFF}]{1,4}";
        let valid = |(tenant, subject): (String, String)| {
            let tenant = TenantId::new(&tenant).ok()?;
            Some(SubjectKey::new(tenant, SubjectId::new(&subject).ok()?))
        };
        (id, id).prop_filter_map("no identifier", valid)
    }

    proptest! {
        #[test]
        fn names_sort_as_keys_do(one in key(), other in key()) {
            prop_assert_eq!(name(&one).cmp(&name(&other)), one.cmp(&other));
        }

        #[test]
        fn a_name_reads_back(key in key()) {
            prop_assert_eq!(subject(&name(&key)), Some(key));
        }
    }

    #[test]
    fn our_own_rows_have_names_too() {
        let canary = SubjectKey::system("canary").unwrap();
        assert_eq!(subject(&name(&canary)), Some(canary));
        assert_eq!(subject(b"no separator"), None);
    }

    #[cfg(feature = "danger-async-replication")]
    #[test]
    fn a_subject_never_moves_to_another_shard() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8); // the published value
    }

    #[cfg(feature = "danger-async-replication")]
    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }
}
