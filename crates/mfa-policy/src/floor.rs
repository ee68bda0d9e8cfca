//! The standards' floor: what a policy cannot go below without saying so and why.

use std::fmt;

use crate::word::Word;

macro_rules! floors {
    ($($(#[doc = $doc:literal])* $name:ident $word:literal $why:literal,)*) => {
        /// A rule of the standards that a policy may go below only where it lists a deviation with its reason.
        ///
        /// Three things cannot be deviated from and so are not here: an authenticator is disabled after at most 100
        /// consecutive failures, a code is used once, and a code sent by text has six digits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Floor {
            $($(#[doc = $doc])* $name,)*
        }

        impl Floor {
            /// The name by which a policy file lists a deviation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Why the floor is there, with its source.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }

        impl Word for Floor {
            const WHAT: &'static str = "a rule that can be deviated from";
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$name),)*];
        }
    };
}

floors! {
    /// `sms-lifetime-above-10m`: a code sent by text lives longer than ten minutes.
    SmsLifetime "sms-lifetime-above-10m"
        "a code sent by text must be void after at most 10 minutes (NIST SP 800-63B-4 3.1.3.2)",
    /// `sms-to-non-mobile`: texts to numbers that are not mobile.
    SmsToNonMobile "sms-to-non-mobile"
        "only a mobile number is tied to a device in somebody's hand (NIST SP 800-63B-4 3.1.3.3)",
    /// `sms-for-payor`: a payments payor may use SMS.
    SmsForPayor "sms-for-payor"
        "a text can be read by whoever ports the number or swaps the SIM, and a payor's code moves money (NIST SP 800-63B-4 3.2.9, OWASP MFA cheat sheet)",
    /// `payments-not-required`: a payments class does not require MFA.
    PaymentsNotRequired "payments-not-required"
        "access to payments takes two different factors (PCI DSS 4.0.1 8.5.1)",
    /// `no-waiting`: consecutive failures cost no wait.
    NoWaiting "no-waiting"
        "guessing must slow down before it is stopped (NIST SP 800-63B-4 3.2.2, RFC 4226 7.3)",
    /// `throttle-weaker-than-5-in-15m`: more than 5 failures, or a window shorter than 15 minutes.
    Throttle "throttle-weaker-than-5-in-15m"
        "at most 5 failures in 15 minutes may be compared ((EU) 2018/389 Art. 4(3)(b))",
    /// `drift-memory-for-payments`: learned drift is kept for a payments class.
    DriftMemoryForPayments "drift-memory-for-payments"
        "learned drift widens what is accepted, and a payments code must be as narrow as it can (RFC 6238 5.2, 6)",
    /// `remembered-device-for-payments`: a payments class may skip the second factor on a remembered device.
    RememberedDeviceForPayments "remembered-device-for-payments"
        "a remembered device does not replace a factor (NIST SP 800-63B-4 5.1, PCI DSS 4.0.1 8.5.1)",
    /// `remembered-device-above-30d`: a device is remembered longer than 30 days.
    RememberedDevice "remembered-device-above-30d"
        "what stands in for a second factor must not outlive the longest session, 30 days",
    /// `session-freshness-above-30d`: a session is not asked again for more than 30 days.
    SessionFreshness "session-freshness-above-30d"
        "a session must be proved again at least every 30 days (NIST SP 800-63B-4 2.1.3; AAL2 asks for 24 hours)",
    /// `manage-freshness-above-15m`: authenticators may be changed on an older proof.
    ManageFreshness "manage-freshness-above-15m"
        "changing authenticators takes a fresh proof of the existing ones (ASVS 7.5.1)",
    /// `step-up-freshness-above-15m`: a sensitive action may rest on an older proof.
    StepUpFreshness "step-up-freshness-above-15m"
        "a sensitive action takes a fresh proof (ASVS 7.5.3)",
    /// `transaction-freshness-above-5m`: a transaction may be redeemed later than that.
    TransactionFreshness "transaction-freshness-above-5m"
        "the proof for a transaction is for that moment, at most 5 minutes ((EU) 2018/389 Art. 4 and 5)",
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What no policy can deviate from: the words somebody might try, and the reason to give.
pub(crate) const FIXED: [(&str, &str); 3] = [
    (
        "cap-above-100",
        "an authenticator is disabled after at most 100 consecutive failures (NIST SP 800-63B-4 3.2.2)",
    ),
    ("single-use", "a code that can be used twice can be replayed (NIST SP 800-63B-4 3.1.4.2, RFC 6238 5.2)"),
    ("code-length", "a code sent by text has six digits, 20 bits (NIST SP 800-63B-4 3.1.3.2)"),
];
