//! The kit that checks a backend against every promise of [`Storage`]: one function per promise, named like it.
//!
//! Give it something that makes empty, isolated stores; it never wipes a shared one. Time is an argument of the
//! contract, so nothing waits: the kit turns its own hand clock. Checks of concurrency run on real threads behind a
//! barrier, many rounds, and count winners; those block the calling thread until their threads are done. A check
//! answers a [`Failure`]; [`run_all`] runs every one and answers a [`Report`]. A store that panics or never answers is
//! not caught.
//!
//! A check that a kind of store cannot be put to (a crash, where nothing outlives the process) is neither passed nor
//! failed, and [`Report::skipped`] names it.
//!
//! A backend that needs a runtime implements [`Stores`] and hands [`Stores::drive`] to it, so that the kit's own threads
//! can reach the runtime; run the kit on a thread that the runtime can spare. One that keeps anything implements
//! [`Stores::crash`] too. A [`BatchStorage`](crate::BatchStorage) has [`run_all_batch`] besides.
//!
//! # Examples
//! ```
//! use mfa_storage::{MemoryStorage, conformance};
//!
//! let report = conformance::block_on(conformance::run_all(&async || Ok(MemoryStorage::new())));
//! report.into_result().unwrap();
//! ```

pub mod batch;
mod batches;
mod budgets;
mod commits;
mod crash;
mod crash_points;
mod drive;
mod erasure;
mod events;
mod failure;
mod fixture;
mod history;
mod linearizability;
mod random;
mod scans;

use std::future::Future;

pub use batch::run_all_batch;
pub use crash_points::{CrashPoint, CrashPoints};
pub use drive::block_on;
pub use failure::{Failure, Failures, Report};

use crate::{Storage, StorageError};

/// Makes the stores that the checks run on. Implemented for every `async` closure that answers an empty store.
pub trait Stores: Sync {
    /// The backend.
    type Store: Storage;

    /// A new, empty store that shares nothing with any other.
    ///
    /// # Errors
    /// [`StorageError`] when there is none to be had; the check then fails.
    fn empty(&self) -> impl Future<Output = Result<Self::Store, StorageError>>;

    /// What would be found of `store` if it crashed at this very moment, opened again: what is on its disk, after its
    /// process was killed, or its server stopped without a chance to finish. Calls are under way meanwhile; they may
    /// go on, answer errors, or wait until the store is there again, but not for ever. The kit uses what it found and
    /// no longer `store`.
    ///
    /// `None` when such stores cannot be crashed, as for memory: what needs a crash is then skipped.
    ///
    /// # Errors
    /// [`StorageError`] when there is nothing to be found any more; the check then fails.
    fn crash(&self, _store: &Self::Store) -> impl Future<Output = Result<Option<Self::Store>, StorageError>> {
        std::future::ready(Ok(None))
    }

    /// Drives a future on the calling thread. Backends that need a runtime enter it here.
    fn drive<F: Future>(&self, future: F) -> F::Output {
        block_on(future)
    }
}

impl<F, S> Stores for F
where
    F: AsyncFn() -> Result<S, StorageError> + Sync,
    S: Storage,
{
    type Store = S;

    async fn empty(&self) -> Result<S, StorageError> {
        self().await
    }
}

/// Names the checks once: each becomes a function, an entry in `CHECKS`, and a step of `$run_all`.
macro_rules! checks {
    (
        $(#[$run_doc:meta])* $run_all:ident[$bound:path];
        $($(#[$doc:meta])* $module:ident::$name:ident;)*
    ) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`Failure`] when the store broke this promise, or could not answer.
            pub async fn $name<S: $bound>(stores: &S) -> Result<(), Failure> {
                $module::$name(stores).await.map_err(|broken| broken.within(stringify!($name)))
            }
        )*

        $(#[$run_doc])*
        pub async fn $run_all<S: $bound>(stores: &S) -> Report {
            let mut report = Report::default();
            $(report.add(stringify!($name), $name(stores).await);)*
            report
        }

        /// The names of these checks, in the order they run.
        pub const CHECKS: &[&str] = &[$(stringify!($name)),*];
    };
}
use checks;

checks! {
    /// Runs every check and reports on each.
    run_all[Stores];
    /// A new store holds nothing, whatever another one holds; there is nothing to replace in it.
    commits::each_store_starts_empty;
    /// A record reads back byte for byte, under exactly the key it was written to.
    commits::a_record_reads_back_as_written;
    /// `load` sees every commit that was acknowledged before it began, on whichever thread.
    commits::load_sees_acknowledged_commits;
    /// Of any number of concurrent writes with one expectation, exactly one is committed, and it is the one that stands.
    commits::one_winner_per_version;
    /// A write that meets another version answers `Conflict`; record and events are as they were.
    commits::conflict_changes_nothing;
    /// A commit whose future is dropped half way has happened in full or not at all.
    commits::a_dropped_commit_happens_in_full_or_not_at_all;
    /// Record and summary, loaded or listed while others write, belong to one version.
    commits::load_never_sees_half_a_write;
    /// Subjects that are written at once, and whose names look alike, meet neither conflicts nor each other's records.
    commits::subjects_do_not_disturb_each_other;
    /// What many threads are told of one record can have happened one call after the other: no stale read, no lost
    /// update, no conflict with nobody. Calls that were dropped or failed may have happened, at any time since.
    linearizability::histories_are_linearizable;
    /// The events of a commit are in the feed when it is acknowledged, and never before or without its record.
    events::events_arrive_with_their_record;
    /// Whoever follows the feed sees every event, each stream's in order, none skipped, while many threads commit.
    events::feed_is_gap_free_and_ordered;
    /// A cursor keeps its place: at the end, through its number, with any limit.
    events::a_cursor_keeps_its_place;
    /// Whoever follows the feed while others commit and prune sees every event that is not pruned, in order.
    events::feed_goes_on_while_others_prune;
    /// Events committed after everything was pruned are still ahead of an old cursor.
    events::a_cursor_outlives_pruning;
    /// One bucket without a unit spends nothing of the others, and is the one that is named.
    budgets::spend_is_all_or_none;
    /// A bucket grants its burst, then one unit each interval, at the moment it named.
    budgets::spend_grants_what_the_interval_brings_back;
    /// Many threads, buckets shared in opposite orders: exactly the burst is granted, then one unit an interval
    /// however the threads' clocks differ, and nobody waits for ever.
    budgets::spend_never_exceeds_burst_under_contention;
    /// The same reservation, however often and from however many threads, is granted and spends once; one that was
    /// refused may try again.
    budgets::reservation_is_granted_once;
    /// However often a reservation is given back, one unit comes back.
    budgets::refund_is_idempotent;
    /// A refund gives back what the interval has not yet brought back by itself, and no more.
    budgets::refund_gives_back_only_what_has_not_come_back;
    /// A refund that runs at once with its own spending comes before it or after it, and nothing in between.
    budgets::a_refund_that_meets_its_spending_gives_back_one_unit_or_none;
    /// A reservation that was given back is refused with an error, and spends nothing.
    budgets::a_refunded_reservation_is_not_granted_again;
    /// After it lapsed, a reservation gives nothing back.
    budgets::a_lapsed_reservation_gives_nothing_back;
    /// A node whose clock was far ahead costs at most one burst; a clock set back grants nothing more.
    budgets::a_clock_far_ahead_stops_nothing;
    /// Page by page, every record that stands throughout is listed once, in the order of the keys; rows of the
    /// library's own never are.
    scans::scan_lists_each_record_once;
    /// While records are replaced, made and erased around it, a scan still meets each that stands, once and in order.
    scans::scan_meets_what_stands_while_others_write;
    /// A scan lists what its filter admits, all of it, a full page at a time.
    scans::scan_lists_what_the_filter_admits;
    /// An erased row still loads, with its event, and is no longer listed.
    erasure::erase_leaves_a_tombstone;
    /// After an erasure neither `Absent` nor an older version is met; the next commit counts on from the tombstone.
    erasure::versions_never_restart_after_erase;
    /// However erasures and commits race, what was written last decides whether a scan lists the record.
    erasure::erasures_and_commits_do_not_mix;
    /// Pruning removes old events and old tombstones, and nothing else.
    erasure::prune_removes_only_the_old;
    /// Pruning gives no budget back.
    budgets::prune_gives_nothing_back;
    /// A call whose reply was lost can be made again: a commit that had happened is a conflict, even with the very
    /// same record; a spending or a refund counts once.
    crash::a_lost_reply_can_be_asked_for_again;
    /// An erasure, a spending or a refund whose future is dropped half way has happened in full or not at all.
    crash::a_dropped_erasure_or_spending_happens_in_full_or_not_at_all;
    /// After a crash everything that was acknowledged is there, and what was under way in full or not at all:
    /// records, events, tombstones, budgets, reservations. Needs [`Stores::crash`].
    crash::acknowledged_commits_survive_a_crash;
}
