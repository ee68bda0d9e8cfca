//! Whether a text may go to a phone number: the number's region and kind, found from its digits, and the policy's
//! word on them.
//!
//! Never by calling code: +1 is 25 regions, +44 four. A [`NumberPlan`] is made once, for the regions that any rule
//! allows; [`Decision::sms_to`](crate::Decision::sms_to) is the verdict, to be asked before every send (INV-7).
//!
//! ```
//! use mfa_core::phone::PhoneNumber;
//! use mfa_core::time::UnixSeconds;
//! use mfa_policy::numbers::{NumberPlan, NumberRefused};
//! use mfa_policy::{Attributes, Policy, Region};
//!
//! let policy = Policy::from_toml(include_str!("../../../../policies/construction-pay.toml"))?;
//! let plan = NumberPlan::prepare(policy.sms().regions())?;
//! let payee = Attributes::new().with("role", "payee");
//! let decision = policy.decide(&payee, UnixSeconds::new(1_800_000_000));
//!
//! let ohio = PhoneNumber::parse("+1 (216) 555-0123")?;
//! assert_eq!(decision.sms_to(&plan, &ohio)?.region().as_str(), "US");
//! let jamaica = PhoneNumber::parse("+1 876 555 1234")?;
//! let refused = NumberRefused::RegionNotAllowed { region: Region::new("JM").ok() };
//! assert_eq!(decision.sms_to(&plan, &jamaica), Err(refused));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it decides
//!
//! The patterns of libphonenumber's metadata are compiled into one table of digits per calling code, so that each
//! digit of a number is looked at once and nothing is allocated, locked or cached. The reading is libphonenumber's
//! (`getRegionCodeForNumber`, `getNumberType`): regions in the metadata's order, the main one first; a pattern has
//! to match the whole national number, and its length be possible. Digits are never dropped, added or rewritten.
//!
//! # What it cannot know
//!
//! A number says nothing of where its phone is or who holds it, and a ported one may be of another kind than its
//! range. Ranges younger than the metadata are refused until a newer file is loaded ([`NumberPlan::load`]).

mod automaton;
mod country;
mod kind;
mod metadata;
mod national;
mod pattern;
mod plan;
mod territory;
mod verdict;
mod xml;

pub use country::Country;
pub use kind::NumberKind;
pub use national::InvalidNational;
pub use plan::{Classified, NumberPlan, PlanError};
pub use verdict::{Destination, NumberRefused};
