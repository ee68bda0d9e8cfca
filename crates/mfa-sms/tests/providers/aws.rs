use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use mfa_sms::{Aws, AwsCredentials, Conversion, Secret};
use sha2::{Digest, Sha256};

use super::*;
use crate::server::Received;

const ACCEPTED: &str = r#"{"MessageId":"cccccccc-0001"}"#;
const TOKEN: &str = "session-token-of-a-role";

fn aws(client: HttpClient, endpoint: Endpoint) -> Aws {
    let secret = || Secret::parse(SECRET).unwrap();
    let token = || Secret::parse(TOKEN).unwrap();
    let credentials = move || AwsCredentials::new("AKID0123", secret(), Some(token())).unwrap();
    let aws = Aws::new(client, "eu-west-1", "pool-0123", credentials).unwrap().with_endpoint(endpoint);
    aws.with_configuration_set("codes").unwrap()
}

fn make(client: HttpClient, endpoint: Endpoint) -> Arc<dyn DynSmsSender> {
    Arc::new(aws(client, endpoint))
}

/// The signature over what arrived, put together as AWS's guide describes it.
fn recomputed(request: &Received) -> String {
    let mac = |key: &[u8], text: &str| -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let digest = |text: &str| HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    let names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let mut canonical = String::from("POST\n/\n\n");
    for name in names.split(';') {
        canonical.push_str(&format!("{name}:{}\n", request.header(name).trim()));
    }
    canonical.push_str(&format!("\n{names}\n{}", digest(&request.body)));
    let scope = "20150830/eu-west-1/sms-voice/aws4_request";
    let to_sign = format!("AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{}", digest(&canonical));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, step| mac(&key, step));
    let signature = HEXLOWER.encode(&mac(&key, &to_sign));
    format!("AWS4-HMAC-SHA256 Credential=AKID0123/{scope}, SignedHeaders={names}, Signature={signature}")
}

#[tokio::test]
async fn it_asks_as_the_api_documents_and_signs_it() {
    let server = Server::start([Reply::json(200, ACCEPTED)]);
    let receipt = SmsSender::send(&aws(client(), server.endpoint()), &text()).await.unwrap();
    assert_eq!((receipt.provider(), receipt.message_id()), ("aws", "cccccccc-0001"));

    let [request] = &server.received()[..] else { panic!() };
    assert_eq!(request.line, "POST / HTTP/1.1");
    assert_eq!(request.header("x-amz-target"), "PinpointSMSVoiceV2.SendTextMessage");
    assert_eq!(request.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(request.header("x-amz-date"), "20150830T123600Z");
    assert_eq!(request.header("x-amz-security-token"), TOKEN);
    assert_eq!(request.header("authorization"), recomputed(request));
    let expected = serde_json::json!({
        "DestinationPhoneNumber": "+12015550123",
        "OriginationIdentity": "pool-0123",
        "MessageBody": BODY,
        "MessageType": "TRANSACTIONAL",
        "TimeToLive": 300,
        "Context": { "idempotency_key": "ab".repeat(16) },
        "MessageFeedbackEnabled": true,
        "ConfigurationSetName": "codes",
    });
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn the_time_to_live_stays_within_aws_s_limits() {
    let server = Server::start([Reply::json(200, ACCEPTED), Reply::json(200, ACCEPTED)]);
    let sender = aws(client(), server.endpoint());
    for expires_at in [NOW + 1, NOW + 1_000_000] {
        SmsSender::send(&sender, &text_until(expires_at)).await.unwrap();
    }
    let lives =
        server.received().iter().map(|request| request.json()["TimeToLive"].clone()).collect::<Vec<_>>();
    assert_eq!(lives, [5, 259_200]);
}

#[tokio::test]
async fn feedback_is_put() {
    let missing = r#"{"__type":"com.amazonaws.pinpointsmsvoicev2#ResourceNotFoundException"}"#;
    let server = Server::start([Reply::json(200, "{}"), Reply::json(400, missing), Reply::json(403, "")]);
    let sender = aws(client(), server.endpoint());
    let receipt = Receipt::new(Aws::PROVIDER, "m-1").unwrap();
    assert_eq!(SmsSender::feedback(&sender, &receipt, Conversion::Verified).await, Ok(()));
    assert_eq!(SmsSender::feedback(&sender, &receipt, Conversion::NotVerified).await, Ok(()));
    let refused = SmsSender::feedback(&sender, &receipt, Conversion::NotVerified).await;
    assert!(matches!(refused, Err(SendError::Auth(_))));
    let foreign = Receipt::new("twilio", "m-1").unwrap();
    assert_eq!(SmsSender::feedback(&sender, &foreign, Conversion::Verified).await, Ok(()));

    let received = server.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].header("x-amz-target"), "PinpointSMSVoiceV2.PutMessageFeedback");
    assert_eq!(received[0].header("authorization"), recomputed(&received[0]));
    assert_eq!(
        received[0].json(),
        serde_json::json!({ "MessageId": "m-1", "MessageFeedbackStatus": "RECEIVED" })
    );
    assert_eq!(
        received[1].json(),
        serde_json::json!({ "MessageId": "m-1", "MessageFeedbackStatus": "FAILED" })
    );
}

#[tokio::test]
async fn each_documented_error_means_what_it_says() {
    let told = async |status: u16, error: &str, reason: &str| {
        let body = format!(r#"{{"__type":"com.amazonaws#{error}","Message":"m","Reason":"{reason}"}}"#);
        send(make, Reply::json(status, &body)).await.unwrap_err()
    };
    let rejected = told(400, "ValidationException", "FIELD_VALIDATION_FAILED").await;
    assert!(matches!(rejected, SendError::Rejected(_)));
    for (error, reason) in [
        ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
        ("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"),
        ("ValidationException", "DESTINATION_COUNTRY_BLOCKED"),
        ("ValidationException", "COUNTRY_NOT_ENABLED"),
    ] {
        let blocked = told(400, error, reason).await;
        assert!(matches!(blocked, SendError::Blocked(_)), "{blocked}");
        assert_eq!(blocked.answer().unwrap().name(), Some(reason));
    }
    for (error, reason) in [
        ("AccessDeniedException", "ACCOUNT_DISABLED"),
        ("AccessDeniedException", ""),
        ("UnrecognizedClientException", ""),
        ("ExpiredTokenException", ""),
        ("ResourceNotFoundException", ""),
        ("ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"),
        ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"),
        ("ConflictException", "SOMETHING_NEW"),
    ] {
        assert!(matches!(told(400, error, reason).await, SendError::Auth(_)), "{error} {reason}");
    }
    let unroutable = told(400, "ValidationException", "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY").await;
    assert!(matches!(unroutable, SendError::Unroutable(_)));
    assert!(matches!(told(400, "ThrottlingException", "").await, SendError::Throttled { .. }));
    assert!(matches!(told(500, "InternalServerException", "").await, SendError::Ambiguous(_)));
    assert!(matches!(told(400, "SomethingNew", "").await, SendError::Rejected(_)));
}

#[tokio::test]
async fn on_the_way() {
    whatever_happens_on_the_way_is_told_rightly(make, ACCEPTED).await;
    without_a_connection_nothing_was_sent(make).await;
    an_expired_code_is_not_sent(make).await;
}

#[tokio::test]
async fn inv_10_nothing_secret_is_shown() {
    let debug = |client, endpoint| format!("{:?}", aws(client, endpoint));
    nothing_secret_is_shown(debug, make, &[TOKEN, "AKID0123"]).await;
    let secret = Secret::parse(SECRET).unwrap();
    let credentials = AwsCredentials::new("AKID0123", secret, None).unwrap();
    assert_eq!(format!("{credentials:?}"), "AwsCredentials(..)");
}

#[test]
fn a_region_that_would_change_the_host_is_refused() {
    let credentials = || unreachable!();
    for region in ["", "eu-west-1.evil.example/", "eu west", "eu@west", "évian"] {
        assert!(Aws::new(client(), region, "pool", credentials).is_err(), "{region}");
    }
}
