//! What the options `--virtual`, `--virtual-state`, `--fault`, `--seed` and `--owner` make: a virtual computer with virtual sticks.

use std::collections::BTreeMap;
use std::time::Duration;

use stickshift::error::{Error, ErrorKind, Result, counted as in_words};
use stickshift::event::Event;
use stickshift::online::Weather;
use stickshift::stick::Place;
use stickshift_emu::computer::{Action, ComputerFaults, ModemManager, VirtualBus};
use stickshift_emu::device::Device;
use stickshift_emu::fault::Fault;
use stickshift_emu::sticks::catalogue;
use stickshift_emu::sticks::huawei::HuaweiStick;
use stickshift_emu::sticks::mbim::MbimStick;
use stickshift_emu::sticks::zerocd::ZeroCd;

use crate::any_stick;
use crate::from_text;
use crate::options::VirtualOptions;
use crate::virtual_computer::{VirtualComputer, fault_strikes};
use crate::virtual_state::{self, Kept, MOST_STICKS, PlayedStick};

/// The virtual bus with nothing on it.
const NONE: &str = "none";
/// ModemManager keeps them for longer than any verb runs.
const LONG: Duration = Duration::from_secs(24 * 3600);
/// How long the virtual owner takes to follow an instruction.
const OWNER_ACTS: Duration = Duration::from_secs(20);

/// The virtual computer of this run, and what was plugged into it.
#[derive(Clone)]
pub(crate) struct Played {
    pub(crate) bus: VirtualBus,
    pub(crate) sticks: Vec<PlayedStick>,
    /// What `online` changes of it.
    pub(crate) computer: VirtualComputer,
    /// Faults of the network that cannot strike here.
    idle: Vec<String>,
}

impl VirtualOptions {
    /// The seed that was given, or the usual one.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }

    /// The virtual bus that was asked for, with the sticks of the state file where there is one.
    ///
    /// # Errors
    /// As [`bus`](Self::bus) and [`virtual_state::read`]; `Usage` when the file holds other sticks than were named.
    pub(crate) fn asked_for(&self) -> Result<Played> {
        let kept = self.state.as_deref().map(virtual_state::read).transpose()?.flatten();
        let Some(kept) = kept else {
            return match (&self.names, &self.state) {
                (Some(names), _) => self.bus(names),
                (None, Some(file)) => {
                    let what =
                        format!("{} does not exist: --virtual NAME makes its first stick", file.display());
                    Err(Error::new(ErrorKind::FileNotFound, what))
                }
                (None, None) => Err(Error::new(ErrorKind::Usage, "no virtual stick was named")),
            };
        };
        let there: Vec<String> = kept.iter().map(|kept| kept.name.clone()).collect();
        let same = match &self.names {
            Some(names) => there == each_of(names)?,
            None => true,
        };
        let there = there.join(",");
        let seed = kept.first().map_or(self.seed(), |kept| kept.seed);
        if !same || self.seed.is_some_and(|given| given != seed) {
            let what = "the state file holds another virtual stick, or one with another seed: name another file, or delete it";
            return Err(Error::new(ErrorKind::Usage, what).with("holds", format!("{there}, seed {seed}")));
        }
        self.computer(kept)
    }

    /// A virtual bus with the named sticks at 1-1, 1-2 and so on, as new. The faults are those of the first stick, or of that whose number
    /// follows one, except for those of the computer.
    ///
    /// # Errors
    /// `Usage` when there is no such virtual stick or the faults do not read.
    pub(crate) fn bus(&self, names: &str) -> Result<Played> {
        let each = each_of(names)?;
        let new = (0..).zip(&each).map(|(number, name)| Kept::new(name, self.seed().wrapping_add(number)));
        self.computer(new.collect())
    }

    fn computer(&self, sticks: Vec<Kept>) -> Result<Played> {
        let bus = VirtualBus::new();
        let computer = ComputerFaults::of(self.fault.as_deref())?;
        bus.set_no_access(computer.no_access);
        if computer.port_held {
            bus.set_modem_manager(Some(ModemManager { keeps: LONG, ..ModemManager::default() }));
        }
        let mut faults = of_each(computer.stick.as_deref())?;
        let (weather, idle) = weather(&faults, sticks.len());
        let (mut played, mut configured) = (Vec::new(), Vec::new());
        for (number, kept) in (1..).zip(sticks) {
            let mut stick = made(&kept.name, kept.seed, faults.remove(&number).as_deref())?;
            kept.go_on(stick.as_mut())?;
            let place: Place = format!("1-{number}").parse().unwrap_or_else(|()| unreachable!("a place"));
            bus.plug(&place, stick);
            played.push(PlayedStick { place: place.clone(), name: kept.name.clone(), seed: kept.seed });
            configured.extend(kept.configuration.map(|value| (place, value, kept)));
        }
        if let Some(faults) = faults.into_values().next() {
            return Err(Error::new(
                ErrorKind::Usage,
                "there is no virtual stick that the faults could be of",
            )
            .with("fault", faults));
        }
        // It was plugged in a minute ago.
        bus.advance(Duration::from_secs(60));
        for (place, value, kept) in configured {
            if !bus.configure(&place, value) {
                return Err(kept.corrupt("it has no such configuration"));
            }
        }
        let computer = VirtualComputer::beside(&bus, weather);
        Ok(Played { bus, sticks: played, computer, idle })
    }

    /// Number `number` of several virtual sticks of that name, counted from 0, with its seed and the faults.
    ///
    /// # Errors
    /// As [`bus`](Self::bus).
    pub(crate) fn stick(&self, name: &str, number: u16) -> Result<Box<dyn Device>> {
        made(name, self.seed().wrapping_add(number.into()), self.fault.as_deref())
    }

    /// Progress reports after which Ctrl-C is simulated.
    pub(crate) fn ctrl_c(&self) -> Option<u32> {
        ComputerFaults::of(self.fault.as_deref()).ok().and_then(|computer| computer.ctrl_c)
    }
}

/// The name of each stick that is asked for.
///
/// # Errors
/// `Usage` for more than there is room for, and what reading a file reports.
fn each_of(names: &str) -> Result<Vec<String>> {
    let mut each = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| *name != NONE) {
        let (name, count) = counted(name);
        for _ in 0..count.min(MOST_STICKS + 1) {
            each.extend(from_text::each(name)?);
        }
    }
    if each.len() > MOST_STICKS {
        let what = format!("a virtual computer has room for {MOST_STICKS} sticks");
        return Err(Error::new(ErrorKind::Usage, what));
    }
    Ok(each)
}

/// A name, and how many sticks of it: `e3372h-hilink=40` are forty.
fn counted(name: &str) -> (&str, usize) {
    match name.rsplit_once('=').map(|(name, count)| (name, count.parse())) {
        Some((name, Ok(count))) => (name, count),
        _ => (name, 1),
    }
}

/// The faults of each stick, by its number: the word `unplug@20#3` is of the third, one without a number of the first.
///
/// # Errors
/// `Usage`.
fn of_each(faults: Option<&str>) -> Result<BTreeMap<usize, String>> {
    let mut each: BTreeMap<usize, String> = BTreeMap::new();
    for fault in faults.unwrap_or_default().split(',').map(str::trim).filter(|fault| !fault.is_empty()) {
        let (word, number) = match fault.split_once('#') {
            Some((word, number)) => (word, number.parse().ok().filter(|number| *number > 0)),
            None => (fault, Some(1)),
        };
        let Some(number) = number else {
            let what = "the number of a virtual stick follows #, as in unplug@20#3";
            return Err(Error::new(ErrorKind::Usage, what).with("fault", fault));
        };
        let of_stick = each.entry(number).or_default();
        if !of_stick.is_empty() {
            of_stick.push(',');
        }
        of_stick.push_str(word);
    }
    Ok(each)
}

/// The weather that the faults of the only stick make, and the faults that cannot strike: the computer in memory has one network for all sticks.
fn weather(faults: &BTreeMap<usize, String>, sticks: usize) -> (Weather, Vec<String>) {
    let mut weather = Weather::default();
    let words = faults.values().flat_map(|words| words.split(','));
    let striking = words.filter(|word| {
        let name = word.split(['@', '=', ':']).next().unwrap_or_default();
        fault_strikes(&mut weather, name)
    });
    let striking: Vec<&str> = striking.collect();
    if sticks < 2 {
        return (weather, Vec::new());
    }
    let of_network_alone = ["portal", "no-names", "names-only", "mtu-hole"];
    let idle = striking.into_iter().filter(|word| of_network_alone.contains(word));
    let idle = idle.map(|word| format!("{word} (several virtual sticks share one network)")).collect();
    (Weather::default(), idle)
}

fn made(name: &str, seed: u64, fault: Option<&str>) -> Result<Box<dyn Device>> {
    if let Some(stick) = from_text::named(name, fault)? {
        return Ok(stick);
    }
    match any_stick::named(name, fault)? {
        Some(stick) => Ok(stick),
        None => catalogue::virtual_stick(name, seed, fault).map_err(|error| {
            let is_unknown = error.what().starts_with("there is no virtual stick named");
            let is_file = is_unknown && std::path::Path::new(name).is_file();
            let what = format!("there is no virtual stick named {name}; the file of that name is ./{name}");
            if is_file { Error::new(ErrorKind::Usage, what) } else { error }
        }),
    }
}

impl Played {
    /// The faults that never struck, each with why as far as it is known.
    pub(crate) fn unfired(&self) -> Vec<String> {
        let mut unfired = self.idle.clone();
        for stick in &self.sticks {
            let of_requests = |stick: &mut HuaweiStick| {
                let steps = stick.steps();
                stick.unfired().map(|fault| unfired_words(fault, steps, "request")).collect::<Vec<_>>()
            };
            unfired.extend(self.bus.with(&stick.place, of_requests).unwrap_or_default());
            let of_messages = |stick: &mut MbimStick| {
                let steps = stick.steps();
                stick.unfired().map(|fault| unfired_words(fault, steps, "message")).collect::<Vec<_>>()
            };
            unfired.extend(self.bus.with(&stick.place, of_messages).unwrap_or_default());
            let of_message = self.bus.with(&stick.place, |stick: &mut ZeroCd| stick.unfired()).flatten();
            unfired
                .extend(of_message.map(|behaviour| format!("{} (no switch message came)", behaviour.word())));
            let of_network = |stick: &mut ZeroCd| stick.idle().map(ToString::to_string).collect::<Vec<_>>();
            unfired.extend(self.bus.with(&stick.place, of_network).unwrap_or_default());
        }
        unfired
    }

    /// The same computer, as seen by whoever works with the stick at `place` alone.
    pub(crate) fn only(&self, place: &Place) -> Played {
        let sticks = self.sticks.iter().filter(|stick| stick.place == *place).cloned().collect();
        Played { bus: self.bus.clone(), sticks, computer: self.computer.clone(), idle: Vec::new() }
    }

    /// What an owner with a needle does when an event asks for the boot pin.
    pub(crate) fn owner_hears(&self, event: &Event) {
        if !asks_for_the_pin(event) {
            return;
        }
        for stick in &self.sticks {
            if self.bus.with(&stick.place, HuaweiStick::hold_boot_pin).is_some() {
                self.bus.schedule(OWNER_ACTS, &stick.place, Action::Replug);
            }
        }
    }
}

/// A fault without a step waits for no further request: the stick has nothing that it could strike.
fn unfired_words(fault: &Fault, steps: u32, what: &str) -> String {
    match fault.step {
        Some(_) => format!("{fault} (the stick received {})", in_words(steps, what)),
        None => fault.to_string(),
    }
}

/// Whether the owner is told to ground the boot pin.
pub(crate) fn asks_for_the_pin(event: &Event) -> bool {
    matches!(event, Event::Step { code: "boot-pin", .. } | Event::Warning { code: "boot-pin-missed", .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::virtual_owner::flashable;

    #[test]
    fn each_stick_of_several_has_the_next_seed() {
        let options = |seed| VirtualOptions { seed, ..VirtualOptions::default() };
        let imei = |options: &VirtualOptions, number| {
            let mut stick = options.stick("e3372h-stick", number).unwrap();
            flashable(stick.as_mut()).unwrap().identity().imei
        };
        assert_ne!(imei(&options(None), 0), imei(&options(None), 1));
        assert_eq!(imei(&options(None), 4), imei(&options(Some(3)), 2));
    }

    #[test]
    fn faults_of_the_network_are_the_weather_of_the_only_stick() {
        let of = |words: &str, sticks| weather(&of_each(Some(words)).unwrap(), sticks);
        let (portal, idle) = of("portal", 1);
        assert!(portal.page.0 == 302 && idle.is_empty());
        assert!(!of("no-names", 1).0.names && of("mtu-hole", 1).0.largest == 1420);
        assert_eq!(of("names-only", 1).0.page, (0, None));
        assert_eq!(of("refused=33", 1).0.pppd_ends, Some(16));
        assert_eq!(of("drop@3", 1).0, Weather::default());
        // One network for all of them: it is said that nothing happens.
        let (plain, idle) = of("portal#2,drop@3", 2);
        assert!(plain == Weather::default() && idle[0].starts_with("portal ("), "{idle:?}");
    }

    #[test]
    fn names_have_counts_and_faults_have_numbers() {
        assert_eq!(counted("e3372h-hilink=40"), ("e3372h-hilink", 40));
        assert_eq!(counted("./a=b"), ("./a=b", 1));
        let each = of_each(Some("drop@3, unplug@20#3,nak=07@9")).unwrap();
        assert_eq!(each, BTreeMap::from([(1, "drop@3,nak=07@9".to_owned()), (3, "unplug@20".to_owned())]));
        for bad in ["drop@3#0", "drop@3#", "drop@3#x"] {
            assert!(of_each(Some(bad)).unwrap_err().is(ErrorKind::Usage), "{bad}");
        }
        let options =
            VirtualOptions { names: Some("k3772=2,e3372h-stick".to_owned()), ..VirtualOptions::default() };
        let played = options.asked_for().unwrap();
        let seeds: Vec<u64> = played.sticks.iter().map(|stick| stick.seed).collect();
        assert_eq!(seeds, [1, 2, 3]);
        let crowd = VirtualOptions::default().bus("k3772=121").map(|_| ());
        assert!(crowd.unwrap_err().is(ErrorKind::Usage));
    }
}
