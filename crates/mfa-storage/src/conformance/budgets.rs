//! Checks of budgets and reservations.

use super::Stores;
use super::drive::race;
use super::failure::{Broken, Checked, ensure, same};
use super::fixture::{INTERVAL, LAPSE, NOW, bucket, earlier, granted, later, reservation_id, spending};
use crate::{SpendOutcome, Storage};

pub(super) async fn spend_is_all_or_none<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let (narrow, middle, wide) = (bucket(1, 3), bucket(2, 1), bucket(3, 3));
    same("the first spending", &store.spend(&spending(1, &[middle]), NOW).await?, &SpendOutcome::Granted)?;
    for reservation in 2..5 {
        let outcome = store.spend(&spending(reservation, &[narrow, middle, wide]), NOW).await?;
        let wanted = SpendOutcome::Exhausted { index: 1, until: later(INTERVAL.as_secs()) };
        same("with nothing left in the second bucket", &outcome, &wanted)?;
    }
    same("what is left of the first bucket", &granted(&store, narrow, 10..20, NOW).await?, &3)?;
    same("what is left of the third bucket", &granted(&store, wide, 20..30, NOW).await?, &3)
}

pub(super) async fn spend_grants_what_the_interval_brings_back<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let bucket = bucket(1, 2);
    same("a burst of 2", &granted(&store, bucket, 0..5, NOW).await?, &2)?;
    let mut now = NOW;
    for reservation in [10, 20, 30] {
        let outcome = store.spend(&spending(reservation, &[bucket]), now).await?;
        let SpendOutcome::Exhausted { index: 0, until } = outcome else {
            return ensure(false, || format!("an empty bucket answered {outcome:?}"));
        };
        same("when it has a unit again", &until, &now.plus(INTERVAL))?;
        let (just_before, range) = (
            until.minus(std::time::Duration::from_secs(1)),
            reservation..u64::saturating_add(reservation, 5),
        );
        same("just before", &granted(&store, bucket, range.clone(), just_before).await?, &0)?;
        same("at that moment", &granted(&store, bucket, range, until).await?, &1)?;
        now = until;
    }
    same("after a long time", &granted(&store, bucket, 40..50, later(1_000_000)).await?, &2)
}

pub(super) async fn spend_never_exceeds_burst_under_contention<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let numbers = u8::try_from(round).unwrap_or_default();
        let (one, other) = (bucket(numbers, 7), bucket(numbers | 0x80, 7));
        let counts: Vec<Result<u32, Broken>> = race(stores, THREADS, |thread| {
            let store = &store;
            async move {
                let mut granted = 0_u32;
                for attempt in 0..3 {
                    // Opposite orders: whoever locks bucket by bucket waits for ever here.
                    let buckets = if thread & 1 == 0 { [one, other] } else { [other, one] };
                    let reservation = unique(round, thread, attempt);
                    if store.spend(&spending(reservation, &buckets), NOW).await? == SpendOutcome::Granted {
                        granted = granted.saturating_add(1);
                    }
                }
                Ok(granted)
            }
        });
        let granted = counts.into_iter().sum::<Result<u32, _>>()?;
        ensure(granted == 7, || format!("{granted} units of a burst of 7 were granted"))?;
    }
    spend_keeps_to_the_interval_under_contention(stores, &store).await
}

/// The clock moves on by a third of an interval, and half of the threads have not noticed yet.
async fn spend_keeps_to_the_interval_under_contention<S: Stores>(stores: &S, store: &S::Store) -> Checked {
    let bucket = bucket(0x7f, 2);
    let mut total = 0_u64;
    for tick in 0..TICKS {
        let clock = |tick: u64| later(tick.saturating_mul(20));
        let counts: Vec<Result<usize, Broken>> = race(stores, THREADS, |thread| {
            let now = if thread & 1 == 0 { clock(tick) } else { clock(tick.saturating_sub(1)) };
            let round = usize::try_from(tick).unwrap_or_default().saturating_add(ROUNDS);
            granted(store, bucket, unique(round, thread, 0)..unique(round, thread, 3), now)
        });
        let granted = counts.into_iter().sum::<Result<usize, _>>()?;
        total = total.saturating_add(u64::try_from(granted).unwrap_or_default());
        let allowed = tick.saturating_div(3).saturating_add(2);
        ensure(total == allowed, || {
            format!("{total} units were granted where burst and interval allow {allowed}")
        })?;
    }
    Ok(())
}

pub(super) async fn reservation_is_granted_once<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let alone = bucket(0xff, 2);
    for _ in 0..3 {
        let outcome = store.spend(&spending(1, &[alone]), NOW).await?;
        same("the same reservation", &outcome, &SpendOutcome::Granted)?;
    }
    same("what is left of a burst of 2", &granted(&store, alone, 2..9, NOW).await?, &1)?;
    // A refusal is not remembered.
    let refused = spending(20, &[alone]);
    ensure(store.spend(&refused, NOW).await? != SpendOutcome::Granted, || {
        "an empty bucket granted".to_owned()
    })?;
    let again = store.spend(&refused, NOW.plus(INTERVAL)).await?;
    same("a refused reservation, an interval later", &again, &SpendOutcome::Granted)?;
    for round in 0..ROUNDS {
        let bucket = bucket(u8::try_from(round).unwrap_or_default(), 3);
        let reservation = unique(round, 0, 0);
        let outcomes = race(stores, THREADS, |_| store_spend(&store, reservation, bucket));
        for outcome in outcomes {
            same("one reservation from many threads", &outcome?, &SpendOutcome::Granted)?;
        }
        let rest = unique(round, 1, 0)..unique(round, 1, 5);
        same("what it left of a burst of 3", &granted(&store, bucket, rest, NOW).await?, &2)?;
    }
    Ok(())
}

async fn store_spend<S: Storage>(
    store: &S,
    reservation: u64,
    bucket: crate::Bucket,
) -> Result<SpendOutcome, Broken> {
    Ok(store.spend(&spending(reservation, &[bucket]), NOW).await?)
}

pub(super) async fn refund_is_idempotent<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    store.refund(&reservation_id(99), NOW).await?; // never spent: nothing to give back
    let (one, other) = (bucket(0xfe, 3), bucket(0xff, 3));
    let _ = store.spend(&spending(1, &[one, other]), NOW).await?;
    same("the rest of the burst", &granted(&store, one, 2..9, NOW).await?, &2)?;
    for _ in 0..3 {
        store.refund(&reservation_id(1), later(1)).await?;
    }
    same("what came back of the one", &granted(&store, one, 10..19, later(1)).await?, &1)?;
    same("what is left of the other", &granted(&store, other, 20..29, later(1)).await?, &3)?;
    for round in 0..ROUNDS {
        let bucket = bucket(u8::try_from(round).unwrap_or_default(), 4);
        let spent = unique(round, 0, 0)..unique(round, 0, 4);
        same("a burst of 4", &granted(&store, bucket, spent.clone(), NOW).await?, &4)?;
        let reservation = reservation_id(spent.start);
        let answers = race(stores, THREADS, |_| store.refund(&reservation, NOW));
        answers.into_iter().collect::<Result<Vec<()>, _>>()?;
        let back = unique(round, 1, 0)..unique(round, 1, 6);
        same("what many refunds gave back", &granted(&store, bucket, back, NOW).await?, &1)?;
    }
    Ok(())
}

pub(super) async fn refund_gives_back_only_what_has_not_come_back<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    for (waited, wanted) in [(0, 1), (INTERVAL.as_secs(), 1), (INTERVAL.as_secs().saturating_mul(2), 2)] {
        let bucket = bucket(u8::try_from(waited).unwrap_or_default(), 2);
        let numbers = |from: u64| (waited << 8) | from..(waited << 8) | from.saturating_add(5);
        same("a burst of 2", &granted(&store, bucket, numbers(0), NOW).await?, &2)?;
        store.refund(&reservation_id(waited << 8), later(waited)).await?;
        let found = granted(&store, bucket, numbers(10), later(waited)).await?;
        same(
            &format!("what is there {waited} seconds after a spending that was given back"),
            &found,
            &wanted,
        )?;
    }
    Ok(())
}

pub(super) async fn a_refund_that_meets_its_spending_gives_back_one_unit_or_none<S: Stores>(
    stores: &S,
) -> Checked {
    let store = stores.empty().await?;
    for round in 0..ROUNDS {
        let bucket = bucket(u8::try_from(round).unwrap_or_default(), 3);
        let spend = spending(unique(round, 0, 0), &[bucket]);
        let answers = race(stores, 2, |thread| {
            let (store, spend) = (&store, &spend);
            async move {
                match thread {
                    0 => {
                        let outcome = store.spend(spend, NOW).await?;
                        same("a spending that may be granted", &outcome, &SpendOutcome::Granted)
                    }
                    _ => Ok(store.refund(&spend.reservation, NOW).await?),
                }
            }
        });
        answers.into_iter().collect::<Checked>()?;
        // Granted: the refund came first, and gave nothing back. An error: it came second.
        let left = match store.spend(&spend, NOW).await {
            Ok(_) => 2,
            Err(_) => 3,
        };
        let found = granted(&store, bucket, unique(round, 1, 0)..unique(round, 1, 6), NOW).await?;
        same("what is left of a burst of 3", &found, &left)?;
    }
    Ok(())
}

pub(super) async fn a_refunded_reservation_is_not_granted_again<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let bucket = bucket(1, 2);
    let _ = store.spend(&spending(1, &[bucket]), NOW).await?;
    store.refund(&reservation_id(1), NOW).await?;
    for _ in 0..2 {
        let outcome = store.spend(&spending(1, &[bucket]), NOW).await;
        ensure(outcome.is_err(), || format!("a reservation that was given back answered {outcome:?}"))?;
    }
    same("what is left of a burst of 2", &granted(&store, bucket, 2..9, NOW).await?, &2)
}

pub(super) async fn a_lapsed_reservation_gives_nothing_back<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let mut slow = bucket(1, 2);
    slow.interval = LAPSE.saturating_mul(10);
    same("a burst of 2", &granted(&store, slow, 1..3, NOW).await?, &2)?;
    let lapsed = NOW.plus(LAPSE);
    store.refund(&reservation_id(1), lapsed).await?;
    same("after it lapsed", &granted(&store, slow, 10..15, lapsed).await?, &0)?;
    let in_time = lapsed.minus(std::time::Duration::from_secs(1));
    store.refund(&reservation_id(2), in_time).await?;
    same("just before it lapses", &granted(&store, slow, 20..25, in_time).await?, &1)
}

pub(super) async fn a_clock_far_ahead_stops_nothing<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let (ahead, back) = (bucket(1, 3), bucket(2, 3));
    same("a burst, an hour ahead", &granted(&store, ahead, 0..9, later(3600)).await?, &3)?;
    same("then by a right clock", &granted(&store, ahead, 10..19, NOW).await?, &0)?;
    same("an interval later", &granted(&store, ahead, 20..29, NOW.plus(INTERVAL)).await?, &1)?;
    same("a burst", &granted(&store, back, 30..39, NOW).await?, &3)?;
    same("then an hour back", &granted(&store, back, 40..49, earlier(3600)).await?, &0)
}

pub(super) async fn prune_gives_nothing_back<S: Stores>(stores: &S) -> Checked {
    let store = stores.empty().await?;
    let bucket = bucket(1, 3);
    same("a burst of 3", &granted(&store, bucket, 1..9, NOW).await?, &3)?;
    store.prune(NOW).await?;
    same("after pruning", &granted(&store, bucket, 10..19, NOW).await?, &0)?;
    let again = store.spend(&spending(1, &[bucket]), NOW).await?;
    same("a reservation that has not lapsed, after pruning", &again, &SpendOutcome::Granted)?;
    store.refund(&reservation_id(1), NOW).await?;
    same("its refund", &granted(&store, bucket, 20..29, NOW).await?, &1)
}

/// A number of its own for every attempt; fewer than 16 attempts.
fn unique(round: usize, thread: usize, attempt: u64) -> u64 {
    let wide = |number: usize| u64::try_from(number).unwrap_or_default();
    (wide(round) << 32) | (wide(thread) << 16) | (1 << 15) | attempt
}

const THREADS: usize = 8;
const ROUNDS: usize = 32;
const TICKS: u64 = 12;
