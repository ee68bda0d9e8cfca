//! libphonenumber's metadata file, `PhoneNumberMetadata.xml`.
//!
//! Read here and not by the `phonenumber` crate's own loader, which panics on an empty list of lengths, recurses into
//! nested elements without bound, and keeps thousands of patterns for formatting that decide nothing.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::kind::NumberKind;
use super::metadata::{Description, Lengths, Part, Territory};

/// The largest file that is read, in bytes. That of 9.0.33 has 981 034.
pub(super) const MAX_LENGTH: usize = 8 << 20;

/// A file cannot be read; where, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) at: u64,
}

/// Reads all regions, in the order of the file.
pub(super) fn read(text: &str) -> Result<Vec<Territory<'_>>, Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut file = File::default();
    loop {
        let event = reader.read_event().map_err(|_| Unreadable { at: reader.error_position() })?;
        if matches!(event, Event::Eof) {
            break;
        }
        file.take(event).ok_or(Unreadable { at: reader.buffer_position() })?;
    }
    if file.depth == 0 { Ok(file.territories) } else { Err(Unreadable { at: reader.buffer_position() }) }
}

/// What was read so far, and where in the file one is.
#[derive(Default)]
struct File<'a> {
    territories: Vec<Territory<'a>>,
    depth: usize,
    in_territories: bool,
    part: Option<(Part, Description<'a>)>,
    in_pattern: bool,
}

/// How deep the elements stand that are read: `phoneNumberMetadata`, `territories`, `territory`, one of the parts,
/// and what describes it.
const TERRITORIES: usize = 2;
const TERRITORY: usize = 3;
const PART: usize = 4;
const DESCRIBING: usize = 5;

impl<'a> File<'a> {
    /// `None` where the file is not what it should be.
    fn take(&mut self, event: Event<'a>) -> Option<()> {
        match event {
            Event::Start(element) => {
                self.depth = self.depth.checked_add(1)?;
                self.begin(&element)
            }
            Event::Empty(element) => self.describe(&element),
            Event::End(_) => self.end(),
            Event::Text(text) if self.in_pattern => self.more_pattern(text.decode().ok()?),
            Event::CData(_) | Event::GeneralRef(_) if self.in_pattern => None,
            _ => Some(()),
        }
    }

    fn begin(&mut self, element: &BytesStart<'a>) -> Option<()> {
        match (self.depth, element.name().into_inner()) {
            (TERRITORIES, name) => self.in_territories = name == b"territories",
            (TERRITORY, b"territory") if self.in_territories => {
                self.territories.push(territory(element)?);
            }
            (PART, name) if self.in_territories => {
                self.part = part(name).map(|part| (part, Description::default()));
            }
            (DESCRIBING, b"nationalNumberPattern") => self.in_pattern = self.part.is_some(),
            (DESCRIBING, _) => self.describe(element)?,
            _ => {}
        }
        Some(())
    }

    /// Lengths stand in attributes.
    fn describe(&mut self, element: &BytesStart<'a>) -> Option<()> {
        if let (b"possibleLengths", Some((_, description))) = (element.name().into_inner(), &mut self.part) {
            let national = element.try_get_attribute("national").ok()??;
            description.lengths = lengths(str::from_utf8(&national.value).ok()?)?;
        }
        Some(())
    }

    fn more_pattern(&mut self, text: Cow<'a, str>) -> Option<()> {
        let (_, description) = self.part.as_mut()?;
        match &mut description.pattern {
            nothing if nothing.is_empty() => *nothing = text,
            pattern => pattern.to_mut().push_str(&text),
        }
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        match self.depth {
            DESCRIBING => self.in_pattern = false,
            PART => {
                if let Some(part) =
                    self.part.take().filter(|(_, description)| !description.pattern.is_empty())
                {
                    self.territories.last_mut()?.parts.push(part);
                }
            }
            _ => {}
        }
        self.depth = self.depth.checked_sub(1)?;
        Some(())
    }
}

fn territory<'a>(element: &BytesStart<'a>) -> Option<Territory<'a>> {
    let mut territory = Territory::default();
    for attribute in element.attributes() {
        let attribute = attribute.ok()?;
        let value = str::from_utf8(&attribute.value).ok()?.to_owned();
        match attribute.key.into_inner() {
            b"id" => territory.id = value.into(),
            b"countryCode" => territory.calling_code = value.parse().ok()?,
            b"mainCountryForCode" => territory.is_main = value == "true",
            b"nationalPrefix" => territory.national_prefix = Some(value.into()),
            b"leadingDigits" => territory.leading_digits = Some(value.into()),
            _ => {}
        }
    }
    Some(territory)
        .filter(|territory| !territory.id.is_empty() && (1..=999).contains(&territory.calling_code))
}

fn part(element: &[u8]) -> Option<Part> {
    match element {
        b"generalDesc" => Some(Part::General),
        b"premiumRate" => Some(Part::Kind(NumberKind::Premium)),
        b"tollFree" => Some(Part::Kind(NumberKind::TollFree)),
        b"sharedCost" => Some(Part::Kind(NumberKind::SharedCost)),
        b"voip" => Some(Part::Kind(NumberKind::Voip)),
        b"personalNumber" => Some(Part::Kind(NumberKind::Personal)),
        b"pager" => Some(Part::Kind(NumberKind::Pager)),
        b"uan" => Some(Part::Kind(NumberKind::Uan)),
        b"voicemail" => Some(Part::Kind(NumberKind::Voicemail)),
        b"fixedLine" => Some(Part::Kind(NumberKind::Fixed)),
        b"mobile" => Some(Part::Kind(NumberKind::Mobile)),
        _ => None,
    }
}

/// Reads `9`, `7,10` or `[5-8],10`.
fn lengths(text: &str) -> Option<Lengths> {
    let mut all = Vec::new();
    for piece in text.split(',') {
        let range = piece.trim().strip_prefix('[').and_then(|piece| piece.strip_suffix(']'));
        let (first, last) = match range {
            Some(range) => range.split_once('-')?,
            None => (piece.trim(), piece.trim()),
        };
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        all.extend(Some(first..=last).filter(|_| last < 32)?);
    }
    Some(all.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../tests/data/PhoneNumberMetadata.xml");

    #[test]
    fn a_file_reads_as_what_it_says() {
        let territories = read(FILE).unwrap();
        let ids: Vec<&str> = territories.iter().map(|territory| &*territory.id).collect();
        assert_eq!(ids, ["001", "NZ", "VA"]);
        let zealand = &territories[1];
        assert_eq!((zealand.calling_code, zealand.is_main), (64, false));
        assert_eq!(zealand.national_prefix.as_deref(), Some("0"));
        let parts: Vec<Part> = zealand.parts.iter().map(|(part, _)| *part).collect();
        let kinds = [NumberKind::Fixed, NumberKind::Mobile].map(Part::Kind);
        assert_eq!(parts, [Part::General, kinds[0], kinds[1]]);
        let (_, mobile) = &zealand.parts[2];
        assert_eq!(
            mobile.pattern.split_whitespace().collect::<String>(),
            r"2(?:[0-27-9]\d|6)\d{6,7}|2(?:1\d|75)\d{5}"
        );
        assert_eq!(mobile.lengths, (8..=10).collect());
        assert_eq!(territories[2].leading_digits.as_deref(), Some("06698"));
    }

    #[test]
    fn lengths_are_numbers_and_ranges() {
        assert_eq!(lengths("9"), Some([9].into_iter().collect()));
        assert_eq!(lengths("[5-7],10"), Some([5, 6, 7, 10].into_iter().collect()));
        for text in ["", ",", "[5-", "[-]", "[5]", "5-7", "[7,9]", "32", "[1-65535]", "-1", "9,"] {
            assert_eq!(lengths(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_beginning_of_a_file_is_refused_and_no_damage_panics() {
        let end = FILE.trim_end().len();
        for cut in (0..end).filter(|cut| FILE.is_char_boundary(*cut)) {
            let beginning = read(&FILE[..cut]);
            assert!(beginning.is_err() || beginning.unwrap().is_empty(), "{cut}");
            let _ = read(&FILE[cut..]);
        }
    }

    #[test]
    fn what_is_not_the_file_is_refused() {
        let deep = "<a>".repeat(1_000_000);
        let entity = FILE.replace("2(?:1\\d", "2&amp;(?:1\\d");
        let empty = FILE.replace("national=\"[8-10]\"", "national=\"\"");
        let code = FILE.replace("countryCode=\"64\"", "countryCode=\"0\"");
        let tag = FILE.replace("</mobile>", "</mobil>");
        for text in [&deep, &entity, &empty, &code, &tag] {
            assert!(read(text).is_err());
        }
    }
}
