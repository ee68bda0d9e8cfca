//! Budgets and reservations: read, decide with [`mfa_storage::gcra`], and store if nothing has changed since.
//!
//! The arithmetic runs here and not in the server: Lua's numbers are exact to 2^53 only and a second version of the
//! arithmetic would have to be kept equal to the first. What is compared and stored there are eight bytes each. Whoever
//! finds that something has changed begins again; within one process callers queue, so that only other processes make
//! them do so.

use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_core::time::UnixSeconds;
use mfa_storage::gcra::{self, ArrivalTime, Decision};
use mfa_storage::{Bucket, BucketKey, ReservationRefunded, Spend, SpendOutcome};
use redis::Value;

use crate::fault::Fault;
use crate::layout::{Family, Layout};
use crate::link::{Link, bytes, list};
use crate::record::number;
use crate::script::{READ_BUDGETS, SWAP_BUDGETS};

pub(crate) async fn spend(
    link: &Link,
    layout: &Layout,
    spend: &Spend,
    now: UnixSeconds,
) -> Result<SpendOutcome, Fault> {
    let keys = distinct(spend.buckets.iter().map(|bucket| bucket.key));
    for _ in 0..ATTEMPTS {
        let state = State::read(link, layout.budgets(), &spend.reservation, &keys).await?;
        match &state.reservation {
            Some(stored) if Reservation::decode(stored)?.refunded => return Err(ReservationRefunded.into()),
            Some(_) => return Ok(SpendOutcome::Granted),
            None => {}
        }
        let decision = gcra::decide(&spend.buckets, now, |key| state.arrival(key))?;
        match decision {
            Decision::Granted(after) => {
                if state.swap(link, Some(Reservation::granted(spend, now).encode()), &after).await? {
                    return Ok(SpendOutcome::Granted);
                }
            }
            Decision::Exhausted { index, until, brought_back } => {
                let Some(after) = brought_back else { return Ok(SpendOutcome::Exhausted { index, until }) };
                if state.swap(link, None, &[after]).await? {
                    return Ok(SpendOutcome::Exhausted { index, until });
                }
            }
        }
    }
    Err(Fault::Contended)
}

pub(crate) async fn refund(
    link: &Link,
    layout: &Layout,
    reservation: &ReservationId,
    now: UnixSeconds,
) -> Result<(), Fault> {
    let mut keys = Vec::new();
    for _ in 0..ATTEMPTS {
        let state = State::read(link, layout.budgets(), reservation, &keys).await?;
        let Some(stored) = &state.reservation else { return Ok(()) };
        let mut known = Reservation::decode(stored)?;
        if known.refunded || now >= known.lapses_at {
            return Ok(());
        }
        let spent_on = distinct(known.spent.iter().map(|(key, _)| *key));
        if spent_on != keys {
            keys = spent_on; // which budgets to read is known only now; what a reservation spent never changes
            continue;
        }
        known.refunded = true;
        if state.swap(link, Some(known.encode()), &given_back(&state, &known, now)?).await? {
            return Ok(());
        }
    }
    Err(Fault::Contended)
}

/// The budgets after everything that `known` spent has been given back. One that is not stored is full already.
fn given_back(
    state: &State,
    known: &Reservation,
    now: UnixSeconds,
) -> Result<Vec<(BucketKey, ArrivalTime)>, Fault> {
    let mut after: Vec<(BucketKey, ArrivalTime)> = Vec::new();
    for (key, interval) in &known.spent {
        let give = |arrival| gcra::give_back(arrival, *interval, known.spent_at, now);
        if let Some((_, arrival)) = after.iter_mut().find(|(known, _)| known == key) {
            *arrival = give(*arrival);
        } else if let Some(arrival) = state.arrival(key)? {
            after.push((*key, give(arrival)));
        }
    }
    Ok(after)
}

/// A reservation and some budgets as they were at one moment.
struct State {
    family: Family,
    id: ReservationId,
    reservation: Option<Vec<u8>>,
    budgets: Vec<(BucketKey, Option<Vec<u8>>)>,
}

impl State {
    async fn read(
        link: &Link,
        family: Family,
        id: &ReservationId,
        keys: &[BucketKey],
    ) -> Result<Self, Fault> {
        let fields = keys.iter().map(|key| key.as_bytes().to_vec());
        let arguments = std::iter::once(id.as_bytes().to_vec()).chain(fields);
        let call = READ_BUDGETS.call([family.key("b"), family.key("v")], arguments);
        let found = list(link.run_one(&family, call).await?, BUDGET)?;
        let mut found = found.into_iter().map(|value: Value| bytes(value, BUDGET));
        let mut next = || found.next().unwrap_or(Err(Fault::Unreadable(BUDGET)));
        let reservation = next()?;
        let budgets = keys.iter().map(|key| Ok((*key, next()?))).collect::<Result<_, Fault>>()?;
        Ok(Self { family, id: *id, reservation, budgets })
    }

    fn arrival(&self, key: &BucketKey) -> Result<Option<ArrivalTime>, Fault> {
        match self.stored(key) {
            None => Ok(None),
            Some(stored) => arrival(stored).map(Some),
        }
    }

    fn stored(&self, key: &BucketKey) -> Option<&[u8]> {
        self.budgets.iter().find(|(known, _)| known == key)?.1.as_deref()
    }

    /// Stores these if everything that was read is still as it was; whether it was.
    async fn swap(
        &self,
        link: &Link,
        reservation: Option<Vec<u8>>,
        after: &[(BucketKey, ArrivalTime)],
    ) -> Result<bool, Fault> {
        let before = self.reservation.clone().unwrap_or_default();
        let mut arguments = vec![self.id.as_bytes().to_vec(), before, reservation.unwrap_or_default()];
        for (key, stored) in &self.budgets {
            let after = after.iter().find(|(changed, _)| changed == key);
            let after = after.map(|(_, arrival)| arrival.as_millis().to_be_bytes().to_vec());
            let before = stored.clone().unwrap_or_default();
            arguments.extend([key.as_bytes().to_vec(), before, after.unwrap_or_default()]);
        }
        let call = SWAP_BUDGETS.call([self.family.key("b"), self.family.key("v")], arguments);
        match link.run_one(&self.family, call).await? {
            Value::Int(1) => Ok(true),
            Value::Int(0) => Ok(false),
            _ => Err(Fault::Unreadable(BUDGET)),
        }
    }
}

/// What is stored of a reservation: when it was granted and when it lapses (8 bytes each), whether it was refunded (1),
/// then for each bucket its key (32) and its interval in milliseconds (8). Numbers are big endian.
struct Reservation {
    spent_at: UnixSeconds,
    lapses_at: UnixSeconds,
    refunded: bool,
    spent: Vec<(BucketKey, Duration)>,
}

impl Reservation {
    fn granted(spend: &Spend, now: UnixSeconds) -> Self {
        let entry = |bucket: &Bucket| (bucket.key, bucket.interval);
        Self {
            spent_at: now,
            lapses_at: now.plus(spend.lapses_after),
            refunded: false,
            spent: spend.buckets.iter().map(entry).collect(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut stored = self.spent_at.get().to_be_bytes().to_vec();
        stored.extend(self.lapses_at.get().to_be_bytes());
        stored.push(u8::from(self.refunded));
        for (key, interval) in &self.spent {
            stored.extend(key.as_bytes());
            stored.extend(gcra::interval_millis(*interval).to_be_bytes());
        }
        stored
    }

    fn decode(stored: &[u8]) -> Result<Self, Fault> {
        let parse = || {
            let (spent_at, rest) = number(stored)?;
            let (lapses_at, rest) = number(rest)?;
            let (refunded, rest) = rest.split_first()?;
            let (entries, rest) = rest.as_chunks::<40>();
            let entry = |entry: &[u8; 40]| {
                let (key, millis) = entry.split_first_chunk::<32>()?;
                Some((BucketKey::new(*key), Duration::from_millis(number(millis)?.0)))
            };
            let spent = entries.iter().map(entry).collect::<Option<_>>()?;
            let (spent_at, lapses_at) = (UnixSeconds::new(spent_at), UnixSeconds::new(lapses_at));
            (rest.is_empty() && *refunded < 2).then_some(Self {
                spent_at,
                lapses_at,
                refunded: *refunded == 1,
                spent,
            })
        };
        parse().ok_or(Fault::Unreadable("a reservation"))
    }
}

/// Whether a stored budget was whole again before `before`: full then, as one that is not stored.
pub(crate) fn was_whole(stored: &[u8], before: UnixSeconds) -> Result<bool, Fault> {
    Ok(arrival(stored)?.as_millis() < before.get().saturating_mul(1000))
}

/// Whether a stored reservation lapsed before `before`.
pub(crate) fn had_lapsed(stored: &[u8], before: UnixSeconds) -> Result<bool, Fault> {
    Ok(Reservation::decode(stored)?.lapses_at < before)
}

fn arrival(stored: &[u8]) -> Result<ArrivalTime, Fault> {
    let millis = <[u8; 8]>::try_from(stored).map_err(|_| Fault::Unreadable(BUDGET))?;
    Ok(ArrivalTime::from_millis(u64::from_be_bytes(millis)))
}

fn distinct(keys: impl Iterator<Item = BucketKey>) -> Vec<BucketKey> {
    let mut distinct = Vec::new();
    keys.for_each(|key| {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
    });
    distinct
}

const BUDGET: &str = "a budget";
/// So often somebody else has to come between before a call gives up.
const ATTEMPTS: usize = 200;
