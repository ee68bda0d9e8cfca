//! The pages as a whole: put together by a builder, mounted as a router, begun after the first factor.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::any;
use mfa::policy::{Methods, Purpose};
use mfa::{Asked, Challenge, Mfa, Next, Rejection, Ticket, Transaction, UnixSeconds, Wanted, kind};
use thiserror::Error;

use crate::answer;
use crate::flow::Flow;
use crate::host::{DynHost, Host, HostError, Renew, Visitor};
use crate::language::{accepted_languages, in_language};
use crate::layout::Layout;
use crate::paths::Paths;
use crate::proven::{Beside, Errand};
use crate::refusal::Refusal;
use crate::require::RequireMfa;
use crate::serve;
use crate::templates::{DefaultTemplates, ProblemPage, Templates};
use crate::texts::Catalogue;

/// The ready-made pages. Cheap to clone; keep it in the host's state, where [`RequireMfa`](crate::RequireMfa) finds it.
///
/// # Examples
/// ```
/// use axum::Router;
/// use mfa::Mfa;
/// use mfa_axum::{Catalogue, Host, Pages, PagesError};
///
/// fn pages(mfa: Mfa, host: impl Host) -> Result<Pages, PagesError> {
///     Pages::builder(mfa, host)
///         .mounted_at("/account/security")
///         .texts(Catalogue::builtin())
///         .stylesheet("/theme.css")
///         .brand("Example")
///         .build()
/// }
/// ```
#[derive(Clone)]
pub struct Pages {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) mfa: Mfa,
    pub(crate) host: Box<dyn DynHost>,
    pub(crate) catalogue: Catalogue,
    pub(crate) templates: Box<dyn Templates>,
    pub(crate) paths: Paths,
    pub(crate) stylesheets: Vec<String>,
    pub(crate) brand: String,
    report: Report,
}

/// Hears of the causes that visitors are never shown.
type Report = Box<dyn Fn(&(dyn StdError + 'static)) + Send + Sync>;

impl Pages {
    /// Begins to put the pages together.
    pub fn builder(mfa: Mfa, host: impl Host) -> PagesBuilder {
        PagesBuilder {
            mfa,
            host: Box::new(host),
            mount: "/mfa".to_owned(),
            catalogue: Catalogue::builtin(),
            templates: Box::new(DefaultTemplates),
            stylesheets: Vec::new(),
            brand: String::new(),
            report: Box::new(|_| {}),
        }
    }

    /// What an error of the library is answered with. The operator hears the cause of one that only they can mend.
    pub(crate) fn told(&self, error: &mfa::Error) -> Refusal {
        if let mfa::Error::Unavailable(cause) = error {
            (self.inner.report)(cause);
        }
        Refusal::of(error)
    }

    /// What a failure of the host is answered with. An error of the library that the host passes on is answered as if the
    /// pages had met it themselves.
    pub(crate) fn host_failed(&self, error: &HostError) -> Refusal {
        if let Some(error) = error.downcast_ref::<mfa::Error>() {
            return self.told(error);
        }
        (self.inner.report)(&**error);
        Refusal::Unavailable { is_transient: true }
    }

    /// The routes of the pages, to [`merge`](Router::merge) (not nest) into the host's router.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let handler = |pages: Self| {
            any(move |request: Request| {
                let pages = pages.clone();
                async move { serve::serve(&pages, request).await }
            })
        };
        let mount = &self.inner.paths.mount;
        Router::new()
            .route(mount, handler(self.clone()))
            .route(&format!("{mount}/"), handler(self.clone()))
            .route(&format!("{mount}/{{*page}}"), handler(self.clone()))
    }

    /// Asks the library what comes after a right first factor, keeps it in the visitor's session under a new id, and
    /// answers with the way to the right page. The host's sign-in page calls it as its last act.
    ///
    /// A storage that does not answer is answered 503: nobody is signed in.
    pub async fn begin(&self, visitor: &Visitor) -> Response {
        self.begin_with(visitor, Renew::NewSessionId).await
    }

    pub(crate) async fn begin_with(&self, visitor: &Visitor, renew: Renew) -> Response {
        let flow = match self.inner.mfa.begin(&visitor.context, visitor.first_factor.clone()).await {
            Ok(Next::Proved(assertion)) => Flow::proved(&assertion),
            Ok(Next::Offer(menu) | Next::Enroll(menu)) if menu.needs_binding_code => Flow::Bind(menu.ticket),
            Ok(Next::Offer(menu)) => Flow::Offer(menu.ticket, menu.required_from),
            Ok(Next::Enroll(menu)) => Flow::Enroll(menu.ticket),
            Ok(Next::Challenge(challenge)) => Flow::Challenge(self.sent_where_only(visitor, challenge).await),
            // The page of the challenge tells until when.
            Ok(Next::Throttled { recover, .. }) => Flow::Challenge(recover),
            Ok(Next::RecoverOnly(ticket)) => Flow::RecoverOnly(ticket),
            Err(error) => return self.refuse_visitor(visitor, self.told(&error), false),
        };
        self.go(visitor, &flow, renew).await
    }

    /// The challenge's ticket, with a text sent where it can be answered with nothing else. One that did not go is told of
    /// by the page, which offers to send another.
    async fn sent_where_only(&self, visitor: &Visitor, challenge: Challenge) -> Ticket<kind::Challenge> {
        if challenge.methods != Methods::SMS {
            return challenge.ticket;
        }
        let (tag, _) = self.inner.catalogue.select(visitor.languages.iter().map(String::as_str));
        let context = in_language(visitor.context.clone(), tag, &visitor.languages);
        match self.inner.mfa.send_code(&context, &challenge.ticket).await {
            Ok(sent) => sent.ticket,
            Err(error) => {
                self.told(&error);
                challenge.ticket
            }
        }
    }

    /// Runs `errand` ([`Host::run_errand`]) with proof that is fresh for `purpose`: at once where the session has it, and
    /// otherwise after "Verify Your Identity". For actions that a person must not have to begin again, such as a form that
    /// was filled in. The errand is at most 256 bytes; it travels through the browser, and allows nothing by itself.
    pub async fn with_fresh_proof(&self, secured: &RequireMfa, purpose: Purpose, errand: &str) -> Response {
        let errand = Errand::Host { purpose, name: Box::from(errand) };
        serve::run_or_verify(self, secured, errand).await
    }

    /// Asks for a second factor for this transaction, then redeems it and has it [carried out](Host::carry_out).
    pub async fn confirm(&self, secured: &RequireMfa, transaction: &Transaction) -> Response {
        let visitor = &secured.visitor;
        let (mfa, wanted) = (&self.inner.mfa, Wanted::Transaction(transaction));
        match mfa.challenge(&visitor.context, &secured.assertion, wanted, None).await {
            Ok(Asked::Challenge(challenge)) => {
                let ticket = self.sent_where_only(visitor, challenge).await;
                self.verify_beside(secured, Beside::Transaction(ticket)).await
            }
            Ok(Asked::Throttled { until }) | Err(mfa::Error::Rejected(Rejection::Throttled { until })) => {
                self.too_many(visitor, until)
            }
            Ok(_) => self.refuse_visitor(visitor, Refusal::Forbidden, false),
            Err(error) => self.refuse_visitor(visitor, self.told(&error), false),
        }
    }

    /// Leads to "Verify Your Identity", and from there to `errand`.
    pub(crate) async fn verify_first(&self, secured: &RequireMfa, errand: Errand) -> Response {
        self.verify_beside(secured, Beside::Verify(errand)).await
    }

    async fn verify_beside(&self, secured: &RequireMfa, beside: Beside) -> Response {
        let visitor = &secured.visitor;
        let Flow::Proved(proven) = &visitor.flow else {
            return self.refuse_visitor(visitor, Refusal::Expired, false);
        };
        match self.inner.host.keep(visitor, &Flow::Proved(proven.beside(beside)), Renew::No).await {
            Ok(headers) => answer::with_headers(answer::see_other(&self.inner.paths.verify), headers),
            Err(error) => self.refuse_visitor(visitor, self.host_failed(&error), false),
        }
    }

    /// 429 for somebody who has no page to show it on.
    fn too_many(&self, visitor: &Visitor, until: UnixSeconds) -> Response {
        let (_, texts) = self.inner.catalogue.select(visitor.languages.iter().map(String::as_str));
        let page = ProblemPage { texts, link: &self.inner.paths.home, link_text: &texts.common.home };
        match self.inner.templates.problem(&page) {
            Ok(main) => {
                let alert = texts.too_many(until);
                let layout = self.layout(&texts.verify.title).visitor(visitor);
                layout.status(StatusCode::TOO_MANY_REQUESTS).alert(&alert).respond(&main)
            }
            Err(_) => answer::bare_unavailable(),
        }
    }

    /// Keeps the flow and sends the visitor to its page.
    pub(crate) async fn go(&self, visitor: &Visitor, flow: &Flow, renew: Renew) -> Response {
        match self.inner.host.keep(visitor, flow, renew).await {
            Ok(headers) => answer::with_headers(answer::see_other(self.inner.paths.of_flow(flow)), headers),
            Err(error) => self.refuse_visitor(visitor, self.host_failed(&error), false),
        }
    }

    /// A page of the host in the shell of these pages.
    pub fn layout<'a>(&'a self, title: &'a str) -> Layout<'a> {
        Layout::new(self, title)
    }

    /// The answer for a request that cannot be served: a page, or a problem document for JSON clients. For the host's
    /// own forms.
    pub fn refuse(&self, request: &HeaderMap, refusal: Refusal) -> Response {
        let languages = accepted_languages(request);
        let (brand, link) = (&self.inner.brand, &self.inner.paths.sign_in);
        self.refuse_as(&languages, brand, answer::wants_json(request), refusal, link)
    }

    /// As [`Pages::refuse`], to somebody with a session: the page leads back into it, and not to sign-in.
    pub fn refuse_to(&self, visitor: &Visitor, request: &HeaderMap, refusal: Refusal) -> Response {
        self.refuse_visitor(visitor, refusal, answer::wants_json(request))
    }

    pub(crate) fn refuse_visitor(&self, visitor: &Visitor, refusal: Refusal, is_json: bool) -> Response {
        let paths = &self.inner.paths;
        let link = match (&visitor.flow, refusal) {
            (Flow::Proved(_), _) => &*paths.home,
            // What was refused leaves the page as it was: back to it. What is over begins anew.
            (flow, Refusal::Malformed | Refusal::Forged | Refusal::Unavailable { .. }) => paths.of_flow(flow),
            _ => &*paths.sign_in,
        };
        let brand = visitor.context.realm().issuer();
        self.refuse_as(&visitor.languages, brand, is_json, refusal, link)
    }

    /// Where the pages and the host's two are.
    pub fn paths(&self) -> &Paths {
        &self.inner.paths
    }

    /// The library behind the pages.
    pub fn mfa(&self) -> &Mfa {
        &self.inner.mfa
    }

    /// The texts of the pages.
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("mount", &self.inner.paths.mount).finish_non_exhaustive()
    }
}

/// Puts the pages together. Made by [`Pages::builder`].
#[must_use = "build makes the pages"]
pub struct PagesBuilder {
    mfa: Mfa,
    host: Box<dyn DynHost>,
    mount: String,
    catalogue: Catalogue,
    templates: Box<dyn Templates>,
    stylesheets: Vec<String>,
    brand: String,
    report: Report,
}

impl PagesBuilder {
    /// The path under which all pages are, `/mfa` unless said. Everything below it belongs to the pages.
    pub fn mounted_at(mut self, path: &str) -> Self {
        path.trim_end_matches('/').clone_into(&mut self.mount);
        self
    }

    /// Other texts, or more languages.
    pub fn texts(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// Another look for single pages.
    pub fn templates(mut self, templates: impl Templates) -> Self {
        self.templates = Box::new(templates);
        self
    }

    /// One more style sheet after ours, such as `/theme.css`; usually it sets the custom properties listed at the top
    /// of ours. It must be on this host: the content security policy allows no other.
    pub fn stylesheet(mut self, path: &str) -> Self {
        self.stylesheets.push(path.to_owned());
        self
    }

    /// The name shown where no visitor, and so no realm, is known. Nothing unless said.
    pub fn brand(mut self, brand: &str) -> Self {
        brand.clone_into(&mut self.brand);
        self
    }

    /// Hears the cause of every 503: storage, keys, clock, randomness, the host's sessions. Visitors are shown none of it,
    /// so without this it is lost. Nothing in it is secret; log it, and alert on it.
    pub fn on_unavailable(
        mut self,
        report: impl Fn(&(dyn StdError + 'static)) + Send + Sync + 'static,
    ) -> Self {
        self.report = Box::new(report);
        self
    }

    /// Makes the pages.
    ///
    /// # Errors
    /// [`PagesError`] when a path cannot be one.
    pub fn build(self) -> Result<Pages, PagesError> {
        if !is_path(&self.mount) || self.mount.len() < 2 || self.mount.contains(['?', '&', '=', '%']) {
            return Err(PagesError::Mount);
        }
        if !self.stylesheets.iter().all(|path| is_path(path)) {
            return Err(PagesError::Stylesheet);
        }
        let (sign_in, home) = (self.host.sign_in_path(), self.host.home_path());
        if !is_path(sign_in) || !is_path(home) {
            return Err(PagesError::HostPath);
        }
        let paths = Paths::new(&self.mount, sign_in, home);
        let stylesheets = std::iter::once(paths.style.clone()).chain(self.stylesheets).collect();
        Ok(Pages {
            inner: Arc::new(Inner {
                mfa: self.mfa,
                host: self.host,
                catalogue: self.catalogue,
                templates: self.templates,
                paths,
                stylesheets,
                brand: self.brand,
                report: self.report,
            }),
        })
    }
}

impl fmt::Debug for PagesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagesBuilder").field("mount", &self.mount).finish_non_exhaustive()
    }
}

/// A path that cannot be one. A mistake of the program, told when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PagesError {
    /// The mount.
    #[error("the mount of the pages must be a plain path such as /mfa")]
    Mount,
    /// A style sheet.
    #[error("a style sheet of the pages must be a path on this host")]
    Stylesheet,
    /// What the host says of its sign-in page or its home page.
    #[error("the host's sign-in and home paths must be paths on this host")]
    HostPath,
}

/// An absolute path of this host, and nothing that a browser reads as another host or a router as a pattern.
fn is_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~?=&%".contains(c);
    path.starts_with('/') && !path.contains("//") && path.chars().all(is_plain)
}
