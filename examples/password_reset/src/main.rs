//! `cargo run -p password_reset`: somebody reads another's mail, resets the password, and is asked for the second factor.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use mfa::policy::{Attributes, Purpose};
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{
    Acknowledged, Context, FirstFactor, Keyring, Mfa, Next, Realm, Remember, SessionBinding, Subject,
    SubjectId, SystemRandom,
};
use password_reset::{PasswordReset, Reset};

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(story())
}

async fn story() -> Result<(), Box<dyn Error>> {
    let clock = HandClock::at(1_800_000_000);
    let mfa = Mfa::builder()
        .storage(MemoryStorage::new())
        .keyring(Keyring::generate(&SystemRandom)?)
        .clock(clock.clone())
        .build()?;

    let ctx = visit("ada@example.com", 1)?;
    let Next::Offer(menu) = mfa.begin(&ctx, FirstFactor::password(clock.reading())).await? else {
        return Err("nobody has enrolled yet".into());
    };
    let pending = mfa.enroll_app(&ctx, &menu.ticket).await?;
    let app = TestAuthenticator::scan(&pending)?;
    let confirmed = mfa.confirm(&ctx, &pending.ticket, &app.code_at(clock.reading())).await?;
    let session = mfa.activate(&ctx, &confirmed.ticket, Acknowledged).await?;
    println!("ada has set up her app, and is signed in");

    let resets = PasswordReset::new(mfa.clone(), clock.clone(), SystemRandom);
    let link = resets.begin("ada@example.com")?;
    println!("somebody asks for a new password, and reads the link in ada's mail");
    let theirs = visit("ada@example.com", 2)?;
    let set = |account: &str| println!("the password of {account} is set");
    let Reset::Next(next) = resets.finish(&link, set, |_| theirs.clone()).await? else {
        return Err("the link works once".into());
    };
    match *next {
        Next::Challenge(_) => println!("they are asked for a code, as everybody is"),
        other => return Err(format!("the link was a way in: {other:?}").into()),
    }
    println!("ada's session: {:?}", mfa.check(&ctx, &session, Purpose::Session).await?);

    clock.advance(Duration::from_secs(30));
    let link = resets.begin("ada@example.com")?;
    let hers = visit("ada@example.com", 3)?;
    let Reset::Next(next) = resets.finish(&link, set, |_| hers.clone()).await? else {
        return Err("a new link works".into());
    };
    let Next::Challenge(challenge) = *next else { return Err("ada is asked too".into()) };
    let assertion = mfa.verify(&hers, &challenge.ticket, &app.code_at(clock.reading()), Remember::No).await?;
    println!("ada resets it herself, gives her code, and is in with {}", assertion.amr().join(" + "));
    Ok(())
}

fn visit(account: &str, session: u8) -> Result<Context, Box<dyn Error>> {
    let subject = Subject::new(SubjectId::new(account)?, account, Attributes::new());
    let binding = SessionBinding::from_bytes([session; 16]);
    Ok(Context::new(Realm::new("main", "Example")?, subject, binding))
}
