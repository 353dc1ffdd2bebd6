//! The stick's end of the link against a host that is written out packet by packet.

use std::time::Duration;

use super::*;
use crate::ppp::packet::Choice;

const ADDRESS: [u8; 4] = [10, 249, 198, 122];
const DNS: [[u8; 4]; 2] = [[10, 177, 0, 34], [10, 161, 187, 116]];

/// A host that answers by hand.
struct Host {
    ppp: Ppp,
    now: Moment,
    deframer: Deframer,
}

impl Host {
    fn dials(admission: Admission) -> Host {
        let options = PppOptions {
            ipv4: Some((ADDRESS, DNS)),
            ipv6: Some([0, 0, 0, 0, 0, 0, 0, 2]),
            admission,
            seed: 3,
        };
        let mut ppp = Ppp::new(&options, Moment::from_secs(1));
        ppp.tick(Moment::from_secs(1));
        Host { ppp, now: Moment::from_secs(1), deframer: Deframer::default() }
    }

    fn hears(&mut self) -> Vec<(u16, ControlPacket)> {
        let octets = self.ppp.take();
        // A host whose map is 0 takes everything.
        let packets = self.deframer.push(&octets, 0);
        packets.into_iter().filter_map(|(p, bytes)| Some((p, ControlPacket::parse(&bytes)?))).collect()
    }

    fn says(&mut self, protocol: u16, code: u8, id: u8, data: &[u8]) -> Vec<(u16, ControlPacket)> {
        let packet = ControlPacket::new(code, id, data.to_vec()).encode();
        self.ppp.receive(self.now, &framing::frame(protocol, &packet, EVERY_CONTROL));
        self.hears()
    }

    fn options(&mut self, protocol: u16, id: u8, options: &[Choice]) -> Vec<(u16, ControlPacket)> {
        self.says(protocol, 1, id, &Choice::encode_all(options))
    }

    /// Agrees on the link as pppd does, by CHAP unless `instead` says otherwise; what comes then.
    fn agrees(&mut self, instead: Option<(u8, Vec<Choice>)>) -> Vec<(u16, ControlPacket)> {
        let mut asked = self.hears().remove(0);
        assert_eq!((asked.0, asked.1.code), (LCP, 1));
        if let Some((code, options)) = instead {
            let mut again = self.says(LCP, code, asked.1.id, &Choice::encode_all(&options));
            asked = again.remove(0);
        }
        let taken = self.options(LCP, 1, &[Choice::new(2, [0; 4]), Choice::new(5, [9; 4])]);
        assert_eq!((taken[0].1.code, taken[0].1.id), (2, 1));
        let (id, data) = (asked.1.id, asked.1.data);
        self.says(LCP, 2, id, &data)
    }
}

fn codes(heard: &[(u16, ControlPacket)]) -> Vec<(u16, u8)> {
    heard.iter().map(|(protocol, packet)| (*protocol, packet.code)).collect()
}

fn proof(challenge: &ControlPacket, secret: &[u8]) -> Vec<u8> {
    use md5::Digest;
    let value = &challenge.data[1..17];
    let sum = md5::Md5::digest([&[challenge.id], secret, value].concat());
    [&[16], &sum[..], b"user"].concat()
}

#[test]
fn from_the_first_word_to_packets() {
    let mut host = Host::dials(Admission::Everybody);
    let heard = host.agrees(None);
    assert_eq!(codes(&heard), [(CHAP, 1)]);
    let heard = host.says(CHAP, 2, heard[0].1.id, &proof(&heard[0].1, b"anything"));
    assert_eq!(codes(&heard), [(CHAP, 3), (IPCP, 1), (IPV6CP, 1)]);
    assert_eq!(Choice::parse_all(&heard[1].1.data).unwrap(), [Choice::new(3, [10, 64, 64, 64])]);

    let zero = [3, 129, 131].map(|kind| Choice::new(kind, [0; 4]));
    let nak = host.options(IPCP, 1, &zero);
    let right = [(3, ADDRESS), (129, DNS[0]), (131, DNS[1])].map(|(kind, value)| Choice::new(kind, value));
    assert_eq!((nak[0].1.code, Choice::parse_all(&nak[0].1.data).unwrap()), (3, right.to_vec()));
    assert_eq!(codes(&host.options(IPCP, 2, &right)), [(IPCP, 2)]);
    assert!(!host.ppp.carries(4));
    host.says(IPCP, 2, heard[1].1.id, &heard[1].1.data);
    assert!(host.ppp.carries(4) && !host.ppp.carries(6));

    let packet = [&[0x45][..], &[0; 19]].concat();
    host.ppp.receive(host.now, &framing::frame(IPV4, &packet, 0));
    assert_eq!(host.ppp.take_packet(), Some(packet.clone()));
    host.ppp.give_packet(&packet);
    let octets = host.ppp.take();
    assert_eq!(host.deframer.push(&octets, 0), [(IPV4, packet.clone())]);
    // IPv6 is not agreed on yet.
    host.ppp.give_packet(&[&[0x60][..], &[0; 39]].concat());
    assert!(host.ppp.take().is_empty());
    host.options(IPV6CP, 1, &[Choice::new(1, [0, 0, 0, 0, 0, 0, 0, 2])]);
    host.says(IPV6CP, 2, heard[2].1.id, &heard[2].1.data);
    assert!(host.ppp.carries(6));

    let echo = host.says(LCP, 9, 77, &[9; 4]);
    assert_eq!((echo[0].1.code, echo[0].1.id, echo[0].1.data.len()), (10, 77, 4));
    assert_eq!(codes(&host.says(LCP, 99, 1, &[])), [(LCP, 7)], "a code that nobody knows");
    assert_eq!(codes(&host.says(0x80fd, 1, 1, &[])), [(LCP, 8)], "compression is not known");
    assert_eq!(codes(&host.says(LCP, 5, 9, b"bye")), [(LCP, 6)]);
    assert_eq!(host.ppp.phase(), Phase::Over);
}

#[test]
fn a_wrong_password_ends_the_link_by_either_method() {
    let only = || Admission::Only("user".into(), "secret".into());
    for (secret, admitted) in [(&b"secret"[..], true), (b"guess", false)] {
        let mut host = Host::dials(only());
        let challenge = host.agrees(None).remove(0).1;
        let heard = host.says(CHAP, 2, challenge.id, &proof(&challenge, secret));
        let refused = vec![(CHAP, 4), (LCP, 5)];
        assert_eq!(codes(&heard), if admitted { vec![(CHAP, 3), (IPCP, 1), (IPV6CP, 1)] } else { refused });

        let mut host = Host::dials(only());
        let pap = Choice::new(3, [0xc0, 0x23]);
        assert_eq!(host.agrees(Some((3, vec![pap]))), []);
        let request = [&[4], &b"user"[..], &[secret.len() as u8], secret].concat();
        let heard = host.says(PAP, 1, 1, &request);
        let refused = vec![(PAP, 3), (LCP, 5)];
        assert_eq!(codes(&heard), if admitted { vec![(PAP, 2), (IPCP, 1), (IPV6CP, 1)] } else { refused });
        if !admitted {
            host.says(LCP, 6, heard[1].1.id, &[]);
            assert_eq!(host.ppp.phase(), Phase::Over);
        }
    }
}

#[test]
fn whoever_does_not_say_who_he_is_passes_where_everybody_does() {
    let chap = Choice::new(3, [0xc2, 0x23, 5]);
    let mut host = Host::dials(Admission::Everybody);
    let heard = host.agrees(Some((4, vec![chap.clone()])));
    assert_eq!(codes(&heard), [(IPCP, 1), (IPV6CP, 1)]);
    let mut host = Host::dials(Admission::Only("user".into(), "secret".into()));
    let asked = host.hears().remove(0).1;
    let heard = host.says(LCP, 4, asked.id, &Choice::encode_all(&[chap]));
    assert_eq!(codes(&heard).last(), Some(&(LCP, 5)));
}

#[test]
fn nobody_there_is_asked_ten_times() {
    let mut host = Host::dials(Admission::Everybody);
    let mut asked = host.hears().len();
    while let Some(at) = host.ppp.next_tick() {
        host.ppp.tick(at);
        asked += host.hears().len();
        host.now = at;
    }
    assert_eq!((asked, host.ppp.phase()), (10, Phase::Over));
    assert_eq!(host.now, Moment::from_secs(1) + Duration::from_secs(30));
}

#[test]
fn the_network_hangs_up_with_a_word() {
    let mut host = Host::dials(Admission::Everybody);
    let chap = Choice::new(3, [0xc2, 0x23, 5]);
    host.agrees(Some((4, vec![chap])));
    host.ppp.hang_up(host.now);
    let heard = host.hears();
    assert_eq!((codes(&heard), host.ppp.phase()), (vec![(LCP, 5)], Phase::Network));
    host.says(LCP, 6, heard[0].1.id, &[]);
    assert_eq!(host.ppp.phase(), Phase::Over);
}
