//! Constant time, shown at the level of instructions: valgrind counts how many a comparison takes, in a program built
//! as it ships, wherever the match is, whether there is one, and whatever the key.
//!
//! What this does not show: how long an instruction takes (a division takes longer for some operands on some
//! processors; `.ci/long timing` measures), and the processor's own SHA instructions, which valgrind does not have, so
//! that the portable implementation is what is counted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn b17_a_scan_takes_the_same_instructions_wherever_the_code_matches() {
    let counter = Counter::new();
    for algorithm in ["sha1", "sha256", "sha512"] {
        let mut counts = Vec::new();
        for (which, answer) in SCANS {
            let case = format!("scan-{KEY}-{algorithm}-{which}");
            counts.push((case.clone(), counter.count(&case, answer)));
        }
        for key in ["AAAAAAAAAAAAAAAAAAAA", "zyxwvutsrqponmlkjihg"] {
            let case = format!("scan-{key}-{algorithm}-centre");
            counts.push((case.clone(), counter.count(&case, "fresh")));
        }
        are_equal(&counts);
    }
}

#[test]
fn b17_a_recovery_code_takes_the_same_instructions_wherever_it_is() {
    let counter = Counter::new();
    let counts = FINDS.map(|(which, answer)| {
        let case = format!("find-{which}");
        let count = counter.count(&case, answer);
        (case, count)
    });
    are_equal(&counts);
}

/// The measurement can tell: a comparison that stops at the first match takes more the later that is.
#[test]
fn b17_a_comparison_that_stops_early_would_show() {
    let counter = Counter::new();
    let early = |case: String, answer: &str| counter.count(&case, answer);
    let scan = |which: &str| early(format!("early_scan-{KEY}-sha1-{which}"), "fresh");
    let find = |which: &str, answer: &str| early(format!("early_find-{which}"), answer);
    assert!(scan("before") < scan("centre") && scan("centre") < scan("after"));
    assert!(find("first", "Some(0)") < find("last", "Some(9)"));
    assert!(find("first_byte", "None") < find("last_byte", "None"));
}

const KEY: &str = "12345678901234567890";

/// Where the code belongs, which steps are used, and what the scan finds.
const SCANS: [(&str, &str); 12] = [
    ("before", "fresh"),
    ("centre", "fresh"),
    ("after", "fresh"),
    ("wrong", "wrong"),
    ("before_unused", "fresh"),
    ("centre_unused", "fresh"),
    ("after_unused", "fresh"),
    ("wrong_unused", "wrong"),
    ("before_used", "used"),
    ("centre_used", "used"),
    ("after_used", "used"),
    ("wrong_used", "wrong"),
];

/// Which of ten digests is wanted; the last two differ from the first in one byte.
const FINDS: [(&str, &str); 6] = [
    ("first", "Some(0)"),
    ("middle", "Some(4)"),
    ("last", "Some(9)"),
    ("none", "None"),
    ("first_byte", "None"),
    ("last_byte", "None"),
];

fn are_equal(counts: &[(String, u64)]) {
    println!("{counts:?}");
    let mut distinct: Vec<u64> = counts.iter().map(|(_, count)| *count).collect();
    distinct.dedup();
    assert_eq!(distinct.len(), 1, "{counts:#?}");
}

struct Counter {
    program: PathBuf,
}

impl Counter {
    /// Builds what is counted, with the optimisation of what ships.
    fn new() -> Self {
        assert!(
            Command::new("valgrind").arg("--version").output().is_ok(),
            "instructions are counted by valgrind, which is missing (Debian: valgrind)"
        );
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/instructions/Cargo.toml");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--locked", "--manifest-path", manifest, "--target-dir"])
            .arg(&target)
            .status()
            .unwrap();
        assert!(built.success());
        Self { program: target.join("release/mfa-instructions") }
    }

    /// How many instructions the case takes, its answer being this one.
    fn count(&self, case: &str, answer: &str) -> u64 {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_*"])
            .arg(&self.program)
            .arg(case)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), answer, "{case}: {said}");
        let count = said.lines().find_map(|line| line.split_once("Collected : "));
        let count = count.unwrap_or_else(|| panic!("{case}: {said}")).1.trim().parse().unwrap();
        assert!(count > 100, "{case}: {count} instructions are too few to be the comparison");
        count
    }
}
