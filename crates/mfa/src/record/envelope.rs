//! The record as storage holds it: sealed, with tenant, subject, version and summary bound to it.

use mfa_core::id::SubjectKey;
use mfa_core::throttle::ThrottleSettings;
use mfa_core::time::UnixSeconds;
use mfa_storage::{EventBody, Expected, Snapshot, Summary, Version, Write};

use super::Record;
use crate::codec::put_into;
use crate::error::{Error, Unavailable};
use crate::keyring::{Aad, OpenFailure, SealBuffer, SealUse, Sealer};
use crate::random::{RandomError, RandomSource};

/// A record and the version it was read at.
pub(crate) struct LoadedRecord {
    pub(crate) record: Option<Record>,
    pub(crate) expected: Expected,
}

/// What became of opening a snapshot.
pub(crate) struct Stored;

impl Stored {
    /// Opens what `load` answered for `key`.
    pub(crate) fn open(
        sealer: &Sealer,
        key: &SubjectKey,
        snapshot: Option<Snapshot>,
    ) -> Result<LoadedRecord, Unavailable> {
        let Some(snapshot) = snapshot else {
            return Ok(LoadedRecord { record: None, expected: Expected::Absent });
        };
        let binding = binding(key, snapshot.version, &snapshot.summary);
        let plain = match sealer.open(SealUse::Record, &binding, &snapshot.sealed) {
            Ok(plain) => plain,
            // The id is read from the sealed bytes and could be anything; the summary's says what was meant. Where
            // they agree the key is missing, else somebody altered one of them.
            Err(OpenFailure::MissingKey(id)) if id == snapshot.summary.key_id || sealer.is_retired(id) => {
                return Err(Unavailable::MissingKey { id });
            }
            Err(_) => return Err(Unavailable::RecordUnreadable),
        };
        let record = Record::decode(&plain)?;
        Ok(LoadedRecord { record: Some(record), expected: Expected::At(snapshot.version) })
    }

    /// Seals `record` as the version after `expected`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site per transaction; a struct would only rename them"
    )]
    pub(crate) fn seal(
        sealer: &Sealer,
        random: &dyn RandomSource,
        key: &SubjectKey,
        expected: Expected,
        record: &Record,
        settings: &ThrottleSettings,
        now: UnixSeconds,
        events: Vec<EventBody>,
    ) -> Result<Write, Error> {
        let summary = record.summary(sealer.current_id(), settings, now);
        let sealed = seal_record(sealer, random, &binding(key, expected.next(), &summary), record)?;
        Ok(Write { sealed, summary, stream: record.pseudonym, events })
    }

    /// Seals `record` as it is under the current key; nothing else changes, so nothing is told.
    pub(crate) fn rewrap(
        sealer: &Sealer,
        random: &dyn RandomSource,
        key: &SubjectKey,
        expected: Expected,
        record: &Record,
        summary: Summary,
    ) -> Result<Write, Error> {
        let summary = Summary { key_id: sealer.current_id(), ..summary };
        let sealed = seal_record(sealer, random, &binding(key, expected.next(), &summary), record)?;
        Ok(Write { sealed, summary, stream: record.pseudonym, events: Vec::new() })
    }
}

fn seal_record(
    sealer: &Sealer,
    random: &dyn RandomSource,
    binding: &Aad,
    record: &Record,
) -> Result<Vec<u8>, RandomError> {
    let mut buffer = SealBuffer::with_capacity(512);
    put_into(buffer.plain(), |e| record.put(e));
    sealer.seal(SealUse::Record, binding, buffer, random)
}

/// Version and summary are bound too: a summary that was tampered with, or a sealed record under another version
/// number, does not open.
fn binding(key: &SubjectKey, version: Version, summary: &Summary) -> Aad {
    let mut clear = [0; 27];
    let throttled = summary.throttled_until.map_or(u64::MAX, UnixSeconds::get);
    let fields = [
        &[u8::from(summary.enrolled), summary.methods.bits()][..],
        &throttled.to_be_bytes(),
        &summary.key_id.to_be_bytes(),
        &summary.updated_at.get().to_be_bytes(),
    ];
    for (to, from) in clear.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    Aad::new("record")
        .bind(key.tenant().as_str().as_bytes())
        .bind(key.subject().as_str().as_bytes())
        .bind(&version.get().to_be_bytes())
        .bind(&clear)
}
