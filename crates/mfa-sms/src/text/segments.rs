//! How many texts a text is.

/// How a text is split and charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segments {
    encoding: Encoding,
    units: usize,
    count: usize,
}

impl Segments {
    /// The alphabet it needs.
    pub const fn encoding(self) -> Encoding {
        self.encoding
    }

    /// Its length: septets for GSM-7 (an extension character is two), UTF-16 units for UCS-2.
    pub const fn units(self) -> usize {
        self.units
    }

    /// How many messages carry it, each of which is charged; zero for an empty text.
    pub const fn count(self) -> usize {
        self.count
    }
}

/// The alphabet of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table: 160 septets in one message, 153 in each of several.
    Gsm7,
    /// UTF-16: 70 units in one message, 67 in each of several.
    Ucs2,
}

impl Encoding {
    /// Units in a message that stands alone, and in each of several.
    const fn room(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// Counts the messages that `text` becomes. A character of two units is not split between two messages.
///
/// No national shift table is assumed, as providers do not use them unasked.
///
/// # Examples
/// ```
/// use mfa_sms::text::{Encoding, segments};
///
/// let counted = segments("€5 to 张");
/// assert_eq!((counted.encoding(), counted.units(), counted.count()), (Encoding::Ucs2, 7, 1));
/// assert_eq!(segments("€5").units(), 3);
/// ```
///
/// # Source
/// 3GPP TS 23.038 (GSM 03.38), 6.2.1 and 6.2.1.1; TS 23.040, 9.2.3.24.1 for the header of a concatenated message.
pub fn segments(text: &str) -> Segments {
    let septets = text.chars().map(septets);
    let (encoding, widths): (_, Vec<usize>) = match septets.collect::<Option<Vec<_>>>() {
        Some(widths) => (Encoding::Gsm7, widths),
        None => (Encoding::Ucs2, text.chars().map(char::len_utf16).collect()),
    };
    let units = widths.iter().fold(0_usize, |sum, width| sum.saturating_add(*width));
    let (alone, each) = encoding.room();
    let count = match units {
        0 => 0,
        _ if units <= alone => 1,
        _ => parts(&widths, each),
    };
    Segments { encoding, units, count }
}

/// How many parts of `room` units the characters fill, in order.
fn parts(widths: &[usize], room: usize) -> usize {
    let (full, _) = widths.iter().fold((0_usize, room), |(full, used), width| {
        let used = used.saturating_add(*width);
        if used > room { (full.saturating_add(1), *width) } else { (full, used) }
    });
    full
}

/// Septets of a character in GSM-7, `None` when it has none.
fn septets(letter: char) -> Option<usize> {
    match letter {
        // The escape at 0x1B is no character.
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '\n' | '\r' => Some(1),
        _ if BASIC.contains(letter) => Some(1),
        _ if EXTENSION.contains(letter) => Some(2),
        _ => None,
    }
}

const BASIC: &str = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
const EXTENSION: &str = "\u{C}^{}\\[~]|€";

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> (Encoding, usize, usize) {
        let counted = segments(text);
        (counted.encoding, counted.units, counted.count)
    }

    #[test]
    fn the_alphabet_has_128_places_and_10_more() {
        let letters = 26 + 26 + 10 + " \n\r".len();
        assert_eq!(BASIC.chars().count() + letters, 127); // and the escape
        assert_eq!(EXTENSION.chars().count(), 10);
    }

    #[test]
    fn one_message_holds_160_septets_or_70_units() {
        assert_eq!(counted(""), (Encoding::Gsm7, 0, 0));
        assert_eq!(counted(&"a".repeat(160)), (Encoding::Gsm7, 160, 1));
        assert_eq!(counted(&"a".repeat(161)), (Encoding::Gsm7, 161, 2));
        assert_eq!(counted(&"é".repeat(306)), (Encoding::Gsm7, 306, 2));
        assert_eq!(counted(&"é".repeat(307)), (Encoding::Gsm7, 307, 3));
        assert_eq!(counted(&"ê".repeat(70)), (Encoding::Ucs2, 70, 1));
        assert_eq!(counted(&"ê".repeat(71)), (Encoding::Ucs2, 71, 2));
        assert_eq!(counted(&"😀".repeat(35)), (Encoding::Ucs2, 70, 1));
    }

    #[test]
    fn a_character_of_two_units_is_not_split() {
        // 153 septets a part: the euro that would straddle the edge moves to the next one.
        assert_eq!(counted(&format!("{}€{}", "a".repeat(152), "a".repeat(151))), (Encoding::Gsm7, 305, 2));
        assert_eq!(counted(&format!("{}€{}", "a".repeat(152), "a".repeat(152))), (Encoding::Gsm7, 306, 3));
        assert_eq!(counted(&format!("{}😀{}", "ê".repeat(66), "ê".repeat(66))), (Encoding::Ucs2, 134, 3));
    }
}
