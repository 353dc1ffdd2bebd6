//! Tiers that run beside the others, in a process of their own, so that what they print can be held back until one of them has ended.

use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicU64, Ordering};

use wait4::Wait4;

use crate::run::command;

/// Milliseconds that processors worked for them, once they have ended.
static WORKED: AtomicU64 = AtomicU64::new(0);

/// Seconds that processors worked for the tiers beside, which this process counts as its own when they have ended.
pub(crate) fn processor_time() -> f64 {
    std::time::Duration::from_millis(WORKED.load(Ordering::Relaxed)).as_secs_f64()
}

/// How tiers ended.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) skipped: usize,
    /// Which failed, with the reason.
    pub(crate) failed: Vec<String>,
}

impl Tally {
    pub(crate) fn of_failure(why: String) -> Tally {
        Tally { failed: vec![why], ..Tally::default() }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.skipped += other.skipped;
        self.failed.extend(other.failed);
    }

    /// Counts a tier by the line that tells its end. `false` for every other line.
    fn hear(&mut self, line: &str) -> bool {
        let Some((name, end)) = line.strip_prefix("<== ").and_then(|end| end.split_once(": ")) else {
            return false;
        };
        match end.split_once(' ') {
            Some(("passed", _)) => self.passed += 1,
            Some(("SKIPPED:", _)) => self.skipped += 1,
            _ => self.failed.push(format!("{name}: {end}")),
        }
        true
    }
}

/// Runs the named tiers, none of which may be run beside others by that process in turn.
pub(crate) fn run(names: &[&str]) -> Tally {
    if names.is_empty() {
        return Tally::default();
    }
    let mut tally = Tally::default();
    match follow(names, &mut tally) {
        Ok(()) => tally,
        Err(why) => {
            tally.add(Tally::of_failure(format!("{}: {why}", names.join(", "))));
            tally
        }
    }
}

fn follow(names: &[&str], tally: &mut Tally) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("the path of this program: {e}"))?;
    let (printed, both) = std::io::pipe().map_err(|e| format!("a pipe: {e}"))?;
    let errors = both.try_clone().map_err(|e| format!("a pipe: {e}"))?;
    let mut tiers = command(&own.to_string_lossy(), &[&["test"], names].concat());
    let mut child =
        tiers.stdout(both).stderr(errors).spawn().map_err(|e| format!("{}: {e}", own.display()))?;
    // It holds the ends for writing.
    drop(tiers);
    let mut block = String::new();
    for line in BufReader::new(printed).lines().map_while(Result::ok) {
        block.push_str(&line);
        block.push('\n');
        if tally.hear(&line) {
            // One call, so that the lines of tiers do not mix.
            print!("{block}");
            block.clear();
        }
    }
    let used = child.wait4().map_err(|e| format!("waiting for it: {e}"))?;
    let worked = used.rusage.utime + used.rusage.stime;
    WORKED.store(u64::try_from(worked.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    let ended = used.status;
    if ended.success() || !tally.failed.is_empty() {
        return Ok(());
    }
    print!("{block}");
    Err(ended.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_by_their_lines() {
        let mut tally = Tally::default();
        for line in ["==> 1 of 3: deny: licences", "    <== deny", "tiers: 2 passed", "<== what follows"] {
            assert!(!tally.hear(line), "{line}");
        }
        for line in
            ["<== deny: passed in 1.0 s", "<== crates: SKIPPED: no net", "<== vm: FAILED after 2.0 s: a: b"]
        {
            assert!(tally.hear(line), "{line}");
        }
        let failed = vec!["vm: FAILED after 2.0 s: a: b".to_owned()];
        assert_eq!(tally, Tally { passed: 1, skipped: 1, failed });
    }
}
