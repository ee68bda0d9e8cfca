use std::collections::HashMap;

use mfa_sms::{Conversion, Secret, Twilio, TwilioOrigin};

use super::*;

const ACCEPTED: &str = r#"{"sid":"SM-0001","status":"queued","error_code":null}"#;

fn twilio(client: HttpClient, endpoint: Endpoint) -> Twilio {
    let secret = Secret::parse(SECRET).unwrap();
    let origin = TwilioOrigin::messaging_service("MG0123").unwrap();
    Twilio::new(client, "AC0123", "SK0123", &secret, origin).unwrap().with_endpoint(endpoint)
}

fn make(client: HttpClient, endpoint: Endpoint) -> Arc<dyn DynSmsSender> {
    Arc::new(twilio(client, endpoint))
}

fn fields(body: &str) -> HashMap<String, String> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

#[tokio::test]
async fn it_asks_as_the_messages_api_documents() {
    let server = Server::start([Reply::json(201, ACCEPTED)]);
    let receipt = SmsSender::send(&twilio(client(), server.endpoint()), &text()).await.unwrap();
    assert_eq!((receipt.provider(), receipt.message_id()), ("twilio", "SM-0001"));

    let [request] = &server.received()[..] else { panic!() };
    assert_eq!(request.line, "POST /2010-04-01/Accounts/AC0123/Messages.json HTTP/1.1");
    assert_eq!(request.header("host"), format!("127.0.0.1:{}", server.port));
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    let pair = data_encoding::BASE64.encode(format!("SK0123:{SECRET}").as_bytes());
    assert_eq!(request.header("authorization"), format!("Basic {pair}"));
    let expected = [
        ("To", "+12015550123"),
        ("MessagingServiceSid", "MG0123"),
        ("Body", BODY),
        ("ValidityPeriod", "300"),
        ("ProvideFeedback", "true"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields(&request.body), HashMap::from(expected));
}

#[tokio::test]
async fn it_can_send_from_a_number() {
    let server = Server::start([Reply::json(201, ACCEPTED)]);
    let secret = Secret::parse(SECRET).unwrap();
    let origin = TwilioOrigin::sender("+12015550100").unwrap();
    let sender = Twilio::new(client(), "AC0123", "AC0123", &secret, origin).unwrap();
    SmsSender::send(&sender.with_endpoint(server.endpoint()), &text()).await.unwrap();
    let [request] = &server.received()[..] else { panic!() };
    assert_eq!(fields(&request.body).get("From").map(String::as_str), Some("+12015550100"));
}

#[tokio::test]
async fn each_documented_error_means_what_it_says() {
    let told = async |status: u16, code: u32| {
        let body = format!(r#"{{"code":{code},"message":"m","more_info":"u","status":{status}}}"#);
        let error = send(make, Reply::json(status, &body)).await.unwrap_err();
        assert_eq!(error.answer().unwrap().code(), Some(code));
        error
    };
    for code in [21211, 21614, 21635, 21617] {
        assert!(matches!(told(400, code).await, SendError::Rejected(_)), "{code}");
    }
    for code in [21612, 30003, 30006] {
        assert!(matches!(told(400, code).await, SendError::Unroutable(_)), "{code}");
    }
    for code in [21408, 21610, 30007, 30450] {
        assert!(matches!(told(400, code).await, SendError::Blocked(_)), "{code}");
    }
    for (status, code) in [(401, 20003), (404, 20404), (400, 21606), (400, 21659), (400, 21703), (403, 30002)]
    {
        assert!(matches!(told(status, code).await, SendError::Auth(_)), "{code}");
    }
    for (status, code) in [(429, 20429), (400, 21611), (429, 99_999)] {
        assert!(matches!(told(status, code).await, SendError::Throttled { .. }), "{code}");
    }
    assert!(matches!(told(400, 29_999).await, SendError::Rejected(_)));
    assert!(matches!(told(500, 21211).await, SendError::Ambiguous(_)));
    let failed = r#"{"sid":"SM1","status":"failed","error_code":30006}"#;
    assert!(matches!(send(make, Reply::json(201, failed)).await, Err(SendError::Unroutable(_))));
}

#[tokio::test]
async fn feedback_is_told_by_the_message_s_resource() {
    let server =
        Server::start([Reply::json(201, "{}"), Reply::json(404, r#"{"code":20404}"#), Reply::json(500, "")]);
    let sender = twilio(client(), server.endpoint());
    let receipt = Receipt::new(Twilio::PROVIDER, "SM0123").unwrap();
    assert_eq!(SmsSender::feedback(&sender, &receipt, Conversion::Verified).await, Ok(()));
    assert_eq!(SmsSender::feedback(&sender, &receipt, Conversion::NotVerified).await, Ok(()));
    assert!(SmsSender::feedback(&sender, &receipt, Conversion::NotVerified).await.is_err());
    for (provider, id) in [("aws", "SM0123"), (Twilio::PROVIDER, "../../x")] {
        let receipt = Receipt::new(provider, id).unwrap();
        assert_eq!(SmsSender::feedback(&sender, &receipt, Conversion::Verified).await, Ok(()));
    }
    let received = server.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].line, "POST /2010-04-01/Accounts/AC0123/Messages/SM0123/Feedback.json HTTP/1.1");
    assert_eq!((&*received[0].body, &*received[1].body), ("Outcome=confirmed", "Outcome=unconfirmed"));
}

#[tokio::test]
async fn on_the_way() {
    whatever_happens_on_the_way_is_told_rightly(make, ACCEPTED).await;
    without_a_connection_nothing_was_sent(make).await;
    an_expired_code_is_not_sent(make).await;
}

#[tokio::test]
async fn inv_10_nothing_secret_is_shown() {
    let debug = |client, endpoint| format!("{:?}", twilio(client, endpoint));
    nothing_secret_is_shown(debug, make, &["SK0123"]).await;
}

#[test]
fn an_identifier_that_would_change_the_path_is_refused() {
    let secret = Secret::parse(SECRET).unwrap();
    let origin = || TwilioOrigin::messaging_service("MG1").unwrap();
    for (account, user) in [("", "SK1"), ("AC1", ""), ("AC1/../x", "SK1"), ("AC1", "SK1:x")] {
        assert!(Twilio::new(client(), account, user, &secret, origin()).is_err(), "{account} {user}");
    }
    for name in ["", "MG 1&To=x", "é", &"a".repeat(65)] {
        assert!(
            TwilioOrigin::messaging_service(name).is_err() && TwilioOrigin::sender(name).is_err(),
            "{name}"
        );
    }
}
