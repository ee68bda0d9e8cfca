//! The whole product in a browser: a tiny host with users, a password and sessions that mounts the pages of `mfa-axum`.
//!
//! `cargo run --release -p login-site`, then open the printed address. See `--help` for the flags.
#![forbid(unsafe_code)]

mod accounts;
mod connection;
mod flags;
mod host;
mod pages;
mod store;

use std::error::Error;
use std::future::IntoFuture;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use clap::Parser;
use data_encoding::BASE64URL_NOPAD;
use mfa::policy::OrganizationSettings;
use mfa::sqlite::SqliteStorage;
use mfa::storage::{DynStorage, MemoryStorage};
use mfa::{Clock, Keyring, Mfa, MfaBuilder, Realm, SystemClock, Texting};
use mfa_axum::Pages;
use mfa_sms::Outbox;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::accounts::ACCOUNTS;
use crate::connection::Connections;
use crate::flags::{Flags, StorageUrl};
use crate::host::SiteHost;
use crate::pages::{Site, router};
use crate::store::Store;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let (mfa, store, password) = match &flags.storage {
        StorageUrl::Memory => {
            let storage = MemoryStorage::new();
            let keyring = keyring(&flags, &storage).await?;
            let password = demo_password(&keyring);
            (build(Mfa::builder().storage(storage), keyring, &flags)?, Store::open(None)?, password)
        }
        StorageUrl::Sqlite(file) => {
            let storage = SqliteStorage::open(file)?;
            let keyring = keyring(&flags, &storage).await?;
            let password = demo_password(&keyring);
            (build(Mfa::builder().storage(storage), keyring, &flags)?, Store::open(Some(file))?, password)
        }
    };
    mfa.verify_setup().await?;
    prepare(&store, &flags)?;
    let host = SiteHost {
        store,
        realm: Realm::new("login-site", "Construction Pay")?,
        mfa: mfa.clone(),
        clock: Arc::new(SystemClock),
        password: Sha256::digest(password.as_bytes()).into(),
        pages: Arc::default(),
    };
    let pages =
        Pages::builder(mfa, host.clone()).brand("Construction Pay").on_unavailable(complain).build()?;
    host.pages.get_or_init(|| pages.clone());
    let site = Site { pages, host: host.clone() };

    let listener = TcpListener::bind(&flags.listen).await?;
    // Nobody may be listening, or no longer after the line they wanted: no reason to stop.
    announce(listener.local_addr()?, &password).ok();
    // Tapped, since axum tells the address of a client only of its own listeners.
    let connections = Connections::on(listener, &site.pages).await?.tap_io(|_| {});
    let service = router(site).into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(connections, service).into_future() => served?,
        () = keeping_up(&host) => {}
        () = stopped() => {}
    }
    Ok(())
}

/// Each minute: the library's upkeep and its events. A minute that failed is told of, and made up for by the next.
async fn keeping_up(host: &SiteHost) {
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    loop {
        minutes.tick().await;
        if let Err(error) = host.keep_up().await {
            complain(&*error);
        }
    }
}

async fn keyring(flags: &Flags, storage: &dyn DynStorage) -> Result<Keyring, mfa::KeyFileError> {
    Keyring::read_or_create(&flags.keys, storage).await
}

fn build(builder: MfaBuilder, keyring: Keyring, flags: &Flags) -> Result<Mfa, Box<dyn Error>> {
    let policy = flags.policy()?;
    let texting = Texting::new(Outbox::open(&flags.outbox)?, flags.origin()?, &policy)?;
    Ok(builder.keyring(keyring).policy(policy).sms(texting).build()?)
}

/// The one password of the demo: the same for every process that has the keys, and stored nowhere.
fn demo_password(keyring: &Keyring) -> String {
    let text = keyring.to_text();
    let key_of = |line: &str| {
        let (id, rest) = line.split_once(' ')?;
        Some((id.parse::<u32>().ok()?, rest.split_once(' ')?.1.to_owned()))
    };
    // The oldest key stays in the ring, whatever is added, promoted or retired.
    let oldest = text.lines().filter_map(key_of).min().map(|(_, key)| key).unwrap_or_default();
    let digest = Sha256::new().chain_update("login-site demo password ").chain_update(oldest).finalize();
    BASE64URL_NOPAD.encode(&digest).chars().filter(char::is_ascii_alphanumeric).take(16).collect()
}

/// Keeps the organisations' settings, unless an earlier start has.
fn prepare(store: &Store, flags: &Flags) -> Result<(), Box<dyn Error>> {
    let later = SystemClock.now()?.plus(Duration::from_secs(30 * 24 * 60 * 60));
    let pilot = OrganizationSettings::new("pilot.example").enforced_from(flags.enforce_from.unwrap_or(later));
    store.keep_organization(&pilot, flags.enforce_from.is_some())?;
    for enforced in ["enforced.example", "sso.example"] {
        store.keep_organization(&OrganizationSettings::new(enforced).required(), false)?;
    }
    Ok(())
}

fn announce(address: SocketAddr, password: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    writeln!(out, "password: {password}")?;
    for account in ACCOUNTS {
        writeln!(out, "{:<28} {}", account.email, account.about)?;
    }
    out.flush()
}

/// Tells the operator what a visitor was not shown.
fn complain(error: &(dyn Error + 'static)) {
    let mut line = format!("unavailable: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    eprintln!("{line}");
}

/// Ends with Ctrl-C or, on Unix, a polite kill. Requests in flight are cut off, which loses nothing: every change is
/// one commit.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    drop(interrupted.await);
}
