//! The ways from a stick to packets, chosen by its interfaces, never by what it says of its maker.

mod attempts;
mod ecm;
pub(super) mod hilink;
pub(super) mod mbim;
pub(super) mod ncm;
mod ppp;
mod qmi;

use crate::error::{Detail, Error, ErrorKind, Result};
use crate::modem::Modem;
use crate::online::apn::Apn;
use crate::online::computer::Card;
use crate::online::registration::Registered;
use crate::online::run::Run;
use crate::online::settle::{self, Addresses};
use crate::online::up::Access;
use crate::online::{Wanted, WantedWay};
use crate::stick::{Interface, Mode, Role, Stick, is_huawei_design};

/// A way from the stick to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// NCM: dialled by `^NDISDUP`, packets through the kernel's `huawei_cdc_ncm`.
    Ncm,
    /// PPP on a serial port, by the system's pppd.
    Ppp,
    /// The web server of HiLink firmware dials; packets through its network card.
    Hilink,
    /// MBIM.
    Mbim,
    /// A network card that dials by itself: ECM, RNDIS or NCM of other makers.
    Ecm,
    /// QMI, which is left to other programs.
    Qmi,
}

impl Way {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Way::Ncm => "ncm",
            Way::Ppp => "ppp",
            Way::Hilink => "hilink",
            Way::Mbim => "mbim",
            Way::Ecm => "ecm",
            Way::Qmi => "qmi",
        }
    }

    /// The way of this word.
    pub fn of_word(word: &str) -> Option<Way> {
        [Way::Ncm, Way::Ppp, Way::Hilink, Way::Mbim, Way::Ecm, Way::Qmi]
            .into_iter()
            .find(|way| way.word() == word)
    }
}

/// A bearer that stands, and what belongs to it.
pub(super) struct Bearer {
    pub(super) way: Way,
    pub(super) card: Card,
    pub(super) apn: Apn,
    pub(super) registered: Registered,
    /// Set by the way itself: pppd and owners do it on their own.
    pub(super) addresses: Addresses,
    /// Who answered while addresses were chosen.
    pub(super) answered: Option<String>,
    /// Metric of the default route.
    pub(super) metric: Option<u32>,
}

/// Brings the bearer up by a way, down to routes.
///
/// # Errors
/// What the steps report.
pub(super) fn up(run: &mut Run<'_, '_>, way: Way, access: &mut Access<'_>) -> Result<Bearer> {
    let bearer = match way {
        Way::Ncm => ncm::up(run, access)?,
        Way::Ppp => ppp::up(run, access)?,
        Way::Hilink => hilink::up(run, access)?,
        Way::Mbim => mbim::up(run, access)?,
        Way::Ecm => ecm::up(run, access)?,
        Way::Qmi => return Err(qmi::left_to_others(&run.stick, run.wanted)),
    };
    settle::wanted_kind(run, &bearer.addresses)?;
    Ok(bearer)
}

/// What of the stick belongs to packets, as the bus shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ncm,
    Mbim,
    Qmi,
    Card,
}

/// Whether an interface carries packets.
pub(super) fn is_network(interface: &Interface) -> bool {
    kind_of(interface).is_some()
}

/// What an interface carries, by class, subclass and protocol: docs/protocols/hilink-at.md section 2.2.
fn kind_of(interface: &Interface) -> Option<Kind> {
    let driver = interface.driver.as_deref().unwrap_or_default();
    match (interface.class, interface.subclass, interface.protocol) {
        (0xff, 1..=6, 0x16 | 0x46 | 0x76) => Some(Kind::Ncm),
        _ if driver == "huawei_cdc_ncm" => Some(Kind::Ncm),
        (0x02, 0x0e, _) => Some(Kind::Mbim),
        _ if driver == "cdc_mbim" => Some(Kind::Mbim),
        (0xff, 1..=6, 0x07..=0x09 | 0x37..=0x39 | 0x67..=0x69) => Some(Kind::Qmi),
        _ if driver == "qmi_wwan" => Some(Kind::Qmi),
        (0x02, 0x06 | 0x0d, _) | (0xe0, 0x01, 0x03) | (0xef, 0x04, 0x01) | (0x02, 0x02, 0xff) => {
            Some(Kind::Card)
        }
        _ if matches!(driver, "cdc_ether" | "rndis_host" | "cdc_ncm") => Some(Kind::Card),
        _ => None,
    }
}

/// The way for a stick: the one that is wanted, else the best that its interfaces have. A note says why another one was passed over.
///
/// # Errors
/// `NoSuchPort` where the stick has no such way in its present mode; with the driver that lacks, where that is why.
pub(super) fn choose(
    stick: &Stick,
    wanted: WantedWay,
    note: &mut dyn FnMut(&'static str, String),
) -> Result<Way> {
    let has = |kind| stick.interfaces.iter().find(|i| kind_of(i) == Some(kind));
    let lacks = |what: &str| {
        Error::new(ErrorKind::NoSuchPort, format!("the stick at {} {what}", stick.place))
            .with("place", &stick.place)
            .detail(Detail::InMode(stick.mode.code()))
    };
    let ppp = stick.interface(Role::Modem).is_some_and(|i| i.tty.is_some()) || stick.ports().next().is_some();
    // A router behind a card of another maker has another web page.
    let is_huawei = is_huawei_design(stick.id.vendor);
    let is_hilink = matches!(stick.mode, Mode::Hilink | Mode::HilinkSerial) && is_huawei;
    let lacks_way = |what: &str| lacks(what).detail(Detail::NextStep(BEST_WAY));
    if matches!(stick.mode, Mode::Cdrom | Mode::BootRom | Mode::Download | Mode::Fastboot) {
        return Err(lacks("cannot go online in this mode"));
    }
    match wanted {
        WantedWay::Ncm => has(Kind::Ncm).map(|_| Way::Ncm).ok_or_else(|| {
            let error = lacks("shows no NCM interface");
            if ppp { error.detail(Detail::Lacks("NCM")) } else { error.detail(Detail::NextStep(BEST_WAY)) }
        }),
        WantedWay::Ppp if ppp => Ok(Way::Ppp),
        WantedWay::Ppp => Err(lacks_way("shows no serial port to dial on")),
        WantedWay::Hilink if is_hilink => Ok(Way::Hilink),
        WantedWay::Hilink => Err(lacks_way("has no HiLink firmware")),
        WantedWay::Mbim => {
            has(Kind::Mbim).map(|_| Way::Mbim).ok_or_else(|| lacks_way("shows no MBIM interface"))
        }
        WantedWay::Ecm => has(Kind::Card).map(|_| Way::Ecm).ok_or_else(|| lacks_way("shows no network card")),
        WantedWay::Auto if is_hilink => Ok(Way::Hilink),
        WantedWay::Auto => {
            let order = [
                (Kind::Mbim, Way::Mbim),
                (Kind::Ncm, Way::Ncm),
                (Kind::Qmi, Way::Qmi),
                (Kind::Card, Way::Ecm),
            ];
            for (kind, way) in order {
                let Some(interface) = has(kind) else { continue };
                if way == Way::Qmi && ppp {
                    note(
                        "qmi",
                        "the network interface speaks QMI, which is left to other programs".to_owned(),
                    );
                    continue;
                }
                if interface.netdev.is_some() {
                    return Ok(way);
                }
                let driver = driver_for(kind, interface);
                note(
                    "no-driver",
                    format!(
                        "interface {} is for {driver}, and no such driver holds it here",
                        interface.number
                    ),
                );
                if !ppp {
                    return Err(lacks("has a network interface without a driver")
                        .with("driver", driver)
                        .detail(Detail::NoDriver(driver)));
                }
            }
            if ppp { Ok(Way::Ppp) } else { Err(lacks("shows nothing to go online with")) }
        }
    }
}

const BEST_WAY: &str = "leave --way out: the best way that the stick has is taken";

/// Whether the stick has a way to packets as it stands now that is not left to other programs.
pub fn serves(stick: &Stick) -> bool {
    choose(stick, WantedWay::Auto, &mut |_, _| {}).is_ok_and(|way| way != Way::Qmi)
}

/// Whether the stick is a network card that dials by itself, and has no port to be told anything.
pub fn dials_alone(stick: &Stick) -> bool {
    stick.ports().next().is_none()
        && choose(stick, WantedWay::Auto, &mut |_, _| {}).is_ok_and(|way| way == Way::Ecm)
}

/// pppd's options for what is wanted.
pub(super) fn pppd_options(wanted: &Wanted) -> Vec<String> {
    ppp::options(wanted)
}

/// The kernel's driver for an interface of a kind.
fn driver_for(kind: Kind, interface: &Interface) -> &'static str {
    match (kind, interface.class, interface.subclass) {
        (Kind::Ncm, ..) => "huawei_cdc_ncm",
        (Kind::Mbim, ..) => "cdc_mbim",
        (Kind::Qmi, ..) => "qmi_wwan",
        (Kind::Card, 0x02, 0x06) => "cdc_ether",
        (Kind::Card, 0x02, 0x0d) => "cdc_ncm",
        (Kind::Card, ..) => "rndis_host",
    }
}

/// The number of the interface of a kind.
fn interface_of(stick: &Stick, kind: Kind) -> Option<u8> {
    stick.interfaces.iter().find(|i| kind_of(i) == Some(kind)).map(|i| i.number)
}

/// SIM, registration and access point: what comes before every bearer, whatever the way in is.
fn prelude(
    run: &mut Run<'_, '_>,
    modem: &mut Modem<'_>,
    access: &mut Access<'_>,
) -> Result<(Registered, Apn)> {
    crate::online::sim::ready(run, modem, access)?;
    run.session.step("registration", "registration with a network");
    let (by_mbim, by_web) = (modem.mbim().is_some(), modem.web().is_some());
    let registered = match (by_mbim, by_web) {
        (true, _) => mbim::register(run, modem)?,
        (_, true) => hilink::register(run, modem)?,
        _ => crate::online::registration::over_at(run, modem)?,
    };
    let apn = if by_web { hilink::profile(run, modem)? } else { crate::online::apn::choose(run, modem)? };
    run.session.note("apn", apn.words());
    run.record.apn.clone_from(&apn.name);
    Ok((registered, apn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stick::UsbId;

    fn stick(interfaces: &[[u8; 3]], mode: Mode) -> Stick {
        let mut stick = Stick::new("1-1".parse().unwrap(), UsbId::new(0x12d1, 0x1506));
        stick.mode = mode;
        for (number, codes) in interfaces.iter().enumerate() {
            let mut interface = Interface::new(number as u8, *codes);
            if kind_of(&interface).is_some() {
                interface.netdev = Some("wwan0".into());
            } else {
                interface.tty = Some(format!("/dev/ttyUSB{number}"));
            }
            stick.interfaces.push(interface);
        }
        stick
    }

    fn way(stick: &Stick, wanted: WantedWay) -> Result<Way, ErrorKind> {
        choose(stick, wanted, &mut |_, _| {}).map_err(|e| e.kind())
    }

    #[test]
    fn the_way_follows_from_the_interfaces() {
        let of = |interfaces: &[[u8; 3]]| way(&stick(interfaces, Mode::Modem), WantedWay::Auto);
        assert_eq!(of(&[[0xff, 3, 0x10], [0xff, 3, 0x12], [0xff, 3, 0x16]]), Ok(Way::Ncm));
        assert_eq!(of(&[[0xff, 1, 0x46]]), Ok(Way::Ncm));
        assert_eq!(
            of(&[[0xff, 1, 1], [0xff, 1, 9]]),
            Ok(Way::Ppp),
            "QMI is left to others, its ports are not"
        );
        assert_eq!(of(&[[0xff, 1, 9]]), Ok(Way::Qmi));
        assert!(serves(&stick(&[[0xff, 1, 1], [0xff, 1, 9]], Mode::Modem)));
        assert!(!serves(&stick(&[[0xff, 1, 9]], Mode::Modem)));
        assert_eq!(of(&[[2, 0x0e, 0]]), Ok(Way::Mbim));
        assert_eq!(of(&[[2, 6, 0], [0xff, 0xff, 0xff]]), Ok(Way::Ecm));
        for rndis in [[0xe0, 1, 3], [0xef, 4, 1], [2, 2, 0xff]] {
            assert_eq!(of(&[rndis]), Ok(Way::Ecm), "{rndis:?}");
        }
        assert_eq!(of(&[[0xff, 1, 1], [0xff, 1, 2]]), Ok(Way::Ppp));
        assert_eq!(of(&[]), Err(ErrorKind::NoSuchPort));
        assert_eq!(way(&stick(&[[2, 6, 0]], Mode::Hilink), WantedWay::Auto), Ok(Way::Hilink));
        assert_eq!(way(&stick(&[[2, 6, 0]], Mode::Hilink), WantedWay::Ncm), Err(ErrorKind::NoSuchPort));
        assert_eq!(way(&stick(&[], Mode::Cdrom), WantedWay::Auto), Err(ErrorKind::NoSuchPort));
    }

    #[test]
    fn a_network_interface_without_a_driver_is_named_and_ppp_takes_its_place() {
        let mut with_ports = stick(&[[0xff, 2, 0x16], [0xff, 2, 1]], Mode::Modem);
        with_ports.interfaces[0].netdev = None;
        let mut notes = Vec::new();
        let way = choose(&with_ports, WantedWay::Auto, &mut |_, text| notes.push(text)).unwrap();
        assert_eq!(way, Way::Ppp);
        assert!(notes[0].contains("huawei_cdc_ncm"), "{notes:?}");
        with_ports.interfaces.pop();
        for (codes, driver) in
            [([0xe0, 1, 3], "rndis_host"), ([2, 6, 0], "cdc_ether"), ([2, 0x0d, 0], "cdc_ncm")]
        {
            let mut card = stick(&[codes], Mode::Modem);
            card.interfaces[0].netdev = None;
            let error = choose(&card, WantedWay::Auto, &mut |_, _| {}).unwrap_err();
            assert!(error.has(&Detail::NoDriver(driver)), "{error:?}");
        }
        let error = choose(&with_ports, WantedWay::Auto, &mut |_, _| {}).unwrap_err();
        assert!(error.has(&Detail::NoDriver("huawei_cdc_ncm")), "{error:?}");
    }
}
