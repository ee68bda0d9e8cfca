//! One page in the common shell, for our pages and the host's own.

use axum::http::StatusCode;
use axum::response::Response;

use crate::answer;
use crate::host::Visitor;
use crate::pages::Pages;
use crate::templates::LayoutPage;

/// A page of the host in the shell of ours: same head, brand, style sheet and security headers. Made by
/// [`Pages::layout`].
///
/// # Examples
/// ```
/// use axum::response::Response;
/// use mfa_axum::{Pages, Visitor, html_escape};
///
/// fn home(pages: &Pages, visitor: &Visitor) -> Response {
///     let name = html_escape(visitor.context.subject().account());
///     pages.layout("Home").visitor(visitor).respond(&format!("<p>Signed in as {name}</p>"))
/// }
/// ```
#[derive(Debug)]
#[must_use = "nothing is sent before respond"]
pub struct Layout<'a> {
    pages: &'a Pages,
    title: &'a str,
    brand: &'a str,
    languages: &'a [String],
    alert: Option<&'a str>,
    status: StatusCode,
    wide: bool,
}

impl<'a> Layout<'a> {
    pub(crate) fn new(pages: &'a Pages, title: &'a str) -> Self {
        let brand = pages.inner.brand.as_str();
        Self { pages, title, brand, languages: &[], alert: None, status: StatusCode::OK, wide: false }
    }

    /// Takes brand and languages from the visitor.
    pub fn visitor(self, visitor: &'a Visitor) -> Self {
        self.brand(visitor.context.realm().issuer()).languages(&visitor.languages)
    }

    /// The name above the title.
    pub fn brand(self, brand: &'a str) -> Self {
        Self { brand, ..self }
    }

    /// The languages that the visitor prefers; they choose the attribute `lang` from the catalogue.
    pub fn languages(self, languages: &'a [String]) -> Self {
        Self { languages, ..self }
    }

    /// A sentence for the element with `role="alert"`, as plain text.
    pub fn alert(self, sentence: &'a str) -> Self {
        Self { alert: Some(sentence), ..self }
    }

    /// The status, 200 unless said.
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// More room than a form needs.
    pub fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    /// The answer. `main` is HTML: whatever comes from people must be escaped in it.
    pub fn respond(self, main: &str) -> Response {
        let inner = &self.pages.inner;
        let (language, _) = inner.catalogue.select(self.languages.iter().map(String::as_str));
        let page = LayoutPage {
            language,
            title: self.title,
            brand: self.brand,
            alert: self.alert,
            main,
            wide: self.wide,
            stylesheets: &inner.stylesheets,
            script: &inner.paths.script,
        };
        match inner.templates.layout(&page) {
            Ok(html) => answer::html(self.status, html),
            Err(_) => answer::bare_unavailable(),
        }
    }
}
