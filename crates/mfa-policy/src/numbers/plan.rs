//! The number plan: what a phone number is, found from its digits.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use mfa_core::phone::PhoneNumber;
use thiserror::Error;

use super::automaton::{Answer, Automaton};
use super::kind::NumberKind;
use super::metadata::{self, Territory};
use super::pattern::Unusable;
use super::territory;
use super::xml::{self, Unreadable};
use crate::region::{Region, Regions};

/// The number plans of some regions, and of every region that shares a calling code with one of them.
///
/// Immutable, without locks, and small: the thirteen regions of `policies/construction-pay.toml` take less than 100 KiB.
/// Make it once and share it. Numbers of other calling codes are not looked into: they are [`Classified::Elsewhere`].
///
/// # Source
/// ITU-T E.164 (11/2010); the metadata of libphonenumber, whose version is [`NumberPlan::metadata_version`].
#[derive(Clone)]
pub struct NumberPlan {
    version: Cow<'static, str>,
    /// For each three digits a number begins with, which calling code it has, counted from 1; 0 is none.
    beginnings: Box<[u16]>,
    codes: Box<[CallingCode]>,
    known: Box<[Known]>,
}

/// A region that has a calling code.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) region: Region,
    pub(super) calling_code: u16,
    /// What is dialled before a national number within the region, and not from abroad.
    pub(super) national_prefix: Option<Box<str>>,
}

#[derive(Clone, Debug)]
struct CallingCode {
    code: u16,
    /// How many digits the code has.
    length: usize,
    /// None where no prepared region has the code.
    automaton: Option<Automaton>,
    /// The region that has the code to itself.
    only: Option<Region>,
    /// Of which region all that have the code are territories.
    territory_of: Option<Region>,
}

/// What a phone number is, as far as the prepared number plans tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Classified {
    /// A number that is assigned, or may be.
    #[non_exhaustive]
    Valid {
        /// The region that it is numbered in. `None` for one without a code of ISO 3166-1.
        region: Option<Region>,
        /// What it is for.
        kind: NumberKind,
    },
    /// No number of any region with its calling code: too short or too long, or in a range that nobody was given by
    /// the time of the metadata.
    Invalid,
    /// Of a calling code that no prepared region has, or of none.
    #[non_exhaustive]
    Elsewhere {
        /// The region, where only one has the calling code.
        region: Option<Region>,
        /// The region that all with the calling code are territories of.
        territory_of: Option<Region>,
    },
}

/// Why number plans cannot be prepared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A metadata file over 8 MiB.
    #[error("a file of number plans is larger than 8 MiB")]
    FileTooLarge,
    /// A metadata file that is not what libphonenumber publishes as `PhoneNumberMetadata.xml`.
    #[error("a file of number plans is not libphonenumber's PhoneNumberMetadata.xml at byte {at}")]
    #[non_exhaustive]
    File {
        /// About where reading stopped, in bytes from the beginning.
        at: u64,
    },
    /// A metadata file without any region.
    #[error("a file of number plans has no region")]
    NoRegions,
    /// A pattern that is not a regular expression over digits.
    #[error("a number pattern of calling code {calling_code} cannot be read")]
    #[non_exhaustive]
    Pattern {
        /// Which calling code's.
        calling_code: u16,
        /// What is wrong with it, where it is no regular expression at all.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The patterns of a calling code need far more room than any real one's.
    #[error("the number patterns of calling code {calling_code} are too large")]
    #[non_exhaustive]
    TooLarge {
        /// Which calling code's.
        calling_code: u16,
    },
}

impl NumberPlan {
    /// Prepares the plans of `regions` from the metadata that comes with this release.
    ///
    /// For no region nothing is read and nothing allocated, so that a policy without SMS costs nothing. A region that
    /// has no calling code, such as `AQ`, has no numbers.
    ///
    /// # Errors
    /// [`PlanError::Pattern`] or [`PlanError::TooLarge`], neither of which the metadata of this release gives for any
    /// region.
    ///
    /// # Examples
    /// ```
    /// # use mfa_core::phone::PhoneNumber;
    /// # use mfa_policy::numbers::{Classified, NumberPlan};
    /// # use mfa_policy::{Region, Regions};
    /// let regions: Regions = [Region::new("GB")?].into_iter().collect();
    /// let plan = NumberPlan::prepare(regions)?;
    /// let guernsey = plan.classify(&PhoneNumber::parse("+44 7911 123456")?);
    /// assert!(matches!(guernsey, Classified::Valid { region: Some(region), .. } if region.as_str() == "GG"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prepare(regions: Regions) -> Result<Self, PlanError> {
        let territories = if regions.is_empty() { Vec::new() } else { metadata::built_in() };
        Self::compile(territories, regions, metadata::BUILT_IN_VERSION.into())
    }

    /// Prepares the plans of `regions` from a newer metadata file, the text of libphonenumber's
    /// `PhoneNumberMetadata.xml`, without waiting for a release.
    ///
    /// `version` is what [`NumberPlan::metadata_version`] shall say; the file itself does not.
    ///
    /// The file decides where texts go: take it from where nobody else can write.
    ///
    /// # Errors
    /// [`PlanError`] when anything of the file cannot be used, also for regions that are not asked for where they
    /// share a calling code with one that is.
    ///
    /// # Examples
    /// ```
    /// # use mfa_policy::{Regions, numbers::{NumberPlan, PlanError}};
    /// let damaged = NumberPlan::load("<phoneNumberMetadata><territories>", "9.0.43", Regions::ALL);
    /// assert!(matches!(damaged, Err(PlanError::File { .. })));
    /// ```
    pub fn load(xml: &str, version: &str, regions: Regions) -> Result<Self, PlanError> {
        if xml.len() > xml::MAX_LENGTH {
            return Err(PlanError::FileTooLarge);
        }
        let mut territories = xml::read(xml).map_err(|Unreadable { at }| PlanError::File { at })?;
        if territories.is_empty() {
            return Err(PlanError::NoRegions);
        }
        territories.sort_by_key(|territory| (territory.calling_code, !territory.is_main));
        Self::compile(territories, regions, version.to_owned().into())
    }

    /// Which version of libphonenumber the metadata is of: `9.0.33`, or what [`NumberPlan::load`] was told.
    pub fn metadata_version(&self) -> &str {
        &self.version
    }

    /// What `number` is. Allocates nothing; takes one look-up a digit.
    pub fn classify(&self, number: &PhoneNumber) -> Classified {
        let Some((code, national)) = self.split(number) else {
            return Classified::Elsewhere { region: None, territory_of: None };
        };
        match &code.automaton {
            None => Classified::Elsewhere { region: code.only, territory_of: code.territory_of },
            Some(automaton) => automaton
                .read(national)
                .map_or(Classified::Invalid, |(region, kind)| Classified::Valid { region, kind }),
        }
    }

    /// What the numbers of `region` begin with after the plus sign; `None` where it has none, and in a plan that was
    /// prepared for nothing.
    pub fn calling_code(&self, region: Region) -> Option<u16> {
        self.known(region).map(|known| known.calling_code)
    }

    /// Whether the plan says of this calling code what is a number.
    pub(super) fn is_prepared(&self, calling_code: u16) -> bool {
        self.codes.iter().any(|code| code.code == calling_code && code.automaton.is_some())
    }

    pub(super) fn known(&self, region: Region) -> Option<&Known> {
        self.known.iter().find(|known| known.region == region)
    }

    /// The calling code and the digits after it, where the plan says of the code what is a number.
    pub(super) fn after_calling_code<'a>(&self, number: &'a PhoneNumber) -> Option<(u16, &'a [u8])> {
        let (code, national) = self.split(number)?;
        code.automaton.as_ref().map(|_| (code.code, national))
    }

    /// What the number with these digits after the calling code is.
    pub(super) fn read(&self, calling_code: u16, national: &[u8]) -> Option<Answer> {
        self.codes.iter().find(|code| code.code == calling_code)?.automaton.as_ref()?.read(national)
    }

    fn split<'a>(&self, number: &'a PhoneNumber) -> Option<(&CallingCode, &'a [u8])> {
        let digits = number.digits().as_bytes();
        let [a, b, c, ..] = digits.first_chunk::<3>()?.map(|digit| usize::from(digit.wrapping_sub(b'0')));
        let beginning = a.wrapping_mul(100).wrapping_add(b.wrapping_mul(10)).wrapping_add(c);
        let place = usize::from(*self.beginnings.get(beginning)?);
        let code = self.codes.get(place.checked_sub(1)?)?;
        Some((code, digits.get(code.length..)?))
    }

    /// `territories` are in order of their calling codes, the main one of each first.
    fn compile(
        territories: Vec<Territory<'_>>,
        regions: Regions,
        version: Cow<'static, str>,
    ) -> Result<Self, PlanError> {
        let mut beginnings = vec![0; if territories.is_empty() { 0 } else { 1000 }];
        let mut codes = Vec::new();
        for sharing in territories.chunk_by(|a, b| a.calling_code == b.calling_code) {
            let Some(first) = sharing.first() else { continue };
            let code = CallingCode::compile(first.calling_code, sharing, regions)?;
            codes.push(code);
            mark(&mut beginnings, first.calling_code, codes.len());
        }
        let known = territories.into_iter().filter_map(|territory| {
            Some(Known {
                region: Region::new(&territory.id).ok()?,
                calling_code: territory.calling_code,
                national_prefix: territory.national_prefix.map(Box::from),
            })
        });
        Ok(Self { version, beginnings: beginnings.into(), codes: codes.into(), known: known.collect() })
    }
}

impl CallingCode {
    fn compile(code: u16, sharing: &[Territory<'_>], regions: Regions) -> Result<Self, PlanError> {
        let ids: Vec<Option<Region>> =
            sharing.iter().map(|territory| Region::new(&territory.id).ok()).collect();
        let is_prepared = ids.iter().flatten().any(|region| regions.contains(*region));
        let automaton = if is_prepared { Some(Automaton::compile(sharing)) } else { None };
        let automaton = automaton.transpose().map_err(|unusable| PlanError::of(code, unusable))?;
        let mut parents = ids.iter().map(|region| territory::parent((*region)?));
        let parent = parents.next().flatten();
        Ok(Self {
            code,
            length: code.to_string().len(),
            automaton,
            only: match *ids {
                [only] => only,
                _ => None,
            },
            territory_of: parent.filter(|_| parents.all(|other| other == parent)),
        })
    }
}

/// Notes which calling code it is for all that begin with it. No calling code begins with another.
fn mark(beginnings: &mut [u16], calling_code: u16, place: usize) {
    let (first, count) = match calling_code {
        0..10 => (calling_code.saturating_mul(100), 100),
        10..100 => (calling_code.saturating_mul(10), 10),
        _ => (calling_code, 1),
    };
    for beginning in beginnings.iter_mut().skip(first.into()).take(count) {
        *beginning = u16::try_from(place).unwrap_or(0);
    }
}

impl PlanError {
    fn of(calling_code: u16, unusable: Unusable) -> Self {
        match unusable {
            Unusable::Syntax(source) => Self::Pattern { calling_code, source: Some(source) },
            Unusable::NotDigits => Self::Pattern { calling_code, source: None },
            Unusable::TooLarge => Self::TooLarge { calling_code },
        }
    }
}

/// Shows which plans were prepared, by calling code.
impl fmt::Debug for NumberPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prepared = self.codes.iter().filter(|code| code.automaton.is_some()).map(|code| code.code);
        f.debug_struct("NumberPlan")
            .field("metadata_version", &self.version)
            .field("calling_codes", &prepared.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shared_between_threads_as_it_is() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<NumberPlan>();
    }

    #[test]
    fn no_calling_code_begins_with_another() {
        let plan = NumberPlan::prepare(Regions::ALL).unwrap();
        for (place, code) in (1..).zip(&plan.codes) {
            let beginning = plan.beginnings.iter().filter(|found| **found == place).count();
            let expected = [100, 10, 1].get(code.length - 1).copied();
            assert_eq!(Some(beginning), expected, "{}", code.code);
        }
    }

    #[test]
    fn the_largest_table_is_small() {
        let plan = NumberPlan::prepare([Region::new("US").unwrap()].into_iter().collect()).unwrap();
        let tables: Vec<_> = plan.codes.iter().filter_map(|code| code.automaton.as_ref()).collect();
        assert_eq!(tables.len(), 1, "only what is asked for is prepared");
        assert!(tables.iter().all(|table| (500..2000).contains(&table.size())));
    }

    #[test]
    fn debug_shows_what_was_prepared() {
        let plan = NumberPlan::prepare(["GB", "FR"].into_iter().flat_map(Region::new).collect()).unwrap();
        let shown = format!("{plan:?}");
        assert_eq!(shown, "NumberPlan { metadata_version: \"9.0.33\", calling_codes: [33, 44], .. }");
    }
}
