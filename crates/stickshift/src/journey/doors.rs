//! The ways from HiLink to serial ports that need no tools: requests to the stick's own web server
//! (docs/protocols/hilink-at.md section 1.8).

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Verdict};
use crate::event::Session;
use crate::hilink::Hilink;
use crate::hilink::device::{self, UsbFace};
use crate::journey::wait::wait_for_stick;
use crate::link::Bus;
use crate::stick::{Mode, Place, Stick};

/// How long the USB face takes to change after a request that worked.
const FACE_CHANGES: Duration = Duration::from_secs(10);
/// How long the stick may take to come back.
const COMES_BACK: Duration = Duration::from_secs(60);

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

/// Tries every door until serial ports show at the same place. What a request answers proves nothing; the bus does.
///
/// # Errors
/// `GateClosed` (fact `tried`) when none leads anywhere; what the bus and the web server report.
pub(super) fn open(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<Stick> {
    let mut tried = Vec::new();
    for (door, name) in DOORS {
        session.check()?;
        session.step("hilink-door", format!("ask the web server for serial ports: {name}"));
        let said = match knock(bus, place, door) {
            Ok(said) => said,
            Err(e) if e.is(ErrorKind::Interrupted) => return Err(e),
            Err(e) => e.to_string(),
        };
        if let Some(stick) =
            wait_for_stick(bus, place, FACE_CHANGES, session, |s| s.mode == Mode::HilinkSerial)?
        {
            return Ok(stick);
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
    Err(Error::new(ErrorKind::GateClosed, "no request to the stick's web server leads to serial ports")
        .with("tried", tried.join("; "))
        .with_verdict(Verdict::Untouched))
}

fn knock(bus: &mut dyn Bus, place: &Place, door: Door) -> Result<String> {
    let mut link = bus.open_http(place)?;
    let mut web = Hilink::open(&mut *link, super::random::fill)?;
    let sent = match door {
        Door::DeviceMode(face) => web.call_and_lose(&device::mode(face))?,
        Door::Cgi(switch) => web.cgi_switch(switch)?,
    };
    Ok(format!("answered {sent:?}").to_lowercase())
}
