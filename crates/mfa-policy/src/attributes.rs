//! What the host says of a subject right now: the only thing decisions are made from.

use thiserror::Error;

use crate::hash::fnv1a;
use crate::organization::OrganizationSettings;

/// The current attributes of one subject: names with any number of values, and the organisations it belongs to.
///
/// Read them from the host's database for every call; a copy kept in a session is a stale policy decision.
///
/// Something too large or malformed is not kept, and is never simply dropped, since an attribute left out could
/// free the subject of a rule: it leaves a [`Attributes::fault`], and a decision about attributes with a fault
/// applies **every** rule of the policy. The engine refuses them before that.
///
/// One name is read by this crate itself: `sso`, the provider through which the subject signs in. Where the policy
/// says that this provider owns the subject's MFA, nobody may reset it here.
///
/// # Limits
/// 64 values and 64 organisations; names of 1 to 64 bytes, values and organisation ids of 1 to 256; no control
/// characters. The name `organization` is kept for [`Attributes::organization`].
///
/// # Examples
/// ```
/// # use mfa_policy::{Attributes, OrganizationSettings};
/// let ada = Attributes::new()
///     .with("role", "commercial")
///     .with("role", "administrator")
///     .organization(OrganizationSettings::new("enforced.example").required());
/// assert!(ada.has("role", "administrator"));
/// assert_eq!(ada.fault(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    values: Vec<Pair>,
    organizations: Vec<OrganizationSettings>,
    fault: Option<InvalidAttribute>,
}

/// A name and a value, with the hash that policies find them by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    hash: u64,
    name: Box<str>,
    value: Box<str>,
}

impl Attributes {
    /// Nothing known: such a subject falls under the policy's default class.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `value` to the values of `name`; a pair already there changes nothing.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match checked(name, 64).and(checked(value, 256)) {
            _ if self.has(name, value) => {}
            _ if name == ORGANIZATION => self.refuse(InvalidAttribute::Reserved),
            _ if self.values.len() >= MAXIMUM => self.refuse(InvalidAttribute::TooMany),
            Err(fault) => self.refuse(fault),
            Ok(()) => {
                let hash = fnv1a(name, value);
                self.values.push(Pair { hash, name: Box::from(name), value: Box::from(value) });
            }
        }
        self
    }

    /// Adds an organisation the subject belongs to. Several may be added; the strictest binds.
    #[must_use]
    pub fn organization(mut self, settings: OrganizationSettings) -> Self {
        match checked(&settings.id, 256) {
            _ if self.organizations.len() >= MAXIMUM => self.refuse(InvalidAttribute::TooMany),
            Err(fault) => self.refuse(fault),
            Ok(()) => self.organizations.push(settings),
        }
        self
    }

    /// What was wrong with the first thing that could not be kept.
    pub fn fault(&self) -> Option<InvalidAttribute> {
        self.fault
    }

    /// Whether `value` is among the values of `name`.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.iter().any(|(n, v)| n == name && v == value)
    }

    /// Every name with each of its values, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|pair| (&*pair.name, &*pair.value))
    }

    /// Every pair with its hash.
    pub(crate) fn hashed(&self) -> impl Iterator<Item = (u64, &str, &str)> {
        self.values.iter().map(|pair| (pair.hash, &*pair.name, &*pair.value))
    }

    /// The organisations of the subject, in the order they were added.
    pub fn organizations(&self) -> &[OrganizationSettings] {
        &self.organizations
    }

    /// Whether the subject belongs to the organisation `id`.
    pub fn is_member_of(&self, id: &str) -> bool {
        self.organizations.iter().any(|settings| settings.id == id)
    }

    fn refuse(&mut self, fault: InvalidAttribute) {
        self.fault.get_or_insert(fault);
    }
}

/// An attribute or organisation that could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidAttribute {
    /// A name, value or organisation id with nothing in it.
    #[error("an attribute name, value or organisation id is empty")]
    Empty,
    /// A name above 64 bytes, or a value or organisation id above 256.
    #[error("an attribute name, value or organisation id is longer than its limit")]
    TooLong,
    /// A control character.
    #[error("an attribute name, value or organisation id holds a control character")]
    Character,
    /// More than 64 values or 64 organisations.
    #[error("a subject has more than 64 attribute values or organisations")]
    TooMany,
    /// The attribute name `organization`, which is kept for organisations with their settings.
    #[error("organisations are passed with their settings, not as an attribute")]
    Reserved,
}

/// The name by which a policy's conditions mean the subject's organisations.
pub(crate) const ORGANIZATION: &str = "organization";

/// The attribute that names the provider through which the subject signs in.
pub(crate) const SSO: &str = "sso";

const MAXIMUM: usize = 64;

fn checked(text: &str, limit: usize) -> Result<(), InvalidAttribute> {
    match text {
        "" => Err(InvalidAttribute::Empty),
        _ if text.len() > limit => Err(InvalidAttribute::TooLong),
        _ if text.chars().any(char::is_control) => Err(InvalidAttribute::Character),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_several_values_once_each() {
        let both = Attributes::new().with("role", "payor").with("role", "payee").with("role", "payor");
        assert_eq!(both.iter().collect::<Vec<_>>(), [("role", "payor"), ("role", "payee")]);
    }

    #[test]
    fn what_cannot_be_kept_leaves_a_fault_and_never_vanishes() {
        let long = "a".repeat(257);
        let fault = |name: &str, value: &str| Attributes::new().with(name, value).fault();
        assert_eq!(fault("", "a"), Some(InvalidAttribute::Empty));
        assert_eq!(fault("a", ""), Some(InvalidAttribute::Empty));
        assert_eq!(fault(&long[..65], "a"), Some(InvalidAttribute::TooLong));
        assert_eq!(fault("a", &long), Some(InvalidAttribute::TooLong));
        assert_eq!(fault("a", "b\0"), Some(InvalidAttribute::Character));
        assert_eq!(fault("organization", "pilot.example"), Some(InvalidAttribute::Reserved));
        let unnamed = Attributes::new().organization(OrganizationSettings::new(""));
        assert_eq!(unnamed.fault(), Some(InvalidAttribute::Empty));
    }

    #[test]
    fn the_number_of_values_and_organizations_is_bounded() {
        let many = (0..65).fold(Attributes::new(), |a, n| a.with("role", &n.to_string()));
        assert_eq!((many.iter().count(), many.fault()), (64, Some(InvalidAttribute::TooMany)));
        let many =
            (0..65).fold(Attributes::new(), |a, n| a.organization(OrganizationSettings::new(n.to_string())));
        assert_eq!((many.organizations().len(), many.fault()), (64, Some(InvalidAttribute::TooMany)));
    }
}
