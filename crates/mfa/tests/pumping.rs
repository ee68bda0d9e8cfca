//! Toll fraud ("SMS pumping"): a million requests for texts within a week, by somebody who controls 1,000 subjects and
//! 10,000 numbers. What goes is held against a model that knows nothing of how the library counts: a text goes if and only
//! if no promise of [`TextBudgets`] forbids it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod common;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::START;
use mfa::policy::numbers::NumberPlan;
use mfa::policy::{Attributes, OrganizationSettings, Policy, Region};
use mfa::sms::text::OriginHost;
use mfa::sms::{Receipt, SendError, SmsSender, TextMessage};
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, SeededRandom};
use mfa::{
    Acknowledged, Consent, Context, Error, FirstFactor, Mfa, Next, Realm, Rejection, Remember,
    SessionBinding, Subject, SubjectId, TextBudget, TextBudgets, Texting, Ticket, Unavailable, kind,
};
use mfa_core::phone::PhoneNumber;
use pollster::block_on;

const POLICY: &str = include_str!("../../../policies/construction-pay.toml");
const SUBJECTS: usize = 1_000;
const NUMBERS: usize = 10_000;
const WEEK: u64 = 7 * DAY;
const DAY: u64 = 24 * 60 * 60;
const BURSTS: u64 = 100;
/// When, within a burst, each subject asks once: as soon as the waits allow it, too soon, and long after.
const ROUNDS: [u64; 10] = [0, 31, 93, 95, 217, 459, 941, 1_903, 2_100, 3_600];

/// The regions that are pumped, how their numbers begin, and what a text there costs, in thousandths of a dollar.
///
/// The prices are an assumption: round figures between the 0.05 and 0.25 USD that providers' price lists of verification
/// products come to, fee and carrier together. What matters is the ratio.
const REGIONS: [(&str, &str, u64); 8] = [
    ("US", "141555", 50),
    ("CA", "120423", 50),
    ("GB", "4474001", 100),
    ("FR", "336123", 130),
    ("DE", "49151123", 160),
    ("ES", "346123", 130),
    ("AU", "614123", 120),
    ("SG", "65812", 250),
];
/// Numbers of one beginning: rented as a run.
const RUN: usize = 25;

#[test]
fn e1_a_million_requests_by_who_never_types_a_code_stop_themselves() {
    let mut attack = Attack::new(false);
    attack.run();
    attack.report("no code is ever typed");
    attack.check_every_span();
    // Fifty texts to each region, and no more: none of their codes came back.
    for (region, ..) in REGIONS {
        assert_eq!(attack.sent_to(region), 50, "{region}");
    }
    assert_eq!(block_on(attack.mfa.stopped_texts()).unwrap().len(), REGIONS.len());
}

#[test]
fn e1_a_million_requests_by_who_types_codes_stay_within_every_budget() {
    let mut attack = Attack::new(true);
    attack.run();
    attack.report("one code in four is typed");
    attack.check_every_span();
    assert!(block_on(attack.mfa.stopped_texts()).unwrap().is_empty(), "the budgets alone hold");
    // Each of them was what held, at times.
    for cause in [
        Cause::Gap,
        Cause::Day,
        Cause::Number,
        Cause::NumberPerDay,
        Cause::Prefix,
        Cause::Region,
        Cause::Organization,
        Cause::Overall,
    ] {
        assert!(attack.refused.get(&cause).is_some_and(|times| *times > 0), "{cause:?} never held");
    }
    assert!(attack.by_challenge > 1_000, "texts that answer challenges count as well");
}

/// Counts, and keeps the latest text alone.
#[derive(Clone)]
struct Counting {
    clock: HandClock,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    sent: Vec<(PhoneNumber, u64)>,
    latest: String,
}

impl SmsSender for Counting {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        let mut log = self.log.lock().unwrap();
        log.sent.push((text.to().clone(), self.clock.reading().get()));
        text.body().expose().clone_into(&mut log.latest);
        Ok(Receipt::new("counting", "1").unwrap())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Gap,
    Day,
    Stopped,
    Number,
    NumberPerDay,
    Prefix,
    Region,
    Organization,
    Overall,
}

/// The times at which texts of one key went, and whether another may.
struct Span {
    at_once: i64,
    one_each: i64,
    count: i64,
    /// The highest, over all texts, of the time at which it went less an interval for each text before it.
    highest: i64,
}

impl Span {
    fn of(budget: TextBudget) -> Self {
        let one_each = i64::try_from(budget.one_each.as_secs()).unwrap();
        Self { at_once: budget.at_once.into(), one_each, count: 0, highest: i64::MIN }
    }

    /// Whether, with one more text at `now`, every span of time `t` that ends now still holds `at_once + t / one_each` at
    /// most. Of texts `i..=k` that is `(k - i + 1 - at_once) * one_each <= now - times[i]`, and the highest
    /// `times[i] - i * one_each` decides for all of them.
    fn has_room(&self, now: u64) -> bool {
        let now = i64::try_from(now).unwrap();
        let highest = self.highest.max(now - self.count * self.one_each);
        highest <= now - (self.count + 1 - self.at_once) * self.one_each
    }

    fn add(&mut self, now: u64) {
        self.highest = self.highest.max(i64::try_from(now).unwrap() - self.count * self.one_each);
        self.count += 1;
    }
}

/// What one key of a budget is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Number(usize),
    NumberPerDay(usize),
    Prefix(usize),
    Region(usize),
    Organization(&'static str),
    Overall,
}

impl Key {
    fn cause(&self) -> Cause {
        match self {
            Self::Number(_) => Cause::Number,
            Self::NumberPerDay(_) => Cause::NumberPerDay,
            Self::Prefix(_) => Cause::Prefix,
            Self::Region(_) => Cause::Region,
            Self::Organization(_) => Cause::Organization,
            Self::Overall => Cause::Overall,
        }
    }

    fn budget(&self, budgets: &TextBudgets) -> TextBudget {
        match self {
            Self::Number(_) => budgets.number,
            Self::NumberPerDay(_) => budgets.number_per_day,
            Self::Prefix(_) => budgets.prefix,
            Self::Region(_) => budgets.region,
            Self::Organization(_) => budgets.organization,
            Self::Overall => budgets.overall,
        }
    }
}

fn region_of(number: usize) -> usize {
    number * REGIONS.len() / NUMBERS
}

/// Runs of numbers that differ in the last three digits alone.
fn number(index: usize) -> PhoneNumber {
    let (_, start, _) = REGIONS[region_of(index)];
    let per_region = NUMBERS / REGIONS.len();
    let (run, place) = (index % per_region / RUN, index % per_region % RUN);
    PhoneNumber::parse(&format!("+{start}{:02}{:03}", 20 + run, 100 + 7 * place)).unwrap()
}

struct Person {
    organizations: &'static [&'static str],
    sent: Vec<u64>,
    /// Since a code was last typed.
    in_a_row: u32,
    /// Its own number, once that is active.
    phone: Option<usize>,
    visit: Option<Visit>,
}

struct Visit {
    ctx: Context,
    since: u64,
    step: Step,
}

enum Step {
    Enroll(Ticket<kind::Enroll>, Option<(Ticket<kind::PendingPhone>, usize)>),
    Challenge(Ticket<kind::Challenge>),
}

struct Attack {
    mfa: Mfa,
    clock: HandClock,
    log: Arc<Mutex<Log>>,
    numbers: Vec<PhoneNumber>,
    people: Vec<Person>,
    types_codes: bool,
    spans: HashMap<Key, Span>,
    budgets: TextBudgets,
    stopped: HashSet<usize>,
    /// Who asked for each text of the log, and for which number.
    asked: Vec<(usize, usize)>,
    typed: [u64; REGIONS.len()],
    requests: u64,
    by_challenge: u64,
    refused: BTreeMap<Cause, u64>,
    /// In thousandths of a dollar: what went, and what would have gone.
    cost: [u64; 2],
    dice: u64,
}

impl Attack {
    fn new(types_codes: bool) -> Self {
        let (clock, policy) = (HandClock::at(START), Policy::from_toml(POLICY).unwrap());
        let sender = Counting { clock: clock.clone(), log: Arc::default() };
        let log = sender.log.clone();
        let plan = NumberPlan::prepare(policy.sms().regions()).unwrap();
        let numbers: Vec<_> = (0..NUMBERS).map(number).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), NUMBERS);
        for (index, number) in numbers.iter().enumerate() {
            let attributes = attributes(&["a.example"]);
            let to = policy.decide(&attributes, clock.reading()).sms_to(&plan, number).unwrap();
            assert_eq!(to.region().as_str(), REGIONS[region_of(index)].0);
        }
        let mfa = Mfa::builder()
            .storage(MemoryStorage::new())
            .keyring(common::keyring())
            .policy(policy)
            .clock(clock.clone())
            .random(SeededRandom::new(7))
            .sms(Texting::with_plan(sender, OriginHost::parse("login.example.com").unwrap(), plan))
            .build()
            .unwrap();
        let people = (0..SUBJECTS).map(|index| Person {
            organizations: organizations(index),
            sent: Vec::new(),
            in_a_row: 0,
            phone: None,
            visit: None,
        });
        Self {
            mfa,
            clock,
            log,
            numbers,
            people: people.collect(),
            types_codes,
            spans: HashMap::new(),
            budgets: TextBudgets::default(),
            stopped: HashSet::new(),
            asked: Vec::new(),
            typed: [0; REGIONS.len()],
            requests: 0,
            by_challenge: 0,
            refused: BTreeMap::new(),
            cost: [0; 2],
            dice: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// A million requests in bursts, some of them aimed at few numbers and at one region, the others spread over all.
    fn run(&mut self) {
        for burst in 0..BURSTS {
            let start = START + burst * (WEEK / BURSTS);
            for offset in ROUNDS {
                let mut order: Vec<_> = (0..SUBJECTS).collect();
                for last in (1..SUBJECTS).rev() {
                    order.swap(last, self.roll(last + 1));
                }
                for (place, person) in order.into_iter().enumerate() {
                    self.clock.set(start + offset + place as u64 / 300);
                    let number = self.aim(burst);
                    self.request(person, number);
                }
            }
        }
        assert_eq!(self.requests, 1_000_000);
        assert!(self.clock.reading().get() - START <= WEEK);
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice % sides as u64).unwrap()
    }

    fn aim(&mut self, burst: u64) -> usize {
        let all = self.roll(NUMBERS);
        match (burst % 2, self.roll(10)) {
            (0, _) | (1, 9) => all,
            (_, 0) => all % 20 * 500,                    // a few numbers
            (_, 1 | 2) => NUMBERS - 1 - all % (2 * RUN), // two runs
            _ => all % (NUMBERS / REGIONS.len()),        // one region
        }
    }

    /// One request, held against the model.
    fn request(&mut self, who: usize, wanted: usize) {
        let now = self.clock.reading().get();
        self.sign_in(who, now);
        let person = &self.people[who];
        let visit = person.visit.as_ref().unwrap();
        let (ctx, mfa) = (visit.ctx.clone(), self.mfa.clone());
        // Every other request while a number waits for its code is for another text to it.
        let (number, answer) = match &visit.step {
            Step::Challenge(ticket) => {
                let answer = block_on(mfa.send_code(&ctx, ticket)).map(|sent| Step::Challenge(sent.ticket));
                (person.phone.unwrap(), answer)
            }
            Step::Enroll(ticket, Some((pending, number))) if wanted.is_multiple_of(2) => {
                let answer = block_on(mfa.resend(&ctx, pending)).map(|sent| (sent.ticket, *number));
                (*number, answer.map(|pending| Step::Enroll(ticket.clone(), Some(pending))))
            }
            Step::Enroll(ticket, _) => {
                let answer = mfa.enroll_phone(&ctx, ticket, &self.numbers[wanted], Consent { wording: 1 });
                let answer = block_on(answer).map(|sent| (sent.ticket, wanted));
                (wanted, answer.map(|pending| Step::Enroll(ticket.clone(), Some(pending))))
            }
        };
        self.requests += 1;
        self.cost[1] += REGIONS[region_of(number)].2;
        let forbidden = self.forbidden(who, number, now);
        match answer {
            Ok(step) => {
                assert_eq!(forbidden, None, "a text went at {now}");
                self.note(who, number, now);
                self.by_challenge += u64::from(matches!(step, Step::Challenge(_)));
                self.people[who].visit.as_mut().unwrap().step = step;
                self.type_back(who, number);
            }
            Err(error) => {
                let cause = match (error, forbidden) {
                    (Error::Rejected(Rejection::TextThrottled { until }), Some(cause)) => {
                        assert!(until.get() > now && cause != Cause::Stopped, "{cause:?}");
                        cause
                    }
                    (Error::Unavailable(Unavailable::TextsStopped), None | Some(Cause::Stopped)) => {
                        self.stopped.insert(region_of(number));
                        Cause::Stopped
                    }
                    (error, forbidden) => panic!("{error:?} at {now}, where {forbidden:?} holds"),
                };
                *self.refused.entry(cause).or_default() += 1;
                assert_eq!(self.log.lock().unwrap().sent.len(), self.asked.len(), "a refused text went");
            }
        }
    }

    /// Signs in anew when what is held is about to be over.
    fn sign_in(&mut self, who: usize, now: u64) {
        let person = &mut self.people[who];
        if person.visit.as_ref().is_some_and(|visit| now < visit.since + 540) {
            return;
        }
        let mut binding = [0; 16];
        binding[..8].copy_from_slice(&now.to_le_bytes());
        let account = format!("subject-{who}");
        let subject =
            Subject::new(SubjectId::new(&account).unwrap(), &account, attributes(person.organizations));
        let binding = SessionBinding::from_bytes(binding);
        let ctx = Context::new(Realm::new("main", "Example").unwrap(), subject, binding);
        let first = FirstFactor::password(self.clock.reading());
        let step = match block_on(self.mfa.begin(&ctx, first)).unwrap() {
            Next::Enroll(menu) => Step::Enroll(menu.ticket, None),
            Next::Challenge(challenge) => Step::Challenge(challenge.ticket),
            other => panic!("{other:?}"),
        };
        person.visit = Some(Visit { ctx, since: now, step });
    }

    fn keys(&self, who: usize, number: usize) -> Vec<Key> {
        let organizations = self.people[who].organizations.iter().map(|name| Key::Organization(name));
        let of_number = [
            Key::Number(number),
            Key::NumberPerDay(number),
            Key::Prefix(number / RUN),
            Key::Region(region_of(number)),
        ];
        of_number.into_iter().chain(organizations).chain([Key::Overall]).collect()
    }

    /// What forbids a text, the first of it, by what went until now.
    fn forbidden(&self, who: usize, number: usize, now: u64) -> Option<Cause> {
        let person = &self.people[who];
        let gap = 30 << person.in_a_row.saturating_sub(1).min(5);
        if person.sent.last().is_some_and(|last| now < last + gap) {
            return Some(Cause::Gap);
        }
        if person.sent.iter().rev().nth(9).is_some_and(|tenth| now < tenth + DAY) {
            return Some(Cause::Day);
        }
        if self.stopped.contains(&region_of(number)) {
            return Some(Cause::Stopped);
        }
        let is_full = |key: &Key| self.spans.get(key).is_some_and(|span| !span.has_room(now));
        self.keys(who, number).into_iter().find(is_full).map(|key| key.cause())
    }

    fn note(&mut self, who: usize, number: usize, now: u64) {
        for key in self.keys(who, number) {
            let budget = key.budget(&self.budgets);
            self.spans.entry(key).or_insert_with(|| Span::of(budget)).add(now);
        }
        self.asked.push((who, number));
        self.cost[0] += REGIONS[region_of(number)].2;
        let log = self.log.lock().unwrap();
        assert_eq!(
            (log.sent.len(), log.sent.last()),
            (self.asked.len(), Some(&(self.numbers[number].clone(), now)))
        );
        self.people[who].sent.push(now);
        self.people[who].in_a_row += 1;
    }

    /// One code in four of each region, so that most texts seem wanted. Every tenth person binds the number at that.
    fn type_back(&mut self, who: usize, number: usize) {
        let region = region_of(number);
        let sent = self.spans[&Key::Region(region)].count;
        if !self.types_codes || self.typed[region] * 4 >= u64::try_from(sent).unwrap() {
            return;
        }
        self.typed[region] += 1;
        let code = self.log.lock().unwrap().latest.rsplit_once('#').unwrap().1.to_owned();
        let person = &mut self.people[who];
        let visit = person.visit.take().unwrap();
        person.in_a_row = 0;
        match visit.step {
            Step::Challenge(ticket) => {
                block_on(self.mfa.verify(&visit.ctx, &ticket, &code, Remember::No)).unwrap();
            }
            Step::Enroll(_, pending) => {
                let (pending, _) = pending.unwrap();
                let confirmed = block_on(self.mfa.confirm_phone(&visit.ctx, &pending, &code)).unwrap();
                if who.is_multiple_of(10) {
                    block_on(self.mfa.activate(&visit.ctx, &confirmed.ticket, Acknowledged)).unwrap();
                    person.phone = Some(number);
                }
            }
        }
    }

    fn sent_to(&self, region: &str) -> usize {
        self.asked.iter().filter(|(_, number)| REGIONS[region_of(*number)].0 == region).count()
    }

    /// The promises once more, from what the sender was handed and nothing else but who asked for it.
    fn check_every_span(&self) {
        let log = self.log.lock().unwrap();
        assert_eq!(log.sent.len(), self.asked.len());
        let mut spans: HashMap<Key, Vec<u64>> = HashMap::new();
        let mut people: HashMap<usize, Vec<u64>> = HashMap::new();
        for ((to, at), (who, number)) in log.sent.iter().zip(&self.asked) {
            assert_eq!(*to, self.numbers[*number]);
            people.entry(*who).or_default().push(*at);
            for key in self.keys(*who, *number) {
                spans.entry(key).or_default().push(*at);
            }
        }
        for (key, times) in spans {
            let (budget, mut span) = (key.budget(&self.budgets), Span::of(key.budget(&self.budgets)));
            for at in times {
                assert!(span.has_room(at), "{:?}: more than {budget:?} at {at}", key.cause());
                span.add(at);
            }
        }
        for times in people.values() {
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 30), "within 30 seconds");
            assert!(times.windows(11).all(|run| run[10] - run[0] >= DAY), "more than 10 in 24 hours");
        }
    }

    fn report(&self, how: &str) {
        let sent = self.asked.len();
        println!(
            "{how}: {} requests, {sent} texts ({} to answer challenges)",
            self.requests, self.by_challenge
        );
        for (cause, times) in &self.refused {
            println!("  {:<24} {times:>9}", format!("refused: {cause:?}"));
        }
        for (region, _, price) in REGIONS {
            println!("  {region}: {:>6} texts at {:.3} USD", self.sent_to(region), price as f64 / 1_000.0);
        }
        let [with, without] = self.cost.map(|cost| cost as f64 / 1_000.0);
        println!("  with budgets {with:.2} USD, without {without:.2} USD (prices assumed)");
    }
}

/// Some are in one, some in several, some in none, whose second factor is their own wish.
fn organizations(person: usize) -> &'static [&'static str] {
    match person % 20 {
        0..=6 => &["a.example"],
        7 => &["b.example"],
        8 => &["b.example", "c.example"],
        _ => &[],
    }
}

fn attributes(organizations: &[&str]) -> Attributes {
    let attributes = Attributes::new().with("role", "commercial").with("always_require", "on");
    organizations.iter().fold(attributes, |attributes, name| {
        attributes.organization(OrganizationSettings::new(*name).required())
    })
}

/// The model against the promise as it reads: any two texts, and how many went between them.
#[test]
fn the_model_counts_as_the_promise_reads() {
    let mut dice = 88_172_645_463_325_252_u64;
    for at_once in 1..5 {
        let budget = TextBudget { at_once, one_each: Duration::from_secs(7) };
        let (mut span, mut times, mut now) = (Span::of(budget), Vec::new(), START);
        for _ in 0..400 {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            now += dice % 9;
            let with_it = |from: usize| (times.len() - from + 1) as u64;
            let holds = |from: usize| with_it(from) <= u64::from(at_once) + (now - times[from]) / 7;
            let has_room = (0..times.len()).all(holds);
            assert_eq!(span.has_room(now), has_room);
            if has_room {
                span.add(now);
                times.push(now);
            }
        }
        assert!(times.len() > 50);
    }
    assert!(REGIONS.iter().all(|(region, ..)| Region::new(region).is_ok()));
}
