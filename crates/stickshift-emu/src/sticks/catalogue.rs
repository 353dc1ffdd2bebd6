//! The virtual sticks by name.

use stickshift::error::{Detail, Error, ErrorKind, Result};

use crate::device::Device;
use crate::hilink::{Login, WebOptions};
use crate::identity::subscriber;
use crate::sticks::huawei::{HuaweiOptions, HuaweiStick, PlugIn, Timing};
use crate::sticks::mbim::{MbimOptions, MbimStick};
use crate::sticks::zerocd::ZeroCdOptions;
use crate::sticks::{fault_words, switchable};

/// A name, what it is, and how it is made.
struct NamedStick {
    name: &'static str,
    what: &'static str,
    options: fn() -> HuaweiOptions,
}

const ROWS: &[NamedStick] = &[
    NamedStick {
        name: "e3372h-hilink",
        what: "E3372h with HiLink 22.200.15.00.00; it can be switched and flashed without a needle",
        options: HuaweiOptions::hilink,
    },
    NamedStick {
        name: "e3372h-hilink-closed",
        what: "E3372h with HiLink 22.333.01.00.00; only the boot pin works",
        options: HuaweiOptions::hilink_closed,
    },
    NamedStick {
        name: "e3372h-stick",
        what: "E3372h with stick firmware 21.180.01.00.00: a plain modem",
        options: HuaweiOptions::stick,
    },
    NamedStick {
        name: "e3372h-cd",
        what: "E3372h with HiLink 22.200 that shows its CD-ROM first: 12d1:1f01 to 14dc, 155e or 1442",
        options: || HuaweiOptions { cdrom: true, ..HuaweiOptions::hilink() },
    },
    NamedStick {
        name: "e3372h-stick-cd",
        what: "E3372h with stick firmware 21.180 that shows its CD-ROM first: 12d1:14fe to 1506",
        options: || HuaweiOptions { cdrom: true, ..HuaweiOptions::stick() },
    },
    NamedStick {
        name: "e3372h-320",
        what: "E3372h-320 with HiLink 10.0.3.1: another board, a newer web server, no way to serial ports",
        options: HuaweiOptions::e3372h_320,
    },
    NamedStick {
        name: "e3372s",
        what: "E3372s with stick firmware 21.200: the same case, another chip, images of its own",
        options: HuaweiOptions::e3372s,
    },
    NamedStick {
        name: "e3372h-hilink-login",
        what: "E3372h with HiLink 22.200 whose web server wants a login (user admin, password admin)",
        options: || HuaweiOptions::hilink().with_login(Login::Type4),
    },
    NamedStick {
        name: "e3372h-hilink-sestok",
        what: "the same, whose pages carry no tokens: they come from SesTokInfo alone",
        options: || {
            let options = HuaweiOptions::hilink().with_login(Login::Type4);
            HuaweiOptions { web: WebOptions { metas: false, ..options.web }, ..options }
        },
    },
    NamedStick {
        name: "e3372h-320-login",
        what: "E3372h-320 whose web server wants a login with proofs on both sides",
        options: || HuaweiOptions::e3372h_320().with_login(Login::Scram),
    },
    NamedStick {
        name: "e3372h-320-encrypted",
        what: "the same, which takes codes and passwords encrypted only",
        options: || {
            let options = HuaweiOptions::e3372h_320().with_login(Login::Scram);
            HuaweiOptions { web: WebOptions { encrypted: true, ..options.web }, ..options }
        },
    },
    NamedStick {
        name: "e3276-hilink",
        what: "E3276 with HiLink 22.263 and a web server of the generation before",
        options: HuaweiOptions::e3276_hilink,
    },
    NamedStick {
        name: "e303-hilink",
        what: "3G E303 with HiLink firmware and a web server of the first generation",
        options: HuaweiOptions::e303_hilink,
    },
    NamedStick {
        name: "e3372h-stick-pin",
        what: "E3372h with stick firmware 21.180 and a SIM that wants its PIN (1234, PUK 12345678)",
        options: || {
            let options = HuaweiOptions::stick();
            HuaweiOptions { modem: options.modem.clone().with_pin(), ..options }
        },
    },
    NamedStick {
        name: "e3372s-hilink",
        what: "E3372s with HiLink 22.286",
        options: HuaweiOptions::e3372s_hilink,
    },
    NamedStick {
        name: "e3372h-needle",
        what: "E3372h plugged in with its boot pin held: the boot ROM waits for a loader",
        options: || HuaweiOptions { plug_in: PlugIn::BootPin, ..HuaweiOptions::hilink() },
    },
    NamedStick {
        name: "e3372h-loader",
        what: "E3372h whose loader runs already: download mode waits for firmware",
        options: || HuaweiOptions { plug_in: PlugIn::Loader, ..HuaweiOptions::hilink() },
    },
];

/// Sticks that are MBIM alone: name, what it is, and how it is made.
type MbimRow = (&'static str, &'static str, fn() -> MbimOptions);

const MBIM: &[MbimRow] = &[
    (
        "em7455",
        "Sierra Wireless EM7455 with MBIM alone: 1199:9079, a control channel and no AT port",
        MbimOptions::em7455,
    ),
    ("em7455-pin", "the same with a SIM that wants its PIN (1234, PUK 12345678)", || {
        let options = MbimOptions::em7455();
        MbimOptions { modem: options.modem.clone().with_pin(), ..options }
    }),
];

/// Every name with a one-line description.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mbim = MBIM.iter().map(|(name, what, _)| (*name, *what));
    ROWS.iter().map(|row| (row.name, row.what)).chain(mbim).chain(switchable::names())
}

/// What the E3372h of that name is, to be changed before it is made.
pub fn e3372h(name: &str) -> Option<HuaweiOptions> {
    ROWS.iter().find(|row| row.name == name).map(|row| (row.options)())
}

/// The stick of that name, not plugged in yet. The seed decides what differs from stick to stick. What goes wrong is a
/// [`FaultPlan`](crate::fault::FaultPlan) on an E3372h, and a [`Behaviour`](crate::sticks::zerocd::Behaviour) on one that is only there to be switched.
///
/// # Errors
/// `Usage` when there is no such stick, or no such fault for it.
pub fn virtual_stick(name: &str, seed: u64, fault: Option<&str>) -> Result<Box<dyn Device>> {
    let name = if name == "e3372h" { "e3372h-hilink" } else { name };
    if let Some(options) = e3372h(name) {
        let faults = fault_words::plan(name, fault, seed)?;
        return Ok(Box::new(HuaweiStick::new(HuaweiOptions {
            hardware: options.hardware.clone().numbered(seed),
            timing: Timing::real(seed),
            faults,
            ..options
        })));
    }
    if let Some((.., options)) = MBIM.iter().find(|row| row.0 == name) {
        let faults = fault_words::plan(name, fault, seed)?;
        let options = options();
        let identity = options.identity.clone().numbered(seed);
        return Ok(Box::new(MbimStick::new(MbimOptions { identity, faults, ..options })));
    }
    let Some(options) = switchable::options(name) else {
        return Err(Error::new(ErrorKind::Usage, format!("there is no virtual stick named {name}"))
            .detail(Detail::NextStep("`stickshift virtual` lists the names")));
    };
    let identity = options.identity.clone().numbered(seed);
    let subscriber = subscriber(seed);
    let options = ZeroCdOptions { identity, subscriber, ..options };
    Ok(Box::new(fault_words::switched_stick(name, options, fault, seed)?))
}

/// One that has power, once it is on the bus, and the time it is then.
#[cfg(test)]
pub(crate) fn plugged_in(name: &str) -> (Box<dyn Device>, stickshift::link::Moment) {
    let mut stick = virtual_stick(name, 1, None).expect("a virtual stick");
    let mut now = stickshift::link::Moment::ZERO;
    stick.power(now, true);
    while stick.appearance().is_none() {
        now = stick.next_tick().expect("something to come");
        stick.tick(now);
    }
    (stick, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_a_stick() {
        for (name, what) in names() {
            assert!(virtual_stick(name, 1, None).is_ok() && !what.is_empty());
        }
        assert!(virtual_stick("e1234", 1, None).is_err());
        assert!(virtual_stick("k3772", 1, Some("ignores")).is_ok());
        assert!(virtual_stick("k3772", 1, Some("drop@1")).is_err());
        assert!(virtual_stick("k3772", 1, Some("ignores,denied")).is_ok());
        assert!(virtual_stick("e3372h-hilink", 1, Some("drop@1")).is_ok());
    }

    #[test]
    fn sticks_of_one_model_differ_by_their_seeds() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 1..=10 {
            let mut stick = virtual_stick("e3372h-stick", seed, None).unwrap();
            let stick: &mut dyn std::any::Any = stick.as_mut();
            let stick: &mut HuaweiStick = stick.downcast_mut().unwrap();
            let identity = stick.identity();
            for number in [identity.imei, identity.serial, stick.modem().imsi(), stick.modem().iccid()] {
                assert!(seen.insert(number.clone()), "{number}, seed {seed}");
            }
        }
        assert!(seen.contains("860000000000001") && seen.contains("001010000000010"));
    }
}
