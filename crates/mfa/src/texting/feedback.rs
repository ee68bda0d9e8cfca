//! What providers are told of the texts they took: whether the code came back. They weigh it against toll fraud.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;
use mfa_sms::{Conversion, Receipt};

use crate::record::CodeUse;

/// Receipts of texts whose code may still come back, and what is to be told. In the process and bounded: nothing depends
/// on it, and what a restart forgets is not told.
#[derive(Default)]
pub(crate) struct Feedback(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    open: VecDeque<Open>,
    due: VecDeque<(Receipt, Conversion)>,
}

struct Open {
    subject: SubjectKey,
    code_use: CodeUse,
    receipt: Receipt,
    expires_at: UnixSeconds,
}

impl Feedback {
    /// Notes a text; one before it for the same use is replaced, and its code will not come back.
    pub(crate) fn sent(
        &self,
        subject: &SubjectKey,
        code_use: CodeUse,
        receipt: Receipt,
        expires_at: UnixSeconds,
    ) {
        let mut pending = self.pending();
        pending.close(subject, code_use, Conversion::NotVerified);
        if pending.open.len() >= MOST {
            pending.open.pop_front();
        }
        pending.open.push_back(Open { subject: subject.clone(), code_use, receipt, expires_at });
    }

    /// Notes that the code of the latest text for this use was typed.
    pub(crate) fn verified(&self, subject: &SubjectKey, code_use: CodeUse) {
        self.pending().close(subject, code_use, Conversion::Verified);
    }

    /// The next of what is to be told by now. It is handed out once.
    pub(crate) fn next(&self, now: UnixSeconds) -> Option<(Receipt, Conversion)> {
        let mut pending = self.pending();
        while let Some(expired) = pending.open.iter().position(|open| open.expires_at <= now) {
            if let Some(open) = pending.open.remove(expired) {
                pending.tell(open.receipt, Conversion::NotVerified);
            }
        }
        pending.due.pop_front()
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn close(&mut self, subject: &SubjectKey, code_use: CodeUse, conversion: Conversion) {
        let is_it = |open: &Open| open.code_use == code_use && open.subject == *subject;
        if let Some(found) = self.open.iter().position(is_it).and_then(|found| self.open.remove(found)) {
            self.tell(found.receipt, conversion);
        }
    }

    fn tell(&mut self, receipt: Receipt, conversion: Conversion) {
        if self.due.len() >= MOST {
            self.due.pop_front();
        }
        self.due.push_back((receipt, conversion));
    }
}

/// Receipts that are kept; the oldest is given up for a new one.
const MOST: usize = 4096;
