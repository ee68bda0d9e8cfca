//! Checks of the events and their feed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfa_core::id::SubjectKey;

use super::Stores;
use super::drive::{Watched, race};
use super::failure::{Broken, Checked, ensure, same};
use super::fixture::{
    NOW, commit, earlier, everything, follow, later, stored, stream, subject, write, write_at,
};
use crate::{Cursor, Expected, Storage, StoredEvent, Version, Write};

pub(super) async fn events_arrive_with_their_record<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    let (mut at, mut wanted) = (Expected::Absent, Vec::new());
    for events in [4, 0, 1, 2] {
        let write = write(1, &format!("{events} events"), events);
        let version = commit(&store, &subject, at, write.clone()).await?;
        wanted.extend(stored(&write, version));
        same("the feed after a commit", &everything(&store).await?, &wanted)?;
        at = Expected::At(version);
    }
    // One thread commits, the others look: neither the record nor the events may be seen without the other.
    let (done, writer) = (AtomicUsize::new(0), stream(1));
    let answers = race(stores, 3, |thread| {
        let (store, subject, done) = (&store, &subject, &done);
        async move {
            let mut at = at;
            for _ in 0..COMMITS {
                if thread == 0 {
                    at = Expected::At(commit(store, subject, at, write(1, "more", 2)).await?);
                    continue;
                }
                if done.load(Ordering::SeqCst) > 0 {
                    break;
                }
                let record = version_of(store, subject).await?;
                let events = newest(&everything(store).await?, writer.as_bytes());
                ensure(events >= record, || format!("record {record} is there without its events"))?;
                let record = version_of(store, subject).await?;
                ensure(record >= events, || format!("events {events} are there without their record"))?;
            }
            done.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    });
    answers.into_iter().collect()
}

async fn version_of<S: Storage>(store: &S, subject: &SubjectKey) -> Result<u64, Broken> {
    Ok(store.load(subject).await?.map_or(0, |snapshot| snapshot.version.get()))
}

fn newest(events: &[StoredEvent], stream: &[u8; 16]) -> u64 {
    let of_stream = events.iter().filter(|event| event.stream.as_bytes() == stream);
    of_stream.map(|event| event.version.get()).max().unwrap_or_default()
}

pub(super) async fn feed_is_gap_free_and_ordered<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let writing = AtomicUsize::new(WRITERS);
    let answers = race(stores, WRITERS + READERS, |thread| {
        let (store, writing) = (&store, &writing);
        async move {
            if thread < WRITERS {
                let outcome = keep_committing(store, thread).await;
                writing.fetch_sub(1, Ordering::SeqCst);
                return outcome.map(|()| Vec::new());
            }
            let limit = [1, 7].get(thread & 1).copied().unwrap_or(1);
            let (mut seen, mut cursor) = (Vec::new(), Cursor::START);
            loop {
                let last_look = writing.load(Ordering::SeqCst) == 0;
                let (events, next) = follow(store, cursor, limit).await?;
                seen.extend(events);
                cursor = next;
                if last_look {
                    return Ok(seen);
                }
            }
        }
    });
    for (thread, seen) in answers.into_iter().enumerate() {
        let seen: Vec<StoredEvent> = seen?;
        if thread >= WRITERS {
            every_stream_whole(&seen)?;
        }
    }
    every_stream_whole(&everything(&store).await?)
}

async fn keep_committing<S: Storage>(store: &S, thread: usize) -> Checked {
    let (subject, number) = (subject(thread)?, u64::try_from(thread).unwrap_or_default());
    let mut at = Expected::Absent;
    for round in 0..COMMITS {
        at = Expected::At(commit(store, &subject, at, write(number, "x", events_in(round))).await?);
    }
    Ok(())
}

/// One or two.
fn events_in(round: usize) -> usize {
    (round & 1).saturating_add(1)
}

/// An event may be seen twice; what counts is when it is seen first.
fn every_stream_whole(seen: &[StoredEvent]) -> Checked {
    let mut streams: BTreeMap<[u8; 16], Vec<(Version, u32)>> = BTreeMap::new();
    for event in seen {
        let places = streams.entry(*event.stream.as_bytes()).or_default();
        let place = (event.version, event.index);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    same("streams seen", &streams.len(), &WRITERS)?;
    let versions = (1..).map(Version::new).zip(0..COMMITS);
    let places = |(version, round)| (0_u32..).take(events_in(round)).map(move |index| (version, index));
    let wanted: Vec<_> = versions.flat_map(places).collect();
    streams.values().try_for_each(|places| {
        let broken_at = places.iter().zip(&wanted).find(|(found, wanted)| found != wanted);
        ensure(*places == wanted, || {
            format!(
                "of {} events of a stream {} were seen, out of place at {broken_at:?}",
                wanted.len(),
                places.len()
            )
        })
    })
}

pub(super) async fn a_cursor_keeps_its_place<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    let (none, start) = store.feed(Cursor::START, 10).await?;
    same("an empty feed", &none, &Vec::new())?;
    let first = write(1, "first", 3);
    let version = commit(&store, &subject, Expected::Absent, first.clone()).await?;
    let wanted = stored(&first, version);
    same("from an empty feed's cursor", &follow(&store, start, 10).await?.0, &wanted)?;
    let (none, unmoved) = store.feed(start, 0).await?;
    same("a limit of 0", &none, &Vec::new())?;
    for limit in 1..5 {
        same(&format!("a limit of {limit}"), &follow(&store, unmoved, limit).await?.0, &wanted)?;
    }
    let (_, end) = follow(&store, start, 2).await?;
    let kept = Cursor::new(end.get());
    let second = write(1, "second", 1);
    let version = commit(&store, &subject, Expected::At(version), second.clone()).await?;
    same("from a cursor that was kept", &follow(&store, kept, 10).await?.0, &stored(&second, version))
}

pub(super) async fn a_cursor_outlives_pruning<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    let version = commit(&store, &subject, Expected::Absent, write(1, "old", 5)).await?;
    let (_, end) = follow(&store, Cursor::START, 10).await?;
    store.prune(later(1)).await?;
    let (none, still_end) = store.feed(end, 10).await?;
    same("the feed after pruning", &none, &Vec::new())?;
    let new = write_at(1, "new", 1, later(2));
    let version = commit(&store, &subject, Expected::At(version), new.clone()).await?;
    for cursor in [Cursor::START, end, still_end] {
        let found = follow(&store, cursor, 10).await?.0;
        same("an event after everything was pruned", &found, &stored(&new, version))?;
    }
    Ok(())
}

pub(super) async fn feed_goes_on_while_others_prune<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let subject = subject("a")?;
    // Old and young events by turns. The first is young, so that the feed is never empty.
    commit(&store, &subject, Expected::Absent, by_turns(Version::FIRST)).await?;
    let watched = Watched::by(READERS.saturating_add(1));
    let answers = race(stores, READERS.saturating_add(2), |thread| {
        let (store, subject, watched) = (&store, &subject, &watched);
        async move {
            let seen = match thread {
                0 => commit_by_turns(store, subject, watched).await,
                1 => prune_on(store, watched).await,
                _ => follow_on(store, watched, thread.saturating_sub(1)).await,
            };
            watched.end();
            seen
        }
    });
    let last = store.load(&subject).await?.map_or(0, |found| found.version.get());
    let young = (1..=last).map(Version::new).filter(|version| is_young(*version));
    let wanted: Vec<_> = young.flat_map(|version| [(version, 0), (version, 1)]).collect();
    let answers = answers.into_iter().collect::<Result<Vec<_>, Broken>>()?;
    for seen in answers.into_iter().skip(2) {
        let young = seen.iter().filter(|event| is_young(event.version));
        let mut seen: Vec<_> = young.map(|event| (event.version, event.index)).collect();
        seen.dedup();
        ensure(seen == wanted, || {
            format!(
                "a reader saw {} of {} events that nobody pruned, or out of order",
                seen.len(),
                wanted.len()
            )
        })?;
    }
    Ok(())
}

fn is_young(version: Version) -> bool {
    version.get() & 1 == 1
}

fn by_turns(version: Version) -> Write {
    write_at(1, "x", 2, if is_young(version) { later(10) } else { earlier(10) })
}

async fn commit_by_turns<S: Storage>(
    store: &S,
    subject: &SubjectKey,
    watched: &Watched,
) -> Result<Vec<StoredEvent>, Broken> {
    let (mut at, mut done) = (Version::FIRST, 0_usize);
    while watched.goes_on(done) {
        at = commit(store, subject, Expected::At(at), by_turns(at.next())).await?;
        done = done.saturating_add(1);
    }
    Ok(Vec::new())
}

async fn prune_on<S: Storage>(store: &S, watched: &Watched) -> Result<Vec<StoredEvent>, Broken> {
    while !watched.is_over() {
        store.prune(NOW).await?;
        watched.looked(0);
    }
    Ok(Vec::new())
}

/// Everything from the start until the writer has ended, and what that left.
async fn follow_on<S: Storage>(
    store: &S,
    watched: &Watched,
    reader: usize,
) -> Result<Vec<StoredEvent>, Broken> {
    let (mut seen, mut cursor) = (Vec::new(), Cursor::START);
    loop {
        let last_look = watched.is_over();
        let (events, next) = follow(store, cursor, 3).await?;
        seen.extend(events);
        cursor = next;
        watched.looked(reader);
        if last_look {
            return Ok(seen);
        }
    }
}

const WRITERS: usize = 4;
const READERS: usize = 2;
const COMMITS: usize = 60;
