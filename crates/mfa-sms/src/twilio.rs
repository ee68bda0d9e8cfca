//! Twilio's Messages API, and its status webhook.

use std::fmt;
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{self, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::http::{Reply, basic, identifier};
use crate::status::LONGEST_REPORT;
use crate::{
    Answer, ConfigError, Conversion, DeliveryReport, DeliveryStatus, Endpoint, HttpClient, Receipt, Secret,
    SendError, SmsSender, StatusError, TextMessage,
};

/// Sends by Twilio's Messages API (`POST /2010-04-01/Accounts/{sid}/Messages.json`).
///
/// The API has no idempotency key, so a second request is a second text. The seconds until the code expires go along as
/// `ValidityPeriod`. Conversion is told by the Feedback resource, for which each message asks (`ProvideFeedback`).
///
/// # Source
/// <https://www.twilio.com/docs/messaging/api/message-resource>,
/// <https://www.twilio.com/docs/messaging/api/message-feedback-resource>,
/// <https://www.twilio.com/docs/api/errors>
pub struct Twilio {
    http: HttpClient,
    endpoint: Endpoint,
    account: Box<str>,
    authorization: HeaderValue,
    origin: TwilioOrigin,
}

/// What a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwilioOrigin {
    field: &'static str,
    name: Box<str>,
}

impl TwilioOrigin {
    /// A messaging service (`MG…`), which picks the number or sender name that suits the country.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] unless it is 1 to 64 letters and digits.
    pub fn messaging_service(sid: &str) -> Result<Self, ConfigError> {
        Ok(Self { field: "MessagingServiceSid", name: identifier(sid, 64, "")? })
    }

    /// A number of the account, a short code or a sender name.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] unless it is 1 to 64 letters, digits, spaces, `+`, `-` and `_`.
    pub fn sender(name: &str) -> Result<Self, ConfigError> {
        Ok(Self { field: "From", name: identifier(name, 64, "+ -_")? })
    }
}

impl Twilio {
    /// What its receipts say.
    pub const PROVIDER: &'static str = "twilio";

    /// A sender of `account` (`AC…`) that shows the pair `user` and `secret`: an API key (`SK…`) and its secret, which
    /// can be revoked on its own, or the account itself and its auth token.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] unless `account` and `user` are 1 to 64 letters and digits.
    pub fn new(
        http: HttpClient,
        account: &str,
        user: &str,
        secret: &Secret,
        origin: TwilioOrigin,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            http,
            endpoint: Endpoint::parse("https://api.twilio.com")?,
            account: identifier(account, 64, "")?,
            authorization: basic(&identifier(user, 64, "")?, secret)?,
            origin,
        })
    }

    /// Sends to `endpoint` instead: a region's (`https://api.dublin.ie1.twilio.com`), or a test's.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Reply, SendError> {
        let headers = [
            (header::AUTHORIZATION, self.authorization.clone()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
            (header::ACCEPT, HeaderValue::from_static("application/json")),
        ];
        let path = format!("/2010-04-01/Accounts/{}/Messages{path}.json", self.account);
        self.http.post(Self::PROVIDER, &self.endpoint, &path, headers, form(fields).into_bytes()).await
    }
}

#[deny(clippy::missing_trait_methods)]
impl SmsSender for Twilio {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        let validity = validity(self.http.worth_sending(text)?);
        let to = text.to().expose();
        let fields = [
            ("To", to.as_str()),
            (self.origin.field, &self.origin.name),
            ("Body", text.body().expose()),
            ("ValidityPeriod", &validity),
            ("ProvideFeedback", "true"),
        ];
        let reply = self.post("", &fields).await?;
        let json = reply.json();
        let number = |name: &str| json.get(name).and_then(serde_json::Value::as_u64);
        if !reply.is_success() {
            return Err(refused(&reply, number("code")));
        }
        if let Some(code) = number("error_code").filter(|code| *code != 0) {
            return Err(refused(&reply, Some(code)));
        }
        let sid = json.get("sid").and_then(serde_json::Value::as_str).unwrap_or_default();
        let unknown = |_| SendError::Ambiguous(Answer::new(Self::PROVIDER).with_status(reply.status));
        Receipt::new(Self::PROVIDER, sid).map_err(unknown)
    }

    /// `confirmed` for a code that came back. An account without the feature answers an error, which may be ignored.
    async fn feedback(&self, receipt: &Receipt, conversion: Conversion) -> Result<(), SendError> {
        // The id becomes part of a path.
        if receipt.provider() != Self::PROVIDER || identifier(receipt.message_id(), 64, "").is_err() {
            return Ok(());
        }
        let outcome = match conversion {
            Conversion::Verified => "confirmed",
            Conversion::NotVerified => "unconfirmed",
        };
        let reply =
            self.post(&format!("/{}/Feedback", receipt.message_id()), &[("Outcome", outcome)]).await?;
        match reply.status {
            _ if reply.is_success() => Ok(()),
            404 => Ok(()), // of another account of this provider
            _ => Err(refused(&reply, reply.json().get("code").and_then(serde_json::Value::as_u64))),
        }
    }
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Whole seconds, 1 to 36,000 (error 21624 otherwise).
fn validity(left: Duration) -> String {
    left.as_secs().clamp(1, 36_000).to_string()
}

/// What a refusal means. Twilio asks not to rely on its codes alone, as they are refined now and then: an unknown one
/// means what its HTTP status means.
fn refused(reply: &Reply, code: Option<u64>) -> SendError {
    let code = code.and_then(|code| u32::try_from(code).ok()).unwrap_or_default();
    let answer = Answer::new(Twilio::PROVIDER).with_status(reply.status);
    let answer = if code == 0 { answer } else { answer.with_code(code) };
    match code {
        _ if reply.status >= 500 => SendError::Ambiguous(answer),
        // Invalid number, short code, the sender itself, no mobile number, a landline, no body, too long.
        21211 | 21265 | 21266 | 21602 | 21604 | 21605 | 21614 | 21617 | 21635 => SendError::Rejected(answer),
        // No path between the two numbers; unreachable, unknown, landline or carrier out of reach.
        21214 | 21612 | 30003 | 30005 | 30006 | 30008 => SendError::Unroutable(answer),
        // Country not enabled, opted out, blocked, filtered, toll fraud.
        21408 | 21610 | 30004 | 30007 | 30450 | 30453 => SendError::Blocked(answer),
        // Too many requests, queue full, daily limit of the account.
        14107 | 20429 | 21611 | 30001 | 30022 | 63038 => SendError::throttled(reply.retry_after, answer),
        // Credentials, account, sender.
        20003
        | 20005
        | 20403
        | 20404
        | 21212
        | 21603
        | 21606
        | 21608
        | 21659..=21661
        | 21701..=21712
        | 30002
        | 30024
        | 30034
        | 30042
        | 90010 => SendError::Auth(answer),
        _ => reply.error(answer),
    }
}

/// Verifies and reads what Twilio posts to a status callback.
///
/// # Source
/// <https://www.twilio.com/docs/usage/security#validating-requests>
pub struct TwilioWebhook {
    auth_token: Secret,
}

impl TwilioWebhook {
    /// With the account's auth token, which signs; an API key's secret does not. A Webhooks Rule, which has its own key
    /// and SHA-256, is not supported.
    pub fn new(auth_token: Secret) -> Self {
        Self { auth_token }
    }

    /// Reads a report, once it is certain that Twilio sent it.
    ///
    /// `url` is the public address as it is configured at Twilio, query included, not the one behind a proxy. `form` is
    /// the body as it came; `signature` the header `X-Twilio-Signature`. A report can be replayed by whoever saw it:
    /// the signature covers no time.
    ///
    /// # Errors
    /// [`StatusError`]; nothing of an unsigned request is told.
    pub fn parse_status(
        &self,
        url: &str,
        form: &str,
        signature: &str,
    ) -> Result<DeliveryReport, StatusError> {
        if form.len() > LONGEST_REPORT || url.len() > LONGEST_REPORT {
            return Err(StatusError::TooLong);
        }
        let fields = decoded(form)?;
        self.verify(url, &fields, signature)?;
        let field = |name: &str| {
            let mut found = fields.iter().filter(|(known, _)| known == name);
            found.next().map(|(_, value)| value.as_str()).filter(|_| found.next().is_none())
        };
        let status = match field("MessageStatus").ok_or(StatusError::Malformed)? {
            "accepted" | "scheduled" | "queued" | "sending" => DeliveryStatus::Accepted,
            "sent" => DeliveryStatus::Sent,
            "delivered" | "read" => DeliveryStatus::Delivered,
            "undelivered" | "failed" | "canceled" => DeliveryStatus::Failed,
            _ => DeliveryStatus::Unknown,
        };
        let error_code = field("ErrorCode").and_then(|code| code.parse().ok());
        DeliveryReport::new(Twilio::PROVIDER, field("MessageSid").unwrap_or_default(), status, error_code)
            .map_err(|_| StatusError::Malformed)
    }

    /// HMAC-SHA1 over the address and every field, name and value, in the order of the names. Compared in constant time.
    fn verify(&self, url: &str, fields: &[(String, String)], signature: &str) -> Result<(), StatusError> {
        let given = BASE64.decode(signature.as_bytes()).map_err(|_| StatusError::Signature)?;
        let mut mac = Hmac::<Sha1>::new_from_slice(self.auth_token.expose().as_bytes())
            .map_err(|_| StatusError::Signature)?;
        mac.update(url.as_bytes());
        let mut sorted = fields.iter().collect::<Vec<_>>();
        sorted.sort();
        sorted.dedup(); // as Twilio's own libraries have it
        for (name, value) in sorted {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        mac.verify_slice(&given).map_err(|_| StatusError::Signature)
    }
}

impl fmt::Debug for TwilioWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TwilioWebhook(..)")
    }
}

/// A form, each value escaped but for letters, digits and `-._~`.
fn form(fields: &[(&str, &str)]) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, ESCAPED));
    let pairs = fields.iter().map(pair).map(Zeroizing::new).collect::<Vec<_>>();
    pairs.iter().map(|pair| pair.as_str()).collect::<Vec<_>>().join("&")
}

/// The fields of a form, at most 256.
fn decoded(form: &str) -> Result<Vec<(String, String)>, StatusError> {
    let text = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(String::from).map_err(|_| StatusError::Malformed)
    };
    let mut fields = Vec::new();
    for pair in form.split('&').filter(|pair| !pair.is_empty()) {
        if fields.len() == 256 {
            return Err(StatusError::Malformed);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        fields.push((text(name)?, text(value)?));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    /// The example of Twilio's documentation, as several independent libraries carry it in their tests.
    const FORM: &str =
        "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212";
    const SIGNATURE: &str = "0/KCTR6DLpKmkAf8muzZqo1nDgQ=";

    fn webhook() -> TwilioWebhook {
        TwilioWebhook::new(Secret::parse("12345").unwrap())
    }

    #[test]
    fn the_documented_signature_verifies_and_any_change_does_not() {
        let verify = |url: &str, form: &str, signature: &str| {
            webhook().verify(url, &decoded(form).unwrap(), signature)
        };
        assert_eq!(verify(URL, FORM, SIGNATURE), Ok(()));
        let swapped = "To=%2B18005551212&From=%2B12349013030&Digits=1234&Caller=%2B12349013030&CallSid=CA1234567890ABCDE";
        assert_eq!(verify(URL, swapped, SIGNATURE), Ok(()));
        for (url, form, signature) in [
            (&*URL.replace("foo=1", "foo=2"), FORM, SIGNATURE),
            (URL, &*FORM.replace("1234&", "1235&"), SIGNATURE),
            (URL, &*format!("{FORM}&Extra=1"), SIGNATURE),
            (URL, FORM, ""),
            (URL, FORM, "not base64"),
            (URL, FORM, "0/KCTR6DLpKmkAf8muzZqo1nDgA="),
            (URL, FORM, "0/KCTR6DLpKmkAf8"),
        ] {
            assert_eq!(verify(url, form, signature), Err(StatusError::Signature), "{url} {form} {signature}");
        }
    }

    fn signed(form: &str) -> Result<DeliveryReport, StatusError> {
        let mut mac = Hmac::<Sha1>::new_from_slice(b"12345").unwrap();
        mac.update(URL.as_bytes());
        let mut fields = decoded(form).unwrap();
        fields.sort();
        fields.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
        webhook().parse_status(URL, form, &BASE64.encode(&mac.finalize().into_bytes()))
    }

    #[test]
    fn a_signed_report_is_read() {
        let report =
            signed("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003&To=%2B12015550123").unwrap();
        assert_eq!((report.provider(), report.message_id()), ("twilio", "SM1"));
        assert_eq!((report.status(), report.error_code()), (DeliveryStatus::Failed, Some(30_003)));
        assert_eq!(
            signed("MessageSid=SM1&MessageStatus=delivered").unwrap().status(),
            DeliveryStatus::Delivered
        );
        assert_eq!(signed("MessageSid=SM1&MessageStatus=new+one").unwrap().status(), DeliveryStatus::Unknown);
    }

    #[test]
    fn what_is_no_report_is_malformed_and_too_long_is_not_read() {
        for form in ["", "MessageSid=SM1", "MessageStatus=sent", "MessageSid=a%20b&MessageStatus=sent"] {
            assert_eq!(signed(form), Err(StatusError::Malformed), "{form}");
        }
        let twice = "MessageSid=SM1&MessageSid=SM2&MessageStatus=sent";
        assert_eq!(signed(twice), Err(StatusError::Malformed));
        let webhook = webhook();
        assert_eq!(webhook.parse_status(URL, &"a".repeat(70_000), SIGNATURE), Err(StatusError::TooLong));
        assert_eq!(webhook.parse_status(URL, "a=%FF", SIGNATURE), Err(StatusError::Malformed));
        assert_eq!(webhook.parse_status(URL, &"a&".repeat(300), SIGNATURE), Err(StatusError::Malformed));
    }

    #[test]
    fn a_form_escapes_what_has_a_meaning_in_it() {
        assert_eq!(form(&[("To", "+1"), ("Body", "a b&c=d\n@é")]), "To=%2B1&Body=a%20b%26c%3Dd%0A%40%C3%A9");
    }

    #[test]
    fn validity_stays_within_twilio_s_limits() {
        assert_eq!(validity(Duration::from_millis(10)), "1");
        assert_eq!(validity(Duration::from_secs(300)), "300");
        assert_eq!(validity(Duration::from_secs(90_000)), "36000");
    }
}
