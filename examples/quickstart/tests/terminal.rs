//! The program as a person meets it: run in an empty folder, talked to over its terminal.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use mfa::testing::TestAuthenticator;
use mfa::{Clock, SystemClock, UnixSeconds};

#[test]
fn a_person_sets_up_signs_in_loses_the_phone_and_recovers() {
    let dir = std::env::temp_dir().join(format!("mfa-quickstart-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();

    let mut first = Talk::start(&dir);
    let (app, recovery) = first.set_up();
    assert!(first.read_until("Signed in with").contains("pwd + otp + mfa"));
    first.end();

    // The code that confirmed is used up, so the next step's code (accepted early) signs in.
    let mut second = Talk::start(&dir);
    second.say("not a code");
    second.say(&app.code_at(next_step()));
    assert!(second.read_until("Signed in with").contains("pwd + otp + mfa"));
    second.end();

    let mut third = Talk::start(&dir);
    third.say("lost");
    third.say(&recovery.to_lowercase());
    let (new_app, new_recovery) = third.set_up();
    assert!(third.read_until("Signed in with").contains("pwd + otp + mfa"));
    assert_ne!(new_recovery, recovery);
    third.end();

    let mut fourth = Talk::start(&dir);
    fourth.say(&new_app.code_at(next_step()));
    assert!(fourth.read_until("Signed in with").contains("pwd + otp + mfa"));
    fourth.end();
    std::fs::remove_dir_all(&dir).unwrap();
}

struct Talk {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Talk {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_quickstart"))
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.to, "{line}").unwrap();
    }

    /// Reads lines until one holds `wanted`, and answers that one.
    fn read_until(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "ended before {wanted:?}");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    fn set_up(&mut self) -> (TestAuthenticator, String) {
        let line = self.read_until("Type this key: ");
        let key = line.split("Type this key: ").nth(1).unwrap().trim().to_owned();
        let app = TestAuthenticator::from_manual_key(&key).unwrap();
        self.say(&app.code_at(SystemClock.now().unwrap()));
        self.read_until("Your recovery code");
        let mut recovery = String::new();
        while recovery.trim().is_empty() {
            recovery.clear();
            self.from.read_line(&mut recovery).unwrap();
        }
        self.say("saved");
        (app, recovery.trim().to_owned())
    }

    fn end(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

fn next_step() -> UnixSeconds {
    SystemClock.now().unwrap().plus(Duration::from_secs(30))
}
