//! Everything that a whole run of the site leaves behind is searched for what nobody may find there: keys, codes, recovery
//! codes, whole phone numbers, the password.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

#[path = "../two_processes/client.rs"]
mod client;
#[path = "../browser/servers.rs"]
#[allow(dead_code, reason = "the browser is not used here")]
mod servers;

use std::fs::File;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use client::{Answer, Client};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use mfa::testing::TestAuthenticator;
use mfa::{Clock, SystemClock};
use servers::{Folder, Site};

/// What was secret in the run, by what it is, in each form it could be written in.
#[derive(Default)]
struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    fn add(&mut self, what: &'static str, bytes: impl AsRef<[u8]>) {
        self.0.push((what, bytes.as_ref().to_vec()));
    }

    fn add_key(&mut self, manual_key: &str) {
        let text = manual_key.replace(' ', "");
        let raw = BASE32_NOPAD.decode(text.as_bytes()).unwrap();
        for bytes in [text.as_bytes(), text.to_lowercase().as_bytes(), manual_key.as_bytes()] {
            self.add("a key", bytes);
        }
        self.add("a key in hexadecimal digits", HEXLOWER.encode(&raw));
        self.add("a key in base64", BASE64.encode(&raw).trim_end_matches('='));
        self.add("a key in bytes", raw);
    }

    fn add_recovery_code(&mut self, code: &str) {
        for code in [code.to_owned(), code.replace('-', "")] {
            self.add("a recovery code", code.to_lowercase());
            self.add("a recovery code", code);
        }
    }

    /// What of them stands in `haystack`. A code is one only between other letters than digits.
    fn found_in(&self, haystack: &[u8]) -> Option<&'static str> {
        let is_digit = |place: Option<usize>| {
            place.and_then(|place| haystack.get(place)).is_some_and(u8::is_ascii_alphanumeric)
        };
        let found = self.0.iter().find(|(what, needle)| {
            haystack.windows(needle.len()).enumerate().any(|(at, bytes)| {
                let is_apart = *what != "a code"
                    || !(is_digit(at.checked_sub(1)) || is_digit(at.checked_add(needle.len())));
                bytes == needle && is_apart
            })
        });
        found.map(|(what, _)| *what)
    }
}

/// A person at the site, with what they type and read.
struct Person<'a> {
    site: &'a Site,
    secrets: &'a mut Secrets,
    client: Client,
}

impl Person<'_> {
    fn title(&self) -> &str {
        self.client.title()
    }

    fn code(&mut self, phone: &TestAuthenticator, seconds: u64) -> String {
        let now = SystemClock.now().unwrap();
        let code = phone.code_at(now.plus(Duration::from_secs(seconds)));
        self.secrets.add("a code", &code);
        code
    }

    fn submit(&mut self, action: &str, typed: &[(&str, &str)]) -> u16 {
        self.client.submit(self.site, action, typed)
    }

    /// Presses a button of "Password & Security".
    fn change(&mut self, change: &str) {
        self.client.get(self.site, "/mfa/security");
        let mark = format!("name=\"change\" value=\"{change}");
        assert_eq!(self.client.submit_marked(self.site, "/mfa/security", &mark, &[]), 200);
    }

    /// From "Select an Authentication Method" to a code that is saved.
    fn enroll(&mut self) -> (TestAuthenticator, String) {
        if self.title() == "Two-Factor Authentication Required" {
            self.submit("/mfa/required", &[]);
        }
        if self.title() == "Select an Authentication Method" {
            self.submit("/mfa/method", &[("method", "app")]);
        }
        let key = self.client.element("manual-key").to_owned();
        self.secrets.add_key(&key);
        let phone = TestAuthenticator::from_manual_key(&key).unwrap();
        assert_eq!(self.submit("/mfa/app", &[("code", "000000")]), 422);
        let code = self.code(&phone, 0);
        assert_eq!(self.submit("/mfa/app", &[("code", &code)]), 200);
        let recovery_code = self.saves_a_code("/mfa/recovery-code");
        (phone, recovery_code)
    }

    fn saves_a_code(&mut self, path: &str) -> String {
        assert_eq!(self.title(), "Save Your Recovery Code");
        let code = self.client.element("recovery-code").to_owned();
        self.secrets.add_recovery_code(&code);
        assert_eq!(self.submit(&format!("{path}/copy"), &[]), 200);
        let page = self.client.page.clone();
        let fields = self.client.posted.clone();
        assert_eq!(self.client.post(self.site, &format!("{path}/download"), &fields), 200);
        self.client.page = page;
        assert_eq!(self.submit(path, &[]), 422);
        assert_eq!(self.submit(path, &[("saved", "yes")]), 200);
        code
    }
}

#[test]
fn d9_d10_d16_inv_10_a_whole_run_leaves_no_secret_behind() {
    let folder = Arc::new(Folder::new());
    let errors = folder.path().join("errors");
    let site = Site::start_with(Arc::clone(&folder), Stdio::from(File::create(&errors).unwrap()));
    let mut secrets = Secrets::default();
    secrets.add("the password", &site.password);
    let mut answers = run(&site, &mut secrets);
    answers.append(&mut run_by_text(&site, &mut secrets));
    // The record vanishes: an error, for the operator too.
    site.lose_records();
    let mut marcus = Client::default();
    marcus.sign_in(&site, "marcus@enforced.example");
    assert!(marcus.page.contains("role=\"alert\""), "{}", marcus.page);
    answers.append(&mut marcus.answers);
    let printed = site.stop();

    assert!(answers.len() > 60 && secrets.0.len() > 40, "a whole run");
    let finds = |what| answers.iter().any(|answer| secrets.found_in(answer.body.as_bytes()) == Some(what));
    assert!(finds("a key") && finds("a recovery code"), "what is shown once is found where it is shown");
    for answer in &answers {
        let is_for_the_secret = ["<h1>Secure Your Account", "<h1>Save Your Recovery Code"]
            .iter()
            .any(|title| answer.body.contains(title))
            || answer.to.ends_with("/download");
        assert_eq!(secrets.found_in(answer.to.as_bytes()), None, "an address: {}", answer.to);
        assert_eq!(secrets.found_in(answer.head.as_bytes()), None, "headers: {}", answer.head);
        if !is_for_the_secret {
            assert_eq!(secrets.found_in(answer.body.as_bytes()), None, "{}: {}", answer.to, answer.body);
        }
        asks_no_other_host(answer);
    }
    assert_eq!(secrets.found_in(printed.as_bytes()), None, "printed: {printed}");
    let mut files = 0_usize;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        // What is sent has its code and its number, and nothing else has.
        if path.ends_with("login-site.outbox.jsonl") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(secrets.found_in(&bytes), None, "{path:?}");
        files = files.saturating_add(1);
    }
    assert!(files >= 3, "database, log, keyring, what went wrong: {files}");
    let errors = std::fs::read_to_string(errors).unwrap();
    assert!(!errors.is_empty(), "something went wrong, and was told");
}

/// A phone: set up, shown, and asked for again too soon.
fn run_by_text(site: &Site, secrets: &mut Secrets) -> Vec<Answer> {
    for number in ["+12015550142", "12015550142", "2015550142", "(201) 555-0142"] {
        secrets.add("a whole number", number);
    }
    let mut client = Client::default();
    client.sign_in(site, "peyton@payee.example");
    let mut peyton = Person { site, secrets, client };
    peyton.submit("/mfa/required", &[]);
    assert_eq!(peyton.submit("/mfa/method", &[("method", "sms")]), 200);
    let typed = [("country", "US"), ("phone", "(201) 555-0142")];
    assert_eq!(peyton.submit("/mfa/phone", &typed), 200);
    let code = site.latest_text();
    peyton.secrets.add("a code", &code);
    assert_eq!(peyton.submit("/mfa/phone/resend", &[]), 429);
    assert_eq!(peyton.submit("/mfa/phone/code", &[("code", "12345")]), 422);
    assert_eq!(peyton.submit("/mfa/phone/code", &[("code", &code)]), 200);
    peyton.saves_a_code("/mfa/recovery-code");
    peyton.client.get(site, "/mfa/security");
    // A second text has to wait: that is told, and nothing of the first.
    peyton.client.get(site, "/payments");
    assert_eq!(peyton.submit("/payments", &[("amount", "7.00"), ("payee", "Acme")]), 429);
    peyton.client.sign_in(site, "peyton@payee.example");
    assert_eq!(peyton.title(), "Two-Factor Authentication");
    std::mem::take(&mut peyton.client.answers)
}

/// Set-ups, sign-ins, wrong codes, a payment, a new recovery code, a change, a recovery and a reset.
fn run(site: &Site, secrets: &mut Secrets) -> Vec<Answer> {
    let mut answers = Vec::new();
    let person = |email: &str| {
        let mut client = Client::default();
        client.get(site, "/sign-in");
        client.submit(site, "/sign-in", &[("email", email), ("password", "a wrong guess")]);
        client.sign_in(site, email);
        client
    };
    let (marcus, olivia, pat, ada) = (
        person("marcus@enforced.example"),
        person("olivia@pilot.example"),
        person("pat@payor.example"),
        person("ada@enforced.example"),
    );

    let mut marcus = Person { site, secrets, client: marcus };
    let (phone, recovery_code) = marcus.enroll();
    marcus.change("new-recovery-code");
    let newer = marcus.saves_a_code("/mfa/new-recovery-code");
    marcus.client.get(site, "/");
    marcus.submit("/sign-out", &[]);
    marcus.client.sign_in(site, "marcus@enforced.example");
    assert_eq!(marcus.submit("/mfa/challenge", &[("code", "12345")]), 422);
    let used = marcus.code(&phone, 0);
    assert_eq!(marcus.submit("/mfa/challenge", &[("code", &used)]), 422);
    marcus.client.get(site, "/mfa/recover");
    assert_eq!(marcus.submit("/mfa/recover", &[("recovery_code", &recovery_code)]), 422);
    assert_eq!(marcus.submit("/mfa/recover", &[("recovery_code", &newer)]), 200, "{}", marcus.client.page);
    marcus.enroll();
    assert_eq!(marcus.title(), "Home");
    marcus.client.get(site, "/mfa/security");
    answers.append(&mut marcus.client.answers);

    let mut pat = Person { site, secrets, client: pat };
    let (phone, _) = pat.enroll();
    pat.client.get(site, "/payments");
    assert_eq!(pat.submit("/payments", &[("amount", "12.50"), ("payee", "Acme")]), 200);
    assert_eq!(pat.title(), "Verify Your Identity");
    let code = pat.code(&phone, 30);
    assert_eq!(pat.submit("/mfa/verify", &[("code", &code)]), 200);
    assert_eq!(pat.title(), "Payments");
    answers.append(&mut pat.client.answers);

    let mut olivia = Person { site, secrets, client: olivia };
    olivia.enroll();
    olivia.change("change-app");
    assert_eq!(olivia.title(), "Secure Your Account");
    olivia.enroll();
    olivia.change("remove.");
    answers.append(&mut olivia.client.answers);

    let mut ada = Person { site, secrets, client: ada };
    ada.enroll();
    ada.client.get(site, "/company-security");
    let (mark, typed) = ("value=\"marcus@enforced.example\"", [("verified", "yes")]);
    assert_eq!(ada.client.submit_marked(site, "/company-security/reset", mark, &typed), 200);
    assert!(ada.client.page.contains("was reset"));
    answers.append(&mut ada.client.answers);

    let mut marcus = Person { site, secrets, client: person("marcus@enforced.example") };
    marcus.enroll();
    answers.append(&mut marcus.client.answers);
    answers
}

/// No page has anything fetched from, or led to, or sent to another host: no QR service, no font, no counter.
fn asks_no_other_host(answer: &Answer) {
    for attribute in ["src=\"", "href=\"", "action=\"", "srcset=\"", "formaction=\"", "data=\""] {
        for rest in answer.body.split(attribute).skip(1) {
            let address = rest.split('"').next().unwrap_or_default();
            let is_here = address.starts_with('/') && !address.starts_with("//");
            let is_itself = address.starts_with("data:image/") || address.starts_with('#');
            let is_the_app =
                address.starts_with("otpauth://totp/") && answer.body.contains("<h1>Secure Your");
            assert!(is_here || is_itself || is_the_app, "{} leads to {address}", answer.to);
        }
    }
    for word in ["http://", "https://", "@import", "url(//"] {
        let text = answer.body.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains(word), "{} names {word}", answer.to);
    }
}
