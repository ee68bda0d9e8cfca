//! Measuring two candidates in turns.

use std::time::{Duration, Instant};

/// How many times each candidate is measured. An odd number, so that there is one in the middle.
const ROUNDS: u32 = 101;

/// Each measurement is the fastest of so many: what else runs on the machine can only slow one down.
const TRIES: u32 = 5;

/// The rounds and tries of what takes a process of its own.
const FEW_ROUNDS: u32 = 15;
const FEW_TRIES: u32 = 3;

/// How long a try aims to be: long against the clock's own cost, short against the scheduler's slices.
const TARGET: Duration = Duration::from_micros(100);

/// How much longer than the reference something takes, and what that was found from. Shows as its spread.
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// Nanoseconds of one run, ours and the reference's, medians.
    pub(crate) ours: f64,
    pub(crate) reference: f64,
    pub(crate) rounds: u32,
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { least, most, ours, reference, rounds, .. } = self;
        write!(f, "{least:.3} to {most:.3} ({rounds} rounds, {ours:.0} ns over {reference:.0} ns)")
    }
}

/// Measures both in turns. Each candidate is told how often to run and answers how many nanoseconds one run took.
///
/// Each round's ratio is taken from two measurements that stand side by side, and the order changes from round to
/// round, so that a machine that slows down slows both.
pub(crate) fn ratio(mut ours: impl FnMut(u32) -> f64, mut reference: impl FnMut(u32) -> f64) -> Ratio {
    let (ours_runs, reference_runs) = (enough(&mut ours), enough(&mut reference));
    in_turns(
        ROUNDS,
        || fastest(TRIES, &mut ours, ours_runs),
        || fastest(TRIES, &mut reference, reference_runs),
    )
}

/// Likewise, of what is slow and done once: fewer rounds, one run each.
pub(crate) fn ratio_of_few(mut ours: impl FnMut(u32) -> f64, mut reference: impl FnMut(u32) -> f64) -> Ratio {
    in_turns(FEW_ROUNDS, || fastest(FEW_TRIES, &mut ours, 1), || fastest(FEW_TRIES, &mut reference, 1))
}

fn in_turns(rounds: u32, mut ours: impl FnMut() -> f64, mut reference: impl FnMut() -> f64) -> Ratio {
    let (mut ratios, mut ours_times, mut reference_times) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (ours, reference) = if round.is_multiple_of(2) {
            let ours = ours();
            (ours, reference())
        } else {
            let reference = reference();
            (ours(), reference)
        };
        ratios.push(ours / reference);
        ours_times.push(ours);
        reference_times.push(reference);
    }
    let (ours, reference) = (median(&mut ours_times), median(&mut reference_times));
    let median = median(&mut ratios);
    Ratio { median, least: ratios[0], most: ratios[ratios.len() - 1], ours, reference, rounds }
}

/// A candidate that needs nothing between runs.
pub(crate) fn repeated(mut once: impl FnMut()) -> impl FnMut(u32) -> f64 {
    move |runs| nanoseconds_each(runs, &mut once)
}

/// How long each of `runs` takes, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "to measure time is what this is for")]
pub(crate) fn nanoseconds_each(runs: u32, mut once: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..runs {
        once();
    }
    start.elapsed().as_nanos() as f64 / f64::from(runs)
}

/// How many runs take about [`TARGET`]; warms the candidate up on the way.
fn enough(candidate: &mut impl FnMut(u32) -> f64) -> u32 {
    let mut runs = 1;
    while runs < 1 << 20 && candidate(runs) * f64::from(runs) < TARGET.as_nanos() as f64 {
        runs *= 2;
    }
    runs
}

fn fastest(tries: u32, candidate: &mut impl FnMut(u32) -> f64, runs: u32) -> f64 {
    (0..tries).map(|_| candidate(runs)).fold(f64::INFINITY, f64::min)
}

/// Sorts the values; the one in the middle.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
