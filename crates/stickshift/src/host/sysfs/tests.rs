use super::*;
use crate::stick::NoProfiles;
use crate::wire::usb::{EndpointDescriptor, InterfaceDescriptor};

const STORAGE: [u8; 3] = [0x08, 0x06, 0x50];
const UNTYPED: [u8; 3] = [0xff, 0xff, 0xff];

/// A sysfs of our own: written as the kernel lays it out.
struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("sys/bus/usb/devices")).unwrap();
        fs::create_dir_all(folder.path().join("sys/bus/usb/drivers")).unwrap();
        Tree { folder }
    }

    fn roots(&self) -> Roots {
        Roots { sys: self.folder.path().join("sys"), dev: "/dev".into() }
    }

    fn path(&self, rest: &str) -> PathBuf {
        self.roots().usb_devices().join(rest)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A device with one configuration of these interfaces, each with a bulk pair and, where asked, an interrupt endpoint.
    fn plug(&self, place: &str, id: (u16, u16), interfaces: &[([u8; 3], bool)]) {
        let descriptors = interfaces.iter().enumerate().map(|(number, (class, interrupt))| {
            let endpoint = |address: u8, attributes| EndpointDescriptor {
                address,
                attributes,
                max_packet: if attributes == 3 { 64 } else { 512 },
                interval: 0,
                extra: Vec::new(),
            };
            let n = number as u8;
            let mut endpoints = vec![endpoint(0x81 + 2 * n, 2), endpoint(0x01 + n, 2)];
            if *interrupt {
                endpoints.push(endpoint(0x82 + 2 * n, 3));
            }
            InterfaceDescriptor { number: n, class: *class, endpoints, ..Default::default() }
        });
        let configuration = ConfigurationDescriptor {
            value: 1,
            name_index: 0,
            attributes: 0xc0,
            max_power: 250,
            extra: Vec::new(),
            interfaces: descriptors.collect(),
        };
        let device = DeviceDescriptor {
            usb: 0x200,
            class: [0; 3],
            max_packet: 64,
            vendor: id.0,
            product: id.1,
            release: 0x0102,
            manufacturer_index: 1,
            product_index: 2,
            serial_index: 0,
            configurations: 1,
        };
        let mut bytes = device.encode().to_vec();
        bytes.extend(configuration.encode());
        self.write(&format!("{place}/descriptors"), bytes);
        for (name, value) in [
            ("idVendor", format!("{:04x}\n", id.0)),
            ("idProduct", format!("{:04x}\n", id.1)),
            ("bcdDevice", "0102\n".into()),
            ("bDeviceClass", "00\n".into()),
            ("bConfigurationValue", "1\n".into()),
            ("bNumConfigurations", "1\n".into()),
            ("busnum", "1\n".into()),
            ("devnum", "7\n".into()),
        ] {
            self.write(&format!("{place}/{name}"), value);
        }
        for (number, (class, _)) in interfaces.iter().enumerate() {
            for (name, value) in
                ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"].iter().zip(class)
            {
                self.write(&format!("{place}/{place}:1.{number}/{name}"), format!("{value:02x}\n"));
            }
        }
    }

    fn bind(&self, place: &str, number: u8, driver: &str, child: &str) {
        let interface = self.path(&format!("{place}/{place}:1.{number}"));
        let target = self.roots().sys.join("bus/usb/drivers").join(driver);
        fs::create_dir_all(&target).unwrap();
        std::os::unix::fs::symlink(target, interface.join("driver")).unwrap();
        if !child.is_empty() {
            fs::create_dir_all(interface.join(child)).unwrap();
        }
    }

    /// Its devices, classified as a bus above does it.
    fn devices(&self) -> Vec<Stick> {
        let mut all = self.roots().devices();
        all.iter_mut().for_each(|device| device.classify(&NoProfiles));
        all
    }

    fn only(&self) -> Stick {
        let mut all = self.devices();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

fn roles(stick: &Stick) -> Vec<Role> {
    stick.interfaces.iter().map(|i| i.role).collect()
}

#[test]
fn a_k3772_before_it_is_switched() {
    let tree = Tree::new();
    tree.plug("1-1", (0x12d1, 0x1526), &[(STORAGE, false)]);
    tree.write("1-1/manufacturer", "Vodafone (Huawei)\n");
    tree.write("1-1/product", "Vodafone Mobile \x1b[31mBroadband\n");
    tree.write("1-1/serial", "\n");
    tree.bind("1-1", 0, "usb-storage", "");
    let stick = tree.only();
    assert_eq!((stick.mode, stick.id, stick.release), (Mode::Cdrom, UsbId::new(0x12d1, 0x1526), 0x0102));
    assert_eq!(stick.manufacturer.as_deref(), Some("Vodafone (Huawei)"));
    assert_eq!(stick.product.as_deref(), Some("Vodafone Mobile \u{fffd}[31mBroadband"));
    assert_eq!(stick.serial, None);
    assert_eq!((stick.configuration, stick.configurations), (1, 1));
    assert_eq!(stick.interfaces[0].driver.as_deref(), Some("usb-storage"));
    let endpoints: Vec<_> =
        stick.interfaces[0].endpoints.iter().map(|e| (e.address, e.kind, e.max_packet)).collect();
    assert_eq!(endpoints, [(0x81, 2, 512), (0x01, 2, 512)]);
    assert_eq!(tree.roots().driver(&stick.place, 0).as_deref(), Some("usb-storage"));
    assert_eq!(tree.roots().usb_node(&stick.place), Some("/dev/bus/usb/001/007".into()));
}

#[test]
fn a_modem_with_ports_and_network() {
    let tree = Tree::new();
    let ports = [[0xff, 3, 0x10], [0xff, 3, 0x12], [0xff, 3, 0x16]];
    tree.plug(
        "2-1.4",
        (0x12d1, 0x1506),
        &[(ports[0], true), (ports[1], false), (ports[2], true), (STORAGE, false)],
    );
    tree.bind("2-1.4", 0, "option", "ttyUSB3/tty/ttyUSB3");
    tree.bind("2-1.4", 1, "option", "ttyUSB4/tty/ttyUSB4");
    tree.bind("2-1.4", 2, "huawei_cdc_ncm", "net/wwan0");
    fs::create_dir_all(tree.path("2-1.4/2-1.4:1.2/usbmisc/cdc-wdm0")).unwrap();
    let stick = tree.only();
    assert_eq!(stick.mode, Mode::Modem);
    assert_eq!(roles(&stick), [Role::Modem, Role::Pcui, Role::Network, Role::Storage]);
    assert_eq!(stick.interface(Role::Pcui).unwrap().tty.as_deref(), Some("/dev/ttyUSB4"));
    let network = stick.interface(Role::Network).unwrap();
    assert_eq!(network.netdev.as_deref(), Some("wwan0"));
    assert_eq!(network.cdc_wdm.as_deref(), Some("/dev/cdc-wdm0"));
    assert_eq!(stick.ports().count(), 2);
}

#[test]
fn a_hilink_stick() {
    let tree = Tree::new();
    tree.plug("1-2", (0x12d1, 0x14dc), &[([2, 6, 0], true), ([0x0a, 6, 0], false), (STORAGE, false)]);
    tree.bind("1-2", 0, "cdc_ether", "net/eth1");
    tree.bind("1-2", 1, "cdc_ether", "");
    let stick = tree.only();
    assert_eq!((stick.mode, roles(&stick)), (Mode::Hilink, vec![Role::Network, Role::Other, Role::Storage]));
    assert_eq!(stick.interfaces[0].netdev.as_deref(), Some("eth1"));
}

#[test]
fn boot_rom_and_loader() {
    let tree = Tree::new();
    tree.plug("1-3", (0x12d1, 0x1443), &[(UNTYPED, false)]);
    tree.bind("1-3", 0, "option", "ttyUSB0/tty/ttyUSB0");
    tree.plug("1-4", (0x12d1, 0x1c05), &[(UNTYPED, true), (STORAGE, false), (UNTYPED, false)]);
    tree.bind("1-4", 0, "option", "ttyUSB1/tty/ttyUSB1");
    tree.bind("1-4", 2, "option", "ttyUSB2/tty/ttyUSB2");
    let [rom, loader] = &tree.devices()[..] else { panic!() };
    assert_eq!(rom.mode, Mode::BootRom);
    assert_eq!(rom.interface(Role::BootRom).unwrap().tty.as_deref(), Some("/dev/ttyUSB0"));
    assert_eq!(loader.mode, Mode::Download);
    assert_eq!(loader.interface(Role::Flash).unwrap().tty.as_deref(), Some("/dev/ttyUSB2"));
}

#[test]
fn a_serial_port_of_the_cdc_class() {
    let tree = Tree::new();
    tree.plug("1-1", (0x1199, 0x0001), &[([2, 2, 1], true), ([0x0a, 0, 0], false)]);
    tree.bind("1-1", 0, "cdc_acm", "tty/ttyACM5");
    let stick = tree.only();
    assert_eq!(stick.interfaces[0].tty.as_deref(), Some("/dev/ttyACM5"));
    assert_eq!(stick.interfaces[0].role, Role::Serial);
}

#[test]
fn what_keeps_the_system_from_using_a_device_is_told() {
    let tree = Tree::new();
    tree.plug("1-1", (0x12d1, 0x1f01), &[(STORAGE, false), (STORAGE, false)]);
    let place: Place = "1-1".parse().unwrap();
    assert_eq!(tree.roots().hindrance(&place), None);
    tree.write("1-1/1-1:1.0/authorized", "1\n");
    tree.write("1-1/1-1:1.1/authorized", "0\n");
    assert_eq!(tree.roots().hindrance(&place), Some(Hindrance::NotAuthorized { interface: Some(1) }));
    tree.write("1-1/bConfigurationValue", "\n");
    assert_eq!(tree.roots().hindrance(&place), Some(Hindrance::NotConfigured { wants_ma: Some(500) }));
    tree.write("1-1/authorized", "0\n");
    assert_eq!(tree.roots().hindrance(&place), Some(Hindrance::NotAuthorized { interface: None }));
    assert_eq!(tree.roots().hindrance(&"1-2".parse().unwrap()), None, "nothing stands there");
}

#[test]
fn a_look_at_all_devices_needs_no_lock() {
    let tree = Tree::new();
    tree.plug("1-1", (0x12d1, 0x1f01), &[(STORAGE, false)]);
    tree.write("1-1/manufacturer", "HUAWEI\n");
    // What takes the lock is not there at all.
    fs::remove_file(tree.path("1-1/bConfigurationValue")).unwrap();
    let [stick] = &tree.roots().devices_at_once()[..] else { panic!() };
    assert_eq!((stick.configuration, stick.interfaces.len(), stick.manufacturer.as_ref()), (1, 1, None));
    fs::remove_dir_all(tree.path("1-1/1-1:1.0")).unwrap();
    assert_eq!(tree.roots().devices_at_once()[0].configuration, 0, "not configured yet");
}

#[test]
fn interfaces_are_known_before_the_kernel_shows_them() {
    let tree = Tree::new();
    tree.plug("1-1", (0x12d1, 0x1f01), &[(STORAGE, false), (STORAGE, false)]);
    fs::remove_dir_all(tree.path("1-1/1-1:1.1")).unwrap();
    assert_eq!(tree.only().interfaces.len(), 2);
}

#[test]
fn hubs_roots_and_strangers_are_no_places() {
    let tree = Tree::new();
    for name in ["usb1", "1-0:1.0", "1-1:1.0", "..data"] {
        tree.write(&format!("{name}/idVendor"), "12d1\n");
        tree.write(&format!("{name}/idProduct"), "1f01\n");
    }
    assert!(tree.roots().devices().is_empty());
    assert!(Roots { sys: "/nonexistent".into(), dev: "/dev".into() }.devices().is_empty());
}

#[test]
fn a_device_that_is_leaving_or_odd_does_no_harm() {
    let tree = Tree::new();
    tree.write("1-1/idVendor", "12d1\n");
    assert!(tree.roots().devices().is_empty(), "no product id any more");

    tree.plug("1-2", (0x12d1, 0x1f01), &[(STORAGE, false)]);
    let full = fs::read(tree.path("1-2/descriptors")).unwrap();
    for n in 0..full.len() {
        tree.write("1-2/descriptors", &full[..n]);
        let stick = tree.only();
        assert_eq!(stick.mode, Mode::Cdrom, "{n}: attributes stand in for descriptors");
        assert!(stick.interfaces[0].endpoints.is_empty());
    }
    tree.write("1-2/bConfigurationValue", "\n");
    let unconfigured = tree.only();
    assert_eq!(unconfigured.configuration, 0);
    assert!(unconfigured.interfaces.is_empty());
}

#[test]
fn nodes_are_tried_for_access() {
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("node");
    assert!(!can_open(&node));
    fs::write(&node, "").unwrap();
    assert!(can_open(&node));
}
