//! The words of the pages: one typed set of texts for each language, in one open catalogue.

mod words;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use thiserror::Error;
use toml::{Table, Value};

use crate::language::{SIMPLIFIED, TRADITIONAL, chinese_script, fallbacks};

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
/// assert_eq!(catalogue.select(["zh-HK"]).0, "zh-Hant");
/// assert_eq!(catalogue.select(["pt-BR"]).0, "en");
/// # Ok::<(), mfa_axum::TextsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// For everybody whose languages are not here.
    english: Arc<Texts>,
    others: Vec<(String, Arc<Texts>)>,
}

impl Catalogue {
    /// English, the default, Spanish, French, German, Italian, and Chinese in traditional characters.
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// Adds a language, or replaces its texts. `tag` is a BCP 47 language tag such as `de` or `pt-BR`.
    ///
    /// # Errors
    /// [`TextsError`] when a text is missing, unknown or empty, or lacks a placeholder of the English one.
    pub fn with_language(mut self, tag: &str, toml: &str) -> Result<Self, TextsError> {
        let texts =
            read(toml).map_err(|fault| TextsError { language: Box::from(tag), fault }).map(Arc::new)?;
        if tag.eq_ignore_ascii_case("en") {
            self.english = texts;
        } else {
            self.others.retain(|(known, _)| !known.eq_ignore_ascii_case(tag));
            self.others.push((tag.to_owned(), texts));
        }
        Ok(self)
    }

    /// The tag and the texts of the first wanted language that is known, by itself or by its first parts (`es-MX` is
    /// answered with `es`), otherwise of English.
    ///
    /// Chinese goes by its script: `zh-TW`, `zh-HK` and `zh-MO` are answered with `zh-Hant`, `zh-CN` and `zh-SG` never
    /// are. `zh` alone may be either, unless another wanted tag tells that simplified characters are meant, as in the
    /// `zh-CN,zh;q=0.9` of browsers.
    pub fn select<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> (&str, &Texts) {
        let wanted: Vec<&str> = wanted.into_iter().collect();
        let script = wanted.iter().find_map(|tag| chinese_script(tag));
        let chosen = wanted.iter().find_map(|tag| {
            let known = fallbacks(tag).iter().find_map(|tag| self.find(tag));
            known.or_else(|| if tag.eq_ignore_ascii_case("zh") { self.chinese(script) } else { None })
        });
        chosen.unwrap_or(("en", &self.english))
    }

    /// The answer to `zh` alone: the script that was told, else whichever there is, simplified first as in CLDR.
    fn chinese(&self, script: Option<&str>) -> Option<(&str, &Texts)> {
        match script {
            Some(script) => self.find(script),
            None => self.find(SIMPLIFIED).or_else(|| self.find(TRADITIONAL)),
        }
    }

    fn find(&self, tag: &str) -> Option<(&str, &Texts)> {
        if tag.eq_ignore_ascii_case("en") {
            return Some(("en", &self.english));
        }
        let other = self.others.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
        other.map(|(known, texts)| (known.as_str(), &**texts))
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

/// Read once: it takes some milliseconds.
#[expect(clippy::expect_used, reason = "the files are part of this crate, and a test loads them")]
static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
    let english = read(ENGLISH).map_err(|fault| TextsError { language: Box::from("en"), fault });
    english
        .map(|english| Catalogue { english: Arc::new(english), others: Vec::new() })
        .and_then(|english| {
            TRANSLATIONS.iter().try_fold(english, |all, (tag, toml)| all.with_language(tag, toml))
        })
        .expect("the built-in texts are complete")
});
const ENGLISH: &str = include_str!("../../texts/en.toml");
const TRANSLATIONS: [(&str, &str); 5] = [
    ("es", include_str!("../../texts/es.toml")),
    ("fr", include_str!("../../texts/fr.toml")),
    ("de", include_str!("../../texts/de.toml")),
    ("it", include_str!("../../texts/it.toml")),
    (TRADITIONAL, include_str!("../../texts/zh-Hant.toml")),
];

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::ACCEPT_LANGUAGE;
    use mfa::{EventKind, EventMethod, UnixSeconds};

    use super::*;
    use crate::accepted_languages;

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
        assert_eq!(en.phone.title, "Set Up SMS Verification");
        assert_eq!(en.phone.send, "Send Text Message");
        assert_eq!(en.text_code.title, "Enter Verification Code");
        assert_eq!(en.text_code.resend, "Resend New Code");
        assert_eq!(en.security.add_phone, "Add Phone Number");
        assert_eq!(en.save.saved, "I Have Securely Saved This Code");
        assert_eq!(en.app.trouble, "Trouble Scanning");
        assert!(en.alert.wrong_code.contains("wrong or expired code"));
        assert!(en.alert.already_used.contains("code already used, wait for the next one"));
        assert!(en.alert.too_many.contains("too many attempts, try again at {time}"));
        assert!(en.alert.number_not_allowed.contains("number not in an allowed country"));
        assert!(en.alert.number_not_mobile.contains("not a mobile number"));
        assert!(en.alert.text_not_sent.contains("text could not be sent"));
        assert!(en.alert.text_withheld.contains("text could not be sent"));
        assert!(en.alert.too_many_texts.contains("too many"));
        assert!(en.problem.expired.contains("this page has expired, start again"));
    }

    #[test]
    fn no_text_is_left_in_english() {
        let words = |toml: &str| {
            let mut words = Vec::new();
            flatten("", &Value::Table(toml.parse().unwrap()), &mut words);
            words
        };
        let english = words(ENGLISH);
        for (tag, toml) in TRANSLATIONS {
            let (_, alike) = ALIKE.iter().find(|(language, _)| *language == tag).unwrap();
            let translated = words(toml);
            assert_eq!(translated.len(), english.len(), "{tag}");
            let same: Vec<&str> = english
                .iter()
                .filter(|text| translated.contains(text))
                .map(|(_, text)| text.as_str())
                .collect();
            assert_eq!(same, *alike, "{tag}");
        }
    }

    /// The texts that are the same word in English, by their keys.
    const ALIKE: [(&str, &[&str]); 5] = [
        ("es", &["Australia", "Hong Kong"]),
        ("fr", &["Canada", "France", "Hong Kong"]),
        ("de", &["April", "August", "September", "November"]),
        ("it", &["Australia", "Canada", "Hong Kong", "Singapore", "Password"]),
        ("zh-Hant", &[]),
    ];

    fn flatten(key: &str, value: &Value, into: &mut Vec<(String, String)>) {
        match value {
            Value::Table(table) => {
                table.iter().for_each(|(name, value)| flatten(&format!("{key}.{name}"), value, into));
            }
            Value::Array(array) => {
                array.iter().enumerate().for_each(|(at, value)| flatten(&format!("{key}.{at}"), value, into));
            }
            value => into.push((key.to_owned(), value.as_str().unwrap().to_owned())),
        }
    }

    #[test]
    fn each_language_writes_dates_its_own_way() {
        let catalogue = Catalogue::builtin();
        let moment = UnixSeconds::new(1_800_000_330);
        for (tag, date, since, too_many) in [
            ("en", "January 15, 2027", "Remembered on January 15, 2027.", "try again at 08:05:30 UTC."),
            ("es", "15 de enero de 2027", "Recordado el 15 de enero de 2027.", "a las 08:05:30 UTC."),
            ("fr", "15 janvier 2027", "Mémorisé le 15 janvier 2027.", "réessayez à 08:05:30 UTC."),
            ("de", "15. Januar 2027", "Gemerkt seit dem 15. Januar 2027.", "um 08:05:30 UTC erneut."),
            ("it", "15 gennaio 2027", "Ricordato in data 15 gennaio 2027.", "riprovi alle 08:05:30 UTC."),
            ("zh-Hant", "2027年1月15日", "於2027年1月15日記住。", "請於 08:05:30 UTC 再試一次。"),
        ] {
            let (lang, texts) = catalogue.select([tag]);
            assert_eq!((lang, texts.date(moment).as_str()), (tag, date));
            assert_eq!(texts.date_and_time(moment), format!("{date} 08:05 UTC"));
            assert_eq!(texts.security.device_since.replace("{date}", date), since);
            assert!(texts.too_many(moment).ends_with(too_many), "{}", texts.too_many(moment));
        }
    }

    #[test]
    fn a_request_is_answered_in_the_language_it_asks_for() {
        let catalogue = Catalogue::builtin();
        for (header, lang) in [
            ("de-AT", "de"),
            ("DE", "de"),
            ("de-CH-1996", "de"),
            ("fr-CA", "fr"),
            ("it", "it"),
            ("es_MX", "es"),
            ("pt-BR, it;q=0.7, en;q=0.8", "en"),
            ("pt-BR, it;q=0.8, en;q=0.7", "it"),
            ("pt", "en"),
            ("deu", "en"),
            ("*", "en"),
            ("", "en"),
            ("zh", "zh-Hant"),
            ("zh-TW", "zh-Hant"),
            ("zh-tw,zh;q=0.9,en;q=0.8", "zh-Hant"),
            ("zh-HK", "zh-Hant"),
            ("zh-MO", "zh-Hant"),
            ("zh-Hant", "zh-Hant"),
            ("zh-Hant-TW", "zh-Hant"),
            ("zh-hant-CN", "zh-Hant"),
            ("zh-CN", "en"),
            ("zh-CN,zh;q=0.9", "en"),
            ("zh-CN,zh;q=0.9,de;q=0.8", "de"),
            ("zh-Hans", "en"),
            ("zh-Hans-HK,zh;q=0.5", "en"),
            ("zh-SG", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, header.parse().unwrap());
            let wanted = accepted_languages(&headers);
            let (chosen, _) = catalogue.select(wanted.iter().map(String::as_str));
            assert_eq!(chosen, lang, "{header}");
        }
    }

    #[test]
    fn simplified_chinese_of_the_host_is_found() {
        let catalogue = Catalogue::builtin().with_language("zh-Hans", ENGLISH).unwrap();
        for (tag, lang) in [("zh-CN", "zh-Hans"), ("zh", "zh-Hans"), ("zh-TW", "zh-Hant")] {
            assert_eq!(catalogue.select([tag]).0, lang);
        }
        assert_eq!(catalogue.select(["zh-Hant-TW", "zh"]).0, "zh-Hant");
    }

    #[test]
    fn an_event_of_a_phone_has_words_of_its_own_where_there_are_some() {
        let catalogue = Catalogue::builtin();
        let (_, en) = catalogue.select([]);
        for (kind, method, words) in [
            (EventKind::AuthenticatorActivated, Some(EventMethod::Sms), "Phone number added"),
            (EventKind::AuthenticatorActivated, Some(EventMethod::App), "Authenticator app added"),
            (EventKind::AuthenticatorActivated, None, "Authenticator app added"),
            (EventKind::Verified, Some(EventMethod::Sms), "Code accepted"),
            (EventKind::Unknown(9_999), Some(EventMethod::Sms), "Something else happened"),
        ] {
            assert_eq!(en.event(kind, method), words);
        }
    }

    #[test]
    fn the_sentences_about_texts_say_number_and_time() {
        let catalogue = Catalogue::builtin();
        let (number, moment) = ("+•••••••••23", UnixSeconds::new(1_800_000_330));
        for tag in ["en", "es", "fr", "de", "it", "zh-Hant"] {
            let (_, texts) = catalogue.select([tag]);
            for sentence in [texts.text_sent(number), texts.text_unsure(number), texts.text_to(number)] {
                assert!(sentence.contains(number) && !sentence.contains('{'), "{sentence}");
            }
            let since = texts.phone_since(number, moment);
            assert!(since.starts_with(number) && since.contains(&texts.date(moment)), "{since}");
            assert!(texts.too_many_texts(moment).contains("08:05:30 UTC"), "{tag}");
            assert!(texts.country("US").is_some() && texts.country("us").is_none(), "{tag}");
        }
    }

    #[test]
    fn a_faulty_translation_is_refused_by_the_name_of_its_key() {
        let fault = |toml: &str| Catalogue::builtin().with_language("pt", toml).unwrap_err().fault;
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
