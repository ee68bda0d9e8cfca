//! Several reads or several writes in one round trip.

use std::future::Future;

use mfa_core::id::SubjectKey;

use crate::{CommitOutcome, Expected, Snapshot, Storage, StorageError, Write};

/// A [`Storage`] that can serve many subjects in one round trip: what group commit is built on.
pub trait BatchStorage: Storage {
    /// As [`Storage::load`] of each subject, answered in the order given.
    ///
    /// # Promise
    /// Every answer sees what was acknowledged before this call began. A subject may be named more than once.
    fn load_many(
        &self,
        subjects: &[SubjectKey],
    ) -> impl Future<Output = Vec<Result<Option<Snapshot>, StorageError>>> + Send;

    /// As [`Storage::commit`] of each, answered in the order given.
    ///
    /// # Promise
    /// Each item is committed in full, refused in full, or answered with an error; one bad item fails alone. All that
    /// are `Committed` are durable when this answers. No subject is named twice: the caller sees to it, and a backend
    /// may answer such items with an error.
    fn commit_many(
        &self,
        commits: Vec<Commit>,
    ) -> impl Future<Output = Vec<Result<CommitOutcome, StorageError>>> + Send;
}

/// One item of [`BatchStorage::commit_many`]: the arguments of [`Storage::commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends take it apart")]
pub struct Commit {
    /// Whose record.
    pub subject: SubjectKey,
    /// What it must be for the write to happen.
    pub expected: Expected,
    /// The new record and its events.
    pub write: Write,
}
