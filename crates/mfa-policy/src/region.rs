//! Regions a text message can go to, and sets of them.

use std::fmt;

use thiserror::Error;

/// A country or territory, as an ISO 3166-1 alpha-2 code that is officially assigned.
///
/// `US` means the region US and nothing else: territories with a code of their own (`PR`, `VI`, `GU`, ...; likewise
/// `GG`, `JE`, `IM`) are regions of their own.
///
/// # Source
/// ISO 3166-1:2020, the 249 assigned codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(u8);

impl Region {
    /// Parses an alpha-2 code, in capitals as ISO 3166 writes it.
    ///
    /// # Errors
    /// [`InvalidRegion`] unless it is one of the 249 assigned codes. `UK`, `EU` and `XK` are not.
    ///
    /// # Examples
    /// ```
    /// # use mfa_policy::Region;
    /// assert_eq!(Region::new("GB")?.as_str(), "GB");
    /// assert!(Region::new("UK").is_err());
    /// # Ok::<(), mfa_policy::InvalidRegion>(())
    /// ```
    pub fn new(code: &str) -> Result<Self, InvalidRegion> {
        let place = codes().position(|known| known == code).ok_or(InvalidRegion)?;
        u8::try_from(place).map(Self).map_err(|_| InvalidRegion)
    }

    /// The alpha-2 code.
    pub fn as_str(self) -> &'static str {
        codes().nth(usize::from(self.0)).unwrap_or_default()
    }

    /// Which word of a [`Regions`] and which bit in it.
    const fn bit(self) -> (usize, u64) {
        ((self.0 / 64) as usize, 1 << (self.0 % 64))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not an assigned ISO 3166-1 alpha-2 code in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a region must be an assigned ISO 3166-1 alpha-2 code in capitals, such as US")]
#[non_exhaustive]
pub struct InvalidRegion;

/// A set of [`Region`]s: 32 bytes, copied and intersected without allocating.
///
/// # Examples
/// ```
/// # use mfa_policy::{Region, Regions};
/// let allowed: Regions = ["US", "CA"].into_iter().flat_map(Region::new).collect();
/// assert!(allowed.contains(Region::new("CA")?));
/// assert_eq!(allowed.to_string(), "CA US");
/// # Ok::<(), mfa_policy::InvalidRegion>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Regions([u64; 4]);

impl Regions {
    /// No region.
    pub const NONE: Self = Self([0; 4]);
    /// Every region.
    pub const ALL: Self = Self([u64::MAX, u64::MAX, u64::MAX, (1 << (COUNT % 64)) - 1]);

    /// Whether `region` is in the set.
    pub fn contains(&self, region: Region) -> bool {
        let (word, bit) = region.bit();
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        matches!(self.0, [0, 0, 0, 0])
    }

    /// Whether everything here is in `other` too.
    pub fn is_subset(self, other: Self) -> bool {
        self.intersection(other) == self
    }

    /// How many regions the set holds, 0 to 249.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// The regions, in alphabetical order of their codes.
    pub fn iter(self) -> impl Iterator<Item = Region> {
        (0..COUNT).map(Region).filter(move |region| self.contains(*region))
    }
}

impl FromIterator<Region> for Regions {
    fn from_iter<I: IntoIterator<Item = Region>>(regions: I) -> Self {
        let mut set = Self::NONE;
        for region in regions {
            let (word, bit) = region.bit();
            if let Some(bits) = set.0.get_mut(word) {
                *bits |= bit;
            }
        }
        set
    }
}

impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::word::list(f, self.iter(), " ")
    }
}

impl fmt::Debug for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

fn codes() -> impl Iterator<Item = &'static str> {
    CODES.split(' ')
}

const COUNT: u8 = 249;

/// The assigned codes, sorted: a region's number is its place here. Numbers never leave the process.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE \
     BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD \
     CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM \
     DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF \
     GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU \
     ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
     KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME \
     MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
     NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
     PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI \
     SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK \
     TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI \
     VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_249_codes_sorted_and_once() {
        let all: Vec<&str> = codes().collect();
        assert_eq!(all.len(), usize::from(COUNT));
        assert!(all.iter().all(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_code_reads_back_as_itself() {
        assert!(codes().all(|code| Region::new(code).is_ok_and(|region| region.as_str() == code)));
    }

    #[test]
    fn unassigned_lower_case_and_long_codes_are_refused() {
        for code in ["", "us", "UK", "EU", "XK", "AN", "USA", "U", "US ", "AD AE", " "] {
            assert_eq!(Region::new(code), Err(InvalidRegion), "{code:?}");
        }
    }

    #[test]
    fn all_holds_every_region_and_nothing_else() {
        let collected: Regions = codes().flat_map(Region::new).collect();
        assert_eq!(collected, Regions::ALL);
        assert_eq!(Regions::ALL.len(), 249);
        assert!(Regions::NONE.is_empty() && Regions::NONE.is_subset(Regions::ALL));
    }
}
