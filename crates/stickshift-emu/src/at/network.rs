//! The network over AT (docs/protocols/hilink-at.md section 3.5).

use std::time::Duration;

use crate::at::command::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::at::identification::kept_away;
use crate::at::sim::when_ready;
use crate::modem::radio::NETWORKS;

pub(super) const ROWS: &[CommandRow] = &[
    ("+CFUN?", Knows::Every, |call| AtAnswer::line(format!("+CFUN: {}", call.modem.radio.function)).into()),
    ("+CFUN=", Knows::Every, |call| match call.arguments.parse() {
        Ok(function @ (0 | 1 | 4 | 7)) => {
            call.modem.radio.function = function;
            CommandResult::from(AtAnswer::ok()).after(Duration::from_secs(1))
        }
        _ => AtAnswer::Cme(50).into(),
    }),
    ("+CSQ", Knows::Every, |call| {
        AtAnswer::line(if hears(call) { "+CSQ: 20,99" } else { "+CSQ: 99,99" }).into()
    }),
    ("^HCSQ?", Knows::Lte, |call| {
        AtAnswer::line(if hears(call) { "^HCSQ:\"LTE\",30,19,66,0" } else { "^HCSQ:\"NOSERVICE\"" }).into()
    }),
    ("+CREG=", Knows::Every, |call| set_registration(call, 0)),
    ("+CGREG=", Knows::Every, |call| set_registration(call, 1)),
    ("+CEREG=", Knows::Lte, |call| set_registration(call, 2)),
    ("+CREG?", Knows::Every, |call| registration(call, 0, "+CREG")),
    ("+CGREG?", Knows::Every, |call| registration(call, 1, "+CGREG")),
    ("+CEREG?", Knows::Lte, |call| registration(call, 2, "+CEREG")),
    ("+COPS?", Knows::Every, |call| {
        if !is_registered(call) {
            return AtAnswer::line("+COPS: 0").into();
        }
        let (mode, (long, _, number)) = (u8::from(call.modem.radio.manual), call.modem.radio.operator);
        let (format, name) = if call.port.network_numbers { (2, number) } else { (0, long) };
        AtAnswer::line(format!("+COPS: {mode},{format},\"{name}\",{}", technology(call))).into()
    }),
    ("+COPS=?", Knows::Every, |call| {
        let one = |(state, long, short, number, technology): &(u8, &str, &str, &str, u8)| {
            format!("({state},\"{long}\",\"{short}\",\"{number}\",{technology})")
        };
        let all: Vec<String> = NETWORKS.iter().map(one).collect();
        let line = format!("+COPS: {},,(0,1,2,3,4),(0,1,2)", all.join(","));
        when_ready(call, || CommandResult::from(AtAnswer::line(line)).after(Duration::from_secs(40)))
    }),
    ("+COPS=", Knows::Every, choose_operator),
    ("^SYSINFOEX", Knows::Lte, |call| {
        let sim = sim_state(call);
        let line = match (hears(call), status(call)) {
            (true, 1) => format!("^SYSINFOEX:2,3,0,{sim},,6,\"LTE\",101,\"LTE\""),
            (true, 5) => format!("^SYSINFOEX:2,3,1,{sim},,6,\"LTE\",101,\"LTE\""),
            // Emergency calls alone.
            (true, 3) => format!("^SYSINFOEX:1,0,0,{sim},,6,\"LTE\",101,\"LTE\""),
            _ => format!("^SYSINFOEX:0,0,0,{sim},,0,\"NO SERVICE\",0,\"NO SERVICE\""),
        };
        AtAnswer::line(line).into()
    }),
    ("^SYSINFO", Knows::Umts, |call| {
        AtAnswer::line(match status(call) {
            1 => "^SYSINFO:2,3,0,5,1,,4",
            5 => "^SYSINFO:2,3,1,5,1,,4",
            3 => "^SYSINFO:1,0,0,5,1,,4",
            _ => "^SYSINFO:0,0,0,0,255,,0",
        })
        .into()
    }),
    ("^SYSCFGEX?", Knows::Lte, |call| {
        let radio = &call.modem.radio;
        let (order, bands, roaming) = (&radio.order, &radio.bands, radio.roaming);
        let (domain, lte) = (radio.domain, &radio.lte_bands);
        AtAnswer::line(format!("^SYSCFGEX:\"{order}\",{bands},{roaming},{domain},{lte}")).into()
    }),
    ("^SYSCFGEX=?", Knows::Lte, |_| {
        AtAnswer::line(
            "^SYSCFGEX: (\"00\",\"03\",\"02\",\"01\",\"99\"),((400380,\"GSM900/GSM1800/WCDMA2100\"),\
             (3fffffff,\"All bands\")),(0-2),(0-4),\
             ((800c5,\"LTE2100/LTE1800/LTE2600/LTE900/LTE800\"),(7fffffffffffffff,\"All bands\"))",
        )
        .into()
    }),
    ("^SYSCFGEX=", Knows::Lte, configure),
    ("^SYSCFG?", Knows::Umts, |call| {
        let (mode, order) = call.modem.radio.old_mode;
        let (bands, roaming, domain) =
            (&call.modem.radio.bands, call.modem.radio.roaming, call.modem.radio.domain);
        AtAnswer::line(format!("^SYSCFG:{mode},{order},{bands},{roaming},{domain}")).into()
    }),
    ("^SYSCFG=?", Knows::Umts, |_| {
        AtAnswer::line(
            "^SYSCFG: (2,13,14,16),(0-3),((400380,\"GSM900/GSM1800/WCDMA2100\"),(3fffffff,\"All bands\")),(0-2),(0-4)",
        )
        .into()
    }),
    ("^SYSCFG=", Knows::Umts, |call| {
        let fields = call.fields();
        let numbers: Vec<u8> = [0, 1, 3, 4].iter().filter_map(|&i| fields.get(i)?.parse().ok()).collect();
        let [mode @ (2 | 13 | 14 | 16), order @ 0..=3, roaming @ 0..=2, domain @ 0..=4] = numbers[..] else {
            return AtAnswer::Cme(50).into();
        };
        let radio = &mut call.modem.radio;
        radio.old_mode.0 = if mode == 16 { radio.old_mode.0 } else { mode };
        radio.old_mode.1 = if order == 3 { radio.old_mode.1 } else { order };
        (radio.roaming, radio.domain) = (roaming, domain);
        CommandResult::from(AtAnswer::ok()).after(Duration::from_secs(3))
    }),
    ("^RFSWITCH?", Knows::Lte, |_| AtAnswer::line("^RFSWITCH:1,1").into()),
    ("^CERSSI?", Knows::Lte, |_| AtAnswer::line("^CERSSI:0,255,0,255,255,-122,-20,-91,-7,0,0").into()),
    ("^PLMN?", Knows::Lte, |call| when_ready(call, || AtAnswer::line("^PLMN: 208,01").into())),
];

/// Some network is heard: the radio is on, and the SIM is ready and not the router's.
fn hears(call: &Call<'_>) -> bool {
    !matches!(status(call), 0 | 2)
}

/// As `AT+CREG?` counts; nothing where the SIM is the router's.
fn status(call: &Call<'_>) -> u8 {
    if kept_away(call) { 0 } else { call.modem.registration(call.now) }
}

/// It is in a network, at home or abroad.
pub(super) fn is_registered(call: &Call<'_>) -> bool {
    matches!(status(call), 1 | 5)
}

/// The same, and its owner allows data there.
pub(super) fn may_connect(call: &Call<'_>) -> bool {
    !kept_away(call) && call.modem.may_connect(call.now, call.modem.radio.roaming == 1)
}

fn sim_state(call: &Call<'_>) -> u8 {
    if !call.modem.sim.present || kept_away(call) { 255 } else { u8::from(call.modem.sim.is_ready(call.now)) }
}

/// As in `+COPS`: LTE on sticks that have it.
fn technology(call: &Call<'_>) -> u8 {
    match call.id.dialect {
        crate::identity::Dialect::Lte => 7,
        crate::identity::Dialect::Umts => 2,
    }
}

fn set_registration(call: &mut Call<'_>, which: usize) -> CommandResult {
    match call.arguments.parse() {
        Ok(level @ 0..=2) => {
            call.port.registration[which] = level;
            AtAnswer::ok().into()
        }
        _ => AtAnswer::Cme(50).into(),
    }
}

/// Never with the access technology, whatever the standard says: these sticks leave it out.
fn registration(call: &mut Call<'_>, which: usize, name: &str) -> CommandResult {
    let level = call.port.registration[which];
    let status = status(call);
    let place = if level == 2 && matches!(status, 1 | 5) { ",\"A12F\",\"0003A1B2\"" } else { "" };
    AtAnswer::line(format!("{name}: {level},{status}{place}")).into()
}

/// `AT+COPS=0`, `AT+COPS=1,2,"20801",7`, `AT+COPS=3,2`.
fn choose_operator(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    match fields[..] {
        ["0", ..] => call.modem.radio.manual = false,
        ["3", format] => {
            call.port.network_numbers = format == "2";
            return AtAnswer::ok().into();
        }
        ["1", "2", number, ..] => {
            match NETWORKS.iter().find(|n| n.3 == number) {
                None => return CommandResult::from(AtAnswer::Cme(30)).after(Duration::from_secs(20)),
                Some((3, ..)) => {
                    return CommandResult::from(AtAnswer::Cme(32)).after(Duration::from_secs(20));
                }
                Some(&(_, long, short, number, _)) => call.modem.radio.operator = (long, short, number),
            }
            call.modem.radio.manual = true;
        }
        _ => return AtAnswer::Cme(50).into(),
    }
    CommandResult::from(AtAnswer::ok()).after(Duration::from_secs(5))
}

/// `AT^SYSCFGEX="030201",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,`: the two commas at the end are needed.
fn configure(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let [order, bands, roaming, domain, lte, "", ""] = fields[..] else { return AtAnswer::Cme(50).into() };
    let pairs = || order.as_bytes().chunks(2);
    let known = pairs().all(|pair| matches!(pair, b"00" | b"01" | b"02" | b"03" | b"99"));
    let numbers = [bands, lte].iter().all(|text| u64::from_str_radix(text, 16).is_ok());
    let (Ok(roaming @ 0..=2), Ok(domain @ 0..=4)) = (roaming.parse::<u8>(), domain.parse::<u8>()) else {
        return AtAnswer::Cme(50).into();
    };
    if order.is_empty() || !known || !numbers {
        return AtAnswer::Cme(50).into();
    }
    let radio = &mut call.modem.radio;
    if order != "99" {
        order.clone_into(&mut radio.order);
    }
    for (text, kept) in [(bands, &mut radio.bands), (lte, &mut radio.lte_bands)] {
        // 40000000 keeps what there is.
        if u64::from_str_radix(text, 16) != Ok(0x4000_0000) {
            *kept = text.to_ascii_uppercase();
        }
    }
    radio.roaming = if roaming == 2 { radio.roaming } else { roaming };
    radio.domain = if domain == 4 { radio.domain } else { domain };
    CommandResult::from(AtAnswer::ok()).after(Duration::from_secs(6))
}

#[cfg(test)]
mod tests {
    use crate::at::tests::Rig;

    #[test]
    fn registration_and_operator() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT+CREG?"), "+CREG: 0,1 OK");
        assert_eq!(rig.ask("AT+CREG=2"), "OK");
        assert_eq!(rig.ask("AT+CREG?"), "+CREG: 2,1,\"A12F\",\"0003A1B2\" OK");
        assert_eq!(rig.ask("AT+CEREG?"), "+CEREG: 0,1 OK");
        assert_eq!(rig.ask("AT+COPS?"), "+COPS: 0,0,\"Orange\",7 OK");
        assert_eq!(rig.ask("AT+COPS=1,2,\"20820\",7"), "OK");
        assert!(rig.ask("AT+COPS?").starts_with("+COPS: 1,0,\"Bouygues Telecom\",7"));
        assert_eq!(rig.ask("AT+COPS=1,2,\"20810\""), "+CME ERROR: 32");
        assert_eq!(rig.ask("AT+CFUN=4"), "OK");
        assert_eq!(rig.ask("AT+CREG?"), "+CREG: 2,0 OK");
        assert_eq!(rig.ask("AT^HCSQ?"), "^HCSQ:\"NOSERVICE\" OK");
    }

    #[test]
    fn the_system_is_configured_with_all_its_commas() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT^SYSCFGEX?"), "^SYSCFGEX:\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF OK");
        assert_eq!(rig.ask("AT^SYSCFGEX=\"0302\",40000000,2,4,800c5,,"), "OK");
        assert_eq!(rig.ask("AT^SYSCFGEX?"), "^SYSCFGEX:\"0302\",3FFFFFFF,1,2,800C5 OK");
        for bad in ["\"03\",3FFFFFFF,1,2,800c5", "\"0\",1,1,1,1,,", "\"07\",1,1,1,1,,", "\"03\",x,1,1,1,,"] {
            assert_eq!(rig.ask(&format!("AT^SYSCFGEX={bad}")), "+CME ERROR: 50", "{bad}");
        }
    }
}
