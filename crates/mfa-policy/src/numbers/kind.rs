//! What a number plan says a number is for.

use std::fmt;

use crate::number_type::NumberType;

/// What a number is for, of all that a number plan tells apart.
///
/// [`NumberKind::number_type`] is the part of it that a policy can allow.
///
/// # Source
/// `PhoneNumberType` of libphonenumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NumberKind {
    /// A mobile number.
    Mobile,
    /// A number of a plan that does not tell mobile from fixed (US, CA, MX).
    FixedOrMobile,
    /// A fixed line.
    Fixed,
    /// A number of an internet telephony service.
    Voip,
    /// A personal number, routed wherever its holder says, often at the caller's cost.
    Personal,
    /// Premium rate: its holder earns on every call and text.
    Premium,
    /// Free for the caller.
    TollFree,
    /// The cost is shared between caller and holder.
    SharedCost,
    /// A pager.
    Pager,
    /// A company's number, routed to its offices ("universal access number").
    Uan,
    /// A mailbox.
    Voicemail,
}

impl NumberKind {
    /// The type a policy can name; `None` of what no policy can allow.
    pub const fn number_type(self) -> Option<NumberType> {
        match self {
            Self::Mobile => Some(NumberType::Mobile),
            Self::FixedOrMobile => Some(NumberType::FixedOrMobile),
            Self::Fixed => Some(NumberType::Fixed),
            Self::Voip => Some(NumberType::Voip),
            Self::Personal => Some(NumberType::Personal),
            _ => None,
        }
    }

    /// A name, as policy files write it for what they can name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::FixedOrMobile => "fixed-or-mobile",
            Self::Fixed => "fixed",
            Self::Voip => "voip",
            Self::Personal => "personal",
            Self::Premium => "premium",
            Self::TollFree => "toll-free",
            Self::SharedCost => "shared-cost",
            Self::Pager => "pager",
            Self::Uan => "uan",
            Self::Voicemail => "voicemail",
        }
    }
}

impl fmt::Display for NumberKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
