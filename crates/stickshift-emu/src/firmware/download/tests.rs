use super::*;
use crate::firmware::memory::{Firmware, FirmwareKind};

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    stickshift::hex::decode(&digits).unwrap()
}

struct Rig {
    dload: DownloadMode,
    flash: Flash,
}

impl Rig {
    fn new(options: DownloadOptions) -> Self {
        let firmware = Firmware::new(FirmwareKind::Hilink, "22.200.15.00.00", "");
        Rig { dload: DownloadMode::new(options), flash: Flash::with(&firmware) }
    }

    fn binary() -> Self {
        let mut rig = Rig::new(DownloadOptions { require_signature: false, ..DownloadOptions::v7r11() });
        assert_eq!(rig.ask(b"AT^DATAMODE\r"), b"\r\nOK\r\n");
        rig
    }

    fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.dload.push(bytes);
        let mut said = Vec::new();
        while let Some(request) = self.dload.next_request() {
            said.extend(self.dload.answer(&request, &mut self.flash).bytes);
        }
        said
    }

    fn frame(&mut self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        hdlc::encode(body, &mut bytes);
        self.ask(&bytes)
    }

    fn start(&mut self, code: u32, size: u32) -> Vec<u8> {
        self.frame(&[&[0x41], &code.to_be_bytes()[..], &size.to_be_bytes(), &[0; 3]].concat())
    }

    fn block(&mut self, number: u32, data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u16).to_be_bytes();
        self.frame(&[&[0x42], &number.to_be_bytes()[..], &length, data].concat())
    }

    fn end(&mut self, code: u32, size: u32) -> Vec<u8> {
        let (code, size) = (code.to_be_bytes(), size.to_be_bytes());
        self.frame(&[&[0x43], &size[..], &[0; 3], &code, &[0; 11]].concat())
    }
}

fn ack() -> Vec<u8> {
    hex("7e 02 6a d3 7e")
}

fn nak(code: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    hdlc::encode(&[3, 0, code], &mut bytes);
    bytes
}

/// docs/protocols/balong-flash.md section 2.2, as the real tool sent and read it.
#[test]
fn vectors_of_the_field() {
    let mut rig = Rig::new(DownloadOptions { require_signature: true, ..DownloadOptions::v7r11() });
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), hex("0d0a322e300d0a0d0a4f4b0d0a"));
    assert_eq!(rig.ask(b"AT^DATAMODE\r"), b"\r\nERROR\r\n");
    let signature = format!("AT^SIGNVER=1,0,{},2430\r", KEYS[0]);
    assert_eq!(rig.ask(signature.as_bytes()), hex("0d0a300d0a0d0a4f4b0d0a"));
    assert_eq!(rig.ask(b"AT^DATAMODE\r"), hex("0d0a4f4b0d0a"));
    assert_eq!(rig.ask(&hex("7e 0c 14 3a 7e")), hex("0d0f37323030422d2d534b434241445a4dc37b7e"));
    assert_eq!(
        rig.ask(&hex("7e 45 d1 e5 7e")),
        hex("7e 45 485541574549 20 453333373268 5f 313533 000000 d4 ed 7e")
    );
    assert_eq!(rig.ask(&hex("7e 41 00010000 0000117d5e 000000 cfd5 7e")), ack());
    assert_eq!(rig.block(1, &[0x70; 4096]), ack());
    assert_eq!(rig.block(2, &[0x71; 0x17e]), ack());
    let end = "7e 43 0000117d5e 000000 00010000 0000000000000000000000 23e6 7e";
    assert_eq!(rig.ask(&hex(end)), ack());
    assert_eq!(rig.flash.partition(0x0001_0000).unwrap().len(), 0x117e);
    assert_eq!(rig.ask(&hex("7e 0a 22 5f 7e")), ack());
    assert_eq!(rig.ask(b"AT^RESET\r"), b"\r\nOK\r\n");
}

#[test]
fn stand_alone_frames() {
    let mut rig = Rig::binary();
    assert_eq!(rig.ask(&hex("7e 3a a1 6e 7e")), hex("7e 3a a1 6e 7e"));
    assert_eq!(rig.ask(&hex("7e fb 24 b9 7e")), hex("7e fb 00 e7 97 7e"));
    assert_eq!(rig.ask(&hex("7e 46 4a d7 7e")), nak(6));
    assert_eq!(rig.ask(&hex("7e 41 00010000 00000800 000000 00 ecc4 7e")), nak(1));
    assert_eq!(rig.ask(&hex("7e 41 00010000 00000800 000000 ecc4 7e")), ack());
    assert_eq!(rig.ask(&hex("7e 01 f1 e1 7e")), ack());
    assert!(!rig.dload.is_binary());
}

#[test]
fn blocks_follow_each_other_and_a_repeat_is_harmless() {
    let mut rig = Rig::binary();
    assert_eq!(rig.block(1, b"x"), nak(7), "no partition begun");
    assert_eq!(rig.start(0x0009_0000, 6), ack());
    assert_eq!(rig.flash.partition(0x0009_0000), None, "the old content is gone");
    assert_eq!(rig.block(0, b"abc"), nak(7));
    assert_eq!(rig.block(2, b"abc"), nak(7));
    assert_eq!(rig.block(1, b"abc"), ack());
    assert_eq!(rig.block(1, b"abc"), ack());
    assert_eq!(rig.block(2, b"defg"), nak(7), "more than announced");
    assert_eq!(rig.block(2, b"def"), ack());
    assert_eq!(rig.block(2, b"def"), ack());
    assert_eq!(rig.end(0x0009_0000, 6), ack());
    assert_eq!(rig.flash.partition(0x0009_0000), Some(b"abcdef".as_slice()));
    assert_eq!(rig.end(0x0009_0000, 6), nak(7), "closed already");
}

#[test]
fn lengths_and_sizes_are_checked() {
    let mut rig = Rig::binary();
    assert_eq!(rig.frame(&[0x41; 11]), nak(3));
    assert_eq!(rig.frame(&[0x43; 24]), nak(3));
    assert_eq!(rig.frame(&[0x42, 0, 0]), nak(3));
    assert_eq!(rig.start(0x0009_0000, 0), nak(7));
    assert_eq!(rig.start(0x0009_0000, u32::MAX), nak(2));
    assert_eq!(rig.start(0x0009_0000, 4), ack());
    assert_eq!(rig.frame(&[0x42, 0, 0, 0, 1, 0, 5, 1, 2, 3, 4]), nak(4));
    assert_eq!(rig.block(1, b"abc"), ack());
    assert_eq!(rig.end(0x0009_0000, 4), nak(7), "a byte is missing");
    assert_eq!(rig.end(0x0009_0000, 3), nak(7), "and the partition must be begun again");
    assert_eq!(rig.flash.partition(0x0009_0000), None);
    rig.start(0x0009_0000, 3);
    rig.block(1, b"abc");
    assert_eq!(rig.end(0x0022_0000, 3), nak(7), "another code");
}

#[test]
fn the_port_in_its_binary_phase() {
    let mut rig = Rig::binary();
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), nak(6));
    let deaf = DownloadOptions { at_in_binary: AtInBinary::Deaf, ..DownloadOptions::v7r11() };
    let mut rig = Rig::new(DownloadOptions { starts_binary: true, ..deaf });
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), b"");
    assert_eq!(rig.start(0x0009_0000, 1), ack());
    let mut rig = Rig::new(DownloadOptions::v7r2());
    assert_eq!(rig.start(0x0009_0000, 1), ack(), "frames before DATAMODE");
    assert_eq!(rig.ask(b"at^dloadver?\r"), b"\r\n2.0\r\n\r\nOK\r\n");
    assert_eq!(rig.ask(&hex("7e 01 f1 e1 7e")), nak(6));
    assert_eq!(rig.ask(&hex("7e 0a 22 5e 7e")), b"", "a bad frame is dropped");
    let mut rig = Rig::new(DownloadOptions::v7r11());
    assert_eq!(rig.ask(&hex("7e 0c 14 3a 7e")), nak(6), "no frames in the AT phase");
}

#[test]
fn at_text_is_matched_whole_and_alone() {
    let mut rig =
        Rig::new(DownloadOptions { echo: true, require_signature: false, ..DownloadOptions::v7r11() });
    assert_eq!(rig.ask(b"AT^DLOADVER?\r"), b"AT^DLOADVER?\r\r\n2.0\r\n\r\nOK\r\n");
    assert_eq!(rig.ask(b"ATE0\r"), b"ATE0\r\r\nOK\r\n");
    assert_eq!(rig.ask(b"AT^NOSUCH\r"), b"\r\nERROR\r\n");
    assert_eq!(rig.ask(b"AT^DLOAD"), b"");
    assert_eq!(rig.ask(b"VER?\r"), b"", "a command in two pieces is none");
    assert_eq!(rig.ask(b"AT^SIGNVER=1,0,00,5\r"), b"\r\n1\r\n\r\nOK\r\n");
    rig.ask(b"AT^DATAMODE\r");
    // In the middle of a frame, text is data.
    let mut bytes = Vec::new();
    hdlc::encode(&[0x0c], &mut bytes);
    assert_eq!(rig.ask(&bytes[..2]), b"");
    assert_eq!(rig.ask(b"AT\r"), b"");
    assert_eq!(rig.ask(&bytes[2..]), nak(1));
    assert_eq!(rig.ask(&bytes), hex("0d0f37323030422d2d534b434241445a4dc37b7e"));
}

#[test]
fn a_new_partition_table_may_restart_download_mode() {
    let mut rig = Rig::new(DownloadOptions { new_table: NewTable::Restarts, ..DownloadOptions::v7r2() });
    let old = rig.flash.partition(PARTITION_TABLE).unwrap().to_vec();
    for (content, then) in [(old, DownloadEffect::Nothing), (b"new".to_vec(), DownloadEffect::Restart)] {
        rig.start(PARTITION_TABLE, content.len() as u32);
        rig.block(1, &content);
        let (size, code) = ((content.len() as u32).to_be_bytes(), PARTITION_TABLE.to_be_bytes());
        let body = [&[0x43], &size[..], &[0; 3], &code, &[0; 11]].concat();
        let reply = rig.dload.answer(&DownloadRequest::Frame(body), &mut rig.flash);
        assert_eq!(reply.then, then);
        assert_eq!(reply.bytes.is_empty(), then == DownloadEffect::Restart);
    }
}

#[test]
fn a_new_partition_table_may_be_refused_and_the_old_one_stays() {
    let options = DownloadOptions { new_table: NewTable::Refused, ..DownloadOptions::v7r2() };
    let mut rig = Rig::new(options);
    let old = rig.flash.partition(PARTITION_TABLE).unwrap().to_vec();
    rig.start(PARTITION_TABLE, 3);
    rig.block(1, b"new");
    let body = [&[0x43], &3u32.to_be_bytes()[..], &[0; 3], &PARTITION_TABLE.to_be_bytes(), &[0; 11]].concat();
    assert_eq!(rig.frame(&body), nak(2));
    assert_eq!(rig.flash.partition(PARTITION_TABLE), Some(old.as_slice()));
}

#[test]
fn each_firmware_wants_signatures_as_the_documents_say() {
    for (options, wants) in [(DownloadOptions::v7r11(), true), (DownloadOptions::v7r2(), false)] {
        let mut rig = Rig::new(options);
        let refused = rig.ask(b"AT^DATAMODE\r") == b"\r\nERROR\r\n";
        assert_eq!(refused, wants);
    }
    let options = DownloadOptions { knows_datamode: false, ..DownloadOptions::v7r2() };
    assert_eq!(Rig::new(options).ask(b"AT^DATAMODE\r"), b"\r\nERROR\r\n");
}
