//! What a stick says unasked while it is online: by lines on an AT port (docs/protocols/hilink-at.md section 3.8), by indications of an MBIM
//! function.

use crate::at::{At, data};
use crate::error::{ErrorKind, Result};
use crate::event::Cancel;
use crate::link::{Bus, ByteLink, Input, MessageLink, Moment};
#[cfg(feature = "mbim")]
use crate::mbim::{self, Mbim};
use crate::modem::{Modem, identity};
use crate::online::Way;
use crate::stick::{Role, Stick};
use crate::wire::at::{fields, value_of};
use crate::wire::mbim::basic::{self, DEACTIVATED, RegisterState};
use crate::wire::mbim::{Assembler, Incoming, Service};

/// Something that a stick said unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The connection is over, and why, in the stick's words.
    Ended(String),
    /// Bytes passed: the interface's counters tell how many.
    Traffic,
    /// Signal, registration: nothing that ends a connection by itself.
    Other,
}

/// The longest line that is kept.
const LONGEST: usize = 1024;

/// So many pieces are read before somebody looks at what they say.
const MOST_PIECES: usize = 64;

/// An ear for a stick: its AT port or its MBIM function, kept open.
pub(super) enum Listener {
    /// Nobody else has the port meanwhile.
    Port { port: Box<dyn ByteLink>, line: Vec<u8> },
    /// Likewise.
    Function { function: Box<dyn MessageLink>, assembler: Assembler, session: u32 },
}

impl Listener {
    /// Of a stick that went online by `way`; `None` where it has nothing to listen to that this way leaves free.
    pub(super) fn of(bus: &mut dyn Bus, stick: &Stick, way: Way, cancel: &Cancel) -> Option<Listener> {
        match way {
            Way::Mbim => {
                let mut function = bus.open_messages(&stick.place, identity::mbim_interface(stick)?).ok()?;
                Modem::over_mbim(&mut *function, cancel).ok()?;
                Some(Listener::Function { function, assembler: Assembler::default(), session: 0 })
            }
            Way::Ncm | Way::Ppp | Way::Ecm => {
                let mut quiet = crate::event::Session::new(|_| {}, cancel.clone());
                let interface = identity::find_at_port(bus, stick, &mut quiet).ok()??;
                let dialled = stick.interface(Role::Modem).map(|i| i.number) == Some(interface);
                if way == Way::Ppp && dialled {
                    return None;
                }
                let mut port = bus.open_port(&stick.place, interface).ok()?;
                ask_for_lines(&mut *port, cancel).ok()?;
                Some(Listener::Port { port, line: Vec::new() })
            }
            Way::Hilink | Way::Qmi => None,
        }
    }

    /// To wait for.
    pub(super) fn input(&self) -> Option<Input> {
        match self {
            Listener::Port { port, .. } => Input::of_port(&**port),
            Listener::Function { function, .. } => Input::of_messages(&**function),
        }
    }

    /// The weightiest of what was said since the last call. Waits for nothing.
    ///
    /// # Errors
    /// `Disconnected`, `Io`.
    pub(super) fn take(&mut self) -> Result<Option<Report>> {
        let mut weightiest = None;
        for _ in 0..MOST_PIECES {
            let (more, said) = match self {
                Listener::Port { port, line } => {
                    let mut buffer = [0; 1024];
                    let n = port.read(&mut buffer, Moment::ZERO)?;
                    (n > 0, heard(line, &buffer[..n]))
                }
                Listener::Function { function, assembler, session } => {
                    let Some(message) = function.receive(Moment::ZERO)? else { break };
                    (true, assembler.push(&message).and_then(|m| indication(m, *session)))
                }
            };
            weightiest = weightier(weightiest, said);
            if !more {
                break;
            }
        }
        Ok(weightiest)
    }

    /// How the stick says that its connection stands; `None` where it does not say.
    ///
    /// # Errors
    /// `Disconnected`, `Interrupted`, `Io`.
    pub(super) fn is_up(&mut self, way: Way, cancel: &Cancel) -> Result<Option<bool>> {
        let asked = match self {
            Listener::Port { port, .. } if way == Way::Ncm => {
                let mut at = At::new(&mut **port).with_cancel(cancel.clone());
                at.run_if_known(&data::ndis_states()).map(|states| states.map(|states| data::is_up(&states)))
            }
            #[cfg(not(feature = "mbim"))]
            Listener::Function { .. } => return Ok(None),
            #[cfg(feature = "mbim")]
            Listener::Function { function, session, .. } => {
                // Another number than that of an earlier question.
                let first = function.now().as_millis() as u32;
                let mut mbim = Mbim::new(&mut **function, first).with_cancel(cancel.clone());
                let told = mbim.run_if_known(&mbim::connection(*session));
                told.map(|told| told.map(|told| told.state < DEACTIVATED))
            }
            Listener::Port { .. } => return Ok(None),
        };
        match asked {
            Err(e) if e.is(ErrorKind::Timeout) => Ok(None),
            other => other,
        }
    }

    /// Has the stick say nothing more, for whoever opens it next.
    pub(super) fn close(self) {
        if let Listener::Port { mut port, .. } = self {
            let mut at = At::new(&mut *port);
            let _ = at.run_if_known(&data::tell_events(false));
            let _ = at.run_if_known(&data::reports(false));
        }
    }
}

/// The maker's lines, and the standard's.
fn ask_for_lines(port: &mut dyn ByteLink, cancel: &Cancel) -> Result<()> {
    let mut at = At::new(port).with_cancel(cancel.clone());
    at.init()?;
    at.run_if_known(&data::reports(true))?;
    at.run_if_known(&data::tell_events(true))?;
    Ok(())
}

fn weightier(one: Option<Report>, other: Option<Report>) -> Option<Report> {
    let weight = |report: &Option<Report>| match report {
        Some(Report::Ended(_)) => 3,
        Some(Report::Traffic) => 2,
        Some(Report::Other) => 1,
        None => 0,
    };
    if weight(&other) > weight(&one) { other } else { one }
}

/// What the lines say that are whole with these bytes.
fn heard(line: &mut Vec<u8>, bytes: &[u8]) -> Option<Report> {
    let mut weightiest = None;
    for byte in bytes {
        match byte {
            b'\r' | b'\n' => {
                let text = String::from_utf8_lossy(&std::mem::take(line)).trim().to_owned();
                weightiest = weightier(weightiest, meaning(&text));
            }
            _ if line.len() < LONGEST => line.push(*byte),
            _ => {}
        }
    }
    weightiest
}

/// What a line says.
fn meaning(line: &str) -> Option<Report> {
    let ended = |why: String| Some(Report::Ended(why));
    if line.is_empty() {
        return None;
    }
    if line == "NO CARRIER" {
        return ended("the stick has hung up".to_owned());
    }
    if let Some(value) = value_of(line, "^NDISSTAT") {
        let states = data::read_ndis_states(value);
        // One family may be refused while the other stands: the answer to a question is the truth.
        let down = states.iter().find(|s| s.state == data::LinkState::Down);
        return match down {
            Some(state) => ended(match state.cause {
                Some(cause) => format!("the stick reports that the connection is down, cause {cause}"),
                None => "the stick reports that the connection is down".to_owned(),
            }),
            None => Some(Report::Other),
        };
    }
    for name in ["^NDISEND", "^PDPDEACT", "^DEND"] {
        if value_of(line, name).is_some() {
            return ended("the stick reports that the connection is over".to_owned());
        }
    }
    if let Some(value) = value_of(line, "+CGEV") {
        // 3GPP TS 27.007 section 10.1.19: `NW DEACT`, `ME PDN DEACT`, `NW DETACH` and their likes.
        let is_end = ["DEACT", "DETACH"].iter().any(|word| value.split([' ', ',']).any(|w| w == *word));
        return if is_end { ended(format!("the network reports: {value}")) } else { Some(Report::Other) };
    }
    if let Some(value) = value_of(line, "^SIMST") {
        // 0 invalid, 255 gone.
        let is_gone = matches!(fields(value).first(), Some(&"0" | &"255"));
        return if is_gone {
            ended("the stick reports that its SIM is gone".to_owned())
        } else {
            Some(Report::Other)
        };
    }
    if value_of(line, "^DSFLOWRPT").is_some() {
        return Some(Report::Traffic);
    }
    (line.starts_with(['^', '+']) && line.contains(':')).then_some(Report::Other)
}

/// What an indication says.
fn indication(message: Incoming, session: u32) -> Option<Report> {
    let Incoming::Indication { service: Service::BASIC_CONNECT, cid, data } = message else { return None };
    let ended = |why: String| Some(Report::Ended(why));
    match cid {
        basic::CONNECT => {
            let told = basic::connection(&data).filter(|told| told.session == session)?;
            match (told.state < DEACTIVATED, told.network_error) {
                (true, _) => Some(Report::Other),
                (false, 0) => ended("the stick reports that the connection is down".to_owned()),
                (false, cause) => {
                    ended(format!("the stick reports that the connection is down, cause {cause}"))
                }
            }
        }
        basic::PACKET_SERVICE => {
            let told = basic::packet_service(&data)?;
            let detached = told.state != basic::ATTACHED;
            if detached {
                ended("the network has ended the packet service".to_owned())
            } else {
                Some(Report::Other)
            }
        }
        basic::REGISTER_STATE => match basic::registration(&data)?.state {
            RegisterState::Denied => ended("the network denies the registration".to_owned()),
            _ => Some(Report::Other),
        },
        _ => Some(Report::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whole_however_they_come() {
        let mut line = Vec::new();
        assert_eq!(heard(&mut line, b"\r\n^RSSI:2"), None);
        assert_eq!(heard(&mut line, b"0\r\n\r\n^NDIS"), Some(Report::Other));
        let ended = |why: &str| Some(Report::Ended(why.to_owned()));
        let down = "the stick reports that the connection is down, cause 36";
        assert_eq!(heard(&mut line, b"STAT:0,36,,\"IPV4\"\r\n^RSSI:1\r\n"), ended(down));
        assert_eq!(heard(&mut line, &[b'x'; 5000]), None);
        assert!(line.len() <= LONGEST);
        assert_eq!(heard(&mut line, b"\r\nNO CARRIER\r\n"), ended("the stick has hung up"));
    }

    #[test]
    fn what_lines_mean() {
        let is_end = |line: &str| matches!(meaning(line), Some(Report::Ended(_)));
        for line in [
            "^NDISEND:1,0",
            "^NDISSTAT:0,36,,\"IPV4\"",
            "^ndisstat: 0",
            "^PDPDEACT:1",
            "+CGEV: NW DEACT \"IP\",\"10.0.0.1\",1",
            "+CGEV: NW PDN DEACT 1",
            "+CGEV: ME DETACH",
            "^SIMST:255",
            "NO CARRIER",
        ] {
            assert!(is_end(line), "{line}");
        }
        for line in [
            "^NDISSTAT:1,,,\"IPV4\"",
            "^RSSI:99",
            "^HCSQ:\"LTE\",1,2,3,4",
            "+CEREG: 1",
            "+CGEV: NW ACT 1,1",
            "^SIMST:1",
        ] {
            assert_eq!(meaning(line), Some(Report::Other), "{line}");
        }
        let flow =
            "^DSFLOWRPT:0000240E,00000000,00000000,00000000000AD023,00000000002FA192,0003E800,0003E800";
        assert_eq!(meaning(flow), Some(Report::Traffic));
        for line in ["", "OK", "garbage", "\u{fffd}"] {
            assert_eq!(meaning(line), None, "{line}");
        }
    }
}
