//! A forgotten password is replaced without going round the second factor.
//!
//! A link in an e-mail proves who reads the mail, and nothing more. So it ends where a right password would: at
//! [`Mfa::begin`], which asks for the second factor all the same. Three lines of a host do it; [`PasswordReset::finish`] has
//! them. What goes wrong elsewhere is that the reset page signs people in by itself, or that old sessions and half
//! logins outlive the old password.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mfa::{Clock, Context, Error, FirstFactor, Mfa, Next, RandomSource, UnixSeconds};

/// The part of a host that resets passwords: who asked, and which links are out.
pub struct PasswordReset<C, R> {
    mfa: Mfa,
    clock: C,
    random: R,
    /// By the token of the link. A real host keeps a hash of it in its database.
    links: Mutex<HashMap<[u8; 16], Link>>,
}

struct Link {
    account: String,
    expires_at: UnixSeconds,
}

/// What became of a link.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reset {
    /// The password is set. What comes next is what comes after every right password.
    Next(Box<Next>),
    /// The link is unknown, used or over; nothing was changed.
    NoSuchLink,
}

impl<C: Clock, R: RandomSource> PasswordReset<C, R> {
    /// The part for this host.
    pub fn new(mfa: Mfa, clock: C, random: R) -> Self {
        Self { mfa, clock, random, links: Mutex::default() }
    }

    /// Makes a link for the account, to be sent to its address. Answer the page the same whether the account exists.
    ///
    /// # Errors
    /// [`Error`] when clock or random source fail.
    pub fn begin(&self, account: &str) -> Result<[u8; 16], Error> {
        let mut token = [0; 16];
        self.random.fill(&mut token)?;
        let link = Link { account: account.to_owned(), expires_at: self.clock.now()?.plus(LIFETIME) };
        self.links.lock().unwrap_or_else(PoisonError::into_inner).insert(token, link);
        Ok(token)
    }

    /// Sets the new password and goes on as after every right one. `context` makes the context of a **new** session for the
    /// account: the reset inherits none.
    ///
    /// # Errors
    /// [`Error`] when the library cannot end what the old password led to: then the password is not set, and the link
    /// still works.
    pub async fn finish(
        &self,
        token: &[u8; 16],
        set_password: impl FnOnce(&str),
        context: impl FnOnce(&str) -> Context,
    ) -> Result<Reset, Error> {
        let now = self.clock.now()?;
        let Some(account) = self.account_of(token, now) else { return Ok(Reset::NoSuchLink) };
        let ctx = context(&account);
        // First end every session, half login and remembered device of the old password. If that fails, nothing is set.
        self.mfa.first_factor_changed(&ctx).await?;
        if !self.use_up(token) {
            return Ok(Reset::NoSuchLink); // two tabs: the other one was first
        }
        set_password(&account);
        // Then ask what comes after a right first factor. Never: "the link was right, so you are in".
        let next = self.mfa.begin(&ctx, FirstFactor::password(now)).await?;
        Ok(Reset::Next(Box::new(next)))
    }

    fn account_of(&self, token: &[u8; 16], now: UnixSeconds) -> Option<String> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(token).filter(|link| now < link.expires_at).map(|link| link.account.clone())
    }

    fn use_up(&self, token: &[u8; 16]) -> bool {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).remove(token).is_some()
    }
}

impl<C, R> std::fmt::Debug for PasswordReset<C, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordReset").finish_non_exhaustive()
    }
}

const LIFETIME: Duration = Duration::from_secs(15 * 60);
