//! What does a whole login cost besides the database, and how much of that is drawing random bytes from the system?
#![forbid(unsafe_code)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use mfa::SystemRandom;
use mfa::testing::SeededRandom;
use mfa_benches::login::Login;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bench(&mut criterion, "system random", Login::new(SystemRandom));
    bench(&mut criterion, "seeded random", Login::new(SeededRandom::new(1)));
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, name: &str, login: Login) {
    let login = std::cell::RefCell::new(login);
    let mut group = criterion.benchmark_group("login");
    group.bench_function(format!("begin/{name}"), |b| b.iter(|| login.borrow().begin()));
    group.bench_function(format!("verify/{name}"), |b| {
        b.iter_batched(
            || login.borrow_mut().prepare(1),
            |()| black_box(login.borrow_mut().verify()),
            // A login prepared twice over would be a code used twice.
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
