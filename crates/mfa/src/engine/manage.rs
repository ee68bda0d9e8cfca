//! What a subject sees and changes of its own authenticators while signed in.

use std::fmt;

use mfa_core::id::{AuthenticatorId, Pseudonym};
use mfa_core::phone::Masked;
use mfa_core::throttle::Throttled;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Method, Methods, Obligation, Purpose};
use zeroize::Zeroizing;

use super::enrollment::in_lines;
use super::{Acknowledged, Inner, Menu, Mfa};
use crate::assertion::{Assertion, Proof};
use crate::context::Context;
use crate::decide::{self, Moment};
use crate::error::{Error, Rejection};
use crate::record::{AuthenticatorKind, AuthenticatorState, Record};
use crate::ticket::{Claims, EnrollMode, FreshCodes, Ticket, kind};

/// What is on record of a subject, free of secrets: for its own page, and for whoever may reset it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Overview {
    /// The authenticators, in the order they were bound.
    pub authenticators: Vec<AuthenticatorView>,
    /// How many recovery codes are live, and since when.
    pub recovery_codes: usize,
    /// When the live recovery codes were acknowledged.
    pub recovery_codes_issued_at: Option<UnixSeconds>,
    /// Whether a recovery was begun and not completed.
    pub is_recovering: bool,
    /// When each remembered device was.
    pub devices: Vec<UnixSeconds>,
    /// Until when no code is compared, if it is so.
    pub throttled_until: Option<UnixSeconds>,
    /// Whether the next enrollment needs the code that was handed over after a reset.
    pub needs_binding_code: bool,
    /// Stands for the subject in events; `None` without a record.
    pub pseudonym: Option<Pseudonym>,
    /// Whether policy lets the subject use MFA, or demands it, at this moment.
    pub obligation: Obligation,
    /// The methods that policy allows the subject at this moment.
    pub methods: Methods,
}

impl Overview {
    /// Whether any authenticator is on record, in whatever state.
    pub fn is_enrolled(&self) -> bool {
        !self.authenticators.is_empty()
    }
}

/// One authenticator on record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthenticatorView {
    /// Names it for as long as it is bound.
    pub id: AuthenticatorId,
    /// Its kind; `None` for one that this version does not know.
    pub method: Option<Method>,
    /// Whether it can prove anything.
    pub status: AuthenticatorStatus,
    /// Whether policy lets it prove anything at this moment. Of a phone, its number is judged anew each time.
    pub is_allowed: bool,
    /// A phone's number, to be shown.
    pub number: Option<Masked>,
    /// When it was activated.
    pub bound_at: UnixSeconds,
    /// When it last proved anything.
    pub last_used_at: Option<UnixSeconds>,
}

/// Whether an authenticator can prove anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticatorStatus {
    /// It can.
    Active,
    /// Not any more: it counts as lost since a recovery began.
    Suspended,
    /// Not any more: too many failures in a row.
    Disabled,
    /// Not here: a state that this version does not know.
    Unknown,
}

/// New recovery codes, to be saved before they replace the old ones.
#[non_exhaustive]
pub struct NewRecoveryCode {
    /// For [`Mfa::activate_recovery_code`].
    pub ticket: Ticket<kind::NewCode>,
    /// Until when it can be acknowledged.
    pub expires_at: UnixSeconds,
    recovery_code: Zeroizing<String>,
}

impl NewRecoveryCode {
    /// The code, grouped for reading; where policy gives several, one a line.
    pub fn expose_recovery_code(&self) -> &str {
        &self.recovery_code
    }
}

impl fmt::Debug for NewRecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRecoveryCode").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Mfa {
    /// What is on record of the subject. One read; nothing in it is secret, but it is nobody else's business: who may see
    /// it is the host's to say.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when the record cannot be told.
    pub async fn overview(&self, ctx: &Context) -> Result<Overview, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let moment = inner.moment(ctx, &decision, now);
        let obligation = decision.obligation();
        let Some(record) = inner.load(ctx, None, now).await?.record else {
            return Ok(Overview {
                authenticators: Vec::new(),
                recovery_codes: 0,
                recovery_codes_issued_at: None,
                is_recovering: false,
                devices: Vec::new(),
                throttled_until: None,
                needs_binding_code: false,
                pseudonym: None,
                obligation,
                methods: moment.methods(),
            });
        };
        let remembered = |device: &&crate::record::Device| {
            decision.remember_device().is_some_and(|life| record.device(&device.id, life, now).is_some())
        };
        Ok(Overview {
            authenticators: views(&record, &moment),
            recovery_codes: record.recovery.as_ref().map_or(0, |set| set.digests.len()),
            recovery_codes_issued_at: record.recovery.as_ref().map(|set| set.issued_at),
            is_recovering: record.recovering.is_some(),
            devices: record.devices.iter().filter(remembered).map(|device| device.remembered_at).collect(),
            throttled_until: match record.throttle.check(now, &moment.throttle) {
                Err(Throttled::Wait { until }) => Some(until),
                _ => None,
            },
            needs_binding_code: record.binding.is_some(),
            pseudonym: Some(record.pseudonym),
            obligation,
            methods: moment.methods(),
        })
    }

    /// Begins to enroll an app while signed in: the first one, or one that takes the place of `replaced` when it is active.
    /// Until then the old one works. Without a name, the only app is replaced where policy allows no second one.
    ///
    /// # Errors
    /// [`Rejection::FreshProofWanted`] unless the assertion proves both factors freshly ([`Mfa::challenge`]),
    /// [`Rejection::NotAllowed`] where policy offers no enrollment, [`Rejection::Expired`] when the session is over.
    pub async fn change_app(
        &self,
        ctx: &Context,
        assertion: &Assertion,
        replaced: Option<AuthenticatorId>,
    ) -> Result<Menu, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let record = inner.load(ctx, assertion.epoch(), now).await?.record;
        let (proof, moment) = (assertion.proof(), inner.moment(ctx, &decision, now));
        let body = decide::change_app(record.as_ref(), proof, replaced, &moment)?;
        inner.menu_while_signed_in(ctx, proof, body, record.as_ref(), &moment)
    }

    /// Removes an authenticator; with the last one, the recovery codes too. The assertion that comes back takes the place of
    /// the session's: every other one, and every ticket and remembered device, is over.
    ///
    /// # Errors
    /// As [`Mfa::change_app`]; [`Rejection::NotAllowed`] for the last usable one where MFA is a must.
    pub async fn remove(
        &self,
        ctx: &Context,
        assertion: &Assertion,
        authenticator: &AuthenticatorId,
    ) -> Result<Assertion, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let mut gone = None;
        let proof = inner
            .transact(ctx, assertion.epoch(), inner.moment(ctx, &decision, now), |record, moment| {
                let before = decide::number_of(record.as_ref());
                let record = record.ok_or(Rejection::Expired)?;
                let verdict = decide::remove(record, assertion.proof(), authenticator, moment)?;
                gone = verdict.without(before);
                Ok(verdict)
            })
            .await?;
        inner.tell_removed(ctx, &decision, gone, now).await;
        inner.assertion(ctx, proof)
    }

    /// Draws a new recovery code to be shown and saved. The old one holds until [`Mfa::activate_recovery_code`].
    ///
    /// # Errors
    /// As [`Mfa::change_app`]; [`Rejection::NotAllowed`] for a subject without authenticators.
    pub async fn new_recovery_code(
        &self,
        ctx: &Context,
        assertion: &Assertion,
    ) -> Result<NewRecoveryCode, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let record = inner.load(ctx, assertion.epoch(), now).await?.record;
        let proof = assertion.proof();
        let mut moment = inner.moment(ctx, &decision, now);
        let (second, codes) = decide::new_codes(record.as_ref(), proof, &mut moment)??;
        let claims = Claims::<kind::NewCode> {
            issued_at: now,
            expires_at: now.plus(inner.lifetimes.enrollment),
            epoch: proof.epoch,
            generation: proof.generation,
            first: proof.first.clone(),
            purpose: Purpose::Manage,
            body: FreshCodes { second, codes },
        };
        Ok(new_code(inner.seal(ctx, &claims)?, &claims))
    }

    /// Shows a new recovery code again, as long as it was not acknowledged.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when the ticket is over.
    pub async fn recovery_code(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::NewCode>,
    ) -> Result<NewRecoveryCode, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let record = inner.load(ctx, claims.epoch, now).await?.record;
        match claims.stand(record.as_ref()) {
            true => Ok(new_code(ticket.clone(), &claims)),
            false => Err(Rejection::Expired.into()),
        }
    }

    /// Makes a saved recovery code the live one; every older one is void. The assertion that comes back takes the place of
    /// the session's.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when the ticket is over.
    pub async fn activate_recovery_code(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::NewCode>,
        _acknowledged: Acknowledged,
    ) -> Result<Assertion, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let proof = inner
            .transact(ctx, claims.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::issue_codes(record, &claims, moment)?)
            })
            .await?;
        inner.assertion(ctx, proof)
    }

    /// Forgets every remembered device.
    ///
    /// # Errors
    /// As [`Mfa::change_app`].
    pub async fn forget_devices(&self, ctx: &Context, assertion: &Assertion) -> Result<(), Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        inner
            .transact(ctx, assertion.epoch(), inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::NotAllowed)?;
                Ok(decide::forget_devices(record, assertion.proof(), moment))
            })
            .await
    }
}

impl Inner {
    /// The menu of an enrollment that a session with fresh proof has led to.
    pub(super) fn menu_while_signed_in(
        &self,
        ctx: &Context,
        proof: &Proof,
        body: EnrollMode,
        record: Option<&Record>,
        moment: &Moment<'_>,
    ) -> Result<Menu, Error> {
        let claims = Claims::<kind::Enroll> {
            issued_at: moment.now,
            expires_at: moment.now.plus(self.lifetimes.enrollment),
            epoch: proof.epoch,
            generation: proof.generation,
            first: proof.first.clone(),
            purpose: Purpose::Manage,
            body,
        };
        let menu = self.menu_of(ctx, &claims, decide::methods_of(record, body, moment))?;
        Ok(Menu { needs_binding_code: decide::needs_binding_code(record), ..menu })
    }
}

fn views(record: &Record, moment: &Moment<'_>) -> Vec<AuthenticatorView> {
    let view = |one: &crate::record::Authenticator| AuthenticatorView {
        id: one.id,
        method: one.kind.method(),
        status: match one.state {
            AuthenticatorState::Active => AuthenticatorStatus::Active,
            AuthenticatorState::Suspended => AuthenticatorStatus::Suspended,
            AuthenticatorState::Disabled => AuthenticatorStatus::Disabled,
            AuthenticatorState::Other(_) => AuthenticatorStatus::Unknown,
        },
        is_allowed: moment.allows(&one.kind),
        number: match &one.kind {
            AuthenticatorKind::Phone(phone) => Some(phone.number.masked()),
            _ => None,
        },
        bound_at: one.bound_at,
        last_used_at: one.last_used_at,
    };
    record.authenticators.iter().map(view).collect()
}

fn new_code(ticket: Ticket<kind::NewCode>, claims: &Claims<kind::NewCode>) -> NewRecoveryCode {
    let recovery_code = in_lines(&claims.body.codes);
    NewRecoveryCode { ticket, expires_at: claims.expires_at, recovery_code }
}
