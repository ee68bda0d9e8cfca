//! What a ceremony ends with: proof, bound to subject, sign-in and epoch, sealed for the host's session.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use mfa_core::id::Epoch;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Method, Purpose};
use minicbor::decode::Error as DecodeError;

use crate::codec::{
    Get, GetResult, Put, PutResult, get_array, get_fields, get_option, get_time, method_from_id, method_id,
    put_into, required,
};
use crate::context::{Context, FirstFactor};
use crate::error::{Error, Rejection};
use crate::keyring::{Aad, SealBuffer, SealUse, Sealer};
use crate::random::RandomSource;
use crate::ticket::{get_first_factor, put_first_factor};

/// That a subject proved its factors, when and with what. Only a committed success makes one, or a policy decision
/// that asks for nothing (INV-4).
///
/// Keep [`Assertion::as_str`] in the host's session and give it to [`Mfa::check`](crate::Mfa::check).
#[derive(Clone)]
pub struct Assertion {
    first: FirstFactor,
    second: Option<SecondFactor>,
    purpose: Purpose,
    epoch: Option<Epoch>,
    issued_at: UnixSeconds,
    /// Whether policy trusted the identity provider's `amr` when this was made.
    trusts_first: bool,
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
        self.second
    }

    /// When the first factor was proved.
    pub fn first_factor_at(&self) -> UnixSeconds {
        self.first.at()
    }

    /// What it was wanted for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// When it was made.
    pub fn issued_at(&self) -> UnixSeconds {
        self.issued_at
    }

    /// The authentication method references, such as `["pwd", "otp", "mfa"]`.
    ///
    /// What an identity provider says is repeated only where policy trusts it; otherwise no more than its `pwd` is, so
    /// that `mfa` here always means what it says.
    ///
    /// # Source
    /// RFC 8176 section 2.
    pub fn amr(&self) -> Vec<&str> {
        let mut amr = self.first.amr();
        if self.first.is_sso() && !self.trusts_first {
            amr.retain(|value| *value == "pwd");
        }
        if let Some(second) = self.second {
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
        self.epoch
    }

    pub(crate) fn first_factor(&self) -> &FirstFactor {
        &self.first
    }

    pub(crate) fn seal(
        sealer: &Sealer,
        random: &dyn RandomSource,
        ctx: &Context,
        proof: Proof,
    ) -> Result<Self, Error> {
        let Proof { first, trusts_first, second, purpose, epoch, at } = proof;
        let mut assertion =
            Self { first, second, purpose, epoch, issued_at: at, trusts_first, sealed: Box::default() };
        let mut buffer = SealBuffer::with_capacity(128);
        put_into(buffer.plain(), |e| assertion.put(e));
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
        Self::get(&plain, text).map_err(|_| Rejection::Expired)
    }

    fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.map(if self.second.is_some() { 6 } else { 5 })?;
        e.u8(0)?.u64(self.issued_at.get())?;
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
            e.u8(4)?.array(2)?.u8(method_id(second.method))?.u64(second.at.get())?;
        }
        Ok(())
    }

    fn get(plain: &[u8], text: &str) -> GetResult<Self> {
        let (mut issued_at, mut first, mut purpose, mut epoch, mut second) = (None, None, None, None, None);
        let mut trusts_first = false;
        get_fields(&mut Get::new(plain), |key, d| {
            match key {
                0 => issued_at = Some(get_time(d)?),
                1 => first = Some(get_first_factor(d)?),
                2 => purpose = Purpose::from_id(d.u8()?),
                3 => epoch = Some(get_option(d, get_array)?.map(Epoch::from_bytes)),
                4 => second = Some(get_second(d)?),
                5 => trusts_first = d.bool()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            issued_at: required(issued_at, "issued_at")?,
            first: required(first, "first factor")?,
            purpose: required(purpose, "purpose")?,
            epoch: required(epoch, "epoch")?,
            second,
            trusts_first,
            sealed: Box::from(text),
        })
    }
}

/// The facts that an assertion is made of.
pub(crate) struct Proof {
    pub(crate) first: FirstFactor,
    pub(crate) trusts_first: bool,
    pub(crate) second: Option<SecondFactor>,
    pub(crate) purpose: Purpose,
    pub(crate) epoch: Option<Epoch>,
    pub(crate) at: UnixSeconds,
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion")
            .field("amr", &self.amr())
            .field("purpose", &self.purpose)
            .field("issued_at", &self.issued_at)
            .finish_non_exhaustive()
    }
}

fn get_second(d: &mut Get<'_>) -> GetResult<SecondFactor> {
    if d.array()? != Some(2) {
        return Err(DecodeError::message("a second factor of another shape"));
    }
    let method = method_from_id(d.u8()?).ok_or_else(|| DecodeError::message("an unknown method"))?;
    Ok(SecondFactor { method, at: get_time(d)? })
}

fn binding(ctx: &Context) -> Aad {
    Aad::new("assertion")
        .bind(ctx.key().tenant().as_str().as_bytes())
        .bind(ctx.key().subject().as_str().as_bytes())
        .bind(ctx.session().as_bytes())
}

/// Longer than any assertion we make; refused before it is decoded.
const LONGEST: usize = 4096;
