//! Which regions are territories of another that has a number plan of its own.

use crate::region::Region;

/// The region that `region` belongs to or is numbered with, where people may well take it for part of that one.
///
/// For the reason of a refusal and nothing else: a territory is allowed if and only if it is listed itself.
pub(super) fn parent(region: Region) -> Option<Region> {
    let wanted = region.as_str();
    let (parent, _) = TERRITORIES.iter().find(|(_, all)| all.split(' ').any(|code| code == wanted))?;
    Region::new(parent).ok()
}

/// # Source
/// ISO 3166-1:2020 for which have a code of their own; VA is numbered with IT (ITU-T E.164.D).
const TERRITORIES: [(&str, &str); 9] = [
    ("US", "AS GU MP PR UM VI"),
    ("GB", "AI BM FK GG GI GS IM IO JE KY MS PN SH TC VG"),
    ("FR", "BL GF GP MF MQ NC PF PM RE TF WF YT"),
    ("AU", "CC CX HM NF"),
    ("NZ", "CK NU TK"),
    ("NL", "AW BQ CW SX"),
    ("DK", "FO GL"),
    ("NO", "BV SJ"),
    ("IT", "VA"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_region_and_has_one_parent() {
        let all: Vec<&str> = TERRITORIES.iter().flat_map(|(_, all)| all.split(' ')).collect();
        for (number, code) in all.iter().enumerate() {
            assert!(parent(Region::new(code).unwrap()).is_some(), "{code}");
            assert!(!all[..number].contains(code), "{code}");
        }
        assert!(TERRITORIES.iter().all(|(parent, _)| Region::new(parent).is_ok()));
        let none: Vec<_> =
            ["US", "CA", "JM", "HK", "IE"].iter().map(|code| Region::new(code).unwrap()).collect();
        assert!(none.into_iter().all(|region| parent(region).is_none()));
    }
}
