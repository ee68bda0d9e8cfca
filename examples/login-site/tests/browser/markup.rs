//! As much reading of HTML as the pages of this site need: elements in their order, attributes, text.

/// An element with what is inside it.
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// The text inside, without tags.
    pub(crate) text: String,
    /// The place of the form around it, among all elements.
    pub(crate) form: Option<usize>,
}

impl Element {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is(&self, name: &str, attribute: &str, value: &str) -> bool {
        self.name == name && self.get(attribute) == Some(value)
    }

    pub(crate) fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }
}

/// All elements of a page, in their order.
pub(crate) fn elements(page: &str) -> Vec<Element> {
    let (mut found, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut rest = page;
    while let Some((text, tail)) = rest.split_once('<') {
        add_text(&mut found, &open, text);
        let (tag, tail) = tail.split_once('>').unwrap_or((tail, ""));
        rest = tail;
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            if let Some(place) = open.iter().rposition(|index| found[*index].name == name.trim()) {
                open.truncate(place);
            }
            continue;
        }
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let form = open.iter().rev().copied().find(|index| found[*index].name == "form");
        found.push(Element {
            name: name.to_owned(),
            attributes: attributes_of(attributes),
            text: String::new(),
            form,
        });
        if !["meta", "link", "input", "img", "br"].contains(&name) {
            open.push(found.len().saturating_sub(1));
        }
    }
    for element in &mut found {
        element.text = decoded(element.text.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
    }
    found
}

fn add_text(found: &mut [Element], open: &[usize], text: &str) {
    for index in open {
        found[*index].text.push_str(text);
    }
}

fn attributes_of(mut text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    loop {
        text = text.trim_start();
        let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if name.is_empty() {
            return attributes;
        }
        let value = rest.strip_prefix("=\"").and_then(|rest| rest.split_once('"'));
        let (value, rest) = value.unwrap_or(("", rest));
        attributes.push((name.to_owned(), decoded(value)));
        text = rest;
    }
}

fn decoded(text: &str) -> String {
    let entities = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}
