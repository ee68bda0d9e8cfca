//! Stores that write down every change before they answer, and what they make of a crash.

use std::sync::Mutex;

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::conformance::block_on;
use mfa_storage::{Commit, CommitOutcome, Expected, MemoryStorage, Spend, SpendOutcome, Storage, Write};

use crate::wrong::{Answer, Inner, Wrong};

/// What of the journal is lost in a crash.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Lost {
    Nothing,
    /// What the disk has not taken yet.
    TheLatest,
    Budgets,
    /// The events of the last commit, which are written after its record.
    LastEvents,
}

/// Every change goes into a journal; `LOST` says what a crash leaves of it.
#[derive(Default)]
pub(crate) struct Journaled<const LOST: usize> {
    inner: MemoryStorage,
    journal: Mutex<Vec<Change>>,
}

pub(crate) type Right = Journaled<0>;
/// Answers when the write is on its way to the disk.
pub(crate) type AnswersBeforeDurable = Journaled<1>;
/// Counts budgets in its process alone.
pub(crate) type KeepsBudgetsInMemory = Journaled<2>;
/// Writes the record, and its events in a second step.
pub(crate) type WritesEventsLast = Journaled<3>;

#[derive(Clone)]
enum Change {
    Commit(Commit),
    Erase(Commit),
    Spend(Spend, UnixSeconds),
    Refund(ReservationId, UnixSeconds),
}

impl<const LOST: usize> Journaled<LOST> {
    fn lost() -> Lost {
        [Lost::Nothing, Lost::TheLatest, Lost::Budgets, Lost::LastEvents].into_iter().nth(LOST).unwrap()
    }

    fn change<T>(&self, change: Change, made: impl Future<Output = Answer<T>>) -> Answer<T> {
        let mut journal = self.journal.lock().unwrap();
        let answer = block_on(made)?;
        journal.push(change);
        Ok(answer)
    }

    fn replay(&self, change: Change) {
        match change {
            Change::Commit(Commit { subject, expected, write }) => {
                let _ = block_on(self.commit(&subject, expected, write));
            }
            Change::Erase(Commit { subject, expected, write }) => {
                let _ = block_on(self.erase(&subject, expected, write));
            }
            Change::Spend(spend, now) => {
                let _ = block_on(self.spend(&spend, now));
            }
            Change::Refund(reservation, now) => {
                let _ = block_on(self.refund(&reservation, now));
            }
        }
    }
}

impl<const LOST: usize> Inner for Journaled<LOST> {
    fn inner(&self) -> &MemoryStorage {
        &self.inner
    }
}

impl<const LOST: usize> Wrong for Journaled<LOST> {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let change = Change::Commit(Commit { subject: subject.clone(), expected, write: write.clone() });
        self.change(change, self.inner.commit(subject, expected, write))
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let change = Change::Erase(Commit { subject: subject.clone(), expected, write: write.clone() });
        self.change(change, self.inner.erase(subject, expected, write))
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        self.change(Change::Spend(spend.clone(), now), self.inner.spend(spend, now))
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        self.change(Change::Refund(*reservation, now), self.inner.refund(reservation, now))
    }

    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Answer<CommitOutcome>> {
        let mut answers = Vec::new();
        for Commit { subject, expected, write } in commits {
            answers.push(self.commit(&subject, expected, write).await);
        }
        answers
    }

    fn crash(&self) -> Option<Self> {
        let mut journal = self.journal.lock().unwrap().clone();
        match Self::lost() {
            Lost::Nothing => {}
            Lost::TheLatest => journal.truncate(journal.len().saturating_sub(4)),
            Lost::Budgets => journal.retain(|change| matches!(change, Change::Commit(_) | Change::Erase(_))),
            Lost::LastEvents => {
                let last = journal.iter_mut().rev().find_map(|change| match change {
                    Change::Commit(commit) if !commit.write.events.is_empty() => Some(commit),
                    _ => None,
                });
                last.into_iter().for_each(|commit| commit.write.events.clear());
            }
        }
        let found = Self::default();
        journal.into_iter().for_each(|change| found.replay(change));
        Some(found)
    }
}
