//! A transaction that a person is asked to confirm: the one value that page, text message and proof are made from.

use std::fmt;

use mfa_core::time::UnixSeconds;
use minicbor::decode::Error as DecodeError;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::codec::{Get, GetResult, Put, PutResult, get_array, get_time};

/// What a person confirms with a second factor before the host carries it out, such as a disbursement.
///
/// The page shows this value, the proof is bound to all of it, and [`Mfa::redeem`](crate::Mfa::redeem) takes it once.
///
/// # Source
/// Commission Delegated Regulation (EU) 2018/389, article 5 (dynamic linking).
///
/// # Examples
/// ```
/// use mfa::Transaction;
///
/// let payment = Transaction::new("pay-17", "1250.00", "USD", "Acme Concrete")?;
/// assert_eq!(payment.amount(), "1250.00");
/// assert!(Transaction::new("pay-17", "1,250", "USD", "Acme Concrete").is_err());
/// # Ok::<(), mfa::InvalidTransaction>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction {
    id: Box<str>,
    amount: Box<str>,
    currency: Box<str>,
    payee: Box<str>,
}

impl Transaction {
    /// A transaction that the host knows as `id` (1 to 64 bytes), over `amount` (up to 15 digits and, after a full
    /// stop, up to 4 more) in `currency` (three capital letters, ISO 4217), for `payee` (1 to 140 bytes).
    ///
    /// # Errors
    /// [`InvalidTransaction`]. Control characters are refused, and so are those that turn the direction of text round:
    /// what a person reads must be what they confirm.
    pub fn new(id: &str, amount: &str, currency: &str, payee: &str) -> Result<Self, InvalidTransaction> {
        if !is_readable(id, 64) {
            return Err(InvalidTransaction::Id);
        }
        if !is_amount(amount) {
            return Err(InvalidTransaction::Amount);
        }
        if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
            return Err(InvalidTransaction::Currency);
        }
        if !is_readable(payee, 140) {
            return Err(InvalidTransaction::Payee);
        }
        let [id, amount, currency, payee] = [id, amount, currency, payee].map(Box::from);
        Ok(Self { id, amount, currency, payee })
    }

    /// The host's identifier; one identifier is one transaction for ever.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The amount, as digits with an optional decimal part.
    pub fn amount(&self) -> &str {
        &self.amount
    }

    /// The currency (ISO 4217).
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Who is paid.
    pub fn payee(&self) -> &str {
        &self.payee
    }

    pub(crate) fn mark(&self) -> TransactionMark {
        let id = Sha256::digest(self.id.as_bytes()).into();
        let mut whole = Sha256::new();
        for part in [&self.id, &self.amount, &self.currency, &self.payee] {
            whole.update((part.len() as u64).to_be_bytes());
            whole.update(part.as_bytes());
        }
        TransactionMark { id, whole: whole.finalize().into() }
    }

    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(4)?.str(&self.id)?.str(&self.amount)?.str(&self.currency)?.str(&self.payee)?;
        Ok(())
    }

    pub(crate) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        if d.array()? != Some(4) {
            return Err(DecodeError::message("a transaction of another shape"));
        }
        Self::new(d.str()?, d.str()?, d.str()?, d.str()?)
            .map_err(|_| DecodeError::message("a transaction that cannot be one"))
    }
}

impl fmt::Debug for Transaction {
    /// Names the transaction; who is paid how much stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a transaction cannot be shown or confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidTransaction {
    /// The identifier is empty, over 64 bytes, or holds a character that cannot be shown.
    #[error("a transaction id must be 1 to 64 bytes of readable text")]
    Id,
    /// The amount is not a plain decimal number above zero.
    #[error("an amount must be digits, above zero, with at most 4 decimals after a full stop")]
    Amount,
    /// The currency is not three capital letters.
    #[error("a currency must be three capital letters")]
    Currency,
    /// The payee is empty, over 140 bytes, or holds a character that cannot be shown.
    #[error("a payee must be 1 to 140 bytes of readable text")]
    Payee,
}

/// What proof and record keep of a transaction: which one, and all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransactionMark {
    pub(crate) id: [u8; 32],
    pub(crate) whole: [u8; 32],
}

/// A transaction that was redeemed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redeemed {
    pub(crate) mark: TransactionMark,
    pub(crate) at: UnixSeconds,
    /// When its second factor was proved.
    pub(crate) proved_at: UnixSeconds,
}

impl TransactionMark {
    /// What differs between any two transactions.
    #[cfg(feature = "sms")]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.whole
    }

    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(2)?.bytes(&self.id)?.bytes(&self.whole)?;
        Ok(())
    }

    pub(crate) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        match d.array()? {
            Some(2) => Ok(Self { id: get_array(d)?, whole: get_array(d)? }),
            _ => Err(DecodeError::message("a transaction mark of another shape")),
        }
    }
}

impl Redeemed {
    pub(crate) fn put(&self, e: &mut Put<'_>) -> PutResult {
        e.array(3)?.u64(self.at.get())?.u64(self.proved_at.get())?;
        self.mark.put(e)
    }

    pub(crate) fn get(d: &mut Get<'_>) -> GetResult<Self> {
        match d.array()? {
            Some(3) => Ok(Self { at: get_time(d)?, proved_at: get_time(d)?, mark: TransactionMark::get(d)? }),
            _ => Err(DecodeError::message("a redeemed transaction of another shape")),
        }
    }
}

fn is_amount(text: &str) -> bool {
    let is_digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let is_number = match text.split_once('.') {
        Some((whole, decimals)) => is_digits(whole, 15) && is_digits(decimals, 4),
        None => is_digits(text, 15),
    };
    is_number && text.bytes().any(|b| matches!(b, b'1'..=b'9'))
}

fn is_readable(text: &str, most: usize) -> bool {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !text.trim().is_empty() && text.len() <= most && !text.chars().any(|c| c.is_control() || turns(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(id: &str, amount: &str, currency: &str, payee: &str) -> Option<InvalidTransaction> {
        Transaction::new(id, amount, currency, payee).err()
    }

    #[test]
    fn what_cannot_be_read_cannot_be_confirmed() {
        assert_eq!(fault("a", "1", "USD", "b"), None);
        for amount in ["", "0", "0.00", "-1", "+1", "1e3", "1.", ".5", "1,5", "１", "1.00000", " 1"] {
            assert_eq!(fault("a", amount, "USD", "b"), Some(InvalidTransaction::Amount), "{amount:?}");
        }
        for currency in ["", "usd", "US", "USDX", "€€€"] {
            assert_eq!(fault("a", "1", currency, "b"), Some(InvalidTransaction::Currency), "{currency:?}");
        }
        for payee in ["", " ", "a\nb", "a\u{202e}b", "a\u{200b}b"] {
            assert_eq!(fault("a", "1", "USD", payee), Some(InvalidTransaction::Payee), "{payee:?}");
        }
        assert_eq!(fault("", "1", "USD", "b"), Some(InvalidTransaction::Id));
    }

    #[test]
    fn every_part_is_in_the_mark() {
        let of = |id, amount, payee| Transaction::new(id, amount, "USD", payee).unwrap().mark();
        let one = of("a", "1", "b");
        assert_eq!(one, of("a", "1", "b"));
        for other in [of("a", "2", "b"), of("a", "1", "c")] {
            assert!(other.id == one.id && other.whole != one.whole);
        }
        assert_ne!(of("b", "1", "b").id, one.id);
        // Where one part ends is part of the whole.
        assert_ne!(of("a", "11", "b").whole, of("a1", "1", "b").whole);
    }
}
