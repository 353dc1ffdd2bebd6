//! A bad day on request: what goes wrong, at which step, and the same again for the same seed.
//!
//! A **step** is one request that the stick receives: a boot ROM packet (the probe included), a download-mode command or frame,
//! an AT command line, a request to the web server, an MBIM message. Steps are counted from 1 over the whole life of the stick, through every reboot.

use std::fmt;
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result};
use stickshift::hex;

use crate::random::Random;

macro_rules! fault_kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// What can go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FaultKind {
            /// Every kind, for campaigns.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$name,)+];

            /// The word for it in a fault specification.
            pub fn word(self) -> &'static str {
                match self { $(FaultKind::$name => $word,)+ }
            }

            /// What it does, in one line.
            pub fn help(self) -> &'static str {
                match self { $(FaultKind::$name => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

fault_kinds! {
    /// The request is lost on its way: the stick does nothing and says nothing.
    Drop = "drop",
    /// The stick does what it was asked and its answer is lost.
    Mute = "mute",
    /// One byte of the request is changed on its way.
    Corrupt = "corrupt",
    /// One byte of the answer is changed on its way.
    Garble = "garble",
    /// The answer comes late (5 s, or the time given: delay@3:20s).
    Delay = "delay",
    /// The answer comes twice.
    Duplicate = "duplicate",
    /// Old bytes stand in front of the answer (55, or those given: stale@2:aa55); without a step, in the port when it appears.
    Stale = "stale",
    /// The request is refused (NAK 07, or the code given: nak=0c@9; the boot ROM knows only one refusal).
    Nak = "nak",
    /// The stick is pulled before it acts on the request; with a time (unplug@20:30s) it is put back by itself.
    Unplug = "unplug",
    /// Power fails after the stick acted and before it answers; it is back after 2 s (or the time given).
    PowerLoss = "powerloss",
    /// Another program's AT text reaches the stick in front of the request.
    Noise = "noise",
    /// The stick says something unasked in front of its answer.
    Urc = "urc",
    /// The stick says that it is another model.
    WrongDevice = "wrong-device",
    /// Replies of download mode come without their opening flag.
    NoOpeningFlag = "no-opening-flag",
    /// The answer comes in pieces.
    Split = "split",
    /// Download mode echoes the AT commands that it is sent.
    Echo = "echo",
    /// Download mode does not answer AT commands once it is in its binary phase.
    Deaf = "deaf",
    /// Download mode wants a signature, whatever its firmware is known to do.
    SignRequired = "sign-required",
    /// Download mode takes images without a signature.
    UnsignedTaken = "unsigned-taken",
    /// A changed partition table is refused when it is closed.
    TableRefused = "table-refused",
    /// A changed partition table restarts download mode without an answer.
    TableRestarts = "table-restarts",
    /// The loader is taken and does not start.
    LoaderDead = "loader-dead",
    /// AT ports swallow what they are sent in their first second.
    LatePort = "late-port",
    /// Of several AT ports the PCUI port takes commands and answers none.
    MutePort = "mute-port",
    /// AT ports say something unasked between the lines of their answer.
    UrcInside = "urc-inside",
    /// Another program reads the same AT port and takes every other byte of the answer.
    Thief = "thief",
    /// AT ports say every two seconds how the stick receives.
    Chatty = "chatty",
    /// The SIM is busy for ten seconds after power.
    SlowSim = "slow-sim",
    /// The network refuses every user name and password over PPP and MBIM.
    AuthRefused = "auth-refused",
    /// The web server closes the connection without an answer.
    Reset = "reset",
    /// The web server's answer ends before its time.
    Truncate = "truncate",
    /// The web server sends whoever asks to its home page.
    Redirect = "redirect",
    /// The web server answers with a page where a document was asked for.
    Html = "html",
    /// The network refuses to let the stick in.
    Denied = "denied",
    /// The stick finds no network that it may use.
    Searching = "searching",
    /// The network lets the stick in late: 20 s after power, or after the time given (late-network:40s).
    LateNetwork = "late-network",
    /// The network is a foreign one, and roaming is off in the stick.
    Roaming = "roaming",
    /// The network refuses every connection (cause 33, or the one given: refused=27).
    Refused = "refused",
    /// The network gives IPv4 addresses alone (cause 50 for IPv6).
    Ipv4Only = "ipv4-only",
    /// The network gives IPv6 addresses alone (cause 51 for IPv4).
    Ipv6Only = "ipv6-only",
    /// After power the stick believes that it is connected: no packet passes, and it refuses to dial until it was told to hang up.
    StaleBearer = "stale-bearer",
    /// Connections come up without an address.
    NoAddress = "no-address",
    /// The network card of an NCM stick answers no request for an address.
    MuteDhcp = "mute-dhcp",
    /// AT^DHCP? prints the octets of addresses in the wrong order.
    DhcpSwapped = "dhcp-swapped",
    /// AT^DHCP? is refused.
    DhcpRefused = "dhcp-refused",
    /// AT^NDISSTATQRY? answers in another of its known forms each time.
    OddStates = "odd-states",
    /// The network ends every connection after 20 s, or after the time given (bearer-drops:5s); the next one has another address.
    BearerDrops = "bearer-drops",
    /// The network ends every connection after 24 hours; the next one has another address.
    DailyCut = "daily-cut",
    /// Packets of more than 1420 bytes are lost without a word.
    MtuHole = "mtu-hole",
    /// Web requests are sent to a login page, and nothing but names and web pages passes.
    Portal = "portal",
    /// The network's name servers do not answer.
    NoNames = "no-names",
    /// The network's name servers answer, and nothing else does.
    NamesOnly = "names-only",
    /// The AT channel of the network card takes commands and answers none.
    MuteChannel = "mute-channel",
}

impl FaultKind {
    /// Whether it is a property of the stick, which needs no step and holds from the start. A step given to one says nothing, but
    /// for [`FaultKind::Split`], which can be had for one answer.
    pub fn is_property(self) -> bool {
        self.is_of_network()
            || matches!(
                self,
                FaultKind::WrongDevice
                    | FaultKind::NoOpeningFlag
                    | FaultKind::Split
                    | FaultKind::Echo
                    | FaultKind::Deaf
                    | FaultKind::SignRequired
                    | FaultKind::UnsignedTaken
                    | FaultKind::TableRefused
                    | FaultKind::TableRestarts
                    | FaultKind::LoaderDead
                    | FaultKind::LatePort
                    | FaultKind::MutePort
                    | FaultKind::Chatty
                    | FaultKind::SlowSim
                    | FaultKind::AuthRefused
            )
    }
}

impl FaultKind {
    /// Whether it is about the network or the way to it. Such a one holds all the time.
    pub(crate) fn is_of_network(self) -> bool {
        matches!(
            self,
            FaultKind::Denied
                | FaultKind::Searching
                | FaultKind::LateNetwork
                | FaultKind::Roaming
                | FaultKind::Refused
                | FaultKind::Ipv4Only
                | FaultKind::Ipv6Only
                | FaultKind::StaleBearer
                | FaultKind::NoAddress
                | FaultKind::MuteDhcp
                | FaultKind::DhcpSwapped
                | FaultKind::DhcpRefused
                | FaultKind::OddStates
                | FaultKind::BearerDrops
                | FaultKind::DailyCut
                | FaultKind::MtuHole
                | FaultKind::Portal
                | FaultKind::NoNames
                | FaultKind::NamesOnly
                | FaultKind::MuteChannel
        )
    }

    /// Whether it is in the answers to AT commands that dial a network card.
    pub(crate) fn is_of_at(self) -> bool {
        matches!(self, FaultKind::DhcpSwapped | FaultKind::DhcpRefused | FaultKind::OddStates)
    }

    /// Whether it changes anything about a request over `channel`.
    fn strikes(self, channel: Channel) -> bool {
        let web =
            matches!(self, FaultKind::Reset | FaultKind::Truncate | FaultKind::Redirect | FaultKind::Html);
        let serial = matches!(
            self,
            FaultKind::Duplicate
                | FaultKind::Stale
                | FaultKind::Noise
                | FaultKind::Urc
                | FaultKind::UrcInside
                | FaultKind::Thief
                | FaultKind::Split
        );
        // What USB carries it checks: a message comes whole, or not at all.
        let checked = matches!(self, FaultKind::Corrupt | FaultKind::Garble);
        match channel {
            Channel::Serial => !web,
            Channel::Web => !serial,
            Channel::Messages => !web && !checked,
        }
    }
}

/// How a request reaches the stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Serial,
    Web,
    /// The control channel of an MBIM function.
    Messages,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// At which step, from 1; `None`: at all of them, or for [`FaultKind::Stale`] when a port appears.
    pub step: Option<u32>,
    /// How long, for delay, unplug and powerloss; `None` for their usual time.
    pub time: Option<Duration>,
    /// Which bytes, for stale; the NAK code for nak; empty for the usual ones.
    pub bytes: Vec<u8>,
}

impl Fault {
    /// `kind` at `step` with its usual time and bytes.
    pub fn new(kind: FaultKind, step: Option<u32>) -> Self {
        Fault { kind, step, time: None, bytes: Vec::new() }
    }

    fn parse(word: &str) -> Result<Self> {
        let bad = |what: String| Error::new(ErrorKind::Usage, what).with("fault", word);
        let (head, argument) = match word.split_once(':') {
            Some((head, argument)) => (head, Some(argument)),
            None => (word, None),
        };
        let (head, step) = match head.split_once('@') {
            None => (head, None),
            Some((head, step)) => {
                let number = step.parse::<u32>().ok().filter(|&n| n > 0);
                let number =
                    number.ok_or_else(|| bad(format!("'{step}' is not a step; steps count from 1")))?;
                (head, Some(number))
            }
        };
        let (name, code) = match head.split_once('=') {
            Some((name, code)) => (name, Some(code)),
            None => (head, None),
        };
        let kind = FaultKind::ALL.iter().copied().find(|k| k.word() == name).ok_or_else(|| {
            let known: Vec<&str> = FaultKind::ALL.iter().map(|k| k.word()).collect();
            bad(format!("there is no fault '{name}'; there are: {}", known.join(", ")))
        })?;
        if step.is_none() && !kind.is_property() && kind != FaultKind::Stale {
            return Err(bad(format!("'{kind}' needs a step, as in {kind}@17")));
        }
        let mut fault = Fault::new(kind, step);
        if let Some(code) = code
            && kind == FaultKind::Refused
        {
            let cause = code.parse::<u8>().ok().filter(|&cause| cause > 0);
            fault.bytes = vec![cause.ok_or_else(|| bad("a cause is a number from 1 to 255".into()))?];
        } else if let Some(code) = code {
            if kind != FaultKind::Nak {
                let what =
                    format!("'{kind}' takes no '='; nak and refused do, as in nak=07@12 and refused=27");
                return Err(bad(what));
            }
            let code = Some(code).filter(|c| c.len() <= 2).and_then(|c| u8::from_str_radix(c, 16).ok());
            fault.bytes = vec![code.ok_or_else(|| bad("a NAK code is one or two hex digits".into()))?];
        }
        if let Some(argument) = argument {
            match kind {
                FaultKind::Delay
                | FaultKind::Unplug
                | FaultKind::PowerLoss
                | FaultKind::LateNetwork
                | FaultKind::BearerDrops => {
                    let time = parse_time(argument)
                        .ok_or_else(|| bad(format!("'{argument}' is not a time such as 5s or 300ms")))?;
                    fault.time = Some(time);
                }
                FaultKind::Stale => {
                    fault.bytes = parse_hex(argument)
                        .ok_or_else(|| bad(format!("'{argument}' is not bytes in hex such as 55 or aa55")))?;
                }
                _ => return Err(bad(format!("'{kind}' takes nothing after ':'"))),
            }
        }
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let (FaultKind::Nak, [code, ..]) = (self.kind, self.bytes.as_slice()) {
            write!(f, "={code:02x}")?;
        }
        if let (FaultKind::Refused, [cause, ..]) = (self.kind, self.bytes.as_slice()) {
            write!(f, "={cause}")?;
        }
        if let Some(step) = self.step {
            write!(f, "@{step}")?;
        }
        if let Some(time) = self.time {
            write!(f, ":{}ms", time.as_millis())?;
        }
        if self.kind == FaultKind::Stale && !self.bytes.is_empty() {
            f.write_str(":")?;
            self.bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        }
        Ok(())
    }
}

/// `5s`, `300ms`, `2m`; at most a day.
fn parse_time(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..end].parse().ok()?;
    let unit = match &text[end..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    number.checked_mul(unit).filter(|&ms| ms <= 86_400_000).map(Duration::from_millis)
}

/// 1 to 64 bytes.
fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() > 128 {
        return None;
    }
    hex::decode(text)
}

/// Everything that goes wrong with one stick, and the seed of what is left to chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    seed: u64,
}

impl FaultPlan {
    /// A good day. The seed still decides what differs from day to day.
    pub fn none(seed: u64) -> Self {
        FaultPlan { faults: Vec::new(), seed }
    }

    /// These faults.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        FaultPlan { faults, seed }
    }

    /// Reads a specification: faults separated by commas, each `kind[=CODE][@STEP][:ARGUMENT]`, for example
    /// `drop@17,delay@3:5s,nak=0c@12,stale:55,split`.
    ///
    /// # Errors
    /// `Usage` with the fact `fault`.
    pub fn parse(specification: &str, seed: u64) -> Result<Self> {
        let words = specification.split(',').map(str::trim).filter(|word| !word.is_empty());
        let faults = words.map(Fault::parse).collect::<Result<Vec<_>>>()?;
        Ok(FaultPlan { faults, seed })
    }

    /// The faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether the stick has this property.
    pub(crate) fn has(&self, kind: FaultKind) -> bool {
        self.faults.iter().any(|f| f.kind == kind)
    }

    /// The fault of this kind that holds all the time, if there is one.
    pub(crate) fn property(&self, kind: FaultKind) -> Option<&Fault> {
        self.faults.iter().find(|f| f.kind == kind)
    }

    /// Old bytes that stand in a port when it appears.
    pub(crate) fn stale_on_arrival(&self) -> Vec<u8> {
        let stale = self.faults.iter().filter(|f| f.kind == FaultKind::Stale && f.step.is_none());
        stale.flat_map(|f| if f.bytes.is_empty() { vec![0x55] } else { f.bytes.clone() }).collect()
    }

    /// Whether something goes wrong at `step`, when its request comes over `channel`.
    pub(crate) fn strikes(&self, step: u32, channel: Channel) -> bool {
        self.faults.iter().any(|f| f.step == Some(step) && f.kind.strikes(channel))
    }

    /// What goes wrong at `step`.
    pub(crate) fn at(&self, step: u32) -> StepFaults {
        let split = |f: &Fault| f.kind == FaultKind::Split && f.step.is_none_or(|s| s == step);
        let mut spoilt = StepFaults { split: self.faults.iter().any(split), ..StepFaults::default() };
        for fault in self.faults.iter().filter(|f| f.step == Some(step)) {
            let mut random = Random::new(self.seed ^ u64::from(step));
            match fault.kind {
                FaultKind::Drop => spoilt.dropped = true,
                FaultKind::Mute => spoilt.muted = true,
                FaultKind::Corrupt => spoilt.corrupt = Some(random.next() | 1),
                FaultKind::Garble => spoilt.garble = Some(random.next() | 1),
                FaultKind::Delay => spoilt.delay += fault.time.unwrap_or(Duration::from_secs(5)),
                FaultKind::Duplicate => spoilt.duplicate = true,
                FaultKind::Stale if fault.bytes.is_empty() => spoilt.before.push(0x55),
                FaultKind::Stale => spoilt.before.extend_from_slice(&fault.bytes),
                FaultKind::Nak => spoilt.nak = Some(fault.bytes.first().copied().unwrap_or(0x07)),
                FaultKind::Unplug => spoilt.cut = Some(Cut::Unplugged(fault.time)),
                FaultKind::PowerLoss => {
                    spoilt.cut = Some(Cut::PowerLost(fault.time.unwrap_or(Duration::from_secs(2))));
                }
                FaultKind::Noise => {
                    let texts: [&[u8]; 4] = [b"AT\r", b"AT+GCAP\r", b"ATE1 E0\r", b"AT+CGMI\r"];
                    spoilt.noise = texts[random.below(texts.len())].to_vec();
                }
                FaultKind::Urc => {
                    let texts: [&[u8]; 4] = [
                        b"\r\n^RSSI:18\r\n",
                        b"\r\n^HCSQ:\"LTE\",30,19,66,0\r\n",
                        b"\r\n^BOOT:9104187,0,0,0,75\r\n",
                        b"\r\n^MODE:5,4\r\r\n",
                    ];
                    spoilt.before.extend_from_slice(texts[random.below(texts.len())]);
                }
                kind if kind.is_property() => {}
                FaultKind::UrcInside => spoilt.inside = true,
                FaultKind::Thief => spoilt.stolen = true,
                kind => spoilt.web = Some(kind),
            }
        }
        spoilt
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{fault}")?;
        }
        Ok(())
    }
}

/// How the stick loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Before it acts on the request; back after the time, if any.
    Unplugged(Option<Duration>),
    /// After it acted; back after the time.
    PowerLost(Duration),
}

/// What goes wrong at one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepFaults {
    pub(crate) dropped: bool,
    pub(crate) muted: bool,
    pub(crate) corrupt: Option<u64>,
    pub(crate) garble: Option<u64>,
    pub(crate) delay: Duration,
    pub(crate) duplicate: bool,
    pub(crate) before: Vec<u8>,
    pub(crate) nak: Option<u8>,
    pub(crate) cut: Option<Cut>,
    pub(crate) noise: Vec<u8>,
    pub(crate) split: bool,
    /// Something unasked stands between the lines of the answer.
    pub(crate) inside: bool,
    /// Half of the answer goes to somebody else.
    pub(crate) stolen: bool,
    /// What the web server does instead.
    pub(crate) web: Option<FaultKind>,
}

/// Changes one byte of `bytes` from `first` on, chosen by `random`; never into a flag of download mode.
pub(crate) fn spoil(bytes: &mut [u8], first: usize, random: u64) {
    let Some(range) = bytes.len().checked_sub(first).filter(|&n| n > 0) else { return };
    let at = first + (random >> 8) as usize % range;
    let old = bytes[at];
    let mut mask = random as u8 | 1;
    if old ^ mask == 0x7e {
        mask ^= 0x80;
    }
    bytes[at] = old ^ mask;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_round_trip() {
        let text = "drop@17,corrupt@5,delay@3:5000ms,duplicate@9,stale:55,stale@7:aa55,nak=0c@12,unplug@20,\
                    unplug@21:30000ms,powerloss@31,noise@4,wrong-device,no-opening-flag,split,refused=27,\
                    bearer-drops:5000ms,roaming";
        let plan = FaultPlan::parse(text, 1).unwrap();
        assert_eq!(plan.to_string(), text);
        assert_eq!(FaultPlan::parse(&plan.to_string(), 1).unwrap(), plan);
        assert_eq!(plan.at(3).delay, Duration::from_secs(5));
        assert_eq!(plan.at(12).nak, Some(0x0c));
        assert_eq!(plan.stale_on_arrival(), [0x55]);
        assert_eq!(plan.at(7).before, [0xaa, 0x55]);
        assert!(plan.at(17).dropped && !plan.at(18).dropped && plan.at(18).split);
        assert!(FaultPlan::parse("", 1).unwrap().faults().is_empty());
    }

    #[test]
    fn every_kind_is_said_and_read() {
        for &kind in FaultKind::ALL {
            let step = (!kind.is_property()).then_some(3);
            let fault = Fault::new(kind, step);
            assert_eq!(FaultPlan::parse(&fault.to_string(), 0).unwrap().faults(), [fault]);
            assert!(!kind.help().is_empty());
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, word) in [
            ("dorp@1", "there is no fault 'dorp'"),
            ("drop", "needs a step"),
            ("drop@0", "count from 1"),
            ("drop@x", "count from 1"),
            ("drop=1@2", "takes no '='"),
            ("nak=123@2", "hex digits"),
            ("refused=0", "from 1 to 255"),
            ("refused=x", "from 1 to 255"),
            ("roaming:5s", "nothing after"),
            ("delay@3:5", "not a time"),
            ("delay@3:99999999m", "not a time"),
            ("delay@3:", "not a time"),
            ("stale:5", "not bytes"),
            ("stale:zz", "not bytes"),
            ("drop@3:5s", "nothing after"),
            ("=", "there is no fault ''"),
        ] {
            let error = FaultPlan::parse(text, 0).unwrap_err();
            assert!(error.is(ErrorKind::Usage));
            assert!(error.what().contains(word), "{text}: {error}");
            assert_eq!(error.fact("fault"), Some(text));
        }
    }

    #[test]
    fn a_spoilt_byte_is_another_byte_and_no_flag() {
        let mut random = Random::new(7);
        for _ in 0..2000 {
            let before: Vec<u8> = (0..5).map(|_| random.next() as u8).filter(|&b| b != 0x7e).collect();
            let mut after = before.clone();
            spoil(&mut after, 1, random.next());
            if before.len() > 1 {
                let changed: Vec<usize> = (0..before.len()).filter(|&i| before[i] != after[i]).collect();
                assert!(changed.len() == 1 && changed[0] >= 1);
                assert!(!after.contains(&0x7e));
            }
        }
        spoil(&mut [], 0, 9);
    }
}
