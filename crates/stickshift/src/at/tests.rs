use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

use super::data::{self, LinkState, PdpType};
use super::network::{self, Access, Domain, RadioConfig, RegistrationState};
use super::ports::{Composition, PortCode, UsbMode};
use super::signal;
use super::sim::{self, SimState};
use super::sms::{self, Status};
use super::ussd::{self, ReplyKind};
use super::{At, Command, identify, ports};
use crate::error::{ErrorKind, Result, Verdict};
use crate::link::{ByteLink, Moment};
use crate::stick::radio::Figure;
use crate::wire::at::Final;
use crate::wire::pdu::{Body, Message};

mod full_store;
#[cfg(feature = "figures")]
mod makers;
mod messages;
mod noise;
mod standing;
mod ussd_answers;
mod verdicts;
mod waiting;

type Mouth<'a> = Box<dyn FnMut(&str) -> Vec<u8> + Send + 'a>;

/// A stick's port: every command line or text it is told goes to `mouth`, whose answer is read in pieces of `piece` bytes.
pub(crate) struct Port<'a> {
    mouth: Mouth<'a>,
    heard: Vec<u8>,
    says: VecDeque<u8>,
    piece: usize,
    now: Moment,
}

impl<'a> Port<'a> {
    pub(crate) fn new(mouth: impl FnMut(&str) -> Vec<u8> + Send + 'a) -> Self {
        Port {
            mouth: Box::new(mouth),
            heard: Vec::new(),
            says: VecDeque::new(),
            piece: 4096,
            now: Moment::ZERO,
        }
    }
}

impl ByteLink for Port<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for &byte in bytes {
            match byte {
                b'\r' | 0x1a | 0x1b => {
                    let line = String::from_utf8(std::mem::take(&mut self.heard)).unwrap();
                    self.says.extend((self.mouth)(&line));
                }
                _ => self.heard.push(byte),
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        if self.says.is_empty() {
            self.now = self.now.max(deadline);
            return Ok(0);
        }
        let n = self.piece.min(buffer.len()).min(self.says.len());
        for (slot, byte) in buffer.iter_mut().zip(self.says.drain(..n)) {
            *slot = byte;
        }
        Ok(n)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.says.clear();
        Ok(())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
    }
}

/// Lines as a stick sends them, then `OK`.
fn ok(lines: &[&str]) -> Vec<u8> {
    let mut bytes: Vec<u8> = lines.iter().flat_map(|l| format!("\r\n{l}\r\n").into_bytes()).collect();
    bytes.extend(b"\r\nOK\r\n");
    bytes
}

const NOISE: &[&[u8]] = &[
    b"\r\n^RSSI:12\r\n",
    b"\r\n^HRSSILVL:99\r\r\n",
    b"\r\n+CREG: 1\r\n",
    b"\r\n^STIN: 0,0,0\r\n",
    b"\r\n+CMTI: \"SM\",3\r\n",
    b"\r\n^BOOT:21472345,0,0,0,72\r\n\r\n^MODE:5,4\r\n",
    b"\r\nRING\r\n",
];

/// Runs a command against an answer; then again with noise at every byte of it, in one read and in many.
fn run<T: Debug + PartialEq>(command: &Command<T>, answer: &[u8]) -> T {
    let said = |bytes: &[u8], piece: usize| {
        let mut port = Port::new(|line| {
            assert_eq!(line, command.text);
            bytes.to_vec()
        });
        port.piece = piece;
        At::new(&mut port).run(command)
    };
    let value = said(answer, 4096).unwrap_or_else(|e| panic!("{}: {e:?}", command.text));
    let echoed = [format!("{}\r", command.text).as_bytes(), answer].concat();
    for bytes in [answer, &echoed] {
        for noise in NOISE {
            for at in 0..=bytes.len() {
                let noisy = [&bytes[..at], noise, &bytes[at..]].concat();
                for piece in [4096, 1, 3] {
                    let shown = String::from_utf8_lossy(&noisy);
                    assert_eq!(said(&noisy, piece).ok().as_ref(), Some(&value), "{} {shown:?}", command.text);
                }
            }
        }
    }
    // Whatever is cut off never panics, and is never taken for something else that is complete.
    for n in 0..answer.len() {
        if let Ok(early) = said(&answer[..n], 4096) {
            assert_eq!(early, value, "{} cut at {n}", command.text);
        }
    }
    value
}

#[test]
fn identification() {
    let ati =
        b"\r\nManufacturer: huawei\r\nModel: E3372\r\nRevision: 21.180.01.00.00\r\nIMEI: 860000000000001\r\n\
        +GCAP: +CGSM,+DS,+ES\r\n\r\nOK\r\n";
    let information = run(&identify::information(), ati);
    assert_eq!(
        (information.manufacturer.as_str(), information.model.as_str(), information.revision.as_str()),
        ("huawei", "E3372", "21.180.01.00.00")
    );
    assert_eq!(information.imei, "860000000000001");
    let nameless = b"\r\nManufacturer: \r\nModel: E3372\r\n\r\nOK\r\n";
    assert_eq!(run(&identify::information(), nameless).manufacturer, "");

    assert_eq!(run(&identify::manufacturer(), &ok(&["huawei"])), "huawei");
    assert_eq!(run(&identify::manufacturer(), &ok(&["Manufacturer:"])), "");
    assert_eq!(run(&identify::manufacturer(), b"\r\nhuawei\r\r\n\r\nOK\r\n"), "huawei");
    assert_eq!(run(&identify::manufacturer(), &ok(&[])), "");
    assert_eq!(run(&identify::model(), &ok(&["+CGMM: \"E3372\""])), "E3372");
    assert_eq!(run(&identify::revision(), &ok(&["21.180.01.00.00"])), "21.180.01.00.00");
    assert_eq!(run(&identify::imei(), &ok(&["860000000000001"])), "860000000000001");
    assert_eq!(run(&identify::imsi(), &ok(&["001010000000001"])), "001010000000001");
    assert_eq!(run(&identify::iccid(), &ok(&["^ICCID: 8900000000000000001F"])), "8900000000000000001F");
    assert_eq!(run(&identify::hardware(), &ok(&["^HWVER:\"CL2E3372HM\""])).as_deref(), Some("CL2E3372HM"));
    assert_eq!(run(&identify::hardware(), &ok(&["^HWVER:\"\""])), None);

    let both = run(
        &identify::firmware_and_hardware(),
        &ok(&["^FHVER:\"E3372h-153 21.180.01.00.00,CL2E3372HM Ver.A\""]),
    );
    assert_eq!(both.product.as_deref(), Some("E3372h-153"));
    assert_eq!(both.firmware, "21.180.01.00.00");
    assert_eq!(both.hardware.as_deref(), Some("CL2E3372HM Ver.A"));

    let versions = run(
        &identify::versions(),
        &ok(&[
            "^VERSION:BDT:Sep 30 2014, 15:17:21",
            "^VERSION:EXTS:21.180.01.00.00",
            "^VERSION:INTS:",
            "^VERSION:EXTD:WEBUI_17.100.18.05.1217_HILINK",
            "^VERSION:EXTH:CL2E3372HM Ver.A",
            "^VERSION:EXTU:E3372",
            "^VERSION:CFG:1004",
        ]),
    );
    assert_eq!(versions.software(), Some("21.180.01.00.00"));
    assert_eq!(versions.web_ui(), Some("WEBUI_17.100.18.05.1217_HILINK"));
    assert_eq!(versions.hardware(), Some("CL2E3372HM Ver.A"));
    assert_eq!((versions.product(), versions.row("INTS")), (Some("E3372"), None));
    assert_eq!(versions.built(), Some("Sep 30 2014, 15:17:21"));

    assert_eq!(run(&identify::serial_number(), &ok(&["^SN: G4PXX00000000000"])), "G4PXX00000000000");
    assert_eq!(run(&identify::serial_number(), &ok(&["G4PXX00000000000"])), "G4PXX00000000000");
}

#[test]
fn port_compositions() {
    let choices = run(
        &ports::choices(),
        b"\r\n^SETPORT:3: 3G DIAG\r\n^SETPORT:12: 4G PCUI\r\n^SETPORT:A1: CDROM\r\n\r\nOK\r\n",
    );
    assert_eq!(choices[2], (PortCode(0xa1), "CDROM".to_owned()));
    assert_eq!(choices.len(), 3);

    let now = run(&ports::composition(), &ok(&["^SETPORT:A1,A2;12,10,16,A1,A2"]));
    assert_eq!(now.to_string(), "A1,A2;12,10,16,A1,A2");
    assert_eq!(
        now.words(),
        "first CD-ROM + SD reader, then 4G PCUI (AT) + 4G modem + NCM network + CD-ROM + SD reader"
    );
    let plain: Composition = "FF;12,10,16".parse().unwrap();
    assert_eq!(plain.words(), "no CD-ROM, 4G PCUI (AT) + 4G modem + NCM network");
    assert_eq!(ports::set_composition(&plain).unwrap().text, "AT^SETPORT=\"FF;12,10,16\"");
    for locks_out in ["FF;10,16", "A1;A1,A2", "12;16", "FF;"] {
        let e = ports::set_composition(&locks_out.parse().unwrap()).err().unwrap();
        assert!(e.is(ErrorKind::LocksOut), "{locks_out}");
    }
    for bad in ["", "12", "x;12", "FF;123", "FF;1G", "FF;+1"] {
        assert!(bad.parse::<Composition>().is_err(), "{bad}");
    }

    assert_eq!(run(&ports::usb_mode(), &ok(&["^U2DIAG: 256"])), UsbMode(256));
    assert!(ports::set_usb_mode(UsbMode(257)).err().unwrap().is(ErrorKind::LocksOut));
    assert_eq!(ports::set_usb_mode(UsbMode(0)).unwrap().text, "AT^U2DIAG=0");
}

#[test]
fn sim_states_and_tries() {
    assert_eq!(run(&sim::state(), &ok(&["+CPIN: READY"])), SimState::Ready);
    assert_eq!(run(&sim::state(), &ok(&["+CPIN:SIM PUK2"])), SimState::Puk2);
    assert_eq!(run(&sim::state(), &ok(&["+CPIN: PH-NET PIN"])), SimState::Other("PH-NET PIN".into()));
    let tries = run(&sim::tries(), &ok(&["^CPIN: READY,,10,3,9,2"]));
    assert_eq!((tries.puk, tries.pin, tries.puk2, tries.pin2), (Some(10), Some(3), Some(9), Some(2)));
    let both = sim::CodeTries { pin: Some(3), puk: Some(10) };
    let lines = ["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10", "+CPINR: SIM PIN2,0,3"];
    assert_eq!(run(&sim::tries_by_standard(), &ok(&lines)), both);
    assert_eq!(run(&sim::tries_of_quectel(), &ok(&["+QPINC: \"SC\",3,10", "+QPINC: \"P2\",3,9"])), both);
    assert!(run(&sim::pin_enabled(), &ok(&["+CLCK: 1"])));
    assert!(!run(&sim::pin_enabled(), &ok(&["+CLCK: 0"])));
}

#[test]
fn network_state() {
    let r = run(&network::registration(Domain::Circuit), &ok(&["+CREG: 2,1,\"1A2B\",\"00C0FFEE\""]));
    assert_eq!(
        (r.state, r.area.as_deref(), r.cell.as_deref()),
        (RegistrationState::Home, Some("1A2B"), Some("00C0FFEE"))
    );
    let r = run(&network::registration(Domain::Lte), &ok(&["+CEREG: 0,5"]));
    assert_eq!((r.state, r.area), (RegistrationState::Roaming, None));
    let r = run(&network::registration(Domain::Nr), &ok(&["+C5GREG: 0,1"]));
    assert_eq!(r.state, RegistrationState::Home);
    for (told, state) in [
        ("0,9", RegistrationState::Home),
        ("0,10", RegistrationState::Roaming),
        ("0,8", RegistrationState::Emergency),
        ("2,11", RegistrationState::Local),
    ] {
        for (domain, name) in [(Domain::Circuit, "+CREG"), (Domain::Lte, "+CEREG")] {
            let line = format!("{name}: {told}");
            assert_eq!(run(&network::registration(domain), &ok(&[&line])).state, state, "{line}");
        }
    }
    // Reports in place of answers.
    for (told, state, area) in [
        ("1", RegistrationState::Home, None),
        ("5,\"1A2B\",\"00C0FFEE\"", RegistrationState::Roaming, Some("1A2B")),
    ] {
        let line = format!("+CREG: {told}");
        let mut port = Port::new(|_| ok(&[&line]));
        let r = At::new(&mut port).run(&network::registration(Domain::Circuit)).unwrap();
        assert_eq!((r.state, r.area.as_deref()), (state, area), "{told}");
    }
    assert_eq!(
        run(&network::registration(Domain::Packet), &ok(&["+CGREG: 2,3"])).state,
        RegistrationState::Denied
    );

    let o = run(&network::operator(), &ok(&["+COPS: 0,0,\"Orange\",7"]));
    assert_eq!(
        (o.automatic, o.name.as_deref(), o.access.map(Access::words)),
        (true, Some("Orange"), Some("LTE"))
    );
    assert_eq!(run(&network::operator(), &ok(&["+COPS: 1"])).name, None);
    let offers = run(
        &network::operators(),
        &ok(&[
            "+COPS: (2,\"Orange, F\",\"Orange\",\"20801\",7),(3,\"SFR\",\"SFR\",\"20810\",2),,(0,1,2,3,4),(0,1,2)",
        ]),
    );
    assert_eq!((offers.len(), offers[0].name.as_str(), offers[1].status), (2, "Orange, F", 3));
    assert_eq!(network::select("20801").unwrap().text, "AT+COPS=1,2,\"20801\"");
    assert!(network::select("2080").is_err());

    let s = run(&network::system(), &ok(&["^SYSINFOEX:2,3,0,1,,3,\"WCDMA\",41,\"HSPA+\""]));
    assert_eq!((s.service, s.domain, s.roaming, s.sim), (2, 3, false, 1));
    assert_eq!((s.system.as_str(), s.submode.as_str()), ("WCDMA", "HSPA+"));

    let c = run(&network::radio_config(), &ok(&["^SYSCFGEX:\"00\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF"]));
    assert_eq!((c.order.as_str(), c.bands, c.lte_bands), ("00", 0x3fff_ffff, Some(0x7fff_ffff_ffff_ffff)));
    let set = RadioConfig { order: "030201".into(), ..c };
    assert_eq!(
        network::set_radio_config(&set).unwrap().text,
        "AT^SYSCFGEX=\"030201\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,"
    );
    assert!(network::set_radio_config(&RadioConfig { order: "3".into(), ..set }).is_err());
    assert_eq!(network::set_radio_config_3g(2, 2, 0x3fff_ffff, 1, 2).text, "AT^SYSCFG=2,2,3FFFFFFF,1,2");
    let c = run(&network::radio_config_3g(), &ok(&["^SYSCFG:2,0,3FFFFFFF,1,2"]));
    assert_eq!((c.mode, c.order, c.bands, c.roaming, c.domain), (2, 0, 0x3fff_ffff, 1, 2));
    assert_eq!(run(&network::radio_state(), &ok(&["+CFUN: 1"])), 1);
}

#[test]
fn signal_scales() {
    use Figure::{AtLeast, AtMost, Exact};
    assert_eq!(run(&signal::strength(), &ok(&["+CSQ: 20,99"])), Some(-73));
    assert_eq!(run(&signal::strength(), &ok(&["+CSQ: 99,99"])), None);
    assert_eq!(run(&signal::strength(), &ok(&["+CSQ: 145,99"])), Some(-71));
    assert_eq!(run(&signal::strength(), &ok(&["+CSQ: 199,99"])), None);
    let s = run(&signal::levels(), &ok(&["^HCSQ:\"LTE\",30,19,66,0"]));
    assert_eq!((s.rssi, s.rsrp, s.rsrq), (Some(Exact(-91.0)), Some(Exact(-122.0)), Some(AtMost(-19.5))));
    let Some(Exact(sinr)) = s.sinr else { panic!("{s:?}") };
    assert!((sinr + 7.0).abs() < 0.01);
    let s = run(&signal::levels(), &ok(&["^HCSQ: LTE,36,97,126,22"]));
    assert_eq!((s.rssi, s.rsrp, s.rsrq), (Some(Exact(-85.0)), Some(AtLeast(-44.0)), Some(Exact(-9.0))));
    let s = run(&signal::levels(), &ok(&["^HCSQ:\"WCDMA\",30,255,65"]));
    assert_eq!((s.rssi, s.rscp, s.ecio, s.rsrp), (Some(Exact(-91.0)), None, Some(AtLeast(0.0)), None));
    let s = run(&signal::levels(), &ok(&["^HCSQ:\"NOSERVICE\""]));
    assert_eq!((s.system.as_str(), s.has_any()), ("NOSERVICE", false));
    let s = run(&signal::levels(), &ok(&["^HCSQ:\"LTE\",30,19,66,10", "^HCSQ:\"NR\",43,126,22"]));
    assert_eq!((s.system.as_str(), s.rsrp, s.nr_rsrp), ("LTE", Some(Exact(-122.0)), Some(Exact(-98.0))));

    let s = run(&signal::extended(), &ok(&["+CESQ: 99,99,255,255,20,44"]));
    assert_eq!((s.rssi, s.rscp, s.rsrq, s.rsrp), (None, None, Some(Exact(-10.0)), Some(Exact(-97.0))));
    let s = run(&signal::extended(), &ok(&["+CESQ: 30,99,31,20,255,255,67,59,127"]));
    assert_eq!((s.rssi, s.rscp, s.ecio), (Some(Exact(-81.0)), Some(Exact(-90.0)), Some(Exact(-14.5))));
    assert_eq!(
        (s.nr_rsrq, s.nr_rsrp, s.nr_sinr),
        (Some(Exact(-10.0)), Some(Exact(-98.0)), Some(AtLeast(40.0)))
    );

    let lte = signal::Carrier { system: signal::Cellular::Lte, band: 1, channel: 425 };
    let c = run(&signal::carriers(), &ok(&["^HFREQINFO: 0,6,1,425,21525,20000,18425,19625,20000"]));
    assert_eq!(c, [lte]);
    let nr = signal::Carrier { system: signal::Cellular::Nr, band: 78, channel: 627_264 };
    let lines = [
        "^HFREQINFO: 0,6,1,425,21525,20000,18425,19625,20000,3,1300,18150,20000,19300,17200,20000",
        "^HFREQINFO: 0,7,78,627264,34089,100000,627264,34089,100000",
    ];
    let c = run(&signal::carriers(), &ok(&lines));
    assert_eq!((c.len(), c[1].band, c[2]), (3, 3, nr));
}

#[test]
fn networks_as_sticks_list_them() {
    let list = |lines: &[&str]| {
        let offers = run(&network::operators(), &ok(lines));
        offers.into_iter().map(|o| (o.name, o.numeric, o.access.map(Access::words))).collect::<Vec<_>>()
    };
    let two = [
        ("One".to_owned(), "00101".to_owned(), Some("UMTS")),
        ("Two".to_owned(), "00102".to_owned(), Some("GSM")),
    ];
    for lines in [
        &["+COPS: (2,\"One\",\"One\",\"00101\",2),", "+COPS: (1,\"Two\",\"Two\",\"00102\",0)"][..],
        &["+COPS: (2,\"One\",\"One\",\"00101\",2),(1,\"Two\",\"Two\",\"00102\",0),,(0,1,2,3,4),(0,1,2)"],
        &["+COPS: (2,\"One\",\"One\",\"00101\",2)", "(1,\"Two\",\"Two\",\"00102\",0)", ",,(0-4),(0-2)"],
        &["+COPS: (2,\"004F006E0065\",\"\",\"00300030003100300031\",2),(1,\"Two\",,\"00102\",0)"],
        // An odd one between them.
        &["+COPS: (2,\"One\",\"One\",\"00101\",2),(x),(0,\"\",\"\"),(1,\"Two\",\"Two\",\"00102\",0)"],
    ] {
        assert_eq!(list(lines), two, "{lines:?}");
    }
    assert_eq!(list(&["+COPS: ,,(0-4),(0-2)"]), []);
    let newer = list(&[
        "+COPS: (2,\"A\",\"A\",\"00101\",13),(1,\"B\",\"B\",\"00102\",12),(1,\"C\",\"C\",\"00103\",11)",
    ]);
    assert!(newer.iter().all(|(_, _, access)| access.unwrap().contains("NR")), "{newer:?}");

    let name = |line: &str| run(&network::operator(), &ok(&[line])).name;
    assert_eq!(name("+COPS: 0,0,\"041C0422042100200052\",7").as_deref(), Some("МТС R"));
    for as_it_is in ["20801", "DEADBEEF", "Orange F", "310260", "00010002"] {
        assert_eq!(name(&format!("+COPS: 0,2,\"{as_it_is}\"")).as_deref(), Some(as_it_is));
    }
    let several = ok(&["+COPS: 0", "+COPS: 0,0,\"One\",7"]);
    assert_eq!(run(&network::operator(), &several).name.as_deref(), Some("One"));
}

#[test]
fn a_radio_configuration_with_fields_left_out() {
    let short = |line| run(&network::radio_config(), &ok(&[line]));
    let c = short("^SYSCFGEX: \"00\",3fffffff,1,2,");
    assert_eq!((c.order.as_str(), c.roaming, c.lte_bands), ("00", 1, None));
    assert_eq!(network::set_radio_config(&c).unwrap().text, "AT^SYSCFGEX=\"00\",3FFFFFFF,1,2,40000000,,");
    let c = short("^SYSCFGEX: \"0302\",3FFFFFFF");
    assert_eq!(network::set_radio_config(&c).unwrap().text, "AT^SYSCFGEX=\"0302\",3FFFFFFF,2,4,40000000,,");
}

#[test]
fn the_name_of_the_provider_is_read_from_the_sim() {
    assert_eq!(run(&sim::service_provider(), &ok(&["+CRSM: 144,0,\"0154657374ffffffffff\""])), "Test");
}

#[test]
fn what_the_network_gave_a_context() {
    let lines = [
        "+CGCONTRDP: 1,5,\"internet.example\",\"10.1.2.3.255.255.255.0\",\"10.1.2.1\",\"10.9.9.9\",\"0.0.0.0\",,,,,1428",
        "+CGCONTRDP: 1,5,\"internet.example\",\"32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7\",\"\",\"2001:db8::53\"",
    ];
    let details = run(&data::context_details(1), &ok(&lines));
    assert_eq!(details.apn.as_deref(), Some("internet.example"));
    let addresses = [("10.1.2.3", Some(24)), ("2001:db8::7", None)];
    assert_eq!(details.addresses, addresses.map(|(a, mask)| (a.parse().unwrap(), mask)));
    assert_eq!(details.gateways, ["10.1.2.1".parse::<std::net::IpAddr>().unwrap()]);
    let dns = ["10.9.9.9", "2001:db8::53"].map(|a| a.parse::<std::net::IpAddr>().unwrap());
    assert_eq!((details.dns, details.mtu), (dns.to_vec(), Some(1428)));
}

#[test]
fn data_connections() {
    let c = run(
        &data::contexts(),
        &ok(&["+CGDCONT: 1,\"IP\",\"internet\",\"0.0.0.0\",0,0", "+CGDCONT: 2,\"PPP\",\"\""]),
    );
    assert_eq!((c[0].pdp, c[0].apn.as_str(), c[1].pdp), (Some(PdpType::V4), "internet", None));
    assert_eq!(
        data::define_context(1, PdpType::V4V6, "a.b").unwrap().text,
        "AT+CGDCONT=1,\"IPV4V6\",\"a.b\""
    );
    assert!(data::define_context(1, PdpType::V4, "a\",\"b").is_err());
    assert_eq!(data::dial(1, "", None).unwrap().text, "AT^NDISDUP=1,1");
    let who = data::Credentials { user: "u", password: "p", authentication: data::Authentication::Chap };
    assert_eq!(data::dial(1, "apn", Some(who)).unwrap().text, "AT^NDISDUP=1,1,\"apn\",\"u\",\"p\",2");

    let s = run(&data::ndis_states(), &ok(&["^NDISSTATQRY: 1,,,\"IPV4\""]));
    assert_eq!((s.len(), s[0].state, s[0].v6), (1, LinkState::Up, false));
    let s = run(&data::ndis_states(), &ok(&["^NDISSTAT:1,,,\"IPV4\",0,33,,\"IPV6\""]));
    assert_eq!((s.len(), s[1].state, s[1].cause, s[1].v6), (2, LinkState::Down, Some(33), true));
    assert_eq!(data::read_ndis_states("0,36,,\"IPV4\"")[0].cause, Some(36));

    let lease =
        run(&data::lease(), &ok(&["^DHCP:CCDB080A,F8FFFFFF,1010A0A,0x1010A0A,2200b10a,0,236800,236800"]));
    assert_eq!(lease.address.to_string(), "10.8.219.204");
    assert_eq!(lease.mask.to_string(), "255.255.255.248");
    assert_eq!((lease.gateway.to_string(), lease.server), ("10.10.1.1".to_owned(), lease.gateway));
    assert_eq!((lease.dns[1].to_string(), lease.upload_rate), ("0.0.0.0".to_owned(), Some(236_800)));
    // The same with the first octet first: the mask shows it.
    let swapped = ok(&["^DHCP:A08DBCC,FFFFFFF8,A0A0101,0A0A0101,AB10022,0,236800,236800"]);
    assert_eq!(run(&data::lease(), &swapped), lease);
    // A mask that is none either way is not believed, nor is what stands beside it.
    let odd = ok(&["^DHCP:CCDB080A,F8FFFF0F,1010A0A,1010A0A,2200b10a,0,236800,236800"]);
    let mut port = Port::new(move |_| odd.clone());
    assert!(At::new(&mut port).run(&data::lease()).is_err());
    assert_eq!(
        run(&data::address(1), &ok(&["+CGPADDR: 1,\"100.67.207.142\""])).to_string(),
        "100.67.207.142"
    );

    let f = run(&data::flow(), &ok(&["^DSFLOWQRY:0000240E,00AD023,002FA192,00004810,1,FFFFFFFFFF"]));
    assert_eq!((f.seconds, f.sent, f.total_received), (0x240e, 0xad023, 0xff_ffff_ffff));
    assert!(data::ppp_dial(0).is_err());
}

#[test]
fn a_busy_sim_is_waited_for() {
    let mut asked = 0;
    let mut port = Port::new(|_| {
        asked += 1;
        if asked < 4 { b"\r\n+CME ERROR: 14\r\n".to_vec() } else { ok(&["+CPIN: SIM PIN"]) }
    });
    assert_eq!(sim::wait_state(&mut At::new(&mut port)).unwrap(), SimState::Pin);
    let mut port = Port::new(|_| b"\r\n+CME ERROR: SIM busy\r\n".to_vec());
    let e = sim::wait_state(&mut At::new(&mut port)).unwrap_err();
    assert!(e.is(ErrorKind::AtRefused) && e.fact("meaning") == Some("SIM busy"));
    let mut port = Port::new(|_| b"\r\n+CME ERROR: 10\r\n".to_vec());
    assert!(sim::wait_state(&mut At::new(&mut port)).unwrap_err().is(ErrorKind::NoSim));
}

#[test]
fn a_late_answer_is_not_the_next_ones() {
    let mut lines = Vec::new();
    let mut port = Port::new(|line| {
        lines.push(line.to_owned());
        match line {
            // Its answer comes when the next line is written.
            "AT+COPS?" => Vec::new(),
            "AT" if lines.iter().filter(|l| *l == "AT").count() == 1 => {
                [ok(&["+COPS: 0,0,\"Late\",7"]), ok(&[])].concat()
            }
            "AT+CSQ" => ok(&["+CSQ: 20,99"]),
            _ => ok(&[]),
        }
    });
    let mut at = At::new(&mut port);
    assert!(at.run(&network::operator()).unwrap_err().is(ErrorKind::Timeout));
    assert_eq!(at.run(&signal::strength()).unwrap(), Some(-73));
}

#[test]
fn init_brings_any_port_to_words_without_echo() {
    // Echo on, digits for results, until told otherwise; the first line is swallowed; CURC is not known.
    let (mut echo, mut words, mut first) = (true, false, true);
    let mut port = Port::new(|line| {
        if std::mem::take(&mut first) {
            return Vec::new();
        }
        let mut out = if echo { format!("{line}\r").into_bytes() } else { Vec::new() };
        echo &= line != "ATE0";
        words |= line.ends_with("V1");
        let fine = !line.contains("CURC");
        out.extend_from_slice(match (words, fine) {
            (true, true) => b"\r\nOK\r\n",
            (true, false) => b"\r\nERROR\r\n",
            (false, true) => b"0\r",
            (false, false) => b"4\r",
        });
        out
    });
    let mut at = At::new(&mut port);
    at.init().unwrap();
    assert_eq!(
        at.command("AT^CURC=0", crate::error::Effect::Reads, super::USUAL).unwrap().result,
        Final::Error
    );
    drop(port);
    assert!(!echo && words);

    let mut dead = Port::new(|_| Vec::new());
    let e = At::new(&mut dead).init().unwrap_err();
    assert!(e.is(ErrorKind::Timeout) && e.verdict() == Some(Verdict::Untouched));
}

#[test]
fn refusals_say_what_the_number_means_and_keep_secrets() {
    let mut port = Port::new(|_| b"\r\n+CME ERROR: 50\r\n".to_vec());
    let e = At::new(&mut port).run(&Command::plain("AT+CPWD=\"SC\",\"1234\",\"5678\"")).unwrap_err();
    assert_eq!(
        (e.kind(), e.fact("code"), e.fact("meaning")),
        (ErrorKind::AtRefused, Some("cme 50"), Some("incorrect parameters"))
    );
    assert!(!format!("{e:?}").contains("1234"), "{e:?}");
    let mut port = Port::new(|_| b"\r\nCOMMAND NOT SUPPORT\r\n".to_vec());
    let e = At::new(&mut port).run(&signal::levels()).unwrap_err();
    assert_eq!(e.fact("code"), Some("COMMAND NOT SUPPORT"));
    let mut port = Port::new(|_| b"\r\n+CME ERROR: SIM PIN required\r\n".to_vec());
    assert!(At::new(&mut port).run(&signal::levels()).unwrap_err().is(ErrorKind::SimPinNeeded));
}

#[test]
fn commands_cannot_smuggle_a_second_one() {
    let mut port = Port::new(|line| panic!("{line}"));
    for bad in ["AT\rAT^RESET", "AT\nX", "AT\x1a", "ATé", &"A".repeat(1001)] {
        assert!(
            At::new(&mut port)
                .command(bad, crate::error::Effect::Reads, super::USUAL)
                .unwrap_err()
                .is(ErrorKind::Usage),
            "{bad:?}"
        );
    }
    assert!(super::quoted("a\"").is_err() && super::quoted("a\r").is_err());
}
