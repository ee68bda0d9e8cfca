//! What providers are told of the texts they took: which codes came back. They weigh it against toll fraud.
//!
//! Only that is told. A code that did not come back here may have come back to another node, and a wrong "no" is worth less
//! than none.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;
use mfa_sms::Receipt;

use crate::record::CodeUse;

/// Receipts of texts whose code may still come back, and of those that did, to be told. In the process and bounded: nothing depends
/// on it, and what a restart forgets is not told.
#[derive(Default)]
pub(crate) struct Feedback(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    open: VecDeque<Open>,
    came_back: VecDeque<Receipt>,
}

struct Open {
    subject: SubjectKey,
    code_use: CodeUse,
    receipt: Receipt,
    expires_at: UnixSeconds,
}

impl Feedback {
    /// Notes a text in the place of the one before it for the same use.
    pub(crate) fn sent(
        &self,
        subject: &SubjectKey,
        code_use: CodeUse,
        receipt: Receipt,
        expires_at: UnixSeconds,
    ) {
        let mut pending = self.pending();
        pending.take(subject, code_use);
        if pending.open.len() >= MOST {
            pending.open.pop_front();
        }
        pending.open.push_back(Open { subject: subject.clone(), code_use, receipt, expires_at });
    }

    /// Notes that the code of the latest text for this use was typed.
    pub(crate) fn verified(&self, subject: &SubjectKey, code_use: CodeUse) {
        let mut pending = self.pending();
        let Some(open) = pending.take(subject, code_use) else { return };
        if pending.came_back.len() >= MOST {
            pending.came_back.pop_front();
        }
        pending.came_back.push_back(open.receipt);
    }

    /// The next that came back; it is handed out once. Forgets those that no longer can.
    pub(crate) fn next(&self, now: UnixSeconds) -> Option<Receipt> {
        let mut pending = self.pending();
        pending.open.retain(|open| now < open.expires_at);
        pending.came_back.pop_front()
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn take(&mut self, subject: &SubjectKey, code_use: CodeUse) -> Option<Open> {
        let is_it = |open: &Open| open.code_use == code_use && open.subject == *subject;
        self.open.iter().position(is_it).and_then(|found| self.open.remove(found))
    }
}

/// Receipts that are kept; the oldest is given up for a new one.
const MOST: usize = 4096;
