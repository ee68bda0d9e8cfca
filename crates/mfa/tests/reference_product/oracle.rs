//! What the reference product does, written from the prose that describes it and from nothing else.
//!
//! Each rule stands under the sentence it was read from. It shares no type and no table with the policy crate
//! or the engine. Where the prose leaves something open, "Open" says so, with the reading taken: the
//! strictest wins, and what nobody spoke of is refused.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What the host knows a person to be. Somebody may be several of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Commercial,
    Administrator,
    Payor,
    Payee,
    Support,
    /// None of the others: somebody forgot to say.
    Unknown,
}

/// What an organisation's administrator chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Require {
    Off,
    AtOnce,
    /// From this moment, in seconds since the Unix epoch.
    From(u64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Organization {
    pub(crate) id: &'static str,
    /// Whether it asked for MFA and got it.
    pub(crate) rolled_out: bool,
    pub(crate) require: Require,
    /// In hours.
    pub(crate) ask_again: Option<u64>,
    /// Whether its people sign in through the company's identity provider, whose MFA it trusts.
    pub(crate) has_provider: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstFactor {
    Password,
    /// The company's provider, and whether it said that it had asked for a second factor.
    Provider {
        says_mfa: bool,
    },
    /// A provider that nobody has told us of, whatever it says.
    Stranger,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// At least one.
    pub(crate) classes: Vec<Class>,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) first: FirstFactor,
    pub(crate) enrolled: bool,
}

/// Whether MFA is wanted, the laxest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    NotOffered,
    May,
    MayUntil(Reverse<u64>),
    Must,
}

/// What comes after the first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    SignedIn,
    Offered { until: Option<u64> },
    MustEnroll,
    Asked,
}

/// Who made a part of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Class(Class),
    Organization(&'static str),
    /// Nobody in particular: it is so for everyone.
    Everyone,
}

/// An answer, with whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer<T> {
    pub(crate) is: T,
    pub(crate) made_by: Vec<Maker>,
}

pub(crate) fn wanted(person: &Person, now: u64) -> Answer<Wanted> {
    let from_organizations = person.organizations.iter().map(|own| organization_wants(own, now));
    // "A person in several organisations is bound by the strictest." Open: a commercial person in no
    // organisation. Nobody asked for the roll-out on their behalf: not offered.
    let strictest = from_organizations.max().unwrap_or(Wanted::NotOffered);
    let of_class = |class: Class| match class {
        // "Commercial accounts: MFA is in limited roll-out. An organisation gets it on request".
        Class::Commercial | Class::Administrator => strictest,
        // "Payments users must use MFA."
        // Open: support. Who can undo a payments user's MFA is held to no less than a payments user.
        Class::Payor | Class::Payee | Class::Support => Wanted::Must,
        // Open: fail closed.
        Class::Unknown => Wanted::Must,
    };
    let is = person.classes.iter().map(|class| of_class(*class)).max().unwrap_or(Wanted::Must);
    let mut made_by = classes(person, |class| of_class(class) == is);
    // An organisation has a say through its commercial members only.
    if person.classes.iter().any(|class| is_commercial(*class)) {
        made_by.extend(organizations(person, |own| organization_wants(own, now) == is));
    }
    Answer { is, made_by }
}

fn organization_wants(own: &Organization, now: u64) -> Wanted {
    // "An organisation gets it on request". Open: one that requires what it has not got. It cannot have
    // switched on a switch it does not see: not offered.
    if !own.rolled_out {
        return Wanted::NotOffered;
    }
    match own.require {
        // "its administrator then turns on "Require MFA"". Open: before that, what was asked for may be used.
        Require::Off => Wanted::May,
        // "Before that date members may enroll early; from that date they must."
        Require::From(date) if now < date => Wanted::MayUntil(Reverse(date)),
        Require::From(_) | Require::AtOnce => Wanted::Must,
    }
}

/// Whether text messages are allowed beside the app, which "work[s] everywhere".
pub(crate) fn sms(person: &Person) -> Answer<bool> {
    // Open: a payor who is a payee too. The strictest wins: app only.
    let made_by = classes(person, is_app_only);
    Answer { is: made_by.is_empty(), made_by: or_everyone(made_by) }
}

fn is_app_only(class: Class) -> bool {
    match class {
        // "Payors: app only."
        Class::Payor => true,
        // Open: support and the unknown, as strict as the strictest.
        Class::Support | Class::Unknown => true,
        // "Payees: app or SMS". Commercial accounts choose from "Authenticator App, or SMS Verification".
        Class::Payee | Class::Commercial | Class::Administrator => false,
    }
}

/// Where texts may go.
pub(crate) fn regions(person: &Person) -> Answer<BTreeSet<&'static str>> {
    // "SMS works only for numbers in US, CA, MX, GB, IE, FR, DE, ES, IT, AU, NZ, SG, HK."
    let all = ["US", "CA", "MX", "GB", "IE", "FR", "DE", "ES", "IT", "AU", "NZ", "SG", "HK"];
    let is = match () {
        () if !sms(person).is => BTreeSet::new(),
        // "Payees: app or SMS, SMS only to United States numbers."
        () if person.classes.contains(&Class::Payee) => BTreeSet::from(["US"]),
        () => BTreeSet::from(all),
    };
    let made_by = classes(person, |class| is_app_only(class) || class == Class::Payee);
    Answer { is, made_by: or_everyone(made_by) }
}

/// After how many hours a session is asked again.
pub(crate) fn session_hours(person: &Person) -> Answer<u64> {
    // "The organisation chooses how often to ask again: 12 hours, 7 days or 30 days."
    // Open: an organisation that has not chosen. The strictest choice there is.
    let of_organization = |own: &Organization| own.ask_again.unwrap_or(12);
    // Open: payments users, whose organisations may have chosen 30 days. A session that can move money is
    // asked as often as the strictest choice; so is one of somebody unknown.
    let of_class = |class: Class| if is_commercial(class) { u64::MAX } else { 12 };
    let by_organizations = person.organizations.iter().map(of_organization);
    let by_classes = person.classes.iter().map(|class| of_class(*class));
    // Open: a commercial person in no organisation, to whom MFA is not offered. Nobody chose, so what holds for everyone
    // does: the longest choice.
    let is = by_organizations.chain(by_classes).min().filter(|hours| *hours < u64::MAX).unwrap_or(30 * 24);
    let mut made_by = classes(person, |class| of_class(class) == is);
    made_by.extend(organizations(person, |own| of_organization(own) == is));
    Answer { is, made_by: or_everyone(made_by) }
}

/// Whether the identity provider's word is enough.
pub(crate) fn trusts_provider(person: &Person) -> Answer<bool> {
    // "SSO users: the identity provider owns MFA; we never ask twice unless the policy says so". It says so
    // for payments users, who "must use MFA", by the methods named for them, of which the provider is none.
    // Open: an SSO user in a second organisation, which never heard of the provider. All have to trust it.
    // Open: somebody in no organisation, or unknown. Nobody vouches for the provider: not trusted.
    let class_trusts = person.classes.iter().all(|class| is_commercial(*class));
    let all_trust = person.organizations.iter().all(|own| own.has_provider);
    let person_trusts = class_trusts && all_trust && !person.organizations.is_empty();
    // "twice": it has to have asked once, and to be the company's own.
    let is = person_trusts && person.first == (FirstFactor::Provider { says_mfa: true });
    // Every class has a say in this; an organisation has made the answer when it is what stands in the way.
    let mut made_by = classes(person, |_| true);
    if class_trusts {
        made_by.extend(organizations(person, |own| !own.has_provider));
    }
    Answer { is, made_by }
}

/// Somebody who wants to reset the person's MFA, and is somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) classes: Vec<Class>,
    pub(crate) organizations: Vec<&'static str>,
}

pub(crate) fn may_reset(actor: &Actor, person: &Person, now: u64) -> bool {
    let is_payments = |class: &Class| matches!(class, Class::Payor | Class::Payee | Class::Support);
    match person.first {
        // "SSO users: the identity provider owns MFA; we [...] cannot reset them."
        FirstFactor::Provider { .. } => return false,
        // Open: a provider nobody knows owns nothing. Its people answer to us, so they are reset like all
        // others.
        FirstFactor::Stranger | FirstFactor::Password => {}
    }
    // Open: nobody resets somebody unknown.
    if person.classes.contains(&Class::Unknown) {
        return false;
    }
    // "payments users only through payments support." Open: support counts as payments users.
    if person.classes.iter().any(is_payments) {
        return actor.classes.contains(&Class::Support);
    }
    // "an administrator may reset a member's MFA". Open: a member of several, who is "bound by the
    // strictest"; one that asks for less must not undo what another asks for, so the administrator is of one
    // that asks for the most.
    let strictest = person.organizations.iter().map(|own| organization_wants(own, now)).max();
    let mut binding =
        person.organizations.iter().filter(|own| Some(organization_wants(own, now)) == strictest);
    actor.classes.contains(&Class::Administrator) && binding.any(|own| actor.organizations.contains(&own.id))
}

/// What the person meets after the first factor.
pub(crate) fn next(person: &Person, now: u64) -> Step {
    match wanted(person, now).is {
        // "we never ask twice".
        _ if trusts_provider(person).is => Step::SignedIn,
        // "Every login asks", also where nothing is required any more.
        _ if person.enrolled => Step::Asked,
        // ""Two-Factor Authentication Required" [Set Up Now]".
        Wanted::Must => Step::MustEnroll,
        Wanted::MayUntil(Reverse(date)) => Step::Offered { until: Some(date) },
        Wanted::May => Step::Offered { until: None },
        Wanted::NotOffered => Step::SignedIn,
    }
}

fn is_commercial(class: Class) -> bool {
    matches!(class, Class::Commercial | Class::Administrator)
}

fn classes(person: &Person, made: impl Fn(Class) -> bool) -> Vec<Maker> {
    person.classes.iter().filter(|class| made(**class)).map(|class| Maker::Class(*class)).collect()
}

fn organizations(person: &Person, made: impl Fn(&Organization) -> bool) -> Vec<Maker> {
    person.organizations.iter().filter(|own| made(own)).map(|own| Maker::Organization(own.id)).collect()
}

fn or_everyone(made_by: Vec<Maker>) -> Vec<Maker> {
    if made_by.is_empty() { vec![Maker::Everyone] } else { made_by }
}
