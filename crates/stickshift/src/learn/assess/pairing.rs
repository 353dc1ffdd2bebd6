//! Which device that came is which one that left.

use std::cmp::Reverse;

use crate::learn::device::Device;
use crate::profile::Catalogue;
use crate::stick::UsbId;

/// Sticks come back sooner than this, in nanoseconds.
pub(super) const RETURN: u64 = 90_000_000_000;
/// Both may be seen this long: hubs are asked in rounds.
const OVERLAP: u64 = 3_000_000_000;
/// A device that still answers so long after another one came did not become it; packets of several buses are out of order by less.
const STILL_THERE: u64 = 500_000_000;
/// Devices that one could have become which are looked at: the best.
const MAX_PAIRS: usize = 64;
/// Rounds in which those are paired of whom there is no doubt.
const MAX_ROUNDS: usize = 32;
/// One that comes so much later than another is no rival of it.
const APART: u64 = 20_000_000_000;

/// What one device became, and what it or others might have become as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairing {
    pub(super) after: Option<usize>,
    /// Devices that came too and could be it.
    pub(super) others: Vec<usize>,
    /// Sticks that left too and could have become the same.
    pub(super) sticks: Vec<usize>,
}

/// How well two fit, the strongest fact first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    same_port: bool,
    /// Of the same vendor, or named as its target by the catalogue.
    related: bool,
    same_bus: bool,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    fit: Fit,
    /// It was asked who it is, and came when the other one had left.
    came_after: bool,
    /// The catalogue names it as the target.
    is_target: bool,
    /// It is a disk, or as the other one was: more may become of it.
    passes: bool,
    after: usize,
}

/// A device that left, with all that could be what it became.
struct Stick {
    at: usize,
    pairs: Vec<Pair>,
}

/// Pairs those that left (`active` got something, in the order in which they left; `idle` nothing) with those that came.
pub(super) fn pairings(devices: &[Device], active: &[usize], idle: &[usize]) -> Vec<Pairing> {
    let mut found = vec![Pairing::default(); devices.len()];
    let mut taken = vec![false; devices.len()];
    let mut sticks: Vec<Stick> =
        active.iter().map(|at| Stick { at: *at, pairs: pairs(devices, *at) }).collect();
    keep_the_strongest(devices, &mut sticks);
    // Whom the catalogue names as the target of some stick here.
    let mut wanted = vec![false; devices.len()];
    sticks.iter().flat_map(|s| &s.pairs).filter(|p| p.is_target).for_each(|p| wanted[p.after] = true);
    let choices = |stick: &Stick, taken: &[bool]| choose(devices, stick, &wanted, taken);

    // Those of whom there is no doubt first: what they became is nobody else's.
    for _ in 0..MAX_ROUNDS {
        let mut again = false;
        for stick in sticks.iter().filter(|s| !s.pairs.is_empty()) {
            if found[stick.at].after.is_none()
                && let Some((best, others)) = choices(stick, &taken)
                && others.is_empty()
            {
                found[stick.at].after = Some(best);
                taken[best] = true;
                again = true;
            }
        }
        if !again {
            break;
        }
    }
    // The others in the order in which they left: that is a guess.
    let doubtful: Vec<(&Stick, Vec<usize>)> = sticks
        .iter()
        .filter(|s| found[s.at].after.is_none())
        .filter_map(|stick| {
            let (best, mut others) = choices(stick, &taken)?;
            others.push(best);
            Some((stick, others))
        })
        .collect();
    for (stick, mut all) in doubtful {
        let Some((best, _)) = choices(stick, &taken) else { continue };
        taken[best] = true;
        all.retain(|other| *other != best);
        all.sort_by_key(|other| devices[*other].first.0);
        found[stick.at] = Pairing { after: Some(best), others: all, sticks: Vec::new() };
    }
    // Nothing was left for these.
    let nobody = vec![false; devices.len()];
    for stick in &sticks {
        if found[stick.at].after.is_some() {
            continue;
        }
        let Some((wanted, _)) = choices(stick, &nobody) else { continue };
        let owner = active.iter().find(|a| found[**a].after == Some(wanted));
        if let Some(owner) = owner.filter(|owner| !got_the_same(&devices[**owner], &devices[stick.at])) {
            found[*owner].sticks.push(stick.at);
        }
    }
    for at in idle {
        let stick = Stick { at: *at, pairs: pairs(devices, *at) };
        if let Some((best, others)) = choose(devices, &stick, &wanted, &taken) {
            taken[best] = true;
            found[*at] = Pairing { after: Some(best), others, sticks: Vec::new() };
        }
    }
    found
}

/// Whether two sticks are of the same kind and were sent the same: then it does not matter which of them became what.
fn got_the_same(a: &Device, b: &Device) -> bool {
    let last = |d: &Device| d.sent.back().cloned();
    let same = matches!((last(a), last(b)), (Some(x), Some(y)) if x.same(&y));
    a.id().is_some() && a.id() == b.id() && same
}

/// All that could be what a device became.
fn pairs(devices: &[Device], at: usize) -> Vec<Pair> {
    let a = &devices[at];
    let targets = targets(a);
    let all = devices.iter().enumerate().filter(|(j, _)| *j != at);
    let mut found: Vec<Pair> = all.filter_map(|(j, b)| pair(a, b, &targets, j)).collect();
    found.sort_by_key(|p| (Reverse(p.fit), devices[p.after].first.0));
    found.truncate(MAX_PAIRS);
    found
}

/// What the catalogue says that it becomes.
fn targets(device: &Device) -> Vec<UsbId> {
    let Some(id) = device.id() else { return Vec::new() };
    let chosen = Catalogue::builtin().choose(id, &device.seen(0).attributes()).chosen;
    chosen.map_or(Vec::new(), |chosen| chosen.entry.targets())
}

fn pair(a: &Device, b: &Device, targets: &[UsbId], after: usize) -> Option<Pair> {
    if b.is_hub || b.address == 0 || b.first.0 <= a.first.0 {
        return None;
    }
    let left = a.gone.map_or(a.last, |g| (g.number, g.time_ns));
    // What made it leave came before what it became.
    let sent = a.sent.iter().map(|s| s.number);
    let selected = a.selected.iter().filter(|s| s.2 != 0).map(|s| s.0);
    let asked = sent.chain(selected).filter(|number| *number <= left.0).max();
    if asked.is_some_and(|number| number > b.first.0) {
        return None;
    }
    // It is somebody else when the first one goes on.
    if b.first.1.saturating_add(STILL_THERE) < a.alive.1
        || b.first.1.saturating_add(OVERLAP) < left.1
        || b.first.1 > left.1.saturating_add(RETURN)
    {
        return None;
    }
    let same_port = a.port.is_some() && a.port == b.port && a.bus == b.bus;
    if a.bus == b.bus && a.port.is_some() && b.port.is_some() && !same_port {
        return None;
    }
    let same_vendor = matches!((a.descriptor, b.descriptor), (Some(a), Some(b)) if a.vendor == b.vendor);
    if (a.bus != b.bus && !same_vendor) || !is_plausible(a, b) {
        return None;
    }
    let is_target = b.id().is_some_and(|id| targets.contains(&id));
    let fit = Fit { same_port, related: same_vendor || is_target, same_bus: a.bus == b.bus };
    let came_after = b.was_asked() && b.first.0 > left.0.max(a.alive.0);
    let passes = b.is_only_storage() || unchanged(a, b);
    Some(Pair { fit, came_after, is_target, passes, after })
}

/// Of those who could have become a device, the ones with the strongest claim.
fn keep_the_strongest(devices: &[Device], sticks: &mut [Stick]) {
    let mut strongest: Vec<Option<Fit>> = vec![None; devices.len()];
    for pair in sticks.iter().flat_map(|s| &s.pairs) {
        strongest[pair.after] = strongest[pair.after].max(Some(pair.fit));
    }
    for stick in sticks {
        stick.pairs.retain(|pair| strongest[pair.after] == Some(pair.fit));
    }
}

/// The best of those that are not taken, and its rivals.
fn choose(devices: &[Device], stick: &Stick, wanted: &[bool], taken: &[bool]) -> Option<(usize, Vec<usize>)> {
    let mut group: Vec<Pair> = stick.pairs.iter().filter(|p| !taken[p.after]).copied().collect();
    let fit = group.iter().map(|p| p.fit).max()?;
    group.retain(|p| p.fit == fit);
    // By frames, not by times: captures were pasted together before.
    group.sort_by_key(|p| devices[p.after].first.0);
    let soon = devices[group.first()?.after].first.1.saturating_add(APART);
    group.retain(|p| devices[p.after].first.1 <= soon);
    let came_after = group.iter().any(|p| p.came_after);
    group.retain(|p| p.came_after == came_after);

    // A disk, or one that is as it was, is what it became only where that one left again before the next one came. Where leaving is not
    // seen, it got a message and said no more.
    let left_before = |p: &Pair, next: &Pair| {
        let (one, comes) = (&devices[p.after], devices[next.after].first.0);
        let got = one.sent.back().is_some_and(|sent| sent.number < comes);
        one.gone.map_or(got && one.last.0 < comes, |gone| gone.number < comes)
    };
    let first = *group.first()?;
    let end = group.iter().find(|p| !p.passes);
    let mut best = match end {
        Some(end) if first.passes && !left_before(&first, end) => *end,
        _ => first,
    };
    if !best.passes
        && let Some(target) = group.iter().find(|p| p.is_target && !left_before(&best, p))
    {
        best = *target;
    }
    let is_rival = |p: &&Pair| {
        let (id, other) = (devices[best.after].id(), devices[p.after].id());
        let is_anothers = !p.is_target && wanted[p.after];
        p.after != best.after
            && (id.is_none() || id != other)
            && (best.passes || !p.passes)
            && !left_before(&best, p)
            && !is_anothers
    };
    let others =
        if fit.same_port { Vec::new() } else { group.iter().filter(is_rival).map(|p| p.after).collect() };
    Some((best.after, others))
}

/// Whether one device may be what another one becomes: it is of the same vendor, or it is a modem or a network card.
pub(super) fn is_plausible(before: &Device, after: &Device) -> bool {
    let same_vendor = match (before.descriptor, after.descriptor) {
        (Some(a), Some(b)) => a.vendor == b.vendor,
        _ => true,
    };
    same_vendor || after.may_be_modem()
}

/// Whether a stick came back as what it was.
pub(super) fn unchanged(before: &Device, after: &Device) -> bool {
    let (Some(a), Some(b)) = (before.id(), after.id()) else { return false };
    if a != b {
        return false;
    }
    let (old, new) = (before.active_interfaces(), after.active_interfaces());
    if old.is_empty() || new.is_empty() { after.is_storage() } else { old == new }
}
