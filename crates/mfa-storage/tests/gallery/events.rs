//! Wrong about events and their feed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;
use mfa_storage::conformance::block_on;
use mfa_storage::{
    CommitOutcome, Cursor, Expected, MemoryStorage, Snapshot, Storage, StoredEvent, Version, Write,
};

use crate::wrong::{Answer, Wrong, wide_open, wrong_stores};

wrong_stores! {
    /// Has room for three events to a commit, and forgets the fourth.
    ForgetsAnEvent {}
    /// Takes a place in the feed before it writes, so that a later place may be seen first.
    SkipsInTheFeed { feed: Mutex<OwnFeed> }
    /// Sorts a page of a hundred events, newest version first.
    ReordersEvents {}
    /// Takes a limit of 0 for one of 1.
    AnswersAtLeastOne {}
    /// Takes all events away, and puts back those that are young.
    PrunesInTwoSteps { pruning: AtomicBool }
    /// Counts places from the start again when there is nothing left.
    RestartsPositions { feed: Mutex<OwnFeed> }
    /// Takes `before` for the last moment to remove.
    PrunesTooMuch {}
}

/// A feed beside the one of memory.
#[derive(Default)]
pub(crate) struct OwnFeed {
    last: u64,
    events: BTreeMap<u64, StoredEvent>,
}

impl OwnFeed {
    fn reserve(&mut self, events: usize) -> u64 {
        let first = self.last + 1;
        self.last += u64::try_from(events).unwrap();
        first
    }

    fn insert(&mut self, first: u64, write: &Write, version: Version) {
        for (index, event) in (0_u32..).zip(&write.events) {
            let (stream, at, payload) = (write.stream, event.at, event.payload.clone());
            let event = StoredEvent { stream, version, index, at, payload };
            self.events.insert(first + u64::from(index), event);
        }
    }

    fn read(&self, cursor: Cursor, limit: usize) -> (Vec<StoredEvent>, Cursor) {
        let page: Vec<_> = self.events.range(cursor.get() + 1..).take(limit).collect();
        let next = page.last().map_or(cursor, |(place, _)| Cursor::new(**place));
        (page.into_iter().map(|(_, event)| event.clone()).collect(), next)
    }

    fn prune(&mut self, before: UnixSeconds) {
        self.events.retain(|_, event| event.at >= before);
    }
}

impl Wrong for ForgetsAnEvent {
    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        mut write: Write,
    ) -> Answer<CommitOutcome> {
        write.events.truncate(3);
        self.inner.commit(subject, expected, write).await
    }
}

impl SkipsInTheFeed {
    fn write(
        &self,
        write: &Write,
        commit: impl Future<Output = Answer<CommitOutcome>>,
    ) -> Answer<CommitOutcome> {
        let first = self.feed.lock().unwrap().reserve(write.events.len());
        wide_open();
        let mut feed = self.feed.lock().unwrap();
        let outcome = block_on(commit)?;
        if let CommitOutcome::Committed { version } = outcome {
            feed.insert(first, write, version);
        }
        Ok(outcome)
    }
}

impl Wrong for SkipsInTheFeed {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        let _record_and_events_together = self.feed.lock().unwrap();
        block_on(self.inner.load(subject))
    }

    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.write(&write.clone(), self.inner.commit(subject, expected, write))
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.write(&write.clone(), self.inner.erase(subject, expected, write))
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        Ok(self.feed.lock().unwrap().read(cursor, limit))
    }

    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.feed.lock().unwrap().prune(before);
        self.inner.prune(before).await
    }
}

impl Wrong for ReordersEvents {
    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        let (mut events, next) = self.inner.feed(cursor, limit).await?;
        if events.len() >= 100 {
            events.sort_by_key(|event| std::cmp::Reverse(event.version));
        }
        Ok((events, next))
    }
}

impl Wrong for AnswersAtLeastOne {
    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        self.inner.feed(cursor, limit.max(1)).await
    }
}

impl Wrong for PrunesInTwoSteps {
    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        if self.pruning.load(Ordering::SeqCst) {
            let (_, end) = self.inner.feed(cursor, usize::MAX).await?;
            return Ok((Vec::new(), end));
        }
        self.inner.feed(cursor, limit).await
    }

    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.pruning.store(true, Ordering::SeqCst);
        wide_open();
        let pruned = self.inner.prune(before).await;
        self.pruning.store(false, Ordering::SeqCst);
        pruned
    }
}

impl RestartsPositions {
    fn write(
        &self,
        write: &Write,
        commit: impl Future<Output = Answer<CommitOutcome>>,
    ) -> Answer<CommitOutcome> {
        let mut feed = self.feed.lock().unwrap();
        let outcome = block_on(commit)?;
        if let CommitOutcome::Committed { version } = outcome {
            if feed.events.is_empty() {
                feed.last = 0;
            }
            let first = feed.reserve(write.events.len());
            feed.insert(first, write, version);
        }
        Ok(outcome)
    }
}

impl Wrong for RestartsPositions {
    async fn load(&self, subject: &SubjectKey) -> Answer<Option<Snapshot>> {
        let _record_and_events_together = self.feed.lock().unwrap();
        block_on(self.inner.load(subject))
    }

    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.write(&write.clone(), self.inner.commit(subject, expected, write))
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        self.write(&write.clone(), self.inner.erase(subject, expected, write))
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Answer<(Vec<StoredEvent>, Cursor)> {
        Ok(self.feed.lock().unwrap().read(cursor, limit))
    }

    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.feed.lock().unwrap().prune(before);
        self.inner.prune(before).await
    }
}

impl Wrong for PrunesTooMuch {
    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.inner.prune(before.plus(Duration::from_secs(1))).await
    }
}
