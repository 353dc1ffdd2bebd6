//! The cable between two hosts: two queues of frames or packets.

use std::collections::VecDeque;

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// So many wait to be fetched; then no more are sent, and what must be sent is lost, as on a cable.
const MOST_WAITING: usize = 64;
const MOST_FRAMES: usize = 256;

/// Frames or packets on their way.
#[derive(Debug)]
pub(crate) struct Wire {
    medium: Medium,
    most_bytes: usize,
    pub(crate) incoming: VecDeque<Vec<u8>>,
    pub(crate) outgoing: VecDeque<Vec<u8>>,
    /// Something was held back because too many waited.
    pub(crate) was_full: bool,
}

impl Wire {
    pub(crate) fn new(medium: Medium, most_bytes: usize) -> Self {
        Wire { medium, most_bytes, incoming: VecDeque::new(), outgoing: VecDeque::new(), was_full: false }
    }
}

impl Default for Wire {
    fn default() -> Self {
        Wire::new(Medium::Ethernet, 1514)
    }
}

pub(crate) struct Incoming(Vec<u8>);
pub(crate) struct Outgoing<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = vec![0; length];
        let result = fill(&mut frame);
        if self.0.len() < MOST_FRAMES {
            self.0.push_back(frame);
        }
        result
    }
}

impl Device for Wire {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Incoming(frame), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        if self.outgoing.len() >= MOST_WAITING {
            self.was_full = true;
            return None;
        }
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = self.medium;
        capabilities.max_transmission_unit = self.most_bytes;
        capabilities
    }
}
