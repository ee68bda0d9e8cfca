//! The connection: commands out, answers in, each exactly once.
//!
//! # Nothing is sent twice
//! A commit whose reply was lost may have been applied. If it were sent again, it would meet its own version and answer
//! `Conflict`, which promises that nothing was written. [`ConnectionManager`] connects again after a failure and never
//! repeats a command; a cluster's client does, so its retries are turned off. What is repeated here is only what a
//! server has refused to run (`NOSCRIPT`).

use redis::aio::ConnectionManager;
use redis::{Cmd, Pipeline, Value};

#[cfg(feature = "danger-async-replication")]
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::layout::Family;
use crate::script::Call;

/// What a command came to.
pub(crate) type Answer = Result<Value, Fault>;

#[derive(Clone)]
pub(crate) enum Link {
    Server(ConnectionManager),
    #[cfg(feature = "danger-async-replication")]
    Cluster(Cluster),
}

impl Link {
    /// Sends commands on keys of `family` in one round trip; reads only.
    #[cfg_attr(
        not(feature = "danger-async-replication"),
        expect(unused_variables, reason = "one server has every family")
    )]
    pub(crate) async fn read(&self, family: &Family, commands: Vec<Cmd>) -> Result<Vec<Answer>, Fault> {
        match self {
            Self::Server(connection) => send(connection, &pipeline(commands)).await,
            #[cfg(feature = "danger-async-replication")]
            Self::Cluster(cluster) => cluster.send(family, pipeline(commands)).await,
        }
    }

    /// One command of [`Link::read`].
    pub(crate) async fn read_one(&self, family: &Family, command: Cmd) -> Answer {
        self.read(family, vec![command]).await?.pop().unwrap_or(Err(Fault::Unreadable("an empty answer")))
    }

    /// Runs scripts on keys of `family`, all in one round trip when the server knows them. A script that answers has
    /// run once, and what it wrote is where the settings want it.
    pub(crate) async fn run(&self, family: &Family, calls: &[Call]) -> Result<Vec<Answer>, Fault> {
        let mut answers = self.write(family, calls.iter().map(Call::short).collect()).await?;
        let unknown = |answer: &Answer| matches!(answer, Err(fault) if fault.is_refused_with("NOSCRIPT"));
        if !answers.iter().any(unknown) {
            return Ok(answers);
        }
        let again =
            calls.iter().zip(&answers).filter(|(_, answer)| unknown(answer)).map(|(call, _)| call.long());
        let mut second = self.write(family, again.collect()).await?.into_iter();
        for answer in answers.iter_mut().filter(|answer| unknown(answer)) {
            *answer = second.next().unwrap_or(Err(Fault::Unreadable("an empty answer")));
        }
        Ok(answers)
    }

    /// One script of [`Link::run`].
    pub(crate) async fn run_one(&self, family: &Family, call: Call) -> Answer {
        self.run(family, &[call]).await?.pop().unwrap_or(Err(Fault::Unreadable("an empty answer")))
    }

    /// As [`Link::read`]; in a cluster the answers count once enough replicas have what was written.
    async fn write(&self, family: &Family, commands: Vec<Cmd>) -> Result<Vec<Answer>, Fault> {
        match self {
            Self::Server(_) => self.read(family, commands).await,
            #[cfg(feature = "danger-async-replication")]
            Self::Cluster(cluster) => cluster.write(family, commands).await,
        }
    }
}

async fn send(connection: &ConnectionManager, pipeline: &Pipeline) -> Result<Vec<Answer>, Fault> {
    if pipeline.is_empty() {
        return Ok(Vec::new());
    }
    let answers = connection.clone().send_packed_commands(pipeline, 0, pipeline.len()).await?;
    Ok(answers.into_iter().map(answer).collect())
}

/// A refusal among a pipeline's answers concerns that command alone.
pub(crate) fn answer(value: Value) -> Answer {
    match value {
        Value::ServerError(error) => Err(Fault::from(&error)),
        value => Ok(value),
    }
}

pub(crate) fn pipeline(commands: Vec<Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

/// The bytes of a string, nothing when there is none.
pub(crate) fn bytes(value: Value, what: &'static str) -> Result<Option<Vec<u8>>, Fault> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::SimpleString(text) => Ok(Some(text.into_bytes())),
        _ => Err(Fault::Unreadable(what)),
    }
}

/// The members of a list.
pub(crate) fn list(value: Value, what: &'static str) -> Result<Vec<Value>, Fault> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::Array(values) | Value::Set(values) => Ok(values),
        _ => Err(Fault::Unreadable(what)),
    }
}

/// A list of strings.
pub(crate) fn strings(value: Value, what: &'static str) -> Result<Vec<Vec<u8>>, Fault> {
    let string = |value| bytes(value, what)?.ok_or(Fault::Unreadable(what));
    list(value, what)?.into_iter().map(string).collect()
}
