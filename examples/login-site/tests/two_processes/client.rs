//! A browser without script that is shown the same site by several processes: its cookies are good for each of them.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::servers::Site;

#[derive(Default)]
pub(crate) struct Client {
    cookies: Vec<(String, String)>,
    /// The page on the screen.
    pub(crate) page: String,
    /// The form fields that were posted last.
    pub(crate) posted: Vec<(String, String)>,
    /// Every answer.
    pub(crate) answers: Vec<Answer>,
}

pub(crate) struct Answer {
    /// What it answers: method and path.
    pub(crate) to: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Client {
    /// Opens a page of one process and follows where it leads there; answers the status of the last page.
    pub(crate) fn get(&mut self, site: &Site, path: &str) -> u16 {
        self.send(site, path, None)
    }

    /// Posts the form of the page on the screen to one process, whichever showed the page.
    pub(crate) fn submit(&mut self, site: &Site, action: &str, typed: &[(&str, &str)]) -> u16 {
        self.submit_marked(site, action, "", typed)
    }

    /// Posts the first of the forms for `action` that holds `mark`.
    pub(crate) fn submit_marked(
        &mut self,
        site: &Site,
        action: &str,
        mark: &str,
        typed: &[(&str, &str)],
    ) -> u16 {
        let start = format!(" action=\"{action}\"");
        let forms = self.page.split("<form").skip(1).map(|form| between(form, "", "</form>"));
        let mut forms = forms.filter(|form| form.contains(&start) && form.contains(mark));
        let form = forms.next().unwrap_or_else(|| panic!("no form for {action} {mark}: {}", self.page));
        let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).map(|rest| {
            let name = rest.split('"').next().unwrap_or_default();
            (name.to_owned(), between(rest, "value=\"", "\"").to_owned())
        });
        let typed = typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.posted = hidden.chain(typed).collect();
        let fields = self.posted.clone();
        self.post(site, action, &fields)
    }

    pub(crate) fn post(&mut self, site: &Site, path: &str, fields: &[(String, String)]) -> u16 {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.send(site, path, Some(pairs.join("&")))
    }

    pub(crate) fn sign_in(&mut self, site: &Site, email: &str) {
        self.get(site, "/sign-in");
        self.submit(site, "/sign-in", &[("email", email), ("password", &site.password)]);
    }

    pub(crate) fn title(&self) -> &str {
        between(&self.page, "<h1>", "</h1>")
    }

    pub(crate) fn element(&self, id: &str) -> &str {
        between(&self.page, &format!("id=\"{id}\""), "</").split_once('>').unwrap().1.trim()
    }

    fn send(&mut self, site: &Site, path: &str, form: Option<String>) -> u16 {
        let (mut path, mut form) = (path.to_owned(), form);
        for _ in 0..6 {
            let (status, location) = self.exchange(site, &path, form.take().as_deref());
            match location {
                Some(location) if status == 303 => path = location,
                _ => return status,
            }
        }
        panic!("sent in a circle");
    }

    fn exchange(&mut self, site: &Site, path: &str, form: Option<&str>) -> (u16, Option<String>) {
        let address = site.url.trim_start_matches("http://");
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {}\r\nConnection: close\r\nCookie: {}\r\n",
            site.url,
            cookies.join("; ")
        );
        if let Some(form) = form {
            let length = form.len();
            request.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
            request.push_str(&format!("Content-Length: {length}\r\n\r\n{form}"));
        } else {
            request.push_str("\r\n");
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head[9..12].parse().unwrap();
        self.answers.push(Answer {
            to: format!("{method} {path}"),
            head: head.to_owned(),
            body: body.to_owned(),
        });
        let mut location = None;
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            match name.to_ascii_lowercase().as_str() {
                "location" => location = Some(value.to_owned()),
                "set-cookie" => self.take(value),
                _ => {}
            }
        }
        if location.is_none() {
            body.clone_into(&mut self.page);
        }
        (status, location)
    }

    fn take(&mut self, cookie: &str) {
        let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
        self.cookies.retain(|(known, _)| known != name);
        self.cookies.push((name.to_owned(), value.to_owned()));
    }
}

pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(start) else { return "" };
    rest.split_once(end).map_or(rest, |(inner, _)| inner)
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
