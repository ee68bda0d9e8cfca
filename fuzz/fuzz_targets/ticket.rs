//! Text that comes back from a browser, as each kind of ticket and as an assertion: always the one clear `Expired`,
//! never a panic, and never anything that a genuine ticket would have opened.
//!
//! The first byte says which genuine ticket to start from: the rest of the input is written over it, so that header,
//! key id and nonce can be right while the rest is not. Or the input is the whole text.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mfa::{
    Acknowledged, DeviceToken, Error, FirstFactor, Next, Rejection, Remember, Ticket, UnixSeconds, kind,
};
use mfa_fuzz::World;
use pollster::block_on;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|input: &[u8]| {
    let Some((start, rest)) = input.split_first() else { return };
    let tickets = &WORLD.tickets;
    let genuine = [
        "",
        tickets.enroll.as_str(),
        tickets.pending.as_str(),
        tickets.confirmed.as_str(),
        tickets.challenge.as_str(),
        tickets.assertion.as_str(),
    ];
    let mut bytes = genuine[usize::from(*start) % genuine.len()].as_bytes().to_vec();
    match (bytes.len(), rest) {
        (0, _) => bytes.extend(rest),
        // A place, and what is written there.
        (length, [place, patch @ ..]) => {
            let place = usize::from(*place).min(length);
            let end = length.min(place.saturating_add(patch.len()));
            bytes.splice(place..end, patch.iter().copied());
        }
        (_, []) => {}
    }
    let text = String::from_utf8_lossy(&bytes);
    refused(&text, &genuine);
});

fn refused(text: &str, genuine: &[&str]) {
    let World { mfa, ctx, code, recovery_code, .. } = &*WORLD;
    let [_, enroll, pending, confirmed, challenge, assertion] = genuine else { unreachable!("six") };
    // The genuine text of the same kind is left out; as any other kind it must be refused.
    if text != *enroll {
        match Ticket::<kind::Enroll>::parse(text) {
            Err(rejection) => assert_eq!(rejection, Rejection::Expired),
            Ok(ticket) => {
                expired(block_on(mfa.skip(ctx, &ticket)));
                expired(block_on(mfa.enroll_app(ctx, &ticket)));
                expired(block_on(mfa.menu(ctx, &ticket)));
                expired(block_on(mfa.bind(ctx, &ticket, recovery_code)));
            }
        }
    }
    if text != *pending {
        match Ticket::<kind::Pending>::parse(text) {
            Err(rejection) => assert_eq!(rejection, Rejection::Expired),
            Ok(ticket) => {
                expired(block_on(mfa.pending(ctx, &ticket)));
                expired(block_on(mfa.confirm(ctx, &ticket, code)));
            }
        }
    }
    if text != *confirmed {
        match Ticket::<kind::Confirmed>::parse(text) {
            Err(rejection) => assert_eq!(rejection, Rejection::Expired),
            Ok(ticket) => {
                expired(block_on(mfa.confirmed(ctx, &ticket)));
                expired(block_on(mfa.activate(ctx, &ticket, Acknowledged)));
            }
        }
    }
    if text != *challenge {
        match Ticket::<kind::Challenge>::parse(text) {
            Err(rejection) => assert_eq!(rejection, Rejection::Expired),
            Ok(ticket) => {
                expired(block_on(mfa.verify(ctx, &ticket, code, Remember::No)));
                expired(block_on(mfa.recover(ctx, &ticket, recovery_code)));
                expired(block_on(mfa.resynchronise(ctx, &ticket, code, code)));
                expired(block_on(mfa.challenge_status(ctx, &ticket)));
            }
        }
    }
    if let Ok(ticket) = Ticket::<kind::NewCode>::parse(text) {
        expired(block_on(mfa.recovery_code(ctx, &ticket)));
        expired(block_on(mfa.activate_recovery_code(ctx, &ticket, Acknowledged)));
    }
    // What is no device token silences nothing, and is no error either: the sign-in goes on as without one.
    if let Ok(token) = DeviceToken::parse(text) {
        let begun = block_on(mfa.begin(&ctx.clone().device(token), FirstFactor::password(UnixSeconds::new(1))));
        assert!(!matches!(begun, Ok(Next::Proved(_)) | Err(_)), "{begun:?}");
    }
    if text != *assertion {
        expired(mfa.open_assertion(ctx, text));
    }
}

fn expired<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Rejected(Rejection::Expired))), "{answer:?}");
}
