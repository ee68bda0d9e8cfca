//! What a host says about texts.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mfa_core::phone::PhoneNumber;
use mfa_policy::Policy;
use mfa_policy::numbers::{NumberPlan, PlanError};
use mfa_sms::text::OriginHost;
use mfa_sms::{DynSmsSender, SmsSender};

use super::{Conversions, Feedback, TextBudgets};

/// How codes are sent by text, for [`MfaBuilder::sms`](crate::MfaBuilder::sms).
///
/// # Examples
/// ```
/// use mfa::Texting;
/// use mfa::policy::Policy;
/// use mfa::sms::{MemorySender, text::OriginHost};
///
/// let policy = Policy::recommended();
/// let texting = Texting::new(MemorySender::new(), OriginHost::parse("login.example.com")?, &policy)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Texting {
    pub(crate) sender: Arc<dyn DynSmsSender>,
    pub(crate) origin: OriginHost,
    pub(crate) budgets: TextBudgets,
    pub(crate) conversions: Conversions,
    pub(crate) feedback: Feedback,
    plan: NumberPlan,
    risk: Option<Box<dyn DynPhoneRisk>>,
}

impl Texting {
    /// Texts by `sender`, whose codes are typed into pages of `origin`. Prepares the number plans of every region that the
    /// policy can allow; a policy with more regions takes a new `Texting`.
    ///
    /// # Errors
    /// [`PlanError`], which the metadata of this release gives for no region.
    pub fn new(sender: impl SmsSender, origin: OriginHost, policy: &Policy) -> Result<Self, PlanError> {
        Ok(Self::with_plan(sender, origin, NumberPlan::prepare(policy.sms().regions())?))
    }

    /// The same with number plans of the host's own, from newer metadata.
    pub fn with_plan(sender: impl SmsSender, origin: OriginHost, plan: NumberPlan) -> Self {
        Self {
            sender: Arc::new(sender),
            origin,
            budgets: TextBudgets::default(),
            conversions: Conversions::default(),
            feedback: Feedback::default(),
            plan,
            risk: None,
        }
    }

    /// Sets what texts may cost.
    #[must_use]
    pub fn budgets(mut self, budgets: TextBudgets) -> Self {
        self.budgets = budgets;
        self
    }

    /// Asks `risk` about each number before a text goes there.
    #[must_use]
    pub fn phone_risk(mut self, risk: impl PhoneRisk) -> Self {
        self.risk = Some(Box::new(risk));
        self
    }

    pub(crate) fn plan(&self) -> &NumberPlan {
        &self.plan
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.budgets.is_sound()
    }

    /// Whether the number changed hands lately. What cannot be told is no reason to lock somebody out.
    pub(crate) async fn has_changed(&self, number: &PhoneNumber) -> bool {
        match &self.risk {
            Some(risk) => risk.changed_recently(number).await.unwrap_or(false),
            None => false,
        }
    }
}

impl fmt::Debug for Texting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texting")
            .field("origin", &self.origin)
            .field("budgets", &self.budgets)
            .finish_non_exhaustive()
    }
}

/// Signals that a number may be in other hands: a swapped SIM card, a number ported away. Write it as a plain `async fn`.
///
/// Answer within a few seconds; the person is waiting.
///
/// # Source
/// NIST SP 800-63B-4 3.1.3.3; the CAMARA SIM Swap API is one such source.
pub trait PhoneRisk: Send + Sync + 'static {
    /// Whether the number changed hands recently. Then no text goes there, the other methods are offered, and an event
    /// tells of it.
    ///
    /// # Errors
    /// [`RiskError`] when it cannot be told; the text then goes.
    fn changed_recently(&self, number: &PhoneNumber) -> impl Future<Output = Result<bool, RiskError>> + Send;
}

/// Why a risk signal could not be had.
pub type RiskError = Box<dyn Error + Send + Sync>;

trait DynPhoneRisk: Send + Sync {
    fn changed_recently<'a>(
        &'a self,
        number: &'a PhoneNumber,
    ) -> Pin<Box<dyn Future<Output = Result<bool, RiskError>> + Send + 'a>>;
}

impl<R: PhoneRisk> DynPhoneRisk for R {
    fn changed_recently<'a>(
        &'a self,
        number: &'a PhoneNumber,
    ) -> Pin<Box<dyn Future<Output = Result<bool, RiskError>> + Send + 'a>> {
        Box::pin(PhoneRisk::changed_recently(self, number))
    }
}
