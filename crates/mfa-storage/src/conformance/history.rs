//! Whether what several callers were told of one record can have happened one call after the other.
//!
//! The search is that of Wing and Gong with Lowe's memory of dead ends: put one call after another that was not begun
//! after some other's end, follow the register, go back where an answer does not fit.
//!
//! # Source
//! J. Wing, C. Gong, "Testing and verifying concurrent objects" (1993); G. Lowe, "Testing for linearizability" (2017).

use std::collections::HashSet;

/// The record as the checker sees it: its version (0 for none) and what was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Register {
    pub(super) version: u64,
    pub(super) content: u64,
}

/// What a caller did and was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// A load answered this.
    Loaded(Register),
    /// A write that expected this version was committed as the next.
    Committed { expected: u64, content: u64 },
    /// A write that expected this version met another one.
    Conflict { expected: u64 },
    /// A write that expected this version was dropped, or answered an error: it may happen at any time, or never.
    Unknown { expected: u64, content: u64 },
}

/// A call, with the moments at which it began and ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) told: Told,
    pub(super) began: u64,
    pub(super) ended: u64,
}

impl Call {
    /// The register after this call, if it may come next and answer what it did.
    fn after(&self, before: Register) -> Option<Register> {
        match self.told {
            Told::Loaded(found) => (found == before).then_some(before),
            Told::Conflict { expected } => (expected != before.version).then_some(before),
            Told::Committed { expected, content } | Told::Unknown { expected, content } => {
                let version = before.version.saturating_add(1);
                (expected == before.version).then_some(Register { version, content })
            }
        }
    }

    fn may_be_missing(&self) -> bool {
        matches!(self.told, Told::Unknown { .. })
    }
}

/// Whether `calls`, at most [`MOST`] of them, have an order that explains every answer, from an absent record on.
pub(super) fn is_linearizable(calls: &[Call]) -> bool {
    if calls.len() > MOST {
        return false;
    }
    Search { calls, dead_ends: HashSet::new() }.goes_on(0, Register::default())
}

/// How many calls fit into the set of those that were placed.
pub(super) const MOST: usize = 128;

struct Search<'a> {
    calls: &'a [Call],
    dead_ends: HashSet<(u128, Register)>,
}

impl Search<'_> {
    /// Whether the calls that are not in `placed` can follow, with the register as it is `now`.
    fn goes_on(&mut self, placed: u128, now: Register) -> bool {
        let calls = self.calls;
        let open = || (0_u32..).zip(calls).filter(move |(bit, _)| placed & (1 << bit) == 0);
        if open().all(|(_, call)| call.may_be_missing()) {
            return true;
        }
        if !self.dead_ends.insert((placed, now)) {
            return false;
        }
        // Whoever began after another ended comes after it. An unknown end is no end.
        let ends = open().filter(|(_, call)| !call.may_be_missing()).map(|(_, call)| call.ended);
        let first_end = ends.min().unwrap_or(u64::MAX);
        let next = open().filter(|(_, call)| call.began <= first_end);
        next.filter_map(|(bit, call)| call.after(now).map(|after| (bit, after)))
            .any(|(bit, after)| self.goes_on(placed | (1 << bit), after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(began: u64, ended: u64, told: Told) -> Call {
        Call { told, began, ended }
    }

    fn loaded(version: u64, content: u64) -> Told {
        Told::Loaded(Register { version, content })
    }

    fn committed(expected: u64, content: u64) -> Told {
        Told::Committed { expected, content }
    }

    #[test]
    fn one_call_after_the_other_is_linearizable() {
        assert!(is_linearizable(&[]));
        assert!(is_linearizable(&[
            call(0, 1, loaded(0, 0)),
            call(2, 3, committed(0, 7)),
            call(4, 5, loaded(1, 7)),
            call(6, 7, committed(1, 8)),
            call(8, 9, Told::Conflict { expected: 1 }),
            call(10, 11, loaded(2, 8)),
        ]));
    }

    #[test]
    fn calls_that_overlap_may_come_in_either_order() {
        for found in [loaded(0, 0), loaded(1, 7)] {
            assert!(is_linearizable(&[call(0, 3, committed(0, 7)), call(1, 2, found)]));
        }
        assert!(is_linearizable(&[
            call(0, 9, Told::Conflict { expected: 0 }),
            call(1, 8, committed(1, 8)),
            call(2, 7, committed(0, 7)),
        ]));
    }

    #[test]
    fn a_stale_read_is_not() {
        let history = [call(0, 1, committed(0, 7)), call(2, 3, committed(1, 8)), call(4, 5, loaded(1, 7))];
        assert!(!is_linearizable(&history));
    }

    #[test]
    fn two_reads_that_go_back_are_not() {
        let history = [
            call(0, 1, committed(0, 7)),
            call(2, 9, committed(1, 8)),
            call(3, 4, loaded(2, 8)),
            call(5, 6, loaded(1, 7)),
        ];
        assert!(!is_linearizable(&history));
    }

    #[test]
    fn two_winners_of_one_version_are_not() {
        assert!(!is_linearizable(&[call(0, 3, committed(0, 7)), call(1, 2, committed(0, 8))]));
    }

    #[test]
    fn a_lost_update_is_not() {
        let history = [call(0, 3, committed(0, 7)), call(1, 2, committed(1, 8)), call(4, 5, loaded(2, 7))];
        assert!(!is_linearizable(&history));
    }

    #[test]
    fn an_acknowledged_write_that_vanished_is_not() {
        assert!(!is_linearizable(&[call(0, 1, committed(0, 7)), call(2, 3, loaded(0, 0))]));
    }

    #[test]
    fn a_conflict_with_nobody_is_not() {
        assert!(!is_linearizable(&[call(0, 1, Told::Conflict { expected: 0 })]));
        let history = [call(0, 1, committed(0, 7)), call(2, 3, Told::Conflict { expected: 1 })];
        assert!(!is_linearizable(&history));
    }

    #[test]
    fn what_is_not_known_may_happen_late_or_never_and_not_before_it_began() {
        let unknown = call(2, 3, Told::Unknown { expected: 0, content: 7 });
        assert!(is_linearizable(&[unknown, call(4, 5, loaded(0, 0))]));
        assert!(is_linearizable(&[unknown, call(4, 5, loaded(1, 7))]));
        assert!(is_linearizable(&[unknown, call(4, 5, loaded(0, 0)), call(6, 7, loaded(1, 7))]));
        assert!(!is_linearizable(&[unknown, call(4, 5, loaded(1, 7)), call(6, 7, loaded(0, 0))]));
        assert!(!is_linearizable(&[unknown, call(0, 1, loaded(1, 7))]));
        assert!(!is_linearizable(&[unknown, call(4, 5, loaded(1, 8))]));
    }

    #[test]
    fn more_calls_than_fit_are_never_taken_for_good() {
        assert!(!is_linearizable(&vec![call(0, 1, loaded(0, 0)); MOST + 1]));
    }
}
