//! What a tour is made of, and how it is walked, by whatever means.

use std::time::Duration;

use mfa::testing::TestAuthenticator;
use mfa::{Clock, SystemClock, UnixSeconds};

use crate::servers::Site;
use Step::{
    Choose, Copy, Follow, Forge, Keep, Linger, LoseRecords, Open, Page, Press, Refused, Repeat, Reveal, Says,
    Scan, SignIn, Tick, Type, Untick,
};

pub(crate) enum Step {
    Open(&'static str),
    /// The first factor: e-mail and the demo password.
    SignIn(&'static str),
    Type(&'static str, Text),
    /// A radio button, or an option of a select.
    Choose(&'static str, &'static str),
    Tick(&'static str),
    Untick(&'static str),
    Press(&'static str),
    Follow(&'static str),
    /// Opens what is folded away.
    Reveal(&'static str),
    /// Puts another value into a hidden field, as nobody with our pages alone could.
    Forge(&'static str, &'static str),
    /// Puts a hidden field into its form a second time.
    Repeat(&'static str),
    /// The key in `#manual-key` goes into the authenticator app.
    Scan,
    /// The code in the element with this id goes into the drawer.
    Keep(&'static str),
    /// [Copy], with script and without: both stay at this page.
    Copy,
    /// Waits until what was proved is too old for a change, on a site that was started strict.
    Linger,
    /// The operator loses every MFA record.
    LoseRecords,
    /// The page says so somewhere.
    Says(&'static str),
    /// This page is there now.
    Page(&'static str),
    /// This page is there now, with this status, and says so much in its `role="alert"`.
    Refused(&'static str, u16, &'static str),
}

#[derive(Clone, Copy)]
pub(crate) enum Text {
    Plain(&'static str),
    /// The next code that was not used yet, as apps show it: "123 456", pasted.
    Code,
    /// The code of the latest text in the outbox.
    Texted,
    /// The password of the demo.
    Password,
    /// What is in the drawer.
    Kept,
    /// As much as no field is meant for.
    Endless,
}

/// Somebody who can walk the tour, however they do it.
pub(crate) trait Visitor {
    async fn open(&mut self, path: &str);
    async fn type_into(&mut self, name: &str, text: &str);
    async fn paste_into(&mut self, name: &str, text: &str);
    async fn choose(&mut self, name: &str, value: &str);
    /// Ticks a box, or takes the tick away.
    async fn tick(&mut self, name: &str, is_ticked: bool);
    async fn press(&mut self, label: &str);
    async fn follow(&mut self, link: &str);
    async fn reveal(&mut self, label: &str);
    async fn forge(&mut self, name: &str, value: &str);
    async fn repeat(&mut self, name: &str);
    async fn copy(&mut self);
    /// The text of the element with this id.
    async fn element(&mut self, id: &str) -> String;
    /// The text of the page.
    async fn words(&mut self) -> String;
    /// Looks closely at the page, which must have this heading and, if any, this refusal.
    async fn look(&mut self, heading: &str, refusal: Option<(u16, &str)>);
}

/// Walks the whole of a tour.
pub(crate) async fn walk(visitor: &mut impl Visitor, site: &Site, tour: &[Step]) {
    let (mut app, mut drawer): (Option<App>, _) = (None, String::new());
    for step in tour {
        match step {
            Open(path) => visitor.open(path).await,
            SignIn(email) => {
                visitor.open("/sign-in").await;
                visitor.type_into("email", email).await;
                visitor.type_into("password", &site.password).await;
                visitor.press("Continue").await;
            }
            Type(name, Text::Plain(text)) => visitor.type_into(name, text).await,
            Type(name, Text::Kept) => visitor.paste_into(name, &drawer).await,
            Type(name, Text::Endless) => visitor.paste_into(name, &"1".repeat(20_000)).await,
            Type(name, Text::Password) => visitor.type_into(name, &site.password).await,
            Type(name, Text::Code) => {
                let code = app.as_mut().unwrap().next_code().await;
                let (first, last) = code.split_at(3);
                visitor.paste_into(name, &format!("{first} {last}")).await;
            }
            Type(name, Text::Texted) => visitor.paste_into(name, &site.latest_text()).await,
            Choose(name, value) => visitor.choose(name, value).await,
            Tick(name) => visitor.tick(name, true).await,
            Untick(name) => visitor.tick(name, false).await,
            Press(label) => visitor.press(label).await,
            Follow(link) => visitor.follow(link).await,
            Reveal(label) => visitor.reveal(label).await,
            Forge(name, value) => visitor.forge(name, value).await,
            Scan => app = Some(App::with_key(&visitor.element("manual-key").await)),
            Keep(id) => drawer = visitor.element(id).await,
            Repeat(name) => visitor.repeat(name).await,
            Copy => visitor.copy().await,
            Linger => tokio::time::sleep(TOO_OLD).await,
            LoseRecords => site.lose_records(),
            Says(sentence) => {
                let words = visitor.words().await;
                assert!(words.contains(sentence), "{sentence:?} is not in {words:?}");
            }
            Page(heading) => visitor.look(heading, None).await,
            Refused(heading, status, sentence) => visitor.look(heading, Some((*status, sentence))).await,
        }
    }
}

/// Somebody's authenticator app, whose codes are each good once.
struct App {
    authenticator: TestAuthenticator,
    /// The time step of the last code that was typed.
    used: u64,
}

impl App {
    fn with_key(key: &str) -> Self {
        Self { authenticator: TestAuthenticator::from_manual_key(key).unwrap(), used: 0 }
    }

    /// The first code that was not used. The one of the next step is accepted early; for any later, somebody must wait.
    async fn next_code(&mut self) -> String {
        loop {
            let current = SystemClock.now().unwrap().get().div_euclid(STEP_SECONDS);
            let next = current.max(self.used.saturating_add(1));
            if next <= current.saturating_add(1) {
                self.used = next;
                return self.authenticator.code_at(UnixSeconds::new(next.saturating_mul(STEP_SECONDS)));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

const STEP_SECONDS: u64 = 30;

/// Longer than a proof holds on a site that was [started strict](Site::start_strict).
const TOO_OLD: Duration = Duration::from_secs(4);
