//! What each page shows, and the trait by which a host replaces the look of single pages.

use std::fmt;

use askama::Template;

use crate::host::HostError;
use crate::paths::Paths;
use crate::texts::Texts;
use mfa::Transaction;

/// HTML, or the template engine's failure (answered 503).
pub type Rendered = Result<String, HostError>;

/// Renders pages. Every method has a default; a host overrides those whose look it wants to own.
///
/// All but [`layout`](Self::layout) render what stands inside `<main>` below title and alert. Keep the field names,
/// the hidden fields and the paths; texts and markup are free.
///
/// # Examples
/// ```
/// use mfa_axum::{ChallengePage, Rendered, Templates, html_escape};
///
/// struct Ours;
///
/// impl Templates for Ours {
///     fn challenge(&self, page: &ChallengePage<'_>) -> Rendered {
///         Ok(format!(
///             r#"<form method="post" action="{}"><input type="hidden" name="csrf" value="{}">
///             <input type="hidden" name="ticket" value="{}">
///             <label>Code <input name="code" inputmode="numeric" autocomplete="one-time-code"></label>
///             <button>Go</button></form>"#,
///             page.paths.challenge, html_escape(page.hidden.csrf), html_escape(page.hidden.ticket)
///         ))
///     }
/// }
/// ```
pub trait Templates: Send + Sync + 'static {
    /// The document round every page: head, brand, the `<h1>`, the alert.
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn layout(&self, page: &LayoutPage<'_>) -> Rendered {
        render(page)
    }

    /// "Two-Factor Authentication Required".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn required(&self, page: &RequiredPage<'_>) -> Rendered {
        render(page)
    }

    /// "Select an Authentication Method".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn method(&self, page: &MethodPage<'_>) -> Rendered {
        render(page)
    }

    /// "Secure Your Account".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn app(&self, page: &AppPage<'_>) -> Rendered {
        render(page)
    }

    /// "Set Up SMS Verification".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn phone(&self, page: &PhonePage<'_>) -> Rendered {
        render(page)
    }

    /// "Enter Verification Code".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn phone_code(&self, page: &PhoneCodePage<'_>) -> Rendered {
        render(page)
    }

    /// "Save Your Recovery Code".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn save(&self, page: &SavePage<'_>) -> Rendered {
        render(page)
    }

    /// "Two-Factor Authentication".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn challenge(&self, page: &ChallengePage<'_>) -> Rendered {
        render(page)
    }

    /// "Two-Factor Authentication", where there is a choice of what to answer with.
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn choice(&self, page: &ChoicePage<'_>) -> Rendered {
        render(page)
    }

    /// "Use a Recovery Code".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn recover(&self, page: &RecoverPage<'_>) -> Rendered {
        render(page)
    }

    /// The code that was handed over after a reset.
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn bind(&self, page: &BindPage<'_>) -> Rendered {
        render(page)
    }

    /// "Verify Your Identity".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn verify(&self, page: &VerifyPage<'_>) -> Rendered {
        render(page)
    }

    /// "Password & Security".
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn security(&self, page: &SecurityPage<'_>) -> Rendered {
        render(page)
    }

    /// Expired, refused, unavailable: the title and the alert say which.
    ///
    /// # Errors
    /// Whatever the template engine says.
    fn problem(&self, page: &ProblemPage<'_>) -> Rendered {
        render(page)
    }
}

/// The templates that come with the library.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it holds nothing and never will")]
pub struct DefaultTemplates;

impl Templates for DefaultTemplates {}

fn render(page: &impl Template) -> Rendered {
    Ok(page.render()?)
}

/// The fields that every form of a page carries unseen.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Hidden<'a> {
    /// For the field `csrf`.
    pub csrf: &'a str,
    /// For the field `ticket`.
    pub ticket: &'a str,
}

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// The document round every page.
#[derive(Clone, Debug, Template)]
#[template(path = "layout.html")]
#[non_exhaustive]
pub struct LayoutPage<'a> {
    /// For the attribute `lang`.
    pub language: &'a str,
    /// For `<title>` and the one `<h1>`.
    pub title: &'a str,
    /// The site's name, above the title; may be empty.
    pub brand: &'a str,
    /// For the element with `role="alert"` and `id="alert"`.
    pub alert: Option<&'a str>,
    /// What stands in `<main>`: HTML, already escaped.
    pub main: &'a str,
    /// Whether the page wants more room than a form.
    pub wide: bool,
    /// Style sheets in their order: ours, then the host's.
    pub stylesheets: &'a [String],
    /// The script, which only improves.
    pub script: &'a str,
}

/// "Two-Factor Authentication Required": a must, or an offer.
#[derive(Clone, Debug, Template)]
#[template(path = "required.html")]
#[non_exhaustive]
pub struct RequiredPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// Whether the visitor may skip.
    pub is_offer: bool,
    /// The sentence with the date from which it is a must.
    pub deadline: Option<String>,
}

/// "Select an Authentication Method".
#[derive(Clone, Debug, Template)]
#[template(path = "method.html")]
#[non_exhaustive]
pub struct MethodPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// Whether a recovery code has led here.
    pub is_recovering: bool,
    /// Whether codes by text are on the list.
    pub sms: bool,
    /// Whether the alert is about the choice.
    pub is_invalid: bool,
}

/// "Secure Your Account". It holds the key.
#[derive(Clone, Template)]
#[template(path = "app.html")]
#[non_exhaustive]
pub struct AppPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// The account name that the app will show.
    pub account: &'a str,
    /// The QR code as a `data:` URI. Secret.
    pub qr: &'a str,
    /// The key for typing. Secret.
    pub manual_key: &'a str,
    /// The `otpauth:` link for an app on the same device. Secret.
    pub link: &'a str,
    /// Whether the alert is about the code.
    pub is_invalid: bool,
}

impl fmt::Debug for AppPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppPage").field("is_invalid", &self.is_invalid).finish_non_exhaustive()
    }
}

/// "Set Up SMS Verification".
#[derive(Clone, Template)]
#[template(path = "phone.html")]
#[non_exhaustive]
pub struct PhonePage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// The regions to choose from: code, name with calling code, whether it is chosen.
    pub countries: Vec<(&'static str, String, bool)>,
    /// What was typed before.
    pub number: &'a str,
    /// Whether the method can be chosen anew.
    pub may_choose: bool,
    /// Whether the alert is about the number.
    pub is_invalid: bool,
}

impl fmt::Debug for PhonePage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhonePage").field("is_invalid", &self.is_invalid).finish_non_exhaustive()
    }
}

/// "Enter Verification Code".
#[derive(Clone, Debug, Template)]
#[template(path = "phone_code.html")]
#[non_exhaustive]
pub struct PhoneCodePage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// That a text was sent, and to which number.
    pub lead: String,
    /// Whether the alert is about the code.
    pub is_invalid: bool,
}

/// "Save Your Recovery Code". It holds the code.
#[derive(Clone, Template)]
#[template(path = "save.html")]
#[non_exhaustive]
pub struct SavePage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// Where the forms go: to go on, to copy, to download.
    pub action: &'a str,
    /// For "Copy" without script.
    pub copy: &'a str,
    /// For "Download".
    pub download: &'a str,
    /// The code, in groups; several, one a line. Secret.
    pub recovery_code: &'a str,
    /// Whether [Copy] was sent without script: show the code in a field, to be copied by hand.
    pub is_copying: bool,
    /// Whether the alert is about the box.
    pub is_invalid: bool,
}

impl fmt::Debug for SavePage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavePage")
            .field("is_copying", &self.is_copying)
            .field("is_invalid", &self.is_invalid)
            .finish_non_exhaustive()
    }
}

/// "Two-Factor Authentication": the challenge at sign-in.
#[derive(Clone, Debug, Template)]
#[template(path = "challenge.html")]
#[non_exhaustive]
pub struct ChallengePage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// "Remember this device for …", where policy remembers any.
    pub remember: Option<String>,
    /// That a text was sent, and to which number, where it is answered with one; `Some("")` before any was.
    pub by_text: Option<String>,
    /// Whether there is another method.
    pub has_choice: bool,
    /// Whether the alert is about the code.
    pub is_invalid: bool,
}

/// "Two-Factor Authentication", where there is a choice of what to answer with.
#[derive(Clone, Debug, Template)]
#[template(path = "choice.html")]
#[non_exhaustive]
pub struct ChoicePage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// "A text message to …".
    pub to_number: String,
    /// Whether the alert is about the choice.
    pub is_invalid: bool,
}

/// "Use a Recovery Code".
#[derive(Clone, Debug, Template)]
#[template(path = "recover.html")]
#[non_exhaustive]
pub struct RecoverPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// Whether nothing else helps.
    pub is_only_way: bool,
    /// Whether the alert is about the code.
    pub is_invalid: bool,
}

/// The code that was handed over after a reset.
#[derive(Clone, Debug, Template)]
#[template(path = "bind.html")]
#[non_exhaustive]
pub struct BindPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields.
    pub hidden: Hidden<'a>,
    /// Whether the alert is about the code.
    pub is_invalid: bool,
}

/// "Verify Your Identity".
#[derive(Clone, Debug, Template)]
#[template(path = "verify.html")]
#[non_exhaustive]
pub struct VerifyPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// The hidden fields; the ticket may be empty.
    pub hidden: Hidden<'a>,
    /// For the hidden field `errand`.
    pub errand: &'a str,
    /// What is confirmed, where it is a transaction: this and nothing else.
    pub transaction: Option<&'a Transaction>,
    /// Whether the password is asked for.
    pub password: bool,
    /// Whether a code is asked for.
    pub code: bool,
    /// That a text was sent, and to which number, where it was.
    pub text_sent: Option<String>,
    /// The words of the button that sends a text, where one can be answered with.
    pub send: Option<&'a str>,
    /// Whether the person has no password here and signs in again instead.
    pub sign_in_again: bool,
    /// Whether the alert is about the fields.
    pub is_invalid: bool,
}

/// "Password & Security".
#[derive(Clone, Debug, Template)]
#[template(path = "security.html")]
#[non_exhaustive]
pub struct SecurityPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where things are.
    pub paths: &'a Paths,
    /// For the field `csrf` of each form.
    pub csrf: &'a str,
    /// Whether MFA is on offer to this person, or in use.
    pub is_available: bool,
    /// Whether MFA is a must.
    pub is_required: bool,
    /// The apps on record.
    pub apps: Vec<SecurityApp>,
    /// The phones on record.
    pub phones: Vec<SecurityApp>,
    /// Whether a phone may be added, or the number changed.
    pub may_use_phone: bool,
    /// When the live recovery code was saved.
    pub recovery_code: Option<String>,
    /// The switch "Always require": on or off; `None` where the host has none.
    pub always_require: Option<bool>,
    /// When each remembered device was.
    pub devices: Vec<String>,
    /// What happened lately, the newest first: when, and what.
    pub events: Vec<(String, &'a str)>,
}

/// An app or a phone as "Password & Security" shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SecurityApp {
    /// Names it in forms.
    pub id: String,
    /// How it stands, with dates.
    pub lines: Vec<String>,
    /// Whether it may be removed.
    pub may_remove: bool,
}

/// Expired, refused, unavailable.
#[derive(Clone, Debug, Template)]
#[template(path = "problem.html")]
#[non_exhaustive]
pub struct ProblemPage<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// Where the visitor goes on.
    pub link: &'a str,
    /// The words of that link.
    pub link_text: &'a str,
}

/// Escapes text for HTML content and quoted attributes.
///
/// # Examples
/// ```
/// assert_eq!(mfa_axum::html_escape("a < \"b\""), "a &#60; &#34;b&#34;");
/// ```
pub fn html_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&#60;"),
            '>' => escaped.push_str("&#62;"),
            '&' => escaped.push_str("&#38;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
