//! Composing the text: who sends it, the code, what it is for, a warning, and the origin-bound last line.
//!
//! The last line, `@host #code`, lets a phone offer the code on that host and nowhere else. A browser takes the last
//! line, or the first `@host #code` it finds, so nothing that a stranger may have typed reaches the text with an `@`, a
//! `#`, a line end or an invisible character in it.
//!
//! # Source
//! Origin-bound one-time codes delivered via SMS, <https://wicg.github.io/sms-one-time-codes/>; Delegated Regulation
//! (EU) 2018/389, article 5(1)(a), for the amount and the payee.

mod language;
mod names;
mod segments;
mod words;

use mfa_core::code::Code;
use zeroize::Zeroizing;

pub use language::Language;
pub use names::{Amount, Brand, InvalidName, OriginHost, Payee};
pub use segments::{Encoding, Segments, segments};

use crate::MessageBody;

/// What is the same in every text of a host: its name and where its codes may be entered.
///
/// # Examples
/// ```
/// use mfa_core::{algorithm::Digits, code::Code};
/// use mfa_sms::text::{Brand, Language, OriginHost, Purpose, Text};
///
/// let text = Text::new(Brand::parse("Example")?, OriginHost::parse("login.example.com")?);
/// let body = text.compose(&Code::parse("012345", Digits::SIX)?, &Purpose::SignIn, Language::English);
/// assert_eq!(
///     body.expose(),
///     "Example: 012345 is your sign-in code. Never share this code.\n\n@login.example.com #012345"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Text {
    brand: Brand,
    origin: OriginHost,
}

impl Text {
    /// Texts of `brand`, whose codes are entered on a page of `origin`.
    pub fn new(brand: Brand, origin: OriginHost) -> Self {
        Self { brand, origin }
    }

    /// The text that carries `code`.
    ///
    /// In the languages of Latin script it is one GSM-7 segment as long as brand, amount, payee and host leave room for
    /// it, and use that alphabet; [`segments`] counts.
    pub fn compose(&self, code: &Code, purpose: &Purpose, language: Language) -> MessageBody {
        let words = words::of(language);
        let (sentence, amount, payee) = match purpose {
            Purpose::SignIn => (words.sign_in, "", ""),
            Purpose::Enrollment => (words.enrollment, "", ""),
            Purpose::StepUp => (words.step_up, "", ""),
            Purpose::Management => (words.management, "", ""),
            Purpose::Payment { amount, payee } => (words.payment, amount.as_str(), payee.as_str()),
        };
        // Larger than any text, so that the string never moves and leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
        let parts =
            [("brand", self.brand.as_str()), ("code", code.expose()), ("amount", amount), ("payee", payee)];
        fill(&mut text, sentence, &parts);
        text.push_str(words.warning);
        fill(&mut text, "\n\n@{host} #{code}", &[("host", self.origin.as_str()), ("code", code.expose())]);
        MessageBody::composed(text)
    }
}

impl Text {
    /// The text that tells a number that it was taken from an account. It carries no code and no last line.
    ///
    /// # Source
    /// NIST SP 800-63B-4 4.6: notice of a change goes where it can still reach the owner.
    ///
    /// # Examples
    /// ```
    /// use mfa_sms::text::{Brand, Language, OriginHost, Text};
    ///
    /// let text = Text::new(Brand::parse("Example")?, OriginHost::parse("login.example.com")?);
    /// let body = text.number_removed(Language::English);
    /// assert!(body.expose().starts_with("Example: this phone no longer gets codes"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn number_removed(&self, language: Language) -> MessageBody {
        let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES));
        fill(&mut text, words::of(language).removed, &[("brand", self.brand.as_str())]);
        MessageBody::composed(text)
    }
}

/// What a code is for, as far as the text tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Adding this phone.
    Enrollment,
    /// Confirming that it is still the same person.
    StepUp,
    /// Changing security settings.
    Management,
    /// Confirming a payment, which the text has to name.
    Payment {
        /// How much, with its currency.
        amount: Amount,
        /// To whom.
        payee: Payee,
    },
}

/// Writes `template` with each `{name}` replaced by the part of that name. What is put in is not looked at again.
fn fill(text: &mut String, template: &str, parts: &[(&str, &str)]) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(parts.iter().find(|(known, _)| *known == name).map_or("", |(_, part)| part));
        rest = tail;
    }
    text.push_str(rest);
}

/// Brand and payee at 4 bytes a character, the longest host, the longest sentence; a test keeps it true.
const MOST_BYTES: usize = 1024;

#[cfg(test)]
mod tests;
