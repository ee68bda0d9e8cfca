//! How texts are sent, where any are: the sender, what they may cost, and what keeps one from going.

#[cfg(feature = "sms")]
mod budgets;
#[cfg(feature = "sms")]
mod conversion;
#[cfg(feature = "sms")]
mod feedback;
#[cfg(feature = "sms")]
mod settings;

#[cfg(feature = "sms")]
pub use budgets::{TextBudget, TextBudgets};
#[cfg(feature = "sms")]
pub(crate) use conversion::Conversions;
#[cfg(feature = "sms")]
pub(crate) use feedback::Feedback;
#[cfg(feature = "sms")]
pub use settings::{PhoneRisk, RiskError, Texting};

#[cfg(feature = "sms")]
pub(crate) use mfa_policy::numbers::NumberPlan as Plan;

/// Whether a text may go to `number` by the policy of this moment.
#[cfg(feature = "sms")]
pub(crate) fn may_go(
    plan: &Plan,
    decision: &mfa_policy::Decision<'_>,
    number: &mfa_core::phone::PhoneNumber,
) -> bool {
    decision.sms_to(plan, number).is_ok()
}

#[cfg(not(feature = "sms"))]
pub(crate) use without::{Plan, Texting, may_go};

/// Without the feature no text is ever sent: none of this can be made.
#[cfg(not(feature = "sms"))]
mod without {
    pub(crate) enum Plan {}

    pub(crate) enum Texting {}

    impl Texting {
        pub(crate) fn plan(&self) -> &Plan {
            match *self {}
        }
    }

    pub(crate) fn may_go(
        plan: &Plan,
        _: &mfa_policy::Decision<'_>,
        _: &mfa_core::phone::PhoneNumber,
    ) -> bool {
        match *plan {}
    }
}
