//! Every table and field of a policy file, with what it means: this is the one list, and the schema is made from it.

use std::time::Duration;

use super::read::{Choice, Faults, Fields, Located, OffOr, Place, Read, Table, wrong_type};
use super::tree::{Node, Value};
use crate::actor::SameOrganization;
use crate::error::FaultKind;
use crate::floor::Floor;
use crate::method::Method;
use crate::number_type::NumberType;
use crate::obligation::AfterReset;
use crate::organization::ReauthenticateAfter;
use crate::region::Region;
use crate::rule::Requirement;
use crate::word::Word;

/// Defines a table: each field with `required`, `optional` or `flatten` (the fields of another table in this one).
macro_rules! table {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $text:literal])* $need:ident $field:ident: $type:ty,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $($(#[doc = $text])* pub(crate) $field: table!(@type $need $type),)*
        }

        impl Table for $name {
            fn take(fields: &mut Fields<'_>, faults: &mut Faults) -> Self {
                Self { $($field: table!(@take $need fields faults $field $type),)* }
            }

            #[cfg(feature = "schema")]
            fn properties(generator: &mut schemars::SchemaGenerator, into: &mut crate::schema::Properties) {
                $(table!(@schema $need generator into $field $type, concat!($($text),*));)*
            }
        }
    };
    (@type flatten $type:ty) => { $type };
    (@type $need:ident $type:ty) => { Option<Located<$type>> };
    (@take flatten $fields:ident $faults:ident $field:ident $type:ty) => { <$type>::take($fields, $faults) };
    (@take $need:ident $fields:ident $faults:ident $field:ident $type:ty) => {
        $fields.$need::<$type>(stringify!($field), $faults)
    };
    (@schema flatten $generator:ident $into:ident $field:ident $type:ty, $text:expr) => {
        <$type>::properties($generator, $into);
    };
    (@schema $need:ident $generator:ident $into:ident $field:ident $type:ty, $text:expr) => {
        let schema = <$type>::schema($generator);
        $into.$need(stringify!($field), $text, schema);
    };
}

type List<T> = Vec<Located<T>>;

table! {
    /// A policy file.
    PolicyFile {
        /// The version of the file format: 1.
        required format: u64,
        /// What the policy calls itself, in explanations and events.
        required name: String,
        /// The version of the policy, to be raised with every change.
        required version: u64,
        /// Where texts may go at all.
        optional sms: SmsTable,
        /// What holds for organisations.
        optional organizations: OrganizationsTable,
        /// Which organisations `by-organization` lets in.
        optional roll_out: RollOutTable,
        /// For each purpose, the oldest proof that counts for anybody; classes and organisations only shorten it.
        optional freshness: FreshnessTable,
        /// Limits for everybody; classes only lower them.
        optional limits: LimitsTable,
        /// How guesses are throttled.
        optional throttle: ThrottleTable,
        /// Who may reset others; classes name them in `reset_by`.
        optional actors: List<ActorTable>,
        /// Identity providers; classes name them in `trust_sso`.
        optional sso: List<SsoTable>,
        /// The classes of subjects, each with its rules. The strictest of all that apply wins, field by field.
        optional classes: List<ClassTable>,
        /// The class of every subject that is in none of its `known` classes.
        required default: DefaultTable,
        /// Every floor that the policy goes below, with the reason.
        optional deviations: List<DeviationTable>,
    }
}

table! {
    /// Where texts may go at all.
    SmsTable {
        /// The regions that classes may allow; none when left out.
        optional regions: List<Region>,
        /// The number types that classes may allow; mobile and fixed-or-mobile when left out.
        optional number_types: List<Choice<NumberType>>,
        /// How long a code sent by text lives; 10 minutes when left out.
        optional code_lifetime: Duration,
    }
}

table! {
    /// What holds for organisations.
    OrganizationsTable {
        /// How often the members of an organisation that has not chosen are asked again; 12 hours when left out.
        optional reauthenticate_after: Choice<ReauthenticateAfter>,
    }
}

table! {
    /// Which organisations `by-organization` lets in: the ones listed, and a stable percentage of the others.
    RollOutTable {
        /// The ids of organisations that are in.
        optional organizations: List<String>,
        /// How many of all organisations are in, 0 to 100; which ones never changes as the number grows.
        optional percentage: u64,
        /// Draws which organisations a percentage takes first; another salt draws others.
        optional salt: String,
    }
}

table! {
    /// For each purpose, the oldest proof that counts.
    FreshnessTable {
        /// How old the second factor of an ordinary session may be.
        optional session: Duration,
        /// How old a proof may be to change authenticators.
        optional manage: Duration,
        /// How old a proof may be for a sensitive action of the host's own.
        optional step_up: Duration,
        /// How long after its challenge was answered a transaction may be redeemed.
        optional transaction: Duration,
    }
}

table! {
    /// Limits that classes only lower.
    LimitsTable {
        /// After how many consecutive failures an authenticator is disabled, 1 to 100; 20 when left out.
        optional throttle_cap: u64,
        /// How many recovery codes a subject holds, 1 to 16; 1 when left out.
        optional recovery_codes: u64,
        /// How many authenticator apps a subject may have, 1 to 16; 1 when left out.
        optional apps_max: u64,
    }
}

table! {
    /// How guesses are throttled.
    ThrottleTable {
        /// How many failures are allowed in a window; 5 when left out.
        optional failures: u64,
        /// The length of the window; 15 minutes when left out.
        optional window: Duration,
        /// Whether consecutive failures cost a growing wait as well; true when left out.
        optional waits: bool,
    }
}

table! {
    /// Somebody who may reset others. Never themselves, whatever a policy says.
    ActorTable {
        /// The name that `reset_by` uses.
        required name: String,
        /// What makes a person this actor; it must ask for something.
        required when: ConditionTable,
        /// Whom this actor may reset, as far as the classes of that subject let it; everybody when left out.
        optional subjects: ConditionTable,
        /// Which of the subject's organisations the actor must belong to: `all` (the default), `strictest` (one that asks for the most), or `not-needed`.
        optional same_organization: Choice<SameOrganization>,
    }
}

table! {
    /// An identity provider.
    SsoTable {
        /// The provider's identifier, as the host passes it (an issuer URL).
        required provider: String,
        /// The method references (RFC 8176) of which one must be reported for MFA to be believed.
        required accepted_amr: List<String>,
        /// The organisations the provider signs in; a subject in any other is not trusted to it. Left to the host when left out.
        optional organizations: List<String>,
        /// Whether the provider alone keeps the authenticators of the subjects it signs in, so that nobody may reset them here; false when left out.
        optional owns_mfa: bool,
    }
}

table! {
    /// A class of subjects and its rules.
    ClassTable {
        /// The name, in explanations and in `known`.
        required name: String,
        /// Which subjects are in the class: attributes and the values of which they need one; everybody when left out.
        optional when: ConditionTable,
        /// The rules.
        flatten rules: RulesTable,
    }
}

table! {
    /// The class of every subject that is in none of the `known` classes, whatever other classes there are.
    DefaultTable {
        /// The classes that settle a subject; nobody in one of them falls under the default class.
        optional known: List<String>,
        /// The rules.
        flatten rules: RulesTable,
    }
}

table! {
    /// The rules of a class.
    RulesTable {
        /// Whether MFA is unavailable, optional, by-organization or required.
        required requirement: Choice<Requirement>,
        /// The methods allowed; app must be one.
        required methods: List<Choice<Method>>,
        /// The actors that may reset these subjects; an empty list is nobody.
        required reset_by: List<String>,
        /// The regions texts may go to; all of `sms.regions` when left out.
        optional sms_regions: List<Region>,
        /// The number types texts may go to; all of `sms.number_types` when left out.
        optional number_types: List<Choice<NumberType>>,
        /// Shorter times than the policy's own.
        optional freshness: FreshnessTable,
        /// How long a device may be remembered so that its next login is not challenged; `off` when left out.
        optional remember_device: OffOr,
        /// What an enrollment after a reset needs: `first-factor` (the default) or `binding-code`.
        optional after_reset: Choice<AfterReset>,
        /// The identity providers whose MFA counts; none when left out.
        optional trust_sso: List<String>,
        /// That these subjects move money, as `payor`, `payee` or `support`: stricter floors hold.
        optional payments: Choice<Payments>,
        /// A lower cap than the policy's own.
        optional throttle_cap: u64,
        /// How many time steps of learned drift are kept, 0 to 2; 0 when left out.
        optional drift_memory: u64,
        /// Fewer recovery codes than the policy's own.
        optional recovery_codes: u64,
        /// Fewer authenticator apps than the policy's own.
        optional apps_max: u64,
        /// Whether many wrong codes behind a right password demand a new password; false when left out.
        optional suspect_demands_password_change: bool,
    }
}

table! {
    /// A floor that the policy goes below, and why.
    DeviationTable {
        /// The floor.
        required rule: Deviable,
        /// Why the policy goes below it; shown by explanations.
        required reason: String,
        /// The class that goes below it; every place in the file when left out.
        optional class: String,
    }
}

/// What a class has to do with moving money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payments {
    Payor,
    Payee,
    Support,
}

impl Word for Payments {
    const WHAT: &'static str = "a part in payments";
    const WORDS: &'static [(&'static str, Self)] =
        &[("payor", Self::Payor), ("payee", Self::Payee), ("support", Self::Support)];
}

/// The name of a floor that can be deviated from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviable(pub(crate) Floor);

impl Read for Deviable {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        if let Value::Text(text) = &node.value
            && let Some((word, why)) = crate::floor::FIXED.iter().find(|(word, _)| word == text)
        {
            faults.add(FaultKind::Fixed, at, format!("`{word}` cannot be deviated from: {why}"));
            return None;
        }
        Choice::<Floor>::read(node, at, faults).map(|Choice(floor)| Self(floor))
    }

    #[cfg(feature = "schema")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Choice::<Floor>::schema(generator)
    }
}

/// A condition: attributes with the values of which a subject needs one, all of them; and, of `any`, one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConditionTable {
    pub(crate) all: Vec<Located<Clause>>,
    pub(crate) any: Vec<Vec<Located<Clause>>>,
}

/// An attribute and the values of which a subject needs one.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

impl Read for ConditionTable {
    fn read(node: &Node, at: &Place, faults: &mut Faults) -> Option<Self> {
        Self::read_nested(node, at, faults, false)
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::schema::condition()
    }
}

impl ConditionTable {
    /// Whether it asks for a value of the attribute `name` anywhere.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        let clauses = self.all.iter().chain(self.any.iter().flatten());
        clauses.into_iter().any(|clause| clause.value.name == name)
    }

    fn read_nested(node: &Node, at: &Place, faults: &mut Faults, nested: bool) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            return wrong_type("a table of attributes", &node.value, at, faults);
        };
        let mut condition = Self::default();
        for entry in entries {
            let at = Place { path: format!("{}.{}", at.path, entry.key), line: entry.line.or(at.line) };
            match &*entry.key {
                "not" => faults.add(FaultKind::UnknownField, &at, NO_NOT),
                "any" if nested => faults.add(FaultKind::Value, &at, "an `any` cannot stand within an `any`"),
                "any" => condition.any = alternatives(&entry.node, &at, faults)?,
                name => {
                    let values = values(&entry.node, &at, faults)?;
                    condition.all.push(Located { value: Clause { name: name.to_owned(), values }, at });
                }
            }
        }
        Some(condition)
    }
}

/// The alternatives of an `any`, each of which must ask for something.
fn alternatives(node: &Node, at: &Place, faults: &mut Faults) -> Option<Vec<Vec<Located<Clause>>>> {
    let Value::List(items) = &node.value else {
        return wrong_type("a list of conditions", &node.value, at, faults);
    };
    if items.is_empty() {
        faults.add(
            FaultKind::Value,
            at,
            "an empty `any` would match nobody; leave it out to match everybody",
        );
    }
    let mut read = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let at = Place { path: format!("{}[{number}]", at.path), line: item.line.or(at.line) };
        let alternative = ConditionTable::read_nested(item, &at, faults, true)?;
        if alternative.all.is_empty() {
            faults.add(FaultKind::Value, &at, "an empty alternative would match everybody; leave `any` out");
        }
        read.push(alternative.all);
    }
    Some(read)
}

/// The values of one attribute: a text or a list of texts, at least one.
fn values(node: &Node, at: &Place, faults: &mut Faults) -> Option<Vec<String>> {
    if matches!(node.value, Value::Text(_)) {
        return String::read(node, at, faults).map(|value| vec![value]);
    }
    if !matches!(node.value, Value::List(_)) {
        return wrong_type("a text or a list of texts", &node.value, at, faults);
    }
    let list = List::<String>::read(node, at, faults)?;
    if list.is_empty() {
        faults.add(FaultKind::Value, at, "an empty list would match nobody");
    }
    Some(list.into_iter().map(|item| item.value).collect())
}

const NO_NOT: &str = "a condition cannot ask for what is missing: with `not`, one more attribute could free a \
                      subject of a rule, and adding a rule could weaken a decision; give those it is meant for \
                      an attribute of their own";
