//! One HTTP request to a provider, and what is certain about it afterwards.
//!
//! Each request has a connection of its own. A pooled connection may be closed by the other side just as a request goes
//! out, and then nobody knows whether it was read; a connection made for the request fails before it, or after.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use std::{error, fmt};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use mfa_core::time::UnixSeconds;
use tower_service::Service;
use zeroize::Zeroizing;

use crate::{Answer, ConfigError, SendError, TextMessage};

/// What the HTTP senders share: how they connect, how long they wait, what time it is. Cloning is cheap.
///
/// Connects within 3 seconds and waits 5 more for the answer, so that a page answers within ten. Trusts the
/// certificates that the host trusts, follows no redirect, uses no proxy, reads at most 64 KiB of an answer. Its
/// futures need a Tokio runtime with time and I/O.
#[derive(Clone)]
pub struct HttpClient {
    connector: HttpsConnector<HttpConnector>,
    connect_timeout: Duration,
    answer_timeout: Duration,
    clock: Clock,
}

impl HttpClient {
    /// A client that trusts the certificates this host trusts. They are read from files now: make one client, once.
    ///
    /// # Errors
    /// [`ConfigError::Certificates`] when they cannot be read, or there are none.
    pub fn new() -> Result<Self, ConfigError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|_| ConfigError::Certificates)?
            .https_or_http() // an `Endpoint` is https, or loopback
            .enable_http1()
            .build();
        Ok(Self {
            connector,
            connect_timeout: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(5),
            clock: Clock::system(),
        })
    }

    /// Waits `connect` for a connection, TLS included, and then `answer` for the whole answer.
    #[must_use]
    pub fn with_timeouts(mut self, connect: Duration, answer: Duration) -> Self {
        self.connect_timeout = connect;
        self.answer_timeout = answer;
        self
    }

    /// Reads the time from `clock` rather than from the system.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    #[cfg(feature = "aws")]
    pub(crate) fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// The seconds for which `text` is worth sending.
    pub(crate) fn worth_sending(&self, text: &TextMessage) -> Result<Duration, SendError> {
        match text.expires_at().since(self.clock.now()) {
            Duration::ZERO => Err(SendError::Expired),
            left => Ok(left),
        }
    }

    /// Posts `body`, and reads the answer whatever its status.
    pub(crate) async fn post(
        &self,
        provider: &'static str,
        endpoint: &Endpoint,
        path: &str,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<Reply, SendError> {
        let not_sent = |_| SendError::Transport(Answer::new(provider));
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| not_sent(()))?;
        request.headers_mut().extend(headers);
        let host = HeaderValue::from_str(endpoint.authority()).map_err(|_| not_sent(()))?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));

        // Nothing has been sent before both of these have succeeded.
        let mut connector = self.connector.clone();
        let stream =
            within(self.connect_timeout, connector.call(endpoint.uri.clone())).await.map_err(not_sent)?;
        let (sender, connection) = http1::handshake(stream).await.map_err(|_| not_sent(()))?;
        let exchange = alongside(connection, exchange(sender, request));
        within(self.answer_timeout, exchange).await.map_err(|_| SendError::Ambiguous(Answer::new(provider)))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("connect_timeout", &self.connect_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .finish_non_exhaustive()
    }
}

/// A provider's answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null when it is not.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error that the status alone tells, for when the provider's own error is missing or not known here.
    pub(crate) fn error(&self, answer: Answer) -> SendError {
        let answer = answer.with_status(self.status);
        match self.status {
            401..=404 => SendError::Auth(answer),
            // An answer to something that may have been handled: too late, or elsewhere.
            408 | 409 => SendError::Ambiguous(answer),
            429 => SendError::throttled(self.retry_after, answer),
            400..=499 => SendError::Rejected(answer),
            _ => SendError::Ambiguous(answer),
        }
    }
}

type Failure = Box<dyn error::Error + Send + Sync>;

async fn exchange(
    mut sender: http1::SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Reply, Failure> {
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| {
        let seconds = value.to_str().ok()?.parse().ok()?; // the form with a date is not used by these providers
        Some(Duration::from_secs(seconds))
    });
    let body = Limited::new(response.into_body(), MOST_ANSWERED).collect().await?.to_bytes();
    Ok(Reply { status, retry_after, body: Zeroizing::new(body.into()) })
}

/// Runs `work` with `connection` beside it, which moves its bytes. No task is spawned: dropping the future drops both.
async fn alongside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    let mut connected = true;
    poll_fn(|context| {
        if connected {
            connected = connection.as_mut().poll(context).is_pending();
        }
        match work.as_mut().poll(context) {
            // What the work wants sent goes out now rather than at the next wake.
            Poll::Pending if connected => {
                connected = connection.as_mut().poll(context).is_pending();
                if connected { Poll::Pending } else { work.as_mut().poll(context) }
            }
            answer => answer,
        }
    })
    .await
}

/// `work`'s success within `limit`; every other outcome is one.
async fn within<T, E>(limit: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, ()> {
    tokio::time::timeout(limit, work).await.map_err(|_| ())?.map_err(|_| ())
}

/// How much of an answer is read, in bytes.
const MOST_ANSWERED: usize = 64 * 1024;

/// Where a provider's API is: `https://host[:port]`. Plain `http://` only for a loopback host, for tests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    uri: Uri,
}

impl Endpoint {
    /// Takes scheme, host and port, and nothing after them.
    ///
    /// # Errors
    /// [`ConfigError::Endpoint`].
    ///
    /// # Examples
    /// ```
    /// # use mfa_sms::{ConfigError, Endpoint};
    /// assert!(Endpoint::parse("https://api.example.com").is_ok());
    /// assert!(Endpoint::parse("http://127.0.0.1:8080").is_ok());
    /// assert_eq!(Endpoint::parse("http://api.example.com"), Err(ConfigError::Endpoint));
    /// ```
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let uri = text.parse::<Uri>().map_err(|_| ConfigError::Endpoint)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains(['@', '#', '?']);
        let host = uri.host().unwrap_or_default();
        let safe = match uri.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => is_loopback(host),
            _ => false,
        };
        if bare && safe { Ok(Self { uri }) } else { Err(ConfigError::Endpoint) }
    }

    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Where the senders read the time: how long a text is worth sending, and the date that AWS has signed.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixSeconds + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the default; `Clock::new` takes the host's")]
        let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self::new(move || UnixSeconds::new(now().map_or(0, |since| since.as_secs())))
    }

    /// Whatever `now` answers.
    pub fn new(now: impl Fn() -> UnixSeconds + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> UnixSeconds {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(..)")
    }
}

/// A provider's secret: a token, an API secret, a key. 1 to 4096 visible ASCII characters, wiped on drop, never shown.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret. The text it is taken from is the caller's to wipe.
    ///
    /// # Errors
    /// [`ConfigError::Secret`]. White space at an end, which a file easily leaves, is refused rather than removed.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let fits = (1..=4096).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(ConfigError::Secret)
        }
    }

    /// Borrows the secret. Searching for `expose` finds every use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An identifier of at most `most` characters that can stand in a path, a header and a form as it is.
pub(crate) fn identifier(text: &str, most: usize, others: &str) -> Result<Box<str>, ConfigError> {
    let fits = (1..=most).contains(&text.len());
    if fits && text.chars().all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter)) {
        Ok(text.into())
    } else {
        Err(ConfigError::Identifier)
    }
}

/// `Basic` credentials as a header that is not shown.
#[cfg(any(feature = "twilio", feature = "vonage"))]
pub(crate) fn basic(user: &str, secret: &Secret) -> Result<HeaderValue, ConfigError> {
    let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
    let header = Zeroizing::new(format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&header).map_err(|_| ConfigError::Secret)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_https_or_loopback_and_bare() {
        for text in [
            "https://api.example.com",
            "https://api.example.com/",
            "https://api.example.com:8443",
            "http://localhost:1",
            "http://127.0.0.1",
            "http://[::1]:80",
        ] {
            assert!(Endpoint::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "api.example.com",
            "http://api.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "ftp://localhost",
            "https://",
            "https://api.example.com/v1",
            "https://api.example.com?a",
            "https://api.example.com#a",
            "https://user:password@api.example.com",
            "http://localhost@api.example.com",
        ] {
            assert_eq!(Endpoint::parse(text), Err(ConfigError::Endpoint), "{text}");
        }
    }

    #[test]
    fn inv_10_a_secret_is_visible_ascii_and_never_shown() {
        assert_eq!(format!("{:?}", Secret::parse("s3cret").unwrap()), "Secret(..)");
        for text in ["", "a b", "a\n", "é", &"a".repeat(4097)] {
            assert_eq!(Secret::parse(text).unwrap_err(), ConfigError::Secret);
        }
    }
}
