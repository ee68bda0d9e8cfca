//! What the pages need of the host: its session, and nothing else.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use mfa::{Assertion, Context, DeviceToken, Event, FirstFactor, Pseudonym, Transaction};

use crate::flow::Flow;
use crate::form::Form;

/// The host's sessions, as the pages see them. Implement it over whatever session layer the host has.
///
/// A session begins when the first factor was right (the host's own sign-in page) and holds, besides what the host
/// keeps in it: the [`SessionBinding`](mfa::SessionBinding), the first factor and its time, a CSRF token, and the
/// [`Flow`] as text.
pub trait Host: Clone + Send + Sync + 'static {
    /// The person whose session this request belongs to, or `None` without one.
    ///
    /// Attributes are looked up anew for every request: a session that outlives a change of role must not keep the old
    /// one.
    ///
    /// # Errors
    /// [`HostError`] when the session store does not answer; the request is then answered 503.
    fn visitor(&self, request: &Parts) -> impl Future<Output = Result<Option<Visitor>, HostError>> + Send;

    /// Keeps `flow` in the visitor's session and answers the headers to send, such as `Set-Cookie`.
    ///
    /// With [`Renew::NewSessionId`] the session must go on under a new id, and the old id must be dead when this
    /// returns: the assurance changed (session fixation). The session binding stays, and the CSRF token should: a form
    /// from before is then told that it is over (410), not that it is forged (403).
    ///
    /// `visitor.flow` is the step that is left, as the posted form had it. Whoever goes from [`Flow::Confirmed`] or
    /// [`Flow::Challenge`] to [`Flow::Proved`] is enrolled: remember that, with the session, before answering, and say
    /// so from then on with [`Context::known_enrolled`].
    ///
    /// # Errors
    /// [`HostError`] when the session store does not answer; the request is then answered 503.
    fn keep(
        &self,
        visitor: &Visitor,
        flow: &Flow,
        renew: Renew,
    ) -> impl Future<Output = Result<HeaderMap, HostError>> + Send;

    /// Where somebody without a session is sent.
    fn sign_in_path(&self) -> &str;

    /// Where somebody who has proved everything is sent.
    fn home_path(&self) -> &str;

    /// Checks the first factor again, from the field `password` of the form, and answers it with its time; `None` when it
    /// is wrong. Throttle it like the sign-in page. The pages keep nothing of the form. For people with
    /// [`Visitor::has_password`]; the others are sent to sign in again.
    ///
    /// # Errors
    /// [`HostError`] when it cannot be told; the request is then answered 503.
    fn check_password(
        &self,
        visitor: &Visitor,
        form: &Form,
    ) -> impl Future<Output = Result<Option<FirstFactor>, HostError>> + Send {
        let _ = (visitor, form);
        async { Ok(None) }
    }

    /// Carries out what was begun with [`Pages::with_fresh_proof`](crate::Pages::with_fresh_proof), and answers with a page
    /// or the way to one. `proof` was fresh for its purpose when this was called; who may do what is still judged here.
    ///
    /// # Errors
    /// [`HostError`], answered 503; one that is an [`mfa::Error`], as the library's own would be:
    /// [`Rejection::NotAllowed`](mfa::Rejection::NotAllowed) 403, say, so that `?` after [`Mfa::reset`](mfa::Mfa::reset) is
    /// enough.
    fn run_errand(
        &self,
        visitor: &Visitor,
        errand: &str,
        proof: &Assertion,
    ) -> impl Future<Output = Result<Response, HostError>> + Send {
        let _ = (visitor, errand, proof);
        async { Err("this host has no errands".into()) }
    }

    /// Carries out a transaction that was confirmed and redeemed, and answers with the way to the page that shows it. Called
    /// again for the same transaction when an earlier answer was lost: look it up by its id, and pay once.
    ///
    /// # Errors
    /// [`HostError`], answered 503.
    fn carry_out(
        &self,
        visitor: &Visitor,
        transaction: &Transaction,
    ) -> impl Future<Output = Result<Response, HostError>> + Send {
        let _ = (visitor, transaction);
        async { Err("this host has no transactions".into()) }
    }

    /// Keeps the person's wish that MFA is always required of them. The host passes it to policy as an attribute.
    ///
    /// # Errors
    /// [`HostError`], answered 503.
    fn keep_always_require(
        &self,
        visitor: &Visitor,
        on: bool,
    ) -> impl Future<Output = Result<(), HostError>> + Send {
        let _ = (visitor, on);
        async { Err("this host does not keep the wish".into()) }
    }

    /// Hands the browser the token by which it is remembered: a cookie that outlives the session, `HttpOnly` and `Secure`,
    /// given back with [`Context::device`]. Unless this is implemented, nothing is remembered.
    ///
    /// # Errors
    /// [`HostError`], answered 503.
    fn remember_device(
        &self,
        visitor: &Visitor,
        token: &DeviceToken,
        lifetime: Duration,
    ) -> impl Future<Output = Result<HeaderMap, HostError>> + Send {
        let _ = (visitor, token, lifetime);
        async { Ok(HeaderMap::new()) }
    }

    /// The latest events of the subject, the newest first, from wherever the host keeps what it reads with
    /// [`Mfa::events`](mfa::Mfa::events).
    ///
    /// # Errors
    /// [`HostError`], answered 503.
    fn recent_events(
        &self,
        visitor: &Visitor,
        subject: Pseudonym,
    ) -> impl Future<Output = Result<Vec<Event>, HostError>> + Send {
        let _ = (visitor, subject);
        async { Ok(Vec::new()) }
    }
}

/// A person with a session: the first factor was right.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "hosts build it from their session")]
pub struct Visitor {
    /// The context of this request, with the subject's current attributes.
    pub context: Context,
    /// The first factor of this session and its time.
    pub first_factor: FirstFactor,
    /// How far the visitor has come.
    pub flow: Flow,
    /// The token that forms of this session carry: at least 128 random bits as text.
    pub csrf: String,
    /// Names the session to the host, for [`Host::keep`]; the pages never look at it.
    pub session: String,
    /// Whether the first factor is a password that can be asked for again; otherwise the person signs in again.
    pub has_password: bool,
    /// Whether the person wishes that MFA is always required of them; `None` where the host does not keep such a wish.
    pub always_require: Option<bool>,
    /// The languages the visitor prefers, best first, such as `es-MX`; usually from `Accept-Language`.
    pub languages: Vec<String>,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("subject", self.context.subject().id())
            .field("flow", &self.flow)
            .finish_non_exhaustive()
    }
}

/// Whether the session id must change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a host must handle both")]
pub enum Renew {
    /// The assurance changed: new session id, the old one dead.
    NewSessionId,
    /// Only the step of the ceremony changed.
    No,
}

/// The host's own failure, answered 503. Its text is for the operator and is never shown. One that is an [`mfa::Error`] is
/// answered as the library's own would be.
pub type HostError = Box<dyn Error + Send + Sync>;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, HostError>> + Send + 'a>>;

/// [`Host`] as the pages keep it, without its type.
pub(crate) trait DynHost: Send + Sync + 'static {
    fn visitor<'a>(&'a self, request: &'a Parts) -> Answer<'a, Option<Visitor>>;
    fn keep<'a>(&'a self, visitor: &'a Visitor, flow: &'a Flow, renew: Renew) -> Answer<'a, HeaderMap>;
    fn sign_in_path(&self) -> &str;
    fn home_path(&self) -> &str;
    fn check_password<'a>(&'a self, visitor: &'a Visitor, form: &'a Form) -> Answer<'a, Option<FirstFactor>>;
    fn run_errand<'a>(
        &'a self,
        visitor: &'a Visitor,
        errand: &'a str,
        proof: &'a Assertion,
    ) -> Answer<'a, Response>;
    fn carry_out<'a>(&'a self, visitor: &'a Visitor, transaction: &'a Transaction) -> Answer<'a, Response>;
    fn keep_always_require<'a>(&'a self, visitor: &'a Visitor, on: bool) -> Answer<'a, ()>;
    fn remember_device<'a>(
        &'a self,
        visitor: &'a Visitor,
        token: &'a DeviceToken,
        lifetime: Duration,
    ) -> Answer<'a, HeaderMap>;
    fn recent_events<'a>(&'a self, visitor: &'a Visitor, subject: Pseudonym) -> Answer<'a, Vec<Event>>;
}

impl<H: Host> DynHost for H {
    fn visitor<'a>(&'a self, request: &'a Parts) -> Answer<'a, Option<Visitor>> {
        Box::pin(Host::visitor(self, request))
    }

    fn keep<'a>(&'a self, visitor: &'a Visitor, flow: &'a Flow, renew: Renew) -> Answer<'a, HeaderMap> {
        Box::pin(Host::keep(self, visitor, flow, renew))
    }

    fn sign_in_path(&self) -> &str {
        Host::sign_in_path(self)
    }

    fn home_path(&self) -> &str {
        Host::home_path(self)
    }

    fn check_password<'a>(&'a self, visitor: &'a Visitor, form: &'a Form) -> Answer<'a, Option<FirstFactor>> {
        Box::pin(Host::check_password(self, visitor, form))
    }

    fn run_errand<'a>(
        &'a self,
        visitor: &'a Visitor,
        errand: &'a str,
        proof: &'a Assertion,
    ) -> Answer<'a, Response> {
        Box::pin(Host::run_errand(self, visitor, errand, proof))
    }

    fn carry_out<'a>(&'a self, visitor: &'a Visitor, transaction: &'a Transaction) -> Answer<'a, Response> {
        Box::pin(Host::carry_out(self, visitor, transaction))
    }

    fn keep_always_require<'a>(&'a self, visitor: &'a Visitor, on: bool) -> Answer<'a, ()> {
        Box::pin(Host::keep_always_require(self, visitor, on))
    }

    fn remember_device<'a>(
        &'a self,
        visitor: &'a Visitor,
        token: &'a DeviceToken,
        lifetime: Duration,
    ) -> Answer<'a, HeaderMap> {
        Box::pin(Host::remember_device(self, visitor, token, lifetime))
    }

    fn recent_events<'a>(&'a self, visitor: &'a Visitor, subject: Pseudonym) -> Answer<'a, Vec<Event>> {
        Box::pin(Host::recent_events(self, visitor, subject))
    }
}
