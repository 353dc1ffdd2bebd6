//! The AT and HiLink dialogues against the virtual sticks, which were written from the protocol documents on their own.

use std::time::Duration;

use stickshift::at::{At, identify, network, ports, signal, sim};
use stickshift::error::{Effect, ErrorKind};
use stickshift::hilink::device::{self, UsbMode};
use stickshift::hilink::{Delivery, Generation, Hilink, code_of};
use stickshift::link::Bus;
use stickshift::stick::{Mode, Place, Role, Stick};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue::virtual_stick;

/// A virtual stick, plugged in and up.
fn plugged(name: &str, mode: Mode) -> (VirtualBus, Place) {
    let mut bus = VirtualBus::new();
    let place: Place = "1-1.2".parse().unwrap();
    bus.plug(&place, virtual_stick(name, 7, None).unwrap());
    wait_mode(&mut bus, mode);
    (bus, place)
}

fn wait_mode(bus: &mut VirtualBus, mode: Mode) -> Stick {
    let end = bus.now() + Duration::from_secs(120);
    loop {
        let ready = |s: &Stick| s.mode == mode && s.interface(Role::Pcui).is_none_or(|i| i.tty.is_some());
        if let Some(stick) = bus.sticks().unwrap().into_iter().find(ready) {
            return stick;
        }
        assert!(bus.now() < end, "never became {mode}: {:?}", bus.sticks());
        bus.wait_change(end).unwrap();
    }
}

fn random(bytes: &mut [u8]) {
    bytes.fill(0x5a);
}

#[test]
fn a_stick_tells_what_it_is_over_at() {
    let (mut bus, place) = plugged("e3372h-stick", Mode::Modem);
    let stick = wait_mode(&mut bus, Mode::Modem);
    let port = stick.interface(Role::Pcui).expect("a PCUI port").number;
    let mut link = bus.open_port(&place, port).unwrap();
    let mut at = At::new(&mut *link);
    at.init().unwrap();

    assert_eq!(at.run(&identify::information()).unwrap().model, "E3372");
    assert_eq!(at.run(&identify::revision()).unwrap(), "21.180.01.00.00");
    assert_eq!(at.run(&identify::imei()).unwrap().len(), 15);
    assert_eq!(at.run(&identify::hardware()).unwrap().as_deref(), Some("CL2E3372HM"));
    let both = at.run(&identify::firmware_and_hardware()).unwrap();
    assert_eq!(
        (both.product.as_deref(), both.hardware.as_deref()),
        (Some("E3372h-153"), Some("CL2E3372HM Ver.A"))
    );
    assert_eq!(at.run(&identify::versions()).unwrap().software(), Some("21.180.01.00.00"));
    assert_eq!(at.run(&signal::strength()).unwrap(), Some(-73));
    assert_eq!(at.run(&sim::state()).unwrap(), sim::SimState::Ready);
    let composition = at.run(&ports::composition()).unwrap();
    assert!(composition.keeps_at(), "{composition}");
    assert!(at.run(&ports::choices()).unwrap().len() > 8);

    // What the stick does not know is refused in words, and passed over where that was asked for.
    let e = at.run(&network::radio_config_3g()).unwrap_err();
    assert!(e.is(ErrorKind::AtRefused), "{e:?}");
    assert_eq!(at.run_if_known(&network::radio_config_3g()).unwrap(), None);
    // This one hangs on real sticks, and the port is deaf meanwhile. Its late answer is not taken for the next one's.
    assert!(at.command("AT+CCID", Effect::Reads, Duration::from_secs(2)).unwrap_err().is(ErrorKind::Timeout));
    assert!(at.run(&identify::revision()).unwrap_err().is(ErrorKind::Timeout));
    bus.advance(Duration::from_secs(300));
    assert_eq!(at.run(&identify::revision()).unwrap(), "21.180.01.00.00");
}

#[test]
fn a_hilink_stick_is_read_and_shown_the_way_to_serial_ports() {
    for use_cgi in [false, true] {
        let (mut bus, place) = plugged("e3372h-hilink", Mode::Hilink);
        let mut link = bus.open_http(&place).unwrap();
        let mut web = Hilink::open(&mut *link, random).unwrap();
        assert_eq!(web.generation(), Generation::G2);
        assert!(!web.login("admin", "admin").unwrap());
        let information = web.call(&device::information()).unwrap();
        assert_eq!(information.hardware.as_deref(), Some("CL2E3372HM"));
        assert_eq!(information.software.as_deref(), Some("22.200.15.00.00"));
        assert_eq!(web.call(&device::basic_information()).unwrap().class.as_deref(), Some("hilink"));
        let sent =
            if use_cgi { web.cgi_switch(0) } else { web.call_and_lose(&device::mode(UsbMode::Project)) };
        assert!(matches!(sent, Ok(Delivery::Confirmed | Delivery::ConnectionLost)), "{sent:?}");
        drop(web);
        drop(link);
        wait_mode(&mut bus, Mode::HilinkSerial);
    }
}

#[test]
fn refused_requests_are_known_by_their_codes() {
    let (mut bus, place) = plugged("e3372h-hilink-closed", Mode::Hilink);
    let mut link = bus.open_http(&place).unwrap();
    let mut web = Hilink::open(&mut *link, random).unwrap();
    let e = web.call_and_lose(&device::mode(UsbMode::Project)).unwrap_err();
    assert!(matches!(code_of(&e), Some(100_002 | 125_002)), "{e:?}");
    let _ = web.cgi_switch(0);
    drop(web);
    bus.advance(Duration::from_secs(60));
    assert_eq!(bus.sticks().unwrap()[0].mode, Mode::Hilink);
}

fn stickshift(arguments: &[&str]) -> (Option<i32>, String, String) {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_stickshift")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (run.status.code(), text(run.stdout), text(run.stderr))
}

#[test]
fn verbs_that_talk_as_they_are_typed() {
    let (code, out, _) = stickshift(&["at", "AT^HWVER", "AT+CSQ", "--virtual", "e3372h-stick"]);
    assert_eq!((code, out.as_str()), (Some(0), "^HWVER:\"CL2E3372HM\"\nOK\n+CSQ: 20,99\nOK\n"));
    // The first refusal ends it.
    let (code, out, err) = stickshift(&["at", "AT^NOPE", "AT+CSQ", "--virtual", "e3372h-stick"]);
    assert_eq!((code, out.as_str()), (Some(5), "ERROR\n"));
    assert!(err.starts_with("error: the stick refused an AT command (at-refused)"), "{err}");
    for arguments in [
        &["ports", "set", "FF;10,16", "--yes", "--virtual", "e3372h-stick"][..],
        &["at", "AT^SETPORT=\"FF;10,16\"", "--virtual", "e3372h-stick"],
    ] {
        let (code, _, err) = stickshift(arguments);
        assert!(code == Some(5) && err.contains("(locks-out)") && err.contains("stick: untouched"), "{err}");
    }
    let (code, out, _) = stickshift(&["pin", "status", "--virtual", "e3372h-stick"]);
    assert!(code == Some(0) && out.starts_with("SIM   ready"), "{out}");
    let (code, out, _) = stickshift(&["hilink", "info", "--json", "--virtual", "e3372h-hilink"]);
    let info: serde_json::Value = serde_json::from_str(&out).unwrap();
    let info = &info["result"];
    assert_eq!(
        (code, &info["hardware"], &info["imei"]),
        (Some(0), &"CL2E3372HM".into(), &"86*********0001".into())
    );
    let (code, _, err) = stickshift(&["hilink", "mode", "project", "--virtual", "e3372h-hilink"]);
    assert!(code == Some(5) && err.contains("(consent-needed)"), "{err}");
    assert_eq!(stickshift(&["at", "ATI", "--port", "/dev/there-is-no-such-tty"]).0, Some(3));
}
