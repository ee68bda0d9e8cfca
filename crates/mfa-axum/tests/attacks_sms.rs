//! What attackers try where codes are sent by text, on pages, by the names of the attack table. Numbers that are refused,
//! providers that fail, payments and resends one after another are in the example site's tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod common;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

use axum::http::StatusCode;
use common::{Answer, Browser, NUMBER, PHONE, POLICY, Site, is_status, plan};
use mfa::policy::Policy;
use mfa::sms::text::OriginHost;
use mfa::sms::{MemorySender, Receipt, SendError, SmsSender, TextMessage};
use mfa::storage::{
    CommitOutcome, Cursor, Durability, Expected, MemoryStorage, ScanFilter, Snapshot, Spend, SpendOutcome,
    Storage, StorageError, StoredEvent, Write,
};
use mfa::{EventKind, PhoneNumber, PhoneRisk, RiskError, SubjectKey, Texting, UnixSeconds};
use mfa_axum::Flow;
use mfa_core::id::ReservationId;

const MARCUS: &str = "marcus@enforced.example";
const PAYOR: &str = "pat@payor.example";

fn is_proved(site: &Site, browser: &Browser) -> bool {
    matches!(site.host.flow(&browser.cookie), Flow::Proved(_))
}

fn is_wrong(answer: &Answer) -> bool {
    answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.alert().contains("wrong or expired code")
}

/// The same form sent by 20 browsers at once that share a session.
fn at_once(browser: &Browser, action: &str, typed: &[(&str, &str)]) -> Vec<(Answer, Browser)> {
    let barrier = Barrier::new(20);
    let send = || {
        let mut browser = browser.clone();
        barrier.wait();
        (pollster::block_on(browser.submit(action, typed)), browser)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[tokio::test]
async fn a12_a_code_is_accepted_once_however_often_it_is_sent() {
    let site = Site::new();
    site.with_phone(MARCUS).await;
    let half = site.signed_in(MARCUS).await;
    let code = site.text_code();
    let before = site.count(EventKind::Verified);
    let answers = at_once(&half, "/mfa/challenge", &[("code", &code)]);
    let through = answers.iter().filter(|(_, browser)| is_proved(&site, browser)).count();
    assert_eq!((through, site.count(EventKind::Verified)), (1, before + 1));
    assert_eq!(site.count(EventKind::VerificationFailed), 0, "the same code again is no guess");
    // One after another, from a page that was open all the time and from a new sign-in, which has to wait for its text.
    let mut again = site.signed_in(MARCUS).await;
    assert!(is_wrong(&again.submit("/mfa/challenge", &[("code", &code)]).await));
    let mut open = half.clone();
    open.submit("/mfa/challenge", &[("code", &code)]).await;
    assert!(!is_proved(&site, &again) && !is_proved(&site, &open));
}

#[tokio::test]
async fn a14_a_code_outlives_no_success_no_other_sign_in_and_no_change_of_number() {
    let site = Site::new();
    let mut home = site.with_phone(MARCUS).await;
    // The code that enrolled the phone signs nobody in.
    let enrolling = site.text_code();
    let mut half = site.signed_in(MARCUS).await;
    let first = site.text_code();
    assert_ne!(first, enrolling);
    assert!(is_wrong(&half.submit("/mfa/challenge", &[("code", &enrolling)]).await));
    // A sign-in that was left and begun again: what was sent to the one is nothing in the other.
    let mut other = site.signed_in(MARCUS).await;
    assert_eq!(site.text_code(), first, "too soon for another");
    assert!(is_wrong(&other.submit("/mfa/challenge", &[("code", &first)]).await));
    // After its success in the sign-in that it was for.
    site.wait(30);
    is_status(&half.submit("/mfa/challenge", &[("code", &first)]).await, 303);
    let mut after = site.signed_in(MARCUS).await;
    assert_ne!(site.text_code(), first);
    assert!(is_wrong(&after.submit("/mfa/challenge", &[("code", &first)]).await));
    // A code that waits to be typed while another session changes the number.
    site.wait(600);
    let mut waiting = site.signed_in(MARCUS).await;
    let code = site.text_code();
    site.wait(60);
    home.get("/mfa/security").await;
    home.change("change-phone", &[]).await;
    home.follow().await;
    home.submit("/mfa/verify", &[("password", "right")]).await;
    home.submit("/mfa/verify", &[("send", "yes")]).await;
    is_status(&home.submit("/mfa/verify", &[("code", &site.text_code())]).await, 303);
    home.follow().await;
    site.wait(60);
    home.submit("/mfa/phone", &[("country", "US"), ("phone", "2015550199")]).await;
    home.follow().await;
    home.submit("/mfa/phone/code", &[("code", &site.text_code())]).await;
    home.follow().await;
    is_status(&home.submit("/mfa/recovery-code", &[("saved", "yes")]).await, 303);
    assert_eq!(site.count(EventKind::AuthenticatorReplaced), 1);
    let answer = waiting.submit("/mfa/challenge", &[("code", &code)]).await;
    assert!(answer.status == StatusCode::GONE && !is_proved(&site, &waiting), "{}", answer.status);
}

#[tokio::test]
async fn b7_guesses_by_app_and_by_text_in_turn_are_five() {
    let site = Site::new();
    let (_, app) = site.with_both(MARCUS).await;
    let mut browser = site.signed_in(MARCUS).await;
    let (mut compared, mut held) = (0, 0);
    for round in 0..12 {
        let method = if round % 2 == 0 { "sms" } else { "app" };
        browser.get("/mfa/challenge/method").await;
        browser.submit("/mfa/challenge/method", &[("method", method)]).await;
        browser.get("/mfa/challenge").await;
        let wrong = if method == "sms" { site.wrong_text_code() } else { site.wrong_code(&app) };
        let answer = browser.submit("/mfa/challenge", &[("code", &wrong)]).await;
        compared += usize::from(is_wrong(&answer));
        held += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
        site.wait(20);
    }
    assert_eq!((compared, held), (5, 7), "in four minutes");
    // Not even the right one is looked at.
    let right = app.code_at(site.clock.reading());
    is_status(&browser.submit("/mfa/challenge", &[("code", &right)]).await, 429);
    assert_eq!(site.count(EventKind::VerificationFailed), 5);
}

#[tokio::test]
async fn c19_no_form_gives_a_payor_texts() {
    let site = Site::new();
    let (mut home, ..) = site.enrolled(PAYOR).await;
    let half = site.signed_in(PAYOR).await;
    assert!(!half.page.contains("SMS") && !half.page.contains("Resend"));
    let hidden = half.hidden();
    for path in [
        "/mfa/challenge/method",
        "/mfa/challenge/resend",
        "/mfa/method",
        "/mfa/phone",
        "/mfa/phone/code",
        "/mfa/phone/resend",
    ] {
        let mut crafted = half.clone();
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, &**value)).collect();
        fields.extend([("method", "sms"), ("code", "123456"), ("send", "yes")]);
        fields.extend(PHONE.iter().copied());
        let answer = crafted.post(path, &fields).await;
        assert!([303, 403, 410, 422].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
        assert!(!is_proved(&site, &crafted), "{path}");
    }
    // At home: no button, and none when made by hand.
    home.get("/mfa/security").await;
    assert!(!home.page.contains("Phone Number"));
    let csrf = home.hidden().remove(0).1;
    let answer = home.post("/mfa/security", &[("csrf", &csrf), ("change", "change-phone")]).await;
    is_status(&answer, 403);
    assert_eq!(site.texts(), 0);
}

#[tokio::test]
async fn d13_fields_that_no_page_has_change_nothing() {
    let site = Site::new();
    let mut browser = site.at_phone_page(MARCUS).await;
    let more = [
        ("number", "+12015550199"),
        ("to", "+12015550199"),
        ("phone_number", "+12015550199"),
        ("subject", "olivia@pilot.example"),
        ("verified", "true"),
        ("confirmed", "true"),
        ("region", "GB"),
        ("wording", "0"),
    ];
    is_status(&browser.submit("/mfa/phone", &[PHONE, more.as_slice()].concat()).await, 303);
    browser.follow().await;
    assert_eq!(site.outbox.sent().last().unwrap().to().expose(), NUMBER);
    let wrong = site.wrong_text_code();
    for code in [&*wrong, "", "true", "null", "000000 "] {
        if code.trim() == site.text_code() {
            continue;
        }
        let answer = browser.submit("/mfa/phone/code", &[&[("code", code)], more.as_slice()].concat()).await;
        assert!(!answer.status.is_redirection(), "{code}: {}", answer.status);
    }
    is_status(&browser.submit("/mfa/phone/code", &more).await, 422);
    site.wait(900);
    assert!(!is_proved(&site, &browser) && site.count(EventKind::NumberConfirmed) == 0);
    // What is bound is the number that was proved, and no other that a form names.
    let site = Site::new();
    let mut browser = site.at_phone_code_page(MARCUS).await;
    let code = site.text_code();
    let right = [&[("code", &*code), ("phone", "+12015550199"), ("country", "US")], more.as_slice()].concat();
    is_status(&browser.submit("/mfa/phone/code", &right).await, 303);
    browser.follow().await;
    is_status(
        &browser.submit("/mfa/recovery-code", &[&[("saved", "yes")], more.as_slice()].concat()).await,
        303,
    );
    site.wait(60);
    let mut again = site.signed_in(MARCUS).await;
    site.wait(60);
    is_status(&again.submit("/mfa/challenge/resend", &more).await, 303);
    assert!(site.outbox.sent().iter().all(|text| text.to().expose() == NUMBER));
    assert_eq!(site.texts(), 3);
}

#[tokio::test]
async fn e1_twenty_resends_at_once_send_one_text() {
    let site = Site::new();
    let pending = site.at_phone_code_page(MARCUS).await;
    site.wait(30);
    let answers = at_once(&pending, "/mfa/phone/resend", &[]);
    assert_eq!(site.texts(), 2);
    assert_eq!(answers.iter().filter(|(answer, _)| answer.status == StatusCode::SEE_OTHER).count(), 1);
    assert!(answers.iter().all(|(answer, _)| [303, 429, 503].contains(&answer.status.as_u16())));

    let site = Site::new();
    site.with_phone(MARCUS).await;
    let half = site.signed_in(MARCUS).await;
    site.wait(30);
    let before = site.texts();
    at_once(&half, "/mfa/challenge/resend", &[]);
    assert_eq!(site.texts(), before + 1);
    // The code that went works, in whichever page it is typed.
    let mut half = half;
    half.get("/mfa/challenge").await;
    is_status(&half.submit("/mfa/challenge", &[("code", &site.text_code())]).await, 303);
    assert!(is_proved(&site, &half));
}

/// Says of every number that it changed hands, once it did.
struct Swapped(Arc<AtomicBool>);

impl PhoneRisk for Swapped {
    async fn changed_recently(&self, _: &PhoneNumber) -> Result<bool, RiskError> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::test]
async fn e5_a_number_that_changed_hands_gets_no_text_and_the_app_is_offered() {
    let is_swapped = Arc::new(AtomicBool::new(false));
    let site = Site::texting(|texting| texting.phone_risk(Swapped(is_swapped.clone())));
    let (_, app) = site.with_both(MARCUS).await;
    site.with_phone("ada@enforced.example").await;
    is_swapped.store(true, Ordering::Relaxed);
    let before = site.texts();
    let mut browser = site.signed_in(MARCUS).await;
    let answer = browser.submit("/mfa/challenge/method", &[("method", "sms")]).await;
    is_status(&answer, 422);
    assert!(answer.alert().contains("changed hands recently. Use another way"), "{}", answer.alert());
    assert!(answer.body.contains("value=\"app\"") && answer.body.contains("Use a recovery code"));
    assert!(!answer.body.contains("name=\"code\""), "there is nothing to be typed");
    browser.submit("/mfa/challenge/method", &[("method", "app")]).await;
    browser.follow().await;
    let code = app.code_at(site.clock.reading());
    is_status(&browser.submit("/mfa/challenge", &[("code", &code)]).await, 303);
    // Where the phone is all there is, the recovery code is the other way.
    let mut only = site.signed_in("ada@enforced.example").await;
    assert!(only.page.contains("Use a recovery code") && !is_proved(&site, &only));
    only.submit("/mfa/challenge/resend", &[]).await;
    assert_eq!(site.texts(), before);
    assert_eq!(site.count(EventKind::TextWithheld), 3);
}

/// Waits once before and once after each thing that it does, so that there is something to be dropped at.
#[derive(Clone)]
struct Slow<T>(T);

async fn wait_once() {
    let mut has_waited = false;
    poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

async fn slowly<T>(work: impl Future<Output = T>) -> T {
    wait_once().await;
    let done = work.await;
    wait_once().await;
    done
}

impl SmsSender for Slow<MemorySender> {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        slowly(self.0.send(text)).await
    }
}

#[deny(clippy::missing_trait_methods)]
impl Storage for Slow<MemoryStorage> {
    async fn load(&self, subject: &SubjectKey) -> Result<Option<Snapshot>, StorageError> {
        slowly(self.0.load(subject)).await
    }

    async fn commit(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        write: Write,
    ) -> Result<CommitOutcome, StorageError> {
        slowly(self.0.commit(subject, expected, write)).await
    }

    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Result<SpendOutcome, StorageError> {
        slowly(self.0.spend(spend, now)).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Result<(), StorageError> {
        slowly(self.0.refund(reservation, now)).await
    }

    async fn feed(&self, cursor: Cursor, limit: usize) -> Result<(Vec<StoredEvent>, Cursor), StorageError> {
        slowly(self.0.feed(cursor, limit)).await
    }

    async fn scan(
        &self,
        after: Option<&SubjectKey>,
        limit: usize,
        filter: ScanFilter,
    ) -> Result<Vec<(SubjectKey, Snapshot)>, StorageError> {
        slowly(self.0.scan(after, limit, filter)).await
    }

    async fn erase(
        &self,
        subject: &SubjectKey,
        expected: Expected,
        tombstone: Write,
    ) -> Result<CommitOutcome, StorageError> {
        slowly(self.0.erase(subject, expected, tombstone)).await
    }

    async fn prune(&self, before: UnixSeconds) -> Result<(), StorageError> {
        slowly(self.0.prune(before)).await
    }

    fn durability(&self) -> Durability {
        self.0.durability()
    }
}

/// Asks until it is done.
fn drive<T>(work: impl Future<Output = T>) -> T {
    drop_after(usize::MAX, work).unwrap()
}

/// Asks `polls` times; `None` if it was not done by then, and was dropped where it waited.
fn drop_after<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut context) = (pin!(work), Context::from_waker(Waker::noop()));
    (0..polls).find_map(|_| match work.as_mut().poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    })
}

fn slow_site() -> Site {
    let outbox = MemorySender::new();
    let sender = Slow(outbox.clone());
    let origin = OriginHost::parse("site.example").unwrap();
    let mut site = Site::over(Slow(MemoryStorage::new()), |_| Texting::with_plan(sender, origin, plan()));
    site.outbox = outbox;
    site
}

/// Drops a request at each place where it waits, each time on a site of its own, and sees that all goes on from there.
fn dropped_everywhere(
    action: &str,
    typed: &[(&str, &str)],
    stage: impl Fn(&Site) -> Browser,
    goes_on: impl Fn(&Site, Browser),
) {
    for polls in 0.. {
        let site = slow_site();
        let mut browser = stage(&site);
        let before = site.texts();
        let page = browser.clone();
        let is_done = drop_after(polls, browser.submit(action, typed)).is_some();
        let went = site.texts() - before;
        assert!(went <= 1);
        // At the latest after as long as a text that went costs.
        site.wait(120);
        goes_on(&site, page);
        if is_done {
            assert!(polls > 10 && went == 1, "{polls} places");
            return;
        }
    }
}

#[test]
fn t8_a_request_dropped_around_a_text_leaves_all_whole() {
    // While a challenge is answered: the next text comes, its code works, and the one that may have gone is void.
    let half = |site: &Site| {
        drive(site.with_phone(MARCUS));
        let browser = drive(site.signed_in(MARCUS));
        site.wait(60);
        browser
    };
    dropped_everywhere("/mfa/challenge/resend", &[], half, |site, mut browser| {
        let (before, old) = (site.texts(), site.text_code());
        drive(browser.get("/mfa/challenge"));
        is_status(&drive(browser.submit("/mfa/challenge/resend", &[])), 303);
        assert_eq!(site.texts(), before + 1);
        drive(browser.follow());
        assert!(is_wrong(&drive(browser.submit("/mfa/challenge", &[("code", &old)]))));
        is_status(&drive(browser.submit("/mfa/challenge", &[("code", &site.text_code())])), 303);
        assert!(is_proved(site, &browser));
    });
    // While a phone is set up: the set-up is neither done nor lost.
    let at_phone_page = |site: &Site| drive(site.at_phone_page(MARCUS));
    dropped_everywhere("/mfa/phone", PHONE, at_phone_page, |site, mut browser| {
        let before = site.texts();
        assert!(!is_proved(site, &browser));
        drive(browser.get("/mfa/phone"));
        is_status(&drive(browser.submit("/mfa/phone", PHONE)), 303);
        assert_eq!(site.texts(), before + 1);
        drive(browser.follow());
        is_status(&drive(browser.submit("/mfa/phone/code", &[("code", &site.text_code())])), 303);
        drive(browser.follow());
        is_status(&drive(browser.submit("/mfa/recovery-code", &[("saved", "yes")])), 303);
        assert!(is_proved(site, &browser));
    });
}

#[tokio::test]
async fn t9_a_clock_an_hour_ahead_keeps_nobody_from_a_text_for_long() {
    let site = Site::new();
    site.with_phone(MARCUS).await;
    let now = site.clock.reading();
    site.wait(3_600);
    site.signed_in(MARCUS).await; // its text is dated an hour ahead
    let before = site.texts();
    site.clock.set(now.get());
    let mut waited = 0;
    let mut browser = loop {
        let browser = site.signed_in(MARCUS).await;
        if site.texts() > before {
            break browser;
        }
        site.wait(30);
        waited += 30;
        assert!(waited < 900, "stopped by a clock that was wrong");
    };
    is_status(&browser.submit("/mfa/challenge", &[("code", &site.text_code())]).await, 303);
    assert!(is_proved(&site, &browser));
}

#[tokio::test]
async fn t11_a_phone_that_policy_withdraws_leads_to_the_recovery_code() {
    let site = Site::new();
    site.with_phone(MARCUS).await;
    let mut caught = site.signed_in(MARCUS).await;
    let code = site.text_code();
    let policy = POLICY.replace("methods = [\"app\", \"sms\"]", "methods = [\"app\"]");
    site.mfa.replace_policy(Policy::from_toml(&policy).unwrap()).await.unwrap();
    site.wait(60);
    let before = site.texts();
    let mut browser = site.signed_in(MARCUS).await;
    assert_eq!(browser.title(), "Use a Recovery Code");
    for path in ["/", "/mfa/required", "/mfa/method", "/mfa/app", "/mfa/phone", "/mfa/skip", "/mfa/security"]
    {
        is_status(&browser.get(path).await, 303);
        assert_eq!(browser.location, "/mfa/recover", "{path}: never in, never set up");
    }
    browser.get("/mfa/recover").await;
    let hidden = browser.hidden();
    for (path, typed) in [
        ("/mfa/challenge", ("code", &*code)),
        ("/mfa/challenge/method", ("method", "sms")),
        ("/mfa/challenge/resend", ("send", "yes")),
        ("/mfa/method", ("method", "app")),
        ("/mfa/skip", ("x", "x")),
    ] {
        let mut crafted = browser.clone();
        let mut fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (*name, &**value)).collect();
        fields.push(typed);
        crafted.post(path, &fields).await;
        let flow = site.host.flow(&crafted.cookie);
        assert!(matches!(flow, Flow::RecoverOnly(_) | Flow::None), "{path}: {flow:?}");
    }
    // Nor does the code that went before the change.
    caught.submit("/mfa/challenge", &[("code", &code)]).await;
    assert!(!is_proved(&site, &caught));
    assert_eq!(site.texts(), before);
}

#[tokio::test]
async fn inv_10_no_page_tells_a_number_or_a_code() {
    let site = Site::new();
    let mut answers: Vec<Answer> = Vec::new();
    let mut browser = site.at_phone_page(MARCUS).await;
    // What was typed stands in its field again when it is refused, and nowhere else.
    let typed = "876 555 1234";
    let refused = browser.submit("/mfa/phone", &[("country", "US"), ("phone", typed)]).await;
    is_status(&refused, 422);
    assert_eq!((refused.body.matches(typed).count(), refused.body.matches("5551234").count()), (1, 0));
    assert!(refused.body.contains(&format!("name=\"phone\" value=\"{typed}\"")));

    answers.push(browser.submit("/mfa/phone", PHONE).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/phone/resend", &[]).await);
    site.wait(30);
    answers.push(browser.submit("/mfa/phone/resend", &[]).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/phone/code", &[("code", &site.wrong_text_code())]).await);
    answers.push(browser.submit("/mfa/phone/code", &[("code", &site.text_code())]).await);
    answers.push(browser.follow().await);
    answers.push(browser.submit("/mfa/recovery-code", &[("saved", "yes")]).await);
    answers.push(browser.follow().await);
    answers.push(browser.get("/mfa/security").await);
    site.wait(60);
    let mut half = site.browser();
    answers.push(half.post("/sign-in", &[("email", MARCUS)]).await);
    answers.push(half.follow().await);
    answers.push(half.submit("/mfa/challenge/resend", &[]).await);
    answers.push(half.submit("/mfa/challenge", &[("code", "x")]).await);
    answers.push(half.submit("/mfa/challenge", &[("code", &site.wrong_text_code())]).await);
    answers.push(half.submit("/mfa/challenge", &[("code", &site.text_code())]).await);
    answers.push(half.follow().await);
    site.wait(600);
    answers.push(half.get("/mfa/security").await);
    answers.push(half.change("change-phone", &[]).await);
    answers.push(half.follow().await);
    answers.push(half.submit("/mfa/verify", &[("password", "right")]).await);
    answers.push(half.submit("/mfa/verify", &[("send", "yes")]).await);
    answers.push(half.submit("/mfa/verify", &[("code", &site.text_code())]).await);
    answers.push(half.follow().await);
    assert_eq!(half.title(), "Set Up SMS Verification");

    let mut secrets =
        vec![NUMBER.to_owned(), "2015550123".to_owned(), "5550123".to_owned(), "555-0123".to_owned()];
    let codes = site.outbox.sent().into_iter();
    secrets.extend(codes.map(|text| text.body().expose().rsplit_once('#').unwrap().1.to_owned()));
    assert_eq!(secrets.len(), 4 + 4, "four texts");
    for answer in &answers {
        // Tickets are sealed; a run of digits in them is none of a code.
        let body = answer.body.split("name=\"ticket\" value=\"");
        let body: String = body.map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
        let shown = format!("{body} {:?}", answer.headers);
        for secret in &secrets {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}
