//! The plainest client there is: no script, no styles, no mercy. It looks at what leaves the process.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::markup::{Element, elements};
use crate::servers::Site;
use crate::tour::{Visitor, walk};
use crate::tours::{STRICT_TOURS, TOURS};

#[tokio::test]
async fn every_page_has_the_headers_and_the_markup_that_site_md_wants() {
    let mut pages = 0_usize;
    let site = Site::start();
    let strict_site = Site::start_strict();
    let tours = TOURS.iter().map(|tour| (&site, tour));
    for (site, tour) in tours.chain(STRICT_TOURS.iter().map(|tour| (&strict_site, tour))) {
        let mut client = Client::new(site);
        walk(&mut client, site, tour).await;
        pages = pages.saturating_add(client.looked_at);
    }
    println!("{pages} pages");
}

pub(crate) struct Client {
    address: String,
    cookies: BTreeMap<String, String>,
    status: u16,
    headers: Vec<(String, String)>,
    page: Vec<Element>,
    source: String,
    /// What was typed, chosen, ticked, forged on this page.
    filled: BTreeMap<String, String>,
    repeated: Option<String>,
    looked_at: usize,
}

impl Client {
    fn new(site: &Site) -> Self {
        Self {
            address: site.url.trim_start_matches("http://").to_owned(),
            cookies: BTreeMap::new(),
            status: 0,
            headers: Vec::new(),
            page: Vec::new(),
            source: String::new(),
            filled: BTreeMap::new(),
            repeated: None,
            looked_at: 0,
        }
    }

    /// Sends a request and goes where it is sent, and on, until there is a page.
    fn go(&mut self, path: &str, form: Option<&[(String, String)]>) {
        self.send(path, form);
        for _ in 0..5 {
            if self.status != 303 {
                break;
            }
            let location = self.header("location").to_owned();
            self.send(&location, None);
        }
        self.page = elements(&self.source);
        self.filled.clear();
        self.repeated = None;
    }

    fn send(&mut self, path: &str, form: Option<&[(String, String)]>) {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let body = form.map(|fields| {
            let pairs = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
            pairs.collect::<Vec<_>>().join("&")
        });
        let mut request = format!(
            "{} {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nConnection: close\r\nCookie: {}\r\n",
            if body.is_some() { "POST" } else { "GET" },
            self.address,
            cookies.join("; ")
        );
        if let Some(body) = &body {
            request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
            request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        } else {
            request.push_str("\r\n");
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        self.read(&answer);
    }

    fn read(&mut self, answer: &str) {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let (status_line, headers) = head.split_once("\r\n").unwrap();
        self.status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let pairs = headers.lines().map(|line| line.split_once(':').unwrap());
        self.headers = pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        body.clone_into(&mut self.source);
        for (_, cookie) in self.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let parts: Vec<&str> = cookie.split(';').map(str::trim).collect();
            assert!(parts.contains(&"HttpOnly"), "{cookie}");
            assert!(parts.contains(&"SameSite=Lax") || parts.contains(&"SameSite=Strict"), "{cookie}");
            let (name, value) = parts[0].split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn header(&self, name: &str) -> &str {
        let mut values =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next().unwrap_or_default();
        assert_eq!(values.next(), None, "{name} comes twice");
        value
    }

    /// What a browser would send for this form when this button is pressed.
    fn fields_of(&self, form: usize, button: &Element) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let inside = self.page.iter().enumerate().filter(|(_, element)| element.form == Some(form));
        for (place, element) in inside {
            let Some(name) = element.get("name").filter(|_| element.name != "button") else { continue };
            let (kind, value) = (element.get("type").unwrap_or("text"), element.get("value"));
            let filled = self.filled.get(name).map(String::as_str);
            let value = match kind {
                "radio" => value.filter(|value| match filled {
                    Some(chosen) => *value == chosen,
                    None => element.get("checked").is_some(),
                }),
                "checkbox" => value.filter(|_| match filled {
                    Some(ticked) => ticked == TICKED,
                    None => element.get("checked").is_some(),
                }),
                _ if element.name == "select" => filled.or(self.selected(place)),
                _ => Some(filled.or(value).unwrap_or_default()),
            };
            if let Some(value) = value {
                fields.push((name.to_owned(), value.to_owned()));
                if self.repeated.as_deref() == Some(name) {
                    fields.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        if let Some(name) = button.get("name") {
            fields.push((name.to_owned(), button.get("value").unwrap_or_default().to_owned()));
        }
        fields
    }

    /// What the select at this place has chosen: what its options say, or else the first of them.
    fn selected(&self, place: usize) -> Option<&str> {
        let mut options = self.page[place..].iter().skip(1).take_while(|element| element.name == "option");
        let first = options.clone().next();
        options.find(|option| option.get("selected").is_some()).or(first)?.get("value")
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.page.iter().filter(move |element| element.name == name)
    }

    fn hold_to_the_headers(&self, heading: &str) {
        assert_eq!(self.header("cache-control"), "no-store", "{heading}");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{heading}");
        assert!(["same-origin", "no-referrer"].contains(&self.header("referrer-policy")), "{heading}");
        assert_eq!(self.header("content-type"), "text/html; charset=utf-8", "{heading}");
        let policy: Vec<&str> = self.header("content-security-policy").split(';').map(str::trim).collect();
        assert!(
            policy.contains(&"default-src 'none'") || policy.contains(&"default-src 'self'"),
            "{policy:?}"
        );
        assert!(policy.contains(&"frame-ancestors 'none'"), "{policy:?}");
        assert!(!policy.iter().any(|part| part.contains("unsafe") || part.contains('*')), "{policy:?}");
    }

    fn hold_to_the_markup(&self, heading: &str) {
        let headings: Vec<&str> = self.all("h1").map(|h1| h1.text.as_str()).collect();
        assert_eq!(headings, [heading]);
        assert_eq!(self.all("title").next().unwrap().text, heading);
        assert_eq!(self.all("main").count(), 1, "{heading}");
        assert!(self.all("html").next().unwrap().get("lang").is_some_and(|lang| !lang.is_empty()));
        assert_eq!(self.all("style").count(), 0, "{heading}: an inline style sheet");
        assert!(self.all("script").all(|script| script.get("src").is_some() && script.text.is_empty()));
        for element in &self.page {
            let inline = element.attribute_names().find(|name| *name == "style" || name.starts_with("on"));
            assert_eq!(inline, None, "{heading}: inline in {}", element.name);
            if element.name == "form" && element.get("method") == Some("post") {
                let place = self.page.iter().position(|other| std::ptr::eq(other, element));
                let has_token = |input: &Element| input.form == place && input.is("input", "name", "csrf");
                assert!(self.page.iter().any(has_token), "{heading}: a form without its token");
            }
            if ["input", "select", "textarea"].contains(&element.name.as_str())
                && element.get("type") != Some("hidden")
            {
                let id = element.get("id").unwrap();
                assert!(
                    self.all("label").any(|label| label.get("for") == Some(id) && !label.text.is_empty())
                );
            }
            if element.get("name") == Some("code") {
                assert_eq!(element.get("inputmode"), Some("numeric"));
                assert_eq!(element.get("autocomplete"), Some("one-time-code"));
            }
        }
    }
}

impl Visitor for Client {
    async fn open(&mut self, path: &str) {
        self.go(path, None);
    }

    async fn type_into(&mut self, name: &str, text: &str) {
        assert!(self.page.iter().any(|element| element.is("input", "name", name)), "no field {name}");
        self.filled.insert(name.to_owned(), text.to_owned());
    }

    async fn paste_into(&mut self, name: &str, text: &str) {
        self.type_into(name, text).await;
    }

    async fn choose(&mut self, name: &str, value: &str) {
        self.filled.insert(name.to_owned(), value.to_owned());
    }

    async fn tick(&mut self, name: &str, is_ticked: bool) {
        self.type_into(name, if is_ticked { TICKED } else { "" }).await;
    }

    async fn press(&mut self, label: &str) {
        let button = self.all("button").find(|button| button.text == label);
        let button = button.unwrap_or_else(|| panic!("no button {label:?}: {}", self.source));
        let form = button.form.unwrap();
        let fields = self.fields_of(form, button);
        let action = button.get("formaction").or(self.page[form].get("action")).unwrap().to_owned();
        self.go(&action, Some(&fields));
    }

    async fn follow(&mut self, link: &str) {
        let target = self.all("a").find(|a| a.text == link).unwrap().get("href").unwrap().to_owned();
        self.go(&target, None);
    }

    async fn reveal(&mut self, label: &str) {
        assert!(self.all("summary").any(|summary| summary.text == label));
    }

    async fn forge(&mut self, name: &str, value: &str) {
        self.type_into(name, value).await;
    }

    async fn repeat(&mut self, name: &str) {
        self.repeated = Some(name.to_owned());
    }

    async fn copy(&mut self) {
        self.press("Copy").await;
    }

    async fn element(&mut self, id: &str) -> String {
        self.page.iter().find(|element| element.get("id") == Some(id)).unwrap().text.clone()
    }

    async fn words(&mut self) -> String {
        self.all("main").next().unwrap().text.clone()
    }

    async fn look(&mut self, heading: &str, refusal: Option<(u16, &str)>) {
        let alert = self.page.iter().find(|element| element.get("role") == Some("alert"));
        let alert = alert.map(|alert| alert.text.to_lowercase());
        let (status, sentence) = refusal.unwrap_or((200, ""));
        assert_eq!(self.status, status, "{heading}: {}", self.source);
        assert!(alert.unwrap_or_default().contains(sentence), "{heading}: {}", self.source);
        self.hold_to_the_headers(heading);
        self.hold_to_the_markup(heading);
        self.looked_at = self.looked_at.saturating_add(1);
    }
}

const TICKED: &str = "ticked";

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}
