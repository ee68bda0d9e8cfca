//! Vonage's Messages API, version 1, and its status webhook.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{self, HeaderValue};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::http::{Reply, basic, identifier};
use crate::status::LONGEST_REPORT;
use crate::{
    Answer, ConfigError, DeliveryReport, DeliveryStatus, Endpoint, HttpClient, Receipt, Secret, SendError,
    SmsSender, StatusError, TextMessage,
};

/// Sends by Vonage's Messages API (`POST /v1/messages`, channel `sms`), with the API key and secret (Basic).
///
/// JSON Web Tokens, the API's other way, need an RSA key and are not offered. The idempotency key goes along as
/// `client_ref`, by which reports can be matched; Vonage drops no second message because of it. No `ttl` is sent:
/// Vonage's own pages disagree on its unit, and a text that comes late carries a code that no longer works. Conversion
/// has another API (`/conversions/sms`), which must be enabled by Vonage, and is not told.
///
/// # Source
/// <https://developer.vonage.com/en/api/messages>, <https://developer.vonage.com/en/api-errors/messages>
pub struct Vonage {
    http: HttpClient,
    endpoint: Endpoint,
    authorization: HeaderValue,
    from: Box<str>,
}

impl Vonage {
    /// What its receipts say.
    pub const PROVIDER: &'static str = "vonage";

    /// A sender that shows `api_key` and `secret`; texts come from `from`, a number in digits or a sender name.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] when one of the names is empty, over 64 characters, or holds something other than
    /// letters and digits (in `from` also space, `-`, `_`).
    pub fn new(http: HttpClient, api_key: &str, secret: &Secret, from: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            http,
            endpoint: Endpoint::parse("https://api.nexmo.com")?,
            authorization: basic(&identifier(api_key, 64, "")?, secret)?,
            from: identifier(from, 64, " -_")?,
        })
    }

    /// Sends to `endpoint` instead: a region's (`https://api-eu.vonage.com`), or a test's.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }
}

impl SmsSender for Vonage {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        self.http.worth_sending(text)?;
        let message = serde_json::json!({
            "channel": "sms",
            "message_type": "text",
            "to": text.to().digits(),
            "from": self.from,
            "text": text.body().expose(),
            "client_ref": text.idempotency_key().to_string(),
        });
        let headers = [
            (header::AUTHORIZATION, self.authorization.clone()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
        ];
        let body = message.to_string().into_bytes();
        let reply = self.http.post(Self::PROVIDER, &self.endpoint, "/v1/messages", headers, body).await?;
        let json = reply.json();
        if !reply.is_success() {
            return Err(refused(&reply, json.get("type").and_then(Value::as_str).unwrap_or_default()));
        }
        let id = json.get("message_uuid").and_then(Value::as_str).unwrap_or_default();
        let unknown = |_| SendError::Ambiguous(Answer::new(Self::PROVIDER).with_status(reply.status));
        Receipt::new(Self::PROVIDER, id).map_err(unknown)
    }
}

impl fmt::Debug for Vonage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vonage").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What a refusal means: the error is the fragment of the problem's `type`, such as `…/api-errors/messages#1120`.
fn refused(reply: &Reply, problem: &str) -> SendError {
    let fragment = problem.rsplit_once('#').map_or("", |(_, fragment)| fragment);
    let answer = Answer::new(Vonage::PROVIDER).with_status(reply.status);
    let code = error_number(fragment);
    let answer = match (code, ACCOUNT_ERRORS.iter().find(|known| **known == fragment)) {
        (Some(code), _) => answer.with_code(code),
        (None, Some(name)) => return SendError::Auth(answer.with_name(name)),
        (None, None) => answer,
    };
    match code.unwrap_or_default() {
        _ if reply.status >= 500 => SendError::Ambiguous(answer),
        // Throttled, too many requests to these numbers.
        1000 | 1241 => SendError::throttled(reply.retry_after, answer),
        // Unknown prefix, too long, invalid recipient, no longer in use, not of the network, no suitable handset.
        1040 | 1090 | 1170 | 1190 | 1300 | 1310 => SendError::Rejected(answer),
        // Barred, anti-spam, opted out, age, barred by the carrier, refused for its content.
        1050 | 1210 | 1240 | 1270 | 1280 | 1282 => SendError::Blocked(answer),
        // Unavailable, ported, busy, network, no route, unreachable.
        1180 | 1200 | 1220 | 1230 | 1250 | 1251 | 1260 => SendError::Unroutable(answer),
        // Account barred, quota, not enabled, sender, facility, trial account's list, number pool.
        1060 | 1070 | 1080 | 1120 | 1140 | 1160 | 1242 => SendError::Auth(answer),
        // Internal error, failed on the way, sent before, provider silent.
        1030 | 1100 | 1320 | 1331 => SendError::Ambiguous(answer),
        _ => reply.error(answer),
    }
}

/// Vonage's errors have four digits; a longer number is not one, and could be a code.
fn error_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|code| (1000..=9999).contains(code))
}

/// The general errors that are the account's.
const ACCOUNT_ERRORS: &[&str] = &[
    "low-balance",
    "unauthorized",
    "forbidden",
    "unprovisioned",
    "account-suspended",
    "application-suspended",
    "invalid-api-key",
    "invalid-signature",
    "invalid-ip",
    "unavailable-legal",
];

/// Verifies and reads what Vonage posts to the status webhook of the Messages API.
///
/// # Source
/// <https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks>
pub struct VonageWebhook {
    signature_secret: Secret,
}

impl VonageWebhook {
    /// With the signature secret of the API key, from the dashboard.
    pub fn new(signature_secret: Secret) -> Self {
        Self { signature_secret }
    }

    /// Reads a report, once it is certain that Vonage sent it.
    ///
    /// `authorization` is that header, `Bearer` and a token signed with HMAC-SHA256 whose `payload_hash` must be that of
    /// `body`, as it came. No other algorithm is accepted. The token's time is not judged, since Vonage repeats
    /// unanswered reports for a day: a report can be replayed by whoever saw it.
    ///
    /// # Errors
    /// [`StatusError`]; nothing of an unsigned request is told.
    pub fn parse_status(&self, authorization: &str, body: &[u8]) -> Result<DeliveryReport, StatusError> {
        if body.len() > LONGEST_REPORT || authorization.len() > LONGEST_REPORT {
            return Err(StatusError::TooLong);
        }
        self.verify(authorization, body).ok_or(StatusError::Signature)?;
        let json: Value = serde_json::from_slice(body).map_err(|_| StatusError::Malformed)?;
        let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
        let status = match text("/status").ok_or(StatusError::Malformed)? {
            "submitted" => DeliveryStatus::Sent,
            "delivered" | "read" => DeliveryStatus::Delivered,
            "rejected" | "undeliverable" => DeliveryStatus::Failed,
            _ => DeliveryStatus::Unknown,
        };
        let error_code = text("/error/title").and_then(error_number);
        DeliveryReport::new(Vonage::PROVIDER, text("/message_uuid").unwrap_or_default(), status, error_code)
            .map_err(|_| StatusError::Malformed)
    }

    /// `Some` if the token is signed with our secret, and speaks of `body`.
    fn verify(&self, authorization: &str, body: &[u8]) -> Option<()> {
        let (scheme, token) = authorization.split_once(' ')?;
        let (signed, signature) = token.trim().rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        if !scheme.eq_ignore_ascii_case("bearer") || json_part(head)?.get("alg")?.as_str()? != "HS256" {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(self.signature_secret.expose().as_bytes()).ok()?;
        mac.update(signed.as_bytes());
        mac.verify_slice(&BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?).ok()?;
        let hash =
            HEXLOWER_PERMISSIVE.decode(json_part(claims)?.get("payload_hash")?.as_str()?.as_bytes()).ok()?;
        (hash == Sha256::digest(body).as_slice()).then_some(()) // both are public
    }
}

impl fmt::Debug for VonageWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VonageWebhook(..)")
    }
}

fn json_part(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"message_uuid":"aaaa-1","status":"rejected","error":{"title":"1240","detail":"to 447700900000"}}"#;

    fn token(head: &str, claims: &str, secret: &str) -> String {
        let signed = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(head.as_bytes()),
            BASE64URL_NOPAD.encode(claims.as_bytes())
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        format!("Bearer {signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
    }

    fn claims(body: &[u8]) -> String {
        let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(body));
        format!(r#"{{"iat":1,"iss":"Vonage","payload_hash":"{hash}","api_key":"abcd"}}"#)
    }

    const HEAD: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    fn parse(authorization: &str, body: &[u8]) -> Result<DeliveryReport, StatusError> {
        VonageWebhook::new(Secret::parse("signature-secret").unwrap()).parse_status(authorization, body)
    }

    #[test]
    fn a_signed_report_is_read() {
        let report = parse(&token(HEAD, &claims(BODY), "signature-secret"), BODY).unwrap();
        assert_eq!((report.provider(), report.message_id()), ("vonage", "aaaa-1"));
        assert_eq!((report.status(), report.error_code()), (DeliveryStatus::Failed, Some(1240)));
    }

    #[test]
    fn anything_else_is_not_believed() {
        let good = token(HEAD, &claims(BODY), "signature-secret");
        let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
        let none = token(r#"{"alg":"none"}"#, &claims(BODY), "signature-secret");
        for authorization in [
            "",
            "Bearer ",
            "Bearer a.b.c",
            &good.replace("Bearer", "Basic"),
            &unsigned,
            &none,
            &token(r#"{"alg":"HS512"}"#, &claims(BODY), "signature-secret"),
            &token(HEAD, &claims(BODY), "another"),
            &token(HEAD, &claims(b"{}"), "signature-secret"),
            &token(HEAD, r#"{"iat":1}"#, "signature-secret"),
        ] {
            assert_eq!(parse(authorization, BODY), Err(StatusError::Signature), "{authorization}");
        }
        assert_eq!(parse(&good, &BODY[1..]), Err(StatusError::Signature));
        assert_eq!(parse(&good, &[b' '; 70_000]), Err(StatusError::TooLong));
        for body in [&b"null"[..], b"{}", br#"{"status":"delivered"}"#, b"\xFF"] {
            assert_eq!(
                parse(&token(HEAD, &claims(body), "signature-secret"), body),
                Err(StatusError::Malformed)
            );
        }
    }
}
