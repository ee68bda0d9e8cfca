//! What is on record of text messages: the codes that are out, and when texts were sent.

#[cfg(feature = "sms")]
use std::time::Duration;

use mfa_core::time::UnixSeconds;
use mfa_policy::Purpose;

use crate::codec::{Get, GetResult, Put, PutResult, get_array, get_list, get_time};
#[cfg(feature = "sms")]
use crate::context::CLOCK_SPREAD;

/// What a code was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeUse {
    /// Proving that a phone is the person's, before it is bound.
    Enrollment,
    Challenge(Purpose),
}

/// A code that was sent by text. Of each use there is one at most: the latest.
pub(crate) struct SentCode {
    pub(crate) code_use: CodeUse,
    /// Keyed, over subject, use, number, sign-in and code: from it alone nobody finds the code.
    pub(crate) digest: [u8; 32],
    /// The ring key of the digest.
    pub(crate) key_id: u32,
    pub(crate) expires_at: UnixSeconds,
    /// Kept after its one success, so that the same code again is told apart from a guess.
    pub(crate) is_used: bool,
}

/// When texts were sent: what paces the next one.
#[derive(Default)]
pub(crate) struct Texts {
    /// The last day's, oldest first.
    pub(crate) sent_at: Vec<UnixSeconds>,
    /// Since the last success.
    pub(crate) in_a_row: u8,
}

#[cfg(feature = "sms")]
impl Texts {
    /// Until when the subject gets no other text; `None` when one may go now.
    ///
    /// After each text the wait is twice as long, from 30 seconds up; no more than `per_day` go in any 24 hours. Nothing but
    /// a success shortens it. A text that is dated ahead of any honest clock is not counted: it would hold for hours.
    pub(crate) fn wait(&self, now: UnixSeconds, per_day: usize) -> Option<UnixSeconds> {
        let counted = || self.sent_at.iter().copied().filter(|at| *at <= now.plus(CLOCK_SPREAD));
        let last = counted().max()?;
        let gap = SHORTEST_GAP.saturating_mul(1 << self.in_a_row.saturating_sub(1).min(5));
        let after_gap = Some(last.plus(gap)).filter(|until| now < *until);
        let recent: Vec<_> = counted().filter(|at| now < at.plus(DAY)).collect();
        let over = recent.len().checked_sub(per_day).and_then(|over| recent.get(over)).map(|at| at.plus(DAY));
        after_gap.max(over)
    }

    pub(crate) fn sent(&mut self, now: UnixSeconds) {
        self.sent_at.retain(|at| now < at.plus(DAY) && *at <= now.plus(CLOCK_SPREAD));
        let surplus = self.sent_at.len().saturating_add(1).saturating_sub(MOST_KEPT);
        self.sent_at.drain(..surplus);
        self.sent_at.push(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// Takes back the latest text: it certainly did not go.
    pub(crate) fn not_sent(&mut self, at: UnixSeconds) {
        if let Some(place) = self.sent_at.iter().rposition(|sent| *sent == at) {
            self.sent_at.remove(place);
            self.in_a_row = self.in_a_row.saturating_sub(1);
        }
    }
}

impl Texts {
    pub(crate) fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent_at.is_empty() && self.in_a_row == 0
    }

    pub(super) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(2)?.array(self.sent_at.len() as u64)?;
        for at in &self.sent_at {
            e.u64(at.get())?;
        }
        e.u8(self.in_a_row)?;
        Ok(())
    }

    pub(super) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        match d.array()? {
            Some(2) => Ok(Self { sent_at: get_list(d, MOST_KEPT as u64, get_time)?, in_a_row: d.u8()? }),
            _ => Err(minicbor::decode::Error::message("texts of another shape")),
        }
    }
}

impl CodeUse {
    pub(crate) fn id(self) -> u8 {
        match self {
            Self::Enrollment => 0,
            Self::Challenge(purpose) => purpose.id(),
        }
    }

    fn from_id(id: u8) -> Option<Self> {
        if id == 0 { Some(Self::Enrollment) } else { Purpose::from_id(id).map(Self::Challenge) }
    }
}

impl SentCode {
    pub(super) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(5)?.u8(self.code_use.id())?.bytes(&self.digest)?.u32(self.key_id)?;
        e.u64(self.expires_at.get())?.bool(self.is_used)?;
        Ok(())
    }

    pub(super) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        let length = d.array()?;
        match (length, CodeUse::from_id(d.u8()?)) {
            (Some(5), Some(code_use)) => Ok(Self {
                code_use,
                digest: get_array(d)?,
                key_id: d.u32()?,
                expires_at: get_time(d)?,
                is_used: d.bool()?,
            }),
            _ => Err(minicbor::decode::Error::message("a sent code of another shape")),
        }
    }
}

/// A resend waits this long after the first text, then twice as long each time, up to 16 minutes.
#[cfg(feature = "sms")]
const SHORTEST_GAP: Duration = Duration::from_secs(30);
#[cfg(feature = "sms")]
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// No setting counts more in a day.
pub(crate) const MOST_KEPT: usize = 32;

#[cfg(all(test, feature = "sms"))]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

    fn after(seconds: u64) -> UnixSeconds {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn each_text_doubles_the_wait_until_a_success() {
        let (mut texts, mut now) = (Texts::default(), NOW);
        for gap in [30, 60, 120, 240, 480, 960, 960] {
            assert_eq!(texts.wait(now, 32), None);
            texts.sent(now);
            let until = now.plus(Duration::from_secs(gap));
            assert_eq!(texts.wait(now, 32), Some(until));
            assert_eq!(texts.wait(until.minus(Duration::from_secs(1)), 32), Some(until));
            now = until;
        }
        texts.succeeded();
        texts.sent(now);
        assert_eq!(texts.wait(now, 32), Some(now.plus(Duration::from_secs(30))));
    }

    #[test]
    fn no_more_than_so_many_go_in_any_day() {
        let mut texts = Texts::default();
        for number in 0..3_u64 {
            texts.sent(after(number.saturating_mul(3_600)));
            texts.succeeded();
        }
        assert_eq!(texts.wait(after(10_000), 3), Some(after(86_400)));
        assert_eq!(texts.wait(after(86_400), 3), None);
        assert_eq!(texts.wait(after(10_000), 4), None);
    }

    #[test]
    fn t9_a_text_dated_an_hour_ahead_stops_nothing() {
        let mut texts = Texts::default();
        texts.sent(after(3_600));
        assert_eq!(texts.wait(NOW, 1), None);
    }

    #[test]
    fn e10_a_text_that_did_not_go_is_taken_back() {
        let mut texts = Texts::default();
        texts.sent(NOW);
        texts.not_sent(NOW);
        assert!(texts.is_empty());
    }
}
