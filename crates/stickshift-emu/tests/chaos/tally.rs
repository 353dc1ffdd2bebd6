//! Counting, and what the counts must be.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::proxy::{Faults, Kind};

/// What one fault may cost at most, besides the time that it took by itself: silence is noticed after three seconds at the latest, the
/// question what became of a request may have to be asked again, and a phase is changed after both were asked.
const COST: Duration = Duration::from_secs(14);

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Well,
    /// By doing what the first run's verdict said.
    WellAgain,
    Badly,
}

#[derive(Default)]
pub(crate) struct Tally {
    by_kind: BTreeMap<Kind, [u32; 3]>,
    ends: [u32; 3],
    longest: Duration,
    too_long: Vec<String>,
    bad: Vec<String>,
    again: Vec<String>,
}

impl Tally {
    /// Notes a run. `took`: by the line's clock, less the time that the faults took by themselves, and less that of a run without any.
    pub(crate) fn note(&mut self, name: &str, faults: &Faults, end: End, took: Duration, why: &str) {
        self.ends[end as usize] += 1;
        for kind in faults.0.values() {
            self.by_kind.entry(*kind).or_default()[end as usize] += 1;
        }
        let said = || format!("{name}: {faults}: {why}");
        match end {
            End::Well => {}
            End::WellAgain => self.again.push(said()),
            End::Badly => self.bad.push(said()),
        }
        self.longest = self.longest.max(took);
        if took > COST * faults.0.len() as u32 {
            self.too_long.push(format!("{} after {took:?}", said()));
        }
    }

    /// Prints what was counted, and fails when it is not what it must be. What must never be, a false word, fails at once where it is seen.
    pub(crate) fn check(&self, what: &str) {
        let [well, again, badly] = self.ends;
        let all = well + again + badly;
        let mut out = format!(
            "{what}: {all} runs, {well} well in one run ({:.1} %), {again} by running again, {badly} badly, {} too long; longest {:.1?}\n",
            f64::from(well) * 100.0 / f64::from(all),
            self.too_long.len(),
            self.longest
        );
        for kind in Kind::ALL {
            let [well, again, badly] = self.by_kind.get(&kind).copied().unwrap_or_default();
            out.push_str(&format!(
                "  {:14} {:4} well {again:3} again {badly:3} badly\n",
                format!("{kind:?}"),
                well
            ));
        }
        for (title, list) in [("again", &self.again), ("badly", &self.bad), ("too long", &self.too_long)] {
            for line in list.iter().take(12) {
                out.push_str(&format!("  {title}: {line}\n"));
            }
        }
        // Not by println!, which a test that passes keeps to itself.
        let _ = io::stdout().write_all(out.as_bytes());
        assert!(badly == 0, "{what}: {badly} runs did not end well by doing what was said");
        assert!(self.too_long.is_empty(), "{what}: {} runs took too long", self.too_long.len());
        assert!(well * 100 >= all * 95, "{what}: {well} of {all} ended well in one run");
    }
}
