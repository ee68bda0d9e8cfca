//! Words that a policy file chooses from: one table each, for reading, for the schema and for "did you mean".

use std::fmt;

/// A closed choice, spelled as in policy files.
pub(crate) trait Word: Copy + 'static {
    /// What it is, with its article, for error messages.
    const WHAT: &'static str;
    /// Every spelling and its value.
    const WORDS: &'static [(&'static str, Self)];
}

/// Writes `items` with `between` in between, or `none`.
pub(crate) fn list(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = impl fmt::Display>,
    between: &str,
) -> fmt::Result {
    let mut empty = true;
    for item in items {
        if !empty {
            f.write_str(between)?;
        }
        write!(f, "{item}")?;
        empty = false;
    }
    if empty { f.write_str("none") } else { Ok(()) }
}

/// The candidate that `typed` was probably meant to be: at most a third of its letters away.
pub(crate) fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.len() > 64 {
        return None; // the distance is quadratic, and nothing of ours is that long
    }
    let typed = typed.to_lowercase().replace('_', "-");
    let allowed = (typed.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&typed, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in letters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in a.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line.saturating_add(1);
        let mut next = vec![left];
        for (above, to) in row.iter().skip(1).zip(&b) {
            let change = diagonal.saturating_add(usize::from(from != *to));
            left = change.min(left.saturating_add(1)).min(above.saturating_add(1));
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(closest("sms_region", ["methods", "sms_regions"]), Some("sms_regions"));
        assert_eq!(closest("by_organisation", ["required", "by-organization"]), Some("by-organization"));
        assert_eq!(closest("frsehness", ["freshness", "methods"]), Some("freshness"));
        assert_eq!(closest("banana", ["freshness", "methods"]), None);
    }

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("kitten", "sitting")), (3, 0, 3));
    }
}
