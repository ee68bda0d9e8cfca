//! How many texts may go: to one number, near it, to a region, for an organisation, and in all.

use std::time::Duration;

use mfa_core::phone::PhoneNumber;
use mfa_policy::Region;
use mfa_storage::{Bucket, BucketKey};

use crate::context::Context;
use crate::keyring::{Aad, Sealer};
use crate::record::MOST_KEPT;

/// So many texts at once, and then one more each time an interval has passed.
///
/// In any span of time `t` no more than `at_once + t / one_each` go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two numbers, written as a literal")]
pub struct TextBudget {
    /// Texts that may go at once, at least 1.
    pub at_once: u32,
    /// How long until one more may.
    pub one_each: Duration,
}

/// What texts may cost. Each is kept in storage, so it holds across nodes and restarts.
///
/// # Source
/// OWASP ASVS 5.0, 2.4.1 and 6.6.3; five texts to a number in ten minutes is what providers' own verification products
/// allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextBudgets {
    /// To one number: 5 at once, then one every 10 minutes, so never more than 5 in any 10 minutes.
    pub number: TextBudget,
    /// To one number over a longer time: 15 at once, then one every 2 hours, so never more than 27 in any day. It is what
    /// keeps many accounts from being used to pester one person.
    pub number_per_day: TextBudget,
    /// To numbers that differ in their last three digits alone, as those that are rented for toll fraud do: 20 at once,
    /// then one every 3 minutes.
    pub prefix: TextBudget,
    /// To one region: 500 at once, then one every 5 seconds.
    pub region: TextBudget,
    /// For one organisation: 300 at once, then one every 10 seconds.
    pub organization: TextBudget,
    /// In all, whatever the tenant: 2,000 at once, then one a second.
    pub overall: TextBudget,
    /// To one subject in any 24 hours: 10, at most 32.
    pub subject_per_day: usize,
}

impl Default for TextBudgets {
    fn default() -> Self {
        let budget = |at_once, seconds| TextBudget { at_once, one_each: Duration::from_secs(seconds) };
        Self {
            number: budget(5, 600),
            number_per_day: budget(15, 2 * 60 * 60),
            prefix: budget(20, 180),
            region: budget(500, 5),
            organization: budget(300, 10),
            overall: budget(2_000, 1),
            subject_per_day: 10,
        }
    }
}

impl TextBudgets {
    pub(super) fn is_sound(&self) -> bool {
        let all =
            [self.number, self.number_per_day, self.prefix, self.region, self.organization, self.overall];
        all.iter().all(|budget| budget.at_once > 0 && budget.one_each >= Duration::from_millis(1))
            && (1..=MOST_KEPT).contains(&self.subject_per_day)
    }

    /// The budgets of one text, narrowest first: what is exhausted first is what holds one person, not everybody.
    ///
    /// Their keys are HMACs: no number and no organisation is told by what is stored.
    pub(crate) fn buckets(
        &self,
        sealer: &Sealer,
        ctx: &Context,
        number: &PhoneNumber,
        region: Region,
    ) -> Option<Vec<Bucket>> {
        let digits = number.digits();
        let prefix = digits.get(..digits.len().saturating_sub(3)).unwrap_or(digits);
        let bucket = |kind: &str, name: &[u8], budget: TextBudget| {
            let key = sealer.budget_key(&Aad::new(kind).bind(name))?;
            Some(Bucket { key: BucketKey::new(key), burst: budget.at_once, interval: budget.one_each })
        };
        let mut buckets = vec![
            bucket("number", digits.as_bytes(), self.number)?,
            bucket("number per day", digits.as_bytes(), self.number_per_day)?,
            bucket("prefix", prefix.as_bytes(), self.prefix)?,
            bucket("region", region.as_str().as_bytes(), self.region)?,
        ];
        for organization in ctx.subject().attributes().organizations() {
            // Two tenants may each have an organisation of one name; numbers and regions are everybody's.
            let tenant = ctx.key().tenant().as_str();
            let name = format!("{}:{tenant}:{}", tenant.len(), organization.id);
            buckets.push(bucket("organization", name.as_bytes(), self.organization)?);
        }
        buckets.push(bucket("overall", b"", self.overall)?);
        Some(buckets)
    }
}
