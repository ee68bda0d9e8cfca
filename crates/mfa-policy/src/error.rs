//! Everything that is wrong with a policy file.

use std::fmt;

use thiserror::Error;

use crate::floor::Floor;

/// A policy file that cannot be used, with **every** fault that was found in it.
///
/// `Display` lists the faults, one a line. Faults quote the file (names, values), which holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", Listed(.faults))]
#[non_exhaustive]
pub struct PolicyError {
    faults: Vec<Fault>,
}

impl PolicyError {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }

    /// The faults, in the order of the file as far as they have lines; never empty.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

/// One fault of a policy file: where, what, and why it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) path: String,
    pub(crate) line: Option<usize>,
    pub(crate) text: String,
}

impl Fault {
    /// What kind of fault.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Where, as a path into the file, such as `classes[1].freshness.session`; empty for the file as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line, counted from 1; `None` in a JSON file, where the path says it.
    pub fn line(&self) -> Option<usize> {
        self.line
    }
}

/// `line 12, classes[1].methods: what, and why`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, &*self.path) {
            (Some(line), "") => write!(f, "line {line}: ")?,
            (Some(line), path) => write!(f, "line {line}, {path}: ")?,
            (None, "") => {}
            (None, path) => write!(f, "{path}: ")?,
        }
        f.write_str(&self.text)
    }
}

/// What kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The text is not TOML or not JSON, or too large.
    Syntax,
    /// A field that does not exist.
    UnknownField,
    /// A field that must be there and is not.
    Missing,
    /// A value of the wrong type.
    Type,
    /// A value that is not allowed.
    Value,
    /// A name that is defined twice.
    Duplicate,
    /// A name that nothing defines.
    UnknownName,
    /// A name that is defined and used nowhere, or a deviation from a floor that nothing goes below.
    Unused,
    /// More of something than fits.
    TooMany,
    /// Below the standards' floor, and not listed as a deviation.
    BelowFloor(Floor),
    /// Below what no policy can deviate from.
    Fixed,
}

struct Listed<'a>(&'a [Fault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the policy file cannot be used")?;
        for fault in self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}
