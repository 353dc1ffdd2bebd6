//! Which command leads where (docs/protocols/hilink-at.md sections 3.3 to 3.9).

use crate::at::command::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::at::{composition, data, identification, network, sim, sms};
use crate::identity::Dialect;
use crate::modem::Modem;

const GENERAL: &[CommandRow] = &[
    ("", Knows::Every, |_| AtAnswer::ok().into()),
    ("Z", Knows::Every, |_| AtAnswer::ok().into()),
    ("&F", Knows::Every, |_| AtAnswer::ok().into()),
    ("E", Knows::Every, |call| echo(call, false)),
    ("E0", Knows::Every, |call| echo(call, false)),
    ("E1", Knows::Every, |call| echo(call, true)),
    ("V0", Knows::Every, |call| verbose(call, false)),
    ("V1", Knows::Every, |call| verbose(call, true)),
    ("Q0V1", Knows::Every, |call| verbose(call, true)),
    ("Q0", Knows::Every, |_| AtAnswer::ok().into()),
    ("S0=0", Knows::Every, |_| AtAnswer::ok().into()),
    ("+CMEE=", Knows::Every, |call| match call.arguments.parse() {
        Ok(level @ 0..=2) => {
            call.port.cmee = level;
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Cme(50).into(),
    }),
    ("+CMEE?", Knows::Every, |call| AtAnswer::line(format!("+CMEE: {}", call.port.cmee)).into()),
    ("^CURC=", Knows::Every, |call| {
        call.port.reports = !call.arguments.starts_with('0');
        AtAnswer::ok().into()
    }),
    ("^CURC?", Knows::Every, |call| AtAnswer::line(format!("^CURC: {}", u8::from(call.port.reports))).into()),
    ("+CLAC", Knows::Every, |call| {
        let known = rows().filter(|(_, knows, _)| knows.fits(call.id.dialect));
        AtAnswer::Lines(known.map(|(name, ..)| format!("AT{}", name.trim_end_matches(['=', '?']))).collect())
            .into()
    }),
];

impl Knows {
    fn fits(self, dialect: Dialect) -> bool {
        match self {
            Knows::Every => true,
            Knows::Lte => dialect == Dialect::Lte,
            Knows::Umts => dialect == Dialect::Umts,
        }
    }
}

fn rows() -> impl Iterator<Item = &'static CommandRow> {
    [GENERAL, identification::ROWS, composition::ROWS, sim::ROWS, network::ROWS, data::ROWS, sms::ROWS]
        .into_iter()
        .flatten()
}

/// Runs what follows `AT`. A whole command comes before one with arguments.
pub(crate) fn run<'a>(command: &'a str, mut call: Call<'a>) -> CommandResult {
    let name = command.to_ascii_uppercase();
    let dialect = call.id.dialect;
    let known = || rows().filter(|(_, knows, _)| knows.fits(dialect));
    if let Some((.., handler)) = known().find(|(row, ..)| *row == name) {
        return handler(&mut call);
    }
    let with_arguments = |row: &str| row.ends_with('=') && name.starts_with(row);
    let Some((row, _, handler)) = known().find(|(row, ..)| with_arguments(row)) else {
        return match command.as_bytes() {
            [b'D' | b'd', number @ ..] => data::dial(&mut call, number),
            _ => AtAnswer::Unknown.into(),
        };
    };
    call.arguments = &command[row.len()..];
    handler(&mut call)
}

/// The text that followed a prompt.
pub(crate) fn message(octets: usize, text: &[u8], modem: &mut Modem) -> CommandResult {
    sms::send(octets, text, modem)
}

fn echo(call: &mut Call<'_>, on: bool) -> CommandResult {
    call.port.echo = on;
    AtAnswer::ok().into()
}

fn verbose(call: &mut Call<'_>, on: bool) -> CommandResult {
    call.port.verbose = on;
    AtAnswer::ok().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::at::tests::Rig;
    use crate::firmware::memory::{Firmware, FirmwareKind};
    use crate::sticks::hardware::Hardware;

    #[test]
    fn every_command_is_there_once() {
        for dialect in [Dialect::Lte, Dialect::Umts] {
            let mut seen = BTreeSet::new();
            for (name, knows, _) in rows() {
                assert!(!knows.fits(dialect) || seen.insert(name), "{name} twice");
                assert_eq!(*name, name.to_ascii_uppercase());
            }
        }
    }

    #[test]
    fn a_3g_stick_refuses_in_its_own_words() {
        let id = Hardware::k3772().identity(&Firmware::new(FirmwareKind::Stick, "11.810.05.00.11", ""), true);
        let mut rig = Rig::with(id);
        for command in ["AT^HCSQ?", "AT^SYSINFOEX", "AT^SYSCFGEX?", "AT^NOSUCH", "AT+CEREG?"] {
            assert_eq!(rig.ask(command), "COMMAND NOT SUPPORT", "{command}");
        }
        assert_eq!(rig.ask("AT^SYSINFO"), "^SYSINFO:2,3,0,5,1,,4 OK");
        assert_eq!(Rig::new().ask("AT^SYSINFO"), "ERROR");
    }

    #[test]
    fn whatever_comes_is_answered_without_a_panic() {
        let mut rig = Rig::new();
        for (name, ..) in rows() {
            for tail in
                ["", "\"", ",,,,,,,", "1,1,1,1,1,1,1,1", "99999999999999999999", "-1", "é\u{1a}\u{1b}"]
            {
                if !name.starts_with('E') {
                    rig.ask(&format!("AT{name}{tail}"));
                    rig.bytes(b"\x1b\r");
                    rig.bytes(b"+++");
                }
            }
        }
        rig.ask("ATE0");
        assert_eq!(rig.ask("ATV1"), "OK");
    }
}
