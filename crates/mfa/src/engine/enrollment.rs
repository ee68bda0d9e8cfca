//! Enrolling an authenticator app, and activating any authenticator: shown, confirmed, acknowledged, active.

use std::fmt;

use mfa_core::key::SharedKey;
use mfa_core::otpauth::OtpAuthUri;
use mfa_core::recovery::RecoveryCode;
use mfa_core::time::UnixSeconds;
use mfa_core::totp::TotpParameters;
use mfa_policy::{Method, Obligation};
use zeroize::Zeroizing;

use super::{Inner, Menu, Mfa};
use crate::assertion::Assertion;
use crate::context::Context;
use crate::decide::{self, Moment};
use crate::error::{Error, Rejection};
use crate::ticket::{Claim, Claims, EnrollMode, PendingApp, Ticket, kind};

/// A key that waits for the person's app to show its first code. Nothing of it is stored.
#[non_exhaustive]
pub struct PendingEnrollment {
    /// For [`Mfa::confirm`].
    pub ticket: Ticket<kind::Pending>,
    /// Until when it can be confirmed and activated.
    pub expires_at: UnixSeconds,
    /// The account name that the app will show.
    pub account: Box<str>,
    uri: Zeroizing<String>,
    manual_key: Zeroizing<String>,
}

impl PendingEnrollment {
    /// The `otpauth://` URI that the QR code carries. As secret as the key: show it to the person and to nobody else.
    pub fn expose_uri(&self) -> &str {
        &self.uri
    }

    /// The key for typing, in groups of four.
    pub fn expose_manual_key(&self) -> &str {
        &self.manual_key
    }

    /// The URI as a QR code.
    #[cfg(feature = "qr")]
    pub fn qr(&self) -> crate::qr::QrCode {
        crate::qr::QrCode::of(&self.uri)
    }
}

impl fmt::Debug for PendingEnrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingEnrollment").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A confirmed authenticator; the recovery code must be saved before it becomes active.
#[non_exhaustive]
pub struct ConfirmedEnrollment {
    /// For [`Mfa::activate`].
    pub ticket: Ticket<kind::Confirmed>,
    /// Until when it can be activated.
    pub expires_at: UnixSeconds,
    recovery_code: Zeroizing<String>,
}

impl ConfirmedEnrollment {
    pub(super) fn of(ticket: Ticket<kind::Confirmed>, claims: &Claims<kind::Confirmed>) -> Self {
        Self { ticket, expires_at: claims.expires_at, recovery_code: in_lines(&claims.body.recovery) }
    }

    /// The recovery code, grouped for reading; where policy gives several, one a line. It becomes valid with activation
    /// and is never shown again.
    pub fn expose_recovery_code(&self) -> &str {
        &self.recovery_code
    }
}

impl fmt::Debug for ConfirmedEnrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfirmedEnrollment").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// That the person said "I have securely saved this code". Make it only from their own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "hosts write it as a literal, which reads as what it means")]
pub struct Acknowledged;

impl Mfa {
    /// Looks at an enrollment that has not begun, for a page that is about to show it. Changes nothing.
    ///
    /// # Errors
    /// As [`Mfa::enroll_app`].
    pub async fn menu(&self, ctx: &Context, ticket: &Ticket<kind::Enroll>) -> Result<Menu, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let record = inner.load(ctx, claims.epoch, now).await?.record;
        decide::may_hold(record.as_ref(), &claims, claims.body, &inner.moment(ctx, &decision, now))?;
        let required_from = match decision.obligation() {
            Obligation::Optional { required_from } => required_from,
            _ => None,
        };
        let needs_binding_code =
            claims.body == EnrollMode::First && decide::needs_binding_code(record.as_ref());
        let moment = inner.moment(ctx, &decision, now);
        let methods = decide::methods_of(record.as_ref(), claims.body, &moment);
        let ticket = ticket.clone();
        Ok(Menu { ticket, methods, required_from, needs_binding_code })
    }

    /// Checks the code that was handed over after a reset. The menu that comes back needs none any more.
    ///
    /// # Errors
    /// [`Rejection::WrongCode`](crate::Rejection::WrongCode) for one that is wrong or over a day old,
    /// [`Rejection::NotAllowed`](crate::Rejection::NotAllowed) where none is wanted; otherwise as [`Mfa::recover`].
    pub async fn bind(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Enroll>,
        binding_code: &str,
    ) -> Result<Menu, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        inner
            .transact(ctx, claims.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::NotAllowed)?;
                Ok(decide::bind(record, &claims, binding_code, moment))
            })
            .await?;
        let methods = inner.moment(ctx, &decision, now).methods();
        inner.menu_of(ctx, &Claims { body: EnrollMode::Bound, ..claims }, methods)
    }

    /// Makes a key for an authenticator app and shows it: as QR code, URI and text for typing.
    ///
    /// # Errors
    /// [`Rejection::Expired`](crate::Rejection::Expired) when the ticket is over,
    /// [`Rejection::NotAllowed`](crate::Rejection::NotAllowed) when policy offers no enrollment to this subject now.
    pub async fn enroll_app(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Enroll>,
    ) -> Result<PendingEnrollment, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let app = inner
            .enrolling(ctx, &opened, opened.body, Method::App, now, |moment| {
                Ok(decide::pending_app(opened.body, moment)?)
            })
            .await?;
        // The lifetime of a set-up runs from its beginning, not from each of its pages.
        let claims = Claims::<kind::Pending> {
            issued_at: now,
            expires_at: opened.expires_at,
            epoch: opened.epoch,
            first: opened.first,
            purpose: opened.purpose,
            generation: opened.generation,
            body: app,
        };
        Ok(pending(ctx, inner.seal(ctx, &claims)?, &claims))
    }

    /// Shows a pending enrollment again, for a page that was reloaded or a code that was mistyped.
    ///
    /// # Errors
    /// As [`Mfa::enroll_app`].
    pub async fn pending(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Pending>,
    ) -> Result<PendingEnrollment, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        inner.enrolling(ctx, &claims, claims.body.mode, Method::App, now, |_| Ok(())).await?;
        Ok(pending(ctx, ticket.clone(), &claims))
    }

    /// Checks the first code of the new app and draws the recovery code. Nothing is active yet.
    ///
    /// # Errors
    /// [`Rejection::WrongCode`](crate::Rejection::WrongCode) and
    /// [`Rejection::Malformed`](crate::Rejection::Malformed), after which the ticket is still good; otherwise as
    /// [`Mfa::enroll_app`].
    pub async fn confirm(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Pending>,
        code: &str,
    ) -> Result<ConfirmedEnrollment, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let Claims { expires_at, epoch, purpose, generation, .. } = opened;
        let mode = opened.body.mode;
        inner.enrolling(ctx, &opened, mode, Method::App, now, |_| Ok(())).await?;
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let body = decide::confirm(opened.body, code, &mut inner.moment(ctx, &decision, now))??;
        let claims = Claims::<kind::Confirmed> {
            issued_at: now,
            expires_at,
            epoch,
            first: opened.first,
            purpose,
            generation,
            body,
        };
        Ok(ConfirmedEnrollment::of(inner.seal(ctx, &claims)?, &claims))
    }

    /// Shows a confirmed enrollment's recovery code again, as long as it is not active.
    ///
    /// # Errors
    /// As [`Mfa::enroll_app`].
    pub async fn confirmed(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Confirmed>,
    ) -> Result<ConfirmedEnrollment, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let confirmed = &claims.body.authenticator;
        inner.enrolling(ctx, &claims, confirmed.mode(), confirmed.method(), now, |_| Ok(())).await?;
        Ok(ConfirmedEnrollment::of(ticket.clone(), &claims))
    }

    /// Makes the confirmed app the subject's authenticator and its recovery code the live one, in one commit. In a
    /// recovery this replaces the lost authenticator and spends the code that opened it.
    ///
    /// Every other ticket and assertion of the subject is over with it.
    ///
    /// # Errors
    /// As [`Mfa::enroll_app`]; of two tabs that activate, one gets `Expired`.
    pub async fn activate(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Confirmed>,
        _acknowledged: Acknowledged,
    ) -> Result<Assertion, Error> {
        let inner = &*self.inner;
        let now = inner.now()?;
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let epoch = Claims::open(ticket, &inner.sealer, ctx, now)?.epoch;
        let mut gone = None;
        let proof = inner
            .transact(ctx, epoch, inner.moment(ctx, &decision, now), |record, moment| {
                // Opened anew for each try: the key moves into the record.
                let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
                let before = decide::number_of(record.as_ref());
                let verdict = decide::activate(record, claims, moment)?;
                gone = verdict.without(before);
                Ok(verdict)
            })
            .await?;
        inner.unfinished.ended(ctx);
        inner.tell_removed(ctx, &decision, gone, now).await;
        inner.assertion(ctx, proof)
    }
}

impl Inner {
    /// Runs a step of an enrollment that is still allowed by record and policy of this moment.
    pub(super) async fn enrolling<K: Claim, T>(
        &self,
        ctx: &Context,
        claims: &Claims<K>,
        mode: EnrollMode,
        method: Method,
        now: UnixSeconds,
        step: impl FnOnce(&mut Moment<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let policy = self.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let record = self.load(ctx, claims.epoch, now).await?.record;
        let mut moment = self.moment(ctx, &decision, now);
        decide::may_enroll(record.as_ref(), claims, mode, method, &moment)?;
        step(&mut moment)
    }
}

fn pending(
    ctx: &Context,
    ticket: Ticket<kind::Pending>,
    claims: &Claims<kind::Pending>,
) -> PendingEnrollment {
    let PendingApp { key, parameters, .. } = &claims.body;
    PendingEnrollment {
        ticket,
        expires_at: claims.expires_at,
        account: Box::from(ctx.subject().account()),
        uri: uri(ctx, key, parameters),
        manual_key: key.to_grouped_base32(),
    }
}

#[expect(clippy::expect_used, reason = "Realm and Subject hold only labels that can be written")]
fn uri(ctx: &Context, key: &SharedKey, parameters: &TotpParameters) -> Zeroizing<String> {
    OtpAuthUri::totp(key, parameters, Some(ctx.realm().issuer()), ctx.subject().account())
        .expect("issuer and account were made fit for a label")
        .to_text()
}

/// Recovery codes for reading, one a line.
pub(super) fn in_lines(codes: &[RecoveryCode]) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::with_capacity(codes.len().saturating_mul(40)));
    for code in codes {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&code.to_text());
    }
    lines
}
