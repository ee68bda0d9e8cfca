//! Calls that meet share a round trip; nobody waits for nothing, hangs, or gets another's answer.
#![cfg(feature = "conformance")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "helpers of tests, outside of any test function"
)]

mod held;
mod schedules;
mod task;

use mfa_storage::conformance::{block_on, run_all};
use mfa_storage::{Coalescing, CommitOutcome, Expected, MemoryStorage, Storage, Version};

use held::{Held, Trip, subject, write};
use task::Task;

#[test]
fn it_keeps_every_promise_over_memory() {
    let report = block_on(run_all(&async || Ok(Coalescing::new(MemoryStorage::new()))));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn small_batches_and_several_round_trips_keep_every_promise() {
    let store = async || Ok(Coalescing::new(MemoryStorage::new()).max_batch(2).max_in_flight(3));
    block_on(run_all(&store)).into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn it_keeps_every_promise_over_a_backend_that_is_pending_at_every_step() {
    let report = block_on(run_all(&async || Ok(Coalescing::new(Held::pausing()))));
    report.into_result().unwrap_or_else(|failures| panic!("{failures}"));
}

#[test]
fn a_call_that_meets_nobody_goes_alone_at_once() {
    let held = Held::new(0);
    let storage = Coalescing::new(held.clone());
    let a = subject("a");
    assert!(Task::new(storage.load(&a)).poll());
    assert!(Task::new(storage.commit(&a, Expected::Absent, write(1, "a"))).poll());
    assert!(Task::new(storage.load(&a)).poll());
    assert_eq!(held.trips(), [Trip::Load, Trip::Commit, Trip::Load]);
}

#[test]
fn what_meets_a_round_trip_goes_together_in_the_next() {
    let held = Held::new(1);
    let storage = Coalescing::new(held.clone()).max_batch(5);
    let subjects: Vec<_> = (0..8).map(|number| subject(&number.to_string())).collect();
    let mut loads: Vec<_> = subjects.iter().map(|subject| Task::new(storage.load(subject))).collect();
    let commit = |(number, subject)| Task::new(storage.commit(subject, Expected::Absent, write(number, "x")));
    let mut commits: Vec<_> = (0..).zip(&subjects).map(commit).collect();
    while loads.iter().any(Task::is_alive) || commits.iter().any(Task::is_alive) {
        while loads.iter().any(Task::is_woken) || commits.iter().any(Task::is_woken) {
            poll_woken(&mut loads);
            poll_woken(&mut commits);
        }
        held.waiting().into_iter().for_each(|gate| held.open(gate));
    }
    let (mut loaded, mut committed) = (held.trips(), held.trips());
    loaded.retain(|trip| matches!(trip, Trip::Load | Trip::LoadMany(_)));
    committed.retain(|trip| matches!(trip, Trip::Commit | Trip::CommitMany(_)));
    assert_eq!(loaded, [Trip::Load, Trip::LoadMany(5), Trip::LoadMany(2)]);
    assert_eq!(committed, [Trip::Commit, Trip::CommitMany(5), Trip::CommitMany(2)]);
    let first = CommitOutcome::Committed { version: Version::FIRST };
    assert!(commits.iter().all(|task| task.answer.as_ref().unwrap().as_ref().unwrap() == &first));
}

#[test]
fn two_commits_of_one_subject_never_share_a_round_trip() {
    let held = Held::new(1);
    let storage = Coalescing::new(held.clone()).max_in_flight(2);
    let (a, b) = (subject("a"), subject("b"));
    let mut first = Task::new(storage.commit(&a, Expected::Absent, write(1, "first")));
    let mut second = Task::new(storage.commit(&a, Expected::At(Version::FIRST), write(1, "second")));
    let mut other = Task::new(storage.commit(&b, Expected::Absent, write(2, "other")));
    first.poll();
    second.poll();
    other.poll();
    assert_eq!(held.trips(), [Trip::Commit, Trip::Commit], "the other one did not wait for the second");
    let [gate, ..] = held.waiting()[..] else { panic!("no round trip") };
    held.open(gate);
    assert!(first.poll());
    second.poll();
    held.waiting().into_iter().for_each(|gate| held.open(gate));
    assert!(second.poll() && other.poll());
    let second = second.answer.unwrap().unwrap();
    assert_eq!(second, CommitOutcome::Committed { version: Version::FIRST.next() });
}

#[test]
fn a_round_trip_that_nobody_waits_for_is_dropped_and_the_next_one_goes() {
    let held = Held::new(1);
    let storage = Coalescing::new(held.clone());
    let (a, b) = (subject("a"), subject("b"));
    let mut dropped = Task::new(storage.load(&a));
    let mut waiting = Task::new(storage.load(&b));
    dropped.poll();
    waiting.poll();
    let stuck = held.waiting();
    dropped.cut_off();
    assert!(waiting.is_woken());
    waiting.poll();
    // The backend never got on with the first, which is gone; the second is under way.
    assert_eq!(held.trips(), [Trip::Load, Trip::Load]);
    assert!(held.waiting().len() == 1 && held.waiting() != stuck);
    finish(&held, &mut [waiting]);
}

#[test]
fn one_bad_item_fails_alone() {
    let held = Held::new(1);
    let storage = Coalescing::new(held.clone());
    let subjects = ["blocks", "good", "wrong", "late"].map(subject);
    // The third comes with the stream of the first, which memory refuses; the last expects what is not there.
    let items = [
        (Expected::Absent, 1),
        (Expected::Absent, 2),
        (Expected::Absent, 1),
        (Expected::At(Version::FIRST), 3),
    ];
    let commit =
        |(subject, (expected, stream))| Task::new(storage.commit(subject, expected, write(stream, "x")));
    let mut tasks: Vec<_> = subjects.iter().zip(items).map(commit).collect();
    poll_woken(&mut tasks);
    finish(&held, &mut tasks);
    assert_eq!(held.trips(), [Trip::Commit, Trip::CommitMany(3)]);
    let answers: Vec<_> = tasks.into_iter().map(|task| task.answer.unwrap()).collect();
    assert!(matches!(
        answers[..],
        [
            Ok(CommitOutcome::Committed { .. }),
            Ok(CommitOutcome::Committed { .. }),
            Err(_),
            Ok(CommitOutcome::Conflict)
        ]
    ));
}

#[test]
fn a_backend_that_panics_is_an_error_to_all_and_the_next_round_trip_goes_on() {
    let held = Held::new(1);
    let storage = Coalescing::new(held.clone());
    let subjects = ["blocks", "one", "two"].map(subject);
    let commit = |(number, subject)| Task::new(storage.commit(subject, Expected::Absent, write(number, "x")));
    let mut tasks: Vec<_> = (0..).zip(&subjects).map(commit).collect();
    poll_woken(&mut tasks);
    held.panic_from_now_on(true);
    finish(&held, &mut tasks);
    assert!(tasks.iter().all(|task| matches!(&task.answer, Some(Err(error)) if !error.is_transient())));
    held.panic_from_now_on(false);
    let again = subject("again");
    let mut tasks = [Task::new(storage.commit(&again, Expected::Absent, write(9, "x")))];
    finish(&held, &mut tasks);
    assert!(matches!(tasks[0].answer, Some(Ok(CommitOutcome::Committed { .. }))));
}

#[test]
fn an_answer_that_is_missing_is_an_error_and_no_other_is_moved() {
    let held = Held::new(1);
    let storage = Coalescing::new(held.clone());
    let subjects = ["blocks", "one", "two"].map(subject);
    let commit = |(number, subject)| Task::new(storage.commit(subject, Expected::Absent, write(number, "x")));
    let mut tasks: Vec<_> = (0..).zip(&subjects).map(commit).collect();
    poll_woken(&mut tasks);
    held.answer_short_by(1);
    finish(&held, &mut tasks);
    let answers: Vec<_> = tasks.into_iter().map(|task| task.answer.unwrap().is_ok()).collect();
    assert_eq!(answers, [true, true, false]);
}

#[test]
fn a_hundred_threads_share_their_round_trips() {
    let held = Held::new(0);
    let storage = Coalescing::new(held.clone());
    std::thread::scope(|scope| {
        for thread in 0..100_u64 {
            let storage = storage.clone();
            scope.spawn(move || {
                let subject = subject(&thread.to_string());
                let mut at = Expected::Absent;
                for _ in 0..50 {
                    let outcome = block_on(storage.commit(&subject, at, write(thread, "x"))).unwrap();
                    assert_eq!(outcome, CommitOutcome::Committed { version: at.next() });
                    at = Expected::At(at.next());
                    let found = block_on(storage.load(&subject)).unwrap().unwrap();
                    assert_eq!(Expected::At(found.version), at);
                }
            });
        }
    });
}

/// Opens every gate and polls whoever is woken until all have their answers.
fn finish<T>(held: &Held, tasks: &mut [Task<'_, T>]) {
    while tasks.iter().any(Task::is_alive) {
        let woken = tasks.iter().any(Task::is_woken);
        poll_woken(tasks);
        let gates = held.waiting();
        assert!(woken || !gates.is_empty(), "somebody waits for ever");
        gates.into_iter().for_each(|gate| held.open(gate));
    }
}

fn poll_woken<T>(tasks: &mut [Task<'_, T>]) {
    for task in tasks.iter_mut().filter(|task| task.is_woken()) {
        task.poll();
    }
}
