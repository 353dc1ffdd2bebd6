//! Rows of docs/online.md section 2 that need a whole stick, and options that the owner's settings bring.

use std::time::Duration;

use stickshift::at::data::PdpType;
use stickshift::error::{Detail, ErrorKind, Verdict};
use stickshift::event::{Cancel, Event, Session};
use stickshift::link::Bus;
use stickshift::modem::{Modem, identity};
use stickshift::online::computer::{Change, Network};
use stickshift::online::{self, Access, Computer, Simulated, Wanted, WantedWay, Weather};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::device::Device;
use stickshift_emu::modem::DataState;
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::HuaweiStick;

use crate::scripted::{Script, ScriptedBus};
use crate::{down, place, plugged, said, up_with, wanted};

/// The stick says this on its AT port, whoever holds that.
fn told(bus: &VirtualBus, interface: u8, command: &str) {
    let now = bus.now();
    bus.with(&place(), |stick: &mut HuaweiStick| {
        stick.serial_write(now, interface, format!("{command}\r").as_bytes());
    });
}

/// A stick that shows NCM and nothing else: its control channel takes the commands.
fn channel_alone(fault: Option<&str>) -> (VirtualBus, stickshift::stick::Stick) {
    let mut bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-stick", 1, fault).unwrap());
    bus.advance(Duration::from_secs(60));
    told(&bus, 0, "AT^SETPORT=\"FF;16\"");
    bus.advance(Duration::from_secs(1));
    bus.replug(&place());
    bus.advance(Duration::from_secs(60));
    let stick = bus.sticks().unwrap().remove(0);
    assert_eq!(stick.ports().count(), 0, "{stick:?}");
    (bus, stick)
}

#[test]
fn row_7_a_control_channel_takes_commands_where_there_is_no_port() {
    let (mut bus, stick) = channel_alone(None);
    assert_eq!(identity::at_ports(&stick), [0]);
    let (ended, told) = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &wanted(), None);
    let connection = ended.unwrap_or_else(|e| panic!("{e:?}\n{}", told.join("\n")));
    assert_eq!(connection.way, "ncm");
    // Where there is a port, that is asked.
    let (_, stick) = plugged("e3372h-stick");
    assert!(stick.interfaces.iter().any(|i| i.cdc_wdm.is_some()));
    assert!(identity::at_ports(&stick).iter().all(|n| stick.ports().any(|port| port.number == *n)));
}

#[test]
fn row_7_a_mute_channel_is_given_up_soon() {
    let (mut bus, stick) = channel_alone(Some("mute-channel"));
    let before = bus.now();
    let (ended, _) = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &wanted(), None);
    let error = ended.unwrap_err();
    assert!(error.is(ErrorKind::Timeout) && said(&error).contains("does not answer AT"), "{error:?}");
    assert_eq!(error.verdict(), Some(Verdict::Untouched));
    assert!(bus.now() - before < Duration::from_secs(10));
}

#[test]
fn row_8_what_is_written_has_its_quotes_and_is_read_back() {
    let mut script = Script::default();
    script.set(
        "AT^SYSCFGEX?",
        &[
            "^SYSCFGEX:\"0302\",3FFFFFFF,0,2,7FFFFFFFFFFFFFFF",
            "^SYSCFGEX:\"0302\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF",
        ],
    );
    let (mut bus, stick) = (ScriptedBus::new(script), ScriptedBus::stick());
    let roaming = Wanted { roaming: true, ..wanted() };
    let (ended, _) = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &roaming, None);
    assert!(ended.is_ok(), "{ended:?}");
    let said = bus.said();
    let writes: Vec<_> = said.iter().filter(|s| s.starts_with("AT^SYSCFGEX=")).collect();
    assert!(writes[0].starts_with("AT^SYSCFGEX=\"0302\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF"), "{writes:?}");
    // A name that would end its quotes is not written at all.
    let (mut bus, stick) = (ScriptedBus::new(Script::default()), ScriptedBus::stick());
    let bad = Wanted { apn: Some("web\",\"x".into()), ..wanted() };
    let (ended, _) = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &bad, None);
    assert!(ended.unwrap_err().is(ErrorKind::Usage));
    assert!(!bus.said().iter().any(|said| said.contains("web")), "{:?}", bus.said());
}

#[test]
fn row_16_ipv6_alone_has_name_servers_and_tells_what_becomes_of_ipv4() {
    let v6 = Wanted { ip: Some(PdpType::V6), ..wanted() };
    for (weather, words) in [
        (
            Weather { nat64: true, ..Weather::default() },
            "through the operator's NAT64 64:ff9b::/96; programs that use IPv4",
        ),
        (Weather { nat64: false, ..Weather::default() }, "hosts with IPv4 are out of reach"),
    ] {
        let (mut bus, stick) = plugged("e3372h-stick");
        let mut computer = Simulated::new(Weather { advertises: true, dhcp6: true, ..weather });
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &v6, None);
        let connection = ended.unwrap_or_else(|e| panic!("{e:?}\n{}", told.join("\n")));
        assert_eq!(connection.dns, ["2001:db8:ffff::34"], "by DHCPv6");
        assert!(told.iter().any(|t| t.contains("name servers by DHCPv6")), "{told:?}");
        assert!(told.iter().any(|t| t.starts_with("translation") && t.contains(words)), "{told:?}");
    }
    // Both kinds: nothing to say.
    let (mut bus, stick) = plugged("e3372h-stick");
    let mut computer = Simulated::new(Weather { advertises: true, ..Weather::default() });
    let (_, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(!told.iter().any(|t| t.starts_with("translation")), "{told:?}");
}

/// Its first set of ports has no network interface; the one with MBIM has.
#[test]
fn row_20_a_module_goes_online_by_what_its_configuration_has() {
    let (mut bus, stick) = plugged("me906");
    let mut computer = Simulated::new(Weather::default());
    let mbim = up_with(&mut bus, &stick, &mut computer, &Wanted { way: WantedWay::Mbim, ..wanted() }, None).0;
    let error = mbim.unwrap_err();
    assert!(error.is(ErrorKind::NoSuchPort) && error.what().contains("no MBIM interface"), "{error:?}");
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(ended.is_ok_and(|connection| connection.way == "ppp"), "{told:?}");
}

/// The network of the stick's own router is that of the computer's cable, too.
#[test]
fn row_28_a_network_that_is_there_twice_stays_out_of_the_main_table() {
    let (mut bus, stick) = plugged("e3372h-hilink");
    let weather = Weather { cable: [192, 168, 8, 20], ..Weather::default() };
    let mut computer = Simulated::new(weather);
    let _ = computer.cards(&stick).unwrap();
    let before = computer.everything();
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &Wanted::default(), None);
    let connection = ended.unwrap_or_else(|e| panic!("{e:?}\n{}", told.join("\n")));
    let words = "192.168.8.0/24 is another interface's network too: it stays out of the main table";
    assert!(told.iter().any(|t| t.contains(words)), "{told:?}");
    let now = computer.everything();
    assert!(now.contains(&format!("192.168.8.0/24 dev usb0 table {}", connection.table)), "{now}");
    assert!(!now.contains("\n192.168.8.0/24 dev usb0\n"), "{now}");
    down(&mut bus, Some(stick), &mut computer).unwrap();
    assert_eq!(computer.everything(), before);
}

#[test]
fn row_39_a_set_of_ports_without_ncm_is_seen_by_its_interfaces() {
    let bus = VirtualBus::new();
    bus.plug(&place(), catalogue::virtual_stick("e3372h-stick", 1, None).unwrap());
    bus.advance(Duration::from_secs(60));
    told(&bus, 0, "AT^SETPORT=\"FF;12,10\"");
    bus.advance(Duration::from_secs(1));
    bus.replug(&place());
    bus.advance(Duration::from_secs(60));
    let mut bus = bus;
    let stick = bus.sticks().unwrap().remove(0);
    let mut computer = Simulated::new(Weather::default());
    let ncm = Wanted { way: WantedWay::Ncm, ..wanted() };
    let error = up_with(&mut bus, &stick, &mut computer, &ncm, None).0.unwrap_err();
    assert!(error.is(ErrorKind::NoSuchPort) && error.has(&Detail::Lacks("NCM")), "{error:?}");
    // Left to choose, it takes what is there.
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &wanted(), None);
    assert!(ended.is_ok_and(|connection| connection.way == "ppp"), "{told:?}");
}

#[test]
fn a_data_call_while_the_network_card_holds_the_connection_is_named_as_that() {
    let (mut bus, stick) = plugged("e3372h-stick");
    {
        let interface = identity::find_at_port(&mut bus, &stick, &mut Session::quiet()).unwrap().unwrap();
        let mut port = bus.open_port(&place(), interface).unwrap();
        let cancel = Cancel::new();
        let mut modem = Modem::over_at(&mut *port, &cancel).unwrap();
        modem.typed("AT^NDISDUP=1,1,\"other\"", Duration::from_secs(10)).unwrap();
    }
    bus.advance(Duration::from_secs(5));
    let ppp = Wanted { way: WantedWay::Ppp, ..wanted() };
    let mut computer = Simulated::new(Weather::default());
    let card = computer.cards(&stick).unwrap().remove(0).card;
    computer.apply(&Change::Link { card: card.clone(), up: true }).unwrap();
    let address = Network { address: [10, 249, 198, 122].into(), prefix: 30 };
    computer.apply(&Change::Address { card: card.clone(), address, add: true }).unwrap();
    let error = up_with(&mut bus, &stick, &mut computer, &ppp, None).0.unwrap_err();
    assert!(error.is(ErrorKind::NetworkRefused) && error.has(&Detail::HeldByNcm), "{error:?}");
    let running = bus.held(&place()).unwrap().running.unwrap();
    assert_eq!(running.data, DataState::Up, "the other program's connection stands");

    // Nobody uses it: the stick has it from before, and it is hung up.
    computer.apply(&Change::Address { card, address, add: false }).unwrap();
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &ppp, None);
    assert!(ended.is_ok() && told.iter().any(|t| t.contains("nobody here uses")), "{ended:?} {told:?}");
}

/// The settings' access point is for sticks that are dialled from here: what the owner chose on a stick's own page stays.
#[test]
fn the_access_point_of_the_settings_changes_no_profile_of_a_stick() {
    let settings = Wanted { usual_apn: Some("web".into()), ..Wanted::default() };
    let (mut bus, stick) = plugged("e3372h-hilink");
    let kept = bus.held(&place()).unwrap().kept;
    let mut computer = Simulated::new(Weather::default());
    let (ended, told) = up_with(&mut bus, &stick, &mut computer, &settings, None);
    let connection = ended.unwrap_or_else(|e| panic!("{e:?}\n{}", told.join("\n")));
    assert_eq!(connection.apn.as_deref(), Some("orange"), "{told:?}");
    assert!(told.iter().any(|t| t.contains("the stick keeps the profile Orange")), "{told:?}");
    assert_eq!(bus.held(&place()).unwrap().kept, kept);
    let plan = online::plan(&stick, &mut Simulated::new(Weather::default()), &settings).unwrap();
    assert!(plan.steps.iter().any(|s| s.text.contains("the profile of its own page stays")), "{plan:?}");

    // What was asked for with the command is refused where no profile has it.
    let asked = Wanted { apn: Some("web".into()), ..Wanted::default() };
    let (mut bus, stick) = plugged("e3372h-hilink");
    let error =
        up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &asked, None).0.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.fact("profiles") == Some("orange"), "{error:?}");

    let (mut bus, stick) = plugged("e3372h-stick");
    let (ended, _) = up_with(&mut bus, &stick, &mut Simulated::new(Weather::default()), &settings, None);
    let connection = ended.unwrap();
    assert_eq!((connection.apn.as_deref(), connection.apn_from.as_str()), (Some("web"), "the settings"));
}

#[test]
fn cards_of_other_makers_dial_by_themselves() {
    for name in ["mf823", "mf823-rndis"] {
        let (mut bus, stick) = plugged(name);
        let mut computer = Simulated::new(Weather::default());
        let _ = computer.cards(&stick).unwrap();
        let before = computer.everything();
        let (ended, told) = up_with(&mut bus, &stick, &mut computer, &Wanted::default(), None);
        let connection = ended.unwrap_or_else(|e| panic!("{name}: {e:?}\n{}", told.join("\n")));
        assert_eq!((connection.way, connection.interface.as_str()), ("ecm", "usb0"), "{name}");
        down(&mut bus, Some(stick), &mut computer).unwrap();
        assert_eq!(computer.everything(), before, "{name}");
    }
}

/// Ctrl-C at each step of each way: what is said of the stick is true, and stick and computer are as they were found.
#[test]
fn a_request_to_stop_at_each_step_leaves_everything_as_found() {
    for (name, way) in [
        ("e3372h-stick", WantedWay::Ncm),
        ("e3372h-stick", WantedWay::Ppp),
        ("em7455", WantedWay::Mbim),
        ("e3372h-hilink", WantedWay::Hilink),
        ("mf823", WantedWay::Ecm),
    ] {
        let mut stopped = 0;
        for number in 1..60 {
            let (mut bus, stick) = plugged(name);
            let mut computer = Simulated::new(Weather::default());
            let _ = computer.cards(&stick).unwrap();
            let (before, kept) = (computer.everything(), bus.held(&place()).unwrap().kept);
            let data = |bus: &VirtualBus| bus.held(&place()).unwrap().running.map(|r| r.data);
            let was = data(&bus);
            let cancel = Cancel::new();
            let mut told = 0;
            let sink = |event: Event| {
                told += u32::from(matches!(event, Event::Step { .. } | Event::Note { .. }));
                if told == number {
                    cancel.cancel();
                }
            };
            let own = matches!(way, WantedWay::Hilink | WantedWay::Ecm);
            let wanted = Wanted { way, apn: (!own).then(|| "web".into()), ..Wanted::default() };
            let mut pin = || Ok(None);
            let ended = {
                let mut session = Session::new(sink, cancel.clone());
                let mut access = Access::new(&mut pin, None);
                online::up(&mut bus, stick.clone(), &mut computer, &wanted, &mut access, &mut session)
            };
            if told < number {
                assert!(ended.is_ok(), "{name}: {ended:?}");
                break;
            }
            let what = format!("{name}, event {number}");
            match ended {
                // It was too late to stop: everything was done.
                Ok(_) => _ = down(&mut bus, Some(stick), &mut computer).unwrap(),
                Err(error) => {
                    stopped += 1;
                    assert!(error.is(ErrorKind::Interrupted), "{what}: {error:?}");
                    assert!(
                        matches!(error.verdict(), Some(Verdict::Untouched | Verdict::Recoverable)),
                        "{what}: {error:?}"
                    );
                }
            }
            assert_eq!(computer.everything(), before, "{what}");
            assert_eq!(bus.held(&place()).unwrap().kept, kept, "{what}");
            assert_eq!(data(&bus), was, "{what}");
            assert!(!computer.remembers(&place()), "{what}");
        }
        assert!(stopped >= 6, "{name}: {stopped}");
    }
}
