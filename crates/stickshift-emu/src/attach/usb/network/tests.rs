use std::time::Duration;

use super::*;
use crate::sticks::catalogue::plugged_in;

const HOST: [u8; 6] = [0x0c, 0x5b, 0x8f, 0x27, 0x9a, 0x64];

/// A host with the NCM function of an E3372h.
struct Rig {
    stick: Box<dyn Device>,
    now: Moment,
    network: Network,
}

impl Rig {
    fn new() -> Rig {
        let (stick, now) = plugged_in("e3372h-stick");
        let interfaces = stick.appearance().unwrap().configurations[0].interfaces.clone();
        let network = Network::of(&interfaces, &*stick, now).unwrap();
        Rig { stick, now, network }
    }

    fn request(&mut self, request_type: u8, request: u8, value: u16, data: &[u8]) -> Option<Vec<u8>> {
        let setup = ControlSetup { request_type, request, value, index: u16::from(self.network.control) };
        self.network.request(&mut *self.stick, self.now, setup, data)
    }

    /// A command over the control channel and what is said to it.
    fn ask(&mut self, command: &str) -> String {
        self.request(0x21, 0x00, 0, format!("{command}\r").as_bytes()).unwrap();
        let mut said = Vec::new();
        while let Some(notification) = self.notify() {
            if notification[1] == 0x01 {
                said.extend(self.request(0xa1, 0x01, 0, &[]).unwrap());
            }
        }
        String::from_utf8(said).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn notify(&mut self) -> Option<Vec<u8>> {
        self.network.notify(&mut *self.stick, self.now)
    }

    /// An echo request of the bearer's address.
    fn ping(&mut self) {
        let packet = [
            0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x99, 0x5e, 10, 249, 198, 122, 8, 8, 8, 8, 8, 0, 0xf7, 0xfd,
            0, 1, 0, 1,
        ];
        let frame = [&[0u8; 6][..], &HOST, &[8, 0], &packet].concat();
        let Framing::Blocks(Blocks { width, .. }) = self.network.framing else { panic!("it is NCM") };
        let mut block = Block::new(width);
        block.push(&frame);
        let transfer = block.finish(0, FRAMES);
        self.network.receive(&mut *self.stick, self.now, &transfer);
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        self.network.take(&mut *self.stick, self.now, 16_384)
    }
}

#[test]
fn packets_pass_while_the_bearer_is_up() {
    let mut rig = Rig::new();
    rig.ping();
    assert_eq!((rig.take(), rig.notify()), (None, None));
    assert_eq!(rig.ask("ATE0"), "ATE0 OK");
    assert_eq!(rig.ask("AT^NDISDUP=1,1,\"orange\""), "OK");
    rig.ping();
    assert_eq!(rig.take(), None, "it has no address yet");
    rig.now += Duration::from_secs(3);
    rig.stick.tick(rig.now);
    let told: Vec<u8> = std::iter::from_fn(|| rig.notify()).map(|n| n[1]).collect();
    assert_eq!(told, [0x01, 0x2a, 0x00], "the bearer is up; how fast; connected");
    for wide in [false, true] {
        rig.request(0x21, 0x84, u16::from(wide), &[]).unwrap();
        assert_eq!(rig.request(0xa1, 0x83, 0, &[]).unwrap()[0], u8::from(wide));
        rig.ping();
        rig.ping();
        let transfer = rig.take().unwrap();
        let width = if wide { Width::Bits32 } else { Width::Bits16 };
        let frames = ntb::datagrams(&transfer, width, FRAMES).unwrap();
        assert_eq!(frames.len(), 2);
        assert_eq!((&frames[0][..6], &frames[0][26..30], frames[0][34]), (&HOST[..], &[8; 4][..], 0));
        assert_eq!(rig.take(), None);
    }
    rig.ask("AT^NDISDUP=1,0");
    rig.ping();
    assert_eq!(rig.take(), None);
}

#[test]
fn the_host_chooses_the_form_of_blocks() {
    let mut rig = Rig::new();
    assert_eq!(rig.request(0x21, 0x84, 2, &[]), None, "there are two");
    assert_eq!(rig.request(0x21, 0x86, 0, &1000u32.to_le_bytes()), None, "too small");
    assert_eq!(rig.request(0x21, 0x86, 0, &[0, 8]), None);
    assert_eq!(rig.request(0x21, 0x86, 0, &2048u32.to_le_bytes()), Some(Vec::new()));
    rig.request(0x21, 0x84, 1, &[]).unwrap();
    assert_eq!(rig.request(0xa1, 0x85, 0, &[]).unwrap(), 2048u32.to_le_bytes());
    rig.network.reset();
    assert_eq!(rig.request(0xa1, 0x83, 0, &[]).unwrap(), [0, 0]);
    assert_eq!(rig.request(0xa1, 0x85, 0, &[]).unwrap(), NTB_SIZE.to_le_bytes());
}

#[test]
fn a_router_is_linked_from_the_start() {
    let (stick, now) = plugged_in("e3372h-hilink");
    let interfaces = &stick.appearance().unwrap().configurations[0].interfaces;
    let mut network = Network::of(interfaces, &*stick, now).unwrap();
    let mut stick = stick;
    assert_eq!(network.notify(&mut *stick, now).unwrap()[1..3], [0, 1]);
    assert_eq!(network.notify(&mut *stick, now), None);
}

/// A host that set its filter over the control channel gets frames as messages.
#[test]
fn rndis_is_set_up_by_messages_before_frames_pass() {
    let (mut stick, now) = plugged_in("mf823-rndis");
    let interfaces = stick.appearance().unwrap().configurations[0].interfaces.clone();
    let mut network = Network::of(&interfaces, &*stick, now).unwrap();
    let words = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    // Who has 192.168.0.1?
    let asked =
        [&[0, 1, 8, 0, 6, 4, 0, 1][..], &HOST, &[192, 168, 0, 100], &[0; 6], &[192, 168, 0, 1]].concat();
    let question = rndis::message(&[&[0xff; 6][..], &HOST, &[8, 6], &asked].concat());
    let setup = |request_type, request| ControlSetup { request_type, request, value: 0, index: 0 };
    network.receive(&mut *stick, now, &question);
    assert_eq!(network.take(&mut *stick, now, 2048), None, "nobody has set it up");
    for message in [&[2, 24, 1, 1, 0, 2048][..], &[5, 32, 2, 0x0001_010e, 4, 20, 0, 0x0d]] {
        let sent = network.request(&mut *stick, now, setup(0x21, 0), &words(message));
        assert_eq!(sent, Some(Vec::new()));
        assert_eq!(network.notify(&mut *stick, now).unwrap(), [1, 0, 0, 0, 0, 0, 0, 0]);
        let answer = network.request(&mut *stick, now, setup(0xa1, 1), &[]).unwrap();
        assert_eq!(answer[..4], words(&[message[0] | 0x8000_0000]));
    }
    assert_eq!(network.notify(&mut *stick, now), None, "CDC's notifications are not RNDIS's");
    network.receive(&mut *stick, now, &question);
    let answer = network.take(&mut *stick, now, 2048).unwrap();
    assert_eq!((&answer[..4], &answer[44..50]), (&[1, 0, 0, 0][..], &HOST[..]));
}

/// MBIM carries packets without frames, in blocks whose tables begin otherwise.
#[test]
fn packets_of_mbim_pass_while_its_session_is_up() {
    let (mut stick, mut now) = plugged_in("em7455");
    let interfaces = stick.appearance().unwrap().configurations[0].interfaces.clone();
    let mut network = Network::of(&interfaces, &*stick, now).unwrap();
    let packet = [
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x99, 0x5e, 10, 249, 198, 122, 8, 8, 8, 8, 8, 0, 0xf7, 0xfd, 0, 1,
        0, 1,
    ];
    let ping = |width| {
        let mut block = Block::new(width);
        block.push(&packet);
        block.finish(0, *b"IPS\0")
    };
    network.receive(&mut *stick, now, &ping(Width::Bits16));
    assert_eq!(network.take(&mut *stick, now, 16_384), None);

    let send = |stick: &mut dyn Device, now, message: &[u8]| {
        let setup = ControlSetup { request_type: 0x21, request: 0x00, value: 0, index: 0 };
        stick.control(now, setup, message, message.len() as u16);
    };
    send(&mut *stick, now, &[1, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 16, 0, 0]);
    // CONNECT: session 0, activate, no names, IPv4, the internet.
    let mut connect: Vec<u8> = [3_u32, 108, 2, 1, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    connect.extend(0xa289_cc33_bcbb_8b4f_b6b0_133e_c2aa_e6df_u128.to_be_bytes());
    connect.extend([12_u32, 1, 60, 0, 1].iter().flat_map(|n| n.to_le_bytes()));
    connect.extend([0; 32]);
    connect.extend(1_u32.to_le_bytes());
    connect.extend(0x7e5e_2a7e_4e6f_7272_736b_656e_7e5e_2a7e_u128.to_be_bytes());
    send(&mut *stick, now, &connect);
    now += Duration::from_secs(3);
    stick.tick(now);
    assert_eq!(network.notify(&mut *stick, now), None, "the control channel tells it");
    network.receive(&mut *stick, now, &ping(Width::Bits16));
    let transfer = network.take(&mut *stick, now, 16_384).unwrap();
    let packets = ntb::datagrams(&transfer, Width::Bits16, *b"IPS\0").unwrap();
    assert_eq!((packets.len(), &packets[0][12..16], packets[0][20]), (1, &[8; 4][..], 0));
}
