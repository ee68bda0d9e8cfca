//! Resets: by whom policy allows, attested, in one commit, and never a back door.

use crate::common::{Person, World};
use mfa::policy::{Attributes, OrganizationSettings, Purpose};
use mfa::{Acknowledged, Attested, Context, EventKind, Next, Realm, Rejection, Standing, Subject, SubjectId};
use pollster::block_on;

use crate::{is, on_each_backend};

on_each_backend! {
    d14_only_whom_policy_allows_and_never_their_own;
    d14_a_reset_takes_the_actors_own_second_factor_freshly;
    d15_a_reset_leaves_no_residue;
    t1_tickets_from_before_a_reset_are_dead;
    a_binding_code_is_wanted_where_policy_says_so;
}

const PAY: &str = include_str!("../../../../policies/construction-pay.toml");

fn role(role: &str, organization: &str) -> Attributes {
    let settings = OrganizationSettings::new(organization).required();
    Attributes::new().with("role", role).organization(settings)
}

fn administrator(organization: &str) -> Attributes {
    role("commercial", organization).with("role", "administrator")
}

/// Enrolls somebody with these attributes.
fn enrolled(world: &World, account: &str, attributes: &Attributes) -> Person {
    let ctx = world.visit_as(account, attributes.clone());
    let ticket = world.enroll_ticket(&ctx);
    let person = world.finish_enrollment(&ctx, &ticket);
    world.wait(30);
    person
}

fn about(account: &str, attributes: &Attributes) -> Context {
    let subject = Subject::new(SubjectId::new(account).unwrap(), account, attributes.clone());
    Context::about(Realm::new("main", "Example").unwrap(), subject)
}

fn d14_only_whom_policy_allows_and_never_their_own(world: World) {
    world.set_policy(PAY);
    let (own, other) = ("enforced.example", "pilot.example");
    let sso = role("commercial", "sso.example").with("sso", "https://idp.sso.example");
    let people = [
        ("marcus", role("commercial", own)),
        ("ada", administrator(own)),
        ("abel", administrator(own)),
        ("olga", administrator(other)),
        ("pat", role("payor", own)),
        ("support", role("payments-support", "payments.example")),
        ("sam", sso),
        ("nobody", Attributes::new()),
    ];
    let mut persons: Vec<_> =
        people.iter().map(|(account, attributes)| enrolled(&world, account, attributes)).collect();
    for (number, (actor, _)) in people.iter().enumerate() {
        for (other, (target, attributes)) in people.iter().enumerate() {
            let may = matches!(
                (*actor, *target),
                ("ada", "marcus" | "abel") | ("abel", "marcus" | "ada") | ("support", "pat")
            );
            let (ctx, session) = signed_in(&world, &persons[number]);
            let answer = block_on(world.mfa.reset(&ctx, &session, &about(target, attributes), Attested));
            assert_eq!(answer.is_ok(), may, "{actor} resets {target}: {answer:?}");
            if may {
                // Whoever was reset must enroll, and is there again for the next actor.
                persons[other] = enrolled(&world, target, attributes);
            } else {
                assert!(is(answer, Rejection::NotAllowed), "{actor} resets {target}");
            }
        }
    }
    // Another tenant's subject of the same name is nobody of theirs.
    let ada = enrolled(&world, "ada-2", &administrator(own));
    let (ctx, session) = signed_in(&world, &ada);
    let subject = Subject::new(SubjectId::new("marcus").unwrap(), "marcus", role("commercial", own));
    let elsewhere = Context::about(Realm::new("other", "Example").unwrap(), subject);
    assert!(is(block_on(world.mfa.reset(&ctx, &session, &elsewhere, Attested)), Rejection::NotAllowed));
    let told = world.events().into_iter().filter(|event| event.kind == EventKind::Reset).collect::<Vec<_>>();
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|event| event.counterpart.is_some()), "who did it is on record");
}

/// A sign-in of the person, with time enough after it for the next one.
fn signed_in(world: &World, person: &Person) -> (Context, mfa::Assertion) {
    let signed_in = world.signed_in(person);
    world.wait(60);
    signed_in
}

fn d14_a_reset_takes_the_actors_own_second_factor_freshly(world: World) {
    world.set_policy(PAY);
    let attributes = role("commercial", "enforced.example");
    drop(enrolled(&world, "marcus", &attributes));
    let ada = enrolled(&world, "ada", &administrator("enforced.example"));
    let (ctx, session) = signed_in(&world, &ada);
    let target = about("marcus", &attributes);
    world.wait(300);
    assert!(is(block_on(world.mfa.reset(&ctx, &session, &target, Attested)), Rejection::FreshProofWanted));
    // An administrator whose organisation asks nothing, and who has no authenticator, resets nobody.
    let settings = OrganizationSettings::new("pilot.example");
    let olga = Attributes::new().with("role", "administrator").organization(settings.clone());
    let ctx = world.visit_as("olga", olga);
    let ticket = world.enroll_ticket(&ctx);
    let skipped = block_on(world.mfa.skip(&ctx, &ticket)).unwrap();
    let member = Attributes::new().with("role", "commercial").organization(settings);
    drop(enrolled(&world, "olivia", &member));
    let answer = block_on(world.mfa.reset(&ctx, &skipped, &about("olivia", &member), Attested));
    assert!(is(answer, Rejection::FreshProofWanted));
    assert_eq!(world.count(EventKind::Reset), 0);
}

fn d15_a_reset_leaves_no_residue(world: World) {
    world.set_policy(PAY);
    let attributes = role("commercial", "enforced.example");
    let marcus = enrolled(&world, "marcus", &attributes);
    let ada = enrolled(&world, "ada", &administrator("enforced.example"));
    // In the middle of a recovery, with an app that waits and failures on the books.
    let ctx = world.visit_as("marcus", attributes.clone());
    let ticket = world.challenge(&ctx);
    assert!(is(world.verify(&ctx, &ticket, &world.wrong_code(&marcus)), Rejection::WrongCode));
    let menu = block_on(world.mfa.recover(&ctx, &ticket, &marcus.recovery_code)).unwrap();
    let pending = block_on(world.mfa.enroll_app(&ctx, &menu.ticket)).unwrap();
    let (actor, session) = signed_in(&world, &ada);
    block_on(world.mfa.reset(&actor, &session, &about("marcus", &attributes), Attested)).unwrap();
    let after = block_on(world.mfa.overview(&about("marcus", &attributes))).unwrap();
    assert!(
        after.authenticators.is_empty() && after.recovery_codes == 0 && !after.is_recovering,
        "{after:?}"
    );
    assert!(after.devices.is_empty() && after.throttled_until.is_none() && !after.needs_binding_code);
    let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
    let code = app.code_at(world.now());
    assert!(is(block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)), Rejection::Expired));
    assert!(is(block_on(world.mfa.recover(&ctx, &ticket, &marcus.recovery_code)), Rejection::Expired));
    // The record is still there: it was known, and still reads as known.
    let known = world.visit_as("marcus", attributes.clone()).known_enrolled(true);
    assert!(matches!(world.begin(&known).unwrap(), Next::Enroll(_)));
    // Once more there is nothing to reset.
    let answer = block_on(world.mfa.reset(&actor, &session, &about("marcus", &attributes), Attested));
    assert!(is(answer, Rejection::NotAllowed));
}

fn t1_tickets_from_before_a_reset_are_dead(world: World) {
    world.set_policy(PAY);
    let attributes = role("commercial", "enforced.example");
    let marcus = enrolled(&world, "marcus", &attributes);
    let ada = enrolled(&world, "ada", &administrator("enforced.example"));
    let (ctx, session) = signed_in(&world, &marcus);
    let visit = world.visit_as("marcus", attributes.clone());
    let challenge = world.challenge(&visit);
    let (actor, proof) = signed_in(&world, &ada);
    block_on(world.mfa.reset(&actor, &proof, &about("marcus", &attributes), Attested)).unwrap();
    assert!(is(world.verify(&visit, &challenge, &marcus.app.code_at(world.now())), Rejection::Expired));
    assert_eq!(block_on(world.mfa.check(&ctx, &session, Purpose::Session)).unwrap(), Standing::Ended);
}

fn a_binding_code_is_wanted_where_policy_says_so(world: World) {
    let policy = PAY.replace(
        "methods = [\"app\", \"sms\"]\n# Support",
        "methods = [\"app\", \"sms\"]\nafter_reset = \"binding-code\"\n# Support",
    );
    assert_ne!(policy, PAY);
    world.set_policy(&policy);
    let attributes = role("commercial", "enforced.example");
    drop(enrolled(&world, "marcus", &attributes));
    let ada = enrolled(&world, "ada", &administrator("enforced.example"));
    let (actor, proof) = signed_in(&world, &ada);
    let target = about("marcus", &attributes);
    let first = block_on(world.mfa.reset(&actor, &proof, &target, Attested)).unwrap();
    let (actor, proof) = signed_in(&world, &ada);
    let second = block_on(world.mfa.reset(&actor, &proof, &target, Attested)).unwrap();
    let [first, second] = [&first, &second].map(|done| done.expose_binding_code().unwrap().to_owned());
    let ctx = world.visit_as("marcus", attributes.clone());
    let Next::Enroll(menu) = world.begin(&ctx).unwrap() else { panic!("must enroll") };
    assert!(menu.needs_binding_code);
    // The password alone binds nothing.
    assert!(is(block_on(world.mfa.enroll_app(&ctx, &menu.ticket)), Rejection::NotAllowed));
    assert!(is(block_on(world.mfa.bind(&ctx, &menu.ticket, "nonsense")), Rejection::Malformed));
    let wrong = block_on(world.mfa.bind(&ctx, &menu.ticket, &first));
    assert!(is(wrong, Rejection::WrongCode), "the second reset voided it");
    let bound = block_on(world.mfa.bind(&ctx, &menu.ticket, &second)).unwrap();
    assert!(!bound.needs_binding_code);
    let pending = block_on(world.mfa.enroll_app(&ctx, &bound.ticket)).unwrap();
    let app = mfa::testing::TestAuthenticator::scan(&pending).unwrap();
    let code = app.code_at(world.now());
    let confirmed = block_on(world.mfa.confirm(&ctx, &pending.ticket, &code)).unwrap();
    // A closed tab loses nothing: until the app is active the code goes on.
    let again = world.visit_as("marcus", attributes.clone());
    let Next::Enroll(menu) = world.begin(&again).unwrap() else { panic!("must enroll") };
    assert!(block_on(world.mfa.bind(&again, &menu.ticket, &second)).is_ok());
    block_on(world.mfa.activate(&ctx, &confirmed.ticket, Acknowledged)).unwrap();
    assert!(is(block_on(world.mfa.bind(&again, &menu.ticket, &second)), Rejection::Expired));
    // And it lives for a day.
    let (actor, proof) = signed_in(&world, &ada);
    let done = block_on(world.mfa.reset(&actor, &proof, &target, Attested)).unwrap();
    world.wait(24 * 3_600);
    let late = world.visit_as("marcus", attributes);
    let Next::Enroll(menu) = world.begin(&late).unwrap() else { panic!("must enroll") };
    let answer = block_on(world.mfa.bind(&late, &menu.ticket, done.expose_binding_code().unwrap()));
    assert!(is(answer, Rejection::WrongCode));
    assert_eq!(world.count(EventKind::BindingFailed), 2);
}
