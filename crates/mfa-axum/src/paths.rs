//! Where the pages are, and which of them belong to which step.

use axum::http::Uri;

use crate::assets;
use crate::flow::Flow;

/// The paths of the pages, each absolute on this host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Paths {
    /// "Two-Factor Authentication Required"; posting to it begins the set-up.
    pub required: String,
    /// Declines an offer (POST).
    pub skip: String,
    /// "Select an Authentication Method".
    pub method: String,
    /// "Secure Your Account".
    pub app: String,
    /// "Save Your Recovery Code".
    pub save: String,
    /// The recovery code in a field to copy from, for browsers without script (POST).
    pub copy: String,
    /// The recovery code as a text file (POST).
    pub download: String,
    /// "Set Up SMS Verification"; posting to it sends a text.
    pub phone: String,
    /// "Enter Verification Code".
    pub phone_code: String,
    /// Another text to the number that is being set up (POST).
    pub phone_resend: String,
    /// "Two-Factor Authentication".
    pub challenge: String,
    /// The choice of what to answer with, as [`Paths::challenge`] is where there is one.
    pub choose: String,
    /// Another text to answer with (POST).
    pub resend: String,
    /// "Use a Recovery Code".
    pub recover: String,
    /// The code that was handed over after a reset.
    pub bind: String,
    /// "Verify Your Identity".
    pub verify: String,
    /// "Password & Security"; posting to it changes something.
    pub security: String,
    /// "Save Your Recovery Code", for a new one that was asked for.
    pub new_code: String,
    /// As [`Paths::copy`], for a new code (POST).
    pub new_code_copy: String,
    /// As [`Paths::download`], for a new code (POST).
    pub new_code_download: String,
    /// The host's sign-in page.
    pub sign_in: String,
    /// The host's page after signing in.
    pub home: String,
    pub(crate) mount: String,
    pub(crate) style: String,
    pub(crate) script: String,
}

/// What a path under the mount stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Required,
    Skip,
    Method,
    App,
    Save,
    Copy,
    Download,
    Phone,
    PhoneCode,
    PhoneResend,
    Challenge,
    Choose,
    Resend,
    Recover,
    Bind,
    Verify,
    Security,
    NewCode,
    NewCodeCopy,
    NewCodeDownload,
    Style,
    Script,
    Unknown,
}

impl Route {
    /// Whether a page stands there that can be posted to.
    pub(crate) fn takes_forms(self) -> bool {
        !matches!(self, Self::Style | Self::Script | Self::Unknown)
    }
}

impl Paths {
    pub(crate) fn new(mount: &str, sign_in: &str, home: &str) -> Self {
        let at = |name: &str| format!("{mount}/{name}");
        Self {
            required: at("required"),
            skip: at("skip"),
            method: at("method"),
            app: at("app"),
            save: at("recovery-code"),
            copy: at("recovery-code/copy"),
            download: at("recovery-code/download"),
            phone: at("phone"),
            phone_code: at("phone/code"),
            phone_resend: at("phone/resend"),
            challenge: at("challenge"),
            choose: at("challenge/method"),
            resend: at("challenge/resend"),
            recover: at("recover"),
            bind: at("binding-code"),
            verify: at("verify"),
            security: at("security"),
            new_code: at("new-recovery-code"),
            new_code_copy: at("new-recovery-code/copy"),
            new_code_download: at("new-recovery-code/download"),
            style: at(&assets::STYLE.name()),
            script: at(&assets::SCRIPT.name()),
            sign_in: sign_in.to_owned(),
            home: home.to_owned(),
            mount: mount.to_owned(),
        }
    }

    pub(crate) fn route(&self, uri: &Uri) -> Route {
        let known = [
            (&self.required, Route::Required),
            (&self.skip, Route::Skip),
            (&self.method, Route::Method),
            (&self.app, Route::App),
            (&self.save, Route::Save),
            (&self.copy, Route::Copy),
            (&self.download, Route::Download),
            (&self.phone, Route::Phone),
            (&self.phone_code, Route::PhoneCode),
            (&self.phone_resend, Route::PhoneResend),
            (&self.challenge, Route::Challenge),
            (&self.choose, Route::Choose),
            (&self.resend, Route::Resend),
            (&self.recover, Route::Recover),
            (&self.bind, Route::Bind),
            (&self.verify, Route::Verify),
            (&self.security, Route::Security),
            (&self.new_code, Route::NewCode),
            (&self.new_code_copy, Route::NewCodeCopy),
            (&self.new_code_download, Route::NewCodeDownload),
            (&self.style, Route::Style),
            (&self.script, Route::Script),
        ];
        known.into_iter().find(|(path, _)| *path == uri.path()).map_or(Route::Unknown, |(_, route)| route)
    }

    /// The page that a visitor of this flow belongs on.
    pub fn of_flow(&self, flow: &Flow) -> &str {
        match flow {
            Flow::None => &self.sign_in,
            Flow::Offer(..) | Flow::Enroll(_) => &self.required,
            Flow::Recovering(_) => &self.method,
            Flow::Pending(_) => &self.app,
            Flow::PendingPhone(_) => &self.phone_code,
            Flow::Confirmed(_) => &self.save,
            Flow::Challenge(_) => &self.challenge,
            Flow::RecoverOnly(_) => &self.recover,
            Flow::Bind(_) => &self.bind,
            Flow::Proved(_) => &self.home,
        }
    }
}
