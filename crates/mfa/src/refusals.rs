//! What this process remembers of a subject between calls, bounded: refusals that wait for the next event, when an
//! incident was last told, and sign-ins that were begun and not finished.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;

use crate::context::Context;

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

/// Sign-ins with a right first factor that still lack the second.
///
/// Kept here and not in storage: a write at every sign-in would double what a login costs, for a warning. What a restart
/// forgets, the next attempt with the same password begins anew.
#[derive(Default)]
pub(crate) struct Unfinished {
    since: Mutex<HashMap<SubjectKey, Mark>>,
}

/// When the first of them began, and who it was.
#[derive(Clone)]
pub(crate) struct Mark {
    pub(crate) ctx: Context,
    pub(crate) since: UnixSeconds,
}

impl Unfinished {
    /// The first mark stands: trying again puts nothing off.
    pub(crate) fn begun(&self, ctx: &Context, now: UnixSeconds) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.len() < MOST_SUBJECTS || since.contains_key(ctx.key()) {
            since.entry(ctx.key().clone()).or_insert_with(|| Mark { ctx: ctx.clone(), since: now });
        }
    }

    pub(crate) fn ended(&self, ctx: &Context) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).remove(ctx.key());
    }

    /// Those that are due to be told of at `now`. One that is dated ahead comes from a clock that was wrong, and is due.
    pub(crate) fn due(&self, now: UnixSeconds) -> Vec<Mark> {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |mark: &&Mark| now < mark.since || now.since(mark.since) >= UNFINISHED_AFTER;
        since.values().filter(is_due).cloned().collect()
    }
}

/// As long as the ticket of a challenge lives unless the host says otherwise.
const UNFINISHED_AFTER: Duration = Duration::from_secs(10 * 60);
