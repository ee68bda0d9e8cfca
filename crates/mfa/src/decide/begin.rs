//! What comes after a right first factor.

use mfa_core::id::DeviceId;
use mfa_core::throttle::Throttled;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Methods, Obligation};

use super::{Moment, usable};
use crate::context::{FirstFactor, FirstFactorKind};
use crate::device::DeviceClaim;
use crate::error::Rejection;
use crate::record::Record;
use crate::ticket::{Claims, kind};

/// The next step of a sign-in, before it is put into tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Proved { by_device: bool },
    Offer { required_from: Option<UnixSeconds> },
    Enroll,
    Challenge { methods: Methods },
    Throttled { until: UnixSeconds },
    RecoverOnly,
}

/// Decides what a subject with a right first factor must do.
///
/// An enrolled subject is never offered to enroll (INV-13) and is asked even where policy makes MFA optional.
pub(crate) fn begin(
    record: Option<&Record>,
    first: &FirstFactor,
    device: Option<&DeviceClaim>,
    moment: &Moment<'_>,
) -> Begun {
    if is_trusted(first, moment) {
        return Begun::Proved { by_device: false };
    }
    match record.filter(|record| record.is_enrolled()) {
        Some(record) => {
            let device = device.filter(|device| device.epoch == record.epoch).map(|device| &device.id);
            match is_remembered(Some(record), device, moment) {
                true => Begun::Proved { by_device: true },
                false => challenge(record, moment),
            }
        }
        None => match moment.decision.obligation() {
            Obligation::Required => Begun::Enroll,
            Obligation::Optional { required_from } => Begun::Offer { required_from },
            _ => Begun::Proved { by_device: false },
        },
    }
}

/// The challenge of an enrolled subject.
pub(super) fn challenge(record: &Record, moment: &Moment<'_>) -> Begun {
    let methods = usable(record, moment);
    if methods.is_empty() {
        return Begun::RecoverOnly;
    }
    match record.throttle.check(moment.now, &moment.throttle) {
        Ok(()) => Begun::Challenge { methods },
        Err(Throttled::Wait { until }) => Begun::Throttled { until },
        Err(_) => Begun::RecoverOnly,
    }
}

/// What a challenge that is still good can be answered with, and until when nothing is compared.
pub(crate) fn challenge_status(
    record: &Record,
    claims: &Claims<kind::Challenge>,
    moment: &Moment<'_>,
) -> Result<(Methods, Option<UnixSeconds>), Rejection> {
    if !claims.stand(Some(record)) {
        return Err(Rejection::Expired);
    }
    Ok(match challenge(record, moment) {
        Begun::Challenge { methods } => (methods, None),
        Begun::Throttled { until } => (usable(record, moment), Some(until)),
        _ => (Methods::NONE, None),
    })
}

/// Whether the device is one that the record lists and policy of this moment still remembers.
pub(crate) fn is_remembered(record: Option<&Record>, device: Option<&DeviceId>, moment: &Moment<'_>) -> bool {
    match (record, device, moment.decision.remember_device()) {
        (Some(record), Some(id), Some(lifetime)) => record.device(id, lifetime, moment.now).is_some(),
        _ => false,
    }
}

/// Whether every applicable rule lets this identity provider's answer stand for the second factor.
pub(crate) fn is_trusted(first: &FirstFactor, moment: &Moment<'_>) -> bool {
    match &first.kind {
        FirstFactorKind::Sso { provider, amr } => {
            let amr: Vec<&str> = amr.iter().map(AsRef::as_ref).collect();
            moment.decision.trusts_sso(provider, &amr)
        }
        FirstFactorKind::Password | FirstFactorKind::Passkey { .. } => false,
    }
}
