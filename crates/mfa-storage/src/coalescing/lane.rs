//! Calls of one kind: those that wait, and the round trips ("flights") that some of them share.
//!
//! The lock is never held while something of somebody else's runs: a backend's future, a waker, or the drop of either.
//! Whatever changes the state also lets go whatever may go, so a free flight and a call that could use it never stand
//! side by side. A flight that has to be polled wakes every caller there is, since one that is alive need not be one
//! that somebody still polls; the first to come takes it.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use mfa_core::id::SubjectKey;
use thiserror::Error;

use crate::{Operation, StorageError};

/// What one call asks for, and how several of them are asked at once.
pub(super) trait Item<S>: Send + Sized + 'static {
    type Answer: Send + 'static;
    /// What an error says was being done.
    const OPERATION: Operation;
    /// Whether two calls of one subject must not be under way at once.
    const ALONE_FOR_ITS_SUBJECT: bool;

    fn subject(&self) -> &SubjectKey;

    /// One round trip: an answer for each of `items`, in their order.
    fn go(storage: Arc<S>, items: Vec<Self>) -> impl Future<Output = Answers<Self::Answer>> + Send + 'static;
}

/// The answers of one round trip.
pub(super) type Answers<A> = Vec<Result<A, StorageError>>;

/// How much goes at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) batch: usize,
    pub(super) flights: usize,
}

pub(super) struct Lane<S, I: Item<S>> {
    storage: Arc<S>,
    limits: Limits,
    state: Mutex<State<I, I::Answer>>,
}

impl<S: Send + Sync + 'static, I: Item<S>> Lane<S, I> {
    pub(super) fn new(storage: Arc<S>, limits: Limits) -> Arc<Self> {
        let state = State { last_number: 0, calls: BTreeMap::new(), flights: BTreeMap::new() };
        Arc::new(Self { storage, limits, state: Mutex::new(state) })
    }

    pub(super) fn call(self: &Arc<Self>, item: I) -> Waiting<'_, S, I> {
        Waiting { lane: self, place: Place::Outside(item) }
    }

    /// Nothing between two changes of the state can panic.
    fn state(&self) -> MutexGuard<'_, State<I, I::Answer>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, item: I, waker: Waker) -> Ticket {
        let mut state = self.state();
        let ticket = state.number();
        state.calls.insert(ticket, Call { waker, stage: Stage::Queued(item) });
        self.depart(&mut state);
        ticket
    }

    /// Lets go whatever may go. Whoever calls it sees to it that somebody polls what went.
    fn depart(self: &Arc<Self>, state: &mut State<I, I::Answer>) {
        while state.flights.len() < self.limits.flights {
            let (tickets, items) = self.board(state);
            if items.is_empty() {
                return;
            }
            let subjects = match I::ALONE_FOR_ITS_SUBJECT {
                true => items.iter().map(|item| item.subject().clone()).collect(),
                false => HashSet::new(),
            };
            let number = state.number();
            let waker = Waker::from(Arc::new(FlightWaker { lane: Arc::downgrade(self), number }));
            let storage = self.storage.clone();
            // Even a backend that starts when it is called, and not when it is polled, runs without our lock.
            let future = Box::pin(async move { I::go(storage, items).await });
            let flight = Flight { tickets, subjects, waker, future: Some(future), woken: true };
            state.flights.insert(number, flight);
        }
    }

    /// The next batch, oldest first.
    fn board(&self, state: &mut State<I, I::Answer>) -> (Vec<Ticket>, Vec<I>) {
        let mut under_way: HashSet<SubjectKey> =
            state.flights.values().flat_map(|flight| flight.subjects.iter().cloned()).collect();
        let (mut tickets, mut items) = (Vec::new(), Vec::new());
        for (ticket, call) in &mut state.calls {
            if items.len() == self.limits.batch {
                break;
            }
            let Stage::Queued(item) = &call.stage else { continue };
            if I::ALONE_FOR_ITS_SUBJECT && !under_way.insert(item.subject().clone()) {
                continue;
            }
            if let Stage::Queued(item) = std::mem::replace(&mut call.stage, Stage::Flying) {
                tickets.push(*ticket);
                items.push(item);
            }
        }
        (tickets, items)
    }

    /// What a caller that is being polled has to do; `flown` is the last flight it has already polled this time.
    fn turn(&self, ticket: Ticket, waker: &Waker, flown: u64) -> Turn<I::Answer> {
        let waker = waker.clone();
        let mut state = self.state();
        let Some(call) = state.calls.get_mut(&ticket) else { return Turn::Wait };
        if matches!(call.stage, Stage::Answered(_)) {
            let call = state.calls.remove(&ticket);
            drop(state);
            return call.map_or(Turn::Wait, |call| call.into_answer().map_or(Turn::Wait, Turn::Answer));
        }
        let replaced = std::mem::replace(&mut call.waker, waker);
        let turn = state.take_flight(flown);
        drop(state);
        drop(replaced);
        turn
    }

    /// Polls a flight that was taken, once.
    fn drive(self: &Arc<Self>, number: u64, waker: &Waker, mut future: Trip<I::Answer>) {
        let mut context = Context::from_waker(waker);
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
            Ok(Poll::Pending) => self.put_back(number, future),
            Ok(Poll::Ready(answers)) => {
                drop(future);
                self.land(number, answers, Missing::NotAnswered);
            }
            Err(_already_reported) => {
                // What is left of it may panic again; that is of no more use to anybody.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
                self.land(number, Vec::new(), Missing::Panicked);
            }
        }
    }

    fn put_back(self: &Arc<Self>, number: u64, future: Trip<I::Answer>) {
        let mut state = self.state();
        if let Some(flight) = state.flights.get_mut(&number) {
            flight.future = Some(future);
        }
        self.settle(state, number);
    }

    /// After `number` was put back, or somebody left: drops it if nobody waits for it, wakes everybody if that lets
    /// others go, or if it was woken while it was away.
    fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<I, I::Answer>>, number: u64) {
        let Some(flight) = state.flights.get(&number) else { return };
        if flight.future.is_none() {
            return; // whoever polls it will put it back, and come here
        }
        let wanted = flight.tickets.iter().any(|ticket| state.calls.contains_key(ticket));
        if wanted && !flight.woken {
            return;
        }
        let dropped = if wanted { None } else { state.flights.remove(&number) };
        self.depart(&mut state);
        let wakers = state.everybody();
        drop(state);
        drop(dropped);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn land(self: &Arc<Self>, number: u64, answers: Answers<I::Answer>, missing: Missing) {
        let mut answers = answers.into_iter();
        let mut state = self.state();
        let Some(flight) = state.flights.remove(&number) else { return };
        let mut unclaimed = Vec::new();
        for ticket in &flight.tickets {
            let answer = answers.next();
            let answer = answer.unwrap_or_else(|| Err(StorageError::permanent(I::OPERATION, missing)));
            match state.calls.get_mut(ticket) {
                Some(call) => call.stage = Stage::Answered(answer),
                None => unclaimed.push(answer),
            }
        }
        self.depart(&mut state);
        let wakers = state.everybody();
        drop(state);
        drop((unclaimed, answers, flight));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A flight's own waker was woken.
    fn wake(&self, number: u64) {
        let mut state = self.state();
        let Some(flight) = state.flights.get_mut(&number) else { return };
        // While somebody polls it, the rest is theirs: they look at `woken` when they put it back.
        if std::mem::replace(&mut flight.woken, true) || flight.future.is_none() {
            return;
        }
        let wakers = state.everybody();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn leave(self: &Arc<Self>, ticket: Ticket) {
        let mut state = self.state();
        let left = state.calls.remove(&ticket);
        let flight = state.flights.iter().find(|(_, flight)| flight.tickets.contains(&ticket));
        if let Some(number) = flight.map(|(number, _)| *number) {
            self.settle(state, number);
        } else {
            drop(state);
        }
        drop(left);
    }
}

struct State<I, A> {
    last_number: u64,
    /// In the order they came.
    calls: BTreeMap<Ticket, Call<I, A>>,
    flights: BTreeMap<u64, Flight<A>>,
}

impl<I, A> State<I, A> {
    fn number(&mut self) -> u64 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }

    /// A flight after `flown` that has to be polled and that nobody else polls.
    fn take_flight(&mut self, flown: u64) -> Turn<A> {
        let after = self.flights.iter_mut().filter(|(number, _)| **number > flown);
        for (number, flight) in after.filter(|(_, flight)| flight.woken) {
            if let Some(future) = flight.future.take() {
                flight.woken = false;
                return Turn::Drive(*number, flight.waker.clone(), future);
            }
        }
        Turn::Wait
    }

    fn everybody(&self) -> Vec<Waker> {
        self.calls.values().map(|call| call.waker.clone()).collect()
    }
}

/// Names a call, in the order in which they came.
type Ticket = u64;

type Trip<A> = Pin<Box<dyn Future<Output = Answers<A>> + Send>>;

struct Call<I, A> {
    waker: Waker,
    stage: Stage<I, A>,
}

impl<I, A> Call<I, A> {
    fn into_answer(self) -> Option<Result<A, StorageError>> {
        match self.stage {
            Stage::Answered(answer) => Some(answer),
            Stage::Queued(_) | Stage::Flying => None,
        }
    }
}

enum Stage<I, A> {
    Queued(I),
    Flying,
    Answered(Result<A, StorageError>),
}

struct Flight<A> {
    /// In the order of the answers. Some of these calls may have been dropped since.
    tickets: Vec<Ticket>,
    /// Those that nobody else may take along meanwhile.
    subjects: HashSet<SubjectKey>,
    waker: Waker,
    /// Away while somebody polls it.
    future: Option<Trip<A>>,
    /// Whether it has to be polled again.
    woken: bool,
}

enum Turn<A> {
    Answer(Result<A, StorageError>),
    Drive(u64, Waker, Trip<A>),
    Wait,
}

/// A call, until it is answered or dropped.
pub(super) struct Waiting<'a, S: Send + Sync + 'static, I: Item<S>> {
    lane: &'a Arc<Lane<S, I>>,
    place: Place<I>,
}

enum Place<I> {
    Outside(I),
    Inside(Ticket),
    Gone,
}

/// Nothing in it is ever pinned.
impl<S: Send + Sync + 'static, I: Item<S>> Unpin for Waiting<'_, S, I> {}

impl<S: Send + Sync + 'static, I: Item<S>> Future for Waiting<'_, S, I> {
    type Output = Result<I::Answer, StorageError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let ticket = match std::mem::replace(&mut this.place, Place::Gone) {
            Place::Outside(item) => this.lane.enter(item, context.waker().clone()),
            Place::Inside(ticket) => ticket,
            Place::Gone => return Poll::Pending, // polled after it was done
        };
        this.place = Place::Inside(ticket);
        let mut flown = 0;
        loop {
            match this.lane.turn(ticket, context.waker(), flown) {
                Turn::Answer(answer) => {
                    this.place = Place::Gone;
                    return Poll::Ready(answer);
                }
                Turn::Drive(number, waker, future) => {
                    flown = number;
                    this.lane.drive(number, &waker, future);
                }
                Turn::Wait => return Poll::Pending,
            }
        }
    }
}

impl<S: Send + Sync + 'static, I: Item<S>> Drop for Waiting<'_, S, I> {
    fn drop(&mut self) {
        if let Place::Inside(ticket) = self.place {
            self.lane.leave(ticket);
        }
    }
}

struct FlightWaker<S: Send + Sync + 'static, I: Item<S>> {
    lane: Weak<Lane<S, I>>,
    number: u64,
}

impl<S: Send + Sync + 'static, I: Item<S>> Wake for FlightWaker<S, I> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(lane) = self.lane.upgrade() {
            lane.wake(self.number);
        }
    }
}

/// Why a call has no answer of its own.
#[derive(Clone, Copy, Debug, Error)]
enum Missing {
    #[error("the backend answered fewer items than it was asked")]
    NotAnswered,
    #[error("the backend panicked")]
    Panicked,
}
