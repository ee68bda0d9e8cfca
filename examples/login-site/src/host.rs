//! The host's side of the pages: sessions over a cookie, attributes looked up anew for each request.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use mfa::policy::{Attributes, Obligation, OrganizationSettings};
use mfa::{
    Assertion, Clock, Context, DeviceToken, Event, FirstFactor, Mfa, Pseudonym, Realm, Rejection, Subject,
    SubjectId, Transaction,
};
use mfa_axum::{Flow, Form, Host, HostError, Pages, Renew, Visitor, accepted_languages};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::accounts::{Account, PROVIDER};
use crate::pages::{company, payments};
use crate::store::{FirstFactorNote, Session, SessionHash, Store};

/// The demo's sessions, as the pages see them.
#[derive(Clone)]
pub(crate) struct SiteHost {
    pub(crate) store: Store,
    pub(crate) realm: Realm,
    pub(crate) mfa: Mfa,
    pub(crate) clock: Arc<dyn Clock>,
    /// The SHA-256 of the one demo password.
    pub(crate) password: [u8; 32],
    /// The pages that are mounted over this host, once they are.
    pub(crate) pages: Arc<OnceLock<Pages>>,
}

pub(crate) const SIGN_IN: &str = "/sign-in";
pub(crate) const HOME: &str = "/";
const SESSION_COOKIE: &str = "site_session";
const DEVICE_COOKIE: &str = "site_device";

impl Host for SiteHost {
    async fn visitor(&self, request: &Parts) -> Result<Option<Visitor>, HostError> {
        let Some(id) = cookie(&request.headers, SESSION_COOKIE) else { return Ok(None) };
        let hash = hash_of(id);
        match self.store.session(&hash, self.clock.now()?)? {
            Some(session) => self.visitor_of(&hash, session, request),
            None => Ok(None),
        }
    }

    async fn keep(&self, visitor: &Visitor, flow: &Flow, renew: Renew) -> Result<HeaderMap, HostError> {
        let old = hash_from_hex(&visitor.session)?;
        let mut headers = HeaderMap::new();
        if renew == Renew::No {
            self.store.keep_flow(&old, &flow.to_string())?;
            return Ok(headers);
        }
        // Proved from a step that only the enrolled reach, or that enrolls: from now on a missing record is an error,
        // even if the session was signed out meanwhile.
        if matches!(flow, Flow::Proved(_)) && matches!(visitor.flow, Flow::Confirmed(_) | Flow::Challenge(_))
        {
            self.store.remember_enrolled(visitor.context.subject().id().as_str())?;
        }
        let Some(session) = self.store.session(&old, self.clock.now()?)? else { return Ok(headers) };
        let id = random_token()?;
        let renewed = Session { flow: flow.to_string(), ..session };
        if self.store.renew_session(&old, &hash_of(&id), &renewed)? {
            headers.insert(SET_COOKIE, set_cookie(SESSION_COOKIE, &id)?);
        }
        Ok(headers)
    }

    fn sign_in_path(&self) -> &str {
        SIGN_IN
    }

    fn home_path(&self) -> &str {
        HOME
    }

    async fn check_password(&self, _: &Visitor, form: &Form) -> Result<Option<FirstFactor>, HostError> {
        let is_right = self.is_password(form.get("password").unwrap_or_default());
        Ok(if is_right { Some(FirstFactor::password(self.clock.now()?)) } else { None })
    }

    async fn run_errand(
        &self,
        visitor: &Visitor,
        errand: &str,
        proof: &Assertion,
    ) -> Result<Response, HostError> {
        company::run(self, visitor, errand, proof).await
    }

    async fn carry_out(&self, visitor: &Visitor, transaction: &Transaction) -> Result<Response, HostError> {
        payments::pay(self, visitor, transaction)
    }

    async fn keep_always_require(&self, visitor: &Visitor, on: bool) -> Result<(), HostError> {
        let account = Account::find(visitor.context.subject().id().as_str()).ok_or("no account")?;
        // What is mandatory is not the person's to choose, and what is not available is not theirs to turn on.
        match self.obligation_without_wish(account)? {
            Obligation::Required => Err(mfa::Error::from(Rejection::NotAllowed).into()),
            Obligation::Unavailable if on => Err(mfa::Error::from(Rejection::NotAllowed).into()),
            _ => Ok(self.store.keep_always_require(account.email, on)?),
        }
    }

    async fn remember_device(
        &self,
        _: &Visitor,
        token: &DeviceToken,
        lifetime: Duration,
    ) -> Result<HeaderMap, HostError> {
        let cookie = set_cookie(DEVICE_COOKIE, token.as_str())?;
        let cookie = format!("{}; Max-Age={}", cookie.to_str()?, lifetime.as_secs());
        Ok(HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_str(&cookie)?)]))
    }

    async fn recent_events(&self, _: &Visitor, subject: Pseudonym) -> Result<Vec<Event>, HostError> {
        self.read_events().await?;
        Ok(self.store.recent_events(subject)?)
    }
}

impl SiteHost {
    /// Whether this is the demo password. The comparison takes the same time for every guess.
    pub(crate) fn is_password(&self, typed: &str) -> bool {
        bool::from(Sha256::digest(typed.as_bytes()).as_slice().ct_eq(&self.password))
    }

    /// What is done each minute: the library's upkeep, and reading its events. Every process may do it.
    pub(crate) async fn keep_up(&self) -> Result<(), HostError> {
        self.mfa.maintain().await?;
        self.read_events().await
    }

    async fn read_events(&self) -> Result<(), HostError> {
        loop {
            let read = self.store.events_read()?;
            let page = self.mfa.events(read, EVENTS_AT_ONCE).await?;
            // Not when the page is empty: it may hold nothing but what only a newer version can read.
            if page.next == read {
                return Ok(());
            }
            self.store.keep_events(&page)?;
        }
    }

    /// Tells the visitor on their next page what was done.
    pub(crate) fn tell(&self, visitor: &Visitor, notice: &str) -> Result<(), HostError> {
        Ok(self.store.leave_notice(&hash_from_hex(&visitor.session)?, notice)?)
    }

    /// What the visitor was to be told, once.
    pub(crate) fn told(&self, visitor: &Visitor) -> Result<Option<String>, HostError> {
        Ok(self.store.take_notice(&hash_from_hex(&visitor.session)?)?)
    }

    /// The context of somebody who is not here: for their state, and for a reset.
    pub(crate) fn about(&self, account: &Account) -> Result<Context, HostError> {
        let subject = Subject::new(SubjectId::new(account.email)?, account.email, self.attributes(account)?);
        Ok(Context::about(self.realm.clone(), subject).known_enrolled(self.store.is_enrolled(account.email)?))
    }

    /// Begins a session for somebody whose first factor was right. The id it begins under never leaves the server:
    /// the pages renew it before they answer.
    pub(crate) fn begin(
        &self,
        account: &Account,
        first_factor: FirstFactorNote,
        request: &Parts,
    ) -> Result<Visitor, HostError> {
        self.end(request)?;
        let mut binding = [0; 16];
        getrandom::fill(&mut binding)?;
        let session = Session {
            email: account.email.to_owned(),
            binding,
            created_at: first_factor.at,
            first_factor,
            flow: Flow::None.to_string(),
            csrf: random_token()?,
        };
        let hash = hash_of(&random_token()?);
        self.store.begin_session(&hash, &session)?;
        self.visitor_of(&hash, session, request)?.ok_or_else(|| "an account that is no account".into())
    }

    /// Ends the session of a request, if it has one.
    pub(crate) fn end(&self, request: &Parts) -> Result<(), HostError> {
        match cookie(&request.headers, SESSION_COOKIE) {
            Some(id) => Ok(self.store.end_session(&hash_of(id))?),
            None => Ok(()),
        }
    }

    fn visitor_of(
        &self,
        hash: &SessionHash,
        session: Session,
        request: &Parts,
    ) -> Result<Option<Visitor>, HostError> {
        let Some(account) = Account::find(&session.email) else { return Ok(None) };
        let subject = Subject::new(SubjectId::new(account.email)?, account.email, self.attributes(account)?);
        let enrolled = self.store.is_enrolled(account.email)?;
        let context = Context::new(self.realm.clone(), subject, session.binding()).known_enrolled(enrolled);
        let context = match request.extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(address)) => context.source(address.ip()),
            None => context,
        };
        let device = cookie(&request.headers, DEVICE_COOKIE).and_then(|text| DeviceToken::parse(text).ok());
        let context = match device {
            Some(token) => context.device(token),
            None => context,
        };
        // Under a mandate the switch is locked on, and the wish has no say.
        let is_free = self.obligation_without_wish(account)? != Obligation::Required;
        Ok(Some(Visitor {
            context,
            first_factor: first_factor(&session.first_factor),
            // A flow that this version cannot read is a sign-in that is over.
            flow: session.flow.parse().unwrap_or_default(),
            csrf: session.csrf,
            session: HEXLOWER.encode(hash),
            has_password: account.provider.is_none(),
            always_require: Some(is_free && self.store.always_requires(account.email)?),
            languages: accepted_languages(&request.headers),
        }))
    }

    fn attributes(&self, account: &Account) -> Result<Attributes, HostError> {
        Ok(account.attributes(self.settings(account)?, self.store.always_requires(account.email)?))
    }

    /// What policy asks of the person whatever they wish.
    fn obligation_without_wish(&self, account: &Account) -> Result<Obligation, HostError> {
        let attributes = account.attributes(self.settings(account)?, false);
        Ok(self.mfa.policy().decide(&attributes, self.clock.now()?).obligation())
    }

    fn settings(&self, account: &Account) -> Result<Vec<OrganizationSettings>, HostError> {
        let settings: Result<_, _> = account.organizations().map(|id| self.store.organization(id)).collect();
        Ok(settings?)
    }
}

fn first_factor(note: &FirstFactorNote) -> FirstFactor {
    match &note.sso_amr {
        Some(amr) => FirstFactor::sso(PROVIDER, amr.split(' '), note.at),
        None => FirstFactor::password(note.at),
    }
}

const EVENTS_AT_ONCE: usize = 500;

/// 256 random bits as URL-safe text.
pub(crate) fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// The value of a cookie of the request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// A cookie for this site alone. The demo speaks plain HTTP; behind TLS it would carry `Secure` and the `__Host-` name.
pub(crate) fn set_cookie(name: &str, value: &str) -> Result<HeaderValue, HostError> {
    Ok(HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax"))?)
}

/// Takes a cookie back.
pub(crate) fn clear_session_cookie() -> HeaderValue {
    HeaderValue::from_static("site_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}

fn hash_of(id: &str) -> SessionHash {
    Sha256::digest(id.as_bytes()).into()
}

fn hash_from_hex(text: &str) -> Result<SessionHash, HostError> {
    let bytes = HEXLOWER.decode(text.as_bytes())?;
    Ok(SessionHash::try_from(bytes.as_slice())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; site_session=xyz; b=2"));
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("xyz"));
        assert_eq!(cookie(&headers, "session"), None);
    }

    #[test]
    fn tokens_do_not_repeat() {
        assert_ne!(random_token().unwrap(), random_token().unwrap());
    }
}
