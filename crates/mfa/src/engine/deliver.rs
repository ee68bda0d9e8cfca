//! Sending one text: may it go, what does it cost, is its code on record, who takes it, and what if nobody does.

use std::time::Duration;

use mfa_core::id::{Epoch, ReservationId, SubjectKey};
use mfa_core::phone::PhoneNumber;
use mfa_core::time::UnixSeconds;
use mfa_policy::numbers::Destination;
use mfa_policy::{Decision, Purpose, Region};
use mfa_sms::text::{Amount, Brand, Language, Payee, Purpose as TextPurpose, Text};
use mfa_sms::{Conversion, IdempotencyKey, TextMessage};
use mfa_storage::{Spend, SpendOutcome};

use super::Inner;
use crate::context::Context;
use crate::decide::{self, Sending};
use crate::error::{Error, Rejection, Unavailable};
use crate::event::{Event, EventKind, EventMethod};
use crate::random::Draw;
use crate::record::{CodeUse, Record, Stored};
use crate::texting::Texting;
use crate::transaction::Transaction;

/// Whether a text went for certain, and the epoch its code is on record under.
pub(super) struct Delivered {
    pub(super) is_certain: bool,
    pub(super) epoch: Epoch,
}

impl Inner {
    /// Sends one text: asks whether it may go, reserves what it costs from the narrowest budget to the widest, puts its
    /// code on record, and hands it over. What certainly did not go costs nobody anything.
    #[expect(clippy::too_many_arguments, reason = "each is one of the things a text depends on")]
    pub(super) async fn deliver(
        &self,
        ctx: &Context,
        decision: &Decision<'_>,
        number: &PhoneNumber,
        code_use: CodeUse,
        transaction: Option<&Transaction>,
        epoch: Option<Epoch>,
        now: UnixSeconds,
        mut decide: impl FnMut(
            Option<Record>,
            usize,
            &mut decide::Moment<'_>,
        ) -> Result<decide::Verdict<Sending>, Error>,
    ) -> Result<Delivered, Error> {
        let texting = self.texting.as_ref().ok_or(Rejection::NotAllowed)?;
        let per_day = texting.budgets.subject_per_day;
        // Asked first without any effect: what is refused anyway costs no budget and no question about the number.
        let record = self.load(ctx, epoch, now).await?.record;
        if let decide::Verdict::Refuse(rejection) =
            decide(record, per_day, &mut self.moment(ctx, decision, now))?
        {
            return Err(rejection.into());
        }
        let destination = decision.sms_to(texting.plan(), number).map_err(Rejection::Number)?;
        self.check_stops(destination).await?;
        if texting.has_changed(number).await {
            return self.withhold(ctx, decision, epoch, code_use, now).await;
        }
        let reservation = self.reserve(texting, ctx, number, destination, now).await?;
        let committed = self
            .transact(ctx, epoch, self.moment(ctx, decision, now), |record, moment| {
                decide(record, per_day, moment)
            })
            .await;
        let sending = match committed {
            Ok(sending) => sending,
            Err(error) => {
                // Where the commit may have been applied after all, no text went for it: the budget is given back.
                self.give_back(&reservation, now).await;
                return Err(error);
            }
        };
        if texting.conversions.sent(sending.destination.region(), now) {
            self.stop_texts(Some(sending.destination.region()), true).await?;
        }
        self.hand_over(texting, ctx, decision, code_use, transaction, sending, &reservation, now).await
    }

    #[expect(clippy::too_many_arguments, reason = "each is one of the things a text depends on")]
    async fn hand_over(
        &self,
        texting: &Texting,
        ctx: &Context,
        decision: &Decision<'_>,
        code_use: CodeUse,
        transaction: Option<&Transaction>,
        sending: Sending,
        reservation: &ReservationId,
        now: UnixSeconds,
    ) -> Result<Delivered, Error> {
        let text = Text::new(brand(ctx, texting), texting.origin.clone());
        let language = Language::negotiate(ctx.languages());
        let body = text.compose(&sending.code, &text_purpose(code_use, transaction), language);
        let expires_at = now.plus(decision.sms_code_lifetime());
        let key = IdempotencyKey::from_bytes(*reservation.as_bytes());
        let message = TextMessage::new(sending.number, body, key, expires_at);
        let sent = texting.sender.send(&message).await;
        match sent {
            Ok(receipt) => {
                texting.feedback.sent(ctx.key(), code_use, receipt, expires_at);
                Ok(Delivered { is_certain: true, epoch: sending.epoch })
            }
            Err(error) if !error.is_definite() => Ok(Delivered { is_certain: false, epoch: sending.epoch }),
            Err(error) => {
                // E10: given back in full, and counted as no failure of the person's.
                self.give_back(reservation, now).await;
                self.transact(ctx, None, self.moment(ctx, decision, now), |record, moment| {
                    let record = record.ok_or(Rejection::Expired)?;
                    Ok(decide::not_sent(record, code_use, now, moment))
                })
                .await?;
                Err(Unavailable::Delivery(error).into())
            }
        }
    }

    async fn reserve(
        &self,
        texting: &Texting,
        ctx: &Context,
        number: &PhoneNumber,
        destination: Destination,
        now: UnixSeconds,
    ) -> Result<ReservationId, Error> {
        let buckets = texting.budgets.buckets(&self.sealer, ctx, number, destination.region());
        let buckets = buckets.ok_or(Unavailable::MissingKey { id: self.sealer.current_id() })?;
        let reservation = ReservationId::draw(&mut Draw(&*self.random))?;
        let spend = Spend { reservation, buckets, lapses_after: RESERVATION_LIFETIME };
        match self.storage.spend(&spend, now).await? {
            SpendOutcome::Granted => Ok(reservation),
            SpendOutcome::Exhausted { until, .. } => Err(Rejection::TextThrottled { until }.into()),
        }
    }

    /// Storage that cannot take it back keeps it spent: the safe side.
    async fn give_back(&self, reservation: &ReservationId, now: UnixSeconds) {
        drop(self.storage.refund(reservation, now).await);
    }

    /// Tells that a text was withheld, where there is a record to tell it of.
    async fn withhold<T>(
        &self,
        ctx: &Context,
        decision: &Decision<'_>,
        epoch: Option<Epoch>,
        code_use: CodeUse,
        now: UnixSeconds,
    ) -> Result<T, Error> {
        self.transact(ctx, epoch, self.moment(ctx, decision, now), |record, moment| {
            let Some(record) = record else { return Ok(decide::Verdict::Refuse(Rejection::TextWithheld)) };
            let event = Event::of(moment.ctx, EventKind::TextWithheld, now).with(EventMethod::Sms);
            let event = match code_use {
                CodeUse::Enrollment => event,
                CodeUse::Challenge(purpose) => event.wanted_for(purpose),
            };
            Ok(decide::Verdict::<()>::commit(record, vec![event], Err(Rejection::TextWithheld)))
        })
        .await?;
        Err(Rejection::TextWithheld.into())
    }

    /// Tells a number that it was taken from an account: whoever still holds it hears of it there. Where policy or a budget
    /// lets no text go, or nobody takes it, the event alone tells.
    pub(super) async fn tell_removed(
        &self,
        ctx: &Context,
        decision: &Decision<'_>,
        number: Option<PhoneNumber>,
        now: UnixSeconds,
    ) {
        let (Some(texting), Some(number)) = (&self.texting, number) else { return };
        let Ok(destination) = decision.sms_to(texting.plan(), &number) else { return };
        if self.check_stops(destination).await.is_err() {
            return;
        }
        let Ok(reservation) = self.reserve(texting, ctx, &number, destination, now).await else { return };
        let text = Text::new(brand(ctx, texting), texting.origin.clone());
        let body = text.number_removed(Language::negotiate(ctx.languages()));
        let key = IdempotencyKey::from_bytes(*reservation.as_bytes());
        let message = TextMessage::new(number, body, key, now.plus(NOTICE_LIFETIME));
        if texting.sender.send(&message).await.is_err_and(|error| error.is_definite()) {
            self.give_back(&reservation, now).await;
        }
    }

    /// Notes, for the watch over toll fraud and for the provider, that a code was typed.
    pub(super) fn came_back(
        &self,
        ctx: &Context,
        decision: &Decision<'_>,
        number: &PhoneNumber,
        code_use: CodeUse,
    ) {
        let Some(texting) = &self.texting else { return };
        texting.feedback.verified(ctx.key(), code_use);
        if let Ok(destination) = decision.sms_to(texting.plan(), number) {
            texting.conversions.verified(destination.region());
        }
    }

    /// Tells providers which of their texts came back. Whoever does not take it is not told again; the rest waits for the next
    /// call, so that a provider that is down holds nobody for long.
    pub(super) async fn give_feedback(&self, now: UnixSeconds) {
        let Some(texting) = &self.texting else { return };
        while let Some(receipt) = texting.feedback.next(now) {
            if texting.sender.feedback(&receipt, Conversion::Verified).await.is_err() {
                return;
            }
        }
    }

    async fn check_stops(&self, destination: Destination) -> Result<(), Error> {
        let stops = self.stops().await?;
        let is_stopped = |stop: &str| stop == EVERYWHERE || stop == destination.region().as_str();
        match stops.iter().any(|stop| is_stopped(stop)) {
            true => Err(Unavailable::TextsStopped.into()),
            false => Ok(()),
        }
    }

    pub(super) async fn stops(&self) -> Result<Vec<Box<str>>, Error> {
        let key = stops_key()?;
        let loaded = Stored::open(&self.sealer, &key, self.storage.load(&key).await?)?;
        Ok(loaded.record.map(|record| record.stops).unwrap_or_default())
    }

    pub(super) async fn stop_texts(&self, region: Option<Region>, stop: bool) -> Result<(), Error> {
        let now = self.now()?;
        let name = region.map_or(EVERYWHERE, Region::as_str);
        let kind = if stop { EventKind::TextsStopped } else { EventKind::TextsResumed };
        let event = Event::system(kind, now).named(name);
        if let (Some(region), Some(texting), false) = (region, &self.texting, stop) {
            texting.conversions.forget(region);
        }
        self.system_change(&stops_key()?, event, now, |record| {
            record.stops.retain(|known| **known != *name);
            if stop {
                record.stops.push(Box::from(name));
            }
        })
        .await
    }
}

fn stops_key() -> Result<SubjectKey, Error> {
    Ok(SubjectKey::system("texts").map_err(|_| Unavailable::RecordUnreadable)?)
}

/// The realm's name, as texts can carry it, or the host of the page.
fn brand(ctx: &Context, texting: &Texting) -> Brand {
    let short: String = ctx.realm().issuer().chars().take(Brand::MAX_CHARACTERS).collect();
    Brand::parse(&short).unwrap_or_else(|_| Brand::from(&texting.origin))
}

fn text_purpose(code_use: CodeUse, transaction: Option<&Transaction>) -> TextPurpose {
    match (code_use, transaction) {
        (CodeUse::Enrollment, _) => TextPurpose::Enrollment,
        (CodeUse::Challenge(Purpose::Transaction), Some(transaction)) => {
            let amount = format!("{} {}", transaction.amount(), transaction.currency());
            match (Amount::parse(&amount), Payee::parse(transaction.payee())) {
                (Ok(amount), Ok(payee)) => TextPurpose::Payment { amount, payee },
                // No text leaves out what it is for: without the amount this reads as what it is, a confirmation.
                _ => TextPurpose::StepUp,
            }
        }
        (CodeUse::Challenge(Purpose::Session), _) => TextPurpose::SignIn,
        (CodeUse::Challenge(Purpose::Manage), _) => TextPurpose::Management,
        _ => TextPurpose::StepUp,
    }
}

/// A notice that comes later than this says nothing that is news.
const NOTICE_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Stands for every region in what is stopped.
const EVERYWHERE: &str = "*";
/// A sender answers within ten seconds, or is given up; after this nothing is given back any more.
const RESERVATION_LIFETIME: Duration = Duration::from_secs(10 * 60);
