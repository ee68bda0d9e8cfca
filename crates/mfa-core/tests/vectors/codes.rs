//! HOTP, TOTP, windows, time.

use std::time::Duration;

use mfa_core::algorithm::{Algorithm, Digits};
use mfa_core::code::Code;
use mfa_core::key::SharedKey;
use mfa_core::time::{self, Period, TimeStep, UnixSeconds};
use mfa_core::totp::{self, Scan, TotpParameters, Window};
use mfa_core::{base32, hotp};
use serde_json::Value;

use crate::{Judgement, Verdict, expect, number, text, unhex};

/// The key and what codes are made with; `None` when a part is outside our limits and was refused by name.
struct Subject {
    key: SharedKey,
    algorithm: Algorithm,
    digits: Digits,
    period: Period,
    t0: UnixSeconds,
}

impl Subject {
    fn read(vector: &Value) -> Result<Option<Self>, String> {
        let bytes = unhex(text(vector, "secret_hex")?)?;
        if let Some(written) = vector["secret_b32"].as_str() {
            let read = base32::decode_lenient(written).map_err(|error| error.to_string())?;
            if *read != bytes {
                return Err("secret_b32 and secret_hex differ".to_owned());
            }
        }
        let name = text(vector, "algorithm")?;
        let algorithm = Algorithm::from_name(name);
        if algorithm.is_ok() && vector["extra_algorithm"] == true {
            return Err(format!("{name} is not one of ours, yet it was taken"));
        }
        let is_ours = ["SHA1", "SHA256", "SHA512"].contains(&name.to_uppercase().replace('-', "").as_str());
        if is_ours != algorithm.is_ok() {
            return Err(format!("{name} was read as {algorithm:?}"));
        }
        let digits = number(vector, "digits").and_then(|n| u8::try_from(n).ok()).ok_or("no digits")?;
        let digits = Digits::new(digits);
        let period = Period::from_seconds(number(vector, "period").unwrap_or(30));
        let (Ok(key), Ok(algorithm), Ok(digits), Ok(period)) =
            (SharedKey::danger_any_length(&bytes), algorithm, digits, period)
        else {
            return Ok(None);
        };
        let t0 = UnixSeconds::new(number(vector, "t0").unwrap_or(0));
        Ok(Some(Self { key, algorithm, digits, period, t0 }))
    }

    fn parameters(&self) -> TotpParameters {
        TotpParameters::new(self.algorithm, self.digits, self.period)
    }

    fn step_at(&self, now: u64) -> Option<TimeStep> {
        TimeStep::containing_from(UnixSeconds::new(now), self.t0, self.period)
    }
}

pub(crate) fn hotp(vector: &Value) -> Judgement {
    let Some(subject) = Subject::read(vector)? else { return Ok(Verdict::Passed) };
    let counter = number(vector, "counter").ok_or("no counter")?;
    let code = hotp::generate(&subject.key, subject.algorithm, subject.digits, counter);
    expect(code.expose() == text(vector, "code")?, code.expose())
}

pub(crate) fn truncation(vector: &Value) -> Judgement {
    let mac = unhex(text(vector, "hmac_hex")?)?;
    let truncated = hotp::truncate(&mac).ok_or("refused")?;
    let code = format!("{:06}", truncated % 1_000_000);
    let is_right = number(vector, "truncated_31bit") == Some(u64::from(truncated));
    if !is_right || code != text(vector, "code6")? {
        return Err(format!("got {truncated}"));
    }
    let (Some(secret), Some(counter)) = (vector["secret_hex"].as_str(), number(vector, "counter")) else {
        return Ok(Verdict::Passed);
    };
    let Ok(algorithm) = Algorithm::from_name(text(vector, "algorithm")?) else { return Ok(Verdict::Passed) };
    let key = SharedKey::danger_any_length(&unhex(secret)?).map_err(|error| error.to_string())?;
    let whole = hotp::generate(&key, algorithm, Digits::SIX, counter);
    expect(whole.expose() == code, whole.expose())
}

pub(crate) fn totp(vector: &Value) -> Judgement {
    let Some(subject) = Subject::read(vector)? else { return Ok(Verdict::Passed) };
    let time = number(vector, "time").ok_or("no time")?;
    let Some(step) = subject.step_at(time) else {
        return expect(time < subject.t0.get(), "no step");
    };
    if number(vector, "step").is_some_and(|expected| expected != step.get()) {
        return Err(format!("step {step}"));
    }
    let code = totp::generate(&subject.key, &subject.parameters(), step);
    expect(code.expose() == text(vector, "code")?, code.expose())
}

pub(crate) fn hotp_window(vector: &Value) -> Judgement {
    let expected = &vector["expect"];
    let Some(subject) = Subject::read(vector)? else { return Ok(Verdict::Passed) };
    let Ok(code) = Code::parse(text(vector, "code")?, subject.digits) else {
        return expect(expected["accept"] == false, "malformed");
    };
    let counter = number(vector, "counter").ok_or("no counter")?;
    let (ahead, behind) =
        (number(vector, "look_ahead").unwrap_or(0), number(vector, "look_behind").unwrap_or(0));
    // Looking behind is looking ahead from an earlier counter: a caller that wants it asks for exactly that.
    let first = counter.saturating_sub(behind);
    let Ok(reach) = u8::try_from(counter.saturating_sub(first).saturating_add(ahead)) else {
        return Ok(Verdict::Inapplicable("looks further than the bound of 255 counters".to_owned()));
    };
    let matched = hotp::verify(&subject.key, subject.algorithm, &code, first, reach);
    let found = matched.map(|matched| matched.counter());
    let next = matched.and_then(|matched| matched.next_counter());
    let is_right = expected["accept"] == found.is_some()
        && number(expected, "matched_counter") == found
        && number(expected, "next_counter") == next;
    expect(is_right, (found, next))
}

pub(crate) fn totp_window(vector: &Value) -> Judgement {
    let Some(subject) = Subject::read(vector)? else { return Ok(Verdict::Passed) };
    let is_accepted = vector["expect"]["accept"] == true;
    let Ok(code) = Code::parse(text(vector, "code")?, subject.digits) else {
        return expect(!is_accepted, "malformed");
    };
    let Some(now) = number(vector, "now") else { return expect(!is_accepted, "no time before 1970") };
    let Some(centre) = subject.step_at(now) else { return expect(!is_accepted, "no step before T0") };
    let (past, future) = (number(vector, "past").unwrap_or(0), number(vector, "future").unwrap_or(0));
    let (past, future) = match text(vector, "window_model")? {
        "steps" => (past, future),
        // Seconds either side of now become the steps that contain those moments.
        "seconds" => {
            let first = subject.step_at(now.saturating_sub(past)).map_or(0, TimeStep::get);
            let last = subject.step_at(now.saturating_add(future)).ok_or("no last step")?;
            (centre.get() - first, last.get() - centre.get())
        }
        other => return Err(format!("window model {other}")),
    };
    let narrow = |steps: u64| u8::try_from(steps).ok();
    let window = narrow(past).zip(narrow(future)).and_then(|(past, future)| Window::new(past, future).ok());
    let Some(window) = window else {
        return Ok(Verdict::Inapplicable(format!(
            "the window {past}/{future} is wider than {}",
            Window::MAX
        )));
    };
    let after = number(vector, "after_step");
    let scan =
        totp::scan(&subject.key, &subject.parameters(), &code, centre, window, after.map(TimeStep::new));

    let matching: Vec<u64> =
        vector["all_matching_steps"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let fresh = matching.iter().copied().filter(|step| after.is_none_or(|after| *step > after)).max();
    let right = match fresh {
        Some(step) => Scan::Fresh(TimeStep::new(step)),
        None if matching.is_empty() => Scan::Wrong,
        None => Scan::Used,
    };
    let is_lone = matching.len() == 1;
    if is_lone && is_accepted && number(&vector["expect"], "matched_step") != fresh {
        return Err("the entry contradicts itself".to_owned());
    }
    expect(scan == right && is_accepted == fresh.is_some(), scan)
}

pub(crate) fn step_collision(vector: &Value) -> Judgement {
    let Some(subject) = Subject::read(vector)? else { return Ok(Verdict::Passed) };
    let code = Code::parse(text(vector, "code")?, subject.digits).map_err(|error| error.to_string())?;
    for (index, scenario) in vector["scenarios"].as_array().ok_or("no scenarios")?.iter().enumerate() {
        let now = number(scenario, "now").ok_or("no time")?;
        let centre = subject.step_at(now).ok_or("no step")?;
        let side =
            |field| number(scenario, field).and_then(|steps| u8::try_from(steps).ok()).ok_or("no window");
        let window = Window::new(side("past")?, side("future")?).map_err(|error| error.to_string())?;
        let after = number(scenario, "after_step").map(TimeStep::new);
        let scan = totp::scan(&subject.key, &subject.parameters(), &code, centre, window, after);
        let recorded = match scan {
            Scan::Fresh(step) => Some(step.get()),
            _ => None,
        };
        let expected = &scenario["expect"];
        if number(expected, "record_step") != recorded || expected["accept"] != recorded.is_some() {
            return Err(format!("scenario {index}: got {scan:?}"));
        }
    }
    Ok(Verdict::Passed)
}

pub(crate) fn step_range(vector: &Value) -> Judgement {
    let (now, t0, period) = clock(vector)?;
    let (Some(now), Ok(period)) = (now, period) else { return Ok(Verdict::Passed) };
    let side = |field| Duration::from_secs(number(vector, field).unwrap_or(0));
    let first =
        TimeStep::containing_from(now.minus(side("seconds_behind")), t0, period).map_or(0, TimeStep::get);
    let steps: Vec<u64> = match TimeStep::containing_from(now.plus(side("seconds_ahead")), t0, period) {
        Some(last) => (first..=last.get()).collect(),
        None => Vec::new(),
    };
    let expected = vector["steps"].as_array().ok_or("no steps")?;
    // A negative step does not exist here.
    expect(expected.iter().filter_map(Value::as_u64).eq(steps.iter().copied()), steps)
}

pub(crate) fn time_arithmetic(vector: &Value) -> Judgement {
    let (now, t0, period) = clock(vector)?;
    let expected = &vector["expect"];
    let (Some(now), Ok(period)) = (now, period) else { return Ok(Verdict::Passed) };
    let Some(step) = TimeStep::containing_from(now, t0, period) else {
        return expect(now < t0, "no step"); // refusing is right: the step would be negative
    };
    let since_t0 = UnixSeconds::EPOCH.plus(now.since(t0));
    let remaining = time::seconds_remaining(since_t0, period);
    let next = t0.plus(step.offset(1).starts_at(period).since(UnixSeconds::EPOCH));
    let fits = |field, ours| expected[field].is_null() || number(expected, field) == Some(ours);
    let is_right = fits("step", step.get())
        && fits("seconds_remaining", remaining)
        && fits("next_step_time", next.get());
    expect(is_right, (step, remaining, next))
}

type Clock = (Option<UnixSeconds>, UnixSeconds, Result<Period, time::InvalidPeriod>);

/// Now (`None` before 1970, which cannot be expressed), `T0` and the period.
fn clock(vector: &Value) -> Result<Clock, String> {
    let now = number(vector, "now").map(UnixSeconds::new);
    if now.is_none() && vector["now"].as_f64().is_none_or(|now| now >= 0.0) {
        return Err("no time".to_owned());
    }
    let t0 = UnixSeconds::new(number(vector, "t0").unwrap_or(0));
    Ok((now, t0, Period::from_seconds(number(vector, "period").unwrap_or(0))))
}
