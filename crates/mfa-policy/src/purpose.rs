//! What fresh proof is wanted for, and how fresh.

use std::fmt;
use std::time::Duration;

/// What a proof of the second factor is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// An ordinary session: how old its second factor may be before it is asked again.
    Session,
    /// Managing authenticators: adding, changing, removing, a new recovery code, a reset of somebody else.
    Manage,
    /// A sensitive action of the host's own.
    StepUp,
    /// One transaction, such as a disbursement. Every transaction has a challenge of its own; the freshness bounds
    /// the time between its answer and its redemption.
    Transaction,
}

impl Purpose {
    /// Every purpose, in the order of [`Purpose::id`].
    pub const ALL: [Self; 4] = [Self::Session, Self::Manage, Self::StepUp, Self::Transaction];

    /// The number that stands for this purpose in tickets, assertions and records; it never changes.
    pub const fn id(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Manage => 2,
            Self::StepUp => 3,
            Self::Transaction => 4,
        }
    }

    /// The purpose with number `id`; `None` for one this version does not know.
    ///
    /// # Examples
    /// ```
    /// # use mfa_policy::Purpose;
    /// assert_eq!(Purpose::from_id(Purpose::Manage.id()), Some(Purpose::Manage));
    /// assert_eq!(Purpose::from_id(0), None);
    /// ```
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Session),
            2 => Some(Self::Manage),
            3 => Some(Self::StepUp),
            4 => Some(Self::Transaction),
            _ => None,
        }
    }

    /// The name in explanations and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Manage => "manage",
            Self::StepUp => "step-up",
            Self::Transaction => "transaction",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// For each purpose, the oldest proof that still counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    pub(crate) session: Duration,
    pub(crate) manage: Duration,
    pub(crate) step_up: Duration,
    pub(crate) transaction: Duration,
}

impl Freshness {
    /// No limit at all: what a rule that says nothing adds to a minimum.
    pub(crate) const UNLIMITED: Self = Self {
        session: Duration::MAX,
        manage: Duration::MAX,
        step_up: Duration::MAX,
        transaction: Duration::MAX,
    };

    /// What holds where a policy file says nothing.
    pub(crate) const RECOMMENDED: Self = Self {
        session: Duration::from_secs(12 * 3600),
        manage: Duration::from_secs(5 * 60),
        step_up: Duration::from_secs(5 * 60),
        transaction: Duration::from_secs(5 * 60),
    };

    pub(crate) const fn of(&self, purpose: Purpose) -> Duration {
        match purpose {
            Purpose::Session => self.session,
            Purpose::Manage => self.manage,
            Purpose::StepUp => self.step_up,
            Purpose::Transaction => self.transaction,
        }
    }

    /// Takes the shorter of both, purpose by purpose.
    pub(crate) fn tighten(&mut self, other: &Self) {
        self.session = self.session.min(other.session);
        self.manage = self.manage.min(other.manage);
        self.step_up = self.step_up.min(other.step_up);
        self.transaction = self.transaction.min(other.transaction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_keeps_its_number() {
        let ids: Vec<u8> = Purpose::ALL.iter().map(|purpose| purpose.id()).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
        assert!(Purpose::ALL.iter().all(|purpose| Purpose::from_id(purpose.id()) == Some(*purpose)));
        assert_eq!(Purpose::from_id(5), None);
    }
}
