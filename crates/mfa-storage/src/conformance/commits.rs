//! Checks of `load` and `commit`.

use std::sync::atomic::{AtomicU64, Ordering};

use mfa_core::id::SubjectKey;
use mfa_core::time::UnixSeconds;

use super::Stores;
use super::drive::{Watched, poll_at_most, race};
use super::failure::{Checked, ensure, same};
use super::fixture::{commit, erase, everything, key, stored, subject, write};
use crate::{CommitOutcome, Expected, MethodSet, ScanFilter, Snapshot, Storage, Summary, Version, Write};

pub(super) async fn each_store_starts_empty<S: Stores>(stores: &S) -> Checked {
    let used = stores.empty().await?;
    let subject = subject("a")?;
    commit(&used, &subject, Expected::Absent, write(1, "a", 1)).await?;
    let store = stores.empty().await?;
    same("a new store", &store.load(&subject).await?, &None)?;
    same("the feed of a new store", &everything(&store).await?, &Vec::new())?;
    let nothing_there = Expected::At(Version::FIRST);
    let outcome = store.commit(&subject, nothing_there, write(1, "a", 1)).await?;
    same("replacing what is absent", &outcome, &CommitOutcome::Conflict)?;
    let outcome = store.erase(&subject, nothing_there, write(1, "a", 1)).await?;
    same("erasing what is absent", &outcome, &CommitOutcome::Conflict)?;
    same("a store after that", &store.load(&subject).await?, &None)?;
    same("its feed", &everything(&store).await?, &Vec::new())
}

pub(super) async fn a_record_reads_back_as_written<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let long = "s".repeat(256);
    let keys = [
        key("a", "bc")?,
        key("ab", "c")?,
        key("A", "bc")?,
        key("a", "BC")?,
        key("a", "bc ")?,
        key("a", "'; DROP TABLE mfa_record; --")?,
        key("a", "%_*?[b]c:{}~")?,
        key("ü", "\u{1F511}\u{0301}")?,
        key(long.get(..64).unwrap_or_default(), &long)?,
        SubjectKey::system("canary")?,
    ];
    let contents = [Vec::new(), vec![0], (0..=255).collect(), vec![0xff; 300], vec![7; 100_000]];
    let summaries = [
        Summary {
            enrolled: false,
            methods: MethodSet::default(),
            throttled_until: None,
            key_id: 0,
            updated_at: UnixSeconds::EPOCH,
        },
        Summary {
            enrolled: true,
            methods: MethodSet::from_bits(255),
            throttled_until: Some(UnixSeconds::MAX),
            key_id: u32::MAX,
            updated_at: UnixSeconds::MAX,
        },
    ];
    let values = contents.iter().cycle().zip(summaries.iter().cycle());
    for (stream, (key, (sealed, summary))) in (0..).zip(keys.iter().zip(values.clone())) {
        let mut write = write(stream, "", 0);
        (write.sealed, write.summary) = (sealed.clone(), summary.clone());
        commit(&store, key, Expected::Absent, write).await?;
    }
    for (key, (sealed, summary)) in keys.iter().zip(values) {
        let wanted = Snapshot { version: Version::FIRST, sealed: sealed.clone(), summary: summary.clone() };
        let found = store.load(key).await?;
        ensure(found.as_ref() == Some(&wanted), || format!("{key:?} does not read back as written"))?;
    }
    Ok(())
}

pub(super) async fn load_sees_acknowledged_commits<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    // Each thread tells the others, by the number of acknowledged commits, what their loads must see from now on.
    let acknowledged = AtomicU64::new(0);
    let subject = subject("a")?;
    let answers = race(stores, THREADS, |thread| {
        let (store, subject, acknowledged) = (&store, &subject, &acknowledged);
        async move {
            for _ in 0..ROUNDS {
                let before = acknowledged.load(Ordering::SeqCst);
                let found = store.load(subject).await?;
                let version = found.map_or(0, |snapshot| snapshot.version.get());
                ensure(version >= before, || {
                    format!("load answered version {version} after {before} was acknowledged")
                })?;
                if thread > 1 {
                    continue;
                }
                let expected = match version {
                    0 => Expected::Absent,
                    version => Expected::At(Version::new(version)),
                };
                let outcome = store.commit(subject, expected, write(1, "a", 1)).await?;
                if let CommitOutcome::Committed { version } = outcome {
                    acknowledged.fetch_max(version.get(), Ordering::SeqCst);
                }
            }
            Ok(())
        }
    });
    answers.into_iter().collect()
}

pub(super) async fn one_winner_per_version<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        // A new subject every fourth round, so that first commits race as well.
        let (number, step) = (round >> 2, round & 3);
        let subject = subject(number)?;
        let expected = match u64::try_from(step).unwrap_or_default() {
            0 => Expected::Absent,
            version => Expected::At(Version::new(version)),
        };
        let stream = u64::try_from(number).unwrap_or_default();
        let attempt = |thread: usize| write(stream, &format!("round {round}, thread {thread}"), 1);
        let outcomes: Vec<Result<CommitOutcome, _>> = race(stores, THREADS, |thread| {
            let (store, subject, write) = (&store, &subject, attempt(thread));
            async move {
                match step == 3 && thread % 2 == 0 {
                    true => store.erase(subject, expected, write).await,
                    false => store.commit(subject, expected, write).await,
                }
            }
        });
        let mut winners = Vec::new();
        for (thread, outcome) in outcomes.into_iter().enumerate() {
            match outcome? {
                CommitOutcome::Committed { version } => winners.push((thread, version)),
                CommitOutcome::Conflict => {}
            }
        }
        let [(winner, version)] = *winners else {
            return ensure(false, || {
                format!("{} of {THREADS} writes that expected {expected:?} won", winners.len())
            });
        };
        same("the winner's version", &version, &expected.next())?;
        let won = attempt(winner);
        let snapshot = Snapshot { version, sealed: won.sealed.clone(), summary: won.summary.clone() };
        same("what stands", &store.load(&subject).await?, &Some(snapshot))?;
        let mut events = everything(&store).await?;
        events.retain(|event| event.stream == won.stream && event.version == version);
        same("the events of that version", &events, &stored(&won, version))?;
    }
    Ok(())
}

pub(super) async fn conflict_changes_nothing<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    let mut at = Expected::Absent;
    for round in 0..4 {
        at = Expected::At(commit(&store, &subject, at, write(1, &format!("round {round}"), 1)).await?);
    }
    let before = (store.load(&subject).await?, everything(&store).await?);
    let stale = [1, 2, 3, 5, 6, i64::MAX.unsigned_abs()].map(|version| Expected::At(Version::new(version)));
    for expected in stale.into_iter().chain([Expected::Absent]) {
        let outcome = store.commit(&subject, expected, write(1, "stale", 2)).await?;
        same(&format!("commit expecting {expected:?} at version 4"), &outcome, &CommitOutcome::Conflict)?;
        let outcome = store.erase(&subject, expected, write(1, "stale", 2)).await?;
        same(&format!("erase expecting {expected:?} at version 4"), &outcome, &CommitOutcome::Conflict)?;
        let after = (store.load(&subject).await?, everything(&store).await?);
        ensure(after == before, || format!("a conflict (expecting {expected:?}) changed record or events"))?;
    }
    Ok(())
}

pub(super) async fn a_dropped_commit_happens_in_full_or_not_at_all<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let number = u64::try_from(round).unwrap_or_default();
        let subject = subject(number)?;
        let (dropped, second) = (write(number, "dropped", 2), write(number, "second", 2));
        let polls = (round & 3).saturating_add(1);
        let _answered_or_dropped =
            poll_at_most(polls, store.commit(&subject, Expected::Absent, dropped.clone())).await;
        // Settles it: once this has won, the dropped one no longer can.
        let outcome = store.commit(&subject, Expected::Absent, second.clone()).await?;
        let standing = match outcome {
            CommitOutcome::Committed { .. } => second,
            CommitOutcome::Conflict => dropped,
        };
        let found = store.load(&subject).await?.map(|snapshot| snapshot.sealed);
        same("what stands after a dropped commit", &found, &Some(standing.sealed.clone()))?;
        let mut events = everything(&store).await?;
        events.retain(|event| event.stream == standing.stream);
        same("its events", &events, &stored(&standing, Version::FIRST))?;
    }
    Ok(())
}

pub(super) async fn load_never_sees_half_a_write<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    // Everything about a version follows from its number.
    let whole = |version: u64| {
        let mut write = write(1, &version.to_string(), 1);
        write.sealed.resize(usize::try_from(version & 63).unwrap_or_default().saturating_mul(50), b'.');
        write.summary.key_id = u32::try_from(version).unwrap_or_default();
        write.summary.throttled_until = Some(UnixSeconds::new(version));
        write
    };
    commit(&store, &subject, Expected::Absent, whole(1)).await?;
    let watched = Watched::by(READERS);
    let answers = race(stores, READERS.saturating_add(1), |thread| {
        let (store, subject, watched) = (&store, &subject, &watched);
        async move {
            let outcome = match thread.checked_sub(1) {
                None => write_on(store, subject, watched, whole).await,
                Some(reader) => look_for_halves(store, subject, (watched, reader), whole).await,
            };
            watched.end();
            outcome
        }
    });
    answers.into_iter().collect()
}

async fn write_on<S: Storage>(
    store: &S,
    subject: &SubjectKey,
    watched: &Watched,
    whole: impl Fn(u64) -> Write,
) -> Checked {
    let (mut at, mut done) = (Version::FIRST, 0_usize);
    while watched.goes_on(done) {
        at = commit(store, subject, Expected::At(at), whole(at.next().get())).await?;
        done = done.saturating_add(1);
    }
    Ok(())
}

async fn look_for_halves<S: Storage>(
    store: &S,
    subject: &SubjectKey,
    (watched, reader): (&Watched, usize),
    whole: impl Fn(u64) -> Write,
) -> Checked {
    while !watched.is_over() {
        let loaded = store.load(subject).await?;
        let listed = store.scan(None, 1, ScanFilter::default()).await?;
        for found in loaded.into_iter().chain(listed.into_iter().map(|(_, found)| found)) {
            let Write { sealed, summary, .. } = whole(found.version.get());
            let wanted = Snapshot { version: found.version, sealed, summary };
            ensure(found == wanted, || format!("parts of two writes were seen: {:?}", found.summary))?;
        }
        watched.looked(reader);
    }
    Ok(())
}

pub(super) async fn subjects_do_not_disturb_each_other<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let keys = [
        key("a", "bc")?,
        key("ab", "c")?,
        key("A", "bc")?,
        key("a", "BC")?,
        key("tenant", "one")?,
        key("tenant", "two")?,
        key("other", "one")?,
        key("other", "two")?,
    ];
    for round in 0..ROUNDS {
        let answers = race(stores, keys.len(), |thread| {
            let (store, keys) = (&store, &keys);
            async move {
                let Some(key) = keys.get(thread) else { return Ok(()) };
                let number = u64::try_from(thread).unwrap_or_default();
                next_version_is_there(store, key, number, u64::try_from(round).unwrap_or_default()).await
            }
        });
        answers.into_iter().collect::<Checked>()?;
    }
    Ok(())
}

/// Writes the version after `before`, and insists on reading it back.
async fn next_version_is_there<S: Storage>(store: &S, key: &SubjectKey, number: u64, before: u64) -> Checked {
    let write = write(number, &format!("{number}: {before}"), 1);
    let Write { sealed, summary, .. } = write.clone();
    let expected = if before == 0 { Expected::Absent } else { Expected::At(Version::new(before)) };
    let version = match before % 5 {
        4 => erase(store, key, expected, write).await?,
        _ => commit(store, key, expected, write).await?,
    };
    let wanted = Snapshot { version, sealed, summary };
    same("the record of a subject that nobody else writes", &store.load(key).await?, &Some(wanted))
}

/// As many threads as a busy host has requests at once, more than this machine has cores.
const THREADS: usize = 8;
const READERS: usize = 3;
const ROUNDS: usize = 64;
