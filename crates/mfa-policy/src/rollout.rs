//! Which organisations have MFA at all: a list, and a stable percentage of the others.

use mfa_core::time::UnixSeconds;

use crate::obligation::Obligation;
use crate::organization::OrganizationSettings;

/// The organisations that MFA is rolled out to.
#[derive(Clone, Debug, Default)]
pub(crate) struct RollOut {
    /// Sorted.
    organizations: Vec<Box<str>>,
    percentage: u8,
    salt: Box<str>,
}

impl RollOut {
    pub(crate) fn new(mut organizations: Vec<Box<str>>, percentage: u8, salt: &str) -> Self {
        organizations.sort_unstable();
        Self { organizations, percentage, salt: Box::from(salt) }
    }

    /// Whether the organisation `id` is in. One that is in stays in while the list and the percentage only grow.
    pub(crate) fn includes(&self, id: &str) -> bool {
        let listed = || self.organizations.binary_search_by(|known| (**known).cmp(id)).is_ok();
        self.percentage >= 100
            || listed()
            || (self.percentage > 0 && bucket(&self.salt, id) < self.percentage)
    }

    /// What `by-organization` comes to for one organisation.
    pub(crate) fn obligation(&self, settings: &OrganizationSettings, now: UnixSeconds) -> Obligation {
        if !self.includes(&settings.id) {
            return Obligation::Unavailable;
        }
        match settings.enforce_from {
            _ if !settings.require => Obligation::Optional { required_from: None },
            Some(date) if now < date => Obligation::Optional { required_from: Some(date) },
            _ => Obligation::Required,
        }
    }

    /// What `by-organization` comes to for a subject in several: the strictest binds. In none: unavailable.
    pub(crate) fn strictest(&self, organizations: &[OrganizationSettings], now: UnixSeconds) -> Obligation {
        let each = organizations.iter().map(|settings| self.obligation(settings, now));
        each.fold(Obligation::Unavailable, Obligation::strictest)
    }
}

/// Which of a hundred equal parts `id` falls in. It must never change: an organisation would lose MFA.
///
/// # Source
/// FNV-1a, 64 bits, over the salt, a zero byte and the id, then the finaliser of MurmurHash3, since the high bits
/// of FNV-1a hardly depend on the last bytes. It spreads; it keeps no secret.
fn bucket(salt: &str, id: &str) -> u8 {
    let fnv = crate::hash::fnv1a(salt, id);
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    let part = (u128::from(mixed ^ (mixed >> 33)).wrapping_mul(100)) >> 64;
    u8::try_from(part).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_an_organization_never_changes() {
        let parts = ["pilot.example", "enforced.example", "a", "b"].map(|id| bucket("2026-roll-out", id));
        assert_eq!(parts, PARTS);
    }

    #[test]
    fn the_parts_are_even() {
        let mut counts = [0_u32; 100];
        for n in 0..100_000 {
            counts[usize::from(bucket("salt", &format!("organisation-{n}")))] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_list_and_the_percentage_both_let_in() {
        let listed = RollOut::new(vec!["b".into(), "a".into()], 0, "");
        assert!(listed.includes("a") && listed.includes("b") && !listed.includes("c"));
        assert!(RollOut::new(vec![], 100, "").includes("c"));
    }

    #[test]
    fn the_date_turns_optional_into_required_in_its_own_second() {
        let all = RollOut::new(vec![], 100, "");
        let settings = OrganizationSettings::new("a").enforced_from(UnixSeconds::new(10));
        let at = |t| all.obligation(&settings, UnixSeconds::new(t));
        assert_eq!(at(9), Obligation::Optional { required_from: Some(UnixSeconds::new(10)) });
        assert_eq!(at(10), Obligation::Required);
        let at_once = OrganizationSettings::new("a").required();
        assert_eq!(all.obligation(&at_once, UnixSeconds::EPOCH), Obligation::Required);
    }

    /// Worked out by another implementation of the two hashes.
    const PARTS: [u8; 4] = [10, 14, 49, 13];
}
