//! The judge: a model that knows the invariants and nothing of the engine. It looks at what clients were told and when,
//! at the events, and at how the account behaves afterwards.

mod authenticators;
mod codes;
mod moves;
mod probe;
mod records;
mod serial;
mod texts;

use std::rc::Rc;

use mfa::{Event, EventKind};

pub use probe::{Asks, Behaviour, Prober, Worth};
pub use serial::{Serial, references};

use crate::client::{By, Outcome};
use crate::schedule::{History, Row, Scene, Told};

/// One run, and everything it is judged by.
pub struct Case<'a> {
    pub scene: &'a Scene,
    pub history: &'a History,
    pub after: Rc<Behaviour>,
    pub serials: &'a [Serial],
}

/// What an invariant says of a run: nothing, or how it was broken.
type Verdict = Result<(), String>;

macro_rules! judges {
    ($(#[$meta:meta])* $judge:ident: $($name:ident,)*) => {
        $(#[$meta])*
        pub fn $judge(&self) -> Result<(), (&'static str, String)> {
            $(self.$name().map_err(|why| (stringify!($name), why))?;)*
            Ok(())
        }
    };
}

impl Case<'_> {
    judges! {
        /// The first invariant that the run breaks, by its name, and how.
        judge:
        inv_1_a_step_is_accepted_once,
        inv_2_a_code_completes_one_recovery,
        inv_3_guesses_are_counted_and_few,
        inv_4_every_assertion_has_its_success,
        inv_5_active_means_confirmed_and_saved,
        inv_6_one_app_at_a_time,
        inv_6_what_is_shown_as_active_works,
        inv_8_every_change_has_its_event,
        inv_12_what_is_over_opens_nothing,
        inv_13_the_first_factor_binds_nothing,
        inv_11_every_call_is_done_or_not_at_all,
    }

    judges! {
        /// The same where somebody who is signed in changes things: what that leads to is compared with every order of
        /// whole calls.
        judge_changes:
        inv_1_a_step_is_accepted_once,
        inv_2_a_transaction_is_redeemed_once,
        inv_3_guesses_are_counted_and_few,
        inv_4_every_assertion_has_its_success,
        inv_5_active_means_confirmed_and_saved,
        inv_6_a_dead_app_stays_dead,
        inv_6_what_is_shown_as_active_works,
        inv_8_no_version_and_no_event_is_left_out,
        inv_12_what_is_over_opens_nothing,
        inv_12_a_forgotten_device_stands_in_for_nothing,
        inv_13_nobody_is_let_in_or_offered_anything,
        inv_11_every_call_is_done_or_not_at_all,
    }

    judges! {
        /// The same for codes that came by text.
        judge_texts:
        inv_1_a_step_is_accepted_once,
        inv_2_a_text_is_accepted_once,
        inv_2_a_transaction_is_redeemed_once,
        inv_3_guesses_are_counted_and_few,
        inv_4_every_assertion_has_its_success,
        inv_5_active_means_confirmed_and_saved,
        inv_6_a_dead_app_stays_dead,
        inv_7_every_text_is_paid_for_and_told_of,
        inv_8_no_version_and_no_event_is_left_out,
        inv_12_what_is_over_opens_nothing,
        inv_12_a_forgotten_device_stands_in_for_nothing,
        inv_13_nobody_is_let_in_or_offered_anything,
        inv_11_every_call_is_done_or_not_at_all,
    }

    judges! {
        /// The same for a move, which is several commits: it may be cut short, and is finished by calling it again.
        judge_move:
        inv_1_a_step_is_accepted_once,
        inv_3_guesses_are_counted_and_few,
        inv_4_every_assertion_has_its_success,
        inv_5_active_means_confirmed_and_saved,
        inv_6_a_dead_app_stays_dead,
        inv_8_no_version_and_no_event_is_left_out,
        inv_12_what_is_over_opens_nothing,
        inv_13_nobody_is_let_in_or_offered_anything,
        inv_11_a_move_is_finished_by_calling_it_again,
    }

    judges! {
        /// The same for two calls of one move that meet no fault.
        judge_two_moves:
        judge_move_by_name,
        inv_11_a_move_is_told_to_both,
    }

    fn judge_move_by_name(&self) -> Verdict {
        self.judge_move().map_err(|(invariant, why)| format!("{invariant}: {why}"))
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.after.events.iter().map(|recorded| &recorded.event)
    }

    /// Events of this kind since the clients started.
    fn count(&self, kind: EventKind) -> usize {
        let before = self.scene.tables.events.len();
        self.events().skip(before).filter(|event| event.kind == kind).count()
    }

    /// Events of this kind since the account was new.
    fn ever(&self, kind: EventKind) -> usize {
        self.events().filter(|event| event.kind == kind).count()
    }

    /// What each commit since the clients started tells of, and the step of the run that made it.
    fn changes(&self) -> impl Iterator<Item = (usize, &[mfa::RecordedEvent])> {
        let before = self.scene.tables.commits.len();
        let mut rest = self.after.events.get(self.scene.tables.events.len()..).unwrap_or_default();
        self.history.committed.iter().zip(&self.history.tables.commits[before..]).map(
            move |(step, (.., events))| {
                let (these, others) = rest.split_at((*events).min(rest.len()));
                rest = others;
                (*step, these)
            },
        )
    }

    /// Clients that were told this.
    fn told(&self, is: impl Fn(&Outcome) -> bool) -> usize {
        self.history.told.iter().filter(|told| is(&told.outcome)).count()
    }

    fn clients(&self) -> impl Iterator<Item = &Told> {
        self.history.told.iter()
    }

    fn signed_in_by(&self, by: By) -> usize {
        self.told(|outcome| outcome.assertion().is_some_and(|(how, _)| how == by))
    }

    fn works(&self, app: &str) -> bool {
        self.after.works.iter().any(|(name, works)| name == app && *works)
    }

    /// First apps and replacements that became active since the clients started.
    fn activated(&self) -> usize {
        self.count(EventKind::AuthenticatorActivated) + self.count(EventKind::AuthenticatorReplaced)
    }

    /// Whether the account has an authenticator, by its events.
    fn is_enrolled(&self) -> bool {
        self.ever(EventKind::AuthenticatorActivated) > 0
    }

    fn is_sound(&self) -> bool {
        self.scene.row == Row::Sound
    }
}

/// Events with which every ticket and every assertion from before is over.
fn is_ending(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::AuthenticatorActivated
            | EventKind::AuthenticatorReplaced
            | EventKind::AuthenticatorSuspended
            | EventKind::AuthenticatorDisabled
            | EventKind::RecoveryOpened
            | EventKind::FirstFactorChanged
            | EventKind::AuthenticatorRemoved
            | EventKind::RecoveryCodeIssued
            | EventKind::Reset
            | EventKind::Erased
            | EventKind::MoveBegun
    )
}

fn require(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise()) }
}
