//! Every combination there is of what the reference product looks at.

use crate::oracle::{Actor, Class, FirstFactor, Organization, Person, Require};

/// The moment of every decision.
pub(crate) const NOW: u64 = crate::common::START;

/// Every person: class or two, organisation settings and dates, how often it asks, first factor, enrolled or
/// not.
pub(crate) fn people() -> impl Iterator<Item = Person> {
    let ask_again = [None, Some(12), Some(7 * 24), Some(30 * 24)];
    classes().into_iter().flat_map(move |classes| {
        ask_again.into_iter().flat_map(memberships).flat_map(move |organizations| {
            let (classes, organizations) = (classes.clone(), organizations);
            FIRST_FACTORS.into_iter().flat_map(move |first| {
                let (classes, organizations) = (classes.clone(), organizations.clone());
                [false, true].into_iter().map(move |enrolled| Person {
                    classes: classes.clone(),
                    organizations: organizations.clone(),
                    first,
                    enrolled,
                })
            })
        })
    })
}

/// Unknown, each class, and each two of them.
fn classes() -> Vec<Vec<Class>> {
    let known = [Class::Commercial, Class::Administrator, Class::Payor, Class::Payee, Class::Support];
    let mut all = vec![vec![Class::Unknown]];
    for (number, one) in known.into_iter().enumerate() {
        all.push(vec![one]);
        all.extend(known.into_iter().skip(number + 1).map(|other| vec![one, other]));
    }
    all
}

const FIRST_FACTORS: [FirstFactor; 4] = [
    FirstFactor::Password,
    FirstFactor::Provider { says_mfa: true },
    FirstFactor::Provider { says_mfa: false },
    FirstFactor::Stranger,
];

/// Every setting: off, two dates ahead, the date that is now, one that has passed, at once.
const SETTINGS: [Require; 6] = [
    Require::Off,
    Require::From(NOW + 1),
    Require::From(NOW + 30 * 86_400),
    Require::From(NOW),
    Require::From(NOW - 1),
    Require::AtOnce,
];

/// The organisations of one person. The first asks again as given; a second after 7 days, a third after 30.
fn memberships(ask_again: Option<u64>) -> Vec<Vec<Organization>> {
    let without = |require| organization("commercial.example", require, ask_again);
    let pilot = |require, ask_again| organization("pilot.example", require, ask_again);
    let enforced = |require| organization("enforced.example", require, Some(7 * 24));
    let sso = |require| organization("sso.example", require, ask_again);
    let mut all = vec![vec![], vec![without(Require::Off)], vec![without(Require::AtOnce)]];
    for one in SETTINGS {
        all.push(vec![pilot(one, ask_again)]);
        all.push(vec![sso(one)]);
        all.push(vec![without(Require::Off), pilot(one, Some(7 * 24))]);
        all.push(vec![without(Require::AtOnce), enforced(Require::Off), pilot(one, Some(30 * 24))]);
        all.push(vec![sso(Require::AtOnce), pilot(one, Some(7 * 24))]);
        all.push(vec![sso(one), organization("commercial.example", Require::Off, Some(7 * 24))]);
        all.extend(SETTINGS.into_iter().map(|other| vec![pilot(one, ask_again), enforced(other)]));
    }
    all
}

fn organization(id: &'static str, require: Require, ask_again: Option<u64>) -> Organization {
    let (rolled_out, has_provider) = (id != "commercial.example", id == "sso.example");
    Organization { id, rolled_out, require, ask_again, has_provider }
}

/// Who may try to reset each of these people.
pub(crate) fn actors() -> Vec<Actor> {
    let actor = |classes: &[Class], organizations: &[&'static str]| Actor {
        classes: classes.to_vec(),
        organizations: organizations.to_vec(),
    };
    let everywhere = ["commercial.example", "pilot.example", "enforced.example", "sso.example"];
    let mut all: Vec<_> = everywhere.iter().map(|own| actor(&[Class::Administrator], &[own])).collect();
    all.extend([
        actor(&[Class::Administrator], &["elsewhere.example"]),
        actor(&[Class::Administrator], &[]),
        actor(&[Class::Administrator], &everywhere),
        actor(&[Class::Administrator, Class::Support], &everywhere),
        actor(&[Class::Support], &[]),
        actor(&[Class::Commercial], &everywhere),
        actor(&[Class::Payor, Class::Payee], &everywhere),
        actor(&[Class::Unknown], &everywhere),
    ]);
    all
}
