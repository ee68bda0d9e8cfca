//! One request of a visitor, and the answers it can get.

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mfa::{Error, Kind, Mfa, Ticket};

use crate::answer;
use crate::flow::Flow;
use crate::form::Form;
use crate::host::{Renew, Visitor};
use crate::language::{accepted_languages, in_language};
use crate::pages::Pages;
use crate::paths::Paths;
use crate::proven::Beside;
use crate::refusal::{Refusal, Verdict};
use crate::require::RequireMfa;
use crate::templates::{Hidden, Rendered, Templates};
use crate::texts::Texts;

pub(super) struct Visit<'a> {
    pub(super) pages: &'a Pages,
    pub(super) visitor: Visitor,
    pub(super) texts: &'a Texts,
    pub(super) parts: &'a Parts,
    is_json: bool,
}

/// What a page says of the input it was shown before.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) alert: Option<String>,
}

impl Said {
    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::OK, alert: None }
    }

    pub(super) fn refused(sentence: &str) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, alert: Some(sentence.to_owned()) }
    }

    pub(super) fn is_invalid(&self) -> bool {
        self.alert.is_some()
    }
}

impl<'a> Visit<'a> {
    pub(super) fn new(pages: &'a Pages, mut visitor: Visitor, parts: &'a Parts) -> Self {
        if visitor.languages.is_empty() {
            visitor.languages = accepted_languages(&parts.headers);
        }
        let (tag, texts) = pages.inner.catalogue.select(visitor.languages.iter().map(String::as_str));
        visitor.context = in_language(visitor.context, tag, &visitor.languages);
        Self { pages, visitor, texts, parts, is_json: answer::wants_json(&parts.headers) }
    }

    pub(super) fn mfa(&self) -> &'a Mfa {
        &self.pages.inner.mfa
    }

    pub(super) fn paths(&self) -> &'a Paths {
        &self.pages.inner.paths
    }

    pub(super) fn templates(&self) -> &'a dyn Templates {
        &*self.pages.inner.templates
    }

    /// The visitor, if everything that a session needs is proved.
    pub(super) async fn secured(&self) -> Result<RequireMfa, Response> {
        self.pages.secure(self.parts, self.visitor.clone()).await
    }

    pub(super) fn hidden<'b, K: Kind>(&'b self, ticket: &'b Ticket<K>) -> Hidden<'b> {
        Hidden { csrf: &self.visitor.csrf, ticket: ticket.as_str() }
    }

    /// The ticket of the page that a form comes from. One that is missing cannot be told from one that is over.
    #[expect(clippy::result_large_err, reason = "the answer is sent on at once")]
    pub(super) fn ticket<K: Kind>(&self, form: &Form) -> Result<Ticket<K>, Response> {
        Ticket::parse(form.get("ticket").unwrap_or_default()).map_err(|_| self.refuse(Refusal::Expired))
    }

    pub(super) fn page(&self, title: &str, said: &Said, main: Rendered) -> Response {
        if let (true, Some(sentence)) = (self.is_json, &said.alert) {
            return answer::problem_json(said.status, title, sentence);
        }
        let Ok(main) = main else { return self.refuse(Refusal::Unavailable { is_transient: false }) };
        let mut layout = self.pages.layout(title).visitor(&self.visitor).status(said.status);
        if let Some(sentence) = &said.alert {
            layout = layout.alert(sentence);
        }
        layout.respond(&main)
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> Response {
        self.pages.refuse_visitor(&self.visitor, refusal, self.is_json)
    }

    /// Keeps the step that was reached and leads to its page. The host is told the step that the form stood at, which
    /// another tab may have changed in the session meanwhile.
    pub(super) async fn go(&self, from: Flow, to: Flow, renew: Renew) -> Response {
        let visitor = Visitor { flow: from, ..self.visitor.clone() };
        self.pages.go(&visitor, &to, renew).await
    }

    /// As [`Visit::go`], to a page of choice.
    pub(super) async fn go_to(&self, from: Flow, to: Flow, renew: Renew, path: &str) -> Response {
        let visitor = Visitor { flow: from, ..self.visitor.clone() };
        match self.pages.inner.host.keep(&visitor, &to, renew).await {
            Ok(headers) => answer::with_headers(answer::see_other(path), headers),
            Err(error) => self.refuse(self.pages.host_failed(&error)),
        }
    }

    /// The step after an enrollment's step: beside a session that is proved, or of a sign-in.
    pub(super) async fn go_on(&self, from: Flow, to: Flow) -> Response {
        let beside = match (&self.visitor.flow, &to) {
            (Flow::Proved(proven), Flow::Pending(ticket)) => proven.beside(Beside::Pending(ticket.clone())),
            (Flow::Proved(proven), Flow::PendingPhone(ticket)) => {
                proven.beside(Beside::PendingPhone(ticket.clone()))
            }
            (Flow::Proved(proven), Flow::Confirmed(ticket)) => {
                proven.beside(Beside::Confirmed(ticket.clone()))
            }
            _ => return self.go(from, to, Renew::No).await,
        };
        let path = self.paths().of_flow(&to);
        self.go_to(from, Flow::Proved(beside), Renew::No, path).await
    }

    /// The end of a page, by time, use or policy. When it is the page that the session stands at, the session stands at
    /// nothing from then on, so that starting again is not led back here; a session that is proved stays so.
    pub(super) async fn over<K: Kind>(&self, refusal: Refusal, ticket: &Ticket<K>) -> Response {
        let headers = match refusal {
            Refusal::Expired | Refusal::Forbidden if self.stands_at(ticket.as_str()) => {
                let flow = match &self.visitor.flow {
                    Flow::Proved(proven) => Flow::Proved(proven.beside(Beside::Nothing)),
                    _ => Flow::None,
                };
                match self.pages.inner.host.keep(&self.visitor, &flow, Renew::No).await {
                    Ok(headers) => headers,
                    Err(error) => return self.refuse(self.pages.host_failed(&error)),
                }
            }
            _ => HeaderMap::new(),
        };
        answer::with_headers(self.refuse(refusal), headers)
    }

    /// What a failed step is answered with: words for the same page, or its end.
    pub(super) async fn failed<K: Kind>(
        &self,
        error: &Error,
        malformed: &str,
        ticket: &Ticket<K>,
    ) -> Result<Said, Response> {
        match Verdict::of(error, self.texts, malformed) {
            Verdict::Again(status, sentence) => Ok(Said { status, alert: Some(sentence) }),
            Verdict::Over => Err(self.over(self.pages.told(error), ticket).await),
        }
    }

    fn stands_at(&self, ticket: &str) -> bool {
        let kept = match &self.visitor.flow {
            Flow::Offer(kept, _) | Flow::Enroll(kept) | Flow::Recovering(kept) | Flow::Bind(kept) => {
                kept.as_str()
            }
            Flow::Pending(kept) => kept.as_str(),
            Flow::PendingPhone(kept) => kept.as_str(),
            Flow::Confirmed(kept) => kept.as_str(),
            Flow::Challenge(kept) | Flow::RecoverOnly(kept) => kept.as_str(),
            Flow::Proved(proven) => match &proven.beside {
                Beside::Nothing | Beside::Verify(_) => return false,
                Beside::Transaction(kept) => kept.as_str(),
                Beside::Pending(kept) => kept.as_str(),
                Beside::EnrollPhone(kept) => kept.as_str(),
                Beside::PendingPhone(kept) => kept.as_str(),
                Beside::Confirmed(kept) => kept.as_str(),
                Beside::NewCode(kept) => kept.as_str(),
            },
            Flow::None => return false,
        };
        kept == ticket
    }
}
