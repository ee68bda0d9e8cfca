//! Wrong about batches.

use std::collections::HashMap;
use std::sync::Mutex;

use mfa_core::id::SubjectKey;
use mfa_storage::conformance::block_on;
use mfa_storage::{
    BatchStorage, Commit, CommitOutcome, Expected, MemoryStorage, Operation, Snapshot, Storage, StorageError,
};

use crate::wrong::{Answer, WhenDropped, Wrong, pause, wide_open, write_over, wrong_stores};

wrong_stores! {
    /// Answers a subject that is named twice once.
    AnswersOnce {}
    /// Answers all of a batch with an error when one of it is refused.
    FailsTogether {}
    /// Answers what the same question was answered before.
    StaleBatches { before: Mutex<HashMap<Vec<SubjectKey>, Vec<Option<Snapshot>>>> }
    /// Reads all versions, then writes over whatever stands by then.
    ChecksThenActs {}
    /// Writes the records without their events when its future is dropped.
    HalfWhenDropped {}
}

impl Wrong for AnswersOnce {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Answer<Option<Snapshot>>> {
        let mut once: Vec<SubjectKey> = Vec::new();
        for subject in subjects {
            if !once.contains(subject) {
                once.push(subject.clone());
            }
        }
        self.inner.load_many(&once).await
    }
}

impl Wrong for FailsTogether {
    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Answer<CommitOutcome>> {
        let answers = self.inner.commit_many(commits).await;
        if answers.iter().all(Result::is_ok) {
            return answers;
        }
        answers.iter().map(|_| Err(StorageError::permanent(Operation::Commit, "one was refused"))).collect()
    }
}

impl Wrong for StaleBatches {
    async fn load_many(&self, subjects: &[SubjectKey]) -> Vec<Answer<Option<Snapshot>>> {
        let found: Vec<_> = self.inner.load_many(subjects).await.into_iter().map(Result::unwrap).collect();
        let before = self.before.lock().unwrap().insert(subjects.to_vec(), found.clone());
        before.unwrap_or(found).into_iter().map(Ok).collect()
    }
}

impl Wrong for ChecksThenActs {
    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Answer<CommitOutcome>> {
        let mut met = Vec::new();
        for commit in &commits {
            let found = self.inner.load(&commit.subject).await.unwrap();
            let found = found.map_or(Expected::Absent, |found| Expected::At(found.version));
            met.push(found == commit.expected);
        }
        wide_open();
        let mut answers = Vec::new();
        for (Commit { subject, write, .. }, met) in commits.into_iter().zip(met) {
            answers.push(match met {
                true => write_over(&self.inner, &subject, write).await,
                false => Ok(CommitOutcome::Conflict),
            });
        }
        answers
    }
}

impl Wrong for HalfWhenDropped {
    async fn commit_many(&self, commits: Vec<Commit>) -> Vec<Answer<CommitOutcome>> {
        let mut halves = commits.clone();
        halves.iter_mut().for_each(|half| half.write.events.clear());
        let halves = WhenDropped::run(|| {
            let _ = block_on(self.inner.commit_many(halves.clone()));
        });
        pause().await;
        halves.call_off();
        self.inner.commit_many(commits).await
    }
}
