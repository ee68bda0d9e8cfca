use mfa_sms::{Secret, Vonage};

use super::*;

const ACCEPTED: &str = r#"{"message_uuid":"aaaaaaaa-bbbb-0001"}"#;

fn vonage(client: HttpClient, endpoint: Endpoint) -> Vonage {
    let secret = Secret::parse(SECRET).unwrap();
    Vonage::new(client, "key0123", &secret, "Example").unwrap().with_endpoint(endpoint)
}

fn make(client: HttpClient, endpoint: Endpoint) -> Arc<dyn DynSmsSender> {
    Arc::new(vonage(client, endpoint))
}

#[tokio::test]
async fn it_asks_as_the_messages_api_documents() {
    let server = Server::start([Reply::json(202, ACCEPTED)]);
    let receipt = SmsSender::send(&vonage(client(), server.endpoint()), &text()).await.unwrap();
    assert_eq!((receipt.provider(), receipt.message_id()), ("vonage", "aaaaaaaa-bbbb-0001"));

    let [request] = &server.received()[..] else { panic!() };
    assert_eq!(request.line, "POST /v1/messages HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    let pair = data_encoding::BASE64.encode(format!("key0123:{SECRET}").as_bytes());
    assert_eq!(request.header("authorization"), format!("Basic {pair}"));
    let expected = serde_json::json!({
        "channel": "sms",
        "message_type": "text",
        "to": "12015550123",
        "from": "Example",
        "text": BODY,
        "client_ref": "ab".repeat(16),
    });
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn each_documented_error_means_what_it_says() {
    let told = async |status: u16, fragment: &str| {
        let problem = "https://developer.vonage.com/api-errors/messages";
        let body = format!(r#"{{"type":"{problem}#{fragment}","title":"t","detail":"d","instance":"i"}}"#);
        send(make, Reply::json(status, &body)).await.unwrap_err()
    };
    for fragment in ["1040", "1170", "1190", "1020", "9999"] {
        assert!(matches!(told(422, fragment).await, SendError::Rejected(_)), "{fragment}");
    }
    for fragment in ["1050", "1210", "1240", "1282"] {
        assert!(matches!(told(422, fragment).await, SendError::Blocked(_)), "{fragment}");
    }
    for fragment in ["1180", "1250", "1260"] {
        assert!(matches!(told(422, fragment).await, SendError::Unroutable(_)), "{fragment}");
    }
    for fragment in ["1060", "1070", "1120", "1160", "low-balance", "account-suspended"] {
        assert!(matches!(told(422, fragment).await, SendError::Auth(_)), "{fragment}");
    }
    for fragment in ["1000", "1241"] {
        assert!(matches!(told(422, fragment).await, SendError::Throttled { .. }), "{fragment}");
    }
    for fragment in ["1030", "1100", "1331"] {
        assert!(matches!(told(422, fragment).await, SendError::Ambiguous(_)), "{fragment}");
    }
    assert!(matches!(told(429, "throttled").await, SendError::Throttled { .. }));
    assert!(matches!(told(500, "1170").await, SendError::Ambiguous(_)));
    assert_eq!(told(401, "unauthorized").await.answer().unwrap().name(), Some("unauthorized"));
    assert_eq!(told(422, "012345").await.answer().unwrap().code(), None);
}

#[tokio::test]
async fn on_the_way() {
    whatever_happens_on_the_way_is_told_rightly(make, ACCEPTED).await;
    without_a_connection_nothing_was_sent(make).await;
    an_expired_code_is_not_sent(make).await;
}

#[tokio::test]
async fn inv_10_nothing_secret_is_shown() {
    nothing_secret_is_shown(|client, endpoint| format!("{:?}", vonage(client, endpoint)), make, &["key0123"])
        .await;
}
