//! INV-11 by comparison: whatever happened must look as if the calls had come one after another, and those that failed
//! or were dropped either completely or not at all.

use std::rc::Rc;

use crate::client::Outcome;
use crate::judge::probe::{Behaviour, Prober};
use crate::schedule::{History, Scene, run};
use crate::store::Meets;

/// What the clients are told and what they leave behind when some of them run one after another, nothing failing.
pub struct Serial {
    order: Vec<usize>,
    told: Vec<String>,
    ending: Ending,
}

/// What two runs that end alike have in common: behaviour and events, without what is random.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    asks: String,
    works: Vec<String>,
    opens: Vec<String>,
    again: Vec<String>,
    guesses: [usize; 3],
    events: Vec<String>,
}

/// Every order of every part of the clients.
pub fn references(scene: &Scene, prober: &mut Prober) -> Vec<Serial> {
    orders(scene.clients()).into_iter().map(|order| reference(scene, prober, order)).collect()
}

fn reference(scene: &Scene, prober: &mut Prober, order: Vec<usize>) -> Serial {
    let history = run(scene, 0, |options, _| {
        order.iter().find_map(|client| options.iter().position(|step| step.client == *client))
    });
    assert!(history.steps.iter().all(|(step, _)| step.meets == Meets::Applied));
    let behaviour = prober.behaviour(scene, &history);
    let told = (0..scene.clients()).map(|client| label(&history, &behaviour, client)).collect();
    Serial { order, told, ending: Ending::of(&behaviour) }
}

fn orders(clients: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    let mut done = 0;
    while done < orders.len() {
        for client in (0..clients).filter(|client| !orders[done].contains(client)).collect::<Vec<_>>() {
            let mut longer = orders[done].clone();
            longer.push(client);
            orders.push(longer);
        }
        done += 1;
    }
    orders
}

/// What a client was told, and what that is worth at the end.
fn label(history: &History, behaviour: &Behaviour, client: usize) -> String {
    format!("{}, {:?}", history.told[client].outcome, behaviour.worth[client])
}

impl Ending {
    fn of(behaviour: &Behaviour) -> Self {
        let those = |all: &[(String, bool)]| {
            all.iter().filter(|(_, yes)| *yes).map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let again = behaviour.again.iter().filter(|(.., yes)| *yes);
        Self {
            asks: format!("{:?}, {:?}", behaviour.asks, behaviour.asks_later),
            works: those(&behaviour.works),
            opens: those(&behaviour.opens),
            again: again.map(|(app, step, _)| format!("{app} {step}")).collect(),
            guesses: [behaviour.guesses, behaviour.guesses_later, behaviour.recovery_guesses],
            events: behaviour
                .events
                .iter()
                .map(|recorded| {
                    format!("{:?}.{} {:?}", recorded.version, recorded.index, recorded.event.kind)
                })
                .collect(),
        }
    }
}

/// Whether some serial order explains the run.
pub fn inv_11_every_call_is_done_or_not_at_all(
    history: &History,
    behaviour: &Rc<Behaviour>,
    serials: &[Serial],
) -> Result<(), String> {
    let ending = Ending::of(behaviour);
    let explains = |serial: &&Serial| {
        let in_order = serial.order.iter().enumerate().all(|(place, first)| {
            serial.order[place..]
                .iter()
                .all(|second| history.told[*second].ended > history.told[*first].began)
        });
        let told_alike = history.told.iter().enumerate().all(|(client, told)| match &told.outcome {
            Outcome::Success(_) | Outcome::Rejected(_) => {
                serial.order.contains(&client) && serial.told[client] == label(history, behaviour, client)
            }
            Outcome::Unavailable(_) | Outcome::Dropped => true,
        });
        in_order && told_alike && serial.ending == ending
    };
    if serials.iter().any(|serial| explains(&serial)) {
        return Ok(());
    }
    Err(format!("no order of whole calls explains {ending:?}"))
}
