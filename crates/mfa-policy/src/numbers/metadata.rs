//! libphonenumber's metadata, as far as it classifies, from wherever it comes.

use std::borrow::Cow;

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};

use super::kind::NumberKind;

/// The version of libphonenumber whose metadata [`built_in`] is; that of the pinned `phonenumber` crate.
pub(super) const BUILT_IN_VERSION: &str = "9.0.33";

/// One region's part of a calling code.
#[derive(Clone, Debug, Default)]
pub(super) struct Territory<'a> {
    /// Mostly ISO 3166-1; also `001`, `XK`, `AC`, `TA`.
    pub(super) id: Cow<'a, str>,
    pub(super) calling_code: u16,
    pub(super) is_main: bool,
    pub(super) national_prefix: Option<Cow<'a, str>>,
    /// Whatever begins with these digits is this region's, valid or not.
    pub(super) leading_digits: Option<Cow<'a, str>>,
    pub(super) parts: Vec<(Part, Description<'a>)>,
}

/// What a region's pattern is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Every number of the region.
    General,
    /// The numbers of one kind. Of a number that is both fixed and mobile the two patterns are one.
    Kind(NumberKind),
}

/// The numbers that match the whole of a pattern and have one of some lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Description<'a> {
    pub(super) pattern: Cow<'a, str>,
    pub(super) lengths: Lengths,
}

/// A set of lengths of a national number, below 32 digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths(u32);

impl Lengths {
    /// Whether `length` is in the set, or nothing is said of lengths.
    pub(super) fn allow(self, length: u32) -> bool {
        self.0 == 0 || self.0.checked_shr(length).is_some_and(|bits| bits & 1 == 1)
    }
}

impl FromIterator<u16> for Lengths {
    fn from_iter<I: IntoIterator<Item = u16>>(lengths: I) -> Self {
        let bit = |length: u16| 1_u32.checked_shl(length.into()).unwrap_or(0);
        Self(lengths.into_iter().fold(0, |set, length| set | bit(length)))
    }
}

/// The metadata that comes with this release, in its order: by calling code, the main region first.
pub(super) fn built_in() -> Vec<Territory<'static>> {
    let database = &*DATABASE;
    (1..=999).flat_map(|code| database.by_code(&code).unwrap_or_default()).map(territory).collect()
}

fn territory(metadata: &'static Metadata) -> Territory<'static> {
    let every = metadata.descriptors();
    let known = [
        (Part::Kind(NumberKind::Premium), every.premium_rate()),
        (Part::Kind(NumberKind::TollFree), every.toll_free()),
        (Part::Kind(NumberKind::SharedCost), every.shared_cost()),
        (Part::Kind(NumberKind::Voip), every.voip()),
        (Part::Kind(NumberKind::Personal), every.personal_number()),
        (Part::Kind(NumberKind::Pager), every.pager()),
        (Part::Kind(NumberKind::Uan), every.uan()),
        (Part::Kind(NumberKind::Voicemail), every.voicemail()),
        (Part::Kind(NumberKind::Fixed), every.fixed_line()),
        (Part::Kind(NumberKind::Mobile), every.mobile()),
        (Part::General, Some(every.general())),
    ];
    Territory {
        id: metadata.id().into(),
        calling_code: metadata.country_code(),
        is_main: metadata.is_main_country_for_code(),
        national_prefix: metadata.national_prefix().map(Cow::from),
        leading_digits: metadata.leading_digits().map(|pattern| pattern.as_str().into()),
        parts: known.into_iter().filter_map(|(part, known)| Some((part, description(known?)))).collect(),
    }
}

fn description(descriptor: &'static Descriptor) -> Description<'static> {
    Description {
        pattern: descriptor.national_number().as_str().into(),
        lengths: descriptor.possible_length().iter().copied().collect(),
    }
}
