//! The virtual sticks by name.

use crate::device::Device;
use crate::e3372h::{E3372h, Options, PlugIn, Timing};
use crate::fault::FaultPlan;

/// A name, what it is, and how it is made.
struct Row {
    name: &'static str,
    what: &'static str,
    options: fn() -> Options,
}

const ROWS: &[Row] = &[
    Row {
        name: "e3372h-hilink",
        what: "E3372h with HiLink 22.200.15.00.00; it can be switched and flashed without a needle",
        options: Options::hilink,
    },
    Row {
        name: "e3372h-hilink-closed",
        what: "E3372h with HiLink 22.333.01.00.00; only the needle leads further",
        options: Options::hilink_closed,
    },
    Row {
        name: "e3372h-stick",
        what: "E3372h with stick firmware 21.180.01.00.00: a plain modem",
        options: Options::stick,
    },
    Row {
        name: "e3372h-needle",
        what: "E3372h plugged in with its boot pin held: the boot ROM waits for a loader",
        options: || Options { plug_in: PlugIn::Needle, ..Options::hilink() },
    },
    Row {
        name: "e3372h-loader",
        what: "E3372h whose loader runs already: download mode waits for firmware",
        options: || Options { plug_in: PlugIn::Loader, ..Options::hilink() },
    },
];

/// Every name with a one-line description.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.name, row.what))
}

/// What the E3372h of that name is, to be changed before it is made.
pub fn e3372h(name: &str) -> Option<Options> {
    ROWS.iter().find(|row| row.name == name).map(|row| (row.options)())
}

/// The stick of that name, not plugged in yet. The seed decides what differs from stick to stick.
pub fn virtual_stick(name: &str, seed: u64) -> Option<Box<dyn Device>> {
    let options = e3372h(name)?;
    let (timing, faults) = (Timing::real(seed), FaultPlan::none(seed));
    Some(Box::new(E3372h::new(Options { timing, faults, ..options })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_a_stick() {
        for (name, what) in names() {
            assert!(virtual_stick(name, 1).is_some() && !what.is_empty());
        }
        assert!(virtual_stick("e1234", 1).is_none());
    }
}
