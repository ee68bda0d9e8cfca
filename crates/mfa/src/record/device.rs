//! A device that a person asked to be remembered.

use mfa_core::id::DeviceId;
use mfa_core::time::UnixSeconds;
use minicbor::decode::Error as DecodeError;

use crate::codec::{Get, GetResult, Put, PutResult, get_array, get_time};

/// A remembered device. Its token is a sealed ticket; being listed here is what keeps the token alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) remembered_at: UnixSeconds,
    pub(crate) expires_at: UnixSeconds,
}

impl Device {
    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(3)?.bytes(self.id.as_bytes())?.u64(self.remembered_at.get())?.u64(self.expires_at.get())?;
        Ok(())
    }

    pub(crate) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        match d.array()? {
            Some(3) => Ok(Self {
                id: DeviceId::from_bytes(get_array(d)?),
                remembered_at: get_time(d)?,
                expires_at: get_time(d)?,
            }),
            _ => Err(DecodeError::message("a device of another shape")),
        }
    }
}

/// More devices than this, and the oldest is forgotten: nobody signs in from nine at once.
pub(crate) const MOST_DEVICES: usize = 8;
