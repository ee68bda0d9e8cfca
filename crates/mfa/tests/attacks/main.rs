//! The rows of the attack catalogue that the app and the recovery code can meet, through the facade, on each backend.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod colliding_steps;
#[path = "../common/mod.rs"]
mod common;
mod devices;
mod events;
mod failing_storage;
mod guessing;
mod lifecycle;
mod manage;
mod one_time;
mod policy;
mod purposes;
mod recovery;
mod reset;
mod secrets;
mod skipping;
mod texts;

use common::World;

/// Whether a call was turned down with exactly this.
fn is<T>(answer: Result<T, mfa::Error>, wanted: mfa::Rejection) -> bool {
    matches!(answer, Err(mfa::Error::Rejected(rejection)) if rejection == wanted)
}

fn is_throttled<T>(answer: Result<T, mfa::Error>) -> bool {
    matches!(answer, Err(mfa::Error::Rejected(mfa::Rejection::Throttled { .. })))
}

impl World {
    fn storage_is_empty(&self) -> bool {
        pollster::block_on(self.storage().scan(None, 1, Default::default())).unwrap().is_empty()
    }
}
