//! Whether a request that changes something comes from our own pages.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;

/// Whether the browser says, by `Sec-Fetch-Site` or else by `Origin`, that a request comes from this very site.
///
/// A client that sends neither is no browser and passes: the token in the form still has to be right. It goes beside
/// [`Form::carries`](crate::Form::carries), never in its place.
///
/// # Source
/// Fetch Metadata Request Headers, section 2.4; RFC 6454, section 7.3.
pub fn is_same_origin(request: &Parts) -> bool {
    let headers = &request.headers;
    match text(headers, "sec-fetch-site") {
        Some("same-origin" | "none") => true,
        Some(_) => false,
        None => match text(headers, ORIGIN.as_str()) {
            None => !headers.contains_key(ORIGIN),
            Some(origin) => {
                let host = text(headers, HOST.as_str())
                    .or_else(|| request.uri.authority().map(axum::http::uri::Authority::as_str));
                origin
                    .split_once("://")
                    .map(|(_, authority)| authority)
                    .is_some_and(|authority| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)))
            }
        },
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d17_only_our_own_pages_pass() {
        let verdict = |headers: &[(&str, &str)]| {
            let mut request = axum::http::Request::builder().uri("/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            is_same_origin(&request.body(()).unwrap().into_parts().0)
        };
        let host = ("host", "site.example:3000");
        assert!(verdict(&[host]), "no browser");
        assert!(verdict(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(verdict(&[host, ("sec-fetch-site", "none")]));
        assert!(!verdict(&[host, ("sec-fetch-site", "same-site")]));
        assert!(!verdict(&[host, ("sec-fetch-site", "cross-site"), ("origin", "http://site.example:3000")]));
        assert!(verdict(&[host, ("origin", "http://SITE.example:3000")]));
        assert!(!verdict(&[host, ("origin", "http://site.example")]), "another port");
        assert!(!verdict(&[host, ("origin", "https://evil.example")]));
        assert!(!verdict(&[host, ("origin", "null")]));
        assert!(!verdict(&[("origin", "http://site.example")]), "no host to compare with");
    }
}
