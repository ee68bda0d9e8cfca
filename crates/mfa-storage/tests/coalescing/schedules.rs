//! Every order in which three callers can be polled, dropped or left lying, and the backend can get on.

use mfa_storage::{Coalescing, CommitOutcome, Expected, Snapshot, Storage, StorageError};

use crate::held::{Held, subject, write};
use crate::task::Task;

/// What a caller was told.
#[derive(Debug)]
enum Told {
    Committed(Result<CommitOutcome, StorageError>),
    Loaded(Result<Option<Snapshot>, StorageError>),
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Poll(usize),
    /// The future is dropped.
    Drop(usize),
    /// The future is kept and never polled again.
    Stall(usize),
    Open(usize),
}

/// Makes choices by a script, first ones where it ends, and knows the next script.
#[derive(Default)]
struct Choices {
    script: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn pick(&mut self, options: usize) -> usize {
        if self.at == self.script.len() {
            self.script.push((0, options));
        }
        let (picked, known) = self.script[self.at];
        assert_eq!(known, options, "a schedule does not repeat itself");
        self.at += 1;
        picked
    }

    /// Whether there is a script that was not run yet.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((picked, options)) = self.script.pop() {
            if picked + 1 < options {
                self.script.push((picked + 1, options));
                return true;
            }
        }
        false
    }
}

#[test]
fn two_commits_of_one_subject_and_one_of_another() {
    let schedules = every_schedule(1, 1, 1, |storage| {
        vec![commit(storage, "a", 1, "0"), commit(storage, "a", 1, "1"), commit(storage, "b", 2, "2")]
    });
    assert!(schedules > 1000, "only {schedules} schedules");
}

#[test]
fn three_commits_of_three_subjects() {
    let schedules = every_schedule(1, 1, 1, |storage| {
        vec![commit(storage, "a", 1, "0"), commit(storage, "b", 2, "1"), commit(storage, "c", 3, "2")]
    });
    assert!(schedules > 1000, "only {schedules} schedules");
}

#[test]
fn three_loads() {
    let schedules = every_schedule(1, 1, 1, |storage| vec![load(storage), load(storage), load(storage)]);
    assert!(schedules > 1000, "only {schedules} schedules");
}

#[test]
fn two_commits_with_two_round_trips_under_way_cut_off_between_doing_and_answering() {
    let schedules =
        every_schedule(2, 2, 2, |storage| vec![commit(storage, "a", 1, "0"), commit(storage, "b", 2, "1")]);
    assert!(schedules > 1000, "only {schedules} schedules");
}

#[test]
fn a_commit_and_two_loads_of_what_it_made() {
    let schedules =
        every_schedule(1, 1, 1, |storage| vec![commit(storage, "a", 1, "0"), load(storage), load(storage)]);
    assert!(schedules > 1000, "only {schedules} schedules");
}

#[test]
fn three_loads_of_a_backend_that_wakes_while_it_is_polled() {
    let schedules =
        schedules_of(Held::pausing, 1, 2, |storage| vec![load(storage), load(storage), load(storage)]);
    assert!(schedules > 1000, "only {schedules} schedules");
}

fn commit<'a>(
    storage: &'a Coalescing<Held>,
    name: &'static str,
    stream: u64,
    content: &'static str,
) -> Task<'a, Told> {
    Task::new(async move {
        Told::Committed(storage.commit(&subject(name), Expected::Absent, write(stream, content)).await)
    })
}

fn load(storage: &Coalescing<Held>) -> Task<'_, Told> {
    Task::new(async move { Told::Loaded(storage.load(&subject("a")).await) })
}

fn every_schedule(
    gates: usize,
    in_flight: usize,
    losses: usize,
    tasks: impl for<'a> Fn(&'a Coalescing<Held>) -> Vec<Task<'a, Told>>,
) -> usize {
    schedules_of(|| Held::new(gates), in_flight, losses, tasks)
}

/// Runs all of them, in each of which up to `losses` callers are dropped or left lying, and says how many there were.
fn schedules_of(
    backend: impl Fn() -> Held,
    in_flight: usize,
    losses: usize,
    tasks: impl for<'a> Fn(&'a Coalescing<Held>) -> Vec<Task<'a, Told>>,
) -> usize {
    let (mut choices, mut schedules) = (Choices::default(), 0);
    loop {
        let held = backend();
        let storage = Coalescing::new(held.clone()).max_in_flight(in_flight);
        run(&held, tasks(&storage), losses, &mut choices);
        schedules += 1;
        if !choices.advance() {
            return schedules;
        }
    }
}

fn run(held: &Held, mut tasks: Vec<Task<'_, Told>>, losses: usize, choices: &mut Choices) {
    let (mut stalled, mut history) = (vec![false; tasks.len()], Vec::new());
    let (mut lost, mut must_see) = (0, vec![false; tasks.len()]);
    let (mut started, mut acknowledged) = (vec![false; tasks.len()], false);
    loop {
        let actions = actions(held, &tasks, &stalled, lost < losses);
        if !actions.iter().any(|action| matches!(action, Action::Poll(_) | Action::Open(_))) {
            break;
        }
        let action = actions[choices.pick(actions.len())];
        history.push(action);
        match action {
            Action::Poll(task) => {
                if !std::mem::replace(&mut started[task], true) {
                    must_see[task] = acknowledged;
                }
                tasks[task].poll();
                let committed =
                    |told: &Told| matches!(told, Told::Committed(Ok(CommitOutcome::Committed { .. })));
                acknowledged |= task == 0 && tasks[0].answer.as_ref().is_some_and(committed);
            }
            Action::Drop(task) => {
                tasks[task].cut_off();
                lost += 1;
            }
            Action::Stall(task) => {
                stalled[task] = true;
                lost += 1;
            }
            Action::Open(gate) => held.open(gate),
        }
    }
    verify(held, &tasks, &stalled, &must_see).unwrap_or_else(|wrong| panic!("{wrong} after {history:?}"));
}

fn actions(held: &Held, tasks: &[Task<'_, Told>], stalled: &[bool], may_lose: bool) -> Vec<Action> {
    let alive = (0..tasks.len()).filter(|task| tasks[*task].is_alive() && !stalled[*task]);
    let polls = alive.clone().filter(|task| tasks[*task].is_woken()).map(Action::Poll);
    let losses = alive.filter(|_| may_lose).flat_map(|task| [Action::Drop(task), Action::Stall(task)]);
    let gates = held.waiting().into_iter().map(Action::Open);
    polls.chain(gates).chain(losses).collect()
}

fn verify(held: &Held, tasks: &[Task<'_, Told>], stalled: &[bool], must_see: &[bool]) -> Result<(), String> {
    let mut committed = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        match &task.answer {
            None if task.is_alive() && !stalled[number] => {
                return Err(format!("caller {number} waits for ever"));
            }
            None => {}
            Some(Told::Committed(Ok(CommitOutcome::Committed { .. }))) => committed.push(number),
            Some(Told::Committed(Ok(CommitOutcome::Conflict))) => {}
            Some(Told::Loaded(Ok(found))) if must_see[number] && found.is_none() => {
                return Err(format!("caller {number} did not see what was acknowledged"));
            }
            Some(Told::Loaded(Ok(_))) => {}
            Some(failed) => return Err(format!("caller {number} was told {failed:?}")),
        }
    }
    for name in ["a", "b", "c"] {
        let found = pollster::block_on(held.memory.load(&subject(name))).unwrap();
        let content = found.map(|found| found.sealed);
        let of_subject = |number: &&usize| match name {
            "a" => **number == 0 || (**number == 1 && content == Some(b"1".to_vec())),
            _ => false,
        };
        let winners: Vec<_> = committed.iter().filter(of_subject).collect();
        if name == "a" && winners.contains(&&0) && content != Some(b"0".to_vec()) {
            return Err("an acknowledged commit does not stand".to_owned());
        }
        if winners.len() > 1 {
            return Err("two callers won one version".to_owned());
        }
    }
    Ok(())
}
