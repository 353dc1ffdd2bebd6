//! What can go wrong with the computer that a virtual stick is plugged into: words of --fault that are not the stick's.

use stickshift::error::{Error, ErrorKind, Result};

/// The faults of the computer, and what is left for the stick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Computer {
    /// This user may open no device.
    pub(crate) no_access: bool,
    /// ModemManager holds every port.
    pub(crate) port_held: bool,
    /// Ctrl-C at this report of progress, counted from 1.
    pub(crate) ctrl_c: Option<u32>,
    /// The faults of the stick.
    pub(crate) stick: Option<String>,
}

impl Computer {
    /// Takes the computer's words out of a list of faults.
    ///
    /// # Errors
    /// `Usage`.
    pub(crate) fn of(faults: Option<&str>) -> Result<Computer> {
        let mut computer = Computer::default();
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
        let both = Computer::of(Some("drop@3, no-access,ctrl-c@12,nak=07@9")).unwrap();
        assert_eq!(
            both,
            Computer {
                no_access: true,
                port_held: false,
                ctrl_c: Some(12),
                stick: Some("drop@3,nak=07@9".into())
            }
        );
        assert_eq!(Computer::of(None).unwrap(), Computer::default());
        assert!(Computer::of(Some("ctrl-c@0")).unwrap_err().is(ErrorKind::Usage));
        assert_eq!(Computer::of(Some("ctrl-c")).unwrap().stick.as_deref(), Some("ctrl-c"));
    }
}
