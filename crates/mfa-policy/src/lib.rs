//! Pure rules: who must use multi-factor authentication, who may, with what, where SMS goes, and how fresh a proof
//! must be.
//!
//! This crate decides and never acts: no I/O, no clock, no storage. The host says what a subject
//! is right now ([`Attributes`]), a policy file says what follows ([`Policy`]), and a [`Decision`] is the answer for
//! one moment, with its reasons.
//!
//! ```
//! use mfa_core::time::UnixSeconds;
//! use mfa_policy::{Attributes, Method, Obligation, OrganizationSettings, Policy};
//!
//! let policy = Policy::from_toml(include_str!("../../../policies/construction-pay.toml"))?;
//! let member = Attributes::new()
//!     .with("role", "commercial")
//!     .organization(OrganizationSettings::new("pilot.example").enforced_from(UnixSeconds::new(1_800_000_000)));
//!
//! let decision = policy.decide(&member, UnixSeconds::new(1_799_999_999));
//! let date = Some(UnixSeconds::new(1_800_000_000));
//! assert_eq!(decision.obligation(), Obligation::Optional { required_from: date });
//! assert!(decision.methods().contains(Method::Sms));
//!
//! let payor = member.with("role", "payor");
//! let decision = policy.decide(&payor, UnixSeconds::new(1_799_999_999));
//! assert_eq!(decision.obligation(), Obligation::Required);
//! assert!(!decision.methods().contains(Method::Sms));
//! # Ok::<(), mfa_policy::PolicyError>(())
//! ```
//!
//! # The strictest wins, field by field
//!
//! A subject may be in several classes and organisations:
//!
//! | field | of all that apply |
//! | --- | --- |
//! | requirement | the highest: unavailable, optional, optional with the earliest date, required; `by-organization` first becomes one of these, organisation by organisation |
//! | methods, SMS regions, number types, who may reset | what all have in common; the app is always among the methods |
//! | freshness, remembered device, caps, numbers of codes and apps, drift memory | the shortest or lowest |
//! | SSO trust | only a provider that all trust, for a subject wholly in its organisations |
//! | after a reset, new password when suspect | the more demanding |
//!
//! **Adding a class never weakens any decision, and neither does adding an organisation (INV-9)**, except that
//! joining its first organisation is what a provider kept to organisations trusts a subject for, and that an
//! organisation's administrators may reset its members. Three things are the way they are for this law:
//!
//! - The default class lists by name the classes that settle a subject (`known`). It does not step back because
//!   *some* class applies, or a class added for everybody would free everybody of it.
//! - Conditions only ask for what is there. There is no `not`: an attribute more could free a subject of a rule.
//! - A permission that a class does not give (a remembered device, a trusted provider, drift memory) is refused by
//!   that class. What the policy sets for everybody is the widest; a class that tries to widen it is an error.
//!
//! # Fail closed
//!
//! A subject that no known class covers falls under the default class, which a file must spell out. Attributes that
//! could not be kept whole fall under every class. A file with anything wrong is refused, with **all** its faults
//! ([`PolicyError`]); one below the standards' floor ([`Floor`]) is refused unless it lists the [`Deviation`] and
//! why, and an explanation shows it ever after.
//!
//! # Features
//!
//! | feature | adds | cost |
//! | --- | --- | --- |
//! | `schema` | `Policy::json_schema` | the schemars crate |
//! | `numbers` | `numbers`, whether a text may go to a phone number | the phonenumber crate for its metadata: 5 MiB and a tenth of a second once the first plan is prepared, nothing before |
#![forbid(unsafe_code)]

mod actor;
mod attributes;
mod compile;
mod condition;
mod decision;
mod deviation;
mod error;
mod explain;
mod file;
mod floor;
mod hash;
mod method;
mod number_type;
#[cfg(feature = "numbers")]
pub mod numbers;
mod obligation;
mod organization;
mod policy;
mod purpose;
mod reason;
mod region;
mod rollout;
mod rule;
#[cfg(feature = "schema")]
mod schema;
mod sso;
mod text;
mod word;

pub use attributes::{Attributes, InvalidAttribute};
pub use decision::{Decision, Throttle};
pub use deviation::Deviation;
pub use error::{Fault, FaultKind, PolicyError};
pub use floor::Floor;
pub use method::{Method, Methods};
pub use number_type::{NumberType, NumberTypes};
pub use obligation::{AfterReset, Obligation};
pub use organization::{InvalidReauthenticateAfter, OrganizationSettings, ReauthenticateAfter};
pub use policy::{Policy, SmsRules};
pub use purpose::Purpose;
pub use reason::{Field, Reason, Source};
pub use region::{InvalidRegion, Region, Regions};
