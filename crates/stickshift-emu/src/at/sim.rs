//! The SIM over AT (docs/protocols/hilink-at.md section 3.5).

use crate::at::identification::kept_away;
use crate::at::{Call, Knows, Outcome, Row, Said};
use crate::modem::sim::{Refused, State};

pub(super) const ROWS: &[Row] = &[
    ("+CPIN?", Knows::Every, |call| match state(call) {
        State::Ready => Said::line("+CPIN: READY").into(),
        State::Pin => Said::line("+CPIN: SIM PIN").into(),
        State::Puk => Said::line("+CPIN: SIM PUK").into(),
        State::Absent => Said::Cme(10).into(),
        State::Busy => Said::Cme(14).into(),
        State::Dead => Said::Cme(13).into(),
    }),
    ("+CPIN=", Knows::Every, |call| {
        let (fields, now) = (call.fields(), call.now);
        let sim = &mut call.modem.sim;
        answer(match fields.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [pin] => sim.enter(now, pin),
            [puk, pin] => sim.unblock(now, puk, pin),
            _ => return Said::Cme(50).into(),
        })
    }),
    ("^CPIN?", Knows::Every, counters),
    ("+CLCK=", Knows::Every, lock),
    ("+CPWD=", Knows::Every, |call| {
        let fields = call.fields();
        let [what, old, new] = &fields[..] else { return Said::Cme(50).into() };
        if what != "SC" {
            return Said::Cme(4).into();
        }
        answer(call.modem.sim.change(call.now, old, new))
    }),
    ("+CIMI", Knows::Every, |call| when_ready(call, || Said::line("001010000000001").into())),
    ("^ICCID?", Knows::Lte, |call| match state(call) {
        State::Absent => Said::Cme(10).into(),
        State::Busy => Said::Cme(14).into(),
        _ => Said::line("^ICCID: 8900000000000000001F").into(),
    }),
];

/// HiLink firmware says that there is no SIM: the router has it.
fn state(call: &Call<'_>) -> State {
    if kept_away(call) { State::Absent } else { call.modem.sim.state(call.now) }
}

/// Does it, or says what the SIM wants first.
pub(super) fn when_ready(call: &Call<'_>, act: impl FnOnce() -> Outcome) -> Outcome {
    match state(call) {
        State::Ready => act(),
        State::Absent => Said::Cme(10).into(),
        State::Busy => Said::Cme(14).into(),
        State::Pin => Said::Cme(11).into(),
        State::Puk => Said::Cme(12).into(),
        State::Dead => Said::Cme(13).into(),
    }
}

fn answer(done: Result<(), Refused>) -> Outcome {
    match done {
        Ok(()) => Said::ok(),
        Err(Refused::Absent) => Said::Cme(10),
        Err(Refused::Busy) => Said::Cme(14),
        Err(Refused::Wrong) => Said::Cme(16),
        Err(Refused::NotAllowed) => Said::Cme(3),
        Err(Refused::WantsPuk) => Said::Cme(12),
        Err(Refused::Dead) => Said::Cme(13),
    }
    .into()
}

/// `^CPIN: <code>,[tries for it],<puk>,<pin>,<puk2>,<pin2>`.
fn counters(call: &mut Call<'_>) -> Outcome {
    let (pin, puk) = (call.modem.sim.pin_tries, call.modem.sim.puk_tries);
    let (word, tries) = match state(call) {
        State::Ready => ("READY", String::new()),
        State::Pin => ("SIM PIN", pin.to_string()),
        State::Puk => ("SIM PUK", puk.to_string()),
        State::Absent => return Said::Cme(10).into(),
        State::Busy => return Said::Cme(14).into(),
        State::Dead => return Said::Cme(13).into(),
    };
    Said::line(format!("^CPIN: {word},{tries},{puk},{pin},10,3")).into()
}

/// `AT+CLCK="SC",<0 off, 1 on, 2 which>[,"pin"]`.
fn lock(call: &mut Call<'_>) -> Outcome {
    let fields = call.fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    match fields[..] {
        ["SC", "2"] => {
            let on = call.modem.sim.enabled;
            when_ready(call, || Said::line(format!("+CLCK: {}", u8::from(on))).into())
        }
        ["SC", on @ ("0" | "1"), pin] => answer(call.modem.sim.enable(call.now, on == "1", pin)),
        ["SC", ..] => Said::Cme(50).into(),
        _ => Said::Cme(4).into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::at::rig::Rig;
    use crate::modem::Modem;
    use crate::sticks::huawei::Options;

    #[test]
    fn a_pin_is_asked_for_counted_and_given() {
        let mut rig = Rig::new();
        assert_eq!(rig.ask("AT+CPIN?"), "+CPIN: READY OK");
        assert_eq!(rig.ask("AT^CPIN?"), "^CPIN: READY,,10,3,10,3 OK");
        assert_eq!(rig.ask("AT+CPIN=\"1234\""), "+CME ERROR: 3");
        rig.modem = Modem::new("").with_pin();
        assert_eq!(rig.ask("AT+CPIN?"), "+CPIN: SIM PIN OK");
        assert_eq!(rig.ask("AT+CIMI"), "+CME ERROR: 11");
        assert_eq!(rig.ask("AT+CPIN=\"0000\""), "+CME ERROR: 16");
        assert_eq!(rig.ask("AT^CPIN?"), "^CPIN: SIM PIN,2,10,2,10,3 OK");
        rig.ask("AT+CPIN=0000");
        assert_eq!(rig.ask("AT+CPIN=0000"), "+CME ERROR: 12");
        assert_eq!(rig.ask("AT^CPIN?"), "^CPIN: SIM PUK,10,10,0,10,3 OK");
        assert_eq!(rig.ask("AT+CPIN=\"12345678\",\"4321\""), "OK");
        assert_eq!(rig.ask("AT+CIMI"), "001010000000001 OK");
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
        assert_eq!(Rig::with(Options::hilink().identity()).ask("AT+CPIN?"), "+CME ERROR: 10");
    }
}
