//! The reference product as it is built: the policy file, and a library that runs on it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use mfa::policy::{
    Attributes, Decision, Field, Method, Methods, Obligation, OrganizationSettings, Policy, Purpose, Reason,
    ReauthenticateAfter, Region, Source,
};
use mfa::sms::MemorySender;
use mfa::sms::text::OriginHost;
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, SeededRandom, TestAuthenticator};
use mfa::{
    Acknowledged, Context, FirstFactor, Mfa, Next, Realm, SessionBinding, Subject, SubjectId, Texting,
    UnixSeconds,
};
use pollster::block_on;

use crate::combinations::{NOW, actors};
use crate::oracle::{self, Actor, Answer, Class, Maker, Organization, Person, Require, Step, Wanted};

const PROVIDER: &str = "https://idp.sso.example";
const STRANGER: &str = "https://idp.evil.example";

/// What a walk over all combinations came to.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Every person, once with each method.
    pub(crate) combinations: usize,
    /// Where the product does not do what the oracle says.
    pub(crate) mismatches: Vec<String>,
}

pub(crate) struct Product {
    policy: Policy,
    mfa: Mfa,
    /// Who may try to reset, as the host tells of them.
    actors: Vec<(Actor, Attributes)>,
}

impl Product {
    /// A library over the policy `text`, with two people on record: `enrolled`, who has an app, and nobody
    /// else.
    pub(crate) fn new(text: &str) -> Self {
        let policy = Policy::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        let builder = Mfa::builder().storage(MemoryStorage::new()).keyring(crate::common::keyring());
        let builder = builder.clock(HandClock::at(NOW)).random(SeededRandom::new(7));
        // Texts are never sent here; that they could be is what puts them on the menu.
        let origin = OriginHost::parse("localhost").unwrap();
        let texting = Texting::new(MemorySender::new(), origin, &policy).unwrap();
        let mfa = builder.policy(policy.clone()).sms(texting).build().unwrap();
        let actors = actors().into_iter().map(|actor| (actor.clone(), actor_attributes(&actor))).collect();
        let product = Self { policy, mfa, actors };
        product.enroll();
        product
    }

    /// As somebody who may, whatever the person is by the time of the walk.
    fn enroll(&self) {
        let ctx = context(true, roles(&[Class::Payor]));
        let menu = match block_on(self.mfa.begin(&ctx, FirstFactor::password(now()))).unwrap() {
            Next::Offer(menu) | Next::Enroll(menu) => menu,
            other => panic!("expected an enrollment, got {other:?}"),
        };
        let pending = block_on(self.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
        let app = TestAuthenticator::scan(&pending).unwrap();
        let confirmed = block_on(self.mfa.confirm(&ctx, &pending.ticket, &app.code_at(now()))).unwrap();
        let _ = block_on(self.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    }

    /// Compares this product with the oracle, person by person.
    pub(crate) fn compare(&self, person: &Person, findings: &mut Findings) {
        let mut seen = Comparison { person, findings };
        let subject = attributes(person);
        let decision = self.policy.decide(&subject, now());
        let reasons = Reasons(decision.reasons().collect());
        obligation_and_methods(&decision, &reasons, &mut seen);
        session_and_trust(&decision, &reasons, &mut seen);
        for (actor, attributes) in &self.actors {
            let may = decision.may_reset(attributes);
            if may != oracle::may_reset(actor, person, NOW) {
                seen.same(&format!("may be reset by {actor:?}"), may, !may);
            }
        }
        self.begin(person, subject.clone(), &mut seen);
    }

    /// What the library really answers.
    fn begin(&self, person: &Person, subject: Attributes, seen: &mut Comparison<'_>) {
        let first = match provider(person.first) {
            Some((provider, amr)) => FirstFactor::sso(provider, amr, now()),
            None => FirstFactor::password(now()),
        };
        let next = block_on(self.mfa.begin(&context(person.enrolled, subject), first)).unwrap();
        let (step, methods) = match &next {
            Next::Proved(_) => (Step::SignedIn, None),
            Next::Offer(menu) => {
                (Step::Offered { until: menu.required_from.map(UnixSeconds::get) }, Some(menu.methods))
            }
            Next::Enroll(menu) => (Step::MustEnroll, Some(menu.methods)),
            Next::Challenge(challenge) => (Step::Asked, Some(challenge.methods)),
            other => panic!("nobody here is throttled or without a usable app: {other:?}"),
        };
        seen.same("step", step, oracle::next(person, NOW));
        // Only an app is on record; what is not on record can be enrolled where it is allowed.
        let sms = oracle::sms(person).is;
        let expected = if sms && !person.enrolled { Methods::ALL } else { Methods::APP };
        if let Some(methods) = methods {
            seen.same("methods on offer", methods, expected);
        }
    }
}

/// Whether MFA is wanted, with what, and where texts go.
fn obligation_and_methods(decision: &Decision<'_>, reasons: &Reasons<'_>, seen: &mut Comparison<'_>) {
    let person = seen.person;
    let wanted = oracle::wanted(person, NOW);
    seen.same("wanted", obligation(decision.obligation()), wanted.is);
    seen.made("reason of obligation", &reasons.of(Field::Obligation), &wanted);

    let (sms, regions) = (oracle::sms(person), oracle::regions(person));
    for (method, allowed) in [(Method::App, true), (Method::Sms, sms.is)] {
        seen.findings.combinations += 1;
        seen.same(method.as_str(), decision.methods().contains(method), allowed);
    }
    seen.made("reason of methods", &reasons.of(Field::Methods), &sms);
    let sent_to: BTreeSet<String> = decision.sms_regions().iter().map(|r| r.to_string()).collect();
    seen.same("regions", sent_to, regions.is.iter().map(ToString::to_string).collect());
    seen.made("reason of regions", &reasons.of(Field::SmsRegions), &regions);
    for code in ["US", "CA", "HK", "PR", "GG", "JP"] {
        seen.same(code, decision.allows_sms_to(Region::new(code).unwrap()), regions.is.contains(code));
    }
}

/// How long a session lasts, whose word is taken, and which classes have a say in a reset.
fn session_and_trust(decision: &Decision<'_>, reasons: &Reasons<'_>, seen: &mut Comparison<'_>) {
    let person = seen.person;
    let hours = oracle::session_hours(person);
    let fresh = decision.freshness(Purpose::Session);
    seen.same("session", fresh, Duration::from_secs(hours.is * 3600));
    seen.made("reason of session", &reasons.of(Field::Freshness(Purpose::Session)), &hours);

    let trust = oracle::trusts_provider(person);
    if let Some((provider, amr)) = provider(person.first) {
        seen.same("trust", decision.trusts_sso(provider, &amr), trust.is);
    }
    seen.made("reason of trust", &reasons.of(Field::SsoTrust), &trust);

    let every_class = Answer { is: (), made_by: person.classes.iter().map(|c| Maker::Class(*c)).collect() };
    seen.made("reason of reset", &reasons.of(Field::ResetBy), &every_class);
}

/// The reasons of one decision.
struct Reasons<'a>(Vec<Reason<'a>>);

impl Reasons<'_> {
    /// What made `field`, by the names of the policy file.
    fn of(&self, field: Field) -> BTreeSet<String> {
        let of_field = self.0.iter().filter(|reason| reason.field == field);
        of_field.map(|reason| named(reason.source)).collect()
    }
}

struct Comparison<'a> {
    person: &'a Person,
    findings: &'a mut Findings,
}

impl Comparison<'_> {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, found: T, wanted: T) {
        if found != wanted {
            let person = self.person;
            self.findings.mismatches.push(format!("{what}: is {found:?}, should be {wanted:?}: {person:?}"));
        }
    }

    fn made<T>(&mut self, what: &str, found: &BTreeSet<String>, wanted: &Answer<T>) {
        self.same(what, found, &makers(wanted));
    }
}

fn obligation(found: Obligation) -> Wanted {
    match found {
        Obligation::Unavailable => Wanted::NotOffered,
        Obligation::Optional { required_from: None } => Wanted::May,
        Obligation::Optional { required_from: Some(date) } => Wanted::MayUntil(std::cmp::Reverse(date.get())),
        Obligation::Required => Wanted::Must,
    }
}

fn named(source: Source<'_>) -> String {
    match source {
        Source::Policy => "policy".to_owned(),
        Source::Rule(name) => name.to_owned(),
        Source::Organization(id) => format!("{ORGANIZATION}{id}"),
        other => panic!("a new source: {other:?}"),
    }
}

fn makers<T>(answer: &Answer<T>) -> BTreeSet<String> {
    let name = |maker: &Maker| match maker {
        Maker::Class(Class::Commercial | Class::Administrator) => "commercial".to_owned(),
        Maker::Class(Class::Payor) => "payments-payor".to_owned(),
        Maker::Class(Class::Payee) => "payments-payee".to_owned(),
        Maker::Class(Class::Support) => "payments-support".to_owned(),
        Maker::Class(Class::Unknown) => "default".to_owned(),
        Maker::Organization(id) => format!("{ORGANIZATION}{id}"),
        Maker::Everyone => "policy".to_owned(),
    };
    answer.made_by.iter().map(name).collect()
}

const ORGANIZATION: &str = "organisation ";

/// What the host tells of a person.
fn attributes(person: &Person) -> Attributes {
    let settled = person.organizations.iter().map(settings);
    let subject = settled.fold(roles(&person.classes), Attributes::organization);
    match provider(person.first) {
        Some((provider, _)) => subject.with("sso", provider),
        None => subject,
    }
}

fn actor_attributes(actor: &Actor) -> Attributes {
    let member = |of: Attributes, id: &&str| of.organization(OrganizationSettings::new(*id).required());
    actor.organizations.iter().fold(roles(&actor.classes), member)
}

fn roles(classes: &[Class]) -> Attributes {
    classes.iter().fold(Attributes::new(), |attributes, class| match class {
        Class::Commercial => attributes.with("role", "commercial"),
        Class::Administrator => attributes.with("role", "administrator"),
        Class::Payor => attributes.with("role", "payor"),
        Class::Payee => attributes.with("role", "payee"),
        Class::Support => attributes.with("role", "payments-support"),
        Class::Unknown => attributes,
    })
}

fn settings(own: &Organization) -> OrganizationSettings {
    let settings = OrganizationSettings::new(own.id);
    let settings = match own.require {
        Require::Off => settings,
        Require::AtOnce => settings.required(),
        Require::From(date) => settings.enforced_from(UnixSeconds::new(date)),
    };
    match own.ask_again {
        None => settings,
        Some(12) => settings.reauthenticated_after(ReauthenticateAfter::TwelveHours),
        Some(168) => settings.reauthenticated_after(ReauthenticateAfter::SevenDays),
        Some(720) => settings.reauthenticated_after(ReauthenticateAfter::ThirtyDays),
        Some(hours) => panic!("nobody can choose {hours} hours"),
    }
}

fn provider(first: oracle::FirstFactor) -> Option<(&'static str, Vec<&'static str>)> {
    match first {
        oracle::FirstFactor::Password => None,
        oracle::FirstFactor::Provider { says_mfa: true } => Some((PROVIDER, vec!["pwd", "mfa"])),
        oracle::FirstFactor::Provider { says_mfa: false } => Some((PROVIDER, vec!["pwd"])),
        oracle::FirstFactor::Stranger => Some((STRANGER, vec!["pwd", "mfa"])),
    }
}

fn context(enrolled: bool, attributes: Attributes) -> Context {
    let account = if enrolled { "enrolled" } else { "not-enrolled" };
    let subject = Subject::new(SubjectId::new(account).unwrap(), account, attributes);
    Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes([7; 16]))
}

fn now() -> UnixSeconds {
    UnixSeconds::new(NOW)
}
