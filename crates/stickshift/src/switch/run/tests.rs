use std::time::Duration;

use super::*;
use crate::event::Cancel;
use crate::link::{ControlSetup, Moment};
use crate::profile::{Method, Parameters};
use crate::switch::sequence;
use crate::wire::usb::{ConfigurationDescriptor, DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor};

/// A storage stick that answers every command, except that call number `fault.0` fails with `fault.1`. The calls are counted over
/// everything that goes over the wire.
struct FaultyStick {
    device: [u8; 18],
    configurations: Vec<Vec<u8>>,
    tag: [u8; 4],
    calls: Vec<String>,
    fault: Option<(usize, ErrorKind)>,
    gone: bool,
    data: Vec<u8>,
}

impl FaultyStick {
    fn new(fault: Option<(usize, ErrorKind)>) -> Self {
        let device = DeviceDescriptor {
            usb: 0x0200,
            class: [0; 3],
            max_packet: 64,
            vendor: 1,
            product: 2,
            release: 0,
            manufacturer_index: 0,
            product_index: 0,
            serial_index: 0,
            configurations: 1,
        };
        let endpoint = |address| EndpointDescriptor {
            address,
            attributes: 2,
            max_packet: 64,
            interval: 0,
            extra: vec![],
        };
        let interface = InterfaceDescriptor {
            class: [8, 6, 0x50],
            endpoints: vec![endpoint(0x01), endpoint(0x81)],
            ..InterfaceDescriptor::default()
        };
        let configuration = ConfigurationDescriptor {
            value: 1,
            name_index: 0,
            attributes: 0x80,
            max_power: 250,
            extra: vec![],
            interfaces: vec![interface],
        };
        FaultyStick {
            device: device.encode(),
            configurations: vec![configuration.encode()],
            tag: [0; 4],
            calls: vec![],
            fault,
            gone: false,
            data: vec![],
        }
    }

    fn call(&mut self, what: String) -> Result<()> {
        let number = self.calls.len();
        self.calls.push(what);
        if self.gone {
            return Err(Error::new(ErrorKind::Disconnected, "gone"));
        }
        match self.fault {
            Some((at, kind)) if at == number => {
                self.gone = kind == ErrorKind::Disconnected;
                Err(Error::new(kind, "as planned"))
            }
            _ => Ok(()),
        }
    }
}

impl UsbLink for FaultyStick {
    fn device_descriptor(&self) -> &[u8] {
        &self.device
    }
    fn configurations(&self) -> &[Vec<u8>] {
        &self.configurations
    }
    fn active_configuration(&mut self) -> Result<u8> {
        Ok(1)
    }
    fn detach_kernel_driver(&mut self, interface: u8) -> Result<bool> {
        self.call(format!("detach {interface}")).map(|()| true)
    }
    fn claim(&mut self, interface: u8) -> Result<()> {
        self.call(format!("claim {interface}"))
    }
    fn release(&mut self, interface: u8) -> Result<()> {
        self.call(format!("release {interface}"))
    }
    fn control_in(&mut self, setup: ControlSetup, buffer: &mut [u8], _: Duration) -> Result<usize> {
        self.call(format!("control in {:02x}", setup.request)).map(|()| buffer.len())
    }
    fn control_out(&mut self, setup: ControlSetup, _: &[u8], _: Duration) -> Result<()> {
        self.call(format!("control out {:02x}", setup.request))
    }
    fn write(&mut self, _: u8, data: &[u8], _: Duration) -> Result<()> {
        self.call(format!("write {:02x}", data[15]))?;
        self.tag = [data[4], data[5], data[6], data[7]];
        Ok(())
    }
    fn read(&mut self, _: u8, buffer: &mut [u8], _: Duration) -> Result<usize> {
        self.call(format!("read {}", buffer.len()))?;
        let answer = match std::mem::take(&mut self.data) {
            data if data.is_empty() => {
                CommandStatus { tag: self.tag, residue: 0, status: 0 }.encode().to_vec()
            }
            data => data,
        };
        let n = answer.len().min(buffer.len());
        buffer[..n].copy_from_slice(&answer[..n]);
        Ok(n)
    }
    fn clear_halt(&mut self, endpoint: u8) -> Result<()> {
        self.call(format!("clear {endpoint:02x}"))
    }
    fn set_configuration(&mut self, value: u8) -> Result<()> {
        self.call(format!("configuration {value}"))
    }
    fn set_alt_setting(&mut self, _: u8, alternate: u8) -> Result<()> {
        self.call(format!("alternate {alternate}"))
    }
    fn reset(&mut self) -> Result<()> {
        self.call("reset".to_owned())
    }
    fn now(&self) -> Moment {
        Moment::ZERO
    }
    fn sleep(&mut self, _: Duration) {}
}

fn eject() -> Parameters {
    let mut p = Parameters::default();
    p.turn_on(Method::StandardEject);
    p
}

fn play(p: &Parameters, fault: Option<(usize, ErrorKind)>) -> (Result<SequenceRun>, Vec<String>) {
    let mut stick = FaultyStick::new(fault);
    let sequence = sequence(p, &View::of(&mut stick).unwrap()).unwrap();
    let result = run(&sequence, 0, &mut stick, &mut Session::quiet());
    (result, stick.calls)
}

fn writes(calls: &[String]) -> Vec<&str> {
    calls.iter().filter_map(|c| c.strip_prefix("write ")).collect()
}

#[test]
fn every_message_is_sent_and_answered() {
    let (result, calls) = play(&eject(), None);
    let outcome = result.unwrap();
    assert!(matches!(outcome.end, End::Sent));
    assert_eq!(outcome.observations, []);
    assert_eq!(writes(&calls), ["1e", "1b", "1e", "1b"]);
}

#[test]
fn a_stall_or_silence_at_any_step_loses_no_message() {
    let (_, calls) = play(&eject(), None);
    for kind in [ErrorKind::Stalled, ErrorKind::Timeout, ErrorKind::Io] {
        for number in (0..calls.len()).filter(|n| !calls[*n].starts_with("claim")) {
            let (result, faulty) = play(&eject(), Some((number, kind)));
            assert!(matches!(result.unwrap().end, End::Sent), "{kind} at {}", calls[number]);
            let expected: &[&str] = match (calls[number].strip_prefix("write "), kind) {
                // Sent again after the halt was cleared.
                (Some("1e"), ErrorKind::Stalled) if number == 2 => &["1e", "1e", "1b", "1e", "1b"],
                (Some("1e"), ErrorKind::Stalled) => &["1e", "1b", "1e", "1e", "1b"],
                (Some("1b"), ErrorKind::Stalled) if number == 4 => &["1e", "1b", "1b", "1e", "1b"],
                (Some("1b"), ErrorKind::Stalled) => &["1e", "1b", "1e", "1b", "1b"],
                _ => &["1e", "1b", "1e", "1b"],
            };
            assert_eq!(writes(&faulty), expected, "{kind} at {}", calls[number]);
            assert_eq!(faulty.last().map(String::as_str), Some("release 0"));
        }
    }
}

#[test]
fn a_stalled_status_is_read_again_after_the_halt_is_cleared() {
    let (_, calls) = play(&eject(), Some((3, ErrorKind::Stalled)));
    assert_eq!(calls[2..7], ["write 1e", "read 13", "clear 81", "read 13", "write 1b"]);
}

#[test]
fn a_message_that_was_not_taken_gets_no_answer() {
    let (_, calls) = play(&eject(), Some((2, ErrorKind::Timeout)));
    assert_eq!(calls[2..4], ["write 1e", "write 1b"]);
}

#[test]
fn leaving_is_success_only_after_something_was_sent() {
    let (_, calls) = play(&eject(), None);
    for (number, call) in calls.iter().enumerate() {
        let (result, faulty) = play(&eject(), Some((number, ErrorKind::Disconnected)));
        if number < 2 {
            let error = result.unwrap_err();
            assert!(error.is(ErrorKind::Disconnected));
            assert_eq!(error.verdict(), Some(Verdict::Untouched), "{call}");
        } else {
            assert!(matches!(result.unwrap().end, End::Vanished { .. }), "{call}");
            assert_eq!(faulty.len(), number + 1, "nothing is sent to a stick that left");
        }
    }
}

#[test]
fn a_busy_interface_stops_before_anything_is_sent() {
    let (result, calls) = play(&eject(), Some((1, ErrorKind::PortBusy)));
    let error = result.unwrap_err();
    assert!(error.is(ErrorKind::PortBusy));
    assert_eq!(error.verdict(), Some(Verdict::Untouched));
    assert_eq!(writes(&calls), [""; 0]);
}

#[test]
fn data_then_status_or_status_at_once() {
    let mut p = Parameters::default();
    p.messages[0] = vec![0; 31];
    p.messages[0][..15].copy_from_slice(&[0x55, 0x53, 0x42, 0x43, 1, 2, 3, 4, 36, 0, 0, 0, 0x80, 0, 6]);
    let sequence_for = |stick: &mut FaultyStick| sequence(&p, &View::of(stick).unwrap()).unwrap();

    let mut obedient = FaultyStick::new(None);
    obedient.data = vec![0xaa; 36];
    run(&sequence_for(&mut obedient), 0, &mut obedient, &mut Session::quiet()).unwrap();
    assert_eq!(obedient.calls[2..6], ["write 00", "read 36", "read 13", "clear 81"]);

    let mut hasty = FaultyStick::new(None);
    run(&sequence_for(&mut hasty), 0, &mut hasty, &mut Session::quiet()).unwrap();
    assert_eq!(hasty.calls[2..5], ["write 00", "read 36", "clear 81"]);

    let mut stalling = FaultyStick::new(Some((3, ErrorKind::Stalled)));
    run(&sequence_for(&mut stalling), 0, &mut stalling, &mut Session::quiet()).unwrap();
    assert_eq!(stalling.calls[2..6], ["write 00", "read 36", "clear 81", "read 13"]);
}

#[test]
fn refused_requests_stop_where_the_method_needs_them() {
    let with = |method| {
        let mut p = Parameters { configuration: Some(2), ..Parameters::default() };
        p.turn_on(method);
        p
    };
    let goes_on = |method, at, kind| {
        let (result, calls) = play(&with(method), Some((at, kind)));
        let went_on = calls.iter().any(|c| c == "configuration 2");
        assert_eq!(went_on, matches!(result.unwrap().end, End::Sent));
        went_on
    };
    assert!(goes_on(Method::Sierra, 0, ErrorKind::Stalled));
    assert!(!goes_on(Method::Sierra, 0, ErrorKind::Timeout));
    assert!(!goes_on(Method::Huawei, 0, ErrorKind::Stalled));
    assert!(goes_on(Method::Gct, 2, ErrorKind::Stalled));
    assert!(!goes_on(Method::Gct, 3, ErrorKind::Stalled));
    assert!(goes_on(Method::Blackberry, 1, ErrorKind::Timeout));
    assert!(!goes_on(Method::Blackberry, 2, ErrorKind::Timeout));
}

#[test]
fn sonys_method_goes_on_when_the_stick_is_back() {
    let mut p = Parameters { target_class: Some(0x02), configuration: Some(2), ..Parameters::default() };
    p.turn_on(Method::Sony);
    let mut stick = FaultyStick::new(None);
    let view = View::of(&mut stick).unwrap();
    let sequence = sequence(&p, &view).unwrap();
    let End::AwaitReturn { step } = run(&sequence, 0, &mut stick, &mut Session::quiet()).unwrap().end else {
        panic!()
    };
    assert_eq!(stick.calls, ["detach 0", "control in 11"]);

    // Unchanged: the second request is for a stick that took the first.
    let mut unchanged = FaultyStick::new(None);
    run(&sequence, sequence.after_return(step, &view), &mut unchanged, &mut Session::quiet()).unwrap();
    assert_eq!(unchanged.calls, ["detach 0", "configuration 0", "configuration 2"]);

    let mut changed = view;
    changed.configurations[0].interfaces[0].class = [2, 2, 1];
    let mut back = FaultyStick::new(None);
    run(&sequence, sequence.after_return(step, &changed), &mut back, &mut Session::quiet()).unwrap();
    assert_eq!(back.calls, ["control in 11", "detach 0", "configuration 0", "configuration 2"]);
}

#[test]
fn a_request_to_stop_is_heard_between_messages() {
    let mut stick = FaultyStick::new(None);
    let sequence = sequence(&eject(), &View::of(&mut stick).unwrap()).unwrap();
    for stop_after in 0..4 {
        let mut stick = FaultyStick::new(None);
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let mut seen = 0;
        let mut session = Session::new(
            move |event| {
                if format!("{event:?}").contains("send to endpoint") {
                    seen += 1;
                }
                if seen == stop_after {
                    flag.cancel();
                }
            },
            cancel,
        );
        let error = run(&sequence, 0, &mut stick, &mut session).unwrap_err();
        assert!(error.is(ErrorKind::Interrupted));
        let verdict = if stop_after == 0 { Verdict::Untouched } else { Verdict::Recoverable };
        assert_eq!(error.verdict(), Some(verdict));
        assert_eq!(writes(&stick.calls).len(), stop_after);
        assert_eq!(stick.calls.last().map(String::as_str), Some("release 0"));
    }
}

#[test]
fn a_reset_is_tried_again() {
    let p = Parameters { reset_usb: Some(true), ..Parameters::default() };
    let (result, calls) = play(&p, Some((0, ErrorKind::Io)));
    assert!(matches!(result.unwrap().end, End::Sent));
    assert_eq!(calls, ["reset", "reset"]);
    let (result, calls) = play(&p, Some((0, ErrorKind::Disconnected)));
    assert!(matches!(result.unwrap().end, End::Vanished { step: 1 }));
    assert_eq!(calls, ["reset"]);
}

/// A stick with two configurations, MBIM in the second, and what is selected on it without a message.
fn selected(p: &Parameters, fault: Option<(usize, ErrorKind)>) -> (Result<SequenceRun>, Vec<String>) {
    let mut stick = FaultyStick::new(fault);
    let mbim = InterfaceDescriptor { class: [0x02, 0x0e, 0], ..InterfaceDescriptor::default() };
    let mut second = ConfigurationDescriptor::parse(&stick.configurations[0]).unwrap();
    second.value = 2;
    second.interfaces = vec![mbim];
    stick.configurations.push(second.encode());
    let sequence = sequence(p, &View::of(&mut stick).unwrap()).unwrap();
    let result = run(&sequence, 0, &mut stick, &mut Session::quiet());
    (result, stick.calls)
}

#[test]
fn selections_and_each_failure_of_each_of_their_calls() {
    let mut detach = Parameters::default();
    detach.turn_on(Method::DetachStorageOnly);
    let configuration = ["detach 0", "configuration 0", "configuration 2"];
    let cases: [(Parameters, &[&str]); 5] = [
        (Parameters { mbim: Some(true), ..Parameters::default() }, &configuration),
        (Parameters { configuration: Some(2), ..Parameters::default() }, &configuration),
        (
            Parameters { alt_setting: Some(1), ..Parameters::default() },
            &["detach 0", "claim 0", "alternate 1", "release 0"],
        ),
        (Parameters { reset_usb: Some(true), ..Parameters::default() }, &["reset"]),
        (detach, &["detach 0"]),
    ];
    for (parameters, wanted) in cases {
        let (result, calls) = selected(&parameters, None);
        assert!(matches!(result.unwrap().end, End::Sent));
        assert_eq!(calls, wanted);
        for (number, call) in wanted.iter().enumerate() {
            for kind in [
                ErrorKind::Stalled,
                ErrorKind::Timeout,
                ErrorKind::Io,
                ErrorKind::PortBusy,
                ErrorKind::Disconnected,
            ] {
                let (result, calls) = selected(&parameters, Some((number, kind)));
                let gone = kind == ErrorKind::Disconnected;
                // What changes the stick, or comes after that.
                let touched =
                    ["configuration", "alternate", "reset", "release"].iter().any(|c| call.starts_with(c));
                let needed = ["configuration 2", "alternate 1"].contains(call);
                let end = match result {
                    Ok(outcome) => outcome.end,
                    Err(error) => {
                        assert_eq!(error.verdict(), Some(Verdict::Untouched), "{call} {kind}");
                        assert!(*call == "claim 0" || gone && !touched, "{call} {kind}: {error}");
                        continue;
                    }
                };
                match end {
                    End::Vanished { .. } => assert!(gone && touched, "{call} {kind}"),
                    End::Stopped { error, .. } => assert!(needed && error.is(kind), "{call} {kind}"),
                    End::Sent => assert!(!gone && !needed && calls.len() >= wanted.len(), "{call} {kind}"),
                    End::AwaitReturn { .. } => panic!("{call} {kind}"),
                }
            }
        }
    }
}
