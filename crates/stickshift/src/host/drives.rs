//! The drives behind a stick's storage interfaces as Linux shows them, and what they are used for: mounts, swap, volumes above them, and
//! programs that have a disk open.

use std::fs;
use std::path::{Path, PathBuf};

use super::holder;
use super::sysfs::{Roots, attribute, children};
use crate::stick::{Drive, DriveKind, Place};

/// The drives behind the device at `place` that the storage driver has read so far, by interface and unit. `proc` is `/proc`.
pub(super) fn of(roots: &Roots, proc: &Path, place: &Place) -> Vec<Drive> {
    let device = roots.usb_devices().join(place.as_str());
    let mut found = Vec::new();
    let mut uses = None;
    // DEVICE/INTERFACE/hostN/targetN:0:0/N:0:0:LUN/{vendor,model,rev,type,block/NAME}
    for interface in children(&device, &format!("{place}:")) {
        let units = children(&interface, "host").into_iter().flat_map(|host| children(&host, "target"));
        let units =
            units.flat_map(|target| children(&target, "")).filter(|unit| unit.join("vendor").is_file());
        for unit in units {
            let uses = uses.get_or_insert_with(|| Uses::read(proc));
            found.extend(drive(&interface, &unit, roots, uses));
        }
    }
    found.sort_by_key(|drive| (drive.interface, drive.unit));
    found
}

fn drive(interface: &Path, unit: &Path, roots: &Roots, uses: &Uses) -> Option<Drive> {
    let last = |path: &Path, separator| path.file_name()?.to_str()?.rsplit(separator).next()?.parse().ok();
    let kind = match attribute(unit, "type").as_deref() {
        Some("5") => DriveKind::Cdrom,
        Some("0") => DriveKind::Disk,
        _ => DriveKind::Other,
    };
    let blocks: Vec<Block> =
        children(&unit.join("block"), "").iter().flat_map(|disk| Block::of(disk)).collect();
    let mut used: Vec<String> = blocks.iter().flat_map(|block| uses.of(block)).collect();
    if kind == DriveKind::Disk {
        // A program may write to a disk that is not mounted. The one for a CD-ROM is asked for its medium by programs all the time.
        let nodes: Vec<PathBuf> = blocks.iter().map(|block| roots.dev.join(&block.name)).collect();
        let holders = holder::others(&nodes.iter().map(PathBuf::as_path).collect::<Vec<_>>());
        used.extend(
            holders
                .iter()
                .filter(|(_, holder)| !holder.is_udev())
                .map(|(_, holder)| format!("opened by {holder}")),
        );
    }
    used.dedup();
    let text = |name| attribute(unit, name).unwrap_or_default();
    Some(Drive {
        interface: last(interface, '.')?,
        unit: last(unit, ':').unwrap_or(0),
        kind,
        texts: [text("vendor"), text("model"), text("rev")],
        uses: used,
    })
}

/// A block device: a whole drive or a partition.
struct Block {
    /// `sdb1`.
    name: String,
    /// `8:17`.
    number: String,
    /// What is built on it: `dm-0`, `md0`.
    above: Vec<String>,
}

impl Block {
    /// The drive in this folder of sysfs and its partitions.
    fn of(disk: &Path) -> Vec<Block> {
        let parts = children(disk, "").into_iter().filter(|part| part.join("dev").is_file());
        let all = std::iter::once(disk.to_owned()).chain(parts);
        let block = |folder: PathBuf| {
            let name = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
            let above = children(&folder.join("holders"), "").iter().filter_map(|path| name(path)).collect();
            Some(Block { name: name(&folder)?, number: attribute(&folder, "dev")?, above })
        };
        all.filter_map(block).collect()
    }
}

/// What the system uses block devices for.
struct Uses {
    /// Number of the device, its source as the mount names it, and the mount point.
    mounts: Vec<[String; 3]>,
    /// Nodes of swap areas.
    swaps: Vec<String>,
}

impl Uses {
    /// Mounts of this process and of the system's first one: a service may have a file system tree of its own.
    fn read(proc: &Path) -> Uses {
        let text = |path: &str| fs::read(proc.join(path)).unwrap_or_default();
        let mut mounts = Vec::new();
        for table in [text("self/mountinfo"), text("1/mountinfo")] {
            for mount in String::from_utf8_lossy(&table).lines().filter_map(mount) {
                if !mounts.contains(&mount) {
                    mounts.push(mount);
                }
            }
        }
        let swaps = String::from_utf8_lossy(&text("swaps"))
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect();
        Uses { mounts, swaps }
    }

    fn of(&self, block: &Block) -> Vec<String> {
        let is_node = |path: &str| path.strip_prefix("/dev/") == Some(block.name.as_str());
        // Some file systems have a number of their own; then the source tells.
        let mounts =
            self.mounts.iter().filter(|[number, source, _]| *number == block.number || is_node(source));
        let mounts = mounts.map(|[_, _, point]| format!("mounted at {point}"));
        let swaps = self.swaps.iter().filter(|node| is_node(node)).map(|_| "used as swap".to_owned());
        let above = block.above.iter().map(|name| format!("a part of {name}"));
        mounts.chain(swaps).chain(above).collect()
    }
}

/// Device number, source and mount point of a line of mountinfo: `36 35 8:17 / /media/card rw - vfat /dev/sdb1 rw`.
fn mount(line: &str) -> Option<[String; 3]> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(2);
    let number = fields.next()?.to_owned();
    let point = unescaped(fields.nth(1)?);
    let source = unescaped(after.split(' ').nth(1)?);
    Some([number, source, point])
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A CD-ROM and a card reader with a card of one partition behind interface 0.
    fn tree() -> (tempfile::TempDir, Roots, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys: folder.path().join("sys"), dev: "/nowhere".into() };
        let units = roots.usb_devices().join("1-1/1-1:1.0/host4/target4:0:0");
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (unit, kind, model) in [("4:0:0:0", "5", "Mass Storage"), ("4:0:0:1", "0", "SD Storage")] {
            for (name, text) in [("vendor", "HUAWEI"), ("model", model), ("rev", "2.31"), ("type", kind)] {
                write(&units.join(unit).join(name), &format!("{text}\n"));
            }
        }
        write(&units.join("4:0:0:0/block/sr0/dev"), "11:0\n");
        write(&units.join("4:0:0:1/block/sdb/dev"), "8:16\n");
        write(&units.join("4:0:0:1/block/sdb/sdb1/dev"), "8:17\n");
        fs::create_dir_all(units.join("4:0:0:1/block/sdb/sdb1/holders")).unwrap();
        fs::create_dir_all(units.join("4:0:0:1/block/sdb/queue")).unwrap();
        let proc = folder.path().join("proc");
        write(&proc.join("self/mountinfo"), "22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n");
        (folder, roots, proc)
    }

    fn found(roots: &Roots, proc: &Path) -> Vec<Drive> {
        of(roots, proc, &"1-1".parse().unwrap())
    }

    #[test]
    fn every_unit_is_a_drive() {
        let (_folder, roots, proc) = tree();
        let drives = found(&roots, &proc);
        let short: Vec<_> =
            drives.iter().map(|d| (d.interface, d.unit, d.kind, d.texts[1].as_str())).collect();
        assert_eq!(short, [(0, 0, DriveKind::Cdrom, "Mass Storage"), (0, 1, DriveKind::Disk, "SD Storage")]);
        assert!(drives.iter().all(|d| d.in_use().is_none()));
        assert!(of(&roots, &proc, &"1-2".parse().unwrap()).is_empty());
    }

    #[test]
    fn what_a_drive_is_used_for_is_seen() {
        let (_folder, roots, proc) = tree();
        let uses = |text: &str, swaps: &str| {
            fs::write(proc.join("self/mountinfo"), text).unwrap();
            fs::write(proc.join("swaps"), swaps).unwrap();
            let drives = found(&roots, &proc);
            assert!(drives[0].uses.is_empty(), "the CD-ROM is not used");
            drives[1].uses.clone()
        };
        let card = "36 22 8:17 / /media/my\\040card rw,nosuid shared:9 - vfat /dev/sdb1 rw\n";
        assert_eq!(uses(card, ""), ["mounted at /media/my card"]);
        assert_eq!(
            uses("36 22 8:16 / /mnt rw - exfat /dev/sdb rw\n", ""),
            ["mounted at /mnt"],
            "without partitions"
        );
        assert_eq!(
            uses("36 22 0:51 /@ /data rw - btrfs /dev/sdb1 rw\n", ""),
            ["mounted at /data"],
            "a number of its own"
        );
        assert_eq!(uses("", "Filename Type Size Used\n/dev/sdb1 partition 1 0\n"), ["used as swap"]);
        assert!(uses("36 22 8:33 / /mnt rw - vfat /dev/sdc1 rw\nnonsense\n\n", "").is_empty());

        fs::create_dir_all(
            roots.usb_devices().join("1-1/1-1:1.0/host4/target4:0:0/4:0:0:1/block/sdb/sdb1/holders/dm-0"),
        )
        .unwrap();
        assert_eq!(uses("", ""), ["a part of dm-0"]);
    }

    #[test]
    fn mounts_of_the_whole_system_count() {
        let (_folder, roots, proc) = tree();
        fs::create_dir_all(proc.join("1")).unwrap();
        fs::write(proc.join("1/mountinfo"), "36 22 8:17 / /media/card rw - vfat /dev/sdb1 rw\n").unwrap();
        assert_eq!(found(&roots, &proc)[1].in_use().as_deref(), Some("its disk is mounted at /media/card"));
    }
}
