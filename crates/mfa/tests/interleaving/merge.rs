//! Going through every schedule without running twice what is the same from some point on.
//!
//! A client is the same when it was answered the same, call by call: it has no other input. Where every client, the
//! store, and what the judge will ask of the past are as they were at a fork of an earlier run, whatever follows is as it
//! was there; it is counted, and not run again. Nothing is left out by that but repetition: [`EverySchedule`] and this go
//! through the same schedules, and where both can be waited for, both count the same.
//!
//! [`EverySchedule`]: crate::schedule::EverySchedule

use std::collections::HashMap;

/// Goes through every sequence of choices, depth first, up to forks that are known.
#[derive(Default)]
pub struct EveryState {
    path: Vec<Fork>,
    depth: usize,
    /// How many schedules lead on from a state.
    known: HashMap<u128, u128>,
    /// Of the run under way: how many schedules lead on from where it met a known state.
    met: Option<u128>,
}

struct Fork {
    state: u128,
    chosen: usize,
    of: usize,
    /// Schedules through the choices before this one.
    counted: u128,
}

impl EveryState {
    /// The choice of this run at its next fork; none at its end, and where a known state is met.
    pub fn pick(&mut self, options: usize, state: impl FnOnce() -> u128) -> Option<usize> {
        if options == 0 {
            return None;
        }
        if self.depth == self.path.len() {
            let state = state();
            self.met = self.known.get(&state).copied();
            if self.met.is_some() {
                return None;
            }
            self.path.push(Fork { state, chosen: 0, of: options, counted: 0 });
        }
        let fork = &self.path[self.depth];
        assert_eq!(fork.of, options, "the same prefix must lead to the same fork");
        self.depth += 1;
        Some(fork.chosen)
    }

    /// Whether the run that is over came to an end of its own.
    pub fn is_new(&self) -> bool {
        self.met.is_none()
    }

    /// Turns to the next schedule; the number of all of them when that was the last.
    pub fn advance(&mut self) -> Option<u128> {
        let mut counted = self.met.take().unwrap_or(1);
        self.depth = 0;
        while let Some(fork) = self.path.last_mut() {
            fork.counted += counted;
            if fork.chosen + 1 < fork.of {
                fork.chosen += 1;
                return None;
            }
            counted = fork.counted;
            self.known.insert(fork.state, counted);
            self.path.pop();
        }
        Some(counted)
    }
}
