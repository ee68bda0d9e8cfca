//! The languages a text can be in.

/// A language of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// English.
    English,
    /// Spanish.
    Spanish,
    /// French.
    French,
    /// German.
    German,
    /// Italian.
    Italian,
    /// Chinese in traditional characters.
    TraditionalChinese,
}

impl Language {
    /// Every language there is.
    pub const ALL: &'static [Self] =
        &[Self::English, Self::Spanish, Self::French, Self::German, Self::Italian, Self::TraditionalChinese];

    /// The language of a BCP 47 tag, if it is one of these. Regions count only for Chinese: `zh-TW`, `zh-HK` and
    /// `zh-MO` are written in traditional characters; `zh` alone and `zh-CN` are not, and have no text here.
    ///
    /// # Source
    /// RFC 5646, section 2.1; the scripts are those of CLDR's likely subtags.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let mut subtags = tag.split(['-', '_']);
        let primary = subtags.next().unwrap_or_default();
        let is = |name: &str| primary.eq_ignore_ascii_case(name);
        let found = Self::ALL.iter().find(|language| is(language.primary())).copied()?;
        let fits = found != Self::TraditionalChinese || is_traditional(subtags);
        fits.then_some(found)
    }

    /// The first of `wanted`, best first, that there is a text for; English if there is none.
    ///
    /// # Examples
    /// ```
    /// use mfa_sms::text::Language;
    ///
    /// assert_eq!(Language::negotiate(["pt-BR", "es-MX", "en"]), Language::Spanish);
    /// assert_eq!(Language::negotiate(["zh-HK"]), Language::TraditionalChinese);
    /// assert_eq!(Language::negotiate([]), Language::English);
    /// ```
    pub fn negotiate<'a>(wanted: impl IntoIterator<Item = &'a str>) -> Self {
        wanted.into_iter().find_map(Self::from_tag).unwrap_or(Self::English)
    }

    /// Its BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::TraditionalChinese => "zh-Hant",
            other => other.primary(),
        }
    }

    const fn primary(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::German => "de",
            Self::Italian => "it",
            Self::TraditionalChinese => "zh",
        }
    }
}

/// Whether the subtags after `zh` mean traditional characters: the script decides, else the region.
fn is_traditional<'a>(subtags: impl Iterator<Item = &'a str>) -> bool {
    let mut by_region = false;
    for subtag in subtags {
        match subtag.to_ascii_lowercase().as_str() {
            "hant" => return true,
            "hans" => return false,
            "tw" | "hk" | "mo" => by_region = true,
            _ => {}
        }
    }
    by_region
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_reads_back() {
        for language in Language::ALL {
            assert_eq!(Language::from_tag(language.tag()), Some(*language));
        }
    }

    #[test]
    fn chinese_needs_a_script_or_a_region() {
        for tag in ["zh-Hant", "zh-hant-CN", "zh-TW", "ZH_HK", "zh-MO", "zh-yue-HK"] {
            assert_eq!(Language::from_tag(tag), Some(Language::TraditionalChinese), "{tag}");
        }
        for tag in ["zh", "zh-CN", "zh-Hans", "zh-Hans-HK", "zh-SG", "zhx-TW", "", "-"] {
            assert_eq!(Language::from_tag(tag), None, "{tag}");
        }
    }

    #[test]
    fn the_region_of_another_language_does_not_matter() {
        assert_eq!(Language::from_tag("en-GB"), Some(Language::English));
        assert_eq!(Language::from_tag("de-CH-1996"), Some(Language::German));
        assert_eq!(Language::from_tag("eng"), None);
    }
}
