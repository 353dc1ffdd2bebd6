//! What a stick has to say on its serial interfaces, and when.

use std::collections::{BTreeMap, VecDeque};

use stickshift::link::Moment;

/// When nobody reads a port, the oldest bytes go.
const MOST_UNREAD: usize = 256 * 1024;

#[derive(Debug, Default)]
struct Line {
    /// Said, and not yet read.
    ready: Vec<u8>,
    /// To be said later, in order.
    coming: VecDeque<(Moment, Vec<u8>)>,
}

/// The lines of all serial interfaces of a stick, by interface number.
#[derive(Debug, Default)]
pub(crate) struct Outbox(BTreeMap<u8, Line>);

impl Outbox {
    /// Says `bytes` at `due`, or later when something said before comes later.
    pub(crate) fn put(&mut self, interface: u8, due: Moment, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let coming = &mut self.0.entry(interface).or_default().coming;
        let due = coming.back().map_or(due, |&(last, _)| last.max(due));
        coming.push_back((due, bytes));
    }

    /// What is due by `now` becomes readable.
    pub(crate) fn tick(&mut self, now: Moment) {
        for line in self.0.values_mut() {
            while line.coming.front().is_some_and(|&(due, _)| due <= now) {
                let Some((_, bytes)) = line.coming.pop_front() else { break };
                if line.ready.is_empty() {
                    line.ready = bytes;
                } else {
                    line.ready.extend_from_slice(&bytes);
                }
                let surplus = line.ready.len().saturating_sub(MOST_UNREAD);
                line.ready.drain(..surplus);
            }
        }
    }

    /// Octets that nobody has read.
    pub(crate) fn waiting(&self, interface: u8) -> usize {
        self.0.get(&interface).map_or(0, |line| {
            line.ready.len() + line.coming.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
        })
    }

    /// Takes what is readable.
    pub(crate) fn take(&mut self, interface: u8) -> Vec<u8> {
        self.0.get_mut(&interface).map(|line| std::mem::take(&mut line.ready)).unwrap_or_default()
    }

    /// The host closed the port: what it did not read is lost.
    pub(crate) fn forget(&mut self, interface: u8) {
        self.0.remove(&interface);
    }

    /// When something becomes readable next.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        self.0.values().filter_map(|line| line.coming.front()).map(|&(due, _)| due).min()
    }

    /// The stick left the bus: nothing of it arrives any more.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_time_respected() {
        let mut outbox = Outbox::default();
        outbox.put(2, Moment::from_secs(5), vec![1]);
        outbox.put(2, Moment::from_secs(1), vec![2]);
        assert_eq!(outbox.next_due(), Some(Moment::from_secs(5)));
        outbox.tick(Moment::from_secs(4));
        assert!(outbox.take(2).is_empty());
        outbox.tick(Moment::from_secs(5));
        assert!(outbox.take(0).is_empty());
        assert_eq!(outbox.take(2), [1, 2]);
        assert_eq!(outbox.next_due(), None);
    }

    #[test]
    fn a_port_that_nobody_reads_does_not_grow() {
        let mut outbox = Outbox::default();
        for i in 0..200 {
            outbox.put(0, Moment::ZERO, vec![i; 4096]);
        }
        outbox.tick(Moment::ZERO);
        let left = outbox.take(0);
        assert_eq!(left.len(), MOST_UNREAD);
        assert_eq!(left.last(), Some(&199));
    }
}
