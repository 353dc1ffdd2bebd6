//! What a device is does not depend on the bus that reports it: the same device from sysfs, from the portable bus and from the virtual one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stickshift::error::Result;
use stickshift::link::{Bus, ByteLink, ClassifiedBus, HttpLink, Moment, UsbLink};
use stickshift::profile::{Catalogue, Origin, Overlay};
use stickshift::stick::{Interface, Mode, Place, Stick, UsbId};
use stickshift_emu::computer::VirtualBus;
use stickshift_emu::sticks::catalogue::virtual_stick;

/// A bus that reports these devices and opens nothing.
struct Reports(Vec<Stick>);

impl Bus for Reports {
    fn raw_devices(&mut self) -> Result<Vec<Stick>> {
        Ok(self.0.clone())
    }

    fn wait_change(&mut self, _: Moment) -> Result<bool> {
        Ok(false)
    }

    fn open_port(&mut self, _: &Place, _: u8) -> Result<Box<dyn ByteLink>> {
        unreachable!("nobody asked")
    }

    fn open_usb(&mut self, _: &Place) -> Result<Box<dyn UsbLink>> {
        unreachable!("nobody asked")
    }

    fn open_http(&mut self, _: &Place) -> Result<Box<dyn HttpLink>> {
        unreachable!("nobody asked")
    }

    fn now(&self) -> Moment {
        Moment::ZERO
    }
}

/// The virtual stick `name` as the virtual bus reports it.
fn on_the_virtual_bus(name: &str) -> Stick {
    let mut bus = VirtualBus::new();
    bus.plug(&"1-1".parse().unwrap(), virtual_stick(name, 1, None).unwrap());
    bus.advance(Duration::from_secs(20));
    bus.raw_devices().unwrap().remove(0)
}

/// The same device as the portable bus reports it: ids, texts and classes; no endpoints and no drivers.
fn portable(device: &Stick) -> Stick {
    let interfaces = device.interfaces.iter();
    let interfaces = interfaces.map(|i| Interface::new(i.number, [i.class, i.subclass, i.protocol]));
    Stick {
        class: device.class,
        manufacturer: device.manufacturer.clone(),
        interfaces: interfaces.collect(),
        ..Stick::new(device.place.clone(), device.id)
    }
}

/// The same device as Linux reports it.
#[cfg(target_os = "linux")]
fn in_sysfs(device: &Stick, root: &Path) -> Stick {
    let place = &device.place;
    let folder = root.join("sys/bus/usb/devices").join(place.as_str());
    let write = |name: String, value: String| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value + "\n").unwrap();
    };
    write("idVendor".into(), format!("{:04x}", device.id.vendor));
    write("idProduct".into(), format!("{:04x}", device.id.product));
    write("bDeviceClass".into(), format!("{:02x}", device.class));
    write("bConfigurationValue".into(), "1".into());
    for i in &device.interfaces {
        let interface = format!("{place}:1.{}", i.number);
        write(format!("{interface}/bInterfaceClass"), format!("{:02x}", i.class));
        write(format!("{interface}/bInterfaceSubClass"), format!("{:02x}", i.subclass));
        write(format!("{interface}/bInterfaceProtocol"), format!("{:02x}", i.protocol));
    }
    stickshift::host::Roots { sys: root.join("sys"), dev: root.join("dev") }.devices().remove(0)
}

/// The mode of the device on each bus; `None` where the bus does not show it as a stick.
fn modes(device: &Stick, catalogue: Catalogue) -> Vec<Option<Mode>> {
    let mut reported = vec![device.clone(), portable(device)];
    let root = tempfile::tempdir().unwrap();
    #[cfg(target_os = "linux")]
    reported.push(in_sysfs(device, root.path()));
    let _ = root.path();
    let catalogue = Arc::new(catalogue);
    let mode = |device: Stick| {
        assert_eq!(device.mode, Mode::Unknown, "a bus reports raw devices");
        let mut bus = ClassifiedBus::new(Box::new(Reports(vec![device])), catalogue.clone());
        bus.sticks().unwrap().first().map(|stick| stick.mode)
    };
    reported.into_iter().map(mode).collect()
}

fn owners(file: &str) -> Catalogue {
    let files =
        vec![(file.to_owned(), "StandardEject=1\nTargetVendor=1234\nTargetProduct=5679\n".to_owned())];
    let (catalogue, problems) =
        Catalogue::with_overlays(vec![Overlay { origin: Origin::User, folder: "devices.d".into(), files }]);
    assert!(problems.is_empty(), "{problems:?}");
    catalogue
}

#[test]
fn the_same_device_is_the_same_on_every_bus() {
    // Sony makes many things: only the catalogue tells a stick's CD-ROM from a disk.
    for (name, mode) in [
        ("sony-md400", Mode::Cdrom),
        ("k3772", Mode::Cdrom),
        ("e3372h-cd", Mode::Cdrom),
        ("e3372h-hilink", Mode::Hilink),
        ("e3372h-stick", Mode::Modem),
        ("e3372h-needle", Mode::BootRom),
        ("e3372h-loader", Mode::Download),
    ] {
        let found = modes(&on_the_virtual_bus(name), Catalogue::builtin());
        assert!(found.iter().all(|found| *found == Some(mode)), "{name}: {found:?}");
    }
}

#[test]
fn the_owners_profile_makes_a_cdrom_stick_of_an_unknown_disk() {
    let disk = Stick { id: UsbId::new(0x1234, 0x5678), ..on_the_virtual_bus("k3772") };
    let unknown = modes(&disk, Catalogue::builtin());
    assert!(unknown.iter().all(Option::is_none), "{unknown:?}");
    let known = modes(&disk, owners("1234:5678"));
    assert!(known.iter().all(|found| *found == Some(Mode::Cdrom)), "{known:?}");
    // What it becomes is shown, too, whatever it is.
    let switched = Stick { id: UsbId::new(0x1234, 0x5679), ..on_the_virtual_bus("k3772") };
    let shown = modes(&switched, owners("1234:5678"));
    assert!(shown.iter().all(|found| *found == Some(Mode::Unknown)), "{shown:?}");
}
