//! Random calls on few records from several threads, and whether their answers can be put in an order.

use std::sync::atomic::{AtomicU64, Ordering};

use mfa_core::id::SubjectKey;

use super::Stores;
use super::drive::{poll_at_most, race};
use super::failure::{Broken, Checked, ensure};
use super::fixture::{subject, write};
use super::history::{Call, Register, Told, is_linearizable};
use super::random::Random;
use crate::{CommitOutcome, Expected, Storage, StorageError, Version};

pub(super) async fn histories_are_linearizable<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let clock = AtomicU64::new(0);
        let histories = race(stores, THREADS, |thread| {
            let caller = Caller { store: &store, clock: &clock, round, thread: wide(thread) };
            caller.calls()
        });
        let calls = histories.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        for number in 0..SUBJECTS {
            let of_subject = |(of, call): &(u64, Call)| (*of == number).then_some(*call);
            let history: Vec<Call> = calls.iter().filter_map(of_subject).collect();
            ensure(is_linearizable(&history), || no_order(history))?;
        }
    }
    Ok(())
}

fn no_order(mut history: Vec<Call>) -> String {
    history.sort_by_key(|call| call.began);
    let line = |call: &Call| format!("\n    {:>3} to {:>3}: {:?}", call.began, call.ended, call.told);
    let lines: String = history.iter().map(line).collect();
    format!("no order of these calls on one record explains their answers:{lines}")
}

struct Caller<'a, S> {
    store: &'a S,
    /// Counts beginnings and ends.
    clock: &'a AtomicU64,
    round: u64,
    thread: u64,
}

impl<S: Storage> Caller<'_, S> {
    async fn calls(self) -> Result<Vec<(u64, Call)>, Broken> {
        let mut random = Random::new(self.round << 8 | self.thread);
        let (mut calls, mut last_seen) = (Vec::new(), [0; SUBJECTS as usize]);
        for turn in 0..TURNS {
            let number = random.below(SUBJECTS);
            let key = subject(format_args!("{}-{number}", self.round))?;
            let Some(seen) = usize::try_from(number).ok().and_then(|number| last_seen.get_mut(number)) else {
                continue;
            };
            let began = self.clock.fetch_add(1, Ordering::SeqCst);
            let told = match random.below(9) {
                0..4 => self.load(&key).await?,
                // Mostly what was seen last, now and then as if nothing had been seen at all.
                4 => self.write(&key, turn, 0, &mut random).await,
                _ => self.write(&key, turn, *seen, &mut random).await,
            };
            let ended = self.clock.fetch_add(1, Ordering::SeqCst);
            match told {
                Told::Loaded(found) => *seen = found.version,
                Told::Committed { expected, .. } => *seen = expected.saturating_add(1),
                Told::Conflict { .. } | Told::Unknown { .. } => {}
            }
            calls.push((number, Call { told, began, ended }));
        }
        Ok(calls)
    }

    async fn load(&self, key: &SubjectKey) -> Result<Told, Broken> {
        let Some(found) = self.store.load(key).await? else { return Ok(Told::Loaded(Register::default())) };
        let content = String::from_utf8_lossy(&found.sealed).parse();
        let content = content.unwrap_or(u64::MAX); // nothing that was written
        Ok(Told::Loaded(Register { version: found.version.get(), content }))
    }

    async fn write(&self, key: &SubjectKey, turn: u64, expected: u64, random: &mut Random) -> Told {
        // Told from every other write, and in a stream of its own, whatever becomes of the others.
        let caller = self.round.saturating_mul(100).saturating_add(self.thread);
        let content = caller.saturating_mul(100).saturating_add(turn).saturating_add(1);
        let write = write(content, &content.to_string(), 1);
        let expecting = match expected {
            0 => Expected::Absent,
            version => Expected::At(Version::new(version)),
        };
        let outcome = match random.below(8) {
            0 => poll_at_most(1, self.store.commit(key, expecting, write)).await,
            1 | 2 => Some(self.store.erase(key, expecting, write).await),
            _ => Some(self.store.commit(key, expecting, write).await),
        };
        told(outcome, expected, content)
    }
}

fn told(outcome: Option<Result<CommitOutcome, StorageError>>, expected: u64, content: u64) -> Told {
    match outcome {
        Some(Ok(CommitOutcome::Committed { version })) if version.get() == expected.saturating_add(1) => {
            Told::Committed { expected, content }
        }
        // Another version than the next one: no order explains that.
        Some(Ok(CommitOutcome::Committed { .. })) => Told::Committed { expected: u64::MAX, content },
        Some(Ok(CommitOutcome::Conflict)) => Told::Conflict { expected },
        Some(Err(_)) | None => Told::Unknown { expected, content },
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

const THREADS: usize = 4;
const SUBJECTS: u64 = 2;
/// Calls of one thread in one round: few enough that all of them on one record can be searched.
const TURNS: u64 = 12;
const ROUNDS: u64 = 48;
