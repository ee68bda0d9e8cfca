//! WCAG 2.2 AA on every page of the tour: axe-core in light and dark and three sizes, the keyboard alone, text that
//! zooms and reflows, the system's own colours, errors that are told where they are.
//!
//! axe-core comes in by the driver, which no content security policy of the page can see.

use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;

use crate::keyboard::Keyboard;
use crate::person::{Person, Walk};
use crate::servers;
use crate::servers::{ChromeDriver, Site};
use crate::tour::{Step, Visitor, walk};
use crate::tours::{STRICT_TOURS, TOURS};
use crate::translation::Translation;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_clean_by_axe_at_every_size_in_light_and_dark() {
    let Some((site, driver)) = servers() else { return };
    look_at_all(&site, &driver, TOURS, Seat::Examiner).await;
    look_at_all(&Site::start_strict(), &driver, STRICT_TOURS, Seat::Examiner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_comes_to_every_page_and_past_it_without_javascript() {
    let Some((site, driver)) = servers() else { return };
    look_at_all(&site, &driver, TOURS, Seat::WithoutScript).await;
    look_at_all(&Site::start_strict(), &driver, STRICT_TOURS, Seat::WithoutScript).await;
}

/// Whoever asks for Spanish gets it on every ready-made page, whole; the host's own pages stay English and say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_in_spanish_is_answered_in_spanish() {
    let Some((site, driver)) = servers() else { return };
    look_at_all(&site, &driver, TOURS, Seat::Spanish).await;
    look_at_all(&Site::start_strict(), &driver, STRICT_TOURS, Seat::Spanish).await;
}

/// Who walks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// With axe, and the script that it needs.
    Examiner,
    /// An examiner whose browser speaks Spanish.
    Spanish,
    /// On a phone's width.
    WithoutScript,
}

async fn look_at_all(site: &Site, driver: &ChromeDriver, tours: &[&[Step]], seat: Seat) {
    let desktop = Walk { width: 1280, height: 1000, javascript: true, language: "en", email: "" };
    let walk_of = match seat {
        Seat::Examiner => desktop,
        Seat::Spanish => Walk { language: "es", ..desktop },
        Seat::WithoutScript => Walk { width: 390, height: 844, javascript: false, ..desktop },
    };
    let person = sit_down(site, driver, walk_of).await;
    emulate(&person, &STILL).await;
    if walk_of.javascript {
        person.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": axe() })).await;
    }
    let mut keyboard = Keyboard::new(&person, walk_of.javascript);
    keyboard.translation = (seat == Seat::Spanish).then(Translation::spanish);
    for tour in tours {
        walk(&mut keyboard, site, tour).await;
    }
    println!("{} pages, {} findings", keyboard.looked_at, keyboard.findings.len());
    let findings = std::mem::take(&mut keyboard.findings);
    person.leave().await;
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The examination can fail: each of these faults, put into a page that has none, is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_with_a_fault_is_not_clean() {
    let Some((site, driver)) = servers() else { return };
    let axe = axe();
    let seat = Walk { width: 1280, height: 1000, javascript: true, language: "en", email: "" };
    let person = sit_down(&site, &driver, seat).await;
    person.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": axe })).await;
    for (fault, found) in FAULTS {
        person.open_sign_in().await;
        let sheet = "const sheet = new CSSStyleSheet(); document.adoptedStyleSheets = [sheet]; ";
        let put_in = match fault.strip_prefix("css ") {
            Some(css) => format!("(() => {{ {sheet} sheet.replaceSync('{css}'); }})()"),
            None => format!("(() => {{ {fault}; }})()"),
        };
        person.evaluate(&put_in).await;
        let mut keyboard = Keyboard::new(&person, true);
        keyboard.look("Sign In", None).await;
        let findings = keyboard.findings.join("\n");
        assert!(findings.contains(found), "{fault}: {found:?} is not in {findings:?}");
    }
    person.leave().await;
}

const FAULTS: [(&str, &str); 12] = [
    ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
    ("document.querySelector('label').remove()", "violation label"),
    ("document.querySelector('main').setAttribute('role', 'none')", "landmark-one-main"),
    ("css .card { color: #999 }", "(a phone, light): violation color-contrast"),
    (
        "css @media (prefers-color-scheme: dark) { .card label { color: #444 } }",
        "dark): violation color-contrast",
    ),
    ("css .links a { font-size: 8px; padding: 0; line-height: 1 }", " x "),
    ("css form { min-width: 500px }", "scrolls sideways"),
    ("css form { min-width: 320px }", "(a desktop at 400 %, light): scrolls sideways"),
    ("css * { outline: none !important }", "no focus is seen on input[name=email]"),
    ("document.querySelector('button').tabIndex = 3", "Tab goes"),
    ("css a:focus { position: relative; left: -3000px }", "the focus is out of sight on"),
    ("css form { display: flex; flex-direction: column-reverse }", "but stands before it"),
];

/// Like [`Person::sit_down`], in front of a window that believes it is the one in use: focus shows only there.
async fn sit_down(site: &Site, driver: &ChromeDriver, seat: Walk) -> Person {
    let person = Person::sit_down(site, driver, seat).await;
    // Of a page that went away under its hands, the driver waits this long for an answer.
    person.driver.set_page_load_timeout(Duration::from_secs(10)).await.unwrap();
    person.devtools("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
    person
}

/// Everything that is wrong with the page on the screen, in each size and colour scheme.
pub(crate) async fn examine(person: &Person, heading: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, width, height, scale) in SIZES {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        person.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        for scheme in ["light", "dark"] {
            emulate(person, &[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]).await;
            let is_so =
                format!("matchMedia('(prefers-color-scheme: {scheme})').matches && innerWidth === {width}");
            assert_eq!(person.evaluate(&is_so).await, true, "{scheme} at {width}");
            let at = format!("{heading} ({name}, {scheme})");
            findings.extend(axe_findings(person).await.iter().map(|finding| format!("{at}: {finding}")));
            findings.extend(texts(&person.evaluate("faults()").await).map(|fault| format!("{at}: {fault}")));
        }
        person.evaluate("spaceOut()").await;
        let spaced = person.evaluate("faults()").await;
        findings.extend(texts(&spaced).map(|fault| format!("{heading} ({name}, spaced out): {fault}")));
        person.evaluate("spaceBack()").await;
    }
    emulate(person, &[("forced-colors", "active")]).await;
    let borderless = person.evaluate("borderless()").await;
    findings
        .extend(texts(&borderless).map(|name| format!("{heading}: {name} has no border in forced colors")));
    emulate(person, &STILL).await;
    person.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    findings
}

/// Name, CSS pixels, and pixels of the device for each. 200 % of a window is half its CSS pixels; 320 is where WCAG
/// 1.4.10 wants text to reflow.
const SIZES: [(&str, u32, u32, u32); 4] = [
    ("a phone", 390, 844, 2),
    ("a desktop", 1280, 1000, 1),
    ("a desktop at 200 %", 640, 500, 2),
    ("a desktop at 400 %", 320, 256, 4),
];

/// The little that moves stands still for whoever wishes it.
const STILL: [(&str, &str); 1] = [("prefers-reduced-motion", "reduce")];

async fn emulate(person: &Person, features: &[(&str, &str)]) {
    let features: Vec<Value> =
        features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    person.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
}

async fn axe_findings(person: &Person) -> Vec<String> {
    let found = person.driver.execute_async(RUN_AXE, Vec::new()).await.unwrap().json().clone();
    let Some(rules) = found.as_array() else { panic!("axe: {found}") };
    let described = |rule: &Value| {
        let of = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let node = |node: &Value| format!("\n    {} {}", of(node, "html"), of(node, "why"));
        let nodes = rule["nodes"].as_array().unwrap().iter().map(node).collect::<String>();
        format!("{} {}: {}{nodes}", of(rule, "kind"), of(rule, "id"), of(rule, "help"))
    };
    rules.iter().map(described).collect()
}

/// What axe cannot decide counts as well: somebody has to look.
const RUN_AXE: &str = r#"
const done = arguments[arguments.length - 1];
const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const told = (kind) => ({ id, help, nodes }) => ({
  kind, id, help, nodes: nodes.map((node) => ({ html: node.html, why: node.failureSummary })),
});
axe.run(document, { runOnly: { type: "tag", values }, preload: false }).then(
  (results) => done([...results.violations.map(told("violation")), ...results.incomplete.map(told("undecided"))]),
  (error) => done(String(error)),
);
"#;

pub(crate) fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap())
}

/// The rules, where `.ci/run setup` puts them.
fn axe() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/axe/axe.min.js");
    std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{path}: {error}; `.ci/run axe` fetches axe-core into target/axe"))
}

impl Person {
    /// The value of an expression in the page, with the helpers of `look.js`.
    pub(crate) async fn evaluate(&self, expression: &str) -> Value {
        self.try_to_evaluate(expression).await.unwrap()
    }

    pub(crate) async fn try_to_evaluate(&self, expression: &str) -> WebDriverResult<Value> {
        let script = format!("{}\nreturn {expression};", include_str!("look.js"));
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) {
        self.driver.cdp().send_raw(command, parameters).await.unwrap();
    }
}
