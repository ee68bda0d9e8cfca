//! Forms as browsers post them, read strictly: what is ambiguous is refused, not guessed at.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// The fields of a posted form. No field occurs twice, so nobody can show one value to a check and another to its
/// use.
///
/// # Examples
/// ```
/// use mfa_axum::{Form, FormError};
///
/// let form = Form::parse("email=ada%40example.com&password=a+b")?;
/// assert_eq!(form.get("email"), Some("ada@example.com"));
/// assert_eq!(form.get("password"), Some("a b"));
/// assert!(matches!(Form::parse("code=1&code=2"), Err(FormError::Repeated)));
/// # Ok::<(), FormError>(())
/// ```
pub struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads the body of a request of at most [`Form::LONGEST`] bytes.
    ///
    /// # Errors
    /// [`FormError`], whose [`status`](FormError::status) is the answer.
    pub async fn read(headers: &HeaderMap, body: Body) -> Result<Self, FormError> {
        let bytes = collect(headers, body).await?;
        if !is_form(headers) {
            return Err(FormError::NotAForm);
        }
        Self::parse(std::str::from_utf8(&bytes).map_err(|_| FormError::Undecodable)?)
    }

    /// Parses `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// [`FormError::Undecodable`] for bad percent signs and text that is not UTF-8, [`FormError::Repeated`] for a
    /// field that comes twice.
    ///
    /// # Source
    /// WHATWG URL Standard, section 5.1, made strict.
    pub fn parse(text: &str) -> Result<Self, FormError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Repeated);
            }
            if fields.len() >= MOST_FIELDS {
                return Err(FormError::Undecodable);
            }
            fields.push((name, value));
        }
        Ok(Self { fields })
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the field `csrf` holds this token. An empty token matches nothing.
    ///
    /// The comparison takes the same time for every token of the right length.
    pub fn carries(&self, csrf: &str) -> bool {
        let sent = self.get("csrf").unwrap_or_default();
        !csrf.is_empty() && bool::from(sent.as_bytes().ct_eq(csrf.as_bytes()))
    }

    /// The longest body that is taken, in bytes.
    pub const LONGEST: usize = 16 * 1024;
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// Why a form was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormError {
    /// More than [`Form::LONGEST`] bytes.
    #[error("the form is too large")]
    TooLarge,
    /// Another content type.
    #[error("the body is not a form")]
    NotAForm,
    /// Not the encoding of a form.
    #[error("the form cannot be decoded")]
    Undecodable,
    /// A field comes twice.
    #[error("a field of the form is repeated")]
    Repeated,
}

impl FormError {
    /// The answer: 413 or 422.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAForm | Self::Undecodable | Self::Repeated => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

/// Reads the body. One that is too large is read on for a while and dropped: a client that is still writing when the
/// connection closes would never see the answer.
async fn collect(headers: &HeaderMap, mut body: Body) -> Result<Vec<u8>, FormError> {
    if announced(headers).is_some_and(|length| length > DRAINED) {
        return Err(FormError::TooLarge);
    }
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| FormError::Undecodable)?.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= Form::LONGEST {
            kept.extend_from_slice(&data);
        } else {
            kept.clear();
        }
        if seen > DRAINED {
            break;
        }
    }
    if seen > Form::LONGEST { Err(FormError::TooLarge) } else { Ok(kept) }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

fn decode(text: &str) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(FormError::Undecodable),
            },
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::Undecodable)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Our largest form has five fields.
const MOST_FIELDS: usize = 64;
/// How much of a body that is too large is read before the connection is given up, in bytes.
const DRAINED: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_as_browsers_encode_it() {
        let form = Form::parse("a=1+2%2B3&b=%C3%A9&c&d=x=y&&").unwrap();
        assert_eq!(
            [form.get("a"), form.get("b"), form.get("c"), form.get("d"), form.get("e")],
            [Some("1 2+3"), Some("é"), Some(""), Some("x=y"), None]
        );
    }

    #[test]
    fn b11_what_is_ambiguous_is_refused() {
        for (text, why) in [
            ("code=1&code=2", FormError::Repeated),
            ("code=1&%63ode=2", FormError::Repeated),
            ("code", FormError::Repeated),
            ("code=%", FormError::Undecodable),
            ("code=%4", FormError::Undecodable),
            ("code=%zz", FormError::Undecodable),
            ("code=%ff", FormError::Undecodable),
            ("%ff=1", FormError::Undecodable),
        ] {
            let text = if text == "code" { "code&code" } else { text };
            assert_eq!(Form::parse(text).unwrap_err(), why, "{text}");
        }
        let many: String = (0..1000).map(|n| format!("f{n}=1&")).collect();
        assert!(Form::parse(&many).is_err());
    }

    #[test]
    fn c13_an_empty_token_matches_nothing() {
        let form = |text| Form::parse(text).unwrap();
        assert!(form("csrf=abc").carries("abc"));
        assert!(!form("csrf=abd").carries("abc") && !form("csrf=").carries("") && !form("").carries(""));
    }

    #[test]
    fn a_form_shows_no_values() {
        assert_eq!(format!("{:?}", Form::parse("password=hunter2").unwrap()), "[\"password\"]");
    }
}
