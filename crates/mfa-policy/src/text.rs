//! Durations and moments as policy files write them and explanations show them.

use std::fmt;
use std::time::Duration;

use mfa_core::time::UnixSeconds;

/// Reads a whole number followed by `s`, `m`, `h` or `d`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text.get(digits.len()..)? {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let plain = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = if plain { digits.parse().ok()? } else { return None };
    count.checked_mul(unit).map(Duration::from_secs)
}

/// Shows whole seconds in the largest unit that loses nothing.
pub(crate) fn duration(duration: Duration) -> impl fmt::Display {
    struct Shown(u64);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let unit = UNITS.iter().find(|(unit, _)| self.0 != 0 && self.0.is_multiple_of(*unit));
            let (unit, name) = unit.unwrap_or(&(1, "s"));
            write!(f, "{}{name}", self.0.checked_div(*unit).unwrap_or(0))
        }
    }
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "m")];
    Shown(duration.as_secs())
}

/// Shows a moment as RFC 3339, in UTC.
pub(crate) fn moment(moment: UnixSeconds) -> impl fmt::Display {
    struct Shown(u64);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (days, second) = (self.0 / 86_400, self.0 % 86_400);
            let Some((year, month, day)) = civil(days) else {
                return write!(f, "second {}", self.0);
            };
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
        }
    }
    Shown(moment.get())
}

/// Year, month and day of the day `days` after 1970-01-01; `None` past the year 9999.
///
/// # Source
/// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`, for days from 1970 on.
#[expect(clippy::arithmetic_side_effects, reason = "days are below three million, so nothing overflows")]
fn civil(days: u64) -> Option<(u64, u64, u64)> {
    if days > 2_932_896 {
        return None;
    }
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    Some((year_of_era + era * 400 + u64::from(month <= 2), month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_show_in_the_same_units() {
        for text in ["45s", "5m", "12h", "7d", "30d", "90m"] {
            assert_eq!(duration(parse_duration(text).unwrap()).to_string(), text);
        }
        assert_eq!(duration(Duration::from_secs(24 * 3600)).to_string(), "1d");
        assert_eq!(duration(Duration::ZERO).to_string(), "0s");
    }

    #[test]
    fn a_duration_needs_a_number_and_one_known_unit() {
        for text in ["", "5", "m", "5 m", "-5m", "+5m", "5M", "5min", "1h30m", "1.5h", "٥m", "9999999999d"] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn moments_show_as_dates() {
        let shown = |t| moment(UnixSeconds::new(t)).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(shown(1_767_225_599), "2025-12-31T23:59:59Z");
        assert_eq!(shown(253_402_300_799), "9999-12-31T23:59:59Z");
        assert_eq!(moment(UnixSeconds::MAX).to_string(), "second 9223372036854775807");
    }
}
