//! Several reads or several writes in one round trip, or in one for each shard of a cluster.

use mfa_core::id::SubjectKey;
use mfa_storage::{Commit, CommitOutcome, Operation, Snapshot, StorageError};

use crate::fault::Fault;
use crate::layout::{self, Family, Layout};
use crate::link::Link;
use crate::record;
use crate::script::Call;

pub(crate) async fn load(
    link: &Link,
    layout: &Layout,
    subjects: &[SubjectKey],
) -> Vec<Result<Option<Snapshot>, StorageError>> {
    let mut answers = Answers::new(subjects.len());
    for (family, items) in by_home(layout, subjects.iter().map(layout::name)) {
        let (places, names): (Vec<usize>, Vec<Vec<u8>>) = items.into_iter().unzip();
        answers.put(&places, record::load_from(link, &family, &names).await);
    }
    answers.finish(Operation::Load)
}

pub(crate) async fn commit(
    link: &Link,
    layout: &Layout,
    commits: &[Commit],
) -> Vec<Result<CommitOutcome, StorageError>> {
    let mut answers = Answers::new(commits.len());
    for (family, items) in by_home(layout, commits.iter().map(|commit| layout::name(&commit.subject))) {
        let items: Vec<_> =
            items.into_iter().filter_map(|(place, name)| Some((place, name, commits.get(place)?))).collect();
        let call = |(_, name, commit): &(usize, Vec<u8>, &Commit)| {
            record::replacement(&family, name, commit.expected, &commit.write, false)
        };
        let calls: Vec<Call> = items.iter().map(call).collect();
        let ran = link.run(&family, &calls).await.map(|ran| {
            ran.into_iter()
                .zip(&items)
                .map(|(answer, item)| record::outcome(answer, item.2.expected))
                .collect()
        });
        let places: Vec<usize> = items.iter().map(|(place, ..)| *place).collect();
        answers.put(&places, ran);
    }
    answers.finish(Operation::Commit)
}

/// The families that are asked, with the place of each item in the call and its name.
fn by_home(layout: &Layout, names: impl Iterator<Item = Vec<u8>>) -> Vec<(Family, Vec<(usize, Vec<u8>)>)> {
    let mut homes: Vec<(Family, Vec<(usize, Vec<u8>)>)> = Vec::new();
    for (place, name) in names.enumerate() {
        let home = layout.home(&name);
        match homes.iter_mut().find(|(known, _)| *known == home) {
            Some((_, items)) => items.push((place, name)),
            None => homes.push((home, vec![(place, name)])),
        }
    }
    homes
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
