//! Multi-factor authentication to embed: everything between "the password was right" and "this session is proved".
//!
//! The host owns its users, passwords, sessions and pages. This library owns enrollment, verification, recovery,
//! throttling, policy, storage and audit of second factors. [`Mfa`] is the one value to keep; every call takes a
//! [`Context`] and answers with a typed step.
//!
//! ```text
//! begin ── Proved(assertion) ............ nothing more is asked
//!       ── Offer | Enroll (menu) ......... enroll_app → confirm → activate → assertion     (Offer: or skip)
//!       ── Challenge ..................... verify → assertion | recover → menu → enroll_app …
//!       ── with texts (feature sms) ...... enroll_phone → confirm_phone → activate; send_code → verify
//!       ── Throttled { until } ........... wait, or recover
//!       ── RecoverOnly ................... recover
//! ```
//!
//! And once somebody is in, for what takes fresh proof:
//!
//! ```text
//! challenge(manage) ........ Proved | FirstFactor | Challenge → verify → change_app, remove, new_recovery_code,
//!                            forget_devices, reset of somebody else
//! challenge(step-up) ....... the same, for the host's own sensitive actions
//! challenge(transaction) ... Challenge → verify → redeem, once
//! ```
//!
//! # Examples
//! ```
//! use mfa::policy::{Attributes, Policy};
//! use mfa::storage::MemoryStorage;
//! use mfa::testing::{HandClock, TestAuthenticator};
//! use mfa::{Acknowledged, Context, FirstFactor, Keyring, Mfa, Next, Realm, SessionBinding, Subject, SubjectId};
//! use mfa::SystemRandom;
//!
//! # pollster::block_on(async {
//! let clock = HandClock::at(1_800_000_000);
//! let mfa = Mfa::builder()
//!     .storage(MemoryStorage::new())
//!     .keyring(Keyring::generate(&SystemRandom)?)
//!     .clock(clock.clone())
//!     .build()?;
//!
//! let subject = Subject::new(SubjectId::new("u-1")?, "ada@example.com", Attributes::new());
//! let ctx = Context::new(Realm::new("main", "Example")?, subject, SessionBinding::from_bytes([7; 16]));
//!
//! // The password was right. What comes next?
//! let now = clock.reading();
//! let Next::Offer(menu) = mfa.begin(&ctx, FirstFactor::password(now)).await? else { panic!("optional by default") };
//!
//! let pending = mfa.enroll_app(&ctx, &menu.ticket).await?;            // show pending.qr().svg()
//! let app = TestAuthenticator::scan(&pending)?;
//! let confirmed = mfa.confirm(&ctx, &pending.ticket, &app.code_at(now)).await?; // show the recovery code
//! let assertion = mfa.activate(&ctx, &confirmed.ticket, Acknowledged).await?;
//! assert_eq!(assertion.amr(), ["pwd", "otp", "mfa"]);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Features
//! | feature | default | brings |
//! | --- | --- | --- |
//! | `qr` | yes | QR codes as SVG and terminal text |
//! | `sms` | no | codes by text message: number plans, senders as [`sms`](https://docs.rs/mfa-sms), budgets |
//! | `postgres` | no | the PostgreSQL backend as [`postgres`](https://docs.rs/mfa-postgres) |
//! | `redis` | no | the Redis backend as [`redis`](https://docs.rs/mfa-redis) |
//! | `sqlite` | no | the embedded backend as [`sqlite`](https://docs.rs/mfa-sqlite) |
//! | `testing` | no | a hand clock, a seeded random source, a test authenticator |
#![forbid(unsafe_code)]

mod assertion;
mod clock;
mod codec;
mod context;
mod decide;
mod device;
mod engine;
mod error;
mod event;
mod keyring;
#[cfg(feature = "qr")]
mod qr;
mod random;
mod record;
mod refusals;
mod setup;
#[cfg(feature = "testing")]
pub mod testing;
mod texting;
mod ticket;
mod transaction;

pub use assertion::{Assertion, SecondFactor};
pub use clock::{Clock, ClockError, SystemClock};
pub use context::{Context, FirstFactor, Realm, Subject};
pub use decide::Standing;
pub use device::DeviceToken;
pub use engine::{
    Acknowledged, Asked, Attested, AuthenticatorStatus, AuthenticatorView, Challenge, ChallengeStatus,
    ConfirmedEnrollment, Maintained, Menu, Mfa, NewRecoveryCode, Next, Overview, PendingEnrollment, Remember,
    ResetDone, Rewrapped, Wanted,
};
#[cfg(feature = "sms")]
pub use engine::{CodeSent, Consent, PendingPhone};
pub use error::{ConfigError, ConfigFault, Error, Rejection, Unavailable};
pub use event::{Event, EventKind, EventMethod, EventPage, RecordedEvent, UnreadableEvent};
pub use keyring::{KeyFileError, KeyState, Keyring, KeyringError};
#[cfg(feature = "qr")]
pub use qr::QrCode;
pub use random::{RandomError, RandomSource, SystemRandom};
pub use setup::MfaBuilder;
#[cfg(feature = "sms")]
pub use texting::{PhoneRisk, RiskError, TextBudget, TextBudgets, Texting};
pub use ticket::{Kind, Ticket, kind};
pub use transaction::{InvalidTransaction, Transaction};

pub use mfa_core::id::{AuthenticatorId, Pseudonym, SessionBinding, SubjectId, SubjectKey, TenantId};
#[cfg(feature = "sms")]
pub use mfa_core::phone::PhoneNumber;
pub use mfa_core::time::UnixSeconds;
/// Rules: who must, who may, with what, how fresh.
pub use mfa_policy as policy;
#[cfg(feature = "postgres")]
/// The PostgreSQL backend.
pub use mfa_postgres as postgres;
#[cfg(feature = "redis")]
/// The Redis backend.
pub use mfa_redis as redis;
#[cfg(feature = "sms")]
/// Composing and sending texts.
pub use mfa_sms as sms;
#[cfg(feature = "sqlite")]
/// The embedded SQLite backend.
pub use mfa_sqlite as sqlite;
/// The storage contract and the in-memory backend.
pub use mfa_storage as storage;
