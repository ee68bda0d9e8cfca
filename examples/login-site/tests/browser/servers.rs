//! The site and the browser's driver, each on a port of its own choosing, stopped with the test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The programs that the test needs and the machine lacks.
pub(crate) fn missing_tools() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    ["chromium", "chromedriver", "oathtool", "zbarimg"].into_iter().filter(|tool| !has(tool)).collect()
}

/// The example site in an empty folder.
pub(crate) struct Site {
    child: Child,
    pub(crate) url: String,
    pub(crate) password: String,
    pub(crate) folder: Arc<Folder>,
    /// Kept open: the site goes on printing its accounts.
    output: BufReader<ChildStdout>,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::start_in(Arc::new(Folder::new()))
    }

    /// A process of the site that is kept in `folder`: one database and one keyring, an address of its own.
    pub(crate) fn start_in(folder: Arc<Folder>) -> Self {
        Self::start_with(folder, Stdio::inherit())
    }

    /// A site where proof is too old for a change of authenticators after two seconds, and a reset is followed by a code.
    pub(crate) fn start_strict() -> Self {
        let policy = include_str!("../../../../policies/construction-pay.toml");
        let strict = [
            ("\nmanage = \"5m\"", "\nmanage = \"2s\""),
            ("\nname = \"commercial\"", "\nname = \"commercial\"\nafter_reset = \"binding-code\""),
        ]
        .into_iter()
        .fold(policy.to_owned(), |text, (stated, stricter)| {
            assert!(text.contains(stated), "{stated}");
            text.replace(stated, stricter)
        });
        let folder = Arc::new(Folder::new());
        std::fs::write(folder.path().join("strict.toml"), strict).unwrap();
        Self::start_as(folder, Stdio::inherit(), &["--policy", "strict.toml"])
    }

    pub(crate) fn start_with(folder: Arc<Folder>, errors: Stdio) -> Self {
        Self::start_as(folder, errors, &[])
    }

    fn start_as(folder: Arc<Folder>, errors: Stdio, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_login-site"))
            .args(["--listen", "127.0.0.1:0", "--enforce-from", "2031-03-01T00:00:00Z"])
            .args(flags)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let url = line_with(&mut lines, "listening on ");
        let password = line_with(&mut lines, "password: ");
        Self { child, url, password, folder, output: lines }
    }

    /// Stops the process; answers what it printed after its password.
    pub(crate) fn stop(mut self) -> String {
        stop(&mut self.child);
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        rest
    }

    /// The code at the end of the text that was sent last.
    pub(crate) fn latest_text(&self) -> String {
        let outbox = std::fs::read_to_string(self.folder.path().join("login-site.outbox.jsonl")).unwrap();
        let body = outbox.lines().last().unwrap().trim_end_matches("\"}");
        body.rsplit_once('#').unwrap().1.to_owned()
    }

    /// Deletes every MFA record behind the site's back.
    pub(crate) fn lose_records(&self) {
        let database = rusqlite::Connection::open(self.folder.path().join("login-site.db")).unwrap();
        assert!(database.execute("DELETE FROM mfa_record", []).unwrap() > 0);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

pub(crate) struct ChromeDriver {
    child: Child,
    pub(crate) url: String,
    /// Kept open: the driver writes to it as long as it lives.
    _output: BufReader<ChildStdout>,
}

impl ChromeDriver {
    pub(crate) fn start() -> Self {
        let mut child = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let port = line_with(&mut lines, "started successfully on port ");
        let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        Self { child, url, _output: lines }
    }
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

fn stop(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

/// Reads on to the line with `mark`, and answers what follows it.
fn line_with(lines: &mut BufReader<ChildStdout>, mark: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "ended before {mark:?}");
        if let Some((_, rest)) = line.split_once(mark) {
            return rest.trim().to_owned();
        }
    }
}

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mfa-browser-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
