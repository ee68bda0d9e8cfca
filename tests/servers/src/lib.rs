//! Servers that tests start for themselves: from the programs of Debian's packages, in folders and on ports of their
//! own, ended and removed with the test process however that ends.
//!
//! Where a program is not installed, [`skip`] says so loudly and counts it; where `CI` is set, that is a failure.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on must stop"
)]

mod postgres;
mod process;
mod proxy;
mod redis;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub use postgres::{PostgresServer, Standby};
pub use process::{Folder, Process};
pub use proxy::Proxy;
pub use redis::{RedisCluster, RedisServer};

/// Where a program is: on the path, or in one of `folders`.
pub fn program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = folders.iter().cloned().chain(std::env::split_paths(&path));
    places.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Says that tests are skipped because `package` is not installed, and counts it. Panics where `CI` is set.
pub fn skip(package: &str) {
    static SKIPPED: AtomicU32 = AtomicU32::new(0);
    assert!(
        std::env::var_os("CI").is_none(),
        "{package} is not installed: where CI is set nothing is skipped"
    );
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Past the capture of the test harness, so that it is seen.
    use std::io::Write as _;
    let _unseen =
        writeln!(std::io::stderr(), "SKIPPED ({count} in this run): {test}: install {package} to run it");
}

/// A port of this machine that nobody listens on. Somebody may take it before the server does: start again then.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// What `look` finds, once it finds something. Panics after a minute.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(found) = look() {
            return found;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "another process takes its time, and no clock of ours"
        )]
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited a minute: {what}");
}
