//! What is behind a connection that does not come up, where the error tells more than its kind; and the exit codes of `online`.

use stickshift::error::{Detail, Error, ErrorKind, Reaches};

use super::general;

/// Cause and help.
pub(super) fn of(error: &Error) -> Option<(&'static str, &'static str)> {
    if error.is(ErrorKind::NoSuchPort) && error.has(&Detail::Lacks("NCM")) {
        return Some((
            "the set of USB ports that the stick shows has no NCM interface",
            "leave --way out to use what it has; `stickshift ports set at,modem,ncm` has it show one from its next start on, and keeps its AT port",
        ));
    }
    error.details().iter().find_map(|detail| {
        Some(match detail {
            Detail::RoamingOff => (
                "data in other operators' networks is switched off in the stick",
                "run again with --roaming, which switches it on; it may cost much more than at home",
            ),
            Detail::HeldByNcm => (
                "another program, or an earlier run, went online through the stick's network card, and a stick has one connection",
                "run again without --way ppp; or end that connection first: `stickshift online down`, or the program that made it",
            ),
            Detail::RegistrationDenied => (
                "the network refuses this SIM and does not say why: not activated, no contract here, or the stick is barred",
                if cfg!(feature = "network") {
                    "try the SIM in a phone; ask the operator whether it is active; `stickshift network scan` shows which networks are forbidden"
                } else {
                    "try the SIM in a phone; ask the operator whether it is active; `stickshift at '+COPS=?' --timeout 180` shows which networks are forbidden: a 3 before the name"
                },
            ),
            Detail::PinRefusedBefore => (
                "another wrong PIN would cost another try, so a service that is started again and again spends none",
                "check the PIN, then run `stickshift pin enter`, or `stickshift online down` and try again",
            ),
            Detail::Reaches(Reaches::Nothing) => (
                "the network gave an address and carries no packets: no credit, a SIM that is not activated, or frames that the stick does not read",
                "check the credit; where the stick is dialled from here, try --way ppp, then another --apn; one that dials by itself says more on its own page",
            ),
            Detail::Reaches(Reaches::NoNames) => (
                "addresses answer, and the operator's name servers do not know the host, or are blocked",
                "try --check with another host; give name servers of your choice to the computer's resolver",
            ),
            Detail::Reaches(Reaches::Portal) => (
                "the operator shows a page of its own first: top up, accept terms, or activate the SIM",
                "run again with `--check none`, which keeps the line; open that page in a browser and do what it asks for",
            ),
            Detail::Reaches(Reaches::NoPages) => (
                "names are resolved and web pages do not come: blocked by the operator, or packets that are too large",
                "try --mtu 1400; try --check with another host; check the credit",
            ),
            Detail::NoDriver(_) => (
                "the kernel has no driver for the stick's network interface, or it is not loaded",
                "load the module that is named (`modprobe NAME`; on OpenWrt `kmod-usb-net-huawei-cdc-ncm` or `kmod-usb-net-cdc-ether`), then replug the stick",
            ),
            Detail::ForOther(_) => (
                "this way is not built in",
                "run the command that is named, then ask for an address by DHCP on the network interface; or show the stick's other ports with `stickshift ports`",
            ),
            Detail::Holder(_) if error.is(ErrorKind::NoAddress) => (
                "another program owns the interface and was not told to use it",
                "`stickshift setup networkmanager`, `networkd` or `openwrt` writes the connection for it",
            ),
            _ => return None,
        })
    })
}

/// The exit code of `online` for a kind, where it has one of its own.
pub(super) fn exit(kind: ErrorKind) -> Option<u8> {
    Some(match kind {
        ErrorKind::NoSim
        | ErrorKind::SimPinNeeded
        | ErrorKind::SimPukNeeded
        | ErrorKind::WrongPin
        | ErrorKind::LastTry => general::SIM,
        ErrorKind::NotRegistered => general::NOT_REGISTERED,
        ErrorKind::NetworkRefused => general::NETWORK_REFUSED,
        ErrorKind::NoAddress => general::NO_ADDRESS,
        ErrorKind::NoReach => general::NO_REACH,
        ErrorKind::LimitReached => general::LIMIT_REACHED,
        _ => return None,
    })
}
