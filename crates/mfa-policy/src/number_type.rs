//! What a phone number is for, as its number plan tells, and sets of those types.

use std::fmt;

use crate::word::Word;

/// The type a number plan gives a phone number. Only types that somebody may have a reason to text exist here:
/// premium, shared-cost, toll-free, pager, satellite and unknown numbers can never be allowed.
///
/// # Source
/// The types of libphonenumber; NIST SP 800-63B-4 3.1.3.3 (a number tied to a device).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NumberType {
    /// A mobile number.
    Mobile,
    /// A number of a plan that does not tell mobile from fixed (US, CA, MX).
    FixedOrMobile,
    /// A fixed line; allowed only as a named deviation.
    Fixed,
    /// A number of an internet telephony service; allowed only as a named deviation.
    Voip,
    /// A personal number, routed wherever its holder says; allowed only as a named deviation.
    Personal,
}

impl NumberType {
    /// Every type that a policy can name.
    pub const ALL: [Self; 5] = [Self::Mobile, Self::FixedOrMobile, Self::Fixed, Self::Voip, Self::Personal];

    /// The name that policy files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::FixedOrMobile => "fixed-or-mobile",
            Self::Fixed => "fixed",
            Self::Voip => "voip",
            Self::Personal => "personal",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Mobile => 1,
            Self::FixedOrMobile => 2,
            Self::Fixed => 4,
            Self::Voip => 8,
            Self::Personal => 16,
        }
    }
}

impl Word for NumberType {
    const WHAT: &'static str = "a number type";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mobile", Self::Mobile),
        ("fixed-or-mobile", Self::FixedOrMobile),
        ("fixed", Self::Fixed),
        ("voip", Self::Voip),
        ("personal", Self::Personal),
    ];
}

impl fmt::Display for NumberType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`NumberType`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NumberTypes(u8);

impl NumberTypes {
    /// No type.
    pub const NONE: Self = Self(0);
    /// What the standards let through: mobile, and fixed-or-mobile where a plan cannot tell.
    pub const MOBILE: Self = Self(NumberType::Mobile.bit() | NumberType::FixedOrMobile.bit());

    pub(crate) const ALL: Self = Self(31);

    /// Whether `number_type` is in the set.
    pub const fn contains(self, number_type: NumberType) -> bool {
        self.0 & number_type.bit() != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether everything here is in `other` too.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The types of the set.
    pub fn iter(self) -> impl Iterator<Item = NumberType> {
        NumberType::ALL.into_iter().filter(move |number_type| self.contains(*number_type))
    }
}

impl FromIterator<NumberType> for NumberTypes {
    fn from_iter<I: IntoIterator<Item = NumberType>>(types: I) -> Self {
        types.into_iter().fold(Self::NONE, |set, number_type| Self(set.0 | number_type.bit()))
    }
}

impl fmt::Display for NumberTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::word::list(f, self.iter(), ", ")
    }
}
