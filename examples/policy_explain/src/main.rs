//! What a policy file says of somebody at a moment, and why.
//!
//! `cargo run -p policy_explain -- --role payor --organization pilot.example --enforce-from
//! 2027-01-01T00:00:00Z` explains with `policies/construction-pay.toml`; another file can be named first.
//! What is set with `--enforce-from` and `--reauthenticate-after` is the setting of the organisation named
//! before it.
#![forbid(unsafe_code)]

mod flags;

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use mfa::policy::{Attributes, Decision, Obligation, Policy};
use mfa::{Clock, SystemClock};

use crate::flags::{Asked, date};

fn main() -> ExitCode {
    match run(&flags::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("error: {complaint}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(asked: &Asked) -> Result<(), String> {
    let policy = policy(asked.file.as_deref())?;
    let now = match asked.at {
        Some(moment) => moment,
        None => SystemClock.now().map_err(|error| error.to_string())?,
    };
    let subject = asked.subject()?;
    let decision = policy.decide(&subject, now);
    let comes_to = ComesTo { decision: &decision, asked, subject: &subject };
    // Nobody may be reading any more: no reason to complain.
    write!(std::io::stdout().lock(), "{}{comes_to}", decision.explain()).ok();
    Ok(())
}

fn policy(file: Option<&str>) -> Result<Policy, String> {
    let Some(file) = file else {
        return Policy::from_toml(BUILT_IN).map_err(|error| error.to_string());
    };
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let read = if file.ends_with(".json") { Policy::from_json(&text) } else { Policy::from_toml(&text) };
    read.map_err(|error| format!("{file}: {error}"))
}

/// What the person meets behind a right first factor.
struct ComesTo<'a> {
    decision: &'a Decision<'a>,
    asked: &'a Asked,
    subject: &'a Attributes,
}

impl fmt::Display for ComesTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nit comes to:")?;
        let amr: Vec<_> = self.asked.amr.iter().map(String::as_str).collect();
        for (_, provider) in self.subject.iter().filter(|(name, _)| *name == "sso") {
            let reported = if amr.is_empty() { "nothing".to_owned() } else { amr.join(" and ") };
            if self.decision.trusts_sso(provider, &amr) {
                return writeln!(f, "  signed in, since {provider} is trusted and reported {reported}");
            }
            writeln!(f, "  {provider} reported {reported}, which is not enough")?;
        }
        match self.decision.obligation() {
            Obligation::Required => writeln!(f, "  without an authenticator: has to set one up now"),
            Obligation::Optional { required_from: Some(moment) } => {
                writeln!(f, "  without an authenticator: may set one up, or skip until {}", date(moment))
            }
            Obligation::Optional { required_from: None } => {
                writeln!(f, "  without an authenticator: may set one up, or skip")
            }
            Obligation::Unavailable => writeln!(f, "  without an authenticator: signed in, none on offer"),
        }?;
        writeln!(f, "  with one: asked for it")
    }
}

const BUILT_IN: &str = include_str!("../../../policies/construction-pay.toml");

/// The code that clap exits with, too.
const BAD_INPUT: u8 = 2;
