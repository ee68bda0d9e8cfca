//! The account that the clients meet at, led from stage to stage before they start.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mfa::policy::numbers::NumberPlan;
use mfa::policy::{Attributes, Policy};
use mfa::sms::MemorySender;
use mfa::sms::text::OriginHost;
use mfa::testing::{HandClock, SeededRandom, TestAuthenticator};
use mfa::{
    Acknowledged, Asked, Assertion, Consent, Context, DeviceToken, Error, FirstFactor, Keyring, Mfa, Next,
    RandomError, RandomSource, Realm, Rejection, Remember, SessionBinding, Subject, SubjectId, Texting,
    Ticket, Transaction, UnixSeconds, Wanted, kind,
};
use mfa_core::phone::PhoneNumber;
use mfa_core::time::{Period, TimeStep};
use pollster::block_on;

use crate::client::{App, Scanned};
use crate::store::SimStore;

/// Where the account stands. Each stage comes out of the one before it, so whoever was handed something at an earlier
/// one holds something stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// There is no record.
    Unenrolled,
    /// An app is active, and four of the five guesses that 15 minutes allow are used up, of app and recovery code both.
    Enrolled,
    /// The recovery code was typed; no replacement is active yet.
    Recovering,
}

/// A library over a simulated store.
pub struct Node {
    pub mfa: Mfa,
    pub store: SimStore,
    pub clock: HandClock,
    /// Where texts go, under a policy that has any sent.
    pub outbox: MemorySender,
    turn: Arc<AtomicUsize>,
}

impl Node {
    /// The same keys at every node, and a random source of its own, with one stream for each client.
    pub fn new(policy: &Policy, seed: u64, clients: usize, now: u64) -> Self {
        let (store, clock, turn) = (SimStore::default(), HandClock::at(now), Arc::new(AtomicUsize::new(0)));
        let streams = (0..clients as u64).map(|client| SeededRandom::new(seed + client)).collect();
        let builder = Mfa::builder().keyring(Keyring::generate(&SeededRandom::new(99)).unwrap());
        let builder = builder.policy(policy.clone()).storage(store.clone()).clock(clock.clone());
        let (builder, outbox) =
            (builder.random(Streams { streams, turn: Arc::clone(&turn) }), MemorySender::new());
        let mfa = match policy.sms().regions().is_empty() {
            true => builder.build().unwrap(),
            false => builder.sms(texting(policy, &outbox)).build().unwrap(),
        };
        Self { mfa, store, clock, outbox, turn }
    }

    /// Whose stream of random bytes is drawn from now.
    pub fn is_turn_of(&self, client: usize) {
        self.turn.store(client, Ordering::Relaxed);
    }
}

/// The number plans are made once: every schedule has a library of its own.
fn texting(policy: &Policy, outbox: &MemorySender) -> Texting {
    static PLAN: OnceLock<NumberPlan> = OnceLock::new();
    let plan = PLAN.get_or_init(|| NumberPlan::prepare(policy.sms().regions()).unwrap());
    Texting::with_plan(outbox.clone(), OriginHost::parse("localhost").unwrap(), plan.clone())
}

/// A stream for each client, so that what one draws does not depend on how often another did.
struct Streams {
    streams: Vec<SeededRandom>,
    turn: Arc<AtomicUsize>,
}

impl RandomSource for Streams {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomError> {
        self.streams[self.turn.load(Ordering::Relaxed)].fill(out)
    }
}

/// What the owner of the account has in hand.
#[derive(Clone)]
pub struct Owner {
    pub app: Rc<App>,
    pub recovery_code: Rc<str>,
    /// Of the session that enrolled.
    pub ctx: Context,
    pub assertion: Assertion,
    /// Where policy remembers devices.
    pub device: Option<DeviceToken>,
    /// Where policy has texts sent: a sign-in that was sent a code half a minute ago.
    pub texted: Option<Texted>,
}

/// A challenge to be answered with a code that was sent.
#[derive(Clone)]
pub struct Texted {
    pub ctx: Context,
    pub ticket: Ticket<kind::Challenge>,
    pub code: Rc<str>,
}

/// The account and everything that has been handed out so far.
pub struct Account {
    pub node: Node,
    pub stage: Stage,
    /// What the host says to [`Context::known_enrolled`] once there is something to know.
    pub host_remembers: bool,
    owner: Option<Owner>,
    /// A set-up that is open in several tabs, one for a first app and one for a replacement.
    tabs: [Option<Tab>; 2],
    recovering: Option<(Context, Ticket<kind::Enroll>)>,
    /// The proof of the one transaction, and a set-up that takes the place of the owner's app.
    confirmed: Option<Assertion>,
    change: Option<Tab>,
    support: Option<(Context, Assertion)>,
    visits: u64,
}

/// A confirmed set-up, one click from its end.
#[derive(Clone)]
pub struct Tab {
    pub ctx: Context,
    pub ticket: Ticket<kind::Confirmed>,
    pub scanned: Scanned,
}

impl Account {
    pub fn new(policy: &Policy, host_remembers: bool) -> Self {
        Self {
            node: Node::new(policy, 1_000, 1, START),
            stage: Stage::Unenrolled,
            host_remembers,
            owner: None,
            tabs: [None, None],
            recovering: None,
            confirmed: None,
            change: None,
            support: None,
            visits: 0,
        }
    }

    pub fn now(&self) -> UnixSeconds {
        self.node.clock.reading()
    }

    /// The time step of this moment.
    pub fn step(&self) -> TimeStep {
        TimeStep::containing(self.now(), Period::THIRTY_SECONDS)
    }

    pub fn owner(&self) -> &Owner {
        self.owner.as_ref().expect("the account is enrolled by now")
    }

    pub fn owner_if_enrolled(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// Another sign-in of the account.
    pub fn visit(&mut self) -> Context {
        self.visits += 1;
        visit(self.visits).known_enrolled(self.host_remembers && self.stage > Stage::Unenrolled)
    }

    pub fn enroll_ticket(&self, ctx: &Context) -> Ticket<kind::Enroll> {
        match begin(&self.node.mfa, ctx, self.now()).unwrap() {
            Next::Offer(menu) | Next::Enroll(menu) => menu.ticket,
            other => panic!("expected an enrollment, got {other:?}"),
        }
    }

    pub fn challenge(&self, ctx: &Context) -> Ticket<kind::Challenge> {
        challenge(&begin(&self.node.mfa, ctx, self.now()).unwrap()).expect("a challenge")
    }

    /// Scans a key and confirms it; nothing is active yet.
    pub fn confirm(&self, ctx: Context, ticket: &Ticket<kind::Enroll>, name: &str) -> Tab {
        let mfa = &self.node.mfa;
        let pending = block_on(mfa.enroll_app(&ctx, ticket)).unwrap();
        let app = Rc::new(App { name: name.to_owned(), shows: TestAuthenticator::scan(&pending).unwrap() });
        let code = app.shows.code_of_step(self.step());
        let confirmed = block_on(mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
        let recovery_code = Some(Rc::from(confirmed.expose_recovery_code()));
        let scanned = Scanned { app, confirmed: Some(self.step()), recovery_code, acknowledged: false };
        Tab { ctx, ticket: confirmed.ticket, scanned }
    }

    /// The one first set-up that every tab shows.
    pub fn first_tab(&mut self) -> Tab {
        if self.tabs[0].is_none() {
            let ctx = self.visit();
            let ticket = self.enroll_ticket(&ctx);
            self.tabs[0] = Some(self.confirm(ctx, &ticket, "app of the tabs"));
        }
        self.tabs[0].clone().unwrap()
    }

    /// The one replacement that every tab shows, in the sign-in that opened the recovery.
    pub fn replacement_tab(&mut self) -> Tab {
        if self.tabs[1].is_none() {
            let (ctx, ticket) = self.recovering.clone().unwrap();
            self.tabs[1] = Some(self.confirm(ctx, &ticket, "replacement of the tabs"));
        }
        self.tabs[1].clone().unwrap()
    }

    /// The proof of the one transaction, in the owner's session: whoever redeems holds the same.
    pub fn confirmed_transaction(&mut self) -> Assertion {
        if self.confirmed.is_none() {
            let ticket = self.asked(Wanted::Transaction(&transaction()));
            let owner = self.owner();
            let code = owner.app.shows.code_of_step(self.step().offset(-1));
            let proof = block_on(self.node.mfa.verify(&owner.ctx, &ticket, &code, Remember::No)).unwrap();
            self.confirmed = Some(proof);
        }
        self.confirmed.clone().unwrap()
    }

    /// The ticket of a challenge in the owner's session.
    pub fn asked(&self, wanted: Wanted<'_>) -> Ticket<kind::Challenge> {
        let owner = self.owner();
        match block_on(self.node.mfa.challenge(&owner.ctx, &owner.assertion, wanted, None)).unwrap() {
            Asked::Challenge(challenge) => challenge.ticket,
            other => panic!("expected a challenge, got {other:?}"),
        }
    }

    /// The one change of the owner's app that every tab shows.
    pub fn change_tab(&mut self) -> Tab {
        if self.change.is_none() {
            let (ctx, assertion) = (self.owner().ctx.clone(), self.owner().assertion.clone());
            let menu = block_on(self.node.mfa.change_app(&ctx, &assertion, None)).unwrap();
            self.change = Some(self.confirm(ctx, &menu.ticket, "the changed app"));
        }
        self.change.clone().unwrap()
    }

    /// Somebody who may reset the owner, signed in.
    pub fn support(&mut self) -> (Context, Assertion) {
        if let Some(support) = &self.support {
            return support.clone();
        }
        let subject = Subject::new(
            SubjectId::new("desk").unwrap(),
            "desk@example.com",
            Attributes::new().with("role", "support"),
        );
        let binding = SessionBinding::from_bytes([0xEE; 16]);
        let ctx = Context::new(Realm::new("main", "Example").unwrap(), subject, binding);
        let ticket = match begin(&self.node.mfa, &ctx, self.now()).unwrap() {
            Next::Offer(menu) | Next::Enroll(menu) => menu.ticket,
            other => panic!("a new desk: {other:?}"),
        };
        let tab = self.confirm(ctx, &ticket, "the desk's app");
        let assertion = block_on(self.node.mfa.activate(&tab.ctx, &tab.ticket, Acknowledged)).unwrap();
        self.support = Some((tab.ctx.clone(), assertion.clone()));
        (tab.ctx, assertion)
    }

    /// Another sign-in that goes on with the recovery.
    pub fn resume(&mut self) -> (Context, Ticket<kind::Enroll>) {
        let ctx = self.visit();
        let ticket = self.challenge(&ctx);
        let code = &self.owner().recovery_code;
        let menu = block_on(self.node.mfa.recover(&ctx, &ticket, code)).unwrap();
        (ctx, menu.ticket)
    }

    /// Leads the account to the stage after this one.
    pub fn advance(&mut self) {
        match self.stage {
            Stage::Unenrolled => self.enroll(),
            Stage::Enrolled => {
                self.recovering = Some(self.resume());
                self.stage = Stage::Recovering;
            }
            Stage::Recovering => panic!("there is no stage after this one"),
        }
    }

    fn enroll(&mut self) {
        let ctx = self.visit();
        let ticket = self.enroll_ticket(&ctx);
        let tab = self.confirm(ctx, &ticket, "the owner's app");
        let assertion = block_on(self.node.mfa.activate(&tab.ctx, &tab.ticket, Acknowledged)).unwrap();
        let Scanned { app, recovery_code, .. } = tab.scanned;
        let recovery_code = recovery_code.unwrap();
        self.owner = Some(Owner { app, recovery_code, ctx: tab.ctx, assertion, device: None, texted: None });
        self.stage = Stage::Enrolled;
        self.wait(60);
        self.add_a_phone();
        self.have_a_device_remembered();
        for pause in [0, 0, 5, 15] {
            let ctx = self.visit();
            let ticket = self.challenge(&ctx);
            assert_eq!(guess(&self.node.mfa, &ctx, &ticket, &wrong_code(self)), Ok(Rejection::WrongCode));
            assert_eq!(guess_recovery(&self.node.mfa, &ctx, &ticket), Ok(Rejection::WrongCode));
            self.wait(pause);
        }
        self.wait(10); // the beginning of a step, the third after the one that confirmed
        self.have_a_text_sent();
    }

    fn sends_texts(&self) -> bool {
        !self.node.mfa.policy().sms().regions().is_empty()
    }

    /// Puts a phone beside the app, where policy has texts sent; two steps later.
    fn add_a_phone(&mut self) {
        if !self.sends_texts() {
            return;
        }
        let mfa = self.node.mfa.clone();
        let (ctx, assertion) = (self.owner().ctx.clone(), self.owner().assertion.clone());
        let menu = block_on(mfa.change_phone(&ctx, &assertion)).unwrap();
        let number = PhoneNumber::parse("+12015550123").unwrap();
        let consent = Consent { wording: 1 };
        let pending = block_on(mfa.enroll_phone(&ctx, &menu.ticket, &number, consent)).unwrap();
        let confirmed = block_on(mfa.confirm_phone(&ctx, &pending.ticket, &self.latest_code())).unwrap();
        let recovery_code = Rc::from(confirmed.expose_recovery_code());
        let assertion = block_on(mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
        let owner = self.owner.as_mut().unwrap();
        (owner.recovery_code, owner.assertion) = (recovery_code, assertion);
        self.wait(60);
    }

    fn have_a_text_sent(&mut self) {
        if !self.sends_texts() {
            return;
        }
        let ctx = self.visit();
        let ticket = self.challenge(&ctx);
        let ticket = block_on(self.node.mfa.send_code(&ctx, &ticket)).unwrap().ticket;
        let code = Rc::from(self.latest_code());
        self.owner.as_mut().unwrap().texted = Some(Texted { ctx, ticket, code });
        self.wait(30);
    }

    fn latest_code(&self) -> String {
        let text = self.node.outbox.sent().last().unwrap().body().expose().to_owned();
        text.rsplit_once('#').unwrap().1.to_owned()
    }

    /// Signs in on a device that is to be remembered, where policy has any; a time step later.
    fn have_a_device_remembered(&mut self) {
        let ctx = self.visit();
        if self.node.mfa.policy().decide(ctx.subject().attributes(), self.now()).remember_device().is_none() {
            return;
        }
        let (ticket, code) = (self.challenge(&ctx), self.owner().app.shows.code_of_step(self.step()));
        let assertion = block_on(self.node.mfa.verify(&ctx, &ticket, &code, Remember::Yes)).unwrap();
        let owner = self.owner.as_mut().unwrap();
        owner.device = Some(assertion.device_token().unwrap().clone());
        self.wait(30);
    }

    fn wait(&self, seconds: u64) {
        self.node.clock.advance(Duration::from_secs(seconds));
    }
}

/// The transaction that is confirmed and redeemed.
pub fn transaction() -> Transaction {
    Transaction::new("pay-1", "1250.00", "USD", "Acme Concrete").unwrap()
}

/// The subject's sign-in of this number: a session binding of its own.
pub fn visit(number: u64) -> Context {
    visit_as(SUBJECT, number)
}

/// The same as that of another subject.
pub fn visit_as(subject: &str, number: u64) -> Context {
    let mut binding = [0; 16];
    binding[..8].copy_from_slice(&number.to_le_bytes());
    let subject = Subject::new(SubjectId::new(subject).unwrap(), "ada@example.com", Attributes::new());
    Context::new(Realm::new("main", "Example").unwrap(), subject, SessionBinding::from_bytes(binding))
}

pub fn begin(mfa: &Mfa, ctx: &Context, now: UnixSeconds) -> Result<Next, Error> {
    block_on(mfa.begin(ctx, FirstFactor::password(now)))
}

/// The ticket for a code, wherever there is one.
pub fn challenge(next: &Next) -> Option<Ticket<kind::Challenge>> {
    match next {
        Next::Challenge(challenge) => Some(challenge.ticket.clone()),
        Next::RecoverOnly(ticket) | Next::Throttled { recover: ticket, .. } => Some(ticket.clone()),
        _ => None,
    }
}

/// Types `code`, and answers how it was turned down, or the text of anything else.
pub fn guess(
    mfa: &Mfa,
    ctx: &Context,
    ticket: &Ticket<kind::Challenge>,
    code: &str,
) -> Result<Rejection, String> {
    match block_on(mfa.verify(ctx, ticket, code, Remember::No)) {
        Err(Error::Rejected(rejection)) => Ok(rejection),
        other => Err(format!("{other:?}")),
    }
}

/// The same with a recovery code of nobody's.
pub fn guess_recovery(
    mfa: &Mfa,
    ctx: &Context,
    ticket: &Ticket<kind::Challenge>,
) -> Result<Rejection, String> {
    match block_on(mfa.recover(ctx, ticket, &wrong_recovery_code())) {
        Err(Error::Rejected(rejection)) => Ok(rejection),
        other => Err(format!("{other:?}")),
    }
}

/// A code that the owner's app shows at no time near.
pub fn wrong_code(account: &Account) -> String {
    let live: Vec<_> =
        (-4..=4).map(|n| account.owner().app.shows.code_of_step(account.step().offset(n))).collect();
    (0..).map(|n| format!("{n:06}")).find(|code| !live.contains(code)).unwrap()
}

/// A recovery code of the right form that belongs to nobody.
pub fn wrong_recovery_code() -> String {
    mfa_core::recovery::RecoveryCode::from_bytes([7; 16]).to_text().to_string()
}

/// Who the account belongs to, and who it belongs to after a move.
pub const SUBJECT: &str = "ada";
pub const MOVED: &str = "ada-lovelace";

/// 2027-01-15T08:00:00Z, the beginning of a time step.
pub const START: u64 = 1_800_000_000;
