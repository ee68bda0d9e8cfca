//! Every page of the site and how to get there, once: whoever walks the tour looks at each page on the way.
//!
//! A new page is a few more steps in [`TOURS`]; the browser, the keyboard and the plain client all learn of it here.

use mfa::testing::TestAuthenticator;
use mfa::{Clock, SystemClock};

use crate::servers::Site;

pub(crate) enum Step {
    Open(&'static str),
    /// The first factor: e-mail and the demo password.
    SignIn(&'static str),
    Type(&'static str, Text),
    /// A radio button, or an option of a select.
    Choose(&'static str, &'static str),
    Tick(&'static str),
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
    /// The code in `#recovery-code` goes into the drawer.
    Keep,
    /// [Copy], with script and without: both stay at this page.
    Copy,
    /// The operator loses every MFA record.
    LoseRecords,
    /// This page is there now.
    Page(&'static str),
    /// This page is there now, with this status, and says so much in its `role="alert"`.
    Refused(&'static str, u16, &'static str),
}

#[derive(Clone, Copy)]
pub(crate) enum Text {
    Plain(&'static str),
    /// The code of now, or so many seconds later, as apps show it: "123 456", pasted.
    Code(u64),
    RecoveryCode,
    /// As much as no field is meant for.
    Endless,
}

use Step::{
    Choose, Copy, Follow, Forge, Keep, LoseRecords, Open, Page, Press, Refused, Repeat, Reveal, Scan, SignIn,
    Tick, Type,
};

const CONTINUE: Step = Press("Continue");
const WRONG_CODE: Step = Type("code", Text::Plain("000 000"));

pub(crate) const TOURS: &[&[Step]] = &[MUST_SET_UP, MAY_SET_UP, COMPANY, PAYS, LOOKS_AFTER, OUT_OF_LUCK];

/// Somebody who must set up, then signs in, then loses the phone.
pub(crate) const MUST_SET_UP: &[Step] = &[
    Open("/sign-in"),
    Page("Sign In"),
    Type("email", Text::Plain("marcus@enforced.example")),
    Type("password", Text::Plain("not the password")),
    CONTINUE,
    Refused("Sign In", 422, "wrong"),
    SignIn("marcus@enforced.example"),
    Page("Two-Factor Authentication Required"),
    Press("Set Up Now"),
    Page("Select an Authentication Method"),
    Choose("method", "app"),
    CONTINUE,
    Page("Secure Your Account"),
    Reveal("Trouble Scanning"),
    Page("Secure Your Account"),
    Scan,
    WRONG_CODE,
    CONTINUE,
    Refused("Secure Your Account", 422, "wrong or expired code"),
    Type("code", Text::Code(0)),
    CONTINUE,
    Page("Save Your Recovery Code"),
    Keep,
    Copy,
    Page("Save Your Recovery Code"),
    CONTINUE,
    Refused("Save Your Recovery Code", 422, "tick the box"),
    Tick("saved"),
    CONTINUE,
    Page("Home"),
    Press("Sign Out"),
    Page("Sign In"),
    SignIn("marcus@enforced.example"),
    Page("Two-Factor Authentication"),
    WRONG_CODE,
    CONTINUE,
    Refused("Two-Factor Authentication", 422, "wrong or expired code"),
    Type("code", Text::Code(30)), // the code that confirmed is used up; the next one is accepted early
    CONTINUE,
    Page("Home"),
    Press("Sign Out"),
    SignIn("marcus@enforced.example"),
    Follow("Use a recovery code"),
    Page("Use a Recovery Code"),
    Type("recovery_code", Text::Plain("not a code")),
    CONTINUE,
    Refused("Use a Recovery Code", 422, "recovery code"),
    Type("recovery_code", Text::RecoveryCode),
    CONTINUE,
    Page("Select an Authentication Method"),
];

/// Somebody who may skip, and whose forms are not all our own.
const MAY_SET_UP: &[Step] = &[
    SignIn("olivia@pilot.example"),
    Page("Two-Factor Authentication Required"),
    Forge("csrf", "forged"),
    Press("Set Up Now"),
    Refused("Request Refused", 403, "did not come from the page"),
    Open("/"),
    Repeat("ticket"),
    Press("Set Up Now"),
    Refused("Request Not Understood", 422, "could not be read"),
    Open("/"),
    Forge("ticket", "of no page"),
    Press("Set Up Now"),
    Refused("This Page Has Expired", 410, "start again"),
    SignIn("olivia@pilot.example"),
    Press("Skip for Now"),
    Page("Home"),
];

const COMPANY: &[Step] = &[
    Open("/sign-in"),
    Follow("Company single sign-on"),
    Page("Company Single Sign-On"),
    Press("Sign in as sam@sso.example"),
    Page("Home"),
];

/// Somebody who pays, and looks after their own authenticators.
const PAYS: &[Step] = &[
    SignIn("pat@payor.example"),
    Press("Set Up Now"),
    Choose("method", "app"),
    CONTINUE,
    Reveal("Trouble Scanning"),
    Scan,
    Type("code", Text::Code(0)),
    CONTINUE,
    Tick("saved"),
    CONTINUE,
    Page("Home"),
    Follow("Payments"),
    Page("Payments"),
    Type("amount", Text::Plain("1,250")),
    Type("payee", Text::Plain("Acme Concrete & Sons of the Greater Metropolitan Area")),
    Press("Disburse"),
    Refused("Payments", 422, "enter an amount"),
    Type("amount", Text::Plain("1250.00")),
    Press("Disburse"),
    Page("Verify Your Identity"),
    WRONG_CODE,
    Press("Confirm"),
    Refused("Verify Your Identity", 422, "wrong or expired code"),
    Type("code", Text::Code(30)),
    Press("Confirm"),
    Page("Payments"),
    Follow("Home"),
    Follow("Password & Security"),
    Page("Password & Security"),
    Press("New Recovery Code"),
    Page("Save Your Recovery Code"),
    Open("/company-security"),
    Refused("Not Allowed", 403, "not allowed"),
];

/// An administrator.
const LOOKS_AFTER: &[Step] = &[
    SignIn("abel@enforced.example"),
    Press("Set Up Now"),
    Choose("method", "app"),
    CONTINUE,
    Reveal("Trouble Scanning"),
    Scan,
    Type("code", Text::Code(0)),
    CONTINUE,
    Tick("saved"),
    CONTINUE,
    Follow("Company Security Settings"),
    Page("Company Security Settings"),
    Press("Reset MFA"),
    Refused("Company Security Settings", 422, "tick the box"),
    Type("enforce_from", Text::Plain("soon")),
    Press("Save"),
    Refused("Company Security Settings", 422, "enter the date"),
    Type("enforce_from", Text::Plain("2026-01-31")),
    Choose("reauthenticate_after", "7d"),
    Press("Save"),
    Page("Company Security Settings"),
];

/// Somebody who guesses, and then finds the records gone.
const OUT_OF_LUCK: &[Step] = &[
    SignIn("ada@enforced.example"),
    Press("Set Up Now"),
    Choose("method", "app"),
    CONTINUE,
    Reveal("Trouble Scanning"),
    Scan,
    Type("code", Text::Endless),
    CONTINUE,
    Refused("Request Too Large", 413, "more was sent"),
    Open("/"),
    Type("code", Text::Code(0)),
    CONTINUE,
    Tick("saved"),
    CONTINUE,
    Page("Home"),
    SignIn("ada@enforced.example"),
    WRONG_CODE,
    CONTINUE,
    WRONG_CODE,
    CONTINUE,
    WRONG_CODE,
    CONTINUE,
    WRONG_CODE,
    CONTINUE,
    WRONG_CODE,
    CONTINUE,
    WRONG_CODE,
    CONTINUE,
    Refused("Two-Factor Authentication", 429, "too many"),
    LoseRecords,
    SignIn("ada@enforced.example"),
    Refused("Temporarily Unavailable", 503, "cannot check your identity"),
];

/// Somebody who can walk the tour, however they do it.
pub(crate) trait Visitor {
    async fn open(&mut self, path: &str);
    async fn type_into(&mut self, name: &str, text: &str);
    async fn paste_into(&mut self, name: &str, text: &str);
    async fn choose(&mut self, name: &str, value: &str);
    async fn tick(&mut self, name: &str);
    async fn press(&mut self, label: &str);
    async fn follow(&mut self, link: &str);
    async fn reveal(&mut self, label: &str);
    async fn forge(&mut self, name: &str, value: &str);
    async fn repeat(&mut self, name: &str);
    async fn copy(&mut self);
    /// The text of the element with this id.
    async fn element(&mut self, id: &str) -> String;
    /// Looks closely at the page, which must have this heading and, if any, this refusal.
    async fn look(&mut self, heading: &str, refusal: Option<(u16, &str)>);
}

/// Walks the whole of a tour.
pub(crate) async fn walk(visitor: &mut impl Visitor, site: &Site, tour: &[Step]) {
    let (mut app, mut recovery_code) = (None, String::new());
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
            Type(name, Text::RecoveryCode) => visitor.paste_into(name, &recovery_code).await,
            Type(name, Text::Endless) => visitor.paste_into(name, &"1".repeat(20_000)).await,
            Type(name, Text::Code(seconds)) => {
                let now = SystemClock.now().unwrap().plus(std::time::Duration::from_secs(*seconds));
                let app: &TestAuthenticator = app.as_ref().unwrap();
                let code = app.code_at(now);
                let (first, last) = code.split_at(3);
                visitor.paste_into(name, &format!("{first} {last}")).await;
            }
            Choose(name, value) => visitor.choose(name, value).await,
            Tick(name) => visitor.tick(name).await,
            Press(label) => visitor.press(label).await,
            Follow(link) => visitor.follow(link).await,
            Reveal(label) => visitor.reveal(label).await,
            Forge(name, value) => visitor.forge(name, value).await,
            Scan => {
                app = Some(TestAuthenticator::from_manual_key(&visitor.element("manual-key").await).unwrap());
            }
            Keep => recovery_code = visitor.element("recovery-code").await,
            Repeat(name) => visitor.repeat(name).await,
            Copy => visitor.copy().await,
            LoseRecords => site.lose_records(),
            Page(heading) => visitor.look(heading, None).await,
            Refused(heading, status, sentence) => visitor.look(heading, Some((*status, sentence))).await,
        }
    }
}
