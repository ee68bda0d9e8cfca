//! AWS End User Messaging SMS.

mod sigv4;

use std::fmt;
use std::sync::Arc;

use hyper::header::{self, HeaderName, HeaderValue};
use serde_json::Value;

use crate::http::{Reply, identifier};
use crate::{
    Answer, ConfigError, Conversion, Endpoint, HttpClient, Receipt, Secret, SendError, SmsSender, TextMessage,
};

/// Sends by AWS End User Messaging SMS (`SendTextMessage` of the API `pinpoint-sms-voice-v2`), signed with Signature
/// Version 4.
///
/// The API has no idempotency key; ours goes along in `Context`, which AWS repeats in its events. The seconds until the
/// code expires go along as `TimeToLive`. Each message asks for feedback, which [`SmsSender::feedback`] gives; AWS
/// counts a message without it as failed after an hour. Delivery events come through SNS, Firehose or CloudWatch, not
/// through a webhook of this crate.
///
/// The account needs `sms-voice:SendTextMessage` and `sms-voice:PutMessageFeedback`.
///
/// # Source
/// <https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html>,
/// <https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_PutMessageFeedback.html>
pub struct Aws {
    http: HttpClient,
    endpoint: Endpoint,
    region: Box<str>,
    origination_identity: Box<str>,
    configuration_set: Option<Box<str>>,
    credentials: Arc<dyn Fn() -> AwsCredentials + Send + Sync>,
}

impl Aws {
    /// What its receipts say.
    pub const PROVIDER: &'static str = "aws";

    /// A sender in `region`. Texts come from `origination_identity`: a number, pool or sender name, or the id or ARN of
    /// one. `credentials` is asked before each request, so that a host can hand over those of a role as they change; it
    /// must not block.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] when the region or the identity is empty, over 256 characters, or holds a character
    /// it cannot have.
    pub fn new(
        http: HttpClient,
        region: &str,
        origination_identity: &str,
        credentials: impl Fn() -> AwsCredentials + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let region = identifier(region, 32, "-")?;
        Ok(Self {
            http,
            endpoint: Endpoint::parse(&format!("https://sms-voice.{region}.amazonaws.com"))?,
            region,
            origination_identity: identifier(origination_identity, 256, "_:/+-")?,
            configuration_set: None,
            credentials: Arc::new(credentials),
        })
    }

    /// With a configuration set, by name or ARN: where its events go.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] when it is empty, over 256 characters, or holds a character it cannot have.
    pub fn with_configuration_set(mut self, name: &str) -> Result<Self, ConfigError> {
        self.configuration_set = Some(identifier(name, 256, "_:/-")?);
        Ok(self)
    }

    /// Sends to `endpoint` instead: one inside a private network, of another partition, or a test's.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    async fn call(&self, target: &'static str, body: &Value) -> Result<Reply, SendError> {
        let not_sent = SendError::Auth(Answer::new(Self::PROVIDER));
        let credentials = (self.credentials)();
        let now = self.http.now();
        let date = sigv4::timestamp(now);
        let body = body.to_string().into_bytes();
        let mut signed = vec![
            ("content-type", CONTENT_TYPE),
            ("host", self.endpoint.authority()),
            ("x-amz-date", date.as_str()),
        ];
        signed.extend(credentials.session_token().map(|token| ("x-amz-security-token", token)));
        signed.push(("x-amz-target", target));
        let scope = sigv4::Scope { region: &self.region, service: "sms-voice" };
        let authorization =
            sigv4::authorization(&credentials, &scope, now, &signed, &body).ok_or(not_sent)?;
        signed.push(("authorization", &authorization));
        let mut headers = Vec::with_capacity(signed.len());
        for (name, value) in signed {
            let mut value = HeaderValue::from_str(value).map_err(|_| not_sent)?;
            value.set_sensitive(matches!(name, "authorization" | "x-amz-security-token"));
            headers.push((HeaderName::from_static(name), value));
        }
        headers.push((header::ACCEPT, HeaderValue::from_static(CONTENT_TYPE)));
        self.http.post(Self::PROVIDER, &self.endpoint, "/", headers, body).await
    }
}

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

#[deny(clippy::missing_trait_methods)]
impl SmsSender for Aws {
    async fn send(&self, text: &TextMessage) -> Result<Receipt, SendError> {
        let left = self.http.worth_sending(text)?.as_secs();
        let mut message = serde_json::json!({
            "DestinationPhoneNumber": text.to().expose(),
            "OriginationIdentity": self.origination_identity,
            "MessageBody": text.body().expose(),
            "MessageType": "TRANSACTIONAL",
            "TimeToLive": left.clamp(5, 259_200),
            "Context": { "idempotency_key": text.idempotency_key().to_string() },
            "MessageFeedbackEnabled": true,
        });
        if let (Some(set), Some(fields)) = (&self.configuration_set, message.as_object_mut()) {
            fields.insert("ConfigurationSetName".to_owned(), set.as_ref().into());
        }
        let reply = self.call("PinpointSMSVoiceV2.SendTextMessage", &message).await?;
        if !reply.is_success() {
            return Err(refused(&reply).0);
        }
        let json = reply.json();
        let id = json.get("MessageId").and_then(Value::as_str).unwrap_or_default();
        let unknown = |_| SendError::Ambiguous(Answer::new(Self::PROVIDER).with_status(reply.status));
        Receipt::new(Self::PROVIDER, id).map_err(unknown)
    }

    /// `RECEIVED` for a code that came back, `FAILED` otherwise.
    async fn feedback(&self, receipt: &Receipt, conversion: Conversion) -> Result<(), SendError> {
        if receipt.provider() != Self::PROVIDER {
            return Ok(());
        }
        let status = match conversion {
            Conversion::Verified => "RECEIVED",
            Conversion::NotVerified => "FAILED",
        };
        let feedback =
            serde_json::json!({ "MessageId": receipt.message_id(), "MessageFeedbackStatus": status });
        let reply = self.call("PinpointSMSVoiceV2.PutMessageFeedback", &feedback).await?;
        if reply.is_success() {
            return Ok(());
        }
        match refused(&reply) {
            (_, Some("ResourceNotFoundException")) => Ok(()), // of another account or region
            (error, _) => Err(error),
        }
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What a refusal means, and the name of its error. The error is `__type`, perhaps with a namespace before a `#`; the
/// field `Reason` says more.
fn refused(reply: &Reply) -> (SendError, Option<&'static str>) {
    let json = reply.json();
    let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default();
    let full = text("__type");
    let error = full.rsplit_once('#').map_or(full, |(_, name)| name);
    let kind = ERRORS.iter().find(|(name, _)| *name == error);
    let reason = REASONS.iter().find(|(name, _)| *name == text("Reason"));
    let answer = Answer::new(Aws::PROVIDER).with_status(reply.status);
    let named =
        |found: Option<&(&'static str, Kind)>| found.map_or(answer, |(name, _)| answer.with_name(name));
    let told = match (kind, reason) {
        _ if reply.status >= 500 => SendError::Ambiguous(named(kind)),
        (Some((_, Kind::Throttled)), _) => SendError::throttled(reply.retry_after, named(kind)),
        (_, Some((_, Kind::Blocked))) => SendError::Blocked(named(reason)),
        (_, Some((_, Kind::Auth))) => SendError::Auth(named(reason)),
        (_, Some((_, Kind::Unroutable))) => SendError::Unroutable(named(reason)),
        (Some((_, Kind::Auth)), _) => SendError::Auth(named(kind)),
        (Some((_, Kind::Ambiguous)), _) => SendError::Ambiguous(named(kind)),
        (Some((_, Kind::Rejected)), _) => SendError::Rejected(named(kind)),
        _ => reply.error(answer),
    };
    (told, kind.map(|(name, _)| *name))
}

#[derive(Clone, Copy)]
enum Kind {
    Rejected,
    Unroutable,
    Throttled,
    Blocked,
    Auth,
    Ambiguous,
}

const ERRORS: &[(&str, Kind)] = &[
    ("ValidationException", Kind::Rejected),
    ("ThrottlingException", Kind::Throttled),
    ("TooManyRequestsException", Kind::Throttled),
    ("InternalServerException", Kind::Ambiguous),
    ("AccessDeniedException", Kind::Auth),
    ("ConflictException", Kind::Auth),
    ("ResourceNotFoundException", Kind::Auth),
    ("ServiceQuotaExceededException", Kind::Auth),
    ("UnrecognizedClientException", Kind::Auth),
    ("InvalidSignatureException", Kind::Auth),
    ("IncompleteSignatureException", Kind::Auth),
    ("MissingAuthenticationTokenException", Kind::Auth),
    ("ExpiredTokenException", Kind::Auth),
    ("RequestExpired", Kind::Auth),
    ("OptInRequired", Kind::Auth),
];

const REASONS: &[(&str, Kind)] = &[
    ("DESTINATION_PHONE_NUMBER_OPTED_OUT", Kind::Blocked),
    ("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", Kind::Blocked),
    ("DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE", Kind::Blocked),
    ("DESTINATION_COUNTRY_BLOCKED", Kind::Blocked),
    ("COUNTRY_NOT_ENABLED", Kind::Blocked),
    ("DESTINATION_PHONE_NUMBER_NOT_VERIFIED", Kind::Auth),
    ("NO_ORIGINATION_IDENTITIES_FOUND", Kind::Auth),
    ("REGISTRATION_NOT_COMPLETE", Kind::Auth),
    ("RESOURCE_NOT_ACTIVE", Kind::Auth),
    ("SENDER_ID_NOT_REGISTERED", Kind::Auth),
    ("SENDER_ID_REQUIRES_REGISTRATION", Kind::Auth),
    ("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", Kind::Auth),
    ("INSUFFICIENT_ACCOUNT_REPUTATION", Kind::Auth),
    ("ACCOUNT_DISABLED", Kind::Auth),
    ("SENDER_ID_NOT_SUPPORTED", Kind::Unroutable),
    ("INVALID_IDENTITY_FOR_DESTINATION_COUNTRY", Kind::Unroutable),
    ("INTERNATIONAL_SENDING_NOT_SUPPORTED", Kind::Unroutable),
    ("PRICE_OVER_THRESHOLD", Kind::Unroutable),
];

/// Credentials of AWS. Cloning is cheap, since a host keeps the current ones and hands out copies; all copies share one
/// secret, which is wiped with the last.
#[derive(Clone)]
pub struct AwsCredentials(Arc<Inner>);

struct Inner {
    access_key_id: Box<str>,
    secret_access_key: Secret,
    session_token: Option<Secret>,
}

impl AwsCredentials {
    /// An access key, with its session token when it is temporary.
    ///
    /// # Errors
    /// [`ConfigError::Identifier`] when the id is empty, over 128 characters, or holds something other than letters,
    /// digits and `_`.
    pub fn new(
        access_key_id: &str,
        secret_access_key: Secret,
        session_token: Option<Secret>,
    ) -> Result<Self, ConfigError> {
        let access_key_id = identifier(access_key_id, 128, "_")?;
        Ok(Self(Arc::new(Inner { access_key_id, secret_access_key, session_token })))
    }

    fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    fn secret_access_key(&self) -> &str {
        self.0.secret_access_key.expose()
    }

    fn session_token(&self) -> Option<&str> {
        self.0.session_token.as_ref().map(Secret::expose)
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsCredentials(..)")
    }
}
