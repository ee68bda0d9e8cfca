//! A sensitive action asks again, and a payment is confirmed once.
//!
//! `cargo run -p step_up` plays a day of somebody who is signed in: an export that a login of the morning is too old for,
//! a payment that is confirmed by a code of its own, and the same payment again after the answer was lost. Time is turned
//! by hand and the authenticator app is part of the program, so it runs by itself; each line says what a host would do.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use mfa::policy::{Attributes, Purpose};
use mfa::storage::MemoryStorage;
use mfa::testing::{HandClock, TestAuthenticator};
use mfa::{
    Acknowledged, Asked, Assertion, Context, FirstFactor, Keyring, Mfa, Next, Realm, Rejection, Remember,
    SessionBinding, Standing, Subject, SubjectId, SystemRandom, Transaction, Wanted,
};

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(day())
}

async fn day() -> Result<(), Box<dyn Error>> {
    let clock = HandClock::at(1_800_000_000);
    let mfa = Mfa::builder()
        .storage(MemoryStorage::new())
        .keyring(Keyring::generate(&SystemRandom)?)
        .clock(clock.clone())
        .build()?;
    let ada = Subject::new(SubjectId::new("u-1")?, "ada@example.com", Attributes::new());
    let ctx = Context::new(Realm::new("main", "Example")?, ada, SessionBinding::from_bytes([7; 16]));
    let (app, session) = sign_in(&mfa, &ctx, &clock).await?;
    println!("08:00 signed in with {}", session.amr().join(" + "));

    clock.advance(Duration::from_secs(2 * 60 * 60));
    let standing = mfa.check(&ctx, &session, Purpose::Session).await?;
    println!("10:00 an ordinary page: the session is {standing:?}");
    let standing = mfa.check(&ctx, &session, Purpose::StepUp).await?;
    println!("10:00 the export: {standing:?}");
    let proof = answer(&mfa, &ctx, &session, Wanted::StepUp, &app, &clock).await?;
    println!("10:00 a code later: {:?}", mfa.check(&ctx, &proof, Purpose::StepUp).await?);

    // What the page shows, what the person confirms and what is carried out is this one value.
    let payment = Transaction::new("pay-17", "1250.00", "USD", "Acme Concrete")?;
    println!("10:01 pay {} {} to {}?", payment.amount(), payment.currency(), payment.payee());
    match mfa.redeem(&ctx, &proof, &payment).await {
        Err(mfa::Error::Rejected(Rejection::NotAllowed)) => {
            println!("10:01 not with the proof for the export")
        }
        other => return Err(format!("a step-up paid: {other:?}").into()),
    }
    let wanted = Wanted::Transaction(&payment);
    let confirmed = answer(&mfa, &ctx, &session, wanted, &app, &clock).await?;
    mfa.redeem(&ctx, &confirmed, &payment).await?;
    println!("10:01 paid");
    // The browser never got the answer, and sends the form again.
    match mfa.redeem(&ctx, &confirmed, &payment).await {
        Err(mfa::Error::Rejected(Rejection::AlreadyRedeemed)) => {
            println!("10:01 again: already paid, look it up")
        }
        other => return Err(format!("paid twice: {other:?}").into()),
    }
    let more = Transaction::new("pay-17", "9250.00", "USD", "Acme Concrete")?;
    match mfa.redeem(&ctx, &confirmed, &more).await {
        Err(mfa::Error::Rejected(Rejection::NotAllowed)) => println!("10:01 another amount: refused"),
        other => return Err(format!("paid something else: {other:?}").into()),
    }
    Ok(())
}

/// Asks somebody who is signed in for what is still wanted, as a host's two pages would.
async fn answer(
    mfa: &Mfa,
    ctx: &Context,
    session: &Assertion,
    wanted: Wanted<'_>,
    app: &TestAuthenticator,
    clock: &HandClock,
) -> Result<Assertion, Box<dyn Error>> {
    match mfa.challenge(ctx, session, wanted, None).await? {
        Asked::Proved(proof) => Ok(proof),
        Asked::Challenge(challenge) => {
            let code = app.code_at(clock.reading());
            let proof = mfa.verify(ctx, &challenge.ticket, &code, Remember::No).await?;
            clock.advance(Duration::from_secs(30));
            Ok(proof)
        }
        Asked::FirstFactor { .. } => Err("a host asks for the password here, and calls again".into()),
        Asked::Throttled { until } => Err(format!("too many attempts, until {}", until.get()).into()),
        Asked::RecoverOnly => Err("a host signs the person out here, to recover".into()),
    }
}

/// The morning: set up the app, which also signs in.
async fn sign_in(
    mfa: &Mfa,
    ctx: &Context,
    clock: &HandClock,
) -> Result<(TestAuthenticator, Assertion), Box<dyn Error>> {
    let now = clock.reading();
    let Next::Offer(menu) = mfa.begin(ctx, FirstFactor::password(now)).await? else {
        return Err("nobody has enrolled yet".into());
    };
    let pending = mfa.enroll_app(ctx, &menu.ticket).await?;
    let app = TestAuthenticator::scan(&pending)?;
    let confirmed = mfa.confirm(ctx, &pending.ticket, &app.code_at(now)).await?;
    let session = mfa.activate(ctx, &confirmed.ticket, Acknowledged).await?;
    clock.advance(Duration::from_secs(30));
    match mfa.check(ctx, &session, Purpose::Session).await? {
        Standing::Good => Ok((app, session)),
        standing => Err(format!("a fresh session is {standing:?}").into()),
    }
}
