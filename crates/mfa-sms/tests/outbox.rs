//! The outbox: every message one line, whoever else writes.
#![cfg(feature = "outbox")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must stop"
)]

use std::collections::HashSet;
use std::path::PathBuf;

use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_sms::{IdempotencyKey, MessageBody, Outbox, SendError, SmsSender, TextMessage};

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mfa-sms-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(body: &str) -> TextMessage {
    TextMessage::new(
        PhoneNumber::parse("+12015550123").unwrap(),
        MessageBody::new(body).unwrap(),
        IdempotencyKey::from_bytes([1; 16]),
        UnixSeconds::new(1),
    )
}

#[test]
fn lines_of_many_writers_do_not_mix() {
    let directory = Directory::new("many");
    let path = directory.0.join("outbox.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let outbox = Outbox::open(&path).unwrap();
            scope.spawn(move || {
                for number in 0..200 {
                    let body = format!("{writer}-{number} \"quoted\"\n驗證碼 {}", "x".repeat(500));
                    pollster::block_on(SmsSender::send(&outbox, &text(&body))).unwrap();
                }
            });
        }
    });
    let whole = std::fs::read_to_string(&path).unwrap();
    let mut bodies = HashSet::new();
    for line in whole.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = json.as_object().unwrap();
        assert_eq!((fields.len(), fields["to"].as_str()), (2, Some("+12015550123")));
        assert!(bodies.insert(fields["body"].as_str().unwrap().to_owned()));
    }
    assert_eq!(bodies.len(), 1600);
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("mode");
    let path = directory.0.join("outbox.jsonl");
    let outbox = Outbox::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(Outbox::open(&path).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    let answer = pollster::block_on(SmsSender::send(&outbox, &text("123456")));
    assert!(matches!(answer, Err(SendError::Transport(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn what_cannot_be_opened_is_told_at_once() {
    let directory = Directory::new("missing");
    assert!(Outbox::open(directory.0.join("no/such/directory")).is_err());
}
