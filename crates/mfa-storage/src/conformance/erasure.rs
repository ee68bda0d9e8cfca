//! Checks of `erase` and `prune`.

use super::Stores;
use super::drive::race;
use super::failure::{Checked, ensure, same};
use super::fixture::{NOW, commit, earlier, erase, everything, later, stored, subject, write, write_at};
use crate::{CommitOutcome, Expected, ScanFilter, Snapshot, Storage, Version};

pub(super) async fn erase_leaves_a_tombstone<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    let (living, tombstone) = (write(1, "living", 1), write(1, "tombstone", 2));
    let first = commit(&store, &subject, Expected::Absent, living.clone()).await?;
    let version = erase(&store, &subject, Expected::At(first), tombstone.clone()).await?;
    let wanted = Snapshot { version, sealed: tombstone.sealed.clone(), summary: tombstone.summary.clone() };
    same("what loads after an erasure", &store.load(&subject).await?, &Some(wanted.clone()))?;
    same("what a scan lists", &store.scan(None, 10, ScanFilter::default()).await?, &Vec::new())?;
    let tombstones = ScanFilter { tombstones: true, ..ScanFilter::default() };
    let listed = vec![(subject.clone(), wanted.clone())];
    same("what a scan for tombstones lists", &store.scan(None, 10, tombstones).await?, &listed)?;
    let events: Vec<_> = stored(&living, first).into_iter().chain(stored(&tombstone, version)).collect();
    same("the feed", &everything(&store).await?, &events)
}

pub(super) async fn versions_never_restart_after_erase<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    let mut at = Expected::Absent;
    for _ in 0..3 {
        at = Expected::At(commit(&store, &subject, at, write(1, "living", 1)).await?);
    }
    let tombstone = erase(&store, &subject, at, write(1, "tombstone", 1)).await?;
    let older = (1..tombstone.get()).map(|version| Expected::At(Version::new(version)));
    for expected in older.chain([Expected::Absent]) {
        let outcome = store.commit(&subject, expected, write(2, "resurrected", 1)).await?;
        let what = format!("a commit that expects {expected:?} after an erasure");
        same(&what, &outcome, &CommitOutcome::Conflict)?;
    }
    let version = commit(&store, &subject, Expected::At(tombstone), write(2, "anew", 1)).await?;
    same("the version after a tombstone", &version, &tombstone.next())?;
    let listed = store.scan(None, 10, ScanFilter::default()).await?;
    let listed: Vec<_> = listed.into_iter().map(|(key, snapshot)| (key, snapshot.version)).collect();
    same("what a scan lists of a subject that came back", &listed, &vec![(subject, version)])
}

pub(super) async fn erasures_and_commits_do_not_mix<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let subject = subject(round)?;
        commit(&store, &subject, Expected::Absent, write(round, "living", 1)).await?;
        // Each thread erases what it finds and brings it back by turns, half of them the other way round.
        let answers = race(stores, 4, |thread| {
            let (store, subject) = (&store, &subject);
            async move {
                for turn in 0..4 {
                    let Some(found) = store.load(subject).await? else {
                        return ensure(false, || "an erased subject is gone without a trace".to_owned());
                    };
                    let at = Expected::At(found.version);
                    let _: CommitOutcome = match (thread ^ turn) & 1 {
                        0 => store.erase(subject, at, write(round, "tombstone", 1)).await?,
                        _ => store.commit(subject, at, write(round, "living", 1)).await?,
                    };
                }
                Ok(())
            }
        });
        answers.into_iter().collect::<Checked>()?;
        let stands = store.load(&subject).await?.is_some_and(|found| found.sealed == b"living");
        let listed = store.scan(None, usize::MAX, ScanFilter::default()).await?;
        let listed = listed.iter().any(|(key, _)| *key == subject);
        same("whether a scan lists what was committed last, and only that", &listed, &stands)?;
    }
    Ok(())
}

pub(super) async fn prune_removes_only_the_old<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let (living, old, young) = (subject("living")?, subject("old")?, subject("young")?);
    // Out of order on purpose: an event that happened later may be committed earlier.
    let mut recent = write_at(1, "recent", 2, later(5));
    recent.summary.updated_at = earlier(500); // a living record stays, whatever its age
    let first = commit(&store, &living, Expected::Absent, recent.clone()).await?;
    let mut mixed = write_at(1, "mixed", 3, earlier(1));
    if let [_, kept, _] = mixed.events.as_mut_slice() {
        kept.at = NOW;
    }
    mixed.summary.updated_at = earlier(400);
    let second = commit(&store, &living, Expected::At(first), mixed.clone()).await?;
    let at = commit(&store, &old, Expected::Absent, write_at(2, "old", 1, earlier(9))).await?;
    erase(&store, &old, Expected::At(at), write_at(2, "old tombstone", 1, earlier(8))).await?;
    let at = commit(&store, &young, Expected::Absent, write_at(3, "young", 1, earlier(7))).await?;
    let tombstone = write_at(3, "young tombstone", 1, NOW);
    let young_version = erase(&store, &young, Expected::At(at), tombstone.clone()).await?;
    let before = (store.load(&living).await?, store.load(&young).await?);

    store.prune(NOW).await?;

    same("the records that are not old", &(store.load(&living).await?, store.load(&young).await?), &before)?;
    let kept = stored(&mixed, second).into_iter().filter(|event| event.at >= NOW);
    let kept = stored(&recent, first).into_iter().chain(kept).chain(stored(&tombstone, young_version));
    same("the feed", &everything(&store).await?, &kept.collect())?;
    same("an old tombstone", &store.load(&old).await?, &None)?;
    let version = commit(&store, &old, Expected::Absent, write(4, "anew", 1)).await?;
    same("the version after a pruned tombstone", &version, &Version::FIRST)
}

const ROUNDS: u64 = 32;
