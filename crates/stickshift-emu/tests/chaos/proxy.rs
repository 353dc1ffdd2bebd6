//! The line: what is written to it and what comes back passes through here, and some of it goes wrong.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::link::{Bus, ByteLink, HttpLink, Moment, UsbLink};
use stickshift::stick::{Interface, Mode, Place, Role, Stick, UsbId};

/// SplitMix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One byte of a packet is lost on its way to the stick.
    LoseByte,
    /// One bit of it arrives changed.
    FlipBit,
    /// A byte too much arrives.
    AddByte,
    /// It does not arrive.
    LosePacket,
    /// It arrives twice.
    DoublePacket,
    /// Its end does not arrive.
    CutPacket,
    /// Another program's words arrive before it.
    OthersWords,
    /// Its answer does not come.
    LoseAnswer,
    /// One bit of the answer is changed.
    FlipAnswer,
    /// Only the beginning of the answer comes.
    CutAnswer,
    /// The answer comes twice.
    DoubleAnswer,
    /// The answer comes later, by up to four seconds.
    DelayAnswer,
    /// A byte that nobody sent comes before the answer.
    NoiseBefore,
    /// The port closes, and is back after half a second to two.
    Close,
}

impl Kind {
    pub(crate) const ALL: [Kind; 14] = [
        Kind::LoseByte,
        Kind::FlipBit,
        Kind::AddByte,
        Kind::LosePacket,
        Kind::DoublePacket,
        Kind::CutPacket,
        Kind::OthersWords,
        Kind::LoseAnswer,
        Kind::FlipAnswer,
        Kind::CutAnswer,
        Kind::DoubleAnswer,
        Kind::DelayAnswer,
        Kind::NoiseBefore,
        Kind::Close,
    ];
}

/// What goes wrong at which packet, by its number.
#[derive(Clone)]
pub(crate) struct Faults(pub(crate) BTreeMap<u32, Kind>);

impl Faults {
    /// One fault in two of three runs, two in most others, up to five.
    pub(crate) fn of(seed: u64, packets: u32) -> Self {
        let mut dice = Dice::new(seed);
        let count = match dice.below(12) {
            0..8 => 1,
            8..10 => 2,
            10 => 3,
            _ => 5,
        };
        let mut faults = BTreeMap::new();
        while faults.len() < count {
            let kind = Kind::ALL[dice.below(Kind::ALL.len() as u64) as usize];
            faults.insert(dice.below(packets.into()) as u32, kind);
        }
        Faults(faults)
    }

    pub(crate) fn none() -> Self {
        Faults(BTreeMap::new())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (packet, kind) in &self.0 {
            write!(f, "{kind:?}@{packet} ")?;
        }
        Ok(())
    }
}

struct Line {
    /// The stick's own port, which stays open all the time.
    inner: Box<dyn ByteLink>,
    faults: Faults,
    dice: Dice,
    packets: u32,
    /// What happens to the next answer.
    answer: Vec<Kind>,
    held: VecDeque<(Moment, Vec<u8>)>,
    closed_until: Option<Moment>,
    /// Counts the closings: a port that was opened before the last one stays dead.
    opening: u32,
    /// Time that went by because of what went wrong, answers not counted.
    lost_time: Duration,
}

/// Hands out the same line to everybody who opens it.
#[derive(Clone)]
pub(crate) struct Proxy(Arc<Mutex<Line>>);

impl Proxy {
    pub(crate) fn new(inner: Box<dyn ByteLink>, faults: Faults, seed: u64) -> Self {
        Proxy(Arc::new(Mutex::new(Line {
            inner,
            faults,
            dice: Dice::new(!seed),
            packets: 0,
            answer: Vec::new(),
            held: VecDeque::new(),
            closed_until: None,
            opening: 0,
            lost_time: Duration::ZERO,
        })))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap()
    }

    pub(crate) fn open(&self) -> Handle {
        let opening = self.line().opening;
        Handle { proxy: self.clone(), opening }
    }

    pub(crate) fn now(&self) -> Moment {
        self.line().inner.now()
    }

    pub(crate) fn packets(&self) -> u32 {
        self.line().packets
    }

    pub(crate) fn lost_time(&self) -> Duration {
        self.line().lost_time
    }

    /// From now on the line is as it should be.
    pub(crate) fn calm(&self) {
        let mut line = self.line();
        line.faults = Faults::none();
        line.answer.clear();
    }

    fn is_open(&self) -> bool {
        let mut line = self.line();
        line.come_back();
        line.closed_until.is_none()
    }

    fn sleep(&self, time: Duration) {
        self.line().inner.sleep(time);
    }
}

impl Line {
    fn come_back(&mut self) {
        if self.closed_until.is_some_and(|until| self.inner.now() >= until) {
            self.closed_until = None;
        }
    }

    fn close(&mut self) {
        let gap = Duration::from_millis(500 + self.dice.below(1500));
        self.closed_until = Some(self.inner.now() + gap);
        self.lost_time += gap;
        self.opening += 1;
        self.held.clear();
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let number = self.packets;
        self.packets += 1;
        let Some(kind) = self.faults.0.get(&number).copied() else { return self.inner.write(bytes) };
        let at = self.dice.below(bytes.len() as u64) as usize;
        let mut packet = bytes.to_vec();
        match kind {
            Kind::LoseByte => drop(packet.remove(at)),
            Kind::FlipBit => packet[at] ^= 1 << self.dice.below(8),
            Kind::AddByte => packet.insert(at, self.dice.below(256) as u8),
            Kind::LosePacket => packet.clear(),
            Kind::DoublePacket => self.inner.write(bytes)?,
            Kind::CutPacket => packet.truncate(at),
            Kind::OthersWords => self.inner.write(b"AT\r")?,
            Kind::Close => {
                let arrives = self.dice.below(2) == 0;
                if arrives {
                    self.inner.write(&packet)?;
                }
                self.close();
                return Ok(());
            }
            Kind::LoseAnswer
            | Kind::FlipAnswer
            | Kind::CutAnswer
            | Kind::DoubleAnswer
            | Kind::DelayAnswer
            | Kind::NoiseBefore => self.answer.push(kind),
        }
        if packet.is_empty() { Ok(()) } else { self.inner.write(&packet) }
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        loop {
            let now = self.inner.now();
            if self.held.front().is_some_and(|(due, _)| *due <= now) {
                let (_, mut bytes) = self.held.pop_front().unwrap_or_default();
                let n = bytes.len().min(buffer.len());
                buffer[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    self.held.push_front((now, bytes.split_off(n)));
                }
                return Ok(n);
            }
            let due = self.held.front().map(|(due, _)| *due);
            let mut bytes = vec![0; buffer.len()];
            let n = self.inner.read(&mut bytes, due.unwrap_or(deadline).min(deadline))?;
            if n == 0 {
                if due.is_some_and(|due| due <= deadline) {
                    continue;
                }
                return Ok(0);
            }
            bytes.truncate(n);
            self.spoil(bytes);
        }
    }

    /// Puts an answer into the queue, spoilt.
    fn spoil(&mut self, mut bytes: Vec<u8>) {
        let now = self.inner.now();
        let mut due = now;
        let mut times = 1;
        for kind in std::mem::take(&mut self.answer) {
            let at = self.dice.below(bytes.len().max(1) as u64) as usize;
            match kind {
                Kind::LoseAnswer => times = 0,
                Kind::FlipAnswer if !bytes.is_empty() => bytes[at] ^= 1 << self.dice.below(8),
                Kind::CutAnswer => bytes.truncate(at),
                Kind::DoubleAnswer => times = 2,
                Kind::NoiseBefore => bytes.insert(0, self.dice.below(256) as u8),
                Kind::DelayAnswer => {
                    let delay = Duration::from_millis(50 + self.dice.below(3950));
                    self.lost_time += delay;
                    due += delay;
                }
                _ => {}
            }
        }
        for time in 0..times {
            let late = Duration::from_micros(time * self.dice.below(3000));
            if !bytes.is_empty() {
                let at = self.held.partition_point(|(other, _)| *other <= due + late);
                self.held.insert(at, (due + late, bytes.clone()));
            }
        }
    }
}

/// The line as one opening of it.
pub(crate) struct Handle {
    proxy: Proxy,
    opening: u32,
}

impl Handle {
    fn line(&self) -> Result<MutexGuard<'_, Line>> {
        let line = self.proxy.line();
        if line.opening == self.opening {
            return Ok(line);
        }
        Err(Error::new(ErrorKind::Disconnected, "the port closed"))
    }
}

impl ByteLink for Handle {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.line()?.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        self.line()?.read(buffer, deadline)
    }

    fn discard_input(&mut self) -> Result<()> {
        let mut line = self.line()?;
        let now = line.inner.now();
        line.held.retain(|(due, _)| *due > now);
        line.inner.discard_input()
    }

    fn now(&self) -> Moment {
        self.proxy.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.proxy.sleep(time);
    }

    fn reopen(&mut self, limit: Duration) -> Result<bool> {
        let end = self.now() + limit;
        while !self.proxy.is_open() && self.now() < end {
            self.sleep(Duration::from_millis(50));
        }
        self.opening = self.proxy.line().opening;
        // A port whose stick left does not come back.
        Ok(self.proxy.is_open() && self.discard_input().is_ok())
    }
}

/// A bus on which nothing is but the port behind the line.
pub(crate) struct ProxyBus {
    pub(crate) proxy: Proxy,
    pub(crate) mode: Mode,
}

impl ProxyBus {
    pub(crate) fn place() -> Place {
        "1-1".parse().unwrap()
    }

    fn nothing<T>() -> Result<T> {
        Err(Error::new(ErrorKind::NoSuchPort, "a serial port and nothing else"))
    }
}

impl Bus for ProxyBus {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        if !self.proxy.is_open() {
            return Ok(Vec::new());
        }
        let role = if self.mode == Mode::BootRom { Role::BootRom } else { Role::Flash };
        let port = Interface { role, tty: Some("/dev/ttyUSB0".into()), ..Interface::new(0, [0xff; 3]) };
        let id = UsbId::new(0x12d1, 0x1443);
        Ok(vec![Stick { interfaces: vec![port], mode: self.mode, ..Stick::new(Self::place(), id) }])
    }

    /// What stands there is what the test says.
    fn sticks(&mut self) -> Result<Vec<Stick>> {
        self.raw_devices()
    }

    fn device(&mut self, place: &Place) -> Result<Option<Stick>> {
        self.raw_device(place)
    }

    fn wait_change(&mut self, deadline: Moment) -> Result<bool> {
        let left = deadline.saturating_sub(self.now());
        self.proxy.sleep(left);
        Ok(false)
    }

    fn open_port(&mut self, _place: &Place, _interface: u8) -> Result<Box<dyn ByteLink>> {
        let mut handle = self.proxy.open();
        if !self.proxy.is_open() || handle.discard_input().is_err() {
            return Err(Error::new(ErrorKind::Disconnected, "no device is behind the port"));
        }
        Ok(Box::new(handle))
    }

    fn open_usb(&mut self, _place: &Place) -> Result<Box<dyn UsbLink>> {
        Self::nothing()
    }

    fn open_http(&mut self, _place: &Place) -> Result<Box<dyn HttpLink>> {
        Self::nothing()
    }

    fn now(&self) -> Moment {
        self.proxy.now()
    }
}
