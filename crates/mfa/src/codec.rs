//! The wire form of records, tickets, assertions and events: CBOR maps with small integer keys.
//!
//! A key once given is never given another meaning. Readers keep what they do not know, so that an older node never
//! drops a newer one's field (records) or skip it (tickets, events).

use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::Error as EncodeError;
use minicbor::{Decoder, Encoder};

use mfa_core::time::UnixSeconds;
use mfa_policy::Method;

pub(crate) type Put<'a> = Encoder<&'a mut Vec<u8>>;
pub(crate) type PutResult = Result<(), EncodeError<Infallible>>;
pub(crate) type Get<'b> = Decoder<'b>;
pub(crate) type GetResult<T> = Result<T, DecodeError>;

/// Appends what `write` puts to `out`.
#[expect(
    clippy::expect_used,
    reason = "a Vec takes every write, and no encoder of ours reports an error of its own"
)]
pub(crate) fn put_into(out: &mut Vec<u8>, write: impl FnOnce(&mut Put<'_>) -> PutResult) {
    write(&mut Encoder::new(out)).expect("a vector takes every write");
}

/// Fields that this version does not know, kept byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unknown(Vec<(u32, Vec<u8>)>);

impl Unknown {
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        for (key, raw) in &self.0 {
            e.u32(*key)?;
            e.writer_mut().extend_from_slice(raw);
        }
        Ok(())
    }
}

/// Reads a map with integer keys. `field` answers whether it knew and read the field; what it did not is returned.
pub(crate) fn get_fields<'b>(
    d: &mut Get<'b>,
    mut field: impl FnMut(u32, &mut Get<'b>) -> GetResult<bool>,
) -> GetResult<Unknown> {
    let length = d.map()?.ok_or_else(|| DecodeError::message("a map of unknown length"))?;
    let mut unknown = Unknown::default();
    for _ in 0..length {
        let key = d.u32()?;
        let start = d.position();
        if !field(key, d)? {
            d.skip()?;
            let raw = d.input().get(start..d.position()).unwrap_or_default();
            unknown.0.push((key, raw.to_vec()));
        }
    }
    Ok(unknown)
}

/// Reads exactly `N` bytes.
pub(crate) fn get_array<const N: usize>(d: &mut Get<'_>) -> GetResult<[u8; N]> {
    d.bytes()?.try_into().map_err(|_| DecodeError::message("a byte string of another length"))
}

pub(crate) fn get_time(d: &mut Get<'_>) -> GetResult<UnixSeconds> {
    d.u64().map(UnixSeconds::new)
}

/// Reads what `get` reads, or null.
pub(crate) fn get_option<'b, T>(
    d: &mut Get<'b>,
    get: impl FnOnce(&mut Get<'b>) -> GetResult<T>,
) -> GetResult<Option<T>> {
    if d.datatype()? == Type::Null {
        d.null()?;
        return Ok(None);
    }
    get(d).map(Some)
}

/// Reads an array of known length, at most `most` items.
pub(crate) fn get_list<'b, T>(
    d: &mut Get<'b>,
    most: u64,
    mut get: impl FnMut(&mut Get<'b>) -> GetResult<T>,
) -> GetResult<Vec<T>> {
    match d.array()? {
        Some(length) if length <= most => (0..length).map(|_| get(d)).collect(),
        _ => Err(DecodeError::message("a list longer than its limit")),
    }
}

/// The value of a field that must be there.
pub(crate) fn required<T>(field: Option<T>, name: &'static str) -> GetResult<T> {
    field.ok_or_else(|| DecodeError::message(name))
}

/// The stored number of a method; it never changes its meaning.
pub(crate) fn method_id(method: Method) -> u8 {
    match method {
        Method::App => 1,
        Method::Sms => 2,
        _ => 255,
    }
}

pub(crate) fn method_from_id(id: u8) -> Option<Method> {
    match id {
        1 => Some(Method::App),
        2 => Some(Method::Sms),
        _ => None,
    }
}
