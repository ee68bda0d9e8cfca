//! What is asked on the command line, and as whom.

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use mfa::UnixSeconds;
use mfa::policy::{Attributes, OrganizationSettings, ReauthenticateAfter};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Explains what a policy file says of somebody at a moment.
#[derive(Debug, Parser)]
#[command(name = "policy_explain")]
pub(crate) struct Asked {
    /// The policy file, TOML or JSON (by its name); policies/construction-pay.toml without one.
    pub(crate) file: Option<String>,
    /// A role of the person; may be given several times.
    #[arg(long, value_name = "ROLE")]
    role: Vec<String>,
    /// Another attribute that the policy asks for; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    attribute: Vec<(String, String)>,
    /// An organisation of the person; may be given several times.
    #[arg(long, value_name = "ID")]
    organization: Vec<String>,
    /// The organisation named before requires MFA: from this date (RFC 3339), or "at-once".
    #[arg(long, value_name = "DATE", value_parser = from)]
    enforce_from: Vec<From>,
    /// The organisation named before asks its members again after 12h, 7d or 30d.
    #[arg(long, value_name = "TIME")]
    reauthenticate_after: Vec<ReauthenticateAfter>,
    /// The identity provider through which the person signs in.
    #[arg(long, value_name = "PROVIDER")]
    sso: Option<String>,
    /// A method reference that the provider reported, such as mfa; may be given several times.
    #[arg(long, value_name = "AMR", requires = "sso")]
    pub(crate) amr: Vec<String>,
    /// The moment of the decision (RFC 3339); now without it.
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub(crate) at: Option<UnixSeconds>,
    /// The organisations with their settings, put together from the order of the flags.
    #[arg(skip)]
    settings: Vec<OrganizationSettings>,
}

#[derive(Clone, Copy, Debug)]
enum From {
    AtOnce,
    Moment(UnixSeconds),
}

/// Reads the command line. Ends the program with a message and code 2 when it cannot be understood.
pub(crate) fn read() -> Asked {
    let matches = Asked::command().get_matches();
    let asked = Asked::from_arg_matches(&matches).and_then(|asked| asked.with_settings(&matches));
    asked.unwrap_or_else(|error| error.format(&mut Asked::command()).exit())
}

impl Asked {
    /// The person, as a host would tell of them.
    pub(crate) fn subject(&self) -> Result<Attributes, String> {
        let roles = self.role.iter().map(|role| ("role", role.as_str()));
        let others = self.attribute.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let sso = self.sso.iter().map(|provider| ("sso", provider.as_str()));
        let all = roles.chain(others).chain(sso);
        let subject = all.fold(Attributes::new(), |subject, (name, value)| subject.with(name, value));
        let subject = self.settings.iter().cloned().fold(subject, Attributes::organization);
        match subject.fault() {
            Some(fault) => Err(format!("the attributes cannot be used: {fault}")),
            None => Ok(subject),
        }
    }

    /// Gives each setting to the organisation that was named last before it.
    fn with_settings(mut self, matches: &ArgMatches) -> Result<Self, clap::Error> {
        let at = |flag: &str| matches.indices_of(flag).into_iter().flatten().collect::<Vec<_>>();
        let mut named: Vec<_> = at("organization").into_iter().zip(&self.organization).collect();
        named.sort_unstable();
        let mut settings: Vec<_> = named.iter().map(|(_, id)| OrganizationSettings::new(*id)).collect();
        let owner = |index: usize, flag: &str| {
            let before = named.iter().rposition(|(place, _)| *place < index);
            let message = format!("--{flag} belongs behind the --organization that it is the setting of");
            before.ok_or_else(|| clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, message))
        };
        for (index, from) in at("enforce_from").into_iter().zip(&self.enforce_from) {
            let own = owner(index, "enforce-from")?;
            settings.iter_mut().skip(own).take(1).for_each(|settings| {
                settings.require = true;
                settings.enforce_from = match from {
                    From::AtOnce => None,
                    From::Moment(moment) => Some(*moment),
                };
            });
        }
        for (index, choice) in at("reauthenticate_after").into_iter().zip(&self.reauthenticate_after) {
            let own = owner(index, "reauthenticate-after")?;
            settings.iter_mut().skip(own).take(1).for_each(|settings| {
                settings.reauthenticate_after = Some(*choice);
            });
        }
        drop(named);
        self.settings = settings;
        Ok(self)
    }
}

/// A moment as it is written on the command line.
pub(crate) fn date(moment: UnixSeconds) -> String {
    let seconds = i64::try_from(moment.get()).ok();
    let date = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let text = date.and_then(|date| date.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("second {}", moment.get()))
}

fn from(text: &str) -> Result<From, String> {
    if text == "at-once" { Ok(From::AtOnce) } else { moment(text).map(From::Moment) }
}

fn moment(text: &str) -> Result<UnixSeconds, String> {
    let date = OffsetDateTime::parse(text, &Rfc3339);
    let date = date.map_err(|error| format!("{error}; a date looks like 2027-01-01T00:00:00Z"))?;
    let seconds = u64::try_from(date.unix_timestamp()).map_err(|_| "a date before 1970".to_owned())?;
    Ok(UnixSeconds::new(seconds))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("an attribute looks like NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
