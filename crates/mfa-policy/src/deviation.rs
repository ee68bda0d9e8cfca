//! Departures from the floor that a policy file lists, with the reason it gives.

use std::fmt;

use crate::floor::Floor;

/// One place of a policy that lies below a [`Floor`], as the file says it does, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    pub(crate) floor: Floor,
    pub(crate) path: Box<str>,
    pub(crate) line: Option<usize>,
    pub(crate) reason: Box<str>,
}

impl Deviation {
    /// The floor that the policy goes below.
    pub fn floor(&self) -> Floor {
        self.floor
    }

    /// The field that does so, as a path into the file, such as `sms.code_lifetime` or `classes[1].methods`.
    pub fn field(&self) -> &str {
        &self.path
    }

    /// The line of the field, counted from 1; `None` in a JSON file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The reason that the file gives.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// One line: the floor, the place and the reason.
impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deviation {} at {}", self.floor, self.path)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}
