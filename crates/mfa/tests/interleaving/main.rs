//! Every interleaving of two or three clients over a store that may fail at every call: no schedule breaks an invariant.
#![allow(unreachable_pub, reason = "a test has no public")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on must stop"
)]

mod account;
mod ceremonies;
mod client;
mod judge;
mod merge;
mod schedule;
mod store;

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use mfa::policy::Policy;

use account::Stage;
use ceremonies::{
    AT_THE_CAP, AT_THE_CHALLENGE, CEREMONIES, CHANGES, CHANGES_AT_THE_CAP, Ceremony, MANY_CHANGES, MOVE,
    TEXTS, find,
};
use judge::{Case, Prober, Serial, references};
use merge::EveryState;
use schedule::{EverySchedule, History, Row, Scene, run};

/// Runs every schedule of the scene, what is the same from some point on once, and answers how many there are.
fn explore(scene: &Scene, faults: usize, judge: Judge) -> u128 {
    let mut prober = Prober::new(scene);
    let serials = references(scene, &mut prober);
    let mut every = EveryState::default();
    loop {
        let history = run(scene, faults, |options, state| every.pick(options.len(), state));
        if every.is_new() {
            judge_one(scene, &history, &mut prober, &serials, judge);
        }
        if let Some(schedules) = every.advance() {
            return schedules;
        }
    }
}

/// The same, each schedule from its beginning to its end.
fn explore_one_by_one(scene: &Scene, faults: usize, judge: Judge) -> u128 {
    let mut prober = Prober::new(scene);
    let serials = references(scene, &mut prober);
    let (mut schedules, mut every) = (0, EverySchedule::default());
    loop {
        let history = run(scene, faults, |options, _| every.pick(options.len()));
        judge_one(scene, &history, &mut prober, &serials, judge);
        schedules += 1;
        if !every.advance() {
            return schedules;
        }
    }
}

fn judge_one(scene: &Scene, history: &History, prober: &mut Prober, serials: &[Serial], judge: Judge) {
    let after = prober.behaviour(scene, history);
    let case = Case { scene, history, after, serials };
    if let Err((invariant, why)) = judge(&case) {
        broken(scene, history, invariant, &why);
    }
}

/// Which invariants a run is held to.
type Judge = fn(&Case<'_>) -> Result<(), (&'static str, String)>;

/// Shows the schedule that broke an invariant, and ends; the whole process where `.ci/guards` asks for no more.
fn broken(scene: &Scene, history: &History, invariant: &str, why: &str) -> ! {
    let mut text = format!("broken: {invariant}: with {}: {why}\n", scene.name);
    for (step, ask) in &history.steps {
        writeln!(text, "  client {} asks {ask:?}: {:?}", step.client, step.meets).unwrap();
    }
    for (client, told) in history.told.iter().enumerate() {
        writeln!(text, "  client {client} was told: {}", told.outcome).unwrap();
    }
    if std::env::var_os("END_AT_THE_FIRST").is_some() {
        println!("{text}");
        std::process::exit(101);
    }
    panic!("{text}");
}

/// Explores every scene, on all cores, and demands that there were at least `before` schedules.
fn explore_all(what: &str, scenes: &[Box<dyn Fn() -> Scene + Sync>], faults: usize, before: u128) {
    explore_with(|case| case.judge(), what, scenes, faults, before);
}

/// The same, judged by some of the invariants.
fn explore_with(
    judge: Judge,
    what: &str,
    scenes: &[Box<dyn Fn() -> Scene + Sync>],
    faults: usize,
    before: u128,
) {
    let total = explore_by(|scene| explore(scene, faults, judge), scenes);
    println!("{total} schedules of {} scenes: {what}, at most {faults} faults", scenes.len());
    assert!(total >= before, "{total} schedules are fewer than the {before} there were");
}

fn explore_by(explore: impl Fn(&Scene) -> u128 + Sync, scenes: &[Box<dyn Fn() -> Scene + Sync>]) -> u128 {
    let (next, total) = (AtomicUsize::new(0), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(scene) = scenes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scene = scene();
                    let schedules = explore(&scene);
                    println!("{schedules:8} {}", scene.name);
                    *total.lock().unwrap() += schedules;
                }
            });
        }
    });
    total.into_inner().unwrap()
}

type Scenes = Vec<Box<dyn Fn() -> Scene + Sync>>;

/// Every ordered pair of these.
fn pairs(ceremonies: &[&'static Ceremony], policy: &Policy) -> Scenes {
    let pairs = ceremonies.iter().flat_map(|a| ceremonies.iter().map(move |b| [*a, *b]));
    pairs
        .map(|pair| {
            let policy = policy.clone();
            Box::new(move || Scene::of(&pair, &policy, true)) as _
        })
        .collect()
}

#[test]
fn inv_1_to_13_hold_in_every_schedule_of_two_clients() {
    let all: Vec<_> = CEREMONIES.iter().collect();
    explore_all("two clients", &pairs(&all, &Policy::recommended()), 2, 177_488);
}

/// What is left out where states meet again is repetition: one by one there are as many.
#[test]
fn one_by_one_there_are_as_many_schedules() {
    let all: Vec<_> = CEREMONIES.iter().collect();
    let scenes = pairs(&all, &Policy::recommended());
    let one_by_one = explore_by(|scene| explore_one_by_one(scene, 2, |case| case.judge()), &scenes);
    assert_eq!(one_by_one, 177_488);
    let policy = policy_of_changes("");
    let moves: Scenes = vec![Box::new(move || Scene::of(&[&MOVE, find("verify")], &policy, true))];
    let one_by_one = explore_by(|scene| explore_one_by_one(scene, 2, |case| case.judge_move()), &moves);
    assert_eq!(one_by_one, explore_by(|scene| explore(scene, 2, |case| case.judge_move()), &moves));
}

/// Whoever is signed in changes things, while others sign in, guess and recover, or change the same.
#[test]
fn inv_1_to_13_hold_in_every_schedule_of_two_clients_and_a_change() {
    let policy = policy_of_changes("");
    let mut scenes: Scenes = Vec::new();
    let mut add = |a: &'static Ceremony, b: &'static Ceremony| {
        let policy = policy.clone();
        scenes.push(Box::new(move || Scene::of(&[a, b], &policy, true)));
    };
    for change in CHANGES {
        for other in CHANGES {
            add(change, other);
        }
        for other in CEREMONIES {
            add(change, other);
            add(other, change);
        }
    }
    explore_with(|case| case.judge_changes(), "two clients and a change", &scenes, 2, 572_452);
}

/// A phone beside the app: codes that came by text are typed, guessed, replaced, and outlived.
#[test]
fn inv_1_to_13_hold_in_every_schedule_of_two_clients_and_a_text() {
    let policy = policy_of_texts();
    let mut scenes: Scenes = Vec::new();
    let mut add = |a: &'static Ceremony, b: &'static Ceremony| {
        let policy = policy.clone();
        scenes.push(Box::new(move || Scene::of(&[a, b], &policy, true)));
    };
    for a in TEXTS {
        for b in TEXTS {
            add(a, b);
        }
        for b in CEREMONIES.iter().chain(CHANGES) {
            add(a, b);
            add(b, a);
        }
    }
    explore_with(|case| case.judge_texts(), "two clients and a text", &scenes, 2, 1_068_874);
}

/// A move closes the old name, opens the new one and erases the old, in three commits.
#[test]
fn inv_1_to_13_hold_in_every_schedule_of_a_client_and_a_move() {
    let policy = policy_of_changes("");
    let mut scenes: Scenes = vec![Box::new({
        let policy = policy.clone();
        move || Scene::of(&[&MOVE, &MOVE], &policy, true)
    })];
    for other in CEREMONIES.iter().chain(CHANGES) {
        for pair in [[&MOVE, other], [other, &MOVE]] {
            let policy = policy.clone();
            scenes.push(Box::new(move || Scene::of(&pair, &policy, true)));
        }
    }
    explore_with(|case| case.judge_move(), "a client and a move", &scenes, 2, 145_881_340);
    explore_with(|case| case.judge_two_moves(), "two moves", &scenes[..1], 0, 106_450);
    let policy = policy_of_texts();
    let mut scenes: Scenes = Vec::new();
    for other in TEXTS {
        for pair in [[&MOVE, other], [other, &MOVE]] {
            let policy = policy.clone();
            scenes.push(Box::new(move || Scene::of(&pair, &policy, true)));
        }
    }
    explore_with(|case| case.judge_move(), "a text and a move", &scenes, 2, 7_450_122);
}

fn policy_of_texts() -> Policy {
    let text = policy_text("").replace("methods = [\"app\"]", "methods = [\"app\", \"sms\"]");
    Policy::from_toml(&format!("{text}\n[sms]\nregions = [\"US\"]\n")).unwrap()
}

fn policy_of_changes(limits: &str) -> Policy {
    Policy::from_toml(&policy_text(limits)).unwrap()
}

fn policy_text(limits: &str) -> String {
    let text = Policy::RECOMMENDED_TOML
        .replace("reset_by = []", "reset_by = [\"support\"]\nremember_device = \"7d\"");
    format!("{text}{limits}{SUPPORT}")
}

/// Who may reset, for the policy of these scenes.
const SUPPORT: &str = "
[[actors]]
name = \"support\"
when = { role = \"support\" }
same_organization = \"not-needed\"
";

#[test]
fn inv_1_to_13_hold_in_every_schedule_of_three_clients_at_the_challenge() {
    let these = || AT_THE_CHALLENGE.iter().map(|name| find(name)).enumerate();
    let mut scenes: Scenes = Vec::new();
    for (i, a) in these() {
        for (j, b) in these().skip(i) {
            for (_, c) in these().skip(j) {
                // Who is first and who is last is up to the schedule: other orders of the three are the same scene.
                scenes.push(Box::new(move || Scene::of(&[a, b, c], &Policy::recommended(), true)));
            }
        }
    }
    explore_all("three clients at the challenge", &scenes, 1, 189_640);
}

/// Four guesses were wrong, and the fifth disables the app.
#[test]
fn inv_3_the_cap_holds_in_every_schedule_of_two_clients() {
    let policy =
        Policy::from_toml(&format!("{}\n[limits]\nthrottle_cap = 5\n", Policy::RECOMMENDED_TOML)).unwrap();
    let these: Vec<_> = AT_THE_CAP.iter().map(|name| find(name)).collect();
    explore_all("two clients at the cap", &pairs(&these, &policy), 2, 37_070);

    let policy = policy_of_changes("\n[limits]\nthrottle_cap = 5\n");
    let mut scenes: Scenes = Vec::new();
    for change in CHANGES_AT_THE_CAP.iter().map(|name| find(name)) {
        for other in these.iter().copied() {
            for pair in [[change, other], [other, change]] {
                let policy = policy.clone();
                scenes.push(Box::new(move || Scene::of(&pair, &policy, true)));
            }
        }
    }
    explore_with(|case| case.judge_changes(), "two clients and a change at the cap", &scenes, 2, 43_868);
}

/// The row is gone, though the host or a ticket knows of it; or it is there and does not open.
#[test]
fn inv_13_a_damaged_record_never_reads_as_not_enrolled() {
    let mut scenes: Scenes = Vec::new();
    let begun = |ceremony: &&Ceremony| ceremony.begins > Stage::Unenrolled;
    for a in CEREMONIES.iter().filter(begun) {
        for b in CEREMONIES.iter().filter(begun) {
            scenes
                .push(Box::new(move || Scene::of(&[a, b], &Policy::recommended(), true).damaged(Row::Lost)));
            let holds_a_ticket = |ceremony: &Ceremony| !ceremony.name.starts_with("begin");
            if holds_a_ticket(a) && holds_a_ticket(b) {
                let forgetful = move || Scene::of(&[a, b], &Policy::recommended(), false);
                scenes.push(Box::new(move || forgetful().damaged(Row::Lost)));
            }
        }
        for b in CEREMONIES {
            scenes.push(Box::new(move || {
                Scene::of(&[a, b], &Policy::recommended(), false).damaged(Row::Altered)
            }));
        }
    }
    explore_all("a damaged row", &scenes, 1, 26_112);
}

/// Between a lost reply and the look at what became of it, more calls commit than a record remembers.
#[test]
fn inv_11_a_call_that_nobody_remembers_is_not_made_up() {
    let scenes = ["verify", "guess", "recover", "check"].map(|name| -> Box<dyn Fn() -> Scene + Sync> {
        let these = [find(name), &MANY_CHANGES];
        Box::new(move || Scene::of(&these, &Policy::recommended(), true).sparing(1))
    });
    explore_all("a client and many others", &scenes, 2, 35_256);
}
