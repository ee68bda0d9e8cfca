//! The words of the pages: one typed set of texts for each language, in one open catalogue.

mod words;

use std::collections::BTreeSet;

use thiserror::Error;
use toml::{Table, Value};

pub use words::{
    AlertTexts, AppTexts, BindTexts, ChallengeTexts, CommonTexts, MethodTexts, PhoneTexts, ProblemTexts,
    RecoverTexts, RequiredTexts, SaveTexts, SecurityTexts, TextCodeTexts, Texts, VerifyTexts,
};

/// The texts in every language that the pages speak.
///
/// # Examples
/// ```
/// use mfa_axum::Catalogue;
///
/// let mexico = include_str!("../../texts/es.toml").replace("teléfono", "celular");
/// let catalogue = Catalogue::builtin().with_language("es-MX", &mexico)?;
/// assert_eq!(catalogue.select(["es-MX", "en"]).0, "es-MX");
/// assert_eq!(catalogue.select(["es-AR", "en"]).0, "es");
/// assert_eq!(catalogue.select(["de"]).0, "en");
/// # Ok::<(), mfa_axum::TextsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// For everybody whose languages are not here.
    english: Texts,
    others: Vec<(String, Texts)>,
}

impl Catalogue {
    /// English, the default, and Spanish.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "both files are part of this crate, and a test loads them"
    )]
    pub fn builtin() -> Self {
        read(ENGLISH)
            .map(|english| Self { english, others: Vec::new() })
            .map_err(|fault| TextsError { language: Box::from("en"), fault })
            .and_then(|catalogue| catalogue.with_language("es", include_str!("../../texts/es.toml")))
            .expect("the built-in texts are complete")
    }

    /// Adds a language, or replaces its texts. `tag` is a BCP 47 language tag such as `de` or `pt-BR`.
    ///
    /// # Errors
    /// [`TextsError`] when a text is missing, unknown or empty, or lacks a placeholder of the English one.
    pub fn with_language(mut self, tag: &str, toml: &str) -> Result<Self, TextsError> {
        let texts = read(toml).map_err(|fault| TextsError { language: Box::from(tag), fault })?;
        if tag.eq_ignore_ascii_case("en") {
            self.english = texts;
        } else {
            self.others.retain(|(known, _)| !known.eq_ignore_ascii_case(tag));
            self.others.push((tag.to_owned(), texts));
        }
        Ok(self)
    }

    /// The tag and the texts of the first wanted language that is known, by itself or by its first part (`es-MX` is
    /// answered with `es`), otherwise of English.
    pub fn select<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> (&str, &Texts) {
        let chosen = wanted.into_iter().find_map(|tag| {
            let primary = tag.split('-').next().unwrap_or(tag);
            self.find(tag).or_else(|| self.find(primary))
        });
        chosen.unwrap_or(("en", &self.english))
    }

    fn find(&self, tag: &str) -> Option<(&str, &Texts)> {
        if tag.eq_ignore_ascii_case("en") {
            return Some(("en", &self.english));
        }
        let other = self.others.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
        other.map(|(known, texts)| (known.as_str(), texts))
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::builtin()
    }
}

/// Why the texts of a language were not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the texts of language {language} are not usable: {fault}")]
#[non_exhaustive]
pub struct TextsError {
    /// The language.
    pub language: Box<str>,
    /// What is wrong.
    #[source]
    pub fault: TextsFault,
}

/// What is wrong with a file of texts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextsFault {
    /// It is not TOML, or a value has another type than a text.
    #[error("it cannot be read: {0}")]
    Unreadable(Box<str>),
    /// A key of the model is missing.
    #[error("{0} is missing")]
    Missing(Box<str>),
    /// A key is not in the model.
    #[error("{0} is unknown")]
    Unknown(Box<str>),
    /// A text is empty.
    #[error("{0} is empty")]
    Empty(Box<str>),
    /// A text lacks a placeholder of the model, or has one more.
    #[error("{0} has other placeholders than the English text")]
    Placeholders(Box<str>),
}

fn read(toml: &str) -> Result<Texts, TextsFault> {
    let unreadable = |error: toml::de::Error| TextsFault::Unreadable(Box::from(error.message()));
    let table: Table = toml.parse().map_err(unreadable)?;
    let model: Table = ENGLISH.parse().map_err(unreadable)?;
    compare("", &Value::Table(model), &Value::Table(table.clone()))?;
    table.try_into().map_err(unreadable)
}

/// Walks a translation beside its model, so that a fault is named by its whole key.
fn compare(key: &str, model: &Value, found: &Value) -> Result<(), TextsFault> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (model, found) {
        (Value::Table(model), Value::Table(found)) => {
            if let Some(name) = found.keys().find(|name| !model.contains_key(*name)) {
                return Err(TextsFault::Unknown(below(name).into()));
            }
            model.iter().try_for_each(|(name, value)| match found.get(name) {
                Some(found) => compare(&below(name), value, found),
                None => Err(TextsFault::Missing(below(name).into())),
            })
        }
        (Value::Array(model), Value::Array(found)) if model.len() != found.len() => {
            Err(TextsFault::Missing(key.into()))
        }
        (Value::Array(model), Value::Array(found)) => {
            model.iter().zip(found).try_for_each(|(model, found)| compare(key, model, found))
        }
        (Value::String(_), Value::String(found)) if found.trim().is_empty() => {
            Err(TextsFault::Empty(key.into()))
        }
        (Value::String(model), Value::String(found)) if placeholders(model) != placeholders(found) => {
            Err(TextsFault::Placeholders(key.into()))
        }
        (Value::String(_), Value::String(_)) => Ok(()),
        _ => Err(TextsFault::Unreadable(format!("{key} is not a text").into())),
    }
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}

const ENGLISH: &str = include_str!("../../texts/en.toml");

#[cfg(test)]
mod tests {
    use mfa::UnixSeconds;

    use super::*;

    #[test]
    fn the_english_titles_are_those_of_the_product() {
        let catalogue = Catalogue::builtin();
        let (tag, en) = catalogue.select([]);
        assert_eq!(tag, "en");
        assert_eq!(en.required.title, "Two-Factor Authentication Required");
        assert_eq!(en.method.title, "Select an Authentication Method");
        assert_eq!(en.app.title, "Secure Your Account");
        assert_eq!(en.save.title, "Save Your Recovery Code");
        assert_eq!(en.challenge.title, "Two-Factor Authentication");
        assert_eq!(en.recover.title, "Use a Recovery Code");
        assert_eq!(en.save.saved, "I Have Securely Saved This Code");
        assert_eq!(en.app.trouble, "Trouble Scanning");
        assert!(en.alert.wrong_code.contains("wrong or expired code"));
        assert!(en.alert.already_used.contains("code already used, wait for the next one"));
        assert!(en.alert.too_many.contains("too many attempts, try again at {time}"));
        assert!(en.problem.expired.contains("this page has expired, start again"));
    }

    #[test]
    fn every_language_has_every_text_and_they_differ() {
        let catalogue = Catalogue::builtin();
        let (en, es) = (catalogue.select(["en"]).1, catalogue.select(["es-MX"]).1);
        assert_ne!(en.required.title, es.required.title);
        assert_eq!(es.date(UnixSeconds::new(1_800_000_000)), "15 de enero de 2027");
        assert_eq!(en.date(UnixSeconds::new(1_800_000_000)), "January 15, 2027");
        assert!(en.too_many(UnixSeconds::new(1_800_000_330)).ends_with("try again at 08:05:30 UTC."));
    }

    #[test]
    fn a_faulty_translation_is_refused_by_the_name_of_its_key() {
        let fault = |toml: &str| Catalogue::builtin().with_language("de", toml).unwrap_err().fault;
        let without = ENGLISH.replace("skip = \"Skip for Now\"\n", "");
        assert_eq!(fault(&without), TextsFault::Missing("required.skip".into()));
        let empty = ENGLISH.replace("\"Skip for Now\"", "\" \"");
        assert_eq!(fault(&empty), TextsFault::Empty("required.skip".into()));
        let more = ENGLISH.replace("[method]", "[method]\npigeon = \"Pigeon\"");
        assert_eq!(fault(&more), TextsFault::Unknown("method.pigeon".into()));
        let mute = ENGLISH.replace("at {time}.", "later.");
        assert_eq!(fault(&mute), TextsFault::Placeholders("alert.too_many".into()));
        assert!(matches!(fault("= nonsense"), TextsFault::Unreadable(_)));
    }
}
