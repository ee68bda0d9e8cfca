//! What the invariants say of an account that moves to another name.

use mfa::EventKind as E;
use pollster::block_on;

use super::authenticators::is_open;
use super::probe::Trial;
use super::{Asks, Case, Verdict, require};
use crate::account::{MOVED, Node, SUBJECT, visit, visit_as};
use crate::client::{Gain, Outcome};

impl Case<'_> {
    /// However a move was cut short: never does an app work under both names; calling again finishes it; and then all is
    /// as it was, under the new name only.
    pub(super) fn inv_11_a_move_is_finished_by_calling_it_again(&self) -> Verdict {
        let Some(owner) = &self.scene.owner else { return Ok(()) };
        let (app, hour) = (&owner.app, 3_600);
        let node = Node::new(&self.scene.policy, 3_000, 1, self.scene.now);
        let under = |subject, later| {
            node.clock.set(self.scene.now + later);
            Trial { node: &node, subject }
        };
        let as_left = |subject| {
            node.store.put(self.history.tables.clone());
            under(subject, hour).signs_in_now(app)
        };
        let both = [SUBJECT, MOVED].map(as_left);
        require(both != [true; 2], || "the app works under both names".to_owned())?;

        // Where it came as far as the new name, what happens there meanwhile is not undone by finishing.
        node.store.put(self.history.tables.clone());
        if under(MOVED, 0).signs_in_now(app) {
            let finished = block_on(node.mfa.move_subject(&visit(0), &visit_as(MOVED, 0)));
            let is_used = !under(MOVED, 0).signs_in_now(app);
            require(finished.is_ok() && is_used, || {
                "a step that was used since is accepted again".to_owned()
            })?;
        }

        node.store.put(self.history.tables.clone());
        node.clock.set(self.scene.now);
        let again = block_on(node.mfa.move_subject(&visit(0), &visit_as(MOVED, 0)));
        require(again.is_ok(), || format!("cannot be finished: {again:?}"))?;
        let finished = node.store.tables();
        let after = |subject, later| {
            node.store.put(finished.clone());
            under(subject, later)
        };
        require(!after(SUBJECT, hour).signs_in_now(app), || "the old name still signs in".to_owned())?;
        let ends = [
            E::AuthenticatorReplaced,
            E::AuthenticatorRemoved,
            E::AuthenticatorSuspended,
            E::AuthenticatorDisabled,
            E::Reset,
        ];
        // An erasure that meets a move under way may count as coming before it, or after it: of a name that is gone then.
        let first = |kind| self.events().position(|event| event.kind == kind).unwrap_or(usize::MAX);
        let erased = first(E::Erased);
        if first(E::MoveBegun) < erased && erased < first(E::MovedHere) {
            return Ok(());
        }
        let was_erased = erased < first(E::MoveBegun);
        let lives = ends.iter().all(|kind| self.ever(*kind) == 0) && !was_erased;
        require(after(MOVED, hour).signs_in_now(app) == lives, || {
            format!("under the new name the app {}", if lives { "is dead" } else { "works again" })
        })?;
        let is_enrolled =
            !was_erased && [E::AuthenticatorRemoved, E::Reset].iter().all(|k| self.count(*k) == 0);
        let asks = after(MOVED, 0).asks();
        let is_closed = matches!(asks, Asks::For(asked) if !is_open(asked));
        require(!is_enrolled || is_closed, || format!("moved, and a sign-in is answered {asks:?}"))?;
        self.nothing_is_new_under_the_new_name(&after)
    }

    /// Of two calls of the same move each is told that it is done.
    pub fn inv_11_a_move_is_told_to_both(&self) -> Verdict {
        let done = self.told(|outcome| matches!(outcome, Outcome::Success(Gain::Done)));
        require(done == self.scene.clients(), || format!("{done} of {} were told so", self.scene.clients()))
    }

    /// INV-1 and INV-3 go along: used steps stay used, and guesses counted.
    fn nothing_is_new_under_the_new_name<'n>(
        &self,
        after: &dyn Fn(&'static str, u64) -> Trial<'n>,
    ) -> Verdict {
        let mut typed = Vec::new();
        for told in self.clients() {
            for (app, step) in &told.notes.borrow().typed {
                if !typed.iter().any(|(of, known)| (of, known) == (&app.name, step)) {
                    let again = after(MOVED, 0).signs_in(app, *step);
                    typed.push((app.name.clone(), *step));
                    require(!again || self.count(E::Verified) < typed.len(), || {
                        format!("step {step} is accepted under the new name too")
                    })?;
                }
            }
        }
        let failures = self.app_failures();
        let apps: Vec<_> = self.scene.owner.iter().map(|owner| std::rc::Rc::clone(&owner.app)).collect();
        let more = after(MOVED, 0).guesses(&apps);
        require(failures + more <= 5, || format!("{failures} guesses, and {more} under the new name"))
    }
}
