//! What holds for everybody: SMS, limits, throttling, roll-out, actors and providers.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::conditions::condition;
use super::floors::Breaches;
use crate::actor::{Actor, SameOrganization};
use crate::condition::Terms;
use crate::decision::Throttle;
use crate::error::FaultKind;
use crate::file::layout::{FreshnessTable, PolicyFile};
use crate::file::read::{Faults, Located, Place};
use crate::floor::Floor;
use crate::number_type::NumberTypes;
use crate::policy::SmsRules;
use crate::purpose::Freshness;
use crate::region::Regions;
use crate::rollout::RollOut;
use crate::rule::{Limits, Numbers};
use crate::sso::Provider;

pub(crate) fn sms(file: &PolicyFile, breaches: &mut Breaches) -> SmsRules {
    let table = file.sms.as_ref().map(|table| &table.value);
    let regions = table.and_then(|table| table.regions.as_ref());
    let number_types = table.and_then(|table| table.number_types.as_ref());
    let lifetime = table.and_then(|table| table.code_lifetime.as_ref());
    if let Some(lifetime) = lifetime.filter(|lifetime| lifetime.value > TEN_MINUTES) {
        breaches.add(Floor::SmsLifetime, &lifetime.at);
    }
    for listed in number_types.iter().flat_map(|list| &list.value) {
        if !NumberTypes::MOBILE.contains(listed.value.0) {
            breaches.add(Floor::SmsToNonMobile, &listed.at);
        }
    }
    SmsRules {
        regions: regions.map_or(Regions::NONE, |list| list.value.iter().map(|region| region.value).collect()),
        number_types: number_types
            .map_or(NumberTypes::MOBILE, |list| list.value.iter().map(|listed| listed.value.0).collect()),
        code_lifetime: lifetime.map_or(TEN_MINUTES, |lifetime| lifetime.value),
    }
}

pub(crate) fn throttle(file: &PolicyFile, faults: &mut Faults, breaches: &mut Breaches) -> Throttle {
    let default = Throttle::RECOMMENDED;
    let Some(table) = file.throttle.as_ref().map(|table| &table.value) else { return default };
    if let Some(failures) = table.failures.as_ref().filter(|failures| failures.value > 5) {
        breaches.add(Floor::Throttle, &failures.at);
    }
    if let Some(window) = table.window.as_ref().filter(|window| window.value < default.window) {
        breaches.add(Floor::Throttle, &window.at);
    }
    if let Some(waits) = table.waits.as_ref().filter(|waits| !waits.value) {
        breaches.add(Floor::NoWaiting, &waits.at);
    }
    Throttle {
        cap: default.cap,
        failures: number(table.failures.as_ref(), 1..=100, faults).unwrap_or(default.failures),
        window: table.window.as_ref().map_or(default.window, |window| window.value),
        waits: table.waits.as_ref().is_none_or(|waits| waits.value),
    }
}

/// The limits that hold for everybody; everything that is only up to classes restricts nothing here.
pub(crate) fn base(
    file: &PolicyFile,
    sms: &SmsRules,
    faults: &mut Faults,
    breaches: &mut Breaches,
) -> Limits {
    let table = file.limits.as_ref().map(|table| &table.value);
    let cap = table.and_then(|table| table.throttle_cap.as_ref());
    let recovery_codes = table.and_then(|table| table.recovery_codes.as_ref());
    let apps_max = table.and_then(|table| table.apps_max.as_ref());
    let stated = freshness(file.freshness.as_ref());
    let recommended = Freshness::RECOMMENDED;
    let or = |said: Duration, otherwise| if said == Duration::MAX { otherwise } else { said };
    freshness_floors(file.freshness.as_ref(), breaches);
    Limits {
        sms_regions: sms.regions,
        number_types: sms.number_types,
        freshness: Freshness {
            session: or(stated.session, recommended.session),
            manage: or(stated.manage, recommended.manage),
            step_up: or(stated.step_up, recommended.step_up),
            transaction: or(stated.transaction, recommended.transaction),
        },
        throttle_cap: throttle_cap(cap, faults).unwrap_or(Throttle::RECOMMENDED.cap),
        recovery_codes: number(recovery_codes, 1..=16, faults).unwrap_or(1),
        apps_max: number(apps_max, 1..=16, faults).unwrap_or(1),
        ..Limits::UNLIMITED
    }
}

/// The times a table states, and no limit for the others.
pub(crate) fn freshness(table: Option<&Located<FreshnessTable>>) -> Freshness {
    let Some(Located { value: table, .. }) = table else { return Freshness::UNLIMITED };
    let stated = |field: &Option<Located<Duration>>| field.as_ref().map_or(Duration::MAX, |it| it.value);
    Freshness {
        session: stated(&table.session),
        manage: stated(&table.manage),
        step_up: stated(&table.step_up),
        transaction: stated(&table.transaction),
    }
}

fn freshness_floors(table: Option<&Located<FreshnessTable>>, breaches: &mut Breaches) {
    let Some(Located { value: table, .. }) = table else { return };
    for (field, longest, floor) in [
        (&table.session, THIRTY_DAYS, Floor::SessionFreshness),
        (&table.manage, FIFTEEN_MINUTES, Floor::ManageFreshness),
        (&table.step_up, FIFTEEN_MINUTES, Floor::StepUpFreshness),
        (&table.transaction, FIVE_MINUTES, Floor::TransactionFreshness),
    ] {
        if let Some(field) = field.as_ref().filter(|field| field.value > longest) {
            breaches.add(floor, &field.at);
        }
    }
}

pub(crate) fn roll_out(file: &PolicyFile, faults: &mut Faults) -> RollOut {
    let Some(Located { value: table, at }) = &file.roll_out else { return RollOut::default() };
    let percentage = number(table.percentage.as_ref(), 0..=100, faults).unwrap_or(0);
    if (1..100).contains(&percentage) && table.salt.is_none() {
        let text = "`salt` is missing: it keeps the same organisations in as the percentage grows";
        faults.add(FaultKind::Missing, at, text);
    }
    let organizations = table.organizations.iter().flat_map(|list| &list.value);
    let salt = table.salt.as_ref().map_or("", |salt| &salt.value);
    RollOut::new(organizations.map(|id| Box::from(&*id.value)).collect(), percentage, salt)
}

pub(crate) fn actors(file: &PolicyFile, terms: &mut Terms, faults: &mut Faults) -> Vec<Actor> {
    let Some(list) = &file.actors else { return Vec::new() };
    fits(list, "actors", faults);
    let mut actors: Vec<Actor> = Vec::new();
    for Located { value: table, .. } in &list.value {
        if let Some(when) =
            table.when.as_ref().filter(|when| when.value.all.is_empty() && when.value.any.is_empty())
        {
            let text = "an empty condition would let everybody reset; it must ask for something";
            faults.add(FaultKind::Value, &when.at, text);
        }
        let name = table.name.as_ref();
        if let Some(name) = name.filter(|name| actors.iter().any(|known| *known.name == *name.value)) {
            faults.add(FaultKind::Duplicate, &name.at, "there is an actor of this name already");
        }
        actors.push(Actor {
            name: name.map_or(Box::from(""), |name| Box::from(&*name.value)),
            when: condition(table.when.as_ref(), terms, faults),
            subjects: condition(table.subjects.as_ref(), terms, faults),
            same_organization: table
                .same_organization
                .as_ref()
                .map_or(SameOrganization::All, |choice| choice.value.0),
        });
    }
    actors
}

pub(crate) fn providers(file: &PolicyFile, faults: &mut Faults) -> Vec<Provider> {
    let Some(list) = &file.sso else { return Vec::new() };
    fits(list, "identity providers", faults);
    let mut providers: Vec<Provider> = Vec::new();
    for Located { value: table, .. } in &list.value {
        let name = table.provider.as_ref();
        if let Some(name) = name.filter(|name| providers.iter().any(|known| *known.name == *name.value)) {
            faults.add(FaultKind::Duplicate, &name.at, "there is an identity provider of this name already");
        }
        for list in [table.accepted_amr.as_ref(), table.organizations.as_ref()].into_iter().flatten() {
            if list.value.is_empty() {
                faults.add(FaultKind::Value, &list.at, "with an empty list the provider is never trusted");
            }
        }
        let texts = |list: &Located<Vec<Located<String>>>| {
            list.value.iter().map(|text| Box::from(&*text.value)).collect::<Vec<_>>()
        };
        providers.push(Provider {
            name: name.map_or(Box::from(""), |name| Box::from(&*name.value)),
            accepted_amr: table.accepted_amr.as_ref().map(texts).unwrap_or_default(),
            organizations: table.organizations.as_ref().map(texts),
            owns_mfa: table.owns_mfa.as_ref().is_some_and(|owns| owns.value),
        });
    }
    providers
}

/// A fault if there are more than can be numbered.
pub(crate) fn fits<T>(list: &Located<Vec<T>>, what: &str, faults: &mut Faults) {
    if list.value.len() > Numbers::MAXIMUM {
        let text = format!("a policy has at most {} {what}", Numbers::MAXIMUM);
        faults.add(FaultKind::TooMany, &list.at, text);
    }
}

/// A number within a range.
pub(crate) fn number<T: TryFrom<u64>>(
    field: Option<&Located<u64>>,
    range: RangeInclusive<u64>,
    faults: &mut Faults,
) -> Option<T> {
    let Located { value, at } = field?;
    if !range.contains(value) {
        faults.add(FaultKind::Value, at, format!("must be {} to {}", range.start(), range.end()));
        return None;
    }
    T::try_from(*value).ok()
}

/// A cap on consecutive failures, which nothing can take above 100.
pub(crate) fn throttle_cap(field: Option<&Located<u64>>, faults: &mut Faults) -> Option<u32> {
    if let Some(Located { at, .. }) = field.filter(|field| field.value > 100) {
        fixed(at, "cap-above-100", faults);
        return None;
    }
    number(field, 1..=100, faults)
}

fn fixed(at: &Place, word: &str, faults: &mut Faults) {
    let why = crate::floor::FIXED.iter().find(|(known, _)| *known == word).map_or("", |(_, why)| why);
    faults.add(FaultKind::Fixed, at, format!("{why}; this cannot be deviated from"));
}

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);
const FIFTEEN_MINUTES: Duration = Duration::from_secs(15 * 60);
pub(crate) const THIRTY_DAYS: Duration = Duration::from_secs(30 * 86_400);
