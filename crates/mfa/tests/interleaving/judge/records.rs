//! What the invariants say of records, events and epochs.

use mfa::storage::Expected;
use mfa::{EventKind as E, Rejection, Standing, Unavailable};

use super::{Case, Verdict, Worth, is_ending, require, serial};
use crate::client::{By, Gain, Outcome};
use crate::store::Meets;

impl Case<'_> {
    /// Versions and events leave no gap; every commit has an event; what was told, what was told of and what is agree.
    pub(super) fn inv_8_every_change_has_its_event(&self) -> Verdict {
        self.inv_8_no_version_and_no_event_is_left_out()?;
        self.what_was_told_is_told_of()?;
        self.events_go_together()?;
        self.damage_is_told_of()
    }

    pub(super) fn inv_8_no_version_and_no_event_is_left_out(&self) -> Verdict {
        let tables = &self.history.tables;
        let mut place = 0;
        for (number, (key, version, events)) in tables.commits.iter().enumerate() {
            let last = tables.commits[..number].iter().rev().find(|(of, ..)| of == key);
            let next = last.map_or(Expected::Absent, |(_, last, _)| Expected::At(*last)).next();
            require(*version == next, || format!("{version:?} was committed where {next:?} was next"))?;
            require(*events > 0, || format!("{version:?} changed something and tells of nothing"))?;
            for index in 0..*events {
                let event = self.after.events.get(place).ok_or("an event cannot be read")?;
                let in_place = event.version == *version && event.index as usize == index;
                require(in_place, || format!("{event:?} is out of place"))?;
                place += 1;
            }
        }
        require(place == self.after.events.len(), || "there are events without a change".to_owned())
    }

    fn what_was_told_is_told_of(&self) -> Verdict {
        let reused = self.told(|outcome| matches!(outcome, Outcome::Rejected(Rejection::AlreadyUsed)));
        let recovering = self.told(|outcome| matches!(outcome, Outcome::Success(Gain::Recovering(..))));
        let changed = self.told(|outcome| matches!(outcome, Outcome::Success(Gain::Done)));
        for (told, kinds) in [
            (reused, &[E::CodeReused][..]),
            (recovering, &[E::RecoveryOpened, E::RecoveryResumed]),
            (changed, &[E::FirstFactorChanged]),
        ] {
            let events: usize = kinds.iter().map(|kind| self.count(*kind)).sum();
            require(told <= events, || {
                format!("{told} clients were told of what {events} of {kinds:?} tell of")
            })?;
        }
        Ok(())
    }

    fn events_go_together(&self) -> Verdict {
        let (opened, disabled) = (self.ever(E::RecoveryOpened), self.ever(E::AuthenticatorDisabled));
        // Whoever is disabled already is not suspended as well.
        require(self.ever(E::AuthenticatorSuspended) == opened.saturating_sub(disabled), || {
            "a recovery suspends what was lost, and tells of it".to_owned()
        })?;
        let replaced = self.ever(E::AuthenticatorReplaced);
        require(replaced == self.ever(E::RecoveryCompleted), || {
            "an app is replaced by completing a recovery, and both are told of".to_owned()
        })?;
        require(self.ever(E::RecoveryCodeIssued) == self.ever(E::AuthenticatorActivated) + replaced, || {
            "each new app comes with a new recovery code, and both are told of".to_owned()
        })
    }

    fn damage_is_told_of(&self) -> Verdict {
        let is_faultless = self.history.steps.iter().all(|(step, _)| step.meets == Meets::Applied);
        for told in self.clients() {
            let kind = match told.outcome {
                Outcome::Unavailable(Unavailable::RecordMissing) => E::RecordMissing,
                Outcome::Unavailable(Unavailable::RecordUnreadable) => E::RecordUnreadable,
                _ => continue,
            };
            require(!is_faultless || self.count(kind) > 0, || format!("{kind:?} is not told of"))?;
        }
        Ok(())
    }

    /// Whatever was handed out before authenticators or the first factor changed is worth nothing after.
    pub(super) fn inv_12_what_is_over_opens_nothing(&self) -> Verdict {
        let mut ended = None;
        for (step, events) in self.changes() {
            let taken = events.iter().find(|recorded| needs_a_ticket(recorded.event.kind));
            if let (Some(ended), Some(taken)) = (ended, taken) {
                return Err(format!("{:?} with a ticket that was over at step {ended}", taken.event.kind));
            }
            if events.iter().any(|recorded| is_ending(recorded.event.kind)) {
                ended = ended.or(Some(step));
            }
        }
        for (client, told) in self.clients().enumerate() {
            let is_over = self.scene.is_stale[client] || ended.is_some_and(|ended| told.began > ended);
            require(!(is_over && told.began != usize::MAX && told.outcome.took_what_was_held()), || {
                format!("client {client} came when its ticket was over: {}", told.outcome)
            })?;
        }
        self.what_was_given_is_worth_what_it_says()
    }

    /// An assertion stands, and a recovery leads on, exactly until the next change that ends them.
    fn what_was_given_is_worth_what_it_says(&self) -> Verdict {
        let is_last = |kinds: &[E]| {
            let is_ending = |events: &&[mfa::RecordedEvent]| events.iter().any(|e| is_ending(e.event.kind));
            let last = self.changes().map(|(_, events)| events).filter(is_ending).last();
            last.map(|events| events.iter().any(|recorded| kinds.contains(&recorded.event.kind)))
        };
        for (told, worth) in self.clients().zip(&self.after.worth) {
            let stands = Worth::Stands(Standing::Good);
            let (own, good): (&[E], _) = match &told.outcome {
                // For its transaction and nothing else, and in place of a second factor: not proofs of a session.
                Outcome::Success(Gain::SignedIn(By::Confirmation | By::Device, _)) => continue,
                Outcome::Success(Gain::SignedIn(By::Activation, _)) => {
                    (&[E::AuthenticatorActivated, E::AuthenticatorReplaced], stands)
                }
                Outcome::Success(Gain::SignedIn(By::Change, _)) => {
                    (&[E::AuthenticatorRemoved, E::RecoveryCodeIssued], stands)
                }
                Outcome::Success(Gain::SignedIn(..)) => (&[], stands),
                Outcome::Success(Gain::Recovering(..)) => (&[E::RecoveryOpened], Worth::LeadsOn(true)),
                _ => continue,
            };
            let wanted = is_last(own).unwrap_or(true);
            require((*worth == good) == wanted, || {
                format!("what was given, {}, is {worth:?}", told.outcome)
            })?;
        }
        Ok(())
    }

    /// Whoever comes with a remembered device after all were forgotten is asked like anybody.
    pub(super) fn inv_12_a_forgotten_device_stands_in_for_nothing(&self) -> Verdict {
        let is_forgetting = |events: &[mfa::RecordedEvent]| {
            events.iter().any(|recorded| recorded.event.kind == E::DevicesForgotten)
        };
        let forgotten = self.changes().find(|(_, events)| is_forgetting(events)).map(|(step, _)| step);
        for told in self.clients().filter(|told| told.began != usize::MAX) {
            let by_device = matches!(told.outcome.assertion(), Some((By::Device, _)));
            let is_later = forgotten.is_some_and(|forgotten| told.began > forgotten);
            require(!(by_device && is_later), || "a forgotten device signed in".to_owned())?;
        }
        Ok(())
    }

    /// An error or a dropped call has left the record as it was or fully updated.
    pub(super) fn inv_11_every_call_is_done_or_not_at_all(&self) -> Verdict {
        serial::inv_11_every_call_is_done_or_not_at_all(self.history, &self.after, self.serials)
    }
}

/// Events that nobody causes without a ticket.
fn needs_a_ticket(kind: E) -> bool {
    matches!(
        kind,
        E::Verified
            | E::VerificationFailed
            | E::CodeReused
            | E::RecoveryOpened
            | E::RecoveryResumed
            | E::RecoveryFailed
            | E::AuthenticatorActivated
            | E::AuthenticatorReplaced
            | E::AuthenticatorRemoved
            | E::RecoveryCodeIssued
            | E::DevicesForgotten
            | E::Resynchronised
            | E::ResynchronisationFailed
            | E::TransactionRedeemed
            | E::TextSent
    )
}
