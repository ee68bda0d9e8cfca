//! Answers as they leave: their headers, redirects, problem documents.

use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

/// What every page may do: show our style sheet, run our script, post to ourselves.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn html(status: StatusCode, html: String) -> Response {
    answer(status, "text/html; charset=utf-8", Body::from(html))
}

/// `location` is one of our paths or of the host's: never anything that a request brought.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty());
    match HeaderValue::from_str(location) {
        Ok(location) => {
            response.headers_mut().insert(LOCATION, location);
            response
        }
        Err(_) => bare_unavailable(),
    }
}

pub(crate) fn text_file(name: &'static str, content: String) -> Response {
    let mut response = answer(StatusCode::OK, "text/plain; charset=utf-8", Body::from(content));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

/// A problem document (RFC 9457).
pub(crate) fn problem_json(status: StatusCode, title: &str, detail: &str) -> Response {
    let document = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    answer(status, "application/problem+json", Body::from(document.to_string()))
}

/// When not even a page can be made.
pub(crate) fn bare_unavailable() -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", Body::from("503\n"))
}

pub(crate) fn retry_soon(mut response: Response) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

pub(crate) fn authenticate(mut response: Response, challenge: &'static str) -> Response {
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// Adds the host's headers, `Set-Cookie` above all; several of one name stay several.
pub(crate) fn with_headers(mut response: Response, headers: HeaderMap) -> Response {
    let mut name = None;
    for (next, value) in headers {
        name = next.or(name);
        if let Some(name) = &name {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Whether the client asks for JSON and not for a page.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let names = |media_type: &str| {
        accept.split(',').any(|item| {
            item.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(media_type))
        })
    };
    (names("application/json") || names("application/problem+json")) && !names("text/html")
}

fn answer(status: StatusCode, media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not no-referrer: browsers would then send "Origin: null" with our own forms.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
