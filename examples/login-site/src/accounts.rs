//! The people of the demo, and what the host says of them to the policy.

use mfa::policy::{Attributes, OrganizationSettings};

/// A demo account; the domain tells the organisation.
pub(crate) struct Account {
    pub(crate) email: &'static str,
    pub(crate) about: &'static str,
    roles: &'static [&'static str],
    /// Organisations besides the one of the domain.
    also: &'static [&'static str],
    /// The identity provider, for those who have no password here.
    pub(crate) provider: Option<&'static str>,
}

/// The provider that sso.example trusts with MFA.
pub(crate) const PROVIDER: &str = "https://idp.sso.example";

pub(crate) const ACCOUNTS: &[Account] = &[
    account("casey@commercial.example", "commercial, organisation without MFA", &["commercial"]),
    account("olivia@pilot.example", "commercial, MFA on, enforcement date ahead", &["commercial"]),
    account("marcus@enforced.example", "commercial, enforced", &["commercial"]),
    account("ada@enforced.example", "administrator of enforced.example", &["commercial", "administrator"]),
    account("abel@enforced.example", "administrator of enforced.example", &["commercial", "administrator"]),
    account("pat@payor.example", "payments payor", &["payor"]),
    account("peyton@payee.example", "payments payee", &["payee"]),
    account("support@payments.example", "payments support", &["payments-support"]),
    Account {
        provider: Some(PROVIDER),
        ..account("sam@sso.example", "signs in through the identity provider", &["commercial"])
    },
    Account {
        also: &["commercial.example", "pilot.example"],
        ..account("multi@enforced.example", "member of three organisations", &["commercial"])
    },
];

const fn account(email: &'static str, about: &'static str, roles: &'static [&'static str]) -> Account {
    Account { email, about, roles, also: &[], provider: None }
}

impl Account {
    /// The account with this e-mail address.
    pub(crate) fn find(email: &str) -> Option<&'static Self> {
        ACCOUNTS.iter().find(|account| account.email == email)
    }

    /// The identifiers of the account's organisations.
    pub(crate) fn organizations(&self) -> impl Iterator<Item = &'static str> {
        let own = self.email.split_once('@').map(|(_, domain)| domain);
        own.into_iter().chain(self.also.iter().copied())
    }

    /// What policy decides on, with the organisations' settings of this moment.
    pub(crate) fn attributes(&self, organizations: Vec<OrganizationSettings>) -> Attributes {
        let roles = self.roles.iter().fold(Attributes::new(), |all, role| all.with("role", role));
        let attributes = match self.provider {
            Some(provider) => roles.with("sso", provider),
            None => roles,
        };
        organizations.into_iter().fold(attributes, Attributes::organization)
    }
}
