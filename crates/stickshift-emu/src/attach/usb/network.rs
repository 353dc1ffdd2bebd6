//! The network function of a stick: frames or packets in transfers, and what it notifies the host of (USB-IF, CDC 1.2, ECM 1.2, NCM 1.0,
//! MBIM 1.0; RNDIS in a module of its own).

use std::collections::VecDeque;

use stickshift::link::{ControlSetup, Moment};

use crate::attach::usb::functions::{self, NTB_SIZE};
use crate::attach::usb::ntb::{self, Block, Width};
use crate::attach::usb::rndis::{self, Rndis};
use crate::device::{Device, Function, UsbInterface, descriptors};
use crate::network::Card;
use crate::router::Router;

/// Of frames, and of the IP packets of MBIM's session 0.
const FRAMES: [u8; 4] = *b"NCM0";
const PACKETS: [u8; 4] = *b"IPS\0";
/// The smallest block that a host may ask for (NCM 1.0 section 6.2.7).
const SMALLEST_BLOCK: u32 = 2048;

/// What stands behind the function.
#[derive(Debug)]
enum Behind {
    Router(Box<Router>),
    Card(Card),
    /// MBIM has no frames: packets are the bearer's as they are.
    Packets,
}

/// The blocks of NCM, whose form the host chooses.
#[derive(Debug)]
struct Blocks {
    width: Width,
    /// The host takes blocks of so many bytes.
    most: u32,
    sequence: u16,
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks { width: Width::default(), most: NTB_SIZE, sequence: 0 }
    }
}

/// How frames stand in transfers.
#[derive(Debug)]
enum Framing {
    /// Every transfer is a frame.
    Bare,
    /// NCM, and the packets of MBIM.
    Blocks(Blocks),
    /// RNDIS.
    Messages(Rndis),
}

/// The network function of the configuration that the host selected.
#[derive(Debug)]
pub(super) struct Network {
    /// The interface that gets requests and sends notifications.
    control: u8,
    behind: Behind,
    framing: Framing,
    /// AT commands go over the control channel.
    talks: bool,
    /// What was said there and not fetched.
    unread: Vec<u8>,
    /// The host was told that there is something.
    announced: bool,
    notifications: VecDeque<Vec<u8>>,
    /// The state of the link that the host was told.
    linked: bool,
}

impl Network {
    /// The network function among the interfaces of a configuration.
    pub(super) fn of(interfaces: &[UsbInterface], device: &dyn Device, now: Moment) -> Option<Self> {
        let is_network = |i: &&UsbInterface| matches!(i.function, Function::Ethernet | Function::Ncm);
        let control = interfaces.iter().find(is_network)?;
        let [class, subclass, _] = control.alternates[0].class;
        let router = device.lan().filter(|_| control.function == Function::Ethernet);
        let behind = match router {
            Some(address) => Behind::Router(Box::new(Router::new(address, now))),
            None if (class, subclass) == (0x02, 0x0e) => Behind::Packets,
            None => Behind::Card(Card::new(descriptors::mac(), !device.answers_dhcp())),
        };
        let ncm = control.function == Function::Ncm;
        let framing = match control.alternates[0].class {
            _ if ncm => Framing::Blocks(Blocks::default()),
            class if rndis::is_rndis(class) => Framing::Messages(Rndis::new(descriptors::mac())),
            _ => Framing::Bare,
        };
        Some(Network {
            control: control.number,
            behind,
            framing,
            talks: ncm && class == 0xff,
            unread: Vec::new(),
            announced: false,
            notifications: VecDeque::new(),
            linked: false,
        })
    }

    /// A class request to the control interface; `None` for one that the function has no state for.
    pub(super) fn request(
        &mut self,
        device: &mut dyn Device,
        now: Moment,
        setup: ControlSetup,
        data: &[u8],
    ) -> Option<Vec<u8>> {
        if setup.index & 0xff != u16::from(self.control) {
            return None;
        }
        match (setup.request_type, setup.request) {
            // SEND_ENCAPSULATED_COMMAND, GET_ENCAPSULATED_RESPONSE.
            (0x21, 0x00) if self.talks => {
                device.serial_write(now, self.control, data);
                return Some(Vec::new());
            }
            (0xa1, 0x01) if self.talks => {
                self.announced = false;
                return Some(std::mem::take(&mut self.unread));
            }
            _ => {}
        }
        let linked = self.is_linked(device, now);
        let blocks = match &mut self.framing {
            Framing::Blocks(blocks) => blocks,
            Framing::Messages(rndis) => {
                return match (setup.request_type, setup.request) {
                    (0x21, 0x00) => {
                        rndis.command(data, linked);
                        Some(Vec::new())
                    }
                    (0xa1, 0x01) => Some(rndis.take_answer()),
                    _ => None,
                };
            }
            Framing::Bare => return None,
        };
        match (setup.request_type, setup.request) {
            // GET_NTB_FORMAT, SET_NTB_FORMAT.
            (0xa1, 0x83) => Some(vec![u8::from(blocks.width == Width::Bits32), 0]),
            (0x21, 0x84) => {
                blocks.width = match setup.value {
                    0 => Width::Bits16,
                    1 => Width::Bits32,
                    _ => return None,
                };
                Some(Vec::new())
            }
            // GET_NTB_INPUT_SIZE, SET_NTB_INPUT_SIZE.
            (0xa1, 0x85) => Some(blocks.most.to_le_bytes().to_vec()),
            (0x21, 0x86) => {
                let most = u32::from_le_bytes(*data.first_chunk()?);
                blocks.most = Some(most).filter(|most| (SMALLEST_BLOCK..=NTB_SIZE).contains(most))?;
                Some(Vec::new())
            }
            _ => None,
        }
    }

    /// Whether packets can pass: a router is there from the start.
    fn is_linked(&self, device: &dyn Device, now: Moment) -> bool {
        matches!(self.behind, Behind::Router(_)) || device.bearer(now).is_some()
    }

    fn signature(&self) -> [u8; 4] {
        if matches!(self.behind, Behind::Packets) { PACKETS } else { FRAMES }
    }

    /// The host selected the setting of an interface without endpoints: the function begins anew.
    pub(super) fn reset(&mut self) {
        if let Framing::Blocks(blocks) = &mut self.framing {
            *blocks = Blocks::default();
        }
        self.linked = false;
    }

    /// A transfer from the host.
    pub(super) fn receive(&mut self, device: &mut dyn Device, now: Moment, transfer: &[u8]) {
        let frames = match &self.framing {
            Framing::Bare => vec![transfer],
            Framing::Messages(rndis) => rndis.frames(transfer),
            // A block that is none is dropped, as a frame would be.
            Framing::Blocks(blocks) => {
                ntb::datagrams(transfer, blocks.width, self.signature()).unwrap_or_default()
            }
        };
        let bearer = device.bearer(now);
        for frame in frames {
            match &mut self.behind {
                Behind::Router(router) => router.receive(frame),
                Behind::Card(card) => {
                    if let Some(packet) = card.receive(frame, bearer.as_ref()) {
                        device.packet_out(now, packet);
                    }
                }
                Behind::Packets => device.packet_out(now, frame),
            }
        }
        if let Behind::Router(router) = &mut self.behind {
            router.turn(now, device);
        }
    }

    fn frame(&mut self, device: &mut dyn Device, now: Moment) -> Option<Vec<u8>> {
        match &mut self.behind {
            Behind::Router(router) => router.take(),
            Behind::Card(card) => {
                if let Some(frame) = card.take() {
                    return Some(frame);
                }
                let packet = device.packet_in(now)?;
                Some(card.frame(&packet))
            }
            Behind::Packets => device.packet_in(now),
        }
    }

    /// The next transfer for the host, which takes so many bytes.
    pub(super) fn take(&mut self, device: &mut dyn Device, now: Moment, room: usize) -> Option<Vec<u8>> {
        let (width, most) = match &self.framing {
            Framing::Bare => return self.frame(device, now),
            Framing::Messages(rndis) if !rndis.is_open() => return None,
            Framing::Messages(_) => return self.frame(device, now).map(|frame| rndis::message(&frame)),
            Framing::Blocks(blocks) => (blocks.width, room.min(blocks.most as usize)),
        };
        let first = self.frame(device, now)?;
        let mut block = Block::new(width);
        block.push(&first);
        // A frame that might not fit is not fetched.
        while block.fits(1514, most)
            && let Some(frame) = self.frame(device, now)
        {
            block.push(&frame);
        }
        let signature = self.signature();
        let Framing::Blocks(blocks) = &mut self.framing else { return None };
        blocks.sequence = blocks.sequence.wrapping_add(1);
        Some(block.finish(blocks.sequence.wrapping_sub(1), signature))
    }

    /// The next notification.
    pub(super) fn notify(&mut self, device: &mut dyn Device, now: Moment) -> Option<Vec<u8>> {
        if self.talks {
            self.unread.extend(device.serial_read(now, self.control));
            if !self.announced && !self.unread.is_empty() {
                self.announced = true;
                return Some(functions::response_available(self.control));
            }
        }
        // MBIM tells that over its control channel.
        if matches!(self.behind, Behind::Packets) {
            return None;
        }
        if let Framing::Messages(rndis) = &mut self.framing {
            return rndis.notify();
        }
        let linked = self.is_linked(device, now);
        if linked != self.linked {
            self.linked = linked;
            if linked && matches!(self.framing, Framing::Blocks(_)) {
                self.notifications.push_back(functions::speed(self.control));
            }
            self.notifications.push_back(functions::connection(self.control, linked));
        }
        self.notifications.pop_front()
    }

    /// Does what is due by itself.
    pub(super) fn turn(&mut self, device: &mut dyn Device, now: Moment) {
        if let Behind::Router(router) = &mut self.behind {
            router.turn(now, device);
        }
    }

    /// When there is something due.
    pub(super) fn next(&mut self, now: Moment) -> Option<Moment> {
        match &mut self.behind {
            Behind::Router(router) => router.next(now),
            Behind::Card(_) | Behind::Packets => None,
        }
    }
}

#[cfg(test)]
mod tests;
