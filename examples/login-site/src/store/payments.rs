//! What was paid: once for each transaction, however often it is carried out.

use mfa::UnixSeconds;
use rusqlite::params;

use super::Store;

/// A payment that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) amount: String,
    pub(crate) payee: String,
    pub(crate) paid_at: UnixSeconds,
}

impl Store {
    /// Pays, unless the transaction `id` was paid before.
    pub(crate) fn pay(&self, id: &str, email: &str, payment: &Payment) -> rusqlite::Result<()> {
        let at = payment.paid_at.get().cast_signed();
        self.with(|db| {
            db.execute(
                "INSERT OR IGNORE INTO site_payments (id, email, amount, payee, paid_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, email, payment.amount, payment.payee, at],
            )
        })
        .map(|_| ())
    }

    /// What this person has paid, the latest first.
    pub(crate) fn payments(&self, email: &str) -> rusqlite::Result<Vec<Payment>> {
        self.with(|db| {
            let mut select = db.prepare_cached(
                "SELECT amount, payee, paid_at FROM site_payments WHERE email = ?1 ORDER BY paid_at DESC, rowid DESC",
            )?;
            let rows = select.query_map([email], |row| {
                let paid_at = UnixSeconds::new(row.get::<_, i64>(2)?.cast_unsigned());
                Ok(Payment { amount: row.get(0)?, payee: row.get(1)?, paid_at })
            })?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_is_one_payment() {
        let store = Store::open(None).unwrap();
        let payment = |amount: &str, at| Payment {
            amount: amount.into(),
            payee: "Acme".into(),
            paid_at: UnixSeconds::new(at),
        };
        store.pay("a", "pat", &payment("1", 1)).unwrap();
        store.pay("a", "pat", &payment("1", 2)).unwrap();
        store.pay("b", "pat", &payment("2", 3)).unwrap();
        assert_eq!(store.payments("pat").unwrap(), [payment("2", 3), payment("1", 1)]);
        assert!(store.payments("peyton").unwrap().is_empty());
    }
}
