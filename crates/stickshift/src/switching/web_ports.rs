//! The ways from HiLink to serial ports that need no tools: requests to the stick's own web server
//! (docs/protocols/hilink-at.md section 1.8).

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::hilink::{
    self,
    device::{self, UsbFace},
};
use crate::link::Bus;
use crate::modem::web::{self, Login};
use crate::plan::Plan;
use crate::stick::{Mode, Place, Stick};
use crate::switching::ports_are_made;
use crate::waiting::wait_for_stick;

/// How long the USB face takes to change after a request that worked.
const FACE_CHANGES: Duration = Duration::from_secs(10);
/// How long the stick may take to come back.
const COMES_BACK: Duration = Duration::from_secs(60);

/// How long drivers may take to make its ports.
const PORTS: Duration = Duration::from_secs(5);

/// One request.
#[derive(Clone, Copy, Debug)]
enum Door {
    DeviceMode(UsbFace),
    Cgi(u8),
}

/// In the order in which they are tried: the API first, the older way after it; project mode before debug mode.
const DOORS: [(Door, &str); 4] = [
    (Door::DeviceMode(UsbFace::Project), "device/mode 0 (project mode)"),
    (Door::Cgi(0), "CGI switchMode 0 (project mode)"),
    (Door::DeviceMode(UsbFace::Debug), "device/mode 1 (debug mode)"),
    (Door::Cgi(1), "CGI switchMode 1 (debug mode)"),
];

/// What [`open`] will do.
pub fn plan(stick: &Stick) -> Plan {
    let mut plan = Plan::new(format!("{} {} at {} to serial ports", stick.id, stick.mode, stick.place));
    for (index, (_, name)) in DOORS.iter().enumerate() {
        let unless = if index == 0 { "" } else { ", unless serial ports showed" };
        plan.step("hilink-door", format!("ask the web server: {name}{unless}"), None);
    }
    plan.evidence.push(
        "HiLink firmware takes these requests up to some version; which one is not known beforehand".into(),
    );
    plan.dangers.push(
        "the network card leaves for a moment; pulling the stick out and plugging it in undoes it on most"
            .into(),
    );
    plan
}

/// Tries every door until serial ports show at the same place. What a request answers proves nothing; the bus does.
///
/// # Errors
/// `NotSwitched` (fact `tried`) when none leads anywhere, `LoginNeeded` when a login might; `LoginRefused`; what the bus and the web server report.
pub fn open(
    bus: &mut dyn Bus,
    place: &Place,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<Stick> {
    let mut tried = Vec::new();
    let mut wants_login = false;
    for (door, name) in DOORS {
        session.check()?;
        session.step("hilink-door", format!("ask the web server for serial ports: {name}"));
        let said = match knock(bus, place, door, login, session) {
            Ok(said) => said,
            Err(e) if [ErrorKind::Interrupted, ErrorKind::LoginRefused].iter().any(|kind| e.is(*kind)) => {
                return Err(e.verdict_if_unset(Verdict::Untouched));
            }
            Err(e) => {
                wants_login |= e.is(ErrorKind::LoginNeeded);
                in_words(&e)
            }
        };
        if let Some(stick) =
            wait_for_stick(bus, place, FACE_CHANGES, session, |s| s.mode == Mode::HilinkSerial)?
        {
            let with_ports = wait_for_stick(bus, place, PORTS, session, ports_are_made)?;
            return Ok(with_ports.unwrap_or(stick));
        }
        // It may have left and not be back yet.
        if !bus.sticks()?.iter().any(|s| s.place == *place) {
            let back = wait_for_stick(bus, place, COMES_BACK, session, |_| true)?;
            if let Some(stick) = back.filter(|s| s.mode != Mode::Hilink) {
                return Ok(stick);
            }
        }
        session.note("hilink-door", format!("{name}: {said}; no serial port appeared"));
        tried.push(format!("{name}: {said}"));
    }
    let kind = if wants_login { ErrorKind::LoginNeeded } else { ErrorKind::NotSwitched };
    Err(Error::new(kind, "no request to the stick's web server leads to serial ports")
        .with("tried", tried.join("; "))
        .with_verdict(Verdict::Untouched))
}

/// A refusal with the server's reason.
fn in_words(error: &Error) -> String {
    match hilink::code_of(error) {
        Some(code) => format!("refused with {code}, {}", hilink::meaning(code)),
        None => error.to_string(),
    }
}

fn knock(
    bus: &mut dyn Bus,
    place: &Place,
    door: Door,
    login: Option<&Login>,
    session: &Session<'_>,
) -> Result<String> {
    let mut link = bus.open_http(place)?;
    let mut web = web::open(&mut *link, login, session)?;
    let sent = match door {
        Door::DeviceMode(face) => web.call_and_lose(&device::mode(face))?,
        Door::Cgi(switch) => web.cgi_switch(switch)?,
    };
    Ok(format!("answered {sent:?}").to_lowercase())
}
