//! Whether a server keeps what it acknowledges.

use std::collections::HashMap;

use mfa_storage::Durability;
use redis::Value;

use crate::fault::Fault;
use crate::link::{Answer, bytes};
use crate::options::Trust;

/// What a server says of itself.
#[derive(Debug, Default)]
pub(crate) struct Settings(HashMap<String, String>);

impl Settings {
    /// The commands whose answers [`Settings::read`] takes, in this order.
    pub(crate) fn questions() -> Vec<redis::Cmd> {
        let mut questions = vec![redis::cmd("INFO")];
        for (setting, ..) in LASTING.iter().chain(&ALWAYS) {
            let mut get = redis::cmd("CONFIG");
            get.arg("GET").arg(*setting);
            questions.push(get);
        }
        questions
    }

    pub(crate) fn read(answers: Vec<Answer>) -> Result<Self, Fault> {
        let mut settings = HashMap::new();
        for (answer, command) in
            answers.into_iter().zip(std::iter::once("INFO").chain(std::iter::repeat("CONFIG GET")))
        {
            let value = answer.map_err(|fault| match fault {
                fault if fault.is_transient() => fault,
                _ => Fault::Uncheckable(command),
            })?;
            note(&mut settings, value);
        }
        Ok(Self(settings))
    }

    /// The durability of a server on its own.
    ///
    /// # Errors
    /// [`Fault::Setting`] for the first one that is wrong and not trusted.
    pub(crate) fn judge(&self, trust: Trust, clustered: bool) -> Result<Durability, Fault> {
        self.judge_version()?;
        let clustered = if clustered { "1" } else { "0" };
        self.demand("cluster_enabled", clustered, "this storage was opened for the other kind of server")?;
        for (setting, wanted, risk) in ALWAYS {
            self.demand(setting, wanted, risk)?;
        }
        if trust == Trust::MayForget {
            return Ok(Durability::MayLoseLatest);
        }
        for (setting, wanted, risk) in LASTING {
            self.demand(setting, wanted, risk)?;
        }
        Ok(Durability::Durable)
    }

    /// # Errors
    /// [`Fault::Setting`] for a replica: what it answers may be old, and it takes no writes.
    pub(crate) fn judge_role(&self) -> Result<(), Fault> {
        self.demand("role", "master", "a replica answers what is old, and a used code would work again")
    }

    fn judge_version(&self) -> Result<(), Fault> {
        let found = self.found("redis_version");
        let major = found.split('.').next().and_then(|major| major.parse::<u32>().ok());
        match major {
            Some(major) if major >= 7 => Ok(()),
            _ => Err(Fault::Setting {
                setting: "redis_version",
                found: found.to_owned(),
                wanted: "7.0 or later",
                risk: "the numbers of events could be used again, and events be missed",
            }),
        }
    }

    fn demand(&self, setting: &'static str, wanted: &'static str, risk: &'static str) -> Result<(), Fault> {
        let found = self.found(setting);
        match found == wanted {
            true => Ok(()),
            false => Err(Fault::Setting { setting, found: found.to_owned(), wanted, risk }),
        }
    }

    fn found(&self, setting: &str) -> &str {
        self.0.get(setting).map_or("", String::as_str)
    }
}

/// Takes the lines of `INFO` and the pairs of `CONFIG GET`.
fn note(settings: &mut HashMap<String, String>, value: Value) {
    let text = |value| match bytes(value, "a setting") {
        Ok(Some(bytes)) => String::from_utf8(bytes).unwrap_or_default(),
        _ => String::new(),
    };
    match value {
        Value::Array(pair) => {
            if let Ok([setting, found]) = <[Value; 2]>::try_from(pair) {
                settings.insert(text(setting), text(found));
            }
        }
        Value::Map(pairs) => {
            settings.extend(pairs.into_iter().map(|(setting, found)| (text(setting), text(found))));
        }
        Value::VerbatimString { text, .. } => note_lines(settings, &text),
        value => note_lines(settings, &text(value)),
    }
}

fn note_lines(settings: &mut HashMap<String, String>, lines: &str) {
    let pairs = lines.lines().filter_map(|line| line.split_once(':'));
    settings.extend(pairs.map(|(setting, found)| (setting.to_owned(), found.to_owned())));
}

/// A setting, what it has to be, and what could be forgotten otherwise.
type Rule = (&'static str, &'static str, &'static str);

/// What decides how much a crash takes.
const LASTING: [Rule; 3] = [
    (
        "appendonly",
        "yes",
        "a restart takes back all commits since the last snapshot, and used codes work again",
    ),
    ("appendfsync", "always", "a crash takes back the last acknowledged commits, and used codes work again"),
    (
        "no-appendfsync-on-rewrite",
        "no",
        "a crash during a rewrite takes back commits, and used codes work again",
    ),
];

/// What no storage can do with.
const ALWAYS: [Rule; 1] = [(
    "maxmemory-policy",
    "noeviction",
    "a full server drops records, and subjects read as if they had never enrolled",
)];
