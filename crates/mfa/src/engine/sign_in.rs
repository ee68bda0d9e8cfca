//! From a right first factor to an assertion, and what an assertion is worth later.

use mfa_core::phone::Masked;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Method, Methods, Purpose};

use super::{Inner, Mfa};
use crate::assertion::{Assertion, Proof};
use crate::context::{Context, FirstFactor};
use crate::decide::{self, Begun, Standing, Verified};
use crate::device::{DeviceClaim, DeviceToken};
use crate::error::{Error, Rejection};
#[cfg(feature = "sms")]
use crate::record::CodeUse;
use crate::record::Record;
use crate::ticket::{Claim, Claims, EnrollMode, Question, Ticket, kind};
use crate::transaction::Transaction;

/// What comes after a right first factor.
#[derive(Debug)]
#[must_use = "only Proved signs the person in"]
#[expect(clippy::exhaustive_enums, reason = "a host that forgot a step would sign people in, or never")]
pub enum Next {
    /// Nothing more is asked.
    Proved(Assertion),
    /// May enroll now, or [skip](Mfa::skip).
    Offer(Menu),
    /// Must enroll before anything else.
    Enroll(Menu),
    /// Must answer with an authenticator.
    Challenge(Challenge),
    /// Too many failures: nothing is compared until then. A recovery code still is.
    Throttled {
        /// When the next attempt is accepted.
        until: UnixSeconds,
        /// For [`Mfa::recover`].
        recover: Ticket<kind::Challenge>,
    },
    /// Enrolled, but nothing usable: a recovery code, or a reset.
    RecoverOnly(Ticket<kind::Challenge>),
}

/// What may be enrolled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Menu {
    /// For [`Mfa::enroll_app`], and for [`Mfa::skip`] where it was an offer.
    pub ticket: Ticket<kind::Enroll>,
    /// The methods that policy allows; the app is always among them, and first.
    pub methods: Methods,
    /// From when enrolling is a must, where a date is set.
    pub required_from: Option<UnixSeconds>,
    /// Whether the code that was handed over after a reset must be given first, with [`Mfa::bind`].
    pub needs_binding_code: bool,
}

/// A second factor that is wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Challenge {
    /// For [`Mfa::verify`] and [`Mfa::recover`].
    pub ticket: Ticket<kind::Challenge>,
    /// The methods that the subject can answer with.
    pub methods: Methods,
}

/// How a challenge stands at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChallengeStatus {
    /// The methods that the subject can answer with now; empty where only a recovery code helps.
    pub methods: Methods,
    /// Until when nothing is compared, if it is so. A recovery code still is.
    pub throttled_until: Option<UnixSeconds>,
    /// When the ticket is over.
    pub expires_at: UnixSeconds,
    /// What the answer is wanted for.
    pub purpose: Purpose,
    /// What is confirmed, where the purpose is a transaction. Show this, and nothing that the request brought.
    pub transaction: Option<Transaction>,
    /// The method that was chosen to answer with; for [`Method::Sms`] a text has been asked for.
    pub chosen: Option<Method>,
    /// Whether the text that was asked for certainly went. If not, it may have gone all the same: its code is good.
    pub is_text_certain: bool,
    /// The number that a text goes to, where the subject can answer with one.
    pub number: Option<Masked>,
    /// Until when no other text goes, if it is so.
    pub next_text_at: Option<UnixSeconds>,
    /// For how long this device would be remembered if asked, where policy allows that.
    pub remember_for: Option<std::time::Duration>,
}

/// Whether this device should be remembered, where policy allows that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remember {
    /// Ask again at the next sign-in.
    #[default]
    No,
    /// Hand out a [`DeviceToken`](crate::DeviceToken) with the assertion, if policy remembers devices.
    Yes,
}

impl Mfa {
    /// Begins a sign-in: the first factor was right, what comes next? Reads the record and changes nothing.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when the record cannot be told, or is missing though the host
    /// [knows the subject as enrolled](Context::known_enrolled).
    pub async fn begin(&self, ctx: &Context, first: FirstFactor) -> Result<Next, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let moment = inner.moment(ctx, &decision, now);
        let record = inner.load(ctx, None, now).await?.record;
        let device = ctx.device_token().and_then(|token| token.open(&inner.sealer, ctx));
        let begun = decide::begin(record.as_ref(), &first, device.as_ref(), &moment);
        let menu = |required_from| -> Result<Menu, Error> {
            let lifetime = inner.lifetimes.enrollment;
            let claims = claims(EnrollMode::First, record.as_ref(), first.clone(), now, lifetime);
            let needs_binding_code = decide::needs_binding_code(record.as_ref());
            let ticket = inner.seal(ctx, &claims)?;
            Ok(Menu { ticket, methods: moment.methods(), required_from, needs_binding_code })
        };
        let challenge = || {
            inner.unfinished.begun(ctx, now);
            let lifetime = inner.lifetimes.challenge;
            let claims = claims(Question::default(), record.as_ref(), first.clone(), now, lifetime);
            inner.seal::<kind::Challenge>(ctx, &claims)
        };
        Ok(match begun {
            Begun::Proved { by_device } => {
                let proof = Proof {
                    trusts_first: decide::is_trusted(&first, &moment),
                    device: device.filter(|_| by_device).map(|device| device.id),
                    ..Proof::of_first(first, record.as_ref(), now)
                };
                Next::Proved(inner.assertion(ctx, proof)?)
            }
            Begun::Offer { required_from } => Next::Offer(menu(required_from)?),
            Begun::Enroll => Next::Enroll(menu(None)?),
            Begun::Challenge { methods } => Next::Challenge(Challenge { ticket: challenge()?, methods }),
            Begun::Throttled { until } => Next::Throttled { until, recover: challenge()? },
            Begun::RecoverOnly => Next::RecoverOnly(challenge()?),
        })
    }

    /// Declines an offer to enroll, where policy still allows that at this moment.
    ///
    /// # Errors
    /// [`Rejection::NotAllowed`] once enrolling is a must, [`Rejection::Expired`] when the ticket is over.
    pub async fn skip(&self, ctx: &Context, ticket: &Ticket<kind::Enroll>) -> Result<Assertion, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let record = inner.load(ctx, claims.epoch, now).await?.record;
        let proof = decide::may_skip(record.as_ref(), &claims, &inner.moment(ctx, &decision, now))?;
        inner.assertion(ctx, proof)
    }

    /// Looks at a challenge, for a page that is about to show it. Changes and counts nothing.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when the ticket is over, [`Unavailable`](crate::Unavailable) when the record cannot be told.
    pub async fn challenge_status(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
    ) -> Result<ChallengeStatus, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let record = inner.load(ctx, claims.epoch, now).await?.record.ok_or(Rejection::Expired)?;
        let (methods, throttled_until) =
            decide::challenge_status(&record, &claims, &inner.moment(ctx, &decision, now))?;
        let Claims { expires_at, purpose, body, .. } = claims;
        let Question { method: chosen, transaction, is_unsure } = body;
        let by_text = methods.contains(Method::Sms);
        Ok(ChallengeStatus {
            methods,
            throttled_until,
            expires_at,
            purpose,
            transaction,
            chosen,
            is_text_certain: !is_unsure,
            number: record.phone().filter(|_| by_text).map(|phone| phone.number.masked()),
            next_text_at: if by_text { inner.next_text_at(&record, now) } else { None },
            remember_for: decision.remember_device().filter(|_| purpose == Purpose::Session),
        })
    }

    /// Says in the ticket with which method the challenge will be answered, where there is a choice. For a code by text,
    /// [`Mfa::send_code`] says it too, and sends one.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when the ticket is over.
    pub fn choose(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
        method: Method,
    ) -> Result<Ticket<kind::Challenge>, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let body = Question { method: Some(method), ..opened.body };
        inner.seal(ctx, &Claims::<kind::Challenge> { body, ..opened })
    }

    /// Checks a typed code. One read and one commit, whatever the outcome.
    ///
    /// # Errors
    /// [`Rejection`]: `WrongCode`, `AlreadyUsed`, `Malformed` (no attempt spent), `Throttled` (no attempt spent),
    /// `Expired`, `NotAllowed`, and for a transaction `SessionEnded` at the tenth wrong code. [`Unavailable`](crate::Unavailable) when the outcome could not be made durable: not signed in.
    pub async fn verify(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
        code: &str,
        remember: Remember,
    ) -> Result<Assertion, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let remember = remember == Remember::Yes;
        let verified = inner
            .transact(ctx, claims.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::verify(record, &claims, code, remember, moment)?)
            })
            .await?;
        inner.unfinished.ended(ctx);
        #[cfg(feature = "sms")]
        if let Some(number) = &verified.texted {
            inner.came_back(ctx, &decision, number, CodeUse::Challenge(claims.purpose));
        }
        let Verified { proof, device, .. } = verified;
        let claim = device.zip(proof.epoch).map(|(id, epoch)| DeviceClaim { id, epoch });
        let assertion = inner.assertion(ctx, proof)?;
        match claim {
            Some(claim) => {
                let token = DeviceToken::seal(&inner.sealer, &*inner.random, ctx, &claim)?;
                Ok(assertion.with_device(token))
            }
            None => Ok(assertion),
        }
    }

    /// Finds out how far off the clock of the subject's app is, from two codes that it showed one after the other, and
    /// remembers it. Both codes are used up; nobody is signed in by them. Counts as one attempt.
    ///
    /// # Errors
    /// As [`Mfa::verify`].
    ///
    /// # Source
    /// RFC 4226 section 7.4, RFC 6238 section 6.
    pub async fn resynchronise(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
        first: &str,
        second: &str,
    ) -> Result<(), Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let claims = Claims::open(ticket, &inner.sealer, ctx, now)?;
        inner
            .transact(ctx, claims.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::resynchronise(record, &claims, first, second, moment)?)
            })
            .await
    }

    /// Checks a recovery code and opens, or goes on with, the recovery. All it grants is enrolling a replacement.
    ///
    /// # Errors
    /// As [`Mfa::verify`]; the code has a throttling window of its own that guesses at the app never touch.
    pub async fn recover(
        &self,
        ctx: &Context,
        ticket: &Ticket<kind::Challenge>,
        recovery_code: &str,
    ) -> Result<Menu, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let opened = Claims::open(ticket, &inner.sealer, ctx, now)?;
        let epoch = inner
            .transact(ctx, opened.epoch, inner.moment(ctx, &decision, now), |record, moment| {
                let record = record.ok_or(Rejection::Expired)?;
                Ok(decide::recover(record, &opened, recovery_code, moment)?)
            })
            .await?;
        let claims = Claims::<kind::Enroll> {
            issued_at: now,
            expires_at: now.plus(inner.lifetimes.enrollment),
            epoch: Some(epoch),
            body: EnrollMode::Recovery,
            first: opened.first,
            purpose: opened.purpose,
            generation: opened.generation,
        };
        let methods = inner.moment(ctx, &decision, now).methods();
        inner.menu_of(ctx, &claims, methods)
    }

    /// Takes an assertion back from the host's session. It may be over: [`Mfa::check`] tells.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when it is not ours, or belongs to another subject, tenant or sign-in.
    pub fn open_assertion(&self, ctx: &Context, text: &str) -> Result<Assertion, Error> {
        Ok(Assertion::open(&self.inner.sealer, ctx, text)?)
    }

    /// Judges an assertion by the record and the policy of this moment. Management, step-up and payments always ask;
    /// an ordinary page may keep an answer for a minute.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Unavailable) when the record cannot be told: refuse the request.
    pub async fn check(
        &self,
        ctx: &Context,
        assertion: &Assertion,
        purpose: Purpose,
    ) -> Result<Standing, Error> {
        let (inner, now) = (&*self.inner, self.inner.now()?);
        let policy = inner.policy();
        let decision = policy.decide(ctx.subject().attributes(), now);
        let record = inner.load(ctx, assertion.epoch(), now).await?.record;
        Ok(decide::check(record.as_ref(), assertion.proof(), purpose, &inner.moment(ctx, &decision, now)))
    }
}

impl Inner {
    /// Until when the subject gets no other text.
    #[cfg_attr(not(feature = "sms"), expect(clippy::unused_self, reason = "no texts are sent"))]
    fn next_text_at(&self, record: &Record, now: UnixSeconds) -> Option<UnixSeconds> {
        #[cfg(feature = "sms")]
        return record.texts.wait(now, self.texting.as_ref()?.budgets.subject_per_day);
        #[cfg(not(feature = "sms"))]
        {
            let _ = (record, now);
            None
        }
    }

    pub(super) fn seal<K: Claim>(&self, ctx: &Context, claims: &Claims<K>) -> Result<Ticket<K>, Error> {
        claims.seal(&self.sealer, &*self.random, ctx)
    }

    pub(super) fn assertion(&self, ctx: &Context, proof: Proof) -> Result<Assertion, Error> {
        Assertion::seal(&self.sealer, &*self.random, ctx, proof)
    }

    /// The menu of an enrollment for which nothing more is needed.
    pub(super) fn menu_of(
        &self,
        ctx: &Context,
        claims: &Claims<kind::Enroll>,
        methods: Methods,
    ) -> Result<Menu, Error> {
        let ticket = self.seal(ctx, claims)?;
        Ok(Menu { ticket, methods, required_from: None, needs_binding_code: false })
    }
}

/// The claims of a sign-in.
fn claims<K: Claim>(
    body: K::Body,
    record: Option<&Record>,
    first: FirstFactor,
    now: UnixSeconds,
    lifetime: std::time::Duration,
) -> Claims<K> {
    Claims {
        issued_at: now,
        expires_at: now.plus(lifetime),
        epoch: record.map(|record| record.epoch),
        generation: record.map_or(0, |record| record.generation),
        first,
        purpose: Purpose::Session,
        body,
    }
}
