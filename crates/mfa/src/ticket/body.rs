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
use crate::assertion::SecondFactor;
use crate::codec::{
    Get, GetResult, Put, PutResult, get_array, get_list, get_option, get_time, method_from_id, method_id,
};
use crate::context::{FirstFactor, FirstFactorKind};
use crate::record::Phone;
use crate::transaction::Transaction;

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
    /// The subject was reset and has shown the binding code it was handed.
    Bound,
    /// One more beside those that there are, on fresh proof of both factors.
    Add,
    /// In the place of this one, on fresh proof of both factors.
    Replace(AuthenticatorId),
    /// A first phone beside an app, on fresh proof of both factors.
    AddPhone,
}

impl EnrollMode {
    fn put(self, e: &mut Put<'_>) -> PutResult {
        match self {
            Self::First => e.array(1)?.u8(1)?,
            Self::Recovery => e.array(1)?.u8(2)?,
            Self::Bound => e.array(1)?.u8(3)?,
            Self::Add => e.array(1)?.u8(4)?,
            Self::Replace(id) => e.array(2)?.u8(5)?.bytes(id.as_bytes())?,
            Self::AddPhone => e.array(1)?.u8(6)?,
        };
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self> {
        match (d.array()?, d.u8()?) {
            (Some(1), 1) => Ok(Self::First),
            (Some(1), 2) => Ok(Self::Recovery),
            (Some(1), 3) => Ok(Self::Bound),
            (Some(1), 4) => Ok(Self::Add),
            (Some(1), 6) => Ok(Self::AddPhone),
            (Some(2), 5) => Ok(Self::Replace(AuthenticatorId::from_bytes(get_array(d)?))),
            _ => Err(DecodeError::message("an unknown enrollment mode")),
        }
    }
}

/// What a challenge asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    /// The method that was chosen to answer with, where there was a choice.
    pub(crate) method: Option<Method>,
    /// What is confirmed, where the purpose is a transaction.
    pub(crate) transaction: Option<Transaction>,
    /// Whether the latest text is not known to have gone.
    pub(crate) is_unsure: bool,
}

/// An app whose key has been made and not yet confirmed. Nothing of it is stored.
pub(crate) struct PendingApp {
    pub(crate) mode: EnrollMode,
    pub(crate) id: AuthenticatorId,
    pub(crate) key: SharedKey,
    pub(crate) parameters: TotpParameters,
}

/// A phone that a code was sent to. The code is not in here: only what it was sent for.
pub(crate) struct PendingPhone {
    pub(crate) mode: EnrollMode,
    pub(crate) id: AuthenticatorId,
    pub(crate) phone: Phone,
    /// Whether the latest text certainly went.
    pub(crate) is_certain: bool,
}

/// A confirmed authenticator, and the recovery code that waits to be acknowledged.
pub(crate) struct Confirmed {
    pub(crate) authenticator: ConfirmedAuthenticator,
    pub(crate) recovery: Vec<RecoveryCode>,
}

pub(crate) enum ConfirmedAuthenticator {
    /// And the step that its code used up.
    App(PendingApp, TimeStep),
    Phone(PendingPhone),
}

impl ConfirmedAuthenticator {
    pub(crate) fn mode(&self) -> EnrollMode {
        match self {
            Self::App(app, _) => app.mode,
            Self::Phone(phone) => phone.mode,
        }
    }

    pub(crate) fn method(&self) -> Method {
        match self {
            Self::App(..) => Method::App,
            Self::Phone(_) => Method::Sms,
        }
    }
}

/// New recovery codes, and the second factor that they were asked for with.
pub(crate) struct FreshCodes {
    pub(crate) second: SecondFactor,
    pub(crate) codes: Vec<RecoveryCode>,
}

impl Claim for kind::Challenge {
    type Body = Question;

    fn put(body: &Question, e: &mut Put<'_>) -> PutResult {
        e.array(3)?.bool(body.is_unsure)?;
        match body.method {
            Some(method) => e.u8(method_id(method))?,
            None => e.null()?,
        };
        match &body.transaction {
            Some(transaction) => transaction.put(e)?,
            None => _ = e.null()?,
        }
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<Question> {
        match d.array()? {
            Some(3) => Ok(Question {
                is_unsure: d.bool()?,
                method: get_option(d, |d| d.u8())?.and_then(method_from_id),
                transaction: get_option(d, Transaction::get)?,
            }),
            _ => Err(DecodeError::message("a question of another shape")),
        }
    }
}

impl Claim for kind::Enroll {
    type Body = EnrollMode;

    fn put(body: &EnrollMode, e: &mut Put<'_>) -> PutResult {
        body.put(e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<EnrollMode> {
        EnrollMode::get(d)
    }
}

impl Claim for kind::NewCode {
    type Body = FreshCodes;

    fn put(body: &FreshCodes, e: &mut Put<'_>) -> PutResult {
        e.array(2)?;
        body.second.put(e)?;
        put_codes(&body.codes, e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<FreshCodes> {
        match d.array()? {
            Some(2) => Ok(FreshCodes { second: SecondFactor::get(d)?, codes: get_codes(d)? }),
            _ => Err(DecodeError::message("new codes of another shape")),
        }
    }
}

impl Claim for kind::Pending {
    type Body = PendingApp;

    fn put(body: &PendingApp, e: &mut Put<'_>) -> PutResult {
        e.array(6)?;
        body.mode.put(e)?;
        e.bytes(body.id.as_bytes())?.bytes(body.key.expose())?;
        put_parameters(&body.parameters, e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<PendingApp> {
        match d.array()? {
            Some(6) => get_pending(d),
            _ => Err(DecodeError::message("a pending app of another shape")),
        }
    }
}

impl Claim for kind::PendingPhone {
    type Body = PendingPhone;

    fn put(body: &PendingPhone, e: &mut Put<'_>) -> PutResult {
        e.array(4)?;
        body.mode.put(e)?;
        e.bytes(body.id.as_bytes())?.bool(body.is_certain)?;
        body.phone.put(e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<PendingPhone> {
        match d.array()? {
            Some(4) => Ok(PendingPhone {
                mode: EnrollMode::get(d)?,
                id: AuthenticatorId::from_bytes(get_array(d)?),
                is_certain: d.bool()?,
                phone: Phone::get(d)?,
            }),
            _ => Err(DecodeError::message("a pending phone of another shape")),
        }
    }
}

impl Claim for kind::Confirmed {
    type Body = Confirmed;

    fn put(body: &Confirmed, e: &mut Put<'_>) -> PutResult {
        match &body.authenticator {
            ConfirmedAuthenticator::App(app, step) => {
                e.array(3)?;
                kind::Pending::put(app, e)?;
                e.u64(step.get())?;
            }
            ConfirmedAuthenticator::Phone(phone) => {
                e.array(2)?;
                kind::PendingPhone::put(phone, e)?;
            }
        }
        put_codes(&body.recovery, e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<Confirmed> {
        let authenticator = match d.array()? {
            Some(3) => ConfirmedAuthenticator::App(kind::Pending::get(d)?, TimeStep::new(d.u64()?)),
            Some(2) => ConfirmedAuthenticator::Phone(kind::PendingPhone::get(d)?),
            _ => return Err(DecodeError::message("a confirmed authenticator of another shape")),
        };
        Ok(Confirmed { authenticator, recovery: get_codes(d)? })
    }
}

fn get_pending(d: &mut Get<'_>) -> GetResult<PendingApp> {
    Ok(PendingApp {
        mode: EnrollMode::get(d)?,
        id: AuthenticatorId::from_bytes(get_array(d)?),
        key: SharedKey::from_bytes(d.bytes()?)
            .map_err(|_| DecodeError::message("a key of another length"))?,
        parameters: get_parameters(d)?,
    })
}

fn put_codes(codes: &[RecoveryCode], e: &mut Put<'_>) -> PutResult {
    e.array(codes.len() as u64)?;
    codes.iter().try_for_each(|code| e.bytes(code.expose()).map(|_| ()))
}

fn get_codes(d: &mut Get<'_>) -> GetResult<Vec<RecoveryCode>> {
    get_list(d, 16, |d| get_array(d).map(RecoveryCode::from_bytes))
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
