//! The words of one language, and the sentences made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use mfa::{EventKind, UnixSeconds};
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
        /// What happened, by the name of the event ([`EventKind::name`](mfa::EventKind::name)).
        events: BTreeMap<String, String>,
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
        /// The link back to the challenge.
        back: String,
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

    /// What happened, for people.
    pub fn event(&self, kind: EventKind) -> &str {
        let known = self.events.get(kind.name()).or_else(|| self.events.get("unknown"));
        known.map_or("", String::as_str)
    }

    /// The throttling sentence with its time, such as `14:05:30 UTC`.
    pub fn too_many(&self, until: UnixSeconds) -> String {
        let (hour, minute, second) = calendar(until).to_hms();
        let time = format!("{hour:02}:{minute:02}:{second:02} UTC");
        self.alert.too_many.replace("{time}", &time)
    }
}

fn calendar(moment: UnixSeconds) -> OffsetDateTime {
    let seconds = i64::try_from(moment.get()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
