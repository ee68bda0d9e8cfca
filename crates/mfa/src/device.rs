//! The token of a remembered device: sealed, bound to the subject, worth nothing once its device is no longer listed.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use mfa_core::id::{DeviceId, Epoch};
use minicbor::decode::Error as DecodeError;

use crate::codec::{Get, GetResult, get_array, put_into};
use crate::context::Context;
use crate::error::{Error, Rejection};
use crate::keyring::{Aad, SealBuffer, SealUse, Sealer};
use crate::random::RandomSource;

/// What a browser keeps so that its next sign-in is not challenged, where policy allows that. Opaque; put it in a
/// cookie that is `HttpOnly`, `Secure` and as long-lived as policy says.
///
/// A remembered device is no factor: what is signed in through one reports no `mfa`, and never manages authenticators
/// or confirms a transaction.
///
/// # Source
/// NIST SP 800-63B-4 section 5.1.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken(Box<str>);

impl DeviceToken {
    /// Takes a token back from the cookie. Whether it is one of ours, and still good, is told by the sign-in.
    ///
    /// # Errors
    /// [`Rejection::Expired`] when it is longer than any token.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if text.len() > LONGEST { Err(Rejection::Expired) } else { Ok(Self(Box::from(text))) }
    }

    /// The token as URL-safe text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn seal(
        sealer: &Sealer,
        random: &dyn RandomSource,
        ctx: &Context,
        claim: &DeviceClaim,
    ) -> Result<Self, Error> {
        let mut buffer = SealBuffer::with_capacity(64);
        put_into(buffer.plain(), |e| {
            e.array(2)?.bytes(claim.id.as_bytes())?.bytes(claim.epoch.as_bytes())?;
            Ok(())
        });
        let sealed = sealer.seal(SealUse::Device, &binding(ctx), buffer, random)?;
        Ok(Self(BASE64URL_NOPAD.encode(&sealed).into_boxed_str()))
    }

    /// What the token claims, or nothing: a device that cannot be told is one that is not remembered.
    pub(crate) fn open(&self, sealer: &Sealer, ctx: &Context) -> Option<DeviceClaim> {
        let sealed = BASE64URL_NOPAD.decode(self.0.as_bytes()).ok()?;
        let plain = sealer.open(SealUse::Device, &binding(ctx), &sealed).ok()?;
        DeviceClaim::get(&plain).ok()
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(..)")
    }
}

/// Which device of the record, in which epoch.
pub(crate) struct DeviceClaim {
    pub(crate) id: DeviceId,
    pub(crate) epoch: Epoch,
}

impl DeviceClaim {
    fn get(plain: &[u8]) -> GetResult<Self> {
        let mut d = Get::new(plain);
        match d.array()? {
            Some(2) => Ok(Self {
                id: DeviceId::from_bytes(get_array(&mut d)?),
                epoch: Epoch::from_bytes(get_array(&mut d)?),
            }),
            _ => Err(DecodeError::message("a device token of another shape")),
        }
    }
}

/// A token outlives sessions, so no session is bound; tenant and subject are.
fn binding(ctx: &Context) -> Aad {
    Aad::new("device")
        .bind(ctx.key().tenant().as_str().as_bytes())
        .bind(ctx.key().subject().as_str().as_bytes())
}

/// Longer than any token we make; refused before it is decoded.
const LONGEST: usize = 512;
