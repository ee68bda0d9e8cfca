//! Whether texts to a region come back as codes. Where almost none does, somebody earns by having them sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mfa_core::time::UnixSeconds;
use mfa_policy::Region;

/// Counts, for each region, texts of the last hour or so and how many of their codes were typed. In the process: each
/// node watches what it sends, and what it stops is stopped for all.
#[derive(Default)]
pub(crate) struct Conversions(Mutex<BTreeMap<Region, Counts>>);

#[derive(Clone, Copy)]
struct Counts {
    since: UnixSeconds,
    sent: u32,
    verified: u32,
}

impl Conversions {
    /// Notes a text; answers whether the region's texts must stop: of so many that were sent, so few came back.
    pub(crate) fn sent(&self, region: Region, now: UnixSeconds) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(region).or_insert(Counts { since: now, sent: 0, verified: 0 });
        if now.since(counts.since) >= SPAN || now < counts.since {
            // Half of the past counts on, so that a new span does not begin with nothing known.
            *counts = Counts { since: now, sent: counts.sent / 2, verified: counts.verified / 2 };
        }
        counts.sent = counts.sent.saturating_add(1);
        counts.sent >= ENOUGH && counts.verified.saturating_mul(100) < counts.sent.saturating_mul(TOO_FEW)
    }

    pub(crate) fn verified(&self, region: Region) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = counts.get_mut(&region) {
            counts.verified = counts.verified.saturating_add(1);
        }
    }

    /// Begins anew, when an operator lets the region's texts go again: it stops only after as many as before.
    pub(crate) fn forget(&self, region: Region) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&region);
    }
}

const SPAN: Duration = Duration::from_secs(60 * 60);
/// Fewer texts than this say nothing.
const ENOUGH: u32 = 50;
/// Per hundred. People type most of the codes they ask for.
const TOO_FEW: u32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

    fn us() -> Region {
        Region::new("US").unwrap()
    }

    #[test]
    fn e1_a_region_whose_codes_do_not_come_back_stops() {
        let conversions = Conversions::default();
        let stopped: Vec<_> = (0..60).map(|_| conversions.sent(us(), NOW)).collect();
        assert_eq!(stopped.iter().position(|stopped| *stopped), Some(49));
        conversions.forget(us());
        assert!((0..49).all(|_| !conversions.sent(us(), NOW)));
    }

    #[test]
    fn a_region_of_honest_people_goes_on() {
        let conversions = Conversions::default();
        for number in 0..1_000 {
            assert!(!conversions.sent(us(), NOW));
            if number % 5 != 0 {
                conversions.verified(us());
            }
        }
    }
}
