//! What is put into a text: brand, payee, amount and host.

/// What is wrong with a brand, payee, amount or host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// Nothing in it, or nothing left of it.
    #[error("a name in a text must not be empty")]
    Empty,
    /// Longer than its limit.
    #[error("a name in a text is longer than its limit")]
    TooLong,
    /// A character it must not have.
    #[error("a name in a text holds a character that is not allowed")]
    Character,
}

/// Who sends the texts: 1 to 30 characters, none of them `@`, `#`, a line end or invisible.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Brand(Box<str>);

impl Brand {
    /// The most characters a brand has. Around 16 leave room for one segment in every language.
    pub const MAX_CHARACTERS: usize = 30;

    /// Takes a brand as it is written, white space at its ends and in a row apart.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        strict(text, Self::MAX_CHARACTERS).map(Self)
    }

    /// The brand.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host's name stands for whoever has no other that a text can carry; its first 30 characters.
impl From<&OriginHost> for Brand {
    fn from(host: &OriginHost) -> Self {
        Self(host.as_str().chars().take(Self::MAX_CHARACTERS).collect())
    }
}

/// An amount with its currency, as the host formats it: 1 to 20 characters, none of them `@`, `#`, a line end or
/// invisible. It is refused rather than shortened: part of an amount is another amount.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Amount(Box<str>);

impl Amount {
    /// The most characters an amount has.
    pub const MAX_CHARACTERS: usize = 20;

    /// Takes an amount; the no-break spaces that formatters put in become spaces, which GSM-7 has.
    ///
    /// # Errors
    /// [`InvalidName`].
    ///
    /// # Examples
    /// ```
    /// # use mfa_sms::text::{Amount, InvalidName};
    /// assert_eq!(Amount::parse("1\u{202F}234,50\u{A0}€")?.as_str(), "1 234,50 €");
    /// # Ok::<(), InvalidName>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        strict(text, Self::MAX_CHARACTERS).map(Self)
    }

    /// The amount.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// To whom a payment goes. A stranger may have chosen this name, so it is cleaned, and shortened to 24 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Payee(Box<str>);

impl Payee {
    /// The most characters that are shown, `...` included.
    pub const MAX_CHARACTERS: usize = 24;

    /// Cleans a payee's name: white space and line ends become one space, invisible characters go, `@` and `#` become
    /// hyphens, typographic quotes and dashes their plain forms. A name over 24 characters keeps its first 21, and
    /// `...`.
    ///
    /// # Errors
    /// [`InvalidName::Empty`] when nothing is left.
    ///
    /// # Examples
    /// ```
    /// # use mfa_sms::text::{InvalidName, Payee};
    /// assert_eq!(Payee::parse("Bob\n\n@evil.example #000000")?.as_str(), "Bob -evil.example -00...");
    /// # Ok::<(), InvalidName>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let cleaned = cleaned(text);
        if cleaned.is_empty() {
            return Err(InvalidName::Empty);
        }
        if cleaned.chars().nth(Self::MAX_CHARACTERS).is_none() {
            return Ok(Self(cleaned.into()));
        }
        let kept = cleaned.chars().take(Self::MAX_CHARACTERS.saturating_sub(DOTS.len())).collect::<String>();
        Ok(Self(format!("{}{DOTS}", kept.trim_end()).into()))
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const DOTS: &str = "...";

/// The host of the page where codes are entered: lower-case letters, digits and hyphens in labels, no port and no
/// final dot. Internationalised names in their `xn--` form. `localhost` and `127.0.0.1` are taken, for tests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginHost(Box<str>);

impl OriginHost {
    /// Takes a host name. The registrable domain (`example.com`) covers its subdomains, since browsers compare sites.
    ///
    /// # Errors
    /// [`InvalidName`].
    ///
    /// # Source
    /// RFC 1123, section 2.1; RFC 1035, section 2.3.4 for the lengths.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        match text {
            "" => Err(InvalidName::Empty),
            "localhost" | "127.0.0.1" => Ok(Self(text.into())),
            _ if text.len() > 253 || text.split('.').any(|label| label.len() > 63) => {
                Err(InvalidName::TooLong)
            }
            _ if text.contains('.') && text.split('.').all(is_label) && !ends_in_a_number(text) => {
                Ok(Self(text.into()))
            }
            _ => Err(InvalidName::Character),
        }
    }

    /// The host.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
}

/// Such a host is an address, or nothing.
fn ends_in_a_number(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A text of at most `most` characters with nothing in it that has to be cleaned but white space.
fn strict(text: &str, most: usize) -> Result<Box<str>, InvalidName> {
    if text.len() > most.saturating_mul(4) {
        return Err(InvalidName::TooLong);
    }
    let refused = |letter: char| matches!(letter, '@' | '#') || is_line_end(letter) || is_invisible(letter);
    if text.chars().any(refused) {
        return Err(InvalidName::Character);
    }
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.chars().count() {
        0 => Err(InvalidName::Empty),
        length if length > most => Err(InvalidName::TooLong),
        _ => Ok(joined.into()),
    }
}

/// The first part of a stranger's text, without anything that could pass for structure.
fn cleaned(text: &str) -> String {
    let plain = |letter: char| match letter {
        '@' | '#' | '\u{2010}'..='\u{2015}' => '-',
        '\u{2018}'..='\u{201B}' => '\'',
        '\u{201C}'..='\u{201F}' => '"',
        letter if letter.is_whitespace() => ' ',
        other => other,
    };
    let kept = text.chars().take(MOST_READ).filter(|letter| letter.is_whitespace() || !is_invisible(*letter));
    let plain = kept.map(plain).collect::<String>();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How much of a stranger's text is looked at, in characters.
const MOST_READ: usize = 256;

fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Control and format characters: those that turn the direction of writing, join, or show nothing.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_refused_rather_than_cleaned() {
        use InvalidName as E;
        assert_eq!(Brand::parse("  Example  Bank ").unwrap().as_str(), "Example Bank");
        for (text, expected) in [
            ("", E::Empty),
            (" \u{A0}", E::Empty),
            ("a\nb", E::Character),
            ("a\u{2028}b", E::Character),
            ("a\tb", E::Character),
            ("@example", E::Character),
            ("No #1", E::Character),
            ("a\u{202E}b", E::Character),
            ("a\u{200B}", E::Character),
            (&"a".repeat(31), E::TooLong),
            (&"a".repeat(1_000_000), E::TooLong),
        ] {
            assert_eq!(Brand::parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(Amount::parse(&"1".repeat(21)), Err(E::TooLong));
    }

    #[test]
    fn a_long_payee_ends_in_dots() {
        let shown = |text: &str| Payee::parse(text).unwrap().as_str().to_owned();
        assert_eq!(shown(&"a".repeat(24)), "a".repeat(24));
        assert_eq!(shown(&"a".repeat(25)), format!("{}...", "a".repeat(21)));
        assert_eq!(shown("12345678901234567890 and more"), "12345678901234567890...");
        assert_eq!(shown(&"張".repeat(1_000_000)), format!("{}...", "張".repeat(21)));
        assert_eq!(shown("O’Neill – “Pub”"), "O'Neill - \"Pub\"");
        assert_eq!(shown("a\r\n\u{85}\u{2029}\tb\u{202E}\u{200D}\0c"), "a bc");
        assert_eq!(Payee::parse("\u{202E}\n\u{FEFF}"), Err(InvalidName::Empty));
    }

    #[test]
    fn a_host_is_a_bare_lower_case_name() {
        use InvalidName as E;
        for host in
            ["example.com", "a.b-c.example", "xn--bcher-kva.example", "localhost", "127.0.0.1", "4.example"]
        {
            assert_eq!(OriginHost::parse(host).unwrap().as_str(), host);
        }
        for (host, expected) in [
            ("", E::Empty),
            ("Example.com", E::Character),
            ("bücher.example", E::Character),
            ("example.com.", E::Character),
            (".example.com", E::Character),
            ("-a.example", E::Character),
            ("a-.example", E::Character),
            ("example.com:443", E::Character),
            ("https://example.com", E::Character),
            ("example.com #123456", E::Character),
            ("a_b.example", E::Character),
            ("example", E::Character),
            ("192.0.2.1", E::Character),
            ("[::1]", E::Character),
            (&format!("{}.example", "a".repeat(64)), E::TooLong),
            (&"a.".repeat(150), E::TooLong),
        ] {
            assert_eq!(OriginHost::parse(host), Err(expected), "{host:?}");
        }
    }
}
