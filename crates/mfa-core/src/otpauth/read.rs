//! Reading URIs that other software wrote.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::MovingFactor;
use super::query::{Parameters, decoded};
use crate::algorithm::{Algorithm, Digits};
use crate::error::messages;
use crate::key::SharedKey;
use crate::totp::TotpParameters;

/// The longest URI that is looked at, in bytes.
pub const MAX_URI_LENGTH: usize = 2048;

/// The longest label and the longest issuer, decoded, in bytes.
pub(super) const MAX_LABEL_LENGTH: usize = 512;

/// What an otpauth URI says.
///
/// # Examples
/// ```
/// use mfa_core::otpauth::{ImportWarning, KeyFloor, OtpAuthImport};
///
/// let uri = "otpauth://totp/Contoso:alice%40contoso.com?secret=gezdgnbvgy3tqojq&issuer=Microsoft";
/// assert!(OtpAuthImport::parse(uri, KeyFloor::Standard).is_err()); // 80 bits
/// let read = OtpAuthImport::parse(uri, KeyFloor::Short)?;
/// assert_eq!((read.issuer(), read.account()), (Some("Microsoft"), "alice@contoso.com"));
/// assert_eq!(read.warnings(), [ImportWarning::IssuerMismatch]);
/// # Ok::<(), mfa_core::otpauth::InvalidOtpAuth>(())
/// ```
pub struct OtpAuthImport {
    key: SharedKey,
    algorithm: Algorithm,
    digits: Digits,
    factor: MovingFactor,
    issuer: Option<String>,
    account: String,
    warnings: Vec<ImportWarning>,
}

impl OtpAuthImport {
    /// Reads a URI of at most [`MAX_URI_LENGTH`] bytes.
    ///
    /// # Reading rules
    /// - Scheme, type and parameter names in any case; unknown parameters and items without `=` are ignored; a fragment
    ///   is dropped.
    /// - A known parameter may be repeated only with the same text; two values are an error.
    /// - The label is percent-decoded and split at its first colon, raw or encoded; both parts are trimmed. An empty
    ///   part before the colon is no issuer; an empty account is an error, unless the URI has no label at all.
    /// - The parameter `issuer` wins over the label; a difference is a warning. `+` is a plus sign, except that an
    ///   issuer which equals the label's once `+` is read as a space is that issuer (some encoders write it so).
    /// - The secret is read as [`decode_lenient`](crate::base32::decode_lenient) does; `floor` says how short the key may be.
    /// - `algorithm` is read as [`Algorithm::from_name`] does; `digits` is 6 to 8, `period` 1 to 3600 seconds, and a
    ///   counter-based URI must have its `counter`. Numbers are ASCII digits only.
    /// - Steam's variant (`otpauth://steam/`, `encoder=steam`) is recognised and refused.
    ///
    /// # Errors
    /// [`InvalidOtpAuth`], which names the part at fault and holds nothing of the URI.
    pub fn parse(uri: &str, floor: KeyFloor) -> Result<Self, InvalidOtpAuth> {
        if uri.len() > MAX_URI_LENGTH {
            return Err(InvalidOtpAuth::TooLong);
        }
        let (without_fragment, _) = uri.split_once('#').unwrap_or((uri, ""));
        let (scheme, rest) = without_fragment.split_once("://").ok_or(InvalidOtpAuth::Scheme)?;
        if !scheme.eq_ignore_ascii_case("otpauth") {
            return Err(InvalidOtpAuth::Scheme);
        }
        let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, label) = match front.split_once('/') {
            Some((kind, label)) => (kind, Some(label)),
            None => (front, None),
        };
        let parameters = Parameters::parse(query)?;
        let is_steam = parameters.encoder.is_some_and(|encoder| encoder.eq_ignore_ascii_case("steam"));
        let is_timed = kind.eq_ignore_ascii_case("totp");
        if is_steam || kind.eq_ignore_ascii_case("steam") {
            return Err(InvalidOtpAuth::Steam);
        } else if !is_timed && !kind.eq_ignore_ascii_case("hotp") {
            return Err(InvalidOtpAuth::Kind);
        }

        let label = Label::parse(label)?;
        let mut warnings = label.warnings;
        let issuer = parameters.issuer(label.issuer, &mut warnings)?;
        Ok(Self {
            key: parameters.key(floor)?,
            algorithm: parameters.algorithm()?,
            digits: parameters.digits()?,
            factor: if is_timed { parameters.period()? } else { parameters.counter()? },
            issuer,
            account: label.account,
            warnings,
        })
    }

    /// Who issued the key, if the URI says so.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The account it is for; empty when the URI has no label.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The shared key.
    pub const fn key(&self) -> &SharedKey {
        &self.key
    }

    /// The shared key, taken out.
    pub fn into_key(self) -> SharedKey {
        self.key
    }

    /// The hash under the HMAC.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many digits a code has.
    pub const fn digits(&self) -> Digits {
        self.digits
    }

    /// What the codes move with.
    pub const fn factor(&self) -> MovingFactor {
        self.factor
    }

    /// The parameters of a time-based key; `None` for a counter-based one.
    pub const fn totp_parameters(&self) -> Option<TotpParameters> {
        match self.factor {
            MovingFactor::Time(period) => Some(TotpParameters::new(self.algorithm, self.digits, period)),
            MovingFactor::Counter(_) => None,
        }
    }

    /// What was read in spite of a doubt.
    pub fn warnings(&self) -> &[ImportWarning] {
        &self.warnings
    }
}

/// Shows nothing that was read: names are personal data, the key is a secret.
impl fmt::Debug for OtpAuthImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OtpAuthImport(..)")
    }
}

/// How short an imported key may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFloor {
    /// 16 to 64 bytes: [`SharedKey::from_bytes`].
    #[default]
    Standard,
    /// 10 to 64 bytes, which many sites issued: [`SharedKey::import_short`].
    Short,
    /// 1 to 1024 bytes: [`SharedKey::danger_any_length`], which says what that gives up.
    DangerAnyLength,
}

impl KeyFloor {
    pub(super) fn accept(self, bytes: &[u8]) -> Result<SharedKey, InvalidOtpAuth> {
        let accepted = match self {
            Self::Standard => SharedKey::from_bytes(bytes),
            Self::Short => SharedKey::import_short(bytes),
            Self::DangerAnyLength => SharedKey::danger_any_length(bytes),
        };
        accepted.map_err(|_| InvalidOtpAuth::KeyLength)
    }
}

/// A doubt about a URI that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportWarning {
    /// Label and parameter name different issuers; the parameter was taken.
    IssuerMismatch,
    /// There is no label, so the account has no name.
    NoLabel,
}

/// Issuer and account as the label has them.
struct Label {
    issuer: Option<String>,
    account: String,
    warnings: Vec<ImportWarning>,
}

impl Label {
    fn parse(raw: Option<&str>) -> Result<Self, InvalidOtpAuth> {
        let Some(raw) = raw else {
            return Ok(Self {
                issuer: None,
                account: String::new(),
                warnings: [ImportWarning::NoLabel].into(),
            });
        };
        let label = decoded(raw).filter(|label| label.len() <= MAX_LABEL_LENGTH);
        let label = label.ok_or(InvalidOtpAuth::Label)?;
        let (issuer, account) = match label.split_once(':') {
            Some((issuer, account)) => (Some(issuer.trim()), account.trim()),
            None => (None, label.trim()),
        };
        if account.is_empty() {
            return Err(InvalidOtpAuth::Label);
        }
        let issuer = issuer.filter(|issuer| !issuer.is_empty()).map(String::from);
        Ok(Self { issuer, account: String::from(account), warnings: Vec::new() })
    }
}

/// Which part of a URI is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidOtpAuth {
    /// More than [`MAX_URI_LENGTH`] bytes; not read.
    TooLong,
    /// It does not begin with `otpauth://`.
    Scheme,
    /// The type is neither `totp` nor `hotp`.
    Kind,
    /// Steam's own variant, whose codes are not digits.
    Steam,
    /// The label is empty, too long, or not percent-encoded UTF-8.
    Label,
    /// The issuer parameter is too long or not percent-encoded UTF-8.
    Issuer,
    /// A known parameter has two values.
    Duplicate,
    /// The secret is missing, empty or not base32.
    Secret,
    /// The key is shorter or longer than the [`KeyFloor`] accepts.
    KeyLength,
    /// The algorithm is not one of ours.
    Algorithm,
    /// Not 6 to 8 digits.
    Digits,
    /// Not a period of 1 to 3600 seconds.
    Period,
    /// The counter of a counter-based key is missing or not a number.
    Counter,
}

messages!(InvalidOtpAuth {
    Self::TooLong => "the otpauth URI is longer than its limit",
    Self::Scheme => "the URI is not an otpauth URI",
    Self::Kind => "the type of the otpauth URI is neither totp nor hotp",
    Self::Steam => "the otpauth URI is of Steam's own kind, which is not supported",
    Self::Label => "the label of the otpauth URI cannot be read",
    Self::Issuer => "the issuer of the otpauth URI cannot be read",
    Self::Duplicate => "a parameter of the otpauth URI has two values",
    Self::Secret => "the secret of the otpauth URI is missing or not base32",
    Self::KeyLength => "the key in the otpauth URI has a length that is not accepted here",
    Self::Algorithm => "the algorithm of the otpauth URI is not supported",
    Self::Digits => "the number of digits of the otpauth URI is not 6 to 8",
    Self::Period => "the period of the otpauth URI is not 1 to 3600 seconds",
    Self::Counter => "the counter of the otpauth URI is missing or not a number",
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Period;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn read(start: &str, end: &str) -> Result<OtpAuthImport, InvalidOtpAuth> {
        OtpAuthImport::parse(&alloc::format!("{start}?secret={SECRET}{end}"), KeyFloor::Standard)
    }

    fn names(start: &str, end: &str) -> (Option<String>, String, Vec<ImportWarning>) {
        let read = read(start, end).unwrap();
        (read.issuer.clone(), read.account.clone(), read.warnings.clone())
    }

    fn named(issuer: &str, account: &str) -> (Option<String>, String, Vec<ImportWarning>) {
        (Some(issuer.into()), account.into(), Vec::new())
    }

    #[test]
    fn case_matters_nowhere_but_in_names() {
        let read = OtpAuthImport::parse(
            &alloc::format!("OTPAuth://TOTP/Me?SECRET={}&Digits=8&PERIOD=60&Algorithm=hmacsha256", SECRET),
            KeyFloor::Standard,
        )
        .unwrap();
        assert_eq!(read.account(), "Me");
        let period = Period::from_seconds(60).unwrap();
        assert_eq!(
            read.totp_parameters(),
            Some(TotpParameters::new(Algorithm::Sha256, Digits::EIGHT, period))
        );
    }

    #[test]
    fn a_plus_is_a_plus_unless_the_label_says_otherwise() {
        assert_eq!(names("otpauth://totp/Air%20Canada:me", "&issuer=Air+Canada"), named("Air Canada", "me"));
        assert_eq!(names("otpauth://totp/A+B:me", "&issuer=A+B"), named("A+B", "me"));
        assert_eq!(names("otpauth://totp/me", "&issuer=A+B"), named("A+B", "me"));
    }

    #[test]
    fn the_issuer_parameter_wins_with_a_warning() {
        let (issuer, account, warnings) = names("otpauth://totp/Contoso%3A%20me", "&issuer=Microsoft");
        assert_eq!((issuer.as_deref(), account.as_str()), (Some("Microsoft"), "me"));
        assert_eq!(warnings, [ImportWarning::IssuerMismatch]);
        assert_eq!(names("otpauth://totp/Contoso:me", "&issuer="), named("Contoso", "me"));
    }

    #[test]
    fn a_parameter_has_one_value() {
        assert_eq!(read("otpauth://totp/me", "&digits=6&digits=8").unwrap_err(), InvalidOtpAuth::Duplicate);
        assert_eq!(read("otpauth://totp/me", "&SECRET=AAAA").unwrap_err(), InvalidOtpAuth::Duplicate);
        assert!(read("otpauth://totp/me", "&digits=8&digits=8&x=1&x=2").is_ok());
    }

    #[test]
    fn every_part_is_bounded() {
        let refusal = |start: &str, end: &str| read(start, end).unwrap_err();
        for digits in ["", "0", "5", "9", "50", "-1", "%2B6", "+6", "abc", "6.0", "٦", "256", "262"] {
            let end = alloc::format!("&digits={digits}");
            assert_eq!(refusal("otpauth://totp/me", &end), InvalidOtpAuth::Digits, "{digits}");
        }
        for period in ["", "0", "-30", "3601", "18446744073709551615", "18446744073709551616", "1e1"] {
            let end = alloc::format!("&period={period}");
            assert_eq!(refusal("otpauth://totp/me", &end), InvalidOtpAuth::Period, "{period}");
        }
        for counter in ["", "-1", "abc", "18446744073709551616"] {
            let end = alloc::format!("&counter={counter}");
            assert_eq!(refusal("otpauth://hotp/me", &end), InvalidOtpAuth::Counter, "{counter}");
        }
        assert_eq!(refusal("otpauth://hotp/me", ""), InvalidOtpAuth::Counter);
        assert_eq!(refusal("otpauth://totp/me", &"&".repeat(2048)), InvalidOtpAuth::TooLong);
    }

    #[test]
    fn a_label_that_names_nobody_is_refused() {
        for label in ["", "%20", ":", "Acme:", "Acme%3A%20", "%", "%4", "%zz", "%ff"] {
            let start = alloc::format!("otpauth://totp/{label}");
            assert_eq!(read(&start, "").unwrap_err(), InvalidOtpAuth::Label, "{label}");
        }
        let long = alloc::format!("otpauth://totp/{}", "a".repeat(513));
        assert_eq!(read(&long, "").unwrap_err(), InvalidOtpAuth::Label);
        assert_eq!(read("otpauth://totp", "").unwrap().warnings(), [ImportWarning::NoLabel]);
    }

    #[test]
    fn steam_has_an_error_of_its_own() {
        assert_eq!(read("otpauth://steam/me", "").unwrap_err(), InvalidOtpAuth::Steam);
        assert_eq!(read("otpauth://totp/me", "&encoder=steam&digits=5").unwrap_err(), InvalidOtpAuth::Steam);
        assert!(read("otpauth://totp/Steam:me", "&issuer=Steam").is_ok(), "a name alone changes nothing");
    }

    #[test]
    fn each_floor_lets_in_what_it_says() {
        let parse = |secret: &str, floor| {
            OtpAuthImport::parse(&alloc::format!("otpauth://totp/me?secret={secret}"), floor).map(|_| ())
        };
        let ten_bytes = "JBSWY3DPEHPK3PXP";
        assert_eq!(parse(ten_bytes, KeyFloor::Standard), Err(InvalidOtpAuth::KeyLength));
        assert_eq!(parse(ten_bytes, KeyFloor::Short), Ok(()));
        assert_eq!(parse("ABCD", KeyFloor::Short), Err(InvalidOtpAuth::KeyLength));
        assert_eq!(parse("ABCD", KeyFloor::DangerAnyLength), Ok(()));
        for nothing in ["", "====", "%20", "A"] {
            assert_eq!(parse(nothing, KeyFloor::DangerAnyLength), Err(InvalidOtpAuth::Secret));
        }
    }
}
