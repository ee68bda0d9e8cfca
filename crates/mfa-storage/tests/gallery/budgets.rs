//! Wrong about budgets and reservations.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use mfa_core::id::ReservationId;
use mfa_core::time::UnixSeconds;
use mfa_storage::conformance::block_on;
use mfa_storage::gcra::{self, ArrivalTime, Decision};
use mfa_storage::{
    BucketKey, MemoryStorage, Operation, ReservationRefunded, Spend, SpendOutcome, Storage, StorageError,
};

use crate::wrong::{Answer, WhenDropped, Wrong, fresh_reservation, pause, wide_open, wrong_stores};

type Ids = HashSet<[u8; 16]>;

wrong_stores! {
    /// Spends bucket by bucket, and leaves the first ones spent when a later one is empty.
    SpendsTheFirst {}
    /// Has one unit more than the burst after a long rest.
    SavesUp { rested: Mutex<HashMap<BucketKey, (UnixSeconds, u32)>> }
    /// Grants by a look at the buckets, and counts afterwards.
    CountsLate { seen: Mutex<HashMap<BucketKey, ArrivalTime>> }
    /// Looks a reservation up, and writes it down after spending: twice, if it comes twice at once.
    ReservesLate { spending: Mutex<Ids> }
    /// Looks whether a reservation was given back, and gives it back afterwards.
    RefundsTwice { spent: Mutex<HashMap<[u8; 16], BucketKey>>, refunded: Mutex<Ids>, credit: Mutex<HashMap<BucketKey, u32>> }
    /// Gives back a whole interval, whatever has come back by itself.
    GivesBackTheWhole { spent: Mutex<HashMap<[u8; 16], (UnixSeconds, UnixSeconds)>> }
    /// Marks a reservation as given back while its spending is under way.
    RefundsBeforeItSpends { spending: Mutex<Ids>, refunded: Mutex<Ids> }
    /// Deletes a reservation that is given back, and grants it anew.
    GrantsAgain { spent: Mutex<Ids>, refunded: Mutex<Ids> }
    /// Gives back what has long lapsed.
    ForgetsTheLapse {}
    /// Never goes back behind the latest moment it was told of a bucket.
    TrustsTheClock { latest: Mutex<HashMap<BucketKey, UnixSeconds>> }
    /// Sweeps reservations that may still be given back.
    PrunesReservations { spent: Mutex<Ids>, swept: Mutex<Ids> }
    /// Spends, and loses the reservation when its future is dropped before that is written down.
    HalfASpending {}
}

fn unnamed(spend: &Spend) -> Spend {
    Spend { reservation: fresh_reservation(), ..spend.clone() }
}

impl Wrong for SpendsTheFirst {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let outcome = self.inner.spend(spend, now).await?;
        if let SpendOutcome::Exhausted { index, .. } = outcome {
            let mut first = unnamed(spend);
            first.buckets.truncate(index);
            let _ = self.inner.spend(&first, now).await?;
        }
        Ok(outcome)
    }
}

impl Wrong for SavesUp {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let outcome = self.inner.spend(spend, now).await?;
        let mut rested = self.rested.lock().unwrap();
        for bucket in &spend.buckets {
            let (last, saved) = rested.entry(bucket.key).or_insert((now, 0));
            *saved += u32::from(now.since(*last) > Duration::from_secs(100_000));
            *last = now;
            if outcome != SpendOutcome::Granted && *saved > 0 {
                *saved -= 1;
                return Ok(SpendOutcome::Granted);
            }
        }
        Ok(outcome)
    }
}

impl CountsLate {
    fn look(&self, spend: &Spend, now: UnixSeconds) -> Decision {
        let seen = self.seen.lock().unwrap();
        gcra::decide::<()>(&spend.buckets, now, |key| Ok(seen.get(key).copied())).unwrap()
    }
}

impl Wrong for CountsLate {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let granted = matches!(self.look(spend, now), Decision::Granted(_));
        wide_open();
        let outcome = self.inner.spend(spend, now).await?;
        match self.look(spend, now) {
            Decision::Granted(spent) if outcome == SpendOutcome::Granted => {
                self.seen.lock().unwrap().extend(spent);
            }
            Decision::Exhausted { brought_back, .. } => self.seen.lock().unwrap().extend(brought_back),
            Decision::Granted(_) => {}
        }
        Ok(if granted { SpendOutcome::Granted } else { outcome })
    }
}

impl Wrong for ReservesLate {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let reservation = *spend.reservation.as_bytes();
        if !self.spending.lock().unwrap().insert(reservation) {
            return self.inner.spend(&unnamed(spend), now).await;
        }
        wide_open();
        let outcome = self.inner.spend(spend, now).await;
        self.spending.lock().unwrap().remove(&reservation);
        outcome
    }
}

impl Wrong for RefundsTwice {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let outcome = self.inner.spend(spend, now).await?;
        let Some(bucket) = spend.buckets.first() else { return Ok(outcome) };
        let mut credit = self.credit.lock().unwrap();
        let credit = credit.entry(bucket.key).or_default();
        match outcome {
            SpendOutcome::Granted => {
                self.spent.lock().unwrap().insert(*spend.reservation.as_bytes(), bucket.key);
                Ok(outcome)
            }
            SpendOutcome::Exhausted { .. } if *credit > 0 => {
                *credit -= 1;
                Ok(SpendOutcome::Granted)
            }
            SpendOutcome::Exhausted { .. } => Ok(outcome),
        }
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        let id = *reservation.as_bytes();
        let spent = self.spent.lock().unwrap().get(&id).copied();
        let known = spent.filter(|_| !self.refunded.lock().unwrap().contains(&id));
        wide_open();
        if let Some(bucket) = known
            && !self.refunded.lock().unwrap().insert(id)
        {
            *self.credit.lock().unwrap().entry(bucket).or_default() += 1;
        }
        self.inner.refund(reservation, now).await
    }
}

impl Wrong for GivesBackTheWhole {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let lapses_at = now.plus(spend.lapses_after);
        self.spent.lock().unwrap().entry(*spend.reservation.as_bytes()).or_insert((now, lapses_at));
        self.inner.spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        let spent = self.spent.lock().unwrap().get(reservation.as_bytes()).copied();
        let now = spent.filter(|(_, lapses_at)| now < *lapses_at).map_or(now, |(spent_at, _)| spent_at);
        self.inner.refund(reservation, now).await
    }
}

impl Wrong for RefundsBeforeItSpends {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let id = *spend.reservation.as_bytes();
        if self.refunded.lock().unwrap().contains(&id) {
            return Err(StorageError::permanent(Operation::Spend, ReservationRefunded));
        }
        self.spending.lock().unwrap().insert(id);
        wide_open();
        let outcome = self.inner.spend(spend, now).await;
        self.spending.lock().unwrap().remove(&id);
        outcome
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        for _ in 0..100 {
            if self.spending.lock().unwrap().contains(reservation.as_bytes()) {
                self.refunded.lock().unwrap().insert(*reservation.as_bytes());
                return Ok(());
            }
            std::thread::yield_now();
        }
        self.inner.refund(reservation, now).await
    }
}

impl Wrong for GrantsAgain {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        if self.refunded.lock().unwrap().contains(spend.reservation.as_bytes()) {
            return self.inner.spend(&unnamed(spend), now).await;
        }
        let outcome = self.inner.spend(spend, now).await?;
        self.spent.lock().unwrap().insert(*spend.reservation.as_bytes());
        Ok(outcome)
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        let spent = self.spent.lock().unwrap().contains(reservation.as_bytes());
        self.inner.refund(reservation, now).await?;
        if spent {
            self.refunded.lock().unwrap().insert(*reservation.as_bytes());
        }
        Ok(())
    }
}

impl Wrong for ForgetsTheLapse {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let spend = Spend { lapses_after: Duration::from_secs(100_000_000), ..spend.clone() };
        self.inner.spend(&spend, now).await
    }
}

impl Wrong for TrustsTheClock {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let now = {
            let mut latest = self.latest.lock().unwrap();
            let known = spend.buckets.iter().filter_map(|bucket| latest.get(&bucket.key));
            let now = known.fold(now, |now, latest| now.max(*latest));
            latest.extend(spend.buckets.iter().map(|bucket| (bucket.key, now)));
            now
        };
        self.inner.spend(spend, now).await
    }
}

impl Wrong for PrunesReservations {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        self.spent.lock().unwrap().insert(*spend.reservation.as_bytes());
        self.inner.spend(spend, now).await
    }

    async fn refund(&self, reservation: &ReservationId, now: UnixSeconds) -> Answer<()> {
        if self.swept.lock().unwrap().contains(reservation.as_bytes()) {
            return Ok(());
        }
        self.inner.refund(reservation, now).await
    }

    async fn prune(&self, before: UnixSeconds) -> Answer<()> {
        self.swept.lock().unwrap().extend(self.spent.lock().unwrap().drain());
        self.inner.prune(before).await
    }
}

impl Wrong for HalfASpending {
    async fn spend(&self, spend: &Spend, now: UnixSeconds) -> Answer<SpendOutcome> {
        let half = WhenDropped::run(|| {
            let _ = block_on(self.inner.spend(&unnamed(spend), now));
        });
        pause().await;
        half.call_off();
        self.inner.spend(spend, now).await
    }
}
