//! The kit is tested too: stores that are wrong on purpose, each in one way, each caught by the check named for it.
#![cfg(feature = "conformance")]
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "stores of tests, outside of any test function"
)]

mod batches;
mod budgets;
mod crashes;
mod events;
mod records;
mod scans;
mod wrong;

use std::collections::BTreeSet;

use mfa_storage::conformance::{self, Report, block_on, run_all, run_all_batch};

use wrong::{Of, Wrong};

/// A wrong store, and the checks that fail for it.
type Exhibit = (&'static str, fn() -> Report, &'static [&'static str]);

/// Where two checks are named, one fault breaks what both stand for: no order of calls explains two winners, a stale
/// read, or a record that comes back.
fn exhibits() -> Vec<Exhibit> {
    vec![
        shown::<records::ErasesNothing>(&["each_store_starts_empty"]),
        shown::<records::ClipsKeyIds>(&["a_record_reads_back_as_written"]),
        shown::<records::StaleReads>(&["load_sees_acknowledged_commits", "histories_are_linearizable"]),
        shown::<records::ChecksThenActs>(&["one_winner_per_version", "histories_are_linearizable"]),
        shown::<records::SwallowsAConflict>(&["conflict_changes_nothing"]),
        shown::<records::HalfWhenDropped>(&["a_dropped_commit_happens_in_full_or_not_at_all"]),
        shown::<records::HalfAWrite>(&["load_never_sees_half_a_write"]),
        shown::<records::JoinsLoads>(&["subjects_do_not_disturb_each_other"]),
        shown::<records::ConflictsWhenBusy>(&["histories_are_linearizable"]),
        shown::<events::ForgetsAnEvent>(&["events_arrive_with_their_record"]),
        shown::<events::SkipsInTheFeed>(&["feed_is_gap_free_and_ordered"]),
        shown::<events::ReordersEvents>(&["feed_is_gap_free_and_ordered"]),
        shown::<events::AnswersAtLeastOne>(&["a_cursor_keeps_its_place"]),
        shown::<events::PrunesInTwoSteps>(&["feed_goes_on_while_others_prune"]),
        shown::<events::RestartsPositions>(&["a_cursor_outlives_pruning"]),
        shown::<budgets::SpendsTheFirst>(&["spend_is_all_or_none"]),
        shown::<budgets::SavesUp>(&["spend_grants_what_the_interval_brings_back"]),
        shown::<budgets::CountsLate>(&["spend_never_exceeds_burst_under_contention"]),
        shown::<budgets::ReservesLate>(&["reservation_is_granted_once"]),
        shown::<budgets::RefundsTwice>(&["refund_is_idempotent"]),
        shown::<budgets::GivesBackTheWhole>(&["refund_gives_back_only_what_has_not_come_back"]),
        shown::<budgets::RefundsBeforeItSpends>(&[
            "a_refund_that_meets_its_spending_gives_back_one_unit_or_none",
        ]),
        shown::<budgets::GrantsAgain>(&["a_refunded_reservation_is_not_granted_again"]),
        shown::<budgets::ForgetsTheLapse>(&["a_lapsed_reservation_gives_nothing_back"]),
        shown::<budgets::TrustsTheClock>(&["a_clock_far_ahead_stops_nothing"]),
        shown::<scans::FoldsCase>(&["scan_lists_each_record_once"]),
        shown::<scans::PagesByNumber>(&["scan_meets_what_stands_while_others_write"]),
        shown::<scans::FiltersLate>(&["scan_lists_what_the_filter_admits"]),
        shown::<scans::ListsNoTombstones>(&["erase_leaves_a_tombstone"]),
        shown::<records::ResurrectsAfterErase>(&[
            "histories_are_linearizable",
            "versions_never_restart_after_erase",
        ]),
        shown::<scans::MarksLate>(&["erasures_and_commits_do_not_mix"]),
        shown::<events::PrunesTooMuch>(&["prune_removes_only_the_old"]),
        shown::<budgets::PrunesReservations>(&["prune_gives_nothing_back"]),
        shown::<records::TakesARetryForItself>(&["a_lost_reply_can_be_asked_for_again"]),
        shown::<budgets::HalfASpending>(&["a_dropped_erasure_or_spending_happens_in_full_or_not_at_all"]),
        shown::<crashes::AnswersBeforeDurable>(&["acknowledged_commits_survive_a_crash"]),
        shown::<crashes::KeepsBudgetsInMemory>(&["acknowledged_commits_survive_a_crash"]),
        shown::<crashes::WritesEventsLast>(&["acknowledged_commits_survive_a_crash"]),
    ]
}

fn shown<W: Wrong>(checks: &'static [&'static str]) -> Exhibit {
    (std::any::type_name::<W>(), || block_on(run_all(&Of::<W>::new())), checks)
}

/// As [`exhibits`], for batches.
fn batch_exhibits() -> Vec<Exhibit> {
    vec![
        shown_batch::<batches::AnswersOnce>(&["answers_come_in_the_order_asked"]),
        shown_batch::<batches::FailsTogether>(&["one_bad_item_fails_alone"]),
        shown_batch::<batches::StaleBatches>(&["load_many_sees_acknowledged_commits"]),
        shown_batch::<batches::ChecksThenActs>(&["each_subject_of_racing_batches_has_one_winner"]),
        shown_batch::<batches::HalfWhenDropped>(&[
            "each_item_of_a_dropped_batch_happens_in_full_or_not_at_all",
        ]),
        shown_batch::<crashes::AnswersBeforeDurable>(&["acknowledged_batches_survive_a_crash"]),
    ]
}

fn shown_batch<W: Wrong>(checks: &'static [&'static str]) -> Exhibit {
    (std::any::type_name::<W>(), || block_on(run_all_batch(&Of::<W>::new())), checks)
}

#[test]
fn each_fault_fails_the_check_named_for_it_and_no_other() {
    let mut wrong = String::new();
    for (name, run, checks) in exhibits().into_iter().chain(batch_exhibits()) {
        let report = run();
        let failed: Vec<_> = report.failures().iter().map(|failure| failure.check).collect();
        if failed != checks {
            wrong.push_str(&format!("\n{name} fails {failed:?} in place of {checks:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_check_is_failed_by_somebody() {
    for (exhibits, checks) in
        [(exhibits(), conformance::CHECKS), (batch_exhibits(), conformance::batch::CHECKS)]
    {
        let failed: BTreeSet<_> = exhibits.iter().flat_map(|(_, _, checks)| *checks).collect();
        assert_eq!(failed, checks.iter().collect());
    }
}

#[test]
fn the_frame_of_the_gallery_is_right() {
    for report in [
        block_on(run_all(&Of::<crashes::Right>::new())),
        block_on(run_all_batch(&Of::<crashes::Right>::new())),
    ] {
        assert_eq!(report.skipped().len(), 0);
        report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
    }
}
