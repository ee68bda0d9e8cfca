//! Which languages a request asks for.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use mfa::Context;

/// Texts to phones are written as the pages are; what a host's own pages are written in may be none of theirs.
pub(crate) fn in_language(context: Context, page: &str, wanted: &[String]) -> Context {
    context.locales([page].into_iter().chain(wanted.iter().map(String::as_str)))
}

/// The languages of `Accept-Language`, best first, for [`Visitor::languages`](crate::Visitor::languages).
///
/// # Examples
/// ```
/// use axum::http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("accept-language", "en;q=0.5, es-MX, de;q=0".parse()?);
/// assert_eq!(mfa_axum::accepted_languages(&headers), ["es-MX", "en"]);
/// # Ok::<(), axum::http::header::InvalidHeaderValue>(())
/// ```
///
/// # Source
/// RFC 9110, section 12.5.4.
pub fn accepted_languages(headers: &HeaderMap) -> Vec<String> {
    let text = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut wanted: Vec<(u16, &str)> = text.split(',').take(MOST_LANGUAGES).filter_map(weighted).collect();
    wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    wanted.into_iter().map(|(_, tag)| tag.to_owned()).collect()
}

/// A tag and its weight in thousandths, unless it is refused with `q=0`.
fn weighted(item: &str) -> Option<(u16, &str)> {
    let (tag, parameter) = item.split_once(';').unwrap_or((item, ""));
    let weight = match parameter.trim().strip_prefix("q=") {
        Some(q) => q.trim().parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q))?,
        None => 1.0,
    };
    let tag = tag.trim();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = (weight * 1000.0) as u16;
    (thousandths > 0 && !tag.is_empty() && tag.len() <= LONGEST_TAG).then_some((thousandths, tag))
}

/// The tags under which texts for `tag` may be kept, best first: its own, then each with one part less. Chinese has two
/// scripts: what is known of the script comes before `zh`, and the other script never.
///
/// # Source
/// RFC 4647, section 3.4; the scripts are those of CLDR's likely subtags.
pub(crate) fn fallbacks(tag: &str) -> Vec<String> {
    let tag = tag.replace('_', "-");
    let mut found: Vec<String> = Vec::new();
    let mut rest = tag.as_str();
    while let Some((shorter, _)) = rest.rsplit_once('-') {
        found.push(rest.to_owned());
        rest = shorter;
    }
    found.extend(chinese_script(&tag).map(str::to_owned));
    found.push(rest.to_owned());
    found
}

/// The script of a Chinese tag that says one, or names a region that has one.
pub(crate) fn chinese_script(tag: &str) -> Option<&'static str> {
    let mut parts = tag.split(['-', '_']);
    if !parts.next().is_some_and(|primary| primary.eq_ignore_ascii_case("zh")) {
        return None;
    }
    let mut by_region = None;
    for part in parts {
        match part.to_ascii_lowercase().as_str() {
            "hant" => return Some(TRADITIONAL),
            "hans" => return Some(SIMPLIFIED),
            "tw" | "hk" | "mo" => by_region = Some(TRADITIONAL),
            "cn" | "sg" | "my" => by_region = Some(SIMPLIFIED),
            _ => {}
        }
    }
    by_region
}

/// Chinese as Taiwan, Hong Kong and Macao write it.
pub(crate) const TRADITIONAL: &str = "zh-Hant";
/// Chinese as the mainland, Singapore and Malaysia write it.
pub(crate) const SIMPLIFIED: &str = "zh-Hans";
/// Browsers send a handful; whoever sends a thousand is no person.
const MOST_LANGUAGES: usize = 16;
/// In bytes, BCP 47 section 4.4.1.
const LONGEST_TAG: usize = 35;
