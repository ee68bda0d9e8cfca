//! Checks of [`BatchStorage`], for backends that serve several subjects in one round trip.

use super::{Failure, Report, Stores, batches, checks};
use crate::BatchStorage;

checks! {
    /// Runs every check of batches and reports on each. The checks of [`run_all`](super::run_all) are not among them.
    run_all_batch[Stores<Store: BatchStorage>];
    /// Each item is answered in its place, whatever the others are; no items have no answers.
    batches::answers_come_in_the_order_asked;
    /// A conflict, or an item that the backend has to refuse, leaves the others of its batch committed.
    batches::one_bad_item_fails_alone;
    /// `load_many` sees every commit that was acknowledged before it began, alone or in a batch.
    batches::load_many_sees_acknowledged_commits;
    /// Batches that meet on the same subjects in opposite orders come to an end, and each subject has one winner, whose
    /// record stands with its events.
    batches::each_subject_of_racing_batches_has_one_winner;
    /// Of a batch whose future is dropped half way, each item has happened in full or not at all.
    batches::each_item_of_a_dropped_batch_happens_in_full_or_not_at_all;
    /// Every item that was acknowledged is there after a crash. Needs [`Stores::crash`].
    batches::acknowledged_batches_survive_a_crash;
}
