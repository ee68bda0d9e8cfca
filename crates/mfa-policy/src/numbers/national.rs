//! A number as it is typed behind a chosen country.

use mfa_core::phone::{InvalidPhoneNumber, PhoneNumber};
use thiserror::Error;

use super::plan::{Classified, NumberPlan};
use super::verdict::NumberRefused;
use crate::region::Region;

/// Why what was typed behind a country is not a number of it. No variant holds what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidNational {
    /// It is not a phone number.
    #[error(transparent)]
    Number(#[from] InvalidPhoneNumber),
    /// It begins with a plus sign and is a number of another region.
    #[error("the number is of another country than the chosen one")]
    OtherRegion,
    /// It begins with a plus sign and the calling code, and is no number, perhaps for a reason worth telling.
    #[error(transparent)]
    Refused(NumberRefused),
    /// The number plan of the region is not prepared.
    #[error("the number plan of the chosen country is not prepared")]
    NotPrepared,
}

impl NumberPlan {
    /// Puts together the number that somebody in `region` typed as it is dialled there.
    ///
    /// What is a number of the region as it stands is taken as it stands, so an Italian zero stays. Else the region's
    /// national prefix is taken off once, if the number begins with it: the 0 of GB, DE, FR, AU, NZ and IE, the 1 of
    /// US and CA. Nothing else is changed or guessed; carrier codes and the former 01, 044 and 045 of Mexico stay, and
    /// are refused by [`Decision::sms_to`](crate::Decision::sms_to). A page shows the result back for confirmation.
    ///
    /// With a plus sign the number is international, and has to be of the region.
    ///
    /// # Errors
    /// [`InvalidNational`]. That the result is a number at all is for `sms_to`, not for this.
    ///
    /// # Source
    /// ITU-T E.164 (11/2010), 7.3.2: the national prefix is not part of the international number; the prefixes are
    /// the metadata's.
    ///
    /// # Examples
    /// ```
    /// # use mfa_policy::numbers::{InvalidNational, NumberPlan};
    /// # use mfa_policy::{Region, Regions};
    /// let gb = Region::new("GB")?;
    /// let plan = NumberPlan::prepare([gb].into_iter().collect())?;
    /// assert_eq!(plan.national(gb, "(07400) 123-456")?.expose(), "+447400123456");
    /// assert_eq!(plan.national(gb, "+44 7400 123456")?.expose(), "+447400123456");
    /// assert_eq!(plan.national(gb, "+44 7797 712345"), Err(InvalidNational::OtherRegion));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn national(&self, region: Region, typed: &str) -> Result<PhoneNumber, InvalidNational> {
        let known = self.known(region).filter(|known| self.is_prepared(known.calling_code));
        let known = known.ok_or(InvalidNational::NotPrepared)?;
        match PhoneNumber::parse(typed) {
            Ok(number) => self.international(region, number),
            Err(InvalidPhoneNumber::NotInternational) => {
                let prefix = known.national_prefix.as_deref().unwrap_or_default();
                self.dialled(region, known.calling_code, prefix, typed)
            }
            Err(invalid) => Err(invalid.into()),
        }
    }

    fn international(&self, region: Region, number: PhoneNumber) -> Result<PhoneNumber, InvalidNational> {
        match self.classify(&number) {
            _ if self.is_of(&number, region) => Ok(number),
            Classified::Invalid if self.has_calling_code(&number, region) => {
                Err(InvalidNational::Refused(self.hint(&number)))
            }
            _ => Err(InvalidNational::OtherRegion),
        }
    }

    fn dialled(
        &self,
        region: Region,
        calling_code: u16,
        prefix: &str,
        typed: &str,
    ) -> Result<PhoneNumber, InvalidNational> {
        let as_typed = PhoneNumber::join(calling_code, typed);
        match as_typed {
            Err(InvalidPhoneNumber::Character) => Err(InvalidPhoneNumber::Character.into()),
            Ok(number) if self.is_of(&number, region) => Ok(number),
            _ => match without(prefix, typed) {
                Some(rest) => Ok(PhoneNumber::join(calling_code, rest)?),
                None => Ok(as_typed?),
            },
        }
    }

    fn is_of(&self, number: &PhoneNumber, region: Region) -> bool {
        matches!(self.classify(number), Classified::Valid { region: Some(its), .. } if its == region)
    }

    fn has_calling_code(&self, number: &PhoneNumber, region: Region) -> bool {
        self.after_calling_code(number).map(|(code, _)| code) == self.calling_code(region)
    }
}

/// What follows `prefix` in `typed`, whatever stands between the digits, which are known to be digits and separators.
fn without<'a>(prefix: &str, typed: &'a str) -> Option<&'a str> {
    let rest = prefix.chars().try_fold(typed, |rest, digit| {
        rest.trim_start_matches(|letter: char| !letter.is_ascii_digit()).strip_prefix(digit)
    });
    rest.filter(|_| !prefix.is_empty())
}
