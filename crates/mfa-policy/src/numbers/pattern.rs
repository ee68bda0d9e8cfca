//! Patterns of number plans as positions to stand on while digits are read.
//!
//! A pattern of a number plan is a regular expression over digits whose every match is short. That makes it a graph
//! without cycles, which is built from its end: what may come after a piece is known before the piece is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::error::Error;
use std::rc::Rc;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// The most digits that come after a calling code.
pub(super) const MAX_NATIONAL: u32 = 14;

/// What one calling code's table may cost in positions and sets of them. +1, by far the largest, takes 185 000.
const BUDGET: usize = 1_000_000;

/// How deep a pattern may nest. Those of 9.0.33 nest 5 groups deep.
const MAX_NESTING: u32 = 64;

/// Positions, by number, sorted.
pub(super) type Set = Rc<[u32]>;

/// One place in a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Position {
    /// One of some digits, bit by bit, and what may come after it.
    Digit { one_of: u16, then: Set },
    /// The end of the pattern of an owner.
    End(u16),
}

/// Why patterns cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// One is no regular expression.
    Syntax(Box<dyn Error + Send + Sync>),
    /// One asks for something that is not a digit.
    NotDigits,
    /// They are too large.
    TooLarge,
}

/// The positions of all patterns of a calling code. Equal ones are one, so that what ends alike is shared.
#[derive(Debug)]
pub(super) struct Positions {
    all: Vec<Position>,
    numbers: HashMap<Position, u32>,
    left: usize,
}

impl Positions {
    pub(super) fn new() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new(), left: BUDGET }
    }

    /// Where one stands before a number that `pattern` matches from its first digit to its last.
    pub(super) fn whole(&mut self, pattern: &str, owner: u16) -> Result<Set, Unusable> {
        let end = self.position(Position::End(owner))?;
        self.before(&read(pattern)?, &end)
    }

    /// Where one stands before a number that begins with a match of `pattern`.
    pub(super) fn beginning(&mut self, pattern: &str, owner: u16) -> Result<Set, Unusable> {
        let end = self.position(Position::End(owner))?;
        let mut rest = Rc::clone(&end);
        for _ in 0..MAX_NATIONAL {
            let digit = self.digit(ANY_DIGIT, &rest)?;
            rest = self.either(&digit, &end)?;
        }
        self.before(&read(pattern)?, &rest)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Position> {
        self.all.get(usize::try_from(number).ok()?)
    }

    /// Pays for `amount` more of anything.
    pub(super) fn spend(&mut self, amount: usize) -> Result<(), Unusable> {
        self.left = self.left.checked_sub(amount).ok_or(Unusable::TooLarge)?;
        Ok(())
    }

    fn before(&mut self, piece: &Hir, then: &Set) -> Result<Set, Unusable> {
        self.spend(1)?;
        match piece.kind() {
            HirKind::Empty => Ok(Rc::clone(then)),
            HirKind::Literal(literal) => literal
                .0
                .iter()
                .rev()
                .try_fold(Rc::clone(then), |then, byte| self.digit(digits(*byte, *byte), &then)),
            HirKind::Class(class) => self.digit(digits_of(class), then),
            HirKind::Capture(capture) => self.before(&capture.sub, then),
            HirKind::Concat(pieces) => {
                pieces.iter().rev().try_fold(Rc::clone(then), |then, piece| self.before(piece, &then))
            }
            HirKind::Alternation(pieces) => pieces.iter().try_fold(Set::from([]), |found, piece| {
                let piece = self.before(piece, then)?;
                self.either(&found, &piece)
            }),
            HirKind::Repetition(repetition) => self.repeated(repetition, then),
            HirKind::Look(_) => Err(Unusable::NotDigits),
        }
    }

    /// More than [`MAX_NATIONAL`] repetitions match no number, or match nothing anew.
    fn repeated(&mut self, repetition: &Repetition, then: &Set) -> Result<Set, Unusable> {
        let bound = MAX_NATIONAL.saturating_add(1);
        let least = repetition.min.min(bound);
        let most = repetition.max.unwrap_or(bound).min(bound);
        let mut found = Rc::clone(then);
        for _ in least..most {
            let once_more = self.before(&repetition.sub, &found)?;
            found = self.either(&once_more, then)?;
        }
        for _ in 0..least {
            found = self.before(&repetition.sub, &found)?;
        }
        Ok(found)
    }

    fn digit(&mut self, one_of: u16, then: &Set) -> Result<Set, Unusable> {
        if one_of == 0 {
            return Err(Unusable::NotDigits);
        }
        self.position(Position::Digit { one_of, then: Rc::clone(then) })
    }

    fn position(&mut self, position: Position) -> Result<Set, Unusable> {
        self.spend(1)?;
        let number = match self.numbers.entry(position) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let number = u32::try_from(self.all.len()).map_err(|_| Unusable::TooLarge)?;
                self.all.push(place.key().clone());
                *place.insert(number)
            }
        };
        Ok(Set::from([number]))
    }

    pub(super) fn either(&mut self, a: &Set, b: &Set) -> Result<Set, Unusable> {
        self.spend(a.len().saturating_add(b.len()))?;
        let mut both = [&**a, &**b].concat();
        both.sort_unstable();
        both.dedup();
        Ok(both.into())
    }
}

const ANY_DIGIT: u16 = 0b11_1111_1111;

fn read(pattern: &str) -> Result<Hir, Unusable> {
    let mut parser = ParserBuilder::new()
        .ignore_whitespace(true)
        .unicode(false)
        .utf8(false)
        .nest_limit(MAX_NESTING)
        .build();
    parser.parse(pattern).map_err(|error| Unusable::Syntax(Box::new(error)))
}

fn digits_of(class: &Class) -> u16 {
    match class {
        Class::Bytes(class) => class.iter().fold(0, |set, range| set | digits(range.start(), range.end())),
        Class::Unicode(class) => class.iter().fold(0, |set, range| {
            let last = u8::try_from(range.end()).unwrap_or(u8::MAX);
            set | u8::try_from(range.start()).map_or(0, |first| digits(first, last))
        }),
    }
}

/// The digits from one to another, both among them, as bits.
fn digits(first: u8, last: u8) -> u16 {
    let among = |digit: &(u8, u16)| (first..=last).contains(&digit.0);
    (b'0'..=b'9').zip((0..10).map(|bit| 1 << bit)).filter(among).fold(0, |set, (_, bit)| set | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let mut positions = Positions::new();
        let mut here = positions.whole(pattern, 7).unwrap();
        for digit in text.bytes() {
            let mut next = Set::from([]);
            for number in here.iter() {
                if let Some(Position::Digit { one_of, then }) = positions.get(*number).cloned()
                    && one_of & digits(digit, digit) != 0
                {
                    next = positions.either(&next, &then).unwrap();
                }
            }
            here = next;
        }
        here.iter().any(|number| positions.get(*number) == Some(&Position::End(7)))
    }

    #[test]
    fn every_construct_of_number_plans_matches_whole_numbers_only() {
        let cases = [
            ("12", &["12"][..], &["1", "123", ""][..]),
            ("1[3-5]", &["13", "15"], &["12", "16", "1"]),
            (r"\d{3}", &["000", "999"], &["00", "0000"]),
            (r"\d{2,4}", &["12", "1234"], &["1", "12345"]),
            ("(?:12|3[45])6?", &["12", "126", "34", "356"], &["1", "36", "1266"]),
            ("1 (?:\n 2|\n 3\n )", &["12", "13"], &["1"]),
            ("(?:1|)2", &["12", "2"], &["1"]),
            ("(?:12){2}", &["1212"], &["12", "121212"]),
            ("(?:1?2?){3}", &["", "121212", "222", "1112"], &["1212121"]),
            ("12*", &["1", "12", "12222222222222"], &["2"]),
            ("[^0]1", &["11"], &["01"]),
            ("1{20}", &[], &["11111111111111"]),
        ];
        for (pattern, yes, no) in cases {
            assert!(yes.iter().all(|text| matches(pattern, text)), "{pattern}");
            assert!(!no.iter().any(|text| matches(pattern, text)), "{pattern}");
        }
    }

    #[test]
    fn what_no_number_plan_says_is_refused() {
        let refused = |pattern: &str| Positions::new().whole(pattern, 0).unwrap_err();
        for pattern in ["(", "[0-", r"\q", "(?=1)2"] {
            assert!(matches!(refused(pattern), Unusable::Syntax(_)), "{pattern}");
        }
        for pattern in ["a", "1-2", "^1", "1$", r"\b1", "[a-f]"] {
            assert!(matches!(refused(pattern), Unusable::NotDigits), "{pattern}");
        }
        assert!(matches!(refused("(?:(?:(?:(?:(?:(?:1{9}){9}){9}){9}){9}){9}){9}"), Unusable::TooLarge));
    }
}
