//! What is told of every change and every compared attempt, in the same commit. Never a code, key or number.

use std::net::IpAddr;

use mfa_core::id::Pseudonym;
use mfa_core::time::UnixSeconds;
use mfa_policy::{Method, Purpose};
use mfa_storage::{Cursor, EventBody, StoredEvent, Version};
use thiserror::Error;

use crate::codec::{
    GetResult, Put, PutResult, get_array, get_fields, get_option, get_time, put_into, required,
};
use crate::context::Context;

/// One event, free of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, by the engine's clock.
    pub at: UnixSeconds,
    /// With which authenticator, where one was involved.
    pub method: Option<EventMethod>,
    /// What the proof was wanted for, where one was.
    pub purpose: Option<Purpose>,
    /// The subject's first organisation, by the attributes of that moment.
    pub organization: Option<Box<str>>,
    /// Where the request came from, if the host said.
    pub source: Option<IpAddr>,
    /// How many malformed or throttled attempts this process had refused for the subject since the event before.
    pub refused_before: u32,
    /// The other record that took part: of whoever reset this subject, or of the subject that this one was moved to or from.
    pub counterpart: Option<Pseudonym>,
    /// The host's own name of what was done: the id of a transaction, the name of a policy.
    pub reference: Option<Box<str>>,
    /// Which account, in clear as `tenant/subject`: only where its record cannot name it any more, for the operator to look at.
    pub account: Option<Box<str>>,
}

macro_rules! event_kinds {
    ($($(#[$meta:meta])* $name:ident = $id:literal $text:literal,)*) => {
        /// What happened. The numbers are stored and never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$meta])* $name,)*
            /// Something that a newer version of this library wrote.
            Unknown(u32),
        }

        impl EventKind {
            /// The stable name, for logs and exports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown(_) => "unknown",
                }
            }

            fn id(self) -> u32 {
                match self {
                    $(Self::$name => $id,)*
                    Self::Unknown(id) => id,
                }
            }

            fn from_id(id: u32) -> Self {
                match id {
                    $($id => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }
        }
    };
}

event_kinds! {
    /// A first authenticator became active.
    AuthenticatorActivated = 1 "authenticator_activated",
    /// An authenticator took the place of another. Sessions that others hold should end.
    AuthenticatorReplaced = 2 "authenticator_replaced",
    /// An authenticator was removed by its owner.
    AuthenticatorRemoved = 3 "authenticator_removed",
    /// An authenticator was suspended, because recovery began: it counts as lost.
    AuthenticatorSuspended = 4 "authenticator_suspended",
    /// An authenticator was disabled after too many failures in a row. Tell the owner.
    AuthenticatorDisabled = 5 "authenticator_disabled",
    /// A device is remembered: its next sign-ins are not challenged.
    DeviceRemembered = 6 "device_remembered",
    /// No device is remembered any more.
    DevicesForgotten = 7 "devices_forgotten",
    /// Two codes in a row told how far off an app's clock is.
    Resynchronised = 8 "resynchronised",
    /// Two codes in a row were not of this app.
    ResynchronisationFailed = 9 "resynchronisation_failed",
    /// A code was right.
    Verified = 10 "verified",
    /// A code was wrong or expired.
    VerificationFailed = 11 "verification_failed",
    /// A code was right but had been used.
    CodeReused = 12 "code_reused",
    /// The first refusal-to-compare after failures. Tell the owner: somebody knows the password.
    Throttled = 13 "throttled",
    /// Two more failures in a row will disable the authenticator. Tell the owner.
    NearlyDisabled = 14 "nearly_disabled",
    /// So many failures in 30 days that somebody must know the password.
    FirstFactorSuspect = 15 "first_factor_suspect",
    /// The host changed the first factor. Sessions that others hold should end.
    FirstFactorChanged = 16 "first_factor_changed",
    /// Ten wrong codes for transactions: every session of the subject is over.
    SessionsEnded = 17 "sessions_ended",
    /// A right first factor, and ten minutes later still no second one: somebody may know the password.
    SignInUnfinished = 18 "sign_in_unfinished",
    /// An operator ended the waits.
    Unlocked = 19 "unlocked",
    /// A recovery code was acknowledged; every older one is void.
    RecoveryCodeIssued = 20 "recovery_code_issued",
    /// A recovery code was right; recovery is open until a new authenticator is active.
    RecoveryOpened = 21 "recovery_opened",
    /// The same recovery code went on with a recovery that was open.
    RecoveryResumed = 22 "recovery_resumed",
    /// A recovery code was wrong.
    RecoveryFailed = 23 "recovery_failed",
    /// A recovery ended with a new authenticator; its code is spent.
    RecoveryCompleted = 24 "recovery_completed",
    /// A binding code was right: the subject may enroll after a reset.
    BindingAccepted = 25 "binding_accepted",
    /// A binding code was wrong.
    BindingFailed = 26 "binding_failed",
    /// A confirmed transaction was taken, once.
    TransactionRedeemed = 30 "transaction_redeemed",
    /// Somebody who may do so reset the subject, having checked who asked for it.
    Reset = 31 "reset",
    /// The subject was erased.
    Erased = 32 "erased",
    /// The subject's record is on its way to another subject.
    MoveBegun = 33 "move_begun",
    /// The other subject had authenticators of its own: nothing was moved.
    MoveAbandoned = 34 "move_abandoned",
    /// The record came from another subject.
    MovedHere = 35 "moved_here",
    /// The library was set up over empty storage.
    StorageInitialized = 40 "storage_initialized",
    /// Another policy is in force.
    PolicyReplaced = 41 "policy_replaced",
    /// The host knows a subject as enrolled whose record is gone. Look at the database now.
    RecordMissing = 42 "record_missing",
    /// A record did not open: altered, or copied from another subject. Look at the database now.
    RecordUnreadable = 43 "record_unreadable",
    /// A code was handed to a provider of text messages, or is about to be.
    TextSent = 50 "text_sent",
    /// No provider took a text: it certainly did not go, and costs nobody anything.
    TextNotSent = 51 "text_not_sent",
    /// A text was withheld: its number may have changed hands.
    TextWithheld = 52 "text_withheld",
    /// A code that was sent to a number came back: the person holds the phone.
    NumberConfirmed = 53 "number_confirmed",
    /// Texts to a region, or all of them, are stopped: by an operator, or because hardly any code came back.
    TextsStopped = 54 "texts_stopped",
    /// Texts go again.
    TextsResumed = 55 "texts_resumed",
    /// Every record is sealed under the current key.
    KeysRewrapped = 44 "keys_rewrapped",
}

impl EventKind {
    /// Whether sessions of the subject other than the one that caused it should end.
    pub fn ends_other_sessions(self) -> bool {
        matches!(
            self,
            Self::AuthenticatorActivated
                | Self::AuthenticatorReplaced
                | Self::AuthenticatorRemoved
                | Self::AuthenticatorSuspended
                | Self::AuthenticatorDisabled
                | Self::FirstFactorChanged
                | Self::RecoveryCodeIssued
                | Self::SessionsEnded
                | Self::Reset
                | Self::Erased
        )
    }

    /// Whether the owner of the account should be told, outside the session that caused it.
    pub fn notifies_owner(self) -> bool {
        self.ends_other_sessions()
            || matches!(
                self,
                Self::Throttled
                    | Self::NearlyDisabled
                    | Self::FirstFactorSuspect
                    | Self::SignInUnfinished
                    | Self::RecoveryOpened
                    | Self::RecoveryCompleted
                    | Self::DeviceRemembered
                    | Self::TextWithheld
            )
    }
}

/// The kind of authenticator an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventMethod {
    /// An authenticator app.
    App,
    /// A code by text message.
    Sms,
    /// A recovery code.
    RecoveryCode,
    /// A kind that this version does not know.
    Other,
}

impl From<Method> for EventMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::App => Self::App,
            Method::Sms => Self::Sms,
            _ => Self::Other,
        }
    }
}

/// An event as read back from storage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Stands for the subject; the same for all events of one record.
    pub subject: Pseudonym,
    /// The version of the record that was committed with it.
    pub version: Version,
    /// Its place among the events of that commit.
    pub index: u32,
    /// The event.
    pub event: Event,
}

/// A page of events and the cursor to go on from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EventPage {
    /// The events, each subject's in order.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins.
    pub next: Cursor,
}

impl Event {
    /// An event of this request's subject.
    pub(crate) fn of(ctx: &Context, kind: EventKind, at: UnixSeconds) -> Self {
        let organization =
            ctx.subject().attributes().organizations().first().map(|o| Box::from(o.id.as_str()));
        Self {
            kind,
            at,
            method: None,
            purpose: None,
            organization,
            source: ctx.source_address(),
            refused_before: 0,
            counterpart: None,
            reference: None,
            account: None,
        }
    }

    /// An event of the library itself.
    pub(crate) fn system(kind: EventKind, at: UnixSeconds) -> Self {
        Self {
            kind,
            at,
            method: None,
            purpose: None,
            organization: None,
            source: None,
            refused_before: 0,
            counterpart: None,
            reference: None,
            account: None,
        }
    }

    pub(crate) fn with(mut self, method: impl Into<EventMethod>) -> Self {
        self.method = Some(method.into());
        self
    }

    pub(crate) fn beside(mut self, counterpart: Option<Pseudonym>) -> Self {
        self.counterpart = counterpart;
        self
    }

    pub(crate) fn named(mut self, reference: &str) -> Self {
        self.reference = Some(Box::from(reference));
        self
    }

    pub(crate) fn about(mut self, ctx: &Context) -> Self {
        let (tenant, subject) = (ctx.key().tenant().as_str(), ctx.key().subject().as_str());
        self.account = Some(format!("{tenant}/{subject}").into_boxed_str());
        self
    }

    pub(crate) fn wanted_for(mut self, purpose: Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// The event as bytes, for a host that keeps what it reads with [`Mfa::events`](crate::Mfa::events) in a table of its
    /// own.
    ///
    /// # Examples
    /// ```
    /// # use mfa::{Event, RecordedEvent, UnreadableEvent};
    /// fn survives(read: &RecordedEvent) -> Result<bool, UnreadableEvent> {
    ///     Ok(Event::from_bytes(&read.event.to_bytes())? == read.event)
    /// }
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode().payload
    }

    /// Reads back what [`Event::to_bytes`] wrote, by this version of the library or another.
    ///
    /// # Errors
    /// [`UnreadableEvent`] for any other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableEvent> {
        Self::decode(bytes).map_err(|_| UnreadableEvent)
    }

    pub(crate) fn encode(&self) -> EventBody {
        let mut payload = Vec::with_capacity(64);
        put_into(&mut payload, |e| self.put(e));
        EventBody { at: self.at, payload }
    }

    fn put(&self, e: &mut Put<'_>) -> PutResult {
        let present = [
            self.method.is_some(),
            self.purpose.is_some(),
            self.organization.is_some(),
            self.source.is_some(),
            self.refused_before != 0,
            self.account.is_some(),
            self.counterpart.is_some(),
            self.reference.is_some(),
        ];
        let count = present.iter().filter(|there| **there).count() as u64;
        e.map(count.saturating_add(2))?;
        e.u8(0)?.u32(self.kind.id())?;
        e.u8(1)?.u64(self.at.get())?;
        if let Some(method) = self.method {
            e.u8(2)?.u8(method_id(method))?;
        }
        if let Some(purpose) = self.purpose {
            e.u8(3)?.u8(purpose.id())?;
        }
        if let Some(organization) = &self.organization {
            e.u8(4)?.str(organization)?;
        }
        match self.source {
            Some(IpAddr::V4(address)) => _ = e.u8(5)?.bytes(&address.octets())?,
            Some(IpAddr::V6(address)) => _ = e.u8(5)?.bytes(&address.octets())?,
            None => {}
        }
        if self.refused_before != 0 {
            e.u8(6)?.u32(self.refused_before)?;
        }
        if let Some(account) = &self.account {
            e.u8(7)?.str(account)?;
        }
        if let Some(counterpart) = &self.counterpart {
            e.u8(8)?.bytes(counterpart.as_bytes())?;
        }
        if let Some(reference) = &self.reference {
            e.u8(9)?.str(reference)?;
        }
        Ok(())
    }

    fn decode(payload: &[u8]) -> GetResult<Self> {
        let (mut kind, mut at, mut method, mut purpose) = (None, None, None, None);
        let (mut organization, mut source, mut refused_before, mut account) = (None, None, 0, None);
        let (mut counterpart, mut reference) = (None, None);
        get_fields(&mut minicbor::Decoder::new(payload), |key, d| {
            match key {
                0 => kind = Some(EventKind::from_id(d.u32()?)),
                1 => at = Some(get_time(d)?),
                2 => method = Some(method_from_id(d.u8()?)),
                3 => purpose = Purpose::from_id(d.u8()?),
                4 => organization = get_option(d, |d| d.str().map(Box::from))?,
                5 => source = address(d.bytes()?),
                6 => refused_before = d.u32()?,
                7 => account = Some(Box::from(d.str()?)),
                8 => counterpart = Some(Pseudonym::from_bytes(get_array(d)?)),
                9 => reference = Some(Box::from(d.str()?)),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self {
            kind: required(kind, "an event without a kind")?,
            at: required(at, "an event without a time")?,
            method,
            purpose,
            organization,
            source,
            refused_before,
            counterpart,
            reference,
            account,
        })
    }
}

/// Bytes that are no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an event cannot be read")]
#[non_exhaustive]
pub struct UnreadableEvent;

impl RecordedEvent {
    /// Reads a stored event; `None` when its payload is not one of ours.
    pub(crate) fn read(stored: &StoredEvent) -> Option<Self> {
        let event = Event::decode(&stored.payload).ok()?;
        Some(Self { subject: stored.stream, version: stored.version, index: stored.index, event })
    }
}

fn method_id(method: EventMethod) -> u8 {
    match method {
        EventMethod::App => 1,
        EventMethod::Sms => 2,
        EventMethod::RecoveryCode => 3,
        EventMethod::Other => 255,
    }
}

fn method_from_id(id: u8) -> EventMethod {
    match id {
        1 => EventMethod::App,
        2 => EventMethod::Sms,
        3 => EventMethod::RecoveryCode,
        _ => EventMethod::Other,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_back_as_itself() {
        let event = Event {
            kind: EventKind::Verified,
            at: UnixSeconds::new(1_800_000_000),
            method: Some(EventMethod::App),
            purpose: Some(Purpose::Session),
            organization: Some("o".into()),
            source: Some(IpAddr::from([127, 0, 0, 1])),
            refused_before: 3,
            counterpart: Some(Pseudonym::from_bytes([5; 16])),
            reference: Some("pay-17".into()),
            account: Some("a".into()),
        };
        assert_eq!(Event::from_bytes(&event.to_bytes()), Ok(event));
        assert_eq!(Event::from_bytes(b"no event"), Err(UnreadableEvent));
    }

    #[test]
    fn an_event_of_a_newer_version_is_still_an_event() {
        let event = Event::system(EventKind::Unknown(9_999), UnixSeconds::new(1));
        assert_eq!(Event::decode(&event.encode().payload).unwrap(), event);
    }
}
