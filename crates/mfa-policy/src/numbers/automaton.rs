//! All patterns of a calling code as one table that reads a number digit by digit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use super::kind::NumberKind;
use super::metadata::{Lengths, Part, Territory};
use super::pattern::{MAX_NATIONAL, Position, Positions, Set, Unusable};
use crate::region::Region;

/// The table of one calling code.
///
/// From each state one of ten steps leads on. A state knows how many digits led to it and what the number is that
/// ends there: the regions, their order, types and lengths were all gone through when the table was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Automaton {
    states: Box<[State]>,
    answers: Box<[Answer]>,
    start: u16,
}

/// Which region and what kind a number is of; no region where the metadata's is none of ISO 3166-1.
pub(super) type Answer = (Option<Region>, NumberKind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
struct State {
    next: [u16; 10],
    /// Which answer, counted from 1; 0 is that no number ends here.
    answer: u16,
}

impl Automaton {
    /// Compiles the plans of all regions of a calling code, the main one first.
    pub(super) fn compile(territories: &[Territory<'_>]) -> Result<Self, Unusable> {
        let mut plans = Plans { positions: Positions::new(), owners: Vec::new(), regions: Vec::new() };
        let start = plans.read(territories)?;
        let mut answers = Answers::default();
        let levels = plans.levels(start, &mut answers)?;
        let (states, start) = smallest(&levels)?;
        Ok(Self { states: states.into(), answers: answers.all.into(), start })
    }

    /// How many states the table has.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.states.len()
    }

    /// What the number with these digits after the calling code is; `None` if it is none.
    pub(super) fn read(&self, national: &[u8]) -> Option<Answer> {
        let mut state = self.states.get(usize::from(self.start))?;
        for digit in national {
            let next = state.next.get(usize::from(digit.wrapping_sub(b'0')))?;
            state = self.states.get(usize::from(*next))?;
        }
        self.answers.get(usize::from(state.answer).checked_sub(1)?).copied()
    }
}

/// What the end of a pattern is the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    territory: usize,
    of: Of,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    LeadingDigits,
    Part(Part, Lengths),
}

/// The patterns of a calling code.
struct Plans {
    positions: Positions,
    owners: Vec<Owner>,
    regions: Vec<Numbered>,
}

/// One of the regions of a calling code.
struct Numbered {
    region: Option<Region>,
    /// Whether it is known by the digits its numbers begin with.
    has_leading_digits: bool,
}

/// All states that so many digits lead to.
#[derive(Default)]
struct Level {
    /// A state's answer, and by each digit which state of the next level is next.
    states: Vec<(u16, [Option<usize>; 10])>,
}

#[derive(Default)]
struct Answers {
    all: Vec<Answer>,
}

impl Plans {
    /// Where one stands before any digit.
    fn read(&mut self, territories: &[Territory<'_>]) -> Result<Set, Unusable> {
        let mut start = Set::from([]);
        for (number, territory) in territories.iter().enumerate() {
            self.regions.push(Numbered {
                region: Region::new(&territory.id).ok(),
                has_leading_digits: territory.leading_digits.is_some(),
            });
            if let Some(pattern) = &territory.leading_digits {
                let owner = self.owner(number, Of::LeadingDigits)?;
                let found = self.positions.beginning(pattern, owner)?;
                start = self.positions.either(&start, &found)?;
            }
            for (part, description) in &territory.parts {
                let owner = self.owner(number, Of::Part(*part, description.lengths))?;
                let found = self.positions.whole(&description.pattern, owner)?;
                start = self.positions.either(&start, &found)?;
            }
        }
        Ok(start)
    }

    fn owner(&mut self, territory: usize, of: Of) -> Result<u16, Unusable> {
        let number = u16::try_from(self.owners.len()).map_err(|_| Unusable::TooLarge)?;
        self.owners.push(Owner { territory, of });
        Ok(number)
    }

    /// Every set of positions that a number can lead to, level by level.
    fn levels(&mut self, start: Set, answers: &mut Answers) -> Result<Vec<Level>, Unusable> {
        let mut levels = Vec::new();
        let mut here = vec![start];
        for length in 0..=MAX_NATIONAL {
            let (mut level, mut following) = (Level::default(), Following::default());
            for set in &here {
                let answer = answers.number(self.answer(set, length))?;
                let mut next = [None; 10];
                for (next, reached) in next.iter_mut().zip(self.steps(set)?) {
                    *next = following.number(reached);
                }
                level.states.push((answer, next));
            }
            levels.push(level);
            here = following.sets;
        }
        Ok(levels)
    }

    /// Where each digit leads to.
    fn steps(&mut self, set: &Set) -> Result<[Vec<u32>; 10], Unusable> {
        let mut steps: [Vec<u32>; 10] = Default::default();
        for number in set.iter() {
            if let Some(Position::Digit { one_of, then }) = self.positions.get(*number) {
                let then = Rc::clone(then);
                for (digit, step) in steps.iter_mut().enumerate() {
                    if one_of_has(*one_of, digit) {
                        step.extend(&*then);
                    }
                }
            }
        }
        for step in &mut steps {
            self.positions.spend(step.len())?;
            step.sort_unstable();
            step.dedup();
        }
        Ok(steps)
    }

    /// What the number is that ends at `set` after `length` digits: the first region that claims it decides.
    fn answer(&self, set: &Set, length: u32) -> Option<Answer> {
        let ends: Vec<Owner> = set.iter().filter_map(|number| self.end(*number, length)).collect();
        if ends.is_empty() {
            return None;
        }
        self.regions.iter().enumerate().find_map(|(number, numbered)| {
            let is = |of: &dyn Fn(Of) -> bool| ends.iter().any(|end| end.territory == number && of(end.of));
            let kind = kind(|part| is(&|of| matches!(of, Of::Part(its, _) if its == part)));
            let claims = match numbered.has_leading_digits {
                true => is(&|of| of == Of::LeadingDigits),
                false => kind.is_some(),
            };
            claims.then(|| kind.map(|kind| (numbered.region, kind)))
        })?
    }

    fn end(&self, number: u32, length: u32) -> Option<Owner> {
        let Some(Position::End(owner)) = self.positions.get(number) else { return None };
        let owner = self.owners.get(usize::from(*owner)).copied()?;
        let counts = match owner.of {
            Of::LeadingDigits => true,
            Of::Part(_, lengths) => lengths.allow(length),
        };
        counts.then_some(owner)
    }
}

/// The kind of a number for which a region's patterns are or are not, in libphonenumber's order: what costs comes
/// first, so that a number of two kinds is of the worse.
fn kind(is: impl Fn(Part) -> bool) -> Option<NumberKind> {
    const BEFORE_FIXED: [NumberKind; 8] = [
        NumberKind::Premium,
        NumberKind::TollFree,
        NumberKind::SharedCost,
        NumberKind::Voip,
        NumberKind::Personal,
        NumberKind::Pager,
        NumberKind::Uan,
        NumberKind::Voicemail,
    ];
    if !is(Part::General) {
        return None;
    }
    let special = BEFORE_FIXED.into_iter().find(|kind| is(Part::Kind(*kind)));
    let (fixed, mobile) = (is(Part::Kind(NumberKind::Fixed)), is(Part::Kind(NumberKind::Mobile)));
    special.or(match (fixed, mobile) {
        (true, true) => Some(NumberKind::FixedOrMobile),
        (true, false) => Some(NumberKind::Fixed),
        (false, true) => Some(NumberKind::Mobile),
        (false, false) => None,
    })
}

/// The sets of the next level, each once.
#[derive(Default)]
struct Following {
    sets: Vec<Set>,
    numbers: HashMap<Set, usize>,
}

impl Following {
    /// Which of the next level's states; none where nothing can follow.
    fn number(&mut self, reached: Vec<u32>) -> Option<usize> {
        if reached.is_empty() {
            return None;
        }
        if let Some(known) = self.numbers.get(&*reached) {
            return Some(*known);
        }
        let (set, number) = (Set::from(reached), self.sets.len());
        self.sets.push(Rc::clone(&set));
        self.numbers.insert(set, number);
        Some(number)
    }
}

impl Answers {
    fn number(&mut self, answer: Option<Answer>) -> Result<u16, Unusable> {
        let Some(answer) = answer else { return Ok(0) };
        let known = self.all.iter().position(|known| *known == answer);
        let place = known.unwrap_or_else(|| {
            self.all.push(answer);
            self.all.len().saturating_sub(1)
        });
        u16::try_from(place.saturating_add(1)).map_err(|_| Unusable::TooLarge)
    }
}

/// The fewest states that answer alike, and which of them is first. State 0 is the one from which no number ends.
///
/// From the last level to the first: states with one answer and the same states next are one state.
fn smallest(levels: &[Level]) -> Result<(Vec<State>, u16), Unusable> {
    let mut states = vec![State::default()];
    let mut numbers = HashMap::from([(State::default(), 0)]);
    let mut below: Vec<u16> = Vec::new();
    for level in levels.iter().rev() {
        let mut here = Vec::with_capacity(level.states.len());
        for (answer, next) in &level.states {
            let next = next.map(|next| next.and_then(|next| below.get(next)).copied().unwrap_or(0));
            let state = State { next, answer: *answer };
            here.push(match numbers.entry(state) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(place) => {
                    let number = u16::try_from(states.len()).map_err(|_| Unusable::TooLarge)?;
                    states.push(state);
                    *place.insert(number)
                }
            });
        }
        below = here;
    }
    Ok((states, below.first().copied().unwrap_or(0)))
}

fn one_of_has(one_of: u16, digit: usize) -> bool {
    u32::try_from(digit).ok().and_then(|digit| one_of.checked_shr(digit)).is_some_and(|bits| bits & 1 == 1)
}
