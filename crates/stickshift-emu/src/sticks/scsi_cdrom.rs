//! The drives that sticks pretend to be: SCSI over bulk-only transport (docs/protocols/virtual-usb.md section 2,
//! docs/protocols/mode-switch.md section 1.1), complete enough for the CD-ROM and disk drivers of Linux.

use std::collections::VecDeque;

use stickshift::wire::scsi::{CommandBlock, CommandStatus};

use crate::device::{Appearance, Function, Unit, UsbReply};

const SECTOR: usize = 2048;

/// Data for a command without a meaning, whatever length it names.
const MOST_ZEROS: u32 = 64 * 1024;

/// Sense key, additional sense code and its qualifier.
type Sense = [u8; 3];
const NO_SENSE: Sense = [0, 0, 0];
const INVALID_COMMAND: Sense = [0x05, 0x20, 0x00];
const INVALID_FIELD: Sense = [0x05, 0x24, 0x00];
const OUT_OF_RANGE: Sense = [0x05, 0x21, 0x00];
const NO_MEDIUM: Sense = [0x02, 0x3a, 0x00];

/// What kind of drive it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveKind {
    /// A CD-ROM with the installer on it.
    Cdrom,
    /// A card reader without a card.
    CardReader,
    /// A disk with a medium of 1 MiB, as a flash drive or a card reader with its card shows.
    Disk,
}

/// One drive, by its SCSI texts.
#[derive(Clone, Debug)]
pub struct Drive {
    kind: DriveKind,
    /// Vendor (8 characters), model (16), revision (4).
    texts: [String; 3],
    /// Of the medium, 2048 bytes each.
    sectors: u32,
    sense: Sense,
}

impl Drive {
    /// A CD-ROM of 4 MiB.
    pub fn cdrom(texts: [&str; 3]) -> Self {
        Drive { kind: DriveKind::Cdrom, texts: texts.map(str::to_owned), sectors: 2048, sense: NO_SENSE }
    }

    /// A card reader without a card.
    pub fn card_reader(texts: [&str; 3]) -> Self {
        Drive { kind: DriveKind::CardReader, texts: texts.map(str::to_owned), sectors: 0, sense: NO_SENSE }
    }

    /// A disk with a medium of 1 MiB, zeros all over.
    pub fn disk(texts: [&str; 3]) -> Self {
        Drive { kind: DriveKind::Disk, sectors: 512, ..Drive::card_reader(texts) }
    }

    fn of_kind(kind: DriveKind, texts: [&str; 3]) -> Self {
        match kind {
            DriveKind::Cdrom => Drive::cdrom(texts),
            DriveKind::CardReader => Drive::card_reader(texts),
            DriveKind::Disk => Drive::disk(texts),
        }
    }

    /// Does a command: the data for the host, or the sense of a failure.
    fn command(&mut self, cdb: &[u8; 16]) -> Result<Vec<u8>, Sense> {
        let byte = |at: usize| usize::from(cdb[at]);
        let medium = if self.kind == DriveKind::CardReader { Err(NO_MEDIUM) } else { Ok(()) };
        let (mut data, room) = match cdb[0] {
            0x00 => (medium.map(|()| Vec::new())?, 0),
            0x03 => (self.request_sense(), byte(4)),
            0x12 if cdb[1] & 1 != 0 => return Err(INVALID_FIELD),
            0x12 => (self.inquiry(), byte(3) << 8 | byte(4)),
            0x1a => (self.mode_sense(cdb[2], 4), byte(4)),
            0x5a => (self.mode_sense(cdb[2], 8), byte(7) << 8 | byte(8)),
            // START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL.
            0x1b | 0x1e => (Vec::new(), 0),
            0x25 => {
                medium?;
                let size = [(self.sectors - 1).to_be_bytes(), (SECTOR as u32).to_be_bytes()];
                (size.concat(), 8)
            }
            0x28 => (medium.and_then(|()| self.read(cdb))?, usize::MAX),
            0x43 | 0x46 | 0x4a | 0x51 if self.kind != DriveKind::Cdrom => return Err(INVALID_COMMAND),
            0x43 => (self.table_of_contents(cdb)?, byte(7) << 8 | byte(8)),
            0x46 => (configuration(), byte(7) << 8 | byte(8)),
            0x4a if cdb[1] & 1 == 0 => return Err(INVALID_FIELD),
            0x4a => (event_status(), byte(7) << 8 | byte(8)),
            0x51 => (disc_information(), byte(7) << 8 | byte(8)),
            _ => return Err(INVALID_COMMAND),
        };
        data.truncate(room);
        Ok(data)
    }

    fn inquiry(&self) -> Vec<u8> {
        let kind = if self.kind == DriveKind::Cdrom { 5 } else { 0 };
        let mut data = vec![kind, 0x80, 2, 2, 31, 0, 0, 0];
        for (text, length) in self.texts.iter().zip([8, 16, 4]) {
            data.extend(text.bytes().chain(std::iter::repeat(b' ')).take(length));
        }
        data
    }

    fn request_sense(&mut self) -> Vec<u8> {
        let [key, code, qualifier] = std::mem::replace(&mut self.sense, NO_SENSE);
        vec![0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0]
    }

    /// The header of 4 or 8 bytes, and for a CD-ROM the page of its capabilities.
    fn mode_sense(&self, page: u8, header: usize) -> Vec<u8> {
        let mut data = vec![0; header];
        if self.kind == DriveKind::Cdrom && matches!(page & 0x3f, 0x2a | 0x3f) {
            // It reads CD-R and CD-RW, is a tray that can be locked, 4x.
            data.extend([0x2a, 18, 0x03, 0, 0, 0, 0x29, 0, 0x02, 0xc0, 0, 0, 0, 0, 0x02, 0xc0, 0, 0, 0, 0]);
        }
        let rest = data.len();
        match header {
            4 => data[0] = (rest - 1) as u8,
            _ => data[..2].copy_from_slice(&(rest as u16 - 2).to_be_bytes()),
        }
        data
    }

    fn read(&self, cdb: &[u8; 16]) -> Result<Vec<u8>, Sense> {
        let first = u32::from_be_bytes([cdb[2], cdb[3], cdb[4], cdb[5]]);
        let count = u32::from(u16::from_be_bytes([cdb[7], cdb[8]]));
        if first.checked_add(count).is_none_or(|end| end > self.sectors) {
            return Err(OUT_OF_RANGE);
        }
        Ok((first..first + count).flat_map(|number| self.sector(number)).collect())
    }

    /// An empty ISO 9660 volume.
    fn sector(&self, number: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR];
        let kind = match number {
            _ if self.kind == DriveKind::Disk => return sector,
            16 => 1,
            17 => 255,
            _ => return sector,
        };
        sector[0] = kind;
        sector[1..7].copy_from_slice(b"CD001\x01");
        if kind == 1 {
            sector[8..72].fill(b' ');
            sector[40..49].copy_from_slice(b"INSTALLER");
            sector[80..84].copy_from_slice(&self.sectors.to_le_bytes());
            sector[84..88].copy_from_slice(&self.sectors.to_be_bytes());
            for at in [120, 124] {
                sector[at..at + 4].copy_from_slice(&[1, 0, 0, 1]);
            }
            sector[128..132].copy_from_slice(&[0x00, 0x08, 0x08, 0x00]);
            sector[881] = 1;
        }
        sector
    }

    /// One data track; formats 0 (tracks) and 1 (sessions).
    fn table_of_contents(&self, cdb: &[u8; 16]) -> Result<Vec<u8>, Sense> {
        let in_time = cdb[1] & 2 != 0;
        let address = |sector: u32| match in_time {
            false => sector.to_be_bytes(),
            true => {
                let frames = sector + 150;
                [0, (frames / 75 / 60) as u8, (frames / 75 % 60) as u8, (frames % 75) as u8]
            }
        };
        let track = |number: u8, at: u32| [vec![0, 0x14, number, 0], address(at).to_vec()].concat();
        let format = if cdb[2] & 0x0f != 0 { cdb[2] & 0x0f } else { cdb[9] >> 6 };
        let mut data = vec![0, 0, 1, 1];
        data.extend(track(1, 0));
        match format {
            0 => data.extend(track(0xaa, self.sectors)),
            1 => {}
            _ => return Err(INVALID_FIELD),
        }
        let length = (data.len() as u16 - 2).to_be_bytes();
        data[..2].copy_from_slice(&length);
        Ok(data)
    }
}

/// The current profile is CD-ROM, and it is the only one.
fn configuration() -> Vec<u8> {
    vec![0, 0, 0, 12, 0, 0, 0, 0x08, 0, 0, 0x03, 4, 0, 0x08, 0x01, 0]
}

/// Nothing happened to the medium, and it is there.
fn event_status() -> Vec<u8> {
    vec![0, 6, 4, 0x10, 0, 2, 0, 0]
}

/// A finished disc with one session.
fn disc_information() -> Vec<u8> {
    let mut data = vec![0; 34];
    data[1] = 32;
    data[2..7].copy_from_slice(&[0x0e, 1, 1, 1, 1]);
    data
}

/// What the device does next on its IN endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    Bytes(Vec<u8>),
    Stall,
}

/// The drives behind a pair of bulk endpoints, by logical unit.
#[derive(Clone, Debug)]
pub struct BulkOnly {
    units: Vec<Drive>,
    next: VecDeque<Next>,
    /// OUT data of a command that are to be swallowed, and the status after them.
    swallowing: Option<(u32, CommandStatus)>,
}

impl BulkOnly {
    /// The endpoints of that drive, nothing under way.
    pub fn new(drive: Drive) -> Self {
        BulkOnly::with_units(vec![drive])
    }

    /// The endpoints of several drives.
    fn with_units(units: Vec<Drive>) -> Self {
        BulkOnly { units, next: VecDeque::new(), swallowing: None }
    }

    /// The bulk-only reset: whatever was under way is forgotten.
    pub fn reset(&mut self) {
        self.next.clear();
        self.swallowing = None;
    }

    /// Data on bulk OUT. What is neither a command nor a command's data is taken and means nothing.
    pub fn write(&mut self, data: &[u8]) -> UsbReply {
        if let Some((left, status)) = self.swallowing.take() {
            let left = left.saturating_sub(data.len() as u32);
            if left > 0 {
                self.swallowing = Some((left, status));
            } else {
                self.next.push_back(Next::Bytes(status.encode().to_vec()));
            }
            return UsbReply::Done(Vec::new());
        }
        if let Some(command) = CommandBlock::parse(data) {
            self.reset();
            self.command(&command);
        }
        UsbReply::Done(Vec::new())
    }

    fn command(&mut self, command: &CommandBlock) {
        let unit = self.units.get_mut(usize::from(command.lun & 0x0f));
        let (data, failed) = match unit.map(|drive| (drive.command(&command.cdb), drive)) {
            Some((Ok(data), _)) => (data, false),
            Some((Err(sense), drive)) => {
                drive.sense = sense;
                (Vec::new(), true)
            }
            // INQUIRY of a unit that is not there: no device of any type.
            None if command.cdb[0] == 0x12 => (vec![0x7f; 36], false),
            None => (Vec::new(), true),
        };
        let wanted = if command.wants_data() { command.data_length as usize } else { 0 };
        let sent = data.len().min(wanted);
        let status = u8::from(failed);
        let residue = command.data_length - sent as u32;
        let status = CommandStatus { tag: command.tag, residue, status };
        if command.data_length > 0 && !command.wants_data() {
            self.swallowing = Some((command.data_length, status));
            return;
        }
        match (wanted, sent) {
            (0, _) => {}
            (_, 0) => self.next.push_back(Next::Stall),
            _ => self.next.push_back(Next::Bytes(data[..sent].to_vec())),
        }
        self.next.push_back(Next::Bytes(status.encode().to_vec()));
    }

    /// Takes a command that only the stick behind the drive understands, as done: zeros where data are asked for.
    pub fn accept(&mut self, command: &CommandBlock) {
        self.reset();
        let status = CommandStatus { tag: command.tag, residue: 0, status: 0 };
        if command.wants_data() {
            let length = command.data_length.min(MOST_ZEROS) as usize;
            self.next.push_back(Next::Bytes(vec![0; length]));
        } else if command.data_length > 0 {
            self.swallowing = Some((command.data_length, status));
            return;
        }
        self.next.push_back(Next::Bytes(status.encode().to_vec()));
    }

    /// A read of at most `length` bytes from bulk IN.
    pub fn read(&mut self, length: usize) -> UsbReply {
        match self.next.pop_front() {
            None => UsbReply::Pending,
            Some(Next::Stall) => UsbReply::Stall,
            Some(Next::Bytes(mut bytes)) => {
                if bytes.len() > length {
                    self.next.push_front(Next::Bytes(bytes.split_off(length)));
                }
                UsbReply::Done(bytes)
            }
        }
    }
}

/// The drives of everything that a stick shows, by their endpoints and the number of their interface.
#[derive(Clone, Debug, Default)]
pub struct Drives(Vec<(u8, u8, u8, BulkOnly)>);

impl Drives {
    /// One drive for each storage interface of an appearance: card readers, but for the first when it is the `cdrom`.
    pub fn of(appearance: &Appearance, texts: [&str; 3], cdrom: bool) -> Self {
        let first: &[DriveKind] = if cdrom { &[DriveKind::Cdrom] } else { &[] };
        Drives::laid_out(appearance, texts, &[first.to_vec()])
    }

    /// These units behind the storage interfaces of an appearance, in order; a card reader where none are given.
    pub fn laid_out(appearance: &Appearance, texts: [&str; 3], layout: &[Vec<DriveKind>]) -> Self {
        let mut drives = Drives::default();
        for interface in appearance.configurations.iter().flat_map(|c| &c.interfaces) {
            if interface.function != Function::Storage {
                continue;
            }
            let endpoints = interface.alternates.iter().flat_map(|a| &a.endpoints);
            let bulk = |incoming: u8| {
                let mut bulk = endpoints.clone().filter(|e| e.1 == 2);
                bulk.find(|e| e.0 & 0x80 == incoming).map(|e| e.0)
            };
            let (Some(read), Some(write)) = (bulk(0x80), bulk(0)) else { continue };
            let kinds = layout.get(drives.0.len()).filter(|kinds| !kinds.is_empty());
            let kinds = kinds.map_or(&[DriveKind::CardReader][..], Vec::as_slice);
            let units = kinds.iter().map(|kind| Drive::of_kind(*kind, texts)).collect();
            drives.0.push((read, write, interface.number, BulkOnly::with_units(units)));
        }
        drives
    }

    /// What INQUIRY finds behind them.
    pub fn units(&self) -> Vec<Unit> {
        let unit = |interface: u8, number: usize, drive: &Drive| Unit {
            interface,
            number: number as u8,
            cdrom: drive.kind == DriveKind::Cdrom,
            texts: drive.texts.clone(),
        };
        let all = self.0.iter().flat_map(|(_, _, interface, pipes)| {
            pipes.units.iter().enumerate().map(move |(number, drive)| unit(*interface, number, drive))
        });
        all.collect()
    }

    /// GET MAX LUN of an interface.
    pub fn last_unit(&self, interface: u8) -> Option<u8> {
        let found = self.0.iter().find(|d| d.2 == interface)?;
        Some(found.3.units.len().saturating_sub(1) as u8)
    }

    /// The drive behind an endpoint.
    pub fn at(&mut self, endpoint: u8) -> Option<&mut BulkOnly> {
        let mut drives = self.0.iter_mut();
        drives.find(|d| d.0 == endpoint || d.1 == endpoint).map(|d| &mut d.3)
    }

    /// The bulk-only reset of all of them.
    pub fn reset(&mut self) {
        self.0.iter_mut().for_each(|d| d.3.reset());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cdrom() -> BulkOnly {
        BulkOnly::new(Drive::cdrom(["HUAWEI", "Mass Storage", "2.31"]))
    }

    /// Sends a command that asks for `length` bytes; the data (`None` for a stall) and the status.
    fn ask(device: &mut BulkOnly, cdb: &[u8], length: u32) -> (Option<Vec<u8>>, CommandStatus) {
        let mut padded = [0; 16];
        padded[..cdb.len()].copy_from_slice(cdb);
        let command = CommandBlock {
            tag: [1, 2, 3, 4],
            data_length: length,
            flags: if length > 0 { 0x80 } else { 0 },
            lun: 0,
            cdb_length: cdb.len() as u8,
            cdb: padded,
        };
        assert_eq!(device.write(&command.encode()), UsbReply::Done(Vec::new()));
        let data = match (length, device.next.len()) {
            (0, _) => Some(Vec::new()),
            _ => match device.read(length as usize) {
                UsbReply::Done(data) => Some(data),
                UsbReply::Stall => None,
                other => panic!("{other:?}"),
            },
        };
        let UsbReply::Done(status) = device.read(13) else { panic!("no status") };
        assert_eq!(device.read(13), UsbReply::Pending, "one status per command");
        (data, CommandStatus::parse(&status).unwrap())
    }

    #[test]
    fn the_questions_of_the_cdrom_driver() {
        let mut cd = cdrom();
        let (inquiry, status) = ask(&mut cd, &[0x12, 0, 0, 0, 36, 0], 36);
        let inquiry = inquiry.unwrap();
        assert_eq!((inquiry[0], inquiry[1], inquiry.len()), (5, 0x80, 36));
        assert_eq!(&inquiry[8..], b"HUAWEI  Mass Storage    2.31");
        assert_eq!((status.status, status.residue, status.tag), (0, 0, [1, 2, 3, 4]));
        assert_eq!(ask(&mut cd, &[0], 0).1.status, 0);
        let (size, _) = ask(&mut cd, &[0x25], 8);
        assert_eq!(size.unwrap(), [0, 0, 0x07, 0xff, 0, 0, 8, 0]);
        let (tracks, status) = ask(&mut cd, &[0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0], 12);
        assert_eq!(tracks.unwrap(), [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
        assert_eq!(status.residue, 0);
        let (event, _) = ask(&mut cd, &[0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0], 8);
        assert_eq!(event.unwrap()[5], 2, "there is a medium");
        let (profile, status) = ask(&mut cd, &[0x46, 0, 0, 0, 0, 0, 0, 0, 8], 8);
        assert_eq!((profile.unwrap()[7], status.residue), (8, 0));
        let (mode, status) = ask(&mut cd, &[0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128], 128);
        let mode = mode.unwrap();
        assert_eq!((mode[8], status.residue), (0x2a, 128 - mode.len() as u32), "short data, honest residue");
        assert_eq!(usize::from(mode[1]), mode.len() - 2);
        for cdb in [&[0x1e, 0, 0, 0, 1, 0][..], &[0x1b, 0, 0, 0, 2, 0]] {
            assert_eq!(ask(&mut cd, cdb, 0).1.status, 0);
        }
    }

    #[test]
    fn sectors_are_read_and_the_end_is_the_end() {
        let mut cd = cdrom();
        let (data, _) = ask(&mut cd, &[0x28, 0, 0, 0, 0, 16, 0, 0, 2, 0], 4096);
        let data = data.unwrap();
        assert_eq!((&data[1..6], data[2048]), (&b"CD001"[..], 255));
        let (data, status) = ask(&mut cd, &[0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 2, 0], 4096);
        assert_eq!((data, status.status, status.residue), (None, 1, 4096));
        let (sense, _) = ask(&mut cd, &[0x03, 0, 0, 0, 18, 0], 18);
        let sense = sense.unwrap();
        assert_eq!([sense[2], sense[12], sense[13]], OUT_OF_RANGE);
        let (sense, _) = ask(&mut cd, &[0x03, 0, 0, 0, 18, 0], 18);
        assert_eq!(sense.unwrap()[2], 0, "told once");
    }

    #[test]
    fn an_unknown_command_fails_and_says_so() {
        let mut cd = cdrom();
        assert_eq!(ask(&mut cd, &[0xd6, 1], 0).1.status, 1);
        let (sense, _) = ask(&mut cd, &[0x03, 0, 0, 0, 18, 0], 18);
        let sense = sense.unwrap();
        assert_eq!([sense[2], sense[12], sense[13]], [0x05, 0x20, 0x00]);
        assert_eq!(ask(&mut cd, &[0xd6, 1], 8).0, None, "data that never comes is a stall");
    }

    #[test]
    fn out_data_are_swallowed_before_the_status() {
        let mut cd = cdrom();
        let mut command = [0; 31];
        command[..4].copy_from_slice(b"USBC");
        command[8..12].copy_from_slice(&600u32.to_le_bytes());
        cd.write(&command);
        assert_eq!(cd.read(13), UsbReply::Pending);
        cd.write(&[0; 512]);
        assert_eq!(cd.read(13), UsbReply::Pending);
        cd.write(&[0; 88]);
        assert!(matches!(cd.read(13), UsbReply::Done(status) if status.len() == 13));
    }

    #[test]
    fn a_card_reader_has_no_card() {
        let mut reader = BulkOnly::new(Drive::card_reader(["HUAWEI", "SD Storage", "2.31"]));
        assert_eq!(ask(&mut reader, &[0], 0).1.status, 1);
        let (sense, _) = ask(&mut reader, &[0x03, 0, 0, 0, 18, 0], 18);
        assert_eq!(sense.unwrap()[12], 0x3a);
        assert_eq!(ask(&mut reader, &[0x12, 0, 0, 0, 36, 0], 36).0.unwrap()[0], 0);
        assert_eq!(ask(&mut reader, &[0x43], 4).1.status, 1);
    }
}
