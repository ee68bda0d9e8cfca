//! What ends a request without its page: one place where failures become statuses and sentences.

use axum::http::StatusCode;
use axum::response::Response;
use mfa::policy::numbers::NumberRefused;
use mfa::{Error, Rejection, Unavailable};

use crate::answer;
use crate::form::FormError;
use crate::pages::Pages;
use crate::templates::ProblemPage;
use crate::texts::Texts;

/// Why a request cannot be served. Nothing of a cause, an id or a key is ever shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 410: the page is over or used; start again.
    Expired,
    /// 403: policy does not allow it.
    Forbidden,
    /// 403: the request does not come from our page.
    Forged,
    /// 422: the form cannot be read.
    Malformed,
    /// 413: the form is too large.
    TooLarge,
    /// 503: storage, keys, clock or session store do not answer.
    Unavailable {
        /// Whether trying again soon may help.
        is_transient: bool,
    },
    /// 401, JSON clients only: no session.
    Unauthorized,
    /// 401, JSON clients only: a session that lacks a factor (RFC 9470).
    FactorWanted,
}

impl Refusal {
    /// What an error of the library means for a request that has no page to show it on.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Rejected(Rejection::Expired) => Self::Expired,
            Error::Rejected(Rejection::NotAllowed) => Self::Forbidden,
            Error::Rejected(_) => Self::Malformed,
            Error::Unavailable(cause) => Self::Unavailable { is_transient: cause.is_transient() },
            _ => Self::Unavailable { is_transient: false },
        }
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Expired => StatusCode::GONE,
            Self::Forbidden | Self::Forged => StatusCode::FORBIDDEN,
            Self::Malformed => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthorized | Self::FactorWanted => StatusCode::UNAUTHORIZED,
        }
    }

    fn words(self, texts: &Texts) -> (&str, &str) {
        let problem = &texts.problem;
        match self {
            Self::Expired => (&problem.expired_title, &problem.expired),
            Self::Forbidden => (&problem.forbidden_title, &problem.forbidden),
            Self::Forged => (&problem.forged_title, &problem.forged),
            Self::Malformed => (&problem.malformed_title, &problem.malformed),
            Self::TooLarge => (&problem.too_large_title, &problem.too_large),
            Self::Unavailable { .. } => (&problem.unavailable_title, &problem.unavailable),
            Self::Unauthorized => (&problem.unauthorized_title, &problem.unauthorized),
            Self::FactorWanted => (&problem.factor_wanted_title, &problem.factor_wanted),
        }
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        match error {
            FormError::TooLarge => Self::TooLarge,
            FormError::NotAForm | FormError::Undecodable | FormError::Repeated => Self::Malformed,
        }
    }
}

/// Input that was refused and may be typed again on the same page, or the end of the page.
pub(crate) enum Verdict {
    Again(StatusCode, String),
    Over,
}

impl Verdict {
    /// `malformed` is what the page says of input that has not the form of its code.
    pub(crate) fn of(error: &Error, texts: &Texts, malformed: &str) -> Self {
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        match error {
            Error::Rejected(Rejection::WrongCode) => {
                Self::Again(unprocessable, texts.alert.wrong_code.clone())
            }
            Error::Rejected(Rejection::AlreadyUsed) => {
                Self::Again(unprocessable, texts.alert.already_used.clone())
            }
            Error::Rejected(Rejection::Malformed) => Self::Again(unprocessable, malformed.to_owned()),
            Error::Rejected(Rejection::Throttled { until }) => {
                Self::Again(StatusCode::TOO_MANY_REQUESTS, texts.too_many(*until))
            }
            Error::Rejected(Rejection::TextThrottled { until }) => {
                Self::Again(StatusCode::TOO_MANY_REQUESTS, texts.too_many_texts(*until))
            }
            Error::Rejected(Rejection::TextWithheld) => {
                Self::Again(unprocessable, texts.alert.text_withheld.clone())
            }
            Error::Rejected(Rejection::Number(refused)) => {
                Self::Again(unprocessable, number(refused, texts).to_owned())
            }
            Error::Unavailable(Unavailable::Delivery(_) | Unavailable::TextsStopped) => {
                Self::Again(StatusCode::SERVICE_UNAVAILABLE, texts.alert.text_not_sent.clone())
            }
            _ => Self::Over,
        }
    }
}

/// What is said of a number that no text may go to.
pub(crate) fn number<'a>(refused: &NumberRefused, texts: &'a Texts) -> &'a str {
    let alert = &texts.alert;
    match refused {
        NumberRefused::RegionNotAllowed { .. } | NumberRefused::TerritoryNotAllowed { .. } => {
            &alert.number_not_allowed
        }
        NumberRefused::TypeNotAllowed { .. } => &alert.number_not_mobile,
        NumberRefused::TrunkZero => &alert.number_trunk_zero,
        NumberRefused::OldMexicanMobile => &alert.number_old_mexican,
        NumberRefused::MethodNotAllowed => &alert.method_not_allowed,
        _ => &alert.number_invalid,
    }
}

impl Pages {
    pub(crate) fn refuse_as(
        &self,
        languages: &[String],
        brand: &str,
        is_json: bool,
        refusal: Refusal,
        link: &str,
    ) -> Response {
        let inner = &self.inner;
        let (_, texts) = inner.catalogue.select(languages.iter().map(String::as_str));
        let (title, sentence) = refusal.words(texts);
        let status = refusal.status();
        let response = if is_json {
            answer::problem_json(status, title, sentence)
        } else {
            let link_text = match link == inner.paths.sign_in {
                true => &texts.common.sign_in,
                false => &texts.common.home,
            };
            match inner.templates.problem(&ProblemPage { texts, link, link_text }) {
                Ok(main) => {
                    let layout = self.layout(title).brand(brand).languages(languages);
                    layout.status(status).alert(sentence).respond(&main)
                }
                Err(_) => answer::bare_unavailable(),
            }
        };
        match refusal {
            Refusal::Unavailable { is_transient: true } => answer::retry_soon(response),
            Refusal::Unauthorized => answer::authenticate(response, "Bearer"),
            Refusal::FactorWanted => {
                answer::authenticate(response, "Bearer error=\"insufficient_user_authentication\"")
            }
            _ => response,
        }
    }
}
