//! What the invariants say of codes: steps, recovery codes, guesses.

use mfa::{EventKind, EventMethod, Rejection};

use super::{Case, Verdict, require};
use crate::client::{By, Gain, Outcome};

impl Case<'_> {
    /// A step is accepted at most once per authenticator, and none after a later one.
    pub(super) fn inv_1_a_step_is_accepted_once(&self) -> Verdict {
        let mut typed: Vec<_> = Vec::new();
        for told in self.clients() {
            for (app, step) in &told.notes.borrow().typed {
                if !typed.contains(&(app.name.clone(), *step)) {
                    typed.push((app.name.clone(), *step));
                }
            }
        }
        let is_typed = |app: &String, step| typed.contains(&(app.clone(), step));
        let again = self.after.again.iter().filter(|(app, step, yes)| *yes && is_typed(app, *step)).count();
        // Resynchronising burns both of its codes.
        let by_app = self.accepted_by(Some(EventMethod::App));
        let accepted = by_app + 2 * self.count(EventKind::Resynchronised);
        require(accepted + again <= typed.len(), || {
            format!("{accepted} steps were accepted and {again} can be again, of {}", typed.len())
        })?;
        self.confirming_steps_are_used_up()?;
        self.steps_only_go_forward()
    }

    fn confirming_steps_are_used_up(&self) -> Verdict {
        for told in self.clients() {
            for scanned in &told.notes.borrow().scanned {
                let replayed = self.after.again.iter().any(|(app, step, yes)| {
                    *yes && *app == scanned.app.name && Some(*step) == scanned.confirmed
                });
                require(!replayed, || format!("the code that confirmed {} signs in", scanned.app.name))?;
            }
        }
        Ok(())
    }

    fn steps_only_go_forward(&self) -> Verdict {
        for told in self.clients() {
            let Some((By::Code | By::Confirmation, _)) = told.outcome.assertion() else { continue };
            let notes = told.notes.borrow();
            let (app, step) = notes.typed.first().ok_or("a wrong code signed in")?;
            for (name, other, yes) in &self.after.again {
                require(!(*yes && *name == app.name && other <= step), || {
                    format!("step {other} is accepted after step {step}")
                })?;
            }
            for later in self.clients().filter(|later| later.began >= told.ended) {
                let is_no_newer =
                    |(of, typed): &(std::rc::Rc<crate::client::App>, _)| of.name == app.name && typed <= step;
                let older = later.notes.borrow().typed.iter().any(is_no_newer);
                require(!(older && later.outcome.assertion().is_some()), || {
                    format!("a step was accepted after step {step}, which is no older")
                })?;
            }
        }
        Ok(())
    }

    /// A recovery opens once and completes at most once with one code, which is dead then; and there is always one
    /// live code.
    pub(super) fn inv_2_a_code_completes_one_recovery(&self) -> Verdict {
        let completed = self.count(EventKind::RecoveryCompleted);
        require(completed <= 1, || format!("{completed} recoveries were completed with one code"))?;
        let opened = self.ever(EventKind::RecoveryOpened);
        require(opened <= 1, || format!("one code opened {opened} recoveries"))?;
        let live: Vec<_> = self.after.opens.iter().filter(|(_, opens)| *opens).map(|(of, _)| of).collect();
        let wanted = usize::from(self.is_enrolled() && self.is_sound());
        require(live.len() == wanted, || format!("{} recovery codes are live: {live:?}", live.len()))?;
        let old = self.scene.owner.as_ref().map(|owner| &owner.app.name);
        let old_is_live = live.iter().any(|of| Some(*of) == old);
        require(completed == 0 || !old_is_live, || "the code that was used is still live".to_owned())
    }

    /// However many hold the proof of a transaction, it is taken once.
    pub(super) fn inv_2_a_transaction_is_redeemed_once(&self) -> Verdict {
        let redeemed = self.ever(EventKind::TransactionRedeemed);
        require(redeemed <= 1, || format!("one transaction was redeemed {redeemed} times"))?;
        let told = self.told(|outcome| matches!(outcome, Outcome::Success(Gain::Redeemed)));
        require(told <= redeemed, || format!("{told} were told of {redeemed} redemptions"))
    }

    /// Nobody is told of a guess that was not counted, no more are compared than 15 minutes allow, and no more in all
    /// than the cap.
    pub(super) fn inv_3_guesses_are_counted_and_few(&self) -> Verdict {
        use EventKind as E;
        let wrong = self.told(|outcome| matches!(outcome, Outcome::Rejected(Rejection::WrongCode)));
        let counted = self.count(E::VerificationFailed)
            + self.count(E::RecoveryFailed)
            + self.count(E::ResynchronisationFailed);
        // Whoever confirms has been shown the key: there is nothing to guess.
        let confirming = self.clients().filter(|told| !told.notes.borrow().scanned.is_empty()).count();
        require(wrong <= counted + confirming, || format!("{wrong} guesses were told, {counted} counted"))?;
        let app = self.failures_at_the_app();
        let recovery = self.failures_in_a_row(&[E::RecoveryFailed], |kind| {
            let is_over = matches!(kind, E::Unlocked | E::Reset | E::Erased);
            is_over || matches!(kind, E::RecoveryOpened | E::RecoveryResumed | E::RecoveryCodeIssued)
        });
        let after = &self.after;
        for (failures, more, of) in
            [(app, after.guesses, "app"), (recovery, after.recovery_guesses, "recovery code")]
        {
            require(failures.most <= MOST && failures.last + more <= MOST, || {
                format!("{failures:?} guesses at the {of} and {more} more in 15 minutes")
            })?;
        }
        let cap = self.scene.cap();
        require(app.most <= cap && app.last + after.guesses_later <= cap, || {
            format!("{app:?} guesses and {} an hour later, the cap is {cap}", after.guesses_later)
        })
    }

    /// Guesses at the app since the last success.
    pub(super) fn app_failures(&self) -> usize {
        self.failures_at_the_app().last
    }

    fn failures_at_the_app(&self) -> Failures {
        use EventKind as E;
        self.failures_in_a_row(&[E::VerificationFailed, E::ResynchronisationFailed], |kind| {
            // An operator's word ends a window as a success does, and a reset leaves nothing to guess at.
            let is_over = matches!(kind, E::Unlocked | E::Reset | E::Erased | E::AuthenticatorRemoved);
            is_over || matches!(kind, E::Verified | E::AuthenticatorActivated | E::AuthenticatorReplaced)
        })
    }

    /// Failures between two successes. Everything here happens within 15 minutes.
    fn failures_in_a_row(&self, failing: &[EventKind], is_success: impl Fn(EventKind) -> bool) -> Failures {
        let mut failures = Failures { most: 0, last: 0 };
        for event in self.events() {
            if failing.contains(&event.kind) {
                failures.last += 1;
                failures.most = failures.most.max(failures.last);
            } else if is_success(event.kind) {
                failures.last = 0;
            }
        }
        failures
    }
}

/// Failures between two successes: the most there were, and those since the last success.
#[derive(Clone, Copy, Debug)]
struct Failures {
    most: usize,
    last: usize,
}

/// Guesses that may be compared in 15 minutes.
const MOST: usize = 5;
