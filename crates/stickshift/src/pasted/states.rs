//! Two states in one text: what `lsusb` or `usb-devices` showed before something was done, and after it. The later one is the present one.

use std::collections::BTreeSet;

use super::{Format, NO_ID, PastedDevice, Reader, order};

/// Words between two lists of which the second is the later one.
const AFTER: &str = "reboot rebooted rebooting reboots restart restarted replugged replugging neustart neugestartet перезагрузки \
    перезагрузка redémarrage reinicio riavvio after afterwards now then later becomes became changed nach danach nachher jetzt dann anschließend \
    после теперь стало потом затем po teraz potem après maintenant después ahora dopo adesso depois agora";
/// Of which the first is.
const BEFORE: &str =
    "before previously earlier vorher davor раньше до przed przedtem wcześniej avant antes prima";
/// Words for another device that is there at the same time.
const ANOTHER: &str = "second other another both also too zweite zweiten zweiter andere anderen auch второй другой также \
    тоже drugi inny też autre aussi otro también altro anche";
/// Commands that print a list.
const COMMANDS: &str = "lsusb usb-devices";
/// Number of the host controller's own hub on each bus: a list that shows one shows all devices.
const ROOT_HUB: u16 = 1;
/// bInterfaceClass of a drive.
const STORAGE: u8 = 0x08;
/// Linux's lists name a device so often in one text; more are not counted.
const MOST_LISTED: usize = 32;

/// Texts between lists; more are not looked at.
const MOST_BETWEEN: usize = 1024;

/// What stands in the text when the two differ.
const CHANGED: &str = "two states of it are in the text: the later one is told";
const AGAIN: &str = "it is in the text twice, under two addresses: it came again in between";
const NOT_LISTED: &str = "the later list does not show it";

/// The order of the lists' lines, and what stood between them.
#[derive(Debug, Default)]
pub(super) struct States {
    /// Lines that named a device so far.
    count: u32,
    /// Text of another kind before the line of that number.
    between: Vec<(u32, Between)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Between {
    /// It says that another list follows.
    follows: bool,
    /// And that this is an older one.
    older: bool,
}

impl States {
    /// The number of a line that names a device.
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count - 1
    }

    /// A line of no list.
    pub(super) fn other(&mut self, text: &str) {
        if order::is_stamped(text) {
            return;
        }
        let text = text.to_lowercase();
        let words = || text.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| !word.is_empty());
        let has = |all: &str| words().any(|word| all.split_whitespace().any(|one| one == word));
        let (after, before) = (has(AFTER), has(BEFORE));
        // Such a list shows one device, and says nothing of the others.
        let shows_one = text.contains(" -s")
            || text.split_once(" -d").is_some_and(|(_, ids)| {
                let ids = ids.split_whitespace().next().unwrap_or_default();
                ids.split_once(':').is_some_and(|(_, product)| !product.is_empty())
            });
        let follows = (after || before || has(COMMANDS) && !shows_one) && !has(ANOTHER);
        let told = Between { follows, older: before && !after };
        let same = self.between.last_mut().filter(|(count, _)| *count == self.count);
        if let Some((_, between)) = same {
            between.follows |= told.follows;
            between.older |= told.older;
        } else if self.between.len() < MOST_BETWEEN {
            self.between.push((self.count, told));
        }
    }
}

/// Devices that are listed together, by their index, and whether the words before it say that it is an older state.
#[derive(Debug, Default)]
struct List {
    devices: BTreeSet<usize>,
    older: bool,
}

/// Whether one device can be an earlier state of the other: it has the same maker, or shows drives alone, of which a switch makes anything.
/// Several people's posts in one text have the same places.
fn may_become(one: &PastedDevice, other: &PastedDevice) -> bool {
    let mut interfaces = one.configurations.iter().flat_map(|c| &c.interfaces);
    one.id == NO_ID || one.id.vendor == other.id.vendor || interfaces.all(|i| i.class[0] == STORAGE)
}

impl Reader {
    /// A line names the device with that index.
    pub(super) fn listed(&mut self, index: usize) {
        let number = self.states.next();
        if let Some(device) = self.devices.get_mut(index).filter(|d| d.listed_at.len() < MOST_LISTED) {
            device.listed_at.push(number);
        }
    }

    /// Leaves of each device that is in the text in two states the later one.
    pub(super) fn settle_states(&mut self) {
        self.join_bare_ids();
        let lists = self.lists();
        let mut follower: Vec<Option<usize>> = vec![None; self.devices.len()];
        // The first and the last list that shows each device.
        let mut shown = vec![(usize::MAX, 0); self.devices.len()];
        for (number, list) in lists.iter().enumerate() {
            for index in &list.devices {
                shown[*index] = (shown[*index].0.min(number), number);
            }
        }
        for (number, list) in lists.iter().enumerate() {
            let missing: Vec<usize> =
                list.devices.iter().copied().filter(|i| shown[*i].1 == number).collect();
            if missing.is_empty() {
                continue;
            }
            let later = &lists[number + 1..];
            for next in later {
                let new: Vec<usize> = next.devices.iter().copied().filter(|i| shown[*i].0 > number).collect();
                if !new.is_empty() {
                    self.pair(&missing, &new, self.is_whole(list) && self.is_whole(next), &mut follower);
                }
            }
            let last = later.last().filter(|last| self.is_whole(list) && self.is_whole(last));
            for index in missing.into_iter().filter(|i| last.is_some() && follower[*i].is_none()) {
                self.devices[index].gone = true;
                self.devices[index].remark(NOT_LISTED);
            }
        }
        // At one place stands one device; the order in the text tells which came later.
        let stands = |d: &PastedDevice| (d.place.clone(), d.hangs_on);
        let all = || (0..self.devices.len()).filter(|i| stands(&self.devices[*i]) != (None, None));
        for (one, other) in all().flat_map(|one| all().map(move |other| (one, other))) {
            let (a, b) = (&self.devices[one], &self.devices[other]);
            let differ = a.id != b.id || a.address != b.address;
            let open = follower[one].is_none() && follower[other] != Some(one);
            if one < other && open && stands(a) == stands(b) && differ && b.id != NO_ID && may_become(a, b) {
                follower[one] = Some(other);
            }
        }
        self.merge(&follower);
    }

    /// A line with ids alone, as `grep` leaves it of lsusb, and the only device with these ids are one.
    fn join_bare_ids(&mut self) {
        for index in (0..self.devices.len()).rev() {
            let told = |d: &PastedDevice| {
                d.place.is_some()
                    || d.address.is_some()
                    || !matches!(d.formats[..], [Format::Lsusb | Format::Windows])
            };
            let bare = &self.devices[index];
            let same = |i: &usize| *i != index && self.devices[*i].id == bare.id;
            let mut others = (0..self.devices.len()).filter(same);
            if let (false, Some(other), None) = (told(bare), others.next(), others.next())
                && told(&self.devices[other])
            {
                let bare = self.devices[index].clone();
                let device = &mut self.devices[other];
                device.listed_as = device.listed_as.take().or(bare.listed_as);
                device.release = device.release.or(bare.release);
                bare.formats.into_iter().for_each(|format| device.is_in(format));
                self.devices.remove(index);
            }
        }
    }

    fn merge(&mut self, follower: &[Option<usize>]) {
        for (index, next) in follower.iter().enumerate() {
            let Some(next) = *next else { continue };
            let before = std::mem::replace(&mut self.devices[index], PastedDevice::new(NO_ID));
            let device = &mut self.devices[next];
            let mut earlier = before.earlier.clone();
            if before.id == device.id {
                if before.address.is_some() && device.address.is_some() {
                    device.remark(AGAIN);
                }
                if device.configurations.is_empty() && device.attached.is_empty() {
                    *device = PastedDevice {
                        address: device.address,
                        remarks: std::mem::take(&mut device.remarks),
                        ..before
                    };
                }
            } else {
                earlier.push(before.id);
                device.remark(CHANGED);
            }
            earlier.append(&mut device.earlier);
            device.earlier = earlier;
        }
        let mut index = 0;
        self.devices.retain(|_| {
            index += 1;
            follower.get(index - 1).is_none_or(Option::is_none)
        });
    }

    /// Finds for those that are missing in a later list what they became there.
    fn pair(&self, missing: &[usize], new: &[usize], whole: bool, follower: &mut [Option<usize>]) {
        let open = |follower: &[Option<usize>]| -> (Vec<usize>, Vec<usize>) {
            let no_hub = |i: &usize| self.devices[*i].class[0] != 0x09 && self.devices[*i].id != NO_ID;
            let taken = |i: &usize| follower.contains(&Some(*i));
            (
                missing.iter().copied().filter(|i| follower[*i].is_none() && no_hub(i)).collect(),
                new.iter().copied().filter(|i| !taken(i) && no_hub(i)).collect(),
            )
        };
        let (before, after) = open(follower);
        for one in before {
            let device = &self.devices[one];
            let same = |other: &&usize| {
                let other = &self.devices[**other];
                device.address.is_some() && device.address == other.address
            };
            if let Some(other) = after.iter().find(same) {
                follower[one] = Some(*other);
            }
        }
        let (before, _) = open(follower);
        for vendor in before.iter().map(|i| self.devices[*i].id.vendor).collect::<BTreeSet<_>>() {
            let of_vendor = |all: Vec<usize>| -> Vec<usize> {
                all.into_iter().filter(|i| self.devices[*i].id.vendor == vendor).collect()
            };
            let (before, after) = open(follower);
            let (before, after) = (of_vendor(before), of_vendor(after));
            // Of two sticks, which one changed is not told.
            if before.len() == after.len() {
                before.into_iter().zip(after).for_each(|(one, other)| follower[one] = Some(other));
            }
        }
        let (before, after) = open(follower);
        if let ([one], [other], true) = (&before[..], &after[..], whole) {
            follower[*one] = Some(*other);
        }
    }

    /// Whether a list shows the whole system.
    fn is_whole(&self, list: &List) -> bool {
        list.devices.iter().any(|i| self.devices[*i].address.is_some_and(|(_, number)| number == ROOT_HUB))
    }

    /// The lists of the text, the oldest first.
    fn lists(&self) -> Vec<List> {
        let mut named: Vec<(u32, usize)> = Vec::new();
        for (index, device) in self.devices.iter().enumerate() {
            named.extend(device.listed_at.iter().map(|number| (*number, index)));
        }
        named.sort_unstable();
        let mut lists: Vec<List> = Vec::new();
        let mut begun = 0;
        // Texts that stand after the line before `from`, up to the line `to`; their numbers ascend.
        let texts = |from: u32, to: u32| {
            let all = &self.states.between;
            let begin = all.partition_point(|(number, _)| *number < from);
            &all[begin..all.partition_point(|(number, _)| *number <= to).max(begin)]
        };
        for part in named.chunk_by(|(one, _), (next, _)| texts(one + 1, *next).is_empty()) {
            let devices: BTreeSet<usize> = part.iter().map(|(_, index)| *index).collect();
            let between = texts(begun, part[0].0).iter();
            let (follows, older) =
                between.fold((false, false), |(f, o), (_, b)| (f || b.follows, o || b.older));
            begun = part[part.len() - 1].0 + 1;
            let follows = follows || lists.len() == 1 && lists[0].older;
            let clashes = |one: &usize, other: &usize| {
                let (one, other) = (&self.devices[*one], &self.devices[*other]);
                one.address.is_some() && one.address == other.address
            };
            match lists.last_mut() {
                Some(last)
                    if !follows
                        && !devices.iter().any(|i| last.devices.iter().any(|other| clashes(i, other))) =>
                {
                    last.devices.extend(devices);
                }
                _ => lists.push(List { devices, older }),
            }
        }
        // What stands before the first list says nothing of the others.
        if let [first, second] = &mut lists[..]
            && second.older
        {
            std::mem::swap(first, second);
        }
        lists
    }
}
