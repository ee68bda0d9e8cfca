//! The style sheet and the script, under names that change with their content.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response};

pub(crate) struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    content: &'static str,
}

pub(crate) const STYLE: Asset = Asset {
    stem: "mfa",
    extension: "css",
    media_type: "text/css; charset=utf-8",
    content: include_str!("../assets/mfa.css"),
};

pub(crate) const SCRIPT: Asset = Asset {
    stem: "mfa",
    extension: "js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/mfa.js"),
};

impl Asset {
    pub(crate) fn name(&self) -> String {
        format!("assets/{}-{:016x}.{}", self.stem, fingerprint(self.content), self.extension)
    }

    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.content));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// FNV-1a: names a version of a file for caches; protects nothing.
fn fingerprint(content: &str) -> u64 {
    content
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
