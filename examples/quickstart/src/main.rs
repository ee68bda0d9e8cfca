//! Set up an authenticator app in a terminal, sign in with it, recover when it is lost.
//!
//! `cargo run -p quickstart -- [NAME]` keeps its records in `quickstart.db` and its keys in `quickstart.keys` in the
//! current folder. Run it once to set up, again to sign in; type `lost` instead of a code to recover. In a real service
//! a password comes first; here your word is taken for it.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, BufRead, Write};

use mfa::policy::Attributes;
use mfa::sqlite::SqliteStorage;
use mfa::{
    Acknowledged, Assertion, Clock, Context, FirstFactor, Keyring, Menu, Mfa, Next, Realm, Rejection,
    Remember, SessionBinding, Subject, SubjectId, SystemClock, Ticket, kind,
};

fn main() -> Result<(), Box<dyn Error>> {
    pollster::block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "ada@example.com".to_owned());
    let storage = SqliteStorage::open("quickstart.db")?;
    let keyring = Keyring::read_or_create("quickstart.keys", &storage).await?;
    let mfa = Mfa::builder().storage(storage).keyring(keyring).build()?;
    mfa.verify_setup().await?;

    // A real host draws this at sign-in and keeps it in its session until sign-out.
    let mut binding = [0; 16];
    getrandom::fill(&mut binding)?;
    let subject = Subject::new(SubjectId::new(&name)?, &name, Attributes::new());
    let ctx = Context::new(
        Realm::new("quickstart", "mfa quickstart")?,
        subject,
        SessionBinding::from_bytes(binding),
    );

    println!("Hello {name}. Let us say your password was right.\n");
    let assertion = match mfa.begin(&ctx, FirstFactor::password(SystemClock.now()?)).await? {
        Next::Offer(menu) | Next::Enroll(menu) => enroll(&mfa, &ctx, &menu).await?,
        Next::Challenge(challenge) => answer(&mfa, &ctx, &challenge.ticket).await?,
        Next::RecoverOnly(ticket) => recover(&mfa, &ctx, &ticket).await?,
        Next::Throttled { until, .. } => {
            let wait = until.since(SystemClock.now()?).as_secs();
            println!("Too many wrong codes. Try again in {wait} seconds.");
            return Ok(());
        }
        Next::Proved(assertion) => assertion,
    };
    println!("\nSigned in with {}.", assertion.amr().join(" + "));
    Ok(())
}

async fn enroll(mfa: &Mfa, ctx: &Context, menu: &Menu) -> Result<Assertion, Box<dyn Error>> {
    let pending = mfa.enroll_app(ctx, &menu.ticket).await?;
    println!("Scan this with your authenticator app:\n\n{}", pending.qr().terminal().as_str());
    println!("Trouble scanning? Type this key: {}\n", pending.expose_manual_key());
    let confirmed = loop {
        match mfa.confirm(ctx, &pending.ticket, &ask("The 6-digit code your app shows: ")?).await {
            Err(mfa::Error::Rejected(rejection)) if may_retry(&rejection) => println!("{rejection}"),
            answer => break answer?,
        }
    };
    println!(
        "\nYour recovery code, the only way in without the app:\n\n    {}\n",
        confirmed.expose_recovery_code()
    );
    while !ask("Type \"saved\" when you have written it down: ")?.eq_ignore_ascii_case("saved") {}
    Ok(mfa.activate(ctx, &confirmed.ticket, Acknowledged).await?)
}

async fn answer(
    mfa: &Mfa,
    ctx: &Context,
    ticket: &Ticket<kind::Challenge>,
) -> Result<Assertion, Box<dyn Error>> {
    loop {
        let typed = ask("The 6-digit code your app shows, or \"lost\": ")?;
        if typed.eq_ignore_ascii_case("lost") {
            return recover(mfa, ctx, ticket).await;
        }
        match mfa.verify(ctx, ticket, &typed, Remember::No).await {
            Err(mfa::Error::Rejected(rejection)) if may_retry(&rejection) => println!("{rejection}"),
            answer => return Ok(answer?),
        }
    }
}

async fn recover(
    mfa: &Mfa,
    ctx: &Context,
    ticket: &Ticket<kind::Challenge>,
) -> Result<Assertion, Box<dyn Error>> {
    loop {
        match mfa.recover(ctx, ticket, &ask("Your recovery code: ")?).await {
            Ok(menu) => {
                println!("\nThat is right. The old app is suspended; set up the new one.\n");
                return enroll(mfa, ctx, &menu).await;
            }
            Err(mfa::Error::Rejected(rejection)) if may_retry(&rejection) => println!("{rejection}"),
            Err(error) => return Err(error.into()),
        }
    }
}

fn may_retry(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::WrongCode | Rejection::AlreadyUsed | Rejection::Malformed)
}

/// Asks on the terminal; the end of the input is an error, not an empty answer.
fn ask(question: &str) -> io::Result<String> {
    print!("{question}");
    io::stdout().flush()?;
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim().to_owned()),
    }
}
