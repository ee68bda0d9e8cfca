//! Classes, from tables to rules.

use std::fmt::Display;
use std::time::Duration;

use super::conditions::condition;
use super::floors::Breaches;
use super::settings::{self, THIRTY_DAYS, number};
use crate::actor::Actor;
use crate::attributes::ORGANIZATION;
use crate::condition::{Condition, Terms};
use crate::error::FaultKind;
use crate::file::layout::{Payments, PolicyFile, RulesTable};
use crate::file::read::{Choice, Faults, Located, Place, unknown};
use crate::floor::Floor;
use crate::method::{Method, Methods};
use crate::obligation::AfterReset;
use crate::purpose::Purpose;
use crate::rule::{Limits, Numbers, Requirement, Rule};
use crate::sso::Provider;
use crate::text;

/// What stands around the classes: what they name, and the limits they only tighten.
pub(crate) struct Around<'p> {
    pub(crate) actors: &'p [Actor],
    pub(crate) providers: &'p [Provider],
    pub(crate) base: &'p Limits,
    pub(crate) has_roll_out: bool,
}

/// The rules, the default one last, and which of them make a subject known.
pub(crate) fn rules(
    file: &PolicyFile,
    around: &Around<'_>,
    terms: &mut Terms,
    faults: &mut Faults,
    breaches: &mut Breaches,
) -> (Vec<Rule>, Numbers) {
    let mut rules: Vec<Rule> = Vec::new();
    if let Some(list) = &file.classes {
        if list.value.len() >= Numbers::MAXIMUM {
            let text = format!("a policy has at most {} classes beside the default", Numbers::MAXIMUM - 1);
            faults.add(FaultKind::TooMany, &list.at, text);
        }
        for Located { value: table, .. } in &list.value {
            let name = table.name.as_ref();
            if let Some(name) = name.filter(|name| rules.iter().any(|rule| *rule.name == *name.value)) {
                faults.add(FaultKind::Duplicate, &name.at, "there is a class of this name already");
            }
            if let Some(name) = name.filter(|name| name.value == DEFAULT) {
                faults.add(FaultKind::Duplicate, &name.at, "`default` is the class of its own table");
            }
            let name = name.map_or("", |name| &name.value);
            let when = condition(table.when.as_ref(), terms, faults);
            rules.push(rule(name, when, &table.rules, around, faults, breaches));
        }
    }
    let mut known = Numbers::NONE;
    if let Some(Located { value: table, .. }) = &file.default {
        known = named(table.known.as_ref(), rules.iter().map(|rule| &*rule.name), "class", faults);
        settled_by_membership(file, table.known.as_ref(), faults);
        rules.push(rule(DEFAULT, Condition::default(), &table.rules, around, faults, breaches));
    }
    (rules, known)
}

/// Refuses a known class whose condition asks for an organisation: joining one would then free a subject of the
/// default class, and an organisation more must never weaken a decision.
fn settled_by_membership(
    file: &PolicyFile,
    known: Option<&Located<Vec<Located<String>>>>,
    faults: &mut Faults,
) {
    for Located { value: name, at } in known.iter().flat_map(|list| &list.value) {
        let mut classes = file.classes.iter().flat_map(|list| &list.value).map(|class| &class.value);
        let class = classes.find(|class| class.name.as_ref().is_some_and(|own| own.value == *name));
        let when = class.and_then(|class| class.when.as_ref());
        if when.is_some_and(|when| when.value.mentions(ORGANIZATION)) {
            let text = "a known class cannot ask for an organization: joining one would free a subject of the \
                        default class; let it ask for another attribute, or leave it out of `known`";
            faults.add(FaultKind::Value, at, text);
        }
    }
}

const DEFAULT: &str = "default";

fn rule(
    name: &str,
    when: Condition,
    table: &RulesTable,
    around: &Around<'_>,
    faults: &mut Faults,
    breaches: &mut Breaches,
) -> Rule {
    let limits = limits(table, around, faults);
    fits_in_base(table, &limits, around.base, faults);
    sms(table, &limits, around.base, faults);
    floors(name, table, &limits, breaches);
    let requirement = table.requirement.as_ref();
    if let Some(Located { at, .. }) =
        requirement.filter(|said| said.value.0 == Requirement::ByOrganization && !around.has_roll_out)
    {
        let text = "`by-organization` needs a `roll_out` that says which organisations are in";
        faults.add(FaultKind::Missing, at, text);
    }
    let requirement = requirement.map_or(Requirement::Required, |said| said.value.0);
    Rule { name: Box::from(name), when, requirement, limits }
}

fn limits(table: &RulesTable, around: &Around<'_>, faults: &mut Faults) -> Limits {
    let free = Limits::UNLIMITED;
    let actors = around.actors.iter().map(|actor| &*actor.name);
    let providers = around.providers.iter().map(|provider| &*provider.name);
    Limits {
        methods: methods(table, faults),
        sms_regions: table
            .sms_regions
            .as_ref()
            .map_or(free.sms_regions, |list| list.value.iter().map(|region| region.value).collect()),
        number_types: table
            .number_types
            .as_ref()
            .map_or(free.number_types, |list| list.value.iter().map(|listed| listed.value.0).collect()),
        freshness: settings::freshness(table.freshness.as_ref()),
        remember_device: table
            .remember_device
            .as_ref()
            .and_then(|remember| remember.value.0)
            .unwrap_or(Duration::ZERO),
        reset_by: named(table.reset_by.as_ref(), actors, "actor", faults),
        after_reset: table.after_reset.as_ref().map_or(AfterReset::FirstFactor, |said| said.value.0),
        trusted_sso: named(table.trust_sso.as_ref(), providers, "identity provider", faults),
        throttle_cap: settings::throttle_cap(table.throttle_cap.as_ref(), faults)
            .unwrap_or(free.throttle_cap),
        drift_memory: number(table.drift_memory.as_ref(), 0..=2, faults).unwrap_or(0),
        recovery_codes: number(table.recovery_codes.as_ref(), 1..=16, faults).unwrap_or(free.recovery_codes),
        apps_max: number(table.apps_max.as_ref(), 1..=16, faults).unwrap_or(free.apps_max),
        suspect_demands_password_change: table
            .suspect_demands_password_change
            .as_ref()
            .is_some_and(|said| said.value),
    }
}

fn methods(table: &RulesTable, faults: &mut Faults) -> Methods {
    let Some(list) = &table.methods else { return Methods::APP };
    let methods: Methods = list.value.iter().map(|Located { value: Choice(method), .. }| *method).collect();
    if !methods.contains(Method::App) {
        let text = "`app` must be among the methods, so that classes together always leave one (NIST SP 800-63B-4 3.2.9)";
        faults.add(FaultKind::Value, &list.at, text);
    }
    methods
}

/// The numbers of the things that a list names.
fn named<'a>(
    list: Option<&Located<Vec<Located<String>>>>,
    known: impl Iterator<Item = &'a str> + Clone,
    what: &str,
    faults: &mut Faults,
) -> Numbers {
    let mut numbers = Numbers::NONE;
    for Located { value: name, at } in list.iter().flat_map(|list| &list.value) {
        match known.clone().position(|known| known == name) {
            Some(number) => numbers.insert(number),
            None => {
                let text = unknown(&format!("there is no such {what}"), name, known.clone());
                faults.add(FaultKind::UnknownName, at, text);
            }
        }
    }
    numbers
}

/// A class only tightens: what is looser than the policy's own limit would silently do nothing.
fn fits_in_base(table: &RulesTable, limits: &Limits, base: &Limits, faults: &mut Faults) {
    let freshness = table.freshness.as_ref().map(|freshness| &freshness.value);
    for (purpose, field, name) in [
        (Purpose::Session, freshness.and_then(|table| table.session.as_ref()), "freshness.session"),
        (Purpose::Manage, freshness.and_then(|table| table.manage.as_ref()), "freshness.manage"),
        (Purpose::StepUp, freshness.and_then(|table| table.step_up.as_ref()), "freshness.step_up"),
        (
            Purpose::Transaction,
            freshness.and_then(|table| table.transaction.as_ref()),
            "freshness.transaction",
        ),
    ] {
        let most = base.freshness.of(purpose);
        if let Some(Located { at, .. }) = field.filter(|field| field.value > most) {
            looser(at, name, text::duration(most), faults);
        }
    }
    for (field, said, most, name) in [
        (&table.throttle_cap, limits.throttle_cap, base.throttle_cap, "limits.throttle_cap"),
        (
            &table.recovery_codes,
            u32::from(limits.recovery_codes),
            u32::from(base.recovery_codes),
            "limits.recovery_codes",
        ),
        (&table.apps_max, u32::from(limits.apps_max), u32::from(base.apps_max), "limits.apps_max"),
    ] {
        if let Some(Located { at, .. }) =
            field.as_ref().filter(|field| u64::from(said) == field.value && said > most)
        {
            looser(at, name, most, faults);
        }
    }
}

fn looser(at: &Place, name: &str, most: impl Display, faults: &mut Faults) {
    let text = format!(
        "looser than `{name}` of the policy, {most}, and so without effect; raise that or tighten this"
    );
    faults.add(FaultKind::Value, at, text);
}

/// What a class says of SMS must be within what the policy allows, and leave somewhere to send to.
fn sms(table: &RulesTable, limits: &Limits, base: &Limits, faults: &mut Faults) {
    for Located { value: region, at } in table.sms_regions.iter().flat_map(|list| &list.value) {
        if !base.sms_regions.contains(*region) {
            faults.add(FaultKind::Value, at, format!("`{region}` is not among `sms.regions` of the policy"));
        }
    }
    for Located { value: Choice(listed), at } in table.number_types.iter().flat_map(|list| &list.value) {
        if !base.number_types.contains(*listed) {
            faults.add(
                FaultKind::Value,
                at,
                format!("`{listed}` is not among `sms.number_types` of the policy"),
            );
        }
    }
    let own = table.sms_regions.as_ref().map(|list| &*list.at.path);
    let own = own.into_iter().chain(table.number_types.as_ref().map(|list| &*list.at.path));
    let known = !own.chain(["sms.regions", "sms.number_types"]).any(|path| faults.has_within(path));
    let nowhere = limits.sms_regions.intersection(base.sms_regions).is_empty()
        || limits.number_types.intersection(base.number_types).is_empty();
    if let Some(list) =
        table.methods.as_ref().filter(|_| known && nowhere && limits.methods.contains(Method::Sms))
    {
        let text = "`sms` is allowed, and there is no region or number type to send to";
        faults.add(FaultKind::Value, &list.at, text);
    }
}

/// The floors that a class can go below.
fn floors(name: &str, table: &RulesTable, limits: &Limits, breaches: &mut Breaches) {
    let remembers = table.remember_device.as_ref().filter(|_| !limits.remember_device.is_zero());
    if let Some(Located { at, .. }) = remembers.filter(|_| limits.remember_device > THIRTY_DAYS) {
        breaches.add_in(name, Floor::RememberedDevice, at);
    }
    let Some(payments) = table.payments.as_ref().map(|payments| payments.value.0) else { return };
    if let Some(Located { at, .. }) = remembers {
        breaches.add_in(name, Floor::RememberedDeviceForPayments, at);
    }
    if let Some(Located { at, .. }) = table.drift_memory.as_ref().filter(|_| limits.drift_memory > 0) {
        breaches.add_in(name, Floor::DriftMemoryForPayments, at);
    }
    let requirement = table.requirement.as_ref();
    if let Some(Located { at, .. }) = requirement.filter(|said| said.value.0 != Requirement::Required) {
        breaches.add_in(name, Floor::PaymentsNotRequired, at);
    }
    let methods = table.methods.as_ref().filter(|_| payments == Payments::Payor);
    let sms = methods.and_then(|list| list.value.iter().find(|listed| listed.value.0 == Method::Sms));
    if let Some(Located { at, .. }) = sms {
        breaches.add_in(name, Floor::SmsForPayor, at);
    }
}
