//! The one loop through which every change goes.

use mfa_core::id::{Epoch, OperationId};
use mfa_core::time::UnixSeconds;
use mfa_storage::CommitOutcome;

use super::Inner;
use crate::context::Context;
use crate::decide::{Change, Moment, Verdict};
use crate::error::{Error, Rejection, Unavailable};
use crate::event::EventKind;
use crate::random::Draw;
use crate::record::{LoadedRecord, OperationMark, Record, Stored};

/// Tries of one call, on conflicts and lost replies together.
const ATTEMPTS: u8 = 16;

impl Inner {
    /// Reads the subject's record. One that must be there and is gone, or one that does not open, is an error with an
    /// event, and never "not enrolled" (INV-13). It must be there if the host remembers the subject as enrolled, or if
    /// `epoch` does: a ticket or an assertion that was made beside a record.
    pub(crate) async fn load(
        &self,
        ctx: &Context,
        epoch: Option<Epoch>,
        now: UnixSeconds,
    ) -> Result<LoadedRecord, Error> {
        let loaded = self.load_any(ctx, epoch, now).await?;
        // INV-1: while a record is on its way, no code is accepted under the old subject.
        match &loaded.record {
            Some(Record { moving_to: Some(_), .. }) => Err(Unavailable::RecordMoving.into()),
            _ => Ok(loaded),
        }
    }

    /// As [`Inner::load`], of a record that may be on its way to another subject.
    pub(super) async fn load_any(
        &self,
        ctx: &Context,
        epoch: Option<Epoch>,
        now: UnixSeconds,
    ) -> Result<LoadedRecord, Error> {
        let snapshot = self.storage.load(ctx.key()).await?;
        match Stored::open(&self.sealer, ctx.key(), snapshot) {
            Ok(LoadedRecord { record: None, .. }) if ctx.is_known_enrolled() || epoch.is_some() => {
                self.incident(ctx, EventKind::RecordMissing, now).await;
                Err(Unavailable::RecordMissing.into())
            }
            Err(Unavailable::RecordUnreadable) => {
                self.incident(ctx, EventKind::RecordUnreadable, now).await;
                Err(Unavailable::RecordUnreadable.into())
            }
            Ok(loaded) => Ok(loaded),
            Err(unavailable) => Err(unavailable.into()),
        }
    }

    /// Decides over the fresh record and commits, until one try is committed or refused.
    ///
    /// A parallel guesser learns nothing that was not counted: an outcome whose commit met a conflict is forgotten
    /// and decided anew (INV-3, INV-4).
    pub(crate) async fn transact<T>(
        &self,
        ctx: &Context,
        epoch: Option<Epoch>,
        moment: Moment<'_>,
        decide: impl FnMut(Option<Record>, &mut Moment<'_>) -> Result<Verdict<T>, Error>,
    ) -> Result<T, Error> {
        self.transact_on(ctx, epoch, Door::Usual, moment, decide).await
    }

    /// As [`Inner::transact`], through the door of moves where a record may be on its way.
    pub(super) async fn transact_on<T>(
        &self,
        ctx: &Context,
        epoch: Option<Epoch>,
        door: Door,
        mut moment: Moment<'_>,
        mut decide: impl FnMut(Option<Record>, &mut Moment<'_>) -> Result<Verdict<T>, Error>,
    ) -> Result<T, Error> {
        let id = OperationId::draw(&mut Draw(&*self.random))?;
        let mut outcomes = Outcomes::default();
        for attempt in 0..ATTEMPTS {
            let loaded = match door {
                Door::Usual => self.load(ctx, epoch, moment.now).await?,
                Door::OfMoves => self.load_any(ctx, epoch, moment.now).await?,
            };
            if let Some(lost) = outcomes.lost {
                match loaded.record.as_ref().and_then(|record| record.attempt_of(&id)) {
                    Some(applied) => return outcomes.take(applied),
                    None if loaded.expected == lost => {}
                    None => return Err(Unavailable::UnknownOutcome.into()),
                }
            }
            let expected = loaded.expected;
            let change = match decide(loaded.record, &mut moment)? {
                Verdict::Refuse(rejection) => return self.refuse(ctx, rejection),
                Verdict::Commit(change) => *change,
            };
            let Change { mut record, mut events, outcome, erases } = change;
            record.mark(OperationMark { id, attempt });
            if let Some(first) = events.first_mut() {
                first.refused_before = self.refusals.count(ctx.key());
            }
            let events = events.iter().map(crate::event::Event::encode).collect();
            // INV-8: record and events go into one commit, and neither goes without the other.
            let mut write = Stored::seal(
                &self.sealer,
                &*self.random,
                ctx.key(),
                expected,
                &record,
                &moment.throttle,
                moment.now,
                events,
            )?;
            let committed = match erases {
                Some(stream) => {
                    write.stream = stream;
                    self.storage.erase(ctx.key(), expected, write).await
                }
                None => self.storage.commit(ctx.key(), expected, write).await,
            };
            // INV-11: nothing has left this call yet; dropped here or failed, the record is as it was or as decided.
            match committed {
                Ok(CommitOutcome::Committed { .. }) => {
                    self.refusals.clear(ctx.key());
                    return outcome.map_err(Error::from);
                }
                // Nothing was written by this try; a former one whose reply was lost may yet turn up.
                Ok(CommitOutcome::Conflict) => {}
                Err(error) if error.is_transient() => {
                    outcomes.lost = Some(expected);
                    outcomes.made.push((attempt, outcome));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(if outcomes.lost.is_some() { Unavailable::UnknownOutcome } else { Unavailable::Busy }.into())
    }

    fn refuse<T>(&self, ctx: &Context, rejection: Rejection) -> Result<T, Error> {
        if matches!(rejection, Rejection::Malformed | Rejection::Throttled { .. }) {
            self.refusals.add(ctx.key());
        }
        Err(rejection.into())
    }
}

/// Which records a call may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Usual,
    OfMoves,
}

/// What the tries of one call decided whose replies were lost.
struct Outcomes<T> {
    made: Vec<(u8, Result<T, Rejection>)>,
    lost: Option<mfa_storage::Expected>,
}

impl<T> Default for Outcomes<T> {
    fn default() -> Self {
        Self { made: Vec::new(), lost: None }
    }
}

impl<T> Outcomes<T> {
    fn take(self, applied: u8) -> Result<T, Error> {
        let made = self.made.into_iter().find(|(attempt, _)| *attempt == applied);
        made.map_or(Err(Unavailable::UnknownOutcome.into()), |(_, outcome)| outcome.map_err(Error::from))
    }
}
