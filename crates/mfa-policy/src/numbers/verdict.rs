//! The verdict: whether the policy lets a text go to a number.

use mfa_core::phone::PhoneNumber;
use thiserror::Error;

use super::kind::NumberKind;
use super::plan::{Classified, NumberPlan};
use super::territory;
use crate::decision::Decision;
use crate::method::Method;
use crate::number_type::NumberType;
use crate::region::Region;

/// Where a text goes: a region and a type that the policy allows. Only [`Decision::sms_to`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Destination {
    region: Region,
    number_type: NumberType,
}

impl Destination {
    /// The region of the number.
    pub fn region(self) -> Region {
        self.region
    }

    /// The type of the number.
    pub fn number_type(self) -> NumberType {
        self.number_type
    }
}

/// Why no text may go to a number. Neither the value nor its text holds a digit of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum NumberRefused {
    /// The policy allows this subject no SMS, wherever to.
    #[error("codes by text message are not allowed")]
    MethodNotAllowed,
    /// A region that the policy does not list.
    #[error("text messages to this country are not allowed")]
    RegionNotAllowed {
        /// Which, where the number plan tells.
        region: Option<Region>,
    },
    /// A territory that the policy does not list, of a region that it does.
    #[error("text messages to this territory of {of} are not allowed; it has to be listed by itself")]
    TerritoryNotAllowed {
        /// Which, where the number plan tells.
        region: Option<Region>,
        /// The region that it is a territory of.
        of: Region,
    },
    /// A kind of number that the policy does not list, or that none can.
    #[error("text messages to a number of this kind ({kind}) are not allowed")]
    TypeNotAllowed {
        /// What kind.
        kind: NumberKind,
    },
    /// No number of any region with its calling code.
    #[error("the number plan has no such phone number")]
    Invalid,
    /// No number, but one without the 0 after the calling code, which is dialled only within the country. Nothing was
    /// changed: ask whether that one is meant.
    #[error("the phone number has a 0 after the calling code, which is dialled only within its country")]
    TrunkZero,
    /// A Mexican mobile number as it was dialled until August 2019, with a 1 after the calling code. Nothing was
    /// changed: ask whether the number without the 1 is meant.
    #[error("phone numbers of Mexico no longer have a 1 after the calling code")]
    OldMexicanMobile,
}

impl Decision<'_> {
    /// Whether a text may go to `number`, which means: whether its region and its type, as `plan` finds them, are in
    /// [`Decision::sms_regions`] and [`Decision::number_types`]. Ask before every send, never only at enrollment
    /// (INV-7).
    ///
    /// A plan that was not prepared for a region refuses its numbers, so a plan for too few is safe.
    ///
    /// # Errors
    /// [`NumberRefused`], the first of: the method, the region, the type. Of an invalid number the reason is a hint
    /// where there is one.
    pub fn sms_to(&self, plan: &NumberPlan, number: &PhoneNumber) -> Result<Destination, NumberRefused> {
        if !self.methods().contains(Method::Sms) {
            return Err(NumberRefused::MethodNotAllowed);
        }
        let (region, kind) = match plan.classify(number) {
            Classified::Valid { region: Some(region), kind } => (region, kind),
            Classified::Valid { region: None, .. } => return Err(self.outside(None, None)),
            Classified::Elsewhere { region, territory_of } => return Err(self.outside(region, territory_of)),
            Classified::Invalid => return Err(plan.hint(number)),
        };
        if !self.allows_sms_to(region) {
            return Err(self.outside(Some(region), territory::parent(region)));
        }
        match kind.number_type() {
            Some(number_type) if self.number_types().contains(number_type) => {
                Ok(Destination { region, number_type })
            }
            _ => Err(NumberRefused::TypeNotAllowed { kind }),
        }
    }

    fn outside(&self, region: Option<Region>, territory_of: Option<Region>) -> NumberRefused {
        match territory_of.filter(|of| self.allows_sms_to(*of)) {
            Some(of) => NumberRefused::TerritoryNotAllowed { region, of },
            None => NumberRefused::RegionNotAllowed { region },
        }
    }
}

impl NumberPlan {
    /// Why an invalid number is, with what it may be meant to be.
    pub(super) fn hint(&self, number: &PhoneNumber) -> NumberRefused {
        let Some((code, national)) = self.after_calling_code(number) else { return NumberRefused::Invalid };
        let is_number = |national: &[u8]| self.read(code, national).is_some();
        match (code, national) {
            (_, [b'0', rest @ ..]) if is_number(rest) => NumberRefused::TrunkZero,
            (MEXICO, [b'1', rest @ ..]) if rest.len() == 10 && is_number(rest) => {
                NumberRefused::OldMexicanMobile
            }
            _ => NumberRefused::Invalid,
        }
    }
}

const MEXICO: u16 = 52;
