//! Secrets as they are made and shown.

use std::collections::HashSet;

use crate::common::World;
use mfa::{Context, Realm, SessionBinding, Subject, SubjectId, policy::Attributes};
use mfa_core::otpauth::{KeyFloor, OtpAuthImport};
use pollster::block_on;

use crate::on_each_backend;

on_each_backend! {
    b13_recovery_codes_have_128_random_bits;
    b14_keys_have_160_random_bits;
    d11_nothing_is_injected_through_issuer_or_account;
    inv_10_debug_shows_no_secret;
}

fn b13_recovery_codes_have_128_random_bits(world: World) {
    let codes: HashSet<String> = (0..500)
        .map(|n| {
            let ctx = world.visit(&format!("u{n}"));
            let ticket = world.enroll_ticket(&ctx);
            world.finish_enrollment(&ctx, &ticket).recovery_code
        })
        .collect();
    assert_eq!(codes.len(), 500, "no repeat");
    let parsed: Vec<_> =
        codes.iter().map(|code| *mfa_core::recovery::RecoveryCode::parse(code).unwrap().expose()).collect();
    assert_balanced(&parsed);
}

fn b14_keys_have_160_random_bits(world: World) {
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let keys: Vec<Vec<u8>> = (0..500)
        .map(|_| {
            let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
            mfa_core::base32::decode_lenient(pending.expose_manual_key()).unwrap().to_vec()
        })
        .collect();
    let keys: HashSet<[u8; 20]> = keys.into_iter().map(|key| key.try_into().unwrap()).collect();
    assert_eq!(keys.len(), 500, "no repeat, each of 160 bits");
    assert_balanced(&keys.into_iter().collect::<Vec<_>>());
}

/// Each bit is set in about half of the samples: within five standard deviations.
fn assert_balanced<const N: usize>(samples: &[[u8; N]]) {
    let n = samples.len() as f64;
    for bit in 0..N * 8 {
        let set = samples.iter().filter(|s| s[bit / 8] >> (bit % 8) & 1 == 1).count() as f64;
        assert!((set - n / 2.0).abs() < 5.0 * (n / 4.0).sqrt(), "bit {bit} is set in {set} of {n}");
    }
}

fn d11_nothing_is_injected_through_issuer_or_account(world: World) {
    for account in ["A&secret=X&digits=8", "a b+c%20d", "é\"<script>#?/", "x&issuer=Evil"] {
        let subject = Subject::new(SubjectId::new("u-1").unwrap(), account, Attributes::new());
        let realm = Realm::new("main", "Big & Small?secret=#").unwrap();
        let ctx = Context::new(realm, subject, SessionBinding::from_bytes([1; 16]));
        let ticket = world.enroll_ticket(&ctx);
        let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
        let read = OtpAuthImport::parse(pending.expose_uri(), KeyFloor::Standard).unwrap();
        assert_eq!(read.account(), account);
        assert_eq!(read.issuer(), Some("Big & Small?secret=#"));
        assert_eq!(read.digits().get(), 6);
        assert_eq!(*read.key().to_grouped_base32(), pending.expose_manual_key());
    }
    assert!(Realm::new("main", "a:b").is_err());
    assert!(Realm::new("main", "").is_err());
}

fn inv_10_debug_shows_no_secret(world: World) {
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
    let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
    let code = app.code_at(world.now());
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
    let shown = format!("{:?} {pending:?} {confirmed:?} {ticket:?} {ctx:?}", world.mfa);
    let key = pending.expose_manual_key().replace(' ', "");
    for secret in
        [&*key, pending.expose_manual_key(), &code, confirmed.expose_recovery_code(), ticket.as_str()]
    {
        assert!(!shown.contains(secret), "{shown}");
    }
}
