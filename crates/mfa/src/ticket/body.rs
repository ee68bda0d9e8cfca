//! What each kind of ticket carries besides what all of them do.

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::id::AuthenticatorId;
use mfa_core::key::SharedKey;
use mfa_core::recovery::RecoveryCode;
use mfa_core::time::{Period, TimeStep};
use mfa_core::totp::TotpParameters;
use mfa_policy::Method;
use minicbor::decode::Error as DecodeError;

use super::{Kind, kind};
use crate::codec::{
    Get, GetResult, Put, PutResult, get_array, get_list, get_option, get_time, method_from_id, method_id,
};
use crate::context::{FirstFactor, FirstFactorKind};

/// How the particular part of a kind of ticket is written and read.
pub(crate) trait Claim: Kind {
    type Body;

    fn put(body: &Self::Body, e: &mut Put<'_>) -> PutResult;
    fn get(d: &mut Get<'_>) -> GetResult<Self::Body>;
}

/// Why an enrollment is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnrollMode {
    /// The subject has no authenticator.
    First,
    /// A recovery is open; the new authenticator takes the place of the lost one.
    Recovery,
}

impl EnrollMode {
    fn id(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Recovery => 2,
        }
    }

    fn from_id(id: u8) -> GetResult<Self> {
        match id {
            1 => Ok(Self::First),
            2 => Ok(Self::Recovery),
            _ => Err(DecodeError::message("an unknown enrollment mode")),
        }
    }
}

/// An app whose key has been made and not yet confirmed. Nothing of it is stored.
pub(crate) struct PendingApp {
    pub(crate) mode: EnrollMode,
    pub(crate) id: AuthenticatorId,
    pub(crate) key: SharedKey,
    pub(crate) parameters: TotpParameters,
}

/// A confirmed app, the step its code used up, and the recovery code that waits to be acknowledged.
pub(crate) struct ConfirmedApp {
    pub(crate) app: PendingApp,
    pub(crate) step: TimeStep,
    pub(crate) recovery: RecoveryCode,
}

impl Claim for kind::Challenge {
    type Body = Option<Method>;

    fn put(body: &Self::Body, e: &mut Put<'_>) -> PutResult {
        match body {
            Some(method) => e.u8(method_id(*method))?,
            None => e.null()?,
        };
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self::Body> {
        Ok(get_option(d, |d| d.u8())?.and_then(method_from_id))
    }
}

impl Claim for kind::Enroll {
    type Body = EnrollMode;

    fn put(body: &Self::Body, e: &mut Put<'_>) -> PutResult {
        e.u8(body.id())?;
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self::Body> {
        EnrollMode::from_id(d.u8()?)
    }
}

impl Claim for kind::Pending {
    type Body = PendingApp;

    fn put(body: &PendingApp, e: &mut Put<'_>) -> PutResult {
        e.array(6)?.u8(body.mode.id())?.bytes(body.id.as_bytes())?.bytes(body.key.expose())?;
        put_parameters(&body.parameters, e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<PendingApp> {
        match d.array()? {
            Some(6) => get_pending(d),
            _ => Err(DecodeError::message("a pending app of another shape")),
        }
    }
}

impl Claim for kind::Confirmed {
    type Body = ConfirmedApp;

    fn put(body: &ConfirmedApp, e: &mut Put<'_>) -> PutResult {
        e.array(3)?;
        kind::Pending::put(&body.app, e)?;
        e.u64(body.step.get())?.bytes(body.recovery.expose())?;
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<ConfirmedApp> {
        match d.array()? {
            Some(3) => Ok(ConfirmedApp {
                app: kind::Pending::get(d)?,
                step: TimeStep::new(d.u64()?),
                recovery: RecoveryCode::from_bytes(get_array(d)?),
            }),
            _ => Err(DecodeError::message("a confirmed app of another shape")),
        }
    }
}

fn get_pending(d: &mut Get<'_>) -> GetResult<PendingApp> {
    Ok(PendingApp {
        mode: EnrollMode::from_id(d.u8()?)?,
        id: AuthenticatorId::from_bytes(get_array(d)?),
        key: SharedKey::from_bytes(d.bytes()?)
            .map_err(|_| DecodeError::message("a key of another length"))?,
        parameters: get_parameters(d)?,
    })
}

/// Three integers: algorithm, digits, period.
pub(crate) fn put_parameters(parameters: &TotpParameters, e: &mut Put<'_>) -> PutResult {
    e.u8(parameters.algorithm().id())?.u8(parameters.digits().get())?.u64(parameters.period().seconds())?;
    Ok(())
}

pub(crate) fn get_parameters(d: &mut Get<'_>) -> GetResult<TotpParameters> {
    let algorithm = Algorithm::from_id(d.u8()?).map_err(|_| DecodeError::message("an unknown algorithm"))?;
    let digits = Digits::new(d.u8()?).map_err(|_| DecodeError::message("digits out of range"))?;
    let period = Period::from_seconds(d.u64()?).map_err(|_| DecodeError::message("a period out of range"))?;
    Ok(TotpParameters::new(algorithm, digits, period))
}

pub(crate) fn put_first_factor(first: &FirstFactor, e: &mut Put<'_>) -> PutResult {
    match &first.kind {
        FirstFactorKind::Password => _ = e.array(2)?.u64(first.at.get())?.u8(1)?,
        FirstFactorKind::Sso { provider, amr } => {
            e.array(4)?.u64(first.at.get())?.u8(2)?.str(provider)?.array(amr.len() as u64)?;
            for value in amr {
                e.str(value)?;
            }
        }
        FirstFactorKind::Passkey { user_verified } => {
            e.array(3)?.u64(first.at.get())?.u8(3)?.bool(*user_verified)?;
        }
    }
    Ok(())
}

pub(crate) fn get_first_factor(d: &mut Get<'_>) -> GetResult<FirstFactor> {
    let length = d.array()?;
    let at = get_time(d)?;
    let kind = match (d.u8()?, length) {
        (1, Some(2)) => FirstFactorKind::Password,
        (2, Some(4)) => FirstFactorKind::Sso {
            provider: Box::from(d.str()?),
            amr: get_list(d, 16, |d| d.str().map(Box::from))?,
        },
        (3, Some(3)) => FirstFactorKind::Passkey { user_verified: d.bool()? },
        _ => return Err(DecodeError::message("an unknown first factor")),
    };
    Ok(FirstFactor { kind, at })
}
