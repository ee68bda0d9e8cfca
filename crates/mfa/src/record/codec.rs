//! The record's encoding. Format 1: a map, format number first; unknown fields and kinds survive a rewrite.

use mfa_core::id::{AuthenticatorId, Epoch, OperationId, Pseudonym, SubjectKey};
use mfa_core::key::SharedKey;
use mfa_core::phone::PhoneNumber;
use mfa_core::recovery::{RecoveryDigest, RecoverySalt};
use mfa_core::throttle::{DayCount, Throttle};
use mfa_core::time::{TimeStep, UnixSeconds};
use mfa_core::totp::Drift;
use minicbor::decode::Error as DecodeError;

use super::{
    App, Authenticator, AuthenticatorKind, AuthenticatorState, Device, OpenRecovery, OperationMark, Phone,
    Record, RecoverySet, SentCode, Texts,
};
use crate::codec::{
    Get, GetResult, Put, PutResult, get_array, get_fields, get_list, get_option, get_time, required,
};
use crate::error::Unavailable;
use crate::ticket::{get_parameters, put_parameters};
use crate::transaction::Redeemed;

/// The format that this version writes, and the newest it reads.
const FORMAT: u8 = 1;
const APP_TAG: u32 = 1;
const PHONE_TAG: u32 = 2;

impl Record {
    /// Reads a record. One written by a newer format is an error of its own and never "not enrolled" (INV-13).
    pub(crate) fn decode(plain: &[u8]) -> Result<Self, Unavailable> {
        match format_of(plain) {
            Ok(FORMAT) => Self::get(&mut Get::new(plain)).map_err(|_| Unavailable::RecordUnreadable),
            Ok(_) => Err(Unavailable::RecordTooNew),
            Err(_) => Err(Unavailable::RecordUnreadable),
        }
    }

    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        // What is rare is left out where it is not: most records have none of it.
        let optional = [
            self.recovery.is_some(),
            self.recovering.is_some(),
            self.binding.is_some(),
            !self.devices.is_empty(),
            !self.redeemed.is_empty(),
            self.transaction_failures != 0,
            self.generation != 0,
            self.moving_to.is_some(),
            self.redeemed_until.get() != 0,
            self.admits_no_epoch,
            !self.sent_codes.is_empty(),
            !self.texts.is_empty(),
            !self.stops.is_empty(),
        ];
        let optional = optional.iter().filter(|there| **there).count() as u64;
        e.map(8u64.saturating_add(optional).saturating_add(self.unknown.len()))?;
        e.u8(0)?.u8(FORMAT)?;
        e.u8(1)?.u64(self.created_at.get())?;
        e.u8(2)?.bytes(self.epoch.as_bytes())?;
        e.u8(3)?.bytes(self.pseudonym.as_bytes())?;
        e.u8(4)?.array(self.authenticators.len() as u64)?;
        for authenticator in &self.authenticators {
            authenticator.put(e)?;
        }
        e.u8(5)?;
        put_throttle(&self.throttle, e)?;
        e.u8(6)?;
        put_throttle(&self.recovery_throttle, e)?;
        e.u8(7)?.array(self.operations.len() as u64)?;
        for mark in &self.operations {
            e.array(2)?.bytes(mark.id.as_bytes())?.u8(mark.attempt)?;
        }
        if let Some(recovery) = &self.recovery {
            e.u8(8)?;
            recovery.put(e)?;
        }
        if let Some(open) = &self.recovering {
            e.u8(9)?.array(2)?.u64(open.opened_at.get())?.bytes(open.digest.as_bytes())?;
        }
        if let Some(binding) = &self.binding {
            e.u8(10)?;
            binding.put(e)?;
        }
        if !self.devices.is_empty() {
            e.u8(11)?.array(self.devices.len() as u64)?;
            self.devices.iter().try_for_each(|device| device.put(e))?;
        }
        if !self.redeemed.is_empty() {
            e.u8(12)?.array(self.redeemed.len() as u64)?;
            self.redeemed.iter().try_for_each(|redeemed| redeemed.put(e))?;
        }
        if self.transaction_failures != 0 {
            e.u8(13)?.u8(self.transaction_failures)?;
        }
        if self.generation != 0 {
            e.u8(14)?.u32(self.generation)?;
        }
        if let Some(to) = &self.moving_to {
            e.u8(15)?.array(2)?.str(to.tenant().as_str())?.str(to.subject().as_str())?;
        }
        if self.redeemed_until.get() != 0 {
            e.u8(16)?.u64(self.redeemed_until.get())?;
        }
        if self.admits_no_epoch {
            e.u8(17)?.bool(true)?;
        }
        if !self.sent_codes.is_empty() {
            e.u8(18)?.array(self.sent_codes.len() as u64)?;
            self.sent_codes.iter().try_for_each(|code| code.put(e))?;
        }
        if !self.texts.is_empty() {
            e.u8(19)?;
            self.texts.put(e)?;
        }
        if !self.stops.is_empty() {
            e.u8(20)?.array(self.stops.len() as u64)?;
            self.stops.iter().try_for_each(|stop| e.str(stop).map(|_| ()))?;
        }
        self.unknown.put(e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self> {
        let (mut created_at, mut epoch, mut pseudonym, mut authenticators) = (None, None, None, None);
        let (mut throttle, mut recovery_throttle, mut operations) = (None, None, None);
        let (mut recovery, mut recovering, mut binding, mut moving_to) = (None, None, None, None);
        let (mut devices, mut redeemed) = (Vec::new(), Vec::new());
        let (mut admits_no_epoch, mut texts) = (false, Texts::default());
        let (mut sent_codes, mut stops) = (Vec::new(), Vec::new());
        let (mut transaction_failures, mut generation, mut redeemed_until) = (0, 0, UnixSeconds::new(0));
        let unknown = get_fields(d, |key, d| {
            match key {
                0 => _ = d.u8()?,
                1 => created_at = Some(get_time(d)?),
                2 => epoch = Some(Epoch::from_bytes(get_array(d)?)),
                3 => pseudonym = Some(Pseudonym::from_bytes(get_array(d)?)),
                4 => authenticators = Some(get_list(d, MOST, Authenticator::get)?),
                5 => throttle = Some(get_throttle(d)?),
                6 => recovery_throttle = Some(get_throttle(d)?),
                7 => operations = Some(get_list(d, MOST, get_mark)?),
                8 => recovery = Some(RecoverySet::get(d)?),
                9 => recovering = Some(get_open_recovery(d)?),
                10 => binding = Some(RecoverySet::get(d)?),
                11 => devices = get_list(d, MOST, Device::get)?,
                12 => redeemed = get_list(d, MOST, Redeemed::get)?,
                13 => transaction_failures = d.u8()?,
                14 => generation = d.u32()?,
                15 => moving_to = Some(get_key(d)?),
                16 => redeemed_until = get_time(d)?,
                17 => admits_no_epoch = d.bool()?,
                18 => sent_codes = get_list(d, MOST, SentCode::get)?,
                19 => texts = Texts::get(d)?,
                20 => stops = get_list(d, MOST_REGIONS, |d| d.str().map(Box::from))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            created_at: required(created_at, "created_at")?,
            epoch: required(epoch, "epoch")?,
            pseudonym: required(pseudonym, "pseudonym")?,
            authenticators: required(authenticators, "authenticators")?,
            throttle: required(throttle, "throttle")?,
            recovery_throttle: required(recovery_throttle, "recovery throttle")?,
            operations: required(operations, "operations")?,
            recovery,
            recovering,
            binding,
            devices,
            redeemed,
            redeemed_until,
            transaction_failures,
            generation,
            admits_no_epoch,
            sent_codes,
            texts,
            stops,
            moving_to,
            unknown,
        })
    }
}

fn format_of(plain: &[u8]) -> GetResult<u8> {
    let mut d = Get::new(plain);
    d.map()?;
    match d.u32()? {
        0 => d.u8(),
        _ => Err(DecodeError::message("a record that does not begin with its format")),
    }
}

impl Authenticator {
    fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.map(6u64.saturating_add(self.unknown.len()))?;
        e.u8(0)?.u32(self.kind.tag())?;
        e.u8(1)?.bytes(self.id.as_bytes())?;
        e.u8(2)?.u8(self.state.id())?;
        e.u8(3)?.u64(self.bound_at.get())?;
        e.u8(4)?;
        match self.last_used_at {
            Some(at) => e.u64(at.get())?,
            None => e.null()?,
        };
        e.u8(5)?;
        match &self.kind {
            AuthenticatorKind::App(app) => app.put(e)?,
            AuthenticatorKind::Phone(phone) => phone.put(e)?,
            AuthenticatorKind::Other { payload, .. } => e.writer_mut().extend_from_slice(payload),
        }
        self.unknown.put(e)
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self> {
        let (mut tag, mut id, mut state, mut bound_at, mut last_used_at) = (None, None, None, None, None);
        let mut kind = None;
        let unknown = get_fields(d, |key, d| {
            match key {
                0 => tag = Some(d.u32()?),
                1 => id = Some(AuthenticatorId::from_bytes(get_array(d)?)),
                2 => state = Some(AuthenticatorState::from_id(d.u8()?)),
                3 => bound_at = Some(get_time(d)?),
                4 => last_used_at = Some(get_option(d, get_time)?),
                // The tag was written first, so it has been read by now.
                5 => kind = Some(AuthenticatorKind::get(required(tag, "tag")?, d)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            id: required(id, "authenticator id")?,
            state: required(state, "state")?,
            bound_at: required(bound_at, "bound_at")?,
            last_used_at: required(last_used_at, "last_used_at")?,
            kind: required(kind, "payload")?,
            unknown,
        })
    }
}

impl AuthenticatorKind {
    fn tag(&self) -> u32 {
        match self {
            Self::App(_) => APP_TAG,
            Self::Phone(_) => PHONE_TAG,
            Self::Other { tag, .. } => *tag,
        }
    }

    fn get(tag: u32, d: &mut Get<'_>) -> GetResult<Self> {
        match tag {
            APP_TAG => return App::get(d).map(Self::App),
            PHONE_TAG => return Phone::get(d).map(Self::Phone),
            _ => {}
        }
        let start = d.position();
        d.skip()?;
        let payload = d.input().get(start..d.position()).unwrap_or_default().to_vec();
        Ok(Self::Other { tag, payload })
    }
}

impl App {
    fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(6)?.bytes(self.key.expose())?;
        put_parameters(&self.parameters, e)?;
        e.u64(self.last_step.get())?.i8(self.drift.steps())?;
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self> {
        if d.array()? != Some(6) {
            return Err(DecodeError::message("an app of another shape"));
        }
        Ok(Self {
            key: SharedKey::import_short(d.bytes()?)
                .map_err(|_| DecodeError::message("a key of another length"))?,
            parameters: get_parameters(d)?,
            last_step: TimeStep::new(d.u64()?),
            drift: Drift::from_steps(d.i8()?).map_err(|_| DecodeError::message("a drift out of bounds"))?,
        })
    }
}

impl Phone {
    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(3)?.str(self.number.digits())?.u64(self.consented_at.get())?.u16(self.wording)?;
        Ok(())
    }

    pub(crate) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        if d.array()? != Some(3) {
            return Err(DecodeError::message("a phone of another shape"));
        }
        let number = PhoneNumber::parse(&format!("+{}", d.str()?));
        Ok(Self {
            number: number.map_err(|_| DecodeError::message("a number that cannot be one"))?,
            consented_at: get_time(d)?,
            wording: d.u16()?,
        })
    }
}

impl RecoverySet {
    fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(3)?
            .bytes(self.salt.as_bytes())?
            .u64(self.issued_at.get())?
            .array(self.digests.len() as u64)?;
        for digest in &self.digests {
            e.bytes(digest.as_bytes())?;
        }
        Ok(())
    }

    fn get(d: &mut Get<'_>) -> GetResult<Self> {
        if d.array()? != Some(3) {
            return Err(DecodeError::message("recovery codes of another shape"));
        }
        let salt = RecoverySalt::from_bytes(get_array(d)?);
        let issued_at = get_time(d)?;
        let digests = get_list(d, MOST, |d| get_array(d).map(RecoveryDigest::from_bytes))?;
        Ok(Self { salt, digests, issued_at })
    }
}

fn get_open_recovery(d: &mut Get<'_>) -> GetResult<OpenRecovery> {
    match d.array()? {
        Some(2) => {
            Ok(OpenRecovery { opened_at: get_time(d)?, digest: RecoveryDigest::from_bytes(get_array(d)?) })
        }
        _ => Err(DecodeError::message("an open recovery of another shape")),
    }
}

fn get_key(d: &mut Get<'_>) -> GetResult<SubjectKey> {
    match d.array()? {
        Some(2) => SubjectKey::from_stored(d.str()?, d.str()?)
            .map_err(|_| DecodeError::message("a subject that cannot be one")),
        _ => Err(DecodeError::message("a subject of another shape")),
    }
}

fn get_mark(d: &mut Get<'_>) -> GetResult<OperationMark> {
    match d.array()? {
        Some(2) => Ok(OperationMark { id: OperationId::from_bytes(get_array(d)?), attempt: d.u8()? }),
        _ => Err(DecodeError::message("an operation of another shape")),
    }
}

/// `[recent times], consecutive, disabled at, [day, failures, …]`.
fn put_throttle(throttle: &Throttle, e: &mut Put<'_>) -> PutResult {
    e.array(4)?.array(throttle.recent().len() as u64)?;
    for at in throttle.recent() {
        e.u64(at.get())?;
    }
    e.u32(throttle.consecutive())?;
    match throttle.disabled_at() {
        Some(at) => e.u64(at.get())?,
        None => e.null()?,
    };
    e.array(throttle.days().len() as u64)?;
    for day in throttle.days() {
        e.array(2)?.u32(day.day())?.u16(day.failures())?;
    }
    Ok(())
}

fn get_throttle(d: &mut Get<'_>) -> GetResult<Throttle> {
    if d.array()? != Some(4) {
        return Err(DecodeError::message("a throttle of another shape"));
    }
    let recent = get_list(d, MOST, get_time)?;
    let consecutive = d.u32()?;
    let disabled_at = get_option(d, get_time)?;
    let days = get_list(d, MOST, |d| match d.array()? {
        Some(2) => Ok(DayCount::new(d.u32()?, d.u16()?)),
        _ => Err(DecodeError::message("a day of another shape")),
    })?;
    Throttle::from_parts(&recent, consecutive, disabled_at, &days)
        .map_err(|_| DecodeError::message("a throttle out of bounds"))
}

/// More of anything in one record is not ours.
const MOST: u64 = 64;
/// As many as ISO 3166-1 has, and more.
const MOST_REGIONS: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Unknown, put_into};
    use crate::random::{Draw, SystemRandom};
    use mfa_core::recovery::RecoveryCode;
    use mfa_core::totp::TotpParameters;

    const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

    fn record() -> Record {
        let mut draw = Draw(&SystemRandom);
        let mut record = Record::new(NOW, &mut draw).unwrap();
        record.authenticators.push(Authenticator {
            id: AuthenticatorId::draw(&mut draw).unwrap(),
            state: AuthenticatorState::Active,
            bound_at: NOW,
            last_used_at: None,
            kind: AuthenticatorKind::App(App {
                key: SharedKey::from_bytes(&[7; 20]).unwrap(),
                parameters: TotpParameters::DEFAULT,
                last_step: TimeStep::new(60_000_000),
                drift: Drift::NONE,
            }),
            unknown: Unknown::default(),
        });
        let code = RecoveryCode::generate(&mut draw).unwrap();
        record.recovery = Some(RecoverySet::of(&[code], NOW, &mut draw).unwrap());
        record
    }

    fn bytes(record: &Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_into(&mut bytes, |e| record.put(e));
        bytes
    }

    #[test]
    fn a_record_reads_back_as_itself() {
        let written = bytes(&record());
        assert_eq!(bytes(&Record::decode(&written).unwrap()), written);
    }

    #[test]
    fn inv_13_an_authenticator_of_an_unknown_kind_survives_a_rewrite_and_proves_nothing() {
        let mut record = record();
        record.authenticators.clear();
        record.authenticators.push(Authenticator {
            id: AuthenticatorId::from_bytes([1; 16]),
            state: AuthenticatorState::Active,
            bound_at: NOW,
            last_used_at: None,
            // A passkey, say, of a version to come: a map of which this one understands nothing.
            kind: AuthenticatorKind::Other { tag: 77, payload: vec![0xA1, 0x01, 0x43, 1, 2, 3] },
            unknown: Unknown::default(),
        });
        let written = bytes(&record);
        let read = Record::decode(&written).unwrap();
        assert!(read.is_enrolled());
        assert_eq!(read.active().filter_map(|one| one.kind.method()).count(), 0);
        assert_eq!(bytes(&read), written);
    }

    #[test]
    fn a_field_of_a_newer_version_survives_a_rewrite() {
        // The same record with one field more, key 200, holding a nested value.
        let mut written = bytes(&record());
        assert_eq!(written[0], 0xA9, "a map of nine fields");
        written[0] = 0xAA;
        written.extend_from_slice(&[0x18, 200, 0x82, 0x01, 0x61, b'x']);
        assert_eq!(bytes(&Record::decode(&written).unwrap()), written);
    }

    #[test]
    fn inv_13_a_newer_format_is_an_error_of_its_own() {
        let mut written = bytes(&record());
        assert_eq!(written[1..3], [0, FORMAT]);
        written[2] = FORMAT + 1;
        assert!(matches!(Record::decode(&written), Err(Unavailable::RecordTooNew)));
        assert!(matches!(Record::decode(&[]), Err(Unavailable::RecordUnreadable)));
    }

    #[test]
    fn no_cut_or_altered_record_panics() {
        let written = bytes(&record());
        for length in 0..written.len() {
            assert!(Record::decode(&written[..length]).is_err(), "length {length}");
        }
        for at in 0..written.len() {
            for bit in 0..8 {
                let mut altered = written.clone();
                altered[at] ^= 1 << bit;
                drop(Record::decode(&altered));
            }
        }
    }

    #[test]
    fn a_record_stays_small() {
        let mut record = record();
        for attempt in 0..20 {
            record.mark(OperationMark { id: OperationId::from_bytes([attempt; 16]), attempt });
        }
        assert_eq!(record.operations.len(), 8);
        assert!(bytes(&record).len() < 420, "{} bytes", bytes(&record).len());
    }
}
