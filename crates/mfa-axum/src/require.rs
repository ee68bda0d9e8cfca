//! The extractors that stand before protected handlers.

use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::Response;
use mfa::policy::Purpose;
use mfa::{Assertion, Standing};

use crate::answer;
use crate::flow::Flow;
use crate::host::{Renew, Visitor};
use crate::pages::Pages;
use crate::proven::Errand;
use crate::refusal::Refusal;

/// That the visitor has proved everything that record and policy ask for at this moment. A handler with this argument
/// cannot be reached with half a session.
///
/// Everybody else is answered for it: without a session, or with one that an activation or a reset ended, 303 to
/// sign-in; half way, 303 to the page they are at; with a second factor that is missing or too old, a new challenge;
/// and 503 when that cannot be told. JSON clients get 401 in place of a way to a page.
///
/// The state of the router must give [`Pages`] by [`FromRef`].
///
/// # Examples
/// ```
/// use axum::Router;
/// use axum::extract::FromRef;
/// use axum::routing::get;
/// use mfa_axum::{Pages, RequireMfa};
///
/// #[derive(Clone)]
/// struct App { pages: Pages }
///
/// impl FromRef<App> for Pages {
///     fn from_ref(app: &App) -> Self { app.pages.clone() }
/// }
///
/// fn router(app: App) -> Router {
///     Router::new().route("/", get(home)).merge(app.pages.router()).with_state(app)
/// }
///
/// async fn home(secured: RequireMfa) -> String {
///     secured.assertion.amr().join(" ")
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequireMfa {
    /// Who.
    pub visitor: Visitor,
    /// What they have proved.
    pub assertion: Assertion,
}

impl<S> FromRequestParts<S> for RequireMfa
where
    S: Send + Sync,
    Pages: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        Pages::from_ref(state).require(parts).await
    }
}

impl Pages {
    /// What [`RequireMfa`] does, for hosts that do not use extractors.
    ///
    /// # Errors
    /// The answer for a visitor who may not go on.
    pub async fn require(&self, request: &Parts) -> Result<RequireMfa, Response> {
        match self.inner.host.visitor(request).await {
            Ok(Some(visitor)) => self.secure(request, visitor).await,
            Ok(None) => Err(self.send_to_sign_in(request)),
            Err(error) => Err(self.refuse(&request.headers, self.host_failed(&error))),
        }
    }

    pub(crate) async fn secure(&self, request: &Parts, visitor: Visitor) -> Result<RequireMfa, Response> {
        let is_json = answer::wants_json(&request.headers);
        let Flow::Proved(proven) = &visitor.flow else {
            return Err(match (&visitor.flow, is_json) {
                (Flow::None, _) => self.send_to_sign_in(request),
                (_, true) => self.refuse_visitor(&visitor, Refusal::FactorWanted, true),
                (flow, false) => answer::see_other(self.inner.paths.of_flow(flow)),
            });
        };
        let Ok(assertion) = self.inner.mfa.open_assertion(&visitor.context, proven.session()) else {
            return Err(self.end(request, &visitor).await);
        };
        match self.inner.mfa.check(&visitor.context, &assertion, Purpose::Session).await {
            Ok(Standing::Good) => Ok(RequireMfa { visitor, assertion }),
            Ok(Standing::FactorWanted) if is_json => {
                Err(self.refuse_visitor(&visitor, Refusal::FactorWanted, true))
            }
            Ok(Standing::FactorWanted) => Err(self.begin_with(&visitor, Renew::No).await),
            Ok(_) => Err(self.end(request, &visitor).await),
            Err(error) => Err(self.refuse_visitor(&visitor, self.told(&error), is_json)),
        }
    }

    /// The assertion of this session that is good for `purpose` now: that of the sign-in, or the one proved since.
    pub(crate) async fn fresh(
        &self,
        secured: &RequireMfa,
        purpose: Purpose,
    ) -> Result<Option<Assertion>, mfa::Error> {
        let (mfa, context) = (&self.inner.mfa, &secured.visitor.context);
        if mfa.check(context, &secured.assertion, purpose).await? == Standing::Good {
            return Ok(Some(secured.assertion.clone()));
        }
        let Flow::Proved(proven) = &secured.visitor.flow else { return Ok(None) };
        let Some(fresh) = proven.fresh().and_then(|text| mfa.open_assertion(context, text).ok()) else {
            return Ok(None);
        };
        let is_good = mfa.check(context, &fresh, purpose).await? == Standing::Good;
        Ok(is_good.then_some(fresh))
    }

    /// The session is over: nothing of what it proved stands.
    async fn end(&self, request: &Parts, visitor: &Visitor) -> Response {
        match self.inner.host.keep(visitor, &Flow::None, Renew::No).await {
            Ok(headers) => answer::with_headers(self.send_to_sign_in(request), headers),
            Err(error) => self.refuse(&request.headers, self.host_failed(&error)),
        }
    }

    pub(crate) fn send_to_sign_in(&self, request: &Parts) -> Response {
        match answer::wants_json(&request.headers) {
            true => self.refuse(&request.headers, Refusal::Unauthorized),
            false => answer::see_other(&self.inner.paths.sign_in),
        }
    }
}

/// That the visitor has proved everything for a session, and lately enough what `P` stands for: [`Manage`] (both factors)
/// or [`StepUp`] (the second one). Whoever has not is led to "Verify Your Identity" and from there back to this address;
/// JSON clients get 401 (RFC 9470).
///
/// Put it before the page that shows a form as well as before the one that takes it: what was posted is not kept while the
/// person proves themselves. For an action that must survive that, see [`Pages::with_fresh_proof`].
///
/// # Examples
/// ```
/// use mfa_axum::{Fresh, StepUp};
///
/// async fn export(proof: Fresh<StepUp>) -> String {
///     format!("{:?}", proof.assertion.second_factor())
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fresh<P> {
    /// Who.
    pub visitor: Visitor,
    /// What they have proved freshly.
    pub assertion: Assertion,
    purpose: PhantomData<fn() -> P>,
}

/// A purpose that fresh proof can be demanded for.
pub trait ProofPurpose {
    /// Which one.
    const PURPOSE: Purpose;
}

/// Changing authenticators, one's own or somebody else's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Manage;

/// A sensitive action of the host's own.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StepUp;

impl ProofPurpose for Manage {
    const PURPOSE: Purpose = Purpose::Manage;
}

impl ProofPurpose for StepUp {
    const PURPOSE: Purpose = Purpose::StepUp;
}

impl<S, P: ProofPurpose> FromRequestParts<S> for Fresh<P>
where
    S: Send + Sync,
    Pages: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let pages = Pages::from_ref(state);
        let secured = pages.require(parts).await?;
        match pages.fresh(&secured, P::PURPOSE).await {
            Ok(Some(assertion)) => Ok(Self { visitor: secured.visitor, assertion, purpose: PhantomData }),
            Ok(None) if answer::wants_json(&parts.headers) => {
                Err(pages.refuse_visitor(&secured.visitor, Refusal::FactorWanted, true))
            }
            Ok(None) => {
                let path = parts.uri.path_and_query().map_or(parts.uri.path(), |path| path.as_str());
                Err(pages.verify_first(&secured, Errand::Go { purpose: P::PURPOSE, path: path.into() }).await)
            }
            Err(error) => Err(pages.refuse_visitor(&secured.visitor, pages.told(&error), false)),
        }
    }
}

/// That the visitor has shown a recovery code and must now set up a new authenticator. All it lets them do is that; a host
/// may want to tell them more meanwhile. Everybody else is sent to the page they are at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recovering {
    /// Who.
    pub visitor: Visitor,
}

impl<S> FromRequestParts<S> for Recovering
where
    S: Send + Sync,
    Pages: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let pages = Pages::from_ref(state);
        let visitor = match pages.inner.host.visitor(parts).await {
            Ok(Some(visitor)) => visitor,
            Ok(None) => return Err(pages.send_to_sign_in(parts)),
            Err(error) => return Err(pages.refuse(&parts.headers, pages.host_failed(&error))),
        };
        let Flow::Recovering(ticket) = &visitor.flow else {
            return Err(answer::see_other(pages.inner.paths.of_flow(&visitor.flow)));
        };
        match pages.inner.mfa.menu(&visitor.context, ticket).await {
            Ok(_) => Ok(Self { visitor }),
            Err(error) => {
                Err(pages.refuse_visitor(&visitor, pages.told(&error), answer::wants_json(&parts.headers)))
            }
        }
    }
}
