//! This computer as `online` changes it: the kernel's netlink, DHCP, name servers, pppd, and the records of what was changed.

mod dhcp;
mod dhcp6;
mod kept;
mod netlink;
mod owner;
mod pppd;
mod probes;
mod resolver;

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::tz::Offset;
use rustix::fs::{FlockOperation, flock};

use crate::atomic_file;
use crate::error::{Detail, Error, ErrorKind, Result};
use crate::event::Cancel;
use crate::link::ByteLink;
use crate::online::computer::{
    Card, CardState, Change, Computer, DhcpLease, KEEPS, MAIN_TABLE, Network, Owner, Pppd, PppdRuns,
    PppdState, Route, SettingName,
};

use crate::online::probe::{Answer, Probe};
use crate::online::record::{Record, Usage, VERSION};
use crate::online::stay::Per;
use crate::stick::{Place, Stick};
use crate::wire::pdu::date_and_time;

use kept::Kept;
use netlink::{Netlink, News};
use pppd::Programs;

/// Where the system keeps things. Tests give folders of their own.
#[derive(Clone, Debug)]
pub struct Folders {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/proc`.
    pub proc: PathBuf,
    /// `/etc`.
    pub etc: PathBuf,
    /// `/run`.
    pub run: PathBuf,
    /// Records, which outlive a restart: `/var/lib/stickshift/online`.
    pub records: PathBuf,
}

impl Default for Folders {
    fn default() -> Self {
        Folders {
            sys: "/sys".into(),
            proc: "/proc".into(),
            etc: "/etc".into(),
            run: "/run".into(),
            records: "/var/lib/stickshift/online".into(),
        }
    }
}

/// How long another program may take to change a connection.
const TURN: Duration = Duration::from_secs(10);

/// How long one that keeps a stick online may take to end.
const LEAVES: Duration = Duration::from_secs(3);

/// How often something is looked at again while it is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The same for pppd, which negotiates in less.
const PPPD_LOOK: Duration = Duration::from_millis(20);

/// How long udev may take to name an interface.
const NAMING: Duration = Duration::from_secs(5);

/// This computer.
#[derive(Debug)]
pub struct SysComputer {
    folders: Folders,
    netlink: Netlink,
    programs: Programs,
    cancel: Cancel,
}

impl SysComputer {
    /// Opens the kernel's netlink; waits end when `cancel` is raised.
    ///
    /// # Errors
    /// `Io`, `PermissionDenied`.
    pub fn open(folders: Folders, cancel: &Cancel) -> Result<SysComputer> {
        let programs = Programs::new(folders.run.join("stickshift"), folders.proc.clone());
        Ok(SysComputer { folders, netlink: Netlink::open()?, programs, cancel: cancel.clone() })
    }

    fn class(&self, name: &str) -> PathBuf {
        self.folders.sys.join("class/net").join(name)
    }

    /// Every interface by name and number.
    fn names(&self) -> Vec<Card> {
        let entries = fs::read_dir(self.folders.sys.join("class/net")).into_iter().flatten().flatten();
        let card = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let index = read(&self.class(&name).join("ifindex"))?.parse().ok()?;
            Some(Card { name, index })
        };
        let mut all: Vec<Card> = entries.filter_map(card).collect();
        all.sort_by_key(|card| card.index);
        all
    }

    /// The interfaces of a stick, once udev has named them: one that came a moment ago has another name soon.
    fn named(&self, stick: &Stick) -> Vec<Card> {
        let shown: Vec<&str> = stick.interfaces.iter().filter_map(|i| i.netdev.as_deref()).collect();
        let udev = self.folders.run.join("udev");
        let is_known = |card: &Card| udev.join("data").join(format!("n{}", card.index)).exists();
        let end = Instant::now() + NAMING;
        loop {
            let here = format!("{}:", stick.place);
            let is_its = |card: &Card| {
                let of = fs::read_link(self.class(&card.name).join("device")).unwrap_or_default();
                let port = of.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&here));
                port || shown.contains(&card.name.as_str())
            };
            let own: Vec<Card> = self.names().into_iter().filter(is_its).collect();
            let settled = !udev.join("control").exists() || own.iter().all(is_known);
            if settled || self.cancel.is_cancelled() || Instant::now() >= end {
                return own;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn state(&self, card: &Card, addresses: &[(u32, Network)]) -> Option<CardState> {
        let folder = self.class(&card.name);
        let text = |name: &str| read(&folder.join(name));
        let number = |name: &str| text(name)?.parse::<u64>().ok();
        if number("ifindex")? != u64::from(card.index) {
            return None;
        }
        let flags = text("flags").and_then(|f| u32::from_str_radix(f.trim_start_matches("0x"), 16).ok())?;
        let device = folder.join("device");
        let link = |path: PathBuf| Some(fs::read_link(path).ok()?.file_name()?.to_str()?.to_owned());
        let interface = read(&device.join("bInterfaceNumber")).and_then(|n| u8::from_str_radix(&n, 16).ok());
        Some(CardState {
            card: card.clone(),
            interface,
            driver: link(device.join("driver")),
            mac: text("address").and_then(|a| mac(&a)),
            up: flags & 0x1 != 0,
            arp: flags & 0x80 == 0,
            mtu: number("mtu")? as u32,
            addresses: addresses.iter().filter(|(index, _)| *index == card.index).map(|(_, n)| *n).collect(),
            bytes: (number("statistics/rx_bytes").unwrap_or(0), number("statistics/tx_bytes").unwrap_or(0)),
            ndp_to_end: text("cdc_ncm/ndp_to_end").map(|t| t == "Y"),
        })
    }

    fn there(&mut self, card: &Card) -> Result<CardState> {
        let gone = || Error::new(ErrorKind::Disconnected, format!("there is no interface {card}"));
        self.card(card)?.ok_or_else(gone)
    }

    /// The file of a setting.
    fn setting(&self, card: &Card, name: SettingName) -> PathBuf {
        let conf = |family: &str| {
            self.folders.proc.join("sys/net").join(family).join("conf").join(&card.name).join(name.words())
        };
        match name {
            SettingName::ReversePath => conf("ipv4"),
            SettingName::NdpToEnd => self.class(&card.name).join("cdc_ncm/ndp_to_end"),
            _ => conf("ipv6"),
        }
    }

    fn usage_file(&self, place: &Place) -> PathBuf {
        self.folders.records.join(format!("{place}.usage"))
    }

    fn record(&self, place: &Place) -> PathBuf {
        self.folders.records.join(format!("{place}.json"))
    }
}

/// A right that one process at a time has, which whoever has it may keep for `patience`. Its file names who that is.
fn right(folders: &Folders, file: String, patience: Duration, held: &str) -> Result<File> {
    let path = resolver::own_folder(folders)?.join(file);
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(|e| cannot("cannot write", &path, e))?;
    let limit = Instant::now() + patience;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= limit {
            let written = read(&path).unwrap_or_default();
            let holder = format!("stickshift (pid {})", written.trim_end_matches(KEEPS));
            return Err(Error::new(ErrorKind::PortBusy, held).detail(Detail::Holder(holder)));
        }
        // Also where this program is to end: that takes a connection back.
        thread::sleep(LOOK_AGAIN);
    }
    let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    Ok(file)
}

fn keeper(folders: &Folders, place: &Place) -> Option<(u32, bool)> {
    let path = folders.run.join("stickshift").join(format!("{place}.stays"));
    let pid = read(&path)?.strip_suffix(KEEPS)?.parse().ok()?;
    let is_free = |file: File| flock(&file, FlockOperation::NonBlockingLockShared).is_ok();
    Some((pid, !File::open(&path).is_ok_and(is_free)))
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Vec<u8> = text.split(':').map(|b| u8::from_str_radix(b, 16)).collect::<Result<_, _>>().ok()?;
    bytes.try_into().ok().filter(|mac| *mac != [0; 6])
}

fn cannot(what: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{what} {}", path.display())).because(error)
}

/// Writes into a file of the kernel's for a device, which goes with it.
fn tell(path: &Path, value: &str) -> Result<()> {
    match fs::write(path, value) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(Error::new(ErrorKind::Disconnected, format!("there is no {}", path.display())))
        }
        other => other.map_err(|e| cannot("cannot write", path, e)),
    }
}

impl Computer for SysComputer {
    fn cards(&mut self, stick: &Stick) -> Result<Vec<CardState>> {
        let own = self.named(stick);
        let addresses = self.netlink.addresses()?;
        Ok(own.iter().filter_map(|card| self.state(card, &addresses)).collect())
    }

    fn card(&mut self, card: &Card) -> Result<Option<CardState>> {
        let addresses = self.netlink.addresses()?;
        Ok(self.state(card, &addresses))
    }

    fn every_card(&mut self) -> Result<Vec<CardState>> {
        let addresses = self.netlink.addresses()?;
        Ok(self.names().iter().filter_map(|card| self.state(card, &addresses)).collect())
    }

    fn default_routes(&mut self) -> Result<Vec<Route>> {
        let names = self.names();
        let name = |index| names.iter().find(|card| card.index == index).map(|card| card.name.clone());
        let mut all = self.netlink.routes(name)?;
        all.retain(|route| route.to.is_none() && route.table == MAIN_TABLE);
        Ok(all)
    }

    fn ipv6_router(&mut self, card: &Card) -> Result<Option<IpAddr>> {
        let all = self.default_routes()?;
        match all.iter().find(|route| route.v6 && route.card == *card).and_then(|route| route.via) {
            Some(router) => Ok(Some(router)),
            None => self.netlink.ipv6_router(card.index),
        }
    }

    fn owner(&mut self, card: &Card) -> Option<Owner> {
        owner::of(&self.folders, card)
    }

    fn resolver(&mut self) -> &'static str {
        resolver::kind(&self.folders).words()
    }

    fn taken_back_by(&mut self, change: &Change) -> Result<Option<Change>> {
        Ok(match change {
            Change::Link { card, up } => {
                let was = self.there(card)?.up;
                (was != *up).then(|| Change::Link { card: card.clone(), up: was })
            }
            Change::Mac { card, mac } => {
                let was = self.there(card)?.mac;
                was.filter(|was| was != mac).map(|mac| Change::Mac { card: card.clone(), mac })
            }
            Change::Arp { card, on } => {
                let was = self.there(card)?.arp;
                (was != *on).then(|| Change::Arp { card: card.clone(), on: was })
            }
            Change::Mtu { card, mtu } => {
                let was = self.there(card)?.mtu;
                (was != *mtu).then(|| Change::Mtu { card: card.clone(), mtu: was })
            }
            Change::Setting { card, name, value } => {
                let was = read(&self.setting(card, *name)).filter(|was| was != value);
                was.map(|value| Change::Setting { card: card.clone(), name: *name, value })
            }
            Change::Address { card, address, add } => {
                let has = self.there(card)?.addresses.iter().any(|n| n.address == address.address);
                let back = Change::Address { card: card.clone(), address: *address, add: !add };
                (has != *add).then_some(back)
            }
            Change::Route { route, add } => {
                self.there(&route.card)?;
                let back = Change::Route { route: route.clone(), add: !add };
                (self.netlink.has_route(route)? != *add).then_some(back)
            }
            Change::Rule { rule, add } => {
                let back = Change::Rule { rule: rule.clone(), add: !add };
                (self.netlink.has_rule(rule)? != *add).then_some(back)
            }
            Change::Resolver { card, servers } => {
                let before = resolver::servers(&self.folders, card);
                (before != *servers).then(|| Change::Resolver { card: card.clone(), servers: before })
            }
            Change::EndProgram { .. } => None,
        })
    }

    fn apply(&mut self, change: &Change) -> Result<()> {
        if self.netlink.apply(change)? {
            return Ok(());
        }
        match change {
            Change::Setting { card, name, value } => tell(&self.setting(card, *name), value),
            Change::Resolver { card, servers } => resolver::set(&self.folders, card, servers),
            Change::EndProgram { pid, started } => {
                self.programs.end(&PppdRuns { pid: *pid, started: *started });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn lease(
        &mut self,
        card: &Card,
        again: Option<&DhcpLease>,
        limit: Duration,
    ) -> Result<Option<DhcpLease>> {
        let mac = self.there(card)?.mac.unwrap_or_default();
        dhcp::lease(card, mac, again, limit, &self.cancel)
    }

    fn name_servers6(&mut self, card: &Card, limit: Duration) -> Result<Vec<IpAddr>> {
        let mac = self.there(card)?.mac.unwrap_or_default();
        dhcp6::name_servers(card, mac, limit, &self.cancel)
    }

    fn await_address(&mut self, card: &Card, v6: bool, limit: Duration) -> Result<Option<Network>> {
        let end = Instant::now() + limit;
        let news = News::of_addresses();
        loop {
            let state = self.there(card)?;
            if let Some(found) = state.addresses.into_iter().find(|n| n.address.is_ipv6() == v6) {
                return Ok(Some(found));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped on request"));
            }
            match &news {
                Ok(news) => news.wait(LOOK_AGAIN),
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }

    fn probe(&mut self, card: &Card, probe: &Probe) -> Result<Answer> {
        probes::ask(card, probe)
    }

    fn start_pppd(&mut self, port: &dyn ByteLink, pppd: &Pppd) -> Result<PppdRuns> {
        self.programs.start(port, pppd, &self.cancel)
    }

    fn leave_to_pppd(&mut self, port: Box<dyn ByteLink>, runs: &PppdRuns) -> Result<()> {
        self.programs.is_dialled(runs)?;
        drop(port);
        Ok(())
    }

    fn pppd_state(&mut self, runs: &PppdRuns) -> Result<PppdState> {
        let negotiates = || {
            std::thread::sleep(PPPD_LOOK);
            Ok(PppdState::Negotiates)
        };
        let (name, mut found) = match self.programs.state(runs)? {
            None => return negotiates(),
            Some(pppd::Told::Ended(code)) => return Ok(PppdState::Ended(code)),
            Some(pppd::Told::Up { name, state }) => (name, state),
        };
        let Some(card) = self.names().into_iter().find(|card| card.name == name) else { return negotiates() };
        let own = self.there(&card)?.addresses;
        if let PppdState::Up { card: slot, addresses, .. } = &mut found {
            (*slot, *addresses) = (card, own);
        }
        Ok(found)
    }

    fn turn(&mut self, place: &Place) -> Result<Option<File>> {
        let held = "another run takes this stick online or offline just now";
        right(&self.folders, format!("{place}.lock"), TURN, held).map(Some)
    }

    fn stays(&mut self, place: &Place) -> Result<Option<File>> {
        let held = "another run keeps this stick online, and would dial again";
        match right(&self.folders, format!("{place}.stays"), LEAVES, held) {
            // Who may not write there may change nothing else either, which is said where it has to.
            Err(e) if e.is(ErrorKind::PermissionDenied) => Ok(None),
            other => other.map(Some),
        }
    }

    fn keeper(&mut self, place: &Place) -> Option<(u32, bool)> {
        keeper(&self.folders, place)
    }

    fn recall(&mut self, place: &Place) -> Result<Option<Record>> {
        let path = self.record(place);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                let what = format!("cannot read {}", path.display());
                return Err(Error::new(ErrorKind::FileUnreadable, what).because(e));
            }
        };
        let record = serde_json::from_str(&text).ok().and_then(|value| Record::of_json(&value));
        record.filter(|r| r.version == VERSION && r.place == place.as_str()).map(Some).ok_or_else(|| {
            Error::new(ErrorKind::FileCorrupt, "the record of what was changed for this stick cannot be read")
                .with("path", path.display())
        })
    }

    fn keep(&mut self, record: &Record) -> Result<()> {
        let path = self.folders.records.join(format!("{}.json", record.place));
        fs::create_dir_all(&self.folders.records)
            .map_err(|e| Error::new(ErrorKind::FileUnwritable, "records cannot be kept").because(e))?;
        atomic_file::write(&path, format!("{:#}", record.to_json()).as_bytes())
    }

    fn forget(&mut self, place: &Place) -> Result<()> {
        match fs::remove_file(self.record(place)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::FileUnwritable, "a record cannot be removed").because(e))
            }
            _ => Ok(()),
        }
    }

    fn recorded(&mut self) -> Vec<Place> {
        let entries = fs::read_dir(&self.folders.records).into_iter().flatten().flatten();
        let place = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok();
        entries.filter_map(place).collect()
    }

    fn usage(&mut self, place: &Place) -> Option<Usage> {
        Usage::of_json(&serde_json::from_str(&read(&self.usage_file(place))?).ok()?)
    }

    fn keep_usage(&mut self, place: &Place, usage: &Usage) -> Result<()> {
        atomic_file::write(&self.usage_file(place), usage.to_json().to_string().as_bytes())
    }

    fn period(&mut self, per: Per) -> String {
        let mut now = date_and_time(Offset::UTC.to_datetime(jiff::Timestamp::now()), 'T');
        // Of 2026-11-20T13:00:50.
        now.truncate(match per {
            Per::Run => 0,
            Per::Day => 10,
            Per::Month => 7,
        });
        now
    }

    fn reset_port(&mut self, place: &Place) -> Result<()> {
        let path = self.folders.sys.join("bus/usb/devices").join(place.as_str()).join("authorized");
        for value in ["0", "1"] {
            tell(&path, value)?;
            std::thread::sleep(LOOK_AGAIN * 5);
        }
        Ok(())
    }

    fn boot(&mut self) -> String {
        read(&self.folders.proc.join("sys/kernel/random/boot_id")).unwrap_or_default()
    }

    fn may_change(&mut self) -> Result<()> {
        // CAP_NET_ADMIN, by its number.
        let status = read(&self.folders.proc.join("self/status")).unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        if bits.is_none_or(|bits| bits & 1 << 12 != 0) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::PermissionDenied, "addresses and routes are for root to set")
            .with("needs", "root, or the capability net_admin"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stick::UsbId;

    #[test]
    fn one_at_a_time_changes_the_connection_of_a_stick() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders { run: root.path().to_owned(), ..Folders::default() };
        let of = |place: &str| right(&folders, place.to_owned(), Duration::ZERO, "held");
        let held = of("1-1").unwrap();
        let busy = of("1-1").unwrap_err();
        assert!(busy.is(ErrorKind::PortBusy), "{busy:?}");
        assert_eq!(busy.holder(), Some(&*format!("stickshift (pid {})", std::process::id())));
        of("1-2").unwrap();
        drop(held);
        of("1-1").unwrap();
    }

    #[test]
    fn a_process_that_keeps_a_stick_online_and_is_gone_is_known() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders { run: root.path().to_owned(), ..Folders::default() };
        let place: Place = "1-1".parse().unwrap();
        let take = || right(&folders, format!("{place}.stays"), Duration::ZERO, "held");
        let mut held = take().unwrap();
        assert_eq!(keeper(&folders, &place), None, "it goes online and no more");
        held.write_all(KEEPS.as_bytes()).unwrap();
        assert_eq!(keeper(&folders, &place), Some((std::process::id(), true)));
        assert_eq!(take().unwrap_err().holder(), Some(&*format!("stickshift (pid {})", std::process::id())));
        // As the kernel does for a process that is killed.
        drop(held);
        assert_eq!(keeper(&folders, &place), Some((std::process::id(), false)));
        drop(take().unwrap());
        assert_eq!(keeper(&folders, &place), None, "another run came after it");
    }

    #[test]
    fn an_interface_is_taken_by_the_name_that_udev_gives_it() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let folders =
            Folders { sys: at("sys"), proc: at("proc"), etc: at("etc"), run: at("run"), records: at("r") };
        let net = at("sys/class/net");
        for folder in [net.join("wwan0"), at("run/udev/data")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(at("run/udev/control"), "").unwrap();
        fs::write(net.join("wwan0/ifindex"), "7").unwrap();
        std::os::unix::fs::symlink("../../../devices/1-1.2:1.2", net.join("wwan0/device")).unwrap();
        let computer = SysComputer::open(folders, &Cancel::new()).unwrap();
        let named = |place: &str| {
            let names = computer.named(&Stick::new(place.parse().unwrap(), UsbId::new(0x12d1, 0x1506)));
            names.into_iter().map(|card| card.name).collect::<Vec<_>>()
        };
        assert!(named("1-1").is_empty(), "another stick's");
        let udev = std::thread::spawn({
            let (from, to, data) = (net.join("wwan0"), net.join("stick1-1.2"), at("run/udev/data/n7"));
            move || {
                fs::rename(from, to).unwrap();
                fs::write(data, "").unwrap();
            }
        });
        assert_eq!(named("1-1.2"), ["stick1-1.2"]);
        udev.join().unwrap();
    }
}
