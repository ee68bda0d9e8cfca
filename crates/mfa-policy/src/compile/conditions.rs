//! Conditions, from names to terms.

use crate::condition::{Condition, TermSet, Terms};
use crate::error::FaultKind;
use crate::file::layout::{Clause, ConditionTable};
use crate::file::read::{Faults, Located};

/// Compiles a condition; a missing one holds for everybody.
pub(crate) fn condition(
    table: Option<&Located<ConditionTable>>,
    terms: &mut Terms,
    faults: &mut Faults,
) -> Condition {
    let Some(table) = table else { return Condition::default() };
    let mut sets = |clauses: &[Located<Clause>]| {
        clauses.iter().map(|clause| set(clause, terms, faults)).collect::<Vec<_>>()
    };
    Condition {
        all: sets(&table.value.all),
        any: table.value.any.iter().map(|alternative| sets(alternative)).collect(),
    }
}

fn set(clause: &Located<Clause>, terms: &mut Terms, faults: &mut Faults) -> TermSet {
    let Clause { name, values } = &clause.value;
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        let text = "no attribute has this name: 1 to 64 bytes without control characters";
        faults.add(FaultKind::Value, &clause.at, text);
        return TermSet::default();
    }
    let mut set = TermSet::default();
    for value in values {
        match terms.intern(name, value) {
            Some(term) => set.insert(term),
            None => {
                let text = format!("a policy can name at most {} attribute values", Terms::MAXIMUM);
                faults.add(FaultKind::TooMany, &clause.at, text);
            }
        }
    }
    set
}
