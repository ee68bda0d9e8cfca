//! The row of an enrolled subject whose sealed bytes, summary or version were altered in the database: the answer is
//! `Unavailable`, whatever is asked; never a panic, never a sign-in, never an invitation to enroll.
//!
//! What lies under the seal is out of reach: whoever can seal holds the key.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use mfa::policy::Purpose;
use mfa::storage::{MethodSet, Snapshot, Version};
use mfa::{Error, FirstFactor, Remember, UnixSeconds};
use mfa_fuzz::World;
use pollster::block_on;

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Other bytes in place of the sealed ones.
    Replaced(&'a [u8]),
    /// Bits of the sealed bytes flipped, from a place on.
    Flipped { from: u16, bits: &'a [u8] },
    /// The sealed bytes cut off, and others appended.
    Cut { length: u16, then: &'a [u8] },
    /// The sealed bytes as they were, beside another version or summary.
    Beside {
        version: u64,
        enrolled: bool,
        methods: u8,
        throttled_until: Option<u64>,
        key_id: u32,
        updated_at: u64,
    },
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);
static ROW: LazyLock<Snapshot> = LazyLock::new(|| WORLD.row());

fuzz_target!(|input: Input<'_>| {
    let row = altered(&input);
    if row == *ROW {
        return;
    }
    let World { mfa, storage, now, ctx, tickets, code, recovery_code } = &*WORLD;
    storage.answer(Some(row));
    unavailable(block_on(mfa.begin(ctx, FirstFactor::password(*now))));
    unavailable(block_on(mfa.verify(ctx, &tickets.challenge, code, Remember::No)));
    unavailable(block_on(mfa.recover(ctx, &tickets.challenge, recovery_code)));
    unavailable(block_on(mfa.skip(ctx, &tickets.enroll)));
    unavailable(block_on(mfa.enroll_app(ctx, &tickets.enroll)));
    unavailable(block_on(mfa.check(ctx, &tickets.assertion, Purpose::Session)));
    storage.answer(None);
    assert_eq!(WORLD.row(), *ROW, "a refusal wrote something");
});

fn altered(input: &Input<'_>) -> Snapshot {
    let mut row = ROW.clone();
    match *input {
        Input::Replaced(bytes) => row.sealed = bytes.to_vec(),
        Input::Flipped { from, bits } => {
            let from = usize::from(from) % row.sealed.len();
            for (byte, bits) in row.sealed.iter_mut().skip(from).zip(bits) {
                *byte ^= bits;
            }
        }
        Input::Cut { length, then } => {
            row.sealed.truncate(usize::from(length));
            row.sealed.extend(then);
        }
        Input::Beside { version, enrolled, methods, throttled_until, key_id, updated_at } => {
            row.version = Version::new(version);
            row.summary.enrolled = enrolled;
            row.summary.methods = MethodSet::from_bits(methods);
            row.summary.throttled_until = throttled_until.map(UnixSeconds::new);
            row.summary.key_id = key_id;
            row.summary.updated_at = UnixSeconds::new(updated_at);
        }
    }
    row
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
}
