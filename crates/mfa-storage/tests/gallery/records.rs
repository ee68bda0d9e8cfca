//! Wrong about records.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use mfa_core::id::SubjectKey;
use mfa_storage::conformance::block_on;
use mfa_storage::{CommitOutcome, Expected, MemoryStorage, ScanFilter, Snapshot, Storage, Version, Write};

use crate::wrong::{Answer, WhenDropped, Wrong, pause, wide_open, write_over, wrong_stores};

wrong_stores! {
    /// Takes an erasure of what is not there for done.
    ErasesNothing {}
    /// Has a column too narrow for a key id.
    ClipsKeyIds {}
    /// Answers from a cache when many read, and a commit does not remove from it what somebody is reading.
    StaleReads { cache: Mutex<HashMap<SubjectKey, Option<Snapshot>>>, loading: Mutex<Vec<SubjectKey>> }
    /// Reads the version, then writes whatever stands by then.
    ChecksThenActs {}
    /// Guards with `version <= expected` and takes an expectation from the future for met; writes nothing.
    SwallowsAConflict {}
    /// Writes the record without its events when its future is dropped.
    HalfWhenDropped {}
    /// Reads the record and its summary one after the other.
    HalfAWrite {}
    /// Has subjects whose names run together share one read.
    JoinsLoads { reading: Mutex<HashMap<String, (SubjectKey, Option<Snapshot>)>> }
    /// Answers `Conflict` where another call has the record locked.
    ConflictsWhenBusy { busy: Mutex<HashSet<SubjectKey>> }
    /// Takes a tombstone for no record at all.
    ResurrectsAfterErase {}
    /// Takes a record that is the same, byte for byte, for its own.
    TakesARetryForItself {}
}

impl Wrong for ErasesNothing {
    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        match (self.inner.load(subject).await?, expected) {
            (None, Expected::At(version)) => Ok(CommitOutcome::Committed { version: version.next() }),
            _ => self.inner.erase(subject, expected, write).await,
        }
    }
}

impl Wrong for ClipsKeyIds {
    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        mut write: Write,
    ) -> Answer<CommitOutcome> {
        write.summary.key_id &= 0xffff;
        self.inner.commit(subject, expected, write).await
    }
}

impl StaleReads {
    fn begin(&self, subject: &SubjectKey) -> Option<Option<Snapshot>> {
        let mut loading = self.loading.lock().unwrap();
        loading.push(subject.clone());
        let busy = loading.len() >= 3;
        self.cache.lock().unwrap().get(subject).filter(|_| busy).cloned()
    }

    fn end(&self, subject: &SubjectKey) {
        let mut loading = self.loading.lock().unwrap();
        let place = loading.iter().position(|other| other == subject).unwrap();
        loading.swap_remove(place);
    }

    fn forget(&self, subject: &SubjectKey) {
        if !self.loading.lock().unwrap().contains(subject) {
            self.cache.lock().unwrap().remove(subject);
        }
    }
}

impl Wrong for StaleReads {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        if let Some(cached) = self.begin(subject) {
            self.end(subject);
            return Ok(cached);
        }
        let found = self.inner.load(subject).await?;
        self.cache.lock().unwrap().insert(subject.clone(), found.clone());
        wide_open();
        self.end(subject);
        Ok(found)
    }

    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let outcome = self.inner.commit(subject, expected, write).await;
        self.forget(subject);
        outcome
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let outcome = self.inner.erase(subject, expected, write).await;
        self.forget(subject);
        outcome
    }
}

impl Wrong for ChecksThenActs {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let found = self.inner.load(subject).await?;
        if found.map_or(Expected::Absent, |found| Expected::At(found.version)) != expected {
            return Ok(CommitOutcome::Conflict);
        }
        wide_open();
        write_over(&self.inner, subject, write).await
    }
}

impl Wrong for SwallowsAConflict {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        match (self.inner.load(subject).await?, expected) {
            (Some(found), Expected::At(ahead)) if ahead > found.version => {
                Ok(CommitOutcome::Committed { version: ahead.next() })
            }
            _ => self.inner.commit(subject, expected, write).await,
        }
    }
}

impl Wrong for HalfWhenDropped {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let half = Write { events: Vec::new(), ..write.clone() };
        let half = WhenDropped::run(|| {
            let _ = block_on(self.inner.commit(subject, expected, half.clone()));
        });
        pause().await;
        half.call_off();
        self.inner.commit(subject, expected, write).await
    }
}

impl Wrong for HalfAWrite {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        let Some(record) = self.inner.load(subject).await? else { return Ok(None) };
        wide_open();
        let summary = self.inner.load(subject).await?.map(|found| found.summary);
        Ok(summary.map(|summary| Snapshot { summary, ..record }))
    }
}

impl Wrong for JoinsLoads {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        let name = format!("{}{}", subject.tenant().as_str(), subject.subject().as_str());
        let joined = self.reading.lock().unwrap().get(&name).cloned();
        match joined {
            Some((other, found)) if other != *subject => return Ok(found),
            _ => {}
        }
        let found = self.inner.load(subject).await?;
        self.reading.lock().unwrap().insert(name.clone(), (subject.clone(), found.clone()));
        wide_open();
        self.reading.lock().unwrap().remove(&name);
        Ok(found)
    }
}

impl ConflictsWhenBusy {
    fn locked(
        &self,
        subject: &SubjectKey,
        write: impl Future<Output = Answer<CommitOutcome>>,
    ) -> Answer<CommitOutcome> {
        if !self.busy.lock().unwrap().insert(subject.clone()) {
            return Ok(CommitOutcome::Conflict);
        }
        wide_open();
        let outcome = block_on(write);
        self.busy.lock().unwrap().remove(subject);
        outcome
    }
}

impl Wrong for ConflictsWhenBusy {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.locked(subject, self.inner.commit(subject, expected, write))
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.locked(subject, self.inner.erase(subject, expected, write))
    }
}

impl Wrong for ResurrectsAfterErase {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let mut tombstones = ScanFilter::default();
        tombstones.tombstones = true;
        let erased = self.inner.scan(None, usize::MAX, tombstones).await?;
        match erased.iter().any(|(key, _)| key == subject) && expected == Expected::Absent {
            true => write_over(&self.inner, subject, write).await,
            false => self.inner.commit(subject, expected, write).await,
        }
    }
}

impl Wrong for TakesARetryForItself {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let sealed = write.sealed.clone();
        let outcome = self.inner.commit(subject, expected, write).await?;
        let found = self.inner.load(subject).await?;
        let version: Version = expected.next();
        match found.is_some_and(|found| found.version == version && found.sealed == sealed) {
            true => Ok(CommitOutcome::Committed { version }),
            false => Ok(outcome),
        }
    }
}
