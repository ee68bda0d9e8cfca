//! otpauth URIs.

use std::collections::BTreeMap;

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::base32;
use mfa_core::key::SharedKey;
use mfa_core::otpauth::{InvalidOtpAuth, KeyFloor, MovingFactor, OtpAuthImport, OtpAuthUri};
use mfa_core::time::Period;
use mfa_core::totp::TotpParameters;
use serde_json::Value;

use crate::{Judgement, Verdict, expect, number, text};

pub(crate) fn uri_parse(vector: &Value) -> Judgement {
    let uri = text(vector, "uri")?;
    let read = OtpAuthImport::parse(uri, KeyFloor::DangerAnyLength);
    // Where peers disagree, the plain reading of the Key URI Format page is ours, with three exceptions that the
    // reading rules name: Steam is refused, so is a parameter with two values, so is HOTP without a counter.
    let expected = match &vector["key_uri_format_result"] {
        plain if vector["disputed"] == true && plain.is_object() => plain,
        _ => &vector["expect"],
    };
    let is_steam = vector["expect"]["type"] == "steam" || expected["type"] == "steam";
    let is_limited = |field, allowed: std::ops::RangeInclusive<u64>| {
        number(expected, field).is_some_and(|value| !allowed.contains(&value))
    };
    let read = match read {
        Ok(read) if !is_steam => read,
        Ok(read) => return plain_name(&read, vector, expected),
        Err(InvalidOtpAuth::Steam) => return expect(is_steam, "Steam"),
        Err(InvalidOtpAuth::Algorithm) => {
            return expect(Algorithm::from_name(text(expected, "algorithm")?).is_err(), "Algorithm");
        }
        Err(InvalidOtpAuth::Digits) => return expect(is_limited("digits", 6..=8), "Digits"),
        Err(InvalidOtpAuth::Period) => return expect(is_limited("period", 1..=3600), "Period"),
        Err(InvalidOtpAuth::TooLong) => return expect(uri.len() > 2048, "TooLong"),
        Err(InvalidOtpAuth::Counter) => {
            return expect(expected["type"] == "hotp" && expected["counter"].is_null(), "Counter");
        }
        Err(InvalidOtpAuth::Duplicate) => return expect(vector["disputed"] == true, "Duplicate"),
        Err(other) => return Err(format!("refused: {other:?}")),
    };
    let difference = differences(&read, expected);
    if difference == ["issuer"] && vector["plus_means_space_in_query"] == true {
        let ours = read.issuer().map(|issuer| issuer.replace('+', " "));
        if ours.as_deref() == expected["issuer"].as_str() {
            return Ok(Verdict::ByRule("a plus with no label to explain it stays a plus".to_owned()));
        }
    }
    expect(difference.is_empty(), difference)
}

/// An issuer called "Steam" alone makes nothing Steam's for us: such an entry must be read plainly.
fn plain_name(read: &OtpAuthImport, vector: &Value, expected: &Value) -> Judgement {
    if vector["disputed"] == true && expected["type"] == "totp" {
        return expect(differences(read, expected).is_empty(), differences(read, expected));
    }
    Err("Steam was read as something else".to_owned())
}

/// The names of the fields that differ.
fn differences(read: &OtpAuthImport, expected: &Value) -> Vec<&'static str> {
    let (kind, period, counter) = match read.factor() {
        MovingFactor::Time(period) => ("totp", Some(period.seconds()), None),
        MovingFactor::Counter(counter) => ("hotp", None, Some(counter)),
        _ => ("", None, None),
    };
    let secret = expected["secret_b32"].as_str().and_then(|secret| base32::decode_lenient(secret).ok());
    let algorithm = expected["algorithm"].as_str().and_then(|name| Algorithm::from_name(name).ok());
    let fits = [
        ("type", expected["type"] == kind),
        ("issuer", expected["issuer"].as_str().filter(|issuer| !issuer.is_empty()) == read.issuer()),
        ("account", expected["account"].as_str().unwrap_or_default() == read.account()),
        ("secret", secret.is_some_and(|secret| *secret == read.key().expose())),
        ("algorithm", algorithm == Some(read.algorithm())),
        ("digits", number(expected, "digits") == Some(u64::from(read.digits().get()))),
        ("period", kind == "hotp" || number(expected, "period") == period),
        ("counter", kind == "totp" || number(expected, "counter") == counter),
    ];
    fits.into_iter().filter(|(_, fits)| !fits).map(|(name, _)| name).collect()
}

/// Reasons for which some project refuses a URI and our reading rules do not.
const POLICIES_OF_OTHERS: [(&str, &str); 10] = [
    ("unknown parameter", "unknown parameters are ignored"),
    ("mismatch", "the issuer parameter wins, with a warning"),
    ("period below", "periods from one second are read"),
    ("above i64", "counters go up to 2^64 - 1"),
    ("above i32", "periods are bounded by 3600 alone"),
    ("empty issuer", "an empty part before the colon is no issuer"),
    ("two colons", "the label is split at its first colon"),
    ("unsupported", "HOTP is read here"),
    ("no label", "a URI without a label has an unnamed account, with a warning"),
    ("only", "one project's own rule"),
];

pub(crate) fn uri_reject(vector: &Value) -> Judgement {
    let (uri, reason) = (text(vector, "uri")?, text(vector, "reason")?.to_lowercase());
    // With any key length allowed, so that a short key does not hide that the real fault was overlooked.
    if OtpAuthImport::parse(uri, KeyFloor::DangerAnyLength).is_err() {
        return Ok(Verdict::Passed);
    }
    let by_default = OtpAuthImport::parse(uri, KeyFloor::Standard).map(|_| ());
    let is_about_length = ["short", "bits", "16 bytes", "length"].iter().any(|word| reason.contains(word));
    if is_about_length && by_default == Err(InvalidOtpAuth::KeyLength) {
        return Ok(Verdict::Passed);
    }
    let peers = vector["observed"].as_object();
    let is_refused_by_all =
        peers.is_some_and(|peers| !peers.is_empty() && peers.values().all(|peer| peer["ok"] == false));
    let policy = POLICIES_OF_OTHERS.iter().find(|(word, _)| reason.contains(word));
    match policy {
        Some((_, ours)) if !is_refused_by_all => Ok(Verdict::ByRule(format!("{reason}; here {ours}"))),
        _ => Err(format!("read, though: {reason}")),
    }
}

pub(crate) fn uri_build(vector: &Value) -> Judgement {
    let input = &vector["input"];
    let secret = base32::decode_lenient(text(input, "secret_b32")?).map_err(|error| error.to_string())?;
    let key = SharedKey::danger_any_length(&secret).map_err(|error| error.to_string())?;
    let digits = number(input, "digits").and_then(|digits| u8::try_from(digits).ok()).ok_or("no digits")?;
    let period = Period::from_seconds(number(input, "period").unwrap_or(30));
    let (Ok(algorithm), Ok(digits), Ok(period)) =
        (Algorithm::from_name(text(input, "algorithm")?), Digits::new(digits), period)
    else {
        return Ok(Verdict::Passed); // refused by name
    };
    let issuer = input["issuer"].as_str().filter(|issuer| !issuer.is_empty());
    let account = text(input, "account")?;
    let built = match text(input, "type")? {
        "totp" => OtpAuthUri::totp(&key, &TotpParameters::new(algorithm, digits, period), issuer, account),
        "hotp" => {
            let counter = number(input, "counter").ok_or("no counter")?;
            OtpAuthUri::hotp(&key, algorithm, digits, counter, issuer, account)
        }
        _ => return Ok(Verdict::Passed), // Steam is not built
    };
    let ours = match built {
        Ok(built) => built.to_text(),
        Err(refusal) => {
            let has_colon = issuer.unwrap_or_default().contains(':') || account.contains(':');
            return expect(has_colon || account.trim().is_empty(), refusal);
        }
    };

    let read = OtpAuthImport::parse(&ours, KeyFloor::DangerAnyLength).map_err(|error| error.to_string())?;
    let difference = differences(&read, input);
    if !difference.is_empty() || !read.warnings().is_empty() {
        return Err(format!("reads back differently: {difference:?}"));
    }
    let label = issuer.map(|issuer| encoded(issuer) + ":").unwrap_or_default() + &encoded(account);
    let (our_label, our_parameters) = taken_apart(&ours)?;
    if our_label != label {
        return Err(format!("label {our_label}"));
    }
    if vector["follow"] == false {
        return Ok(Verdict::Passed); // the peer's text is a bug
    }
    let theirs = text(vector, "uri")?;
    let (their_label, their_parameters) = taken_apart(theirs)?;
    let their_label = unescaped(&their_label);
    let whole_label = issuer.map(|issuer| format!("{issuer}:{account}"));
    if their_label != account && Some(their_label) != whole_label {
        return Err("the label means something else than the peer's".to_owned());
    }
    same_parameters(&our_parameters, &their_parameters)
}

/// Every parameter that either side writes has the same value on the other, or is left out there and has its default.
fn same_parameters(ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>) -> Judgement {
    let defaults = BTreeMap::from([("algorithm", "SHA1"), ("digits", "6"), ("period", "30")]);
    for name in ours.keys().chain(theirs.keys()).filter(|name| *name != "image") {
        let value = |side: &BTreeMap<String, String>| {
            let written = side.get(name).map(|value| unescaped(value));
            let value = written.or_else(|| defaults.get(name.as_str()).map(|value| (*value).to_owned()))?;
            Some(if name == "secret" || name == "algorithm" { value.to_uppercase() } else { value })
        };
        let is_issuer_left_out = name == "issuer" && !theirs.contains_key(name);
        if value(ours) != value(theirs) && !is_issuer_left_out {
            return Err(format!("{name}: {:?}, not {:?}", value(ours), value(theirs)));
        }
    }
    Ok(Verdict::Passed)
}

fn taken_apart(uri: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let (front, query) = uri.split_once('?').ok_or("no query")?;
    let label = front.splitn(4, '/').nth(3).ok_or("no label")?.to_owned();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Ok((label, pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect()))
}

/// Percent-encoding written a second time, so that the one under test is not its own judge.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn unescaped(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (escape, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(escape, 16).expect("an escape is hexadecimal"));
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("a vector is UTF-8")
}
