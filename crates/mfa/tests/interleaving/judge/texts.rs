//! What the invariants say of codes that are sent by text.

use mfa::{EventKind as E, EventMethod, Remember};
use pollster::block_on;

use super::{Case, Verdict, require};
use crate::account::Node;
use crate::client::By;

impl Case<'_> {
    /// Codes that were accepted since the clients started, by the kind of authenticator.
    pub(super) fn accepted_by(&self, method: Option<EventMethod>) -> usize {
        let before = self.scene.tables.events.len();
        let accepted = self.events().skip(before).filter(|event| event.kind == E::Verified);
        accepted.filter(|event| event.method == method).count()
    }

    /// The code that was sent is accepted at most once, by whoever types it, never after the next one was sent, and not
    /// again afterwards.
    pub(super) fn inv_2_a_text_is_accepted_once(&self) -> Verdict {
        let accepted = self.accepted_by(Some(EventMethod::Sms));
        let told = self.signed_in_by(By::Text);
        require(told <= accepted && accepted <= 1, || {
            format!("{told} were signed in by one code that was accepted {accepted} times")
        })?;
        let resent = self
            .changes()
            .find(|(_, events)| events.iter().any(|recorded| recorded.event.kind == E::TextSent))
            .map(|(step, _)| step);
        for told in self.clients().filter(|told| told.began != usize::MAX) {
            let by_text = matches!(told.outcome.assertion(), Some((By::Text, _)));
            let is_late = resent.is_some_and(|resent| told.began > resent);
            require(!(by_text && is_late), || "the code before the latest signed in".to_owned())?;
        }
        let Some(texted) = self.scene.owner.as_ref().and_then(|owner| owner.texted.as_ref()) else {
            return Ok(());
        };
        let node = Node::new(&self.scene.policy, 4_000, 1, self.scene.now);
        node.store.put(self.history.tables.clone());
        let again = block_on(node.mfa.verify(&texted.ctx, &texted.ticket, &texted.code, Remember::No));
        let is_dead = accepted > 0 || resent.is_some();
        require(!(is_dead && again.is_ok()), || "the code signs in once more".to_owned())
    }

    /// No text is handed over that no budget was spent for, nor one whose code is not on record.
    pub(super) fn inv_7_every_text_is_paid_for_and_told_of(&self) -> Verdict {
        let (texts, told) = (self.history.texts, self.count(E::TextSent));
        let spent = self.history.tables.spent.len() - self.scene.tables.spent.len();
        let notices = self.history.notices;
        require(texts + notices <= spent && texts <= told, || {
            format!("{texts} texts and {notices} notices, {spent} units spent, {told} texts told of")
        })?;
        require(texts <= 1, || format!("{texts} texts within half a minute"))?;
        require(notices <= 1, || format!("one number was told {notices} times that it is gone"))
    }
}
