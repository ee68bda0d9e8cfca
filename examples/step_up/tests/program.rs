//! The program as it is run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::process::Command;

#[test]
fn the_day_goes_as_it_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_step_up")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "08:00 signed in with pwd + otp + mfa",
            "10:00 an ordinary page: the session is Good",
            "10:00 the export: FactorWanted",
            "10:00 a code later: Good",
            "10:01 pay 1250.00 USD to Acme Concrete?",
            "10:01 not with the proof for the export",
            "10:01 paid",
            "10:01 again: already paid, look it up",
            "10:01 another amount: refused",
        ]
    );
}
