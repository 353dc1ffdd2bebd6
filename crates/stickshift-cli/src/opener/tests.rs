use std::fs;

use super::*;

/// Whatever opens a link to a stick.
const OPENS: [&str; 6] = ["SysBus", "TracedBus", "ClassifiedBus", "SerialLink", "WebLink", "UsbDevice"];

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn nobody_else_opens_a_bus_or_a_link() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let opener = src.join("opener");
    assert!(files.iter().any(|path| path.starts_with(&opener)));
    for path in files.iter().filter(|path| !path.starts_with(&opener) && !path.ends_with("tests.rs")) {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("mod tests {").next().unwrap_or_default();
        for name in OPENS {
            assert!(!code.contains(name), "{} names {name}", path.display());
        }
    }
}

/// As the kernel lays it out: `device` of a USB serial converter's tty is a folder inside its interface, that of a CDC modem's is the interface.
#[cfg(unix)]
#[test]
fn the_place_behind_a_port_is_read_from_sysfs() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let (ttys, dev) = (root.path().join("class/tty"), root.path().join("dev"));
    fs::create_dir_all(&dev).unwrap();
    for (tty, device) in [
        ("ttyUSB7", "devices/pci0000:00/usb1/1-1/1-1.2/1-1.2:1.0/ttyUSB7"),
        ("ttyACM0", "devices/pci0000:00/usb2/2-3/2-3:1.2"),
        ("ttyS0", "devices/platform/serial8250"),
    ] {
        fs::write(dev.join(tty), "").unwrap();
        fs::create_dir_all(root.path().join(device)).unwrap();
        fs::create_dir_all(ttys.join(tty)).unwrap();
        symlink(root.path().join(device), ttys.join(tty).join("device")).unwrap();
    }
    symlink(dev.join("ttyUSB7"), dev.join("modem")).unwrap();
    fs::write(dev.join("3"), "").unwrap();
    let place = |name: &str| place_in(&ttys, &dev.join(name)).map(|place| place.to_string());
    assert_eq!(place("ttyUSB7").as_deref(), Some("1-1.2"));
    assert_eq!(place("modem").as_deref(), Some("1-1.2"), "a link that udev made");
    assert_eq!(place("ttyACM0").as_deref(), Some("2-3"));
    assert_eq!((place("ttyS0"), place("3"), place("none")), (None, None, None));
}
