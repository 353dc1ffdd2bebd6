//! Serial ports of HiLink firmware without tools: requests to the stick's own web server (docs/protocols/hilink-at.md section 1.8).
//!
//! ```
//! use stickshift::event::Session;
//! use stickshift::stick::{Mode, Role};
//! use stickshift::switching::web_ports;
//!
//! let (mut bus, stick) = stickshift_emu::testkit::plugged("e3372h-hilink", 1, None)?;
//! assert_eq!(stick.mode, Mode::Hilink);
//! let stick = web_ports::open(&mut bus, &stick.place, None, &mut Session::quiet())?;
//! assert!(stick.interface(Role::Pcui).is_some());
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::time::Duration;

use crate::error::{Detail, Error, ErrorKind, RefusalFamily, Result, Verdict};
use crate::event::Session;
use crate::hilink::Delivery;
use crate::hilink::device::{self, UsbMode};
use crate::link::Bus;
use crate::modem::web::{self, Login};
use crate::plan::Plan;
use crate::stick::{Mode, Place, Stick};
use crate::switching::expectation::ports_are_made;
use crate::waiting::wait_for_stick;

/// How long the USB interfaces take to change after a request that worked.
const CHANGES: Duration = Duration::from_secs(10);
/// How long the stick may take to come back.
const COMES_BACK: Duration = Duration::from_secs(60);
/// How long drivers may take to make its ports.
const PORTS: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
enum WebRequest {
    DeviceMode(UsbMode),
    Cgi(u8),
}

/// In the order in which they are tried: the API first, the older way after it; project mode before debug mode.
const REQUESTS: [(WebRequest, &str); 4] = [
    (WebRequest::DeviceMode(UsbMode::Project), "device/mode 0 (project mode)"),
    (WebRequest::Cgi(0), "CGI switchMode 0 (project mode)"),
    (WebRequest::DeviceMode(UsbMode::Debug), "device/mode 1 (debug mode)"),
    (WebRequest::Cgi(1), "CGI switchMode 1 (debug mode)"),
];

/// What [`open`] will do.
pub fn plan(stick: &Stick) -> Plan {
    let mut plan =
        Plan::new(format!("switch {} ({}, {}) to serial ports", stick.place, stick.id, stick.mode_words()));
    for (index, (_, name)) in REQUESTS.iter().enumerate() {
        let unless = if index == 0 { "" } else { ", unless serial ports appeared" };
        plan.step("web-ports", format!("ask the web server: {name}{unless}"), None);
    }
    plan.evidence.push(
        "HiLink firmware accepts these requests up to some version; which one is not known beforehand".into(),
    );
    plan.dangers.push(
        "the network card disconnects for a moment; on most sticks, unplugging reverts the switch".into(),
    );
    plan
}

/// Sends one request after another until serial ports appear at the same place. What a request answers proves nothing; the bus does.
///
/// # Errors
/// `Disconnected`, unknown, for a stick that left and stayed away.
/// What opening a session reports, where no request was sent at all: untouched.
/// `NotSwitched` (fact `tried`) when none leads to ports, `LoginNeeded` when a login might, both with the details `Refusal` where a request was
/// refused and `Unanswered` where one had no answer; `LoginRefused`; what the bus and the web server
/// report. Untouched where the server refused every request, else recoverable: unplugging reverts what a request did.
pub fn open(
    bus: &mut dyn Bus,
    place: &Place,
    login: Option<&Login>,
    session: &mut Session<'_>,
) -> Result<Stick> {
    let mut tried = Vec::new();
    let mut wants_login = false;
    // A request that was refused by number, and whether one had no answer at all.
    let mut refusal = None;
    let mut unanswered = false;
    // Whether a request may have been carried out.
    let mut accepted = false;
    // What kept the last request from being sent, where none was.
    let mut unsent = None;
    let mut sent = false;
    let verdict = |accepted| if accepted { Verdict::Recoverable } else { Verdict::Untouched };
    for (request, name) in REQUESTS {
        session.check().map_err(|e| e.with_verdict(verdict(accepted)))?;
        session.step("web-ports", format!("asking the web server for serial ports: {name}"));
        let (went_out, answer) = send(bus, place, request, login, session);
        sent |= went_out;
        let said = match answer {
            Ok(delivery) => {
                accepted = true;
                unanswered |= delivery != Delivery::Confirmed;
                format!("answered {delivery:?}").to_lowercase()
            }
            // The stick counts it.
            Err(e) if e.is(ErrorKind::LoginRefused) => return Err(e.with_verdict(Verdict::Recoverable)),
            Err(e) if e.is(ErrorKind::Interrupted) => return Err(e.verdict_if_unset(Verdict::Unknown)),
            Err(e) => {
                wants_login |= e.is(ErrorKind::LoginNeeded);
                let refused = e.refusal().filter(|refusal| refusal.family == RefusalFamily::Hilink);
                accepted |= refused.is_none() && e.verdict() != Some(Verdict::Untouched);
                unanswered |= refused.is_none() && !e.is(ErrorKind::UnexpectedAnswer);
                refusal = refused.or(refusal);
                let words = in_words(&e);
                let words = if went_out { words } else { format!("not sent: {words}") };
                unsent = Some(e);
                words
            }
        };
        let waited = after(bus, place, session).map_err(|e| match e.is(ErrorKind::Interrupted) {
            true => e.with_verdict(verdict(accepted)),
            false => e.verdict_if_unset(Verdict::Unknown),
        });
        if let Some(stick) = waited? {
            return Ok(stick);
        }
        session.note("web-ports", format!("{name}: {said}; no serial port appeared"));
        tried.push(format!("{name}: {said}"));
    }
    if let (false, false, Some(error)) = (sent, wants_login, unsent) {
        return Err(error.with("tried", tried.join("; ")).with_verdict(verdict(accepted)));
    }
    let kind = if wants_login { ErrorKind::LoginNeeded } else { ErrorKind::NotSwitched };
    let mut error = Error::new(kind, "no request to the stick's web server opens serial ports")
        .with("tried", tried.join("; "))
        .with_verdict(verdict(accepted));
    if let Some(refusal) = refusal {
        error = error.detail(Detail::Refusal(refusal));
    }
    Err(if unanswered { error.detail(Detail::Unanswered) } else { error })
}

/// What stands at the place after a request, if that is no longer the network card alone.
fn after(bus: &mut dyn Bus, place: &Place, session: &mut Session<'_>) -> Result<Option<Stick>> {
    if let Some(stick) = wait_for_stick(bus, place, CHANGES, session, |s| s.mode == Mode::HilinkSerial)? {
        let with_ports = wait_for_stick(bus, place, PORTS, session, ports_are_made)?;
        return Ok(Some(with_ports.unwrap_or(stick)));
    }
    // It may have disconnected and not be back yet.
    if !bus.sticks()?.iter().any(|s| s.place == *place) {
        let back = wait_for_stick(bus, place, COMES_BACK, session, |_| true)?;
        let Some(back) = back else {
            return Err(Error::new(ErrorKind::Disconnected, "the stick disconnected and did not come back")
                .with("place", place)
                .with_verdict(Verdict::Unknown));
        };
        return Ok(Some(back).filter(|s| s.mode != Mode::Hilink));
    }
    Ok(None)
}

/// What became of a request, for people.
fn in_words(error: &Error) -> String {
    match (error.refusal_of(RefusalFamily::Hilink), error.fact("meaning")) {
        (Some(code), Some(meaning)) => format!("refused with {code}, {meaning}"),
        (Some(code), None) => format!("refused with {code}"),
        _ => error.to_string(),
    }
}

/// Whether the request went out, and what became of it: a session with the web server comes first.
fn send(
    bus: &mut dyn Bus,
    place: &Place,
    request: WebRequest,
    login: Option<&Login>,
    session: &Session<'_>,
) -> (bool, Result<Delivery>) {
    let mut link = match bus.open_http(place) {
        Ok(link) => link,
        Err(e) => return (false, Err(e)),
    };
    let mut web = match web::open(&mut *link, login, session) {
        Ok(web) => web,
        Err(e) => return (false, Err(e)),
    };
    let answer = match request {
        WebRequest::DeviceMode(mode) => web.call_and_lose(&device::mode(mode)),
        WebRequest::Cgi(switch) => web.cgi_switch(switch),
    };
    (true, answer)
}
