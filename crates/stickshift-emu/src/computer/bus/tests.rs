use super::*;
use crate::fault::FaultPlan;
use crate::firmware::memory::FirmwareKind;
use crate::modem::SimState;
use crate::sticks::catalogue;
use crate::sticks::huawei::{HuaweiOptions, HuaweiStick, PlugIn, Timing};
use stickshift::link::HttpRequest;
use stickshift::stick::{Mode, Role};
use stickshift::wire::{crc, hdlc};

fn place(text: &str) -> Place {
    text.parse().unwrap()
}

fn with(name: &str) -> VirtualBus {
    let bus = VirtualBus::new();
    bus.plug(&place("1-1"), catalogue::virtual_stick(name, 1, None).unwrap());
    bus
}

/// Waits for the stick at a place to be in a mode, with its drivers bound.
fn wait(bus: &mut VirtualBus, at: &str, mode: Mode) -> Stick {
    let deadline = bus.now() + Duration::from_secs(120);
    loop {
        let sticks = bus.sticks().unwrap();
        let found = sticks.into_iter().find(|s| s.place == place(at) && s.mode == mode);
        if let Some(stick) = found.filter(|s| s.interfaces.iter().any(|i| i.driver.is_some())) {
            return stick;
        }
        assert!(bus.wait_change(deadline).unwrap(), "no {} at {at}", mode.code());
    }
}

#[test]
fn two_sticks_have_names_of_their_own() {
    for (name, mode) in [("e3372h-stick", Mode::Modem), ("e3372h-hilink", Mode::Hilink)] {
        let mut bus = with(name);
        bus.plug(&place("1-2"), catalogue::virtual_stick(name, 2, None).unwrap());
        let names = |stick: &Stick| -> Vec<String> {
            let all = stick.interfaces.iter();
            all.flat_map(|i| [&i.netdev, &i.cdc_wdm, &i.tty].into_iter().flatten().cloned()).collect()
        };
        let (first, second) = (names(&wait(&mut bus, "1-1", mode)), names(&wait(&mut bus, "1-2", mode)));
        assert!(!first.is_empty() && first.len() == second.len(), "{first:?} {second:?}");
        assert!(first.iter().all(|name| !second.contains(name)), "{first:?} {second:?}");
    }
}

fn ask(link: &mut dyn ByteLink, bytes: &[u8]) -> Vec<u8> {
    link.write(bytes).unwrap();
    let mut buffer = [0; 4096];
    let deadline = link.now() + Duration::from_secs(60);
    let n = link.read(&mut buffer, deadline).unwrap();
    buffer[..n].to_vec()
}

fn packet(body: &[u8]) -> Vec<u8> {
    [body, &crc::xmodem(body).to_be_bytes()].concat()
}

/// Sends blocks as the protocol document says, trusting every answer to be AA.
fn load(link: &mut dyn ByteLink, blocks: [&[u8]; 2]) {
    assert_eq!(ask(link, b"A"), [0x55]);
    for (block, mode) in blocks.into_iter().zip([1u8, 2]) {
        let size = (block.len() as u32).to_be_bytes();
        assert_eq!(
            ask(link, &packet(&[&[0xfe, 0, 0xff, mode], &size[..], &[0x2f, 0, 0, 0]].concat())),
            [0xaa]
        );
        let mut sequence = 1u8;
        for chunk in block.chunks(1024) {
            assert_eq!(ask(link, &packet(&[&[0xda, sequence, !sequence], chunk].concat())), [0xaa]);
            sequence = sequence.wrapping_add(1);
        }
        assert_eq!(ask(link, &packet(&[0xed, sequence, !sequence])), [0xaa]);
    }
}

fn frame(link: &mut dyn ByteLink, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    hdlc::encode(body, &mut bytes);
    ask(link, &bytes)
}

const ACK: [u8; 5] = [0x7e, 0x02, 0x6a, 0xd3, 0x7e];

fn write_partition(link: &mut dyn ByteLink, code: u32, data: &[u8]) {
    let (size, code) = ((data.len() as u32).to_be_bytes(), code.to_be_bytes());
    assert_eq!(frame(link, &[&[0x41], &code[..], &size, &[0; 3]].concat()), ACK);
    for (index, chunk) in data.chunks(4096).enumerate() {
        let (number, length) = ((index as u32 + 1).to_be_bytes(), (chunk.len() as u16).to_be_bytes());
        assert_eq!(frame(link, &[&[0x42], &number[..], &length, chunk].concat()), ACK);
    }
    assert_eq!(frame(link, &[&[0x43], &size[..], &[0; 3], &code, &[0; 11]].concat()), ACK);
}

fn code(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 249) as u8 | 1).collect()
}

/// docs/protocols/balong-flash.md section 2.2, with the key that most sticks know.
const SIGNATURE: &[u8] =
    b"AT^SIGNVER=1,0,778A8D175E602B7B779D9E05C330B5279B0661BF2EED99A20445B366D63DD697,2958\r";

#[test]
fn the_whole_conversion_with_the_boot_pin() {
    let mut bus = with("e3372h-hilink");
    let here = place("1-1");
    assert!(bus.sticks().unwrap().is_empty(), "it boots first");
    let stick = wait(&mut bus, "1-1", Mode::Hilink);
    assert_eq!(stick.id.to_string(), "12d1:14dc");
    bus.with(&here, |s: &mut HuaweiStick| s.hold_boot_pin()).unwrap();
    bus.replug(&here);
    let stick = wait(&mut bus, "1-1", Mode::BootRom);
    let port = stick.interface(Role::BootRom).unwrap();
    let mut link = bus.open_port(&here, port.number).unwrap();
    load(&mut *link, [&code(876), &code(5000)]);
    let mut buffer = [0; 16];
    let later = link.now() + Duration::from_secs(5);
    let error = link.read(&mut buffer, later).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected));
    assert!(link.write(b"A").unwrap_err().is(ErrorKind::Disconnected));
    drop(link);
    let began = bus.now();
    let stick = wait(&mut bus, "1-1", Mode::Download);
    let took = bus.now() - began;
    assert!((9..17).contains(&took.as_secs()), "{took:?}");
    let port = stick.interface(Role::Flash).unwrap();
    assert_eq!(port.number, 2);
    let mut link = bus.open_port(&here, port.number).unwrap();
    ask(&mut *link, SIGNATURE);
    assert_eq!(ask(&mut *link, b"AT^DATAMODE\r"), b"\r\nOK\r\n");
    let text = b"\0stickshift-synthetic version=21.180.01.00.00 kind=stick\0";
    let big = [&text[..], &vec![7; 3 << 20]].concat();
    for code in [0x0011_0000, 0x0009_0000, 0x0022_0000] {
        write_partition(&mut *link, code, text);
    }
    write_partition(&mut *link, 0x0059_0000, &big);
    assert_eq!(frame(&mut *link, &[0x0a]), ACK);
    drop(link);
    let stick = wait(&mut bus, "1-1", Mode::Modem);
    let port = stick.interface(Role::Pcui).unwrap();
    let mut link = bus.open_port(&here, port.number).unwrap();
    let said = String::from_utf8(ask(&mut *link, b"AT+CGMR\r")).unwrap();
    assert!(said.contains("21.180.01.00.00"), "{said}");
    let (firmware, nv, steps) = bus
        .with(&here, |s: &mut HuaweiStick| {
            assert_eq!(s.flash().partition(0x0059_0000), Some(big.as_slice()));
            (s.flash().firmware(), s.nv_intact(), s.steps())
        })
        .unwrap();
    assert_eq!(firmware.unwrap().kind, FirmwareKind::Stick);
    assert!(nv);
    assert_eq!(steps, (1 + 3 + 7) + (2 + 9 + 2 + 769 + 1) + 1);
}

#[test]
fn every_name_is_recognised_through_the_bus() {
    for (name, mode) in [
        ("e3372h-hilink", Mode::Hilink),
        ("e3372h-hilink-closed", Mode::Hilink),
        ("e3372h-stick", Mode::Modem),
        ("e3372h-needle", Mode::BootRom),
        ("e3372h-loader", Mode::Download),
    ] {
        wait(&mut with(name), "1-1", mode);
    }
}

#[test]
fn numbers_move_and_a_held_one_is_not_given_out() {
    let mut bus = with("e3372h-needle");
    let first = wait(&mut bus, "1-1", Mode::BootRom);
    assert_eq!(first.interfaces[0].tty.as_deref(), Some("/dev/ttyUSB0"));
    let link = bus.open_port(&place("1-1"), 0).unwrap();
    let again = |bus: &mut VirtualBus| {
        bus.with(&place("1-1"), |s: &mut HuaweiStick| s.hold_boot_pin()).unwrap();
        bus.replug(&place("1-1"));
        wait(bus, "1-1", Mode::BootRom).interfaces[0].tty.clone().unwrap()
    };
    assert_eq!(again(&mut bus), "/dev/ttyUSB1");
    assert_eq!(again(&mut bus), "/dev/ttyUSB2", "0 is held by a link to a stick that is gone");
    drop(link);
    assert_eq!(again(&mut bus), "/dev/ttyUSB0");
}

#[test]
fn ports_are_exclusive_and_holders_are_named() {
    let mut bus = with("e3372h-stick");
    wait(&mut bus, "1-1", Mode::Modem);
    let link = bus.open_port(&place("1-1"), 0).unwrap();
    let error = bus.open_port(&place("1-1"), 0).err().unwrap();
    assert!(error.is(ErrorKind::PortBusy) && error.fact("holder").is_some());
    let stick = bus.sticks().unwrap().remove(0);
    assert!(stick.interfaces[0].holder.is_some());
    drop(link);
    assert!(bus.open_port(&place("1-1"), 0).is_ok());
    // The control channel of its NCM takes commands, too; a drive does not.
    let channel = bus.open_port(&place("1-1"), 2).unwrap();
    assert!(bus.open_port(&place("1-1"), 2).err().unwrap().is(ErrorKind::PortBusy));
    drop(channel);
    assert!(bus.open_port(&place("1-1"), 3).err().unwrap().is(ErrorKind::NoSuchPort));
    assert!(bus.open_port(&place("1-9"), 0).err().unwrap().is(ErrorKind::Disconnected));
    bus.set_no_access(true);
    assert!(bus.open_port(&place("1-1"), 0).err().unwrap().is(ErrorKind::PermissionDenied));
    assert!(bus.open_usb(&place("1-1")).err().unwrap().is(ErrorKind::PermissionDenied));
}

#[test]
fn modem_manager_takes_ports_and_gives_them_back() {
    let bus = VirtualBus::new();
    bus.set_modem_manager(Some(ModemManager { keeps: Duration::from_secs(3), ..ModemManager::default() }));
    bus.plug(&place("1-1"), catalogue::virtual_stick("e3372h-needle", 1, None).unwrap());
    let mut bus = bus;
    wait(&mut bus, "1-1", Mode::BootRom);
    let error = bus.open_port(&place("1-1"), 0).err().unwrap();
    assert_eq!(error.fact("holder"), Some("ModemManager (pid 612)"));
    bus.sticks().unwrap();
    assert!(bus.wait_change(bus.now() + Duration::from_secs(10)).unwrap());
    let mut link = bus.open_port(&place("1-1"), 0).unwrap();
    assert_eq!(ask(&mut *link, b"A"), [0x55]);
}

#[test]
fn two_sticks_share_the_clock_and_keep_their_places() {
    let mut bus = with("e3372h-stick");
    bus.plug(&place("1-2"), catalogue::virtual_stick("e3372h-stick", 2, None).unwrap());
    wait(&mut bus, "1-1", Mode::Modem);
    wait(&mut bus, "1-2", Mode::Modem);
    let sticks = bus.sticks().unwrap();
    let ttys: std::collections::BTreeSet<_> =
        sticks.iter().flat_map(|s| s.ports()).map(|i| i.tty.clone().unwrap()).collect();
    assert_eq!(ttys.len(), 4);
    bus.schedule(Duration::from_secs(5), &place("1-2"), Action::Unplug);
    assert!(bus.wait_change(bus.now() + Duration::from_secs(9)).unwrap());
    assert_eq!(bus.sticks().unwrap().len(), 1);
    assert!(!bus.wait_change(bus.now() + Duration::from_secs(9)).unwrap());
    bus.schedule(Duration::ZERO, &place("1-2"), Action::Plug);
    wait(&mut bus, "1-2", Mode::Modem);
}

#[test]
fn the_soft_way_by_http_and_godload() {
    let mut bus = with("e3372h-hilink");
    wait(&mut bus, "1-1", Mode::Hilink);
    let mut web = bus.open_http(&place("1-1")).unwrap();
    let body = "<api><header><function>switchMode</function></header><body><request>\
                <switchType>0</switchType></request></body></api>";
    let request = HttpRequest {
        method: "POST",
        path: "/CGI".into(),
        headers: Vec::new(),
        body: body.into(),
        timeout: Duration::from_secs(3),
        cancel: stickshift::event::Cancel::new(),
    };
    let error = web.request(&request).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected));
    assert_eq!(error.fact("sent"), Some("yes"));
    let stick = wait(&mut bus, "1-1", Mode::HilinkSerial);
    assert_eq!(web.request(&request).unwrap_err().fact("sent"), Some("no"));
    let number = stick.interface(Role::Pcui).unwrap().number;
    let mut link = bus.open_port(&place("1-1"), number).unwrap();
    assert!(ask(&mut *link, b"AT^GODLOAD\r").ends_with(b"\r\nOK\r\n"));
    drop(link);
    let stick = wait(&mut bus, "1-1", Mode::Download);
    assert_eq!(stick.id.to_string(), "12d1:1442");
    assert_eq!(stick.interface(Role::Flash).unwrap().number, 0);
}

#[test]
fn a_stick_that_is_pulled_in_the_middle_comes_back_as_its_flash_allows() {
    let faults = FaultPlan::parse("unplug@3,unsigned-taken", 0).unwrap();
    let options = HuaweiOptions { plug_in: PlugIn::Loader, faults, ..HuaweiOptions::hilink() };
    let mut bus = VirtualBus::new();
    bus.plug(&place("1-1"), Box::new(HuaweiStick::new(options)));
    wait(&mut bus, "1-1", Mode::Download);
    let mut link = bus.open_port(&place("1-1"), 2).unwrap();
    ask(&mut *link, b"AT^DATAMODE\r");
    let start = [&[0x41, 0, 0x11, 0, 0], &[0, 0, 0x20, 0][..], &[0; 3]].concat();
    assert_eq!(frame(&mut *link, &start), ACK);
    let mut bytes = Vec::new();
    hdlc::encode(&[0x42, 0, 0, 0, 1, 0, 1, 9], &mut bytes);
    link.write(&bytes).unwrap();
    let mut buffer = [0; 9];
    let later = link.now() + Duration::from_secs(60);
    assert!(link.read(&mut buffer, later).unwrap_err().is(ErrorKind::Disconnected));
    assert!(bus.sticks().unwrap().is_empty());
    bus.replug(&place("1-1"));
    // Fastboot is torn: without a needle, the boot ROM.
    wait(&mut bus, "1-1", Mode::BootRom);
}

#[test]
fn an_unpatched_loader_takes_everything_with_it() {
    let options =
        HuaweiOptions { plug_in: PlugIn::BootPin, timing: Timing::quick(), ..HuaweiOptions::stick() };
    let mut bus = VirtualBus::new();
    bus.plug(&place("1-1"), Box::new(HuaweiStick::new(options)));
    wait(&mut bus, "1-1", Mode::BootRom);
    let mut loader = code(4096);
    let signature = [0x10, 0x30, 0x94, 0xe5, 0x0d, 0x00, 0xa0, 0xe1, 0x10, 0x30, 0x8d, 0xe5];
    let rest = [0x18, 0x30, 0x94, 0xe5, 0x14, 0x30, 0x8d, 0xe5];
    loader[0x100..0x114].copy_from_slice(&[&signature[..], &rest].concat());
    let mut link = bus.open_port(&place("1-1"), 0).unwrap();
    load(&mut *link, [&code(100), &loader]);
    drop(link);
    wait(&mut bus, "1-1", Mode::Download);
    let (nv, bootable) =
        bus.with(&place("1-1"), |s: &mut HuaweiStick| (s.nv_intact(), s.flash().firmware().is_ok())).unwrap();
    assert!(!nv && !bootable);
}

#[test]
fn transfers_reach_the_stick() {
    let options = HuaweiOptions { cdrom: true, ..HuaweiOptions::hilink() };
    let mut bus = VirtualBus::new();
    bus.plug(&place("1-1"), Box::new(HuaweiStick::new(options)));
    let stick = wait(&mut bus, "1-1", Mode::Cdrom);
    assert_eq!(stick.id.to_string(), "12d1:1f01");
    let mut usb = bus.open_usb(&place("1-1")).unwrap();
    assert_eq!(usb.device_descriptor()[8..12], [0xd1, 0x12, 0x01, 0x1f]);
    assert_eq!(usb.active_configuration().unwrap(), 1);
    assert!(usb.claim(0).unwrap_err().is(ErrorKind::PortBusy));
    assert!(usb.detach_kernel_driver(0).unwrap());
    assert!(!usb.detach_kernel_driver(0).unwrap());
    usb.claim(0).unwrap();
    let mut message = [0; 31];
    message[..4].copy_from_slice(b"USBC");
    message[15..24].copy_from_slice(&[0x11, 0x06, 0x20, 0, 0, 1, 1, 0, 1]);
    usb.write(0x01, &message, Duration::from_secs(1)).unwrap();
    assert_eq!(usb.read(0x81, &mut [0; 13], Duration::from_secs(5)).unwrap(), 13, "its status");
    let error = usb.read(0x81, &mut [0; 13], Duration::from_secs(5)).unwrap_err();
    assert!(error.is(ErrorKind::Disconnected), "{error:?}");
    wait(&mut bus, "1-1", Mode::Hilink);
}

#[test]
fn what_a_modem_holds_is_told_also_while_it_is_away() {
    let mut bus = with("e3372h-stick-pin");
    let here = place("1-1");
    wait(&mut bus, "1-1", Mode::Modem);
    let fresh = bus.held(&here).unwrap();
    assert_eq!(fresh.kept.messages.iter().map(|m| m.index).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
    assert_eq!(fresh.running.as_ref().unwrap().sim, SimState::Pin);

    let mut port = bus.open_port(&here, 0).unwrap();
    for command in [
        "AT+CPIN=\"0000\"\r",
        "AT+CPIN=\"1234\"\r",
        "AT+CMGD=2\r",
        "AT^SYSCFGEX=\"03\",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,\r",
    ] {
        port.write(command.as_bytes()).unwrap();
        port.sleep(Duration::from_secs(1));
    }
    port.write(b"AT^USSDMODE=0\rAT+CUSD=1,\"*100#\",15\r").unwrap();
    port.sleep(Duration::from_secs(1));
    let changed = bus.held(&here).unwrap();
    assert_eq!(changed.kept.messages[2].parts, [false, true]);
    assert_eq!((changed.kept.sim.pin_tries, changed.kept.radio.order.as_str()), (3, "03"));
    assert_eq!(changed.running.as_ref().unwrap().sim, SimState::Ready);
    assert_eq!((fresh.sent.ussd.len(), changed.sent.ussd.len()), (0, 1));
    drop(port);

    bus.power(&here, false);
    let away = bus.held(&here).unwrap();
    assert_eq!((&away.kept, &away.sent, away.running), (&changed.kept, &changed.sent, None));
    bus.power(&here, true);
    wait(&mut bus, "1-1", Mode::Modem);
    let back = bus.held(&here).unwrap();
    assert_eq!((&back.kept, &back.sent, &back.running), (&changed.kept, &changed.sent, &fresh.running));
    assert!(bus.held(&place("1-2")).is_none());
}

/// Two threads, one in steps of a second and one of three: each sees its own deadlines, and the clock never runs ahead of either.
#[test]
fn time_goes_on_when_all_participants_wait() {
    let bus = VirtualBus::new();
    let told = std::sync::Mutex::new(Vec::new());
    let steps = |mut bus: VirtualBus, step: u64, count: u64| {
        let participant = bus.participant();
        let told = &told;
        move || {
            for number in 1..=count {
                let wanted = Duration::from_secs(step * number);
                bus.wait_change(wanted).unwrap();
                assert_eq!(bus.now(), wanted);
                told.lock().unwrap().push(wanted);
            }
            drop(participant);
        }
    };
    let (short, long) = (steps(bus.clone(), 1, 7), steps(bus.clone(), 3, 4));
    std::thread::scope(|scope| {
        scope.spawn(short);
        scope.spawn(long);
    });
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!((told.len(), bus.now()), (11, Duration::from_secs(12)));
}
