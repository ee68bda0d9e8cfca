//! The kit is tested too: stores that are wrong on purpose, each in one way, each caught by the check named for it.
#![cfg(feature = "conformance")]

use mfa_core::id::{ReservationId, SubjectKey};
use mfa_core::time::UnixSeconds;
use mfa_storage::conformance::{block_on, run_all};
use mfa_storage::{
    CommitOutcome, Cursor, Durability, Expected, MemoryStorage, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Version, Write,
};

/// What a [`WrongStore`] does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Reads the version, then writes whatever stands by then.
    ChecksThenActs,
    /// Has room for three events to a commit, and forgets the fourth.
    ForgetsAnEvent,
    /// Guards with `version <= expected` and takes an expectation from the future for met; writes nothing.
    SwallowsAConflict,
    /// Takes a tombstone for no record at all.
    ResurrectsAfterErase,
    /// Filters a page after reading it, so that an empty page is not the end.
    FiltersLate,
    /// Gives back what has long lapsed.
    ForgetsTheLapse,
    /// Takes `before` for the last moment to remove.
    PrunesTooMuch,
}

#[test]
fn each_fault_fails_the_check_named_for_it_and_no_other() {
    for (fault, check) in [
        (Fault::ChecksThenActs, "one_winner_per_version"),
        (Fault::ForgetsAnEvent, "events_arrive_with_their_record"),
        (Fault::SwallowsAConflict, "conflict_changes_nothing"),
        (Fault::ResurrectsAfterErase, "versions_never_restart_after_erase"),
        (Fault::FiltersLate, "scan_lists_what_the_filter_admits"),
        (Fault::ForgetsTheLapse, "a_lapsed_reservation_gives_nothing_back"),
        (Fault::PrunesTooMuch, "prune_removes_only_the_old"),
    ] {
        let report = block_on(run_all(&async || Ok(WrongStore { inner: MemoryStorage::new(), fault })));
        let failed: Vec<_> = report.failures().iter().map(|failure| failure.check).collect();
        assert_eq!(failed, [check], "{fault:?}: {:?}", report.failures());
    }
}

struct WrongStore {
    inner: MemoryStorage,
    fault: Fault,
}

impl WrongStore {
    /// The record and whether a scan lists it, which a tombstone is not.
    async fn look(&self, subject: &SubjectKey) -> Result<Option<(Version, bool)>, StorageError> {
        let Some(snapshot) = self.inner.load(subject).await? else { return Ok(None) };
        let listed = self.inner.scan(None, usize::MAX, ScanFilter::default()).await?;
        Ok(Some((snapshot.version, listed.iter().any(|(key, _)| key == subject))))
    }

    async fn write_over(&self, subject: &SubjectKey, write: Write) -> Result<CommitOutcome, StorageError> {
        loop {
            let found = self.inner.load(subject).await?;
            let expected = found.map_or(Expected::Absent, |snapshot| Expected::At(snapshot.version));
            let outcome = self.inner.commit(subject, expected, write.clone()).await?;
            if outcome != CommitOutcome::Conflict {
                return Ok(outcome);
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for WrongStore {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        self.inner.load(subject).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        mut write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        match (self.fault, self.look(subject).await?, expected) {
            (Fault::ChecksThenActs, found, _) => {
                if found.map_or(Expected::Absent, |(version, _)| Expected::At(version)) != expected {
                    return Ok(CommitOutcome::Conflict);
                }
                std::thread::yield_now();
                self.write_over(subject, write).await
            }
            (Fault::ForgetsAnEvent, _, _) => {
                write.events.truncate(3);
                self.inner.commit(subject, expected, write).await
            }
            (Fault::SwallowsAConflict, Some((version, true)), Expected::At(ahead)) if ahead > version => {
                Ok(CommitOutcome::Committed { version: ahead.next() })
            }
            (Fault::ResurrectsAfterErase, Some((_, false)), Expected::Absent) if !subject.is_system() => {
                self.write_over(subject, write).await
            }
            _ => self.inner.commit(subject, expected, write).await,
        }
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        self.inner.spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        let now = if self.fault == Fault::ForgetsTheLapse { UnixSeconds::EPOCH } else { now };
        self.inner.refund(reservation, now).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        self.inner.feed(cursor, limit).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        if self.fault != Fault::FiltersLate {
            return self.inner.scan(after, limit, filter).await;
        }
        let mut all = ScanFilter::default();
        all.tombstones = filter.tombstones;
        let mut page = self.inner.scan(after, limit, all).await?;
        page.retain(|(key, snapshot)| filter.admits(key, &snapshot.summary, filter.tombstones));
        Ok(page)
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        self.inner.erase(subject, expected, tombstone).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        let late = u64::from(self.fault == Fault::PrunesTooMuch);
        self.inner.prune(before.plus(std::time::Duration::from_secs(late))).await
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }
}
