//! Building a URI that every app reads the same way.

use alloc::string::String;
use core::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::MovingFactor;
use crate::algorithm::{Algorithm, Digits};
use crate::error::messages;
use crate::key::SharedKey;
use crate::time::Period;
use crate::totp::TotpParameters;

/// An otpauth URI about to be written. Borrows the key; wipes nothing of its own because it holds no secret.
///
/// # Examples
/// ```
/// use mfa_core::key::SharedKey;
/// use mfa_core::otpauth::OtpAuthUri;
/// use mfa_core::totp::TotpParameters;
///
/// let key = SharedKey::from_bytes(b"12345678901234567890")?;
/// let uri = OtpAuthUri::totp(&key, &TotpParameters::DEFAULT, Some("Big Corp"), "alice@example.com")?;
/// assert_eq!(
///     uri.to_text().as_str(),
///     "otpauth://totp/Big%20Corp:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Big%20Corp",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OtpAuthUri<'a> {
    key: &'a SharedKey,
    algorithm: Algorithm,
    digits: Digits,
    factor: MovingFactor,
    issuer: Option<&'a str>,
    account: &'a str,
}

impl<'a> OtpAuthUri<'a> {
    /// The longest issuer, in bytes.
    pub const MAX_ISSUER_LENGTH: usize = 128;
    /// The longest account name, in bytes.
    pub const MAX_ACCOUNT_LENGTH: usize = 256;

    /// The URI of a time-based key. White space around issuer and account is dropped, since readers drop it.
    ///
    /// # Errors
    /// [`InvalidLabel`] when issuer or account is empty, too long, or holds a colon or a control character.
    pub fn totp(
        key: &'a SharedKey,
        parameters: &TotpParameters,
        issuer: Option<&'a str>,
        account: &'a str,
    ) -> Result<Self, InvalidLabel> {
        let factor = MovingFactor::Time(parameters.period());
        Self::new(key, parameters.algorithm(), parameters.digits(), factor, issuer, account)
    }

    /// The URI of a counter-based key whose next counter is `counter`.
    ///
    /// # Errors
    /// As for [`OtpAuthUri::totp`].
    pub fn hotp(
        key: &'a SharedKey,
        algorithm: Algorithm,
        digits: Digits,
        counter: u64,
        issuer: Option<&'a str>,
        account: &'a str,
    ) -> Result<Self, InvalidLabel> {
        Self::new(key, algorithm, digits, MovingFactor::Counter(counter), issuer, account)
    }

    fn new(
        key: &'a SharedKey,
        algorithm: Algorithm,
        digits: Digits,
        factor: MovingFactor,
        issuer: Option<&'a str>,
        account: &'a str,
    ) -> Result<Self, InvalidLabel> {
        let issuer = issuer.map(|issuer| checked(issuer, Self::MAX_ISSUER_LENGTH)).transpose()?;
        let account = checked(account, Self::MAX_ACCOUNT_LENGTH)?;
        Ok(Self { key, algorithm, digits, factor, issuer, account })
    }

    /// The issuer as it is written.
    pub const fn issuer(&self) -> Option<&str> {
        self.issuer
    }

    /// The account name as it is written.
    pub const fn account(&self) -> &str {
        self.account
    }

    /// Writes the URI.
    ///
    /// The issuer stands in the label and as a parameter. Everything but RFC 3986's unreserved characters is
    /// percent-encoded, a space as `%20`, never `+`. `algorithm`, `digits` and `period` are left out where they have
    /// their usual values, which keeps the QR code small.
    pub fn to_text(&self) -> Zeroizing<String> {
        let secret = self.key.to_base32();
        let labels =
            self.issuer.unwrap_or_default().len().saturating_mul(2).saturating_add(self.account.len());
        let capacity = FIXED_LENGTH.saturating_add(labels.saturating_mul(3)).saturating_add(secret.len());
        // Enough for everything below, so that the text is never moved and no copy of the secret is left behind.
        let mut uri = Zeroizing::new(String::with_capacity(capacity));

        uri.push_str(match self.factor {
            MovingFactor::Time(_) => "otpauth://totp/",
            MovingFactor::Counter(_) => "otpauth://hotp/",
        });
        if let Some(issuer) = self.issuer {
            uri.extend(encoded(issuer));
            uri.push(':');
        }
        uri.extend(encoded(self.account));
        uri.push_str("?secret=");
        uri.push_str(&secret);
        if let Some(issuer) = self.issuer {
            uri.push_str("&issuer=");
            uri.extend(encoded(issuer));
        }
        if self.algorithm != Algorithm::Sha1 {
            uri.push_str("&algorithm=");
            uri.push_str(self.algorithm.name());
        }
        if self.digits != Digits::SIX {
            push_number(&mut uri, "&digits=", u64::from(self.digits.get()));
        }
        match self.factor {
            MovingFactor::Time(Period::THIRTY_SECONDS) => {}
            MovingFactor::Time(period) => push_number(&mut uri, "&period=", period.seconds()),
            MovingFactor::Counter(counter) => push_number(&mut uri, "&counter=", counter),
        }
        uri
    }
}

impl fmt::Debug for OtpAuthUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpAuthUri(..)")
    }
}

/// More than all fixed parts of a URI, its numbers included.
const FIXED_LENGTH: usize = 128;

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> impl Iterator<Item = &str> {
    utf8_percent_encode(text, ENCODED)
}

fn push_number(uri: &mut String, name: &str, number: u64) {
    uri.push_str(name);
    uri.extend(alloc::format!("{number}").chars()); // a small text of its own: no secret is in it
}

fn checked(label: &str, limit: usize) -> Result<&str, InvalidLabel> {
    let label = label.trim();
    if label.is_empty() {
        Err(InvalidLabel::Empty)
    } else if label.len() > limit {
        Err(InvalidLabel::TooLong)
    } else if label.contains(':') {
        Err(InvalidLabel::Colon)
    } else if label.chars().any(char::is_control) {
        Err(InvalidLabel::Control)
    } else {
        Ok(label)
    }
}

/// An issuer or account name that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidLabel {
    /// Nothing in it but white space.
    Empty,
    /// More than 128 bytes for an issuer, 256 for an account.
    TooLong,
    /// A colon, which separates issuer and account.
    Colon,
    /// A control character.
    Control,
}

messages!(InvalidLabel {
    Self::Empty => "the issuer or account name is empty",
    Self::TooLong => "the issuer or account name is longer than its limit",
    Self::Colon => "the issuer or account name holds a colon",
    Self::Control => "the issuer or account name holds a control character",
});

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn key() -> SharedKey {
        SharedKey::from_bytes(&[0xFF; 64]).unwrap()
    }

    fn written(issuer: Option<&str>, account: &str) -> Result<String, InvalidLabel> {
        OtpAuthUri::totp(&key(), &TotpParameters::DEFAULT, issuer, account)
            .map(|uri| uri.to_text().to_string())
    }

    #[test]
    fn everything_but_unreserved_characters_is_encoded() {
        let uri = written(Some("A&B=C#D+%"), "é/?-._~@").unwrap();
        assert!(uri.starts_with("otpauth://totp/A%26B%3DC%23D%2B%25:%C3%A9%2F%3F-._~%40?secret="), "{uri}");
        assert!(uri.ends_with("&issuer=A%26B%3DC%23D%2B%25"), "{uri}");
    }

    #[test]
    fn what_is_usual_is_left_out_and_the_rest_is_named() {
        let key = key();
        let period = Period::from_seconds(60).unwrap();
        let parameters = TotpParameters::new(Algorithm::Sha512, Digits::EIGHT, period);
        let uri = OtpAuthUri::totp(&key, &parameters, None, "a").unwrap().to_text();
        assert!(uri.ends_with("&algorithm=SHA512&digits=8&period=60"), "{}", *uri);
        let uri = OtpAuthUri::hotp(&key, Algorithm::Sha1, Digits::SIX, 0, None, "a").unwrap().to_text();
        assert!(uri.starts_with("otpauth://hotp/a?secret=") && uri.ends_with("Y&counter=0"), "{}", *uri);
    }

    #[test]
    fn labels_that_cannot_be_read_back_are_refused() {
        assert_eq!(written(Some(""), "a"), Err(InvalidLabel::Empty));
        assert_eq!(written(None, " \u{a0}"), Err(InvalidLabel::Empty));
        assert_eq!(written(Some("a:b"), "a"), Err(InvalidLabel::Colon));
        assert_eq!(written(None, "a\nb"), Err(InvalidLabel::Control));
        assert_eq!(written(Some(&"x".repeat(129)), "a"), Err(InvalidLabel::TooLong));
    }

    #[test]
    fn the_longest_uri_is_never_moved_and_can_be_read() {
        let (issuer, account) = ("é".repeat(64), "é".repeat(128));
        let key = key();
        let uri = OtpAuthUri::hotp(&key, Algorithm::Sha512, Digits::EIGHT, u64::MAX, Some(&issuer), &account)
            .unwrap()
            .to_text();
        assert!(uri.len() <= super::super::MAX_URI_LENGTH, "{}", uri.len());
        let fixed = uri.len() - 3 * (2 * issuer.len() + account.len()) - key.to_base32().len();
        assert!(fixed <= FIXED_LENGTH, "{fixed}");
    }
}
