//! A provider on a port of its own: answers each connection with the next of the given bytes, and keeps what it was
//! asked.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) enum Reply {
    /// These bytes, whatever they are, and the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and nothing more until the other side closes.
    Held(Vec<u8>),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with_header(status, "X-Test: 1", body)
    }

    pub(crate) fn with_header(status: u16, header: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!(
                "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 {header}\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }
}

#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) line: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) struct Server {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let replies = replies.into_iter().collect::<Vec<_>>();
        let kept = received.clone();
        thread::spawn(move || {
            for reply in replies {
                let (mut stream, _) = listener.accept().unwrap();
                if let Some(request) = read(&mut stream) {
                    kept.lock().unwrap().push(request);
                }
                match reply {
                    Reply::Bytes(bytes) => drop(stream.write_all(&bytes)),
                    Reply::Held(bytes) => {
                        stream.write_all(&bytes).unwrap();
                        drop(stream.read(&mut [0]));
                    }
                }
            }
        });
        Self { port, received }
    }

    pub(crate) fn endpoint(&self) -> mfa_sms::Endpoint {
        mfa_sms::Endpoint::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.received.lock().unwrap())
    }
}

/// One request with its body; `None` when what comes is not HTTP.
fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let head = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&some[..count]);
        if !bytes.starts_with(b"POST ") {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect::<HashMap<_, _>>();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head.checked_add(4).unwrap());
    while body.len() < length {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        body.extend_from_slice(&some[..count]);
    }
    Some(Received { line, headers, body: String::from_utf8(body).unwrap() })
}
