//! Wrong about what a scan lists.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use mfa_core::id::SubjectKey;
use mfa_storage::{CommitOutcome, Expected, MemoryStorage, ScanFilter, Storage, Write};

use crate::wrong::{Answer, Page, Wrong, wide_open, wrong_stores};

wrong_stores! {
    /// Sorts by a collation that takes capitals for small letters.
    FoldsCase {}
    /// Remembers how many records a page ended after, and counts as many off for the next one.
    PagesByNumber { ends: Mutex<HashMap<(SubjectKey, String), usize>> }
    /// Filters a page after reading it, so that an empty page is not the end.
    FiltersLate {}
    /// Has no answer to a scan for tombstones.
    ListsNoTombstones {}
    /// Writes the tombstone, and then marks whatever stands as one.
    MarksLate { hidden: Mutex<BTreeSet<SubjectKey>> }
}

impl Wrong for FoldsCase {
    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        let folded =
            |key: &SubjectKey| (key.tenant().as_str().to_lowercase(), key.subject().as_str().to_lowercase());
        let mut all = self.inner.scan(None, usize::MAX, filter).await?;
        all.sort_by_key(|(key, _)| folded(key));
        all.retain(|(key, _)| after.is_none_or(|after| folded(key) > folded(after)));
        all.truncate(limit);
        Ok(all)
    }
}

impl Wrong for PagesByNumber {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let outcome = self.inner.commit(subject, expected, write).await;
        wide_open();
        outcome
    }

    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        let named = |key: &SubjectKey| (key.clone(), format!("{filter:?}"));
        let from = after.and_then(|after| self.ends.lock().unwrap().get(&named(after)).copied());
        wide_open();
        let all = self.inner.scan(None, usize::MAX, filter).await?;
        let from = from.unwrap_or(0);
        let page: Page = all.into_iter().skip(from).take(limit).collect();
        if let Some((last, _)) = page.last() {
            self.ends.lock().unwrap().insert(named(last), from + page.len());
        }
        Ok(page)
    }
}

impl Wrong for FiltersLate {
    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        let mut all = ScanFilter::default();
        all.tombstones = filter.tombstones;
        let mut page = self.inner.scan(after, limit, all).await?;
        page.retain(|(key, snapshot)| filter.admits(key, &snapshot.summary, filter.tombstones));
        Ok(page)
    }
}

impl Wrong for ListsNoTombstones {
    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        let limit = if filter.tombstones { 0 } else { limit };
        self.inner.scan(after, limit, filter).await
    }
}

impl Wrong for MarksLate {
    async fn commit(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let outcome = self.inner.commit(subject, expected, write).await?;
        if outcome != CommitOutcome::Conflict {
            self.hidden.lock().unwrap().remove(subject);
        }
        Ok(outcome)
    }

    async fn erase(&self, subject: &SubjectKey, expected: Expected, write: Write) -> Answer<CommitOutcome> {
        let outcome = self.inner.erase(subject, expected, write).await?;
        if outcome != CommitOutcome::Conflict {
            wide_open();
            self.hidden.lock().unwrap().insert(subject.clone());
        }
        Ok(outcome)
    }

    async fn scan(&self, after: Option<&SubjectKey>, limit: usize, filter: ScanFilter) -> Answer<Page> {
        let mut all = self.inner.scan(after, usize::MAX, filter).await?;
        let hidden = self.hidden.lock().unwrap();
        all.retain(|(key, _)| filter.tombstones || !hidden.contains(key));
        all.truncate(limit);
        Ok(all)
    }
}
