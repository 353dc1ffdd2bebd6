//! Modes and ports (docs/protocols/hilink-at.md section 3.4).

use std::time::Duration;

use crate::at::command::{AtAnswer, AtEffect, Call, CommandResult, CommandRow, Knows};
use crate::identity::Dialect;

/// Port codes with their names, as LTE sticks list them.
const LTE_PORTS: &[(&str, &str)] = &[
    ("3", "3G DIAG"),
    ("10", "4G MODEM"),
    ("1", "3G MODEM"),
    ("12", "4G PCUI"),
    ("13", "4G DIAG"),
    ("5", "3G GPS"),
    ("14", "4G GPS"),
    ("A", "BLUE TOOTH"),
    ("16", "NCM"),
    ("A1", "CDROM"),
    ("A2", "SD"),
];

/// The same of 3G sticks.
const UMTS_PORTS: &[(&str, &str)] = &[
    ("1", "MODEM"),
    ("2", "PCUI"),
    ("3", "DIAG"),
    ("4", "PCSC"),
    ("5", "GPS"),
    ("6", "GPS CONTROL"),
    ("16", "NCM"),
    ("A1", "CDROM"),
    ("A2", "SD"),
];

pub(super) const ROWS: &[CommandRow] = &[
    ("^SETPORT?", Knows::Every, |call| AtAnswer::line(format!("^SETPORT:{}", call.modem.ports)).into()),
    ("^SETPORT=?", Knows::Every, |call| {
        let line = |(code, name): &(&str, &str)| format!("^SETPORT:{code}: {name}");
        AtAnswer::Lines(known_ports(call).iter().map(line).collect()).into()
    }),
    ("^SETPORT=", Knows::Every, set_ports),
    ("^U2DIAG?", Knows::Umts, |call| AtAnswer::line(format!("^U2DIAG:{}", call.modem.u2diag)).into()),
    ("^U2DIAG=", Knows::Umts, |call| match call.arguments.parse() {
        Ok(value @ (0 | 1 | 255 | 256 | 257 | 276)) => {
            call.modem.u2diag = value;
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Error.into(),
    }),
    ("^GETPORTMODE", Knows::Every, port_mode),
    ("^PORTSEL=", Knows::Every, |_| AtAnswer::ok().into()),
    ("^DATALOCK=", Knows::Every, |call| {
        let code = call.fields().concat();
        match &call.modem.datalock {
            Some(wanted) if *wanted != code => AtAnswer::Cme(16).into(),
            _ => {
                call.modem.datalock = None;
                AtAnswer::ok().into()
            }
        }
    }),
    ("^SFM=", Knows::Lte, |call| match call.arguments {
        "0" | "1" => AtAnswer::ok().into(),
        _ => AtAnswer::Error.into(),
    }),
    ("^GODLOAD", Knows::Every, |call| {
        if call.id.gate_closed {
            return AtAnswer::Error.into();
        }
        CommandResult { then: AtEffect::Download, ..AtAnswer::ok().into() }
    }),
    ("^RESET", Knows::Every, |_| CommandResult { then: AtEffect::Reset, ..AtAnswer::ok().into() }),
    ("+CFUN=1,1", Knows::Every, |_| CommandResult { then: AtEffect::Reset, ..AtAnswer::ok().into() }),
    ("^NVRDEX=", Knows::Lte, read_nv),
];

fn known_ports(call: &Call<'_>) -> &'static [(&'static str, &'static str)] {
    match call.id.dialect {
        Dialect::Lte => LTE_PORTS,
        Dialect::Umts => UMTS_PORTS,
    }
}

/// The stick takes what it knows, a set without a PCUI port, too: whoever sets that is locked out.
fn set_ports(call: &mut Call<'_>) -> CommandResult {
    if call.modem.datalock.is_some() {
        return AtAnswer::Error.into();
    }
    let set = call.arguments.trim().trim_matches('"').to_ascii_uppercase();
    let known = |code: &str| code == "FF" || known_ports(call).iter().any(|(known, _)| *known == code);
    let halves: Vec<&str> = set.split(';').collect();
    if halves.len() != 2 || !halves.iter().all(|half| half.split(',').all(known)) {
        return AtAnswer::Error.into();
    }
    call.modem.ports = set;
    CommandResult::from(AtAnswer::ok()).after(Duration::from_millis(500))
}

fn port_mode(call: &mut Call<'_>) -> CommandResult {
    if call.id.hilink {
        return AtAnswer::line("^GETPORTMODE: TYPE: WCDMA: huawei,,ecm:0,pcui:2,4g_diag:3").into();
    }
    let shown = call.modem.ports.split(';').next_back().unwrap_or_default();
    let mut masses = ["mass", "mass_two"].into_iter();
    let names = shown.split(',').map(|code| match (code, call.id.dialect) {
        ("2", Dialect::Umts) => "PCUI",
        ("1", Dialect::Umts) => "MDM",
        ("3", Dialect::Umts) => "DIAG",
        ("A1", Dialect::Umts) => "CDROM",
        ("A2", Dialect::Umts) => "SD",
        ("2" | "12", _) => "pcui",
        ("1" | "10", _) => "modem",
        ("3", _) => "3g_diag",
        ("13", _) => "4g_diag",
        ("16", _) => "ncm",
        ("A1" | "A2", _) => masses.next().unwrap_or("mass"),
        _ => "gps",
    });
    let list: Vec<String> = names.enumerate().map(|(number, name)| format!("{name}:{number}")).collect();
    let gap = if call.id.dialect == Dialect::Umts { "" } else { "," };
    AtAnswer::line(format!("^GETPORTMODE: TYPE: WCDMA: huawei,{gap}{}", list.join(","))).into()
}

/// `AT^NVRDEX=<item>,<offset>,<length>`; one item is there.
fn read_nv(call: &mut Call<'_>) -> CommandResult {
    let numbers: Vec<usize> = call.fields().iter().filter_map(|f| f.parse().ok()).collect();
    let [50502, offset, length] = numbers[..] else { return AtAnswer::Cme(50).into() };
    if call.id.hilink || offset.checked_add(length).is_none_or(|end| end > 128) {
        return AtAnswer::Cme(50).into();
    }
    let bytes: Vec<String> = (offset..offset + length).map(|at| format!("{:02X}", at * 37 % 256)).collect();
    AtAnswer::line(format!("^NVRDEX: 50502,{offset},{length},{}", bytes.join(" "))).into()
}

#[cfg(test)]
mod tests {
    use crate::at::tests::Rig;
    use crate::firmware::memory::{Firmware, FirmwareKind};
    use crate::modem::Modem;
    use crate::sticks::hardware::Hardware;
    use crate::sticks::huawei::HuaweiOptions;

    #[test]
    fn ports_are_set_shown_and_locked() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT^SETPORT?"), "^SETPORT:A1,A2;12,1,16,A1,A2 OK");
        assert_eq!(rig.ask("AT^SETPORT=\"FF;12,10,16\""), "OK");
        assert_eq!(rig.ask("AT^SETPORT?"), "^SETPORT:FF;12,10,16 OK");
        assert_eq!(rig.ask("AT^GETPORTMODE"), "^GETPORTMODE: TYPE: WCDMA: huawei,,pcui:0,modem:1,ncm:2 OK");
        for bad in ["", "FF", "FF;99", "FF;12;16", "FF;12,"] {
            assert_eq!(rig.ask(&format!("AT^SETPORT=\"{bad}\"")), "ERROR", "{bad}");
        }
        rig.modem = Modem::new("FF;12").with_datalock("12345678");
        assert_eq!(rig.ask("AT^SETPORT=\"FF;12\""), "ERROR");
        assert_eq!(rig.ask("AT^DATALOCK=\"00000000\""), "+CME ERROR: 16");
        assert_eq!(rig.ask("AT^DATALOCK=\"12345678\""), "OK");
        assert_eq!(rig.ask("AT^SETPORT=\"FF;12\""), "OK");
    }

    #[test]
    fn old_and_new_ways() {
        assert_eq!(Rig::new().ask("AT^U2DIAG=0"), "ERROR");
        let mut old =
            Rig::with(Hardware::k3772().identity(&Firmware::new(FirmwareKind::Stick, "11", ""), true));
        assert_eq!(old.ask("AT^U2DIAG=0"), "OK");
        assert_eq!(old.ask("AT^U2DIAG?"), "^U2DIAG:0 OK");
        assert!(old.ask("AT^SETPORT=?").contains("^SETPORT:6: GPS CONTROL"));
        assert!(old.ask("AT^GETPORTMODE").contains("huawei,MDM:0,DIAG:1,PCUI:2,CDROM:3,SD:4"));
    }

    #[test]
    fn nv_items_are_read() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT^NVRDEX=50502,0,4"), "^NVRDEX: 50502,0,4,00 25 4A 6F OK");
        assert_eq!(rig.ask("AT^NVRDEX=50502,127,2"), "+CME ERROR: 50");
        assert_eq!(rig.ask("AT^NVRDEX=1,0,1"), "+CME ERROR: 50");
        assert_eq!(
            Rig::with(HuaweiOptions::hilink().identity()).ask("AT^NVRDEX=50502,0,4"),
            "+CME ERROR: 50"
        );
    }
}
