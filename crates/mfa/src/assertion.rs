//! What a ceremony ends with: proof, bound to subject, sign-in and epoch, sealed for the host's session.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use mfa_core::id::{DeviceId, Epoch};
use mfa_core::time::UnixSeconds;
use mfa_policy::{Method, Purpose};
use minicbor::decode::Error as DecodeError;

use crate::codec::{
    Get, GetResult, Put, PutResult, get_array, get_fields, get_option, get_time, method_from_id, method_id,
    put_into, required,
};
use crate::context::{Context, FirstFactor};
use crate::device::DeviceToken;
use crate::error::{Error, Rejection};
use crate::keyring::{Aad, SealBuffer, SealUse, Sealer};
use crate::random::RandomSource;
use crate::record::Record;
use crate::ticket::{get_first_factor, put_first_factor};
use crate::transaction::TransactionMark;

/// That a subject proved its factors, when and with what. Only a committed success makes one, or a policy decision
/// that asks for nothing (INV-4).
///
/// Keep [`Assertion::as_str`] in the host's session and give it to [`Mfa::check`](crate::Mfa::check).
#[derive(Clone)]
pub struct Assertion {
    proof: Proof,
    device: Option<DeviceToken>,
    sealed: Box<str>,
}

/// A second factor that was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondFactor {
    /// With what.
    pub method: Method,
    /// When: the time of the factor, not of any session.
    pub at: UnixSeconds,
}

impl Assertion {
    /// The assertion as sealed text. It opens only for the same subject, tenant and session binding.
    pub fn as_str(&self) -> &str {
        &self.sealed
    }

    /// The second factor, if one was proved.
    pub fn second_factor(&self) -> Option<SecondFactor> {
        self.proof.second
    }

    /// When the first factor was proved.
    pub fn first_factor_at(&self) -> UnixSeconds {
        self.proof.first.at()
    }

    /// What it was wanted for.
    pub fn purpose(&self) -> Purpose {
        self.proof.purpose
    }

    /// When it was made.
    pub fn issued_at(&self) -> UnixSeconds {
        self.proof.at
    }

    /// The token for this device, where the person asked to be remembered and policy allows it: for a cookie that outlives
    /// the session, and later [`Context::device`]. Only [`Mfa::verify`](crate::Mfa::verify) hands it out, once.
    pub fn device_token(&self) -> Option<&DeviceToken> {
        self.device.as_ref()
    }

    /// The authentication method references, such as `["pwd", "otp", "mfa"]`.
    ///
    /// What an identity provider says is repeated only where policy trusts it; otherwise no more than its `pwd` is, so
    /// that `mfa` here always means what it says.
    ///
    /// # Source
    /// RFC 8176 section 2.
    pub fn amr(&self) -> Vec<&str> {
        let Proof { first, trusts_first, second, .. } = &self.proof;
        let mut amr = first.amr();
        if first.is_sso() && !trusts_first {
            amr.retain(|value| *value == "pwd");
        }
        if let Some(second) = second {
            let method = if second.method == Method::Sms { "sms" } else { "otp" };
            for value in [method, "mfa"] {
                if !amr.contains(&value) {
                    amr.push(value);
                }
            }
        }
        amr
    }

    pub(crate) fn epoch(&self) -> Option<Epoch> {
        self.proof.epoch
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    pub(crate) fn with_device(mut self, token: DeviceToken) -> Self {
        self.device = Some(token);
        self
    }

    pub(crate) fn seal(
        sealer: &Sealer,
        random: &dyn RandomSource,
        ctx: &Context,
        proof: Proof,
    ) -> Result<Self, Error> {
        let mut assertion = Self { proof, device: None, sealed: Box::default() };
        let mut buffer = SealBuffer::with_capacity(128);
        put_into(buffer.plain(), |e| assertion.proof.put(e));
        let sealed = sealer.seal(SealUse::Assertion, &binding(ctx), buffer, random)?;
        assertion.sealed = BASE64URL_NOPAD.encode(&sealed).into_boxed_str();
        Ok(assertion)
    }

    pub(crate) fn open(sealer: &Sealer, ctx: &Context, text: &str) -> Result<Self, Rejection> {
        if text.len() > LONGEST {
            return Err(Rejection::Expired);
        }
        let sealed = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Rejection::Expired)?;
        let plain =
            sealer.open(SealUse::Assertion, &binding(ctx), &sealed).map_err(|_| Rejection::Expired)?;
        let proof = Proof::get(&plain).map_err(|_| Rejection::Expired)?;
        Ok(Self { proof, device: None, sealed: Box::from(text) })
    }
}

/// The facts that an assertion is made of.
#[derive(Clone)]
pub(crate) struct Proof {
    pub(crate) first: FirstFactor,
    /// Whether policy trusted the identity provider's `amr` when this was made.
    pub(crate) trusts_first: bool,
    pub(crate) second: Option<SecondFactor>,
    pub(crate) purpose: Purpose,
    pub(crate) epoch: Option<Epoch>,
    /// The record's generation of sessions.
    pub(crate) generation: u32,
    /// The remembered device that stood in for the second factor.
    pub(crate) device: Option<DeviceId>,
    /// What was confirmed, where the purpose is a transaction.
    pub(crate) transaction: Option<TransactionMark>,
    pub(crate) at: UnixSeconds,
}

impl Proof {
    /// That the first factor was right, and nothing more.
    pub(crate) fn of_first(first: FirstFactor, record: Option<&Record>, now: UnixSeconds) -> Self {
        Self {
            first,
            trusts_first: false,
            second: None,
            purpose: Purpose::Session,
            epoch: record.map(|record| record.epoch),
            generation: record.map_or(0, |record| record.generation),
            device: None,
            transaction: None,
            at: now,
        }
    }

    /// That both factors were right.
    pub(crate) fn of_both(
        first: FirstFactor,
        second: SecondFactor,
        record: &Record,
        now: UnixSeconds,
    ) -> Self {
        Self { second: Some(second), ..Self::of_first(first, Some(record), now) }
    }

    fn put(&self, e: &mut Put<'_>) -> PutResult {
        let optional =
            [self.second.is_some(), self.generation != 0, self.device.is_some(), self.transaction.is_some()];
        let optional = optional.iter().filter(|there| **there).count() as u64;
        e.map(optional.saturating_add(5))?;
        e.u8(0)?.u64(self.at.get())?;
        e.u8(1)?;
        put_first_factor(&self.first, e)?;
        e.u8(2)?.u8(self.purpose.id())?;
        e.u8(3)?;
        match &self.epoch {
            Some(epoch) => e.bytes(epoch.as_bytes())?,
            None => e.null()?,
        };
        e.u8(5)?.bool(self.trusts_first)?;
        if let Some(second) = self.second {
            e.u8(4)?;
            second.put(e)?;
        }
        if self.generation != 0 {
            e.u8(6)?.u32(self.generation)?;
        }
        if let Some(device) = &self.device {
            e.u8(7)?.bytes(device.as_bytes())?;
        }
        if let Some(transaction) = &self.transaction {
            e.u8(8)?;
            transaction.put(e)?;
        }
        Ok(())
    }

    fn get(plain: &[u8]) -> GetResult<Self> {
        let (mut at, mut first, mut purpose, mut epoch, mut second) = (None, None, None, None, None);
        let (mut trusts_first, mut generation, mut device, mut transaction) = (false, 0, None, None);
        get_fields(&mut Get::new(plain), |key, d| {
            match key {
                0 => at = Some(get_time(d)?),
                1 => first = Some(get_first_factor(d)?),
                2 => purpose = Purpose::from_id(d.u8()?),
                3 => epoch = Some(get_option(d, get_array)?.map(Epoch::from_bytes)),
                4 => second = Some(SecondFactor::get(d)?),
                5 => trusts_first = d.bool()?,
                6 => generation = d.u32()?,
                7 => device = Some(DeviceId::from_bytes(get_array(d)?)),
                8 => transaction = Some(TransactionMark::get(d)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            first: required(first, "first factor")?,
            trusts_first,
            second,
            purpose: required(purpose, "purpose")?,
            epoch: required(epoch, "epoch")?,
            generation,
            device,
            transaction,
            at: required(at, "issued_at")?,
        })
    }
}

/// Shows what was proved, and never the sealed text (INV-10): it is as good as the session.
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("amr", &self.amr())
            .field("purpose", &self.proof.purpose)
            .field("issued_at", &self.proof.at)
            .finish_non_exhaustive()
    }
}

impl SecondFactor {
    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(2)?.u8(method_id(self.method))?.u64(self.at.get())?;
        Ok(())
    }

    pub(crate) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        if d.array()? != Some(2) {
            return Err(DecodeError::message("a second factor of another shape"));
        }
        let method = method_from_id(d.u8()?).ok_or_else(|| DecodeError::message("an unknown method"))?;
        Ok(Self { method, at: get_time(d)? })
    }
}

fn binding(ctx: &Context) -> Aad {
    Aad::new("assertion")
        .bind(ctx.key().tenant().as_str().as_bytes())
        .bind(ctx.key().subject().as_str().as_bytes())
        .bind(ctx.session().as_bytes())
}

/// Longer than any assertion we make; refused before it is decoded.
const LONGEST: usize = 4096;
