//! Sealed tickets: what must survive between two HTTP requests, kept by the host or the browser.
//!
//! A ticket is bound to tenant, subject, session binding and kind by its seal, and carries the epoch it was made in
//! and an expiry. It may be presented any number of times; what makes a step single-use is the versioned commit.

mod body;

use std::fmt;
use std::marker::PhantomData;

use data_encoding::BASE64URL_NOPAD;
use mfa_core::id::Epoch;
use mfa_core::time::UnixSeconds;
use mfa_policy::Purpose;

pub(crate) use body::{
    Claim, Confirmed, ConfirmedAuthenticator, EnrollMode, FreshCodes, PendingApp, PendingPhone, Question,
    get_first_factor, get_parameters, put_first_factor, put_parameters,
};

use crate::codec::{
    Get, GetResult, Put, PutResult, get_array, get_fields, get_option, get_time, put_into, required,
};
use crate::context::{CLOCK_SPREAD, Context, FirstFactor};
use crate::error::{Error, Rejection};
use crate::keyring::{Aad, SealBuffer, SealUse, Sealer};
use crate::random::RandomSource;
use crate::record::Record;

/// A sealed ticket of one kind. Opaque, safe to hand to the browser, useless anywhere else.
///
/// A ticket of one kind is no ticket of another:
///
/// ```compile_fail,E0308
/// # fn f(mfa: mfa::Mfa, ctx: mfa::Context, challenge: mfa::Ticket<mfa::kind::Challenge>) {
/// let _ = mfa.enroll_app(&ctx, &challenge);
/// # }
/// ```
pub struct Ticket<K: Kind> {
    text: Box<str>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Ticket<K> {
    /// Takes a ticket back from where it was kept. It is opened, and refused if it is not one of ours, by the call
    /// it is given to.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when it is longer than any ticket.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if text.len() > LONGEST {
            return Err(Rejection::Expired);
        }
        Ok(Self { text: Box::from(text), kind: PhantomData })
    }

    /// The ticket as URL-safe text. Keep it out of URLs all the same: it is as good as a step of the ceremony.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> Clone for Ticket<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

/// Shows the kind, and never the sealed text (INV-10).
impl<K: Kind> fmt::Debug for Ticket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket<{}>(..)", K::NAME)
    }
}

/// Longer than any ticket we make; refused before it is decoded.
const LONGEST: usize = 4096;

/// INV-12: what a ticket opens for is its tenant, subject, sign-in and kind; the epoch is judged beside the record.
fn binding<K: Kind>(ctx: &Context) -> Aad {
    Aad::new(K::NAME)
        .bind(ctx.key().tenant().as_str().as_bytes())
        .bind(ctx.key().subject().as_str().as_bytes())
        .bind(ctx.session().as_bytes())
}

/// What every ticket carries, and the part of its kind.
pub(crate) struct Claims<K: Claim> {
    pub(crate) issued_at: UnixSeconds,
    pub(crate) expires_at: UnixSeconds,
    /// The record's epoch; `None` when there was no record.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) first: FirstFactor,
    pub(crate) purpose: Purpose,
    /// The record's generation of sessions; only what a session has led to depends on it.
    pub(crate) generation: u32,
    pub(crate) body: K::Body,
}

impl<K: Claim> Claims<K> {
    /// Seals the claims into a ticket for this request.
    pub(crate) fn seal(
        &self,
        sealer: &Sealer,
        random: &dyn RandomSource,
        ctx: &Context,
    ) -> Result<Ticket<K>, Error> {
        let mut buffer = SealBuffer::with_capacity(256);
        put_into(buffer.plain(), |e| self.put(e));
        let sealed = sealer.seal(SealUse::Ticket, &binding::<K>(ctx), buffer, random)?;
        Ok(Ticket { text: BASE64URL_NOPAD.encode(&sealed).into_boxed_str(), kind: PhantomData })
    }

    /// Opens a ticket for this request, or answers that it has expired: whatever the reason, the person starts again.
    pub(crate) fn open(
        ticket: &Ticket<K>,
        sealer: &Sealer,
        ctx: &Context,
        now: UnixSeconds,
    ) -> Result<Self, Error> {
        let sealed = BASE64URL_NOPAD.decode(ticket.text.as_bytes()).map_err(|_| Rejection::Expired)?;
        // A retired key's tickets are over, and anybody can write the id of a missing key in front of garbage: neither
        // is for the operator to hear of.
        let plain =
            sealer.open(SealUse::Ticket, &binding::<K>(ctx), &sealed).map_err(|_| Rejection::Expired)?;
        let claims = Self::get(&plain).map_err(|_| Rejection::Expired)?;
        // A ticket from the future was made by a clock that is wrong, here or there; its expiry cannot be trusted.
        if now >= claims.expires_at || now.plus(CLOCK_SPREAD) < claims.issued_at {
            return Err(Rejection::Expired.into());
        }
        Ok(claims)
    }

    /// Whether the record is still the one that these claims were made beside.
    ///
    /// What a sign-in has led to depends on the epoch alone (T2: no wrong guess kills it); what a session has led to also
    /// ends with the session.
    pub(crate) fn stand(&self, record: Option<&Record>) -> bool {
        let is_of_session = self.purpose != Purpose::Session;
        Record::is_epoch(record, self.epoch)
            && (!is_of_session || record.is_none_or(|record| record.generation == self.generation))
    }

    fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.map(7)?;
        e.u8(0)?.u64(self.issued_at.get())?;
        e.u8(1)?.u64(self.expires_at.get())?;
        e.u8(2)?;
        match &self.epoch {
            Some(epoch) => e.bytes(epoch.as_bytes())?,
            None => e.null()?,
        };
        e.u8(3)?;
        put_first_factor(&self.first, e)?;
        e.u8(4)?.u8(self.purpose.id())?;
        e.u8(5)?;
        K::put(&self.body, e)?;
        e.u8(6)?.u32(self.generation)?;
        Ok(())
    }

    fn get(plain: &[u8]) -> GetResult<Self> {
        let (mut issued_at, mut expires_at, mut epoch) = (None, None, None);
        let (mut first, mut purpose, mut body, mut generation) = (None, None, None, None);
        get_fields(&mut Get::new(plain), |key, d| {
            match key {
                0 => issued_at = Some(get_time(d)?),
                1 => expires_at = Some(get_time(d)?),
                2 => epoch = Some(get_option(d, get_array)?.map(Epoch::from_bytes)),
                3 => first = Some(get_first_factor(d)?),
                4 => purpose = Purpose::from_id(d.u8()?),
                5 => body = Some(K::get(d)?),
                6 => generation = Some(d.u32()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            issued_at: required(issued_at, "issued_at")?,
            expires_at: required(expires_at, "expires_at")?,
            epoch: required(epoch, "epoch")?,
            first: required(first, "first factor")?,
            purpose: required(purpose, "purpose")?,
            body: required(body, "body")?,
            generation: required(generation, "generation")?,
        })
    }
}

/// A kind of ticket: one of those in [`kind`], and nobody else's.
pub trait Kind: sealed::Sealed {}

mod sealed {
    /// Closes [`Kind`](super::Kind).
    pub trait Sealed {
        /// What the seal binds.
        const NAME: &'static str;
    }
}

/// The kinds of ticket there are.
pub mod kind {
    /// A login half done: the second factor is wanted.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Challenge;

    /// May enroll an authenticator now.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Enroll;

    /// An authenticator app that has been shown its key and has not yet shown a code.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Pending;

    /// A phone that a code was sent to, which has not been typed yet.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct PendingPhone;

    /// An authenticator that has shown a right code; the recovery code waits to be saved.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct Confirmed;

    /// A new recovery code that waits to be saved.
    #[derive(Debug)]
    #[non_exhaustive]
    pub struct NewCode;
}

macro_rules! kinds {
    ($($name:ident = $text:literal,)*) => {$(
        impl sealed::Sealed for kind::$name {
            const NAME: &'static str = $text;
        }

        impl Kind for kind::$name {}
    )*};
}

kinds! {
    Challenge = "challenge",
    Enroll = "enroll",
    Pending = "pending",
    Confirmed = "confirmed",
    PendingPhone = "pending-phone",
    NewCode = "new-code",
}
