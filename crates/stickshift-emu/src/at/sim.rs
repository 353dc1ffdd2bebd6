//! The SIM over AT (docs/protocols/hilink-at.md section 3.5).

use crate::at::command::{AtAnswer, Call, CommandResult, CommandRow, Knows};
use crate::at::identification::kept_away;
use crate::modem::sim::{Refused, SimState};

pub(super) const ROWS: &[CommandRow] = &[
    ("+CPIN?", Knows::Every, |call| match state(call) {
        SimState::Ready => AtAnswer::line("+CPIN: READY").into(),
        SimState::Pin => AtAnswer::line("+CPIN: SIM PIN").into(),
        SimState::Puk => AtAnswer::line("+CPIN: SIM PUK").into(),
        SimState::Absent => AtAnswer::Cme(10).into(),
        SimState::Busy => AtAnswer::Cme(14).into(),
        SimState::Dead => AtAnswer::Cme(13).into(),
    }),
    ("+CPIN=", Knows::Every, |call| {
        let (fields, now) = (call.fields(), call.now);
        let sim = &mut call.modem.sim;
        answer(match fields.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [pin] => sim.enter(now, pin),
            [puk, pin] => sim.unblock(now, puk, pin),
            _ => return AtAnswer::Cme(50).into(),
        })
    }),
    ("^CPIN?", Knows::Every, counters),
    ("+CLCK=", Knows::Every, lock),
    ("+CPWD=", Knows::Every, |call| {
        let fields = call.fields();
        let [what, old, new] = &fields[..] else { return AtAnswer::Cme(50).into() };
        if what != "SC" {
            return AtAnswer::Cme(4).into();
        }
        answer(call.modem.sim.change(call.now, old, new))
    }),
    ("+CIMI", Knows::Every, |call| when_ready(call, || AtAnswer::line(call.modem.imsi()).into())),
    ("^ICCID?", Knows::Lte, |call| match state(call) {
        SimState::Absent => AtAnswer::Cme(10).into(),
        SimState::Busy => AtAnswer::Cme(14).into(),
        _ => AtAnswer::line(format!("^ICCID: {}F", call.modem.iccid())).into(),
    }),
    ("+CRSM=", Knows::Every, read_file),
];

/// `AT+CRSM=176,FILE,0,0,BYTES` reads a file of the SIM (3GPP TS 27.007 section 8.18); other instructions are not allowed.
fn read_file(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let iccid = call.modem.iccid();
    when_ready(call, || {
        // Status words of ETSI TS 102 221 section 10.2: done, no such file, no such instruction.
        let told = match fields.iter().take(2).map(String::as_str).collect::<Vec<_>>()[..] {
            // EF-ICCID: each byte holds two digits, the first one in its lower half.
            ["176", "12258"] => format!("144,0,\"{}\"", swapped(&format!("{iccid}F"))),
            // EF-AD: an ordinary SIM whose network code has two digits.
            ["176", "28589"] => "144,0,\"00000002\"".to_owned(),
            ["176", _] => "106,130".to_owned(),
            _ => "109,0".to_owned(),
        };
        AtAnswer::line(format!("+CRSM: {told}")).into()
    })
}

fn swapped(digits: &str) -> String {
    digits.as_bytes().chunks(2).flat_map(|pair| pair.iter().rev().map(|&digit| char::from(digit))).collect()
}

/// HiLink firmware says that there is no SIM: the router has it.
pub(super) fn state(call: &Call<'_>) -> SimState {
    if kept_away(call) { SimState::Absent } else { call.modem.sim.state(call.now) }
}

/// What the SIM wants first.
pub(super) fn hindrance(call: &Call<'_>) -> Option<AtAnswer> {
    Some(match state(call) {
        SimState::Ready => return None,
        SimState::Absent => AtAnswer::Cme(10),
        SimState::Busy => AtAnswer::Cme(14),
        SimState::Pin => AtAnswer::Cme(11),
        SimState::Puk => AtAnswer::Cme(12),
        SimState::Dead => AtAnswer::Cme(13),
    })
}

/// Does it, or says what the SIM wants first.
pub(super) fn when_ready(call: &Call<'_>, act: impl FnOnce() -> CommandResult) -> CommandResult {
    hindrance(call).map_or_else(act, CommandResult::from)
}

fn answer(done: Result<(), Refused>) -> CommandResult {
    match done {
        Ok(()) => AtAnswer::ok(),
        Err(Refused::Absent) => AtAnswer::Cme(10),
        Err(Refused::Busy) => AtAnswer::Cme(14),
        Err(Refused::Wrong) => AtAnswer::Cme(16),
        Err(Refused::NotAllowed) => AtAnswer::Cme(3),
        Err(Refused::WantsPuk) => AtAnswer::Cme(12),
        Err(Refused::Dead) => AtAnswer::Cme(13),
    }
    .into()
}

/// `^CPIN: <code>,[tries for it],<puk>,<pin>,<puk2>,<pin2>`.
fn counters(call: &mut Call<'_>) -> CommandResult {
    let (pin, puk) = (call.modem.sim.pin_tries, call.modem.sim.puk_tries);
    let (word, tries) = match state(call) {
        SimState::Ready => ("READY", String::new()),
        SimState::Pin => ("SIM PIN", pin.to_string()),
        SimState::Puk => ("SIM PUK", puk.to_string()),
        SimState::Absent => return AtAnswer::Cme(10).into(),
        SimState::Busy => return AtAnswer::Cme(14).into(),
        SimState::Dead => return AtAnswer::Cme(13).into(),
    };
    AtAnswer::line(format!("^CPIN: {word},{tries},{puk},{pin},10,3")).into()
}

/// `AT+CLCK="SC",<0 off, 1 on, 2 which>[,"pin"]`.
fn lock(call: &mut Call<'_>) -> CommandResult {
    let fields = call.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    match fields[..] {
        ["SC", "2"] => {
            let on = call.modem.sim.enabled;
            when_ready(call, || AtAnswer::line(format!("+CLCK: {}", u8::from(on))).into())
        }
        ["SC", on @ ("0" | "1"), pin] => answer(call.modem.sim.enable(call.now, on == "1", pin)),
        ["SC", ..] => AtAnswer::Cme(50).into(),
        _ => AtAnswer::Cme(4).into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::at::tests::Rig;
    use crate::modem::Modem;
    use crate::sticks::huawei::HuaweiOptions;

    #[test]
    fn a_pin_is_asked_for_counted_and_given() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT+CPIN?"), "+CPIN: READY OK");
        assert_eq!(rig.ask("AT^CPIN?"), "^CPIN: READY,,10,3,10,3 OK");
        assert_eq!(rig.ask("AT+CPIN=\"1234\""), "+CME ERROR: 3");
        rig.modem = Modem::new("").with_pin();
        assert_eq!(rig.ask("AT+CPIN?"), "+CPIN: SIM PIN OK");
        assert_eq!(rig.ask("AT+CIMI"), "+CME ERROR: 11");
        assert_eq!(rig.ask("AT+CUSD=1,\"*100#\",15"), "+CME ERROR: 11");
        assert_eq!(rig.ask("AT+CPIN=\"0000\""), "+CME ERROR: 16");
        assert_eq!(rig.ask("AT^CPIN?"), "^CPIN: SIM PIN,2,10,2,10,3 OK");
        rig.ask("AT+CPIN=0000");
        assert_eq!(rig.ask("AT+CPIN=0000"), "+CME ERROR: 12");
        assert_eq!(rig.ask("AT^CPIN?"), "^CPIN: SIM PUK,10,10,0,10,3 OK");
        assert_eq!(rig.ask("AT+CPIN=\"12345678\",\"4321\""), "OK");
        assert_eq!(rig.ask("AT+CIMI"), "001010000000001 OK");
        assert_eq!(rig.ask("AT+CRSM=176,12258,0,0,10"), "+CRSM: 144,0,\"980000000000000000F1\" OK");
        assert_eq!(rig.ask("AT+CRSM=176,28486,0,0,17"), "+CRSM: 106,130 OK");
        assert_eq!(rig.ask("AT+CLCK=\"SC\",2"), "+CLCK: 1 OK");
        assert_eq!(rig.ask("AT+CPWD=\"SC\",\"4321\",\"1111\""), "OK");
        assert_eq!(rig.ask("AT+CLCK=\"SC\",0,\"4321\""), "+CME ERROR: 16");
        assert_eq!(rig.ask("AT+CLCK=\"SC\",0,\"1111\""), "OK");
    }

    #[test]
    fn no_sim_and_someone_elses() {
        let mut rig = Rig::new();
        rig.modem = Modem::new("").without_sim();
        assert_eq!(rig.ask("AT+CPIN?"), "+CME ERROR: 10");
        assert_eq!(Rig::with(HuaweiOptions::hilink().identity()).ask("AT+CPIN?"), "+CME ERROR: 10");
    }
}
