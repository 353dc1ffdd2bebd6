//! The words for what can go wrong, in one list for every stick, and whether one applies to a stick.

use stickshift::error::{Error, ErrorKind, Result};

use crate::computer::ComputerFaults;
use crate::fault::{FaultKind, FaultPlan};
use crate::sticks::zerocd::Behaviour;

/// What a fault is a fault of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOf {
    /// A stick that can be talked to and flashed.
    Modem,
    /// A stick that is only there to be switched.
    SwitchedStick,
    /// The computer that it is plugged into.
    Computer,
}

/// One word of a fault specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultWord {
    /// As it is written, with `@N` where it needs a step.
    pub word: &'static str,
    /// Whether it needs a step.
    pub at_step: bool,
    /// What it does, in one line.
    pub help: &'static str,
    /// What it is a fault of.
    pub of: FaultOf,
}

/// Every word.
pub fn fault_words() -> impl Iterator<Item = FaultWord> {
    let modem = FaultKind::ALL.iter().map(|kind| FaultWord {
        word: kind.word(),
        at_step: !kind.is_property(),
        help: kind.help(),
        of: FaultOf::Modem,
    });
    let simple = |of| move |(word, help)| FaultWord { word, at_step: false, help, of };
    let switched = Behaviour::words().map(simple(FaultOf::SwitchedStick));
    let computer = ComputerFaults::WORDS.iter().copied().map(simple(FaultOf::Computer));
    modem.chain(switched).chain(computer)
}

/// The faults of a stick that can be talked to and flashed.
///
/// # Errors
/// `Usage` for a word that is none, or does not apply to such a stick.
pub fn plan(stick: &str, faults: Option<&str>, seed: u64) -> Result<FaultPlan> {
    let Some(faults) = faults else { return Ok(FaultPlan::none(seed)) };
    refuse_others(stick, faults, FaultOf::Modem)?;
    FaultPlan::parse(faults, seed)
}

/// The behaviour of a stick that is only there to be switched.
///
/// # Errors
/// As [`plan`]; for more than one word.
pub fn behaviour(stick: &str, faults: Option<&str>) -> Result<Option<Behaviour>> {
    let Some(faults) = faults else { return Ok(None) };
    refuse_others(stick, faults, FaultOf::SwitchedStick)?;
    let mut words = faults.split(',').map(str::trim).filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (None, _) => Ok(None),
        (Some(word), None) => word.parse().map(Some),
        _ => {
            Err(Error::new(ErrorKind::Usage, format!("{stick} takes one fault at a time"))
                .with("fault", faults))
        }
    }
}

fn refuse_others(stick: &str, faults: &str, of: FaultOf) -> Result<()> {
    for given in faults.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let name = given.split(['@', '=', ':']).next().unwrap_or_default();
        let bad = |what: String| Err(Error::new(ErrorKind::Usage, what).with("fault", given));
        let Some(known) = fault_words().find(|known| known.word.split('@').next() == Some(name)) else {
            let all: Vec<&str> = fault_words().map(|known| known.word).collect();
            return bad(format!("there is no fault '{name}'; there are: {}", all.join(", ")));
        };
        if known.of != of {
            let of = match known.of {
                FaultOf::Modem => "sticks that can be talked to and flashed",
                FaultOf::SwitchedStick => "sticks that are only there to be switched",
                FaultOf::Computer => "the computer of --virtual",
            };
            return bad(format!("the fault '{name}' does not apply to {stick}: it is a fault of {of}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_by_the_sticks_that_it_applies_to() {
        let mut seen = std::collections::BTreeSet::new();
        for known in fault_words() {
            assert!(
                seen.insert(known.word) && !known.help.is_empty() && !known.help.contains('\n'),
                "{known:?}"
            );
            let given = if known.at_step { format!("{}@3", known.word) } else { known.word.to_owned() };
            assert_eq!(plan("x", Some(&given), 1).is_ok(), known.of == FaultOf::Modem, "{given}");
            assert_eq!(behaviour("x", Some(&given)).is_ok(), known.of == FaultOf::SwitchedStick, "{given}");
        }
        let text = |faults| behaviour("k3772", Some(faults)).unwrap_err().what().to_owned();
        assert!(text("drop@1").contains("'drop' does not apply to k3772"));
        assert!(text("dorp@1").starts_with("there is no fault 'dorp'; there are: drop, "));
        assert!(text("ignores,stalls").contains("one fault"));
    }
}
