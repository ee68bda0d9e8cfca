//! A browser without script: cookies, forms, redirects, and a record of everywhere it was sent.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use mfa::testing::TestAuthenticator;
use tower::ServiceExt as _;

use super::form_body;

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// The body without tags, as a person reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut is_tag = false;
        for c in self.body.chars() {
            match c {
                '<' => is_tag = true,
                '>' => is_tag = false,
                c if !is_tag => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&#38;", "&")
    }

    pub fn alert(&self) -> String {
        between(&self.body, "role=\"alert\" id=\"alert\">", "</div>").to_owned()
    }

    pub fn title(&self) -> &str {
        assert_eq!(self.body.matches("<h1").count(), 1, "one h1: {}", self.body);
        assert_eq!(self.body.matches("<main").count(), 1, "one main");
        let title = between(&self.body, "<h1>", "</h1>");
        assert_eq!(between(&self.body, "<title>", "</title>"), title);
        title
    }
}

#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub cookie: String,
    pub headers: Vec<(&'static str, &'static str)>,
    /// The page on the screen.
    pub page: String,
    pub location: String,
    /// Every address it was ever sent to.
    pub sent_to: Vec<String>,
}

impl Browser {
    pub fn new(router: Router) -> Self {
        Self {
            router,
            cookie: String::new(),
            headers: vec![("host", "site.example"), ("accept", "text/html")],
            page: String::new(),
            location: String::new(),
            sent_to: Vec::new(),
        }
    }

    pub async fn send(&mut self, method: &str, path: &str, body: Option<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !self.cookie.is_empty() {
            request = request.header(COOKIE, &self.cookie);
        }
        if body.is_some() && !self.headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.unwrap_or_default()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        if let Some(cookie) = parts.headers.get(SET_COOKIE) {
            cookie.to_str().unwrap().split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        };
        answer.location().clone_into(&mut self.location);
        if self.location.is_empty() {
            self.page.clone_from(&answer.body);
        } else {
            self.sent_to.push(self.location.clone());
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, Some(Body::from(form_body(fields)))).await
    }

    /// Submits the form of the page on the screen that posts to `action`, with what is typed into it.
    pub async fn submit(&mut self, action: &str, typed: &[(&str, &str)]) -> Answer {
        let hidden = self.hidden();
        assert!(self.page.contains(&format!("action=\"{action}\"")), "no form for {action}: {}", self.page);
        let fields: Vec<(&str, &str)> =
            hidden.iter().map(|(name, value)| (*name, value.as_str())).chain(typed.iter().copied()).collect();
        self.post(action, &fields).await
    }

    /// The hidden fields of the page on the screen.
    pub fn hidden(&self) -> Vec<(&'static str, String)> {
        let value = |name| between(&self.page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
        let names = ["csrf", "ticket", "errand"].into_iter();
        let there = names.filter(|name| self.page.contains(&format!("name=\"{name}\" value=")));
        there.map(|name| (name, value(name))).collect()
    }

    /// Goes where it was sent, and on, until there is a page.
    pub async fn follow(&mut self) -> Answer {
        for _ in 0..5 {
            let location = self.location.clone();
            assert!(!location.is_empty(), "sent nowhere: {}", self.page);
            let answer = self.get(&location).await;
            if answer.status != StatusCode::SEE_OTHER {
                return answer;
            }
        }
        panic!("sent in a circle: {:?}", self.sent_to);
    }

    /// Presses a button of "Password & Security", which must be on the screen.
    pub async fn change(&mut self, change: &str, typed: &[(&str, &str)]) -> Answer {
        assert!(self.page.contains(&format!("value=\"{change}")), "no button for {change}: {}", self.page);
        let start = format!("name=\"change\" value=\"{change}");
        let change = format!("{change}{}", between(&self.page, &start, "\""));
        let csrf = between(&self.page, "name=\"csrf\" value=\"", "\"").to_owned();
        let mut fields = vec![("csrf", csrf.as_str()), ("change", change.as_str())];
        fields.extend_from_slice(typed);
        self.post("/mfa/security", &fields).await
    }

    pub fn title(&self) -> &str {
        between(&self.page, "<h1>", "</h1>")
    }

    pub fn element(&self, id: &str) -> String {
        let tag = between(&self.page, &format!("id=\"{id}\""), "</");
        tag.split_once('>').unwrap().1.trim().to_owned()
    }

    pub fn scan(&self) -> TestAuthenticator {
        TestAuthenticator::from_manual_key(&self.element("manual-key")).unwrap()
    }
}

pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(start) else { return "" };
    rest.split_once(end).map_or(rest, |(inner, _)| inner)
}
