#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

use mfa_core::algorithm::Digits;
use proptest::prelude::*;

use super::*;

/// The parsing algorithm of section 3.2 of the specification, written from its text: the last line's host and code.
fn parsed(message: &str) -> Option<(String, String)> {
    let message = message.replace("\r\n", "\n").replace('\r', "\n"); // normalize newlines
    let line = message.split('\n').next_back()?.chars().collect::<Vec<_>>();
    let mut position = 0;
    let host = marked_token(&line, &mut position, '@')?;
    if *line.get(position)? != ' ' {
        return None;
    }
    position += 1;
    let code = marked_token(&line, &mut position, '#')?;
    Some((host, code))
}

fn marked_token(line: &[char], position: &mut usize, marker: char) -> Option<String> {
    if *line.get(*position)? != marker {
        return None;
    }
    *position += 1;
    let token =
        line[*position..].iter().take_while(|letter| !is_ascii_whitespace(**letter)).collect::<String>();
    *position += token.chars().count();
    (!token.is_empty()).then_some(token)
}

fn is_ascii_whitespace(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\u{C}' | '\r' | ' ')
}

/// What Chromium looks for instead: the first `@host #code` after white space, anywhere.
fn first_anywhere(message: &str) -> Option<(String, String)> {
    message.split_whitespace().collect::<Vec<_>>().windows(2).find_map(|pair| {
        let host = pair[0].strip_prefix('@')?;
        Some((host.to_owned(), pair[1].strip_prefix('#')?.to_owned()))
    })
}

fn purposes(amount: &str, payee: &str) -> [Purpose; 5] {
    let payment =
        Purpose::Payment { amount: Amount::parse(amount).unwrap(), payee: Payee::parse(payee).unwrap() };
    [Purpose::SignIn, Purpose::Enrollment, Purpose::StepUp, Purpose::Management, payment]
}

fn text(brand: &str, host: &str) -> Text {
    Text::new(Brand::parse(brand).unwrap(), OriginHost::parse(host).unwrap())
}

fn code(digits: &str) -> Code {
    Code::parse(digits, Digits::SIX).unwrap()
}

#[test]
fn the_parser_of_these_tests_is_the_specification_s() {
    let read = |host: &str, code: &str| Some((host.to_owned(), code.to_owned()));
    assert_eq!(parsed("747723 is your code.\n\n@example.com #747723"), read("example.com", "747723"));
    assert_eq!(parsed("@example.com #747723 %ecommerce.example $future"), read("example.com", "747723"));
    assert_eq!(parsed("a\r@b #1"), read("b", "1"));
    for wrong in [
        "",
        "x @a #1",
        "something @example.com #747723",
        "#747723 %ecommerce.example @example.com",
        "@example.com code #747723",
        "@example.com  #747723",
        "@example.com#747723",
        "@ #1",
        "@a #",
        "@a",
        "@a #1\n",
    ] {
        assert_eq!(parsed(wrong), None, "{wrong:?}");
    }
}

#[test]
fn every_text_reads_back_in_every_language() {
    let text = text("Example", "login.example.com");
    for language in Language::ALL {
        for purpose in purposes("EUR 12.50", "Bob\n@evil.example #666666") {
            let body = text.compose(&code("012345"), &purpose, *language);
            let expected = Some(("login.example.com".to_owned(), "012345".to_owned()));
            assert_eq!(parsed(body.expose()), expected, "{}", body.expose());
            assert_eq!(first_anywhere(body.expose()), expected, "{}", body.expose());
            let (words, last) = body.expose().split_once("\n\n").unwrap();
            assert_eq!(last, "@login.example.com #012345");
            assert!(words.starts_with("Example") && words.contains("012345"), "{words}");
            assert!(!words.contains(['@', '#', '\n', '{', '}']), "{words}");
        }
    }
}

#[test]
fn a_payment_names_amount_and_payee_in_every_language() {
    let text = text("Example", "example.com");
    let [.., payment] = purposes("12,50 €", "Müller GmbH");
    for language in Language::ALL {
        let body = text.compose(&code("012345"), &payment, *language);
        assert!(
            body.expose().contains("12,50 €") && body.expose().contains("Müller GmbH"),
            "{}",
            body.expose()
        );
    }
}

#[test]
fn latin_texts_are_one_gsm_7_message() {
    let text = text("Example Bank Ltd", "login.example.com");
    for language in Language::ALL.iter().filter(|language| **language != Language::TraditionalChinese) {
        for purpose in purposes("1.234,56 €", "A payee with a long, long name") {
            let code = Code::parse("01234567", Digits::EIGHT).unwrap();
            let body = text.compose(&code, &purpose, *language);
            let counted = segments(body.expose());
            assert_eq!(
                (counted.encoding(), counted.count()),
                (Encoding::Gsm7, 1),
                "{counted:?} {}",
                body.expose()
            );
        }
    }
}

#[test]
fn chinese_texts_are_one_message_except_for_payments() {
    let text = text("Example", "login.example.com");
    for purpose in purposes("NT$1,200", "王小明") {
        let body = text.compose(&code("012345"), &purpose, Language::TraditionalChinese);
        let counted = segments(body.expose());
        let most = if matches!(purpose, Purpose::Payment { .. }) { 2 } else { 1 };
        assert_eq!(counted.encoding(), Encoding::Ucs2);
        assert!(counted.count() <= most, "{counted:?} {}", body.expose());
    }
}

#[test]
fn every_language_says_each_thing_differently() {
    let text = text("Example", "example.com");
    let all = Language::ALL.iter().flat_map(|language| {
        let compose =
            |purpose: &Purpose| text.compose(&code("012345"), purpose, *language).expose().to_owned();
        purposes("1", "Bob").iter().map(compose).collect::<Vec<_>>()
    });
    let all = all.collect::<Vec<_>>();
    let distinct = all.iter().collect::<std::collections::HashSet<_>>();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn what_is_filled_in_is_not_filled_in_again() {
    let [.., payment] = purposes("{code}", "{brand} {x");
    let body = text("{code}{", "example.com").compose(&code("012345"), &payment, Language::English);
    assert!(
        body.expose().starts_with("{code}{: 012345 confirms paying {code} to {brand} {x."),
        "{}",
        body.expose()
    );
}

#[test]
fn the_longest_text_never_moves() {
    let host = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    let text = text(&"😀".repeat(Brand::MAX_CHARACTERS), &host);
    let code = Code::parse("01234567", Digits::EIGHT).unwrap();
    for language in Language::ALL {
        for purpose in purposes(&"€".repeat(20), &"😀".repeat(100)) {
            let body = text.compose(&code, &purpose, *language);
            assert!(body.expose().len() <= MOST_BYTES);
            assert!(body.expose().chars().count() <= MessageBody::MAX_CHARACTERS);
        }
    }
}

proptest! {
    #[test]
    fn nothing_a_stranger_types_forges_the_last_line(payee in ".{0,60}|(\\PC|[\r\n\u{85}\u{2028}@# ]){0,60}") {
        if let Ok(payee) = Payee::parse(&payee) {
            let purpose = Purpose::Payment { amount: Amount::parse("1 EUR").unwrap(), payee };
            let body = text("Example", "example.com").compose(&code("012345"), &purpose, Language::English);
            let expected = Some(("example.com".to_owned(), "012345".to_owned()));
            prop_assert_eq!(parsed(body.expose()), expected.clone());
            prop_assert_eq!(first_anywhere(body.expose()), expected);
            prop_assert_eq!(body.expose().lines().count(), 3);
        }
    }

    #[test]
    fn the_count_of_segments_holds_the_units(text in "\\PC{0,400}") {
        let counted = segments(&text);
        let (alone, each) = match counted.encoding() { Encoding::Gsm7 => (160, 153), Encoding::Ucs2 => (70, 67) };
        let room = if counted.count() == 1 { alone } else { each * counted.count() };
        prop_assert!(counted.units() <= room);
        prop_assert!(counted.count() <= 1 || counted.units() > alone);
    }
}

#[test]
fn the_notice_to_a_removed_number_is_one_segment_and_carries_no_code() {
    for language in Language::ALL {
        let body = text("Example", "login.example.com").number_removed(*language);
        let counted = segments(body.expose());
        assert_eq!(counted.count(), 1, "{language:?}: {}", body.expose());
        assert!(
            !body.expose().contains(['@', '#', '{']) && !body.expose().bytes().any(|b| b.is_ascii_digit())
        );
    }
}
