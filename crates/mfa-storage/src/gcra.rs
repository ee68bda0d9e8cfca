//! Budget arithmetic (GCRA, the generic cell rate algorithm): pure, in whole milliseconds, the same for every backend.
//!
//! A budget is one stored number, its *arrival time*: the moment at which all that was spent has come back. Spending
//! a unit moves it one interval later; no honest clock moves it more than a full burst ahead of now.
//!
//! # Source
//! ITU-T I.371 (virtual scheduling). The clamp and the refund are ours; both say below why they are safe.

use std::time::Duration;

use mfa_core::time::UnixSeconds;

use crate::{Bucket, BucketKey};

/// When everything that was spent of a bucket has come back: milliseconds since the Unix epoch, at most `i64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArrivalTime(u64);

impl ArrivalTime {
    /// Reads one back from a backend; anything past `i64::MAX` becomes that.
    pub const fn from_millis(millis: u64) -> Self {
        if millis > MAX_MILLIS { Self(MAX_MILLIS) } else { Self(millis) }
    }

    /// Milliseconds since the Unix epoch, at most `i64::MAX`.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// What spending one unit of one bucket comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the arrival time has to be stored, or the refusal heeded"]
#[expect(clippy::exhaustive_enums, reason = "a unit is there or it is not")]
pub enum Verdict {
    /// There is a unit; store this.
    Granted(ArrivalTime),
    /// There is none.
    Exhausted {
        /// When there is one again.
        until: UnixSeconds,
        /// Store this all the same: what is stored now comes from a clock that was far ahead.
        brought_back: Option<ArrivalTime>,
    },
}

/// What spending one unit of every bucket comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the arrival times have to be stored, or the refusal heeded"]
#[expect(clippy::exhaustive_enums, reason = "mirrors SpendOutcome")]
pub enum Decision {
    /// Every bucket has a unit; store all of these. A bucket that was named twice stands here once, with both spent.
    Granted(Vec<(BucketKey, ArrivalTime)>),
    /// Nothing is spent.
    Exhausted {
        /// The first bucket, in the order given, that had nothing left.
        index: usize,
        /// When that bucket has a unit again.
        until: UnixSeconds,
        /// Store this all the same: what is stored for that bucket comes from a clock that was far ahead.
        brought_back: Option<(BucketKey, ArrivalTime)>,
    },
}

/// An interval in milliseconds, finer parts dropped.
pub fn interval_millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).map_or(MAX_MILLIS, |millis| millis.min(MAX_MILLIS))
}

/// Spends one unit of `bucket`, whose stored arrival time is `stored`. A burst of 0 grants nothing.
///
/// # A wrong clock
/// A stored time more than a full burst and [`CLOCK_TOLERANCE`] ahead of `now` was left by a clock far ahead of this
/// one. It is brought back to a full burst, which refuses now and gives a unit after one interval. That has to be
/// stored even though nothing is granted, or every later caller would find the same refusal. Which of two clocks is
/// wrong cannot be known: one that is further behind than the tolerance gives back units that were spent. The
/// tolerance keeps ordinary skew from doing so.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use mfa_core::time::UnixSeconds;
/// # use mfa_storage::{Bucket, BucketKey, gcra::{Verdict, spend_one}};
/// let bucket = Bucket { key: BucketKey::new([0; 32]), burst: 1, interval: Duration::from_secs(60) };
/// let Verdict::Granted(stored) = spend_one(None, &bucket, UnixSeconds::new(100)) else { panic!() };
/// let again = spend_one(Some(stored), &bucket, UnixSeconds::new(101));
/// assert_eq!(again, Verdict::Exhausted { until: UnixSeconds::new(160), brought_back: None });
/// ```
pub fn spend_one(stored: Option<ArrivalTime>, bucket: &Bucket, now: UnixSeconds) -> Verdict {
    let now = to_millis(now);
    let interval = interval_millis(bucket.interval);
    let full = now.saturating_add(interval.saturating_mul(u64::from(bucket.burst))).min(MAX_MILLIS);
    let stored = stored.map_or(now, ArrivalTime::as_millis);
    let far_ahead = stored > full.saturating_add(interval_millis(CLOCK_TOLERANCE));
    let arrival = if far_ahead { full } else { stored.max(now) };
    let next = arrival.saturating_add(interval).min(MAX_MILLIS);
    if bucket.burst > 0 && next <= full && full < MAX_MILLIS {
        return Verdict::Granted(ArrivalTime(next));
    }
    let until = now.saturating_add(next.saturating_sub(full)).div_ceil(1000);
    Verdict::Exhausted {
        until: UnixSeconds::new(until),
        brought_back: far_ahead.then_some(ArrivalTime(arrival)),
    }
}

/// Spends one unit of every bucket, or of none. `stored` reads a bucket's arrival time; the caller holds whatever
/// lock makes reading and storing one step.
///
/// # Errors
/// Whatever `stored` answers.
pub fn decide<E>(
    buckets: &[Bucket],
    now: UnixSeconds,
    mut stored: impl FnMut(&BucketKey) -> Result<Option<ArrivalTime>, E>,
) -> Result<Decision, E> {
    let mut spent: Vec<(BucketKey, ArrivalTime)> = Vec::with_capacity(buckets.len());
    for (index, bucket) in buckets.iter().enumerate() {
        let earlier = spent.iter_mut().find(|(key, _)| *key == bucket.key);
        let before = match &earlier {
            Some((_, arrival)) => Some(*arrival),
            None => stored(&bucket.key)?,
        };
        match (spend_one(before, bucket, now), earlier) {
            (Verdict::Exhausted { until, brought_back }, _) => {
                let brought_back = brought_back.map(|arrival| (bucket.key, arrival));
                return Ok(Decision::Exhausted { index, until, brought_back });
            }
            (Verdict::Granted(after), Some((_, arrival))) => *arrival = after,
            (Verdict::Granted(after), None) => spent.push((bucket.key, after)),
        }
    }
    Ok(Decision::Granted(spent))
}

/// Gives back a unit that was spent at `spent_at`: as much of its interval as has not come back by itself since.
///
/// Giving back the whole interval would count the time between twice. Without the unit the bucket may have stood full
/// for at most that time, so what is given back here never exceeds what the unit still costs, in whatever order
/// several units are given back.
pub fn give_back(
    stored: ArrivalTime,
    interval: Duration,
    spent_at: UnixSeconds,
    now: UnixSeconds,
) -> ArrivalTime {
    let elapsed = interval_millis(now.since(spent_at));
    ArrivalTime(stored.0.saturating_sub(interval_millis(interval).saturating_sub(elapsed)))
}

fn to_millis(moment: UnixSeconds) -> u64 {
    moment.get().saturating_mul(1000).min(MAX_MILLIS)
}

/// How far two honest clocks may be apart: five minutes.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

const MAX_MILLIS: u64 = i64::MAX as u64;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(burst: u32, seconds: u64) -> Bucket {
        Bucket { key: BucketKey::new([1; 32]), burst, interval: Duration::from_secs(seconds) }
    }

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds::new(seconds)
    }

    fn spend_many(bucket: &Bucket, now: UnixSeconds, tries: u32) -> (u32, Option<ArrivalTime>) {
        let mut stored = None;
        let mut granted = 0;
        for _ in 0..tries {
            if let Verdict::Granted(after) = spend_one(stored, bucket, now) {
                stored = Some(after);
                granted += 1;
            }
        }
        (granted, stored)
    }

    #[test]
    fn a_burst_is_granted_at_once_and_no_more() {
        assert_eq!(spend_many(&bucket(5, 60), at(1_000_000), 9).0, 5);
    }

    #[test]
    fn one_unit_comes_back_each_interval() {
        let bucket = bucket(2, 60);
        let (_, stored) = spend_many(&bucket, at(1000), 2);
        let refused = Verdict::Exhausted { until: at(1060), brought_back: None };
        assert_eq!(spend_one(stored, &bucket, at(1059)), refused);
        assert!(matches!(spend_one(stored, &bucket, at(1060)), Verdict::Granted(_)));
    }

    #[test]
    fn t9_a_time_far_ahead_is_brought_back_to_a_full_burst() {
        let bucket = bucket(3, 60);
        let (_, ahead) = spend_many(&bucket, at(1_000_000), 3);
        let full = ArrivalTime::from_millis(1_180_000);
        let refused = Verdict::Exhausted { until: at(1060), brought_back: Some(full) };
        assert_eq!(spend_one(ahead, &bucket, at(1000)), refused);
        assert!(matches!(spend_one(Some(full), &bucket, at(1060)), Verdict::Granted(_)));
    }

    #[test]
    fn t9_a_clock_within_the_tolerance_gives_nothing_back() {
        let bucket = bucket(3, 60);
        let (_, stored) = spend_many(&bucket, at(10_000), 3);
        let refused = Verdict::Exhausted { until: at(10_060), brought_back: None };
        assert_eq!(spend_one(stored, &bucket, at(9700)), refused);
        assert!(matches!(
            spend_one(stored, &bucket, at(9699)),
            Verdict::Exhausted { brought_back: Some(_), .. }
        ));
    }

    #[test]
    fn an_interval_of_zero_never_runs_out_and_a_burst_of_zero_grants_nothing() {
        assert_eq!(spend_many(&bucket(1, 0), at(1000), 50).0, 50);
        assert_eq!(spend_many(&bucket(0, 0), at(1000), 5).0, 0);
        assert_eq!(spend_many(&bucket(0, 60), at(1000), 5).0, 0);
    }

    #[test]
    fn the_ends_of_time_refuse_instead_of_overflowing() {
        let endless = Bucket { interval: Duration::MAX, ..bucket(u32::MAX, 0) };
        assert!(matches!(spend_one(None, &endless, at(1000)), Verdict::Exhausted { .. }));
        assert!(matches!(spend_one(None, &bucket(1, 1), UnixSeconds::MAX), Verdict::Exhausted { .. }));
    }

    #[test]
    fn all_or_none_names_the_first_that_had_nothing_left() {
        let (first, mut second) = (bucket(2, 60), bucket(1, 60));
        second.key = BucketKey::new([2; 32]);
        let spent = ArrivalTime::from_millis(1_060_000);
        let lookup = |key: &BucketKey| Ok::<_, ()>((*key == second.key).then_some(spent));
        let decision = decide(&[first, second], at(1000), lookup);
        assert_eq!(decision, Ok(Decision::Exhausted { index: 1, until: at(1060), brought_back: None }));
    }

    #[test]
    fn a_bucket_named_twice_spends_two() {
        let twice = [bucket(2, 60), bucket(2, 60)];
        let nothing = |_: &BucketKey| Ok::<_, ()>(None);
        let expected = vec![(BucketKey::new([1; 32]), ArrivalTime::from_millis(1_120_000))];
        assert_eq!(decide(&twice, at(1000), nothing), Ok(Decision::Granted(expected)));
        let once = [bucket(1, 60), bucket(1, 60)];
        assert!(matches!(decide(&once, at(1000), nothing), Ok(Decision::Exhausted { index: 1, .. })));
    }

    #[test]
    fn a_refund_makes_one_unit_spendable_at_once() {
        let bucket = bucket(5, 60);
        let (_, stored) = spend_many(&bucket, at(1000), 5);
        let back = give_back(stored.unwrap(), bucket.interval, at(1000), at(1003));
        let Verdict::Granted(after) = spend_one(Some(back), &bucket, at(1003)) else { panic!("no unit") };
        assert!(matches!(spend_one(Some(after), &bucket, at(1003)), Verdict::Exhausted { .. }));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Wait(u64),
        Spend,
        Refund(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![(0_u64..40).prop_map(Step::Wait), Just(Step::Spend), (0_usize..8).prop_map(Step::Refund)]
    }

    proptest! {
        /// However spending, refunds and time interleave: units that were not refunded keep to burst and interval
        /// over every stretch of time.
        #[test]
        fn what_stands_never_exceeds_burst_and_interval(
            burst in 1_u32..5, seconds in 1_u64..30, steps in prop::collection::vec(step(), 1..80),
        ) {
            let bucket = bucket(burst, seconds);
            let (mut now, mut stored, mut standing) = (1_000_000_u64, None, Vec::new());
            for step in steps {
                match step {
                    Step::Wait(wait) => now += wait,
                    Step::Spend => if let Verdict::Granted(after) = spend_one(stored, &bucket, at(now)) {
                        stored = Some(after);
                        standing.push(now);
                    },
                    Step::Refund(which) if which < standing.len() => {
                        let spent_at = standing.remove(which);
                        stored = stored.map(|tat| give_back(tat, bucket.interval, at(spent_at), at(now)));
                    }
                    Step::Refund(_) => {}
                }
            }
            for (first, from) in standing.iter().enumerate() {
                for (last, to) in standing.iter().enumerate().skip(first) {
                    let allowed = u64::from(burst) + (to - from) / seconds;
                    prop_assert!((last - first + 1) as u64 <= allowed, "{standing:?}");
                }
            }
        }
    }
}
