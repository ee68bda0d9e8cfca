//! The ceremonies that clients may be at, as a table: one entry more is all that another ceremony takes.

use std::rc::Rc;

use mfa::policy::Purpose;
use mfa::testing::TestAuthenticator;
use mfa::{
    Acknowledged, Attested, Context, Error, FirstFactor, Next, Remember, Ticket, UnixSeconds, Wanted, kind,
};
use mfa_core::time::TimeStep;

use crate::account::{
    Account, MOVED, Stage, Tab, Texted, transaction, visit_as, wrong_code, wrong_recovery_code,
};
use crate::client::{Act, App, Asked, By, Client, Gain, Scanned, act};

/// One thing that a client may be at.
pub struct Ceremony {
    pub name: &'static str,
    /// The stage of the account at which a client is handed what it needs.
    pub begins: Stage,
    /// Takes from the account what the client needs: tickets, codes. What is made runs later, any number of times.
    pub prepare: fn(&mut Account) -> Act,
}

const fn ceremony(name: &'static str, begins: Stage, prepare: fn(&mut Account) -> Act) -> Ceremony {
    Ceremony { name, begins, prepare }
}

/// Every ceremony there is; every ordered pair of them is run.
pub const CEREMONIES: &[Ceremony] = &[
    ceremony("begin", Stage::Unenrolled, begin),
    ceremony("first factor changed", Stage::Unenrolled, first_factor_changed),
    ceremony("skip", Stage::Unenrolled, skip),
    ceremony("enroll", Stage::Unenrolled, enroll),
    ceremony("enroll, mistyped", Stage::Unenrolled, enroll_mistyped),
    ceremony("activate", Stage::Unenrolled, |account| activate(account.first_tab())),
    ceremony("begin, known to be enrolled", Stage::Enrolled, begin),
    ceremony("verify", Stage::Enrolled, |account| verify(account, 0)),
    ceremony("verify the code before", Stage::Enrolled, |account| verify(account, -1)),
    ceremony("guess", Stage::Enrolled, guess),
    ceremony("recover", Stage::Enrolled, recover),
    ceremony("guess the recovery code", Stage::Enrolled, guess_recovery),
    ceremony("check", Stage::Enrolled, check),
    ceremony("resume the recovery", Stage::Recovering, recover),
    ceremony("verify the lost app", Stage::Recovering, |account| verify(account, 0)),
    ceremony("activate the replacement", Stage::Recovering, |account| activate(account.replacement_tab())),
    ceremony("replace from another sign-in", Stage::Recovering, replace_elsewhere),
];

/// What somebody who is signed in, an operator or the host may be at besides; paired with all of the above, and among
/// themselves.
pub const CHANGES: &[Ceremony] = &[
    ceremony("step up", Stage::Enrolled, |account| step_up(account, true)),
    ceremony("guess at a step-up", Stage::Enrolled, |account| step_up(account, false)),
    ceremony("redeem", Stage::Enrolled, redeem),
    ceremony("activate another app", Stage::Enrolled, |account| activate(account.change_tab())),
    ceremony("remove the app", Stage::Enrolled, remove),
    ceremony("issue a recovery code", Stage::Enrolled, issue_code),
    ceremony("forget devices", Stage::Enrolled, forget_devices),
    ceremony("resynchronise", Stage::Enrolled, |account| resynchronise(account, true)),
    ceremony("guess at resynchronising", Stage::Enrolled, |account| resynchronise(account, false)),
    ceremony("begin with a remembered device", Stage::Enrolled, begin_with_device),
    ceremony("reset", Stage::Enrolled, reset),
    ceremony("erase", Stage::Enrolled, erase),
    ceremony("unlock", Stage::Enrolled, unlock),
];

/// What people are at who have a phone beside their app; paired among themselves and with all of the above.
pub const TEXTS: &[Ceremony] = &[
    ceremony("verify the text", Stage::Enrolled, |account| answer_text(account, true)),
    ceremony("guess at the text", Stage::Enrolled, |account| answer_text(account, false)),
    ceremony("have another text sent", Stage::Enrolled, send_text),
];

/// A move to another name, which takes three commits and is finished by calling it again.
pub const MOVE: Ceremony = ceremony("move", Stage::Enrolled, move_subject);

/// The ceremonies that three clients are at together.
pub const AT_THE_CHALLENGE: &[&str] = &["verify", "verify the code before", "guess"];

/// What those who meet at the last guess before the cap are at.
pub const AT_THE_CAP: &[&str] =
    &["begin", "first factor changed", "verify", "guess", "recover", "guess the recovery code", "check"];

/// What guesses elsewhere, or an operator, may do to the cap.
pub const CHANGES_AT_THE_CAP: &[&str] = &["guess at a step-up", "guess at resynchronising", "unlock"];

/// More commits than a record remembers calls.
pub const MANY_CHANGES: Ceremony =
    ceremony("nine changes of the first factor", Stage::Unenrolled, |account| {
        act(account.visit(), async |client: Client, ctx| {
            for _ in 0..9 {
                client.mfa.first_factor_changed(&ctx).await?;
            }
            Ok(Gain::Done)
        })
    });

pub fn find(name: &str) -> &'static Ceremony {
    CEREMONIES
        .iter()
        .chain(CHANGES)
        .chain(TEXTS)
        .chain([&MOVE])
        .find(|ceremony| ceremony.name == name)
        .expect("a ceremony of the table")
}

fn begin(account: &mut Account) -> Act {
    begin_as(account.visit(), account.now(), By::FirstFactorAlone)
}

fn begin_with_device(account: &mut Account) -> Act {
    let device = account.owner().device.clone().expect("a policy that remembers devices");
    begin_as(account.visit().device(device), account.now(), By::Device)
}

fn begin_as(ctx: Context, now: UnixSeconds, by: By) -> Act {
    act((ctx, now, by), async |client: Client, held| {
        let (ctx, now, by) = &*held;
        Ok(match client.mfa.begin(ctx, FirstFactor::password(*now)).await? {
            Next::Proved(assertion) => Gain::SignedIn(*by, assertion),
            Next::Offer(_) => Gain::Asked(Asked::Offer),
            Next::Enroll(_) => Gain::Asked(Asked::Enroll),
            Next::Challenge(_) => Gain::Asked(Asked::Challenge),
            Next::Throttled { .. } => Gain::Asked(Asked::Throttled),
            Next::RecoverOnly(_) => Gain::Asked(Asked::RecoverOnly),
        })
    })
}

fn first_factor_changed(account: &mut Account) -> Act {
    act(account.visit(), async |client: Client, ctx| {
        client.mfa.first_factor_changed(&ctx).await?;
        Ok(Gain::Done)
    })
}

fn skip(account: &mut Account) -> Act {
    let ctx = account.visit();
    let ticket = account.enroll_ticket(&ctx);
    act((ctx, ticket), async |client: Client, held| {
        let (ctx, ticket) = &*held;
        Ok(Gain::SignedIn(By::Skipping, client.mfa.skip(ctx, ticket).await?))
    })
}

fn verify(account: &mut Account, offset: i64) -> Act {
    let ctx = account.visit();
    let ticket = account.challenge(&ctx);
    let (app, step) = (Rc::clone(&account.owner().app), account.step().offset(offset));
    act((ctx, ticket, app, step), async |client: Client, held| {
        let (ctx, ticket, app, step) = &*held;
        client.types(app, *step);
        let code = app.shows.code_of_step(*step);
        Ok(Gain::SignedIn(By::Code, client.mfa.verify(ctx, ticket, &code, Remember::No).await?))
    })
}

fn guess(account: &mut Account) -> Act {
    let ctx = account.visit();
    let ticket = account.challenge(&ctx);
    act((ctx, ticket, wrong_code(account)), async |client: Client, held| {
        let (ctx, ticket, code) = &*held;
        Ok(Gain::SignedIn(By::Code, client.mfa.verify(ctx, ticket, code, Remember::No).await?))
    })
}

fn recover(account: &mut Account) -> Act {
    let code = account.owner().recovery_code.to_string();
    recover_with(account, code)
}

fn guess_recovery(account: &mut Account) -> Act {
    recover_with(account, wrong_recovery_code())
}

fn recover_with(account: &mut Account, code: String) -> Act {
    let ctx = account.visit();
    let ticket = account.challenge(&ctx);
    act((ctx, ticket, code), async |client: Client, held| {
        let (ctx, ticket, code) = &*held;
        let menu = client.mfa.recover(ctx, ticket, code).await?;
        Ok(Gain::Recovering(ctx.clone(), menu.ticket))
    })
}

fn check(account: &mut Account) -> Act {
    let owner = account.owner();
    act((owner.ctx.clone(), owner.assertion.clone()), async |client: Client, held| {
        let (ctx, assertion) = &*held;
        Ok(Gain::Stands(client.mfa.check(ctx, assertion, Purpose::Session).await?))
    })
}

fn enroll(account: &mut Account) -> Act {
    let ctx = account.visit();
    let ticket = account.enroll_ticket(&ctx);
    act((ctx, ticket, account.step()), async |client: Client, held| {
        let (ctx, ticket, step) = &*held;
        enroll_with(&client, ctx, ticket, *step, true).await
    })
}

fn enroll_mistyped(account: &mut Account) -> Act {
    let ctx = account.visit();
    let ticket = account.enroll_ticket(&ctx);
    act((ctx, ticket, account.step()), async |client: Client, held| {
        let (ctx, ticket, step) = &*held;
        enroll_with(&client, ctx, ticket, step.offset(100), false).await
    })
}

fn replace_elsewhere(account: &mut Account) -> Act {
    let (ctx, ticket) = account.resume();
    act((ctx, ticket, account.step()), async |client: Client, held| {
        let (ctx, ticket, step) = &*held;
        enroll_with(&client, ctx, ticket, *step, true).await
    })
}

/// Scans, confirms with the code of `typed`, acknowledges, and notes how far that got.
async fn enroll_with(
    client: &Client,
    ctx: &Context,
    ticket: &Ticket<kind::Enroll>,
    typed: TimeStep,
    is_right: bool,
) -> Result<Gain, Error> {
    let pending = client.mfa.enroll_app(ctx, ticket).await?;
    let key = pending.expose_manual_key();
    let app = Rc::new(App {
        name: format!("app of key ..{}", &key[key.len() - 4..]),
        shows: TestAuthenticator::scan(&pending).unwrap(),
    });
    let mut scanned = Scanned {
        app: Rc::clone(&app),
        confirmed: is_right.then_some(typed),
        recovery_code: None,
        acknowledged: false,
    };
    client.scans(scanned.clone());
    let code = app.shows.code_of_step(typed);
    let confirmed = client.mfa.confirm(ctx, &pending.ticket, &code).await?;
    scanned.recovery_code = Some(Rc::from(confirmed.expose_recovery_code()));
    scanned.acknowledged = true;
    client.scans(scanned);
    let assertion = client.mfa.activate(ctx, &confirmed.ticket, Acknowledged).await?;
    Ok(Gain::SignedIn(By::Activation, assertion))
}

fn activate(tab: Tab) -> Act {
    act(tab, async |client: Client, tab| {
        client.scans(Scanned { acknowledged: true, ..tab.scanned.clone() });
        let assertion = client.mfa.activate(&tab.ctx, &tab.ticket, Acknowledged).await?;
        Ok(Gain::SignedIn(By::Activation, assertion))
    })
}

fn step_up(account: &mut Account, is_right: bool) -> Act {
    let ticket = account.asked(Wanted::Transaction(&transaction()));
    let owner = account.owner();
    let (ctx, app, step) = (owner.ctx.clone(), Rc::clone(&owner.app), account.step());
    let wrong = wrong_code(account);
    let typed = is_right.then_some(step);
    act((ctx, ticket, app, typed, wrong), async |client: Client, held| {
        let (ctx, ticket, app, typed, wrong) = &*held;
        let code = typed.map_or_else(|| wrong.clone(), |step| app.shows.code_of_step(step));
        if let Some(step) = typed {
            client.types(app, *step);
        }
        Ok(Gain::SignedIn(By::Confirmation, client.mfa.verify(ctx, ticket, &code, Remember::No).await?))
    })
}

fn redeem(account: &mut Account) -> Act {
    let proof = account.confirmed_transaction();
    act((account.owner().ctx.clone(), proof), async |client: Client, held| {
        let (ctx, proof) = &*held;
        client.mfa.redeem(ctx, proof, &transaction()).await?;
        Ok(Gain::Redeemed)
    })
}

fn remove(account: &mut Account) -> Act {
    let owner = account.owner();
    let overview = pollster::block_on(account.node.mfa.overview(&owner.ctx)).unwrap();
    let held = (owner.ctx.clone(), owner.assertion.clone(), overview.authenticators[0].id);
    act(held, async |client: Client, held| {
        let (ctx, assertion, app) = &*held;
        Ok(Gain::SignedIn(By::Change, client.mfa.remove(ctx, assertion, app).await?))
    })
}

fn issue_code(account: &mut Account) -> Act {
    let owner = account.owner();
    let new = pollster::block_on(account.node.mfa.new_recovery_code(&owner.ctx, &owner.assertion)).unwrap();
    act((owner.ctx.clone(), new.ticket), async |client: Client, held| {
        let (ctx, ticket) = &*held;
        Ok(Gain::SignedIn(By::Change, client.mfa.activate_recovery_code(ctx, ticket, Acknowledged).await?))
    })
}

fn forget_devices(account: &mut Account) -> Act {
    let owner = account.owner();
    act((owner.ctx.clone(), owner.assertion.clone()), async |client: Client, held| {
        let (ctx, assertion) = &*held;
        client.mfa.forget_devices(ctx, assertion).await?;
        Ok(Gain::Changed)
    })
}

fn resynchronise(account: &mut Account, is_right: bool) -> Act {
    let ctx = account.visit();
    let ticket = account.challenge(&ctx);
    let (app, now) = (Rc::clone(&account.owner().app), account.step());
    act((ctx, ticket, app, now, is_right), async |client: Client, held| {
        let (ctx, ticket, app, now, is_right) = &*held;
        let steps = [-1, 0].map(|offset| now.offset(if *is_right { offset } else { offset + 100 }));
        if *is_right {
            steps.iter().for_each(|step| client.types(app, *step));
        }
        let [first, second] = steps.map(|step| app.shows.code_of_step(step));
        client.mfa.resynchronise(ctx, ticket, &first, &second).await?;
        Ok(Gain::Changed)
    })
}

fn move_subject(account: &mut Account) -> Act {
    act(account.visit(), async |client: Client, ctx| {
        client.mfa.move_subject(&ctx, &visit_as(MOVED, 0)).await?;
        Ok(Gain::Done)
    })
}

fn answer_text(account: &mut Account, is_right: bool) -> Act {
    let texted = account.owner().texted.clone().expect("a policy that has texts sent");
    act((texted, is_right), async |client: Client, held| {
        let (Texted { ctx, ticket, code }, is_right) = &*held;
        let wrong = if **code == *"000000" { "000001" } else { "000000" };
        let code = if *is_right { code } else { wrong };
        Ok(Gain::SignedIn(By::Text, client.mfa.verify(ctx, ticket, code, Remember::No).await?))
    })
}

fn send_text(account: &mut Account) -> Act {
    let texted = account.owner().texted.clone().expect("a policy that has texts sent");
    act(texted, async |client: Client, texted| {
        client.mfa.send_code(&texted.ctx, &texted.ticket).await?;
        Ok(Gain::Changed)
    })
}

fn erase(account: &mut Account) -> Act {
    act(account.visit(), async |client: Client, ctx| {
        client.mfa.erase(&ctx).await?;
        Ok(Gain::Done)
    })
}

fn unlock(account: &mut Account) -> Act {
    act(account.visit(), async |client: Client, ctx| {
        client.mfa.unlock(&ctx).await?;
        Ok(Gain::Done)
    })
}

fn reset(account: &mut Account) -> Act {
    let (desk, proof) = account.support();
    act((desk, proof, account.visit()), async |client: Client, held| {
        let (desk, proof, subject) = &*held;
        client.mfa.reset(desk, proof, subject, Attested).await?;
        Ok(Gain::Done)
    })
}
