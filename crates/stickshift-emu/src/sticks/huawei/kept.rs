//! What of a stick outlives the process that plays it besides its modem ([`ModemState`](crate::modem::ModemState)): its flash, its mode and its
//! ports. What a program had half received is lost.

use std::collections::BTreeMap;

use crate::firmware::memory::{Firmware, Flash, Partition};
use crate::hilink::SwitchTo;
use crate::sticks::huawei::{HuaweiStick, PlugIn, Start, Transition};

/// A stick that is put away, with power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStick {
    /// By partition code.
    pub partitions: BTreeMap<u32, Partition>,
    /// Whether IMEI, serial number and calibration are there.
    pub nv_intact: bool,
    /// New firmware that has not started yet.
    pub written: bool,
    /// So many attempts with the needle will still miss.
    pub boot_pin_misses: u32,
    /// `AT^SETPORT`.
    pub ports: String,
    /// The firmware that ran last.
    pub firmware: Firmware,
    /// One of [`KeptStick::MODES`]; `off` is plugged in again and starts normally.
    pub mode: &'static str,
}

impl KeptStick {
    /// What it can be put away as.
    pub const MODES: &[&str] = &[
        "off",
        "boot-rom",
        "loader",
        "download",
        "fastboot",
        "firmware",
        "switched",
        "fallback",
        "hilink-project",
        "hilink-debug",
        "dead",
    ];
}

fn mode(start: Start) -> &'static str {
    match start {
        Start::BootRom => "boot-rom",
        Start::Loader => "loader",
        Start::Download => "download",
        Start::Fastboot => "fastboot",
        Start::Firmware => "firmware",
        Start::Switched => "switched",
        Start::Fallback => "fallback",
        Start::HilinkSerial(SwitchTo::Project) => "hilink-project",
        Start::HilinkSerial(SwitchTo::Debug) => "hilink-debug",
        Start::Nothing => "dead",
    }
}

fn start(mode: &str) -> Option<Start> {
    Some(match mode {
        "boot-rom" => Start::BootRom,
        "loader" => Start::Loader,
        "download" => Start::Download,
        "fastboot" => Start::Fastboot,
        "firmware" => Start::Firmware,
        "switched" => Start::Switched,
        "fallback" => Start::Fallback,
        "hilink-project" => Start::HilinkSerial(SwitchTo::Project),
        "hilink-debug" => Start::HilinkSerial(SwitchTo::Debug),
        "dead" => Start::Nothing,
        _ => return None,
    })
}

impl HuaweiStick {
    /// Puts it away. What was about to start has started when it is taken out again.
    pub fn keep(&self) -> KeptStick {
        let mode = match self.change {
            Some((_, Transition::Leave(next, _) | Transition::Start(next))) => mode(next),
            // The owner of a stick that lost its power for a moment holds no boot pin.
            Some((_, Transition::PowerBack)) => "off",
            None => self.started.map_or("off", mode),
        };
        KeptStick {
            partitions: self.flash.partitions().clone(),
            nv_intact: self.nv_intact,
            written: self.written,
            boot_pin_misses: self.boot_pin_misses,
            ports: self.modem.ports.clone(),
            firmware: self.firmware.clone(),
            mode,
        }
    }

    /// Makes it the stick that was put away. It was made with the same options and has no power yet.
    pub fn go_on_as(&mut self, kept: KeptStick) {
        self.flash = Flash::of(kept.partitions);
        self.flash.set_foreign(self.options.foreign.clone());
        self.nv_intact = kept.nv_intact;
        self.written = kept.written;
        self.boot_pin_misses = kept.boot_pin_misses;
        self.modem.ports = kept.ports;
        self.firmware = kept.firmware;
        self.next = PlugIn::Normal;
        self.goes_on = start(kept.mode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::sticks::catalogue;
    use std::time::Duration;

    #[test]
    fn every_mode_is_taken_out_as_it_was_put_away() {
        for &word in KeptStick::MODES {
            let options = catalogue::e3372h("e3372h-hilink").unwrap();
            let kept = KeptStick { mode: word, ..HuaweiStick::new(options.clone()).keep() };
            let mut stick = HuaweiStick::new(options.clone());
            stick.go_on_as(kept.clone());
            stick.power(Duration::ZERO, true);
            stick.tick(Duration::from_secs(60));
            let again = stick.keep();
            let started = if word == "off" { "firmware" } else { word };
            assert_eq!(again, KeptStick { mode: started, ..kept }, "{word}");
            assert_eq!(stick.appearance().is_some(), word != "dead", "{word}");
            stick.power(Duration::from_secs(61), false);
            assert_eq!(stick.keep().mode, "off", "{word}");
        }
    }
}
