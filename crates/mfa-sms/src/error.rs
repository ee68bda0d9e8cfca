//! Why a text was not sent, or may not have been.

use std::fmt;
use std::time::Duration;

/// Why a text was not sent, or may not have been.
///
/// Holds what the provider answered as numbers and fixed words only: no text, number, code or credential can be in it,
/// whatever the provider's answer repeats.
///
/// | variant | nothing was sent | the next provider may be tried |
/// | --- | --- | --- |
/// | `Rejected`, `Blocked`, `Expired` | yes | no |
/// | `Unroutable`, `Throttled`, `Auth`, `Transport` | yes | yes |
/// | `Ambiguous` | not known | yes |
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The provider says that the number or the message is bad; another one would say the same.
    #[error("sending a text: refused as invalid ({0})")]
    Rejected(Answer),
    /// This provider has no way to that number, for now or at all.
    #[error("sending a text: no route to the number ({0})")]
    Unroutable(Answer),
    /// Too many requests for this account.
    #[error("sending a text: throttled ({answer})")]
    #[non_exhaustive]
    Throttled {
        /// How long the provider asks to wait, at most a day.
        retry_after: Option<Duration>,
        /// What it answered.
        answer: Answer,
    },
    /// Stopped on purpose: the person opted out, a fraud guard, or a country that is switched off. Going around it by
    /// another provider would defeat its purpose.
    #[error("sending a text: blocked by an opt-out, a fraud guard or a country permission ({0})")]
    Blocked(Answer),
    /// The account does not work: credentials, sender, balance or settings. For the operator.
    #[error("sending a text: the provider does not accept the account or its sender ({0})")]
    Auth(Answer),
    /// No connection was made, so nothing was sent.
    #[error("sending a text: no connection ({0})")]
    Transport(Answer),
    /// The request went out and no usable answer came back: sent or not, nobody here knows.
    #[error("sending a text: not known whether it was sent ({0})")]
    Ambiguous(Answer),
    /// The code had expired before the text could be sent.
    #[error("sending a text: its code has expired")]
    Expired,
}

impl SendError {
    /// Whether it is certain that nothing was sent, so that the budget it was charged to may be given back.
    pub const fn is_definite(&self) -> bool {
        !matches!(self, Self::Ambiguous(_))
    }

    /// Whether another provider may be asked to send the same message.
    ///
    /// Also after [`SendError::Ambiguous`]: at worst the person gets the same code twice, which tells nobody anything
    /// new, costs one more text, and happens at most once per provider. Not trying would leave somebody whose provider
    /// hangs unable to sign in. The one budget charged for the message covers the attempt, so a host that lists several
    /// providers should know that a message can cost as many texts.
    pub const fn may_fail_over(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::Blocked(_) | Self::Expired)
    }

    /// What the provider answered; `None` when none was asked.
    pub const fn answer(&self) -> Option<Answer> {
        match self {
            Self::Rejected(answer)
            | Self::Unroutable(answer)
            | Self::Throttled { answer, .. }
            | Self::Blocked(answer)
            | Self::Auth(answer)
            | Self::Transport(answer)
            | Self::Ambiguous(answer) => Some(*answer),
            Self::Expired => None,
        }
    }

    /// [`SendError::Throttled`], with a wait of at most a day.
    pub fn throttled(retry_after: Option<Duration>, answer: Answer) -> Self {
        Self::Throttled { retry_after: retry_after.map(|wait| wait.min(LONGEST_WAIT)), answer }
    }
}

const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a provider answered, as far as an operator needs it: who, the HTTP status, the provider's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    provider: &'static str,
    status: Option<u16>,
    code: Option<u32>,
    name: Option<&'static str>,
}

impl Answer {
    /// An answer of `provider` of which no more is known.
    pub const fn new(provider: &'static str) -> Self {
        Self { provider, status: None, code: None, name: None }
    }

    /// With an HTTP status.
    #[must_use]
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With the provider's error number. Anything of six digits or more is left out: it could be a one-time code that
    /// the provider repeats.
    #[must_use]
    pub const fn with_code(mut self, code: u32) -> Self {
        self.code = if code <= 99_999 { Some(code) } else { None };
        self
    }

    /// With the provider's name for the error, out of a list that is known here.
    #[must_use]
    pub const fn with_name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Who answered.
    pub const fn provider(&self) -> &'static str {
        self.provider
    }

    /// The HTTP status.
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// The provider's error number.
    pub const fn code(&self) -> Option<u32> {
        self.code
    }

    /// The provider's name for the error.
    pub const fn name(&self) -> Option<&'static str> {
        self.name
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.provider)?;
        self.status.map_or(Ok(()), |status| write!(f, ", HTTP {status}"))?;
        self.code.map_or(Ok(()), |code| write!(f, ", error {code}"))?;
        self.name.map_or(Ok(()), |name| write!(f, ", {name}"))
    }
}

/// A setting of a sender that cannot work, found when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An endpoint that is not `https://host[:port]`, or `http://` with a loopback host.
    #[error("an endpoint is https://host, with nothing after it; http:// only for a loopback host")]
    Endpoint,
    /// An account, sender or region identifier that is empty, too long or holds a character it cannot have.
    #[error("an account, sender or region identifier is malformed")]
    Identifier,
    /// A secret that is empty, over 4096 bytes or holds something other than visible ASCII.
    #[error("a secret has 1 to 4096 visible ASCII characters")]
    Secret,
    /// The host's trusted certificates could not be read.
    #[error("reading the trusted certificates of this host")]
    Certificates,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unknown_outcome_keeps_its_budget() {
        let answer = Answer::new("test").with_status(500).with_code(21_211).with_name("Name");
        let cases = [
            (SendError::Rejected(answer), true, false),
            (SendError::Blocked(answer), true, false),
            (SendError::Expired, true, false),
            (SendError::Unroutable(answer), true, true),
            (SendError::throttled(None, answer), true, true),
            (SendError::Auth(answer), true, true),
            (SendError::Transport(answer), true, true),
            (SendError::Ambiguous(answer), false, true),
        ];
        for (error, definite, next) in cases {
            assert_eq!((error.is_definite(), error.may_fail_over()), (definite, next), "{error}");
        }
        assert_eq!(answer.to_string(), "test, HTTP 500, error 21211, Name");
    }

    #[test]
    fn inv_10_a_number_long_enough_for_a_one_time_code_is_left_out() {
        assert_eq!(Answer::new("test").with_code(123_456).to_string(), "test");
    }

    #[test]
    fn a_wait_is_at_most_a_day() {
        let error = SendError::throttled(Some(Duration::MAX), Answer::new("test"));
        assert!(matches!(error, SendError::Throttled { retry_after: Some(LONGEST_WAIT), .. }));
    }
}
