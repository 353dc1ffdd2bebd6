//! What can go wrong with the computer that a virtual stick is plugged into, told apart from the faults of the stick.

use stickshift::error::{Error, ErrorKind, Result};

/// The faults of the computer, and what is left for the stick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComputerFaults {
    /// This user may open no device.
    pub no_access: bool,
    /// ModemManager holds every port.
    pub port_held: bool,
    /// Ctrl-C at this report of progress, counted from 1.
    pub ctrl_c: Option<u32>,
    /// The faults of the stick.
    pub stick: Option<String>,
}

impl ComputerFaults {
    /// Its words, and what each does.
    pub const WORDS: &[(&str, &str)] = &[
        ("no-access", "This user may open no device."),
        ("port-held", "ModemManager holds every port."),
        ("ctrl-c@N", "Ctrl-C at the Nth report of progress."),
    ];

    /// Takes the computer's words out of a list of faults.
    ///
    /// # Errors
    /// `Usage`.
    pub fn of(faults: Option<&str>) -> Result<ComputerFaults> {
        let mut computer = ComputerFaults::default();
        let mut left = Vec::new();
        for fault in faults.unwrap_or_default().split(',').map(str::trim) {
            match fault.split_once('@') {
                None if fault == "no-access" => computer.no_access = true,
                None if fault == "port-held" => computer.port_held = true,
                Some(("ctrl-c", number)) => match number.parse() {
                    Ok(number) if number > 0 => computer.ctrl_c = Some(number),
                    _ => {
                        let what = "ctrl-c@N counts reports of progress from 1";
                        return Err(Error::new(ErrorKind::Usage, what).with("fault", fault));
                    }
                },
                _ if fault.is_empty() => {}
                _ => left.push(fault),
            }
        }
        computer.stick = Some(left.join(",")).filter(|left| !left.is_empty());
        Ok(computer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stick_keeps_what_is_its_own() {
        let both = ComputerFaults::of(Some("drop@3, no-access,ctrl-c@12,nak=07@9")).unwrap();
        assert_eq!(
            both,
            ComputerFaults {
                no_access: true,
                port_held: false,
                ctrl_c: Some(12),
                stick: Some("drop@3,nak=07@9".into())
            }
        );
        assert_eq!(ComputerFaults::of(None).unwrap(), ComputerFaults::default());
        assert!(ComputerFaults::of(Some("ctrl-c@0")).unwrap_err().is(ErrorKind::Usage));
        assert_eq!(ComputerFaults::of(Some("ctrl-c")).unwrap().stick.as_deref(), Some("ctrl-c"));
    }
}
