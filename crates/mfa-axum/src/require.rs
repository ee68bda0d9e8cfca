//! The extractor that stands before every protected handler.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::Response;
use mfa::policy::Purpose;
use mfa::{Assertion, Standing};

use crate::answer;
use crate::flow::Flow;
use crate::host::{Renew, Visitor};
use crate::pages::Pages;
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
        let is_json = answer::wants_json(&request.headers);
        let visitor = match self.inner.host.visitor(request).await {
            Ok(Some(visitor)) => visitor,
            Ok(None) => return Err(self.send_to_sign_in(request)),
            Err(error) => return Err(self.refuse(&request.headers, self.host_failed(&error))),
        };
        let Flow::Proved(sealed) = &visitor.flow else {
            return Err(match (&visitor.flow, is_json) {
                (Flow::None, _) => self.send_to_sign_in(request),
                (_, true) => self.refuse_visitor(&visitor, Refusal::FactorWanted, true),
                (flow, false) => answer::see_other(self.inner.paths.of_flow(flow)),
            });
        };
        let Ok(assertion) = self.inner.mfa.open_assertion(&visitor.context, sealed) else {
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
