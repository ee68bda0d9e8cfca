//! What the pages need of the host: its session, and nothing else.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use mfa::{Context, FirstFactor};

use crate::flow::Flow;

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

/// The host's own failure. Its text is for the operator and is never shown.
pub type HostError = Box<dyn Error + Send + Sync>;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, HostError>> + Send + 'a>>;

/// [`Host`] as the pages keep it, without its type.
pub(crate) trait DynHost: Send + Sync + 'static {
    fn visitor<'a>(&'a self, request: &'a Parts) -> Answer<'a, Option<Visitor>>;
    fn keep<'a>(&'a self, visitor: &'a Visitor, flow: &'a Flow, renew: Renew) -> Answer<'a, HeaderMap>;
    fn sign_in_path(&self) -> &str;
    fn home_path(&self) -> &str;
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
}
