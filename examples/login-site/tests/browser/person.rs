//! Somebody in front of the browser, with a phone in the other hand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mfa::{Clock, SystemClock};
use serde_json::json;
use thirtyfour::prelude::*;

use crate::screenshots;
use crate::servers::{ChromeDriver, Folder, Site};

#[derive(Clone, Copy)]
pub(crate) struct Walk {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) javascript: bool,
    /// What the browser asks for.
    pub(crate) language: &'static str,
    pub(crate) email: &'static str,
}

pub(crate) struct Person {
    pub(crate) driver: WebDriver,
    pub(crate) walk: Walk,
    url: String,
    password: String,
    /// The key that the phone has scanned.
    key: Option<String>,
    downloads: Folder,
    profile: Folder,
}

impl Person {
    pub(crate) async fn sit_down(site: &Site, chrome: &ChromeDriver, walk: Walk) -> Self {
        let (downloads, profile) = (Folder::new(), Folder::new());
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary("/usr/bin/chromium").unwrap();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", profile.path().display()),
            &format!("--window-size={},{}", walk.width, walk.height),
        ] {
            wanted.add_arg(argument).unwrap();
        }
        let script = if walk.javascript { 1 } else { 2 };
        wanted
            .add_experimental_option(
                "prefs",
                json!({
                    "intl.accept_languages": walk.language,
                    "download.default_directory": downloads.path(),
                    "download.prompt_for_download": false,
                    "profile.managed_default_content_settings.javascript": script,
                    "profile.default_content_setting_values.clipboard": 1,
                    "credentials_enable_service": false,
                }),
            )
            .unwrap();
        if walk.width < 500 {
            // Without touch: a tap on a page without script is an answer that the driver waits for in vain.
            let metrics =
                json!({ "width": walk.width, "height": walk.height, "pixelRatio": 2.0, "touch": false });
            wanted.add_experimental_option("mobileEmulation", json!({ "deviceMetrics": metrics })).unwrap();
        }
        let driver = WebDriver::new(&chrome.url, wanted).await.unwrap();
        let (url, password) = (site.url.clone(), site.password.clone());
        assert!(site.folder.path().exists());
        Self { driver, walk, url, password, key: None, downloads, profile }
    }

    pub(crate) async fn leave(self) {
        self.driver.quit().await.unwrap();
        drop(self.profile);
    }

    pub(crate) async fn open(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.unwrap();
    }

    pub(crate) async fn open_sign_in(&self) {
        self.open("/sign-in").await;
        self.expect_page("Sign In").await;
    }

    pub(crate) async fn sign_in(&self) {
        self.open_sign_in().await;
        self.type_into("email", self.walk.email).await;
        self.type_into("password", &self.password).await;
        self.press("Continue").await;
    }

    /// That this is the page: one heading with exactly this text, one `main`, nothing that sticks out at the side.
    pub(crate) async fn expect_page(&self, heading: &str) {
        let headings = self.driver.find_all(By::Css("h1")).await.unwrap();
        let mut texts = Vec::new();
        for element in &headings {
            texts.push(element.text().await.unwrap());
        }
        assert_eq!(texts, [heading]);
        assert_eq!(self.driver.find_all(By::Css("main")).await.unwrap().len(), 1);
        assert_eq!(self.driver.title().await.unwrap(), heading);
        let address = self.driver.current_url().await.unwrap();
        assert!(address.query().is_none(), "nothing belongs in the address: {address}");
        let body = self.find("html").await.rect().await.unwrap();
        assert!(body.width <= f64::from(self.walk.width), "{heading} is {} wide", body.width);
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap().trim().to_owned()
    }

    /// Waits until the page says `wanted`: what script shows comes a moment later.
    pub(crate) async fn wait_for_text(&self, wanted: &str) {
        for _ in 0..50 {
            if self.text("main").await.contains(wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the page never says {wanted:?}");
    }

    pub(crate) async fn type_into(&self, name: &str, text: &str) {
        let field = self.find(&format!("input[name={name}]")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn choose(&self, name: &str, value: &str) {
        let radio = self.find(&format!("input[type=radio][name={name}][value={value}]")).await;
        if !radio.is_selected().await.unwrap() {
            self.click(&radio).await;
        }
    }

    pub(crate) async fn tick(&self, name: &str) {
        let check_box = self.find(&format!("input[type=checkbox][name={name}]")).await;
        check_box.send_keys(" ").await.unwrap();
        assert!(check_box.is_selected().await.unwrap());
    }

    pub(crate) async fn has_button(&self, label: &str) -> bool {
        !self.driver.find_all(By::XPath(button(label))).await.unwrap().is_empty()
    }

    /// Presses a button that leads to a page.
    pub(crate) async fn press(&self, label: &str) {
        let page = self.find("html").await;
        self.press_here(label).await;
        self.wait_until_gone(&page).await;
    }

    /// Presses a button that leaves the page where it is.
    pub(crate) async fn press_here(&self, label: &str) {
        let element = self.driver.find(By::XPath(button(label))).await;
        self.click(&element.unwrap_or_else(|_| panic!("no button {label:?}"))).await;
    }

    pub(crate) async fn follow(&self, link: &str) {
        let page = self.find("html").await;
        let element = self.driver.find(By::LinkText(link)).await.unwrap();
        self.click(&element).await;
        self.wait_until_gone(&page).await;
    }

    /// A picture of the page as it stands.
    pub(crate) async fn picture(&self, name: &str) -> PathBuf {
        let folder = screenshots().join(self.walk.width.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name).with_extension("png");
        self.driver.screenshot(&path).await.unwrap();
        path
    }

    /// Holds the phone in front of the screen.
    pub(crate) fn scan(&mut self, screenshot: &Path) {
        let output = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(screenshot).output().unwrap();
        let uri = String::from_utf8(output.stdout).unwrap();
        let uri = uri.trim();
        assert!(uri.starts_with("otpauth://totp/"), "the scanner read {uri:?}");
        assert!(uri.contains("issuer=Construction%20Pay"), "{uri}");
        let key = uri.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).unwrap();
        self.key = Some(key.to_owned());
    }

    pub(crate) fn scanned_key(&self) -> String {
        self.key.clone().unwrap()
    }

    /// The key for typing, behind [Trouble Scanning].
    pub(crate) async fn manual_key(&self) -> String {
        let summary =
            self.driver.find(By::XPath("//summary[normalize-space()='Trouble Scanning']")).await.unwrap();
        self.click(&summary).await;
        self.text("#manual-key").await.replace([' ', '\n'], "")
    }

    /// The code that the phone shows `seconds` from now.
    pub(crate) fn app_code(&self, seconds: u64) -> String {
        let now = SystemClock.now().unwrap().get();
        let output = Command::new("oathtool")
            .args(["--totp", "--base32", "--now", &format!("@{}", now.saturating_add(seconds))])
            .arg(self.key.as_ref().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The newest downloaded file, which is then removed.
    pub(crate) async fn downloaded(&self) -> String {
        for _ in 0..100 {
            let files = std::fs::read_dir(self.downloads.path()).unwrap().map(|entry| entry.unwrap().path());
            if let Some(file) = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "txt")) {
                let text = std::fs::read_to_string(&file).unwrap();
                if !text.is_empty() {
                    std::fs::remove_file(&file).unwrap();
                    return text;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nothing was downloaded");
    }

    /// A click is answered before the next page is there.
    async fn wait_until_gone(&self, page: &WebElement) {
        for _ in 0..200 {
            if page.tag_name().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the page stays where it is");
    }

    async fn find(&self, css: &str) -> WebElement {
        let found = self.driver.find(By::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{css}: {error}\n{}", self.driver.source().await.unwrap()),
        }
    }

    async fn click(&self, element: &WebElement) {
        element.click().await.unwrap();
    }
}

fn button(label: &str) -> String {
    format!("//button[normalize-space()='{label}']")
}
