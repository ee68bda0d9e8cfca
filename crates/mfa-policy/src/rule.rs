//! A class, compiled: when it applies and what it says.

use std::time::Duration;

use mfa_core::time::UnixSeconds;

use crate::attributes::Attributes;
use crate::condition::Condition;
use crate::method::Methods;
use crate::number_type::NumberTypes;
use crate::obligation::{AfterReset, Obligation};
use crate::purpose::Freshness;
use crate::region::Regions;
use crate::rollout::RollOut;
use crate::word::Word;

/// One class of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: Box<str>,
    pub(crate) when: Condition,
    pub(crate) requirement: Requirement,
    pub(crate) limits: Limits,
}

/// What a class says of whether MFA is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    Unavailable,
    Optional,
    ByOrganization,
    Required,
}

impl Requirement {
    /// What it comes to for a subject at a moment.
    pub(crate) fn resolve(self, roll_out: &RollOut, subject: &Attributes, now: UnixSeconds) -> Obligation {
        match self {
            Self::Unavailable => Obligation::Unavailable,
            Self::Optional => Obligation::Optional { required_from: None },
            Self::ByOrganization => roll_out.strictest(subject.organizations(), now),
            Self::Required => Obligation::Required,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        let word = Self::WORDS.iter().find(|(_, requirement)| *requirement == self);
        word.map_or("", |(word, _)| word)
    }
}

impl Word for Requirement {
    const WHAT: &'static str = "a requirement";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("unavailable", Self::Unavailable),
        ("optional", Self::Optional),
        ("by-organization", Self::ByOrganization),
        ("required", Self::Required),
    ];
}

/// A set of up to 64 numbered things of a policy: rules, actors, providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) const MAXIMUM: usize = 64;
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) const fn contains(self, number: usize) -> bool {
        self.0 & Self::bit(number) != 0
    }

    pub(crate) const fn insert(&mut self, number: usize) {
        self.0 |= Self::bit(number);
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// No bit at all for a number past the maximum; the loader lets none through.
    const fn bit(number: usize) -> u64 {
        if number < Self::MAXIMUM { 1 << number } else { 0 }
    }
}

/// Everything of a decision that is combined field by field, the strictest winning.
///
/// A field that a class leaves out holds the value of [`Limits::UNLIMITED`], which restricts nothing, except for
/// what is a permission (a remembered device, SSO trust, drift memory): left out, that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) methods: Methods,
    pub(crate) sms_regions: Regions,
    pub(crate) number_types: NumberTypes,
    pub(crate) freshness: Freshness,
    /// How long a device may be remembered; zero is not at all.
    pub(crate) remember_device: Duration,
    pub(crate) reset_by: Numbers,
    pub(crate) after_reset: AfterReset,
    pub(crate) trusted_sso: Numbers,
    pub(crate) throttle_cap: u32,
    /// Learned drift that is kept, in time steps.
    pub(crate) drift_memory: u8,
    pub(crate) recovery_codes: u8,
    pub(crate) apps_max: u8,
    pub(crate) suspect_demands_password_change: bool,
}

impl Limits {
    /// The neutral element of [`Limits::tighten`].
    pub(crate) const UNLIMITED: Self = Self {
        methods: Methods::ALL,
        sms_regions: Regions::ALL,
        number_types: NumberTypes::ALL,
        freshness: Freshness::UNLIMITED,
        remember_device: Duration::MAX,
        reset_by: Numbers::ALL,
        after_reset: AfterReset::FirstFactor,
        trusted_sso: Numbers::ALL,
        throttle_cap: u32::MAX,
        drift_memory: u8::MAX,
        recovery_codes: u8::MAX,
        apps_max: u8::MAX,
        suspect_demands_password_change: false,
    };

    /// Takes the stricter of both, field by field (INV-9: in any order, and never weaker than either was).
    pub(crate) fn tighten(&mut self, other: &Self) {
        self.methods = self.methods.intersection(other.methods);
        self.sms_regions = self.sms_regions.intersection(other.sms_regions);
        self.number_types = self.number_types.intersection(other.number_types);
        self.freshness.tighten(&other.freshness);
        self.remember_device = self.remember_device.min(other.remember_device);
        self.reset_by = self.reset_by.intersection(other.reset_by);
        self.after_reset = self.after_reset.max(other.after_reset);
        self.trusted_sso = self.trusted_sso.intersection(other.trusted_sso);
        self.throttle_cap = self.throttle_cap.min(other.throttle_cap);
        self.drift_memory = self.drift_memory.min(other.drift_memory);
        self.recovery_codes = self.recovery_codes.min(other.recovery_codes);
        self.apps_max = self.apps_max.min(other.apps_max);
        self.suspect_demands_password_change |= other.suspect_demands_password_change;
    }
}
