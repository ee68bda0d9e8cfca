//! Several reads or several writes in one round trip, or in one for each shard of a cluster.

use mfa_core::id::SubjectKey;
use mfa_storage::{Commit, CommitOutcome, Operation, Snapshot, StorageError};

use crate::fault::Fault;
use crate::layout::{self, Family, Layout};
use crate::link::{Answer, Link};
use crate::record;
use crate::script::Call;

pub(crate) async fn load(
    link: &Link,
    layout: &Layout,
    subjects: &[SubjectKey],
) -> Vec<Result<Option<Snapshot>, StorageError>> {
    let mut answers = Answers::new(subjects.len());
    for portion in portions(layout, subjects.iter().map(layout::name)) {
        let loaded = record::load_from(link, &portion.family, &portion.names).await;
        answers.put(&portion.places, loaded);
    }
    answers.finish(Operation::Load)
}

pub(crate) async fn commit(
    link: &Link,
    layout: &Layout,
    commits: &[Commit],
) -> Vec<Result<CommitOutcome, StorageError>> {
    let mut answers = Answers::new(commits.len());
    for portion in portions(layout, commits.iter().map(|commit| layout::name(&commit.subject))) {
        let commits: Vec<&Commit> = portion.places.iter().filter_map(|place| commits.get(*place)).collect();
        let replacement = |(name, commit): (&Vec<u8>, &&Commit)| {
            record::replacement(&portion.family, name, commit.expected, &commit.write, false)
        };
        let calls: Vec<Call> = portion.names.iter().zip(&commits).map(replacement).collect();
        let outcome = |(answer, commit): (Answer, &&Commit)| record::outcome(answer, commit.expected);
        let ran = link.run(&portion.family, &calls).await;
        let outcomes = ran.map(|answers| answers.into_iter().zip(&commits).map(outcome).collect());
        answers.put(&portion.places, outcomes);
    }
    answers.finish(Operation::Commit)
}

/// What of a batch lies in one family.
struct Portion {
    family: Family,
    /// Of each item, its place in the call.
    places: Vec<usize>,
    names: Vec<Vec<u8>>,
}

fn portions(layout: &Layout, names: impl Iterator<Item = Vec<u8>>) -> Vec<Portion> {
    let mut portions: Vec<Portion> = Vec::new();
    for (place, name) in names.enumerate() {
        let family = layout.home(&name);
        match portions.iter_mut().find(|known| known.family == family) {
            Some(known) => {
                known.places.push(place);
                known.names.push(name);
            }
            None => portions.push(Portion { family, places: vec![place], names: vec![name] }),
        }
    }
    portions
}

/// Answers in the order of the call.
struct Answers<T>(Vec<Option<Result<T, Fault>>>);

impl<T> Answers<T> {
    fn new(count: usize) -> Self {
        Self(std::iter::repeat_with(|| None).take(count).collect())
    }

    /// What one family answered to the items at `places`; a failure of all of it is one of each.
    fn put(&mut self, places: &[usize], answered: Result<Vec<Result<T, Fault>>, Fault>) {
        let answers = match answered {
            Ok(answers) => answers,
            Err(fault) => places.iter().map(|_| Err(fault.clone())).collect(),
        };
        for (place, answer) in places.iter().zip(answers) {
            if let Some(slot) = self.0.get_mut(*place) {
                *slot = Some(answer);
            }
        }
    }

    fn finish(self, operation: Operation) -> Vec<Result<T, StorageError>> {
        let missing = || Err(Fault::Unreadable("the answer to a batch"));
        let answer = |slot: Option<Result<T, Fault>>| {
            slot.unwrap_or_else(missing).map_err(|fault| fault.answer(operation))
        };
        self.0.into_iter().map(answer).collect()
    }
}
