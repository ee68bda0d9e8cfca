//! What the invariants say of authenticators, and of those who were let in.

use mfa::EventKind as E;

use super::{Asks, Case, Verdict, require};
use crate::account::Stage;
use crate::client::{Asked, By, Gain, Outcome};
use crate::schedule::Row;

impl Case<'_> {
    /// No assertion without a committed success, or a subject of whom nothing is asked.
    pub(super) fn inv_4_every_assertion_has_its_success(&self) -> Verdict {
        let kept = self.count(E::AuthenticatorRemoved) + self.count(E::RecoveryCodeIssued);
        for (ways, successes) in [
            (&[By::Code, By::Confirmation, By::Text][..], self.count(E::Verified)),
            (&[By::Activation], self.activated()),
            (&[By::Change], kept),
        ] {
            let signed_in: usize = ways.iter().map(|by| self.signed_in_by(*by)).sum();
            require(signed_in <= successes, || {
                format!("{signed_in} signed in by {ways:?}, {successes} successes")
            })?;
        }
        for told in self.clients() {
            let Some((by, assertion)) = told.outcome.assertion() else { continue };
            let by_factor = !matches!(by, By::Skipping | By::FirstFactorAlone | By::Device);
            require(assertion.second_factor().is_some() == by_factor, || {
                format!("{by:?} made {assertion:?}")
            })?;
            let may_be =
                by_factor || by == By::Device || self.scene.stage == Stage::Unenrolled || self.is_gone();
            require(may_be, || format!("{by:?} signed in"))?;
        }
        Ok(())
    }

    /// An app works only if its code was confirmed and its recovery code acknowledged.
    pub(super) fn inv_5_active_means_confirmed_and_saved(&self) -> Verdict {
        for told in self.clients() {
            for scanned in &told.notes.borrow().scanned {
                let name = &scanned.app.name;
                let may_work = scanned.confirmed.is_some() && scanned.acknowledged;
                require(may_work || !self.works(name), || format!("{name} works too early"))?;
                let is_saved = self.after.opens.iter().any(|(of, opens)| of == name && *opens);
                require(is_saved || !self.works(name), || format!("{name} works without a recovery code"))?;
            }
        }
        Ok(())
    }

    /// The old app works until a new one is active, and is dead after; in a recovery it is suspended from the start. Of
    /// new ones at most one becomes active. What a sign-in is asked for is what works.
    pub(super) fn inv_6_one_app_at_a_time(&self) -> Verdict {
        let gone = [E::RecoveryOpened, E::AuthenticatorReplaced, E::AuthenticatorDisabled];
        let lives =
            self.scene.owner.is_some() && self.is_sound() && gone.iter().all(|kind| self.ever(*kind) == 0);
        if let Some(owner) = &self.scene.owner {
            require(self.works(&owner.app.name) == lives, || {
                format!("the old app {}", if lives { "is dead" } else { "still works" })
            })?;
        }
        let old = self.scene.owner.as_ref().map(|owner| &owner.app.name);
        let new = self.after.works.iter().filter(|(name, works)| *works && Some(name) != old).count();
        let activated = self.activated();
        require(new == activated && activated <= 1, || {
            format!("{new} new apps work, {activated} were activated")
        })?;
        if self.is_enrolled() && self.is_sound() {
            let something_works = lives || activated > 0;
            for asks in [self.after.asks, self.after.asks_later] {
                let asks_for_a_code = matches!(asks, Asks::For(Asked::Challenge | Asked::Throttled));
                require(asks_for_a_code == something_works, || format!("a sign-in is answered {asks:?}"))?;
            }
        }
        Ok(())
    }

    /// Once the old app was replaced, removed, reset, erased, suspended or disabled it works no more; and a new one works
    /// only by an activation.
    pub(super) fn inv_6_a_dead_app_stays_dead(&self) -> Verdict {
        let ends = [
            E::AuthenticatorReplaced,
            E::AuthenticatorRemoved,
            E::AuthenticatorSuspended,
            E::AuthenticatorDisabled,
            E::Reset,
            E::Erased,
        ];
        let is_ended = ends.iter().any(|kind| self.count(*kind) > 0);
        let old = self.scene.owner.as_ref().map(|owner| &owner.app.name);
        require(!is_ended || old.is_none_or(|name| !self.works(name)), || {
            "the old app still works".to_owned()
        })?;
        let new = self.after.works.iter().filter(|(name, works)| *works && Some(name) != old).count();
        require(new <= self.activated(), || {
            format!("{new} new apps work, {} were activated", self.activated())
        })
    }

    /// An hour later, when every wait is over, what the account page shows as active works, and nothing else.
    pub(super) fn inv_6_what_is_shown_as_active_works(&self) -> Verdict {
        let Some(shown) = self.after.shown_active else { return Ok(()) };
        let works = self.after.works.iter().filter(|(_, works)| *works).count();
        require(shown == works, || format!("{shown} apps are shown as active, {works} work"))
    }

    /// Whether nothing need be on record any more.
    pub(super) fn is_gone(&self) -> bool {
        [E::AuthenticatorRemoved, E::Reset, E::Erased].iter().any(|kind| self.count(*kind) > 0)
    }

    /// As long as an authenticator is on record, a sign-in neither lets in nor offers to enroll.
    pub(super) fn inv_13_nobody_is_let_in_or_offered_anything(&self) -> Verdict {
        let is_gone = self.is_gone();
        let asks = [self.after.asks, self.after.asks_later];
        let is_moving = self.count(E::MoveBegun) > 0;
        let is_closed = |asks: &Asks| match asks {
            Asks::For(asked) => !is_open(*asked),
            Asks::Unavailable => is_moving,
            Asks::Proved => false,
        };
        require(is_gone || asks.iter().all(is_closed), || {
            format!("enrolled, and a sign-in is answered {asks:?}")
        })?;
        let told_open =
            self.told(|outcome| matches!(outcome, Outcome::Success(Gain::Asked(asked)) if is_open(*asked)));
        require(is_gone || told_open == 0, || "an enrolled subject was offered to enroll".to_owned())
    }

    /// An enrolled subject is never offered to enroll, nor let in, nor given an authenticator, by the first factor
    /// alone; and one whose record is gone or does not open still counts as enrolled.
    pub(super) fn inv_13_the_first_factor_binds_nothing(&self) -> Verdict {
        if self.scene.stage > Stage::Unenrolled {
            for told in self.clients() {
                let wrong = match &told.outcome {
                    Outcome::Success(Gain::Asked(asked)) => is_open(*asked),
                    Outcome::Success(Gain::SignedIn(by, _)) => {
                        matches!(by, By::Skipping | By::FirstFactorAlone)
                    }
                    _ => false,
                };
                require(!wrong, || format!("an enrolled subject: {}", told.outcome))?;
                let is_success = matches!(told.outcome, Outcome::Success(_));
                require(self.is_sound() || !is_success, || format!("the row is damaged: {}", told.outcome))?;
            }
            require(self.count(E::AuthenticatorActivated) == 0, || {
                "an enrolled subject got a first authenticator".to_owned()
            })?;
        }
        let asks = [self.after.asks, self.after.asks_later];
        if self.is_enrolled() && self.is_sound() {
            let is_closed = |asks: &Asks| matches!(asks, Asks::For(asked) if !is_open(*asked));
            require(asks.iter().all(is_closed), || format!("enrolled, and a sign-in is answered {asks:?}"))?;
        }
        let is_unreadable = self.scene.row == Row::Altered;
        require(!is_unreadable || asks == [Asks::Unavailable; 2], || {
            format!("the record does not open, and a sign-in is answered {asks:?}")
        })
    }
}

pub(super) fn is_open(asked: Asked) -> bool {
    matches!(asked, Asked::Offer | Asked::Enroll)
}
