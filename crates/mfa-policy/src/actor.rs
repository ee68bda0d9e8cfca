//! Who may reset somebody else's authenticators.

use mfa_core::time::UnixSeconds;

use crate::attributes::Attributes;
use crate::condition::{Condition, Terms};
use crate::rollout::RollOut;
use crate::word::Word;

/// A kind of person that a class may let reset its subjects.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) name: Box<str>,
    /// What makes somebody this actor.
    pub(crate) when: Condition,
    /// Whom this actor may reset, beside what the classes of the subject say.
    pub(crate) subjects: Condition,
    pub(crate) same_organization: SameOrganization,
}

/// Which organisations actor and subject must have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SameOrganization {
    /// Every organisation of the subject, and there is one.
    All,
    /// One whose demand on the subject is the strictest: whoever asks for less cannot undo what another asks for.
    Strictest,
    /// None; for a help desk of the host's own.
    NotNeeded,
}

impl Word for SameOrganization {
    const WHAT: &'static str = "which organisations actor and subject share";
    const WORDS: &'static [(&'static str, Self)] =
        &[("all", Self::All), ("strictest", Self::Strictest), ("not-needed", Self::NotNeeded)];
}

impl SameOrganization {
    fn holds(self, actor: &Attributes, subject: &Attributes, roll_out: &RollOut, now: UnixSeconds) -> bool {
        let organizations = subject.organizations();
        match self {
            Self::NotNeeded => true,
            Self::All => {
                !organizations.is_empty() && organizations.iter().all(|own| actor.is_member_of(&own.id))
            }
            Self::Strictest => {
                let strictest = roll_out.strictest(organizations, now);
                let mut binding =
                    organizations.iter().filter(|own| roll_out.obligation(own, now) == strictest);
                binding.any(|own| actor.is_member_of(&own.id))
            }
        }
    }
}

impl Actor {
    /// Whether a person with the attributes `actor` is this actor towards `subject`.
    pub(crate) fn is(
        &self,
        actor: &Attributes,
        subject: &Attributes,
        terms: &Terms,
        roll_out: &RollOut,
        now: UnixSeconds,
    ) -> bool {
        self.when.holds(&terms.of(actor))
            && self.subjects.holds(&terms.of(subject))
            && self.same_organization.holds(actor, subject, roll_out, now)
    }
}
