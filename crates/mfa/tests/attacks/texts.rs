//! Codes by text: where they go, what they cost, what each is good for, once.

use std::sync::OnceLock;
use std::time::Duration;

use mfa::policy::numbers::{NumberPlan, NumberRefused};
use mfa::policy::{Attributes, Method, Methods, OrganizationSettings, Policy, Region};
use mfa::sms::text::OriginHost;
use mfa::sms::{Answer, MemorySender, SendError};
use mfa::{
    Acknowledged, Asked, Assertion, Consent, Context, Error, EventKind, Keyring, Mfa, Next, PendingPhone,
    PhoneRisk, Rejection, Remember, RiskError, TextBudget, TextBudgets, Texting, Ticket, Transaction,
    Unavailable, Wanted, kind,
};
use mfa_core::phone::PhoneNumber;
use pollster::block_on;

use crate::common::{World, keyring, par};
use crate::{is, is_throttled, on_each_backend};

on_each_backend! {
    a_phone_is_enrolled_signs_in_and_the_app_stays_the_first_choice;
    a12_a_code_is_accepted_once;
    a13_only_the_latest_code_works;
    a14_a_code_outlives_nothing;
    b3_b7_a_resend_and_another_method_give_no_fresh_tries;
    c11_a_code_for_one_purpose_is_none_for_another;
    c19_who_may_not_use_texts_has_none;
    d12_d13_another_number_takes_the_phone_and_both_factors;
    e1_parallel_resends_send_one_text;
    e1_budgets_hold_across_subjects_and_nodes;
    e1_an_operator_stops_a_region_and_a_fraud_stops_itself;
    e2_e4_where_policy_refuses_nothing_is_sent;
    e5_a_number_that_changed_hands_gets_no_text;
    e10_a_provider_that_fails_costs_nobody_anything;
    e1_providers_are_told_which_codes_came_back;
    inv_7_policy_is_asked_before_every_text;
    inv_10_no_number_and_no_code_is_told;
    t2_a_text_does_not_end_what_was_begun_before_it;
    t8_a_dropped_text_leaves_the_record_whole;
    t9_a_clock_an_hour_ahead_stops_no_text;
    t11_a_phone_that_policy_withdraws_proves_nothing;
    t12_a_text_names_the_payment_and_confirms_no_other;
}

const POLICY: &str = include_str!("../../../../policies/construction-pay.toml");
const US: &str = "+12015550123";
const OTHER_US: &str = "+12015550199";
const CONSENT: Consent = Consent { wording: 1 };

/// A library that sends texts, over the world's storage, clock and keys.
struct Texts {
    world: World,
    outbox: MemorySender,
}

fn plan() -> NumberPlan {
    static PLAN: OnceLock<NumberPlan> = OnceLock::new();
    let regions = || Policy::from_toml(POLICY).unwrap().sms().regions();
    PLAN.get_or_init(|| NumberPlan::prepare(regions()).unwrap()).clone()
}

impl Texts {
    fn over(world: World) -> Self {
        Self::with(world, |texting| texting)
    }

    fn with(world: World, change: impl Fn(Texting) -> Texting) -> Self {
        let outbox = MemorySender::new();
        let mut world = world;
        world.mfa = library(&world, &outbox, change);
        Self { world, outbox }
    }

    fn mfa(&self) -> &Mfa {
        &self.world.mfa
    }

    fn member(&self, account: &str) -> Context {
        self.world.visit_as(account, member())
    }

    /// The code of the latest text.
    fn code(&self) -> String {
        let text = self.outbox.sent().last().unwrap().body().expose().to_owned();
        text.rsplit_once('#').unwrap().1.to_owned()
    }

    fn sent(&self) -> usize {
        self.outbox.sent().len()
    }

    fn wrong(&self) -> String {
        let right = self.code();
        (0..).map(|n| format!("{n:06}")).find(|code| *code != right).unwrap()
    }

    fn enroll(&self, ctx: &Context, number: &str) -> Result<PendingPhone, Error> {
        let ticket = self.world.enroll_ticket(ctx);
        block_on(self.mfa().enroll_phone(ctx, &ticket, &phone(number), CONSENT))
    }

    /// Somebody whose phone is their only authenticator, in a session of their own.
    fn with_phone(&self, account: &str, number: &str) -> (Context, Assertion) {
        let ctx = self.member(account);
        let pending = self.enroll(&ctx, number).unwrap();
        let assertion = self.finish(&ctx, &pending.ticket);
        self.world.wait(120);
        (ctx, assertion)
    }

    fn finish(&self, ctx: &Context, ticket: &Ticket<kind::PendingPhone>) -> Assertion {
        let confirmed = block_on(self.mfa().confirm_phone(ctx, ticket, &self.code())).unwrap();
        block_on(self.mfa().activate(ctx, &confirmed.ticket, Acknowledged)).unwrap()
    }

    fn send(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
    ) -> Result<Ticket<kind::Challenge>, Error> {
        block_on(self.mfa().send_code(ctx, ticket)).map(|sent| sent.ticket)
    }

    fn verify(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
        code: &str,
    ) -> Result<Assertion, Error> {
        block_on(self.mfa().verify(ctx, ticket, code, Remember::No))
    }

    /// Puts an app beside the phone.
    fn add_app(&self, ctx: &Context, session: &Assertion) -> mfa::testing::TestAuthenticator {
        let menu = block_on(self.mfa().change_app(ctx, session, None)).unwrap();
        assert_eq!(menu.methods, Methods::APP);
        let person = self.world.finish_enrollment(ctx, &menu.ticket);
        self.world.wait(60);
        person.app
    }
}

fn library(world: &World, outbox: &MemorySender, change: impl Fn(Texting) -> Texting) -> Mfa {
    let texting = Texting::with_plan(outbox.clone(), OriginHost::parse("login.example.com").unwrap(), plan());
    Mfa::builder()
        .storage(world.storage_of_its_own())
        .keyring(keyring())
        .policy(Policy::from_toml(POLICY).unwrap())
        .clock(world.clock.clone())
        .random(world.random.clone())
        .sms(change(texting))
        .build()
        .unwrap()
}

fn member() -> Attributes {
    Attributes::new()
        .with("role", "commercial")
        .organization(OrganizationSettings::new("enforced.example").required())
}

fn payee() -> Attributes {
    Attributes::new().with("role", "payee")
}

fn payor() -> Attributes {
    Attributes::new().with("role", "payor")
}

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

fn a_phone_is_enrolled_signs_in_and_the_app_stays_the_first_choice(world: World) {
    let texts = Texts::over(world);
    let ctx = texts.member("ada");
    let Next::Enroll(menu) = texts.world.begin(&ctx).unwrap() else { panic!("enforced") };
    assert_eq!(menu.methods.iter().collect::<Vec<_>>(), [Method::App, Method::Sms]);
    let countries = block_on(async { texts.mfa().countries(&ctx) }).unwrap();
    assert_eq!(countries.len(), 13);
    let number = texts.mfa().phone_number(Region::new("US").unwrap(), "(201) 555-0123").unwrap();
    let pending = block_on(texts.mfa().enroll_phone(&ctx, &menu.ticket, &number, CONSENT)).unwrap();
    assert!(pending.is_certain && pending.number.to_string().ends_with("23"));
    assert_eq!(texts.outbox.sent()[0].to().expose(), US);
    // Nothing is active yet: the next sign-in offers to enroll.
    assert!(matches!(texts.world.begin(&texts.member("ada")).unwrap(), Next::Enroll(_)));
    let session = texts.finish(&ctx, &pending.ticket);
    assert_eq!(session.amr(), ["pwd", "sms", "mfa"]);
    texts.world.wait(60);

    let ctx = texts.member("ada");
    let Next::Challenge(challenge) = texts.world.begin(&ctx).unwrap() else { panic!("enrolled") };
    assert_eq!((challenge.methods, texts.sent()), (Methods::SMS, 1));
    let ticket = texts.send(&ctx, &challenge.ticket).unwrap();
    let session = texts.verify(&ctx, &ticket, &texts.code()).unwrap();
    assert_eq!(session.amr(), ["pwd", "sms", "mfa"]);
    let app = texts.add_app(&ctx, &session);
    let ctx = texts.member("ada");
    let Next::Challenge(challenge) = texts.world.begin(&ctx).unwrap() else { panic!("enrolled") };
    assert_eq!((challenge.methods, texts.sent()), (Methods::ALL, 2));
    // Without a choice it is the app; a text is sent only when one is asked for.
    texts.verify(&ctx, &challenge.ticket, &app.code_at(texts.world.now())).unwrap();
    assert_eq!(texts.sent(), 2);
}

fn a12_a_code_is_accepted_once(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let ctx = texts.member("ada");
    let ticket = texts.send(&ctx, &texts.world.challenge(&ctx)).unwrap();
    let code = texts.code();
    let answers = par(20, |_| texts.verify(&ctx, &ticket, &code).is_ok());
    assert_eq!(answers.iter().filter(|yes| **yes).count(), 1, "INV-2");
    assert!(is(texts.verify(&ctx, &ticket, &code), Rejection::AlreadyUsed));
    assert_eq!(texts.world.count(EventKind::VerificationFailed), 0);
}

fn a13_only_the_latest_code_works(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    let first = texts.send(&ctx, &challenge).unwrap();
    let old = texts.code();
    texts.world.wait(30);
    let second = texts.send(&ctx, &challenge).unwrap();
    assert_ne!(texts.code(), old);
    assert!(is(texts.verify(&ctx, &second, &old), Rejection::WrongCode));
    assert!(is(texts.verify(&ctx, &first, &old), Rejection::WrongCode));
    texts.world.wait(15);
    assert!(texts.verify(&ctx, &first, &texts.code()).is_ok(), "either page takes the latest");
}

fn a14_a_code_outlives_nothing(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let sent = |texts: &Texts| {
        let ctx = texts.member("ada");
        let ticket = texts.send(&ctx, &texts.world.challenge(&ctx)).unwrap();
        (ctx, ticket, texts.code())
    };
    // Its lifetime, to the second.
    let (ctx, ticket, code) = sent(&texts);
    texts.world.wait(599);
    assert!(texts.verify(&ctx, &ticket, &code).is_ok());
    let (ctx, ticket, code) = sent(&texts);
    texts.world.wait(600);
    assert!(texts.verify(&ctx, &ticket, &code).is_err());
    // Another sign-in: the one it was sent in is over.
    let (_, _, code) = sent(&texts);
    let other = texts.member("ada");
    let challenge = texts.world.challenge(&other);
    assert!(is(texts.verify(&other, &challenge, &code), Rejection::WrongCode));
    texts.world.wait(3_600);
    // A success by the app, and a change of the number.
    let (ctx, ticket, _) = sent(&texts);
    let session = texts.verify(&ctx, &ticket, &texts.code()).unwrap();
    let (old_ctx, old_ticket, old_code) = {
        texts.world.wait(60);
        sent(&texts)
    };
    let menu = block_on(texts.mfa().change_phone(&ctx, &session)).unwrap();
    texts.world.wait(60);
    let pending = block_on(texts.mfa().enroll_phone(&ctx, &menu.ticket, &phone(OTHER_US), CONSENT)).unwrap();
    texts.finish(&ctx, &pending.ticket);
    assert!(is(texts.verify(&old_ctx, &old_ticket, &old_code), Rejection::Expired));
}

fn b3_b7_a_resend_and_another_method_give_no_fresh_tries(world: World) {
    let texts = Texts::over(world);
    let (ctx, session) = texts.with_phone("ada", US);
    let app = texts.add_app(&ctx, &session);
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    let ticket = texts.send(&ctx, &challenge).unwrap();
    let mut compared = 0;
    for round in 0..6 {
        texts.world.wait(31);
        let by_text = texts.verify(&ctx, &ticket, &texts.wrong());
        compared += usize::from(is(by_text, Rejection::WrongCode));
        let live: Vec<_> = (-2_i64..=2)
            .map(|n| {
                app.code_at(
                    texts
                        .world
                        .now()
                        .plus(Duration::from_secs(60))
                        .minus(Duration::from_secs((n * 30 + 60).unsigned_abs())),
                )
            })
            .collect();
        let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !live.contains(code)).unwrap();
        compared += usize::from(is(texts.verify(&ctx, &challenge, &wrong), Rejection::WrongCode));
        if round == 1 {
            texts.world.wait(30);
            drop(texts.send(&ctx, &challenge));
        }
    }
    assert!(compared <= 5, "{compared} guesses in 15 minutes");
    assert!(is_throttled(texts.verify(&ctx, &ticket, &texts.code())));
    assert!(is_throttled(texts.send(&ctx, &challenge)), "nothing that cannot be compared is sent");
}

fn c11_a_code_for_one_purpose_is_none_for_another(world: World) {
    let texts = Texts::over(world);
    let (ctx, session) = texts.with_phone("ada", US);
    texts.world.wait(600);
    let asked = |wanted: Wanted<'_>| match block_on(texts.mfa().challenge(
        &ctx,
        &session,
        wanted,
        Some(mfa::FirstFactor::password(texts.world.now())),
    ))
    .unwrap()
    {
        Asked::Challenge(challenge) => challenge.ticket,
        other => panic!("{other:?}"),
    };
    let manage = texts.send(&ctx, &asked(Wanted::Manage)).unwrap();
    let code = texts.code();
    let step_up = asked(Wanted::StepUp);
    assert!(is(texts.verify(&ctx, &step_up, &code), Rejection::WrongCode), "none was sent for it");
    let sign_in = texts.member("ada");
    let ticket = texts.world.challenge(&sign_in);
    assert!(is(texts.verify(&sign_in, &ticket, &code), Rejection::WrongCode));
    texts.world.wait(5);
    let proof = texts.verify(&ctx, &manage, &code).unwrap();
    assert_eq!(proof.purpose(), mfa::policy::Purpose::Manage);
    // A code that enrolls is none either: it was for another use.
    let other = texts.member("abel");
    let pending = texts.enroll(&other, OTHER_US).unwrap();
    texts.finish(&other, &pending.ticket);
    let abel = texts.member("abel");
    assert!(texts.verify(&abel, &texts.world.challenge(&abel), &texts.code()).is_err());
}

fn c19_who_may_not_use_texts_has_none(world: World) {
    let texts = Texts::over(world);
    let ctx = texts.world.visit_as("pat", payor());
    let Next::Enroll(menu) = texts.world.begin(&ctx).unwrap() else { panic!("a payor must") };
    assert_eq!(menu.methods, Methods::APP);
    let refused = block_on(texts.mfa().enroll_phone(&ctx, &menu.ticket, &phone(US), CONSENT));
    assert!(is(refused, Rejection::NotAllowed));
    assert!(texts.mfa().countries(&ctx).unwrap().is_empty());
    // Somebody with a phone who becomes a payor: a crafted request sends nothing, and the phone proves nothing.
    texts.with_phone("pay", US);
    let before = texts.sent();
    let as_payor = texts.world.visit_as("pay", member().with("role", "payor"));
    let Next::RecoverOnly(ticket) = texts.world.begin(&as_payor).unwrap() else { panic!("nothing usable") };
    let refused = texts.send(&as_payor, &ticket);
    assert!(is(refused, Rejection::Number(NumberRefused::MethodNotAllowed)));
    assert_eq!(texts.sent(), before);
}

fn d12_d13_another_number_takes_the_phone_and_both_factors(world: World) {
    let texts = Texts::over(world);
    let (ctx, session) = texts.with_phone("ada", US);
    texts.world.wait(600);
    assert!(is(block_on(texts.mfa().change_phone(&ctx, &session)), Rejection::FreshProofWanted));
    let ctx = texts.member("ada");
    let ticket = texts.send(&ctx, &texts.world.challenge(&ctx)).unwrap();
    let session = texts.verify(&ctx, &ticket, &texts.code()).unwrap();
    let menu = block_on(texts.mfa().change_phone(&ctx, &session)).unwrap();
    assert_eq!(menu.methods, Methods::SMS);
    assert!(is(block_on(texts.mfa().enroll_app(&ctx, &menu.ticket)), Rejection::NotAllowed));
    texts.world.wait(60);
    let pending = block_on(texts.mfa().enroll_phone(&ctx, &menu.ticket, &phone(OTHER_US), CONSENT)).unwrap();
    assert_eq!(texts.outbox.sent().last().unwrap().to().expose(), OTHER_US);
    // INV-6: until the new number is proved and acknowledged the old one works, and guesses at it count.
    for _ in 0..2 {
        let wrong = block_on(texts.mfa().confirm_phone(&ctx, &pending.ticket, &texts.wrong()));
        assert!(is(wrong, Rejection::WrongCode));
    }
    assert_eq!(texts.world.count(EventKind::VerificationFailed), 2);
    let new_code = texts.code();
    texts.world.wait(120);
    let elsewhere = texts.member("ada");
    let other = texts.send(&elsewhere, &texts.world.challenge(&elsewhere)).unwrap();
    assert_eq!(texts.outbox.sent().last().unwrap().to().expose(), US);
    assert!(texts.verify(&elsewhere, &other, &texts.code()).is_ok());
    let confirmed = block_on(texts.mfa().confirm_phone(&ctx, &pending.ticket, &new_code)).unwrap();
    let before = texts.sent();
    let session = block_on(texts.mfa().activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    assert_eq!(texts.world.count(EventKind::AuthenticatorReplaced), 1);
    // The old number is told, and gets no code.
    let told = texts.outbox.sent().last().cloned().unwrap();
    assert_eq!((texts.sent(), told.to().expose().as_str()), (before + 1, US));
    assert!(told.body().expose().contains("no longer gets codes") && !told.body().expose().contains('#'));
    texts.world.wait(120);
    let again = texts.member("ada");
    texts.send(&again, &texts.world.challenge(&again)).unwrap();
    assert_eq!(texts.outbox.sent().last().unwrap().to().expose(), OTHER_US);
    let overview = block_on(texts.mfa().overview(&again)).unwrap();
    assert_eq!(overview.authenticators.len(), 1);
    // So is one that is removed; what cannot be told keeps nobody from removing it.
    texts.add_app(&ctx, &session);
    texts.world.wait(120);
    let ctx = texts.member("ada");
    let ticket = texts.send(&ctx, &texts.world.challenge(&ctx)).unwrap();
    let session = texts.verify(&ctx, &ticket, &texts.code()).unwrap();
    texts.outbox.fail_next(1, SendError::Transport(Answer::new("memory")));
    let phone = overview.authenticators[0].id;
    block_on(texts.mfa().remove(&ctx, &session, &phone)).unwrap();
    assert_eq!(texts.world.count(EventKind::AuthenticatorRemoved), 1);
}

fn e1_parallel_resends_send_one_text(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    let before = texts.sent();
    let answers = par(20, |_| texts.send(&ctx, &challenge).is_ok());
    assert_eq!(answers.iter().filter(|yes| **yes).count(), 1);
    assert_eq!(texts.sent(), before + 1);
    let Err(Error::Rejected(Rejection::TextThrottled { until })) = texts.send(&ctx, &challenge) else {
        panic!("too soon");
    };
    assert_eq!(until.since(texts.world.now()), Duration::from_secs(30));
    // What was refused has cost nothing: the number's five are still there but one.
    for gap in [30, 60, 120] {
        texts.world.wait(gap);
        texts.send(&ctx, &texts.world.challenge(&ctx)).unwrap();
    }
}

fn e1_budgets_hold_across_subjects_and_nodes(world: World) {
    let small = |at_once| TextBudget { at_once, one_each: Duration::from_secs(600) };
    let budgets = |texting: Texting| {
        let mut budgets = TextBudgets::default();
        budgets.number = small(3);
        budgets.overall = small(5);
        texting.budgets(budgets)
    };
    let texts = Texts::with(world, budgets);
    let other_node = library(&texts.world, &texts.outbox, budgets);
    let send = |mfa: &Mfa, account: &str, number: &str| {
        let ctx = texts.member(account);
        let ticket = texts.world.enroll_ticket(&ctx);
        block_on(mfa.enroll_phone(&ctx, &ticket, &phone(number), CONSENT)).map(|_| ())
    };
    for (node, account) in [(texts.mfa(), "a"), (&other_node, "b"), (texts.mfa(), "c")] {
        send(node, account, US).unwrap();
    }
    let refused = send(&other_node, "d", US);
    let Err(Error::Rejected(Rejection::TextThrottled { until })) = refused else { panic!("{refused:?}") };
    assert_eq!(until.since(texts.world.now()), Duration::from_secs(600));
    // Written in another way it is the same number; the refusal spent nothing of the wider budgets.
    send(&other_node, "d", "+1 (201) 555-0123").unwrap_err();
    send(&other_node, "e", OTHER_US).unwrap();
    send(texts.mfa(), "f", "+12015550142").unwrap();
    send(texts.mfa(), "g", "+12015550143").unwrap_err();
    assert_eq!(texts.sent(), 5);
}

fn e1_an_operator_stops_a_region_and_a_fraud_stops_itself(world: World) {
    let texts = Texts::over(world);
    let us = Region::new("US").unwrap();
    let is_stopped = |account: &str, number: &str| {
        let refused = texts.enroll(&texts.member(account), number);
        matches!(refused, Err(Error::Unavailable(Unavailable::TextsStopped)))
    };
    block_on(texts.mfa().stop_texts(Some(us), true)).unwrap();
    assert!(is_stopped("a", US));
    assert!(!is_stopped("b", "+447400123456"), "another region");
    let other_node = library(&texts.world, &texts.outbox, |texting| texting);
    assert_eq!(block_on(other_node.stopped_texts()).unwrap(), [Some(us)]);
    block_on(other_node.stop_texts(None, true)).unwrap();
    assert!(is_stopped("c", "+447400123457"));
    for region in [None, Some(us)] {
        block_on(texts.mfa().stop_texts(region, false)).unwrap();
    }
    assert!(!is_stopped("d", US));
    // Fifty texts of which no code comes back: the region stops itself, and says so.
    for number in 0..60_u32 {
        texts.world.wait(5);
        let number = format!("+1415{:07}", 5_550_100 + 1_000 * number);
        drop(texts.enroll(&texts.member(&format!("bot-{number}")), &number));
    }
    assert!(is_stopped("e", US));
    assert_eq!(texts.world.count(EventKind::TextsStopped), 3);
    assert!(texts.sent() <= 52, "{}", texts.sent());
}

fn e2_e4_where_policy_refuses_nothing_is_sent(world: World) {
    let texts = Texts::over(world);
    let us_only = ["+12042345678", "+18765551234", "+17872345678", "+447400123456"];
    for number in us_only {
        let ctx = texts.world.visit_as("peyton", payee());
        assert!(matches!(texts.enroll(&ctx, number), Err(Error::Rejected(Rejection::Number(_)))), "{number}");
    }
    for number in [
        "+18765551234",
        "+447797712345",
        "+390669812345",
        "+18002345678",
        "+19002345678",
        "+15002345678",
        "+447012345678",
        "+445600123456",
        "+442079460123",
        "+88165012345",
        "+4912345",
    ] {
        let ctx = texts.member("ada");
        assert!(matches!(texts.enroll(&ctx, number), Err(Error::Rejected(Rejection::Number(_)))), "{number}");
    }
    assert_eq!(texts.sent(), 0);
    let storage = texts.world.storage();
    assert!(block_on(storage.scan(None, 10, Default::default())).unwrap().is_empty(), "nor is anything kept");
}

struct Swapped;

impl PhoneRisk for Swapped {
    async fn changed_recently(&self, number: &PhoneNumber) -> Result<bool, RiskError> {
        match number.expose().as_str() {
            US => Ok(true),
            _ => Err("no answer".into()),
        }
    }
}

fn e5_a_number_that_changed_hands_gets_no_text(world: World) {
    let before = Texts::over(world);
    let (ctx, session) = before.with_phone("ada", US);
    let app = before.add_app(&ctx, &session);
    let texts = Texts::with(before.world, |texting| texting.phone_risk(Swapped));
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    assert!(is(texts.send(&ctx, &challenge), Rejection::TextWithheld));
    assert_eq!((texts.sent(), texts.world.count(EventKind::TextWithheld)), (0, 1));
    assert!(texts.verify(&ctx, &challenge, &app.code_at(texts.world.now())).is_ok(), "the app still does");
    // What cannot be told locks nobody out.
    texts.enroll(&texts.member("abel"), OTHER_US).unwrap();
}

fn e10_a_provider_that_fails_costs_nobody_anything(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    let definite = SendError::Transport(Answer::new("memory"));
    for _ in 0..10 {
        texts.outbox.fail_next(1, definite);
        let failed = texts.send(&ctx, &challenge);
        assert!(matches!(failed, Err(Error::Unavailable(Unavailable::Delivery(_)))), "{failed:?}");
    }
    assert_eq!(texts.world.count(EventKind::TextNotSent), 10);
    assert_eq!(texts.world.count(EventKind::VerificationFailed), 0);
    // No wait, no budget: the next one goes at once.
    let ticket = texts.send(&ctx, &challenge).unwrap();
    assert!(texts.verify(&ctx, &ticket, &texts.code()).is_ok());
    // Where nobody knows, the code is good and the budget spent.
    texts.world.wait(60);
    let ctx = texts.member("ada");
    texts.outbox.fail_next(1, SendError::Ambiguous(Answer::new("memory")));
    let sent = block_on(texts.mfa().send_code(&ctx, &texts.world.challenge(&ctx))).unwrap();
    assert!(!sent.is_certain);
    assert!(matches!(texts.send(&ctx, &sent.ticket), Err(Error::Rejected(Rejection::TextThrottled { .. }))));
}

fn e1_providers_are_told_which_codes_came_back(world: World) {
    use mfa::sms::Conversion::Verified;
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    let first = texts.send(&ctx, &challenge).unwrap();
    texts.world.wait(60);
    let second = texts.send(&ctx, &first).unwrap();
    assert!(texts.verify(&ctx, &second, &texts.code()).is_ok());
    texts.world.wait(60);
    let ctx = texts.member("ada");
    texts.send(&ctx, &texts.world.challenge(&ctx)).unwrap();
    let told = || {
        block_on(texts.mfa().maintain()).unwrap();
        texts.outbox.feedback_given().into_iter().map(|(_, conversion)| conversion).collect::<Vec<_>>()
    };
    // The code of the set-up, and that of the second text, which took the place of the first. Of the others nobody here
    // knows: another node may have been given them.
    assert_eq!(told(), [Verified, Verified]);
    texts.world.wait(600);
    assert_eq!(told(), [Verified, Verified], "told once");
}

fn inv_7_policy_is_asked_before_every_text(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", "+447400123456");
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    let ticket = texts.send(&ctx, &challenge).unwrap();
    let (before, code) = (texts.sent(), texts.code());
    texts.world.set_policy(&POLICY.replace("\"GB\", ", ""));
    texts.world.wait(60);
    assert!(matches!(texts.send(&ctx, &challenge), Err(Error::Rejected(Rejection::Number(_)))));
    assert_eq!(texts.sent(), before);
    assert!(is(texts.verify(&ctx, &ticket, &code), Rejection::NotAllowed));
    assert!(matches!(texts.world.begin(&texts.member("ada")).unwrap(), Next::RecoverOnly(_)));
}

fn inv_10_no_number_and_no_code_is_told(world: World) {
    let texts = Texts::over(world);
    let (ctx, _) = texts.with_phone("ada", US);
    let challenge = texts.world.challenge(&ctx);
    let sent = block_on(texts.mfa().send_code(&ctx, &challenge)).unwrap();
    let overview = block_on(texts.mfa().overview(&ctx)).unwrap();
    let refused = texts.enroll(&texts.member("x"), "+18765551234").unwrap_err();
    let shown =
        format!("{sent:?} {overview:?} {refused:?} {refused} {:?} {:?}", texts.world.events(), texts.mfa());
    let code = texts.code();
    for secret in [US, &US[1..], "2015550123", &code, "8765551234"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let rows = block_on(texts.world.storage().scan(None, 10, Default::default())).unwrap();
    for (_, snapshot) in rows {
        let bytes = format!("{snapshot:?}");
        assert!(!bytes.contains("2015550123"));
    }
}

fn t2_a_text_does_not_end_what_was_begun_before_it(world: World) {
    let texts = Texts::over(world);
    let (app_tab, phone_tab) = (texts.member("ada"), texts.member("ada"));
    let app_ticket = texts.world.enroll_ticket(&app_tab);
    let phone_ticket = texts.world.enroll_ticket(&phone_tab);
    block_on(texts.mfa().enroll_phone(&phone_tab, &phone_ticket, &phone(US), CONSENT)).unwrap();
    // The same ticket again, for another number, and the other tab's app.
    texts.world.wait(60);
    block_on(texts.mfa().enroll_phone(&phone_tab, &phone_ticket, &phone(OTHER_US), CONSENT)).unwrap();
    let person = texts.world.finish_enrollment(&app_tab, &app_ticket);
    assert_eq!(person.assertion.amr(), ["pwd", "otp", "mfa"]);
    // Now it is over.
    let late = block_on(texts.mfa().enroll_phone(&phone_tab, &phone_ticket, &phone(US), CONSENT));
    assert!(is(late, Rejection::Expired));
    // A new password ends what was begun with the old one, text or no text.
    let ctx = texts.member("abel");
    let ticket = texts.world.enroll_ticket(&ctx);
    block_on(texts.mfa().enroll_phone(&ctx, &ticket, &phone("+12015550142"), CONSENT)).unwrap();
    block_on(texts.mfa().first_factor_changed(&ctx)).unwrap();
    assert!(is(block_on(texts.mfa().enroll_app(&ctx, &ticket)), Rejection::Expired));
}

fn t8_a_dropped_text_leaves_the_record_whole(world: World) {
    let texts = Texts::over(world);
    texts.with_phone("ada", US);
    let ctx = texts.member("ada");
    let challenge = texts.world.challenge(&ctx);
    drop(texts.mfa().send_code(&ctx, &challenge)); // never polled: nothing
    let before = texts.sent();
    let ticket = texts.send(&ctx, &challenge).unwrap();
    assert_eq!(texts.sent(), before + 1);
    assert!(texts.verify(&ctx, &ticket, &texts.code()).is_ok());
}

fn t11_a_phone_that_policy_withdraws_proves_nothing(world: World) {
    let texts = Texts::over(world);
    let (ctx, session) = texts.with_phone("ada", US);
    texts.world.set_policy(&POLICY.replace("methods = [\"app\", \"sms\"]", "methods = [\"app\"]"));
    let again = texts.member("ada");
    let Next::RecoverOnly(ticket) = texts.world.begin(&again).unwrap() else {
        panic!("never in, never set up")
    };
    assert!(texts.verify(&again, &ticket, "123456").is_err());
    assert!(is(texts.send(&again, &ticket), Rejection::Number(NumberRefused::MethodNotAllowed)));
    assert!(block_on(texts.mfa().change_phone(&ctx, &session)).is_err());
}

fn t12_a_text_names_the_payment_and_confirms_no_other(world: World) {
    let texts = Texts::over(world);
    let ctx = texts.world.visit_as("peyton", payee());
    let pending = texts.enroll(&ctx, US).unwrap();
    let session = texts.finish(&ctx, &pending.ticket);
    texts.world.wait(120);
    let payment = |id: &str, amount: &str| Transaction::new(id, amount, "USD", "Acme Concrete").unwrap();
    let asked = |payment: &Transaction| match block_on(texts.mfa().challenge(
        &ctx,
        &session,
        Wanted::Transaction(payment),
        None,
    ))
    .unwrap()
    {
        Asked::Challenge(challenge) => challenge.ticket,
        other => panic!("{other:?}"),
    };
    let (small, large) = (payment("1", "12.50"), payment("2", "99999.00"));
    let ticket = texts.send(&ctx, &asked(&small)).unwrap();
    let text = texts.outbox.sent().last().unwrap().body().expose().to_owned();
    assert!(text.contains("12.50 USD") && text.contains("Acme Concrete"), "{text}");
    let code = texts.code();
    assert!(is(texts.verify(&ctx, &asked(&large), &code), Rejection::WrongCode), "another amount");
    let proof = texts.verify(&ctx, &ticket, &code).unwrap();
    assert!(is(block_on(texts.mfa().redeem(&ctx, &proof, &large)), Rejection::NotAllowed));
    block_on(texts.mfa().redeem(&ctx, &proof, &small)).unwrap();
    assert!(is(block_on(texts.mfa().redeem(&ctx, &proof, &small)), Rejection::AlreadyRedeemed));
}

fn t9_a_clock_an_hour_ahead_stops_no_text(world: World) {
    let texts = Texts::over(world);
    let ahead = mfa::testing::HandClock::at(texts.world.now().get() + 3_600);
    let node = Mfa::builder()
        .storage(texts.world.storage_of_its_own())
        .keyring(Keyring::generate(&mfa::testing::SeededRandom::new(99)).unwrap())
        .policy(Policy::from_toml(POLICY).unwrap())
        .clock(ahead)
        .sms(Texting::with_plan(texts.outbox.clone(), OriginHost::parse("localhost").unwrap(), plan()))
        .build()
        .unwrap();
    let ctx = texts.member("ada");
    let Next::Enroll(menu) =
        block_on(node.begin(&ctx, mfa::FirstFactor::password(texts.world.now()))).unwrap()
    else {
        panic!("enforced")
    };
    block_on(node.enroll_phone(&ctx, &menu.ticket, &phone(US), CONSENT)).unwrap();
    // Back at the right time: the record's text dated ahead holds nothing, and the budgets come back within minutes.
    let mut waited = 0;
    while texts.enroll(&texts.member("ada"), OTHER_US).is_err() {
        texts.world.wait(30);
        waited += 30;
        assert!(waited < 900, "stopped by a clock that was wrong");
    }
}
