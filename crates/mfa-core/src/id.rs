//! Identifiers: who (tenant, subject) and the random ones that tie records, tickets and events together.

use alloc::boxed::Box;
use core::fmt;

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;

use crate::error::messages;

/// Separates customers of one host: subjects of different tenants never meet. 1 to 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Box<str>);

/// The host's stable identifier of an account: 1 to 256 bytes. Prefer an opaque key to an e-mail address, which changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(Box<str>);

/// An identifier that is empty, too long, or holds a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidId {
    /// Nothing in it.
    Empty,
    /// More than 64 bytes for a tenant, 256 for a subject.
    TooLong,
    /// A control character, or the `~` in front that marks our own rows.
    Character,
}

messages!(InvalidId {
    Self::Empty => "an identifier must not be empty",
    Self::TooLong => "an identifier is longer than its limit",
    Self::Character => "an identifier holds a character that is not allowed",
});

impl TenantId {
    /// Parses a tenant identifier.
    ///
    /// # Errors
    /// [`InvalidId`] when empty, over 64 bytes, with a control character, or starting with `~` (kept for our own rows).
    pub fn new(id: &str) -> Result<Self, InvalidId> {
        if id.starts_with('~') {
            return Err(InvalidId::Character);
        }
        checked(id, 64).map(Self)
    }

    /// The identifier as the host gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SubjectId {
    /// Parses a subject identifier.
    ///
    /// # Errors
    /// [`InvalidId`] when empty, over 256 bytes, or with a control character.
    pub fn new(id: &str) -> Result<Self, InvalidId> {
        checked(id, 256).map(Self)
    }

    /// The identifier as the host gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a record is stored under: a subject of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey {
    tenant: TenantId,
    subject: SubjectId,
}

impl SubjectKey {
    /// The key of `subject` within `tenant`.
    pub fn new(tenant: TenantId, subject: SubjectId) -> Self {
        Self { tenant, subject }
    }

    /// A row of the library's own (such as the keyring's canary), in a tenant that no host can name.
    ///
    /// # Errors
    /// [`InvalidId`] as for [`SubjectId::new`].
    pub fn system(name: &str) -> Result<Self, InvalidId> {
        Ok(Self { tenant: TenantId(Box::from(SYSTEM_TENANT)), subject: SubjectId::new(name)? })
    }

    /// Reads a key back from a backend's two columns, a row of our own included.
    ///
    /// # Errors
    /// [`InvalidId`] as for [`TenantId::new`] and [`SubjectId::new`].
    pub fn from_stored(tenant: &str, subject: &str) -> Result<Self, InvalidId> {
        if tenant == SYSTEM_TENANT {
            return Self::system(subject);
        }
        Ok(Self::new(TenantId::new(tenant)?, SubjectId::new(subject)?))
    }

    /// Whether this is a row of the library's own; `scan` never lists those.
    pub fn is_system(&self) -> bool {
        self.tenant.as_str() == SYSTEM_TENANT
    }

    /// The tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The subject within the tenant.
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }
}

const SYSTEM_TENANT: &str = "~mfa";

fn checked(id: &str, limit: usize) -> Result<Box<str>, InvalidId> {
    match id {
        "" => Err(InvalidId::Empty),
        _ if id.len() > limit => Err(InvalidId::TooLong),
        _ if id.chars().any(char::is_control) => Err(InvalidId::Character),
        _ => Ok(Box::from(id)),
    }
}

macro_rules! random_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Draws a new one: 128 random bits.
            ///
            /// # Errors
            /// Whatever the random source reports; there is no fallback.
            pub fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
                let mut bytes = [0; 16];
                rng.try_fill_bytes(&mut bytes)?;
                Ok(Self(bytes))
            }

            /// Reads one back from where it was stored.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes, for storing.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        /// Takes the same time wherever the two differ.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}

        /// Shows the kind and never the value: some of these are as good as a key while they live.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

random_id! {
    /// Changes whenever what a subject can prove itself with changes; tickets, assertions and device tokens of an
    /// older epoch are dead.
    Epoch
}
random_id! {
    /// Ties a ceremony to one sign-in of one browser. The host draws it at the start of a sign-in, keeps it through
    /// every change of session id, and drops it at sign-out.
    SessionBinding
}
random_id! {
    /// Names one engine call, so that a call whose reply was lost can find its own outcome.
    OperationId
}
random_id! {
    /// Stands for the subject in events. Random, kept in the sealed record; erasing the record leaves it meaningless.
    Pseudonym
}
random_id! {
    /// Names one authenticator of a subject for as long as it is bound.
    AuthenticatorId
}
random_id! {
    /// Names one remembered device of a subject.
    DeviceId
}
random_id! {
    /// Names one reservation of send budgets, so that giving it back twice gives back once.
    ReservationId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_bounded_and_printable() {
        assert_eq!(SubjectId::new(""), Err(InvalidId::Empty));
        assert_eq!(SubjectId::new("a\nb"), Err(InvalidId::Character));
        assert_eq!(TenantId::new("~mfa"), Err(InvalidId::Character));
        assert!(SubjectId::new(core::str::from_utf8(&[b'a'; 256]).unwrap()).is_ok());
        assert_eq!(SubjectId::new(core::str::from_utf8(&[b'a'; 257]).unwrap()), Err(InvalidId::TooLong));
    }

    #[test]
    fn a_stored_key_reads_back_as_itself() {
        let key = SubjectKey::new(TenantId::new("t").unwrap(), SubjectId::new("ü").unwrap());
        assert_eq!(SubjectKey::from_stored("t", "ü"), Ok(key));
        let canary = SubjectKey::system("canary").unwrap();
        assert!(canary.is_system());
        assert_eq!(SubjectKey::from_stored(canary.tenant().as_str(), "canary"), Ok(canary));
    }

    #[test]
    fn debug_never_shows_a_random_identifier() {
        assert_eq!(alloc::format!("{:?}", Epoch::from_bytes([7; 16])), "Epoch(..)");
    }
}
