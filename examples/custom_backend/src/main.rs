//! A person sets up an app and signs in, over a backend of one's own; the file is closed and opened, and the
//! code that was used is still used.
//!
//! `cargo run -p custom_backend -- [FILE]` keeps its records in FILE and its keys in FILE.keys. The person
//! and the phone are played by a test authenticator, and the clock is turned by hand; a real host takes
//! neither.
#![forbid(unsafe_code)]

use std::error::Error;

use custom_backend::JournalStorage;
use mfa::policy::Attributes;
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{
    Acknowledged, Context, FirstFactor, Keyring, Mfa, Next, Realm, Rejection, Remember, SessionBinding,
    Subject, SubjectId, Ticket, kind,
};
use pollster::block_on;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "custom_backend.journal".to_owned());
    if std::fs::exists(&file)? {
        return Err(format!("{file} is there already; this program starts with a new one").into());
    }
    block_on(run(&file))
}

async fn run(file: &str) -> Result<(), Box<dyn Error>> {
    let clock = HandClock::at(1_800_000_000);
    let subject = Subject::new(SubjectId::new("ada")?, "ada@example.com", Attributes::new());
    let ctx = Context::new(Realm::new("main", "Example")?, subject, SessionBinding::from_bytes([7; 16]));

    let mfa = open(file, &clock).await?;
    println!("opened {file}");
    let first = FirstFactor::password(clock.reading());
    let (Next::Offer(menu) | Next::Enroll(menu)) = mfa.begin(&ctx, first).await? else {
        return Err("somebody is enrolled in a new file".into());
    };
    let pending = mfa.enroll_app(&ctx, &menu.ticket).await?;
    let app = TestAuthenticator::scan(&pending)?;
    let confirmed = mfa.confirm(&ctx, &pending.ticket, &app.code_at(clock.reading())).await?;
    let _ = mfa.activate(&ctx, &confirmed.ticket, Acknowledged).await?;
    println!("set up the app");

    clock.advance(std::time::Duration::from_secs(30));
    let code = app.code_at(clock.reading());
    let assertion = mfa.verify(&ctx, &challenge(&mfa, &ctx, &clock).await?, &code, Remember::No).await?;
    println!("signed in with {}", assertion.amr().join(" + "));

    drop(mfa);
    let mfa = open(file, &clock).await?;
    println!("closed it and opened it again");
    match mfa.verify(&ctx, &challenge(&mfa, &ctx, &clock).await?, &code, Remember::No).await {
        Err(mfa::Error::Rejected(Rejection::AlreadyUsed)) => println!("the same code is refused"),
        other => return Err(format!("the same code was met with {other:?}").into()),
    }
    Ok(())
}

async fn open(file: &str, clock: &HandClock) -> Result<Mfa, Box<dyn Error>> {
    let storage = JournalStorage::open(file)?;
    let keyring = Keyring::read_or_create(format!("{file}.keys"), &storage).await?;
    let mfa = Mfa::builder().storage(storage).keyring(keyring).clock(clock.clone()).build()?;
    mfa.verify_setup().await?;
    Ok(mfa)
}

async fn challenge(
    mfa: &Mfa,
    ctx: &Context,
    clock: &HandClock,
) -> Result<Ticket<kind::Challenge>, Box<dyn Error>> {
    match mfa.begin(ctx, FirstFactor::password(clock.reading())).await? {
        Next::Challenge(challenge) => Ok(challenge.ticket),
        other => Err(format!("expected a challenge, got {other:?}").into()),
    }
}
