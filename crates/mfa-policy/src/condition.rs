//! Conditions on attributes, compiled to bit sets.
//!
//! Every name and value that a policy mentions is a term with a number. A decision first finds which terms the
//! subject has; each condition is then a handful of `and`s. Conditions can only ask for what is there, never for
//! what is missing: a `not` would let a new attribute, or a rule that sets one, weaken a decision (INV-9).

use crate::attributes::{Attributes, ORGANIZATION};
use crate::hash::fnv1a;

/// A set of terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TermSet([u64; 4]);

impl TermSet {
    pub(crate) fn insert(&mut self, term: u8) {
        if let Some(bits) = self.0.get_mut(usize::from(term / 64)) {
            *bits |= 1 << (term % 64);
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (a & e) | (b & f) | (c & g) | (d & h) != 0
    }
}

/// The terms of a policy, sorted by hash so that finding one mostly compares numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    terms: Vec<Term>,
    /// Whether a condition asks for an organisation.
    organizations: bool,
}

#[derive(Clone, Debug)]
struct Term {
    hash: u64,
    name: Box<str>,
    value: Box<str>,
    number: u8,
}

impl Terms {
    /// How many terms a policy may have.
    pub(crate) const MAXIMUM: usize = 256;

    /// The number of a term, a new one if need be; `None` when there are too many.
    pub(crate) fn intern(&mut self, name: &str, value: &str) -> Option<u8> {
        let hash = fnv1a(name, value);
        if let Some(number) = self.find(hash, name, value) {
            return Some(number);
        }
        let number = u8::try_from(self.terms.len()).ok()?;
        let place = self.terms.partition_point(|term| term.hash < hash);
        self.terms.insert(place, Term { hash, name: Box::from(name), value: Box::from(value), number });
        self.organizations |= name == ORGANIZATION;
        Some(number)
    }

    /// The terms that `subject` has.
    pub(crate) fn of(&self, subject: &Attributes) -> TermSet {
        let mut present = TermSet::default();
        for (hash, name, value) in subject.hashed() {
            self.find(hash, name, value).into_iter().for_each(|term| present.insert(term));
        }
        if self.organizations {
            for id in subject.organizations().iter().map(|settings| &*settings.id) {
                let term = self.find(fnv1a(ORGANIZATION, id), ORGANIZATION, id);
                term.into_iter().for_each(|term| present.insert(term));
            }
        }
        present
    }

    fn find(&self, hash: u64, name: &str, value: &str) -> Option<u8> {
        let place = self.terms.partition_point(|term| term.hash < hash);
        let mut alike = self.terms.iter().skip(place).take_while(|term| term.hash == hash);
        alike.find(|term| *term.name == *name && *term.value == *value).map(|term| term.number)
    }
}

/// What a subject must have for a rule to apply: a term of each set of `all`, and, if there is an `any`, a term of
/// each set of one of its lists. The empty condition holds for everybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    pub(crate) all: Vec<TermSet>,
    pub(crate) any: Vec<Vec<TermSet>>,
}

impl Condition {
    pub(crate) fn holds(&self, present: &TermSet) -> bool {
        let every = |sets: &[TermSet]| sets.iter().all(|set| set.meets(present));
        every(&self.all) && (self.any.is_empty() || self.any.iter().any(|sets| every(sets)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrganizationSettings;

    fn set(terms: &[u8]) -> TermSet {
        let mut set = TermSet::default();
        terms.iter().for_each(|term| set.insert(*term));
        set
    }

    #[test]
    fn a_term_has_one_number_and_the_257th_has_none() {
        let mut terms = Terms::default();
        let first = terms.intern("role", "payor");
        assert_eq!((first, terms.intern("role", "payor")), (Some(0), Some(0)));
        for n in 1..256 {
            assert_eq!(terms.intern("role", &n.to_string()), u8::try_from(n).ok());
        }
        assert_eq!(terms.intern("role", "one too many"), None);
        assert_eq!(terms.intern("role", "200"), Some(200));
    }

    #[test]
    fn a_subject_has_the_terms_of_its_values_and_organizations() {
        let mut terms = Terms::default();
        let payor = terms.intern("role", "payor").unwrap();
        let pilot = terms.intern("organization", "pilot.example").unwrap();
        terms.intern("region", "payor").unwrap();
        let subject = Attributes::new()
            .with("role", "payor")
            .organization(OrganizationSettings::new("pilot.example"))
            .organization(OrganizationSettings::new("other.example"));
        assert_eq!(terms.of(&subject), set(&[payor, pilot]));
    }

    #[test]
    fn all_asks_for_each_and_any_for_one() {
        let condition = Condition {
            all: vec![set(&[1, 70]), set(&[130])],
            any: vec![vec![set(&[200])], vec![set(&[201]), set(&[202])]],
        };
        assert!(condition.holds(&set(&[70, 130, 200])));
        assert!(condition.holds(&set(&[1, 130, 201, 202])));
        assert!(!condition.holds(&set(&[1, 130, 201])));
        assert!(!condition.holds(&set(&[1, 200])));
        assert!(Condition::default().holds(&set(&[])));
    }
}
