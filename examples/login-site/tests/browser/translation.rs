//! The texts of the ready-made pages in two languages: to find one's way in the second, and what is left of the first.

/// What the pages say in English and in another language, from the catalogue's own files.
pub(crate) struct Translation {
    pub(crate) language: &'static str,
    texts: Vec<(&'static str, &'static str)>,
}

impl Translation {
    pub(crate) fn spanish() -> Self {
        let english = texts(include_str!("../../../../crates/mfa-axum/texts/en.toml"));
        let spanish = texts(include_str!("../../../../crates/mfa-axum/texts/es.toml"));
        assert!(english.len() > 100, "{} texts", english.len());
        let of_key = |wanted: &str| spanish.iter().find(|(key, _)| key == wanted).unwrap().1;
        let texts = english.iter().map(|(key, text)| (*text, of_key(key))).collect();
        Self { language: "es", texts }
    }

    /// What a label or a heading of the pages may be called: the same English can be several texts.
    pub(crate) fn of(&self, english: &str) -> Vec<&'static str> {
        self.texts.iter().filter(|(text, _)| *text == english).map(|(_, other)| *other).collect()
    }

    /// Whether `told`, in lower case, is one of the sentences that say `part` in English. `{…}` stands for anything.
    pub(crate) fn is_told(&self, told: &str, part: &str) -> bool {
        let mut sentences = self.texts.iter().filter(|(text, _)| text.to_lowercase().contains(part));
        sentences.any(|(_, other)| fixed_parts(&other.to_lowercase()).all(|fixed| told.contains(fixed)))
    }

    /// Every English text that is left in `words`. Short ones are passed over: "Menu" is also Spanish.
    pub(crate) fn english_in(&self, words: &str) -> Vec<&'static str> {
        let parts = self.texts.iter().flat_map(|(text, _)| fixed_parts(text));
        parts.filter(|part| part.len() > LONGEST_SHARED && words.contains(*part)).collect()
    }
}

/// No English text this short is looked for.
const LONGEST_SHARED: usize = 12;

/// What stands between the placeholders of a text.
fn fixed_parts(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).trim())
}

/// Each `section.key` with its text; lists and comments are passed over.
fn texts(toml: &'static str) -> Vec<(String, &'static str)> {
    let (mut found, mut section) = (Vec::new(), "");
    for line in toml.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, value)) = line.split_once(" = \"") {
            let text = value.strip_suffix('"').unwrap();
            assert!(!text.contains('\\'), "{key}: an escape that nobody reads here");
            found.push((format!("{section}.{key}"), text));
        }
    }
    found
}

#[test]
fn what_is_left_of_english_is_found() {
    let translation = Translation::spanish();
    assert_eq!(translation.of("Set Up Now"), ["Configurar ahora"]);
    assert_eq!(translation.of("Disburse"), [""; 0]);
    assert_eq!(translation.english_in("Configurar ahora. Nada más."), [""; 0]);
    assert_eq!(translation.english_in("… No device is remembered. …"), ["No device is remembered."]);
    assert_eq!(translation.english_in("Remembered on el 3 de mayo."), ["Remembered on"]);
    assert!(translation.is_told("el código es incorrecto o ha caducado.", "wrong or expired code"));
    assert!(!translation.is_told("you entered a wrong or expired code.", "wrong or expired code"));
}
