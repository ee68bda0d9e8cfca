//! Somebody who uses the keyboard alone: Tab, Shift+Tab, the arrows, Enter, Space, and what is typed or pasted.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::accessibility::{examine, texts};
use crate::person::Person;
use crate::tour::Visitor;
use crate::translation::Translation;

pub(crate) struct Keyboard<'a> {
    pub(crate) person: &'a Person,
    /// Whether each page is also held to axe, in every size and colour.
    pub(crate) is_examined: bool,
    pub(crate) findings: Vec<String>,
    pub(crate) looked_at: usize,
    /// Set where the browser asks for another language than English, in which the tours are written.
    pub(crate) translation: Option<Translation>,
    /// What has been held to axe in the other language: each page and refusal once, for its words do not change.
    examined: BTreeSet<String>,
    presses: usize,
}

impl<'a> Keyboard<'a> {
    pub(crate) fn new(person: &'a Person, is_examined: bool) -> Self {
        Self {
            person,
            is_examined,
            findings: Vec::new(),
            looked_at: 0,
            translation: None,
            examined: BTreeSet::new(),
            presses: 0,
        }
    }

    async fn keys(&self, text: &str) {
        self.person.driver.action_chain().send_keys(text).perform().await.unwrap();
    }

    async fn key(&self, key: Key) {
        self.keys(&key.value().to_string()).await;
    }

    /// A key that leads to another page. The driver may lose the old page before it has told that the key went down;
    /// whether it did is seen by the new one ([`Self::leave_by`]).
    async fn leaving_key(&self, key: Key) {
        let pressed = self.person.driver.action_chain().send_keys(key.value().to_string()).perform().await;
        if let Err(error) = pressed {
            let told = error.to_string();
            assert!(LOST.iter().any(|lost| told.contains(lost)), "{told}");
        }
    }

    async fn chord(&self, held: Key, text: &str) {
        let chain = self.person.driver.action_chain().key_down(held.clone()).send_keys(text).key_up(held);
        chain.perform().await.unwrap();
    }

    async fn focus(&self) -> Value {
        self.person.evaluate("focus()").await
    }

    /// Tabs on until what has the focus is what is looked for.
    async fn tab_to(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..100 {
            let focus = self.focus().await;
            if is_it(&focus) {
                assert_eq!(focus["inSight"], true, "{what} has the focus out of sight");
                return focus;
            }
            self.key(Key::Tab).await;
        }
        panic!("Tab never comes to {what}: {}", self.focus().await["stops"]);
    }

    async fn tab_to_field(&self, name: &str) -> Value {
        self.tab_to(name, |focus| focus["name"] == name).await
    }

    async fn tab_to_text(&self, tag: &str, text: &str) {
        let labels = self.called(text).await;
        let is_it = |focus: &Value| focus["tag"] == tag && labels.iter().any(|label| focus["text"] == *label);
        self.tab_to(text, is_it).await;
    }

    /// What is called so in English may be called here: the ready-made pages are translated, the host's own are not.
    async fn called(&self, english: &str) -> Vec<String> {
        match &self.translation {
            Some(translation) if self.language().await == translation.language => {
                translation.of(english).into_iter().map(str::to_owned).collect()
            }
            _ => vec![english.to_owned()],
        }
    }

    async fn language(&self) -> Value {
        self.person.evaluate("document.documentElement.lang").await
    }

    /// The page is in the language that it should be in, from `lang` to the last word, and has this heading.
    async fn expect_page(&mut self, heading: &str) {
        let language = self.language().await;
        let wanted = match &self.translation {
            Some(translation) if !HOST_PAGES.contains(&heading) => translation.language,
            _ => "en",
        };
        if language != wanted {
            self.findings.push(format!("{heading}: in language {language}, not {wanted}"));
        }
        let shown = self.person.text("h1").await;
        let headings = self.called(heading).await;
        assert!(headings.contains(&shown), "{shown:?} is not {headings:?}");
        self.person.expect_page(&shown).await;
        if let Some(translation) = self.translation.as_ref().filter(|_| wanted != "en") {
            let words = self.person.evaluate("words()").await;
            let left = translation.english_in(words.as_str().unwrap());
            if !left.is_empty() {
                self.findings.push(format!("{heading}: in English: {left:?}"));
            }
        }
    }

    /// Once around with Tab: everything is reached, in the order of the document, and is seen to have the focus; then
    /// one back with Shift+Tab.
    async fn go_around(&mut self, heading: &str) {
        let mut seen: Vec<(i64, Value)> = Vec::new();
        let start = self.focus().await;
        let stops = start["stops"].as_array().unwrap().clone();
        seen.push((start["at"].as_i64().unwrap(), start["rings"].clone()));
        for _ in 0..stops.len().saturating_add(2) {
            self.key(Key::Tab).await;
            let focus = self.focus().await;
            let at = focus["at"].as_i64().unwrap();
            if at >= 0 && focus["inSight"] != true {
                self.findings.push(format!("{heading}: the focus is out of sight on {}", focus["text"]));
            }
            seen.push((at, focus["rings"].clone()));
        }
        let order: Vec<i64> = seen.iter().map(|(at, _)| *at).filter(|at| *at >= 0).collect();
        let count = i64::try_from(stops.len()).unwrap();
        for pair in order.windows(2) {
            let next = pair[0].saturating_add(1).checked_rem(count).unwrap();
            if pair[1] != next {
                self.findings.push(format!("{heading}: Tab goes {order:?} through {stops:?}"));
                break;
            }
        }
        for (place, stop) in (0_i64..).zip(&stops) {
            let stop = stop.as_str().unwrap();
            let ring_where = |wanted: bool| {
                let found = seen.iter().find(|(at, _)| (*at == place) == wanted);
                found.map(|(_, rings)| rings[usize::try_from(place).unwrap()].clone())
            };
            match (ring_where(true), ring_where(false)) {
                (Some(with), Some(without)) if with == without => {
                    self.findings.push(format!("{heading}: no focus is seen on {stop}: {with}"));
                }
                (None, _) => self.findings.push(format!("{heading}: Tab never comes to {stop}")),
                _ => {}
            }
        }
        if count > 1 {
            let before = self.tab_to("the second stop", |focus| focus["at"] == 1).await;
            self.chord(Key::Shift, &Key::Tab.value().to_string()).await;
            assert_eq!(self.focus().await["at"], 0, "{heading}: Shift+Tab from {before}");
        }
    }

    async fn empty(&self) {
        self.chord(Key::Control, "a").await;
        self.key(Key::Delete).await;
    }

    /// Does what leads to another page, and waits until that one is there. A key is answered at once, unlike a click.
    async fn leave_by(&self, act: impl Future) {
        self.person.evaluate("void (window.isOld = true)").await;
        act.await;
        for _ in 0..500 {
            let is_there = "document.readyState === 'complete' && !window.isOld";
            if matches!(self.person.try_to_evaluate(is_there).await, Ok(Value::Bool(true))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the page stays where it is");
    }

    /// Enter and Space in turns, for both must do.
    async fn activate(&mut self) {
        self.presses = self.presses.saturating_add(1);
        let key = if self.presses.is_multiple_of(2) { Key::Enter } else { Key::Space };
        self.leave_by(self.leaving_key(key)).await;
    }
}

impl Visitor for Keyboard<'_> {
    async fn open(&mut self, path: &str) {
        self.person.open(path).await;
    }

    async fn type_into(&mut self, name: &str, text: &str) {
        self.tab_to_field(name).await;
        self.empty().await;
        self.keys(text).await;
        assert_eq!(self.focus().await["value"], text);
    }

    /// Through the clipboard of the browser, and none of it typed by script.
    async fn paste_into(&mut self, name: &str, text: &str) {
        self.tab_to_field(name).await;
        self.empty().await;
        if text.len() > 100 {
            self.person.devtools("Input.insertText", json!({ "text": text })).await;
            return;
        }
        self.keys(text).await;
        self.chord(Key::Control, "a").await;
        self.chord(Key::Control, "x").await;
        assert_eq!(self.focus().await["value"], "");
        self.chord(Key::Control, "v").await;
        assert_eq!(self.focus().await["value"], text, "the field takes what is pasted");
    }

    async fn choose(&mut self, name: &str, value: &str) {
        let mut focus = self.tab_to_field(name).await;
        for _ in 0..300 {
            if focus["value"] == value {
                if focus["tag"] == "input" {
                    self.key(Key::Space).await;
                }
                return;
            }
            self.key(Key::Down).await;
            focus = self.focus().await;
        }
        panic!("{name} has no {value}");
    }

    async fn tick(&mut self, name: &str, is_ticked: bool) {
        let before = self.tab_to_field(name).await;
        assert_eq!(before["value"], (!is_ticked).to_string(), "{name} is so already");
        self.key(Key::Space).await;
        assert_eq!(self.focus().await["value"], is_ticked.to_string());
    }

    async fn press(&mut self, label: &str) {
        self.tab_to_text("button", label).await;
        self.activate().await;
    }

    async fn follow(&mut self, link: &str) {
        self.tab_to_text("a", link).await;
        self.leave_by(self.leaving_key(Key::Enter)).await;
    }

    async fn reveal(&mut self, label: &str) {
        self.tab_to_text("summary", label).await;
        self.key(Key::Space).await;
    }

    async fn forge(&mut self, name: &str, value: &str) {
        let field = format!("document.querySelector('input[type=hidden][name={name}]').value = '{value}'");
        self.person.evaluate(&field).await;
    }

    async fn repeat(&mut self, name: &str) {
        let field = format!("document.querySelector('input[type=hidden][name={name}]')");
        self.person.evaluate(&format!("void {field}.after({field}.cloneNode())")).await;
    }

    async fn copy(&mut self) {
        if self.person.walk.javascript {
            self.tab_to_text("button", "Copy").await;
            self.key(Key::Enter).await;
            self.person.wait_for_text(&self.called("Copied.").await[0]).await;
            // And as it is without script, on the way around it.
            let submit = self.person.evaluate("void document.querySelector('[data-copy]').form.submit()");
            self.leave_by(submit).await;
        } else {
            self.press("Copy").await;
        }
    }

    async fn element(&mut self, id: &str) -> String {
        self.person.text(&format!("#{id}")).await
    }

    async fn words(&mut self) -> String {
        self.person.text("main").await
    }

    async fn look(&mut self, heading: &str, refusal: Option<(u16, &str)>) {
        self.expect_page(heading).await;
        self.looked_at = self.looked_at.saturating_add(1);
        if let Some((_, sentence)) = refusal {
            let alert = self.person.text("[role=alert]").await.to_lowercase();
            let is_told = match &self.translation {
                Some(translation) if !HOST_PAGES.contains(&heading) => translation.is_told(&alert, sentence),
                _ => alert.contains(sentence),
            };
            assert!(is_told, "{heading}: {alert}");
            let told = self.person.evaluate("told()").await;
            if !told.is_null() && told != json!({ "invalid": "true", "isDescribed": true, "hasFocus": true })
            {
                self.findings.push(format!("{heading}: the error is not told at its field: {told}"));
            }
        }
        let (status, _) = refusal.unwrap_or((200, ""));
        let arrived = self.person.evaluate("performance.getEntriesByType('navigation')[0].responseStatus");
        assert_eq!(arrived.await, status, "{heading}");
        self.go_around(heading).await;
        let is_news = match self.translation {
            Some(_) => {
                !HOST_PAGES.contains(&heading) && self.examined.insert(format!("{heading} {refusal:?}"))
            }
            None => true,
        };
        if self.is_examined && is_news {
            self.findings.extend(examine(self.person, heading).await);
        } else {
            let faults = self.person.evaluate("faults()").await;
            self.findings.extend(texts(&faults).map(|fault| format!("{heading}: {fault}")));
        }
    }
}

/// How the driver tells that the page went away under its hands: at once, or after it has waited for an answer.
const LOST: [&str; 2] = ["aborted by navigation", "no such execution context"];

/// The pages that are the host's own, and in English for everybody.
const HOST_PAGES: [&str; 6] =
    ["Sign In", "Company Single Sign-On", "Home", "Payments", "Company Security Settings", "Set-Up Code"];
