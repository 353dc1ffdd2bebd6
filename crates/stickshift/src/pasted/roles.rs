//! A device of a text as a stick: its mode and what its ports are for, as far as the text holds.

use super::PastedDevice;
use super::device::node;
use crate::stick::{
    Endpoint, Interface, KnownIds, MODEM_DRIVERS, Mode, NETWORK_DRIVERS, Place, Role, Stick, UsbId, classify,
    is_huawei_design, linux_drivers, may_take_firmware, no_stick, product_name, usual_interfaces,
    waits_for_chip_firmware,
};

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
        self.ask_the_ids(&mut stick, profiles);
        self.take_file_sharing_out(&mut stick, profiles);
        self.forget_what_hangs_on_the_rest(&mut stick, profiles);
        self.name_listed(&mut stick);
        let known_ports = stick.mode == Mode::Modem || stick.mode == Mode::HilinkSerial;
        let there = stick.interfaces.len();
        let composition = self.composition.as_deref().filter(|_| self.missing(there) == 0);
        let composed = composition.and_then(|text| roles_composed(text, there));
        for (index, interface) in stick.interfaces.iter_mut().enumerate() {
            // The calls of CDC ACM have one, too, and their data is another interface's.
            let one_way = interface.class == 0xff && self.one_way.contains(&interface.number);
            if interface.role == Role::Serial && one_way {
                interface.role = Role::Other;
            }
            if known_ports && interface.role == Role::Serial {
                let named = self.names.get(&interface.number).and_then(|name| role_named(name));
                let composed = composed.as_ref().map(|roles| roles[index]);
                interface.role = named.or(composed).unwrap_or(Role::Serial);
            }
        }
        self.add_the_cut_ones(&mut stick);
        let before = |id: &UsbId| classify(*id, 0, &[]).mode == Mode::Cdrom;
        let open = stick.mode == Mode::Download || stick.interfaces.is_empty() && stick.mode == Mode::Unknown;
        if open && may_take_firmware(stick.id) && self.earlier.last().is_some_and(before) {
            stick.mode = Mode::Modem;
            stick.evidence.push("it was a CD-ROM before: a switch makes a modem of that".to_owned());
            for interface in stick.interfaces.iter_mut().filter(|i| i.role == Role::Flash) {
                interface.role = Role::Serial;
            }
        }
        let switched = || {
            profiles.concerns(stick.id)
                && !may_take_firmware(stick.id)
                && profiles.switching(stick.id).is_none()
                && profiles.no_modem(stick.id).is_none()
        };
        if stick.mode == Mode::Unknown && stick.interfaces.is_empty() && switched() {
            stick.mode = Mode::Modem;
            stick.evidence.push("switching profiles turn sticks into these ids".to_owned());
        }
        stick
    }

    /// A log, or a list of drivers, is silent about interfaces that no driver took: a network card in it is no proof that there are no ports, and what
    /// is known by its ids is no unknown thing for it.
    fn ask_the_ids(&self, stick: &mut Stick, profiles: &dyn KnownIds) {
        let whole = self.configurations.iter().any(|c| !c.interfaces.is_empty())
            || self.formats.iter().any(|format| format.shows_all());
        let is_open = matches!(stick.mode, Mode::Hilink | Mode::Unknown);
        if whole || !is_open || stick.interfaces.is_empty() {
            return;
        }
        let mut by_id = Stick { interfaces: Vec::new(), ..stick.clone() };
        by_id.classify(profiles);
        match by_id.mode {
            Mode::Modem | Mode::HilinkSerial => {
                stick.mode = by_id.mode;
                stick.evidence = by_id.evidence;
                stick.evidence.retain(|line| !line.starts_with("no interface was seen"));
                stick.evidence.push(
                    "the ids tell its mode: the text is silent about interfaces without a driver".to_owned(),
                );
            }
            Mode::Hilink if stick.mode == Mode::Unknown => {
                stick.mode = by_id.mode;
                stick.evidence = by_id.evidence;
            }
            Mode::Unknown if stick.mode == Mode::Hilink => stick.evidence.push(
                "it may have serial ports, too: the text is silent about interfaces without a driver, and `usb-devices` shows them"
                    .to_owned(),
            ),
            _ => {}
        }
    }

    /// Shows the interfaces whose endpoints the text lacks. They decide nothing; their drivers tell what they are, or the lists where the rest fits them.
    fn add_the_cut_ones(&self, stick: &mut Stick) {
        let there: Vec<(u8, Role)> = stick.interfaces.iter().map(|i| (i.number, i.role)).collect();
        let usual: Vec<(u8, Role)> =
            usual_interfaces(stick.id).iter().map(|known| (known.number, known.role)).collect();
        let fits = usual.iter().all(|known| there.iter().all(|i| i.0 != known.0 || i == known))
            && usual.iter().any(|known| there.contains(known));
        for (&number, &class) in &self.cut_off {
            if there.iter().any(|i| i.0 == number) {
                continue;
            }
            let mut interface = Interface::new(number, class);
            let attached = self.attached.get(&number).cloned().unwrap_or_default();
            interface.driver = attached.driver.flatten();
            interface.tty = attached.tty.as_deref().map(node);
            interface.netdev = attached.netdev;
            let networks =
                interface.driver.as_deref().is_some_and(|driver| NETWORK_DRIVERS.contains(&driver));
            let listed = usual.iter().find(|known| fits && known.0 == number).map(|known| known.1);
            interface.role = if networks { Role::Network } else { listed.unwrap_or(Role::Serial) };
            stick.interfaces.push(interface);
        }
        stick.interfaces.sort_by_key(|i| i.number);
    }

    /// Names the ports that lists number where the rest of the list does not fit: MBIM stands in place of QMI, for one.
    fn name_listed(&self, stick: &mut Stick) {
        let named = |role: Role| matches!(role, Role::Pcui | Role::Modem | Role::Diag | Role::Gps);
        let usual = usual_interfaces(stick.id);
        let is_network = |i: &Interface| i.role == Role::Network;
        let networks = usual.iter().any(is_network) && stick.interfaces.iter().any(is_network);
        let listed: Vec<Interface> = usual.into_iter().filter(|i| named(i.role)).collect();
        let role = |number: u8| stick.interfaces.iter().find(|i| i.number == number).map(|i| i.role);
        let fits =
            networks && !listed.is_empty() && listed.iter().all(|i| role(i.number) == Some(Role::Serial));
        if !fits || stick.mode != Mode::Modem || stick.interfaces.iter().any(|i| named(i.role)) {
            return;
        }
        for port in &mut stick.interfaces {
            if let Some(known) = listed.iter().find(|known| known.number == port.number) {
                port.role = known.role;
            }
        }
        stick.evidence.push("the ports are named by the lists of Linux and ModemManager".to_owned());
    }

    /// A telephone shares its files by an interface of its maker's own class, which is no port. A modem that is known by its ids has none.
    fn take_file_sharing_out(&self, stick: &mut Stick, profiles: &dyn KnownIds) {
        let known = is_known(stick, profiles)
            || stick.interfaces.iter().any(|i| i.driver.as_deref().is_some_and(is_modem_driver));
        if known || !stick.interfaces.iter().any(|i| self.shares_files(i)) {
            return;
        }
        for interface in stick.interfaces.iter_mut().filter(|i| self.shares_files(i)) {
            interface.role = Role::Other;
        }
        if stick.interfaces.iter().all(|i| matches!(i.role, Role::Other | Role::Storage)) {
            stick.mode = Mode::Unknown;
            stick.evidence.clear();
        }
    }

    /// MTP: by its class, by its text, or as Android's driver shows it (Linux: f_mtp.c of Android's kernels).
    fn shares_files(&self, i: &Interface) -> bool {
        let named = self.names.get(&i.number).is_some_and(|name| name.eq_ignore_ascii_case("MTP"));
        let android =
            is_huawei_design(self.id.vendor) && (i.class, i.subclass, i.protocol) == (0xff, 0xff, 0x00);
        named || i.class == 0x06 || android
    }

    /// What a device of a maker of sticks is where it is none: by its ids, because it has neither a modem's function nor a drive alone, or
    /// because it is called something else. `None` where it may be a stick.
    pub fn other_thing(&self, stick: &Stick, profiles: &dyn KnownIds) -> Option<String> {
        if is_known(stick, profiles) || waits_for_chip_firmware(stick) {
            return None;
        }
        let before = self.earlier.iter().find_map(|id| profiles.no_modem(*id));
        let told = before.map(|what| format!("before it was switched, it was {what}"));
        let by_id = || no_stick(stick.id).map(|what| format!("its ids are those of {what}"));
        told.or_else(|| self.shown_as(stick).map(str::to_owned)).or_else(by_id)
    }

    /// What it is by its interfaces and names.
    fn shown_as(&self, stick: &Stick) -> Option<&'static str> {
        let debugs = |i: &Interface| (i.class, i.subclass, i.protocol) == (0xff, 0x42, 0x01);
        if stick.mode == Mode::Hilink && stick.interfaces.iter().any(debugs) {
            return Some("it shares its connection, and shows Android's debug bridge, as telephones do");
        }
        let names = [self.product.as_deref(), self.listed_as.as_deref()];
        let mut names = names.into_iter().flatten();
        if stick.mode != Mode::Unknown {
            // Anybody may have bound a driver of modems to it.
            let waits = stick.mode == Mode::Cdrom;
            return (!waits && names.any(is_wireless_card)).then_some("it is called a Wi-Fi adapter");
        }
        if stick.interfaces.is_empty() {
            return names.find_map(thing_named);
        }
        if self.missing(stick.interfaces.len()) > 0
            || !stick.interfaces.iter().all(|i| matches!(i.role, Role::Other | Role::Storage))
        {
            return None;
        }
        let has = |wanted: &dyn Fn(&Interface) -> bool| stick.interfaces.iter().any(wanted);
        match () {
            () if has(&|i| self.shares_files(i)) => {
                Some("it shares files as telephones, tablets and cameras do")
            }
            () if has(&debugs) => Some("it shows Android's debug bridge, as telephones and tablets do"),
            () if has(&|i| i.class == 0x01) => Some("it is a sound device"),
            () if has(&|i| i.class == 0x0e) => Some("it is a camera"),
            () if stick.interfaces.iter().all(|i| i.class == 0x03) => {
                Some("it has keys or a pointer, and nothing else")
            }
            () => None,
        }
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
        let usual = usual_interfaces(stick.id);
        let mut sure = true;
        for (class, notification) in REST {
            let mut other = stick.clone();
            for n in 1..=missing.min(MOST_REST) {
                let number = first.saturating_add(n as u8);
                // Where the lists number a port, it is no drive.
                let is_port = class[0] == 0x08 && usual.iter().any(|known| known.number == number);
                let mut interface = Interface::new(number, if is_port { [0xff; 3] } else { *class });
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
                    let told = format!("interface {} is ", interface.number);
                    stick.evidence.retain(|line| !line.starts_with(&told));
                }
            }
        }
        let is_named = |i: &Interface| matches!(i.role, Role::Pcui | Role::Modem | Role::Diag | Role::Gps);
        if !stick.interfaces.iter().any(is_named) {
            stick.evidence.retain(|line| !line.starts_with("the ports are named"));
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

/// What a device is that calls itself so, or that lsusb's list does.
fn thing_named(name: &str) -> Option<&'static str> {
    const THINGS: &[(&str, &str)] = &[
        ("smartphone", "it is called a smartphone"),
        ("tablet", "it is called a tablet"),
        ("headset", "it is called a headset"),
        ("headphones", "it is called headphones"),
        ("earphones", "it is called earphones"),
    ];
    let name = name.to_ascii_lowercase();
    let has = |wanted: &str| name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == wanted);
    THINGS.iter().find(|(word, _)| has(word)).map(|(_, what)| *what)
}

/// `802.11ac NIC`, `802.11 n WLAN`.
fn is_wireless_card(name: &str) -> bool {
    name.contains("802.11") || name.contains("WLAN")
}

/// Whether its ids are those of a modem, or of a stick that a profile is for.
fn is_known(stick: &Stick, profiles: &dyn KnownIds) -> bool {
    let listed = product_name(stick.id).is_some() || !linux_drivers(stick.id).is_empty();
    let concerned = profiles.concerns(stick.id) && profiles.no_modem(stick.id).is_none();
    (listed || concerned) && no_stick(stick.id).is_none()
}

/// A driver that binds to modems alone.
fn is_modem_driver(name: &str) -> bool {
    MODEM_DRIVERS.contains(&name)
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
