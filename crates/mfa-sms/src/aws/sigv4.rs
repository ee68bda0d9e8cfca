//! Signature Version 4, for the one kind of request made here: a POST to `/` without a query.
//!
//! The signer that AWS publishes (`aws-sigv4`) is good, and brings some thirty packages for these forty lines, which
//! AWS's published test vectors check.
//!
//! # Source
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use mfa_core::time::UnixSeconds;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::AwsCredentials;

/// What a signature is made for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The `Authorization` header. `headers` are what is signed, names in lower case and in order, values trimmed.
pub(super) fn authorization(
    credentials: &AwsCredentials,
    scope: &Scope<'_>,
    now: UnixSeconds,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<String> {
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect::<String>();
    let request = format!("POST\n/\n\n{lines}\n{names}\n{}", hex_digest(body));
    let timestamp = timestamp(now);
    let (date, _) = timestamp.split_once('T')?;
    let (region, service) = (scope.region, scope.service);
    let within = format!("{date}/{region}/{service}/aws4_request");
    let signed = format!("AWS4-HMAC-SHA256\n{timestamp}\n{within}\n{}", hex_digest(request.as_bytes()));
    let first = Zeroizing::new(format!("AWS4{}", credentials.secret_access_key()));
    let mut key = Zeroizing::new(mac(first.as_bytes(), date)?);
    for step in [region, service, "aws4_request"] {
        key = Zeroizing::new(mac(key.as_slice(), step)?);
    }
    let signature = HEXLOWER.encode(&mac(key.as_slice(), &signed)?);
    let id = credentials.access_key_id();
    Some(format!("AWS4-HMAC-SHA256 Credential={id}/{within}, SignedHeaders={names}, Signature={signature}"))
}

fn mac(key: &[u8], text: &str) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?; // takes a key of any length
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

fn hex_digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// `20150830T123600Z`: the calendar of a moment, by counting the days of 400-year eras from the first of March.
#[expect(clippy::arithmetic_side_effects, reason = "the moment is at most in the year 9999")]
pub(super) fn timestamp(now: UnixSeconds) -> String {
    let seconds = now.get().min(253_402_300_799);
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153; // March is 0
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn a_moment_has_its_date() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (1_709_164_800, "20240229T000000Z"),
            (4_107_542_400, "21000301T000000Z"),
            (253_402_300_799, "99991231T235959Z"),
            (u64::MAX, "99991231T235959Z"),
        ] {
            assert_eq!(timestamp(UnixSeconds::new(seconds)), expected);
        }
    }

    /// `post-vanilla` and `post-header-key-sort`-like vectors of AWS's signature test suite.
    #[test]
    fn it_signs_as_the_published_vector_does() {
        let secret = Secret::parse("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap();
        let credentials = AwsCredentials::new("AKIDEXAMPLE", secret, None).unwrap();
        let scope = Scope { region: "us-east-1", service: "service" };
        let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        let signed =
            authorization(&credentials, &scope, UnixSeconds::new(1_440_938_160), &headers, b"").unwrap();
        assert_eq!(
            signed,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }
}
