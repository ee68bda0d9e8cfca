//! A policy of ten classes and the default, and a subject in three of them.

use mfa_core::time::UnixSeconds;
use mfa_policy::{Attributes, Decision, OrganizationSettings, Policy};

/// The policy and its subject.
#[derive(Debug)]
pub struct Decided {
    policy: Policy,
    subject: Attributes,
}

impl Decided {
    /// Reads the policy.
    pub fn new() -> Self {
        let policy = Policy::from_toml(include_str!("ten-classes.toml")).unwrap();
        let organization = OrganizationSettings::new("a.example").required();
        let subject = ["engineer", "manager", "seller"]
            .iter()
            .fold(Attributes::new(), |subject, role| subject.with("role", role))
            .organization(organization);
        let decided = Self { policy, subject };
        assert_eq!(decided.decide(UnixSeconds::EPOCH).rules().count(), 3);
        decided
    }

    /// What the policy says of the subject.
    pub fn decide(&self, now: UnixSeconds) -> Decision<'_> {
        self.policy.decide(&self.subject, now)
    }
}

impl Default for Decided {
    fn default() -> Self {
        Self::new()
    }
}
