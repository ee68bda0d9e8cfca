//! Ready-made pages and extractors of `mfa` for axum.
#![forbid(unsafe_code)]

mod flow;
mod host;

pub use flow::{Flow, InvalidFlow};
pub use host::{Host, HostError, Renew, Visitor};
