//! INV-7 over generated policies, people and numbers: what reaches the sender, held against sets that are put together
//! here and not by the policy crate.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod common;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use common::START;
use mfa::policy::numbers::{Classified, NumberPlan};
use mfa::policy::{Attributes, Policy, Regions};
use mfa::sms::MemorySender;
use mfa::sms::text::OriginHost;
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, SeededRandom};
use mfa::{
    Acknowledged, Consent, Context, FirstFactor, Mfa, Next, Realm, SessionBinding, Subject, SubjectId,
    TextBudgets, Texting, Ticket, kind,
};
use mfa_core::phone::PhoneNumber;
use pollster::block_on;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// The thirteen of `policies/construction-pay.toml`, and some that share a calling code with them.
const REGIONS: [&str; 18] = [
    "US", "CA", "MX", "GB", "IE", "FR", "DE", "ES", "IT", "AU", "NZ", "SG", "HK", "PR", "JM", "JE", "GG",
    "VA",
];
const TYPES: [&str; 5] = ["mobile", "fixed-or-mobile", "fixed", "voip", "personal"];
const ROLES: [&str; 3] = ["r0", "r1", "r2"];
const CONSENT: Consent = Consent { wording: 1 };

/// Numbers without their last two digits, the region that their plan gives them to, and what they are for; `never` is what
/// no policy can allow.
const NUMBERS: [(&str, &str, &str); 42] = [
    ("120155501", "US", "fixed-or-mobile"),
    ("141555201", "US", "fixed-or-mobile"),
    ("150623456", "CA", "fixed-or-mobile"),
    ("120423456", "CA", "fixed-or-mobile"),
    ("5222212345", "MX", "fixed-or-mobile"),
    ("4474001234", "GB", "mobile"),
    ("3538501234", "IE", "mobile"),
    ("336123456", "FR", "mobile"),
    ("49151234567", "DE", "mobile"),
    ("346123456", "ES", "mobile"),
    ("3931234567", "IT", "mobile"),
    ("614123456", "AU", "mobile"),
    ("642112345", "NZ", "mobile"),
    ("65812345", "SG", "mobile"),
    ("852512345", "HK", "mobile"),
    ("187621012", "JM", "mobile"),
    ("178723456", "PR", "fixed-or-mobile"),
    ("134064212", "VI", "fixed-or-mobile"),
    ("4477977123", "JE", "mobile"),
    ("4479111234", "GG", "mobile"),
    ("4476241234", "IM", "mobile"),
    ("3906698123", "VA", "fixed"),
    ("180023456", "US", "never"),
    ("190023456", "US", "never"),
    ("4490123456", "GB", "never"),
    ("4476401234", "GB", "never"),
    ("4455123456", "GB", "never"),
    ("398481234", "IT", "never"),
    ("4480012345", "GB", "never"),
    ("348031234", "ES", "never"),
    ("150023456", "US", "personal"),
    ("4470123456", "GB", "personal"),
    ("347012345", "ES", "personal"),
    ("4456123456", "GB", "voip"),
    ("65312345", "SG", "voip"),
    ("3537612345", "IE", "voip"),
    ("611471012", "AU", "voip"),
    ("4420794609", "GB", "fixed"),
    ("331426853", "FR", "fixed"),
    ("493012345", "DE", "fixed"),
    ("612123456", "AU", "fixed"),
    ("39032346", "IT", "fixed"),
];

static EVERYWHERE: LazyLock<NumberPlan> = LazyLock::new(|| NumberPlan::prepare(Regions::ALL).unwrap());

#[derive(Clone, Debug)]
struct Number {
    text: String,
    /// Where it is and what it is for, where it is anything.
    is: Option<(String, String)>,
}

impl Number {
    fn parsed(&self) -> PhoneNumber {
        PhoneNumber::parse(&self.text).unwrap()
    }
}

/// One of the table, or any digits at all, whose place the plans of every region tell.
fn number() -> impl Strategy<Value = Number> {
    let known = (select(NUMBERS.to_vec()), 0..100).prop_map(|((start, region, kind), end)| Number {
        text: format!("+{start}{end:02}"),
        is: Some((region.to_owned(), kind.to_owned())),
    });
    let starts = vec!["", "1", "1787", "44", "447", "39", "33", "49", "61", "52", "852", "8"];
    let any = (select(starts), "[0-9]{4,11}").prop_filter_map("a number", |(start, rest)| {
        let text = format!("+{start}{rest}");
        let is = match EVERYWHERE.classify(&PhoneNumber::parse(&text).ok()?) {
            Classified::Valid { region: Some(region), kind, .. } => {
                Some((region.as_str().to_owned(), kind.as_str().to_owned()))
            }
            _ => None,
        };
        Some(Number { text, is })
    });
    prop_oneof![4 => known, 1 => any]
}

type Names = BTreeSet<&'static str>;

/// A class for a role: whether it has texts, and where to and of what type where it says so.
#[derive(Clone, Debug)]
struct Class {
    role: &'static str,
    has_texts: bool,
    regions: Option<Names>,
    types: Option<Names>,
}

#[derive(Clone, Debug)]
struct Rules {
    regions: Names,
    types: Names,
    classes: Vec<Class>,
    /// Whether who is in no class has texts.
    default_has_texts: bool,
}

impl Rules {
    /// Whether all that applies lets a text go, by sets alone.
    fn allow(&self, roles: &[&str], number: &Number) -> bool {
        let Some((region, kind)) = &number.is else { return false };
        let mut applicable = self.classes.iter().filter(|class| roles.contains(&class.role)).peekable();
        if applicable.peek().is_none() && !self.default_has_texts {
            return false;
        }
        let holds = |names: &Names, name: &str| names.contains(name);
        holds(&self.regions, region)
            && holds(&self.types, kind)
            && applicable.all(|class| {
                class.has_texts
                    && class.regions.as_ref().is_none_or(|regions| holds(regions, region))
                    && class.types.as_ref().is_none_or(|types| holds(types, kind))
            })
    }

    fn policy(&self) -> Policy {
        let methods = |has_texts| if has_texts { "[\"app\", \"sms\"]" } else { "[\"app\"]" };
        let mut text = String::from("format = 1\nname = \"generated\"\nversion = 1\n");
        let list = |names: &Names| format!("{:?}", names.iter().collect::<Vec<_>>());
        let (regions, types) = (list(&self.regions), list(&self.types));
        writeln!(text, "[sms]\nregions = {regions}\nnumber_types = {types}").unwrap();
        let mut names = Vec::new();
        for (place, class) in self.classes.iter().enumerate() {
            names.push(format!("c{place}"));
            writeln!(text, "[[classes]]\nname = \"c{place}\"\nwhen = {{ role = {:?} }}", class.role).unwrap();
            writeln!(text, "requirement = \"required\"\nmethods = {}", methods(class.has_texts)).unwrap();
            writeln!(text, "reset_by = []").unwrap();
            for (field, names) in [("sms_regions", &class.regions), ("number_types", &class.types)] {
                if let Some(names) = names {
                    writeln!(text, "{field} = {}", list(names)).unwrap();
                }
            }
        }
        let methods = methods(self.default_has_texts);
        writeln!(text, "[default]\nknown = {names:?}\nrequirement = \"required\"\nmethods = {methods}")
            .unwrap();
        writeln!(text, "reset_by = []").unwrap();
        if self.types.iter().any(|kind| !kind.contains("mobile")) {
            writeln!(text, "[[deviations]]\nrule = \"sms-to-non-mobile\"\nreason = \"a test\"").unwrap();
        }
        Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

fn some_of(of: &[&'static str], fewest: usize) -> impl Strategy<Value = Names> + use<> {
    subsequence(of.to_vec(), fewest..=of.len()).prop_map(|names| names.into_iter().collect())
}

fn rules() -> impl Strategy<Value = Rules> {
    let class = (
        select(ROLES.to_vec()),
        prop::bool::weighted(0.85),
        prop::option::of(some_of(&REGIONS, 6)),
        prop::option::of(some_of(&TYPES, 2)),
    );
    let classes = prop::collection::vec(class, 0..4);
    (some_of(&REGIONS, 6), some_of(&TYPES, 1), classes, any::<bool>()).prop_map(
        |(regions, types, classes, default_has_texts)| {
            // A class names what the policy lists at most.
            let within = |names: Option<Names>, all: &Names| {
                names.map(|names| &names & all).filter(|names| !names.is_empty())
            };
            let class = |(role, has_texts, of_regions, of_types)| {
                let (regions, types) = (within(of_regions, &regions), within(of_types, &types));
                Class { role, has_texts, regions, types }
            };
            let classes = classes.into_iter().map(class).collect();
            Rules { regions, types, classes, default_has_texts }
        },
    )
}

fn roles() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(ROLES.to_vec(), 0..=ROLES.len())
}

/// A library, and what its sender was handed.
struct Library {
    mfa: Mfa,
    clock: HandClock,
    outbox: MemorySender,
}

impl Library {
    fn under(rules: &Rules) -> Self {
        let (clock, outbox) = (HandClock::at(START), MemorySender::new());
        let origin = OriginHost::parse("login.example.com").unwrap();
        // Nothing but the rules holds a text back, however alike the numbers are.
        let mut budgets = TextBudgets::default();
        (budgets.number.at_once, budgets.prefix.at_once) = (1_000, 1_000);
        let mfa = Mfa::builder()
            .storage(MemoryStorage::new())
            .keyring(common::keyring())
            .policy(rules.policy())
            .clock(clock.clone())
            .random(SeededRandom::new(7))
            .sms(Texting::with_plan(outbox.clone(), origin, EVERYWHERE.clone()).budgets(budgets))
            .build()
            .unwrap();
        Self { mfa, clock, outbox }
    }

    /// Whether a call handed the sender a text, to the number that it was for and no other.
    fn sends<T>(&self, number: &Number, call: impl FnOnce() -> Result<T, mfa::Error>) -> (bool, Option<T>) {
        let before = self.outbox.sent().len();
        let answer = call().ok();
        let sent = self.outbox.sent();
        assert_eq!(sent.len() - before, usize::from(answer.is_some()), "one text for each success");
        assert!(sent[before..].iter().all(|text| text.to().expose() == number.parsed().expose()));
        (sent.len() > before, answer)
    }

    /// The code of the latest text.
    fn code(&self) -> String {
        let text = self.outbox.sent().last().unwrap().body().expose().to_owned();
        text.rsplit_once('#').unwrap().1.to_owned()
    }

    /// What somebody is left with who got a text: the number waits for its code, or is theirs and they sign in again.
    fn held_by(
        &self,
        who: usize,
        roles: &[&str],
        visit: &Context,
        ticket: Ticket<kind::PendingPhone>,
    ) -> Held {
        if who.is_multiple_of(2) {
            return Held::Pending(ticket);
        }
        let confirmed = block_on(self.mfa.confirm_phone(visit, &ticket, &self.code())).unwrap();
        block_on(self.mfa.activate(visit, &confirmed.ticket, Acknowledged)).unwrap();
        match self.begin(&ctx(who, roles, 2)) {
            Next::Challenge(challenge) => Held::Challenge(challenge.ticket),
            other => panic!("{other:?}"),
        }
    }

    fn begin(&self, ctx: &Context) -> Next {
        block_on(self.mfa.begin(ctx, FirstFactor::password(self.clock.reading()))).unwrap()
    }
}

/// The same session of somebody, in these roles now.
fn ctx(who: usize, roles: &[&str], session: u8) -> Context {
    let account = format!("subject-{who}");
    let attributes = roles.iter().fold(Attributes::new(), |all, role| all.with("role", role));
    let subject = Subject::new(SubjectId::new(&account).unwrap(), &account, attributes);
    Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes([session; 16]))
}

/// What somebody holds who got a text.
enum Held {
    Pending(Ticket<kind::PendingPhone>),
    Challenge(Ticket<kind::Challenge>),
}

/// To a number a text goes exactly where the rules of that moment let it: when a phone is enrolled, when another text goes
/// to it, and when it answers a challenge, whatever the rules and the person's roles were before.
#[test]
fn inv_7_a_text_goes_only_where_the_strictest_rule_allows() {
    // Texts that went and that did not, at first and after the rules changed: enough of each for the law to mean something.
    let counts = Cell::new([[0_u32; 2]; 2]);
    let count = |stage: usize, sent: bool| {
        let mut all = counts.get();
        all[stage][usize::from(sent)] += 1;
        counts.set(all);
    };
    let config = ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(
        before in rules(), after in rules(), was in roles(), is in roles(),
        numbers in prop::collection::vec(number(), 12),
    )| {
        let library = Library::under(&before);
        let mut held = Vec::new();
        for (who, number) in numbers.iter().enumerate() {
            let visit = ctx(who, &was, 1);
            let Next::Enroll(menu) = library.begin(&visit) else { panic!("all must") };
            let (sent, pending) = library.sends(number, || {
                block_on(library.mfa.enroll_phone(&visit, &menu.ticket, &number.parsed(), CONSENT))
            });
            count(0, sent);
            prop_assert_eq!(sent, before.allow(&was, number), "{:?}", number);
            let Some(pending) = pending else { continue };
            held.push((who, library.held_by(who, &was, &visit, pending.ticket)));
        }
        block_on(library.mfa.replace_policy(after.policy())).unwrap();
        library.clock.advance(Duration::from_secs(60));
        for (who, held) in held {
            let number = &numbers[who];
            let (sent, _) = library.sends(number, || match &held {
                Held::Pending(ticket) => block_on(library.mfa.resend(&ctx(who, &is, 1), ticket)).map(|_| ()),
                Held::Challenge(ticket) => {
                    block_on(library.mfa.send_code(&ctx(who, &is, 2), ticket)).map(|_| ())
                }
            });
            count(1, sent);
            prop_assert_eq!(sent, after.allow(&is, number), "{:?}", number);
        }
    });
    println!("[not sent, sent], at first and after: {:?}", counts.get());
    assert!(counts.get().as_flattened().iter().all(|count| *count > 100), "{:?}", counts.get());
}

/// The table is what the plans say, so that the law is about all of it.
#[test]
fn the_numbers_are_what_they_are_said_to_be() {
    let ends = |(start, ..): &(&str, &str, &str)| [0, 42, 99].map(|end| format!("+{start}{end:02}"));
    let found = |text: &String| match EVERYWHERE.classify(&PhoneNumber::parse(text).unwrap()) {
        Classified::Valid { region: Some(region), kind, .. } => {
            let kind = kind.number_type().map_or("never", mfa::policy::NumberType::as_str);
            format!("{} {kind}", region.as_str())
        }
        other => format!("{other:?}"),
    };
    for known in NUMBERS {
        let (_, region, kind) = known;
        for text in ends(&known) {
            assert_eq!(found(&text), format!("{region} {kind}"), "{text}");
        }
    }
}
