//! Each sender against a provider on a local port: what it asks, and what it makes of every answer.
#![cfg(all(feature = "aws", feature = "twilio", feature = "vonage"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]
#![allow(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

mod aws;
mod server;
mod twilio;
mod vonage;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_sms::{
    Clock, DynSmsSender, Endpoint, HttpClient, IdempotencyKey, MessageBody, Receipt, SendError, SmsSender,
    TextMessage,
};
use server::{Reply, Server};

/// 2015-08-30T12:36:00Z, the moment of AWS's own examples.
const NOW: u64 = 1_440_938_160;
const BODY: &str = "Example: 012345 is your sign-in code. Never share it.\n\n@example.com #012345";
const SECRET: &str = "s3cr3t-of-the-account";

fn client() -> HttpClient {
    let client = HttpClient::new().unwrap().with_timeouts(Duration::from_secs(3), Duration::from_millis(400));
    client.with_clock(Clock::new(|| UnixSeconds::new(NOW)))
}

fn text_until(expires_at: u64) -> TextMessage {
    TextMessage::new(
        PhoneNumber::parse("+12015550123").unwrap(),
        MessageBody::new(BODY).unwrap(),
        IdempotencyKey::from_bytes([0xAB; 16]),
        UnixSeconds::new(expires_at),
    )
}

fn text() -> TextMessage {
    text_until(NOW + 300)
}

type Make = fn(HttpClient, Endpoint) -> Arc<dyn DynSmsSender>;

async fn send(make: Make, reply: Reply) -> Result<Receipt, SendError> {
    let server = Server::start([reply]);
    SmsSender::send(&make(client(), server.endpoint()), &text()).await
}

/// What is the same for every provider; `accepted` is its answer to a message it takes.
async fn whatever_happens_on_the_way_is_told_rightly(make: Make, accepted: &str) {
    let ambiguous = |answer: Result<Receipt, SendError>, what: &str| {
        let error = answer.expect_err(what);
        assert!(matches!(error, SendError::Ambiguous(_)) && !error.is_definite(), "{what}: {error:?}");
    };
    let bytes = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{accepted}", accepted.len());

    assert!(send(make, bytes(&whole)).await.is_ok());
    let held = |text: &str| Reply::Held(text.as_bytes().to_vec());
    ambiguous(send(make, held("")).await, "no answer in time");
    ambiguous(send(make, held(&whole[..whole.len() - 1])).await, "no whole answer in time");
    ambiguous(
        send(make, held("HTTP/1.1 429 No\r\nContent-Length: 9\r\n\r\n")).await,
        "no whole refusal in time",
    );
    assert!(send(make, held(&whole)).await.is_ok());
    ambiguous(send(make, bytes("")).await, "closed without an answer");
    ambiguous(send(make, bytes("garbage\r\n\r\n")).await, "no HTTP");
    ambiguous(send(make, bytes(&whole[..whole.len() - 1])).await, "half a body");
    ambiguous(send(make, bytes("HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n{")).await, "half a refusal");
    ambiguous(send(make, Reply::json(200, "not json")).await, "accepted, but how");
    ambiguous(send(make, Reply::json(200, "{}")).await, "accepted without an id");
    let long_id = accepted.replace("-0001", &"1".repeat(200));
    assert_ne!(long_id, accepted);
    ambiguous(send(make, Reply::json(200, &long_id)).await, "an id too long to keep");
    let padded = |spaces: usize| Reply::json(200, &format!("{accepted}{}", " ".repeat(spaces)));
    assert!(send(make, padded(60_000)).await.is_ok());
    ambiguous(send(make, padded(70_000)).await, "a huge body");
    let endless = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "4000\r\n".repeat(9));
    ambiguous(send(make, bytes(&endless)).await, "broken chunks");
    for status in [500, 502, 503, 504, 408, 301, 302, 307, 308] {
        let elsewhere = "Location: https://elsewhere.example/";
        ambiguous(send(make, Reply::with_header(status, elsewhere, "{}")).await, &status.to_string());
    }

    assert!(matches!(send(make, Reply::json(400, "garbage")).await, Err(SendError::Rejected(_))));
    assert!(matches!(send(make, Reply::json(422, "{}")).await, Err(SendError::Rejected(_))));
    for status in [401, 402, 403, 404] {
        assert!(matches!(send(make, Reply::json(status, "")).await, Err(SendError::Auth(_))), "{status}");
    }
    for (header, expected) in [
        ("Retry-After: 7", Some(Duration::from_secs(7))),
        ("Retry-After: 99999999", Some(Duration::from_secs(86_400))),
        ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("X-Test: 1", None),
    ] {
        let answer = send(make, Reply::with_header(429, header, "<html>")).await;
        let Err(SendError::Throttled { retry_after, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(retry_after, expected, "{header}");
    }
}

/// Before a connection stands, nothing was sent.
async fn without_a_connection_nothing_was_sent(make: Make) {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = Endpoint::parse(&format!("http://127.0.0.1:{nobody}")).unwrap();
    let plain = Server::start([Reply::json(200, "{}")]);
    let no_tls = Endpoint::parse(&format!("https://127.0.0.1:{}", plain.port)).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging_tls = Endpoint::parse(&format!("https://{}", silent.local_addr().unwrap())).unwrap();
    let no_name = Endpoint::parse("https://name.invalid").unwrap();
    for endpoint in [refused, no_tls, hanging_tls, no_name] {
        let client = client().with_timeouts(Duration::from_millis(300), Duration::from_secs(5));
        let answer = SmsSender::send(&make(client, endpoint.clone()), &text()).await;
        assert!(matches!(answer, Err(SendError::Transport(_))), "{endpoint:?}: {answer:?}");
    }
    assert!(plain.received().is_empty());
}

async fn an_expired_code_is_not_sent(make: Make) {
    let server = Server::start([]);
    for expires_at in [0, NOW - 1, NOW] {
        let sender = make(client(), server.endpoint());
        assert_eq!(SmsSender::send(&sender, &text_until(expires_at)).await, Err(SendError::Expired));
    }
}

/// A provider that repeats everything it was told, wherever it can.
async fn nothing_secret_is_shown(make: fn(HttpClient, Endpoint) -> String, send: Make, extra: &[&str]) {
    let echo = format!(
        r#"{{"code":12345,"error_code":12345,"type":"https://x/#012345","title":"012345","__type":"012345",
            "Reason":"012345","sid":"{SECRET} 012345","message":{BODY:?},"detail":"+12015550123 {SECRET}"}}"#
    );
    for status in [200, 400, 401, 403, 422, 429, 500] {
        let server = Server::start([Reply::json(status, &echo)]);
        let error = SmsSender::send(&send(client(), server.endpoint()), &text()).await.unwrap_err();
        let shown = format!("{error} {error:?} {:?} {}", client(), make(client(), server.endpoint()));
        for secret in ["012345", "2015550123", SECRET, "Example:"].iter().chain(extra) {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}
