//! Modems that Linux lists by their ids, what their makers number their ports for, and what the descriptors of Qualcomm's firmware tell
//! whatever the ids are.
//!
//! The lists are in `data/linux-modems.tsv`. Ports of other makers than Huawei are mostly ff/ff/ff or ff/00/00; their purpose follows from these
//! lists, and else from how Qualcomm's firmware builds its functions:
//!
//! - bInterfaceProtocol of newer chips: 10 download, 30 diagnostics, 40 AT commands (with subclass 00: positions), 50 QMI, 60 positions (the
//!   tables of Linux's `option` and `qmi_wwan` and the messages with which their rows came).
//! - an interrupt endpoint of 8 bytes belongs to QMI, one of 10 bytes to a serial port (`f_rmnet` and `u_serial` of Qualcomm's kernel).
//! - ports of diagnostics and positions do not notify, and come in this order; ports for AT commands do, and the one for dialling is the last.

use super::classify::order_of;
use super::{Interface, Role, UsbId, classify};

include!(concat!(env!("OUT_DIR"), "/linux_modems.rs"));

/// Length of a notification of USB's communication class: the interrupt endpoint of QMI.
const NOTIFICATION: u16 = 8;
/// The same with two bytes of line state: that of a serial port.
const SERIAL_NOTIFICATION: u16 = 10;
/// bEndpointAddress: to the host.
const IN: u8 = 0x80;
/// bmAttributes of an interrupt endpoint.
const INTERRUPT: u8 = 3;

fn number(id: UsbId) -> u32 {
    u32::from(id.vendor) << 16 | u32::from(id.product)
}

fn row(id: UsbId) -> Option<usize> {
    IDS.binary_search(&number(id)).ok()
}

fn set(row: usize) -> &'static (&'static [&'static str], bool) {
    &SETS[usize::from(SET_OF[row])]
}

/// The interfaces that a list numbers, with their roles.
fn listed_ports(id: UsbId) -> &'static [(u16, u8, Role)] {
    let Some(row) = row(id) else { return &[] };
    let first = PORTS.partition_point(|(of, ..)| usize::from(*of) < row);
    let end = PORTS.partition_point(|(of, ..)| usize::from(*of) <= row);
    &PORTS[first..end]
}

/// The drivers of Linux that list an id.
pub fn linux_drivers(id: UsbId) -> &'static [&'static str] {
    row(id).map_or(&[], |row| set(row).0)
}

/// The ids that a driver of Linux or ModemManager lists as those of modems.
pub fn listed_modems() -> impl Iterator<Item = UsbId> {
    let modems = IDS.iter().enumerate().filter(|(row, _)| !set(*row).1);
    modems.map(|(_, number)| UsbId::new((number >> 16) as u16, *number as u16))
}

/// The interfaces that the lists and what is known of an id number, with their roles; none where nothing is known. A stick may show more.
///
/// ```
/// use stickshift::stick::{Role, usual_interfaces};
///
/// let known = usual_interfaces("2c7c:0125".parse().unwrap());
/// assert_eq!(known.iter().map(|i| (i.number, i.role)).next_back(), Some((3, Role::Modem)));
/// ```
pub fn usual_interfaces(id: UsbId) -> Vec<Interface> {
    let mut numbers: Vec<u8> = listed_ports(id).iter().map(|(_, port, _)| *port).collect();
    if numbers.is_empty() {
        numbers = (0..).zip(order_of(id)).map(|(port, _)| port).collect();
    }
    let mut all: Vec<Interface> =
        numbers.into_iter().map(|port| Interface::new(port, [0xff, 0xff, 0xff])).collect();
    let roles = classify(id, 0, &all).roles;
    all.iter_mut().zip(roles).for_each(|(interface, role)| interface.role = role);
    all
}

/// Whether a driver of Linux or ModemManager lists the id as that of a modem.
pub(super) fn is_listed(id: UsbId) -> bool {
    row(id).is_some_and(|row| !set(row).1)
}

/// Whether a device takes firmware by Qualcomm's protocol and is no modem until it is started anew. `of_a_maker`: its maker makes modems.
pub(super) fn is_chip_download(id: UsbId, of_a_maker: bool, interfaces: &[Interface]) -> bool {
    let by_protocol =
        matches!(interfaces, [one] if (one.class, one.subclass, one.protocol) == (0xff, 0xff, 0x10));
    row(id).map_or(by_protocol && of_a_maker, |row| set(row).1 || by_protocol)
}

/// What is known of the id itself comes first: ModemManager dials on the port that SIMCom names for AT commands, for one.
fn port(id: UsbId, interface: u8) -> Option<Role> {
    if let Some(role) = order_of(id).get(usize::from(interface)) {
        return Some(*role);
    }
    listed_ports(id).iter().find(|(_, port, _)| *port == interface).map(|(.., role)| *role)
}

/// Gives roles to the serial ports of a modem whose descriptors give none. `true` when the lists or the descriptors said something.
pub(super) fn name_ports(id: UsbId, interfaces: &[Interface], roles: &mut [Role]) -> bool {
    let before = roles.to_vec();
    // Huawei's numbering of functions, which it has in HP's notebooks too, is another one.
    let huawei = interfaces.iter().any(|i| i.class == 0xff && (1..=6).contains(&i.subclass));
    let gobi = (linux_drivers(id).contains(&"qcserial") && !huawei).then(|| Gobi::of(id, interfaces));
    // An id may stand for several compositions. A list that numbers a port where something else is means another one.
    let serial =
        |number: u8| interfaces.iter().zip(&before).all(|(i, r)| i.number != number || is_open(i, *r));
    let ports = (0..).zip(order_of(id)).filter(|(_, role)| role.is_serial());
    let fits = listed_ports(id).iter().all(|(_, port, _)| serial(*port))
        && ports.into_iter().all(|(port, _)| serial(port));
    for (interface, role) in interfaces.iter().zip(roles.iter_mut()) {
        let told = by_protocol(interface)
            .or_else(|| gobi?.port(interface.number))
            .or_else(|| port(id, interface.number).filter(|_| fits))
            .or_else(|| is_qmi(interface).then_some(Role::Network));
        match (*role, told) {
            (Role::Serial, Some(told)) => *role = told,
            (Role::Other, Some(Role::Network)) if is_open(interface, *role) => *role = Role::Network,
            _ => {}
        }
    }
    dial_on_the_notifying_port(interfaces, roles);
    name_by_notifications(interfaces, roles);
    roles != before
}

/// Whether nothing but a list can tell what an interface is for.
fn is_open(i: &Interface, role: Role) -> bool {
    role == Role::Serial
        || role == Role::Network
        || role == Role::Other && (i.class, i.subclass) == (0xff, 0xff)
}

/// Of several ports for AT commands the only one that notifies is for dialling.
fn dial_on_the_notifying_port(interfaces: &[Interface], roles: &mut [Role]) {
    let at: Vec<usize> = (0..roles.len()).filter(|n| matches!(roles[*n], Role::Pcui | Role::Modem)).collect();
    let mut notifying = at.iter().copied().filter(|n| interrupt(&interfaces[*n]).is_some());
    if let (true, Some(one), None) = (at.len() > 1, notifying.next(), notifying.next()) {
        at.iter().for_each(|n| roles[*n] = Role::Pcui);
        roles[one] = Role::Modem;
    }
}

fn by_protocol(i: &Interface) -> Option<Role> {
    match (i.class, i.subclass, i.protocol) {
        (0xff, 0xff, 0x30) => Some(Role::Diag),
        (0xff, 0xff, 0x40) => Some(Role::Pcui),
        (0xff, 0xff, 0x50) => Some(Role::Network),
        (0xff, 0xff, 0x60) | (0xff, 0x00, 0x40) => Some(Role::Gps),
        _ => None,
    }
}

fn interrupt(i: &Interface) -> Option<u16> {
    let endpoint = i.endpoints.iter().find(|e| e.kind == INTERRUPT && e.address & IN != 0);
    endpoint.map(|e| e.max_packet)
}

fn is_qmi(i: &Interface) -> bool {
    (i.class, i.subclass, i.protocol) == (0xff, 0xff, 0xff) && interrupt(i) == Some(NOTIFICATION)
}

/// The layouts that Linux's `qcserial` states.
#[derive(Clone, Copy)]
enum Gobi {
    /// Gobi 1000: the network is interface 3.
    First,
    /// Gobi 2000 and 3000: the network is interface 0.
    Second { has_network: bool },
    /// Quectel's EC20, with ids of Gobi 2000: five interfaces, of which the last is the network.
    Ec20,
    /// Sierra Wireless's own: interfaces 8 and up carry the network.
    Sierra,
}

impl Gobi {
    fn of(id: UsbId, interfaces: &[Interface]) -> Gobi {
        let has = |wanted: u8| interfaces.iter().any(|i| i.number == wanted);
        let networks = listed_ports(id).iter().filter(|(.., role)| *role == Role::Network);
        let networks: Vec<u8> = networks.map(|(_, port, _)| *port).collect();
        match networks.as_slice() {
            [3] => Gobi::First,
            [0, 4] if has(4) => Gobi::Ec20,
            _ if interfaces.iter().any(|i| i.number >= 8) || !has(1) => Gobi::Sierra,
            _ => Gobi::Second { has_network: interfaces.len() > 2 },
        }
    }

    fn port(self, number: u8) -> Option<Role> {
        match (self, number) {
            (Gobi::First, 3) => Some(Role::Network),
            (Gobi::Second { has_network: true }, 0) | (Gobi::Ec20, 4) => Some(Role::Network),
            (Gobi::Second { .. }, 1) | (Gobi::Ec20 | Gobi::Sierra, 0) => Some(Role::Diag),
            (Gobi::Second { .. }, 3) | (Gobi::Ec20, 1) | (Gobi::Sierra, 2) => Some(Role::Gps),
            (Gobi::Ec20, 2) => Some(Role::Pcui),
            (Gobi::First | Gobi::Second { .. }, 2) | (Gobi::Ec20 | Gobi::Sierra, 3) => Some(Role::Modem),
            _ => None,
        }
    }
}

/// Names what is still nameless beside ports that notify as Qualcomm's and its followers' do: what does not notify is diagnostics, or positions
/// where diagnostics is known; one that notifies takes AT commands, and the second of two is for dialling. Of three or more no order is stated.
fn name_by_notifications(interfaces: &[Interface], roles: &mut [Role]) {
    let nameless = |roles: &[Role]| -> Vec<usize> {
        let plain = |i: &Interface| {
            matches!((i.class, i.subclass, i.protocol), (0xff, 0x00, 0x00) | (0xff, 0xff, 0xff))
        };
        (0..roles.len()).filter(|n| roles[*n] == Role::Serial && plain(&interfaces[*n])).collect()
    };
    let of_this_kind = |n: &usize| {
        let i = &interfaces[*n];
        i.subclass == 0 && interrupt(i).is_some() || interrupt(i) == Some(SERIAL_NOTIFICATION)
    };
    let open = nameless(roles);
    let notifying: Vec<usize> = open.iter().copied().filter(of_this_kind).collect();
    let others = roles.iter().any(|r| matches!(r, Role::Diag | Role::Network | Role::Pcui | Role::Modem));
    if notifying.is_empty() && !roles.contains(&Role::Diag) || !others && notifying.len() + 1 < open.len() {
        return;
    }
    let silent = |n: &usize| interrupt(&interfaces[*n]).is_none() && !interfaces[*n].endpoints.is_empty();
    let silent: Vec<usize> = open.iter().copied().filter(silent).collect();
    match (&silent[..], roles.contains(&Role::Diag)) {
        ([one], false) => roles[*one] = Role::Diag,
        ([one], true) if interfaces[*one].subclass == 0 => roles[*one] = Role::Gps,
        _ => {}
    }
    let has_at = roles.iter().any(|r| matches!(r, Role::Pcui | Role::Modem));
    match (&notifying[..], has_at) {
        ([one], false) => roles[*one] = Role::Pcui,
        ([first, second], false) => {
            roles[*first] = Role::Pcui;
            roles[*second] = Role::Modem;
        }
        _ => {}
    }
}
