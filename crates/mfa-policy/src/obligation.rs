//! Whether a subject may or must use MFA.

use std::fmt;

use mfa_core::time::UnixSeconds;

/// Whether a subject may or must use MFA, at the moment of the decision.
///
/// Complete: the three are the whole lattice, so a match on it needs no other arm.
///
/// It says nothing of a subject that has authenticators: **enrolled implies asked**, whatever the obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a fourth answer would change what the other three mean")]
pub enum Obligation {
    /// MFA is not offered.
    Unavailable,
    /// MFA is offered and may be skipped.
    Optional {
        /// The moment from which it will be required, if an organisation has set one; always ahead.
        required_from: Option<UnixSeconds>,
    },
    /// Nothing but MFA gets in.
    Required,
}

impl Obligation {
    /// The stricter of both: unavailable, then optional, then optional with a date (an earlier one is stricter),
    /// then required.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Required, _) | (_, Self::Required) => Self::Required,
            (Self::Unavailable, one) | (one, Self::Unavailable) => one,
            (Self::Optional { required_from: a }, Self::Optional { required_from: b }) => {
                Self::Optional { required_from: [a, b].into_iter().flatten().min() }
            }
        }
    }

    /// Whether MFA is required now.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required)
    }

    /// Whether a subject without authenticators may enroll.
    pub const fn is_available(self) -> bool {
        !matches!(self, Self::Unavailable)
    }
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("unavailable"),
            Self::Optional { required_from: None } => f.write_str("optional"),
            Self::Optional { required_from: Some(date) } => {
                write!(f, "optional, required from {}", crate::text::moment(*date))
            }
            Self::Required => f.write_str("required"),
        }
    }
}

/// What an enrollment after a reset needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AfterReset {
    /// The first factor is enough.
    FirstFactor,
    /// Also a one-time binding code that was handed over out of band.
    BindingCode,
}

impl AfterReset {
    /// The name that policy files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstFactor => "first-factor",
            Self::BindingCode => "binding-code",
        }
    }
}

impl crate::word::Word for AfterReset {
    const WHAT: &'static str = "what an enrollment after a reset needs";
    const WORDS: &'static [(&'static str, Self)] =
        &[("first-factor", Self::FirstFactor), ("binding-code", Self::BindingCode)];
}

impl fmt::Display for AfterReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_obligation_wins_and_the_earlier_date() {
        let dated = |t| Obligation::Optional { required_from: Some(UnixSeconds::new(t)) };
        let optional = Obligation::Optional { required_from: None };
        assert_eq!(Obligation::Unavailable.strictest(optional), optional);
        assert_eq!(optional.strictest(dated(9)), dated(9));
        assert_eq!(dated(9).strictest(dated(4)), dated(4));
        assert_eq!(dated(4).strictest(Obligation::Required), Obligation::Required);
    }
}
