//! Strings of devices, read aside. Reading one takes the kernel's lock of its device, and a device that is slow to answer its driver keeps
//! that lock for up to half a minute: nobody who looks at the bus waits for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::sysfs::{Roots, Strings};
use crate::stick::{Place, Stick};

/// How long one look at the bus waits for strings at most, all devices together.
const PATIENCE: Duration = Duration::from_millis(250);
/// Plenty for reading three short files.
const STACK: usize = 64 * 1024;

/// The strings of every device that is plugged in, each read once.
#[derive(Debug, Default)]
pub(super) struct StringsAside {
    devices: Vec<(Place, Device)>,
}

#[derive(Debug)]
struct Device {
    /// The device's number on its bus: another one after every appearance.
    address: Option<u32>,
    strings: Reading,
}

#[derive(Debug)]
enum Reading {
    Known(Strings),
    Coming(Receiver<Strings>),
}

impl StringsAside {
    /// Fills in the strings of `devices`, as far as they can be read by now.
    pub(super) fn fill(&mut self, roots: &Roots, devices: &mut [Stick]) {
        let mut before = std::mem::take(&mut self.devices);
        for device in devices.iter() {
            let address = roots.address(&device.place);
            let known =
                before.iter().position(|(place, known)| *place == device.place && known.address == address);
            let known = known.map(|index| before.swap_remove(index));
            self.devices.push(known.unwrap_or_else(|| {
                (device.place.clone(), Device { address, strings: begin(roots, &device.place) })
            }));
        }
        let end = Instant::now() + PATIENCE;
        for device in devices {
            let known = self.devices.iter_mut().find(|(place, _)| *place == device.place);
            let Some((_, entry)) = known else { continue };
            if let Reading::Coming(coming) = &entry.strings {
                match coming.recv_timeout(end.saturating_duration_since(Instant::now())) {
                    Ok(strings) => entry.strings = Reading::Known(strings),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => entry.strings = Reading::Known(Strings::default()),
                }
            }
            if let Reading::Known(strings) = &entry.strings {
                strings.clone().put_into(device);
            }
        }
    }
}

fn begin(roots: &Roots, place: &Place) -> Reading {
    let (sender, receiver) = channel();
    let (its_roots, its_place) = (roots.clone(), place.clone());
    let read = move || drop(sender.send(its_roots.strings(&its_place)));
    match thread::Builder::new().stack_size(STACK).spawn(read) {
        Ok(_) => Reading::Coming(receiver),
        Err(_) => Reading::Known(roots.strings(place)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_device_that_is_locked_delays_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().join("sys"), dev: "/dev".into() };
        let write = |path: &str, text: &str| {
            let path = roots.usb_devices().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for place in ["1-1", "1-2"] {
            for (name, text) in [("idVendor", "12d1"), ("idProduct", "1f01"), ("devnum", "7")] {
                write(&format!("{place}/{name}"), text);
            }
        }
        write("1-2/manufacturer", "HUAWEI\n");
        // Whoever reads a pipe waits for somebody to write into it, as for a lock.
        let locked = roots.usb_devices().join("1-1/manufacturer");
        rustix::fs::mkfifoat(rustix::fs::CWD, &locked, rustix::fs::Mode::RWXU).unwrap();

        let mut aside = StringsAside::default();
        let mut look = || {
            let mut devices = roots.devices_at_once();
            aside.fill(&roots, &mut devices);
            devices.into_iter().map(|d| d.manufacturer).collect::<Vec<_>>()
        };
        assert_eq!(look(), [None, Some("HUAWEI".to_owned())]);
        fs::write(&locked, "late\n").unwrap();
        let late = std::iter::repeat_with(look).find(|all| all[0].is_some()).unwrap();
        assert_eq!(late, [Some("late".to_owned()), Some("HUAWEI".to_owned())]);
    }

    #[test]
    fn another_device_at_the_place_has_its_own_strings() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().join("sys"), dev: "/dev".into() };
        let device = roots.usb_devices().join("1-1");
        fs::create_dir_all(&device).unwrap();
        let mut aside = StringsAside::default();
        for (number, product) in [("7", "first"), ("8", "second")] {
            for (name, text) in
                [("idVendor", "12d1"), ("idProduct", "1f01"), ("devnum", number), ("product", product)]
            {
                fs::write(device.join(name), text).unwrap();
            }
            let mut devices = roots.devices_at_once();
            aside.fill(&roots, &mut devices);
            assert_eq!(devices[0].product.as_deref(), Some(product));
        }
    }
}
