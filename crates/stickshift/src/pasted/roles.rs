//! A device of a text as a stick: its mode and what its ports are for, as far as the text holds.

use super::PastedDevice;
use crate::stick::{Endpoint, Interface, KnownIds, Mode, Place, Role, Stick};

/// What the interfaces that a text lacks may be, with the size of the interrupt endpoint: serial ports of several kinds, QMI, a drive.
const REST: &[([u8; 3], Option<u16>)] = &[
    ([0xff, 0x00, 0x00], Some(10)),
    ([0xff, 0xff, 0x40], Some(10)),
    ([0xff, 0xff, 0xff], Some(64)),
    ([0xff, 0xff, 0xff], None),
    ([0xff, 0xff, 0xff], Some(8)),
    ([0x08, 0x06, 0x50], None),
];
/// More interfaces than these change nothing.
const MOST_REST: usize = 16;

impl PastedDevice {
    /// It as a stick, classified; at `elsewhere` where the text does not say where it stands.
    pub fn stick(&self, elsewhere: &Place, profiles: &dyn KnownIds) -> Stick {
        let shown = self.shown();
        let mut stick = Stick {
            release: self.release.unwrap_or(0),
            class: self.class[0],
            manufacturer: self.manufacturer.clone(),
            product: self.product.clone(),
            serial: self.serial.clone(),
            configuration: shown.map_or(1, |c| c.value),
            configurations: self.configuration_count.unwrap_or(1),
            interfaces: self.interfaces(),
            ..Stick::new(self.place.clone().unwrap_or_else(|| elsewhere.clone()), self.id)
        };
        stick.classify(profiles);
        self.forget_what_hangs_on_the_rest(&mut stick, profiles);
        let known_ports = stick.mode == Mode::Modem || stick.mode == Mode::HilinkSerial;
        let there = stick.interfaces.len();
        let composition = self.composition.as_deref().filter(|_| self.missing(there) == 0);
        let composed = composition.and_then(|text| roles_composed(text, there));
        for (index, interface) in stick.interfaces.iter_mut().enumerate() {
            if known_ports && interface.role == Role::Serial {
                let named = self.names.get(&interface.number).and_then(|name| role_named(name));
                let composed = composed.as_ref().map(|roles| roles[index]);
                interface.role = named.or(composed).unwrap_or(Role::Serial);
            }
        }
        let switched = || {
            profiles.concerns(stick.id)
                && profiles.switching(stick.id).is_none()
                && profiles.no_modem(stick.id).is_none()
        };
        if stick.mode == Mode::Unknown && stick.interfaces.is_empty() && switched() {
            stick.mode = Mode::Modem;
            stick.evidence.push("switching profiles turn sticks into these ids".to_owned());
        }
        stick
    }

    /// How many interfaces the text counts and does not show.
    fn missing(&self, there: usize) -> usize {
        let shown = self.shown().map(|shown| shown.value);
        let mut counts = self.configurations.iter().zip(&self.counts);
        let count = counts.find(|(c, _)| Some(c.value) == shown).and_then(|(_, count)| *count);
        usize::from(count.unwrap_or(0)).saturating_sub(there)
    }

    /// The interfaces that a cut text does not show may be of any kind. A role or a mode that depends on them is not known.
    fn forget_what_hangs_on_the_rest(&self, stick: &mut Stick, profiles: &dyn KnownIds) {
        let there = stick.interfaces.len();
        let missing = self.missing(there);
        if missing == 0 || there == 0 {
            return;
        }
        let first = stick.interfaces.iter().map(|i| i.number).max().unwrap_or(0);
        let mut sure = true;
        for (class, notification) in REST {
            let mut other = stick.clone();
            for n in 1..=missing.min(MOST_REST) {
                let mut interface = Interface::new(first.saturating_add(n as u8), *class);
                let endpoint = |address, kind, max_packet| Endpoint { address, kind, max_packet };
                interface.endpoints = vec![endpoint(0x8f, 2, 512), endpoint(0x0f, 2, 512)];
                interface.endpoints.extend(notification.map(|size| endpoint(0x8e, 3, size)));
                other.interfaces.push(interface);
            }
            other.classify(profiles);
            sure &= other.mode == stick.mode;
            for (interface, other) in stick.interfaces.iter_mut().zip(&other.interfaces) {
                if interface.role != other.role {
                    interface.role = Role::Serial;
                }
            }
        }
        if !sure {
            let mut by_id = Stick { interfaces: Vec::new(), ..stick.clone() };
            by_id.classify(profiles);
            // Nobody is to load or flash by half a text.
            let harmless =
                matches!(by_id.mode, Mode::Cdrom | Mode::Hilink | Mode::HilinkSerial | Mode::Modem);
            stick.mode = if harmless { by_id.mode } else { Mode::Unknown };
            stick.evidence.retain(|line| !line.starts_with("it shows"));
            stick.evidence.push("the interfaces that the text does not show would decide".to_owned());
        }
    }
}

/// What a port is for by the text that its maker gave it: `Mobile Diag Interface`, `Huawei Mobile Connect - Modem`.
fn role_named(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    let has = |wanted: &str| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == wanted);
    Some(match () {
        () if has("diag") || has("diagnostic") || has("diagnostics") => Role::Diag,
        () if has("nmea") || has("gps") || has("gnss") => Role::Gps,
        () if has("pcui") || has("at") => Role::Pcui,
        () if has("modem") => Role::Modem,
        () => return None,
    })
}

/// What Qualcomm's firmware calls a composition, function by function: `DIAG_ADB_NMEA_DUN_DUN_SER`. `None` where it does not name as many
/// interfaces as there are.
fn roles_composed(text: &str, count: usize) -> Option<Vec<Role>> {
    let mut roles = Vec::new();
    for function in text.split('_') {
        roles.extend(match function {
            "DIAG" => &[Role::Diag][..],
            "NMEA" => &[Role::Gps],
            "DUN" => &[Role::Modem],
            "SER" => &[Role::Pcui],
            "RMNET" => &[Role::Network],
            "ADB" => &[Role::Other],
            "RNDIS" | "ECM" | "MBIM" => &[Role::Network, Role::Other],
            _ => return None,
        });
    }
    (roles.len() == count).then_some(roles)
}
