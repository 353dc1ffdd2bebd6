//! The record of what going online has changed: `down` takes it back, also after a crash or a restart of the computer.
//!
//! ```
//! use stickshift::at::data::PdpType;
//! use stickshift::online::record::{Record, StickUndo, VERSION};
//!
//! let mut record = Record::new(&"1-1".parse().unwrap(), "12d1:1506", "boot-1".into(), "ncm");
//! // Context 1 was defined otherwise: `down` defines it so again.
//! record.on_stick.push(StickUndo::context(1, Some((PdpType::V4, "internet"))));
//! assert_eq!((record.version, record.on_computer.len()), (VERSION, 0));
//! # Ok::<(), stickshift::error::Error>(())
//! ```

use std::net::IpAddr;

use crate::at::data::PdpType;
use crate::error::Result;
use crate::online::computer::{Card, Change, Computer};

/// The form of the record. Another one is not read.
pub const VERSION: u32 = 1;

/// What was changed for one stick, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// Bus place, `1-1.2`.
    pub place: String,
    /// `12d1:1506`, as the stick showed when it went online.
    pub stick: String,
    /// The kernel's boot id (/proc/sys/kernel/random/boot_id). After a restart only [`Change::outlives_a_restart`] is left to undo.
    pub boot: String,
    /// How it is connected: `ncm`.
    pub way: String,
    /// What puts the stick back, in the order in which it was changed.
    pub on_stick: Vec<StickUndo>,
    /// What takes the changes of the computer back, in the order in which they were made.
    pub on_computer: Vec<Change>,
    /// The interface that the traffic goes through.
    pub card: Option<Card>,
    /// The access point that was used; empty for the network's own.
    pub apn: String,
    /// What the interface was given, without prefixes.
    pub addresses: Vec<IpAddr>,
    /// The operator's name servers.
    pub dns: Vec<IpAddr>,
}

/// What has passed in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// `2026-11`, `2026-11-20`.
    pub period: String,
    /// Bytes in both directions.
    pub bytes: u64,
}

/// What is to be put back on the stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickUndo {
    /// The connection is up: hang up.
    HangUp {
        /// The context.
        context: u8,
    },
    /// The context was defined otherwise.
    Context {
        /// Which.
        context: u8,
        /// `IP`, `IPV6`, `IPV4V6`; `None`: it was not defined.
        pdp: Option<String>,
        /// Its access point.
        apn: String,
    },
    /// The context was written, and what it was before the stick did not tell: it stays.
    Untold {
        /// Which.
        context: u8,
    },
    /// The web server's data switch.
    DataSwitch {
        /// As it was.
        on: bool,
    },
    /// Which profile the web server dials with.
    Profile {
        /// Its number.
        index: u32,
    },
    /// Whether it dials by itself while roaming, over the web.
    WebRoaming {
        /// As it was.
        on: bool,
    },
    /// Whether the radio goes to other operators' networks, over AT.
    Roaming {
        /// As it was.
        on: bool,
    },
    /// The radio was off.
    Radio {
        /// As it was.
        on: bool,
    },
}

impl StickUndo {
    /// How a context was defined, by what the stick listed.
    pub fn context(context: u8, before: Option<(PdpType, &str)>) -> StickUndo {
        let pdp = before.map(|(pdp, _)| pdp.word().to_owned());
        StickUndo::Context { context, pdp, apn: before.map(|(_, apn)| apn.to_owned()).unwrap_or_default() }
    }
}

impl Record {
    /// A record of nothing yet.
    pub fn new(place: &crate::stick::Place, stick: impl ToString, boot: String, way: &str) -> Record {
        Record {
            version: VERSION,
            place: place.to_string(),
            stick: stick.to_string(),
            boot,
            way: way.to_owned(),
            on_stick: Vec::new(),
            on_computer: Vec::new(),
            card: None,
            apn: String::new(),
            addresses: Vec::new(),
            dns: Vec::new(),
        }
    }

    /// Whether nothing is left to put back.
    pub fn is_clean(&self) -> bool {
        self.on_stick.is_empty() && self.on_computer.is_empty()
    }

    /// Makes a change, after what takes it back was recorded. `false` where it was so already.
    ///
    /// # Errors
    /// As [`Computer::apply`] and [`Computer::keep`].
    pub fn make(&mut self, computer: &mut dyn Computer, change: &Change) -> Result<bool> {
        let Some(back) = computer.taken_back_by(change)? else { return Ok(false) };
        self.on_computer.push(back);
        computer.keep(self)?;
        computer.apply(change)?;
        Ok(true)
    }

    /// Makes changes that do not depend on each other, after what takes all of them back was recorded at once: each record waits for the
    /// disk. Gives those that were not so already.
    ///
    /// # Errors
    /// As [`make`](Self::make). What was not made any more is recorded all the same: taking it back changes nothing.
    pub fn make_all<'c>(
        &mut self,
        computer: &mut dyn Computer,
        changes: &'c [Change],
    ) -> Result<Vec<&'c Change>> {
        let mut due = Vec::new();
        for change in changes {
            if let Some(back) = computer.taken_back_by(change)? {
                self.on_computer.push(back);
                due.push(change);
            }
        }
        if !due.is_empty() {
            computer.keep(self)?;
        }
        for change in &due {
            computer.apply(change)?;
        }
        Ok(due)
    }

    /// Records what is to be put back on the stick, before it is changed. The first statement counts: it is what was there before.
    ///
    /// # Errors
    /// As [`Computer::keep`].
    pub fn note(&mut self, computer: &mut dyn Computer, undo: StickUndo) -> Result<()> {
        let same = |other: &StickUndo| std::mem::discriminant(other) == std::mem::discriminant(&undo);
        if self.on_stick.iter().any(same) {
            return Ok(());
        }
        self.on_stick.push(undo);
        let kept = computer.keep(self);
        if kept.is_err() {
            // Whoever cannot record it does not change it.
            self.on_stick.pop();
        }
        kept
    }
}
