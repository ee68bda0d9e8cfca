//! How the account behaves after a run, on a store that works: found out by trying, each trial on a copy.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use mfa::policy::Purpose;
use mfa::storage::Cursor;
use mfa::{AuthenticatorStatus, Error, Next, RecordedEvent, Rejection, Remember, Standing};
use mfa_core::time::{Period, TimeStep};
use pollster::block_on;

use crate::account::{Node, SUBJECT, begin, challenge, guess, guess_recovery, visit, visit_as};
use crate::client::{App, Asked, Gain, Outcome};
use crate::schedule::{History, Scene};

/// What anybody could find out about the account after a run.
#[derive(Debug)]
pub struct Behaviour {
    /// What a sign-in is asked now, and an hour later, by a host that remembers nothing.
    pub asks: Asks,
    pub asks_later: Asks,
    /// Of each app that anybody holds: whether its code signs in an hour later.
    pub works: Vec<(String, bool)>,
    /// Of each recovery code that anybody was shown: whether it opens a recovery an hour later.
    pub opens: Vec<(String, bool)>,
    /// Of each right code that was typed or confirmed with: whether it signs in once more, now.
    pub again: Vec<(String, TimeStep, bool)>,
    /// How many more wrong codes, and wrong recovery codes, are compared now; and how many codes an hour later.
    pub guesses: usize,
    pub guesses_later: usize,
    pub recovery_guesses: usize,
    /// Of each client: what it was given is worth now.
    pub worth: Vec<Worth>,
    /// How many authenticators the account page shows as active; none is told of a row that is damaged.
    pub shown_active: Option<usize>,
    /// Every event since the account was new.
    pub events: Vec<RecordedEvent>,
}

/// What comes after the first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Proved,
    For(Asked),
    Unavailable,
}

/// What an assertion or a ticket is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Nothing was given.
    NotGiven,
    Stands(Standing),
    /// Whether it leads on to the set-up of a replacement.
    LeadsOn(bool),
    /// Nobody can tell.
    Unavailable,
}

/// Tries things out at a node of its own. What was tried before on equal stores, by people who know the same, is
/// remembered.
pub struct Prober {
    node: Node,
    known: HashMap<u64, Rc<Behaviour>>,
}

impl Prober {
    pub fn new(scene: &Scene) -> Self {
        Self { node: Node::new(&scene.policy, 2_000, 1, scene.now), known: HashMap::new() }
    }

    pub fn behaviour(&mut self, scene: &Scene, history: &History) -> Rc<Behaviour> {
        let known = Known::of(scene, history);
        let key = known.key(history);
        if let Some(behaviour) = self.known.get(&key) {
            return Rc::clone(behaviour);
        }
        let behaviour = Rc::new(self.try_out(scene, history, &known));
        self.known.insert(key, Rc::clone(&behaviour));
        behaviour
    }

    fn try_out(&self, scene: &Scene, history: &History, known: &Known) -> Behaviour {
        let trial = |later: u64| {
            self.node.store.put(history.tables.clone());
            self.node.clock.set(scene.now + later);
            Trial { node: &self.node, subject: SUBJECT }
        };
        let hour = 3_600;
        Behaviour {
            asks: trial(0).asks(),
            asks_later: trial(hour).asks(),
            works: known.apps.iter().map(|app| (app.name.clone(), trial(hour).signs_in_now(app))).collect(),
            opens: known.codes.iter().map(|(of, code)| (of.clone(), trial(hour).opens(code))).collect(),
            again: known
                .steps
                .iter()
                .map(|(app, step)| (app.name.clone(), *step, trial(0).signs_in(app, *step)))
                .collect(),
            guesses: trial(0).guesses(&known.apps),
            guesses_later: trial(hour).guesses(&known.apps),
            recovery_guesses: trial(0).recovery_guesses(),
            worth: history.told.iter().map(|told| trial(0).worth(scene, &told.outcome)).collect(),
            shown_active: trial(0).shown_active(),
            events: trial(0).events(),
        }
    }
}

/// What the people at the keyboards know after a run.
struct Known {
    apps: Vec<Rc<App>>,
    codes: Vec<(String, Rc<str>)>,
    steps: Vec<(Rc<App>, TimeStep)>,
}

impl Known {
    fn of(scene: &Scene, history: &History) -> Self {
        let mut known = Self { apps: Vec::new(), codes: Vec::new(), steps: Vec::new() };
        if let Some(owner) = &scene.owner {
            known.apps.push(Rc::clone(&owner.app));
            known.codes.push((owner.app.name.clone(), Rc::clone(&owner.recovery_code)));
        }
        for told in &history.told {
            let notes = told.notes.borrow();
            for scanned in &notes.scanned {
                if known.apps.iter().any(|app| app.name == scanned.app.name) {
                    continue;
                }
                known.apps.push(Rc::clone(&scanned.app));
                let code =
                    scanned.recovery_code.iter().map(|code| (scanned.app.name.clone(), Rc::clone(code)));
                known.codes.extend(code);
                known.steps.extend(scanned.confirmed.map(|step| (Rc::clone(&scanned.app), step)));
            }
            for (app, step) in &notes.typed {
                if !known.steps.iter().any(|(of, typed)| of.name == app.name && typed == step) {
                    known.steps.push((Rc::clone(app), *step));
                }
            }
        }
        known
    }

    fn key(&self, history: &History) -> u64 {
        let mut hasher = DefaultHasher::new();
        history.tables.hash_into(&mut hasher);
        for app in &self.apps {
            (&app.name, app.shows.code_of_step(TimeStep::new(1))).hash(&mut hasher);
        }
        self.codes.hash(&mut hasher);
        for (app, step) in &self.steps {
            (&app.name, step.get()).hash(&mut hasher);
        }
        for told in &history.told {
            told.outcome.given().hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// One trial, on a copy of what the run left behind.
pub(super) struct Trial<'a> {
    pub(super) node: &'a Node,
    pub(super) subject: &'static str,
}

impl Trial<'_> {
    fn begin(&self) -> (mfa::Context, Result<Next, Error>) {
        let ctx = visit_as(self.subject, FIRST_VISIT);
        let next = begin(&self.node.mfa, &ctx, self.node.clock.reading());
        (ctx, next)
    }

    pub(super) fn asks(&self) -> Asks {
        match self.begin().1 {
            Ok(Next::Proved(_)) => Asks::Proved,
            Ok(Next::Offer(_)) => Asks::For(Asked::Offer),
            Ok(Next::Enroll(_)) => Asks::For(Asked::Enroll),
            Ok(Next::Challenge(_)) => Asks::For(Asked::Challenge),
            Ok(Next::Throttled { .. }) => Asks::For(Asked::Throttled),
            Ok(Next::RecoverOnly(_)) => Asks::For(Asked::RecoverOnly),
            Err(Error::Unavailable(_)) => Asks::Unavailable,
            Err(other) => panic!("begin was refused: {other:?}"),
        }
    }

    pub(super) fn signs_in_now(&self, app: &App) -> bool {
        self.signs_in(app, TimeStep::containing(self.node.clock.reading(), Period::THIRTY_SECONDS))
    }

    pub(super) fn signs_in(&self, app: &App, step: TimeStep) -> bool {
        let (ctx, next) = self.begin();
        let Some(ticket) = next.ok().as_ref().and_then(challenge) else { return false };
        let code = app.shows.code_of_step(step);
        block_on(self.node.mfa.verify(&ctx, &ticket, &code, Remember::No)).is_ok()
    }

    fn opens(&self, code: &str) -> bool {
        let (ctx, next) = self.begin();
        let Some(ticket) = next.ok().as_ref().and_then(challenge) else { return false };
        block_on(self.node.mfa.recover(&ctx, &ticket, code)).is_ok()
    }

    pub(super) fn guesses(&self, apps: &[Rc<App>]) -> usize {
        let step = TimeStep::containing(self.node.clock.reading(), Period::THIRTY_SECONDS);
        let live = |code: &String| {
            let shown = |app: &Rc<App>| (-2..=2).any(|n| app.shows.code_of_step(step.offset(n)) == *code);
            apps.iter().any(shown)
        };
        let code = (0..).map(|n| format!("{n:06}")).find(|code| !live(code)).unwrap();
        let (ctx, next) = self.begin();
        let Some(ticket) = next.ok().as_ref().and_then(challenge) else { return 0 };
        (0..ENOUGH)
            .take_while(|_| guess(&self.node.mfa, &ctx, &ticket, &code) == Ok(Rejection::WrongCode))
            .count()
    }

    fn recovery_guesses(&self) -> usize {
        let (ctx, next) = self.begin();
        let Some(ticket) = next.ok().as_ref().and_then(challenge) else { return 0 };
        (0..ENOUGH)
            .take_while(|_| guess_recovery(&self.node.mfa, &ctx, &ticket) == Ok(Rejection::WrongCode))
            .count()
    }

    fn worth(&self, scene: &Scene, outcome: &Outcome) -> Worth {
        match outcome {
            Outcome::Success(Gain::SignedIn(_, assertion)) => {
                let ctx = scene.owner.as_ref().map_or_else(|| visit(FIRST_VISIT), |owner| owner.ctx.clone());
                block_on(self.node.mfa.check(&ctx, assertion, Purpose::Session))
                    .map_or(Worth::Unavailable, Worth::Stands)
            }
            Outcome::Success(Gain::Recovering(ctx, ticket)) => {
                Worth::LeadsOn(block_on(self.node.mfa.enroll_app(ctx, ticket)).is_ok())
            }
            _ => Worth::NotGiven,
        }
    }

    fn shown_active(&self) -> Option<usize> {
        let overview = block_on(self.node.mfa.overview(&visit_as(self.subject, FIRST_VISIT))).ok()?;
        let is_active = |one: &&mfa::AuthenticatorView| one.status == AuthenticatorStatus::Active;
        Some(overview.authenticators.iter().filter(is_active).count())
    }

    fn events(&self) -> Vec<RecordedEvent> {
        let page = block_on(self.node.mfa.events(Cursor::START, 1_000)).unwrap();
        page.events
    }
}

/// A sign-in that is nobody else's.
const FIRST_VISIT: u64 = 1 << 32;

/// More guesses than are ever compared at one moment.
const ENOUGH: usize = 8;
