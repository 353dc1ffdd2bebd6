//! What a virtual stick is before it is plugged in.

use std::time::Duration;

use crate::fault::FaultPlan;
use crate::firmware::download::DownloadOptions;
use crate::firmware::memory::{Firmware, FirmwareKind};
use crate::hilink::{Generation, Login, WaysIn, WebOptions};
use crate::identity::Identity;
use crate::modem::Modem;
use crate::random::Random;
use crate::sticks::hardware::Hardware;

/// How long things take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From leaving the bus to the start of what comes next.
    pub off_bus: Duration,
    /// From power to the boot ROM's port.
    pub boot_rom: Duration,
    /// From the last packet to the loader's ports.
    pub loader: Duration,
    /// From power to the CD-ROM, which comes before the firmware has started.
    pub cdrom: Duration,
    /// From power to the firmware's interfaces.
    pub boot: Duration,
    /// The same, the first time after flashing.
    pub first_boot: Duration,
    /// From a reset request to leaving the bus.
    pub reset: Duration,
    /// From `AT^GODLOAD` to leaving the bus.
    pub to_download: Duration,
    /// How long the raminit code runs.
    pub raminit: Duration,
    /// The block that fills 2 MiB.
    pub slow_flush: Duration,
}

impl Timing {
    /// As reported from the field; within the reported ranges the seed decides.
    pub fn real(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut between = |from: u64, to: u64| {
            Duration::from_millis(from * 1000 + random.below(((to - from) * 1000) as usize) as u64)
        };
        Timing {
            off_bus: between(1, 3),
            boot_rom: between(1, 2),
            loader: between(10, 15),
            cdrom: between(1, 2),
            boot: between(6, 10),
            first_boot: between(25, 35),
            reset: Duration::from_secs(1),
            to_download: Duration::from_millis(2500),
            raminit: Duration::from_millis(50),
            slow_flush: Duration::from_millis(400),
        }
    }

    /// As fast as can be, for benches and for people who wait in real time.
    pub fn quick() -> Self {
        let moment = Duration::from_millis(200);
        Timing {
            off_bus: moment,
            boot_rom: moment,
            loader: moment,
            cdrom: moment,
            boot: moment,
            first_boot: moment,
            reset: moment,
            to_download: moment,
            raminit: Duration::ZERO,
            slow_flush: Duration::ZERO,
        }
    }
}

/// What happens when a stick is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlugIn {
    /// Its firmware starts.
    Normal,
    /// The boot pin is held: the boot ROM starts.
    BootPin,
    /// A loader runs already.
    Loader,
}

/// What a virtual E3372h is before it is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HuaweiOptions {
    /// Its board.
    pub hardware: Hardware,
    /// What is on its flash.
    pub firmware: Firmware,
    /// What happens when it is first plugged in.
    pub plug_in: PlugIn,
    /// It shows a CD-ROM first, until it is switched.
    pub cdrom: bool,
    /// The web server of its HiLink firmware.
    pub web: WebOptions,
    /// Its modem, with the SIM in it.
    pub modem: Modem,
    /// How download mode behaves.
    pub dload: DownloadOptions,
    /// What an image without a marker turns out to be once it runs.
    pub foreign: Firmware,
    /// So many attempts with the needle miss before one succeeds.
    pub boot_pin_misses: u32,
    /// How long things take.
    pub timing: Timing,
    /// What goes wrong.
    pub faults: FaultPlan,
}

impl HuaweiOptions {
    fn with(firmware: Firmware) -> Self {
        HuaweiOptions::on(Hardware::e3372h(), firmware)
    }

    fn on(hardware: Hardware, firmware: Firmware) -> Self {
        HuaweiOptions {
            modem: Modem::new(&hardware.ports),
            hardware,
            firmware,
            plug_in: PlugIn::Normal,
            cdrom: false,
            web: WebOptions::of(Generation::G2),
            dload: DownloadOptions::v7r11(),
            foreign: Firmware::new(FirmwareKind::Stick, "21.180.01.00.00", "17.100.18.05.1217"),
            boot_pin_misses: 0,
            timing: Timing::real(0),
            faults: FaultPlan::none(0),
        }
    }

    /// HiLink firmware 22.200, which opens serial ports on a web request.
    pub fn hilink() -> Self {
        HuaweiOptions::with(Firmware::new(FirmwareKind::Hilink, "22.200.15.00.00", "17.100.13.01.03"))
    }

    /// HiLink firmware 22.333, which opens no serial ports.
    pub fn hilink_closed() -> Self {
        let firmware = Firmware::new(FirmwareKind::Hilink, "22.333.01.00.00", "17.100.20.01.03");
        let web = WebOptions { ways_in: WaysIn::Closed, ..WebOptions::of(Generation::G2) };
        HuaweiOptions { web, ..HuaweiOptions::with(firmware) }
    }

    /// Stick firmware 21.180.
    pub fn stick() -> Self {
        HuaweiOptions::with(Firmware::new(FirmwareKind::Stick, "21.180.01.00.00", "17.100.18.05.1217"))
    }

    /// The later E3372h with HiLink firmware 10.0, which opens no serial ports.
    pub fn e3372h_320() -> Self {
        let firmware = Firmware::new(FirmwareKind::Hilink, "10.0.3.1(H192SP1C983)", "10.0.3.1(W13SP7C983)");
        let web = WebOptions { ways_in: WaysIn::Closed, ..WebOptions::of(Generation::G3) };
        HuaweiOptions { web, ..HuaweiOptions::on(Hardware::e3372h_320(), firmware) }
    }

    /// An E3372s with stick firmware.
    pub fn e3372s() -> Self {
        let firmware = Firmware::new(FirmwareKind::Stick, "21.200.07.00.00", "16.100.05.00.03");
        HuaweiOptions {
            dload: DownloadOptions::v7r2(),
            foreign: firmware.clone(),
            ..HuaweiOptions::on(Hardware::e3372s(), firmware)
        }
    }

    /// An E3372s with HiLink firmware.
    pub fn e3372s_hilink() -> Self {
        let firmware = Firmware::new(FirmwareKind::Hilink, "22.286.03.00.00", "16.100.05.00.03");
        HuaweiOptions { firmware, ..HuaweiOptions::e3372s() }
    }

    /// The same sticks with a login: E3372h as it is known of 17.100, and with the proofs of 10.0.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.web = self.web.with_login(login);
        self
    }

    /// An E3276 with HiLink firmware and a web UI of generation G1.
    pub fn e3276_hilink() -> Self {
        let firmware = Firmware::new(FirmwareKind::Hilink, "22.263.03.00.78", "13.100.12.00.03");
        let web = WebOptions::of(Generation::G1);
        let dload = DownloadOptions { product: "E3276s_150".into(), ..DownloadOptions::v7r2() };
        HuaweiOptions { web, dload, ..HuaweiOptions::on(Hardware::e3276(), firmware) }
    }

    /// A 3G E303 with HiLink firmware and a web UI of generation G0.
    pub fn e303_hilink() -> Self {
        let firmware = Firmware::new(FirmwareKind::Hilink, "22.157.18.00.00", "11.010.06.01.03");
        let web = WebOptions::of(Generation::G0);
        let dload = DownloadOptions { product: "E303".into(), ..DownloadOptions::v7r2() };
        HuaweiOptions { web, dload, ..HuaweiOptions::on(Hardware::e303(), firmware) }
    }

    /// What the stick says of itself while this firmware runs.
    pub fn identity(&self) -> Identity {
        self.hardware.identity(&self.firmware, true)
    }
}
