//! An owner's lasting choice: what a stick is to become whenever it is plugged in.

use std::fmt;

use crate::mask;
use crate::stick::{Mode, Place, Stick, UsbId};
use crate::switching::Goal;

/// What an owner wants of a stick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Nothing in particular: it is switched as its profile says.
    #[default]
    Usual,
    /// It is to become this.
    Become(Goal),
    /// It is never switched.
    Leave,
}

/// Which sticks a rule is for: those of which all that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub place: Option<Place>,
    /// Its ids, in the mode that it is switched from or in one that it is switched to.
    pub id: Option<UsbId>,
    /// Its USB serial number.
    pub serial: Option<String>,
    /// What it is to become.
    pub choice: Choice,
}

impl Rule {
    fn is_for(&self, stick: &Stick) -> bool {
        self.place.as_ref().is_none_or(|place| *place == stick.place)
            && self.id.is_none_or(|id| id == stick.id)
            && self.serial.as_ref().is_none_or(|serial| stick.serial.as_ref() == Some(serial))
    }
}

impl fmt::Display for Rule {
    /// `12d1:1f01 at 1-1.2 gets serial ports`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<String> = self.id.iter().map(ToString::to_string).collect();
        names.extend(self.serial.as_ref().map(|serial| format!("serial number {}", mask::identity(serial))));
        names.extend(self.place.as_ref().map(|place| format!("at {place}")));
        let name = if names.is_empty() { "every stick".to_owned() } else { names.join(" ") };
        let becomes = match self.choice {
            Choice::Usual => "is switched as usual",
            Choice::Leave => "is left alone",
            Choice::Become(Goal::Modem) => "becomes a modem",
            Choice::Become(Goal::Hilink) => "becomes a HiLink network card",
            Choice::Become(Goal::Serial) => "gets serial ports",
            Choice::Become(Goal::Usual) => "is switched as usual",
        };
        write!(f, "{name} {becomes}")
    }
}

/// Rules in the order in which they are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// What the first rule for this stick says.
    pub fn of(&self, stick: &Stick) -> Choice {
        self.0.iter().find(|rule| rule.is_for(stick)).map_or(Choice::Usual, |rule| rule.choice)
    }
}

impl Choice {
    /// Whether a rule asks for another mode than the one that this stick, switched already, is in, and there is a way to it.
    pub(crate) fn wants_more(self, stick: &Stick) -> bool {
        match self {
            Choice::Become(goal @ (Goal::Serial | Goal::Modem)) => {
                stick.mode == Mode::Hilink && !goal.is_met_by(stick.mode)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_of_which_everything_holds_decides() {
        let stick = Stick {
            serial: Some("A1".into()),
            ..Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1f01))
        };
        let rule = |choice| Rule { choice, ..Rule::default() };
        let other = Rule { place: "1-2".parse().ok(), ..rule(Choice::Leave) };
        let partly = Rule { id: Some(stick.id), serial: Some("B2".into()), ..rule(Choice::Leave) };
        let fits = Rule { serial: Some("A1".into()), ..rule(Choice::Become(Goal::Serial)) };
        let rules = Rules(vec![other, partly, fits, rule(Choice::Leave)]);
        assert_eq!(rules.of(&stick), Choice::Become(Goal::Serial));
        assert_eq!(rules.of(&Stick { serial: None, ..stick.clone() }), Choice::Leave);
        assert_eq!(Rules::default().of(&stick), Choice::Usual);
    }
}
