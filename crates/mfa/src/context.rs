//! What the host tells with every call: who, in which session, where from, for which site.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mfa_core::id::{SessionBinding, SubjectId, SubjectKey, TenantId};
use mfa_core::time::UnixSeconds;
use mfa_policy::Attributes;

use crate::device::DeviceToken;
use crate::error::ConfigFault;

/// The site a person signs in to: what their authenticator app will show, and which tenant their records belong to.
#[derive(Clone, Debug)]
pub struct Realm {
    tenant: TenantId,
    issuer: Arc<str>,
}

impl Realm {
    /// A realm whose records belong to `tenant` and whose name in authenticator apps is `issuer`.
    ///
    /// # Errors
    /// [`ConfigFault`] when the tenant is not a valid identifier, or the issuer is empty, over 64 bytes, or holds a
    /// colon or a control character (apps cut the label at the colon).
    pub fn new(tenant: &str, issuer: &str) -> Result<Self, ConfigFault> {
        let tenant = TenantId::new(tenant).map_err(|_| ConfigFault::Tenant)?;
        if issuer.trim().is_empty() || issuer.len() > 64 || issuer.chars().any(|c| c == ':' || c.is_control())
        {
            return Err(ConfigFault::Issuer);
        }
        Ok(Self { tenant, issuer: Arc::from(issuer) })
    }

    /// The name that authenticator apps show.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The tenant of this realm's records.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }
}

/// The subject of a call, with its **current** attributes: they are looked up anew for every request.
#[derive(Clone, Debug)]
pub struct Subject {
    id: SubjectId,
    account: Arc<str>,
    attributes: Attributes,
}

impl Subject {
    /// A subject known to the host as `id`; `account` is the name shown in the authenticator app (an e-mail address).
    ///
    /// Apps cut a label at a colon and stumble over control characters, so those become spaces; a name of more than
    /// 256 bytes is cut, and an empty one shows as "account". Nothing but the label depends on it.
    pub fn new(id: SubjectId, account: &str, attributes: Attributes) -> Self {
        Self { id, account: Arc::from(label(account)), attributes }
    }

    /// The host's identifier.
    pub fn id(&self) -> &SubjectId {
        &self.id
    }

    /// The account name for the authenticator app.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The attributes that policy decides on.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

fn label(account: &str) -> String {
    let mut label: String = account
        .chars()
        .map(|c| if c == ':' || c.is_control() { ' ' } else { c })
        .take(LONGEST_LABEL)
        .collect();
    while label.len() > LONGEST_LABEL {
        label.pop();
    }
    match label.trim() {
        "" => "account".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// In bytes; what fits a label of an otpauth URI.
const LONGEST_LABEL: usize = 256;

/// Everything a call needs to know about the request it serves.
///
/// # Examples
/// ```
/// use mfa::{Context, Realm, SessionBinding, Subject, SubjectId, policy::Attributes};
///
/// let realm = Realm::new("main", "Example")?;
/// let ada = Subject::new(SubjectId::new("u-1")?, "ada@example.com", Attributes::new());
/// // Drawn at sign-in, kept in the host's session until sign-out.
/// let binding = SessionBinding::from_bytes([7; 16]);
/// let ctx = Context::new(realm, ada, binding).known_enrolled(false);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    key: SubjectKey,
    realm: Realm,
    subject: Subject,
    session: SessionBinding,
    source: Option<IpAddr>,
    device: Option<DeviceToken>,
    locales: Vec<Box<str>>,
    known_enrolled: bool,
}

impl Context {
    /// A call for `subject`, in the sign-in that `session` names, at `realm`.
    pub fn new(realm: Realm, subject: Subject, session: SessionBinding) -> Self {
        let key = SubjectKey::new(realm.tenant().clone(), subject.id().clone());
        Self {
            key,
            realm,
            subject,
            session,
            source: None,
            device: None,
            locales: Vec::new(),
            known_enrolled: false,
        }
    }

    /// A call about `subject` that is no request of theirs: a reset by somebody else, a new password, an erasure. It
    /// belongs to no session.
    pub fn about(realm: Realm, subject: Subject) -> Self {
        Self::new(realm, subject, SessionBinding::from_bytes([0; 16]))
    }

    /// Adds the address the request came from; events carry it.
    #[must_use]
    pub fn source(mut self, address: IpAddr) -> Self {
        self.source = Some(address);
        self
    }

    /// Adds the token that this browser was given when it asked to be remembered.
    #[must_use]
    pub fn device(mut self, token: DeviceToken) -> Self {
        self.device = Some(token);
        self
    }

    /// Adds the languages the person reads, best first, as BCP 47 tags: texts are written in the first that is known.
    #[must_use]
    pub fn locales<'a>(mut self, tags: impl IntoIterator<Item = &'a str>) -> Self {
        self.locales = tags.into_iter().take(MOST_LOCALES).map(Box::from).collect();
        self
    }

    /// Says whether the host remembers this subject as enrolled. A missing record is then an error, never an offer
    /// to enroll (INV-13).
    #[must_use]
    pub fn known_enrolled(mut self, known: bool) -> Self {
        self.known_enrolled = known;
        self
    }

    /// What the subject's record is stored under.
    pub fn key(&self) -> &SubjectKey {
        &self.key
    }

    /// The realm.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The subject.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) fn session(&self) -> &SessionBinding {
        &self.session
    }

    pub(crate) fn source_address(&self) -> Option<IpAddr> {
        self.source
    }

    pub(crate) fn device_token(&self) -> Option<&DeviceToken> {
        self.device.as_ref()
    }

    #[cfg(feature = "sms")]
    pub(crate) fn languages(&self) -> impl Iterator<Item = &str> {
        self.locales.iter().map(AsRef::as_ref)
    }

    pub(crate) fn is_known_enrolled(&self) -> bool {
        self.known_enrolled
    }
}

/// How the person was recognised before us. Passwords are never handed over, only the fact and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstFactor {
    pub(crate) kind: FirstFactorKind,
    pub(crate) at: UnixSeconds,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FirstFactorKind {
    Password,
    Sso { provider: Box<str>, amr: Vec<Box<str>> },
    Passkey { user_verified: bool },
}

impl FirstFactor {
    /// A password that was right at `at`.
    pub fn password(at: UnixSeconds) -> Self {
        Self { kind: FirstFactorKind::Password, at }
    }

    /// A sign-in through an identity provider at `at`, with the `amr` values of its verified answer (RFC 8176).
    /// Whether they satisfy anything is policy's decision. At most 8 values of at most 32 bytes are kept, and a provider
    /// of more than 256 bytes is trusted by nobody.
    pub fn sso<'a>(provider: &str, amr: impl IntoIterator<Item = &'a str>, at: UnixSeconds) -> Self {
        let amr =
            amr.into_iter().filter(|value| value.len() <= LONGEST_AMR).take(MAX_AMR).map(Box::from).collect();
        // A name that is no provider's is trusted by nobody.
        let provider = if provider.len() <= LONGEST_LABEL { provider } else { "" };
        Self { kind: FirstFactorKind::Sso { provider: Box::from(provider), amr }, at }
    }

    /// A passkey that the host verified at `at`, with or without user verification.
    pub fn passkey(user_verified: bool, at: UnixSeconds) -> Self {
        Self { kind: FirstFactorKind::Passkey { user_verified }, at }
    }

    /// When it was proved.
    pub fn at(&self) -> UnixSeconds {
        self.at
    }

    pub(crate) fn is_sso(&self) -> bool {
        matches!(self.kind, FirstFactorKind::Sso { .. })
    }

    /// The method references this factor stands for (RFC 8176).
    pub(crate) fn amr(&self) -> Vec<&str> {
        match &self.kind {
            FirstFactorKind::Password => vec!["pwd"],
            FirstFactorKind::Sso { amr, .. } => amr.iter().map(AsRef::as_ref).collect(),
            FirstFactorKind::Passkey { .. } => vec!["hwk"],
        }
    }
}

/// More languages than anybody reads are no person's.
const MOST_LOCALES: usize = 16;

/// A provider's answer with more method references than this is cut, and longer ones are left out: they travel in
/// every ticket.
const MAX_AMR: usize = 8;
const LONGEST_AMR: usize = 32;

/// How far apart the clocks of two nodes may be before what one of them dated ahead is refused by the other.
pub(crate) const CLOCK_SPREAD: Duration = Duration::from_secs(120);

/// How long each kind of ticket lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// A login half done.
    pub(crate) challenge: Duration,
    /// A set-up half done.
    pub(crate) enrollment: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { challenge: Duration::from_secs(10 * 60), enrollment: Duration::from_secs(15 * 60) }
    }
}
