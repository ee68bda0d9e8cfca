//! Policy files as they are written: TOML or JSON into one tree, and the tree into tables.
//!
//! Reading goes on after a fault, so that one run shows everything that is wrong.

pub(crate) mod layout;
pub(crate) mod read;
pub(crate) mod tree;
