//! The flags, as other programs rely on them.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use mfa::UnixSeconds;
use mfa::policy::Policy;
use mfa::sms::text::{InvalidName, OriginHost};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The example site of mfa: a small host that mounts the ready-made pages.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Flags {
    /// Where to listen; port 0 picks one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    pub(crate) listen: String,

    /// Where users, sessions and MFA records are kept: sqlite:FILE or memory:
    #[arg(long, value_name = "URL", default_value = "sqlite:login-site.db")]
    pub(crate) storage: StorageUrl,

    /// Where texts to phones are written, one JSON object a line.
    #[arg(long, value_name = "FILE", default_value = "login-site.outbox.jsonl")]
    pub(crate) outbox: PathBuf,

    /// The policy file; policies/construction-pay.toml, or its built-in copy, if this is not given.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// From when pilot.example requires MFA (RFC 3339); 30 days from the first start if this is not given.
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) enforce_from: Option<UnixSeconds>,

    /// The keyring; made only beside empty storage, mode 0600.
    #[arg(long, value_name = "FILE", default_value = "login-site.keys")]
    pub(crate) keys: PathBuf,
}

impl Flags {
    /// The policy that the flags name.
    pub(crate) fn policy(&self) -> Result<Policy, String> {
        let path = self.policy.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_POLICY));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) if self.policy.is_none() => BUILT_IN_POLICY.to_owned(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        Policy::from_toml(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Flags {
    /// The host whose pages codes are typed into, as the last line of a text names it.
    pub(crate) fn origin(&self) -> Result<OriginHost, InvalidName> {
        let host = self.listen.rsplit_once(':').map_or(&*self.listen, |(host, _)| host);
        // An address is no name that a text can carry, except the one of this machine.
        OriginHost::parse(host).or_else(|_| OriginHost::parse("localhost"))
    }
}

const DEFAULT_POLICY: &str = "policies/construction-pay.toml";
const BUILT_IN_POLICY: &str = include_str!("../../../policies/construction-pay.toml");

/// A storage that this site can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StorageUrl {
    Memory,
    Sqlite(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the storage must be sqlite:FILE or memory:")]
pub(crate) struct UnknownStorage;

impl FromStr for StorageUrl {
    type Err = UnknownStorage;

    fn from_str(url: &str) -> Result<Self, UnknownStorage> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", file)) if !file.is_empty() => Ok(Self::Sqlite(PathBuf::from(file))),
            _ => Err(UnknownStorage),
        }
    }
}

/// A date as an administrator types it: a day, which begins in UTC, or a moment (RFC 3339).
pub(crate) fn date_or_day(text: &str) -> Result<UnixSeconds, String> {
    date(text).or_else(|_| date(&format!("{text}T00:00:00Z")))
}

fn date(text: &str) -> Result<UnixSeconds, String> {
    let date = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())?;
    let seconds = u64::try_from(date.unix_timestamp()).map_err(|_| "a date before 1970".to_owned())?;
    Ok(UnixSeconds::new(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_well_formed_and_have_the_documented_defaults() {
        let flags = Flags::try_parse_from(["login-site"]).unwrap();
        assert_eq!(flags.listen, "127.0.0.1:3000");
        assert_eq!(flags.storage, StorageUrl::Sqlite("login-site.db".into()));
        assert_eq!(flags.outbox, PathBuf::from("login-site.outbox.jsonl"));
        assert_eq!(flags.keys, PathBuf::from("login-site.keys"));
        assert!(flags.policy().is_ok());
    }

    #[test]
    fn dates_are_rfc_3339() {
        assert_eq!(date("2027-01-15T08:00:00Z"), Ok(UnixSeconds::new(1_800_000_000)));
        assert_eq!(date_or_day("2027-01-15").map(UnixSeconds::get), Ok(1_799_971_200));
        assert_eq!(date_or_day("2027-01-15T08:00:00+00:00").map(UnixSeconds::get), Ok(1_800_000_000));
        assert!(date_or_day("2027-02-30").is_err() && date_or_day("").is_err());
        assert!(date("tomorrow").is_err() && date("1969-12-31T00:00:00Z").is_err());
    }

    #[test]
    fn storage_is_named_by_url() {
        assert_eq!("memory:".parse(), Ok(StorageUrl::Memory));
        assert_eq!("sqlite:a/b.db".parse(), Ok(StorageUrl::Sqlite("a/b.db".into())));
        for wrong in ["", "sqlite:", "mysql://x", "memory"] {
            assert_eq!(wrong.parse::<StorageUrl>(), Err(UnknownStorage), "{wrong}");
        }
    }
}
