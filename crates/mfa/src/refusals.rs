//! Counts what was refused without being compared, until the subject's next event can carry the number.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use mfa_core::id::SubjectKey;

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
