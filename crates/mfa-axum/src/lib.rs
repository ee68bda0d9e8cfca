//! Ready-made pages and extractors of [`mfa`] for axum: what a person sees between "the password was right" and home.
//!
//! The host keeps its users, passwords and sessions; it implements [`Host`] over its sessions, mounts the pages, calls
//! [`Pages::begin`] when a first factor was right, and writes [`RequireMfa`] where half a session must not get in.
//!
//! ```
//! # use axum::http::{HeaderMap, Request, request::Parts};
//! # use mfa::{Keyring, SystemRandom, storage::MemoryStorage};
//! # use mfa_axum::{Flow, HostError, Renew, Visitor};
//! # use tower::ServiceExt;
//! # #[derive(Clone)] struct Sessions;
//! # impl Host for Sessions {
//! #     async fn visitor(&self, _: &Parts) -> Result<Option<Visitor>, HostError> { Ok(None) }
//! #     async fn keep(&self, _: &Visitor, _: &Flow, _: Renew) -> Result<HeaderMap, HostError> { Ok(HeaderMap::new()) }
//! #     fn sign_in_path(&self) -> &str { "/sign-in" }
//! #     fn home_path(&self) -> &str { "/" }
//! # }
//! use axum::{Router, routing::get};
//! use mfa::Mfa;
//! use mfa_axum::{Host, Pages, PagesError, RequireMfa};
//!
//! fn site(mfa: Mfa, sessions: impl Host) -> Result<Router, PagesError> {
//!     let pages = Pages::builder(mfa, sessions).build()?;
//!     Ok(Router::new().route("/", get(home)).merge(pages.router()).with_state(pages))
//! }
//!
//! async fn home(secured: RequireMfa) -> String {
//!     format!("Signed in as {}", secured.visitor.context.subject().account())
//! }
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let keys = Keyring::generate(&SystemRandom)?;
//! # let mfa = Mfa::builder().storage(MemoryStorage::new()).keyring(keys).build()?;
//! # let answer = site(mfa, Sessions)?.oneshot(Request::new(axum::body::Body::empty())).await?;
//! # assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/sign-in".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the pages hold to
//! - The [`Flow`] in the host's session says which page may be seen; every other one leads there. The sealed ticket in a
//!   form says which ceremony it is about, so two tabs do not mix. Whether it is good is the library's judgement alone.
//! - A form needs the token of its session, and must come from this site ([`Form::carries`], [`is_same_origin`]).
//! - Answers: 200, 303, 403, 410, 413, 422, 429, 503, and 401 for JSON clients. Nothing else, for no path or method.
//! - No secret is in an address. Pages are never stored, run no foreign code, and cannot be framed.
//! - They work without script; the one script copies the recovery code.
//! - The host's server bounds how long a client may take to send its request; the pages only bound how much.
//!
//! # Making them yours
//! | what | how |
//! | --- | --- |
//! | colours, fonts, corners, dark mode | [`PagesBuilder::stylesheet`] with custom properties |
//! | words, languages | [`Catalogue`] |
//! | markup of single pages | [`Templates`] |
//! | your own pages in the same shell | [`Pages::layout`] |
#![forbid(unsafe_code)]

mod answer;
mod assets;
mod flow;
mod form;
mod host;
mod language;
mod layout;
mod origin;
mod pages;
mod paths;
mod proven;
mod refusal;
mod require;
mod serve;
mod templates;
mod texts;

pub use flow::{Flow, InvalidFlow};
pub use form::{Form, FormError};
pub use host::{Host, HostError, Renew, Visitor};
pub use language::accepted_languages;
pub use layout::Layout;
pub use origin::is_same_origin;
pub use pages::{Pages, PagesBuilder, PagesError};
pub use paths::Paths;
pub use proven::Proven;
pub use refusal::Refusal;
pub use require::{Fresh, Manage, ProofPurpose, Recovering, RequireMfa, StepUp};
pub use templates::{
    AppPage, BindPage, ChallengePage, DefaultTemplates, Hidden, LayoutPage, MethodPage, ProblemPage,
    RecoverPage, Rendered, RequiredPage, SavePage, SecurityPage, Templates, VerifyPage, html_escape,
};
pub use texts::{
    AlertTexts, AppTexts, BindTexts, Catalogue, ChallengeTexts, CommonTexts, MethodTexts, PhoneTexts,
    ProblemTexts, RecoverTexts, RequiredTexts, SaveTexts, SecurityTexts, TextCodeTexts, Texts, TextsError,
    TextsFault, VerifyTexts,
};

/// The blocks of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
