//! What is told: every change, nothing else, and never a secret.

use std::collections::BTreeMap;

use crate::common::World;
use mfa::storage::Cursor;
use mfa::{Acknowledged, Attested, FirstFactor, Transaction, Wanted};
use pollster::block_on;

use crate::on_each_backend;

on_each_backend! {
    inv_5_nothing_is_active_before_its_code_was_confirmed_and_a_recovery_code_acknowledged;
    inv_8_every_change_has_its_event_and_every_event_its_change;
    d9_inv_10_events_hold_no_secret;
}

const POLICY: &str = r#"
format = 1
name = "everything"
version = 1
[[actors]]
name = "support"
when = { role = "support" }
same_organization = "not-needed"
[default]
requirement = "optional"
methods = ["app"]
reset_by = ["support"]
remember_device = "7d"
"#;

fn inv_5_nothing_is_active_before_its_code_was_confirmed_and_a_recovery_code_acknowledged(world: World) {
    let ctx = world.visit("ada");
    let ticket = world.enroll_ticket(&ctx);
    let is_active = || block_on(world.mfa.overview(&ctx)).unwrap().is_enrolled();
    let pending = block_on(world.mfa.enroll_app(&ctx, &ticket)).unwrap();
    assert!(!is_active());
    assert!(block_on(world.mfa.confirm(&ctx, &pending.ticket, "000000")).is_err());
    let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &app.code_at(world.now()))).unwrap();
    assert!(!is_active() && block_on(world.mfa.overview(&ctx)).unwrap().recovery_codes == 0);
    // Only the ticket that a right code made activates, and that takes the word of the person: both are types.
    block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    assert!(is_active() && block_on(world.mfa.overview(&ctx)).unwrap().recovery_codes == 1);
}

/// Everything that changes a record, once.
fn a_busy_life(world: &World) -> Vec<String> {
    world.set_policy(POLICY);
    let mut secrets = Vec::new();
    let support = mfa::policy::Attributes::new().with("role", "support");
    let desk = world.visit_as("desk", support);
    let ticket = world.enroll_ticket(&desk);
    let helper = world.finish_enrollment(&desk, &ticket);
    world.wait(90);
    let ada = world.enrolled("ada");
    secrets.push(ada.recovery_code.clone());
    secrets.push(ada.app.code_at(world.now()));
    for code in [world.wrong_code(&ada), ada.app.code_at(world.now())] {
        drop(world.login(&ada, &code));
        drop(world.login(&ada, &code));
    }
    world.wait(60);
    let ctx = world.visit("ada");
    let ticket = world.challenge(&ctx);
    let code = ada.app.code_at(world.now());
    let session = block_on(world.mfa.verify(&ctx, &ticket, &code, mfa::Remember::Yes)).unwrap();
    secrets.extend([code, ticket.as_str().to_owned(), session.as_str().to_owned()]);
    secrets.push(session.device_token().unwrap().as_str().to_owned());
    block_on(world.mfa.forget_devices(&ctx, &session)).unwrap();
    world.wait(30);
    let payment = Transaction::new("pay-1", "1250.00", "USD", "Acme Concrete").unwrap();
    let ticket = world.asked(&ctx, &session, Wanted::Transaction(&payment));
    let proof = world.verify(&ctx, &ticket, &ada.app.code_at(world.now())).unwrap();
    block_on(world.mfa.redeem(&ctx, &proof, &payment)).unwrap();
    world.wait(30);
    let (ctx, session) = world.signed_in(&ada);
    let new = block_on(world.mfa.new_recovery_code(&ctx, &session)).unwrap();
    secrets.push(new.expose_recovery_code().to_owned());
    let session = block_on(world.mfa.activate_recovery_code(&ctx, &new.ticket, Acknowledged)).unwrap();
    let menu = block_on(world.mfa.change_app(&ctx, &session, None)).unwrap();
    let changed = world.finish_enrollment(&ctx, &menu.ticket);
    world.wait(90);
    let visit = world.visit("ada");
    let ticket = world.challenge(&visit);
    let menu = block_on(world.mfa.recover(&visit, &ticket, &changed.recovery_code)).unwrap();
    drop(block_on(world.mfa.recover(&visit, &ticket, new.expose_recovery_code())));
    let anew = world.finish_enrollment(&visit, &menu.ticket);
    secrets.push(anew.recovery_code.clone());
    block_on(world.mfa.first_factor_changed(&visit)).unwrap();
    block_on(world.mfa.unlock(&visit)).unwrap();
    let (desk, proof) = world.signed_in(&helper);
    block_on(world.mfa.reset(&desk, &proof, &world.visit("ada"), Attested)).unwrap();
    let again = world.enrolled("ada");
    let (ctx, session) = world.signed_in(&again);
    let app = block_on(world.mfa.overview(&ctx)).unwrap().authenticators[0].id;
    block_on(world.mfa.remove(&ctx, &session, &app)).unwrap();
    drop(world.enrolled("ada"));
    drop(block_on(world.mfa.begin(&world.visit("ada"), FirstFactor::password(world.now()))));
    world.wait(600);
    block_on(world.mfa.maintain()).unwrap();
    block_on(world.mfa.move_subject(&world.visit("ada"), &world.visit("ada-2"))).unwrap();
    block_on(world.mfa.erase(&world.visit("ada-2"))).unwrap();
    secrets
}

fn inv_8_every_change_has_its_event_and_every_event_its_change(world: World) {
    a_busy_life(&world);
    let mut streams: BTreeMap<[u8; 16], Vec<(u64, u32)>> = BTreeMap::new();
    let mut cursor = Cursor::START;
    loop {
        let page = block_on(world.mfa.events(cursor, 50)).unwrap();
        if page.events.is_empty() {
            break;
        }
        for told in page.events {
            streams.entry(*told.subject.as_bytes()).or_default().push((told.version.get(), told.index));
        }
        cursor = page.next;
    }
    // Of each record: versions from the first to the last without a gap, each with its events numbered from 0.
    for places in streams.values() {
        let mut expected = (places[0].0, 0);
        for place in places {
            assert!(*place == expected || *place == (expected.0 + 1, 0), "{places:?}");
            expected = (place.0, place.1 + 1);
        }
        assert_eq!(places[0].0, 1, "{places:?}");
    }
    // And the last version told of is the version that stands.
    for account in ["ada", "ada-2", "desk"] {
        let stored = block_on(world.storage().load(world.visit(account).key())).unwrap().unwrap();
        let last = streams.values().map(|places| places[places.len() - 1].0);
        assert!(last.into_iter().any(|last| last == stored.version.get()), "{account}");
    }
}

fn d9_inv_10_events_hold_no_secret(world: World) {
    let secrets = a_busy_life(&world);
    let (events, _) = block_on(world.storage().feed(Cursor::START, 10_000)).unwrap();
    assert!(events.len() >= 30, "{}", events.len());
    let told = world.events().iter().map(|event| format!("{event:?}")).collect::<String>();
    for secret in secrets.iter().chain([&"Acme Concrete".to_owned(), &"1250.00".to_owned()]) {
        let bare: String = secret.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        for text in [secret, &bare] {
            assert!(!told.contains(text.as_str()), "{text}");
            let is_in = |payload: &[u8]| payload.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!events.iter().any(|event| is_in(&event.payload)), "{text}");
        }
    }
}
