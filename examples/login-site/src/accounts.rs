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

/// Whoever sets what an organisation's members must do.
pub(crate) const ADMINISTRATOR: &str = "administrator";
/// Whoever helps payments users.
pub(crate) const SUPPORT: &str = "payments-support";

/// The provider that sso.example trusts with MFA.
pub(crate) const PROVIDER: &str = "https://idp.sso.example";

pub(crate) const ACCOUNTS: &[Account] = &[
    account("casey@commercial.example", "commercial, organisation without MFA", &["commercial"]),
    account("olivia@pilot.example", "commercial, MFA on, enforcement date ahead", &["commercial"]),
    account("marcus@enforced.example", "commercial, enforced", &["commercial"]),
    account("ada@enforced.example", "administrator of enforced.example", &["commercial", ADMINISTRATOR]),
    account("abel@enforced.example", "administrator of enforced.example", &["commercial", ADMINISTRATOR]),
    account("pat@payor.example", "payments payor", &["payor"]),
    account("peyton@payee.example", "payments payee", &["payee"]),
    account("support@payments.example", "payments support", &[SUPPORT]),
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
        std::iter::once(self.domain()).chain(self.also.iter().copied())
    }

    /// The account's own organisation, by its domain.
    pub(crate) fn domain(&self) -> &'static str {
        self.email.split_once('@').map_or("", |(_, domain)| domain)
    }

    pub(crate) fn is(&self, role: &str) -> bool {
        self.roles.contains(&role)
    }

    /// Whether payments go through this account's hands.
    pub(crate) fn is_payments_user(&self) -> bool {
        self.is("payor") || self.is("payee")
    }

    /// Whom "Company Security Settings" shows to this account: an administrator the members of the organisation, payments
    /// support the payments users; nobody to anybody else.
    pub(crate) fn charges(&self) -> Option<Vec<&'static Self>> {
        let all = ACCOUNTS.iter();
        if self.is(ADMINISTRATOR) {
            Some(all.filter(|other| other.organizations().any(|id| id == self.domain())).collect())
        } else if self.is(SUPPORT) {
            Some(all.filter(|other| other.is_payments_user() || other.is(SUPPORT)).collect())
        } else {
            None
        }
    }

    /// What policy decides on, with the organisations' settings and the person's wish of this moment.
    pub(crate) fn attributes(&self, organizations: Vec<OrganizationSettings>, always: bool) -> Attributes {
        let wish = if always { Attributes::new().with("always_require", "on") } else { Attributes::new() };
        let roles = self.roles.iter().fold(wish, |all, role| all.with("role", role));
        let attributes = match self.provider {
            Some(provider) => roles.with("sso", provider),
            None => roles,
        };
        organizations.into_iter().fold(attributes, Attributes::organization)
    }
}
