//! The query of an otpauth URI, parameter by parameter.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use percent_encoding::percent_decode;
use zeroize::{Zeroize, Zeroizing};

use super::MovingFactor;
use super::read::{ImportWarning, InvalidOtpAuth, KeyFloor, MAX_LABEL_LENGTH};
use crate::algorithm::{Algorithm, Digits};
use crate::base32;
use crate::key::SharedKey;
use crate::time::Period;

/// The known parameters of a query, not decoded yet.
#[derive(Default)]
pub(super) struct Parameters<'a> {
    secret: Option<&'a str>,
    issuer: Option<&'a str>,
    algorithm: Option<&'a str>,
    digits: Option<&'a str>,
    period: Option<&'a str>,
    counter: Option<&'a str>,
    pub(super) encoder: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    pub(super) fn parse(query: &'a str) -> Result<Self, InvalidOtpAuth> {
        let mut parameters = Self::default();
        for (name, value) in query.split('&').filter_map(|item| item.split_once('=')) {
            let Some(place) = parameters.place(name) else { continue };
            if place.is_some_and(|earlier| earlier != value) {
                return Err(InvalidOtpAuth::Duplicate);
            }
            *place = Some(value);
        }
        Ok(parameters)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        let known = [
            ("secret", &mut self.secret),
            ("issuer", &mut self.issuer),
            ("algorithm", &mut self.algorithm),
            ("digits", &mut self.digits),
            ("period", &mut self.period),
            ("counter", &mut self.counter),
            ("encoder", &mut self.encoder),
        ];
        known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, place)| place)
    }

    pub(super) fn key(&self, floor: KeyFloor) -> Result<SharedKey, InvalidOtpAuth> {
        let text = self.secret.and_then(decoded).ok_or(InvalidOtpAuth::Secret)?;
        let text = Wiped(text);
        let bytes = base32::decode_lenient(&text.0).map_err(|_| InvalidOtpAuth::Secret)?;
        if bytes.is_empty() {
            return Err(InvalidOtpAuth::Secret);
        }
        floor.accept(&bytes)
    }

    pub(super) fn issuer(
        &self,
        from_label: Option<String>,
        warnings: &mut Vec<ImportWarning>,
    ) -> Result<Option<String>, InvalidOtpAuth> {
        let Some(raw) = self.issuer else { return Ok(from_label) };
        let issuer = decoded(raw).filter(|issuer| issuer.len() <= MAX_LABEL_LENGTH);
        let issuer = issuer.ok_or(InvalidOtpAuth::Issuer)?;
        let issuer = issuer.trim();
        match from_label {
            _ if issuer.is_empty() => Ok(from_label),
            Some(label) if label == issuer || label == issuer.replace('+', " ") => Ok(Some(label)),
            Some(_) => {
                warnings.push(ImportWarning::IssuerMismatch);
                Ok(Some(String::from(issuer)))
            }
            None => Ok(Some(String::from(issuer))),
        }
    }

    pub(super) fn algorithm(&self) -> Result<Algorithm, InvalidOtpAuth> {
        let Some(raw) = self.algorithm else { return Ok(Algorithm::Sha1) };
        let name = decoded(raw).ok_or(InvalidOtpAuth::Algorithm)?;
        Algorithm::from_name(&name).map_err(|_| InvalidOtpAuth::Algorithm)
    }

    pub(super) fn digits(&self) -> Result<Digits, InvalidOtpAuth> {
        let Some(raw) = self.digits else { return Ok(Digits::SIX) };
        let digits = number(raw).and_then(|digits| u8::try_from(digits).ok());
        digits.and_then(|digits| Digits::new(digits).ok()).ok_or(InvalidOtpAuth::Digits)
    }

    pub(super) fn period(&self) -> Result<MovingFactor, InvalidOtpAuth> {
        let Some(raw) = self.period else { return Ok(MovingFactor::Time(Period::THIRTY_SECONDS)) };
        let period = number(raw).and_then(|seconds| Period::from_seconds(seconds).ok());
        period.map(MovingFactor::Time).ok_or(InvalidOtpAuth::Period)
    }

    pub(super) fn counter(&self) -> Result<MovingFactor, InvalidOtpAuth> {
        self.counter.and_then(number).map(MovingFactor::Counter).ok_or(InvalidOtpAuth::Counter)
    }
}

/// A decoded secret. Borrowed from the caller when there was nothing to decode; wiped when it is ours.
struct Wiped<'a>(Cow<'a, str>);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

/// Percent-decodes; `None` when an escape is not two hexadecimal digits, or the bytes are not UTF-8.
pub(super) fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    let mut escapes = raw.split('%').skip(1);
    let is_escape = |text: &str| {
        text.as_bytes().first_chunk::<2>().is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(is_escape) {
        return None;
    }
    if !raw.contains('%') {
        return Some(Cow::Borrowed(raw));
    }
    // At most as long as `raw`, and reserved at once: a secret is not copied while its text grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(raw.len()));
    bytes.extend(percent_decode(raw.as_bytes()));
    str::from_utf8(&bytes).ok().map(|text| Cow::Owned(String::from(text)))
}

/// A number of ASCII digits only: no sign, no space, nothing beyond `u64`.
fn number(raw: &str) -> Option<u64> {
    if raw.is_empty() || !raw.bytes().all(|letter| letter.is_ascii_digit()) {
        return None;
    }
    raw.parse().ok()
}
