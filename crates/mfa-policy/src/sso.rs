//! Identity providers and what is believed of them.

use crate::attributes::Attributes;

/// An identity provider whose MFA a class may trust.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) name: Box<str>,
    pub(crate) accepted_amr: Vec<Box<str>>,
    /// The organisations it signs in; `None` leaves that to the host.
    pub(crate) organizations: Option<Vec<Box<str>>>,
    /// Whether the provider alone keeps the authenticators of the subjects that sign in through it.
    pub(crate) owns_mfa: bool,
}

impl Provider {
    /// Whether one of the reported method references is accepted. Signing in is not MFA: none reported, none accepted.
    pub(crate) fn accepts(&self, amr: &[&str]) -> bool {
        amr.iter().any(|reported| self.accepted_amr.iter().any(|accepted| **accepted == **reported))
    }

    /// Whether it may speak for `subject`: every organisation of the subject is one of the provider's, so that
    /// joining one more organisation never adds trust.
    pub(crate) fn speaks_for(&self, subject: &Attributes) -> bool {
        let Some(own) = &self.organizations else { return true };
        let organizations = subject.organizations();
        !organizations.is_empty() && organizations.iter().all(|settings| has(own, &settings.id))
    }

    /// Whether the organisation is one that it signs in.
    pub(crate) fn signs_in(&self, organization: &str) -> bool {
        self.organizations.as_deref().is_none_or(|own| has(own, organization))
    }
}

fn has(organizations: &[Box<str>], id: &str) -> bool {
    organizations.iter().any(|own| **own == *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrganizationSettings;

    fn provider(organizations: Option<Vec<Box<str>>>) -> Provider {
        let accepted_amr = vec![Box::from("mfa"), Box::from("hwk")];
        Provider { name: Box::from("idp"), accepted_amr, organizations, owns_mfa: true }
    }

    #[test]
    fn one_accepted_reference_is_enough_and_none_is_not() {
        let idp = provider(None);
        assert!(idp.accepts(&["pwd", "mfa"]));
        assert!(!idp.accepts(&["pwd", "MFA", "mfa "]) && !idp.accepts(&[]));
    }

    #[test]
    fn a_provider_speaks_only_for_subjects_wholly_in_its_organizations() {
        let idp = provider(Some(vec![Box::from("sso.example")]));
        let sam = Attributes::new().organization(OrganizationSettings::new("sso.example"));
        assert!(idp.speaks_for(&sam));
        assert!(!idp.speaks_for(&sam.organization(OrganizationSettings::new("other.example"))));
        assert!(!idp.speaks_for(&Attributes::new()));
        assert!(provider(None).speaks_for(&Attributes::new()));
    }
}
