//! What this process remembers of a subject between calls, bounded: refusals that wait for the next event, and when an
//! incident was last told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;

/// Per subject, in this process, bounded: a flood over many subjects loses counts, never memory.
#[derive(Default)]
pub(crate) struct Refusals {
    counts: Mutex<HashMap<SubjectKey, u32>>,
}

/// More subjects than this with open counts at once, and new ones are not counted.
const MOST_SUBJECTS: usize = 10_000;

impl Refusals {
    pub(crate) fn add(&self, key: &SubjectKey) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < MOST_SUBJECTS || counts.contains_key(key) {
            let count = counts.entry(key.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(crate) fn count(&self, key: &SubjectKey) -> u32 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }

    pub(crate) fn clear(&self, key: &SubjectKey) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// When an incident of a subject was last told. Somebody who meets a broken record again and again is told of once a
/// minute, not at every request.
#[derive(Default)]
pub(crate) struct Incidents {
    told: Mutex<HashMap<SubjectKey, UnixSeconds>>,
}

const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(60);

impl Incidents {
    /// Whether the incident is to be told now.
    pub(crate) fn is_news(&self, key: &SubjectKey, now: UnixSeconds) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &UnixSeconds| now >= *at && now.since(*at) < TOLD_AGAIN_AFTER;
        if told.get(key).is_some_and(is_recent) {
            return false;
        }
        if told.len() >= MOST_SUBJECTS {
            told.retain(|_, at| is_recent(at));
        }
        told.insert(key.clone(), now);
        true
    }
}
