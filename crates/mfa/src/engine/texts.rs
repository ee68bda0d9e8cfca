//! Codes by text: enrolling a phone, and sending what a challenge is answered with.

use std::fmt;

use mfa_core::id::AuthenticatorId;
use mfa_core::phone::{Masked, PhoneNumber};
use mfa_core::time::UnixSeconds;
use mfa_policy::Region;
use mfa_policy::numbers::{Country, InvalidNational};

use super::enrollment::ConfirmedEnrollment;
use super::{Inner, Menu, Mfa};
use crate::assertion::Assertion;
use crate::context::Context;
use crate::decide;
use crate::error::{Error, Rejection};
use crate::random::Draw;
use crate::record::{CodeUse, Phone};
use crate::ticket::{Claims, Question, Ticket, kind};

/// That the person was told what codes by text are worth and agreed to get them, to the wording of this version. Make it
/// only from their own click.
///
/// # Source
/// NIST SP 800-63B-4 3.2.9; CTIA Messaging Principles (2023), 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "hosts write it as a literal, which reads as what it means")]
pub struct Consent {
    /// The host's own number of the notice and the sentence that were shown.
    pub wording: u16,
}

/// A phone that waits for its first code to be typed.
#[derive(Clone)]
#[non_exhaustive]
pub struct PendingPhone {
    /// For [`Mfa::confirm_phone`] and [`Mfa::resend`].
    pub ticket: Ticket<kind::PendingPhone>,
    /// Until when it can be confirmed and activated.
    pub expires_at: UnixSeconds,
    /// The number, to be shown.
    pub number: Masked,
    /// Whether the text certainly went. If not, it may have gone all the same: the code is good.
    pub is_certain: bool,
}

impl fmt::Debug for PendingPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingPhone").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A code that was sent to answer a challenge.
#[derive(Clone)]
#[non_exhaustive]
pub struct CodeSent {
    /// For [`Mfa::verify`]: the same challenge, to be answered with this code.
    pub ticket: Ticket<kind::Challenge>,
    /// When the code is over.
    pub expires_at: UnixSeconds,
    /// Where it went, to be shown.
    pub number: Masked,
    /// Whether the text certainly went. If not, it may have gone all the same: the code is good.
    pub is_certain: bool,
}

impl fmt::Debug for CodeSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeSent").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Mfa {
    /// The regions that this subject may have texts sent to now, for a page to choose from; none where it may use no texts.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when the clock cannot tell the time.
    pub fn countries(&self, ctx: &Context) -> Result<Vec<Country>, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let regions = policy.decide(ctx.subject().attributes(), now).sms_regions();
        Ok(inner
            .texting
            .as_ref()
            .map_or_else(Vec::new, |texting| texting.plan().countries(regions).collect()))
    }

    /// Reads a number as it was typed beside a chosen region: as it is dialled there, or internationally.
    ///
    /// # Errors
    /// [`InvalidNational`], which says what is wrong with it. Whether a text may go there is judged when one is sent.
    pub fn phone_number(&self, region: Region, typed: &str) -> Result<PhoneNumber, InvalidNational> {
        let texting = self.inner.texting.as_ref().ok_or(InvalidNational::NotPrepared)?;
        texting.plan().national(region, typed)
    }

    /// Sends a code to a number that the person says is theirs.
    ///
    /// # Errors
    /// [`Rejection::Number`] for a number that policy refuses, [`Rejection::TextThrottled`] before another text may go,
    /// [`Rejection::TextWithheld`] for a number that changed hands, [`Unavailable::Delivery`](crate::Unavailable::Delivery) when nothing was sent;
    /// otherwise as [`Mfa::enroll_app`].
    pub async fn enroll_phone(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Enroll>,
        number: &PhoneNumber,
        consent: Consent,
    ) -> Result<PendingPhone, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let pending = crate::ticket::PendingPhone {
            mode: opened.body,
            id: AuthenticatorId::draw(&mut Draw(&*inner.random))?,
            phone: Phone { number: number.clone(), consented_at: now, wording: consent.wording },
            is_certain: true,
        };
        let claims = Claims::<kind::PendingPhone> {
            issued_at: now,
            expires_at: opened.expires_at,
            epoch: opened.epoch,
            first: opened.first,
            purpose: opened.purpose,
            generation: opened.generation,
            body: pending,
        };
        inner.send_enrollment(ctx, claims, now).await
    }

    /// Sends another code to the number that is being enrolled. The one before is void.
    ///
    /// # Errors
    /// As [`Mfa::enroll_phone`].
    pub async fn resend(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::PendingPhone>,
    ) -> Result<PendingPhone, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        inner.send_enrollment(ctx, claims, now).await
    }

    /// Back to the choice, for somebody who gave a wrong number. Sends nothing.
    ///
    /// # Errors
    /// As [`Mfa::menu`].
    pub async fn another_number(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::PendingPhone>,
    ) -> Result<Menu, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let claims = Claims::<kind::Enroll> {
            issued_at: now,
            expires_at: opened.expires_at,
            epoch: opened.epoch,
            first: opened.first,
            purpose: opened.purpose,
            generation: opened.generation,
            body: opened.body.mode,
        };
        let ticket = inner.seal(ctx, &claims)?;
        self.menu(ctx, &ticket).await
    }

    /// Shows a pending phone again, for a page that was reloaded. Sends nothing.
    ///
    /// # Errors
    /// As [`Mfa::enroll_app`].
    pub async fn pending_phone(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::PendingPhone>,
    ) -> Result<PendingPhone, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let method = mfa_policy::Method::Sms;
        inner.enrolling(ctx, &claims, claims.body.mode, method, now, |_| Ok(())).await?;
        let (number, is_certain) = (claims.body.phone.number.masked(), claims.body.is_certain);
        Ok(PendingPhone { ticket: ticket.clone(), expires_at: claims.expires_at, number, is_certain })
    }

    /// Checks the code that was sent to the number, and draws the recovery code. Nothing is active yet.
    ///
    /// # Errors
    /// As [`Mfa::verify`]: guesses count, since whoever holds the ticket need not hold the phone.
    pub async fn confirm_phone(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::PendingPhone>,
        code: &str,
    ) -> Result<ConfirmedEnrollment, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let confirmed = inner
            .transact(ctx, opened.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::confirm_phone(record, &opened, code, moment)?)
            })
            .await?;
        inner.came_back(ctx, &decision, &opened.body.phone.number, CodeUse::Enrollment);
        let claims = Claims::<kind::Confirmed> {
            issued_at: now,
            expires_at: opened.expires_at,
            epoch: opened.epoch,
            first: opened.first,
            purpose: opened.purpose,
            generation: opened.generation,
            body: confirmed,
        };
        Ok(ConfirmedEnrollment::of(inner.seal(ctx, &claims)?, &claims))
    }

    /// Sends a code to the subject's phone to answer a challenge with, and says so in the ticket that comes back. One that
    /// was sent before for the same purpose is void.
    ///
    /// # Errors
    /// As [`Mfa::enroll_phone`], and [`Rejection::Expired`] when the ticket is over or no phone is active.
    pub async fn send_code(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
    ) -> Result<CodeSent, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let record = inner.load(ctx, opened.epoch, now).await?.record.ok_or(Rejection::Expired)?;
        let phone = record.phone().ok_or(Rejection::Expired)?.number.clone();
        let code_use = CodeUse::Challenge(opened.purpose);
        let told = opened.body.transaction.as_ref();
        let sent = inner
            .deliver(ctx, &decision, &phone, code_use, told, opened.epoch, now, |record, per_day, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::send_challenge(record, &opened, per_day, moment)?)
            })
            .await?;
        let expires_at = now.plus(decision.sms_code_lifetime()).min(opened.expires_at);
        let (method, is_unsure) = (Some(mfa_policy::Method::Sms), !sent.is_certain);
        let body = Question { method, is_unsure, ..opened.body };
        let claims = Claims::<kind::Challenge> { body, ..opened };
        let ticket = inner.seal(ctx, &claims)?;
        Ok(CodeSent { ticket, expires_at, number: phone.masked(), is_certain: sent.is_certain })
    }

    /// Begins to enroll a phone while signed in: the first one, one beside an app, or one that takes the place of the
    /// number that there is, when it is active.
    ///
    /// # Errors
    /// As [`Mfa::change_app`].
    pub async fn change_phone(&self, ctx: &Context, assertion: &Assertion) -> Result<Menu, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let record = inner.load(ctx, assertion.epoch(), now).await?.record;
        let (proof, moment) = (assertion.proof(), inner.moment(ctx, &decision, now));
        let body = decide::change_phone(record.as_ref(), proof, &moment)?;
        inner.menu_while_signed_in(ctx, proof, body, record.as_ref(), &moment)
    }

    /// Stops texts to a region, or all of them, or lets them go again: at every node, from the next text on. It is told of
    /// by an event.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when it could not be committed.
    pub async fn stop_texts(&self, region: Option<Region>, stop: bool) -> Result<(), Error> {
        self.inner.stop_texts(region, stop).await
    }

    /// Where texts are stopped: each region, and `None` for all of them.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when it cannot be told.
    pub async fn stopped_texts(&self) -> Result<Vec<Option<Region>>, Error> {
        let stops = self.inner.stops().await?;
        Ok(stops.iter().map(|stop| Region::new(stop).ok()).collect())
    }
}

impl Inner {
    async fn send_enrollment(
        &self,
        ctx: &Context,
        mut claims: Claims<kind::PendingPhone>,
        now: UnixSeconds,
    ) -> Result<PendingPhone, Error> {
        let policy = self.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let number = claims.body.phone.number.clone();
        let delivered = self
            .deliver(
                ctx,
                &decision,
                &number,
                CodeUse::Enrollment,
                None,
                claims.epoch,
                now,
                |record, per_day, moment| {
                    Ok(decide::send_enrollment(record, &claims, &claims.body, per_day, moment)?)
                },
            )
            .await?;
        claims.epoch = Some(delivered.epoch);
        claims.body.is_certain = delivered.is_certain;
        let ticket = self.seal(ctx, &claims)?;
        let (number, is_certain) = (number.masked(), delivered.is_certain);
        Ok(PendingPhone { ticket, expires_at: claims.expires_at, number, is_certain })
    }
}
