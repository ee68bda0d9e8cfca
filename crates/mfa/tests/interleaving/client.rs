//! A client: one ceremony, what it was told, and what the person at the keyboard knows whatever they were told.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;

use mfa::testing::TestAuthenticator;
use mfa::{Assertion, Context, Error, Mfa, Rejection, Standing, Ticket, Unavailable, kind};
use mfa_core::time::TimeStep;

/// How a ceremony ended for its caller.
#[derive(Debug)]
pub enum Outcome {
    Success(Gain),
    Rejected(Rejection),
    Unavailable(Unavailable),
    /// The future was dropped, or never polled again: nobody was told anything.
    Dropped,
}

/// What a success gave.
#[derive(Debug)]
pub enum Gain {
    SignedIn(By, Assertion),
    Asked(Asked),
    /// May enroll a replacement.
    Recovering(Context, Ticket<kind::Enroll>),
    Stands(Standing),
    Redeemed,
    /// Something of the account was changed by means of what the client held.
    Changed,
    /// Something that takes neither ticket nor proof of the subject's.
    Done,
}

/// What made an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Code,
    Activation,
    /// A code that came by text.
    Text,
    /// For one transaction, by a code.
    Confirmation,
    /// The session's own, carried over a change.
    Change,
    /// A remembered device stands in for the second factor.
    Device,
    Skipping,
    FirstFactorAlone,
}

/// What is asked after the first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Offer,
    Enroll,
    Challenge,
    Throttled,
    RecoverOnly,
}

impl From<Result<Gain, Error>> for Outcome {
    fn from(answer: Result<Gain, Error>) -> Self {
        match answer {
            Ok(gain) => Self::Success(gain),
            Err(Error::Rejected(rejection)) => Self::Rejected(rejection),
            Err(Error::Unavailable(why)) => Self::Unavailable(why),
            Err(other) => panic!("an error of a third kind: {other:?}"),
        }
    }
}

impl Outcome {
    /// The assertion, if the caller holds one now.
    pub fn assertion(&self) -> Option<(By, &Assertion)> {
        match self {
            Self::Success(Gain::SignedIn(by, assertion)) => Some((*by, assertion)),
            _ => None,
        }
    }

    /// What the caller was given to go on with, as text.
    pub fn given(&self) -> Option<&str> {
        match self {
            Self::Success(Gain::SignedIn(_, assertion)) => Some(assertion.as_str()),
            Self::Success(Gain::Recovering(_, ticket)) => Some(ticket.as_str()),
            _ => None,
        }
    }

    /// Whether a ticket or an assertion that the client held was good for something: an answer, or a comparison.
    pub fn took_what_was_held(&self) -> bool {
        match self {
            Self::Success(Gain::SignedIn(by, _)) => *by != By::FirstFactorAlone,
            Self::Success(
                Gain::Recovering(..) | Gain::Stands(Standing::Good) | Gain::Redeemed | Gain::Changed,
            ) => true,
            Self::Rejected(rejection) => matches!(rejection, Rejection::WrongCode | Rejection::AlreadyUsed),
            _ => false,
        }
    }
}

/// Without what is random in it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success(Gain::SignedIn(by, _)) => write!(f, "signed in by {by:?}"),
            Self::Success(Gain::Asked(asked)) => write!(f, "asked: {asked:?}"),
            Self::Success(Gain::Recovering(..)) => f.write_str("recovering"),
            Self::Success(Gain::Stands(standing)) => write!(f, "the assertion is {standing:?}"),
            Self::Success(Gain::Redeemed) => f.write_str("redeemed"),
            Self::Success(Gain::Changed) => f.write_str("changed"),
            Self::Success(Gain::Done) => f.write_str("done"),
            Self::Rejected(rejection) => write!(f, "{rejection:?}"),
            Self::Unavailable(why) => write!(f, "unavailable: {why}"),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}

/// An authenticator app in somebody's hand.
#[derive(Debug)]
pub struct App {
    pub name: String,
    pub shows: TestAuthenticator,
}

/// What a client presented and came to know, up to where it got.
#[derive(Default)]
pub struct Notes {
    /// Right codes that it typed at a challenge.
    pub typed: Vec<(Rc<App>, TimeStep)>,
    /// Apps that it scanned.
    pub scanned: Vec<Scanned>,
}

/// An app that a client tried to enroll.
#[derive(Clone)]
pub struct Scanned {
    pub app: Rc<App>,
    /// The step of the right code that was typed to confirm it; none while only wrong ones were.
    pub confirmed: Option<TimeStep>,
    /// The recovery code that was shown for it.
    pub recovery_code: Option<Rc<str>>,
    /// Whether the person said that the recovery code is saved, and so called `activate`.
    pub acknowledged: bool,
}

/// What a ceremony runs with.
#[derive(Clone)]
pub struct Client {
    pub mfa: Mfa,
    pub notes: Rc<RefCell<Notes>>,
}

impl Client {
    pub fn new(mfa: &Mfa) -> Self {
        Self { mfa: mfa.clone(), notes: Rc::default() }
    }

    /// To be called before the code is handed over.
    pub fn types(&self, app: &Rc<App>, step: TimeStep) {
        self.notes.borrow_mut().typed.push((Rc::clone(app), step));
    }

    /// To be called once an app has scanned a key, and again when it is known to be confirmed or acknowledged.
    pub fn scans(&self, scanned: Scanned) {
        let mut notes = self.notes.borrow_mut();
        notes.scanned.retain(|before| before.app.name != scanned.app.name);
        notes.scanned.push(scanned);
    }
}

/// A ceremony under way.
pub type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// A ceremony that is ready to run, any number of times, with what it holds: tickets, codes, assertions.
pub type Act = Box<dyn Fn(Client) -> Running>;

/// Makes an [`Act`] from what a client holds and what it does with it.
pub fn act<H: 'static, F>(held: H, script: impl Fn(Client, Rc<H>) -> F + 'static) -> Act
where
    F: Future<Output = Result<Gain, Error>> + 'static,
{
    let held = Rc::new(held);
    Box::new(move |client| {
        let running = script(client, Rc::clone(&held));
        Box::pin(async move { Outcome::from(running.await) })
    })
}
