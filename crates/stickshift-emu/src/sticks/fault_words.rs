//! The words for what can go wrong, in one list for every stick, and whether one applies to a stick.

use stickshift::error::{Error, ErrorKind, Result};

use crate::computer::ComputerFaults;
use crate::fault::{FaultKind, FaultPlan};
use crate::sticks::zerocd::{Behaviour, ZeroCd, ZeroCdOptions};

/// What a fault is a fault of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOf {
    /// A stick that can be talked to and flashed.
    Modem,
    /// The network, behind every stick with a modem.
    Network,
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
        of: if kind.is_of_network() { FaultOf::Network } else { FaultOf::Modem },
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
    refuse_others(stick, faults, &[FaultOf::Modem, FaultOf::Network])?;
    FaultPlan::parse(faults, seed)
}

/// A stick that is only there to be switched, with its faults and those of the network behind it; not plugged in yet.
///
/// # Errors
/// As [`plan`]; for more than one fault of its own.
pub fn switched_stick(name: &str, options: ZeroCdOptions, faults: Option<&str>, seed: u64) -> Result<ZeroCd> {
    let behaviour = behaviour(name, faults)?.unwrap_or(options.behaviour);
    let network = network(name, faults, seed)?;
    Ok(ZeroCd::new(ZeroCdOptions { behaviour, ..options }).with_network(network))
}

/// The faults of the network behind a stick that is only there to be switched.
fn network(stick: &str, faults: Option<&str>, seed: u64) -> Result<FaultPlan> {
    let faults = faults.unwrap_or_default();
    refuse_others(stick, faults, &[FaultOf::SwitchedStick, FaultOf::Network])?;
    let of_network: Vec<&str> = words(faults).filter(|word| is_of_network(word)).collect();
    FaultPlan::parse(&of_network.join(","), seed)
}

fn words(faults: &str) -> impl Iterator<Item = &str> {
    faults.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// The word without its step, its code and its time.
fn name(word: &str) -> &str {
    word.split(['@', '=', ':']).next().unwrap_or_default()
}

fn is_of_network(word: &str) -> bool {
    fault_words().any(|known| known.of == FaultOf::Network && known.word == name(word))
}

/// The behaviour of a stick that is only there to be switched.
fn behaviour(stick: &str, faults: Option<&str>) -> Result<Option<Behaviour>> {
    let Some(faults) = faults else { return Ok(None) };
    refuse_others(stick, faults, &[FaultOf::SwitchedStick, FaultOf::Network])?;
    let mut words = words(faults).filter(|word| !is_of_network(word));
    match (words.next(), words.next()) {
        (None, _) => Ok(None),
        (Some(word), None) => word.parse().map(Some),
        _ => {
            Err(Error::new(ErrorKind::Usage, format!("{stick} takes one fault at a time"))
                .with("fault", faults))
        }
    }
}

fn refuse_others(stick: &str, faults: &str, of: &[FaultOf]) -> Result<()> {
    for given in words(faults) {
        let name = name(given);
        let bad = |what: String| Err(Error::new(ErrorKind::Usage, what).with("fault", given));
        let Some(known) = fault_words().find(|known| known.word.split('@').next() == Some(name)) else {
            let all: Vec<&str> = fault_words().map(|known| known.word).collect();
            return bad(format!("there is no fault '{name}'; there are: {}", all.join(", ")));
        };
        if !of.contains(&known.of) {
            let of = match known.of {
                FaultOf::Network => "the network behind sticks with a modem",
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

    fn network_of(faults: &str) -> Result<FaultPlan> {
        network("k3772", Some(faults), 1)
    }

    #[test]
    fn a_word_is_taken_by_the_sticks_that_it_applies_to() {
        let mut seen = std::collections::BTreeSet::new();
        for known in fault_words() {
            assert!(
                seen.insert(known.word) && !known.help.is_empty() && !known.help.contains('\n'),
                "{known:?}"
            );
            let given = if known.at_step { format!("{}@3", known.word) } else { known.word.to_owned() };
            let network = known.of == FaultOf::Network;
            assert_eq!(plan("x", Some(&given), 1).is_ok(), network || known.of == FaultOf::Modem, "{given}");
            let switched = network || known.of == FaultOf::SwitchedStick;
            assert_eq!(behaviour("x", Some(&given)).is_ok(), switched, "{given}");
            assert_eq!(network_of(&given).is_ok(), switched, "{given}");
            assert_eq!(network_of(&given).is_ok_and(|plan| !plan.faults().is_empty()), network, "{given}");
        }
        let text = |faults| behaviour("k3772", Some(faults)).unwrap_err().what().to_owned();
        assert!(text("drop@1").contains("'drop' does not apply to k3772"));
        assert!(text("dorp@1").starts_with("there is no fault 'dorp'; there are: drop, "));
        assert!(text("ignores,stalls").contains("one fault"));
        assert_eq!(behaviour("k3772", Some("denied,ignores,refused=27")).unwrap(), Some(Behaviour::Ignores));
        assert_eq!(network_of("denied,ignores,refused=27").unwrap().to_string(), "denied,refused=27");
    }
}
