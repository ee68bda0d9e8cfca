//! What an organisation chose: whether its members must use MFA, from when, and how often they are asked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mfa_core::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The settings of one organisation. The host stores them and passes them with the subject's [`Attributes`].
///
/// Whether the organisation may use MFA at all is not here: that is the policy's roll-out.
///
/// Serialises to plain data (`enforce_from` in seconds since the Unix epoch); unknown fields are refused when read
/// back, since one that this version does not know might be stricter.
///
/// # Examples
/// ```
/// # use mfa_policy::{OrganizationSettings, ReauthenticateAfter};
/// # use mfa_core::time::UnixSeconds;
/// let settings = OrganizationSettings::new("pilot.example")
///     .enforced_from(UnixSeconds::new(1_800_000_000))
///     .reauthenticated_after(ReauthenticateAfter::SevenDays);
/// assert!(settings.require);
/// ```
///
/// [`Attributes`]: crate::Attributes
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OrganizationSettings {
    /// The host's stable identifier of the organisation: 1 to 256 bytes without control characters.
    pub id: String,
    /// Whether members must use MFA: at once, or from [`OrganizationSettings::enforce_from`].
    #[serde(default)]
    pub require: bool,
    /// With `require`, the moment from which members must; before it they may. `None` is at once.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub enforce_from: Option<UnixSeconds>,
    /// How old the second factor of a member's session may get; `None` leaves it to the policy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reauthenticate_after: Option<ReauthenticateAfter>,
}

impl OrganizationSettings {
    /// An organisation that has chosen nothing yet.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), require: false, enforce_from: None, reauthenticate_after: None }
    }

    /// The same, with MFA required at once.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.require = true;
        self.enforce_from = None;
        self
    }

    /// The same, with MFA required from `moment`.
    #[must_use]
    pub fn enforced_from(mut self, moment: UnixSeconds) -> Self {
        self.require = true;
        self.enforce_from = Some(moment);
        self
    }

    /// The same, with a choice of how often members are asked again.
    #[must_use]
    pub fn reauthenticated_after(mut self, choice: ReauthenticateAfter) -> Self {
        self.reauthenticate_after = Some(choice);
        self
    }
}

/// How often an organisation has its members asked again within a session. Every login asks anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReauthenticateAfter {
    /// 12 hours.
    #[serde(rename = "12h")]
    TwelveHours,
    /// 7 days.
    #[serde(rename = "7d")]
    SevenDays,
    /// 30 days.
    #[serde(rename = "30d")]
    ThirtyDays,
}

impl ReauthenticateAfter {
    /// Every choice, the strictest first: what a settings page lists.
    pub const ALL: [Self; 3] = [Self::TwelveHours, Self::SevenDays, Self::ThirtyDays];

    /// The value of a form field or a stored setting: `12h`, `7d`, `30d`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwelveHours => "12h",
            Self::SevenDays => "7d",
            Self::ThirtyDays => "30d",
        }
    }

    /// What a person reads: `12 hours`, `7 days`, `30 days`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::TwelveHours => "12 hours",
            Self::SevenDays => "7 days",
            Self::ThirtyDays => "30 days",
        }
    }

    /// The time it stands for.
    pub const fn duration(self) -> Duration {
        match self {
            Self::TwelveHours => Duration::from_secs(12 * 3600),
            Self::SevenDays => Duration::from_secs(7 * 86_400),
            Self::ThirtyDays => Duration::from_secs(30 * 86_400),
        }
    }
}

impl fmt::Display for ReauthenticateAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for ReauthenticateAfter {
    type Err = InvalidReauthenticateAfter;

    /// Parses the value of [`ReauthenticateAfter::as_str`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == text).ok_or(InvalidReauthenticateAfter)
    }
}

/// A text that is none of the choices of [`ReauthenticateAfter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the time to ask again must be 12h, 7d or 30d")]
#[non_exhaustive]
pub struct InvalidReauthenticateAfter;

/// An optional moment as whole seconds since the Unix epoch.
mod seconds {
    use mfa_core::time::UnixSeconds;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(moment: &Option<UnixSeconds>, to: S) -> Result<S::Ok, S::Error> {
        moment.map(UnixSeconds::get).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixSeconds>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(UnixSeconds::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_they_were_stored() {
        let settings = OrganizationSettings::new("pilot.example")
            .enforced_from(UnixSeconds::new(1_800_000_000))
            .reauthenticated_after(ReauthenticateAfter::SevenDays);
        let stored = serde_json::to_string(&settings).unwrap();
        assert_eq!(
            stored,
            r#"{"id":"pilot.example","require":true,"enforce_from":1800000000,"reauthenticate_after":"7d"}"#
        );
        assert_eq!(serde_json::from_str::<OrganizationSettings>(&stored).unwrap(), settings);
        let bare: OrganizationSettings = serde_json::from_str(r#"{"id":"a"}"#).unwrap();
        assert_eq!(bare, OrganizationSettings::new("a"));
    }

    #[test]
    fn a_setting_of_a_later_version_is_refused() {
        assert!(
            serde_json::from_str::<OrganizationSettings>(r#"{"id":"a","requires_passkey":true}"#).is_err()
        );
    }

    #[test]
    fn the_three_choices_parse_and_nothing_else() {
        assert!(ReauthenticateAfter::ALL.into_iter().all(|choice| choice.as_str().parse() == Ok(choice)));
        assert_eq!("12 hours".parse::<ReauthenticateAfter>(), Err(InvalidReauthenticateAfter));
    }
}
