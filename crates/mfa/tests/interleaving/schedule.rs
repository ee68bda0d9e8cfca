//! Running clients under one schedule, and going through every schedule there is.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use mfa::UnixSeconds;
use mfa::policy::{Attributes, Policy};
use mfa_core::id::SubjectKey;

use crate::account::{Account, Node, Owner, Stage};
use crate::ceremonies::Ceremony;
use crate::client::{Act, Client, Notes, Outcome, Running};
use crate::store::{Ask, Meets, SimStore, Tables};

/// Clients that are ready to start, and the account as it stands then.
pub struct Scene {
    pub name: String,
    pub policy: Policy,
    pub stage: Stage,
    pub owner: Option<Owner>,
    pub now: u64,
    pub tables: Tables,
    pub row: Row,
    /// Of each client: whether what it holds was handed out at an earlier stage, and is over.
    pub is_stale: Vec<bool>,
    /// A client whose calls always meet what the store's contract says.
    pub spared: Option<usize>,
    subject: SubjectKey,
    acts: Vec<Act>,
}

/// What the subject's row is like when the clients start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    Sound,
    /// It is gone.
    Lost,
    /// It does not open.
    Altered,
}

impl Scene {
    /// Hands each client what its ceremony needs at the stage where that begins, and leads the account on to the last
    /// of those stages.
    pub fn of(ceremonies: &[&Ceremony], policy: &Policy, host_remembers: bool) -> Self {
        let stage = ceremonies.iter().map(|ceremony| ceremony.begins).max().unwrap();
        let mut account = Account::new(policy, host_remembers);
        let mut acts: Vec<Option<Act>> = ceremonies.iter().map(|_| None).collect();
        loop {
            for (act, ceremony) in acts.iter_mut().zip(ceremonies) {
                if ceremony.begins == account.stage {
                    *act = Some((ceremony.prepare)(&mut account));
                }
            }
            if account.stage == stage {
                break;
            }
            account.advance();
        }
        let names: Vec<_> = ceremonies.iter().map(|ceremony| ceremony.name).collect();
        Self {
            name: names.join(" | "),
            policy: policy.clone(),
            stage,
            owner: account.owner_if_enrolled().cloned(),
            now: account.now().get(),
            tables: account.node.store.tables(),
            row: Row::Sound,
            is_stale: ceremonies.iter().map(|ceremony| ceremony.begins < stage).collect(),
            spared: None,
            subject: account.visit().key().clone(),
            acts: acts.into_iter().flatten().collect(),
        }
    }

    /// The same account, enrolled, with its row damaged before the clients start.
    pub fn damaged(mut self, row: Row) -> Self {
        match row {
            Row::Sound => {}
            Row::Lost => self.tables.lose(&self.subject),
            Row::Altered => self.tables.alter(&self.subject),
        }
        self.row = row;
        self.name = format!("{}, row {row:?}", self.name);
        self
    }

    /// The same, with faults for everybody else only.
    pub fn sparing(mut self, client: usize) -> Self {
        self.spared = Some(client);
        self
    }

    pub fn clients(&self) -> usize {
        self.acts.len()
    }

    /// Wrong codes in a row that disable an app.
    pub fn cap(&self) -> usize {
        let decision = self.policy.decide(&Attributes::new(), UnixSeconds::new(self.now)).throttle();
        usize::try_from(decision.cap()).unwrap()
    }
}

/// One thing that can happen next: this client's call meets this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub client: usize,
    pub meets: Meets,
}

/// What happened to one client.
pub struct Told {
    pub outcome: Outcome,
    pub notes: Rc<std::cell::RefCell<Notes>>,
    /// The steps of the run at which its first call was answered and its last one was.
    pub began: usize,
    pub ended: usize,
}

/// What happened in one run.
pub struct History {
    pub told: Vec<Told>,
    pub steps: Vec<(Step, Ask)>,
    /// Of each commit since the clients started: the step of the run that made it.
    pub committed: Vec<usize>,
    pub tables: Tables,
    /// Texts with a code that were handed over, and those that tell a number of its removal.
    pub texts: usize,
    pub notices: usize,
}

/// Everything of a client's past that what it does next, or a judge, can depend on.
#[derive(Clone, Default, Hash)]
struct Past {
    /// What its calls were answered.
    answers: u64,
    /// How many commits there were when its first call was answered, and which clients had ended.
    began: Option<(usize, Vec<bool>)>,
}

impl Past {
    fn meets(&mut self, meets: Meets, ask: &Ask, store: &SimStore) {
        let mut hasher = DefaultHasher::new();
        (self.answers, meets).hash(&mut hasher);
        store.hash_answer_into(ask, &mut hasher);
        self.answers = hasher.finish();
    }
}

/// Equal where whatever follows is the same, and is judged the same.
fn state_of(pasts: &[Past], node: &Node, faults: usize) -> u128 {
    let half = |which: u8| {
        let mut hasher = DefaultHasher::new();
        (which, pasts, faults, node.outbox.sent().len()).hash(&mut hasher);
        node.store.hash_into(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

enum State {
    Waiting(Running, Ask),
    Ended(Outcome),
}

/// Runs the clients of `scene`; `pick` chooses what happens next until it chooses nothing. At most `faults` calls meet
/// anything but what the store's contract says.
pub fn run(
    scene: &Scene,
    mut faults: usize,
    mut pick: impl FnMut(&[Step], &dyn Fn() -> u128) -> Option<usize>,
) -> History {
    let node = Node::new(&scene.policy, 1, scene.clients(), scene.now);
    node.store.put(scene.tables.clone());
    node.store.schedule();
    let clients: Vec<_> = scene.acts.iter().map(|_| Client::new(&node.mfa)).collect();
    let running = scene.acts.iter().zip(&clients).map(|(act, client)| act(client.clone()));
    let mut states: Vec<_> =
        running.enumerate().map(|(number, running)| go_on(&node, number, running)).collect();
    let mut times = vec![(usize::MAX, usize::MAX); states.len()];
    let mut pasts = vec![Past::default(); states.len()];
    let (mut steps, mut committed) = (Vec::new(), Vec::new());
    let mut commits = scene.tables.commits.len();
    let mut options = Vec::new();
    loop {
        options.clear();
        for (client, state) in states.iter().enumerate() {
            if let State::Waiting(_, ask) = state {
                let meets = node.store.can_meet(ask);
                let spared = faults == 0 || scene.spared == Some(client);
                let meets = if spared { &meets[..1] } else { meets };
                options.extend(meets.iter().map(|meets| Step { client, meets: *meets }));
            }
        }
        let state = || state_of(&pasts, &node, faults);
        let Some(step) = pick(&options, &state).map(|chosen| options[chosen]) else { break };
        faults -= usize::from(step.meets != Meets::Applied);
        let dropped = State::Ended(Outcome::Dropped);
        let State::Waiting(running, ask) = std::mem::replace(&mut states[step.client], dropped) else {
            break;
        };
        if times[step.client].0 == usize::MAX {
            times[step.client].0 = steps.len();
            pasts[step.client].began =
                Some((committed.len(), times.iter().map(|(_, end)| *end < usize::MAX).collect()));
        }
        pasts[step.client].meets(step.meets, &ask, &node.store);
        steps.push((step, ask));
        match step.meets {
            // The future goes, at its await, and the store never heard of it.
            Meets::DroppedBefore => drop(running),
            Meets::DroppedAfter => {
                node.store.answer(step.meets);
                drop(go_on(&node, step.client, running));
            }
            _ => {
                node.store.answer(step.meets);
                states[step.client] = go_on(&node, step.client, running);
            }
        }
        if node.store.commits() > commits {
            commits += 1;
            committed.push(steps.len() - 1);
        }
        if matches!(states[step.client], State::Ended(_)) {
            times[step.client].1 = steps.len();
        }
    }
    let told = states.into_iter().zip(clients).zip(times).map(|((state, client), (began, ended))| {
        let outcome = match state {
            State::Ended(outcome) => outcome,
            State::Waiting(..) => Outcome::Dropped,
        };
        Told { outcome, notes: client.notes, began, ended }
    });
    let sent = node.outbox.sent();
    let texts = sent.iter().filter(|text| text.body().expose().contains("@localhost #")).count();
    History {
        told: told.collect(),
        steps,
        committed,
        tables: node.store.tables(),
        texts,
        notices: sent.len() - texts,
    }
}

/// Polls a client until it waits for its next call or has ended.
fn go_on(node: &Node, client: usize, mut running: Running) -> State {
    node.is_turn_of(client);
    match running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => State::Ended(outcome),
        Poll::Pending => match node.store.asked() {
            Some(ask) => State::Waiting(running, ask),
            // Only a caller that is about to be dropped waits for nothing.
            None => State::Ended(Outcome::Dropped),
        },
    }
}

/// Goes through every sequence of choices, depth first: each run follows a prefix and then takes the first option
/// everywhere.
#[derive(Default)]
pub struct EverySchedule {
    /// Each choice made in the run, and among how many.
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl EverySchedule {
    /// The choice of this run at its next fork.
    pub fn pick(&mut self, options: usize) -> Option<usize> {
        if options == 0 {
            return None;
        }
        if self.depth == self.path.len() {
            self.path.push((0, options));
        }
        let (chosen, of) = self.path[self.depth];
        assert_eq!(of, options, "the same prefix must lead to the same fork");
        self.depth += 1;
        Some(chosen)
    }

    /// Turns to the next schedule; `false` when that was the last.
    pub fn advance(&mut self) -> bool {
        self.depth = 0;
        while let Some((chosen, of)) = self.path.pop() {
            if chosen + 1 < of {
                self.path.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}
