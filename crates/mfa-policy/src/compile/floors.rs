//! Sets what a policy goes below against what it says it goes below.

use crate::deviation::Deviation;
use crate::error::FaultKind;
use crate::file::layout::PolicyFile;
use crate::file::read::{Faults, Place, unknown};
use crate::floor::Floor;

/// The places below a floor.
#[derive(Debug, Default)]
pub(crate) struct Breaches(Vec<Breach>);

#[derive(Debug)]
struct Breach {
    floor: Floor,
    /// The class, for a floor that classes can go below.
    class: Option<String>,
    at: Place,
}

impl Breaches {
    /// Notes that the field at `at` goes below `floor`.
    pub(crate) fn add(&mut self, floor: Floor, at: &Place) {
        self.0.push(Breach { floor, class: None, at: at.clone() });
    }

    /// Notes that a field of `class` goes below `floor`.
    pub(crate) fn add_in(&mut self, class: &str, floor: Floor, at: &Place) {
        self.0.push(Breach { floor, class: Some(class.to_owned()), at: at.clone() });
    }
}

/// What the file lists.
struct Listed<'f> {
    floor: Floor,
    class: Option<&'f str>,
    reason: &'f str,
    at: &'f Place,
    used: bool,
}

impl Listed<'_> {
    fn covers(&self, breach: &Breach) -> bool {
        self.floor == breach.floor && (self.class.is_none() || self.class == breach.class.as_deref())
    }
}

/// Turns each breach into a deviation where the file lists it, and into a fault where it does not. A listed one
/// that covers nothing is a fault too: it would silently allow what somebody changes later.
pub(crate) fn settle(file: &PolicyFile, breaches: Breaches, faults: &mut Faults) -> Vec<Deviation> {
    let mut listed = listed(file, faults);
    let mut deviations = Vec::new();
    for breach in breaches.0 {
        // The entry that names the class comes before the one that covers every place.
        let mut covering: Vec<_> = listed.iter_mut().filter(|listed| listed.covers(&breach)).collect();
        covering.sort_by_key(|listed| listed.class.is_none());
        let Some(entry) = covering.into_iter().next() else {
            let Breach { floor, at, .. } = &breach;
            let why = floor.why();
            let text = format!(
                "below the floor: {why}; to allow it, list `{floor}` under `deviations`, with a reason"
            );
            faults.add(FaultKind::BelowFloor(*floor), at, text);
            continue;
        };
        entry.used = true;
        deviations.push(Deviation {
            floor: breach.floor,
            path: breach.at.path.into(),
            line: breach.at.line,
            reason: Box::from(entry.reason),
        });
    }
    for entry in listed.iter().filter(|entry| !entry.used) {
        let text = format!("nothing goes below `{}` here; take the entry out", entry.floor);
        faults.add(FaultKind::Unused, entry.at, text);
    }
    deviations
}

fn listed<'f>(file: &'f PolicyFile, faults: &mut Faults) -> Vec<Listed<'f>> {
    let classes = || {
        let named = file.classes.iter().flat_map(|list| &list.value);
        let named = named.filter_map(|class| class.value.name.as_ref().map(|name| &*name.value));
        named.chain(std::iter::once("default"))
    };
    let mut listed = Vec::new();
    for entry in file.deviations.iter().flat_map(|list| &list.value) {
        let table = &entry.value;
        let class = table.class.as_ref();
        if let Some(class) = class.filter(|class| !classes().any(|known| known == class.value)) {
            let known: Vec<&str> = classes().collect();
            let text = unknown("there is no such class", &class.value, known.iter().copied());
            faults.add(FaultKind::UnknownName, &class.at, text);
        } else if let (Some(floor), Some(reason)) = (&table.rule, &table.reason) {
            listed.push(Listed {
                floor: floor.value.0,
                class: class.map(|class| &*class.value),
                reason: &reason.value,
                at: &floor.at,
                used: false,
            });
        }
    }
    listed
}
