//! What leaves the process when what comes in is hardly a request: over a real socket, to the program as it is started.
//!
//! Two things are closed without an answer, since no answer could be understood or is owed: a head that never ends, and
//! HTTP/2. `100 Continue` is the protocol's own interim word before an answer of the table. Everything else is answered
//! from the table of statuses, with a page that says what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

#[path = "../browser/servers.rs"]
#[allow(dead_code, reason = "the browser is not used here")]
mod servers;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use servers::Site;

/// The statuses of an answer, in their order, and everything that came.
struct Answers {
    statuses: Vec<u16>,
    text: String,
}

/// Sends all of `request`, if it is let, and reads until there is no more. After a while of silence it says that nothing
/// more will come; not before, since hyper takes that for the end of the client's interest in an answer.
fn send(site: &Site, request: &[u8]) -> Answers {
    let mut stream = TcpStream::connect(site.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    stream.set_write_timeout(Some(BOUND)).unwrap();
    stream.write_all(request).ok(); // may be refused in the middle of it: what counts is the answer
    let mut came = Vec::new();
    let mut ended = stream.read_to_end(&mut came);
    if is_timeout(&ended) {
        stream.shutdown(Shutdown::Write).ok();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        ended = stream.read_to_end(&mut came);
    }
    assert!(!is_timeout(&ended), "still open after {came:?}: {}", shown(request));
    let text = String::from_utf8_lossy(&came).into_owned();
    let heads = text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse().ok());
    Answers { statuses: heads.collect(), text }
}

fn is_timeout<T>(result: &std::io::Result<T>) -> bool {
    let kind = result.as_ref().err().map(std::io::Error::kind);
    kind.is_some_and(|kind| [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&kind))
}

/// Does something with each of `items`, many at a time: most of the time is waiting.
fn each<T: Sync>(items: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(item);
                }
            });
        }
    });
}

const SILENCE: Duration = Duration::from_secs(2);
/// Longer than anything takes; the site answers within ten seconds when it is at its worst.
const BOUND: Duration = Duration::from_secs(10);
/// All that site.md has for browsers.
const TABLE: [u16; 8] = [200, 303, 403, 410, 413, 422, 429, 503];
const CLOSED: &[u16] = &[];

fn shown(request: &[u8]) -> String {
    String::from_utf8_lossy(request).chars().take(300).collect()
}

/// Holds an answer to the table, and a refusal to its page.
fn hold(answers: &Answers, request: &[u8]) {
    for status in answers.statuses.iter().filter(|status| **status != 100) {
        assert!(TABLE.contains(status), "{status} for {}", shown(request));
    }
    if let Some(status) = answers.statuses.last().filter(|status| **status >= 400) {
        let page = answers.text.rsplit("HTTP/1.").next().unwrap().to_lowercase();
        for part in ["cache-control: no-store", "default-src 'none'", "<h1>", "role=\"alert\"", "</html>"] {
            assert!(page.contains(part), "{status} without {part:?} for {}", shown(request));
        }
    }
}

fn expect(site: &Site, what: &str, request: impl AsRef<[u8]>, statuses: &[u16]) {
    let request = request.as_ref();
    let answers = send(site, request);
    assert_eq!(answers.statuses, statuses, "{what}: {}", answers.text.chars().take(200).collect::<String>());
    hold(&answers, request);
}

/// A request with `extra` header lines, each with its line end.
fn get(path: &str, extra: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: site\r\nConnection: close\r\n{extra}\r\n")
}

fn post(extra: &str, body: &str) -> String {
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    format!("POST /sign-in HTTP/1.1\r\nHost: site\r\nConnection: close\r\n{form}{extra}\r\n{body}")
}

#[test]
fn e11_a_megabyte_in_any_place_is_refused_from_the_table() {
    let site = Site::start();
    for kind in ["1", "é", "%", "%00", "&a=1", "/..", ";"] {
        let much = kind.repeat((1_usize << 20).div_ceil(kind.len()));
        for path in [format!("/{much}"), format!("/sign-in?{much}"), format!("/mfa/{much}")] {
            expect(&site, &format!("a path of {kind}"), get(&path, ""), &[413]);
        }
        expect(&site, "a method", format!("{much} / HTTP/1.1\r\n\r\n"), refusal_of_method(kind));
        for name in
            ["Cookie", "Host", "Origin", "Referer", "Accept", "Accept-Language", "User-Agent", "X-Other"]
        {
            let header = format!("{name}: {much}\r\n");
            expect(&site, &format!("{name} of {kind}"), get("/sign-in", &header), &[413]);
        }
        for name in ["Content-Type", "Content-Length", "Transfer-Encoding", "Sec-Fetch-Site", "Expect"] {
            expect(&site, &format!("{name} of {kind}"), post(&format!("{name}: {much}\r\n"), "a=1"), &[413]);
        }
        let length = format!("Content-Length: {}\r\n", much.len());
        expect(&site, &format!("a body of {kind}"), post(&length, &much), &[413]);
        let chunk = format!("{:x}\r\n{much}\r\n0\r\n\r\n", much.len());
        expect(&site, &format!("a chunk of {kind}"), post("Transfer-Encoding: chunked\r\n", &chunk), &[413]);
    }
    let lines: String = (0..1000).map(|n| format!("X-{n}: 1\r\n")).collect();
    expect(&site, "a thousand headers", get("/sign-in", &lines), &[413]);
    expect(&site, "still there", get("/sign-in", ""), &[200]);
}

/// Not a letter of a method: refused at once. Only letters: read on to the limit.
fn refusal_of_method(kind: &str) -> &'static [u16] {
    match kind {
        "1" | "%" | "%00" => &[413],
        _ => &[422],
    }
}

#[test]
fn what_is_no_request_is_refused_from_the_table() {
    let site = Site::start();
    each(NO_REQUESTS, |(what, request, statuses)| expect(&site, what, request, statuses));
    expect(&site, "still there", get("/sign-in", ""), &[200]);
}

const NO_REQUESTS: &[(&str, &str, &[u16])] = &[
    ("nothing", "", CLOSED),
    ("half a head", "GET / HTTP/1.1\r\nHost: site\r\n", CLOSED),
    ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CLOSED),
    ("one word", "GARBAGE\r\n\r\n", &[422]),
    ("two words", "GET /\r\n\r\n", &[422]),
    ("four words", "GET / / HTTP/1.1\r\n\r\n", &[422]),
    ("no path", "GET  HTTP/1.1\r\n\r\n", &[422]),
    ("another version", "GET / HTTP/9.9\r\n\r\n", &[422]),
    ("version 2 in words", "GET / HTTP/2.0\r\n\r\n", &[422]),
    ("NUL", "\0\0\0\0\r\n\r\n", &[422]),
    ("NUL in the path", "GET /\0 HTTP/1.1\r\n\r\n", &[422]),
    ("a TLS hello", "\u{16}\u{3}\u{1}\0\u{7f}\u{1}\0\0\u{7b}\u{3}\u{3}\r\n\r\n", &[422]),
    ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", &[422]),
    ("no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", &[422]),
    ("a space before the colon", "GET / HTTP/1.1\r\nHost : site\r\n\r\n", &[422]),
    ("no name", "GET / HTTP/1.1\r\n: site\r\n\r\n", &[422]),
    ("NUL in a header", "GET / HTTP/1.1\r\nCookie: a\0b\r\n\r\n", &[422]),
    ("a folded header", "GET / HTTP/1.1\r\nCookie: a\r\n b\r\n\r\n", &[422]),
    ("a lone CR", "GET / HTTP/1.1\r\nCookie: a\rb\r\n\r\n", &[422]),
    ("a length in words", "POST /sign-in HTTP/1.1\r\nContent-Length: many\r\n\r\n", &[422]),
    ("a length below nothing", "POST /sign-in HTTP/1.1\r\nContent-Length: -1\r\n\r\n", &[422]),
    ("two lengths", "POST /sign-in HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", &[422]),
    ("an unknown coding", "POST /sign-in HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nab", &[422]),
    ("chunks in HTTP/1.0", "POST /sign-in HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[422]),
    ("less than announced", "POST /sign-in HTTP/1.1\r\nHost: site\r\nContent-Length: 100\r\n\r\na=1", &[422]),
    (
        "more than announced",
        "POST /sign-in HTTP/1.1\r\nHost: site\r\nContent-Length: 3\r\n\r\na=1and more\r\n\r\n",
        &[422, 422],
    ),
    (
        "more than anybody has",
        "POST /sign-in HTTP/1.1\r\nHost: site\r\nContent-Length: 18446744073709551614\r\n\r\n",
        &[413],
    ),
    (
        "chunks that are none",
        "POST /sign-in HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nzz\r\n\r\n",
        &[422],
    ),
    (
        "a chunk beyond counting",
        "POST /sign-in HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        &[422],
    ),
    (
        "a chunk that ends early",
        "POST /sign-in HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        &[422],
    ),
    ("HTTP/1.0", "GET /sign-in HTTP/1.0\r\n\r\n", &[200]),
    ("no host", "GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n", &[200]),
    ("line feeds alone", "GET /sign-in HTTP/1.1\nHost: site\nConnection: close\n\n", &[200]),
    ("lines before", "\r\n\r\nGET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n", &[200]),
    ("the whole address", "GET http://evil.example/sign-in HTTP/1.1\r\nConnection: close\r\n\r\n", &[200]),
    ("everything", "OPTIONS * HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n", &[303]),
    ("a tunnel", "CONNECT evil.example:443 HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n", &[303]),
    ("a trace", "TRACE / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n", &[303]),
    ("a method of its own", "BREW / HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n", &[303]),
    ("a method in small letters", "get /sign-in HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n", &[303]),
    ("a fragment", "GET /sign-in#top HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n", &[200]),
    ("a request, then none", "GET /sign-in HTTP/1.1\r\nHost: site\r\n\r\nGARBAGE\r\n\r\n", &[200, 422]),
    (
        "two requests at once",
        "GET /sign-in HTTP/1.1\r\nHost: site\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        &[200, 303],
    ),
    (
        "a wish to go on",
        "POST /sign-in HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=1",
        &[100, 422],
    ),
    (
        "a wish for something else",
        "GET /sign-in HTTP/1.1\r\nExpect: the unexpected\r\nConnection: close\r\n\r\n",
        &[200],
    ),
    (
        "an upgrade",
        "GET /sign-in HTTP/1.1\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
        &[200],
    ),
];

/// Each byte of a sign-in that works: flipped, left out, doubled, zero, and no text.
#[test]
fn a_sign_in_altered_byte_by_byte_is_answered_from_the_table() {
    let site = Site::start();
    let token = "0123456789012345678901234567890123456789012";
    let form = format!("csrf={token}&email=casey%40commercial.example&password={}", site.password);
    let fields = format!("Cookie: site_form={token}\r\nContent-Length: {}\r\n", form.len());
    let right = post(&fields, &form).into_bytes();
    assert_eq!(send(&site, &right).statuses, [303]);
    let altered: Vec<Vec<u8>> = (0..right.len()).flat_map(|place| alterations(&right, place)).collect();
    let closed = AtomicUsize::new(0);
    each(&altered, |altered| {
        let answers = send(&site, altered);
        hold(&answers, altered);
        if answers.statuses.is_empty() {
            closed.fetch_add(1, Ordering::Relaxed);
            assert!(!has_end(altered), "no answer to {}", altered.escape_ascii());
        }
    });
    println!("{} alterations, {closed:?} of them heads without an end", altered.len());
    expect(&site, "still there", get("/sign-in", ""), &[200]);
}

fn alterations(right: &[u8], place: usize) -> Vec<Vec<u8>> {
    let with = |byte: u8| {
        let mut altered = right.to_vec();
        altered[place] = byte;
        altered
    };
    let byte = right[place];
    let (mut without, mut doubled) = (right.to_vec(), right.to_vec());
    without.remove(place);
    doubled.insert(place, byte);
    vec![with(byte ^ 1), with(byte ^ 0x20), with(0), with(0xff), with(b'\n'), without, doubled]
}

/// Whether there is an empty line.
fn has_end(request: &[u8]) -> bool {
    request.windows(3).any(|bytes| bytes == b"\n\r\n" || bytes.starts_with(b"\n\n"))
}
