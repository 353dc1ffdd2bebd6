//! Commands that a user typed.

use std::time::Duration;

use crate::at::{effect_of, network, ports};
use crate::error::{Error, ErrorKind, Result};
use crate::link::Changes;
use crate::modem::Modem;
use crate::modem::look::Seen;
use crate::wire::at::{Answer, Final};

impl Modem<'_> {
    /// Sends an AT command as it was typed and gives the answer, whatever its result is.
    ///
    /// # Errors
    /// `LocksOut` for a set of ports without one for AT commands; `Usage` for what is no command or no set of ports; as
    /// [`At::command`](crate::at::At::command). What a change in trouble has done is known where the command is one that can be
    /// asked back; it is unknown otherwise.
    pub fn typed(&mut self, command: &str, timeout: Duration) -> Result<Answer> {
        keeps_a_way_in(command).map_err(|e| self.assess(e))?;
        let at = self.only_at("typed commands")?;
        let error = match at.command(command, effect_of(command), timeout) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let upper: String = command.to_ascii_uppercase().split_whitespace().collect();
        let Some(wanted) = upper.strip_prefix("AT+CFUN=").and_then(|n| n.parse::<u8>().ok()) else {
            return Err(error);
        };
        self.after_trouble(error, |modem| {
            let now = modem.only_at("typed commands")?.run(&network::radio_state())?;
            Ok(if now == wanted { Seen::Done } else { Seen::Nothing })
        })?;
        Ok(Answer { lines: Vec::new(), result: Final::Ok })
    }
}

/// A typed command has no plan, but this one is refused all the same: after it no command can be typed any more.
fn keeps_a_way_in(command: &str) -> Result<()> {
    // Blanks are allowed anywhere, and commands may be strung together with others before them.
    let upper: String = command.to_ascii_uppercase().split_whitespace().collect();
    let Some((_, value)) = upper.split_once("^SETPORT=") else { return Ok(()) };
    if value == "?" {
        return Ok(());
    }
    match value.parse() {
        Ok(composition) => ports::set_composition(&composition).map(|_| ()),
        Err(()) => {
            Err(Error::new(ErrorKind::Usage, "not a set of ports: BEFORE;AFTER, for example FF;12,10,16"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_ports_without_pcui_is_refused() {
        for (command, kind) in [
            ("AT^SETPORT=\"FF;10,16\"", Some(ErrorKind::LocksOut)),
            ("at^setport=\"a1;10\"", Some(ErrorKind::LocksOut)),
            ("AT ^setport = \"FF;16\"", Some(ErrorKind::LocksOut)),
            ("AT+CSQ;^SETPORT=\"FF;16\"", Some(ErrorKind::LocksOut)),
            ("AT^SETPORT=nonsense", Some(ErrorKind::Usage)),
            ("AT^SETPORT=\"FF;12,16\"", None),
            ("AT^SETPORT?", None),
            ("AT^SETPORT=?", None),
            ("AT+CSQ", None),
        ] {
            assert_eq!(keeps_a_way_in(command).err().map(|e| e.kind()), kind, "{command}");
        }
    }
}
