//! The words of one language, and the sentences made of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use mfa::{EventKind, EventMethod, UnixSeconds};
use serde::Deserialize;
use time::OffsetDateTime;

macro_rules! texts {
    ($($(#[$meta:meta])* $section:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Deserialize)]
        #[non_exhaustive]
        pub struct $section {
            $($(#[$field_meta])* pub $field: $type,)*
        }
    )*};
}

texts! {
    /// Every text of the pages in one language. `texts/en.toml` is the model of a translation.
    Texts {
        /// Shared by several pages.
        common: CommonTexts,
        /// "Two-Factor Authentication Required".
        required: RequiredTexts,
        /// "Select an Authentication Method".
        method: MethodTexts,
        /// "Secure Your Account".
        app: AppTexts,
        /// "Set Up SMS Verification".
        phone: PhoneTexts,
        /// "Enter Verification Code".
        text_code: TextCodeTexts,
        /// "Save Your Recovery Code".
        save: SaveTexts,
        /// "Two-Factor Authentication".
        challenge: ChallengeTexts,
        /// "Use a Recovery Code".
        recover: RecoverTexts,
        /// The code that was handed over after a reset.
        bind: BindTexts,
        /// "Verify Your Identity".
        verify: VerifyTexts,
        /// "Password & Security".
        security: SecurityTexts,
        /// What happened, by the name of the event ([`EventKind::name`](mfa::EventKind::name)), with `_sms` behind it where
        /// an event of a phone has words of its own. [`Texts::event`] chooses.
        events: BTreeMap<String, String>,
        /// The countries of phone numbers, by their ISO 3166-1 code of two letters.
        countries: BTreeMap<String, String>,
        /// Sentences about refused input.
        alert: AlertTexts,
        /// Pages that end a ceremony.
        problem: ProblemTexts,
    }

    /// Shared by several pages.
    CommonTexts {
        /// The button that goes on.
        #[serde(rename = "continue")]
        go_on: String,
        /// The label of a code field.
        code_label: String,
        /// What a code looks like.
        code_hint: String,
        /// The link that leaves for the sign-in page.
        sign_in: String,
        /// The link that goes on to the host's home page.
        home: String,
        /// The order of `{day}`, `{month}` and `{year}`.
        date: String,
        /// The twelve months.
        months: [String; 12],
    }

    /// "Two-Factor Authentication Required".
    RequiredTexts {
        /// The title.
        title: String,
        /// Why, where it is a must.
        lead: String,
        /// Why, where it is an offer.
        offer_lead: String,
        /// From which `{date}` it is a must.
        deadline: String,
        /// What the set-up takes.
        what_you_need: String,
        /// The button that begins.
        set_up: String,
        /// The button that declines an offer.
        skip: String,
    }

    /// "Select an Authentication Method".
    MethodTexts {
        /// The title.
        title: String,
        /// What to do.
        lead: String,
        /// After a recovery code was right.
        recovering: String,
        /// The authenticator app.
        app: String,
        /// What the app is.
        app_detail: String,
        /// Text messages.
        sms: String,
        /// What text messages are, and that they are less safe.
        sms_detail: String,
        /// Why text messages are not on the list.
        no_sms: String,
    }

    /// "Secure Your Account".
    AppTexts {
        /// The title.
        title: String,
        /// The first step.
        scan: String,
        /// The name of the image.
        qr_alt: String,
        /// Reveals the key for typing.
        trouble: String,
        /// What to do with the key.
        manual: String,
        /// The link for an app on the same device.
        open: String,
        /// The second step.
        enter: String,
        /// The heading of the tips.
        tips: String,
        /// Scan from inside the app.
        tip_scan: String,
        /// Set the clock to automatic.
        tip_clock: String,
    }

    /// "Set Up SMS Verification".
    PhoneTexts {
        /// The title.
        title: String,
        /// What to do.
        lead: String,
        /// The label of the choice of countries.
        country_label: String,
        /// The label of the field.
        phone_label: String,
        /// How the number may be written.
        phone_hint: String,
        /// What is risky about text messages.
        notice: String,
        /// What sending agrees to.
        consent: String,
        /// The button that sends.
        send: String,
        /// The link to the app instead.
        instead: String,
    }

    /// "Enter Verification Code".
    TextCodeTexts {
        /// The title.
        title: String,
        /// That a text was sent to `{number}`: [`Texts::text_sent`].
        sent: String,
        /// That a text to `{number}` may not have been sent: [`Texts::text_unsure`].
        unsure: String,
        /// The button that sends another code.
        resend: String,
        /// Which of several codes works.
        latest: String,
        /// The link back to the number.
        change: String,
    }

    /// "Save Your Recovery Code".
    SaveTexts {
        /// The title.
        title: String,
        /// What the code is for.
        lead: String,
        /// The label of the code.
        code_label: String,
        /// The button that copies.
        copy: String,
        /// After copying.
        copied: String,
        /// Without script: what to do instead.
        copy_hint: String,
        /// The button that downloads.
        download: String,
        /// The label of the check box.
        saved: String,
        /// Where to keep it.
        keep: String,
    }

    /// "Two-Factor Authentication".
    ChallengeTexts {
        /// The title.
        title: String,
        /// What to do where there are several methods.
        choose: String,
        /// What choosing the phone does, with its `{number}`: [`Texts::text_to`].
        to_number: String,
        /// The link back to the choice.
        other: String,
        /// What to do.
        lead: String,
        /// The link to the recovery code page.
        recover: String,
        /// The check box that asks to be remembered for `{days}` days.
        remember: String,
    }

    /// "Use a Recovery Code".
    RecoverTexts {
        /// The title.
        title: String,
        /// What to do and what follows.
        lead: String,
        /// Where nothing else helps.
        only: String,
        /// The label of the field.
        code_label: String,
        /// What the code looks like.
        code_hint: String,
        /// Who helps without a code.
        help: String,
    }

    /// The code that was handed over after a reset.
    BindTexts {
        /// The title.
        title: String,
        /// What to do.
        lead: String,
        /// The label of the field.
        code_label: String,
        /// Who helps without a code.
        help: String,
    }

    /// "Verify Your Identity".
    VerifyTexts {
        /// The title.
        title: String,
        /// Why, for a change or an action.
        lead: String,
        /// Why, for a transaction.
        transaction: String,
        /// The label of the amount.
        amount: String,
        /// The label of the payee.
        payee: String,
        /// The label of the password field.
        password: String,
        /// The button for a transaction.
        confirm: String,
        /// For people without a password here.
        sign_in_again: String,
        /// The link away.
        cancel: String,
    }

    /// "Password & Security".
    SecurityTexts {
        /// The title.
        title: String,
        /// Why nothing is on offer.
        unavailable: String,
        /// That MFA is a must.
        required: String,
        /// The heading of the app.
        app: String,
        /// That there is no app.
        no_app: String,
        /// An app that works, since `{date}`.
        app_since: String,
        /// An app last used on `{date}`.
        app_used: String,
        /// An app that counts as lost.
        app_suspended: String,
        /// An app that too many wrong codes disabled.
        app_disabled: String,
        /// The button for the first app.
        add_app: String,
        /// The button for another app.
        change_app: String,
        /// The button that removes it.
        remove_app: String,
        /// The heading of the phone.
        phone: String,
        /// That there is no phone.
        no_phone: String,
        /// A phone's `{number}`, in use since `{date}`: [`Texts::phone_since`].
        phone_since: String,
        /// A phone that policy does not allow any more.
        phone_refused: String,
        /// A phone that counts as lost.
        phone_suspended: String,
        /// A phone that too many wrong codes disabled.
        phone_disabled: String,
        /// The button for the first phone.
        add_phone: String,
        /// The button for another phone.
        change_phone: String,
        /// The button that removes it.
        remove_phone: String,
        /// The heading of the recovery code.
        recovery_code: String,
        /// When it was saved: `{date}`.
        recovery_code_since: String,
        /// The button for a new one.
        new_recovery_code: String,
        /// The heading and label of the switch.
        always_require: String,
        /// What it does.
        always_require_detail: String,
        /// Why it cannot be turned off.
        always_require_locked: String,
        /// The button that keeps it.
        save: String,
        /// The heading of the remembered devices.
        devices: String,
        /// That there are none.
        no_devices: String,
        /// One remembered on `{date}`.
        device_since: String,
        /// The button that forgets them.
        forget_devices: String,
        /// The heading of the events.
        events: String,
        /// That there are none.
        no_events: String,
        /// The link to the host's home page.
        back: String,
    }

    /// Sentences about refused input.
    AlertTexts {
        /// Wrong, expired or unknown.
        wrong_code: String,
        /// Right, and used before.
        already_used: String,
        /// Not the form of a code.
        malformed_code: String,
        /// Not the form of a recovery code.
        malformed_recovery_code: String,
        /// Throttled until `{time}`.
        too_many: String,
        /// The password is not right.
        wrong_password: String,
        /// The box is not ticked.
        not_saved: String,
        /// No method was chosen.
        no_method: String,
        /// The method is not allowed.
        method_not_allowed: String,
        /// Not the form of a phone number.
        number_malformed: String,
        /// The form of a phone number that nobody can have.
        number_invalid: String,
        /// A number of another country than the chosen one.
        number_other_country: String,
        /// A number of a country that policy does not allow.
        number_not_allowed: String,
        /// A number that cannot take text messages.
        number_not_mobile: String,
        /// The national 0 behind the country's code.
        number_trunk_zero: String,
        /// The former 1 behind the code of Mexico.
        number_old_mexican: String,
        /// Delivery is down.
        text_not_sent: String,
        /// Nothing was sent, because the number may belong to somebody else now.
        text_withheld: String,
        /// No text before `{time}`: [`Texts::too_many_texts`].
        too_many_texts: String,
        /// The offer can no longer be declined.
        skip_not_allowed: String,
    }

    /// Pages that end a ceremony.
    ProblemTexts {
        /// 410, title.
        expired_title: String,
        /// 410.
        expired: String,
        /// 403 by policy, title.
        forbidden_title: String,
        /// 403 by policy.
        forbidden: String,
        /// 403 by the cross-site check, title.
        forged_title: String,
        /// 403 by the cross-site check.
        forged: String,
        /// 422 for a form that cannot be read, title.
        malformed_title: String,
        /// 422 for a form that cannot be read.
        malformed: String,
        /// 413, title.
        too_large_title: String,
        /// 413.
        too_large: String,
        /// 503, title.
        unavailable_title: String,
        /// 503.
        unavailable: String,
        /// 401 of a JSON client without session, title.
        unauthorized_title: String,
        /// 401 of a JSON client without session.
        unauthorized: String,
        /// 401 of a JSON client whose session lacks a factor, title.
        factor_wanted_title: String,
        /// 401 of a JSON client whose session lacks a factor.
        factor_wanted: String,
    }
}

impl Texts {
    /// The date of `moment` in UTC, with its year.
    pub fn date(&self, moment: UnixSeconds) -> String {
        let date = calendar(moment);
        let month = usize::from(u8::from(date.month())).saturating_sub(1);
        self.common
            .date
            .replace("{day}", &date.day().to_string())
            .replace("{month}", self.common.months.get(month).map_or("", String::as_str))
            .replace("{year}", &date.year().to_string())
    }

    /// The date and time of `moment` in UTC.
    pub fn date_and_time(&self, moment: UnixSeconds) -> String {
        let (hour, minute, _) = calendar(moment).to_hms();
        format!("{} {hour:02}:{minute:02} UTC", self.date(moment))
    }

    /// The check box that asks to be remembered for so long.
    pub fn remember(&self, lifetime: Duration) -> String {
        let days = lifetime.as_secs().div_ceil(24 * 60 * 60);
        self.challenge.remember.replace("{days}", &days.to_string())
    }

    /// What happened, for people, and in the words of a phone where `method` says that it was about one.
    pub fn event(&self, kind: EventKind, method: Option<EventMethod>) -> &str {
        let name = kind.name();
        let of_phone = match method {
            Some(EventMethod::Sms) => self.events.get(&format!("{name}_sms")),
            _ => None,
        };
        let known = of_phone.or_else(|| self.events.get(name)).or_else(|| self.events.get("unknown"));
        known.map_or("", String::as_str)
    }

    /// The throttling sentence with its time, such as `14:05:30 UTC`.
    pub fn too_many(&self, until: UnixSeconds) -> String {
        self.alert.too_many.replace("{time}", &time(until))
    }

    /// When the next text can be sent, as a time such as `14:05:30 UTC`.
    pub fn too_many_texts(&self, until: UnixSeconds) -> String {
        self.alert.too_many_texts.replace("{time}", &time(until))
    }

    /// That a text was sent to `number`. Give it masked: it is shown as it is.
    pub fn text_sent(&self, number: impl fmt::Display) -> String {
        self.text_code.sent.replace("{number}", &number.to_string())
    }

    /// That a text to `number`, masked, may not have been sent.
    pub fn text_unsure(&self, number: impl fmt::Display) -> String {
        self.text_code.unsure.replace("{number}", &number.to_string())
    }

    /// What choosing the phone does: a text goes to its `number`, masked.
    pub fn text_to(&self, number: impl fmt::Display) -> String {
        self.challenge.to_number.replace("{number}", &number.to_string())
    }

    /// A phone's `number`, masked, and since when it is in use.
    pub fn phone_since(&self, number: impl fmt::Display, since: UnixSeconds) -> String {
        let line = self.security.phone_since.replace("{date}", &self.date(since));
        line.replace("{number}", &number.to_string())
    }

    /// The name of a country by its ISO 3166-1 code of two upper-case letters. A host that allows numbers of more
    /// countries than these shows its own name or the code.
    pub fn country(&self, iso_code: &str) -> Option<&str> {
        self.countries.get(iso_code).map(String::as_str)
    }
}

fn time(moment: UnixSeconds) -> String {
    let (hour, minute, second) = calendar(moment).to_hms();
    format!("{hour:02}:{minute:02}:{second:02} UTC")
}

fn calendar(moment: UnixSeconds) -> OffsetDateTime {
    let seconds = i64::try_from(moment.get()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
